//! `ArrowDecoder`: DataRow messages or the bytes of binary COPY → Arrow record batches, with the GIL released.
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::ffi::to_ffi;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, RecordBatch, RecordBatchIterator, RecordBatchReader, StructArray};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use pgwire_py_core::arrow_decoder::{Decoder, Failure, Shape};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyIterator, PyList, PyMemoryView, PyTuple};

use crate::extract::{postgres_error, row_failure};
use crate::rows::is_copy;

/// See `pgwire_py._impl.interface.ArrowDecoder`.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct ArrowDecoder {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    decoder: Mutex<Decoder>,
    pub schema: SchemaRef,
    copy: bool,
}

#[pymethods]
impl ArrowDecoder {
    #[new]
    #[pyo3(
        signature = (
            types, names, formats = Vec::new(), *, type_modifiers = None, layout = "data_row", max_rows = 65_536,
            max_bytes = 16_777_216
        ),
        text_signature = "(types, names, formats=(), *, type_modifiers=None, layout='data_row', max_rows=65536, max_bytes=16777216)"
    )]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        types: &Bound<'_, PyAny>,
        names: &Bound<'_, PyAny>,
        formats: Vec<i64>,
        type_modifiers: Option<&Bound<'_, PyAny>>,
        layout: &str,
        max_rows: i64,
        max_bytes: i64,
    ) -> PyResult<Self> {
        let copy = is_copy(layout)?;
        let plan = py
            .import("pgwire_py._impl.arrow_shapes")?
            .getattr("plan")?
            .call1((types, names, type_modifiers, max_rows, max_bytes))?;
        let (columns, max_rows, max_bytes) = plan.extract::<(Bound<'_, PyAny>, usize, usize)>()?;
        let decoder = Decoder::new(named(&columns)?, &formats, copy, max_rows, max_bytes)
            .map_err(|error| postgres_error(py, error.sqlstate, &error.message))?;
        let schema = decoder.schema();
        Ok(ArrowDecoder {
            inner: Arc::new(Inner {
                decoder: Mutex::new(decoder),
                schema,
                copy,
            }),
        })
    }

    fn feed<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let full = self.inner.feed(data)?;
        PyList::new(
            data.py(),
            full.into_iter().map(|batch| ArrowBatch { batch }),
        )
    }

    fn finish(&self, py: Python<'_>) -> PyResult<ArrowBatch> {
        let batch = self.inner.finish(py)?;
        Ok(ArrowBatch { batch })
    }

    fn stream(&self, chunks: &Bound<'_, PyAny>) -> PyResult<ArrowStream> {
        let reader = Reader {
            inner: self.inner.clone(),
            chunks: Some(chunks.try_iter()?.unbind()),
            ready: VecDeque::new(),
        };
        Ok(ArrowStream {
            schema: self.inner.schema.clone(),
            reader: Mutex::new(Some(reader)),
        })
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.inner.schema)
    }
}

