//! What a backend sends, but for the COPY messages that both ends send.
use std::borrow::Cow;

use pgwire_py_core::messages::{
    BackendMessage, EncryptionAnswer, FieldDescription, TransactionStatus,
};
use pgwire_py_core::wire::{EncodeError, check_count};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::fields::{
    Pair, bytes, integer, integers, items, letter, pairs, slices, text, texts, value, values,
};
use super::{Encode, Problem};

pub const TABLE: &[(&str, Encode)] = &[
    ("EncryptionResponse", |message, out| {
        attributes!(message => answer);
        let answer = letter(
            answer,
            EncryptionAnswer::LETTERS,
            EncryptionAnswer::from_byte,
        )?;
        Ok(BackendMessage::EncryptionResponse { answer }.encode(out)?)
    }),
    (
        "AuthenticationOk",
        constant!(BackendMessage::AuthenticationOk),
    ),
    (
        "AuthenticationKerberosV5",
        constant!(BackendMessage::AuthenticationKerberosV5),
    ),
    (
        "AuthenticationCleartextPassword",
        constant!(BackendMessage::AuthenticationCleartextPassword),
    ),
    ("AuthenticationMD5Password", |message, out| {
        attributes!(message => salt);
        let Ok(salt) = bytes(salt)?.as_bytes().try_into() else {
            return Err(Problem::Unfit("the salt must have 4 bytes".into()));
        };
        Ok(BackendMessage::AuthenticationMD5Password { salt }.encode(out)?)
    }),
    (
        "AuthenticationGSS",
        constant!(BackendMessage::AuthenticationGSS),
    ),
    ("AuthenticationGSSContinue", |message, out| {
        attributes!(message => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(BackendMessage::AuthenticationGSSContinue { data }.encode(out)?)
    }),
    (
        "AuthenticationSSPI",
        constant!(BackendMessage::AuthenticationSSPI),
    ),
    ("AuthenticationSASL", |message, out| {
        attributes!(message => mechanisms);
        let mechanisms = items(mechanisms)?;
        let mechanisms = texts(&mechanisms)?;
        Ok(BackendMessage::AuthenticationSASL { mechanisms }.encode(out)?)
    }),
    ("AuthenticationSASLContinue", |message, out| {
        attributes!(message => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(BackendMessage::AuthenticationSASLContinue { data }.encode(out)?)
    }),
    ("AuthenticationSASLFinal", |message, out| {
        attributes!(message => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(BackendMessage::AuthenticationSASLFinal { data }.encode(out)?)
    }),
    ("BackendKeyData", |message, out| {
        attributes!(message => process_id, secret_key);
        let process_id = integer(process_id, "Int32")?;
        let secret_key = bytes(secret_key)?;
        let message = BackendMessage::BackendKeyData {
            process_id,
            secret_key: secret_key.as_bytes(),
        };
        Ok(message.encode(out)?)
    }),
    ("NegotiateProtocolVersion", |message, out| {
        attributes!(message => newest_version, unknown_options);
        let newest_version = integer(newest_version, "UInt32")?;
        let options = items(unknown_options)?;
        check_count(options.len())?;
        let message = BackendMessage::NegotiateProtocolVersion {
            newest_version,
            unknown_options: texts(&options)?,
        };
        Ok(message.encode(out)?)
    }),
    ("RowDescription", row_description),
    ("DataRow", |message, out| {
        attributes!(message => values);
        let values = self::values(values)?;
        let values = slices(&values);
        Ok(BackendMessage::DataRow { values }.encode(out)?)
    }),
    ("CommandComplete", |message, out| {
        attributes!(message => command_tag);
        let command_tag = text(command_tag)?;
        Ok(BackendMessage::CommandComplete { command_tag }.encode(out)?)
    }),
    (
        "EmptyQueryResponse",
        constant!(BackendMessage::EmptyQueryResponse),
    ),
    ("ParseComplete", constant!(BackendMessage::ParseComplete)),
    ("BindComplete", constant!(BackendMessage::BindComplete)),
    ("CloseComplete", constant!(BackendMessage::CloseComplete)),
    ("FunctionCallResponse", |message, out| {
        attributes!(message => value);
        let value = self::value(value)?;
        let value = value.as_ref().map(|value| value.as_bytes());
        Ok(BackendMessage::FunctionCallResponse { value }.encode(out)?)
    }),
    ("CopyInResponse", |message, out| {
        let (format, column_formats) = copy_formats(message)?;
        let message = BackendMessage::CopyInResponse {
            format,
            column_formats,
        };
        Ok(message.encode(out)?)
    }),
    ("CopyOutResponse", |message, out| {
        let (format, column_formats) = copy_formats(message)?;
        let message = BackendMessage::CopyOutResponse {
            format,
            column_formats,
        };
        Ok(message.encode(out)?)
    }),
    ("CopyBothResponse", |message, out| {
        let (format, column_formats) = copy_formats(message)?;
        let message = BackendMessage::CopyBothResponse {
            format,
            column_formats,
        };
        Ok(message.encode(out)?)
    }),
    ("NoData", constant!(BackendMessage::NoData)),
    (
        "PortalSuspended",
        constant!(BackendMessage::PortalSuspended),
    ),
    ("ParameterDescription", |message, out| {
        attributes!(message => types);
        let types = integers(types, "UInt32")?;
        Ok(BackendMessage::ParameterDescription { types }.encode(out)?)
    }),
    ("ParameterStatus", |message, out| {
        attributes!(message => name, value);
        let name = text(name)?;
        let value = text(value)?;
        Ok(BackendMessage::ParameterStatus { name, value }.encode(out)?)
    }),
    ("ReadyForQuery", |message, out| {
        attributes!(message => status);
        let status = letter(
            status,
            TransactionStatus::LETTERS,
            TransactionStatus::from_byte,
        )?;
        Ok(BackendMessage::ReadyForQuery { status }.encode(out)?)
    }),
    ("ErrorResponse", |message, out| {
        let pairs = fields(message)?;
        let fields = borrowed(&pairs)?;
        Ok(BackendMessage::ErrorResponse { fields }.encode(out)?)
    }),
    ("NoticeResponse", |message, out| {
        let pairs = fields(message)?;
        let fields = borrowed(&pairs)?;
        Ok(BackendMessage::NoticeResponse { fields }.encode(out)?)
    }),
    ("NotificationResponse", |message, out| {
        attributes!(message => process_id, channel, payload);
        let message = BackendMessage::NotificationResponse {
            process_id: integer(process_id, "Int32")?,
            channel: text(channel)?,
            payload: text(payload)?,
        };
        Ok(message.encode(out)?)
    }),
];

fn copy_formats(message: &Bound<'_, PyAny>) -> Result<(u8, Vec<i16>), Problem> {
    attributes!(message => format, column_formats);
    let format: i16 = integer(format, "Int16")?;
    let Ok(format @ (0 | 1)) = u8::try_from(format) else {
        return Err(EncodeError::CopyFormat.into());
    };
    Ok((format, integers(column_formats, "Int16")?))
}

fn row_description(message: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<(), Problem> {
    attributes!(message => fields);
    let columns = items(fields)?;
    check_count(columns.len())?;
    let mut rows = Vec::with_capacity(columns.len());
    for column in &columns {
        let Some(column) = column.cast::<PyTuple>().ok().filter(|it| it.len() == 7) else {
            return Err(Problem::Unfit("a field must be a FieldDescription".into()));
        };
        let name = column.get_item(0)?;
        text(&name)?;
        let rest = FieldDescription {
            name: "",
            table_oid: integer(&column.get_item(1)?, "UInt32")?,
            column_number: integer(&column.get_item(2)?, "Int16")?,
            type_oid: integer(&column.get_item(3)?, "UInt32")?,
            type_size: integer(&column.get_item(4)?, "Int16")?,
            type_modifier: integer(&column.get_item(5)?, "Int32")?,
            format: integer(&column.get_item(6)?, "Int16")?,
        };
        rows.push((name, rest));
    }
    let mut fields = Vec::with_capacity(rows.len());
    for (name, rest) in &rows {
        fields.push(FieldDescription {
            name: text(name)?,
            ..*rest
        });
    }
    Ok(BackendMessage::RowDescription { fields }.encode(out)?)
}

fn fields<'py>(message: &Bound<'py, PyAny>) -> Result<Vec<Pair<'py>>, Problem> {
    attributes!(message => fields);
    pairs(fields)
}

fn borrowed<'a>(pairs: &'a [Pair<'_>]) -> Result<Vec<(u8, Cow<'a, str>)>, Problem> {
    let mut fields = Vec::with_capacity(pairs.len());
    for (code, value) in pairs {
        let code = match code.cast::<PyString>().map(|code| code.to_str()) {
            Ok(Ok(code)) if code.len() == 1 && code != "\0" => code.as_bytes()[0],
            _ => return Err(EncodeError::FieldCode.into()),
        };
        fields.push((code, Cow::Borrowed(text(value)?)));
    }
    Ok(fields)
}
