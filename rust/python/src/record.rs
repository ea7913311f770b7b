//! `Record`: a row's values with the column names that all rows of a result share.
use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyAttributeError, PyKeyError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyIterator, PyString, PyTuple};

use crate::{make, record_object};

/// The names of a result's columns, made once for all its records.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct Names {
    names: Py<PyTuple>,
    /// Name → position; of columns with the same name, the last one's.
    positions: Py<PyDict>,
    /// The same for those that are attributes.
    attributes: Py<PyDict>,
}

/// Attributes that every record has.
fn is_taken(name: &str) -> bool {
    matches!(name, "keys" | "values" | "items" | "get")
        || (name.starts_with("__") && name.ends_with("__"))
}

impl Names {
    pub fn new(names: &Bound<'_, PyAny>) -> PyResult<Names> {
        let py = names.py();
        if names.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err(
                "column names must be a sequence of str",
            ));
        }
        let names = names.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        let positions = PyDict::new(py);
        let attributes = PyDict::new(py);
        for (position, name) in names.iter().enumerate() {
            let Ok(text) = name.cast::<PyString>() else {
                return Err(PyTypeError::new_err(
                    "column names must be a sequence of str",
                ));
            };
            positions.set_item(name, position)?;
            if !is_taken(&text.to_string_lossy()) {
                attributes.set_item(name, position)?;
            }
        }
        Ok(Names {
            names: PyTuple::new(py, names)?.unbind(),
            positions: positions.unbind(),
            attributes: attributes.unbind(),
        })
    }

    pub fn tuple<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyTuple> {
        self.names.bind(py)
    }

    pub fn distinct(&self, py: Python<'_>) -> usize {
        self.positions.bind(py).len()
    }
}

/// See `pgwire_py._impl.interface.Record`; the methods alone, see [`record_object`].
#[pyclass(frozen, subclass, module = "pgwire_py")]
pub struct Record;

/// The values, as a tuple of their own.
pub fn tuple_of<'py>(record: &Bound<'py, Record>) -> PyResult<Bound<'py, PyTuple>> {
    let mut row = make::Row::new(record.py(), record_object::size(record))?;
    let mut position = 0;
    while let Some(value) = record_object::item(record, position) {
        row.push(value);
        position += 1;
    }
    Ok(row.finish())
}

/// The value at what a dictionary of positions says.
fn at<'py>(
    record: &Bound<'py, Record>,
    position: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(record_object::item(record, position.extract()?))
}

fn value<'py>(
    record: &Bound<'py, Record>,
    name: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let positions = record_object::names(record).positions.bind(name.py());
    match positions.get_item(name)? {
        Some(position) => at(record, &position),
        None => Ok(None),
    }
}

#[pymethods]
impl Record {
    #[new]
    fn make<'py>(
        names: &Bound<'py, PyAny>,
        values: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = names.py();
        let names = Names::new(names)?;
        let values = values.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        let (expected, given) = (names.names.bind(py).len(), values.len());
        if expected != given {
            let message = format!("{given} values, but there are {expected} columns");
            return Err(PyValueError::new_err(message));
        }
        let names = Py::new(py, names)?;
        let mut row = make::Row::record(&names, record_object::class(py)?, given)?;
        for value in values {
            row.push(value);
        }
        Ok(row.finish())
    }

    fn keys<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyTuple> {
        record_object::names(slf).names.bind(slf.py()).clone()
    }

    fn values<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        tuple_of(slf)
    }

    fn items<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let names = Self::keys(slf);
        PyTuple::new(
            slf.py(),
            names.iter().zip(&tuple_of(slf)?).collect::<Vec<_>>(),
        )
    }

    #[pyo3(signature = (name, default = None, /))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(value(slf, name)?.or(default))
    }

    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if key.is_instance_of::<PyString>() {
            return value(slf, key)?.ok_or_else(|| PyKeyError::new_err(key.clone().unbind()));
        }
        if let Ok(number) = key.cast_exact::<PyInt>()
            && let Ok(position) = number.extract::<usize>()
            && let Some(value) = record_object::item(slf, position)
        {
            return Ok(value);
        }
        tuple_of(slf)?.as_any().get_item(key)
    }

    /// A column first: what is no column is asked of the class, which costs more to refuse.
    fn __getattribute__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let attributes = record_object::names(slf).attributes.bind(py);
        if let Some(position) = attributes.get_item(name)?
            && let Some(value) = at(slf, &position)?
        {
            return Ok(value);
        }
        // SAFETY: both pointers are alive while borrowed; the result is a new reference, or null with an error set.
        unsafe {
            let made = ffi::PyObject_GenericGetAttr(slf.as_ptr(), name.as_ptr());
            Bound::from_owned_ptr_or_err(py, made)
        }
    }

    /// Called where `__getattribute__` found nothing.
    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let message = format!(
            "the record has no column {}",
            name.repr()?.to_string_lossy()
        );
        Err(PyAttributeError::new_err(message))
    }

    fn __len__(slf: &Bound<'_, Self>) -> usize {
        record_object::size(slf)
    }

    fn __contains__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let positions = record_object::names(slf).positions.bind(key.py());
        positions.contains(key)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyIterator>> {
        tuple_of(slf)?.try_iter()
    }

    fn __richcmp__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        operator: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Ok(record) = other.cast::<Record>() {
            return tuple_of(slf)?.rich_compare(tuple_of(record)?, operator);
        }
        if other.is_instance_of::<PyTuple>() {
            return tuple_of(slf)?.rich_compare(other, operator);
        }
        let py = other.py();
        Ok(py.NotImplemented().into_bound(py))
    }

    fn __hash__(slf: &Bound<'_, Self>) -> PyResult<isize> {
        tuple_of(slf)?.hash()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let mut text = String::from("<Record");
        for (name, value) in Self::keys(slf).iter().zip(&tuple_of(slf)?) {
            text.push_str(&format!(
                " {}={}",
                name.str()?.to_string_lossy(),
                value.repr()?.to_string_lossy()
            ));
        }
        text.push('>');
        Ok(text)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let restore = py
            .import("pgwire_py._impl.restore")?
            .getattr("restore_record")?;
        let arguments = (Self::keys(slf), tuple_of(slf)?);
        Ok((restore, arguments).into_pyobject(py)?.into_any())
    }
}
