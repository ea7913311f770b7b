//! Python objects → values of a PostgreSQL type.
//!
//! A `str` is read by the type's text rules; for text types any other object becomes the text PostgreSQL would print.
mod moments;
mod numbers;
mod sequence;
mod system;
mod texts;

use std::borrow::Cow;

use pgwire_py_core::types::{Array, Kind, PgType, Value, ValueError, clip, floats, money, text};
use pyo3::exceptions::PyUnicodeEncodeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::structured;
use moments::{date, interval, time, timestamp, timetz};
pub use numbers::decimal_type;
use numbers::numeric;
pub use numbers::{fitting, float};
use sequence::Walk;
pub use sequence::is_sequence;
pub use system::address_class;
pub use texts::uuid_type;
use texts::{as_text, buffer, byte, json_text, uuid};

/// Why an object cannot be encoded: the value does not fit, or Python code that was called raised.
pub enum Fail {
    Value(ValueError),
    Python(PyErr),
}

impl From<ValueError> for Fail {
    fn from(error: ValueError) -> Self {
        Fail::Value(error)
    }
}

impl From<PyErr> for Fail {
    fn from(error: PyErr) -> Self {
        Fail::Python(error)
    }
}

impl From<std::convert::Infallible> for Fail {
    fn from(error: std::convert::Infallible) -> Self {
        match error {}
    }
}

type Extracted<'a> = Result<Value<'a>, Fail>;

/// The value of an object for a column type; None is the caller's business.
pub fn extract<'a>(ty: PgType, object: &'a Bound<'_, PyAny>) -> Extracted<'a> {
    extract_within(ty, object, 0)
}

/// The same with `depth` records around the value.
pub fn extract_within<'a>(ty: PgType, object: &'a Bound<'_, PyAny>, depth: usize) -> Extracted<'a> {
    if !ty.is_array() {
        return scalar(ty.kind, object, depth);
    }
    if let Ok(string) = object.cast::<PyString>() {
        return Ok(ty.parse(utf8(string)?)?);
    }
    let mut walk = Walk::new(ty.kind, depth);
    if !is_sequence(object) {
        return Err(mismatch("array", object));
    }
    walk.sequence(object, 0)?;
    let array = Array::new(ty.element, walk.dimensions, walk.items)?;
    Ok(Value::Array(
        match structured::lower_bounds(object, &array)? {
            Some(bounds) => array.starting_at(bounds)?,
            None => array,
        },
    ))
}

fn scalar<'a>(kind: Kind, object: &'a Bound<'_, PyAny>, depth: usize) -> Extracted<'a> {
    if let Ok(string) = object.cast::<PyString>() {
        return Ok(PgType {
            oid: 0,
            kind,
            element: 0,
        }
        .parse(utf8(string)?)?);
    }
    let value = match kind {
        Kind::Bool => match fitting::<u8>(kind, object)? {
            Some(bit @ 0..=1) => Some(Value::Bool(bit == 1)),
            _ => None,
        },
        Kind::Int2 => fitting(kind, object)?.map(Value::Int2),
        Kind::Int4 => fitting(kind, object)?.map(Value::Int4),
        Kind::Int8 => fitting(kind, object)?.map(Value::Int8),
        Kind::Oid | Kind::Xid | Kind::Cid => fitting(kind, object)?.map(Value::Oid),
        Kind::Xid8 => fitting(kind, object)?.map(Value::Xid8),
        Kind::Reg => fitting(kind, object)?.map(Value::Reg),
        Kind::Lsn => fitting(kind, object)?.map(Value::Lsn),
        Kind::Tid => system::tid(object)?.map(Value::Tid),
        Kind::Snapshot => system::snapshot(object)?.map(Value::Snapshot),
        Kind::Float4 => Some(Value::Float4(floats::narrow(float(kind, object)?)?)),
        Kind::Float8 => Some(Value::Float8(float(kind, object)?)),
        Kind::Numeric => Some(Value::Numeric(numeric(kind, object)?)),
        Kind::Money => money::from_numeric(&numeric(kind, object)?).map(Value::Money),
        Kind::Text => Some(Value::Text(Cow::Owned(as_text(object)?))),
        Kind::Name => Some(Value::Text(Cow::Owned(
            text::clip_name(&as_text(object)?).to_owned(),
        ))),
        Kind::Char => Some(Value::Char(byte(object)?)),
        Kind::Raw => match buffer(object) {
            Some(bytes) => Some(Value::Raw(bytes?)),
            None => Some(Value::Raw(Cow::Owned(as_text(object)?.into_bytes()))),
        },
        Kind::Json => Some(Value::Json(Cow::Owned(json_text(object)?))),
        Kind::Jsonb => Some(Value::Jsonb(Cow::Owned(json_text(object)?))),
        Kind::Bytea => Some(Value::Bytea(wanted(
            buffer(object).transpose()?,
            kind,
            object,
        )?)),
        Kind::Date => Some(Value::Date(wanted(date(object)?, kind, object)?)),
        Kind::Time => Some(Value::Time(wanted(time(object)?, kind, object)?)),
        Kind::TimeTz => Some(Value::TimeTz(wanted(timetz(object)?, kind, object)?)),
        Kind::Timestamp => Some(Value::Timestamp(wanted(timestamp(object)?, kind, object)?)),
        Kind::TimestampTz => Some(Value::TimestampTz(wanted(
            timestamp(object)?,
            kind,
            object,
        )?)),
        Kind::Interval => Some(Value::Interval(wanted(interval(object)?, kind, object)?)),
        Kind::Uuid => Some(Value::Uuid(wanted(uuid(object)?, kind, object)?)),
        Kind::Inet | Kind::Cidr => Some(Value::Inet(system::inet(kind, object)?)),
        Kind::Jsonpath | Kind::MacAddr | Kind::MacAddr8 => {
            return Err(mismatch(kind.sql_name(), object));
        }
        Kind::Void => Some(Value::Void),
        Kind::Structured(kind) => {
            Some(Value::structured(structured::extract(kind, object, depth)?))
        }
    };
    value.ok_or_else(|| out_of_range(kind).into())
}

