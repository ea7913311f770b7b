//! `SocketIO`: what goes to a socket and what comes from it, in system calls that the GIL is not held for.
use std::ffi::{c_int, c_void};
use std::io::{Error, ErrorKind};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arguments::View;
use crate::frames::FrameDecoder;
use crate::row_decoder::RowDecoder;

/// Bytes that are received at a time.
const BUFFER: usize = 256 * 1024;

/// A signal that comes just before a system call begins does not end it: it is looked for this often.
const SIGNALS: Duration = Duration::from_secs(1);

/// Python ignores SIGPIPE; a program that it is embedded in may not.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: c_int = libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: c_int = 0;

/// See `pgwire_py._impl.interface.SocketIO`.
#[pyclass(module = "pgwire_py._native")]
pub struct SocketIO {
    /// Keeps the descriptor open.
    _socket: Py<PyAny>,
    descriptor: c_int,
    queue: Vec<u8>,
    /// How much of the queue has gone.
    sent: usize,
    buffer: Vec<u8>,
    received: u64,
    /// Whether [`SocketIO::ask`] still waits, or was ended while it did, and nobody has pumped since.
    asking: bool,
    /// How many bytes of the buffer are for the next pump: a signal handler raised when they had come.
    again: usize,
}

/// ReadyForQuery, without its status.
const END: &[u8] = b"Z\0\0\0\x05";

/// Why waiting ended.
enum Step {
    Received(usize),
    Nothing,
    Failed(Error),
}

#[pymethods]
impl SocketIO {
    #[new]
    #[pyo3(signature = (socket, /), text_signature = "(socket, /)")]
    fn new(socket: &Bound<'_, PyAny>) -> PyResult<Self> {
        socket.call_method1("setblocking", (true,))?;
        let descriptor = socket.call_method0("fileno")?.extract()?;
        if descriptor < 0 {
            return Err(PyValueError::new_err("the socket is closed"));
        }
        let limit = libc::timeval {
            tv_sec: 1, // SIGNALS
            tv_usec: 0,
        };
        // SAFETY: the pointer and length are those of a value that lives through the call.
        unsafe {
            libc::setsockopt(
                descriptor,
                libc::SOL_SOCKET,
                libc::SO_RCVTIMEO,
                std::ptr::from_ref(&limit).cast::<c_void>(),
                size_of::<libc::timeval>() as libc::socklen_t,
            )
        };
        Ok(SocketIO {
            _socket: socket.clone().unbind(),
            descriptor,
            queue: Vec::new(),
            sent: 0,
            buffer: Vec::new(),
            received: 0,
            asking: false,
            again: 0,
        })
    }

    #[getter]
    fn pending(&self) -> usize {
        self.queue.len() - self.sent
    }

    #[getter]
    fn received(&self) -> u64 {
        self.received
    }

    #[getter]
    fn asking(&self) -> bool {
        self.asking
    }

    #[pyo3(signature = (data, decoder, rows, /))]
    fn ask<'py>(
        &mut self,
        data: &Bound<'py, PyBytes>,
        decoder: &Bound<'py, FrameDecoder>,
        rows: Option<&Bound<'py, RowDecoder>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = data.py();
        self.asking = true;
        self.queue(data.as_bytes());
        // Without a deadline something comes, if only the end.
        let size = self.wait(py, None, true)?.unwrap_or_default();
        // Python would look for signals behind this call, where its result would be lost.
        if let Err(error) = py.check_signals() {
            self.again = size;
            return Err(error);
        }
        self.asking = false;
        let bytes = &self.buffer[..size];
        let whole = bytes.starts_with(b"2")
            && bytes.len() > END.len()
            && bytes[..bytes.len() - 1].ends_with(END);
        if !whole {
            self.received += size as u64;
            return Ok(PyBytes::new(py, bytes).into_any());
        }
        let mut decoder = decoder.try_borrow_mut()?;
        match decoder.answer(py, bytes, rows)? {
            Some(found) => Ok(found),
            // What looked like its end stood within a row.
            None => Ok(decoder.feed_rows(&PyBytes::new(py, b""), None)?.into_any()),
        }
    }

    #[pyo3(signature = (data, /))]
    fn write(&mut self, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        match data.cast_exact::<PyBytes>() {
            Ok(data) => self.queue(data.as_bytes()),
            Err(_) => self.queue(View::get(data, pyo3::ffi::PyBUF_SIMPLE)?.as_slice()),
        }
        Ok(self.pending())
    }

    #[pyo3(signature = (timeout, answer, /))]
    fn pump<'py>(
        &mut self,
        py: Python<'py>,
        timeout: Option<f64>,
        answer: bool,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.asking = false;
        if self.again > 0 {
            let size = std::mem::take(&mut self.again);
            self.received += size as u64;
            return Ok(Some(PyBytes::new(py, &self.buffer[..size])));
        }
        let deadline = timeout.and_then(|seconds| {
            // What is too long for a clock is no limit; what is not a number is over.
            match Duration::try_from_secs_f64(seconds) {
                Ok(time) => Instant::now().checked_add(time),
                Err(_) if seconds > 0.0 => None,
                Err(_) => Some(Instant::now()),
            }
        });
        let size = self.wait(py, deadline, answer)?;
        self.received += size.unwrap_or_default() as u64;
        Ok(size.map(|size| PyBytes::new(py, &self.buffer[..size])))
    }
}

