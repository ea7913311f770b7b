//! `pgwire_py._native`: one file for each thing exposed; no protocol knowledge here.
use pyo3::prelude::*;

mod answers;
mod arguments;
mod arrow;
mod arrow_decoder;
mod arrow_frames;
mod arrow_memory;
mod arrow_table;
mod auth;
mod backend_decoder;
mod buffers;
mod builder;
mod copy;
mod decoder;
mod extract;
mod field;
mod frame_scanner;
mod frames;
mod gathering;
mod lexer;
mod make;
#[macro_use]
mod message;
mod record;
mod record_object;
#[cfg(target_os = "linux")]
mod relay;
mod replication;
mod responder;
mod row_decoder;
mod row_frames;
mod rows;
mod shape;
#[cfg(unix)]
mod socket_io;
mod statement;
mod structured;
mod text_style;
mod values;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<decoder::FrontendDecoder>()?;
    module.add_class::<frames::FrameDecoder>()?;
    module.add_class::<frame_scanner::FrameScanner>()?;
    module.add_class::<builder::MessageBuilder>()?;
    module.add_class::<gathering::Gatherer>()?;
    module.add_class::<gathering::Gathering>()?;
    module.add_class::<gathering::Pending>()?;
    module.add_class::<backend_decoder::BackendDecoder>()?;
    module.add_class::<rows::RowEncoder>()?;
    module.add_class::<row_decoder::RowDecoder>()?;
    module.add("Record", record_object::class(module.py())?)?;
    module.add_class::<text_style::TextStyle>()?;
    module.add_class::<responder::Responder>()?;
    module.add_class::<arrow::ArrowEncoder>()?;
    module.add_class::<arrow_decoder::ArrowDecoder>()?;
    module.add_class::<arrow_decoder::ArrowBatch>()?;
    module.add_class::<arrow_decoder::ArrowStream>()?;
    module.add_class::<arrow_table::ArrowTable>()?;
    module.add_class::<copy::CopyEncoder>()?;
    module.add_class::<copy::CopyDecoder>()?;
    #[cfg(unix)]
    module.add_class::<socket_io::SocketIO>()?;
    #[cfg(target_os = "linux")]
    module.add_class::<relay::Relay>()?;
    module.add_function(wrap_pyfunction!(message::encode_message, module)?)?;
    module.add_function(wrap_pyfunction!(replication::encode_replication, module)?)?;
    module.add_function(wrap_pyfunction!(replication::decode_replication, module)?)?;
    module.add_function(wrap_pyfunction!(arrow::arrow_columns, module)?)?;
    module.add_function(wrap_pyfunction!(values::decode_values, module)?)?;
    module.add_function(wrap_pyfunction!(values::encode_value, module)?)?;
    module.add_function(wrap_pyfunction!(lexer::split_statements, module)?)?;
    module.add_function(wrap_pyfunction!(lexer::tokenize, module)?)?;
    module.add_function(wrap_pyfunction!(auth::prepare_password, module)?)?;
    module.add_function(wrap_pyfunction!(auth::md5_password, module)?)?;
    module.add_function(wrap_pyfunction!(auth::md5_response, module)?)?;
    module.add_function(wrap_pyfunction!(auth::scram_salted_password, module)?)?;
    module.add_function(wrap_pyfunction!(auth::scram_keys, module)?)?;
    module.add_function(wrap_pyfunction!(auth::scram_client_proof, module)?)?;
    module.add_function(wrap_pyfunction!(auth::scram_check_proof, module)?)?;
    module.add_function(wrap_pyfunction!(auth::scram_server_signature, module)?)?;
    module.add_function(wrap_pyfunction!(auth::scram_mock_salt, module)?)?;
    module.add_function(wrap_pyfunction!(auth::scram_server_first, module)?)?;
    module.add_function(wrap_pyfunction!(auth::scram_server_final, module)?)?;
    Ok(())
}
