//! `Relay`: bytes from socket to socket, on a thread that the GIL is nothing to, without becoming objects.
use std::ffi::{c_int, c_void};
use std::io::{Error, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::frame_scanner::{FrameScanner, Shared};
use crate::socket_io::os_error;

/// Bytes that are received at a time.
const BUFFER: usize = 256 * 1024;

/// Sockets that are looked after at a time.
const EVENTS: usize = 64;

/// How often one socket is read at a time.
const READS: usize = 4;

/// What is told apart: data, and all that a receive which was not filled may have stopped before.
const DATA: u32 = libc::EPOLLIN as u32;
const WAITED_FOR: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLPRI) as u32;

/// In place of a socket: the thread is to end.
const END: u64 = u64::MAX;

/// See `pgwire_py._impl.interface.Relay`.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct Relay {
    work: Arc<Work>,
    /// None once it is closed.
    thread: Mutex<Option<JoinHandle<()>>>,
    /// A fork of it has no thread, but the same descriptors.
    process: u32,
}

/// What the thread and those who call share.
struct Work {
    epoll: OwnedFd,
    /// Readable when something has stopped.
    told: OwnedFd,
    /// Ends the thread.
    end: OwnedFd,
    /// Held by who waits for the state, so that the thread, which nearly always has it, lets it go.
    turn: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the socket that is read.
    directions: Vec<Option<Direction>>,
    /// What nobody has asked for yet, by the same.
    stopped: Vec<(c_int, Stop)>,
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
        let start = || -> Result<Self, Error> {
            // SAFETY: no pointers.
            let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
            let work = Arc::new(Work {
                epoll,
                told: event()?,
                end: event()?,
                turn: Mutex::new(()),
                state: Mutex::new(State::default()),
            });
            work.control(libc::EPOLL_CTL_ADD, work.end.as_raw_fd(), DATA, END)?;
            let shared = work.clone();
            let thread = without_signals(|| {
                let name = "pgwire-relay".to_owned();
                Builder::new().name(name).spawn(move || shared.forward())
            })?;
            let thread = Mutex::new(Some(thread));
            Ok(Relay {
                work,
                thread,
                process: std::process::id(),
            })
        };
        start().map_err(|error| os_error(&error))
    }

    fn fileno(&self) -> PyResult<c_int> {
        Ok(self.open()?.told.as_raw_fd())
    }

    #[pyo3(signature = (source, target, scanner, /))]
    fn add(
        &self,
        py: Python<'_>,
        source: c_int,
        target: c_int,
        scanner: &FrameScanner,
    ) -> PyResult<()> {
        let (work, scanner) = (self.open()?, scanner.share());
        py.detach(|| work.add(source, target, scanner))
            .map_err(|error| os_error(&error))
    }

    #[pyo3(signature = (source, /))]
    fn remove<'py>(&self, py: Python<'py>, source: c_int) -> PyResult<Bound<'py, PyBytes>> {
        let work = self.open()?;
        match py.detach(|| work.remove(source)) {
            Some(rest) => Ok(PyBytes::new(py, &rest)),
            None => Err(PyKeyError::new_err(source)),
        }
    }

    fn run<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let work = self.open()?;
        let stopped = py.detach(|| work.stopped());
        let found = PyList::empty(py);
        for (source, stop) in stopped {
            let rest = match stop {
                Stop::Broken => None,
                stop => Some(PyBytes::new(py, &stop.rest())),
            };
            found.append((source, rest))?;
        }
        Ok(found)
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.end());
    }
}

impl Relay {
    fn open(&self) -> PyResult<&Work> {
        match *lock(&self.thread) {
            Some(_) => Ok(&self.work),
            None => Err(PyValueError::new_err("the relay is closed")),
        }
    }

