//! The frontend's messages written into a buffer without anything in between (Protocol 55.7).
//!
//! A message is appended to a vector, or measured and checked first and then written into memory of its size; what cannot be sent leaves
//! the vector as it was.
//! Format codes take the shortest form there is: none where all is text, one where all is binary, else one for each value.
use crate::messages::{CANCEL_REQUEST_CODE, GSSENC_REQUEST_CODE, Kind, SSL_REQUEST_CODE};
use crate::nul::extend_without_nul;
use crate::wire::{EncodeError, check_count, check_length, check_text};

/// What is to be written, borrowed.
#[derive(Debug, Clone, Copy)]
pub enum Request<'a> {
    Startup {
        protocol_version: u32,
        parameters: &'a [(&'a str, &'a str)],
    },
    Ssl,
    GssEnc,
    Cancel {
        process_id: i32,
        secret_key: &'a [u8],
    },
    Password(&'a [u8]),
    SaslInitial {
        mechanism: &'a str,
        data: Option<&'a [u8]>,
    },
    /// SASLResponse and GSSResponse.
    Response(&'a [u8]),
    Query(&'a str),
    Parse {
        statement: &'a str,
        query: &'a str,
        parameter_types: &'a [u32],
    },
    Bind {
        portal: &'a str,
        statement: &'a str,
        parameters: &'a [Parameter<'a>],
        result_formats: &'a [i16],
    },
    Describe(Kind, &'a str),
    Close(Kind, &'a str),
    Execute {
        portal: &'a str,
        max_rows: i32,
    },
    FunctionCall {
        function_oid: u32,
        arguments: &'a [Parameter<'a>],
        result_format: i16,
    },
    CopyData(&'a [u8]),
    CopyDone,
    CopyFail(&'a str),
    Flush,
    Sync,
    Terminate,
}

/// A value of Bind or FunctionCall; `None` is NULL, whose format does not matter.
#[derive(Debug, Clone, Copy)]
pub struct Parameter<'a> {
    pub value: Option<&'a [u8]>,
    pub format: i16,
}

impl<'a> Parameter<'a> {
    pub const NULL: Parameter<'static> = Parameter {
        value: None,
        format: 0,
    };

    pub fn text(value: &'a str) -> Self {
        Parameter {
            value: Some(value.as_bytes()),
            format: 0,
        }
    }

    pub fn binary(value: &'a [u8]) -> Self {
        Parameter {
            value: Some(value),
            format: 1,
        }
    }
}

type Written = Result<(), EncodeError>;

impl Request<'_> {
    /// Size of the whole message in bytes, or why it cannot be sent.
    #[inline]
    pub fn size(&self) -> Result<usize, EncodeError> {
        let mut size = Size(4);
        self.body(&mut size)?;
        check_length(size.0)?;
        Ok(size.0 + usize::from(self.tag().is_some()))
    }

    /// Fills `out`, which has the message's size; needs no more checks when that is known.
    ///
    /// # Panics
    /// `out` is smaller than that.
    pub fn write(&self, out: &mut [u8]) -> Written {
        let size = out.len() as u32;
        let mut out = Memory(out);
        match self.tag() {
            None => out.bytes(&size.to_be_bytes()),
            Some(tag) => {
                out.bytes(&[tag]);
                out.bytes(&(size - 1).to_be_bytes());
            }
        }
        self.body(&mut out)
    }

    /// Appends the message. On an error `out` is as it was.
    #[inline(always)]
    pub fn append(&self, out: &mut Vec<u8>) -> Written {
        // The messages of one text need not ask twice whether there is room.
        match *self {
            Request::Query(text) => append_text(out, [b'Q', 0, 0, 0, 0], text, [0]),
            Request::Describe(kind, name) => {
                append_text(out, [b'D', 0, 0, 0, 0, kind.byte()], name, [0])
            }
            Request::Close(kind, name) => {
                append_text(out, [b'C', 0, 0, 0, 0, kind.byte()], name, [0])
            }
            Request::Execute { portal, max_rows } => {
                let [a, b, c, d] = max_rows.to_be_bytes();
                append_text(out, [b'E', 0, 0, 0, 0], portal, [0, a, b, c, d])
            }
            _ => self.append_parts(out),
        }
    }

    #[inline(always)]
    fn append_parts(&self, out: &mut Vec<u8>) -> Written {
        let before = out.len();
        let start = match self.tag() {
            None => {
                out.extend_from_slice(&[0; 4]);
                before
            }
            Some(tag) => {
                out.extend_from_slice(&[tag, 0, 0, 0, 0]);
                before + 1
            }
        };
        let length = self
            .body(out)
            .and_then(|()| check_length(out.len() - start));
        match length {
            Ok(length) => {
                out[start..start + 4].copy_from_slice(&length.to_be_bytes());
                Ok(())
            }
            Err(error) => {
                out.truncate(before);
                Err(error)
            }
        }
    }

    #[inline(always)]
    fn tag(&self) -> Option<u8> {
        Some(match self {
            Request::Startup { .. } | Request::Ssl | Request::GssEnc | Request::Cancel { .. } => {
                return None;
            }
            Request::Password(_) | Request::SaslInitial { .. } | Request::Response(_) => b'p',
            Request::Query(_) => b'Q',
            Request::Parse { .. } => b'P',
            Request::Bind { .. } => b'B',
            Request::Describe(..) => b'D',
            Request::Close(..) => b'C',
            Request::Execute { .. } => b'E',
            Request::FunctionCall { .. } => b'F',
            Request::CopyData(_) => b'd',
            Request::CopyDone => b'c',
            Request::CopyFail(_) => b'f',
            Request::Flush => b'H',
            Request::Sync => b'S',
            Request::Terminate => b'X',
        })
    }

    #[inline(always)]
    fn body(&self, out: &mut impl Target) -> Written {
        match *self {
            Request::Startup {
                protocol_version,
                parameters,
            } => {
                out.bytes(&protocol_version.to_be_bytes());
                for (name, value) in parameters {
                    if name.is_empty() {
                        return Err(EncodeError::UnnamedParameter);
                    }
                    out.text(name, &[0])?;
                    out.text(value, &[0])?;
                }
                out.bytes(&[0]);
            }
            Request::Ssl => out.bytes(&SSL_REQUEST_CODE.to_be_bytes()),
            Request::GssEnc => out.bytes(&GSSENC_REQUEST_CODE.to_be_bytes()),
            Request::Cancel {
                process_id,
                secret_key,
            } => {
                if !(4..=256).contains(&secret_key.len()) {
                    return Err(EncodeError::SecretKey);
                }
                out.bytes(&CANCEL_REQUEST_CODE.to_be_bytes());
                out.bytes(&process_id.to_be_bytes());
                out.bytes(secret_key);
            }
            Request::Password(password) => {
                if password.contains(&0) {
                    return Err(EncodeError::Nul);
                }
                out.bytes(password);
                out.bytes(&[0]);
            }
            Request::SaslInitial { mechanism, data } => {
                out.text(mechanism, &[0])?;
                put_value(out, data)?;
            }
            Request::Response(data) | Request::CopyData(data) => out.bytes(data),
            Request::Query(text) | Request::CopyFail(text) => out.text(text, &[0])?,
            Request::Parse {
                statement,
                query,
                parameter_types,
            } => {
                let [high, low] = check_count(parameter_types.len())?.to_be_bytes();
                out.text(statement, &[0])?;
                out.text(query, &[0, high, low])?;
                let (fours, rest) = parameter_types.as_chunks::<4>();
                for four in fours {
                    out.bytes(four.map(u32::to_be_bytes).as_flattened());
                }
                for oid in rest {
                    out.bytes(&oid.to_be_bytes());
                }
            }
            Request::Bind {
                portal,
                statement,
                parameters,
                result_formats,
            } => {
                out.text(portal, &[0])?;
                out.text(statement, &[0])?;
                put_parameters(out, parameters)?;
                put_formats(out, result_formats.len(), || {
                    result_formats.iter().map(|&format| Some(format))
                })?;
            }
            Request::Describe(kind, name) | Request::Close(kind, name) => {
                out.bytes(&[kind.byte()]);
                out.text(name, &[0])?;
            }
            Request::Execute { portal, max_rows } => {
                let [a, b, c, d] = max_rows.to_be_bytes();
                out.text(portal, &[0, a, b, c, d])?;
            }
            Request::FunctionCall {
                function_oid,
                arguments,
                result_format,
            } => {
                out.bytes(&function_oid.to_be_bytes());
                put_parameters(out, arguments)?;
                out.bytes(&result_format.to_be_bytes());
            }
            Request::CopyDone | Request::Flush | Request::Sync | Request::Terminate => {}
        }
        Ok(())
    }
}

/// Appends a message of one text: tag, length and what stands before the text; the text; its NUL and what follows.
#[inline(always)]
fn append_text<const HEAD: usize, const END: usize>(
    out: &mut Vec<u8>,
    mut head: [u8; HEAD],
    text: &str,
    end: [u8; END],
) -> Written {
    let start = out.len();
    let size = HEAD + text.len() + END;
    head[1..5].copy_from_slice(&check_length(size - 1)?.to_be_bytes());
    out.reserve(size);
    out.extend_from_slice(&head);
    if !extend_without_nul(out, text.as_bytes()) {
        out.truncate(start);
        return Err(EncodeError::Nul);
    }
    out.extend_from_slice(&end);
    Ok(())
}

/// Format codes, the count of values, the values.
#[inline]
fn put_parameters(out: &mut impl Target, parameters: &[Parameter<'_>]) -> Written {
    put_formats(out, parameters.len(), || {
        parameters
            .iter()
            .map(|parameter| parameter.value.and(Some(parameter.format)))
    })?;
    put_count(out, parameters.len())?;
    parameters
        .iter()
        .try_for_each(|parameter| put_value(out, parameter.value))
}

/// The shortest form of `count` format codes; `None` goes with any.
#[inline]
fn put_formats<I: Iterator<Item = Option<i16>>>(
    out: &mut impl Target,
    count: usize,
    formats: impl Fn() -> I,
) -> Written {
    let mut known = formats().flatten();
    let first = known.next().unwrap_or(0);
    if known.any(|format| format != first) {
        put_count(out, count)?;
        for format in formats() {
            out.bytes(&format.unwrap_or(0).to_be_bytes());
        }
    } else if first == 0 {
        out.bytes(&[0, 0]);
    } else {
        let [high, low] = first.to_be_bytes();
        out.bytes(&[0, 1, high, low]);
    }
    Ok(())
}

#[inline]
fn put_count(out: &mut impl Target, count: usize) -> Written {
    out.bytes(&check_count(count)?.to_be_bytes());
    Ok(())
}

#[inline]
fn put_value(out: &mut impl Target, value: Option<&[u8]>) -> Written {
    match value {
        None => out.bytes(&[0xff; 4]),
        Some(value) => {
            out.bytes(&check_length(value.len())?.to_be_bytes());
            out.bytes(value);
        }
    }
    Ok(())
}

/// Where a message goes.
trait Target {
    fn bytes(&mut self, bytes: &[u8]);

    /// A text and `end`: its terminating NUL, and what follows of fixed size.
    fn text(&mut self, text: &str, end: &[u8]) -> Written;
}

/// Counts, and checks the texts.
struct Size(usize);

impl Target for Size {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    #[inline]
    fn text(&mut self, text: &str, end: &[u8]) -> Written {
        check_text(text)?;
        self.0 += text.len() + end.len();
        Ok(())
    }
}

impl Target for Vec<u8> {
    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn text(&mut self, text: &str, end: &[u8]) -> Written {
        check_text(text)?;
        self.extend_from_slice(text.as_bytes());
        self.extend_from_slice(end);
        Ok(())
    }
}

/// Memory that is filled from its beginning; [`Size`] has looked at the texts.
struct Memory<'a>(&'a mut [u8]);

impl Target for Memory<'_> {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        let (now, rest) = std::mem::take(&mut self.0).split_at_mut(bytes.len());
        now.copy_from_slice(bytes);
        self.0 = rest;
    }

    #[inline]
    fn text(&mut self, text: &str, end: &[u8]) -> Written {
        self.bytes(text.as_bytes());
        self.bytes(end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(parameters: &[Parameter<'_>], result_formats: &[i16]) -> Vec<u8> {
        let mut out = Vec::new();
        let request = Request::Bind {
            portal: "",
            statement: "",
            parameters,
            result_formats,
        };
        request.append(&mut out).expect("a message that fits");
        let mut memory = vec![0; request.size().expect("a message that fits")];
        request
            .write(&mut memory)
            .expect("a message that was measured");
        assert_eq!(memory, out);
        out.split_off(7)
    }

    #[test]
    fn format_codes_take_the_shortest_form() {
        let (text, binary) = (Parameter::text("1"), Parameter::binary(b"1"));
        assert_eq!(bind(&[], &[]), [0, 0, 0, 0, 0, 0]);
        assert_eq!(bind(&[], &[0, 0]), [0, 0, 0, 0, 0, 0]);
        assert_eq!(bind(&[], &[1, 1]), [0, 0, 0, 0, 0, 1, 0, 1]);
        assert_eq!(bind(&[], &[1, 0]), [0, 0, 0, 0, 0, 2, 0, 1, 0, 0]);
        assert_eq!(bind(&[text, Parameter::NULL], &[])[..4], [0, 0, 0, 2]);
        assert_eq!(
            bind(&[Parameter::NULL, binary], &[])[..6],
            [0, 1, 0, 1, 0, 2]
        );
        assert_eq!(
            bind(&[binary, Parameter::NULL, text], &[])[..10],
            [0, 3, 0, 1, 0, 0, 0, 0, 0, 3]
        );
    }

    #[test]
    fn what_cannot_be_sent_leaves_the_buffer_as_it_was() {
        let mut out = b"before".to_vec();
        let many = vec![Parameter::NULL; 65_536];
        let wrong = [
            (Request::Query("a\0b"), EncodeError::Nul),
            (Request::Password(b"\0"), EncodeError::Nul),
            (
                Request::Bind {
                    portal: "",
                    statement: "",
                    parameters: &many,
                    result_formats: &[],
                },
                EncodeError::TooMany(65_536),
            ),
            (
                Request::Cancel {
                    process_id: 1,
                    secret_key: b"123",
                },
                EncodeError::SecretKey,
            ),
            (
                Request::Startup {
                    protocol_version: 3 << 16,
                    parameters: &[("", "x")],
                },
                EncodeError::UnnamedParameter,
            ),
        ];
        for (request, error) in wrong {
            assert_eq!(request.append(&mut out), Err(error));
            assert_eq!(out, b"before");
        }
    }
}
