//! A value between the formats, and how it is written.
use std::borrow::Cow;

use super::{
    Array, Inet, Interval, Kind, Numeric, Result, Snapshot, Structured, Style, Tid, TimeTz,
    ValueError, bytea, datetime, datetime_text, floats, integers, interval_text, json, mac, money,
    style, system, text, uuid,
};

/// A value, independent of its format. Times are microseconds and dates are days, both from 2000-01-01 UTC;
/// the extremes of the integers are the infinities, as in PostgreSQL's binary format.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Bool(bool),
    Int2(i16),
    Int4(i32),
    Int8(i64),
    /// oid, xid and cid.
    Oid(u32),
    Float4(f32),
    Float8(f64),
    Numeric(Numeric),
    /// Cents.
    Money(i64),
    Xid8(u64),
    Reg(u32),
    /// The name of a reg* type's object: it has no binary format.
    RegName(Cow<'a, str>),
    Tid(Tid),
    Lsn(u64),
    Snapshot(Snapshot),
    Char(u8),
    Text(Cow<'a, str>),
    Json(Cow<'a, str>),
    Jsonb(Cow<'a, str>),
    Jsonpath(Cow<'a, str>),
    Raw(Cow<'a, [u8]>),
    Bytea(Cow<'a, [u8]>),
    Date(i32),
    Time(i64),
    TimeTz(TimeTz),
    Timestamp(i64),
    TimestampTz(i64),
    Interval(Interval),
    Uuid([u8; 16]),
    Inet(Inet),
    MacAddr([u8; 6]),
    MacAddr8([u8; 8]),
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
            Value::Jsonpath(v) => Value::Jsonpath(Cow::Owned(v.into_owned())),
            Value::RegName(v) => Value::RegName(Cow::Owned(v.into_owned())),
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
            Value::Money(v) => Value::Money(v),
            Value::Xid8(v) => Value::Xid8(v),
            Value::Reg(v) => Value::Reg(v),
            Value::Tid(v) => Value::Tid(v),
            Value::Lsn(v) => Value::Lsn(v),
            Value::Snapshot(v) => Value::Snapshot(v),
            Value::Char(v) => Value::Char(v),
            Value::TimeTz(v) => Value::TimeTz(v),
            Value::Inet(v) => Value::Inet(v),
            Value::MacAddr(v) => Value::MacAddr(v),
            Value::MacAddr8(v) => Value::MacAddr8(v),
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

    /// The same with settings other than the default ones.
    pub fn encode_styled(&self, binary: bool, style: &Style, out: &mut Vec<u8>) -> Result<()> {
        if binary {
            self.write_binary(out)
        } else {
            self.write_styled(out, style)
        }
    }

    pub fn write_text(&self, out: &mut Vec<u8>) -> Result<()> {
        self.write_styled(out, &style::DEFAULT)
    }

    /// Appends the text with settings other than the default ones.
    pub fn write_styled(&self, out: &mut Vec<u8>, style: &Style) -> Result<()> {
        match self {
            Value::Bool(v) => out.push(if *v { b't' } else { b'f' }),
            Value::Int2(v) => integers::write_text(out, i64::from(*v)),
            Value::Int4(v) => integers::write_text(out, i64::from(*v)),
            Value::Int8(v) => integers::write_text(out, *v),
            Value::Oid(v) => integers::write_text(out, i64::from(*v)),
            Value::Float4(v) => floats::write_f32_digits(out, *v, style.float_digits),
            Value::Float8(v) => floats::write_f64_digits(out, *v, style.float_digits),
            Value::Numeric(v) => v.write_text(out),
            Value::Text(v)
            | Value::Json(v)
            | Value::Jsonb(v)
            | Value::Jsonpath(v)
            | Value::RegName(v) => out.extend_from_slice(v.as_bytes()),
            Value::Money(v) => money::write_text(out, *v),
            Value::Xid8(v) => out.extend_from_slice(v.to_string().as_bytes()),
            Value::Reg(0) => out.push(b'-'),
            Value::Reg(v) => integers::write_text(out, i64::from(*v)),
            Value::Tid(v) => v.write_text(out),
            Value::Lsn(v) => system::write_lsn(out, *v),
            Value::Snapshot(v) => v.write_text(out),
            Value::Char(v) => text::write_char(out, *v),
            Value::TimeTz(v) => v.write_text(out),
            Value::Inet(v) => v.write_text(out),
            Value::MacAddr(v) => mac::write_text(out, v),
            Value::MacAddr8(v) => mac::write_text(out, v),
            Value::Raw(v) => out.extend_from_slice(v),
            Value::Bytea(v) if style.escape => bytea::write_escape(out, v),
            Value::Bytea(v) => bytea::write_hex(out, v),
            Value::Date(v) => datetime_text::write_date(out, *v, style),
            Value::Time(v) => datetime::write_time(out, *v),
            Value::Timestamp(v) => datetime_text::write_timestamp(out, *v, style),
            Value::TimestampTz(v) => datetime_text::write_timestamptz(out, *v, style),
            Value::Interval(v) => interval_text::write(out, v, style.intervals),
            Value::Uuid(v) => uuid::write_text(out, v),
            Value::Void => {}
            Value::Array(v) => v.write_text(out, style)?,
            Value::Structured(v) => v.write_text(out, style)?,
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
            Value::Money(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Xid8(v) | Value::Lsn(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Reg(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::RegName(v) => return Err(ValueError::syntax(Kind::Reg, v)),
            Value::Tid(v) => v.write_binary(out),
            Value::Snapshot(v) => v.write_binary(out),
            Value::Char(v) => out.push(*v),
            Value::TimeTz(v) => v.write_binary(out),
            Value::Inet(v) => v.write_binary(out),
            Value::MacAddr(v) => out.extend_from_slice(v),
            Value::MacAddr8(v) => out.extend_from_slice(v),
            Value::Text(v) | Value::Json(v) => out.extend_from_slice(v.as_bytes()),
            Value::Jsonb(v) | Value::Jsonpath(v) => {
                out.push(json::VERSION);
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
