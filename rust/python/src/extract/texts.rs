//! Text and bytes of Python objects.
use std::borrow::Cow;

use pgwire_py_core::types::{Value, ValueError, clip, text};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDateTime, PyDict, PyFloat, PyMemoryView, PyString, PyType,
    PyTzInfoAccess,
};

use super::moments::{date, interval, time, timestamp};
use super::numbers::{as_float, decimal_text, float_text, index, integer_text, is_decimal};
use super::sequence::is_sequence;
use super::system::is_address;
use super::{Fail, mismatch, utf8};

/// The text PostgreSQL would print for an object that is not a str.
pub fn as_text(object: &Bound<'_, PyAny>) -> Result<String, Fail> {
    if let Ok(value) = object.cast::<PyBool>() {
        return Ok(if value.is_true() { "true" } else { "false" }.to_owned());
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(float_text(number.value()));
    }
    if is_decimal(object)? {
        return decimal_text(object);
    }
    if object.is_instance_of::<PyDict>() || is_sequence(object) {
        return json_text(object);
    }
    if let Some(bytes) = buffer(object) {
        return printed(&Value::Bytea(bytes?));
    }
    if let Ok(moment) = object.cast::<PyDateTime>() {
        let micros = timestamp(object)?.unwrap_or_default();
        let with_zone = moment.get_tzinfo().is_some();
        return printed(&if with_zone {
            Value::TimestampTz(micros)
        } else {
            Value::Timestamp(micros)
        });
    }
    if let Some(days) = date(object)? {
        return printed(&Value::Date(days));
    }
    if let Some(micros) = time(object)? {
        return printed(&Value::Time(micros));
    }
    if let Some(value) = interval(object)? {
        return printed(&Value::Interval(value));
    }
    if let Some(bytes) = uuid(object)? {
        return printed(&Value::Uuid(bytes));
    }
    if is_address(object)? {
        return super::numbers::string_of(object);
    }
    if let Some(number) = index(object)? {
        return integer_text(&number);
    }
    match as_float(object)? {
        Some(number) => Ok(float_text(number.extract()?)),
        None => Err(mismatch("text", object)),
    }
}

pub fn printed(value: &Value<'_>) -> Result<String, Fail> {
    let mut out = Vec::new();
    value.write_text(&mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Bytes of a bytes, bytearray or memoryview.
pub fn buffer<'a>(object: &'a Bound<'_, PyAny>) -> Option<Result<Cow<'a, [u8]>, Fail>> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Some(Ok(Cow::Borrowed(bytes.as_bytes())));
    }
    if let Ok(bytes) = object.cast::<PyByteArray>() {
        return Some(Ok(Cow::Owned(bytes.to_vec())));
    }
    if object.is_instance_of::<PyMemoryView>() {
        let bytes = object
            .call_method0("tobytes")
            .and_then(|bytes| bytes.extract::<Vec<u8>>());
        return Some(bytes.map(Cow::Owned).map_err(Fail::from));
    }
    None
}

pub fn json_text(object: &Bound<'_, PyAny>) -> Result<String, Fail> {
    static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = object.py();
    let dumps = DUMPS.get_or_try_init(py, || {
        Ok::<_, PyErr>(
            py.import("pgwire_py._impl.json_text")?
                .getattr("json_text")?
                .unbind(),
        )
    })?;
    let made = dumps
        .bind(py)
        .call1((object,))
        .and_then(|made| made.cast_into::<PyString>().map_err(PyErr::from));
    let made = match made {
        Ok(made) => made,
        Err(error)
            if error.is_instance_of::<PyTypeError>(py)
                || error.is_instance_of::<PyValueError>(py) =>
        {
            let message = format!("cannot encode the value as JSON: {}", error.value(py));
            return Err(ValueError::new("22P02", clip(&message)).into());
        }
        Err(error) => return Err(error.into()),
    };
    let made = utf8(&made)?;
    text::check(made)?;
    Ok(made.to_owned())
}

pub fn uuid(object: &Bound<'_, PyAny>) -> Result<Option<[u8; 16]>, Fail> {
    if !object.is_instance(uuid_type(object.py())?)? {
        return Ok(None);
    }
    Ok(Some(
        object.getattr("int")?.extract::<u128>()?.to_be_bytes(),
    ))
}

pub fn uuid_type<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    UUID.import(py, "uuid", "UUID")
}

/// The byte of a `"char"`: at most one in a bytes, bytearray or memoryview, none being zero.
pub fn byte(object: &Bound<'_, PyAny>) -> Result<u8, Fail> {
    let bytes = buffer(object).ok_or_else(|| mismatch("\"char\"", object))??;
    match *bytes {
        [] => Ok(0),
        [byte] => Ok(byte),
        _ => Err(ValueError::new("22003", "\"char\" out of range").into()),
    }
}
