//! One value of an Arrow column as a [`Value`] of the type it is to become: a reader is made for each column and called with the row.
use std::borrow::Cow;

use super::layout::{Array, Extension, Field, Format};
use super::locate::{Bits, Bytes, Integers, Located, fixed};
use super::{json, nested, temporal, types};
use crate::types::table::oid;
use crate::types::{Interval, Kind, Numeric, PgType, Result, Value, ValueError, floats, text};

/// Row (from 0) → value, None for NULL.
pub type Reader<'a> = Box<dyn Fn(usize) -> Result<Option<Value<'a>>> + 'a>;
/// The same for rows that are known to have a value.
pub type Leaf<'a> = Box<dyn Fn(usize) -> Result<Value<'a>> + 'a>;

/// A reader of a column as a type that [`types::check`] has allowed.
pub fn reader<'a>(field: &'a Field, array: &'a Array, ty: PgType) -> Reader<'a> {
    let located = Located::new(field, array);
    let leaf = leaf(located.field, types::extension(field), located.array, ty);
    Box::new(move |row| match located.at(row)? {
        None => Ok(None),
        Some(row) => leaf(row).map(Some),
    })
}

fn leaf<'a>(
    field: &'a Field,
    extension: Option<Extension>,
    array: &'a Array,
    ty: PgType,
) -> Leaf<'a> {
    if let Format::Text(_) = field.format {
        return text_leaf(Bytes::new(field.format, array), ty);
    }
    if field.format == Format::Null {
        // No row of it is found to have a value.
        return Box::new(|_| Ok(Value::Void));
    }
    if types::is_json(ty) {
        let write = json::writer(field, extension, array);
        let is_binary = ty.kind == Kind::Jsonb;
        return Box::new(move |row| {
            let mut out = Vec::new();
            write(row, &mut out)?;
            let text = Cow::Owned(String::from_utf8_lossy(&out).into_owned());
            Ok(if is_binary {
                Value::Jsonb(text)
            } else {
                Value::Json(text)
            })
        });
    }
    if types::is_text(ty) {
        let natural = natural(field, extension);
        let read = leaf(field, extension, array, natural);
        return Box::new(move |row| {
            let mut out = Vec::new();
            read(row)?.write_text(&mut out)?;
            Ok(Value::Text(Cow::Owned(
                String::from_utf8_lossy(&out).into_owned(),
            )))
        });
    }
    match field.format {
        Format::List(_) => nested::array(field, array, ty),
        Format::Struct => nested::record(field, array),
        _ => scalar(field.format, extension, array, ty),
    }
}

/// The type of a leaf without request.
pub fn natural(field: &Field, extension: Option<Extension>) -> PgType {
    let extended = Field {
        extension,
        ..field.clone()
    };
    PgType::of(types::natural(&extended))
}

/// Text is itself, or what the type's input function makes of it.
fn text_leaf<'a>(bytes: Bytes<'a>, ty: PgType) -> Leaf<'a> {
    Box::new(move |row| {
        let text = text::from_utf8(bytes.get(row)?)?;
        match ty.kind {
            _ if ty.is_array() => ty.parse(text),
            Kind::Text => Ok(Value::Text(Cow::Borrowed(text))),
            Kind::Json => Ok(Value::Json(Cow::Borrowed(text))),
            Kind::Jsonb => Ok(Value::Jsonb(Cow::Borrowed(text))),
            _ => ty.parse(text),
        }
    })
}

