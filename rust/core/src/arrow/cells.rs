//! Columns of a batch, ready to be written by row: the frequent types directly, all others by way of a [`Value`].
use super::layout::{Array, Field, Format, Size, Unit, broken};
use super::locate::{Bits, Bytes, Located, fixed, outside};
use super::readers::{Reader, reader};
use super::{temporal, types};
use crate::rows;
use crate::types::table::oid;
use crate::types::{PgType, Result, Style, datetime, floats, integers, text};

/// A column with the plan to write it.
pub enum Cell<'a> {
    Bool(Option<Bits<'a>>, Bits<'a>),
    Int2(Option<Bits<'a>>, &'a [[u8; 2]]),
    Int4(Option<Bits<'a>>, &'a [[u8; 4]]),
    Int8(Option<Bits<'a>>, &'a [[u8; 8]]),
    Float8(Option<Bits<'a>>, &'a [[u8; 8]]),
    Date(Option<Bits<'a>>, &'a [[u8; 4]]),
    /// Whether they are of a type with zone.
    Micros(Option<Bits<'a>>, &'a [[u8; 8]], bool),
    Decimal(Option<Bits<'a>>, &'a [[u8; 16]], usize, Reader<'a>),
    /// Offsets and data; whether the bytes are known to be ASCII without NUL.
    Text(Option<Bits<'a>>, &'a [[u8; 4]], &'a [u8], bool),
    OtherText(Option<Bits<'a>>, Bytes<'a>, bool),
    Other(Reader<'a>),
    /// Its text follows settings other than the default ones.
    Styled(Reader<'a>, &'a Style),
}

impl<'a> Cell<'a> {
    pub fn new(field: &'a Field, array: &'a Array, ty: PgType, is_ascii: bool) -> Cell<'a> {
        if !Located::new(field, array).is_direct() || field.extension.is_some() {
            return Cell::Other(reader(field, array, ty));
        }
        let nulls = Bits::of(array);
        match (field.format, ty.oid) {
            (Format::Bool, oid::BOOL) => {
                let values =
                    Bits::new(array.buffers.first().map_or(&[], |bits| bits), array.offset);
                Cell::Bool(nulls, values)
            }
            (Format::Int(2, true), oid::INT2) => Cell::Int2(nulls, fixed(array, 0)),
            (Format::Int(4, true), oid::INT4) => Cell::Int4(nulls, fixed(array, 0)),
            (Format::Int(8, true), oid::INT8) => Cell::Int8(nulls, fixed(array, 0)),
            (Format::Float(8), oid::FLOAT8) => Cell::Float8(nulls, fixed(array, 0)),
            (Format::Date32, oid::DATE) => Cell::Date(nulls, fixed(array, 0)),
            (Format::Timestamp(Unit::Micro, _), oid::TIMESTAMP | oid::TIMESTAMPTZ) => {
                Cell::Micros(nulls, fixed(array, 0), ty.oid == oid::TIMESTAMPTZ)
            }
            (Format::Decimal(16, scale @ 0..19), oid::NUMERIC) => Cell::Decimal(
                nulls,
                fixed(array, 0),
                scale as usize,
                reader(field, array, ty),
            ),
            (Format::Text(Size::Small), _) if types::is_text(ty) => {
                let data = array.buffers.get(1).map_or(&[][..], |data| data);
                Cell::Text(nulls, fixed(array, 0), data, is_ascii)
            }
            (Format::Text(_), _) if types::is_text(ty) => {
                Cell::OtherText(nulls, Bytes::new(field.format, array), is_ascii)
            }
            _ => Cell::Other(reader(field, array, ty)),
        }
    }

    /// A column whose text follows settings other than the default ones.
    pub fn styled(field: &'a Field, array: &'a Array, ty: PgType, style: &'a Style) -> Cell<'a> {
        Cell::Styled(reader(field, array, ty), style)
    }

    /// The same as `write`, whose code is put where it is called.
    #[inline(never)]
    pub fn write_apart(&self, row: usize, binary: bool, out: &mut Vec<u8>) -> Result<()> {
        self.write(row, binary, out)
    }

    /// Appends the value of a row with its length.
    #[inline(always)]
    pub fn write(&self, row: usize, binary: bool, out: &mut Vec<u8>) -> Result<()> {
        let is_valid = |nulls: &Option<Bits<'_>>| nulls.is_none_or(|bits| bits.get(row));
        match self {
            Cell::Bool(nulls, bits) if is_valid(nulls) => match (binary, bits.get(row)) {
                (true, value) => rows::put(out, &[u8::from(value)]),
                (false, value) => rows::put(out, if value { b"t" } else { b"f" }),
            },
            Cell::Int2(nulls, values) if is_valid(nulls) => {
                let value = i16::from_ne_bytes(*at(values, row)?);
                match binary {
                    true => rows::put(out, &value.to_be_bytes()),
                    false => rows::put_integer(out, value.into()),
                }
            }
            Cell::Int4(nulls, values) if is_valid(nulls) => {
                let value = i32::from_ne_bytes(*at(values, row)?);
                match binary {
                    true => rows::put(out, &value.to_be_bytes()),
                    false => rows::put_integer(out, value.into()),
                }
            }
            Cell::Int8(nulls, values) if is_valid(nulls) => {
                let value = i64::from_ne_bytes(*at(values, row)?);
                match binary {
                    true => rows::put(out, &value.to_be_bytes()),
                    false => rows::put_integer(out, value),
                }
            }
            Cell::Float8(nulls, values) if is_valid(nulls) => {
                let value = f64::from_ne_bytes(*at(values, row)?);
                match binary {
                    true => rows::put(out, &value.to_be_bytes()),
                    false => rows::put_with(out, |out| floats::write_f64(out, value)),
                }
            }
            Cell::Date(nulls, values) if is_valid(nulls) => {
                let days = temporal::date(i32::from_ne_bytes(*at(values, row)?).into())?;
                match binary {
                    true => rows::put(out, &days.to_be_bytes()),
                    false => rows::put_with(out, |out| datetime::write_date(out, days)),
                }
            }
            Cell::Micros(nulls, values, with_zone) if is_valid(nulls) => {
                let micros =
                    temporal::timestamp(i64::from_ne_bytes(*at(values, row)?), Unit::Micro)?;
                match binary {
                    true => rows::put(out, &micros.to_be_bytes()),
                    false => rows::put_with(out, |out| {
                        datetime::write_timestamp(out, micros, *with_zone)
                    }),
                }
            }
            Cell::Decimal(nulls, values, scale, read) if is_valid(nulls) => {
                match i64::try_from(i128::from_ne_bytes(*at(values, row)?)) {
                    Ok(value) if !binary => {
                        rows::put_with(out, |out| write_decimal(out, value, *scale))
                    }
                    _ => return put_value(read, row, binary, out),
                }
            }
            Cell::Text(nulls, offsets, data, is_ascii) if is_valid(nulls) => {
                let start = i32::from_ne_bytes(*at(offsets, row)?) as usize;
                let end = i32::from_ne_bytes(*at(offsets, row + 1)?) as usize;
                let Some(value) = data.get(start..end) else {
                    return Err(outside());
                };
                if !is_ascii {
                    text::from_utf8(value)?;
                }
                rows::put_slice(out, value);
            }
            Cell::OtherText(nulls, bytes, is_ascii) if is_valid(nulls) => {
                let value = bytes.get(row)?;
                if !is_ascii {
                    text::from_utf8(value)?;
                }
                rows::put_slice(out, value);
            }
            Cell::Other(read) => return put_value(read, row, binary, out),
            Cell::Styled(read, _) if binary => return put_value(read, row, true, out),
            Cell::Styled(read, style) => return put_styled(read, row, style, out),
            _ => out.extend_from_slice(&rows::NULL),
        }
        Ok(())
    }
}

#[inline]
fn at<const W: usize>(values: &[[u8; W]], row: usize) -> Result<&[u8; W]> {
    values
        .get(row)
        .ok_or_else(|| broken("a column ends too early"))
}

/// Whether bytes are ASCII without NUL, in one pass: 0 becomes 255 and lies with those above 127.
fn is_plain(data: &[u8]) -> bool {
    data.chunks(1024).all(|chunk| {
        let most = chunk
            .iter()
            .fold(0, |most: u8, byte| most.max(byte.wrapping_sub(1)));
        most < 127
    })
}

/// Whether the text that a column's rows take is ASCII without NUL; false where that is not easily told.
pub fn is_ascii(field: &Field, array: &Array) -> bool {
    let range = |from: usize, to: usize| {
        array
            .buffers
            .get(1)
            .and_then(|data| data.get(from..to))
            .is_some_and(is_plain)
    };
    match field.format {
        Format::Text(Size::Small) => {
            let offsets = fixed::<4>(array, 0);
            let number = |row: usize| {
                offsets
                    .get(row)
                    .map_or(0, |bytes| i32::from_ne_bytes(*bytes) as usize)
            };
            range(number(0), number(array.length))
        }
        Format::Text(Size::Large) => {
            let offsets = fixed::<8>(array, 0);
            let number = |row: usize| {
                offsets
                    .get(row)
                    .map_or(0, |bytes| i64::from_ne_bytes(*bytes) as usize)
            };
            range(number(0), number(array.length))
        }
        _ => false,
    }
}

fn put_value(read: &Reader<'_>, row: usize, binary: bool, out: &mut Vec<u8>) -> Result<()> {
    let Some(value) = read(row)? else {
        out.extend_from_slice(&rows::NULL);
        return Ok(());
    };
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    value.encode(binary, out)?;
    rows::patch(out, at);
    Ok(())
}

fn put_styled(read: &Reader<'_>, row: usize, style: &Style, out: &mut Vec<u8>) -> Result<()> {
    let Some(value) = read(row)? else {
        out.extend_from_slice(&rows::NULL);
        return Ok(());
    };
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    value.write_styled(out, style)?;
    rows::patch(out, at);
    Ok(())
}

/// An integer of hundredths and so on, with its decimal point.
fn write_decimal(out: &mut Vec<u8>, value: i64, scale: usize) {
    if scale == 0 {
        return integers::write_text(out, value);
    }
    if value < 0 {
        out.push(b'-');
    }
    let unit = 10u64.pow(scale as u32);
    let magnitude = value.unsigned_abs();
    integers::write_text(out, (magnitude / unit) as i64);
    out.push(b'.');
    let mut digits = [0u8; integers::MAX_TEXT];
    let length = integers::format(&mut digits, (magnitude % unit) as i64);
    out.extend(std::iter::repeat_n(b'0', scale - length));
    out.extend_from_slice(&digits[..length]);
}
