//! Messages from the bodies a frontend sends (Protocol 55.7).
//!
//! A body is decoded exactly: nothing missing, nothing left over. Fields are checked in the order PostgreSQL reads them, so that a
//! message with several faults gets the same error.
use super::{
    CANCEL_REQUEST_CODE, FrontendMessage, GSSENC_REQUEST_CODE, Kind, SSL_REQUEST_CODE, Value,
};
use crate::wire::{Reader, RemoteError, decode_text, find_nul};

type Decoded<'a> = Result<FrontendMessage<'a>, RemoteError>;

/// What tag `p` decodes to: the tag alone does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordKind {
    Password,
    SaslInitial,
    SaslResponse,
}

/// Whether a frontend may send this tag.
pub fn is_frontend_tag(tag: u8) -> bool {
    b"QPBDECHSXFdcfp".contains(&tag)
}

/// An untagged packet, without its length field. Every error is fatal, for there is no way to go on.
pub fn decode_startup(packet: &[u8]) -> Decoded<'_> {
    decode_untagged(packet).map_err(RemoteError::into_fatal)
}

fn decode_untagged(packet: &[u8]) -> Decoded<'_> {
    let mut reader = Reader::new(packet);
    let code = reader.uint32()?;
    match code {
        SSL_REQUEST_CODE | GSSENC_REQUEST_CODE if packet.len() != 4 => {
            Err(invalid_startup_length())
        }
        SSL_REQUEST_CODE => Ok(FrontendMessage::SSLRequest),
        GSSENC_REQUEST_CODE => Ok(FrontendMessage::GSSENCRequest),
        CANCEL_REQUEST_CODE if !(12..=264).contains(&packet.len()) => Err(invalid_startup_length()),
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

fn invalid_startup_length() -> RemoteError {
    RemoteError::violation("invalid length of startup packet")
}

/// Name and value pairs behind the version, ended by an empty name that is the packet's last byte.
fn startup_parameters(packet: &[u8]) -> Result<Vec<(&str, &str)>, RemoteError> {
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
            decode_text(&rest[..name_end])?,
            decode_text(&rest[name_end + 1..value_end])?,
        ));
        rest = &rest[value_end + 1..];
    }
    Err(RemoteError::violation(
        "invalid startup packet layout: expected terminator as last byte",
    ))
}

/// The message of a tag that [`is_frontend_tag`] accepts.
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
            parameters: values(&mut reader, Reader::value)?,
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
            arguments: values(&mut reader, argument)?,
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
                data: reader.value()?,
            },
            PasswordKind::SaslResponse => return Ok(FrontendMessage::SASLResponse { data: body }),
        },
        _ => {
            let text = format!("invalid frontend message type {tag}");
            return Err(RemoteError::violation(text).into_fatal());
        }
    };
    reader.end()?;
    Ok(message)
}

/// A count and that many values. No more room is taken than the body can fill.
fn values<'a>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<Value<'a>, RemoteError>,
) -> Result<Vec<Value<'a>>, RemoteError> {
    let count = usize::from(reader.uint16()?);
    let mut values = Vec::with_capacity(count.min(reader.remaining() / 4));
    for _ in 0..count {
        values.push(read(reader)?);
    }
    Ok(values)
}

fn argument<'a>(reader: &mut Reader<'a>) -> Result<Value<'a>, RemoteError> {
    match reader.int32()? {
        -1 => Ok(None),
        size if size < 0 => Err(RemoteError::violation(format!(
            "invalid argument size {size} in function call message"
        ))),
        size => reader.sized(size).map(Some),
    }
}

fn kind_and_name<'a>(
    mut reader: Reader<'a>,
    command: &str,
) -> Result<(Kind, &'a str), RemoteError> {
    let (byte, name) = (reader.byte()?, reader.text()?);
    reader.end()?;
    match Kind::from_byte(byte) {
        Some(kind) => Ok((kind, name)),
        None => Err(RemoteError::violation(format!(
            "invalid {command} message subtype {byte}"
        ))),
    }
}

fn password(body: &[u8]) -> Decoded<'_> {
    match body.split_last() {
        Some((0, password)) if find_nul(password).is_none() => {
            Ok(FrontendMessage::PasswordMessage { password })
        }
        _ => Err(RemoteError::violation("invalid password packet size")),
    }
}
