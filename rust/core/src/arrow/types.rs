//! Which PostgreSQL type an Arrow type becomes.
use arrow_schema::{DataType, Field, Schema};

const JSON: u32 = 114;

/// Name and type OID of each column.
pub fn columns(schema: &Schema) -> Vec<(String, u32)> {
    schema
        .fields()
        .iter()
        .map(|field| (field.name().clone(), oid(field)))
        .collect()
}

fn oid(field: &Field) -> u32 {
    let extension = field
        .metadata()
        .get("ARROW:extension:name")
        .map(String::as_str);
    match (extension, field.data_type()) {
        (Some("arrow.uuid"), DataType::FixedSizeBinary(16)) => 2950,
        (Some("arrow.json"), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => JSON,
        (_, data_type) => scalar(data_type)
            .or_else(|| element(data_type).and_then(array_of))
            .unwrap_or(JSON),
    }
}

/// None for lists and for what has no type of its own.
fn scalar(data_type: &DataType) -> Option<u32> {
    Some(match data_type {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => 25,
        DataType::Boolean => 16,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => 21,
        DataType::Int32 | DataType::UInt16 => 23,
        DataType::Int64 | DataType::UInt32 => 20,
        DataType::UInt64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => 1700,
        DataType::Float16 | DataType::Float32 => 700,
        DataType::Float64 => 701,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => 17,
        DataType::Date32 | DataType::Date64 => 1082,
        DataType::Time32(_) | DataType::Time64(_) => 1083,
        DataType::Timestamp(_, None) => 1114,
        DataType::Timestamp(_, Some(_)) => 1184,
        DataType::Interval(_) | DataType::Duration(_) => 1186,
        DataType::Dictionary(_, values) => {
            return scalar(values).or_else(|| element(values).and_then(array_of));
        }
        _ => return None,
    })
}

/// OID of what the innermost of nested lists holds; a uuid is one inside a list too.
fn element(data_type: &DataType) -> Option<u32> {
    let (DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _)) =
        data_type
    else {
        return None;
    };
    match element(field.data_type()) {
        Some(inner) => Some(inner),
        None if matches!(field.data_type(), DataType::Dictionary(..)) => {
            scalar(field.data_type()).filter(|oid| array_of(*oid).is_some())
        }
        None => scalar(field.data_type()).map(|_| oid(field)),
    }
}

fn array_of(element: u32) -> Option<u32> {
    Some(match element {
        16 => 1000,
        17 => 1001,
        20 => 1016,
        21 => 1005,
        23 => 1007,
        25 => 1009,
        114 => 199,
        700 => 1021,
        701 => 1022,
        1082 => 1182,
        1083 => 1183,
        1114 => 1115,
        1184 => 1185,
        1186 => 1187,
        1700 => 1231,
        2950 => 2951,
        _ => return None,
    })
}
