//! Arguments of the message builder: values read straight from whatever offers a buffer, format codes, what may be left out.
use std::ffi::c_int;

use pgwire_py_core::builder::Parameter;
use pgwire_py_core::wire::check_count;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::message::Problem;
use crate::message::fields::{expected, integer, items};

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// One value: a text, sent as UTF-8, or whatever offers a contiguous buffer.
pub enum Value<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
    View(View),
}

impl<'a> Value<'a> {
    pub fn get(value: &'a Bound<'_, PyAny>) -> Result<Self, Problem> {
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Ok(Value::Bytes(bytes.as_bytes()));
        }
        if let Ok(text) = value.cast::<PyString>() {
            return match text.to_str() {
                Ok(text) => Ok(Value::Text(text)),
                Err(_) => Err(Problem::Unfit("a text cannot be encoded as UTF-8".into())),
            };
        }
        match View::get(value, ffi::PyBUF_SIMPLE) {
            Ok(view) => Ok(Value::View(view)),
            Err(error) if error.is_instance_of::<PyTypeError>(value.py()) => {
                Err(expected("str or a buffer", value))
            }
            Err(_) => Err(Problem::Unfit("a buffer is not contiguous".into())),
        }
    }

    pub fn as_slice(&self) -> &[u8] {
        match self {
            Value::Text(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            Value::View(view) => view.as_slice(),
        }
    }
}

/// The values of Bind or FunctionCall, each with its format.
pub type Values<'a> = Vec<(Option<Value<'a>>, i16)>;

pub fn values<'a>(
    objects: &'a [Bound<'_, PyAny>],
    given: Option<Object<'_, '_>>,
) -> Result<Values<'a>, Problem> {
    check_count(objects.len())?;
    let mut values = Vec::with_capacity(objects.len());
    for object in objects {
        let value = (!object.is_none())
            .then(|| Value::get(object))
            .transpose()?;
        let format = i16::from(!matches!(value, Some(Value::Text(_))));
        values.push((value, format));
    }
    if let Some(given) = given {
        let formats = formats(given)?;
        match *formats {
            [] => values.iter_mut().for_each(|(_, format)| *format = 0),
            [one] => values.iter_mut().for_each(|(_, format)| *format = one),
            _ if formats.len() == values.len() => {
                for ((_, format), given) in values.iter_mut().zip(formats) {
                    *format = given;
                }
            }
            _ => {
                let (count, formats) = (values.len(), formats.len());
                return Err(Problem::Unfit(format!(
                    "{formats} format codes for {count} values"
                )));
            }
        }
    }
    Ok(values)
}

pub fn parameters<'a>(values: &'a Values<'_>) -> Vec<Parameter<'a>> {
    values
        .iter()
        .map(|(value, format)| Parameter {
            value: value.as_ref().map(Value::as_slice),
            format: *format,
        })
        .collect()
}

pub fn formats(codes: Object<'_, '_>) -> Result<Vec<i16>, Problem> {
    let codes = items(codes)?;
    check_count(codes.len())?;
    codes.iter().map(format).collect()
}

pub fn format(code: Object<'_, '_>) -> Result<i16, Problem> {
    match integer(code, "Int16")? {
        code @ (0 | 1) => Ok(code),
        _ => Err(Problem::Unfit("a format code must be 0 or 1".into())),
    }
}

/// An argument that may be left out; unlike with `Option`, None is a value.
pub struct Given<'a, 'py>(pub Option<Borrowed<'a, 'py, PyAny>>);

impl<'a, 'py> FromPyObject<'a, 'py> for Given<'a, 'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Given(Some(object)))
    }
}

impl<'a, 'py> Given<'a, 'py> {
    /// What `read` makes of it, or the default of its type.
    pub fn or_default<'b, T: Default>(
        &'b self,
        read: impl FnOnce(&'b Bound<'py, PyAny>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.0
            .as_ref()
            .map_or(Ok(T::default()), |object| read(object))
    }
}

/// Memory that an object offers as contiguous bytes, kept until this is dropped.
pub struct View(Box<ffi::Py_buffer>);

impl View {
    pub fn get(object: Object<'_, '_>, flags: c_int) -> PyResult<Self> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: `view` is fresh memory that does not move until it is released.
        if unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &mut *view, flags) } == 0 {
            Ok(View(view))
        } else {
            Err(PyErr::fetch(object.py()))
        }
    }

    pub fn len(&self) -> usize {
        usize::try_from(self.0.len).unwrap_or(0)
    }

    pub fn pointer(&self) -> *mut u8 {
        self.0.buf.cast()
    }

    pub fn as_slice(&self) -> &[u8] {
        if self.len() == 0 {
            return &[];
        }
        // SAFETY: the exporter keeps so many bytes in place until the view is released; its owner must not write to them meanwhile,
        // which the GIL sees to.
        unsafe { std::slice::from_raw_parts(self.pointer(), self.len()) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: it was filled by PyObject_GetBuffer, and views only live inside calls from Python.
        unsafe { ffi::PyBuffer_Release(&mut *self.0) };
    }
}
