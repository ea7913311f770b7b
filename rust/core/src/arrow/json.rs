//! Arrow values as JSON text: structs and maps are objects, lists are arrays, numbers and booleans themselves, all else text.
use super::layout::{Array, Extension, Field, Format};
use super::locate::{Located, Spans};
use super::readers::{natural, reader};
use super::types;
use crate::types::{Result, Value, json};

/// Appends the JSON of a row.
pub type Writer<'a> = Box<dyn Fn(usize, &mut Vec<u8>) -> Result<()> + 'a>;

/// A writer for rows that are not null, of an array that is neither a dictionary nor run-end encoded.
pub fn writer<'a>(field: &'a Field, extension: Option<Extension>, array: &'a Array) -> Writer<'a> {
    let offset = array.offset;
    match field.format {
        Format::Struct => {
            let columns: Vec<(Vec<u8>, Writer<'a>)> = field
                .children
                .iter()
                .zip(&array.children)
                .map(|(field, array)| {
                    let mut name = Vec::new();
                    json::write_string(&mut name, &field.name);
                    (name, nullable(field, array))
                })
                .collect();
            Box::new(move |row, out| {
                out.push(b'{');
                for (index, (name, write)) in columns.iter().enumerate() {
                    separate(index, out);
                    out.extend_from_slice(name);
                    out.extend_from_slice(b": ");
                    write(row + offset, out)?;
                }
                out.push(b'}');
                Ok(())
            })
        }
        Format::Map => {
            let (entries, entry) = (&array.children[0], &field.children[0]);
            let spans = Spans::new(field.format, array);
            let keys = name(&entry.children[0], &entries.children[0]);
            let values = nullable(&entry.children[1], &entries.children[1]);
            let offset = entries.offset;
            Box::new(move |row, out| {
                out.push(b'{');
                for (index, at) in spans.get(row)?.enumerate() {
                    separate(index, out);
                    keys(at + offset, out)?;
                    out.extend_from_slice(b": ");
                    values(at + offset, out)?;
                }
                out.push(b'}');
                Ok(())
            })
        }
        Format::List(_) => {
            let spans = Spans::new(field.format, array);
            let items = nullable(&field.children[0], &array.children[0]);
            Box::new(move |row, out| {
                out.push(b'[');
                for (index, at) in spans.get(row)?.enumerate() {
                    separate(index, out);
                    items(at, out)?;
                }
                out.push(b']');
                Ok(())
            })
        }
        _ => {
            let read = reader(field, array, natural(field, extension));
            Box::new(move |row, out| match read(row)? {
                None => null(out),
                Some(value) => write_scalar(&value, false, out),
            })
        }
    }
}

/// A writer for rows that may be null.
fn nullable<'a>(field: &'a Field, array: &'a Array) -> Writer<'a> {
    let located = Located::new(field, array);
    let write = writer(located.field, types::extension(field), located.array);
    Box::new(move |row, out| match located.at(row)? {
        None => null(out),
        Some(row) => write(row, out),
    })
}

/// A map's key: text, whatever it is.
fn name<'a>(field: &'a Field, array: &'a Array) -> Writer<'a> {
    let located = Located::new(field, array);
    if let Format::Struct | Format::Map | Format::List(_) = located.field.format {
        let write = nullable(field, array);
        return Box::new(move |row, out| {
            let mut text = Vec::new();
            write(row, &mut text)?;
            json::write_string(out, &String::from_utf8_lossy(&text));
            Ok(())
        });
    }
    let read = reader(
        field,
        array,
        crate::types::PgType::of(types::natural(field)),
    );
    Box::new(move |row, out| match read(row)? {
        None => {
            out.extend_from_slice(b"\"null\"");
            Ok(())
        }
        Some(value) => write_scalar(&value, true, out),
    })
}

fn null(out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(b"null");
    Ok(())
}

/// Numbers and booleans without quotes, unless a name is wanted or JSON has no such number.
fn write_scalar(value: &Value<'_>, as_name: bool, out: &mut Vec<u8>) -> Result<()> {
    let is_bare = match value {
        Value::Float4(value) => value.is_finite(),
        Value::Float8(value) => value.is_finite(),
        Value::Bool(_) | Value::Int2(_) | Value::Int4(_) | Value::Int8(_) | Value::Numeric(_) => {
            true
        }
        _ => false,
    };
    let mut printed = Vec::new();
    match value {
        Value::Bool(value) => printed.extend_from_slice(if *value { b"true" } else { b"false" }),
        value => value.write_text(&mut printed)?,
    }
    if is_bare && !as_name {
        out.extend_from_slice(&printed);
    } else {
        json::write_string(out, &String::from_utf8_lossy(&printed));
    }
    Ok(())
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.extend_from_slice(b", ");
    }
}
