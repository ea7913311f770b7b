//! `RowDecoder`: DataRow messages (Protocol 55.7) or tuples of binary COPY → Python rows, a batch in one call.
use std::cell::RefCell;

use pgwire_py_core::row_reader::{Broken, Layout, RowReader};
use pgwire_py_core::rows;
use pgwire_py_core::types::short_numeric::{NUMERIC_TEXT, numeric_text};
use pgwire_py_core::types::{Kind, PgType, datetime};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDate, PyDateTime, PyFloat, PyList, PyMemoryView, PyTuple, PyType, PyTzInfo,
};

use crate::extract::{Fail, decimal_type, postgres_error, row_failure};
use crate::make;
use crate::record::Names;
use crate::record_object;
use crate::rows::{is_copy, names_of};
use crate::values::{clock, object};

/// One column: its type and format, and the short way to a Python object, if it has one.
struct Column {
    ty: PgType,
    binary: bool,
    short: Option<Kind>,
    /// The same of the elements of an array.
    elements: Option<Kind>,
}

/// What every value of a call may need, looked up once.
pub struct Session<'a, 'py> {
    pub py: Python<'py>,
    utc: Borrowed<'a, 'py, PyTzInfo>,
    decimal: &'a Bound<'py, PyType>,
    record: &'a Bound<'py, PyType>,
    ints: &'a make::SmallInts,
    /// Lists, and rows that hold containers, which the garbage collector does not see before [`Session::track`]: whatever makes it run
    /// until the rows are given out, it has nothing of them to look at.
    untracked: RefCell<Vec<Py<PyAny>>>,
}

/// See `pgwire_py._impl.interface.RowDecoder`.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct RowDecoder {
    columns: Vec<Column>,
    names: Option<Py<Names>>,
    copy: bool,
}

#[pymethods]
impl RowDecoder {
    #[new]
    #[pyo3(
        signature = (types, formats = Vec::new(), names = None, *, layout = "data_row"),
        text_signature = "(types, formats=(), names=None, *, layout='data_row')"
    )]
    fn new(
        py: Python<'_>,
        types: Vec<u32>,
        formats: Vec<i64>,
        names: Option<&Bound<'_, PyAny>>,
        layout: &str,
    ) -> PyResult<Self> {
        let copy = is_copy(layout)?;
        let names = names_of(py, names, types.len())?;
        let binary = rows::column_formats(&formats, types.len(), copy)
            .map_err(|error| postgres_error(py, error.sqlstate, &error.message))?;
        let column = |(oid, binary): (&u32, bool)| {
            let ty = PgType::of(*oid);
            let short = (!ty.is_array() && (binary || ty.kind == Kind::Text)).then_some(ty.kind);
            let elements = (ty.is_array() && binary).then_some(ty.kind);
            Column {
                ty,
                binary,
                short,
                elements,
            }
        };
        Ok(RowDecoder {
            columns: types.iter().zip(binary).map(column).collect(),
            names,
            copy,
        })
    }

    fn decode<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let py = data.py();
        let session = Session::new(py, Vec::new())?;
        let mut found = Vec::new();
        let mut copied = Vec::new();
        let whole = if self.copy {
            Layout::Copy
        } else {
            Layout::Messages
        };
        let pieces = if let Ok(list) = data.cast::<PyList>() {
            list.to_tuple()
        } else if let Ok(tuple) = data.cast::<PyTuple>() {
            tuple.clone()
        } else {
            self.buffer(&session, data, whole, &mut copied, &mut found, &mut false)?;
            session.track();
            return PyList::new(py, found);
        };
        let each = if self.copy {
            Layout::Copy
        } else {
            Layout::Body
        };
        let mut ended = false;
        found.reserve(pieces.len());
        for piece in pieces.iter_borrowed() {
            self.buffer(&session, &piece, each, &mut copied, &mut found, &mut ended)?;
        }
        session.track();
        PyList::new(py, found)
    }
}

