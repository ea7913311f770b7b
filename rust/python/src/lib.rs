//! `pgwire_py._native`: one file for each thing exposed; no protocol knowledge here.
use pyo3::prelude::*;

mod arrow;
mod backend_decoder;
mod buffers;
mod decoder;
mod extract;
mod lexer;
mod message;
mod rows;
mod shape;
mod values;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<decoder::FrontendDecoder>()?;
    module.add_class::<backend_decoder::BackendDecoder>()?;
    module.add_class::<rows::RowEncoder>()?;
    module.add_class::<arrow::ArrowEncoder>()?;
    module.add_function(wrap_pyfunction!(message::encode_message, module)?)?;
    module.add_function(wrap_pyfunction!(arrow::arrow_columns, module)?)?;
    module.add_function(wrap_pyfunction!(values::decode_values, module)?)?;
    module.add_function(wrap_pyfunction!(values::encode_value, module)?)?;
    module.add_function(wrap_pyfunction!(lexer::split_statements, module)?)?;
    module.add_function(wrap_pyfunction!(lexer::tokenize, module)?)?;
    Ok(())
}
