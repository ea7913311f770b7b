//! oidvector and int2vector: numbers separated by blanks; in binary an array of one dimension that begins at 0.
use super::{Kind, Result, Value, ValueError, array, integers, text};

/// The numbers of a vector; `of` tells which vector it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    pub of: Element,
    pub items: Vec<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    Oid,
    Int2,
}

impl Element {
    pub fn oid(self) -> u32 {
        match self {
            Element::Oid => 26,
            Element::Int2 => 21,
        }
    }

    pub fn range(self) -> (Kind, i64, i64) {
        match self {
            Element::Oid => (Kind::Oid, 0, u32::MAX.into()),
            Element::Int2 => (Kind::Int2, i16::MIN.into(), i16::MAX.into()),
        }
    }

    fn vector_name(self) -> &'static str {
        match self {
            Element::Oid => "oidvector",
            Element::Int2 => "int2vector",
        }
    }
}

impl Vector {
    pub fn parse(of: Element, input: &str) -> Result<Vector> {
        let (kind, least, most) = of.range();
        let items = input
            .split(|c: char| c.is_ascii() && text::is_space(c as u8))
            .filter(|word| !word.is_empty())
            .map(|word| integers::parse(kind, word, least, most))
            .collect::<Result<_>>()?;
        Ok(Vector { of, items })
    }

    /// As PostgreSQL sends it; an empty one has one dimension of no elements, or none.
    pub fn from_binary(of: Element, bytes: &[u8]) -> Result<Vector> {
        let invalid = || {
            let message = format!("invalid {} data", of.vector_name());
            ValueError::new("22P03", message)
        };
        let kind = of.range().0;
        let array = array::read_binary(of.oid(), bytes, |item| super::decode_scalar(kind, item))?;
        if !array.dimensions.is_empty() && array.bounds != [0] {
            return Err(invalid());
        }
        let items = array
            .items
            .into_iter()
            .map(|item| match item {
                Some(Value::Oid(item)) => Ok(item.into()),
                Some(Value::Int2(item)) => Ok(item.into()),
                _ => Err(invalid()),
            })
            .collect::<Result<_>>()?;
        Ok(Vector { of, items })
    }

    pub fn write_text(&self, out: &mut Vec<u8>) {
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            integers::write_text(out, *item);
        }
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        let size = array::size_word(self.items.len())?;
        out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0]);
        out.extend_from_slice(&self.of.oid().to_be_bytes());
        out.extend_from_slice(&size);
        out.extend_from_slice(&[0; 4]);
        for item in &self.items {
            match self.of {
                Element::Oid => {
                    out.extend_from_slice(&[0, 0, 0, 4]);
                    out.extend_from_slice(&(*item as u32).to_be_bytes());
                }
                Element::Int2 => {
                    out.extend_from_slice(&[0, 0, 0, 2]);
                    out.extend_from_slice(&(*item as i16).to_be_bytes());
                }
            }
        }
        Ok(())
    }
}
