//! Messages from the bodies a frontend sends (Protocol 55.7).
//!
//! A body is decoded exactly: nothing missing, nothing left over. Fields are checked in the order PostgreSQL reads them, so that a
//! message with several faults gets the same error.
use std::borrow::Cow;

use super::{CANCEL_REQUEST_CODE, FrontendMessage, GSSENC_REQUEST_CODE, Kind, SSL_REQUEST_CODE};
use crate::wire::{Malformed, Reader, decode_text, find_nul, negative_is_insufficient};

type Decoded<'a> = Result<FrontendMessage<'a>, Malformed>;

/// What tag `p` decodes to: the tag alone does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordKind {
    Password,
    SaslInitial,
    SaslResponse,
    Gss,
}

/// Whether a frontend may send this tag.
pub fn is_frontend_tag(tag: u8) -> bool {
    b"QPBDECHSXFdcfp".contains(&tag)
}

/// The class of a tag that [`is_frontend_tag`] accepts; empty for any other.
pub fn frontend_name(tag: u8, password_kind: PasswordKind) -> &'static str {
    match tag {
        b'Q' => "Query",
        b'P' => "Parse",
        b'B' => "Bind",
        b'D' => "Describe",
        b'E' => "Execute",
        b'C' => "Close",
        b'H' => "Flush",
        b'S' => "Sync",
        b'X' => "Terminate",
        b'F' => "FunctionCall",
        b'd' => "CopyData",
        b'c' => "CopyDone",
        b'f' => "CopyFail",
        b'p' => match password_kind {
            PasswordKind::Password => "PasswordMessage",
            PasswordKind::SaslInitial => "SASLInitialResponse",
            PasswordKind::SaslResponse => "SASLResponse",
            PasswordKind::Gss => "GSSResponse",
        },
        _ => "",
    }
}

/// The class of an untagged packet, given without its length field.
pub fn startup_name(packet: &[u8]) -> &'static str {
    match packet.first_chunk().map(|code| u32::from_be_bytes(*code)) {
        Some(CANCEL_REQUEST_CODE) => "CancelRequest",
        Some(SSL_REQUEST_CODE) => "SSLRequest",
        Some(GSSENC_REQUEST_CODE) => "GSSENCRequest",
        _ => "StartupMessage",
    }
}

/// An untagged packet, without its length field.
pub fn decode_startup(packet: &[u8]) -> Decoded<'_> {
    let mut reader = Reader::new(packet);
    let code = reader.uint32()?;
    match code {
        SSL_REQUEST_CODE | GSSENC_REQUEST_CODE if packet.len() != 4 => {
            Err(invalid_startup_length(packet))
        }
        SSL_REQUEST_CODE => Ok(FrontendMessage::SSLRequest),
        GSSENC_REQUEST_CODE => Ok(FrontendMessage::GSSENCRequest),
        CANCEL_REQUEST_CODE if !(12..=264).contains(&packet.len()) => {
            Err(invalid_startup_length(packet))
        }
        CANCEL_REQUEST_CODE => Ok(FrontendMessage::CancelRequest {
            process_id: reader.int32()?,
            secret_key: reader.rest(),
        }),
        _ => {
            let parameters = match startup_parameters(packet) {
                // Only version 3 is known to look like this; the owner answers the others.
                Err(_) if code >> 16 != 3 => Vec::new(),
                parameters => parameters?,
            };
            Ok(FrontendMessage::StartupMessage {
                protocol_version: code,
                parameters,
            })
        }
    }
}

/// The field at fault is the length, which stands in front of the packet.
fn invalid_startup_length(packet: &[u8]) -> Malformed {
    Malformed::new("invalid length of startup packet", packet.len() + 4)
}

