//! CopyDecoder: the data of COPY → rows.
use pgwire_py_core::copy::{self, CopyError, Field, Format, Row, Stop};
use pgwire_py_core::types::PgType;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::plan::Plan;
use super::raise;
use crate::buffers;
use crate::decoder::unchanging;
use crate::extract::Fail;
use crate::values::object;

/// See `pgwire_py._impl.interface.CopyDecoder`.
#[pyclass(module = "pgwire_py._native")]
pub struct CopyDecoder {
    inner: copy::Decoder,
    types: Option<Vec<PgType>>,
}

/// Why a row was not taken.
enum Refused {
    Python(PyErr),
    Value(CopyError),
}

impl From<PyErr> for Refused {
    fn from(error: PyErr) -> Self {
        Refused::Python(error)
    }
}

#[pymethods]
impl CopyDecoder {
    #[new]
    fn new(plan: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (options, types) = Plan::read(plan)?;
        Ok(CopyDecoder {
            inner: copy::Decoder::new(options),
            types,
        })
    }

    #[getter]
    fn ended(&self) -> bool {
        self.inner.ended()
    }

    fn feed<'py>(
        &mut self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let data = unchanging(data)?;
        self.decode(py, data.as_bytes(), false)
    }

    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.decode(py, b"", true)
    }

    fn feed_data_rows<'py>(
        &mut self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, usize)> {
        let data = unchanging(data)?;
        self.data_rows(py, data.as_bytes(), false)
    }

    fn finish_data_rows<'py>(&mut self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, usize)> {
        self.data_rows(py, b"", true)
    }
}

impl CopyDecoder {
    /// Rows as DataRow messages, and how many.
    fn data_rows<'py>(
        &mut self,
        py: Python<'py>,
        data: &[u8],
        last: bool,
    ) -> PyResult<(Bound<'py, PyAny>, usize)> {
        let inner = &mut self.inner;
        let (out, count, done) = py.detach(|| {
            let mut out = buffers::take((data.len() + data.len() / 2).min(1 << 24));
            let mut count = 0;
            let done = inner.feed(data, last, &mut |row| {
                row.write_data_row(&mut out)?;
                count += 1;
                Ok::<(), CopyError>(())
            });
            (out, count, done)
        });
        if let Err(Stop::Copy(error) | Stop::Sink(error)) = done {
            self.inner.fail(error.clone());
            if count == 0 {
                return Err(raise(py, &error));
            }
        }
        Ok((buffers::give(py, out)?, count))
    }

    fn decode<'py>(
        &mut self,
        py: Python<'py>,
        data: &[u8],
        last: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let rows = PyList::empty(py);
        let types = self.types.as_deref();
        let done = self.inner.feed(data, last, &mut |row| {
            let fields: Vec<Bound<'py, PyAny>> = row
                .fields()
                .enumerate()
                .map(|(column, field)| match field {
                    Field::Null => Ok(py.None().into_bound(py)),
                    Field::Default => Ok(default_marker(py)?.clone()),
                    Field::Data(data) => match types {
                        None => Ok(PyBytes::new(py, data).into_any()),
                        Some(types) => value(py, types[column], row, column, data),
                    },
                })
                .collect::<Result<_, Refused>>()?;
            rows.append(PyTuple::new(py, fields)?)?;
            Ok::<(), Refused>(())
        });
        match done {
            Ok(()) => Ok(rows),
            Err(Stop::Copy(error)) => Err(raise(py, &error)),
            Err(Stop::Sink(Refused::Python(error))) => {
                let lost = CopyError::new("XX000", "an earlier part of the data was lost");
                self.inner.fail(lost);
                Err(error)
            }
            Err(Stop::Sink(Refused::Value(error))) => {
                let raised = raise(py, &error);
                self.inner.fail(error);
                Err(raised)
            }
        }
    }
}

fn value<'py>(
    py: Python<'py>,
    ty: PgType,
    row: &Row<'_>,
    column: usize,
    data: &[u8],
) -> Result<Bound<'py, PyAny>, Refused> {
    let binary = row.options().format == Format::Binary;
    ty.decode(binary, data)
        .map_err(Fail::from)
        .and_then(|made| object(py, &made))
        .map_err(|fail| match fail {
            Fail::Python(error) => Refused::Python(error),
            Fail::Value(error) => Refused::Value(
                CopyError::new(error.sqlstate, error.message)
                    .context(row.options().at_value(row.line, column, data)),
            ),
        })
}

/// `pgwire_py.enums.DEFAULT`.
fn default_marker<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyAny>> {
    static MARKER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    MARKER
        .get_or_try_init(py, || {
            let marker = py.import("pgwire_py.enums")?.getattr("DEFAULT")?;
            Ok(marker.unbind())
        })
        .map(|marker| marker.bind(py))
}
