//! `Relay`: bytes from socket to socket, in system calls that the GIL is not held for, without becoming objects.
use std::ffi::{c_int, c_void};
use std::io::{Error, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::frame_scanner::{FrameScanner, Shared};
use crate::socket_io::os_error;

/// Bytes that are received at a time.
const BUFFER: usize = 256 * 1024;

/// Sockets that are looked after at a time.
const EVENTS: usize = 64;

/// How often they are, before others have their turn.
const ROUNDS: usize = 8;

/// Bytes that are passed on, about, before others have theirs.
const TURN: usize = 4 * BUFFER;

/// How often one socket is read at a time.
const READS: usize = 4;

/// What is told apart: data, and all that a receive which was not filled may have stopped before.
const DATA: u32 = libc::EPOLLIN as u32;
const WAITED_FOR: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLPRI) as u32;

/// See `pgwire_py._impl.interface.Relay`.
#[pyclass(module = "pgwire_py._native")]
pub struct Relay {
    /// None once it is closed.
    epoll: Option<OwnedFd>,
    /// By the socket that is read.
    directions: Vec<Option<Direction>>,
    buffer: Vec<u8>,
}

struct Direction {
    target: c_int,
    scanner: Shared,
    events: u32,
}

/// Why a direction stopped.
enum Stop {
    /// The target takes no more for now; what it has not got.
    Full(Vec<u8>),
    /// Nothing more comes.
    Ended,
    /// What came cannot be followed.
    Broken,
}

#[pymethods]
impl Relay {
    #[new]
    fn new() -> PyResult<Self> {
        // SAFETY: no pointers.
        let descriptor = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if descriptor < 0 {
            return Err(os_error(&Error::last_os_error()));
        }
        Ok(Relay {
            // SAFETY: it was opened just now, and nobody else has it.
            epoll: Some(unsafe { OwnedFd::from_raw_fd(descriptor) }),
            directions: Vec::new(),
            buffer: Vec::new(),
        })
    }

    fn fileno(&self) -> PyResult<c_int> {
        self.descriptor()
    }

    #[pyo3(signature = (source, target, scanner, /))]
    fn add(&mut self, source: c_int, target: c_int, scanner: &FrameScanner) -> PyResult<()> {
        let epoll = self.descriptor()?;
        let index = usize::try_from(source)
            .map_err(|_| os_error(&Error::from_raw_os_error(libc::EBADF)))?;
        let events = events_of(source);
        control(epoll, libc::EPOLL_CTL_ADD, source, events).map_err(|error| os_error(&error))?;
        if index >= self.directions.len() {
            self.directions.resize_with(index + 1, || None);
        }
        self.directions[index] = Some(Direction {
            target,
            scanner: scanner.share(),
            events,
        });
        Ok(())
    }

    #[pyo3(signature = (source, /))]
    fn remove(&mut self, source: c_int) -> PyResult<()> {
        let epoll = self.descriptor()?;
        let index = usize::try_from(source).unwrap_or(usize::MAX);
        if self
            .directions
            .get_mut(index)
            .and_then(Option::take)
            .is_none()
        {
            return Err(PyKeyError::new_err(source));
        }
        control(epoll, libc::EPOLL_CTL_DEL, source, 0).map_err(|error| os_error(&error))
    }

    fn run<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let epoll = self.descriptor()?;
        let stopped = py
            .detach(|| self.forward(epoll))
            .map_err(|error| os_error(&error))?;
        let found = PyList::empty(py);
        for (source, stop) in stopped {
            let rest = match stop {
                Stop::Full(rest) => Some(PyBytes::new(py, &rest)),
                Stop::Ended => Some(PyBytes::new(py, b"")),
                Stop::Broken => None,
            };
            found.append((source, rest))?;
        }
        Ok(found)
    }

    fn close(&mut self) {
        self.epoll = None;
        self.directions.clear();
    }
}

impl Relay {
    fn descriptor(&self) -> PyResult<c_int> {
        match &self.epoll {
            Some(epoll) => Ok(epoll.as_raw_fd()),
            None => Err(PyValueError::new_err("the relay is closed")),
        }
    }

