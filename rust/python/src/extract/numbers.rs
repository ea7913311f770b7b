//! Numbers of Python objects: int, float, Decimal, and whatever has `__index__` or `__float__`.
use pgwire_py_core::types::{Kind, Numeric, Value, ValueError, floats};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyInt, PyType};

use super::texts::printed;
use super::{Fail, mismatch};

/// An integer of a type's width; None if it does not fit.
pub fn fitting<T: TryFrom<i128>>(kind: Kind, object: &Bound<'_, PyAny>) -> Result<Option<T>, Fail> {
    Ok(integer(kind, object)?.and_then(|number| T::try_from(number).ok()))
}

/// No type's integers reach 2⁶⁴.
const TWO_64: f64 = (1u128 << 64) as f64;

/// None: an integer far beyond 64 bits, or no finite number.
fn integer(kind: Kind, object: &Bound<'_, PyAny>) -> Result<Option<i128>, Fail> {
    if object.is_instance_of::<PyInt>() {
        return Ok(wide(object));
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        let number = number.value();
        if !number.is_finite() {
            return Ok(None);
        }
        if number.fract() != 0.0 {
            return Err(ValueError::syntax(kind, &float_text(number)).into());
        }
        return Ok((-TWO_64..TWO_64)
            .contains(&number)
            .then_some(number as i128));
    }
    if is_decimal(object)? {
        let text = decimal_text(object)?;
        let whole = match text.split_once('.') {
            Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole,
            Some(_) => return Err(ValueError::syntax(kind, &text).into()),
            None => &text,
        };
        return Ok(whole.parse().ok());
    }
    match index(object)? {
        Some(number) => Ok(wide(&number)),
        None => Err(mismatch(kind.sql_name(), object)),
    }
}

/// The value of an int: 64 bits are the usual case and faster to get.
fn wide(number: &Bound<'_, PyAny>) -> Option<i128> {
    match number.extract::<i64>() {
        Ok(number) => Some(i128::from(number)),
        Err(_) => number.extract().ok(),
    }
}

pub fn float(kind: Kind, object: &Bound<'_, PyAny>) -> Result<f64, Fail> {
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(number.value());
    }
    if is_decimal(object)? {
        return Ok(floats::parse_f64(&decimal_text(object)?)?);
    }
    let number = match index(object)? {
        Some(number) => number,
        None => as_float(object)?.ok_or_else(|| mismatch(kind.sql_name(), object))?,
    };
    // int.__float__ refuses what is beyond the largest double.
    number
        .extract::<f64>()
        .map_err(|_| ValueError::new("22003", "value out of range: overflow").into())
}

pub fn numeric(kind: Kind, object: &Bound<'_, PyAny>) -> Result<Numeric, Fail> {
    if is_decimal(object)? {
        return Ok(Numeric::parse(&string_of(object)?)?);
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(Numeric::parse(&float_text(number.value()))?);
    }
    if let Some(number) = index(object)? {
        return Ok(Numeric::parse(&integer_text(&number)?)?);
    }
    match as_float(object)? {
        Some(number) => Ok(Numeric::parse(&float_text(number.extract()?))?),
        None => Err(mismatch(kind.sql_name(), object)),
    }
}

pub fn float_text(number: f64) -> String {
    let mut out = Vec::new();
    floats::write_f64(&mut out, number);
    String::from_utf8_lossy(&out).into_owned()
}

pub fn string_of(object: &Bound<'_, PyAny>) -> Result<String, Fail> {
    Ok(object.str()?.to_str()?.to_owned())
}

/// A Decimal as numeric's text: no exponent.
pub fn decimal_text(object: &Bound<'_, PyAny>) -> Result<String, Fail> {
    printed(&Value::Numeric(Numeric::parse(&string_of(object)?)?))
}

/// Decimal digits of an int; Python refuses to write very many (sys.set_int_max_str_digits).
pub fn integer_text(number: &Bound<'_, PyAny>) -> Result<String, Fail> {
    match number.str() {
        Ok(text) => Ok(text.to_str()?.to_owned()),
        Err(error) if error.is_instance_of::<PyValueError>(number.py()) => {
            Err(ValueError::new("22003", "value overflows numeric format").into())
        }
        Err(error) => Err(error.into()),
    }
}

/// The int of an object with `__index__`.
pub fn index<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if object.is_exact_instance_of::<PyInt>() {
        return Ok(Some(object.clone()));
    }
    if object
        .get_type()
        .hasattr(pyo3::intern!(object.py(), "__index__"))?
    {
        // int() makes an exact int of a bool or another subclass.
        let number = object
            .py()
            .import("operator")?
            .getattr("index")?
            .call1((object,))?;
        return object.py().get_type::<PyInt>().call1((number,)).map(Some);
    }
    Ok(None)
}

/// The float of an object with `__float__`.
pub fn as_float<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if object
        .get_type()
        .hasattr(pyo3::intern!(object.py(), "__float__"))?
    {
        return object.py().get_type::<PyFloat>().call1((object,)).map(Some);
    }
    Ok(None)
}

pub fn decimal_type<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DECIMAL.import(py, "decimal", "Decimal")
}

pub fn is_decimal(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    object.is_instance(decimal_type(object.py())?)
}
