//! Python objects → values of a PostgreSQL type.
//!
//! A `str` is read by the type's text rules; for text types any other object becomes the text PostgreSQL would print.
use std::borrow::Cow;

use pgwire_py_core::types::{
    Array, Interval, Kind, Numeric, PgType, Value, ValueError, clip, datetime, floats, text,
};
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDate, PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyDict,
    PyFloat, PyInt, PyList, PyMemoryView, PyString, PyTime, PyTimeAccess, PyTuple, PyType,
    PyTzInfoAccess,
};

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
    if !ty.is_array() {
        return scalar(ty.kind, object);
    }
    if let Ok(string) = object.cast::<PyString>() {
        return Ok(ty.parse(utf8(string)?)?);
    }
    let mut walk = Walk {
        kind: ty.kind,
        dimensions: Vec::new(),
        items: Vec::new(),
    };
    if !is_sequence(object) {
        return Err(mismatch("array", object));
    }
    walk.sequence(object, 0)?;
    Ok(Value::Array(Array::new(
        ty.element,
        walk.dimensions,
        walk.items,
    )?))
}

fn scalar<'a>(kind: Kind, object: &'a Bound<'_, PyAny>) -> Extracted<'a> {
    if let Ok(string) = object.cast::<PyString>() {
        return Ok(PgType {
            oid: 0,
            kind,
            element: 0,
        }
        .parse(utf8(string)?)?);
    }
    let value = match kind {
        Kind::Bool => boolean(object)?,
        Kind::Int2 => integer(kind, object)?
            .and_then(|v| i16::try_from(v).ok())
            .map(Value::Int2),
        Kind::Int4 => integer(kind, object)?
            .and_then(|v| i32::try_from(v).ok())
            .map(Value::Int4),
        Kind::Int8 => integer(kind, object)?.map(Value::Int8),
        Kind::Oid => integer(kind, object)?
            .and_then(|v| u32::try_from(v).ok())
            .map(Value::Oid),
        Kind::Float4 => Some(Value::Float4(floats::narrow(float(kind, object)?)?)),
        Kind::Float8 => Some(Value::Float8(float(kind, object)?)),
        Kind::Numeric => Some(Value::Numeric(numeric(object)?)),
        Kind::Text => Some(Value::Text(Cow::Owned(as_text(object)?))),
        Kind::Raw => match buffer(object) {
            Some(bytes) => Some(Value::Raw(bytes?)),
            None => Some(Value::Raw(Cow::Owned(as_text(object)?.into_bytes()))),
        },
        Kind::Json => Some(Value::Json(Cow::Owned(json_text(object)?))),
        Kind::Jsonb => Some(Value::Jsonb(Cow::Owned(json_text(object)?))),
        Kind::Bytea => Some(Value::Bytea(
            buffer(object).ok_or_else(|| mismatch(kind.sql_name(), object))??,
        )),
        Kind::Date => Some(Value::Date(
            date(object)?.ok_or_else(|| mismatch(kind.sql_name(), object))?,
        )),
        Kind::Time => Some(Value::Time(
            time(object)?.ok_or_else(|| mismatch(kind.sql_name(), object))?,
        )),
        Kind::Timestamp => Some(Value::Timestamp(
            timestamp(object)?.ok_or_else(|| mismatch(kind.sql_name(), object))?,
        )),
        Kind::TimestampTz => Some(Value::TimestampTz(
            timestamp(object)?.ok_or_else(|| mismatch(kind.sql_name(), object))?,
        )),
        Kind::Interval => Some(Value::Interval(
            interval(object)?.ok_or_else(|| mismatch(kind.sql_name(), object))?,
        )),
        Kind::Uuid => Some(Value::Uuid(
            uuid(object)?.ok_or_else(|| mismatch(kind.sql_name(), object))?,
        )),
        Kind::Void => Some(Value::Void),
    };
    value.ok_or_else(|| out_of_range(kind).into())
}

