//! Bytes from messages, frontend's and backend's (Protocol 55.7). Fields are checked and written in wire order.
use super::{
    BackendMessage, CANCEL_REQUEST_CODE, FrontendMessage, GSSENC_REQUEST_CODE, SSL_REQUEST_CODE,
};
use crate::wire::{
    EncodeError, MAX_LENGTH, check_count, put_count, put_int16, put_int16s, put_int32, put_text,
    put_uint32, put_uint32s, put_value, put_values,
};

type Written = Result<(), EncodeError>;

impl FrontendMessage<'_> {
    /// Appends the message, tag and length included. On an error `out` is as it was.
    pub fn encode(&self, out: &mut Vec<u8>) -> Written {
        framed(self.tag(), out, |out| self.write_body(out))
    }

    fn tag(&self) -> Option<u8> {
        Some(match self {
            FrontendMessage::StartupMessage { .. }
            | FrontendMessage::SSLRequest
            | FrontendMessage::GSSENCRequest
            | FrontendMessage::CancelRequest { .. } => return None,
            FrontendMessage::PasswordMessage { .. }
            | FrontendMessage::SASLInitialResponse { .. }
            | FrontendMessage::SASLResponse { .. }
            | FrontendMessage::GSSResponse { .. } => b'p',
            FrontendMessage::Query { .. } => b'Q',
            FrontendMessage::FunctionCall { .. } => b'F',
            FrontendMessage::Terminate => b'X',
            FrontendMessage::Parse { .. } => b'P',
            FrontendMessage::Bind { .. } => b'B',
            FrontendMessage::Describe { .. } => b'D',
            FrontendMessage::Execute { .. } => b'E',
            FrontendMessage::Close { .. } => b'C',
            FrontendMessage::Flush => b'H',
            FrontendMessage::Sync => b'S',
            FrontendMessage::CopyData { .. } => b'd',
            FrontendMessage::CopyDone => b'c',
            FrontendMessage::CopyFail { .. } => b'f',
        })
    }

    fn write_body(&self, out: &mut Vec<u8>) -> Written {
        match self {
            FrontendMessage::StartupMessage {
                protocol_version,
                parameters,
            } => {
                put_uint32(out, *protocol_version);
                for (name, value) in parameters {
                    if name.is_empty() {
                        return Err(EncodeError::UnnamedParameter);
                    }
                    put_text(out, name)?;
                    put_text(out, value)?;
                }
                out.push(0);
            }
            FrontendMessage::SSLRequest => put_uint32(out, SSL_REQUEST_CODE),
            FrontendMessage::GSSENCRequest => put_uint32(out, GSSENC_REQUEST_CODE),
            FrontendMessage::CancelRequest {
                process_id,
                secret_key,
            } => {
                put_uint32(out, CANCEL_REQUEST_CODE);
                put_key(out, *process_id, secret_key)?;
            }
            FrontendMessage::PasswordMessage { password } => {
                if password.contains(&0) {
                    return Err(EncodeError::Nul);
                }
                out.extend_from_slice(password);
                out.push(0);
            }
            FrontendMessage::SASLInitialResponse { mechanism, data } => {
                put_text(out, mechanism)?;
                put_value(out, *data)?;
            }
            FrontendMessage::SASLResponse { data }
            | FrontendMessage::GSSResponse { data }
            | FrontendMessage::CopyData { data } => {
                out.extend_from_slice(data);
            }
            FrontendMessage::Query { query } => put_text(out, query)?,
            FrontendMessage::FunctionCall {
                function_oid,
                argument_formats,
                arguments,
                result_format,
            } => {
                put_uint32(out, *function_oid);
                put_int16s(out, argument_formats)?;
                put_values(out, arguments)?;
                put_int16(out, *result_format);
            }
            FrontendMessage::Parse {
                statement,
                query,
                parameter_types,
            } => {
                put_text(out, statement)?;
                put_text(out, query)?;
                put_uint32s(out, parameter_types)?;
            }
            FrontendMessage::Bind {
                portal,
                statement,
                parameter_formats,
                parameters,
                result_formats,
            } => {
                put_text(out, portal)?;
                put_text(out, statement)?;
                put_int16s(out, parameter_formats)?;
                put_values(out, parameters)?;
                put_int16s(out, result_formats)?;
            }
            FrontendMessage::Describe { kind, name } | FrontendMessage::Close { kind, name } => {
                out.push(kind.byte());
                put_text(out, name)?;
            }
            FrontendMessage::Execute { portal, max_rows } => {
                put_text(out, portal)?;
                put_int32(out, *max_rows);
            }
            FrontendMessage::CopyFail { message } => put_text(out, message)?,
            FrontendMessage::Terminate
            | FrontendMessage::Flush
            | FrontendMessage::Sync
            | FrontendMessage::CopyDone => {}
        }
        Ok(())
    }
}