fn wanted<T>(found: Option<T>, kind: Kind, object: &Bound<'_, PyAny>) -> Result<T, Fail> {
    found.ok_or_else(|| mismatch(kind.sql_name(), object))
}

/// 42804: an object of a Python type that the column's type does not take.
pub fn mismatch(name: &str, object: &Bound<'_, PyAny>) -> Fail {
    let type_name = object
        .get_type()
        .name()
        .map(|name| name.to_string())
        .unwrap_or_default();
    ValueError::new(
        "42804",
        format!(
            "cannot encode a value of Python type {} as {name}",
            clip(&type_name)
        ),
    )
    .into()
}

pub fn out_of_range(kind: Kind) -> ValueError {
    let name = match kind {
        Kind::Oid | Kind::Reg => "OID",
        _ => kind.sql_name(),
    };
    ValueError::new("22003", format!("{name} out of range"))
}

/// The UTF-8 of a str; 22021 for a lone surrogate.
pub fn utf8<'a>(string: &'a Bound<'_, PyString>) -> Result<&'a str, Fail> {
    string.to_str().map_err(|error| {
        if error.is_instance_of::<PyUnicodeEncodeError>(string.py()) {
            ValueError::new("22021", "a lone surrogate cannot be encoded as UTF8").into()
        } else {
            error.into()
        }
    })
}

/// Turns a failure into the exception to raise; `object` is what could not be encoded.
pub fn raise(
    fail: Fail,
    row: Option<usize>,
    column: Option<usize>,
    oid: u32,
    object: &Bound<'_, PyAny>,
) -> PyErr {
    let py = object.py();
    let error = match fail {
        Fail::Python(error) => return error,
        Fail::Value(error) => error,
    };
    failure(
        py,
        "encode_failure",
        (error.sqlstate, error.message, row, column, oid, object),
    )
}

/// The exception that a function of `pgwire_py._impl.value_errors` makes.
pub fn failure<'py, A>(py: Python<'py>, name: &str, arguments: A) -> PyErr
where
    A: pyo3::call::PyCallArgs<'py>,
{
    made_by(py, "pgwire_py._impl.value_errors", name, arguments)
}

/// The exception that a function of `pgwire_py._impl.row_errors` makes.
pub fn row_failure<'py, A>(py: Python<'py>, name: &str, arguments: A) -> PyErr
where
    A: pyo3::call::PyCallArgs<'py>,
{
    made_by(py, "pgwire_py._impl.row_errors", name, arguments)
}

fn made_by<'py, A>(py: Python<'py>, module: &str, name: &str, arguments: A) -> PyErr
where
    A: pyo3::call::PyCallArgs<'py>,
{
    let made = py
        .import(module)
        .and_then(|module| module.getattr(name))
        .and_then(|function| function.call1(arguments));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// `pgwire_py.errors.postgres_error(sqlstate, message)`.
pub fn postgres_error(py: Python<'_>, sqlstate: &str, message: &str) -> PyErr {
    let made = py
        .import("pgwire_py.errors")
        .and_then(|module| module.getattr("postgres_error"))
        .and_then(|function| function.call1((sqlstate, message)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
