//! Arrow by the PyCapsule interface: a stream or array of anyone's → DataRow messages, with the GIL released.
use std::ffi::CStr;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ffi::{FFI_ArrowArray, from_ffi};
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader, StructArray};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, DataType, Schema};
use pgwire_py_core::arrow::{Encoder, Failure, columns, producer_error};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyTuple};

use crate::buffers;
use crate::extract::{failure, postgres_error};
use crate::text_style::TextStyle;

#[pyclass(frozen, module = "pgwire_py._native")]
pub struct ArrowEncoder {
    encoder: Mutex<Encoder>,
    #[pyo3(get)]
    columns: Vec<(String, u32)>,
}

#[pymethods]
impl ArrowEncoder {
    #[new]
    #[pyo3(signature = (source, formats, style = None))]
    fn new(
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        formats: Vec<i64>,
        style: Option<&Bound<'_, TextStyle>>,
    ) -> PyResult<Self> {
        let reader = open(source)?;
        let style = style.map(|style| Arc::clone(&style.get().style));
        let encoder = Encoder::new(reader, &formats, style).map_err(|error| raise(py, error))?;
        let columns = columns(&encoder.schema());
        Ok(ArrowEncoder {
            encoder: Mutex::new(encoder),
            columns,
        })
    }

    fn encode<'py>(
        &self,
        py: Python<'py>,
        max_rows: usize,
        max_bytes: usize,
    ) -> PyResult<(Bound<'py, PyAny>, usize, bool)> {
        let (out, result) = py.detach(|| {
            let mut out = buffers::take(max_bytes.min(1 << 20));
            // A poisoned lock only means that a panic was reported before; the encoder's place is still good.
            let mut encoder = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
            let result = encoder.encode(max_rows, max_bytes, &mut out);
            (out, result)
        });
        let (rows, ended) = result.map_err(|error| raise(py, error))?;
        Ok((buffers::give(py, out)?, rows, ended))
    }
}

#[pyfunction]
pub fn arrow_columns(schema: &Bound<'_, PyAny>) -> PyResult<Vec<(String, u32)>> {
    if !schema.hasattr("__arrow_c_schema__")? {
        return Ok(columns(&open(schema)?.schema()));
    }
    let capsule = schema.call_method0("__arrow_c_schema__")?;
    let pointer = pointer::<FFI_ArrowSchema>(&capsule, c"arrow_schema")?;
    // SAFETY: a capsule of this name holds a valid ArrowSchema, which stays its own; it lives while `capsule` does.
    let imported = Schema::try_from(unsafe { &*pointer });
    Ok(columns(
        &imported.map_err(|error| not_a_table(schema.py(), &error))?,
    ))
}

/// The batches of an object with `__arrow_c_stream__` or `__arrow_c_array__`.
fn open(source: &Bound<'_, PyAny>) -> PyResult<Box<dyn RecordBatchReader + Send>> {
    let py = source.py();
    if source.hasattr("__arrow_c_stream__")? {
        let capsule = source.call_method0("__arrow_c_stream__")?;
        let pointer = pointer::<FFI_ArrowArrayStream>(&capsule, c"arrow_array_stream")?;
        // SAFETY: a capsule of this name holds a valid ArrowArrayStream; it is moved out and marked released there.
        let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer) };
        let reader = py.detach(|| RecordBatchStreamReader::try_new(stream));
        return Ok(Box::new(reader.map_err(|error| not_a_table(py, &error))?));
    }
    if source.hasattr("__arrow_c_array__")? {
        let pair = source
            .call_method0("__arrow_c_array__")?
            .cast_into::<PyTuple>()?;
        let (schema, array) = (pair.get_item(0)?, pair.get_item(1)?);
        let schema_pointer = pointer::<FFI_ArrowSchema>(&schema, c"arrow_schema")?;
        let array_pointer = pointer::<FFI_ArrowArray>(&array, c"arrow_array")?;
        // SAFETY: capsules of these names hold a valid ArrowSchema, which is only read while `schema` lives, and a valid ArrowArray of
        // that type, which is moved out and marked released there.
        let batch = unsafe { import(&*schema_pointer, FFI_ArrowArray::from_raw(array_pointer)) };
        let batch = batch.map_err(|error| not_a_table(py, &error))?;
        let schema = batch.schema();
        return Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)));
    }
    Err(postgres_error(
        py,
        "42804",
        "the source offers neither __arrow_c_stream__ nor __arrow_c_array__",
    ))
}

/// # Safety
/// `array` is a valid ArrowArray of the type that `schema` describes.
unsafe fn import(
    schema: &FFI_ArrowSchema,
    array: FFI_ArrowArray,
) -> Result<RecordBatch, ArrowError> {
    let table = Schema::try_from(schema)?;
    // SAFETY: the caller's promise.
    let data = unsafe { from_ffi(array, schema)? };
    if !matches!(data.data_type(), DataType::Struct(_)) {
        return Err(ArrowError::CDataInterface(
            "the array is not a struct".to_owned(),
        ));
    }
    RecordBatch::from(StructArray::from(data)).with_schema(table.into())
}

fn pointer<T>(capsule: &Bound<'_, PyAny>, name: &CStr) -> PyResult<*mut T> {
    Ok(capsule
        .cast::<PyCapsule>()?
        .pointer_checked(Some(name))?
        .as_ptr()
        .cast())
}

fn not_a_table(py: Python<'_>, error: &ArrowError) -> PyErr {
    let error = producer_error(error);
    postgres_error(py, error.sqlstate, &error.message)
}

fn raise(py: Python<'_>, failed: Failure) -> PyErr {
    let Failure { error, place } = failed;
    match place {
        None => postgres_error(py, error.sqlstate, &error.message),
        Some((row, column, oid)) => failure(
            py,
            "arrow_failure",
            (error.sqlstate, error.message, row, column + 1, oid),
        ),
    }
}
