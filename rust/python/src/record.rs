//! `Record`: a row's values with the column names that all rows of a result share.
use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyAttributeError, PyKeyError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyString, PyTuple};

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

/// See `pgwire_py._impl.interface.Record`.
#[pyclass(frozen, weakref, module = "pgwire_py")]
pub struct Record {
    names: Py<Names>,
    values: Py<PyTuple>,
}

impl Record {
    /// As many values as names.
    pub fn make(names: &Py<Names>, values: Bound<'_, PyTuple>) -> PyResult<Py<Record>> {
        let py = values.py();
        let record = Record {
            names: names.clone_ref(py),
            values: values.unbind(),
        };
        Py::new(py, record)
    }

    pub fn tuple<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyTuple> {
        self.values.bind(py)
    }

    fn value<'py>(&self, name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = name.py();
        match self.names.get().positions.bind(py).get_item(name)? {
            Some(position) => self.values.bind(py).as_any().get_item(position).map(Some),
            None => Ok(None),
        }
    }
}

#[pymethods]
impl Record {
    #[new]
    fn new(names: &Bound<'_, PyAny>, values: &Bound<'_, PyAny>) -> PyResult<Record> {
        let py = names.py();
        let names = Names::new(names)?;
        let values = PyTuple::new(py, values.try_iter()?.collect::<PyResult<Vec<_>>>()?)?;
        let (expected, given) = (names.names.bind(py).len(), values.len());
        if expected != given {
            let message = format!("{given} values, but there are {expected} columns");
            return Err(PyValueError::new_err(message));
        }
        Ok(Record {
            names: Py::new(py, names)?,
            values: values.unbind(),
        })
    }

    fn keys<'py>(&self, py: Python<'py>) -> Bound<'py, PyTuple> {
        self.names.get().names.bind(py).clone()
    }

    fn values<'py>(&self, py: Python<'py>) -> Bound<'py, PyTuple> {
        self.values.bind(py).clone()
    }

    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let names = self.names.get().names.bind(py).iter();
        PyTuple::new(py, names.zip(self.values.bind(py)).collect::<Vec<_>>())
    }

    #[pyo3(signature = (name, default = None, /))]
    fn get<'py>(
        &self,
        name: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.value(name)?.or(default))
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if key.is_instance_of::<PyString>() {
            return self
                .value(key)?
                .ok_or_else(|| PyKeyError::new_err(key.clone().unbind()));
        }
        self.values.bind(key.py()).as_any().get_item(key)
    }

    /// A column first: what is no column is asked of the class, which costs more to refuse.
    fn __getattribute__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let record = slf.get();
        if let Some(position) = record.names.get().attributes.bind(py).get_item(name)? {
            return record.values.bind(py).as_any().get_item(position);
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

    fn __len__(&self, py: Python<'_>) -> usize {
        self.values.bind(py).len()
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.names.get().positions.bind(key.py()).contains(key)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.values.bind(py).try_iter()
    }

    fn __richcmp__<'py>(
        &self,
        other: &Bound<'py, PyAny>,
        operator: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        let values = self.values.bind(py);
        if let Ok(record) = other.cast::<Record>() {
            return values.rich_compare(record.get().values.bind(py), operator);
        }
        if other.is_instance_of::<PyTuple>() {
            return values.rich_compare(other, operator);
        }
        Ok(py.NotImplemented().into_bound(py))
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.values.bind(py).hash()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut text = String::from("<Record");
        for (name, value) in self
            .names
            .get()
            .names
            .bind(py)
            .iter()
            .zip(self.values.bind(py))
        {
            text.push_str(&format!(
                " {}={}",
                name.str()?.to_string_lossy(),
                value.repr()?.to_string_lossy()
            ));
        }
        text.push('>');
        Ok(text)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let restore = py
            .import("pgwire_py._impl.restore")?
            .getattr("restore_record")?;
        let arguments = (self.names.get().names.bind(py), self.values.bind(py));
        Ok((restore, arguments).into_pyobject(py)?.into_any())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.values)
    }
}
