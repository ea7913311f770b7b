//! What a frontend sends, and the COPY messages that both ends send.
use pgwire_py_core::messages::{FrontendMessage, Kind};
use pgwire_py_core::wire::EncodeError;
use pyo3::intern;
use pyo3::prelude::*;

use super::fields::{bytes, integer, integers, letter, pairs, slices, text, value, values};
use super::{Encode, Problem};

pub const TABLE: &[(&str, Encode)] = &[
    ("StartupMessage", startup_message),
    ("SSLRequest", constant!(FrontendMessage::SSLRequest)),
    ("GSSENCRequest", constant!(FrontendMessage::GSSENCRequest)),
    ("CancelRequest", |message, out| {
        attributes!(message => process_id, secret_key);
        let process_id = integer(process_id, "Int32")?;
        let secret_key = bytes(secret_key)?;
        let message = FrontendMessage::CancelRequest {
            process_id,
            secret_key: secret_key.as_bytes(),
        };
        Ok(message.encode(out)?)
    }),
    ("PasswordMessage", |message, out| {
        attributes!(message => password);
        let password = bytes(password)?;
        let password = password.as_bytes();
        Ok(FrontendMessage::PasswordMessage { password }.encode(out)?)
    }),
    ("SASLInitialResponse", |message, out| {
        attributes!(message => mechanism, data);
        let mechanism = text(mechanism)?;
        let data = value(data)?;
        let data = data.as_ref().map(|data| data.as_bytes());
        Ok(FrontendMessage::SASLInitialResponse { mechanism, data }.encode(out)?)
    }),
    ("SASLResponse", |message, out| {
        attributes!(message => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(FrontendMessage::SASLResponse { data }.encode(out)?)
    }),
    ("GSSResponse", |message, out| {
        attributes!(message => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(FrontendMessage::GSSResponse { data }.encode(out)?)
    }),
    ("Query", |message, out| {
        attributes!(message => query);
        let query = text(query)?;
        Ok(FrontendMessage::Query { query }.encode(out)?)
    }),
    ("FunctionCall", |message, out| {
        attributes!(message => function_oid, argument_formats, arguments, result_format);
        let function_oid = integer(function_oid, "UInt32")?;
        let argument_formats = integers(argument_formats, "Int16")?;
        let arguments = values(arguments)?;
        let message = FrontendMessage::FunctionCall {
            function_oid,
            argument_formats,
            arguments: slices(&arguments),
            result_format: integer(result_format, "Int16")?,
        };
        Ok(message.encode(out)?)
    }),
    ("Terminate", constant!(FrontendMessage::Terminate)),
    ("Parse", |message, out| {
        attributes!(message => statement, query, parameter_types);
        let message = FrontendMessage::Parse {
            statement: text(statement)?,
            query: text(query)?,
            parameter_types: integers(parameter_types, "UInt32")?,
        };
        Ok(message.encode(out)?)
    }),
    ("Bind", |message, out| {
        attributes!(message => portal, statement, parameter_formats, parameters, result_formats);
        let portal = text(portal)?;
        let statement = text(statement)?;
        let parameter_formats = integers(parameter_formats, "Int16")?;
        let parameters = values(parameters)?;
        let message = FrontendMessage::Bind {
            portal,
            statement,
            parameter_formats,
            parameters: slices(&parameters),
            result_formats: integers(result_formats, "Int16")?,
        };
        Ok(message.encode(out)?)
    }),
    ("Describe", |message, out| {
        attributes!(message => kind, name);
        let kind = letter(kind, Kind::LETTERS, Kind::from_byte)?;
        let name = text(name)?;
        Ok(FrontendMessage::Describe { kind, name }.encode(out)?)
    }),
    ("Execute", |message, out| {
        attributes!(message => portal, max_rows);
        let portal = text(portal)?;
        let max_rows = integer(max_rows, "Int32")?;
        Ok(FrontendMessage::Execute { portal, max_rows }.encode(out)?)
    }),
    ("Close", |message, out| {
        attributes!(message => kind, name);
        let kind = letter(kind, Kind::LETTERS, Kind::from_byte)?;
        let name = text(name)?;
        Ok(FrontendMessage::Close { kind, name }.encode(out)?)
    }),
    ("Flush", constant!(FrontendMessage::Flush)),
    ("Sync", constant!(FrontendMessage::Sync)),
    ("CopyData", |message, out| {
        attributes!(message => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(FrontendMessage::CopyData { data }.encode(out)?)
    }),
    ("CopyDone", constant!(FrontendMessage::CopyDone)),
    ("CopyFail", |message, out| {
        // Under another name than the variable that holds the whole.
        let reason = &message.getattr(intern!(message.py(), "message"))?;
        let message = text(reason)?;
        Ok(FrontendMessage::CopyFail { message }.encode(out)?)
    }),
];

fn startup_message(message: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<(), Problem> {
    attributes!(message => protocol_version, parameters);
    let protocol_version = integer(protocol_version, "UInt32")?;
    let pairs = pairs(parameters)?;
    let mut parameters = Vec::with_capacity(pairs.len());
    for (name, value) in &pairs {
        let name = text(name)?;
        if name.is_empty() {
            return Err(EncodeError::UnnamedParameter.into());
        }
        parameters.push((name, text(value)?));
    }
    let message = FrontendMessage::StartupMessage {
        protocol_version,
        parameters,
    };
    Ok(message.encode(out)?)
}
