//! CopyEncoder: rows → the data of COPY.
use std::sync::atomic::{AtomicBool, Ordering};

use pgwire_py_core::copy::{self, CopyError, Format};
use pgwire_py_core::rows::NULL;
use pgwire_py_core::types::{Kind, style};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::plan::Plan;
use super::{placed, raise};
use crate::arrow::{self, ArrowEncoder};
use crate::buffers::{self, RowSize};
use crate::decoder::unchanging;
use crate::extract::{self, Fail, postgres_error};
use crate::field::{Column, field};

/// See `pgwire_py._impl.interface.CopyEncoder`.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct CopyEncoder {
    inner: copy::Encoder,
    /// Where the rows are of Python values, how each column is written.
    columns: Option<Vec<Column>>,
    begun: AtomicBool,
    /// Whether what comes out are CopyData messages, one for each row.
    framed: bool,
    row_size: RowSize,
}

#[pymethods]
impl CopyEncoder {
    #[new]
    fn new(py: Python<'_>, plan: &Bound<'_, PyAny>) -> PyResult<Self> {
        let framed = plan.getattr("framed")?.extract()?;
        let (options, types) = Plan::read(plan)?;
        let binary = options.format == Format::Binary;
        let columns = types.map(|types| {
            let columns = types
                .into_iter()
                .map(|ty| Column::new(ty, binary, &style::DEFAULT));
            columns.collect()
        });
        let inner = copy::Encoder::new(options).map_err(|error| raise(py, &error))?;
        Ok(CopyEncoder {
            inner,
            columns,
            begun: AtomicBool::new(false),
            framed,
            row_size: RowSize::new(),
        })
    }

    fn encode<'py>(
        &self,
        py: Python<'py>,
        rows: &Bound<'py, PyAny>,
        start: usize,
        max_bytes: usize,
    ) -> PyResult<(Bound<'py, PyAny>, usize)> {
        if !rows.is_instance_of::<PyList>() && !rows.is_instance_of::<PyTuple>() {
            let message = "rows are neither a list nor a tuple";
            return Err(postgres_error(py, "42804", message));
        }
        let count = rows.len()?.saturating_sub(start);
        let mut out = self.row_size.buffer(count, max_bytes);
        let mut header = !self.begun.load(Ordering::Relaxed);
        if header && !self.header_goes_with_row() {
            let frame = self.open_frame(&mut out);
            self.write_header(py, &mut out)?;
            self.close_frame(frame, &mut out);
            header = false;
        }
        let head = out.len();
        let mut scratch = Vec::new();
        let mut next = start;
        // A list may change while Python code runs inside: its length is asked anew for each row.
        while next < rows.len()? && (out.len() < max_bytes || next == start) {
            let row = match rows.cast::<PyList>() {
                Ok(list) => list.get_item(next)?,
                Err(_) => rows.get_item(next)?,
            };
            let frame = self.open_frame(&mut out);
            if header {
                self.write_header(py, &mut out)?;
                header = false;
            }
            self.row(&row, next, &mut out, &mut scratch)?;
            self.close_frame(frame, &mut out);
            next += 1;
        }
        self.row_size.seen(out.len() - head, next - start);
        self.begun.store(!header, Ordering::Relaxed);
        Ok((buffers::give(py, out)?, next))
    }

    fn encode_data_rows<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let data = unchanging(data)?;
        let rows = data.as_bytes();
        let mut out = buffers::take(rows.len().saturating_add(64).min(1 << 24));
        let header = !self.begun.load(Ordering::Relaxed) && !rows.is_empty();
        let done = py.detach(|| self.data_rows(rows, header, &mut out));
        done.map_err(|error| raise(py, &error))?;
        if header {
            self.begun.store(true, Ordering::Relaxed);
        }
        buffers::give(py, out)
    }

    fn encode_arrow<'py>(
        &self,
        py: Python<'py>,
        rows: &Bound<'py, ArrowEncoder>,
        max_rows: usize,
        max_bytes: usize,
    ) -> PyResult<(Bound<'py, PyAny>, usize, bool)> {
        let rows = rows.get();
        if self.framed {
            let message = "Arrow is not encoded as CopyData messages";
            return Err(postgres_error(py, "0A000", message));
        }
        let expected = self.inner.options().columns.len();
        if rows.width() != expected {
            let message = format!(
                "the Arrow source has {} columns, but there are {expected} columns",
                rows.width()
            );
            return Err(postgres_error(py, "42804", &message));
        }
        let mut out = buffers::take(max_bytes.min(1 << 20));
        if !self.begun.load(Ordering::Relaxed) {
            self.write_header(py, &mut out)?;
        }
        let (out, result) = py.detach(|| {
            let result = rows
                .lock()
                .encode_copy(&self.inner, max_rows, max_bytes, &mut out);
            (out, result)
        });
        let (rows, ended) = result.map_err(|error| arrow::raise(py, error))?;
        self.begun.store(true, Ordering::Relaxed);
        Ok((buffers::give(py, out)?, rows, ended))
    }

    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        let frame = self.open_frame(&mut out);
        if !self.begun.load(Ordering::Relaxed) {
            self.write_header(py, &mut out)?;
        }
        self.inner.write_trailer(&mut out);
        self.close_frame(frame, &mut out);
        self.begun.store(true, Ordering::Relaxed);
        Ok(PyBytes::new(py, &out))
    }
}

