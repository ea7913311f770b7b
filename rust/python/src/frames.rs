//! `FrameDecoder`: bytes in, frames out, their bodies as views of the bytes that were fed.
use pgwire_py_core::frames::{self, Body, Limits};
use pgwire_py_core::wire::{MAX_LENGTH, RemoteError};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList, PyMemoryView, PySlice, PyString, PyTuple};

use crate::answers::Answers;
use crate::arguments::Given;
use crate::arrow_decoder::ArrowDecoder;
use crate::arrow_frames;
use crate::buffers;
use crate::message::local_error;
use crate::row_decoder::RowDecoder;
use crate::row_frames::{Kept, Outcome, Run};

/// See `pgwire_py._impl.interface.FrameDecoder`.
#[pyclass(module = "pgwire_py._native")]
pub struct FrameDecoder {
    inner: frames::FrameDecoder,
    /// By tag, whether consecutive messages are handed out as one frame.
    joined: [bool; 256],
    /// An answer that has come in part.
    kept: Option<Kept>,
}

#[pymethods]
impl FrameDecoder {
    #[new]
    #[pyo3(
        signature = (startup = false, *, max_startup_length = Given(None), max_message_length = Given(None), tag_limits = None,
            only_listed_tags = false, joined_tags = None),
        text_signature = "(startup=False, *, max_startup_length=10000, max_message_length=65535, tag_limits=None, only_listed_tags=False, joined_tags='')"
    )]
    fn new<'py>(
        startup: bool,
        max_startup_length: Given<'_, 'py>,
        max_message_length: Given<'_, 'py>,
        tag_limits: Option<&Bound<'py, PyDict>>,
        only_listed_tags: bool,
        joined_tags: Option<&Bound<'py, PyString>>,
    ) -> PyResult<Self> {
        let mut joined = [false; 256];
        for tag in joined_tags
            .into_iter()
            .flat_map(|tags| tags.try_iter())
            .flatten()
        {
            joined[letter(&tag?)?] = true;
        }
        let mut limits = Limits::default();
        if let Some(value) = max_startup_length.0 {
            limits.startup = length(&value)?;
        }
        if let Some(value) = max_message_length.0 {
            limits.message = length(&value)?;
        }
        if only_listed_tags {
            limits.by_tag = [0; 256];
        }
        for (tag, value) in tag_limits.into_iter().flatten() {
            limits.by_tag[letter(&tag)?] = length(&value)?;
        }
        Ok(FrameDecoder {
            inner: frames::FrameDecoder::new(startup, limits),
            joined,
            kept: None,
        })
    }

    #[getter]
    fn startup(&self) -> bool {
        self.inner.startup()
    }

    #[setter]
    fn set_startup(&mut self, py: Python<'_>, startup: bool) -> PyResult<()> {
        if self.inner.set_startup(startup) {
            return Ok(());
        }
        let text = "a packet has come in part: startup cannot change";
        Err(local_error(py, text.into())?)
    }

    #[getter]
    fn max_startup_length(&self) -> u32 {
        self.inner.limits.startup
    }

    #[setter]
    fn set_max_startup_length(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inner.limits.startup = length(value)?;
        Ok(())
    }

    #[getter]
    fn max_message_length(&self) -> u32 {
        self.inner.limits.message
    }

    #[setter]
    fn set_max_message_length(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inner.limits.message = length(value)?;
        Ok(())
    }

    #[getter]
    fn buffered(&self) -> usize {
        self.inner.buffered()
    }

    fn feed<'py>(&mut self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let py = data.py();
        self.kept = self.kept.take().filter(|kept| !kept.is_empty());
        if self.kept.is_some() {
            let text = "an answer has come in part: feed_rows gives it";
            return Err(local_error(py, text.into())?);
        }
        let copied;
        let data = match data.cast_exact::<PyBytes>() {
            Ok(data) => data,
            Err(_) => {
                // Anything else could change under the views that are given out.
                let view = PyMemoryView::from(data)?;
                copied = py
                    .get_type::<PyBytes>()
                    .call1((view,))?
                    .cast_into::<PyBytes>()?;
                &copied
            }
        };
        let mut frames = Frames {
            data,
            view: None,
            run: None,
            found: PyList::empty(py),
        };
        let mut position = 0;
        loop {
            let frame = match self.inner.next(data.as_bytes(), &mut position) {
                Ok(Some(frame)) => frame,
                Ok(None) => return frames.end(),
                Err(error) => return Err(frame_error(&error, frames.end()?)?),
            };
            let joined = frame.tag.filter(|tag| self.joined[usize::from(*tag)]);
            match (frame.body, joined) {
                (Body::Fed(body), Some(tag)) => frames.join(tag, position, body.len() + 5)?,
                (Body::Fed(body), None) => {
                    frames.flush()?;
                    frames.push(frame.tag, position - body.len(), position)?;
                }
                (Body::Gathered(body), joined) => {
                    frames.flush()?;
                    let bytes = match joined {
                        None => body,
                        Some(tag) => whole(tag, &body).into(),
                    };
                    let view = PyMemoryView::from(&buffers::give(py, bytes)?)?;
                    let tag = self::tag(py, frame.tag)?;
                    frames.found.append((tag, view))?;
                }
            }
        }
    }

    #[pyo3(signature = (data, rows = None))]
    pub fn feed_rows<'py>(
        &mut self,
        data: &Bound<'py, PyBytes>,
        rows: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = data.py();
        if let Some(Ok(rows)) = rows.map(|rows| rows.cast::<ArrowDecoder>()) {
            let found = self.kept_frames(py)?;
            return arrow_frames::feed(&mut self.inner, data, rows, found);
        }
        let rows = rows.map(|rows| rows.cast::<RowDecoder>()).transpose()?;
        let mut run = match self.kept.take() {
            Some(kept) => Run::behind(py, rows, kept)?,
            None => Run::new(py, rows)?,
        };
        self.run(data.as_bytes(), &mut run)?;
        run.frames()
    }

    #[pyo3(signature = (data, rows = None))]
    fn feed_answer<'py>(
        &mut self,
        data: &Bound<'py, PyBytes>,
        rows: Option<&Bound<'py, RowDecoder>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.answer(data.py(), data.as_bytes(), rows)
    }

    fn feed_answers<'py>(
        &mut self,
        data: &Bound<'py, PyBytes>,
        rows: &Bound<'py, PyList>,
        start: usize,
        synced: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let found = self.kept_frames(data.py())?;
        let mut answers = Answers::new(rows, start, synced, found)?;
        self.run(data.as_bytes(), &mut answers)?;
        answers.frames()
    }
}