impl RowDecoder {
    /// Adds the row of one body of DataRow; [`Session::track`] is to be called before anybody else sees it.
    #[inline]
    pub fn body<'py>(
        &self,
        session: &Session<'_, 'py>,
        body: &[u8],
        found: &mut Vec<Py<PyAny>>,
    ) -> PyResult<()> {
        let mut reader = RowReader::new(body, Layout::Body);
        reader
            .begin(self.columns.len())
            .map_err(|broken| self.broken(session.py, found.len(), broken))?;
        let row = self.row(session, &mut reader, found.len())?;
        found.push(row.unbind());
        Ok(())
    }

    /// The rows of one buffer. Only `bytes` are read where they lie: anything else could change while Python code runs.
    fn buffer<'py>(
        &self,
        session: &Session<'_, 'py>,
        data: &Bound<'py, PyAny>,
        layout: Layout,
        copied: &mut Vec<u8>,
        found: &mut Vec<Py<PyAny>>,
        ended: &mut bool,
    ) -> PyResult<()> {
        if let Ok(bytes) = data.cast_exact::<PyBytes>() {
            return self.rows(session, bytes.as_bytes(), layout, found, ended);
        }
        let view = match PyBuffer::<u8>::get(data) {
            Ok(view) if view.is_c_contiguous() => view,
            _ => {
                let view = PyMemoryView::from(data)?;
                let made = session.py.get_type::<PyBytes>().call1((view,))?;
                let bytes = made.cast_into::<PyBytes>()?;
                return self.rows(session, bytes.as_bytes(), layout, found, ended);
            }
        };
        copied.resize(view.len_bytes(), 0);
        view.copy_to_slice(session.py, copied)?;
        drop(view);
        self.rows(session, copied, layout, found, ended)
    }

    fn rows<'py>(
        &self,
        session: &Session<'_, 'py>,
        data: &[u8],
        layout: Layout,
        found: &mut Vec<Py<PyAny>>,
        ended: &mut bool,
    ) -> PyResult<()> {
        let py = session.py;
        let mut reader = RowReader::new(data, layout);
        if *ended && !data.is_empty() {
            let text = format!("{} bytes are left over", data.len());
            return Err(self.broken(py, found.len(), Broken { offset: 0, text }));
        }
        while reader
            .begin(self.columns.len())
            .map_err(|broken| self.broken(py, found.len(), broken))?
        {
            let row = self.row(session, &mut reader, found.len())?;
            found.push(row.unbind());
        }
        *ended |= reader.ended();
        Ok(())
    }

    /// The row that the reader has begun.
    #[inline]
    fn row<'py>(
        &self,
        session: &Session<'_, 'py>,
        reader: &mut RowReader<'_>,
        number: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let size = self.columns.len();
        match &self.names {
            None => {
                let row = make::Row::new(session.py, size)?;
                Ok(self.fill(session, reader, row, number)?.into_any())
            }
            Some(names) => {
                let row = make::Row::record(names, session.record, size)?;
                self.fill(session, reader, row, number)
            }
        }
    }

    /// One row: its fields from the reader into the object made for them.
    #[inline(always)]
    fn fill<'py, T>(
        &self,
        session: &Session<'_, 'py>,
        reader: &mut RowReader<'_>,
        mut values: make::Row<'py, T>,
        row: usize,
    ) -> PyResult<Bound<'py, T>> {
        let py = session.py;
        for (number, column) in self.columns.iter().enumerate() {
            let field = reader
                .field()
                .map_err(|broken| self.broken(py, row, broken))?;
            let Some(bytes) = field else {
                values.push_plain(py.None().into_bound(py));
                continue;
            };
            if let Some(made) = column.short.and_then(|kind| session.plain(kind, bytes)) {
                values.push_plain(made);
                continue;
            }
            let made = session
                .value(column, bytes)
                .map_err(|fail| refused(py, fail, row, number + 1, column.ty.oid, bytes))?;
            values.push(made);
        }
        reader
            .finish()
            .map_err(|broken| self.broken(py, row, broken))?;
        let (made, containers) = values.untracked();
        if containers {
            session.later(made.as_any());
        }
        Ok(made)
    }

    #[cold]
    fn broken(&self, py: Python<'_>, row: usize, broken: Broken) -> PyErr {
        row_failure(
            py,
            "broken_row",
            (broken.text, row, broken.offset, self.copy),
        )
    }
}

