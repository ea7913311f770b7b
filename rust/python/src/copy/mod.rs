//! CopyEncoder and CopyDecoder: rows ⇄ the data of COPY, a batch in one call.
mod decoder;
mod encoder;
mod plan;

use pgwire_py_core::copy::CopyError;
use pyo3::prelude::*;

use crate::extract::failure;
pub use decoder::CopyDecoder;
pub use encoder::CopyEncoder;

pub fn placed(error: CopyError, row: usize, column: usize) -> CopyError {
    error.context(format!("row {row}, column {}", column + 1))
}

pub fn raise(py: Python<'_>, error: &CopyError) -> PyErr {
    failure(
        py,
        "copy_failure",
        (
            error.sqlstate,
            &error.message,
            &error.detail,
            error.hint,
            &error.context,
        ),
    )
}
