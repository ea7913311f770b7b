//! `Gatherer`, `Gathering`, `Pending`: statements of a pipeline, gathered until they are sent, and what came of them.
use pyo3::exceptions::PyBaseException;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple, PyType};

use crate::arguments::Given;

/// See `pgwire_py._impl.interface.Gatherer`.
#[pyclass(subclass, module = "pgwire_py._native")]
pub struct Gatherer {
    gathering: Option<Py<Gathering>>,
    runs: Vec<Run>,
    count: usize,
}

/// Statements alike, one behind the other.
struct Run {
    query: Py<PyAny>,
    limit: i32,
    arguments: Py<PyList>,
}

#[pymethods]
impl Gatherer {
    #[new]
    #[pyo3(signature = (*_args), text_signature = "(*args)")]
    fn new(_args: &Bound<'_, PyTuple>) -> Self {
        Gatherer {
            gathering: None,
            runs: Vec::new(),
            count: 0,
        }
    }

    /// All rows.
    #[pyo3(signature = (query, *args))]
    fn fetch<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, Pending>> {
        Self::add(slf, query, args, 0, Wanted::Rows)
    }

    /// The first row, or None.
    #[pyo3(signature = (query, *args))]
    fn fetchrow<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, Pending>> {
        Self::add(slf, query, args, 1, Wanted::Row)
    }

    /// One value of the first row, or None.
    #[pyo3(signature = (query, *args, column = Given(None)), text_signature = "($self, query, *args, column=0)")]
    fn fetchval<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        column: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, Pending>> {
        let column = match column.0 {
            Some(column) => column.as_any().clone().unbind(),
            None => 0_i32.into_pyobject(slf.py())?.into_any().unbind(),
        };
        Self::add(slf, query, args, 1, Wanted::Value(column))
    }

    /// The command tag of one statement.
    #[pyo3(signature = (query, *args))]
    fn execute<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, Pending>> {
        Self::add(slf, query, args, 0, Wanted::Tag)
    }

    #[pyo3(name = "_gathered")]
    fn gathered<'py>(
        &mut self,
        py: Python<'py>,
    ) -> PyResult<Option<(Py<Gathering>, Bound<'py, PyList>)>> {
        let Some(gathering) = self.gathering.take() else {
            return Ok(None);
        };
        self.count = 0;
        let runs = std::mem::take(&mut self.runs).into_iter();
        let runs = runs.map(|run| (run.query, run.limit, run.arguments));
        Ok(Some((gathering, PyList::new(py, runs)?)))
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        for run in &self.runs {
            visit.call(&run.query)?;
            visit.call(&run.arguments)?;
        }
        visit.call(&self.gathering)
    }

    fn __clear__(&mut self) {
        self.runs.clear();
        self.gathering = None;
    }
}

impl Gatherer {
    #[inline]
    fn add<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        limit: i32,
        wanted: Wanted,
    ) -> PyResult<Bound<'py, Pending>> {
        let py = slf.py();
        let mut this = slf.borrow_mut();
        match this.runs.last() {
            Some(last) if last.limit == limit && alike(last.query.bind(py), query)? => {
                last.arguments.bind(py).append(args)?;
            }
            _ => {
                let arguments = PyList::new(py, [args])?.unbind();
                let query = query.clone().unbind();
                this.runs.push(Run {
                    query,
                    limit,
                    arguments,
                });
            }
        }
        let gathering = match &this.gathering {
            Some(gathering) => gathering.clone_ref(py),
            None => {
                let owner = Some(slf.as_any().clone().unbind());
                let made = Py::new(py, Gathering { owner, found: None })?;
                this.gathering.insert(made).clone_ref(py)
            }
        };
        let number = this.count;
        this.count += 1;
        drop(this);
        Pending::made(py, gathering, number, wanted)
    }
}

/// Whether both are the same text; of an object that is no text itself only that it is the very same. No Python code runs.
fn alike(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
    if one.is(other) {
        return Ok(true);
    }
    if other.cast_exact::<PyString>().is_err() || one.cast_exact::<PyString>().is_err() {
        return Ok(false);
    }
    one.eq(other)
}

