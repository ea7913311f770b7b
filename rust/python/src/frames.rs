//! `FrameDecoder`: bytes in, frames out, their bodies as views of the bytes that were fed.
use pgwire_py_core::frames::{self, Body, Limits};
use pgwire_py_core::wire::{MAX_LENGTH, RemoteError};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList, PyMemoryView, PySlice, PyString, PyTuple};

use crate::arguments::Given;
use crate::arrow_decoder::ArrowDecoder;
use crate::arrow_frames;
use crate::buffers;
use crate::message::local_error;
use crate::row_decoder::{RowDecoder, Session};

/// See `pgwire_py._impl.interface.FrameDecoder`.
#[pyclass(module = "pgwire_py._native")]
pub struct FrameDecoder {
    inner: frames::FrameDecoder,
    /// By tag, whether consecutive messages are handed out as one frame.
    joined: [bool; 256],
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
    fn feed_rows<'py>(
        &mut self,
        data: &Bound<'py, PyBytes>,
        rows: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        if let Some(Ok(rows)) = rows.map(|rows| rows.cast::<ArrowDecoder>()) {
            return arrow_frames::feed(&mut self.inner, data, rows);
        }
        let rows = rows.map(|rows| rows.cast::<RowDecoder>()).transpose()?;
        let mut run = Run::new(data.py(), rows, false)?;
        self.run(data, &mut run)?;
        Ok(run.found)
    }

    #[pyo3(signature = (data, rows = None))]
    pub fn feed_answer<'py>(
        &mut self,
        data: &Bound<'py, PyBytes>,
        rows: Option<&Bound<'py, RowDecoder>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut run = Run::new(data.py(), rows, self.inner.buffered() == 0)?;
        self.run(data, &mut run)?;
        if self.inner.buffered() != 0 {
            run.seldom()?;
        }
        run.answer()
    }
}

impl FrameDecoder {
    fn run(&mut self, data: &Bound<'_, PyBytes>, run: &mut Run<'_, '_>) -> PyResult<()> {
        let mut position = 0;
        loop {
            while let Some((tag, body)) = self.inner.whole(data.as_bytes(), &mut position) {
                run.take(Some(tag), body)?;
            }
            match self.inner.next(data.as_bytes(), &mut position) {
                Ok(Some(frame)) => run.take(frame.tag, frame.body.as_slice())?,
                Ok(None) => return run.end(),
                Err(error) => {
                    run.seldom()?;
                    run.end()?;
                    return Err(frame_error(&error, run.found.clone())?);
                }
            }
        }
    }
}

/// The rows of DataRows that stand one behind the other, and the frames before them.
struct Run<'a, 'py> {
    /// None behind the end of the result it belongs to.
    decoder: Option<&'a RowDecoder>,
    session: Session<'a, 'py>,
    made: Vec<Bound<'py, PyAny>>,
    broken: Option<PyErr>,
    found: Bound<'py, PyList>,
    /// What came so far of an answer as nearly all are; None once it is another.
    answer: Option<Answer<'py>>,
}

/// BindComplete, rows, CommandComplete or PortalSuspended, ReadyForQuery: what came of them.
struct Answer<'py> {
    last: u8,
    rows: Option<Bound<'py, PyList>>,
    /// Letter and text of what ended the rows.
    tag: Option<(u8, Bound<'py, PyBytes>)>,
    status: u8,
}

impl<'a, 'py> Run<'a, 'py> {
    fn new(
        py: Python<'py>,
        decoder: Option<&'a Bound<'py, RowDecoder>>,
        answer: bool,
    ) -> PyResult<Self> {
        let answer = answer.then_some(Answer {
            last: 0,
            rows: None,
            tag: None,
            status: 0,
        });
        Ok(Run {
            decoder: decoder.map(Bound::get),
            session: Session::new(py)?,
            made: Vec::new(),
            broken: None,
            found: PyList::empty(py),
            answer,
        })
    }

