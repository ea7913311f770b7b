//! Single values: Bind's parameters to Python objects, and one Python object to bytes.
use pgwire_py_core::rows;
use pgwire_py_core::types::{
    Array, Inet, Interval, PgType, Value, ValueError, datetime, money, style,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDate, PyDateTime, PyDelta, PyList, PyTime, PyTuple, PyTzInfo};

use crate::extract::{
    Fail, address_class, decimal_type, extract, failure, postgres_error, raise, uuid_type,
};
use crate::structured;
use crate::text_style::TextStyle;

#[pyfunction]
#[pyo3(signature = (types, formats, values, style = None))]
pub fn decode_values<'py>(
    py: Python<'py>,
    types: Vec<u32>,
    formats: Vec<i64>,
    values: Vec<Option<Bound<'py, PyBytes>>>,
    style: Option<&Bound<'py, TextStyle>>,
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
    let style = style.map_or(&style::DEFAULT, |style| &style.get().style);
    let mut decoded = Vec::with_capacity(count);
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else {
            decoded.push(py.None().into_bound(py));
            continue;
        };
        let made = PgType::of(types[index])
            .decode_styled(binary[index], value.as_bytes(), style)
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
#[pyo3(signature = (type_oid, format, value, style = None))]
pub fn encode_value<'py>(
    py: Python<'py>,
    type_oid: u32,
    format: i64,
    value: &Bound<'py, PyAny>,
    style: Option<&Bound<'py, TextStyle>>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let binary = rows::is_binary(format)
        .map_err(|error| postgres_error(py, error.sqlstate, &error.message))?;
    if value.is_none() {
        return Ok(None);
    }
    let style = style.map_or(&style::DEFAULT, |style| &style.get().style);
    let mut out = Vec::new();
    extract(PgType::of(type_oid), value)
        .and_then(|made| Ok(made.encode_styled(binary, style, &mut out)?))
        .map_err(|fail| raise(fail, None, None, type_oid, value))?;
    Ok(Some(PyBytes::new(py, &out)))
}

/// The Python object of a value; a date or time that Python's types do not reach is PostgreSQL's text.
pub fn object<'py>(py: Python<'py>, value: &Value<'_>) -> Result<Bound<'py, PyAny>, Fail> {
    let made = match value {
        Value::Bool(v) => v.into_pyobject(py)?.to_owned().into_any(),
        Value::Int2(v) => v.into_pyobject(py)?.into_any(),
        Value::Int4(v) => v.into_pyobject(py)?.into_any(),
        Value::Int8(v) => v.into_pyobject(py)?.into_any(),
        Value::Oid(v) => v.into_pyobject(py)?.into_any(),
        Value::Float4(v) => f64::from(*v).into_pyobject(py)?.into_any(),
        Value::Float8(v) => v.into_pyobject(py)?.into_any(),
        Value::Xid8(v) | Value::Lsn(v) => v.into_pyobject(py)?.into_any(),
        Value::Reg(v) => v.into_pyobject(py)?.into_any(),
        Value::Tid(v) => (v.block, v.offset).into_pyobject(py)?.into_any(),
        Value::Snapshot(v) => {
            let running = PyTuple::new(py, &v.running)?;
            (v.xmin, v.xmax, running).into_pyobject(py)?.into_any()
        }
        Value::Numeric(_) => decimal_type(py)?.call1((printed(value)?,))?,
        Value::Money(cents) => decimal_type(py)?.call1((money::decimal(*cents),))?,
        Value::Text(v)
        | Value::Json(v)
        | Value::Jsonb(v)
        | Value::Jsonpath(v)
        | Value::RegName(v) => v.into_pyobject(py)?.into_any(),
        Value::Char(_) | Value::MacAddr(_) | Value::MacAddr8(_) => shown(py, value)?,
        Value::Inet(v) => address(py, v)?,
        Value::Raw(v) => String::from_utf8_lossy(v).into_pyobject(py)?.into_any(),
        Value::Bytea(v) => PyBytes::new(py, v).into_any(),
        Value::Date(days) => date(py, *days, value)?,
        Value::Time(micros) => time(py, *micros, None, value)?,
        Value::TimeTz(v) => {
            let zone = if v.west == 0 {
                PyTzInfo::utc(py)?.to_owned()
            } else {
                PyTzInfo::fixed_offset(py, PyDelta::new(py, 0, -v.west, 0, true)?)?
            };
            time(py, v.micros, Some(&zone), value)?
        }
        Value::Timestamp(micros) => timestamp(py, *micros, None, value)?,
        Value::TimestampTz(micros) => timestamp(py, *micros, Some(&*PyTzInfo::utc(py)?), value)?,
        Value::Interval(v) => delta(py, v, value)?,
        Value::Uuid(v) => {
            let fields = pyo3::types::PyDict::new(py);
            fields.set_item("bytes", PyBytes::new(py, v))?;
            uuid_type(py)?.call((), Some(&fields))?
        }
        Value::Void => "".into_pyobject(py)?.into_any(),
        Value::Array(array) => list(py, array)?,
        Value::Structured(value) => structured::object(py, value)?,
    };
    Ok(made)
}

