//! One statement that came as a batch in one piece, as a tuple.
use pgwire_py_core::statement::Batch;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::decoder::tuple;

/// `pgwire_py._impl.interface.Batch`.
pub fn batch_tuple<'py>(py: Python<'py>, batch: Batch<'_>) -> PyResult<Bound<'py, PyAny>> {
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