impl CopyEncoder {
    /// PostgreSQL sends the header of binary data and the first row in one message, and clients count on it.
    fn header_goes_with_row(&self) -> bool {
        self.framed && self.inner.options().format == Format::Binary
    }

    /// Every DataRow message of `data` as a row, behind the header where there is to be one.
    fn data_rows(&self, data: &[u8], header: bool, out: &mut Vec<u8>) -> Result<(), CopyError> {
        let mut header = header;
        if header && !self.header_goes_with_row() {
            let frame = self.open_frame(out);
            self.inner.write_header(out)?;
            self.close_frame(frame, out);
            header = false;
        }
        let mut rest = data;
        let mut index = 0;
        while !rest.is_empty() {
            let Some((body, behind)) = data_row(rest) else {
                return Err(CopyError::new(
                    "XX000",
                    "the data are no whole DataRow messages",
                ));
            };
            let frame = self.open_frame(out);
            if header {
                self.inner.write_header(out)?;
                header = false;
            }
            self.inner.data_row(body, index, out)?;
            self.close_frame(frame, out);
            rest = behind;
            index += 1;
        }
        Ok(())
    }

    fn write_header(&self, py: Python<'_>, out: &mut Vec<u8>) -> PyResult<()> {
        self.inner
            .write_header(out)
            .map_err(|error| raise(py, &error))
    }

    /// Begins a CopyData message, where there are any; its place.
    fn open_frame(&self, out: &mut Vec<u8>) -> usize {
        let place = out.len();
        if self.framed {
            out.extend_from_slice(b"d\0\0\0\0");
        }
        place
    }

    /// Ends the message begun at `place`; an empty one is none.
    fn close_frame(&self, place: usize, out: &mut Vec<u8>) {
        if self.framed {
            // A row, with the header in front, is far from 4 GB: `max_row`.
            let length = (out.len() - place - 1) as u32;
            out[place + 1..place + 5].copy_from_slice(&length.to_be_bytes());
            if length == 4 {
                out.truncate(place);
            }
        }
    }

    fn row(
        &self,
        object: &Bound<'_, PyAny>,
        index: usize,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> PyResult<()> {
        let py = object.py();
        let begin = out.len();
        self.inner.begin_row(out);
        if let Ok(tuple) = object.cast::<PyTuple>() {
            self.check_width(py, index, tuple.len())?;
            for (column, item) in tuple.iter_borrowed().enumerate() {
                self.field(column, &item, index, out, scratch)?;
            }
        } else if let Ok(list) = object.cast::<PyList>() {
            self.check_width(py, index, list.len())?;
            for column in 0..self.inner.options().columns.len() {
                let item = list.get_item(column)?;
                self.field(column, &item, index, out, scratch)?;
            }
        } else {
            let message = format!("row {index} is neither a tuple nor a list");
            return Err(postgres_error(py, "42804", &message));
        }
        self.inner
            .end_row(begin, out)
            .map_err(|error| raise(py, &error.context(format!("row {index}"))))
    }

    fn check_width(&self, py: Python<'_>, index: usize, width: usize) -> PyResult<()> {
        let expected = self.inner.options().columns.len();
        if width == expected {
            return Ok(());
        }
        let message = format!("row {index} has {width} values, but there are {expected} columns");
        Err(postgres_error(py, "08P01", &message))
    }

    #[inline]
    fn field(
        &self,
        column: usize,
        item: &Bound<'_, PyAny>,
        row: usize,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> PyResult<()> {
        if item.is_none() {
            self.inner.write_null(column, out);
            return Ok(());
        }
        let Some(columns) = &self.columns else {
            return self.bytes(column, item, row, out);
        };
        let plan = columns[column];
        let raised =
            |fail: Fail| extract::raise(fail, Some(row), Some(column + 1), plan.ty.oid, item);
        if plan.binary {
            // A field of a binary row is laid out as in DataRow.
            return field(plan, item, &None, out).map_err(raised);
        }
        scratch.clear();
        field(plan, item, &None, scratch).map_err(raised)?;
        let sound = plan.ty.kind != Kind::Raw;
        let written = self
            .inner
            .write_field(column, &scratch[NULL.len()..], sound, out);
        written.map_err(|error| raise(item.py(), &placed(error, row, column)))
    }

    fn bytes(
        &self,
        column: usize,
        item: &Bound<'_, PyAny>,
        row: usize,
        out: &mut Vec<u8>,
    ) -> PyResult<()> {
        let written = match item.cast::<PyBytes>() {
            Ok(bytes) => self.inner.write_field(column, bytes.as_bytes(), false, out),
            Err(_) => Err(CopyError::new("42804", "a field is neither bytes nor None")),
        };
        written.map_err(|error| raise(item.py(), &placed(error, row, column)))
    }
}

/// The body of the DataRow message that `data` begins with, and what is behind it.
fn data_row(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = data.split_first_chunk::<5>()?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    (head[0] == b'D')
        .then(|| rest.split_at_checked(length.checked_sub(4)?))
        .flatten()
}