/// Name and value pairs behind the version, ended by an empty name that is the packet's last byte.
fn startup_parameters(packet: &[u8]) -> Result<Vec<(&str, &str)>, Malformed> {
    let mut parameters = Vec::new();
    let mut rest = &packet[4..];
    loop {
        match rest {
            [0] => return Ok(parameters),
            [] | [0, ..] => break,
            _ => {}
        }
        let Some(name_end) = find_nul(rest) else {
            break;
        };
        let Some(value_size) = find_nul(&rest[name_end + 1..]) else {
            break;
        };
        let value_end = name_end + 1 + value_size;
        // As PostgreSQL: a pair that takes the last byte leaves no room for the terminator.
        parameters.push((
            decode_text(&rest[..name_end], rest.len())?,
            decode_text(&rest[name_end + 1..value_end], rest.len() - name_end - 1)?,
        ));
        rest = &rest[value_end + 1..];
    }
    Err(Malformed::new(
        "invalid startup packet layout: expected terminator as last byte",
        rest.len(),
    ))
}

/// The message of a tag that [`is_frontend_tag`] accepts.
#[inline]
pub fn decode(tag: u8, body: &[u8], password_kind: PasswordKind) -> Decoded<'_> {
    let mut reader = Reader::new(body);
    let message = match tag {
        b'Q' => FrontendMessage::Query {
            query: reader.text()?,
        },
        b'P' => FrontendMessage::Parse {
            statement: reader.text()?,
            query: reader.text()?,
            parameter_types: reader.uint32s()?,
        },
        b'B' => FrontendMessage::Bind {
            portal: reader.text()?,
            statement: reader.text()?,
            parameter_formats: reader.int16s()?,
            parameters: reader.values(negative_is_insufficient)?,
            result_formats: reader.int16s()?,
        },
        b'D' => {
            let (kind, name) = kind_and_name(reader, "DESCRIBE")?;
            return Ok(FrontendMessage::Describe { kind, name });
        }
        b'E' => FrontendMessage::Execute {
            portal: reader.text()?,
            max_rows: reader.int32()?,
        },
        b'C' => {
            let (kind, name) = kind_and_name(reader, "CLOSE")?;
            return Ok(FrontendMessage::Close { kind, name });
        }
        b'H' => FrontendMessage::Flush,
        b'S' => FrontendMessage::Sync,
        b'X' => FrontendMessage::Terminate,
        b'F' => FrontendMessage::FunctionCall {
            function_oid: reader.uint32()?,
            argument_formats: reader.int16s()?,
            arguments: reader.values(invalid_argument)?,
            result_format: reader.int16()?,
        },
        b'd' => return Ok(FrontendMessage::CopyData { data: body }),
        b'c' => FrontendMessage::CopyDone,
        b'f' => FrontendMessage::CopyFail {
            message: reader.text()?,
        },
        b'p' => match password_kind {
            PasswordKind::Password => return password(body),
            PasswordKind::SaslInitial => FrontendMessage::SASLInitialResponse {
                mechanism: reader.text()?,
                data: reader.value(negative_is_insufficient)?,
            },
            PasswordKind::SaslResponse => return Ok(FrontendMessage::SASLResponse { data: body }),
            PasswordKind::Gss => return Ok(FrontendMessage::GSSResponse { data: body }),
        },
        _ => {
            let text = format!("invalid frontend message type {tag}");
            return Err(Malformed::new(text, body.len() + 5));
        }
    };
    reader.end()?;
    Ok(message)
}

fn invalid_argument(size: i32) -> Cow<'static, str> {
    format!("invalid argument size {size} in function call message").into()
}

fn kind_and_name<'a>(mut reader: Reader<'a>, command: &str) -> Result<(Kind, &'a str), Malformed> {
    let left = reader.remaining();
    let (byte, name) = (reader.byte()?, reader.text()?);
    reader.end()?;
    match Kind::from_byte(byte) {
        Some(kind) => Ok((kind, name)),
        None => Err(Malformed::new(
            format!("invalid {command} message subtype {byte}"),
            left,
        )),
    }
}

fn password(body: &[u8]) -> Decoded<'_> {
    match body.split_last() {
        Some((0, password)) if find_nul(password).is_none() => {
            Ok(FrontendMessage::PasswordMessage { password })
        }
        _ => Err(Malformed::new("invalid password packet size", body.len())),
    }
}
