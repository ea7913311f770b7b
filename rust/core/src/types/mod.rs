//! Values of PostgreSQL's built-in types: text and binary format, both ways.
//!
//! A [`Value`] is what a type's bytes mean. Each file holds the rules of one family of types; this one picks among them.
//! Text output is what PostgreSQL prints with its default settings (IntervalStyle postgres, DateStyle ISO, TimeZone UTC).
pub mod array;
pub mod bits;
pub mod bytea;
pub mod datetime;
pub mod floats;
pub mod integers;
pub mod interval;
pub mod json;
pub mod numeric;
pub mod quoted;
pub mod ranges;
pub mod record;
pub mod shapes;
pub mod structured;
pub mod text;
pub mod tsquery;
pub mod tsvector;
pub mod uuid;
pub mod vectors;

use std::borrow::Cow;

pub use array::Array;
pub use interval::Interval;
pub use numeric::Numeric;
pub use structured::{Structure, Structured};

/// Why a value cannot be read or written: a SQLSTATE and PostgreSQL's wording where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    pub sqlstate: &'static str,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, ValueError>;

impl ValueError {
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        ValueError {
            sqlstate,
            message: message.into(),
        }
    }

    /// 22P02 `invalid input syntax for type integer: "abc"`; the date and time types say it as 22007.
    pub fn syntax(kind: Kind, text: &str) -> Self {
        let sqlstate = if kind.is_temporal() { "22007" } else { "22P02" };
        Self::new(
            sqlstate,
            format!(
                "invalid input syntax for type {}: \"{}\"",
                kind.sql_name(),
                clip(text)
            ),
        )
    }

    /// 22P03: the bytes of a binary value have the wrong length or shape.
    pub fn binary() -> Self {
        Self::new("22P03", "incorrect binary data format")
    }
}

/// At most 64 characters of a text for an error message.
pub fn clip(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// How the bytes of a scalar type are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    Text,
    Bytea,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Void,
    /// A type whose values have parts.
    Structured(Structure),
    /// A type that is not known: UTF-8 text, or bytes as they are.
    Raw,
}

impl Kind {
    /// The type's name as PostgreSQL's messages give it.
    pub fn sql_name(self) -> &'static str {
        match self {
            Kind::Bool => "boolean",
            Kind::Int2 => "smallint",
            Kind::Int4 => "integer",
            Kind::Int8 => "bigint",
            Kind::Oid => "oid",
            Kind::Float4 => "real",
            Kind::Float8 => "double precision",
            Kind::Numeric => "numeric",
            Kind::Text | Kind::Raw => "text",
            Kind::Bytea => "bytea",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::Timestamp => "timestamp",
            Kind::TimestampTz => "timestamp with time zone",
            Kind::Interval => "interval",
            Kind::Uuid => "uuid",
            Kind::Json => "json",
            Kind::Jsonb => "jsonb",
            Kind::Void => "void",
            Kind::Structured(kind) => kind.sql_name(),
        }
    }

    fn is_temporal(self) -> bool {
        matches!(
            self,
            Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz | Kind::Interval
        )
    }
}

/// A type as the encoders plan with it: the kind of a scalar, or of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PgType {
    pub oid: u32,
    pub kind: Kind,
    /// OID of the element type if this is an array, else 0.
    pub element: u32,
}

impl PgType {
    /// The type with this OID; the table is that of `pgwire_py/oids.py`.
    pub fn of(oid: u32) -> PgType {
        let element = match oid {
            1000 => 16,
            1001 => 17,
            1002 => 18,
            1003 => 19,
            1016 => 20,
            1005 => 21,
            1007 => 23,
            1008 => 24,
            1009 => 25,
            1028 => 26,
            1011 => 28,
            199 => 114,
            1021 => 700,
            1022 => 701,
            1014 => 1042,
            1015 => 1043,
            1182 => 1082,
            1183 => 1083,
            1115 => 1114,
            1185 => 1184,
            1187 => 1186,
            1231 => 1700,
            2210 => 2205,
            2211 => 2206,
            2951 => 2950,
            3807 => 3802,
            _ => structured::element_of(oid),
        };
        let scalar = if element == 0 { oid } else { element };
        let kind = match scalar {
            16 => Kind::Bool,
            17 => Kind::Bytea,
            18 | 19 | 25 | 705 | 1042 | 1043 => Kind::Text,
            20 => Kind::Int8,
            21 => Kind::Int2,
            23 => Kind::Int4,
            24 | 26 | 28 | 2205 | 2206 => Kind::Oid,
            114 => Kind::Json,
            700 => Kind::Float4,
            701 => Kind::Float8,
            1082 => Kind::Date,
            1083 => Kind::Time,
            1114 => Kind::Timestamp,
            1184 => Kind::TimestampTz,
            1186 => Kind::Interval,
            1700 => Kind::Numeric,
            2278 => Kind::Void,
            2950 => Kind::Uuid,
            3802 => Kind::Jsonb,
            _ => Structure::of(scalar).map_or(Kind::Raw, Kind::Structured),
        };
        PgType { oid, kind, element }
    }