    /// Returns when the thread has ended: no socket is used any more.
    fn end(&self) {
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread
            && self.process == std::process::id()
        {
            tell(&self.work.end);
            let _ = thread.join();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}

impl Stop {
    fn rest(self) -> Vec<u8> {
        match self {
            Stop::Full(rest) => rest,
            Stop::Ended | Stop::Broken => Vec::new(),
        }
    }
}

impl Work {
    /// The state, for all but the thread.
    fn state(&self) -> MutexGuard<'_, State> {
        let _turn = lock(&self.turn);
        lock(&self.state)
    }

    fn add(&self, source: c_int, target: c_int, scanner: Shared) -> Result<(), Error> {
        let index = usize::try_from(source).map_err(|_| Error::from_raw_os_error(libc::EBADF))?;
        let events = events_of(source);
        let mut state = self.state();
        self.control(libc::EPOLL_CTL_ADD, source, events, index as u64)?;
        if index >= state.directions.len() {
            state.directions.resize_with(index + 1, || None);
        }
        state.directions[index] = Some(Direction {
            target,
            scanner,
            events,
        });
        Ok(())
    }

    /// What the target of a direction has not got; None where there is no such direction.
    fn remove(&self, source: c_int) -> Option<Vec<u8>> {
        let mut state = self.state();
        let index = usize::try_from(source).unwrap_or(usize::MAX);
        let place = state.directions.get_mut(index);
        if place.and_then(Option::take).is_some() {
            // Where it is closed already, it is not waited for either.
            let _ = self.control(libc::EPOLL_CTL_DEL, source, 0, 0);
            return Some(Vec::new());
        }
        let found = state.stopped.iter().position(|(one, _)| *one == source);
        found.map(|index| state.stopped.swap_remove(index).1.rest())
    }

    fn stopped(&self) -> Vec<(c_int, Stop)> {
        let mut state = self.state();
        let mut count = [0; 8];
        // SAFETY: the pointer and length are those of an array that lives through the call.
        unsafe { libc::read(self.told.as_raw_fd(), count.as_mut_ptr().cast(), 8) };
        std::mem::take(&mut state.stopped)
    }

    /// The thread.
    fn forward(&self) {
        let mut buffer = vec![0; BUFFER];
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        loop {
            let epoll = self.epoll.as_raw_fd();
            // SAFETY: the pointer and length are those of an array that lives through the call.
            let count =
                unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), EVENTS as c_int, -1) };
            let Ok(count) = usize::try_from(count) else {
                match Error::last_os_error().kind() {
                    ErrorKind::Interrupted => continue,
                    _ => return, // there is no such error of a descriptor that is open
                }
            };
            drop(lock(&self.turn));
            let mut state = lock(&self.state);
            let State {
                directions,
                stopped,
            } = &mut *state;
            let before = stopped.len();
            for event in &events[..count] {
                let (source, flags) = (event.u64, event.events);
                if source == END {
                    return;
                }
                let Some(place) = directions.get_mut(source as usize) else {
                    continue;
                };
                // None: it was removed while this thread waited for its turn.
                let Some(direction) = place else {
                    continue;
                };
                let source = source as c_int;
                if let Some(stop) = self.pass(source, direction, flags, &mut buffer) {
                    *place = None;
                    let _ = self.control(libc::EPOLL_CTL_DEL, source, 0, 0);
                    stopped.push((source, stop));
                }
            }
            if stopped.len() > before {
                tell(&self.told);
            }
        }
    }

    /// Receives what there is and sends all of it; whether that was the end.
    fn pass(
        &self,
        source: c_int,
        direction: &Direction,
        events: u32,
        buffer: &mut [u8],
    ) -> Option<Stop> {
        for _ in 0..READS {
            let data = match receive(source, buffer) {
                Ok(0) => return Some(Stop::Ended),
                Ok(size) => &buffer[..size],
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return None,
                    ErrorKind::Interrupted => continue,
                    _ => return Some(Stop::Ended),
                },
            };
            if direction.scanner.get().scan(data).is_err() {
                return Some(Stop::Broken);
            }
            let mut rest = data;
            while !rest.is_empty() {
                match send(direction.target, rest) {
                    Ok(size) => rest = &rest[size..],
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // Also where it is broken: whoever writes the rest to it learns that.
                    Err(_) => return Some(Stop::Full(rest.to_vec())),
                }
            }
            if data.len() < BUFFER && events == DATA {
                return None; // all that there was: what comes now is told anew
            }
        }
        // There may be more, for the next turn.
        let again = self.control(libc::EPOLL_CTL_MOD, source, direction.events, source as u64);
        again.is_err().then_some(Stop::Ended)
    }

    fn control(
        &self,
        operation: c_int,
        source: c_int,
        events: u32,
        data: u64,
    ) -> Result<(), Error> {
        let mut event = libc::epoll_event { events, u64: data };
        // SAFETY: the pointer is that of a value that lives through the call.
        match unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, source, &mut event) } {
            0 => Ok(()),
            _ => Err(Error::last_os_error()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A descriptor that was just opened.
fn owned(descriptor: c_int) -> Result<OwnedFd, Error> {
    match descriptor {
        // SAFETY: nobody else has it.
        0.. => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        _ => Err(Error::last_os_error()),
    }
}

fn event() -> Result<OwnedFd, Error> {
    // SAFETY: no pointers.
    owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
}

/// Makes it readable.
fn tell(event: &OwnedFd) {
    let one = 1u64.to_ne_bytes();
    // SAFETY: the pointer and length are those of an array that lives through the call.
    unsafe { libc::write(event.as_raw_fd(), one.as_ptr().cast::<c_void>(), one.len()) };
}

/// What is called, in a thread that no signal comes to, and so those that it starts: they are for those who wait for them.
fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: a set of signals is plain data; the pointers are those of values that live through the calls.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let started = start();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        started
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
