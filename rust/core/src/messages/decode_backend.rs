//! Messages from the bodies a backend sends (Protocol 55.7).
//!
//! A body is decoded exactly: nothing missing, nothing left over.
use std::borrow::Cow;

use super::{BackendMessage, FieldDescription, TransactionStatus};
use crate::wire::{Malformed, Reader};

type Read<T> = Result<T, Malformed>;

/// Whether a backend may send this tag.
pub fn is_backend_tag(tag: u8) -> bool {
    b"RKvTDCI123nstSZENAVGHWdc".contains(&tag)
}

/// The class of a tag that [`is_backend_tag`] accepts, which for authentication stands in the body; empty for any other tag.
pub fn backend_name(tag: u8, body: &[u8]) -> &'static str {
    match tag {
        b'R' => match body.first_chunk().map(|code| u32::from_be_bytes(*code)) {
            Some(0) => "AuthenticationOk",
            Some(2) => "AuthenticationKerberosV5",
            Some(3) => "AuthenticationCleartextPassword",
            Some(5) => "AuthenticationMD5Password",
            Some(7) => "AuthenticationGSS",
            Some(8) => "AuthenticationGSSContinue",
            Some(9) => "AuthenticationSSPI",
            Some(10) => "AuthenticationSASL",
            Some(11) => "AuthenticationSASLContinue",
            Some(12) => "AuthenticationSASLFinal",
            _ => "Authentication",
        },
        b'K' => "BackendKeyData",
        b'v' => "NegotiateProtocolVersion",
        b'T' => "RowDescription",
        b'D' => "DataRow",
        b'C' => "CommandComplete",
        b'I' => "EmptyQueryResponse",
        b'1' => "ParseComplete",
        b'2' => "BindComplete",
        b'3' => "CloseComplete",
        b'n' => "NoData",
        b's' => "PortalSuspended",
        b't' => "ParameterDescription",
        b'S' => "ParameterStatus",
        b'Z' => "ReadyForQuery",
        b'E' => "ErrorResponse",
        b'N' => "NoticeResponse",
        b'A' => "NotificationResponse",
        b'V' => "FunctionCallResponse",
        b'G' => "CopyInResponse",
        b'H' => "CopyOutResponse",
        b'W' => "CopyBothResponse",
        b'd' => "CopyData",
        b'c' => "CopyDone",
        _ => "",
    }
}

/// The message of a tag that [`is_backend_tag`] accepts.
#[inline]
pub fn decode_backend(tag: u8, body: &[u8]) -> Read<BackendMessage<'_>> {
    let mut reader = Reader::new(body);
    let message = match tag {
        b'D' => BackendMessage::DataRow {
            values: reader.values(negative_length)?,
        },
        b'd' => return Ok(BackendMessage::CopyData { data: body }),
        b'R' => return authentication(reader),
        b'K' => return key_data(reader),
        b'v' => BackendMessage::NegotiateProtocolVersion {
            newest_version: reader.uint32()?,
            unknown_options: options(&mut reader)?,
        },
        b'T' => BackendMessage::RowDescription {
            fields: row_description(&mut reader)?,
        },
        b'C' => BackendMessage::CommandComplete {
            command_tag: reader.text()?,
        },
        b'I' => BackendMessage::EmptyQueryResponse,
        b'1' => BackendMessage::ParseComplete,
        b'2' => BackendMessage::BindComplete,
        b'3' => BackendMessage::CloseComplete,
        b'n' => BackendMessage::NoData,
        b's' => BackendMessage::PortalSuspended,
        b't' => BackendMessage::ParameterDescription {
            types: reader.uint32s()?,
        },
        b'S' => BackendMessage::ParameterStatus {
            name: reader.text()?,
            value: reader.text()?,
        },
        b'Z' => BackendMessage::ReadyForQuery {
            status: status(&mut reader)?,
        },
        b'E' => BackendMessage::ErrorResponse {
            fields: fields(&mut reader)?,
        },
        b'N' => BackendMessage::NoticeResponse {
            fields: fields(&mut reader)?,
        },
        b'A' => BackendMessage::NotificationResponse {
            process_id: reader.int32()?,
            channel: reader.text()?,
            payload: reader.text()?,
        },
        b'V' => BackendMessage::FunctionCallResponse {
            value: reader.value(negative_length)?,
        },
        b'G' => BackendMessage::CopyInResponse {
            format: copy_format(&mut reader)?,
            column_formats: reader.int16s()?,
        },
        b'H' => BackendMessage::CopyOutResponse {
            format: copy_format(&mut reader)?,
            column_formats: reader.int16s()?,
        },
        b'W' => BackendMessage::CopyBothResponse {
            format: copy_format(&mut reader)?,
            column_formats: reader.int16s()?,
        },
        b'c' => BackendMessage::CopyDone,
        _ => {
            let rule = format!("invalid backend message type {tag}");
            return Err(Malformed::new(rule, body.len() + 5));
        }
    };
    reader.end()?;
    Ok(message)
}

