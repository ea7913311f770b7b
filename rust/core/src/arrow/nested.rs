//! Lists as arrays, structs as records.
use super::layout::{Array, Field, Format};
use super::locate::{Located, Spans};
use super::readers::{Leaf, Reader, element, reader};
use super::types;
use crate::types::record::Field as RecordField;
use crate::types::{self as values, PgType, Result, Structured, Value, ValueError};

/// A depth of nested lists on the way to the items.
struct Level<'a> {
    located: Located<'a>,
    spans: Spans<'a>,
}

/// Nested lists as one array: every block of a depth must have the same size.
pub fn array<'a>(field: &'a Field, array: &'a Array, ty: PgType) -> Leaf<'a> {
    let first = Spans::new(field.format, array);
    let (mut child, mut items) = (&field.children[0], &array.children[0]);
    let mut levels = Vec::new();
    loop {
        let located = Located::new(child, items);
        let Format::List(_) = located.field.format else {
            break;
        };
        let spans = Spans::new(located.field.format, located.array);
        (child, items) = (&located.field.children[0], &located.array.children[0]);
        levels.push(Level { located, spans });
    }
    let read = reader(child, items, element(ty));
    Box::new(move |row| {
        let mut walk = Walk {
            read: &read,
            levels: &levels,
            dimensions: Vec::new(),
            items: Vec::new(),
        };
        walk.list(first.get(row)?, 0)?;
        Ok(Value::Array(values::Array::new(
            ty.element,
            walk.dimensions,
            walk.items,
        )?))
    })
}

struct Walk<'r, 'a> {
    read: &'r Reader<'a>,
    levels: &'r [Level<'a>],
    dimensions: Vec<usize>,
    items: Vec<Option<Value<'a>>>,
}

impl Walk<'_, '_> {
    fn list(&mut self, span: std::ops::Range<usize>, depth: usize) -> Result<()> {
        if self.dimensions.len() == depth {
            self.dimensions.push(span.len());
        } else if self.dimensions[depth] != span.len() {
            return Err(ragged());
        }
        for at in span {
            match self.levels.get(depth) {
                None => self.items.push((self.read)(at)?),
                Some(level) => {
                    let at = level.located.at(at)?.ok_or_else(ragged)?;
                    self.list(level.spans.get(at)?, depth + 1)?;
                }
            }
        }
        Ok(())
    }
}

fn ragged() -> ValueError {
    ValueError::new(
        "2202E",
        "multidimensional arrays must have array expressions with matching dimensions",
    )
}

/// Fields in order, each of its own type.
pub fn record<'a>(field: &'a Field, array: &'a Array) -> Leaf<'a> {
    let fields: Vec<(u32, Reader<'a>)> = field
        .children
        .iter()
        .zip(&array.children)
        .map(|(field, array)| {
            let ty = types::within_record(field);
            (ty.oid, reader(field, array, ty))
        })
        .collect();
    let offset = array.offset;
    Box::new(move |row| {
        let fields = fields
            .iter()
            .map(|(oid, read)| {
                let value = read(row + offset)?.map(Value::into_owned);
                Ok(RecordField { oid: *oid, value })
            })
            .collect::<Result<_>>()?;
        Ok(Value::structured(Structured::Record(fields)))
    })
}