fn scalar<'a>(
    format: Format,
    extension: Option<Extension>,
    array: &'a Array,
    ty: PgType,
) -> Leaf<'a> {
    match format {
        Format::Bool => {
            let bits = Bits::new(array.buffers.first().map_or(&[], |bits| bits), array.offset);
            Box::new(move |row| Ok(Value::Bool(bits.get(row))))
        }
        Format::Int(width, signed) => {
            let numbers = Integers::new(array, 0, width, signed);
            if extension == Some(Extension::Bool8) && ty.kind == Kind::Bool {
                return Box::new(move |row| Ok(Value::Bool(numbers.get(row) != 0)));
            }
            Box::new(move |row| integer(numbers.get(row), ty.kind))
        }
        Format::Decimal(width, scale) => decimals(array, width, scale),
        Format::Float(width) => {
            let read: Box<dyn Fn(usize) -> f64> = match width {
                2 => {
                    let values = fixed::<2>(array, 0);
                    Box::new(move |row| {
                        half(
                            values
                                .get(row)
                                .map_or(0, |bytes| u16::from_ne_bytes(*bytes)),
                        )
                        .into()
                    })
                }
                4 => {
                    let values = fixed::<4>(array, 0);
                    Box::new(move |row| {
                        values
                            .get(row)
                            .map_or(0.0, |bytes| f32::from_ne_bytes(*bytes))
                            .into()
                    })
                }
                _ => {
                    let values = fixed::<8>(array, 0);
                    Box::new(move |row| {
                        values
                            .get(row)
                            .map_or(0.0, |bytes| f64::from_ne_bytes(*bytes))
                    })
                }
            };
            Box::new(move |row| float(read(row), width, ty.kind))
        }
        Format::Binary(_) | Format::FixedBinary(_) => {
            let bytes = Bytes::new(format, array);
            Box::new(move |row| {
                let value = bytes.get(row)?;
                if ty.kind != Kind::Uuid {
                    return Ok(Value::Bytea(Cow::Borrowed(value)));
                }
                let wrong = |_| ValueError::new("22P03", "incorrect binary data format");
                value.try_into().map(Value::Uuid).map_err(wrong)
            })
        }
        _ => moment(format, array, ty),
    }
}

fn moment<'a>(format: Format, array: &'a Array, ty: PgType) -> Leaf<'a> {
    let signed = |width: usize| {
        let numbers = Integers::new(array, 0, width, true);
        move |row: usize| numbers.get(row) as i64
    };
    let dated = move |days: i32| match ty.kind {
        Kind::Timestamp => temporal::timestamp_of_date(days).map(Value::Timestamp),
        _ => Ok(Value::Date(days)),
    };
    match format {
        Format::Date32 => {
            let days = signed(4);
            Box::new(move |row| dated(temporal::date(days(row))?))
        }
        Format::Date64 => {
            let millis = signed(8);
            Box::new(move |row| dated(temporal::date_of_millis(millis(row))?))
        }
        Format::Time(unit) => {
            let ticks = signed(format.width(format.parts()[0]));
            Box::new(move |row| temporal::time(ticks(row), unit).map(Value::Time))
        }
        Format::Timestamp(unit, _) => {
            let ticks = signed(8);
            let make = if ty.kind == Kind::TimestampTz {
                Value::TimestampTz
            } else {
                Value::Timestamp
            };
            Box::new(move |row| temporal::timestamp(ticks(row), unit).map(make))
        }
        Format::Duration(unit) => {
            let ticks = signed(8);
            Box::new(move |row| temporal::duration(ticks(row), unit).map(Value::Interval))
        }
        Format::Months => {
            let months = signed(4);
            Box::new(move |row| {
                Ok(Value::Interval(Interval {
                    months: months(row) as i32,
                    ..Interval::default()
                }))
            })
        }
        Format::DayTime => {
            let values = fixed::<8>(array, 0);
            Box::new(move |row| {
                let [a, b, c, d, e, f, g, h] = values.get(row).copied().unwrap_or_default();
                Ok(Value::Interval(Interval {
                    months: 0,
                    days: i32::from_ne_bytes([a, b, c, d]),
                    micros: i64::from(i32::from_ne_bytes([e, f, g, h])) * 1000,
                }))
            })
        }
        _ => {
            let values = fixed::<16>(array, 0);
            Box::new(move |row| {
                let value = values.get(row).copied().unwrap_or_default();
                let [a, b, c, d, e, f, g, h, nanos @ ..] = value;
                Ok(Value::Interval(Interval {
                    months: i32::from_ne_bytes([a, b, c, d]),
                    days: i32::from_ne_bytes([e, f, g, h]),
                    micros: i64::from_ne_bytes(nanos) / 1000,
                }))
            })
        }
    }
}

