//! `split_statements` and `tokenize`.
use pgwire_py_core::lexer::{self, SyntaxError, TokenKind};
use pyo3::IntoPyObjectExt;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PyString, PyTuple, PyType};

use crate::shape::named_tuple;

static STATEMENT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static TOKEN: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// See `pgwire_py._impl.interface.Core.split_statements`.
#[pyfunction]
pub fn split_statements<'py>(sql: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyList>> {
    let py = sql.py();
    let class = STATEMENT.import(py, "pgwire_py.sql", "Statement")?;
    let statements = lexer::split_statements(text(sql)?).map_err(|error| raised(py, error))?;
    let list = PyList::empty(py);
    for statement in statements {
        let fields = PyTuple::new(
            py,
            [
                statement.text.into_bound_py_any(py)?,
                statement.start.into_bound_py_any(py)?,
                PyTuple::new(py, statement.keywords)?.into_any(),
                PyFrozenSet::new(py, statement.words)?.into_any(),
                PyTuple::new(py, statement.parameters)?.into_any(),
            ],
        )?;
        list.append(named_tuple(class, fields)?)?;
    }
    Ok(list)
}

/// See `pgwire_py._impl.interface.Core.tokenize`.
#[pyfunction]
pub fn tokenize<'py>(sql: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyList>> {
    let py = sql.py();
    let class = TOKEN.import(py, "pgwire_py.sql", "Token")?;
    let list = PyList::empty(py);
    for token in lexer::tokenize(text(sql)?).map_err(|error| raised(py, error))? {
        let kind = match token.kind {
            TokenKind::Word => intern!(py, "word"),
            TokenKind::Quoted => intern!(py, "quoted"),
            TokenKind::String => intern!(py, "string"),
            TokenKind::Number => intern!(py, "number"),
            TokenKind::Parameter => intern!(py, "parameter"),
            TokenKind::Operator => intern!(py, "operator"),
        };
        let fields = (kind, token.value, token.start, token.end).into_pyobject(py)?;
        list.append(named_tuple(class, fields)?)?;
    }
    Ok(list)
}

fn text<'a>(sql: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    sql.to_str().map_err(|_| {
        let message = "SQL text holds a lone surrogate";
        postgres_error(sql.py(), "22021", message, None).unwrap_or_else(|error| error)
    })
}

fn raised(py: Python<'_>, error: SyntaxError) -> PyErr {
    postgres_error(py, "42601", &error.message, Some(error.position)).unwrap_or_else(|error| error)
}

fn postgres_error(
    py: Python<'_>,
    sqlstate: &str,
    message: &str,
    position: Option<usize>,
) -> PyResult<PyErr> {
    let keywords = PyDict::new(py);
    if let Some(position) = position {
        keywords.set_item("position", position)?;
    }
    let make = py.import("pgwire_py.errors")?.getattr("postgres_error")?;
    Ok(PyErr::from_value(
        make.call((sqlstate, message), Some(&keywords))?,
    ))
}
