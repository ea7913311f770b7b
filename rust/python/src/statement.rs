//! `read_statement`: one statement that came in one piece, as a string or a tuple.
use pgwire_py_core::statement::{Batch, Statement};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::decoder::{FrontendDecoder, tuple};

/// See `pgwire_py._impl.interface.Core.read_statement`.
#[pyfunction]
pub fn read_statement<'py>(
    decoder: &Bound<'py, FrontendDecoder>,
    data: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = data.py();
    let Ok(bytes) = data.cast::<PyBytes>() else {
        return Ok(None);
    };
    let decoder = decoder.borrow();
    match decoder.inner.read_statement(bytes.as_bytes()) {
        None => Ok(None),
        Some(Statement::Query(query)) => Ok(Some(PyString::new(py, query).into_any())),
        Some(Statement::Batch(batch)) => batch_tuple(py, batch).map(Some),
    }
}

fn batch_tuple<'py>(py: Python<'py>, batch: Batch<'_>) -> PyResult<Bound<'py, PyAny>> {
    let (query, types) = match batch.parse {
        Some((query, types)) => (PyString::new(py, query).into_any(), tuple(py, types)?),
        None => (py.None().into_bound(py), PyTuple::empty(py).into_any()),
    };
    let parameters = batch
        .parameters
        .into_iter()
        .map(|value| value.map(|raw| PyBytes::new(py, raw)));
    let items = [
        query,
        PyString::new(py, batch.statement).into_any(),
        types,
        tuple(py, batch.parameter_formats)?,
        tuple(py, parameters)?,
        tuple(py, batch.result_formats)?,
        batch.described.into_pyobject(py)?.to_owned().into_any(),
    ];
    tuple(py, items)
}
