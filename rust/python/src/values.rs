//! Single values: Bind's parameters to Python objects, and one Python object to bytes.
use pgwire_py_core::rows;
use pgwire_py_core::types::{Array, PgType, Value, ValueError, clip, datetime};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDate, PyDateTime, PyDelta, PyList, PyTime, PyTuple, PyTzInfo};

use crate::extract::{Fail, decimal_type, extract, failure, postgres_error, raise, uuid_type};

#[pyfunction]
pub fn decode_values<'py>(
    py: Python<'py>,
    types: Vec<u32>,
    formats: Vec<i64>,
    values: Vec<Option<Bound<'py, PyBytes>>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let count = values.len();
    if types.len() != count {
        let message = format!(
            "bind message supplies {count} parameters, but prepared statement requires {}",
            types.len()
        );
        return Err(postgres_error(py, "08P01", &message));
    }
    if formats.len() > 1 && formats.len() != count {
        let message = format!(
            "bind message has {} parameter formats but {count} parameters",
            formats.len()
        );
        return Err(postgres_error(py, "08P01", &message));
    }
    let binary = rows::formats(&formats, count)
        .map_err(|error| postgres_error(py, error.sqlstate, &error.message))?;
    let mut decoded = Vec::with_capacity(count);
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else {
            decoded.push(py.None().into_bound(py));
            continue;
        };
        let made = PgType::of(types[index])
            .decode(binary[index], value.as_bytes())
            .map_err(Fail::from)
            .and_then(|made| object(py, &made));
        decoded.push(made.map_err(|fail| match fail {
            Fail::Python(error) => error,
            Fail::Value(error) => failure(
                py,
                "decode_failure",
                (
                    error.sqlstate,
                    error.message,
                    index + 1,
                    types[index],
                    value,
                ),
            ),
        })?);
    }
    PyTuple::new(py, decoded)
}

#[pyfunction]
pub fn encode_value<'py>(
    py: Python<'py>,
    type_oid: u32,
    format: i64,
    value: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let binary = rows::is_binary(format)
        .map_err(|error| postgres_error(py, error.sqlstate, &error.message))?;
    if value.is_none() {
        return Ok(None);
    }
    let mut out = Vec::new();
    extract(PgType::of(type_oid), value)
        .and_then(|made| Ok(made.encode(binary, &mut out)?))
        .map_err(|fail| raise(fail, None, None, type_oid, value))?;
    Ok(Some(PyBytes::new(py, &out)))
}

/// The Python object of a value: 22008 for a date or time that Python's types do not reach.
pub fn object<'py>(py: Python<'py>, value: &Value<'_>) -> Result<Bound<'py, PyAny>, Fail> {
    let made = match value {
        Value::Bool(v) => v.into_pyobject(py)?.to_owned().into_any(),
        Value::Int2(v) => v.into_pyobject(py)?.into_any(),
        Value::Int4(v) => v.into_pyobject(py)?.into_any(),
        Value::Int8(v) => v.into_pyobject(py)?.into_any(),
        Value::Oid(v) => v.into_pyobject(py)?.into_any(),
        Value::Float4(v) => f64::from(*v).into_pyobject(py)?.into_any(),
        Value::Float8(v) => v.into_pyobject(py)?.into_any(),
        Value::Numeric(_) => decimal_type(py)?.call1((printed(value)?,))?,
        Value::Text(v) | Value::Json(v) | Value::Jsonb(v) => v.into_pyobject(py)?.into_any(),
        Value::Raw(v) => String::from_utf8_lossy(v).into_pyobject(py)?.into_any(),
        Value::Bytea(v) => PyBytes::new(py, v).into_any(),
        Value::Date(days) => date(py, *days, value)?,
        Value::Time(micros) => {
            let (hour, minute, second, micro) = clock(*micros);
            if hour == 24 {
                return Err(beyond("time", value));
            }
            PyTime::new(py, hour, minute, second, micro, None)?.into_any()
        }
        Value::Timestamp(micros) => timestamp(py, *micros, None, value)?,
        Value::TimestampTz(micros) => timestamp(py, *micros, Some(&*PyTzInfo::utc(py)?), value)?,
        Value::Interval(v) => {
            let total = (i128::from(v.months) * 30 + i128::from(v.days))
                * i128::from(datetime::MICROS_PER_DAY)
                + i128::from(v.micros);
            let day = i128::from(datetime::MICROS_PER_DAY);
            let (days, micros) = (total.div_euclid(day), total.rem_euclid(day));
            if !(-999_999_999..=999_999_999).contains(&days) {
                return Err(beyond("interval", value));
            }
            PyDelta::new(
                py,
                days as i32,
                (micros / 1_000_000) as i32,
                (micros % 1_000_000) as i32,
                false,
            )?
            .into_any()
        }
        Value::Uuid(v) => {
            let fields = pyo3::types::PyDict::new(py);
            fields.set_item("bytes", PyBytes::new(py, v))?;
            uuid_type(py)?.call((), Some(&fields))?
        }
        Value::Void => "".into_pyobject(py)?.into_any(),
        Value::Array(array) => list(py, array)?,
    };
    Ok(made)
}

