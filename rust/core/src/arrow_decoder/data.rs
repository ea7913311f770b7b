//! The values of one Arrow column so far: one appended as it came where it has its usual form, any other from a [`Value`].
use arrow_buffer::{BooleanBufferBuilder, IntervalMonthDayNano, i256};
use arrow_schema::DataType;

use super::column::Column;
use super::decimal::Decimal;
use crate::types::short_numeric::{NUMERIC_TEXT, numeric_text};
use crate::types::{Interval, Kind, PgType, Result, Value, ValueError, datetime, text};

/// Days and microseconds from 1970-01-01 to 2000-01-01.
const DAYS: i32 = 10_957;
const MICROS: i64 = DAYS as i64 * datetime::MICROS_PER_DAY;

/// The values so far, in the form that Arrow keeps them.
pub enum Data {
    Bool(BooleanBufferBuilder),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    UInt32(Vec<u32>),
    UInt64(Vec<u64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Decimal128(Vec<i128>, Decimal),
    Decimal256(Vec<i256>, Decimal),
    Date(Vec<i32>),
    Time(Vec<i64>),
    Timestamp(Vec<i64>),
    Interval(Vec<IntervalMonthDayNano>),
    Uuid(Vec<u8>),
    /// Text or binary: the end of each value, and their bytes.
    Bytes(Vec<i32>, Vec<u8>),
    List(Vec<i32>, Box<Column>),
    Struct(Vec<Column>),
}

impl Data {
    /// For a type that is neither a list nor a struct.
    pub fn new(kind: &DataType) -> Data {
        let decimal = |precision: u8, scale: i8| Decimal {
            precision,
            scale: scale as u8,
        };
        match kind {
            DataType::Boolean => Data::Bool(BooleanBufferBuilder::new(0)),
            DataType::Int16 => Data::Int16(Vec::new()),
            DataType::Int32 => Data::Int32(Vec::new()),
            DataType::Int64 => Data::Int64(Vec::new()),
            DataType::UInt32 => Data::UInt32(Vec::new()),
            DataType::UInt64 => Data::UInt64(Vec::new()),
            DataType::Float32 => Data::Float32(Vec::new()),
            DataType::Float64 => Data::Float64(Vec::new()),
            DataType::Decimal128(precision, scale) => {
                Data::Decimal128(Vec::new(), decimal(*precision, *scale))
            }
            DataType::Decimal256(precision, scale) => {
                Data::Decimal256(Vec::new(), decimal(*precision, *scale))
            }
            DataType::Date32 => Data::Date(Vec::new()),
            DataType::Time64(_) => Data::Time(Vec::new()),
            DataType::Timestamp(..) => Data::Timestamp(Vec::new()),
            DataType::Interval(_) => Data::Interval(Vec::new()),
            DataType::FixedSizeBinary(_) => Data::Uuid(Vec::new()),
            _ => Data::Bytes(vec![0], Vec::new()),
        }
    }

    /// Reads the usual value of a type in binary format (or a text); whether it has.
    #[inline]
    pub fn short(&mut self, ty: PgType, bytes: &[u8]) -> bool {
        match self {
            Data::Int16(values) => push(values, bytes, i16::from_be_bytes),
            Data::Int32(values) => push(values, bytes, i32::from_be_bytes),
            Data::Int64(values) => push(values, bytes, i64::from_be_bytes),
            Data::UInt32(values) => push(values, bytes, u32::from_be_bytes),
            Data::UInt64(values) => push(values, bytes, u64::from_be_bytes),
            Data::Float32(values) => push(values, bytes, f32::from_be_bytes),
            Data::Float64(values) => push(values, bytes, f64::from_be_bytes),
            Data::Bool(values) => match bytes {
                [byte @ 0..=1] => {
                    values.append(*byte == 1);
                    true
                }
                _ => false,
            },
            Data::Timestamp(values) => match bytes.try_into().map(i64::from_be_bytes) {
                Ok(micros @ MICROS_FIRST..=MICROS_LAST) => {
                    values.push(micros + MICROS);
                    true
                }
                _ => false,
            },
            Data::Date(values) => match bytes.try_into().map(i32::from_be_bytes) {
                Ok(days @ -700_000..=100_000_000) => {
                    values.push(days + DAYS);
                    true
                }
                _ => false,
            },
            Data::Time(values) => match bytes.try_into().map(i64::from_be_bytes) {
                Ok(micros @ 0..=datetime::MICROS_PER_DAY) => {
                    values.push(micros);
                    true
                }
                _ => false,
            },
            Data::Uuid(values) => {
                let fits = bytes.len() == 16;
                if fits {
                    values.extend_from_slice(bytes);
                }
                fits
            }
            Data::Decimal128(values, decimal) if ty.kind == Kind::Numeric => {
                match decimal.short(bytes) {
                    Some(value) => {
                        values.push(value);
                        true
                    }
                    None => false,
                }
            }
            Data::Bytes(ends, all) => match ty.kind {
                Kind::Text | Kind::Json | Kind::Raw => {
                    text::from_utf8(bytes).is_ok() && put(ends, all, bytes)
                }
                Kind::Bytea => put(ends, all, bytes),
                Kind::Numeric => {
                    let mut buffer = [0; NUMERIC_TEXT];
                    match numeric_text(bytes, &mut buffer) {
                        Some(text) => put(ends, all, text.as_bytes()),
                        None => false,
                    }
                }
                _ => false,
            },
            _ => false,
        }
    }