    #[inline]
    fn take(&mut self, letter: Option<u8>, body: &[u8]) -> PyResult<()> {
        if let (Some(b'D'), Some(decoder)) = (letter, self.decoder) {
            if self
                .answer
                .as_ref()
                .is_some_and(|answer| answer.last != b'2')
            {
                self.seldom()?;
            }
            if self.broken.is_none()
                && let Err(error) = decoder.body(&self.session, body, &mut self.made)
            {
                self.broken = Some(error);
            }
            return Ok(());
        }
        if self.answer.is_some() {
            if self.usual(letter, body)? {
                return Ok(());
            }
            self.seldom()?;
        }
        self.end()?;
        if ends_result(letter) {
            self.decoder = None;
        }
        let py = self.session.py;
        self.found
            .append((tag(py, letter)?, PyBytes::new(py, body)))
    }

    /// Whether the frame is the next of the usual answer; then it is noted.
    fn usual(&mut self, letter: Option<u8>, body: &[u8]) -> PyResult<bool> {
        let py = self.session.py;
        let Some(answer) = self.answer.as_mut().filter(|_| self.broken.is_none()) else {
            return Ok(false);
        };
        match (answer.last, letter, body) {
            (0, Some(b'2'), []) => answer.last = b'2',
            (b'2', Some(end @ b's'), []) | (b'2', Some(end @ b'C'), [.., 0]) => {
                answer.last = end;
                let text = body.strip_suffix(b"\0").unwrap_or_default();
                answer.rows = Some(PyList::new(py, self.made.drain(..))?);
                answer.tag = Some((end, PyBytes::new(py, text)));
                self.decoder = None;
            }
            (b'C' | b's', Some(b'Z'), [status @ (b'I' | b'T' | b'E')]) => {
                answer.last = b'Z';
                answer.status = *status;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The answer is not the usual one: what was noted of it becomes frames.
    #[cold]
    fn seldom(&mut self) -> PyResult<()> {
        let py = self.session.py;
        let Some(answer) = self.answer.take() else {
            return Ok(());
        };
        let frame = |letter: u8, body: &[u8]| {
            self.found
                .append((tag(py, Some(letter))?, PyBytes::new(py, body)))
        };
        if answer.last != 0 {
            frame(b'2', b"")?;
        }
        if let Some(rows) = answer.rows.filter(|rows| !rows.is_empty()) {
            self.found.append((tag(py, Some(b'D'))?, rows))?;
        }
        match answer.tag {
            Some((b'C', text)) => frame(b'C', &[text.as_bytes(), b"\0"].concat())?,
            Some((end, _)) => frame(end, b"")?,
            None => (),
        }
        if answer.status != 0 {
            frame(b'Z', &[answer.status])?;
        }
        Ok(())
    }

    /// What was made of the DataRows so far.
    fn end(&mut self) -> PyResult<()> {
        let py = self.session.py;
        if let Some(answer) = &self.answer
            && answer.last == b'Z'
        {
            return Ok(());
        }
        self.seldom()?;
        if let Some(error) = self.broken.take() {
            self.made.clear();
            return self
                .found
                .append((tag(py, Some(b'D'))?, error.into_value(py)));
        }
        if self.made.is_empty() {
            return Ok(());
        }
        let rows = PyList::new(py, self.made.drain(..))?;
        self.found.append((tag(py, Some(b'D'))?, rows))
    }

    /// The usual answer's rows, tag and status, or else the frames.
    fn answer(self) -> PyResult<Bound<'py, PyAny>> {
        let py = self.session.py;
        if let Some(Answer {
            last: b'Z',
            rows: Some(rows),
            tag: Some((_, text)),
            status,
        }) = self.answer
        {
            return Ok((rows, text, tag(py, Some(status))?)
                .into_pyobject(py)?
                .into_any());
        }
        Ok(self.found.into_any())
    }
}

/// Whether the rows of another result begin behind such a message.
pub fn ends_result(letter: Option<u8>) -> bool {
    matches!(letter, Some(b'C' | b's' | b'I' | b'E' | b'T' | b'Z'))
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

fn length(value: &Bound<'_, PyAny>) -> PyResult<u32> {
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