fn negative_length(size: i32) -> Cow<'static, str> {
    format!("the length {size} of a value is negative").into()
}

fn authentication(mut reader: Reader<'_>) -> Read<BackendMessage<'_>> {
    let left = reader.remaining();
    let message = match reader.uint32()? {
        0 => BackendMessage::AuthenticationOk,
        2 => BackendMessage::AuthenticationKerberosV5,
        3 => BackendMessage::AuthenticationCleartextPassword,
        5 => BackendMessage::AuthenticationMD5Password {
            salt: reader.array()?,
        },
        7 => BackendMessage::AuthenticationGSS,
        8 => {
            let data = reader.rest();
            return Ok(BackendMessage::AuthenticationGSSContinue { data });
        }
        9 => BackendMessage::AuthenticationSSPI,
        10 => BackendMessage::AuthenticationSASL {
            mechanisms: mechanisms(&mut reader)?,
        },
        11 => {
            let data = reader.rest();
            return Ok(BackendMessage::AuthenticationSASLContinue { data });
        }
        12 => {
            let data = reader.rest();
            return Ok(BackendMessage::AuthenticationSASLFinal { data });
        }
        code => {
            let rule = format!("authentication request {code} is not known");
            return Err(Malformed::new(rule, left));
        }
    };
    reader.end()?;
    Ok(message)
}

/// Names ended by an empty one.
fn mechanisms<'a>(reader: &mut Reader<'a>) -> Read<Vec<&'a str>> {
    let mut mechanisms = Vec::new();
    loop {
        match reader.text()? {
            "" => return Ok(mechanisms),
            name => mechanisms.push(name),
        }
    }
}

fn key_data(mut reader: Reader<'_>) -> Read<BackendMessage<'_>> {
    let process_id = reader.int32()?;
    let secret_key = reader.rest();
    if !(4..=256).contains(&secret_key.len()) {
        let size = secret_key.len();
        let rule = format!("the secret key has {size} bytes, not 4 to 256");
        return Err(Malformed::new(rule, size));
    }
    Ok(BackendMessage::BackendKeyData {
        process_id,
        secret_key,
    })
}

/// An Int32 count, which may lie, and that many texts.
fn options<'a>(reader: &mut Reader<'a>) -> Read<Vec<&'a str>> {
    let mut options = Vec::new();
    for _ in 0..reader.uint32()? {
        options.push(reader.text()?);
    }
    Ok(options)
}

fn row_description<'a>(reader: &mut Reader<'a>) -> Read<Vec<FieldDescription<'a>>> {
    const SMALLEST_FIELD: usize = 19;
    let count = usize::from(reader.uint16()?);
    let mut fields = Vec::with_capacity(count.min(reader.remaining() / SMALLEST_FIELD));
    for _ in 0..count {
        fields.push(FieldDescription {
            name: reader.text()?,
            table_oid: reader.uint32()?,
            column_number: reader.int16()?,
            type_oid: reader.uint32()?,
            type_size: reader.int16()?,
            type_modifier: reader.int32()?,
            format: reader.int16()?,
        });
    }
    Ok(fields)
}

fn status(reader: &mut Reader<'_>) -> Read<TransactionStatus> {
    let left = reader.remaining();
    let byte = reader.byte()?;
    TransactionStatus::from_byte(byte).ok_or_else(|| {
        let rule = format!("the transaction status {byte} is none of the letters ITE");
        Malformed::new(rule, left)
    })
}

/// Code and text of each field, ended by a code of zero.
fn fields<'a>(reader: &mut Reader<'a>) -> Read<Vec<(u8, Cow<'a, str>)>> {
    let mut fields = Vec::new();
    loop {
        let left = reader.remaining();
        match reader.byte()? {
            0 => return Ok(fields),
            code if code.is_ascii() => fields.push((code, reader.lossy_text()?)),
            code => {
                let rule = format!("the field code {code} is not ASCII");
                return Err(Malformed::new(rule, left));
            }
        }
    }
}

fn copy_format(reader: &mut Reader<'_>) -> Read<u8> {
    let left = reader.remaining();
    match reader.byte()? {
        format @ (0 | 1) => Ok(format),
        format => {
            let rule = format!("the COPY format {format} is neither 0 nor 1");
            Err(Malformed::new(rule, left))
        }
    }
}