/// 42804: an object of a Python type that the column's type does not take.
fn mismatch(name: &str, object: &Bound<'_, PyAny>) -> Fail {
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

fn out_of_range(kind: Kind) -> ValueError {
    let name = if kind == Kind::Oid {
        "OID"
    } else {
        kind.sql_name()
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

fn boolean<'a>(object: &Bound<'_, PyAny>) -> Result<Option<Value<'a>>, Fail> {
    match integer(Kind::Bool, object)? {
        Some(value @ 0..=1) => Ok(Some(Value::Bool(value == 1))),
        _ => Ok(None),
    }
}

const TWO_63: f64 = (1u64 << 63) as f64;

/// None: an integer beyond 64 bits.
fn integer(kind: Kind, object: &Bound<'_, PyAny>) -> Result<Option<i64>, Fail> {
    if object.is_instance_of::<PyInt>() {
        return Ok(object.extract::<i64>().ok());
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        let number = number.value();
        if !number.is_finite() {
            return Ok(None);
        }
        if number.fract() != 0.0 {
            return Err(ValueError::syntax(kind, &float_text(number)).into());
        }
        // 2⁶³ itself does not fit, so the upper bound is exclusive.
        return Ok((-TWO_63..TWO_63).contains(&number).then_some(number as i64));
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
        Some(number) => Ok(number.extract::<i64>().ok()),
        None => Err(mismatch(kind.sql_name(), object)),
    }
}

fn float(kind: Kind, object: &Bound<'_, PyAny>) -> Result<f64, Fail> {
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

fn numeric(object: &Bound<'_, PyAny>) -> Result<Numeric, Fail> {
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
        None => Err(mismatch("numeric", object)),
    }
}

/// The text PostgreSQL would print for an object that is not a str.
fn as_text(object: &Bound<'_, PyAny>) -> Result<String, Fail> {
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
    if let Some(number) = index(object)? {
        return integer_text(&number);
    }
    match as_float(object)? {
        Some(number) => Ok(float_text(number.extract()?)),
        None => Err(mismatch("text", object)),
    }
}

fn printed(value: &Value<'_>) -> Result<String, Fail> {
    let mut out = Vec::new();
    value.write_text(&mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn float_text(number: f64) -> String {
    let mut out = Vec::new();
    floats::write_f64(&mut out, number);
    String::from_utf8_lossy(&out).into_owned()
}

fn string_of(object: &Bound<'_, PyAny>) -> Result<String, Fail> {
    Ok(object.str()?.to_str()?.to_owned())
}

/// A Decimal as numeric's text: no exponent.
fn decimal_text(object: &Bound<'_, PyAny>) -> Result<String, Fail> {
    printed(&Value::Numeric(Numeric::parse(&string_of(object)?)?))
}

/// Decimal digits of an int; Python refuses to write very many (sys.set_int_max_str_digits).
fn integer_text(number: &Bound<'_, PyAny>) -> Result<String, Fail> {
    match number.str() {
        Ok(text) => Ok(text.to_str()?.to_owned()),
        Err(error) if error.is_instance_of::<PyValueError>(number.py()) => {
            Err(ValueError::new("22003", "value overflows numeric format").into())
        }
        Err(error) => Err(error.into()),
    }
}

/// The int of an object with `__index__`.
fn index<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
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
fn as_float<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if object
        .get_type()
        .hasattr(pyo3::intern!(object.py(), "__float__"))?
    {
        return object.py().get_type::<PyFloat>().call1((object,)).map(Some);
    }
    Ok(None)
}

/// Bytes of a bytes, bytearray or memoryview.
fn buffer<'a>(object: &'a Bound<'_, PyAny>) -> Option<Result<Cow<'a, [u8]>, Fail>> {
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

fn date(object: &Bound<'_, PyAny>) -> Result<Option<i32>, Fail> {
    let Ok(date) = object.cast::<PyDate>() else {
        return Ok(None);
    };
    Ok(Some(
        match (date.get_year(), date.get_month(), date.get_day()) {
            (9999, 12, 31) => i32::MAX,
            (1, 1, 1) => i32::MIN,
            (year, month, day) => {
                datetime::days_from_civil(i64::from(year), month.into(), day.into()) as i32
            }
        },
    ))
}

fn micros_of(time: &impl PyTimeAccess) -> i64 {
    let seconds = i64::from(time.get_hour()) * 3600
        + i64::from(time.get_minute()) * 60
        + i64::from(time.get_second());
    seconds * 1_000_000 + i64::from(time.get_microsecond())
}

fn time(object: &Bound<'_, PyAny>) -> Result<Option<i64>, Fail> {
    if let Ok(time) = object.cast::<PyTime>() {
        return Ok(Some(micros_of(time)));
    }
    Ok(object.cast::<PyDateTime>().ok().map(micros_of))
}

/// Microseconds since 2000-01-01; an aware datetime in UTC. The first and last datetime that Python has are the infinities.
fn timestamp(object: &Bound<'_, PyAny>) -> Result<Option<i64>, Fail> {
    let Ok(moment) = object.cast::<PyDateTime>() else {
        return Ok(date(object)?.map(|days| match days {
            i32::MAX => i64::MAX,
            i32::MIN => i64::MIN,
            days => i64::from(days) * datetime::MICROS_PER_DAY,
        }));
    };
    let days = datetime::days_from_civil(
        i64::from(moment.get_year()),
        moment.get_month().into(),
        moment.get_day().into(),
    );
    let local = days * datetime::MICROS_PER_DAY + micros_of(moment);
    let offset = match moment.get_tzinfo() {
        None => 0,
        Some(_) => match object.call_method0("utcoffset")?.cast::<PyDelta>() {
            Ok(delta) => delta_micros(delta) as i64,
            Err(_) => 0,
        },
    };
    Ok(Some(match (local, offset) {
        (LAST, 0) => i64::MAX,
        (FIRST, 0) => i64::MIN,
        _ => local - offset,
    }))
}

/// datetime.max and datetime.min, in microseconds since 2000-01-01.
const LAST: i64 = 252_455_615_999_999_999;
const FIRST: i64 = -63_082_281_600_000_000;

fn delta_micros(delta: &Bound<'_, PyDelta>) -> i128 {
    let seconds = i128::from(delta.get_days()) * 86_400 + i128::from(delta.get_seconds());
    seconds * 1_000_000 + i128::from(delta.get_microseconds())
}

/// Days and time of a timedelta, both with the sign of the whole.
fn interval(object: &Bound<'_, PyAny>) -> Result<Option<Interval>, Fail> {
    let Ok(delta) = object.cast::<PyDelta>() else {
        return Ok(None);
    };
    let total = delta_micros(delta);
    let day = i128::from(datetime::MICROS_PER_DAY);
    Ok(Some(Interval {
        months: 0,
        days: (total / day) as i32,
        micros: (total % day) as i64,
    }))
}

fn uuid(object: &Bound<'_, PyAny>) -> Result<Option<[u8; 16]>, Fail> {
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

pub fn decimal_type<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DECIMAL.import(py, "decimal", "Decimal")
}

fn is_decimal(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    object.is_instance(decimal_type(object.py())?)
}

fn is_sequence(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>()
}

fn json_text(object: &Bound<'_, PyAny>) -> Result<String, Fail> {
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

/// Nested sequences on their way to an array: every block of a depth must have the same size.
struct Walk {
    kind: Kind,
    dimensions: Vec<usize>,
    items: Vec<Option<Value<'static>>>,
}

impl Walk {
    fn sequence(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> Result<(), Fail> {
        let size = object.len()?;
        if self.dimensions.len() == depth {
            if !self.items.is_empty() {
                return Err(ragged());
            }
            // A seventh dimension is refused here, before anything that contains itself is followed further.
            if depth == 6 {
                let message = "number of array dimensions (7) exceeds the maximum allowed (6)";
                return Err(ValueError::new("54000", message).into());
            }
            self.dimensions.push(size);
        } else if self.dimensions[depth] != size {
            return Err(ragged());
        }
        for position in 0..size {
            let item = object.get_item(position)?;
            if is_sequence(&item) {
                self.sequence(&item, depth + 1)?;
            } else if self.dimensions.len() != depth + 1 {
                return Err(ragged());
            } else if item.is_none() {
                self.items.push(None);
            } else {
                self.items
                    .push(Some(scalar(self.kind, &item)?.into_owned()));
            }
        }
        Ok(())
    }
}

fn ragged() -> Fail {
    ValueError::new(
        "2202E",
        "multidimensional arrays must have array expressions with matching dimensions",
    )
    .into()
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
