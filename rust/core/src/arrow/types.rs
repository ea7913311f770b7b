//! Which PostgreSQL type an Arrow type becomes, and which others it can become on request.
use super::layout::{Extension, Field, Format};
use crate::types::table::oid;
use crate::types::{Kind, PgType, Result, Structure, ValueError, table};

/// The type that a column becomes unless another is asked for.
pub fn natural(field: &Field) -> u32 {
    scalar(field, None).unwrap_or_else(|| element(field, None).map_or(oid::JSON, array_of))
}

/// None for lists, structs and maps.
fn scalar(field: &Field, outer: Option<Extension>) -> Option<u32> {
    let extension = field.extension.or(outer);
    if let Some(values) = field.values() {
        return scalar(values, extension);
    }
    Some(match (field.format, extension) {
        (Format::FixedBinary(16), Some(Extension::Uuid)) => oid::UUID,
        (Format::Text(_), Some(Extension::Json)) => oid::JSON,
        (Format::Int(1, true), Some(Extension::Bool8)) | (Format::Bool, _) => oid::BOOL,
        (Format::Null | Format::Text(_), _) => oid::TEXT,
        (Format::Int(1, _) | Format::Int(2, true), _) => oid::INT2,
        (Format::Int(2, false) | Format::Int(4, true), _) => oid::INT4,
        (Format::Int(4, false) | Format::Int(8, true), _) => oid::INT8,
        (Format::Int(..) | Format::Decimal(..), _) => oid::NUMERIC,
        (Format::Float(2 | 4), _) => oid::FLOAT4,
        (Format::Float(_), _) => oid::FLOAT8,
        (Format::Binary(_) | Format::FixedBinary(_), _) => oid::BYTEA,
        (Format::Date32 | Format::Date64, _) => oid::DATE,
        (Format::Time(_), _) => oid::TIME,
        (Format::Timestamp(_, false), _) => oid::TIMESTAMP,
        (Format::Timestamp(_, true), _) => oid::TIMESTAMPTZ,
        (Format::Duration(_) | Format::Months | Format::DayTime | Format::MonthDayNano, _) => {
            oid::INTERVAL
        }
        (Format::List(_) | Format::Struct | Format::Map | Format::RunEnds | Format::Union, _) => {
            return None;
        }
    })
}

/// OID of what the innermost of nested lists holds; None where that is a struct or a map, and for what is no list.
fn element(field: &Field, outer: Option<Extension>) -> Option<u32> {
    match (field.values(), field.format) {
        (Some(values), _) => element(values, field.extension.or(outer)),
        (None, Format::List(_)) => {
            scalar(&field.children[0], None).or_else(|| element(&field.children[0], None))
        }
        _ => None,
    }
}

fn array_of(element: u32) -> u32 {
    table::find(element).map_or(oid::JSON, |row| row.array)
}

/// The field behind dictionaries and run ends, with their extension.
fn innermost(field: &Field) -> (&Field, Option<Extension>) {
    let (mut field, mut extension) = (field, field.extension);
    while let Some(values) = field.values() {
        extension = values.extension.or(extension);
        field = values;
    }
    (field, extension)
}

/// The extension that the values of a column have.
pub fn extension(field: &Field) -> Option<Extension> {
    innermost(field).1
}

/// Whether a type is written as text whatever the Arrow type is.
pub fn is_text(ty: PgType) -> bool {
    ty.kind == Kind::Text && !ty.is_array()
}

/// Whether a type is json or jsonb.
pub fn is_json(ty: PgType) -> bool {
    matches!(ty.kind, Kind::Json | Kind::Jsonb) && !ty.is_array()
}

/// 42804 unless a column can become this type, 0A000 where there is a union in it.
pub fn check(field: &Field, ty: PgType) -> Result<()> {
    if has_union(field) {
        let message = format!("column \"{}\": Arrow unions are not supported", field.name);
        return Err(ValueError::new("0A000", message));
    }
    if fits(field, ty) {
        return Ok(());
    }
    let name = |oid: u32| {
        table::find(oid).map_or_else(|| format!("with OID {oid}"), |row| row.name.to_owned())
    };
    let message = format!(
        "column \"{}\" is of type {} in Arrow, but type {} is asked for",
        field.name,
        name(natural(field)),
        name(ty.oid)
    );
    Err(ValueError::new("42804", message))
}

fn has_union(field: &Field) -> bool {
    field.format == Format::Union
        || field
            .children
            .iter()
            .chain(field.dictionary.as_deref())
            .any(has_union)
}

fn fits(field: &Field, ty: PgType) -> bool {
    let (field, extension) = innermost(field);
    if is_text(ty) || is_json(ty) || matches!(field.format, Format::Null | Format::Text(_)) {
        return true;
    }
    if ty.is_array() {
        let element = PgType::of(ty.element);
        return match field.format {
            Format::List(_) => {
                let (child, _) = innermost(&field.children[0]);
                match child.format {
                    Format::List(_) => fits(child, ty),
                    _ => fits(&field.children[0], element),
                }
            }
            _ => false,
        };
    }
    match field.format {
        Format::Int(1, true) if extension == Some(Extension::Bool8) => ty.kind == Kind::Bool,
        Format::Bool => ty.kind == Kind::Bool,
        Format::Int(..) => matches!(
            ty.kind,
            Kind::Int2
                | Kind::Int4
                | Kind::Int8
                | Kind::Oid
                | Kind::Xid
                | Kind::Cid
                | Kind::Xid8
                | Kind::Numeric
                | Kind::Float4
                | Kind::Float8
        ),
        Format::Decimal(..) => ty.kind == Kind::Numeric,
        Format::Float(_) => matches!(ty.kind, Kind::Float4 | Kind::Float8 | Kind::Numeric),
        Format::Binary(_) => matches!(ty.kind, Kind::Bytea | Kind::Uuid),
        Format::FixedBinary(16) => matches!(ty.kind, Kind::Bytea | Kind::Uuid),
        Format::FixedBinary(_) => ty.kind == Kind::Bytea,
        Format::Date32 | Format::Date64 => matches!(ty.kind, Kind::Date | Kind::Timestamp),
        Format::Time(_) => ty.kind == Kind::Time,
        Format::Timestamp(_, false) => matches!(ty.kind, Kind::Timestamp | Kind::TimestampTz),
        Format::Timestamp(_, true) => ty.kind == Kind::TimestampTz,
        Format::Duration(_) | Format::Months | Format::DayTime | Format::MonthDayNano => {
            ty.kind == Kind::Interval
        }
        Format::Struct => matches!(ty.kind, Kind::Raw | Kind::Structured(Structure::Record)),
        _ => false,
    }
}

/// The type of a field of a record: structs inside are records too.
pub fn within_record(field: &Field) -> PgType {
    let (inner, _) = innermost(field);
    let mut depth = (inner, false);
    while let Format::List(_) = depth.0.format {
        depth = (innermost(&depth.0.children[0]).0, true);
    }
    PgType::of(match depth {
        (
            Field {
                format: Format::Struct,
                ..
            },
            false,
        ) => oid::RECORD,
        (
            Field {
                format: Format::Struct,
                ..
            },
            true,
        ) => oid::RECORD_ARRAY,
        _ => natural(field),
    })
}
