//! The answers to many runs of statements: those that are as nearly all are come together, as what they say.
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::frames::{Sink, tag};
use crate::row_decoder::{RowDecoder, Session};
use crate::row_frames::{ending_body, rows_body};

/// What `FrameDecoder.feed_answers` makes of frames.
pub struct Answers<'a, 'py> {
    session: Session<'a, 'py>,
    /// What reads the rows of each result from `next` on; None where it is not known any more which is which.
    decoders: Option<&'a Bound<'py, PyList>>,
    next: usize,
    /// The one for the result at hand, once it was looked up.
    decoder: Option<Option<Bound<'py, RowDecoder>>>,
    synced: bool,
    noted: Noted<'py>,
    /// Rows of the result at hand.
    made: Vec<Py<PyAny>>,
    broken: Option<PyErr>,
    /// Results of usual answers, one behind the other, and the transaction status behind them.
    usual: Vec<Bound<'py, PyTuple>>,
    status: u8,
    found: Bound<'py, PyList>,
}

/// What has come of a usual answer.
enum Noted<'py> {
    Nothing,
    /// BindComplete, and perhaps rows.
    Bound,
    /// And what ended them, where ReadyForQuery is to come: its letter, and the result.
    Ended(u8, Bound<'py, PyTuple>),
}

impl<'a, 'py> Answers<'a, 'py> {
    /// What comes is frames behind those `found`, and answers.
    pub fn new(
        decoders: &'a Bound<'py, PyList>,
        start: usize,
        synced: bool,
        found: Bound<'py, PyList>,
    ) -> PyResult<Self> {
        Ok(Answers {
            session: Session::new(decoders.py(), Vec::new())?,
            decoders: Some(decoders),
            next: start,
            decoder: None,
            synced,
            noted: Noted::Nothing,
            made: Vec::new(),
            broken: None,
            usual: Vec::new(),
            status: 0,
            found,
        })
    }

    /// Whether the frame is the next of a usual answer; then it is noted.
    fn noted(&mut self, letter: u8, body: &[u8]) -> PyResult<bool> {
        match (&self.noted, letter, body) {
            (Noted::Nothing, b'2', []) if self.made.is_empty() && self.broken.is_none() => {
                self.noted = Noted::Bound;
            }
            (Noted::Bound, b's', []) | (Noted::Bound, b'C', [.., 0]) if self.broken.is_none() => {
                let result = self.result(body.strip_suffix(b"\0").unwrap_or_default())?;
                self.noted = match self.synced {
                    true => Noted::Ended(letter, result),
                    false => {
                        self.usual.push(result);
                        Noted::Nothing
                    }
                };
                self.ended();
            }
            (Noted::Ended(..), b'Z', [status @ (b'I' | b'T' | b'E')]) => {
                if let Noted::Ended(_, result) = std::mem::replace(&mut self.noted, Noted::Nothing)
                {
                    self.usual.push(result);
                }
                self.status = *status;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The rows that came, with a command tag; the same result once more where it is alike and without rows.
    fn result(&mut self, text: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
        let py = self.session.py;
        if self.made.is_empty()
            && let Some(before) = self.usual.last()
            && before.get_borrowed_item(1)?.cast::<PyBytes>()?.as_bytes() == text
            && before.get_borrowed_item(0)?.cast::<PyList>()?.is_empty()
        {
            return Ok(before.clone());
        }
        let text = PyBytes::new(py, text);
        let rows = PyList::new(py, self.made.drain(..))?;
        PyTuple::new(py, [rows.into_any(), text.into_any()])
    }

    /// Command tags of the usual answers without rows, one for those that are the same result.
    fn tags(&self) -> PyResult<Bound<'py, PyList>> {
        let tags = PyList::empty(self.session.py);
        let mut before = None;
        for result in &self.usual {
            if before.is_some_and(|before: &Bound<'py, PyTuple>| before.is(result)) {
                continue;
            }
            before = Some(result);
            if result.get_borrowed_item(0)?.cast::<PyList>()?.is_empty() {
                tags.append(result.get_borrowed_item(1)?)?;
            }
        }
        Ok(tags)
    }

    /// A result has ended.
    fn ended(&mut self) {
        self.next += 1;
        self.decoder = None;
    }

    /// A row, where it can be read.
    fn row(&mut self, body: &[u8]) -> PyResult<bool> {
        if self.decoder.is_none() {
            let found = match self.decoders {
                Some(decoders) if self.next < decoders.len() => Some(decoders.get_item(self.next)?),
                _ => None,
            };
            let found = found.filter(|decoder| !decoder.is_none());
            self.decoder = Some(found.map(|found| found.cast_into()).transpose()?);
        }
        if let Noted::Ended(..) = self.noted {
            self.plain()?;
        }
        let Some(Some(decoder)) = &self.decoder else {
            return Ok(false);
        };
        if self.broken.is_none()
            && let Err(error) = decoder.get().body(&self.session, body, &mut self.made)
        {
            self.broken = Some(error);
        }
        Ok(true)
    }

    /// What was noted becomes frames: first the usual answers, then the frames of one that is not whole, or not usual.
    #[cold]
    fn plain(&mut self) -> PyResult<()> {
        let py = self.session.py;
        if !self.usual.is_empty() {
            let tags = self.tags()?;
            let results = PyList::new(py, self.usual.drain(..))?;
            let status = match self.status {
                0 => PyString::new(py, ""),
                status => tag(py, Some(status))?.clone(),
            };
            self.found
                .append((tag(py, Some(b'='))?, (results, tags, status)))?;
        }
        self.status = 0;
        let noted = std::mem::replace(&mut self.noted, Noted::Nothing);
        if !matches!(noted, Noted::Nothing) {
            self.frame(b'2', b"")?;
        }
        if let Noted::Ended(letter, result) = noted {
            let rows = result.get_item(0)?.cast_into::<PyList>()?;
            if !rows.is_empty() {
                self.found.append((tag(py, Some(b'D'))?, rows))?;
            }
            let text = result.get_item(1)?.cast_into::<PyBytes>()?;
            self.frame(letter, &ending_body(letter, text.as_bytes()))?;
        }
        if let Some(body) = rows_body(py, &mut self.made, &mut self.broken)? {
            self.found.append((tag(py, Some(b'D'))?, body))?;
        }
        Ok(())
    }

    fn frame(&self, letter: u8, body: &[u8]) -> PyResult<()> {
        let py = self.session.py;
        self.found
            .append((tag(py, Some(letter))?, PyBytes::new(py, body)))
    }
}

impl<'py> Sink<'py> for Answers<'_, 'py> {
    #[inline]
    fn take(&mut self, letter: Option<u8>, body: &[u8]) -> PyResult<()> {
        let Some(letter) = letter else {
            self.plain()?;
            let py = self.session.py;
            return self.found.append((tag(py, None)?, PyBytes::new(py, body)));
        };
        let read = match letter {
            b'D' => self.row(body)?,
            _ => self.noted(letter, body)?,
        };
        if read {
            return Ok(());
        }
        self.plain()?;
        if letter == b'2' && self.noted(letter, body)? {
            return Ok(());
        }
        match letter {
            b'C' | b's' | b'I' => self.ended(),
            // How many statements have failed with this one, or that the columns may be others, only its reader knows.
            b'E' | b'T' => {
                self.decoders = None;
                self.decoder = None;
            }
            _ => (),
        }
        self.frame(letter, body)
    }

    fn frames(&mut self) -> PyResult<Bound<'py, PyList>> {
        self.plain()?;
        self.session.track();
        Ok(self.found.clone())
    }
}
