//! `ArrowTable`: the batches of one result, handed out as often as is asked.
use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::SchemaRef;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::arrow_decoder::{ArrowBatch, ArrowDecoder, schema_capsule};

/// See `pgwire_py._impl.interface.ArrowTable`.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct ArrowTable {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

#[pymethods]
impl ArrowTable {
    #[new]
    fn new(decoder: &Bound<'_, ArrowDecoder>, batches: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut kept = Vec::new();
        let schema = decoder.get().inner.schema.clone();
        for batch in batches.try_iter()? {
            let batch = batch?.cast::<ArrowBatch>()?.get().batch.clone();
            if !Arc::ptr_eq(batch.schema_ref(), &schema) {
                return Err(PyValueError::new_err("a batch of another decoder"));
            }
            kept.push(batch);
        }
        Ok(ArrowTable {
            schema,
            batches: kept,
        })
    }

    #[getter]
    fn num_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    #[getter]
    fn batches<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let batches = self.batches.iter().cloned();
        PyTuple::new(
            py,
            batches
                .map(|batch| ArrowBatch { batch })
                .collect::<Vec<_>>(),
        )
    }

    #[getter]
    fn column_names(&self) -> Vec<String> {
        let fields = self.schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    fn __len__(&self) -> usize {
        self.num_rows()
    }

    fn __repr__(&self) -> String {
        let (rows, columns) = (self.num_rows(), self.schema.fields().len());
        format!("<ArrowTable of {rows} rows and {columns} columns>")
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.schema)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches: Vec<_> = self.batches.iter().cloned().map(Ok).collect();
        let reader = RecordBatchIterator::new(batches, self.schema.clone());
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }
}