/// See `pgwire_py._impl.interface.Gathering`.
#[pyclass(module = "pgwire_py._native")]
pub struct Gathering {
    /// None only where it is being collected.
    owner: Option<Py<PyAny>>,
    #[pyo3(get, set)]
    found: Option<Py<PyList>>,
}

#[pymethods]
impl Gathering {
    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        visit.call(&self.owner)?;
        visit.call(&self.found)
    }

    fn __clear__(&mut self) {
        self.owner = None;
        self.found = None;
    }
}

impl Gathering {
    /// What was found for a statement.
    fn outcome<'py>(&self, py: Python<'py>, number: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(found) = &self.found else {
            return Ok(None);
        };
        let found = found.bind(py).get_item(number)?;
        Ok((!found.is_none()).then_some(found))
    }

    fn owner<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        let owner = self.owner.as_ref().map(|owner| owner.bind(py).clone());
        owner.unwrap_or_else(|| py.None().into_bound(py))
    }
}

/// What is wanted of a statement.
enum Wanted {
    Rows,
    Row,
    Value(Py<PyAny>),
    Tag,
}

/// A statement of a pipeline: `result()`, or `await`, when the pipeline has run.
///
/// It keeps the results of all statements that ran with it.
#[pyclass(frozen, freelist = 2048, module = "pgwire_py._native")]
pub struct Pending {
    gathering: Py<Gathering>,
    number: usize,
    wanted: Wanted,
}

impl Pending {
    /// Of a large batch there are as many, but for their memory: most of it is used again, so that they are no reason to look for garbage,
    /// which in a large program takes longer than the batch.
    fn made(
        py: Python<'_>,
        gathering: Py<Gathering>,
        number: usize,
        wanted: Wanted,
    ) -> PyResult<Bound<'_, Self>> {
        let made = Bound::new(
            py,
            Pending {
                gathering,
                number,
                wanted,
            },
        )?;
        // SAFETY: the object is whole, and of a type that is collected. Where its memory is used again, nobody has tracked it yet.
        unsafe {
            if ffi::PyObject_GC_IsTracked(made.as_ptr()) == 0 {
                ffi::PyObject_GC_Track(made.as_ptr().cast());
            }
        }
        Ok(made)
    }
}

#[pymethods]
impl Pending {
    /// What it gave; raises its error, or InterfaceError where the pipeline has not run yet.
    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Some(found) = self.gathering.bind(py).borrow().outcome(py, self.number)? else {
            let owner = self.gathering.bind(py).borrow().owner(py);
            let error = owner.call_method0(intern!(py, "_unready"))?;
            return Err(PyErr::from_value(error));
        };
        let Ok(found) = found.cast::<PyTuple>() else {
            return Err(PyErr::from_value(found));
        };
        if let Wanted::Tag = self.wanted {
            let tag = found.get_item(1)?.cast_into::<PyBytes>()?;
            return Ok(PyString::new(py, &String::from_utf8_lossy(tag.as_bytes())).into_any());
        }
        let rows = found.get_item(0)?.cast_into::<PyList>()?;
        match &self.wanted {
            // An empty one may be several statements'.
            Wanted::Rows if rows.is_empty() => Ok(PyList::empty(py).into_any()),
            Wanted::Rows => Ok(rows.into_any()),
            _ if rows.is_empty() => Ok(py.None().into_bound(py)),
            Wanted::Value(column) => rows.get_item(0)?.get_item(column),
            _ => rows.get_item(0),
        }
    }

    /// Its error, None if there is none.
    fn exception<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let gathering = self.gathering.bind(py);
        let found = gathering.borrow().outcome(py, self.number)?;
        Ok(found.filter(|found| found.is_instance_of::<PyBaseException>()))
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        let gathering = this.gathering.bind(py).borrow();
        let done = gathering.outcome(py, this.number)?.is_some();
        let owner = gathering.owner(py);
        drop(gathering);
        let settling = owner.call_method1(intern!(py, "_settle"), (slf, done))?;
        settling.call_method0(intern!(py, "__await__"))
    }

    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let types = class.py().import("types")?;
        types.getattr("GenericAlias")?.call1((class, item))
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        visit.call(&self.gathering)?;
        match &self.wanted {
            Wanted::Value(column) => visit.call(column),
            _ => Ok(()),
        }
    }
}
