//! `Responder`: a handler's coroutine run, and its short result encoded, in one step.
use pgwire_py_core::statement::Statement;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyList, PyString, PyTuple, PyType};

use crate::buffers;
use crate::decoder::FrontendDecoder;
use crate::rows::RowEncoder;
use crate::shape::{Shape, Slot};
use crate::statement::batch_tuple;

/// See `pgwire_py._impl.interface.Responder`.
#[pyclass(module = "pgwire_py._native")]
pub struct Responder {
    function: Py<PyAny>,
    session: Py<PyAny>,
    classes: Classes,
    decoder: Py<FrontendDecoder>,
    plans: Py<PyDict>,
    context: Py<PyAny>,
    event_loop: Py<PyAny>,
    task: Py<PyAny>,
    tails: Py<PyTuple>,
    max_bytes: usize,
    before: Vec<Condition>,
    called: Vec<Condition>,
    after: Vec<Condition>,
    send: Py<PyAny>,
    /// The buffer that `receive` looks into, and what else is to be done with what it finds there.
    reception: Option<(Py<PyAny>, Py<PyAny>)>,
    outcome: Option<Py<PyAny>>,
}

/// What a slot of some object must be.
struct Condition {
    object: Py<PyAny>,
    slot: Slot,
    value: Py<PyAny>,
}

