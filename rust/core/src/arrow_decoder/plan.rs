//! Which Arrow type a PostgreSQL type becomes, by its OID and type modifier (docs/reference/arrow.md).
use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};

use crate::types::{Kind, PgType, Result, ValueError};

/// What the values of a column are; who makes one bounds its depth.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A type by its OID, with its modifier (-1: none): of an array, that of its elements.
    Type(u32, i32),
    /// An array of these, of one dimension.
    List(Box<Shape>),
    /// A composite of these, by name; in binary format only.
    Struct(Vec<(String, Shape)>),
}

impl Shape {
    /// Whether it can be read from text: neither a list nor a struct that is spelled out can.
    pub fn has_text(&self) -> bool {
        matches!(self, Shape::Type(..))
    }

    /// The OID for error messages: that of record or of anyarray where the type is spelled out.
    pub fn oid(&self) -> u32 {
        match self {
            Shape::Type(oid, _) => *oid,
            Shape::List(_) => 2277,
            Shape::Struct(_) => 2249,
        }
    }

    pub fn field(&self, name: &str, binary: bool) -> Field {
        let list = |item: Field| DataType::List(Arc::new(item));
        match self {
            Shape::List(item) => Field::new(name, list(item.field("item", binary)), true),
            Shape::Struct(fields) => {
                let fields = fields.iter().map(|(name, shape)| shape.field(name, binary));
                Field::new(name, DataType::Struct(fields.collect()), true)
            }
            Shape::Type(oid, modifier) => {
                let ty = PgType::of(*oid);
                if ty.is_array() {
                    let item = Shape::Type(ty.element, *modifier);
                    return Field::new(name, list(item.field("item", binary)), true);
                }
                let field = Field::new(name, scalar(ty.kind, *modifier, binary), true);
                match extension(ty.kind) {
                    None => field,
                    Some(extension) => field.with_metadata(HashMap::from([
                        ("ARROW:extension:name".to_owned(), extension.to_owned()),
                        ("ARROW:extension:metadata".to_owned(), String::new()),
                    ])),
                }
            }
        }
    }
}

fn extension(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Uuid => Some("arrow.uuid"),
        Kind::Json | Kind::Jsonb => Some("arrow.json"),
        _ => None,
    }
}

fn scalar(kind: Kind, modifier: i32, binary: bool) -> DataType {
    match kind {
        Kind::Bool => DataType::Boolean,
        Kind::Int2 => DataType::Int16,
        Kind::Int4 => DataType::Int32,
        Kind::Int8 => DataType::Int64,
        Kind::Oid | Kind::Xid | Kind::Cid => DataType::UInt32,
        // In text they are names.
        Kind::Reg if binary => DataType::UInt32,
        Kind::Xid8 => DataType::UInt64,
        Kind::Float4 => DataType::Float32,
        Kind::Float8 => DataType::Float64,
        Kind::Numeric => decimal(modifier),
        Kind::Money => DataType::Decimal128(19, 2),
        Kind::Bytea => DataType::Binary,
        Kind::Date => DataType::Date32,
        Kind::Time => DataType::Time64(TimeUnit::Microsecond),
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Kind::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        Kind::Uuid => DataType::FixedSizeBinary(16),
        _ => DataType::Utf8,
    }
}

/// numeric(p, s) where a decimal holds it, else text. A scale below zero or above the precision makes the precision wider instead.
fn decimal(modifier: i32) -> DataType {
    let Some(packed) = modifier.checked_sub(4).filter(|packed| *packed >= 0) else {
        return DataType::Utf8;
    };
    let precision = (packed >> 16) & 0xffff;
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    let precision = (precision - scale.min(0)).max(scale);
    let scale = scale.max(0) as i8;
    match precision {
        1..=38 => DataType::Decimal128(precision as u8, scale),
        39..=76 => DataType::Decimal256(precision as u8, scale),
        _ => DataType::Utf8,
    }
}

/// 42804 for a list or a struct that is spelled out in a column of text.
pub fn check_format(shape: &Shape, binary: bool) -> Result<()> {
    if binary || shape.has_text() {
        return Ok(());
    }
    Err(ValueError::new(
        "42804",
        "a list or a composite that is spelled out is read in binary format only",
    ))
}
