//! `Responder`: a handler's coroutine run, and its short result encoded, in one step.
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyList, PyTuple, PyType};

use crate::buffers;
use crate::rows::RowEncoder;
use crate::shape::{Shape, Slot};

/// See `pgwire_py._impl.interface.Responder`.
#[pyclass(module = "pgwire_py._native")]
pub struct Responder {
    function: Py<PyAny>,
    query: Shape<5>,
    session: Py<PyAny>,
    result_class: Py<PyType>,
    columns: Slot,
    rows: Slot,
    tag: Slot,
    context: Py<PyAny>,
    event_loop: Py<PyAny>,
    task: Py<PyAny>,
    tails: Py<PyTuple>,
    max_bytes: usize,
    outcome: Option<Py<PyAny>>,
}

#[pymethods]
impl Responder {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "made once for a session")]
    fn new(
        function: Py<PyAny>,
        query_class: &Bound<'_, PyType>,
        result_class: &Bound<'_, PyType>,
        session: Py<PyAny>,
        context: Py<PyAny>,
        event_loop: Py<PyAny>,
        task: Py<PyAny>,
        tails: Py<PyTuple>,
        max_bytes: usize,
    ) -> PyResult<Self> {
        Ok(Responder {
            function,
            query: Shape::of(
                query_class,
                [
                    "sql",
                    "parameters",
                    "parameter_types",
                    "session",
                    "describing",
                ],
            )?,
            session,
            columns: Slot::load(result_class, "columns")?,
            rows: Slot::load(result_class, "rows")?,
            tag: Slot::load(result_class, "tag")?,
            result_class: result_class.clone().unbind(),
            context,
            event_loop,
            task,
            tails,
            max_bytes,
            outcome: None,
        })
    }

    /// Taking it leaves None.
    #[getter]
    fn outcome(&mut self) -> Option<Py<PyAny>> {
        self.outcome.take()
    }

    fn answer<'py>(
        slf: &Bound<'py, Self>,
        sql: &Bound<'py, PyAny>,
        parameters: &Bound<'py, PyAny>,
        parameter_types: &Bound<'py, PyAny>,
        columns: Option<&Bound<'py, PyTuple>>,
        encoder: Option<&Bound<'py, RowEncoder>>,
        head: &Bound<'py, PyBytes>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let this = slf.borrow();
        let query = this.query.make(
            py,
            [
                sql.clone(),
                parameters.clone(),
                parameter_types.clone(),
                this.session.bind(py).clone(),
                PyBool::new(py, false).to_owned().into_any(),
            ],
        )?;
        let outcome = this.call(py, &query)?;
        if let (Some(columns), Some(encoder)) = (columns, encoder)
            && let Ok(Some(answer)) = this.encode(&outcome, columns, encoder.get(), head)
        {
            return Ok(Some(answer));
        }
        drop(this);
        slf.borrow_mut().outcome = Some(outcome.unbind());
        Ok(None)
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        visit.call(&self.function)?;
        visit.call(&self.session)?;
        visit.call(&self.context)?;
        visit.call(&self.event_loop)?;
        visit.call(&self.task)?;
        visit.call(&self.outcome)
    }

    fn __clear__(&mut self) {
        self.outcome = None;
    }
}