/// The OSError with its number, which one that a signal handler raises does not have.
pub fn os_error(error: &Error) -> PyErr {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    PyOSError::new_err((error.raw_os_error(), text.to_owned()))
}

impl SocketIO {
    fn queue(&mut self, data: &[u8]) {
        if self.sent > 0 && self.sent >= self.queue.len() / 2 {
            self.queue.drain(..self.sent);
            self.sent = 0;
        }
        self.queue.extend_from_slice(data);
    }

    /// Bytes received, which are in the buffer; None where the time is over, or everything has gone.
    fn wait(
        &mut self,
        py: Python<'_>,
        deadline: Option<Instant>,
        answer: bool,
    ) -> PyResult<Option<usize>> {
        if self.buffer.is_empty() {
            self.buffer.resize(BUFFER, 0);
        }
        loop {
            match py.detach(|| self.step(deadline, answer)) {
                Step::Received(size) => return Ok(Some(size)),
                Step::Nothing => return Ok(None),
                Step::Failed(error) if error.kind() == ErrorKind::Interrupted => {
                    py.check_signals()?
                }
                Step::Failed(error) => return Err(os_error(&error)),
            }
        }
    }

    fn step(&mut self, deadline: Option<Instant>, answer: bool) -> Step {
        loop {
            if self.sent < self.queue.len() {
                match self.send() {
                    Ok(size) => self.sent += size,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {
                        return Step::Failed(error);
                    }
                    // The other end takes no more; why it does not may be among what it has sent.
                    Err(_) => self.sent = self.queue.len(),
                }
                if self.sent == self.queue.len() {
                    self.queue.clear();
                    self.sent = 0;
                }
            }
            let waiting = !self.queue.is_empty();
            if !waiting && !answer {
                return Step::Nothing;
            }
            if !waiting && deadline.is_none() {
                return match self.receive(0) {
                    Step::Failed(error) if error.kind() == ErrorKind::WouldBlock => {
                        Step::Failed(ErrorKind::Interrupted.into())
                    }
                    step => step,
                };
            }
            match self.poll(waiting, deadline) {
                Ok(0) if deadline.is_none_or(|deadline| Instant::now() < deadline) => {
                    return Step::Failed(ErrorKind::Interrupted.into());
                }
                Ok(0) => return Step::Nothing,
                Ok(events) if events & !libc::POLLOUT != 0 => {
                    match self.receive(libc::MSG_DONTWAIT) {
                        Step::Failed(error) if error.kind() == ErrorKind::WouldBlock => {}
                        step => return step,
                    }
                }
                Ok(_) => {}
                Err(error) => return Step::Failed(error),
            }
        }
    }

    fn send(&self) -> Result<usize, Error> {
        let data = &self.queue[self.sent..];
        let flags = libc::MSG_DONTWAIT | NO_SIGNAL;
        // SAFETY: the pointer and length are those of a slice that lives through the call.
        let size = unsafe {
            libc::send(
                self.descriptor,
                data.as_ptr().cast::<c_void>(),
                data.len(),
                flags,
            )
        };
        usize::try_from(size).map_err(|_| Error::last_os_error())
    }

    fn receive(&mut self, flags: c_int) -> Step {
        let buffer = &mut self.buffer;
        // SAFETY: the pointer and length are those of a buffer of our own that lives through the call.
        let size = unsafe {
            libc::recv(
                self.descriptor,
                buffer.as_mut_ptr().cast::<c_void>(),
                buffer.len(),
                flags,
            )
        };
        match usize::try_from(size) {
            Ok(size) => Step::Received(size),
            Err(_) => Step::Failed(Error::last_os_error()),
        }
    }

    /// What the socket is ready for; 0 when the time is over.
    fn poll(&self, writing: bool, deadline: Option<Instant>) -> Result<i16, Error> {
        let left = deadline.map_or(SIGNALS, |deadline| {
            deadline
                .saturating_duration_since(Instant::now())
                .min(SIGNALS)
        });
        let timeout = c_int::try_from(left.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
        let mut entry = libc::pollfd {
            fd: self.descriptor,
            events: libc::POLLIN | if writing { libc::POLLOUT } else { 0 },
            revents: 0,
        };
        // SAFETY: one entry, which lives through the call.
        if unsafe { libc::poll(&mut entry, 1, timeout) } < 0 {
            return Err(Error::last_os_error());
        }
        Ok(entry.revents)
    }
}