fn decimals<'a>(array: &'a Array, width: usize, scale: i32) -> Leaf<'a> {
    if width == 32 {
        let values = fixed::<32>(array, 0);
        return Box::new(move |row| {
            decimal(
                &long_digits(values.get(row).copied().unwrap_or_default()),
                scale,
            )
        });
    }
    if width == 16 {
        let values = fixed::<16>(array, 0);
        return Box::new(move |row| {
            decimal(
                &i128::from_ne_bytes(values.get(row).copied().unwrap_or_default()).to_string(),
                scale,
            )
        });
    }
    let numbers = Integers::new(array, 0, width, true);
    Box::new(move |row| decimal(&numbers.get(row).to_string(), scale))
}

fn decimal(digits: &str, scale: i32) -> Result<Value<'static>> {
    Numeric::parse(&format!("{digits}e{}", -scale)).map(Value::Numeric)
}

/// A 256-bit integer in decimal.
fn long_digits(bytes: [u8; 32]) -> String {
    const CHUNK: u128 = 1_000_000_000_000_000_000;
    let mut limbs: Vec<u64> = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|limb| u64::from_ne_bytes(*limb))
        .collect();
    if cfg!(target_endian = "little") {
        limbs.reverse();
    }
    let negative = limbs[0] >> 63 == 1;
    if negative {
        let mut carry = true;
        for limb in limbs.iter_mut().rev() {
            (*limb, carry) = (!*limb).overflowing_add(u64::from(carry));
        }
    }
    let mut groups = Vec::new();
    while limbs.iter().any(|limb| *limb != 0) {
        let mut rest = 0u128;
        for limb in &mut limbs {
            let whole = rest << 64 | u128::from(*limb);
            *limb = (whole / CHUNK) as u64;
            rest = whole % CHUNK;
        }
        groups.push(rest);
    }
    let mut out = groups.pop().unwrap_or(0).to_string();
    for group in groups.iter().rev() {
        out.push_str(&format!("{group:018}"));
    }
    if negative { format!("-{out}") } else { out }
}

/// An integer as another type of integers or numbers: 22003 where it has no such value.
fn integer(value: i128, kind: Kind) -> Result<Value<'static>> {
    let range = |_| ValueError::new("22003", format!("{} out of range", kind.sql_name()));
    Ok(match kind {
        Kind::Int2 => Value::Int2(value.try_into().map_err(range)?),
        Kind::Int4 => Value::Int4(value.try_into().map_err(range)?),
        Kind::Int8 => Value::Int8(value.try_into().map_err(range)?),
        Kind::Oid | Kind::Xid | Kind::Cid => Value::Oid(value.try_into().map_err(range)?),
        Kind::Xid8 => Value::Xid8(value.try_into().map_err(range)?),
        Kind::Float4 => Value::Float4(value as f32),
        Kind::Float8 => Value::Float8(value as f64),
        _ => Value::Numeric(Numeric::parse(&value.to_string())?),
    })
}

/// A float that came `width` bytes wide as another type: 22003 where real does not reach so far; numeric has the shortest digits.
fn float(value: f64, width: usize, kind: Kind) -> Result<Value<'static>> {
    Ok(match kind {
        Kind::Float4 if width < 8 => Value::Float4(value as f32),
        Kind::Float4 => Value::Float4(floats::narrow(value)?),
        Kind::Float8 => Value::Float8(value),
        _ => {
            let mut digits = Vec::new();
            match width {
                8 => floats::write_f64(&mut digits, value),
                _ => floats::write_f32(&mut digits, value as f32),
            }
            Value::Numeric(Numeric::parse(&String::from_utf8_lossy(&digits))?)
        }
    })
}

/// IEEE 754 half precision.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    match exponent {
        0 => {
            let value = fraction as f32 / 16_777_216.0;
            if sign == 0 { value } else { -value }
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// The type that a list's items have as elements of an array of this type.
pub fn element(ty: PgType) -> PgType {
    PgType::of(if ty.element == 0 {
        oid::TEXT
    } else {
        ty.element
    })
}