    pub fn is_array(self) -> bool {
        self.element != 0
    }

    /// Reads the text format, as the type's input function does.
    pub fn parse(self, text: &str) -> Result<Value<'_>> {
        if self.is_array() {
            array::parse(self, text)
        } else {
            parse_scalar(self.kind, text)
        }
    }

    /// Reads a value's bytes in a format (0 text, 1 binary).
    pub fn decode(self, binary: bool, bytes: &[u8]) -> Result<Value<'_>> {
        if !binary {
            return self.parse(text::from_utf8(bytes)?);
        }
        if self.is_array() {
            array::from_binary(self, bytes)
        } else {
            decode_scalar(self.kind, bytes)
        }
    }
}

/// A value, independent of its format. Times are microseconds and dates are days, both from 2000-01-01 UTC;
/// the extremes of the integers are the infinities, as in PostgreSQL's binary format.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Bool(bool),
    Int2(i16),
    Int4(i32),
    Int8(i64),
    Oid(u32),
    Float4(f32),
    Float8(f64),
    Numeric(Numeric),
    Text(Cow<'a, str>),
    Json(Cow<'a, str>),
    Jsonb(Cow<'a, str>),
    Raw(Cow<'a, [u8]>),
    Bytea(Cow<'a, [u8]>),
    Date(i32),
    Time(i64),
    Timestamp(i64),
    TimestampTz(i64),
    Interval(Interval),
    Uuid([u8; 16]),
    Void,
    Array(Array<'a>),
    Structured(Box<Structured>),
}

impl Value<'_> {
    pub fn structured(value: Structured) -> Value<'static> {
        Value::Structured(Box::new(value))
    }

    /// The same value, independent of what it was read from.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Text(v) => Value::Text(Cow::Owned(v.into_owned())),
            Value::Json(v) => Value::Json(Cow::Owned(v.into_owned())),
            Value::Jsonb(v) => Value::Jsonb(Cow::Owned(v.into_owned())),
            Value::Raw(v) => Value::Raw(Cow::Owned(v.into_owned())),
            Value::Bytea(v) => Value::Bytea(Cow::Owned(v.into_owned())),
            Value::Bool(v) => Value::Bool(v),
            Value::Int2(v) => Value::Int2(v),
            Value::Int4(v) => Value::Int4(v),
            Value::Int8(v) => Value::Int8(v),
            Value::Oid(v) => Value::Oid(v),
            Value::Float4(v) => Value::Float4(v),
            Value::Float8(v) => Value::Float8(v),
            Value::Numeric(v) => Value::Numeric(v),
            Value::Date(v) => Value::Date(v),
            Value::Time(v) => Value::Time(v),
            Value::Timestamp(v) => Value::Timestamp(v),
            Value::TimestampTz(v) => Value::TimestampTz(v),
            Value::Interval(v) => Value::Interval(v),
            Value::Uuid(v) => Value::Uuid(v),
            Value::Void => Value::Void,
            Value::Array(Array {
                element,
                dimensions,
                bounds,
                items,
            }) => {
                let items = items
                    .into_iter()
                    .map(|item| item.map(Value::into_owned))
                    .collect();
                Value::Array(Array {
                    element,
                    dimensions,
                    bounds,
                    items,
                })
            }
            Value::Structured(v) => Value::Structured(v),
        }
    }

    /// Appends the value in a format.
    pub fn encode(&self, binary: bool, out: &mut Vec<u8>) -> Result<()> {
        if binary {
            self.write_binary(out)
        } else {
            self.write_text(out)
        }
    }

    pub fn write_text(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Value::Bool(v) => out.push(if *v { b't' } else { b'f' }),
            Value::Int2(v) => integers::write_text(out, i64::from(*v)),
            Value::Int4(v) => integers::write_text(out, i64::from(*v)),
            Value::Int8(v) => integers::write_text(out, *v),
            Value::Oid(v) => integers::write_text(out, i64::from(*v)),
            Value::Float4(v) => floats::write_f32(out, *v),
            Value::Float8(v) => floats::write_f64(out, *v),
            Value::Numeric(v) => v.write_text(out),
            Value::Text(v) | Value::Json(v) | Value::Jsonb(v) => {
                out.extend_from_slice(v.as_bytes())
            }
            Value::Raw(v) => out.extend_from_slice(v),
            Value::Bytea(v) => bytea::write_hex(out, v),
            Value::Date(v) => datetime::write_date(out, *v),
            Value::Time(v) => datetime::write_time(out, *v),
            Value::Timestamp(v) => datetime::write_timestamp(out, *v, false),
            Value::TimestampTz(v) => datetime::write_timestamp(out, *v, true),
            Value::Interval(v) => v.write_text(out),
            Value::Uuid(v) => uuid::write_text(out, v),
            Value::Void => {}
            Value::Array(v) => v.write_text(out)?,
            Value::Structured(v) => v.write_text(out)?,
        }
        Ok(())
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Value::Bool(v) => out.push(u8::from(*v)),
            Value::Int2(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Int4(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Int8(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Oid(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Float4(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Float8(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Numeric(v) => v.write_binary(out),
            Value::Text(v) | Value::Json(v) => out.extend_from_slice(v.as_bytes()),
            Value::Jsonb(v) => {
                out.push(json::JSONB_VERSION);
                out.extend_from_slice(v.as_bytes());
            }
            Value::Raw(v) | Value::Bytea(v) => out.extend_from_slice(v),
            Value::Date(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Time(v) | Value::Timestamp(v) | Value::TimestampTz(v) => {
                out.extend_from_slice(&v.to_be_bytes())
            }
            Value::Interval(v) => v.write_binary(out),
            Value::Uuid(v) => out.extend_from_slice(v),
            Value::Void => {}
            Value::Array(v) => v.write_binary(out)?,
            Value::Structured(v) => v.write_binary(out)?,
        }
        Ok(())
    }
}

pub(crate) fn parse_scalar(kind: Kind, text: &str) -> Result<Value<'_>> {
    text::check(text)?;
    Ok(match kind {
        Kind::Bool => Value::Bool(integers::parse_bool(text)?),
        Kind::Int2 => {
            Value::Int2(integers::parse(kind, text, i16::MIN.into(), i16::MAX.into())? as i16)
        }
        Kind::Int4 => {
            Value::Int4(integers::parse(kind, text, i32::MIN.into(), i32::MAX.into())? as i32)
        }
        Kind::Int8 => Value::Int8(integers::parse(kind, text, i64::MIN, i64::MAX)?),
        Kind::Oid => Value::Oid(integers::parse(kind, text, 0, u32::MAX.into())? as u32),
        Kind::Float4 => Value::Float4(floats::parse_f32(text)?),
        Kind::Float8 => Value::Float8(floats::parse_f64(text)?),
        Kind::Numeric => Value::Numeric(Numeric::parse(text)?),
        Kind::Text => Value::Text(Cow::Borrowed(text)),
        Kind::Raw => Value::Raw(Cow::Borrowed(text.as_bytes())),
        Kind::Json => Value::Json(Cow::Borrowed(text)),
        Kind::Jsonb => Value::Jsonb(Cow::Borrowed(text)),
        Kind::Bytea => Value::Bytea(Cow::Owned(bytea::parse(text)?)),
        Kind::Date => Value::Date(datetime::parse_date(text)?),
        Kind::Time => Value::Time(datetime::parse_time(text)?),
        Kind::Timestamp => Value::Timestamp(datetime::parse_timestamp(text, false)?),
        Kind::TimestampTz => Value::TimestampTz(datetime::parse_timestamp(text, true)?),
        Kind::Interval => Value::Interval(Interval::parse(text)?),
        Kind::Uuid => Value::Uuid(uuid::parse(text)?),
        Kind::Void => Value::Void,
        Kind::Structured(kind) => Value::structured(kind.parse(text)?),
    })
}

pub(crate) fn decode_scalar(kind: Kind, bytes: &[u8]) -> Result<Value<'_>> {
    Ok(match kind {
        Kind::Bool => Value::Bool(fixed::<1>(bytes)?[0] != 0),
        Kind::Int2 => Value::Int2(i16::from_be_bytes(fixed(bytes)?)),
        Kind::Int4 => Value::Int4(i32::from_be_bytes(fixed(bytes)?)),
        Kind::Int8 => Value::Int8(i64::from_be_bytes(fixed(bytes)?)),
        Kind::Oid => Value::Oid(u32::from_be_bytes(fixed(bytes)?)),
        Kind::Float4 => Value::Float4(f32::from_be_bytes(fixed(bytes)?)),
        Kind::Float8 => Value::Float8(f64::from_be_bytes(fixed(bytes)?)),
        Kind::Numeric => Value::Numeric(Numeric::from_binary(bytes)?),
        Kind::Text => Value::Text(Cow::Borrowed(text::from_utf8(bytes)?)),
        Kind::Raw => Value::Raw(Cow::Borrowed(text::from_utf8(bytes)?.as_bytes())),
        Kind::Json => Value::Json(Cow::Borrowed(text::from_utf8(bytes)?)),
        Kind::Jsonb => Value::Jsonb(Cow::Borrowed(json::from_jsonb(bytes)?)),
        Kind::Bytea => Value::Bytea(Cow::Borrowed(bytes)),
        Kind::Date => Value::Date(datetime::check_date(i32::from_be_bytes(fixed(bytes)?))?),
        Kind::Time => Value::Time(datetime::check_time(i64::from_be_bytes(fixed(bytes)?))?),
        Kind::Timestamp => Value::Timestamp(datetime::check_timestamp(i64::from_be_bytes(fixed(
            bytes,
        )?))?),
        Kind::TimestampTz => Value::TimestampTz(datetime::check_timestamp(i64::from_be_bytes(
            fixed(bytes)?,
        ))?),
        Kind::Interval => Value::Interval(Interval::from_binary(&fixed(bytes)?)),
        Kind::Uuid => Value::Uuid(fixed(bytes)?),
        Kind::Void => Value::Void,
        Kind::Structured(kind) => Value::structured(kind.decode(bytes, 0)?),
    })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| ValueError::binary())
}
