//! `FrameDecoder.feed_rows` with an `ArrowDecoder`: from the bytes of a socket to record batches in one call, with the GIL released.
use arrow_array::RecordBatch;
use pgwire_py_core::arrow_decoder::Failure;
use pgwire_py_core::frames::{Frame, FrameDecoder};
use pgwire_py_core::wire::RemoteError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::arrow_decoder::{ArrowBatch, ArrowDecoder, Inner};
use crate::frames::{frame_error, tag};
use crate::row_frames::ends_result;

/// Adds to `found` the frames of `data`, DataRows one behind the other as the batches that became full of them.
pub fn feed<'py>(
    frames: &mut FrameDecoder,
    data: &Bound<'py, PyBytes>,
    rows: &Bound<'py, ArrowDecoder>,
    found: Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyList>> {
    let py = data.py();
    let inner = &rows.get().inner;
    let bytes = data.as_bytes();
    let (mut position, mut open) = (0, true);
    loop {
        let next = if open {
            let mut run = py.detach(|| Run::read(frames, bytes, &mut position, inner));
            run.end(py, inner, &found)?;
            run.next
        } else {
            frames.next(bytes, &mut position)
        };
        match next {
            Ok(Some(frame)) => {
                open = open && !ends_result(frame.tag);
                let body = PyBytes::new(py, frame.body.as_slice());
                found.append((tag(py, frame.tag)?, body))?;
            }
            Ok(None) => return Ok(found),
            Err(error) => return Err(frame_error(&error, found)?),
        }
    }
}

/// DataRows that stand one behind the other, and what comes behind them.
struct Run<'a> {
    /// Whether there were any.
    some: bool,
    full: Vec<RecordBatch>,
    broken: Option<Failure>,
    next: Result<Option<Frame<'a>>, RemoteError>,
}

impl<'a> Run<'a> {
    fn read(
        frames: &mut FrameDecoder,
        data: &'a [u8],
        position: &mut usize,
        inner: &Inner,
    ) -> Run<'a> {
        let mut run = Run {
            some: false,
            full: Vec::new(),
            broken: None,
            next: Ok(None),
        };
        let mut decoder = inner.lock();
        loop {
            run.next = frames.next(data, position);
            match &run.next {
                Ok(Some(frame)) if frame.tag == Some(b'D') => {
                    run.some = true;
                    if run.broken.is_none() {
                        let body = frame.body.as_slice();
                        run.broken = decoder.feed(body, true, &mut run.full).err();
                    }
                }
                _ => return run,
            }
        }
    }

    fn end(&mut self, py: Python<'_>, inner: &Inner, found: &Bound<'_, PyList>) -> PyResult<()> {
        if !self.some {
            return Ok(());
        }
        let rows = tag(py, Some(b'D'))?;
        if let Some(failure) = self.broken.take() {
            return found.append((rows, inner.raise(py, failure).into_value(py)));
        }
        let batches = self.full.drain(..).map(|batch| ArrowBatch { batch });
        found.append((rows, PyList::new(py, batches.collect::<Vec<_>>())?))
    }
}