/// Names and shapes, as `arrow_shapes.plan` gives them: OID, modifier, and what a list or a struct that is spelled out holds.
fn named(columns: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Shape)>> {
    columns
        .try_iter()?
        .map(|column| {
            let (name, shape) = column?.extract::<(String, Bound<'_, PyAny>)>()?;
            Ok((name, self::shape(&shape)?))
        })
        .collect()
}

fn shape(given: &Bound<'_, PyAny>) -> PyResult<Shape> {
    let (oid, modifier, parts) = given.extract::<(u32, i32, Option<Bound<'_, PyAny>>)>()?;
    let Some(parts) = parts else {
        return Ok(Shape::Type(oid, modifier));
    };
    let mut parts = named(&parts)?;
    Ok(match oid {
        2249 => Shape::Struct(parts),
        _ => Shape::List(Box::new(parts.remove(0).1)),
    })
}

impl Inner {
    pub fn lock(&self) -> MutexGuard<'_, Decoder> {
        // A poisoned lock only means that a panic was reported before.
        self.decoder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feed(&self, data: &Bound<'_, PyAny>) -> PyResult<Vec<RecordBatch>> {
        let py = data.py();
        let (pieces, body) = Pieces::of(data)?;
        let slices = pieces.slices();
        let fed = py.detach(|| {
            let mut decoder = self.lock();
            let mut full = Vec::new();
            for slice in slices {
                decoder.feed(slice, body, &mut full)?;
            }
            Ok(full)
        });
        fed.map_err(|failure| self.raise(py, failure))
    }

    fn finish(&self, py: Python<'_>) -> PyResult<RecordBatch> {
        py.detach(|| self.lock().finish())
            .map_err(|failure| self.raise(py, failure))
    }

    #[cold]
    pub fn raise(&self, py: Python<'_>, failure: Failure) -> PyErr {
        match failure {
            Failure::Broken { broken, row } => row_failure(
                py,
                "broken_row",
                (broken.text, row, broken.offset, self.copy),
            ),
            Failure::Value {
                error,
                row,
                column,
                oid,
                bytes,
            } => {
                let bytes = PyBytes::new(py, &bytes);
                let arguments = (error.sqlstate, error.message, row, column, oid, bytes);
                row_failure(py, "row_failure", arguments)
            }
            Failure::Arrow(message) => PyRuntimeError::new_err(message),
        }
    }
}

/// Buffers that stay as they are while other threads run: `bytes` where they lie, anything else copied.
struct Pieces<'py> {
    kept: Vec<Piece<'py>>,
    copied: Vec<u8>,
}

enum Piece<'py> {
    Bytes(Bound<'py, PyBytes>),
    Copied(Range<usize>),
}

impl<'py> Pieces<'py> {
    /// The pieces of a buffer, or of a list or tuple of them; and whether it was such a list.
    fn of(data: &Bound<'py, PyAny>) -> PyResult<(Pieces<'py>, bool)> {
        let mut pieces = Pieces {
            kept: Vec::new(),
            copied: Vec::new(),
        };
        let tuple = if let Ok(list) = data.cast::<PyList>() {
            list.to_tuple()
        } else if let Ok(tuple) = data.cast::<PyTuple>() {
            tuple.clone()
        } else {
            pieces.add(data)?;
            return Ok((pieces, false));
        };
        pieces.kept.reserve(tuple.len());
        for piece in tuple.iter_borrowed() {
            pieces.add(&piece)?;
        }
        Ok((pieces, true))
    }

    fn add(&mut self, piece: &Bound<'py, PyAny>) -> PyResult<()> {
        if let Ok(bytes) = piece.cast_exact::<PyBytes>() {
            self.kept.push(Piece::Bytes(bytes.clone()));
            return Ok(());
        }
        let start = self.copied.len();
        if copy(piece, &mut self.copied) {
            let range = start..self.copied.len();
            self.kept.push(Piece::Copied(range));
            return Ok(());
        }
        let view = PyMemoryView::from(piece)?;
        let made = piece.py().get_type::<PyBytes>().call1((view,))?;
        self.kept.push(Piece::Bytes(made.cast_into()?));
        Ok(())
    }

    fn slices(&self) -> Vec<&[u8]> {
        self.kept
            .iter()
            .map(|piece| match piece {
                Piece::Bytes(bytes) => bytes.as_bytes(),
                Piece::Copied(range) => &self.copied[range.clone()],
            })
            .collect()
    }
}

/// Appends the bytes of a contiguous buffer; false where the object offers none.
fn copy(object: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> bool {
    let mut view = MaybeUninit::<ffi::Py_buffer>::uninit();
    // SAFETY: the object is alive, and `view` is room for what is written there.
    if unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), ffi::PyBUF_SIMPLE) }
        != 0
    {
        drop(PyErr::take(object.py()));
        return false;
    }
    // SAFETY: the call above succeeded, so it has filled `view`: `len` bytes lie at `buf`, which stay there until the view is released, and
    // which nobody writes to while this thread holds the GIL. (Without a GIL a writer at the same time is the caller's mistake.)
    unsafe {
        let mut view = view.assume_init();
        if view.len > 0 {
            let bytes = std::slice::from_raw_parts(view.buf.cast::<u8>(), view.len as usize);
            out.extend_from_slice(bytes);
        }
        ffi::PyBuffer_Release(&mut view);
    }
    true
}

/// See `pgwire_py._impl.interface.ArrowBatch`.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct ArrowBatch {
    pub(crate) batch: RecordBatch,
}

#[pymethods]
impl ArrowBatch {
    #[getter]
    fn num_rows(&self) -> usize {
        self.batch.num_rows()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.batch.schema())
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        let _ = requested_schema;
        let data = StructArray::from(self.batch.clone()).to_data();
        let (array, _) = to_ffi(&data).map_err(bug)?;
        let schema = schema_capsule(py, &self.batch.schema())?;
        Ok((
            schema,
            PyCapsule::new_with_value(py, array, c"arrow_array")?,
        ))
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let reader = RecordBatchIterator::new([Ok(self.batch.clone())], self.batch.schema());
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }
}

pub fn schema_capsule<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema).map_err(bug)?;
    PyCapsule::new_with_value(py, schema, c"arrow_schema")
}

fn bug(error: ArrowError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

/// See `pgwire_py._impl.interface.ArrowStream`.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct ArrowStream {
    schema: SchemaRef,
    reader: Mutex<Option<Reader>>,
}

#[pymethods]
impl ArrowStream {
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
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = reader
            .take()
            .ok_or_else(|| PyValueError::new_err("the stream has been handed out already"))?;
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }
}

/// Batches of what an iterator of Python yields.
struct Reader {
    inner: Arc<Inner>,
    /// None once it has ended.
    chunks: Option<Py<PyIterator>>,
    ready: VecDeque<RecordBatch>,
}

impl Reader {
    fn read(&mut self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            let Some(chunks) = &self.chunks else {
                return Ok(None);
            };
            let chunk = chunks.bind(py).clone().next();
            match chunk {
                Some(chunk) => self.ready.extend(self.inner.feed(&chunk?)?),
                None => {
                    self.chunks = None;
                    let last = self.inner.finish(py)?;
                    if last.num_rows() > 0 {
                        return Ok(Some(last));
                    }
                }
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        Python::attach(|py| {
            self.read(py)
                .map_err(|error| {
                    self.chunks = None;
                    ArrowError::ExternalError(text(py, &error).into())
                })
                .transpose()
        })
    }
}

/// An exception as its class and text: all that the stream's interface can pass on.
fn text(py: Python<'_>, error: &PyErr) -> String {
    let kind = error.get_type(py);
    let kind = kind.name().map(|name| name.to_string());
    format!("{}: {}", kind.unwrap_or_default(), error.value(py))
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        self.inner.schema.clone()
    }
}