impl Condition {
    fn load(given: &Bound<'_, PyTuple>) -> PyResult<Vec<Self>> {
        given
            .iter()
            .map(|condition| {
                let (object, slot, value): (Bound<'_, PyAny>, String, Py<PyAny>) =
                    condition.extract()?;
                Ok(Condition {
                    slot: Slot::load(&object.get_type(), &slot)?,
                    object: object.unbind(),
                    value,
                })
            })
            .collect()
    }

    /// The value itself, or, where that is False, anything falsy.
    fn holds(&self, py: Python<'_>) -> PyResult<bool> {
        let found = self.slot.get(self.object.bind(py))?;
        Ok(found.is(&self.value)
            || (self.value.is(PyBool::new(py, false).as_any()) && !found.is_truthy()?))
    }

    fn all(conditions: &[Self], py: Python<'_>) -> PyResult<bool> {
        for condition in conditions {
            if !condition.holds(py)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The fields that are read and written of the classes given.
struct Classes {
    query: Shape<5>,
    result: Py<PyType>,
    columns: Slot,
    rows: Slot,
    tag: Slot,
    text: Slot,
    takes: Slot,
    shapes: Slot,
    shape_columns: Slot,
    encoder: Slot,
    row_description: Slot,
}

impl Classes {
    fn load(classes: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let [query, result, plan, shape]: [Bound<'_, PyType>; 4] = classes.extract()?;
        let fields = [
            "sql",
            "parameters",
            "parameter_types",
            "session",
            "describing",
        ];
        Ok(Classes {
            query: Shape::of(&query, fields)?,
            columns: Slot::load(&result, "columns")?,
            rows: Slot::load(&result, "rows")?,
            tag: Slot::load(&result, "tag")?,
            result: result.unbind(),
            text: Slot::load(&plan, "text")?,
            takes: Slot::load(&plan, "parameters")?,
            shapes: Slot::load(&plan, "shapes")?,
            shape_columns: Slot::load(&shape, "columns")?,
            encoder: Slot::load(&shape, "encoder")?,
            row_description: Slot::load(&shape, "row_description")?,
        })
    }
}

#[pymethods]
impl Responder {
    #[new]
    fn new(
        handler: (Py<PyAny>, Py<PyAny>),
        classes: &Bound<'_, PyTuple>,
        decoder: Py<FrontendDecoder>,
        plans: Py<PyDict>,
        current: (Py<PyAny>, Py<PyAny>, Py<PyAny>),
        bounds: (Py<PyTuple>, usize),
        sending: (
            Bound<'_, PyTuple>,
            Bound<'_, PyTuple>,
            Bound<'_, PyTuple>,
            Py<PyAny>,
        ),
    ) -> PyResult<Self> {
        let (function, session) = handler;
        let (context, event_loop, task) = current;
        let (tails, max_bytes) = bounds;
        let (before, called, after, send) = sending;
        Ok(Responder {
            function,
            session,
            classes: Classes::load(classes)?,
            decoder,
            plans,
            context,
            event_loop,
            task,
            tails,
            max_bytes,
            before: Condition::load(&before)?,
            called: Condition::load(&called)?,
            after: Condition::load(&after)?,
            send,
            reception: None,
            outcome: None,
        })
    }

    #[getter]
    fn begun(&self) -> bool {
        self.outcome.is_some()
    }

    /// Taking it leaves nothing begun.
    #[getter]
    fn outcome(&mut self) -> Option<Py<PyAny>> {
        self.outcome.take()
    }

    fn receive_from(&mut self, buffer: Py<PyAny>, otherwise: Py<PyAny>) {
        self.reception = Some((buffer, otherwise));
    }

    fn receive(slf: &Bound<'_, Self>, size: isize) -> PyResult<()> {
        let py = slf.py();
        let Some((buffer, otherwise)) = (slf.borrow().reception.as_ref())
            .map(|(buffer, otherwise)| (buffer.clone_ref(py), otherwise.clone_ref(py)))
        else {
            return Err(PyTypeError::new_err("there is no buffer to receive from"));
        };
        let answer = match Responder::answer(slf, buffer.bind(py), size) {
            Ok(Some(answer)) if answer.is(PyBool::new(py, true).as_any()) => return Ok(()),
            Ok(answer) => answer.into_pyobject(py)?,
            Err(error) => error.into_value(py).into_bound(py).into_any(),
        };
        otherwise.call1(py, (answer, size)).map(|_| ())
    }

    #[pyo3(signature = (data, size = -1), text_signature = "(self, data, size=-1)")]
    fn answer<'py>(
        slf: &Bound<'py, Self>,
        data: &Bound<'py, PyAny>,
        size: isize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let this = slf.borrow();
        if !Condition::all(&this.before, py)? {
            return Ok(None);
        }
        let until = |all: usize| usize::try_from(size).unwrap_or(all).min(all);
        let copied;
        let bytes = if let Ok(data) = data.cast::<PyBytes>() {
            &data.as_bytes()[..until(data.as_bytes().len())]
        } else {
            let data = data.cast::<PyByteArray>()?;
            // SAFETY: nothing of Python runs, and so nothing changes the bytes, while they are copied.
            copied = unsafe { data.as_bytes()[..until(data.len())].to_vec() };
            &copied
        };
        let decoder = this.decoder.bind(py).borrow();
        let query = match decoder.inner.read_statement(bytes) {
            None => return Ok(None),
            Some(Statement::Batch(batch)) => return batch_tuple(py, batch).map(Some),
            Some(Statement::Query(query)) => query,
        };
        let plan = this.plans.bind(py).get_item(PyString::new(py, query))?;
        drop(decoder); // the handler may come back to it
        let Some(plan) = plan else {
            return Ok(None);
        };
        let classes = &this.classes;
        if classes.takes.get(&plan)?.is_truthy()? {
            return Ok(None);
        }
        let none = PyTuple::empty(py);
        let sql = classes.text.get(&plan)?;
        let outcome = this.call(py, sql, none.as_any(), none.as_any())?;
        let shapes = classes.shapes.get(&plan)?;
        if let Some(shape) = shapes.cast::<PyDict>()?.get_item(&none)? {
            let columns = classes.shape_columns.get(&shape)?;
            let encoder = classes.encoder.get(&shape)?;
            let head = classes.row_description.get(&shape)?;
            let answer = this.encode(
                &outcome,
                columns.cast()?,
                encoder.cast::<RowEncoder>()?.get(),
                head.cast()?,
            );
            if let Some(answer) = unless_refused(py, answer)? {
                if !Condition::all(&this.after, py)? {
                    return Ok(Some(answer));
                }
                this.send.bind(py).call1((answer,))?;
                return Ok(Some(PyBool::new(py, true).to_owned().into_any()));
            }
        }
        drop(this);
        slf.borrow_mut().outcome = Some(outcome.unbind());
        Ok(None)
    }

    fn answer_batch<'py>(
        slf: &Bound<'py, Self>,
        sql: Bound<'py, PyAny>,
        parameters: &Bound<'py, PyAny>,
        parameter_types: &Bound<'py, PyAny>,
        columns: Option<&Bound<'py, PyTuple>>,
        encoder: Option<&Bound<'py, RowEncoder>>,
        head: &Bound<'py, PyBytes>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let this = slf.borrow();
        let outcome = this.call(slf.py(), sql, parameters, parameter_types)?;
        if let (Some(columns), Some(encoder)) = (columns, encoder)
            && let Some(answer) = unless_refused(
                slf.py(),
                this.encode(&outcome, columns, encoder.get(), head),
            )?
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
        visit.call(&self.send)?;
        if let Some((buffer, otherwise)) = &self.reception {
            visit.call(buffer)?;
            visit.call(otherwise)?;
        }
        for condition in (self.before.iter()).chain(&self.called).chain(&self.after) {
            visit.call(&condition.object)?;
        }
        visit.call(&self.outcome)
    }

    fn __clear__(&mut self) {
        self.outcome = None;
        self.reception = None;
    }
}

impl Responder {
    /// Calls the function and makes the first step of its coroutine, with the task and the context as the current ones.
    fn call<'py>(
        &self,
        py: Python<'py>,
        sql: Bound<'py, PyAny>,
        parameters: &Bound<'py, PyAny>,
        parameter_types: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let query = self.classes.query.make(
            py,
            [
                sql,
                parameters.clone(),
                parameter_types.clone(),
                self.session.bind(py).clone(),
                PyBool::new(py, false).to_owned().into_any(),
            ],
        )?;
        let names = NAMES.get_or_try_init(py, || Names::load(py))?;
        let current = (self.event_loop.bind(py), self.task.bind(py));
        names.enter_task.bind(py).call1(current)?;
        // SAFETY: the context is alive; anything but a context is refused with an exception.
        let entered = unsafe { ffi::PyContext_Enter(self.context.as_ptr()) };
        let outcome = if entered < 0 {
            Err(PyErr::fetch(py))
        } else {
            let outcome = self.first_step(py, names, &query);
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
        if !outcome.get_type().is(self.classes.result.bind(py))
            || !self.classes.tag.get(outcome)?.is_none()
            || !Condition::all(&self.called, py)?
        {
            return Ok(None);
        }
        let rows = self.classes.rows.get(outcome)?;
        let Ok(rows) = rows.cast_exact::<PyList>() else {
            return Ok(None);
        };
        let Ok(tail) = self.tails.bind(py).get_borrowed_item(rows.len()) else {
            return Ok(None);
        };
        let tail = tail.cast::<PyBytes>()?;
        let tail = tail.as_bytes();
        if !same_items(&self.classes.columns.get(outcome)?, columns)? {
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

/// `None` for an exception that encoding once more brings up again; KeyboardInterrupt and the like would be lost.
fn unless_refused<T>(py: Python<'_>, answer: PyResult<Option<T>>) -> PyResult<Option<T>> {
    match answer {
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(None),
        answer => answer,
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