#[cold]
fn refused(py: Python<'_>, fail: Fail, row: usize, column: usize, oid: u32, bytes: &[u8]) -> PyErr {
    match fail {
        Fail::Python(error) => error,
        Fail::Value(error) => {
            let bytes = PyBytes::new(py, bytes);
            let arguments = (error.sqlstate, error.message, row, column, oid, bytes);
            row_failure(py, "row_failure", arguments)
        }
    }
}

/// The next element, with its length in front, where it has that size.
#[inline]
fn fixed<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (size, behind) = rest.split_first_chunk::<4>()?;
    let (item, behind) = behind.split_first_chunk::<N>()?;
    if i32::from_be_bytes(*size) != N as i32 {
        return None;
    }
    *rest = behind;
    Some(*item)
}

/// First and last microsecond of the years that Python has, from 2000-01-01; the first and last day likewise.
const FIRST: i64 = -63_082_281_600_000_000;
const LAST: i64 = 252_455_615_999_999_999;
const FIRST_DAY: i32 = -730_119;
const LAST_DAY: i32 = 2_921_939;

impl<'a, 'py> Session<'a, 'py>
where
    'py: 'a,
{
    /// What `untracked` holds is tracked with what will be made.
    pub fn new(py: Python<'py>, untracked: Vec<Py<PyAny>>) -> PyResult<Self> {
        Ok(Session {
            py,
            utc: PyTzInfo::utc(py)?,
            decimal: decimal_type(py)?,
            record: record_object::class(py)?,
            ints: make::SmallInts::get(py),
            untracked: RefCell::new(untracked),
        })
    }
}

