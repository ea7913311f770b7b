//! `pgwire_py._native`: one file for each thing exposed; no protocol knowledge here.
use pyo3::prelude::*;

mod arrow;
mod buffers;
mod builder;
mod decoder;
mod extract;
mod frames;
mod lexer;
mod message;
mod rows;
mod shape;
mod values;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<decoder::FrontendDecoder>()?;
    module.add_class::<frames::FrameDecoder>()?;
    module.add_class::<builder::MessageBuilder>()?;
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
