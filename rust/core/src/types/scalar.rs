//! Reading a scalar: each kind's text and binary format.
use std::borrow::Cow;

use super::{
    Inet, Interval, Kind, Numeric, Result, Snapshot, Style, Tid, TimeTz, Value, ValueError, bytea,
    datetime, floats, integers, json, mac, money, system, text, uuid,
};

pub(super) fn parse_scalar<'a>(kind: Kind, text: &'a str, style: &Style) -> Result<Value<'a>> {
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
        Kind::Oid | Kind::Xid | Kind::Cid => Value::Oid(system::parse_u32(kind, text)?),
        Kind::Xid8 => Value::Xid8(system::parse_u64(kind, text)?),
        Kind::Reg => system::parse_reg(text)?,
        Kind::Tid => Value::Tid(Tid::parse(text)?),
        Kind::Lsn => Value::Lsn(system::parse_lsn(text)?),
        Kind::Snapshot => Value::Snapshot(Snapshot::parse(text)?),
        Kind::Money => Value::Money(money::parse(text)?),
        Kind::Name => Value::Text(Cow::Borrowed(text::clip_name(text))),
        Kind::Char => Value::Char(text::parse_char(text)),
        Kind::TimeTz => Value::TimeTz(TimeTz::parse(text, style)?),
        Kind::Jsonpath => Value::Jsonpath(Cow::Borrowed(text)),
        Kind::Inet | Kind::Cidr => Value::Inet(Inet::parse(kind, text)?),
        Kind::MacAddr => Value::MacAddr(mac::parse(text)?),
        Kind::MacAddr8 => Value::MacAddr8(mac::parse8(text)?),
        Kind::Float4 => Value::Float4(floats::parse_f32(text)?),
        Kind::Float8 => Value::Float8(floats::parse_f64(text)?),
        Kind::Numeric => Value::Numeric(Numeric::parse(text)?),
        Kind::Text => Value::Text(Cow::Borrowed(text)),
        Kind::Raw => Value::Raw(Cow::Borrowed(text.as_bytes())),
        Kind::Json => Value::Json(Cow::Borrowed(json::check(text, false)?)),
        Kind::Jsonb => Value::Jsonb(Cow::Borrowed(json::check(text, true)?)),
        Kind::Bytea => Value::Bytea(Cow::Owned(bytea::parse(text)?)),
        Kind::Date => Value::Date(datetime::parse_date(text, style)?),
        Kind::Time => Value::Time(datetime::parse_time(text, style)?),
        Kind::Timestamp => Value::Timestamp(datetime::parse_timestamp(text, false, style)?),
        Kind::TimestampTz => Value::TimestampTz(datetime::parse_timestamp(text, true, style)?),
        Kind::Interval => Value::Interval(Interval::parse_styled(text, style.intervals)?),
        Kind::Uuid => Value::Uuid(uuid::parse(text)?),
        Kind::Void => Value::Void,
        Kind::Structured(kind) => Value::structured(kind.parse(text, style)?),
    })
}

pub(super) fn decode_scalar(kind: Kind, bytes: &[u8]) -> Result<Value<'_>> {
    Ok(match kind {
        Kind::Bool => Value::Bool(fixed::<1>(bytes)?[0] != 0),
        Kind::Int2 => Value::Int2(i16::from_be_bytes(fixed(bytes)?)),
        Kind::Int4 => Value::Int4(i32::from_be_bytes(fixed(bytes)?)),
        Kind::Int8 => Value::Int8(i64::from_be_bytes(fixed(bytes)?)),
        Kind::Oid | Kind::Xid | Kind::Cid => Value::Oid(u32::from_be_bytes(fixed(bytes)?)),
        Kind::Xid8 => Value::Xid8(u64::from_be_bytes(fixed(bytes)?)),
        Kind::Reg => Value::Reg(u32::from_be_bytes(fixed(bytes)?)),
        Kind::Tid => Value::Tid(Tid::from_binary(&fixed(bytes)?)),
        Kind::Lsn => Value::Lsn(u64::from_be_bytes(fixed(bytes)?)),
        Kind::Snapshot => Value::Snapshot(Snapshot::from_binary(bytes)?),
        Kind::Money => Value::Money(i64::from_be_bytes(fixed(bytes)?)),
        Kind::Name => Value::Text(Cow::Borrowed(text::name_from_binary(bytes)?)),
        Kind::Char => Value::Char(fixed::<1>(bytes)?[0]),
        Kind::TimeTz => Value::TimeTz(TimeTz::from_binary(&fixed(bytes)?)?),
        Kind::Jsonpath => Value::Jsonpath(Cow::Borrowed(json::versioned("jsonpath", bytes)?)),
        Kind::Inet | Kind::Cidr => Value::Inet(Inet::from_binary(kind, bytes)?),
        Kind::MacAddr => Value::MacAddr(fixed(bytes)?),
        Kind::MacAddr8 => Value::MacAddr8(mac::from_binary8(bytes)?),
        Kind::Float4 => Value::Float4(f32::from_be_bytes(fixed(bytes)?)),
        Kind::Float8 => Value::Float8(f64::from_be_bytes(fixed(bytes)?)),
        Kind::Numeric => Value::Numeric(Numeric::from_binary(bytes)?),
        Kind::Text => Value::Text(Cow::Borrowed(text::from_utf8(bytes)?)),
        Kind::Raw => Value::Raw(Cow::Borrowed(text::from_utf8(bytes)?.as_bytes())),
        Kind::Json => Value::Json(Cow::Borrowed(json::check(text::from_utf8(bytes)?, false)?)),
        Kind::Jsonb => {
            let text = json::versioned("jsonb", bytes)?;
            Value::Jsonb(Cow::Borrowed(json::check(text, true)?))
        }
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
    bytes.try_into().map_err(|_| {
        if bytes.len() < N {
            ValueError::insufficient()
        } else {
            ValueError::binary()
        }
    })
}
