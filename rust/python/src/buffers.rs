//! Where encoded rows are kept on their way to the socket.
//!
//! A few rows leave as `bytes`. Many leave as a read-only memoryview of the buffer they were written into, and the buffer is used again
//! once that view is gone: no copy, and no fresh pages from the system for every chunk of a large result.
use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use pgwire_py_core::gathered::Gathered;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

/// Up to this many bytes, copying costs less than a view.
const SMALL: usize = 16 * 1024;

/// Buffers kept for use again, and the capacity in bytes up to which one is kept: 8 MB at the most.
const KEPT: usize = 8;
const LARGEST: usize = 1024 * 1024;

static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty buffer for about `size` bytes.
pub fn take(size: usize) -> Vec<u8> {
    if size > SMALL
        && let Some(mut buffer) = POOL.lock().unwrap_or_else(PoisonError::into_inner).pop()
    {
        buffer.reserve(size);
        return buffer;
    }
    Vec::with_capacity(size)
}

/// Size of the rows an encoder has seen last, in bytes: what to reserve for the next ones.
pub struct RowSize(AtomicUsize);

impl RowSize {
    pub fn new() -> Self {
        RowSize(AtomicUsize::new(64))
    }

    /// Bytes that so many rows will need, within bounds.
    pub fn guess(&self, count: usize) -> usize {
        let guess = self.0.load(Ordering::Relaxed).saturating_mul(count);
        guess.min(1 << 24)
    }

    /// A buffer for as many rows as there are, or as make up `max_bytes`.
    pub fn buffer(&self, count: usize, max_bytes: usize) -> Vec<u8> {
        take(self.guess(count).min(max_bytes.saturating_add(1 << 14)))
    }

    /// Takes note of rows, if there are any.
    pub fn seen(&self, bytes: usize, rows: usize) {
        if let Some(size) = bytes.checked_div(rows) {
            self.0.store(size + 16, Ordering::Relaxed);
        }
    }
}

fn put_back(buffer: Gathered) {
    if let Some(mut buffer) = buffer.into_heap()
        && buffer.capacity() > SMALL
        && buffer.capacity() <= LARGEST
    {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < KEPT {
            buffer.clear();
            pool.push(buffer);
        }
    }
}

/// The bytes as a Python object: `bytes` where they are few, else a memoryview.
pub fn give(py: Python<'_>, buffer: impl Into<Gathered>) -> PyResult<Bound<'_, PyAny>> {
    let buffer = buffer.into();
    if buffer.len() <= SMALL {
        let bytes = PyBytes::new(py, &buffer);
        put_back(buffer);
        return Ok(bytes.into_any());
    }
    let chunk = Bound::new(py, Chunk { buffer })?;
    Ok(PyMemoryView::from(chunk.as_any())?.into_any())
}

/// A buffer that offers the buffer protocol.
#[pyclass(frozen, module = "pgwire_py._native")]
struct Chunk {
    buffer: Gathered,
}

#[pymethods]
impl Chunk {
    /// # Safety
    /// Called by the interpreter with a valid `view`, as the buffer protocol lays down.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let buffer = &slf.get().buffer;
        let size = ffi::Py_ssize_t::try_from(buffer.len())
            .map_err(|_| PyBufferError::new_err("too large"))?;
        // SAFETY: the pointer stays valid while `slf` lives, which `view` holds a reference to; nobody writes to the buffer (the class is
        // frozen and the view read-only).
        let done = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                buffer.as_ptr().cast_mut().cast(),
                size,
                1,
                flags,
            )
        };
        if done == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        put_back(std::mem::take(&mut self.buffer));
    }
}
