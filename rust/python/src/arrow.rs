//! Arrow by the PyCapsule interface: a stream or array of anyone's → DataRow messages or COPY, with the GIL released.
use std::ffi::CStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pgwire_py_core::arrow::layout::Field;
use pgwire_py_core::arrow::{Encoder, Failure, Source, columns};
use pgwire_py_core::types::ValueError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyTuple};

use crate::arrow_memory::{RawArray, RawSchema, RawStream, Stream, table, table_fields, take};
use crate::buffers;
use crate::copy::{placed, raise as raise_copy};
use crate::extract::{failure, postgres_error};
use crate::rows::is_copy;
use crate::text_style::TextStyle;

/// See `pgwire_py._impl.interface.ArrowEncoder`.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct ArrowEncoder {
    encoder: Mutex<Encoder>,
    width: usize,
}

#[pymethods]
impl ArrowEncoder {
    #[new]
    #[pyo3(
        signature = (source, formats = Vec::new(), *, layout = "data_row", types = None, style = None),
        text_signature = "(source, formats=(), *, layout='data_row', types=None, style=None)"
    )]
    fn new(
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        formats: Vec<i64>,
        layout: &str,
        types: Option<Vec<u32>>,
        style: Option<&Bound<'_, TextStyle>>,
    ) -> PyResult<Self> {
        let tuples = is_copy(layout)?;
        let (fields, batches) = open(source)?;
        let style = style.map(|style| Arc::clone(&style.get().style));
        let encoder = Encoder::new(fields, batches, &formats, tuples, types.as_deref(), style)
            .map_err(|error| raise(py, error))?;
        let width = encoder.columns().len();
        Ok(ArrowEncoder {
            encoder: Mutex::new(encoder),
            width,
        })
    }

    #[getter]
    fn columns(&self, py: Python<'_>) -> Vec<(String, u32)> {
        py.detach(|| self.lock().columns())
    }

    fn ask(&self, py: Python<'_>, types: Vec<u32>) -> PyResult<()> {
        py.detach(|| self.lock().ask(&types))
            .map_err(|error| raise(py, error.into()))
    }

    fn encode<'py>(
        &self,
        py: Python<'py>,
        max_rows: usize,
        max_bytes: usize,
    ) -> PyResult<(Bound<'py, PyAny>, usize, bool)> {
        let (out, result) = py.detach(|| {
            let mut out = buffers::take(max_bytes.min(1 << 20));
            let result = self.lock().encode(max_rows, max_bytes, &mut out);
            (out, result)
        });
        let (rows, ended) = result.map_err(|error| raise(py, error))?;
        Ok((buffers::give(py, out)?, rows, ended))
    }
}

impl Drop for ArrowEncoder {
    fn drop(&mut self) {
        let encoder = self
            .encoder
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        // The producer may be Python, which must not run with the exception set that may be on its way while this object goes.
        Python::attach(|py| {
            let pending = PyErr::take(py);
            encoder.close();
            if let Some(pending) = pending {
                pending.restore(py);
            }
        });
    }
}

impl ArrowEncoder {
    /// The encoder, for one thread at a time: the GIL must not be held, for the producer may need it.
    pub fn lock(&self) -> MutexGuard<'_, Encoder> {
        // A poisoned lock only means that a panic was reported before; the encoder's place is still good.
        self.encoder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn width(&self) -> usize {
        self.width
    }
}

#[pyfunction]
pub fn arrow_columns(schema: &Bound<'_, PyAny>) -> PyResult<Vec<(String, u32)>> {
    let py = schema.py();
    let fields = if schema.hasattr("__arrow_c_schema__")? {
        let capsule = schema.call_method0("__arrow_c_schema__")?;
        let pointer = pointer::<RawSchema>(&capsule, c"arrow_schema")?;
        // SAFETY: a capsule of this name holds a valid ArrowSchema, which stays its own; it lives while `capsule` does.
        unsafe { table_fields(&*pointer) }.map_err(|error| raise(py, error.into()))?
    } else {
        open(schema)?.0
    };
    columns(&fields).map_err(|error| raise(py, error.into()))
}

/// The columns and batches of an object with `__arrow_c_stream__` or `__arrow_c_array__`.
fn open(source: &Bound<'_, PyAny>) -> PyResult<(Arc<[Field]>, Source)> {
    let py = source.py();
    let raised = |error: ValueError| raise(py, error.into());
    if source.hasattr("__arrow_c_stream__")? {
        let capsule = source.call_method0("__arrow_c_stream__")?;
        let pointer = Address(pointer::<RawStream>(&capsule, c"arrow_array_stream")?);
        let opened = py.detach(move || {
            let pointer = pointer;
            // SAFETY: a capsule of this name holds a valid ArrowArrayStream; it is moved out and marked as released there.
            unsafe { Stream::open(pointer.0) }
        });
        let mut stream = opened.map_err(raised)?;
        return Ok((stream.fields(), Box::new(move || stream.next())));
    }
    if source.hasattr("__arrow_c_array__")? {
        let pair = source.call_method0("__arrow_c_array__")?;
        let Ok(pair) = pair.cast_into::<PyTuple>() else {
            return Err(no_capsule(py, c"arrow_schema"));
        };
        let (schema, array) = (pair.get_item(0)?, pair.get_item(1)?);
        let schema_pointer = pointer::<RawSchema>(&schema, c"arrow_schema")?;
        let array_pointer = pointer::<RawArray>(&array, c"arrow_array")?;
        // SAFETY: capsules of these names hold a valid ArrowSchema, which is only read while `schema` lives, and a valid ArrowArray of
        // that type, which is moved out and marked as released there.
        let (fields, table) = unsafe {
            let fields = table_fields(&*schema_pointer).map_err(raised)?;
            let table = table(&fields, take(array_pointer)).map_err(raised)?;
            (fields, table)
        };
        let mut table = Some(table);
        return Ok((fields, Box::new(move || Ok(table.take()))));
    }
    let message = "the source offers neither __arrow_c_stream__ nor __arrow_c_array__";
    Err(postgres_error(py, "42804", message))
}

/// A pointer that may go to where the GIL is not held.
struct Address(*mut RawStream);
// SAFETY: the interface lets a stream be used from any thread, by one at a time.
unsafe impl Send for Address {}

fn pointer<T>(capsule: &Bound<'_, PyAny>, name: &CStr) -> PyResult<*mut T> {
    let found = capsule.cast::<PyCapsule>().ok();
    found
        .and_then(|capsule| capsule.pointer_checked(Some(name)).ok())
        .map(|pointer| pointer.as_ptr().cast())
        .ok_or_else(|| no_capsule(capsule.py(), name))
}

fn no_capsule(py: Python<'_>, name: &CStr) -> PyErr {
    let message = format!(
        "the source gave no capsule of name {}",
        name.to_string_lossy()
    );
    postgres_error(py, "42804", &message)
}

pub fn raise(py: Python<'_>, failed: Failure) -> PyErr {
    match failed {
        Failure::Value(error) => postgres_error(py, error.sqlstate, &error.message),
        Failure::ValueAt(error, row, column, oid) => failure(
            py,
            "arrow_failure",
            (error.sqlstate, error.message, row, column + 1, oid),
        ),
        Failure::Copy(error, row, Some(column)) => raise_copy(py, &placed(*error, row, column)),
        Failure::Copy(error, row, None) => raise_copy(py, &error.context(format!("row {row}"))),
    }
}