fn printed(value: &Value<'_>) -> Result<String, ValueError> {
    let mut out = Vec::new();
    value.write_text(&mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn beyond(name: &str, value: &Value<'_>) -> Fail {
    let text = printed(value).unwrap_or_default();
    ValueError::new("22008", format!("{name} out of range: \"{}\"", clip(&text))).into()
}

fn date<'py>(py: Python<'py>, days: i32, value: &Value<'_>) -> Result<Bound<'py, PyAny>, Fail> {
    let (year, month, day) = match days {
        i32::MAX => (9999, 12, 31),
        i32::MIN => (1, 1, 1),
        _ => datetime::civil_from_days(i64::from(days)),
    };
    if !(1..=9999).contains(&year) {
        return Err(beyond("date", value));
    }
    Ok(PyDate::new(py, year as i32, month as u8, day as u8)?.into_any())
}

fn timestamp<'py>(
    py: Python<'py>,
    micros: i64,
    zone: Option<&Bound<'py, PyTzInfo>>,
    value: &Value<'_>,
) -> Result<Bound<'py, PyAny>, Fail> {
    if micros == i64::MAX {
        return Ok(PyDateTime::new(py, 9999, 12, 31, 23, 59, 59, 999_999, zone)?.into_any());
    }
    if micros == i64::MIN {
        return Ok(PyDateTime::new(py, 1, 1, 1, 0, 0, 0, 0, zone)?.into_any());
    }
    let (year, month, day) = datetime::civil_from_days(micros.div_euclid(datetime::MICROS_PER_DAY));
    if !(1..=9999).contains(&year) {
        return Err(beyond("timestamp", value));
    }
    let (hour, minute, second, micro) = clock(micros.rem_euclid(datetime::MICROS_PER_DAY));
    Ok(PyDateTime::new(
        py,
        year as i32,
        month as u8,
        day as u8,
        hour,
        minute,
        second,
        micro,
        zone,
    )?
    .into_any())
}

/// Hour, minute, second and microsecond of a time of day.
pub fn clock(micros: i64) -> (u8, u8, u8, u32) {
    let seconds = micros / 1_000_000;
    (
        (seconds / 3600) as u8,
        (seconds / 60 % 60) as u8,
        (seconds % 60) as u8,
        (micros % 1_000_000) as u32,
    )
}

fn list<'py>(py: Python<'py>, array: &Array<'_>) -> Result<Bound<'py, PyAny>, Fail> {
    let mut level = Vec::with_capacity(array.items.len());
    for item in &array.items {
        level.push(match item {
            Some(item) => object(py, item)?,
            None => py.None().into_bound(py),
        });
    }
    // From the innermost dimension outwards, blocks become lists.
    for size in array.dimensions.iter().skip(1).rev() {
        level = level
            .chunks((*size).max(1))
            .map(|block| Ok(PyList::new(py, block)?.into_any()))
            .collect::<PyResult<_>>()?;
    }
    Ok(PyList::new(py, level)?.into_any())
}
