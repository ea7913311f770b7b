//! One field of a row: a Python object → bytes with their length in front, the usual types directly.
use std::sync::Arc;

use pgwire_py_core::rows;
use pgwire_py_core::types::short_numeric::{is_canonical, numeric_bytes};
use pgwire_py_core::types::{Kind, PgType, Style, datetime, floats, style, text};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyDateAccess, PyDateTime, PyFloat, PyInt, PyString, PyTimeAccess, PyTzInfo,
    PyTzInfoAccess,
};

use crate::extract::{self, Fail, decimal_type, extract};

/// One column: its type and format, which together pick the writer.
#[derive(Clone, Copy)]
pub struct Column {
    pub ty: PgType,
    pub binary: bool,
    /// What picks the short way; Void where a style changes the text.
    short: Kind,
}

impl Column {
    pub fn new(ty: PgType, binary: bool, style: &Style) -> Column {
        let plain = binary || !style.affects(ty);
        let short = if plain { ty.kind } else { Kind::Void };
        Column { ty, binary, short }
    }
}

/// Appends one field with its length: the usual Python types directly, everything else by way of a value.
#[inline]
pub fn field(
    column: Column,
    object: &Bound<'_, PyAny>,
    style: &Option<Arc<Style>>,
    out: &mut Vec<u8>,
) -> Result<(), Fail> {
    if object.is_none() {
        out.extend_from_slice(&rows::NULL);
        return Ok(());
    }
    match (column.short, column.ty.is_array()) {
        (Kind::Int4, false) if object.is_exact_instance_of::<PyInt>() => {
            if let Some(value) = small_int(object).and_then(|value| i32::try_from(value).ok()) {
                if column.binary {
                    rows::put(out, &value.to_be_bytes());
                } else {
                    rows::put_integer(out, i64::from(value));
                }
                return Ok(());
            }
        }
        (Kind::Int8, false) if object.is_exact_instance_of::<PyInt>() => {
            if let Some(value) = small_int(object) {
                if column.binary {
                    rows::put(out, &value.to_be_bytes());
                } else {
                    rows::put_integer(out, value);
                }
                return Ok(());
            }
        }
        (Kind::Text, false) => {
            if let Ok(string) = object.cast::<PyString>() {
                let value = extract::utf8(string)?;
                text::check(value)?;
                rows::put_slice(out, value.as_bytes());
                return Ok(());
            }
        }
        (Kind::Float8, false) => {
            if let Ok(number) = object.cast_exact::<PyFloat>() {
                if column.binary {
                    rows::put(out, &number.value().to_be_bytes());
                } else {
                    rows::put_with(out, |out| floats::write_f64(out, number.value()));
                }
                return Ok(());
            }
        }
        (Kind::Bool, false) => {
            if let Ok(value) = object.cast::<PyBool>() {
                let byte = match (column.binary, value.is_true()) {
                    (true, value) => u8::from(value),
                    (false, true) => b't',
                    (false, false) => b'f',
                };
                rows::put(out, &[byte]);
                return Ok(());
            }
        }
        (Kind::Timestamp | Kind::TimestampTz, false) => {
            if let Ok(moment) = object.cast_exact::<PyDateTime>()
                && put_moment(column, moment, out)?
            {
                return Ok(());
            }
        }
        (Kind::Numeric, false)
            if object.get_type_ptr() == decimal_type(object.py())?.as_type_ptr()
                && put_decimal(column, object, out)? =>
        {
            return Ok(());
        }
        _ => {}
    }
    slow(column, object, style, out)
}

/// A datetime that is in UTC or has no zone; false where it has another zone or stands for an infinity.
#[inline]
fn put_moment(column: Column, moment: &Bound<'_, PyDateTime>, out: &mut Vec<u8>) -> PyResult<bool> {
    let year = moment.get_year();
    // The first and the last year hold the infinities.
    if year == 1 || year == 9999 {
        return Ok(false);
    }
    if let Some(zone) = moment.get_tzinfo()
        && !zone.is(&*PyTzInfo::utc(moment.py())?)
    {
        return Ok(false);
    }
    let (year, month, day) = (
        i64::from(year),
        u32::from(moment.get_month()),
        u32::from(moment.get_day()),
    );
    let seconds = i64::from(moment.get_hour()) * 3600
        + i64::from(moment.get_minute()) * 60
        + i64::from(moment.get_second());
    let micros = seconds * 1_000_000 + i64::from(moment.get_microsecond());
    if column.binary {
        let days = datetime::days_from_civil(year, month, day);
        rows::put(
            out,
            &(days * datetime::MICROS_PER_DAY + micros).to_be_bytes(),
        );
    } else {
        let zoned = column.ty.kind == Kind::TimestampTz;
        rows::put_with(out, |out| {
            datetime::write_fields(out, year, month, day, Some(micros), zoned);
        });
    }
    Ok(true)
}

/// A `decimal.Decimal` itself (a subclass may print itself in its own way) of not too many digits; false for every other.
#[inline]
fn put_decimal(column: Column, object: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<bool> {
    let printed = object.str()?;
    let text = printed.to_str()?.as_bytes();
    match numeric_bytes(text) {
        Some((bytes, length)) if column.binary => rows::put_slice(out, &bytes[..length]),
        Some(_) if is_canonical(text) => rows::put_slice(out, text),
        _ => return Ok(false),
    }
    Ok(true)
}

#[cold]
fn slow(
    column: Column,
    object: &Bound<'_, PyAny>,
    style: &Option<Arc<Style>>,
    out: &mut Vec<u8>,
) -> Result<(), Fail> {
    // A reference of its own: what is called may change the row.
    let object = object.clone();
    let value = extract(column.ty, &object)?;
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    let style = style.as_deref().unwrap_or(&style::DEFAULT);
    value.encode_styled(column.binary, style, out)?;
    rows::patch(out, at);
    Ok(())
}

/// An int that fits 64 bits.
#[inline]
fn small_int(object: &Bound<'_, PyAny>) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: the object is an int (the caller checked), so no error can be set, and the pointer is alive while borrowed.
    let value = unsafe { pyo3::ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &mut overflow) };
    (overflow == 0).then_some(value)
}
