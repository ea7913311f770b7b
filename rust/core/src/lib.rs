//! The bytes of the PostgreSQL wire protocol: framing, messages, rows and type codecs.
//!
//! No sockets, no clock, no randomness, no Python. The same ideas stand under the same file names
//! in `python/pgwire_py/_impl/pure`, and the test-suite holds both to identical behaviour.
#![forbid(unsafe_code)]

pub mod arrow;
pub mod arrow_decoder;
pub mod bind_rows;
pub mod builder;
pub mod copy;
pub mod frame_scanner;
pub mod frames;
pub mod framing;
pub mod gathered;
pub mod lexer;
pub mod md5;
pub mod messages;
mod nul;
pub mod replication;
pub mod row_reader;
pub mod rows;
pub mod saslprep;
pub mod scram;
pub mod scram_server;
pub mod statement;
pub mod types;
pub mod wire;
