//! Values of a message's fields, checked to be what the wire can carry.
use pgwire_py_core::wire::{check_count, check_text};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyInt, PyList, PyMemoryView, PyString, PyTuple,
};

use super::Problem;

pub type Pair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

pub fn pairs<'py>(dict: &Bound<'py, PyAny>) -> Result<Vec<Pair<'py>>, Problem> {
    match dict.cast::<PyDict>() {
        Ok(dict) => Ok(dict.iter().collect()),
        Err(_) => Err(expected("a dict", dict)),
    }
}

pub fn text<'a>(value: &'a Bound<'_, PyAny>) -> Result<&'a str, Problem> {
    let Ok(value) = value.cast::<PyString>() else {
        return Err(expected("str", value));
    };
    let Ok(text) = value.to_str() else {
        return Err(Problem::Unfit("a text cannot be encoded as UTF-8".into()));
    };
    check_text(text)?;
    Ok(text)
}

pub fn texts<'a>(values: &'a [Bound<'_, PyAny>]) -> Result<Vec<&'a str>, Problem> {
    values.iter().map(text).collect()
}

/// Bytes as they are; bytearray and memoryview are copied.
pub fn bytes<'py>(value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyBytes>, Problem> {
    if let Ok(value) = value.cast::<PyBytes>() {
        return Ok(value.clone());
    }
    if !value.is_instance_of::<PyByteArray>() && !value.is_instance_of::<PyMemoryView>() {
        return Err(expected("bytes", value));
    }
    let copy = value.py().get_type::<PyBytes>().call1((value,))?;
    Ok(copy.cast_into::<PyBytes>().map_err(PyErr::from)?)
}

pub fn value<'py>(value: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyBytes>>, Problem> {
    if value.is_none() {
        Ok(None)
    } else {
        bytes(value).map(Some)
    }
}

pub fn values<'py>(
    values: &Bound<'py, PyAny>,
) -> Result<Vec<Option<Bound<'py, PyBytes>>>, Problem> {
    let values = items(values)?;
    check_count(values.len())?;
    values.iter().map(value).collect()
}

pub fn slices<'a>(values: &'a [Option<Bound<'_, PyBytes>>]) -> Vec<Option<&'a [u8]>> {
    values
        .iter()
        .map(|value| value.as_ref().map(|value| value.as_bytes()))
        .collect()
}

pub fn integer<T: TryFrom<i64>>(value: &Bound<'_, PyAny>, name: &str) -> Result<T, Problem> {
    if !value.is_instance_of::<PyInt>() {
        return Err(expected("int", value));
    }
    value
        .extract::<i64>()
        .ok()
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| Problem::Unfit(format!("an integer does not fit {name}")))
}

pub fn uint64(value: &Bound<'_, PyAny>) -> Result<u64, Problem> {
    if !value.is_instance_of::<PyInt>() {
        return Err(expected("int", value));
    }
    value
        .extract()
        .map_err(|_| Problem::Unfit("an integer does not fit UInt64".into()))
}

pub fn boolean(value: &Bound<'_, PyAny>) -> Result<bool, Problem> {
    match value.cast::<PyBool>() {
        Ok(value) => Ok(value.is_true()),
        Err(_) => Err(expected("bool", value)),
    }
}

pub fn integers<T: TryFrom<i64>>(values: &Bound<'_, PyAny>, name: &str) -> Result<Vec<T>, Problem> {
    let values = items(values)?;
    check_count(values.len())?;
    values.iter().map(|value| integer(value, name)).collect()
}

pub fn items<'py>(values: &Bound<'py, PyAny>) -> Result<Vec<Bound<'py, PyAny>>, Problem> {
    if let Ok(values) = values.cast::<PyTuple>() {
        Ok(values.iter().collect())
    } else if let Ok(values) = values.cast::<PyList>() {
        Ok(values.iter().collect())
    } else {
        Err(expected("a tuple or list", values))
    }
}

pub fn letter<T>(
    value: &Bound<'_, PyAny>,
    letters: &str,
    from_byte: fn(u8) -> Option<T>,
) -> Result<T, Problem> {
    let byte = match value.cast::<PyString>().map(|value| value.to_str()) {
        Ok(Ok(text)) if text.len() == 1 => text.as_bytes()[0],
        _ => 0,
    };
    from_byte(byte).ok_or_else(|| Problem::Unfit(format!("expected one of the letters {letters}")))
}

pub fn expected(what: &str, value: &Bound<'_, PyAny>) -> Problem {
    match value.get_type().name() {
        Ok(name) => Problem::Unfit(format!("expected {what}, not {name}")),
        Err(error) => Problem::Raised(error),
    }
}