    pub fn push(&mut self, value: &Value<'_>) -> Result<()> {
        match (self, value) {
            (Data::Bool(values), Value::Bool(v)) => values.append(*v),
            (Data::Int16(values), Value::Int2(v)) => values.push(*v),
            (Data::Int32(values), Value::Int4(v)) => values.push(*v),
            (Data::Int64(values), Value::Int8(v)) => values.push(*v),
            (Data::UInt32(values), Value::Oid(v) | Value::Reg(v)) => values.push(*v),
            (Data::UInt64(values), Value::Xid8(v)) => values.push(*v),
            (Data::Float32(values), Value::Float4(v)) => values.push(*v),
            (Data::Float64(values), Value::Float8(v)) => values.push(*v),
            (Data::Decimal128(values, decimal), Value::Numeric(v)) => {
                values.push(decimal.narrow(v)?);
            }
            (Data::Decimal128(values, _), Value::Money(v)) => values.push(i128::from(*v)),
            (Data::Decimal256(values, decimal), Value::Numeric(v)) => values.push(decimal.wide(v)?),
            (Data::Date(values), Value::Date(v)) => values.push(date(*v)),
            (Data::Time(values), Value::Time(v)) => values.push(*v),
            (Data::Timestamp(values), Value::Timestamp(v) | Value::TimestampTz(v)) => {
                values.push(timestamp(*v)?);
            }
            (Data::Interval(values), Value::Interval(v)) => values.push(interval(v)?),
            (Data::Uuid(values), Value::Uuid(v)) => values.extend_from_slice(v),
            (Data::Bytes(ends, all), Value::Bytea(v)) => {
                all.extend_from_slice(v);
                ends.push(end(all.len())?);
            }
            (Data::Bytes(ends, all), value) => {
                value.write_text(all)?;
                ends.push(end(all.len())?);
            }
            _ => return Err(ValueError::new("XX000", "a value of another type")),
        }
        Ok(())
    }
}

/// Microseconds of almost 2,000 years before 2000-01-01 and after it: what lies between needs no check.
const MICROS_FIRST: i64 = -63_000_000_000_000_000;
const MICROS_LAST: i64 = 63_000_000_000_000_000;

#[inline]
fn push<T, const N: usize>(values: &mut Vec<T>, bytes: &[u8], read: fn([u8; N]) -> T) -> bool {
    let found = bytes.try_into().map(read);
    if let Ok(value) = found {
        values.push(value);
        return true;
    }
    false
}

#[inline]
fn put(ends: &mut Vec<i32>, all: &mut Vec<u8>, bytes: &[u8]) -> bool {
    match end(all.len() + bytes.len()) {
        Ok(end) => {
            all.extend_from_slice(bytes);
            ends.push(end);
            true
        }
        Err(_) => false,
    }
}

/// An offset: a batch ends long before there are too many bytes, but one row may hold a great many elements.
pub fn end(length: usize) -> Result<i32> {
    i32::try_from(length).map_err(|_| too_large())
}

pub fn too_large() -> ValueError {
    ValueError::new("54000", "a row exceeds what an Arrow batch holds")
}

/// Days since 1970; the infinities stay the extremes.
fn date(days: i32) -> i32 {
    match days {
        i32::MAX | i32::MIN => days,
        // The last day that PostgreSQL has is 2,145,042,540.
        _ => days + DAYS,
    }
}

fn timestamp(micros: i64) -> Result<i64> {
    match micros {
        i64::MAX | i64::MIN => Ok(micros),
        _ => micros.checked_add(MICROS).ok_or_else(|| {
            ValueError::new("22008", "timestamp out of range of Arrow's microseconds")
        }),
    }
}

fn interval(value: &Interval) -> Result<IntervalMonthDayNano> {
    let nanos = match value.infinity() {
        Some(true) => i64::MAX,
        Some(false) => i64::MIN,
        None => value.micros.checked_mul(1000).ok_or_else(|| {
            ValueError::new("22008", "interval out of range of Arrow's nanoseconds")
        })?,
    };
    Ok(IntervalMonthDayNano::new(value.months, value.days, nanos))
}
