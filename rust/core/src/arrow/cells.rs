//! One value of an Arrow array: the frequent types written directly, all of them readable as a [`Value`].
use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array as ArrowArray, ArrayRef, BooleanArray, PrimitiveArray, StringArray, StringViewArray,
};
use arrow_buffer::i256;
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

use super::json;
use crate::rows;
use crate::types::{
    Array, Interval, Kind, Numeric, PgType, Result, Style, Value, ValueError, datetime, floats,
    integers, text,
};

/// A column of a batch with the plan to write it.
pub enum Cell<'a> {
    Bool(&'a BooleanArray),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Text(&'a StringArray),
    TextView(&'a StringViewArray),
    Micros(&'a PrimitiveArray<TimestampMicrosecondType>, bool),
    Decimal(
        &'a PrimitiveArray<Decimal128Type>,
        usize,
        &'a dyn ArrowArray,
        PgType,
    ),
    Other(&'a dyn ArrowArray, PgType),
}

impl<'a> Cell<'a> {
    pub fn new(array: &'a dyn ArrowArray, ty: PgType) -> Cell<'a> {
        match array.data_type() {
            DataType::Boolean => Cell::Bool(array.as_boolean()),
            DataType::Int16 => Cell::Int16(array.as_primitive()),
            DataType::Int32 => Cell::Int32(array.as_primitive()),
            DataType::Int64 => Cell::Int64(array.as_primitive()),
            DataType::Float64 => Cell::Float64(array.as_primitive()),
            DataType::Utf8 => Cell::Text(array.as_string()),
            DataType::Utf8View => Cell::TextView(array.as_string_view()),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                Cell::Micros(array.as_primitive(), zone.is_some())
            }
            DataType::Decimal128(_, scale @ 0..) => {
                Cell::Decimal(array.as_primitive(), *scale as usize, array, ty)
            }
            _ => Cell::Other(array, ty),
        }
    }

    /// Appends the value of a row with its length.
    #[inline]
    pub fn write(&self, row: usize, binary: bool, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Cell::Bool(array) if array.is_valid(row) => match (binary, array.value(row)) {
                (true, value) => rows::put(out, &[u8::from(value)]),
                (false, value) => rows::put(out, if value { b"t" } else { b"f" }),
            },
            Cell::Int16(array) if array.is_valid(row) => match binary {
                true => rows::put(out, &array.value(row).to_be_bytes()),
                false => rows::put_integer(out, array.value(row).into()),
            },
            Cell::Int32(array) if array.is_valid(row) => match binary {
                true => rows::put(out, &array.value(row).to_be_bytes()),
                false => rows::put_integer(out, array.value(row).into()),
            },
            Cell::Int64(array) if array.is_valid(row) => match binary {
                true => rows::put(out, &array.value(row).to_be_bytes()),
                false => rows::put_integer(out, array.value(row)),
            },
            Cell::Float64(array) if array.is_valid(row) => match binary {
                true => rows::put(out, &array.value(row).to_be_bytes()),
                false => rows::put_with(out, |out| floats::write_f64(out, array.value(row))),
            },
            Cell::Text(array) if array.is_valid(row) => put_text(out, array.value(row))?,
            Cell::TextView(array) if array.is_valid(row) => put_text(out, array.value(row))?,
            Cell::Micros(array, with_zone) if array.is_valid(row) => {
                let micros = timestamp(array.value(row), TimeUnit::Microsecond)?;
                match binary {
                    true => rows::put(out, &micros.to_be_bytes()),
                    false => rows::put_with(out, |out| {
                        datetime::write_timestamp(out, micros, *with_zone)
                    }),
                }
            }
            Cell::Decimal(array, scale, any, ty) if array.is_valid(row) => {
                match i64::try_from(array.value(row)) {
                    Ok(value) if !binary && *scale < 19 => {
                        rows::put_with(out, |out| write_decimal(out, value, *scale))
                    }
                    _ => return put_value(*any, row, *ty, binary, out),
                }
            }
            Cell::Other(array, ty) => return put_value(*array, row, *ty, binary, out),
            _ => out.extend_from_slice(&rows::NULL),
        }
        Ok(())
    }
}

fn put_text(out: &mut Vec<u8>, value: &str) -> Result<()> {
    text::check(value)?;
    rows::put_slice(out, value.as_bytes());
    Ok(())
}

fn put_value(
    array: &dyn ArrowArray,
    row: usize,
    ty: PgType,
    binary: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    let Some(value) = value(array, row, ty)? else {
        out.extend_from_slice(&rows::NULL);
        return Ok(());
    };
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    value.encode(binary, out)?;
    rows::patch(out, at);
    Ok(())
}

/// Appends the text of a row with settings other than the default ones, and its length.
pub fn write_styled(
    array: &dyn ArrowArray,
    row: usize,
    ty: PgType,
    style: &Style,
    out: &mut Vec<u8>,
) -> Result<()> {
    let Some(value) = value(array, row, ty)? else {
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

/// The value of a row for a column type; None is NULL.
pub fn value<'a>(array: &'a dyn ArrowArray, row: usize, ty: PgType) -> Result<Option<Value<'a>>> {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Ok(None);
    }
    if ty.is_array() {
        let array = undictionary(array, row);
        let mut walk = Walk {
            kind: ty.kind,
            dimensions: Vec::new(),
            items: Vec::new(),
        };
        let Some((array, row)) = array else {
            return Ok(None);
        };
        walk.list(items(array, row).ok_or_else(unsupported)?, 0)?;
        return Ok(Some(Value::Array(Array::new(
            ty.element,
            walk.dimensions,
            walk.items,
        )?)));
    }
    let whole = |value: i64| match ty.kind {
        Kind::Int2 => Value::Int2(value as i16),
        Kind::Int4 => Value::Int4(value as i32),
        _ => Value::Int8(value),
    };
    let micros = |value: i64, unit: TimeUnit| {
        to_micros(value, unit).ok_or_else(|| ValueError::new("22008", "time out of range"))
    };
    Ok(Some(match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => whole(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => whole(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => whole(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => whole(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => whole(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => whole(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => whole(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => decimal(
            i256::from_i128(array.as_primitive::<UInt64Type>().value(row).into()),
            0,
        )?,
        DataType::Decimal32(_, scale) => decimal(
            i256::from_i128(array.as_primitive::<Decimal32Type>().value(row).into()),
            *scale,
        )?,
        DataType::Decimal64(_, scale) => decimal(
            i256::from_i128(array.as_primitive::<Decimal64Type>().value(row).into()),
            *scale,
        )?,
        DataType::Decimal128(_, scale) => decimal(
            i256::from_i128(array.as_primitive::<Decimal128Type>().value(row)),
            *scale,
        )?,
        DataType::Decimal256(_, scale) => {
            decimal(array.as_primitive::<Decimal256Type>().value(row), *scale)?
        }
        DataType::Float16 => Value::Float4(array.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => Value::Float4(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Value::Float8(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => string(array.as_string::<i32>().value(row), ty)?,
        DataType::LargeUtf8 => string(array.as_string::<i64>().value(row), ty)?,
        DataType::Utf8View => string(array.as_string_view().value(row), ty)?,
        DataType::Binary => Value::Bytea(Cow::Borrowed(array.as_binary::<i32>().value(row))),
        DataType::LargeBinary => Value::Bytea(Cow::Borrowed(array.as_binary::<i64>().value(row))),
        DataType::BinaryView => Value::Bytea(Cow::Borrowed(array.as_binary_view().value(row))),
        DataType::FixedSizeBinary(_) => {
            let bytes = array.as_fixed_size_binary().value(row);
            match (ty.kind, <[u8; 16]>::try_from(bytes)) {
                (Kind::Uuid, Ok(bytes)) => Value::Uuid(bytes),
                _ => Value::Bytea(Cow::Borrowed(bytes)),
            }
        }
        DataType::Date32 => {
            Value::Date(date(array.as_primitive::<Date32Type>().value(row).into())?)
        }
        DataType::Date64 => Value::Date(date(
            array
                .as_primitive::<Date64Type>()
                .value(row)
                .div_euclid(86_400_000),
        )?),
        DataType::Time32(TimeUnit::Second) => Value::Time(datetime::check_time(micros(
            array.as_primitive::<Time32SecondType>().value(row).into(),
            TimeUnit::Second,
        )?)?),
        DataType::Time32(_) => Value::Time(datetime::check_time(micros(
            array
                .as_primitive::<Time32MillisecondType>()
                .value(row)
                .into(),
            TimeUnit::Millisecond,
        )?)?),
        DataType::Time64(TimeUnit::Microsecond) => Value::Time(datetime::check_time(
            array.as_primitive::<Time64MicrosecondType>().value(row),
        )?),
        DataType::Time64(_) => Value::Time(datetime::check_time(
            array
                .as_primitive::<Time64NanosecondType>()
                .value(row)
                .div_euclid(1000),
        )?),
        DataType::Timestamp(unit, zone) => {
            let raw = match unit {
                TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
                TimeUnit::Millisecond => {
                    array.as_primitive::<TimestampMillisecondType>().value(row)
                }
                TimeUnit::Microsecond => {
                    array.as_primitive::<TimestampMicrosecondType>().value(row)
                }
                TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
            };
            let micros = timestamp(raw, *unit)?;
            if zone.is_some() {
                Value::TimestampTz(micros)
            } else {
                Value::Timestamp(micros)
            }
        }
        DataType::Duration(unit) => {
            let total = match unit {
                TimeUnit::Second => {
                    i128::from(array.as_primitive::<DurationSecondType>().value(row)) * 1_000_000
                }
                TimeUnit::Millisecond => {
                    i128::from(array.as_primitive::<DurationMillisecondType>().value(row)) * 1000
                }
                TimeUnit::Microsecond => {
                    i128::from(array.as_primitive::<DurationMicrosecondType>().value(row))
                }
                TimeUnit::Nanosecond => {
                    i128::from(array.as_primitive::<DurationNanosecondType>().value(row)) / 1000
                }
            };
            let day = i128::from(datetime::MICROS_PER_DAY);
            let days = i32::try_from(total / day)
                .map_err(|_| ValueError::new("22008", "interval out of range"))?;
            Value::Interval(Interval {
                months: 0,
                days,
                micros: (total % day) as i64,
            })
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            let months = array.as_primitive::<IntervalYearMonthType>().value(row);
            Value::Interval(Interval {
                months,
                ..Interval::default()
            })
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let value = array.as_primitive::<IntervalDayTimeType>().value(row);
            Value::Interval(Interval {
                months: 0,
                days: value.days,
                micros: i64::from(value.milliseconds) * 1000,
            })
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            Value::Interval(Interval {
                months: value.months,
                days: value.days,
                micros: value.nanoseconds / 1000,
            })
        }
        DataType::Dictionary(..) => {
            // A key may be valid and what it points to null.
            let Some((values, row)) = undictionary(array, row) else {
                return Ok(None);
            };
            return value(values, row, ty);
        }
        _ => Value::Json(Cow::Owned(json::text(array, row)?)),
    }))
}

/// The values of a dictionary array and the place of a row's value in them; any other array and row as they are.
fn undictionary(array: &dyn ArrowArray, row: usize) -> Option<(&dyn ArrowArray, usize)> {
    match array.as_any_dictionary_opt() {
        None => Some((array, row)),
        Some(dictionary) => {
            let values = dictionary.values().as_ref();
            let key = match dictionary.keys().data_type() {
                DataType::Int8 => dictionary.keys().as_primitive::<Int8Type>().value(row) as usize,
                DataType::Int16 => {
                    dictionary.keys().as_primitive::<Int16Type>().value(row) as usize
                }
                DataType::Int32 => {
                    dictionary.keys().as_primitive::<Int32Type>().value(row) as usize
                }
                DataType::Int64 => {
                    dictionary.keys().as_primitive::<Int64Type>().value(row) as usize
                }
                DataType::UInt8 => dictionary
                    .keys()
                    .as_primitive::<UInt8Type>()
                    .value(row)
                    .into(),
                DataType::UInt16 => dictionary
                    .keys()
                    .as_primitive::<UInt16Type>()
                    .value(row)
                    .into(),
                DataType::UInt32 => {
                    dictionary.keys().as_primitive::<UInt32Type>().value(row) as usize
                }
                _ => dictionary.keys().as_primitive::<UInt64Type>().value(row) as usize,
            };
            (key < values.len() && values.is_valid(key)).then_some((values, key))
        }
    }
}

/// What a row of a list array holds.
pub fn items(array: &dyn ArrowArray, row: usize) -> Option<ArrayRef> {
    Some(match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value(row),
        DataType::LargeList(_) => array.as_list::<i64>().value(row),
        DataType::FixedSizeList(..) => array.as_fixed_size_list().value(row),
        _ => return None,
    })
}

pub fn unsupported() -> ValueError {
    ValueError::new(
        "0A000",
        "Arrow unions, run-end encoded arrays and list views are not supported",
    )
}

fn string<'a>(value: &'a str, ty: PgType) -> Result<Value<'a>> {
    text::check(value)?;
    Ok(if ty.kind == Kind::Json {
        Value::Json(Cow::Borrowed(value))
    } else {
        Value::Text(Cow::Borrowed(value))
    })
}

fn decimal(value: i256, scale: i8) -> Result<Value<'static>> {
    Ok(Value::Numeric(Numeric::parse(&format!(
        "{value}e{}",
        -i32::from(scale)
    ))?))
}

/// Days since 2000-01-01 of days since 1970-01-01. The extremes (DuckDB's too: -(2³¹-1)) are the infinities.
fn date(days: i64) -> Result<i32> {
    if days == i64::from(i32::MAX) {
        return Ok(i32::MAX);
    }
    if days == i64::from(i32::MIN) || days == -i64::from(i32::MAX) {
        return Ok(i32::MIN);
    }
    i32::try_from(days - datetime::UNIX_EPOCH_DAYS)
        .map_err(|_| ValueError::new("22008", "date out of range"))
        .and_then(datetime::check_date)
}

/// Microseconds since 2000-01-01 of a count since 1970-01-01; nanoseconds are rounded down.
#[inline]
fn timestamp(value: i64, unit: TimeUnit) -> Result<i64> {
    if unit == TimeUnit::Microsecond && (value == i64::MAX || value <= -i64::MAX) {
        return Ok(if value > 0 { i64::MAX } else { i64::MIN });
    }
    to_micros(value, unit)
        .and_then(|micros| micros.checked_sub(datetime::UNIX_EPOCH_DAYS * datetime::MICROS_PER_DAY))
        .ok_or_else(|| ValueError::new("22008", "timestamp out of range"))
        .and_then(datetime::check_timestamp)
}

fn to_micros(value: i64, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => value.checked_mul(1_000_000),
        TimeUnit::Millisecond => value.checked_mul(1000),
        TimeUnit::Microsecond => Some(value),
        TimeUnit::Nanosecond => Some(value.div_euclid(1000)),
    }
}

/// Nested lists on their way to an array: every block of a depth must have the same size.
struct Walk {
    kind: Kind,
    dimensions: Vec<usize>,
    items: Vec<Option<Value<'static>>>,
}

impl Walk {
    fn list(&mut self, list: ArrayRef, depth: usize) -> Result<()> {
        let size = list.len();
        if self.dimensions.len() == depth {
            self.dimensions.push(size);
        } else if self.dimensions[depth] != size {
            return Err(ragged());
        }
        let is_nested = matches!(
            list.data_type(),
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
        );
        let element = PgType {
            oid: 0,
            kind: self.kind,
            element: 0,
        };
        for row in 0..size {
            if !is_nested {
                self.items
                    .push(value(list.as_ref(), row, element)?.map(Value::into_owned));
            } else if list.is_null(row) {
                return Err(ragged());
            } else if let Some(inner) = items(list.as_ref(), row) {
                self.list(inner, depth + 1)?;
            }
        }
        Ok(())
    }
}

fn ragged() -> ValueError {
    ValueError::new(
        "2202E",
        "multidimensional arrays must have array expressions with matching dimensions",
    )
}