impl BackendMessage<'_> {
    /// Appends the message, tag and length included. On an error `out` is as it was.
    pub fn encode(&self, out: &mut Vec<u8>) -> Written {
        if let BackendMessage::EncryptionResponse { answer } = self {
            out.push(answer.byte());
            return Ok(());
        }
        framed(Some(self.tag()), out, |out| self.write_body(out))
    }

    fn tag(&self) -> u8 {
        match self {
            BackendMessage::EncryptionResponse { answer } => answer.byte(),
            BackendMessage::AuthenticationOk
            | BackendMessage::AuthenticationKerberosV5
            | BackendMessage::AuthenticationCleartextPassword
            | BackendMessage::AuthenticationMD5Password { .. }
            | BackendMessage::AuthenticationGSS
            | BackendMessage::AuthenticationGSSContinue { .. }
            | BackendMessage::AuthenticationSSPI
            | BackendMessage::AuthenticationSASL { .. }
            | BackendMessage::AuthenticationSASLContinue { .. }
            | BackendMessage::AuthenticationSASLFinal { .. } => b'R',
            BackendMessage::BackendKeyData { .. } => b'K',
            BackendMessage::NegotiateProtocolVersion { .. } => b'v',
            BackendMessage::RowDescription { .. } => b'T',
            BackendMessage::DataRow { .. } => b'D',
            BackendMessage::CommandComplete { .. } => b'C',
            BackendMessage::EmptyQueryResponse => b'I',
            BackendMessage::ParseComplete => b'1',
            BackendMessage::BindComplete => b'2',
            BackendMessage::CloseComplete => b'3',
            BackendMessage::FunctionCallResponse { .. } => b'V',
            BackendMessage::CopyInResponse { .. } => b'G',
            BackendMessage::CopyOutResponse { .. } => b'H',
            BackendMessage::CopyBothResponse { .. } => b'W',
            BackendMessage::CopyData { .. } => b'd',
            BackendMessage::CopyDone => b'c',
            BackendMessage::NoData => b'n',
            BackendMessage::PortalSuspended => b's',
            BackendMessage::ParameterDescription { .. } => b't',
            BackendMessage::ParameterStatus { .. } => b'S',
            BackendMessage::ReadyForQuery { .. } => b'Z',
            BackendMessage::ErrorResponse { .. } => b'E',
            BackendMessage::NoticeResponse { .. } => b'N',
            BackendMessage::NotificationResponse { .. } => b'A',
        }
    }

    fn write_body(&self, out: &mut Vec<u8>) -> Written {
        match self {
            BackendMessage::AuthenticationOk => put_int32(out, 0),
            BackendMessage::AuthenticationKerberosV5 => put_int32(out, 2),
            BackendMessage::AuthenticationCleartextPassword => put_int32(out, 3),
            BackendMessage::AuthenticationMD5Password { salt } => {
                put_int32(out, 5);
                out.extend_from_slice(salt);
            }
            BackendMessage::AuthenticationGSS => put_int32(out, 7),
            BackendMessage::AuthenticationGSSContinue { data } => {
                put_int32(out, 8);
                out.extend_from_slice(data);
            }
            BackendMessage::AuthenticationSSPI => put_int32(out, 9),
            BackendMessage::AuthenticationSASL { mechanisms } => {
                put_int32(out, 10);
                for name in mechanisms {
                    put_text(out, name)?;
                    if name.is_empty() {
                        return Err(EncodeError::UnnamedMechanism);
                    }
                }
                out.push(0);
            }
            BackendMessage::AuthenticationSASLContinue { data } => {
                put_int32(out, 11);
                out.extend_from_slice(data);
            }
            BackendMessage::AuthenticationSASLFinal { data } => {
                put_int32(out, 12);
                out.extend_from_slice(data);
            }
            BackendMessage::BackendKeyData {
                process_id,
                secret_key,
            } => put_key(out, *process_id, secret_key)?,
            BackendMessage::NegotiateProtocolVersion {
                newest_version,
                unknown_options,
            } => {
                put_uint32(out, *newest_version);
                put_uint32(out, u32::from(check_count(unknown_options.len())?));
                unknown_options
                    .iter()
                    .try_for_each(|name| put_text(out, name))?;
            }
            BackendMessage::RowDescription { fields } => {
                put_count(out, fields.len())?;
                for field in fields {
                    put_text(out, field.name)?;
                    put_uint32(out, field.table_oid);
                    put_int16(out, field.column_number);
                    put_uint32(out, field.type_oid);
                    put_int16(out, field.type_size);
                    put_int32(out, field.type_modifier);
                    put_int16(out, field.format);
                }
            }
            BackendMessage::DataRow { values } => put_values(out, values)?,
            BackendMessage::CommandComplete { command_tag } => put_text(out, command_tag)?,
            BackendMessage::FunctionCallResponse { value } => put_value(out, *value)?,
            BackendMessage::CopyInResponse {
                format,
                column_formats,
            }
            | BackendMessage::CopyOutResponse {
                format,
                column_formats,
            }
            | BackendMessage::CopyBothResponse {
                format,
                column_formats,
            } => {
                if *format > 1 {
                    return Err(EncodeError::CopyFormat);
                }
                out.push(*format);
                put_int16s(out, column_formats)?;
            }
            BackendMessage::CopyData { data } => out.extend_from_slice(data),
            BackendMessage::ParameterDescription { types } => put_uint32s(out, types)?,
            BackendMessage::ParameterStatus { name, value } => {
                put_text(out, name)?;
                put_text(out, value)?;
            }
            BackendMessage::ReadyForQuery { status } => out.push(status.byte()),
            BackendMessage::ErrorResponse { fields }
            | BackendMessage::NoticeResponse { fields } => {
                for (code, text) in fields {
                    if *code == 0 || !code.is_ascii() {
                        return Err(EncodeError::FieldCode);
                    }
                    out.push(*code);
                    put_text(out, text)?;
                }
                out.push(0);
            }
            BackendMessage::NotificationResponse {
                process_id,
                channel,
                payload,
            } => {
                put_int32(out, *process_id);
                put_text(out, channel)?;
                put_text(out, payload)?;
            }
            BackendMessage::EncryptionResponse { .. }
            | BackendMessage::CopyDone
            | BackendMessage::EmptyQueryResponse
            | BackendMessage::ParseComplete
            | BackendMessage::BindComplete
            | BackendMessage::CloseComplete
            | BackendMessage::NoData
            | BackendMessage::PortalSuspended => {}
        }
        Ok(())
    }
}

fn put_key(out: &mut Vec<u8>, process_id: i32, secret_key: &[u8]) -> Written {
    if !(4..=256).contains(&secret_key.len()) {
        return Err(EncodeError::SecretKey);
    }
    put_int32(out, process_id);
    out.extend_from_slice(secret_key);
    Ok(())
}

/// Tag, length and what `write` appends.
fn framed(
    tag: Option<u8>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Written,
) -> Written {
    let before = out.len();
    out.extend(tag);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let result = write(out).and_then(|()| match out.len() - start {
        length if length > MAX_LENGTH => Err(EncodeError::TooLong),
        length => {
            out[start..start + 4].copy_from_slice(&(length as u32).to_be_bytes());
            Ok(())
        }
    });
    if result.is_err() {
        out.truncate(before);
    }
    result
}
