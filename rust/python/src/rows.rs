//! RowEncoder: Python rows → DataRow messages (Protocol 55.7) or tuples of binary COPY, a batch in one call.
use std::sync::Arc;

use pgwire_py_core::rows::{self, Row};
use pgwire_py_core::types::{PgType, Style, style};
use pyo3::exceptions::{PyAttributeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::buffers::{self, RowSize};
use crate::extract::{self, postgres_error, row_failure};
use crate::field::{Column, field};
use crate::record::{Names, Record, tuple_of};
use crate::text_style::TextStyle;

#[pyclass(frozen, module = "pgwire_py._native")]
pub struct RowEncoder {
    columns: Vec<Column>,
    names: Option<Py<Names>>,
    copy: bool,
    style: Option<Arc<Style>>,
    row_size: RowSize,
}

#[pymethods]
impl RowEncoder {
    #[new]
    #[pyo3(
        signature = (types, formats = Vec::new(), names = None, *, layout = "data_row", style = None),
        text_signature = "(types, formats=(), names=None, *, layout='data_row', style=None)"
    )]
    fn new(
        py: Python<'_>,
        types: Vec<u32>,
        formats: Vec<i64>,
        names: Option<&Bound<'_, PyAny>>,
        layout: &str,
        style: Option<&Bound<'_, TextStyle>>,
    ) -> PyResult<Self> {
        let style = style.map(|style| Arc::clone(&style.get().style));
        let followed = style.as_deref().unwrap_or(&style::DEFAULT);
        let copy = is_copy(layout)?;
        let names = names_of(py, names, types.len())?;
        let binary = rows::column_formats(&formats, types.len(), copy)
            .map_err(|error| postgres_error(py, error.sqlstate, &error.message))?;
        let columns = types
            .iter()
            .zip(binary)
            .map(|(oid, binary)| Column::new(PgType::of(*oid), binary, followed))
            .collect();
        Ok(RowEncoder {
            columns,
            names,
            copy,
            style,
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
        let count = rows.len()?;
        let mut out = self.row_size.buffer(count.saturating_sub(start), max_bytes);
        let mut next = start;
        if let Ok(list) = rows.cast::<PyList>() {
            // The list may change while Python code runs inside: its length is asked anew for each row.
            while next < list.len() && (out.len() < max_bytes || next == start) {
                self.row(&list.get_item(next)?, next, &mut out)?;
                next += 1;
            }
        } else if let Ok(tuple) = rows.cast::<PyTuple>() {
            while next < count && (out.len() < max_bytes || next == start) {
                self.row(&tuple.get_item(next)?, next, &mut out)?;
                next += 1;
            }
        } else {
            return Err(postgres_error(
                py,
                "42804",
                "rows are neither a list nor a tuple",
            ));
        }
        self.row_size.seen(out.len(), next - start);
        Ok((buffers::give(py, out)?, next))
    }

    fn encode_columns<'py>(
        &self,
        py: Python<'py>,
        columns: &Bound<'py, PyAny>,
        start: usize,
        max_bytes: usize,
    ) -> PyResult<(Bound<'py, PyAny>, usize)> {
        let columns = sequence(columns)
            .ok_or_else(|| postgres_error(py, "42804", "columns are neither a list nor a tuple"))?;
        if columns.len() != self.columns.len() {
            let message = format!(
                "{} columns of values, but there are {} columns",
                columns.len(),
                self.columns.len()
            );
            return Err(postgres_error(py, "08P01", &message));
        }
        let mut values = Vec::with_capacity(columns.len());
        for (number, column) in columns.iter().enumerate() {
            values.push(sequence(&column).ok_or_else(|| {
                let message = format!("column {} is neither a list nor a tuple", number + 1);
                postgres_error(py, "42804", &message)
            })?);
        }
        let count = values.first().map_or(0, |column| column.len());
        for (number, column) in values.iter().enumerate() {
            if column.len() != count {
                let message = format!(
                    "column {} has {} values, but column 1 has {count}",
                    number + 1,
                    column.len()
                );
                return Err(postgres_error(py, "08P01", &message));
            }
        }
        let mut out = self.row_size.buffer(count.saturating_sub(start), max_bytes);
        let mut next = start;
        while next < count && (out.len() < max_bytes || next == start) {
            let row = self.begin(&mut out);
            for (number, column) in values.iter().enumerate() {
                self.field(
                    self.columns[number],
                    number,
                    &column.get_item(next)?,
                    next,
                    &row,
                    &mut out,
                )?;
            }
            self.end(py, row, &mut out)?;
            next += 1;
        }
        Ok((buffers::give(py, out)?, next))
    }
}

/// A tuple of what a list or a tuple holds now.
fn sequence<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyTuple>> {
    match object.cast::<PyList>() {
        Ok(list) => Some(list.to_tuple()),
        Err(_) => object.cast::<PyTuple>().ok().cloned(),
    }
}

/// Whether rows are tuples of binary COPY instead of DataRow messages.
pub fn is_copy(layout: &str) -> PyResult<bool> {
    match layout {
        "data_row" => Ok(false),
        "copy" => Ok(true),
        _ => Err(PyValueError::new_err("layout must be 'data_row' or 'copy'")),
    }
}