    /// Passes on what there is; the directions that stopped, by the socket that is read, are no longer part of it.
    fn forward(&mut self, epoll: c_int) -> Result<Vec<(c_int, Stop)>, Error> {
        if self.buffer.is_empty() {
            self.buffer.resize(BUFFER, 0);
        }
        let mut stopped = Vec::new();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let mut passed = 0;
        for _ in 0..ROUNDS {
            // SAFETY: the pointer and length are those of an array that lives through the call.
            let count = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), EVENTS as c_int, 0) };
            let count = match usize::try_from(count) {
                Ok(count) => count,
                Err(_) => match Error::last_os_error() {
                    error if error.kind() == ErrorKind::Interrupted => break,
                    error => return Err(error),
                },
            };
            for event in &events[..count] {
                let source = event.u64 as c_int;
                let Some(place) = self.directions.get_mut(source as usize) else {
                    continue;
                };
                let Some(direction) = place else {
                    continue;
                };
                let (size, stop) = pass(epoll, source, direction, event.events, &mut self.buffer);
                passed += size;
                if let Some(stop) = stop {
                    *place = None;
                    // Where it is closed already, it is not waited for either.
                    let _ = control(epoll, libc::EPOLL_CTL_DEL, source, 0);
                    stopped.push((source, stop));
                }
            }
            if count == 0 || passed > TURN || !stopped.is_empty() {
                break;
            }
        }
        Ok(stopped)
    }
}

/// Receives what there is and sends all of it: how much came, and whether that was the end.
fn pass(
    epoll: c_int,
    source: c_int,
    direction: &Direction,
    events: u32,
    buffer: &mut [u8],
) -> (usize, Option<Stop>) {
    let mut passed = 0;
    for _ in 0..READS {
        let data = match receive(source, buffer) {
            Ok(0) => return (passed, Some(Stop::Ended)),
            Ok(size) => &buffer[..size],
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return (passed, None),
                ErrorKind::Interrupted => continue,
                _ => return (passed, Some(Stop::Ended)),
            },
        };
        passed += data.len();
        if direction.scanner.get().scan(data).is_err() {
            return (passed, Some(Stop::Broken));
        }
        let mut rest = data;
        while !rest.is_empty() {
            match send(direction.target, rest) {
                Ok(size) => rest = &rest[size..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Also where it is broken: whoever writes the rest to it learns that.
                Err(_) => return (passed, Some(Stop::Full(rest.to_vec()))),
            }
        }
        if data.len() < BUFFER && events == DATA {
            return (passed, None); // all that there was: what comes now is told anew
        }
    }
    // There may be more, for the next turn.
    match control(epoll, libc::EPOLL_CTL_MOD, source, direction.events) {
        Ok(()) => (passed, None),
        Err(_) => (passed, Some(Stop::Ended)),
    }
}

fn receive(source: c_int, buffer: &mut [u8]) -> Result<usize, Error> {
    let start = buffer.as_mut_ptr().cast::<c_void>();
    // SAFETY: the pointer and length are those of a buffer that lives through the call.
    let size = unsafe { libc::recv(source, start, buffer.len(), libc::MSG_DONTWAIT) };
    usize::try_from(size).map_err(|_| Error::last_os_error())
}

fn send(target: c_int, data: &[u8]) -> Result<usize, Error> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the pointer and length are those of a slice that lives through the call.
    let size = unsafe { libc::send(target, data.as_ptr().cast::<c_void>(), data.len(), flags) };
    usize::try_from(size).map_err(|_| Error::last_os_error())
}

/// What is waited for of a socket. One of TCP is told of once; then all that there is must be received.
fn events_of(source: c_int) -> u32 {
    let mut domain: c_int = 0;
    let mut size = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the pointers are those of values that live through the call.
    let result = unsafe {
        libc::getsockopt(
            source,
            libc::SOL_SOCKET,
            libc::SO_DOMAIN,
            std::ptr::from_mut(&mut domain).cast::<c_void>(),
            &mut size,
        )
    };
    match domain {
        libc::AF_INET | libc::AF_INET6 if result == 0 => WAITED_FOR | libc::EPOLLET as u32,
        _ => WAITED_FOR,
    }
}

fn control(epoll: c_int, operation: c_int, source: c_int, events: u32) -> Result<(), Error> {
    let mut event = libc::epoll_event {
        events,
        u64: source as u64,
    };
    // SAFETY: the pointer is that of a value that lives through the call.
    match unsafe { libc::epoll_ctl(epoll, operation, source, &mut event) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}
