//! Records (PostgreSQL 8.16): rows of a composite type, or of none. In binary each field carries its type's OID; in text no type is known.
use super::{Kind, PgType, Result, Style, Value, ValueError, array, clip, quoted};

/// Records within records that are read or written.
pub const MAX_DEPTH: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// OID of its type, that of text when it was read from text.
    pub oid: u32,
    pub value: Option<Value<'static>>,
}

/// 54001 for records nested too deep.
pub fn check_depth(depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        let message = format!(
            "stack depth limit exceeded: a record lies within more than {MAX_DEPTH} others"
        );
        return Err(ValueError::new("54001", message));
    }
    Ok(())
}

pub fn parse(input: &str) -> Result<Vec<Field>> {
    let malformed = || {
        let message = format!("malformed record literal: \"{}\"", clip(input));
        ValueError::new("22P02", message)
    };
    let parts = split(input).ok_or_else(malformed)?;
    Ok(parts
        .into_iter()
        .map(|part| Field {
            oid: 25,
            value: part.map(|part| Value::Text(part.into())),
        })
        .collect())
}

/// The texts of the fields, None for NULL; `()` has none.
fn split(input: &str) -> Option<Vec<Option<String>>> {
    let mut rest = quoted::skip_space(input).strip_prefix('(')?;
    let mut parts = Vec::new();
    if !rest.starts_with(')') {
        loop {
            parts.push(quoted::read(&mut rest, b",)")?);
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None => break,
            }
        }
    }
    let rest = rest.strip_prefix(')')?;
    quoted::skip_space(rest).is_empty().then_some(parts)
}

/// `depth` records lie around this one.
pub fn from_binary(bytes: &[u8], depth: usize) -> Result<Vec<Field>> {
    check_depth(depth)?;
    let mut rest = bytes;
    // Every field takes eight bytes at least: more of them than that cannot be there.
    let count = usize::try_from(array::word(&mut rest)?)
        .ok()
        .filter(|count| *count <= rest.len() / 8)
        .ok_or_else(ValueError::binary)?;
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let oid = array::word(&mut rest)? as u32;
        let value = match array::sized(&mut rest)? {
            None => None,
            Some(raw) => Some(decode(PgType::of(oid), raw, depth + 1)?.into_owned()),
        };
        fields.push(Field { oid, value });
    }
    if !rest.is_empty() {
        return Err(ValueError::binary());
    }
    Ok(fields)
}

/// A binary value with `depth` records around it. What is no text of a type that is not known stays bytes.
pub fn decode(ty: PgType, bytes: &[u8], depth: usize) -> Result<Value<'_>> {
    match ty.kind {
        _ if ty.is_array() => array::from_binary_within(ty, bytes, depth),
        Kind::Structured(kind) => kind.decode(bytes, depth).map(Value::structured),
        Kind::Raw => {
            Ok(super::decode_scalar(Kind::Raw, bytes)
                .unwrap_or_else(|_| Value::Bytea(bytes.into())))
        }
        kind => super::decode_scalar(kind, bytes),
    }
}

pub fn write_text(fields: &[Field], out: &mut Vec<u8>, style: &Style) -> Result<()> {
    let mut scratch = Vec::new();
    out.push(b'(');
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if let Some(value) = &field.value {
            scratch.clear();
            value.write_styled(&mut scratch, style)?;
            quoted::write(out, &scratch, b"()");
        }
    }
    out.push(b')');
    Ok(())
}

pub fn write_binary(fields: &[Field], out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&array::size_word(fields.len())?);
    for field in fields {
        out.extend_from_slice(&field.oid.to_be_bytes());
        match &field.value {
            None => out.extend_from_slice(&(-1i32).to_be_bytes()),
            Some(value) => array::put_sized(out, |out| value.write_binary(out))?,
        }
    }
    Ok(())
}
