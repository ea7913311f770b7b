//! `FrameScanner`: where the messages of a stream end, for those who pass its bytes on.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pgwire_py_core::frame_scanner;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::arguments::View;
use crate::frames::{frame_error, length, tag};

/// See `pgwire_py._impl.interface.FrameScanner`. What a relay goes on with while it does not hold the GIL.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct FrameScanner {
    inner: Shared,
}

/// The scanner itself, of which a relay has another reference.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<frame_scanner::FrameScanner>>);

impl Shared {
    pub fn get(&self) -> MutexGuard<'_, frame_scanner::FrameScanner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FrameScanner {
    pub fn share(&self) -> Shared {
        self.inner.clone()
    }
}

#[pymethods]
impl FrameScanner {
    #[new]
    #[pyo3(signature = (max_message_length, offset = 0), text_signature = "(max_message_length, offset=0)")]
    fn new(max_message_length: &Bound<'_, PyAny>, offset: u64) -> PyResult<Self> {
        let scanner = frame_scanner::FrameScanner::new(length(max_message_length)?, offset);
        Ok(FrameScanner {
            inner: Shared(Arc::new(Mutex::new(scanner))),
        })
    }

    #[getter]
    fn last<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyString>> {
        tag(py, self.inner.get().last())
    }

    #[getter]
    fn partial(&self) -> bool {
        self.inner.get().partial()
    }

    #[pyo3(signature = (data, /))]
    fn scan(&self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let result = match data.cast_exact::<PyBytes>() {
            Ok(data) => self.inner.get().scan(data.as_bytes()),
            Err(_) => {
                let view = View::get(data, pyo3::ffi::PyBUF_SIMPLE)?;
                self.inner.get().scan(view.as_slice())
            }
        };
        match result {
            Ok(()) => Ok(()),
            Err(error) => Err(frame_error(&error, PyList::empty(data.py()))?),
        }
    }
}