/// As many names as columns, or none.
pub fn names_of(
    py: Python<'_>,
    names: Option<&Bound<'_, PyAny>>,
    columns: usize,
) -> PyResult<Option<Py<Names>>> {
    let Some(names) = names else { return Ok(None) };
    let names = Names::new(names)?;
    let count = names.tuple(py).len();
    if count != columns {
        let message = format!("{count} names, but there are {columns} columns");
        return Err(PyValueError::new_err(message));
    }
    Py::new(py, names).map(Some)
}

impl RowEncoder {
    /// Appends every row, fewer than `max_bytes` in all but for the last; `None` where they are more, or their number is not kept.
    pub fn encode_all(
        &self,
        rows: &Bound<'_, PyList>,
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> PyResult<Option<()>> {
        let count = rows.len();
        let begin = out.len();
        out.reserve(self.row_size.guess(count));
        let mut index = 0;
        // The list may change while Python code runs inside: its length is asked anew for each row.
        while index < rows.len() {
            if index > 0 && out.len() - begin >= max_bytes {
                return Ok(None);
            }
            self.row(&rows.get_item(index)?, index, out)?;
            index += 1;
        }
        Ok((index == count).then_some(()))
    }

    fn row(&self, object: &Bound<'_, PyAny>, index: usize, out: &mut Vec<u8>) -> PyResult<()> {
        let row = self.begin(out);
        if let Ok(tuple) = object.cast::<PyTuple>() {
            self.check_width(object, index, tuple.len())?;
            for (column, (plan, item)) in self.columns.iter().zip(tuple.iter_borrowed()).enumerate()
            {
                self.field(*plan, column, &item, index, &row, out)?;
            }
        } else if let Ok(list) = object.cast::<PyList>() {
            self.check_width(object, index, list.len())?;
            for column in 0..self.columns.len() {
                self.field(
                    self.columns[column],
                    column,
                    &list.get_item(column)?,
                    index,
                    &row,
                    out,
                )?;
            }
        } else {
            let values = self.other_row(object, index)?;
            self.check_width(object, index, values.len())?;
            for (column, item) in values.iter_borrowed().enumerate() {
                self.field(self.columns[column], column, &item, index, &row, out)?;
            }
        }
        self.end(object.py(), row, out)
    }

    #[inline]
    fn begin(&self, out: &mut Vec<u8>) -> Row {
        if self.copy {
            Row::begin_tuple(out, self.columns.len())
        } else {
            Row::begin(out, self.columns.len())
        }
    }

    #[inline]
    fn end(&self, py: Python<'_>, row: Row, out: &mut [u8]) -> PyResult<()> {
        row.end(out)
            .map_err(|error| postgres_error(py, error.sqlstate, &error.message))
    }

    #[inline(always)]
    fn field(
        &self,
        plan: Column,
        column: usize,
        item: &Bound<'_, PyAny>,
        index: usize,
        row: &Row,
        out: &mut Vec<u8>,
    ) -> PyResult<()> {
        field(plan, item, &self.style, out)
            .and_then(|()| Ok(row.check(out)?))
            .map_err(|fail| extract::raise(fail, Some(index), Some(column + 1), plan.ty.oid, item))
    }

    /// The values of a row that is neither a tuple nor a list: a Record, a dict, or an instance of a dataclass.
    #[cold]
    fn other_row<'py>(
        &self,
        object: &Bound<'py, PyAny>,
        index: usize,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = object.py();
        if let Ok(record) = object.cast::<Record>() {
            return tuple_of(record);
        }
        let missing =
            |name: &Bound<'_, PyAny>| row_failure(py, "missing_column", (index, name.clone()));
        if let Ok(dict) = object.cast::<PyDict>() {
            let Some(names) = self.names.as_ref().map(|names| names.get()) else {
                let message = format!("row {index} is a dict, but the encoder has no column names");
                return Err(postgres_error(py, "42804", &message));
            };
            let value =
                |name: Bound<'py, PyAny>| dict.get_item(&name)?.ok_or_else(|| missing(&name));
            let values = names
                .tuple(py)
                .iter()
                .map(value)
                .collect::<PyResult<Vec<_>>>()?;
            if dict.len() != names.distinct(py) {
                self.check_width(object, index, dict.len())?;
            }
            return PyTuple::new(py, values);
        }
        let fields = py
            .import("pgwire_py._impl.row_errors")?
            .getattr("dataclass_fields")?
            .call1((object.get_type(),))?;
        if fields.is_none() {
            let message = format!(
                "row {index} is neither a tuple nor a list, dict, Record or dataclass instance"
            );
            return Err(postgres_error(py, "42804", &message));
        }
        let fields = match &self.names {
            Some(names) => names.get().tuple(py).clone(),
            None => fields.cast_into::<PyTuple>()?,
        };
        let value = |name: Bound<'py, PyAny>| {
            let attribute = name.cast::<PyString>()?;
            object.getattr(attribute).map_err(|error| {
                if error.is_instance_of::<PyAttributeError>(py) {
                    missing(&name)
                } else {
                    error
                }
            })
        };
        PyTuple::new(py, fields.iter().map(value).collect::<PyResult<Vec<_>>>()?)
    }

    fn check_width(&self, object: &Bound<'_, PyAny>, index: usize, width: usize) -> PyResult<()> {
        if width == self.columns.len() {
            return Ok(());
        }
        let message = format!(
            "row {index} has {width} values, but there are {} columns",
            self.columns.len()
        );
        Err(postgres_error(object.py(), "08P01", &message))
    }
}