/// What is made of the frames of a feed.
pub trait Sink<'py> {
    fn take(&mut self, letter: Option<u8>, body: &[u8]) -> PyResult<()>;

    /// All that came, as frames.
    fn frames(&mut self) -> PyResult<Bound<'py, PyList>>;
}

impl FrameDecoder {
    /// `feed_answer` of bytes that are no Python object.
    pub fn answer<'py>(
        &mut self,
        py: Python<'py>,
        data: &[u8],
        rows: Option<&Bound<'py, RowDecoder>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let begins = self.kept.is_none() && self.inner.buffered() == 0;
        let mut run = match self.kept.take() {
            Some(kept) => Run::resumed(py, rows, kept)?,
            None if begins => Run::resumed(py, rows, Kept::default())?,
            None => Run::new(py, rows)?,
        };
        self.run(data, &mut run)?;
        match run.outcome(self.inner.buffered() == 0)? {
            Outcome::Part(kept) => {
                self.kept = Some(kept);
                Ok(None)
            }
            Outcome::Answer(answer) => Ok(Some(answer.into_any())),
            Outcome::Frames(frames) => Ok(Some(frames.into_any())),
        }
    }

    /// The frames of an answer that has come in part.
    fn kept_frames<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match self.kept.take() {
            Some(kept) => Run::behind(py, None, kept)?.frames(),
            None => Ok(PyList::empty(py)),
        }
    }

    fn run<'py>(&mut self, data: &[u8], run: &mut impl Sink<'py>) -> PyResult<()> {
        let mut position = 0;
        loop {
            while let Some((tag, body)) = self.inner.whole(data, &mut position) {
                run.take(Some(tag), body)?;
            }
            match self.inner.next(data, &mut position) {
                Ok(Some(frame)) => run.take(frame.tag, frame.body.as_slice())?,
                Ok(None) => return Ok(()),
                Err(error) => return Err(frame_error(&error, run.frames()?)?),
            }
        }
    }
}

