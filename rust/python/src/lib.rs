//! `pgwire_py._native`: one file for each thing exposed; no protocol knowledge here.
use pyo3::prelude::*;

#[pymodule]
fn _native(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
