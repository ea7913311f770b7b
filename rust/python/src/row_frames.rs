//! Frames whose DataRows are decoded on the way, and answers that are no more than rows: `FrameDecoder.feed_rows` and `feed_answer`.
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::frames::{Sink, tag};
use crate::row_decoder::{RowDecoder, Session};

/// The rows of DataRows that stand one behind the other, and the frames before them.
pub struct Run<'a, 'py> {
    /// None behind the end of the result it belongs to.
    decoder: Option<&'a RowDecoder>,
    session: Session<'a, 'py>,
    made: Vec<Py<PyAny>>,
    broken: Option<PyErr>,
    /// Tags and bodies.
    found: Vec<Bound<'py, PyTuple>>,
    /// What came so far of an answer as nearly all are; None once it is another.
    answer: Option<Answer>,
}

/// BindComplete, rows, CommandComplete or PortalSuspended, ReadyForQuery: what came of them.
#[derive(Default)]
struct Answer {
    last: u8,
    rows: Option<Py<PyList>>,
    /// Letter and text of what ended the rows.
    tag: Option<(u8, Py<PyBytes>)>,
    status: u8,
}

/// An answer that has come in part: its rows are nobody else's yet.
#[derive(Default)]
pub struct Kept {
    answer: Answer,
    made: Vec<Py<PyAny>>,
    untracked: Vec<Py<PyAny>>,
}

impl Kept {
    /// Whether no message of it has come.
    pub fn is_empty(&self) -> bool {
        self.answer.last == 0
    }
}

/// What bytes fed to `feed_answer` were.
pub enum Outcome<'py> {
    /// The beginning of the usual answer, or more of it.
    Part(Kept),
    /// The usual answer's rows, tag and status.
    Answer(Bound<'py, PyTuple>),
    Frames(Bound<'py, PyList>),
}

impl<'a, 'py> Run<'a, 'py> {
    pub fn new(py: Python<'py>, decoder: Option<&'a Bound<'py, RowDecoder>>) -> PyResult<Self> {
        Ok(Run {
            decoder: decoder.map(Bound::get),
            session: Session::new(py, Vec::new())?,
            made: Vec::new(),
            broken: None,
            found: Vec::new(),
            answer: None,
        })
    }

    /// What comes is the rest of an answer, as long as it is the usual one.
    pub fn resumed(
        py: Python<'py>,
        decoder: Option<&'a Bound<'py, RowDecoder>>,
        kept: Kept,
    ) -> PyResult<Self> {
        let decoder = decoder.filter(|_| kept.answer.tag.is_none());
        Ok(Run {
            decoder: decoder.map(Bound::get),
            session: Session::new(py, kept.untracked)?,
            made: kept.made,
            broken: None,
            found: Vec::new(),
            answer: Some(kept.answer),
        })
    }

    /// What comes is frames, behind those that were kept.
    pub fn behind(
        py: Python<'py>,
        decoder: Option<&'a Bound<'py, RowDecoder>>,
        kept: Kept,
    ) -> PyResult<Self> {
        let mut run = Run::resumed(py, decoder, kept)?;
        run.seldom()?;
        Ok(run)
    }

    #[inline]
    fn add(&mut self, letter: Option<u8>, body: &[u8]) -> PyResult<()> {
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
        self.push(letter, PyBytes::new(self.session.py, body).into_any())
    }

    fn push(&mut self, letter: Option<u8>, body: Bound<'py, PyAny>) -> PyResult<()> {
        let py = self.session.py;
        self.found.push((tag(py, letter)?, body).into_pyobject(py)?);
        Ok(())
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
                answer.rows = Some(PyList::new(py, self.made.drain(..))?.unbind());
                answer.tag = Some((end, PyBytes::new(py, text).unbind()));
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
        if answer.last != 0 {
            self.push(Some(b'2'), PyBytes::new(py, b"").into_any())?;
        }
        let rows = answer.rows.map(|rows| rows.into_bound(py));
        if let Some(rows) = rows.filter(|rows| !rows.is_empty()) {
            self.push(Some(b'D'), rows.into_any())?;
        }
        let mut frame =
            |letter: u8, body: &[u8]| self.push(Some(letter), PyBytes::new(py, body).into_any());
        if let Some((letter, text)) = answer.tag {
            frame(letter, &ending_body(letter, text.as_bytes(py)))?;
        }
        if answer.status != 0 {
            frame(b'Z', &[answer.status])?;
        }
        Ok(())
    }

    /// What was made of the DataRows so far.
    fn end(&mut self) -> PyResult<()> {
        let py = self.session.py;
        match rows_body(py, &mut self.made, &mut self.broken)? {
            Some(body) => self.push(Some(b'D'), body),
            None => Ok(()),
        }
    }

    /// What came; `whole` where nothing of another message is behind it.
    pub fn outcome(mut self, whole: bool) -> PyResult<Outcome<'py>> {
        let py = self.session.py;
        if self.broken.is_some() {
            return self.frames().map(Outcome::Frames);
        }
        match self.answer.take() {
            Some(Answer {
                last: b'Z',
                rows: Some(rows),
                tag: Some((_, text)),
                status,
            }) if whole => {
                self.session.track();
                let answer = (rows, text, tag(py, Some(status))?).into_pyobject(py)?;
                Ok(Outcome::Answer(answer))
            }
            Some(answer) if answer.last != b'Z' => Ok(Outcome::Part(Kept {
                answer,
                made: self.made,
                untracked: self.session.into_untracked(),
            })),
            answer => {
                self.answer = answer;
                self.frames().map(Outcome::Frames)
            }
        }
    }
}

impl<'py> Sink<'py> for Run<'_, 'py> {
    #[inline]
    fn take(&mut self, letter: Option<u8>, body: &[u8]) -> PyResult<()> {
        self.add(letter, body)
    }

    fn frames(&mut self) -> PyResult<Bound<'py, PyList>> {
        self.seldom()?;
        self.end()?;
        self.session.track();
        PyList::new(self.session.py, self.found.drain(..))
    }
}

/// The body of a frame of rows: what was made of them, or why one could not be read; None where there are none.
pub fn rows_body<'py>(
    py: Python<'py>,
    made: &mut Vec<Py<PyAny>>,
    broken: &mut Option<PyErr>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if let Some(error) = broken.take() {
        made.clear();
        return Ok(Some(error.into_value(py).into_bound(py).into_any()));
    }
    if made.is_empty() {
        return Ok(None);
    }
    Ok(Some(PyList::new(py, made.drain(..))?.into_any()))
}

/// The body of CommandComplete with a tag, or of the PortalSuspended that stands in its place.
pub fn ending_body(letter: u8, text: &[u8]) -> Vec<u8> {
    match letter {
        b'C' => [text, b"\0"].concat(),
        _ => Vec::new(),
    }
}

/// Whether the rows of another result begin behind such a message.
pub fn ends_result(letter: Option<u8>) -> bool {
    matches!(letter, Some(b'C' | b's' | b'I' | b'E' | b'T' | b'Z'))
}