/// What a feed hands out: views of its data.
struct Frames<'a, 'py> {
    data: &'a Bound<'py, PyBytes>,
    view: Option<Bound<'py, PyMemoryView>>,
    /// Tag, start and end of messages that are to be one frame.
    run: Option<(u8, usize, usize)>,
    found: Bound<'py, PyList>,
}

impl<'py> Frames<'_, 'py> {
    /// A message of so many bytes that ends at `end`.
    fn join(&mut self, tag: u8, end: usize, size: usize) -> PyResult<()> {
        match &mut self.run {
            Some((open, _, last)) if *open == tag => *last = end,
            _ => {
                self.flush()?;
                self.run = Some((tag, end - size, end));
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> PyResult<()> {
        match self.run.take() {
            Some((tag, start, end)) => self.push(Some(tag), start, end),
            None => Ok(()),
        }
    }

    fn push(&mut self, tag: Option<u8>, start: usize, end: usize) -> PyResult<()> {
        let py = self.data.py();
        let view = match &self.view {
            Some(view) => view,
            None => self.view.insert(PyMemoryView::from(self.data)?),
        };
        // A Python object has at most isize::MAX bytes.
        let body = view.get_item(PySlice::new(py, start as isize, end as isize, 1))?;
        self.found.append((self::tag(py, tag)?, body))
    }

    fn end(mut self) -> PyResult<Bound<'py, PyList>> {
        self.flush()?;
        Ok(self.found)
    }
}

/// A message of its tag and body.
fn whole(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(body.len() + 5);
    message.push(tag);
    // The decoder has judged the length.
    message.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    message.extend_from_slice(body);
    message
}

/// The tag as a text of one character, empty for a start-up packet.
pub fn tag(py: Python<'_>, tag: Option<u8>) -> PyResult<&Bound<'_, PyString>> {
    static TAGS: PyOnceLock<Vec<Py<PyString>>> = PyOnceLock::new();
    let tags = TAGS.get_or_init(py, || {
        let letters = (0..=255).map(|byte: u8| String::from(char::from(byte)));
        let all = letters.chain([String::new()]);
        all.map(|text| PyString::new(py, &text).unbind()).collect()
    });
    Ok(tags[tag.map_or(256, usize::from)].bind(py))
}

fn letter(tag: &Bound<'_, PyAny>) -> PyResult<usize> {
    if let Ok(text) = tag.cast::<PyString>()
        && let Ok(text) = text.to_str()
    {
        let mut letters = text.chars();
        if let (Some(letter), None) = (letters.next(), letters.next())
            && let Ok(byte) = u8::try_from(letter)
        {
            return Ok(usize::from(byte));
        }
    }
    Err(PyValueError::new_err(
        "a tag must be one character of one byte",
    ))
}

pub fn length(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    if !value.is_instance_of::<PyInt>() {
        return Err(PyTypeError::new_err("a length must be an int"));
    }
    match value.extract::<u32>() {
        Ok(length) if length as usize <= MAX_LENGTH => Ok(length),
        _ => Err(PyValueError::new_err(format!(
            "a length must be 0 to {MAX_LENGTH}"
        ))),
    }
}

pub fn frame_error(error: &RemoteError, found: Bound<'_, PyList>) -> PyResult<PyErr> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = found.py();
    let class = CLASS.get_or_try_init(py, || {
        let errors = py.import("pgwire_py.errors")?;
        PyResult::Ok(errors.getattr("FrameError")?.unbind())
    })?;
    let frames = PyTuple::new(py, found)?;
    let tag = tag(py, error.tag)?;
    let arguments = (
        error.message.as_ref(),
        error.sqlstate,
        error.fatal,
        tag,
        frames,
    );
    Ok(PyErr::from_value(class.bind(py).call1(arguments)?))
}
