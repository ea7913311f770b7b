//! Nested Arrow values as JSON text: structs and maps are objects, lists are arrays, numbers and booleans themselves, all else text.
use arrow_array::Array as ArrowArray;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;

use super::cells::{items, unsupported, value};
use crate::types::{Kind, PgType, Result, Value, json};

pub fn text(array: &dyn ArrowArray, row: usize) -> Result<String> {
    let mut out = Vec::new();
    write(array, row, &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn write(array: &dyn ArrowArray, row: usize, out: &mut Vec<u8>) -> Result<()> {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            out.push(b'{');
            for (index, (field, column)) in fields.iter().zip(columns).enumerate() {
                separate(index, out);
                json::write_string(out, field.name());
                out.extend_from_slice(b": ");
                write(column.as_ref(), row, out)?;
            }
            out.push(b'}');
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            out.push(b'{');
            for index in 0..entries.len() {
                separate(index, out);
                let mut key = Vec::new();
                scalar(entries.column(0).as_ref(), index, true, &mut key)?;
                out.extend_from_slice(&key);
                out.extend_from_slice(b": ");
                write(entries.column(1).as_ref(), index, out)?;
            }
            out.push(b'}');
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            let list = items(array, row).ok_or_else(unsupported)?;
            out.push(b'[');
            for index in 0..list.len() {
                separate(index, out);
                write(list.as_ref(), index, out)?;
            }
            out.push(b']');
        }
        DataType::Union(..)
        | DataType::RunEndEncoded(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => {
            return Err(unsupported());
        }
        _ => scalar(array, row, false, out)?,
    }
    Ok(())
}

/// A value that is neither struct, map nor list; quoted whatever it is where a name is wanted.
fn scalar(array: &dyn ArrowArray, row: usize, as_name: bool, out: &mut Vec<u8>) -> Result<()> {
    if let DataType::Struct(_)
    | DataType::Map(..)
    | DataType::List(_)
    | DataType::LargeList(_)
    | DataType::FixedSizeList(..) = array.data_type()
    {
        json::write_string(out, &text(array, row)?);
        return Ok(());
    }
    let kind = match array.data_type() {
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Kind::Int2,
        DataType::Int32 | DataType::UInt16 => Kind::Int4,
        _ => Kind::Text,
    };
    let Some(value) = value(
        array,
        row,
        PgType {
            oid: 0,
            kind,
            element: 0,
        },
    )?
    else {
        out.extend_from_slice(if as_name { b"\"null\"" } else { b"null" });
        return Ok(());
    };
    let mut printed = Vec::new();
    match &value {
        Value::Bool(value) => printed.extend_from_slice(if *value { b"true" } else { b"false" }),
        value => value.write_text(&mut printed)?,
    }
    let is_bare = match &value {
        Value::Float4(value) => value.is_finite(),
        Value::Float8(value) => value.is_finite(),
        Value::Bool(_) | Value::Int2(_) | Value::Int4(_) | Value::Int8(_) | Value::Numeric(_) => {
            true
        }
        _ => false,
    };
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