impl<'py> Session<'_, 'py> {
    /// Lets the garbage collector see what was made.
    pub fn track(&self) {
        for object in self.untracked.borrow_mut().drain(..) {
            make::track(&object.into_bound(self.py));
        }
    }

    /// What [`Session::track`] would have let the collector see: a later session does.
    pub fn into_untracked(self) -> Vec<Py<PyAny>> {
        self.untracked.into_inner()
    }

    /// Has an object tracked with the others.
    fn later(&self, object: &Bound<'py, PyAny>) {
        self.untracked.borrow_mut().push(object.clone().unbind());
    }

    /// The Python object of a field: the usual values directly, everything else, and whatever is wrong, by way of a value.
    #[inline]
    fn value(&self, column: &Column, bytes: &[u8]) -> Result<Bound<'py, PyAny>, Fail> {
        if let Some(kind) = column.short
            && let Some(made) = self.short(kind, bytes)?
        {
            return Ok(made);
        }
        if let Some(kind) = column.elements
            && let Some(made) = self.list(kind, column.ty.element, bytes)?
        {
            return Ok(made);
        }
        let value = column.ty.decode(column.binary, bytes)?;
        object(self.py, &value)
    }

    /// An array as nearly all are: of one dimension that begins at 1, or empty.
    fn list(&self, kind: Kind, element: u32, bytes: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (words, _) = bytes.as_chunks::<4>();
        let mut head = words.iter().map(|word| i32::from_be_bytes(*word));
        let (count, mut rest) = match (head.next(), head.next(), head.next()) {
            (Some(0), Some(0..=1), Some(oid)) if oid as u32 == element => (0, &bytes[12..]),
            (Some(1), Some(0..=1), Some(oid)) if oid as u32 == element => {
                match (head.next(), head.next()) {
                    (Some(count), Some(1)) => (count as usize, &bytes[20..]),
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        // Each element takes four bytes at least.
        if count > rest.len() / 4 {
            return Ok(None);
        }
        let py = self.py;
        let made = match kind {
            Kind::Int4 => self.items(kind, count, &mut rest, |rest| {
                Some(self.int(i32::from_be_bytes(fixed(rest)?)))
            }),
            Kind::Int8 => self.items(kind, count, &mut rest, |rest| {
                Some(self.int(i64::from_be_bytes(fixed(rest)?)))
            }),
            Kind::Float8 => self.items(kind, count, &mut rest, |rest| {
                Some(PyFloat::new(py, f64::from_be_bytes(fixed(rest)?)).into_any())
            }),
            _ => self.items(kind, count, &mut rest, |_| None),
        }?;
        let made = made.filter(|_| rest.is_empty());
        if let Some(list) = &made {
            self.later(list);
        }
        Ok(made)
    }

    /// A list of so many elements; `fast` makes the usual ones and leaves others where they are.
    #[inline]
    fn items(
        &self,
        kind: Kind,
        count: usize,
        rest: &mut &[u8],
        fast: impl Fn(&mut &[u8]) -> Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        make::list(self.py, count, || {
            if let Some(made) = fast(rest) {
                return Ok(Some(made));
            }
            let Some((size, behind)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            let size = i32::from_be_bytes(*size);
            if size == -1 {
                *rest = behind;
                return Ok(Some(self.py.None().into_bound(self.py)));
            }
            match behind.split_at_checked(usize::try_from(size).unwrap_or(usize::MAX)) {
                Some((item, behind)) => {
                    *rest = behind;
                    self.short(kind, item)
                }
                None => Ok(None),
            }
        })
    }

    /// The object of a value that needs no more than its bytes, and that holds no other objects; None for everything else.
    #[inline(always)]
    fn plain(&self, kind: Kind, bytes: &[u8]) -> Option<Bound<'py, PyAny>> {
        let py = self.py;
        match kind {
            Kind::Int2 => Some(self.int(i16::from_be_bytes(bytes.try_into().ok()?))),
            Kind::Int4 => Some(self.int(i32::from_be_bytes(bytes.try_into().ok()?))),
            Kind::Int8 => Some(self.int(i64::from_be_bytes(bytes.try_into().ok()?))),
            Kind::Oid | Kind::Xid | Kind::Cid => {
                Some(self.int(u32::from_be_bytes(bytes.try_into().ok()?)))
            }
            Kind::Float4 => {
                let number = f32::from_be_bytes(bytes.try_into().ok()?);
                Some(PyFloat::new(py, f64::from(number)).into_any())
            }
            Kind::Float8 => {
                let number = f64::from_be_bytes(bytes.try_into().ok()?);
                Some(PyFloat::new(py, number).into_any())
            }
            Kind::Bool => match bytes {
                [byte @ 0..=1] => Some(PyBool::new(py, *byte == 1).to_owned().into_any()),
                _ => None,
            },
            Kind::Text | Kind::Name => make::text(py, bytes),
            Kind::Char => match bytes {
                [1..=0x7f] => make::text(py, bytes),
                _ => None,
            },
            Kind::Bytea => Some(PyBytes::new(py, bytes).into_any()),
            _ => None,
        }
    }

    #[inline(always)]
    fn int(&self, value: impl Into<i64>) -> Bound<'py, PyAny> {
        self.ints.make(self.py, value.into())
    }

    #[inline]
    fn short(&self, kind: Kind, bytes: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = self.py;
        Ok(match kind {
            Kind::Date => match <[u8; 4]>::try_from(bytes).map(i32::from_be_bytes) {
                Ok(days @ FIRST_DAY..=LAST_DAY) => {
                    let (year, month, day) = datetime::civil_from_days(i64::from(days));
                    Some(PyDate::new(py, year as i32, month as u8, day as u8)?.into_any())
                }
                _ => None,
            },
            Kind::Timestamp => self.moment(bytes, None)?,
            Kind::TimestampTz => self.moment(bytes, Some(&*self.utc))?,
            Kind::Numeric => {
                let mut buffer = [0; NUMERIC_TEXT];
                match numeric_text(bytes, &mut buffer) {
                    Some(text) => Some(make::of_text(self.decimal, text)?),
                    None => None,
                }
            }
            _ => self.plain(kind, bytes),
        })
    }

    #[inline]
    fn moment(
        &self,
        bytes: &[u8],
        zone: Option<&Bound<'py, PyTzInfo>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Ok(micros @ FIRST..=LAST) = <[u8; 8]>::try_from(bytes).map(i64::from_be_bytes) else {
            return Ok(None);
        };
        let (days, of_day) = (
            micros.div_euclid(datetime::MICROS_PER_DAY),
            micros.rem_euclid(datetime::MICROS_PER_DAY),
        );
        let (year, month, day) = datetime::civil_from_days(days);
        let (hour, minute, second, micro) = clock(of_day);
        let made = PyDateTime::new(
            self.py,
            year as i32,
            month as u8,
            day as u8,
            hour,
            minute,
            second,
            micro,
            zone,
        )?;
        Ok(Some(made.into_any()))
    }
}