fn printed(value: &Value<'_>) -> Result<String, ValueError> {
    let mut out = Vec::new();
    value.write_text(&mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// The text of a value: what stands for a date or time that Python's types do not reach.
fn shown<'py>(py: Python<'py>, value: &Value<'_>) -> Result<Bound<'py, PyAny>, Fail> {
    Ok(printed(value)?.into_pyobject(py)?.into_any())
}

/// The longest and the shortest timedelta are the infinities. A year counts 365 days and a month 30, as asyncpg and psycopg count.
fn delta<'py>(
    py: Python<'py>,
    interval: &Interval,
    value: &Value<'_>,
) -> Result<Bound<'py, PyAny>, Fail> {
    const MOST_DAYS: i128 = 999_999_999;
    let day = i128::from(datetime::MICROS_PER_DAY);
    let total = match interval.infinity() {
        Some(true) => (MOST_DAYS + 1) * day - 1,
        Some(false) => -MOST_DAYS * day,
        None => {
            let (years, months) = (interval.months / 12, interval.months % 12);
            let days =
                i128::from(years) * 365 + i128::from(months) * 30 + i128::from(interval.days);
            days * day + i128::from(interval.micros)
        }
    };
    let (days, micros) = (total.div_euclid(day), total.rem_euclid(day));
    if days.abs() > MOST_DAYS {
        return shown(py, value);
    }
    let (seconds, micros) = ((micros / 1_000_000) as i32, (micros % 1_000_000) as i32);
    Ok(PyDelta::new(py, days as i32, seconds, micros, false)?.into_any())
}

/// cidr is a network; inet an interface, or an address where the prefix is the whole of it.
fn address<'py>(py: Python<'py>, inet: &Inet) -> Result<Bound<'py, PyAny>, Fail> {
    let class = match (inet.cidr, inet.is_host(), inet.is_v6()) {
        (true, _, false) => "IPv4Network",
        (true, _, true) => "IPv6Network",
        (false, true, false) => "IPv4Address",
        (false, true, true) => "IPv6Address",
        (false, false, false) => "IPv4Interface",
        (false, false, true) => "IPv6Interface",
    };
    let class = address_class(py, class)?;
    let bytes = PyBytes::new(py, inet.address());
    Ok(if inet.is_host() && !inet.cidr {
        class.call1((bytes,))?
    } else {
        class.call1(((bytes, inet.prefix),))?
    })
}

/// The object of `pgwire_py.values.infinity` that stands for an infinite date or moment.
fn infinite<'py>(py: Python<'py>, name: &str, positive: bool) -> PyResult<Bound<'py, PyAny>> {
    py.import("pgwire_py.values.infinity")?
        .getattr("INFINITIES")?
        .get_item((name, positive))
}

fn date<'py>(py: Python<'py>, days: i32, value: &Value<'_>) -> Result<Bound<'py, PyAny>, Fail> {
    if days == i32::MAX || days == i32::MIN {
        return Ok(infinite(py, "date", days > 0)?);
    }
    let (year, month, day) = datetime::civil_from_days(i64::from(days));
    if !(1..=9999).contains(&year) {
        return shown(py, value);
    }
    Ok(PyDate::new(py, year as i32, month as u8, day as u8)?.into_any())
}

fn time<'py>(
    py: Python<'py>,
    micros: i64,
    zone: Option<&Bound<'py, PyTzInfo>>,
    value: &Value<'_>,
) -> Result<Bound<'py, PyAny>, Fail> {
    let (hour, minute, second, micro) = clock(micros);
    if hour == 24 {
        return shown(py, value);
    }
    Ok(PyTime::new(py, hour, minute, second, micro, zone)?.into_any())
}

fn timestamp<'py>(
    py: Python<'py>,
    micros: i64,
    zone: Option<&Bound<'py, PyTzInfo>>,
    value: &Value<'_>,
) -> Result<Bound<'py, PyAny>, Fail> {
    if micros == i64::MAX || micros == i64::MIN {
        let name = zone.map_or("timestamp", |_| "timestamptz");
        return Ok(infinite(py, name, micros > 0)?);
    }
    let (year, month, day) = datetime::civil_from_days(micros.div_euclid(datetime::MICROS_PER_DAY));
    if !(1..=9999).contains(&year) {
        return shown(py, value);
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
    let made = PyList::new(py, level)?.into_any();
    if array.bounds.is_empty() {
        return Ok(made);
    }
    Ok(structured::class(py, "Array")?.call1((made, &array.bounds))?)
}