impl Responder {
    /// Makes the first step of the coroutine with the task and the context as the current ones.
    fn call<'py>(&self, py: Python<'py>, query: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let names = NAMES.get_or_try_init(py, || Names::load(py))?;
        let current = (self.event_loop.bind(py), self.task.bind(py));
        names.enter_task.bind(py).call1(current)?;
        // SAFETY: the context is alive; anything but a context is refused with an exception.
        let entered = unsafe { ffi::PyContext_Enter(self.context.as_ptr()) };
        let outcome = if entered < 0 {
            Err(PyErr::fetch(py))
        } else {
            let outcome = self.first_step(py, names, query);
            // SAFETY: it was entered above, by this thread.
            let left = unsafe { ffi::PyContext_Exit(self.context.as_ptr()) };
            outcome.and_then(|value| {
                if left < 0 {
                    Err(PyErr::fetch(py))
                } else {
                    Ok(value)
                }
            })
        };
        let left = names.leave_task.bind(py).call1(current);
        outcome.and_then(|value| left.map(|_| value))
    }

    fn first_step<'py>(
        &self,
        py: Python<'py>,
        names: &Names,
        query: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let coroutine = self.function.bind(py).call1((query,))?;
        // SAFETY: the object is alive.
        if unsafe { ffi::PyCoro_CheckExact(coroutine.as_ptr()) } == 0 {
            return names.suspended.bind(py).call1((coroutine,));
        }
        let mut result = std::ptr::null_mut();
        // SAFETY: a coroutine can be sent None as its first step; `result` becomes a new reference, or null with an exception set.
        let (status, result) = unsafe {
            let status = ffi::PyIter_Send(coroutine.as_ptr(), ffi::Py_None(), &mut result);
            (status, Bound::from_owned_ptr_or_opt(py, result))
        };
        match (status, result) {
            (ffi::PySendResult::PYGEN_RETURN, Some(value)) => Ok(value),
            (ffi::PySendResult::PYGEN_NEXT, Some(future)) => {
                names.suspended.bind(py).call1((coroutine, future))
            }
            _ => Err(PyErr::fetch(py)),
        }
    }

    /// The answer, where the result is a short one of these columns. What fails is told by the owner, who encodes it again.
    fn encode<'py>(
        &self,
        outcome: &Bound<'py, PyAny>,
        columns: &Bound<'py, PyTuple>,
        encoder: &RowEncoder,
        head: &Bound<'py, PyBytes>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = outcome.py();
        if !outcome.get_type().is(self.result_class.bind(py)) || !self.tag.get(outcome)?.is_none() {
            return Ok(None);
        }
        let rows = self.rows.get(outcome)?;
        let Ok(rows) = rows.cast_exact::<PyList>() else {
            return Ok(None);
        };
        let Ok(tail) = self.tails.bind(py).get_borrowed_item(rows.len()) else {
            return Ok(None);
        };
        let tail = tail.cast::<PyBytes>()?;
        let tail = tail.as_bytes();
        if !same_items(&self.columns.get(outcome)?, columns)? {
            return Ok(None);
        }
        let head = head.as_bytes();
        let mut out = buffers::take(head.len() + tail.len() + 64);
        out.extend_from_slice(head);
        if encoder
            .encode_all(rows, self.max_bytes, &mut out)?
            .is_none()
        {
            return Ok(None);
        }
        out.extend_from_slice(tail);
        buffers::give(py, out).map(Some)
    }
}

/// Whether a list or tuple has just these items.
fn same_items(given: &Bound<'_, PyAny>, items: &Bound<'_, PyTuple>) -> PyResult<bool> {
    if given.is(items) {
        return Ok(true);
    }
    if let Ok(list) = given.cast_exact::<PyList>() {
        if list.len() == items.len() && list.iter().zip(items.iter_borrowed()).all(|(a, b)| a.is(b))
        {
            return Ok(true);
        }
        return list.to_tuple().eq(items);
    }
    given
        .cast_exact::<PyTuple>()
        .map_or(Ok(false), |tuple| tuple.eq(items))
}

struct Names {
    enter_task: Py<PyAny>,
    leave_task: Py<PyAny>,
    suspended: Py<PyAny>,
}

static NAMES: PyOnceLock<Names> = PyOnceLock::new();

impl Names {
    fn load(py: Python<'_>) -> PyResult<Self> {
        let tasks = py.import("asyncio.tasks")?;
        Ok(Names {
            enter_task: tasks.getattr("_enter_task")?.unbind(),
            leave_task: tasks.getattr("_leave_task")?.unbind(),
            suspended: py
                .import("pgwire_py._impl.suspended")?
                .getattr("Suspended")?
                .unbind(),
        })
    }
}
