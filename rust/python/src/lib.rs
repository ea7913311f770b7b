//! `pgwire_py._native`: one file for each thing exposed; no protocol knowledge here.
use pyo3::prelude::*;

mod decoder;
mod lexer;
mod message;
mod shape;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<decoder::FrontendDecoder>()?;
    module.add_function(wrap_pyfunction!(message::encode_message, module)?)?;
    module.add_function(wrap_pyfunction!(lexer::split_statements, module)?)?;
    module.add_function(wrap_pyfunction!(lexer::tokenize, module)?)?;
    Ok(())
}
