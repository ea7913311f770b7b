//! The byte streams of both ends cut into messages, in any chunking (Protocol 55.7).
//!
//! Lengths are judged as soon as they are there, before waiting for the body; only the incomplete tail of a feed is kept.
use crate::messages::{
    BackendMessage, EncryptionAnswer, FrontendMessage, PasswordKind, backend_name, decode,
    decode_backend, decode_startup, frontend_name, is_backend_tag, is_frontend_tag, startup_name,
};
use crate::wire::{MAX_COUNT, RemoteError};

/// PostgreSQL's PQ_SMALL_MESSAGE_LIMIT, in bytes: the bound of a frontend's messages that have no reason to be long.
pub const SMALL_MESSAGE_LIMIT: u32 = 10_000;

/// libpq's bound, in bytes, of a backend's messages that have no reason to be long, and of errors before authentication.
pub const SMALL_ANSWER_LIMIT: u32 = 30_000;

/// libpq's bound of authentication requests and of NegotiateProtocolVersion, in bytes.
pub const AUTHENTICATION_LIMIT: u32 = 2_000;

/// What is kept of a stream between two feeds. Without a heap buffer while no message is incomplete.
#[derive(Debug, Default)]
struct Stream {
    dead: bool,
    tail: Vec<u8>,
}

/// Where the packets of one end's stream end, and what they are.
trait Framing {
    type Message<'a>;

    fn stream(&mut self) -> &mut Stream;

    /// Size in bytes of the packet that `rest` begins with, `None` while it is incomplete. An error is fatal.
    fn frame_length(&self, rest: &[u8]) -> Result<Option<usize>, RemoteError>;

    /// The message of a complete packet, and whether the packet behind it may be looked at.
    fn decode<'a>(&mut self, frame: &'a [u8]) -> (Result<Self::Message<'a>, RemoteError>, bool);

    /// Takes bytes and gives the complete messages to `sink` in order; ends early with what `sink` returns as its error.
    #[inline]
    fn feed<E>(
        &mut self,
        data: &[u8],
        mut sink: impl FnMut(Result<Self::Message<'_>, RemoteError>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.stream().dead {
            return Ok(());
        }
        if self.stream().tail.is_empty() {
            let used = self.consume(data, &mut sink)?;
            if used < data.len() && !self.stream().dead {
                self.stream().tail = data[used..].to_vec();
            }
            return Ok(());
        }
        let mut stream = std::mem::take(&mut self.stream().tail);
        stream.extend_from_slice(data);
        if matches!(self.frame_length(&stream), Ok(None)) {
            self.stream().tail = stream;
            return Ok(());
        }
        let used = self.consume(&stream, &mut sink)?;
        if used < stream.len() && !self.stream().dead {
            stream.drain(..used);
            stream.shrink_to_fit();
            self.stream().tail = stream;
        }
        Ok(())
    }

    /// Gives out the complete messages of `stream` and returns how many bytes they had.
    #[inline]
    fn consume<E>(
        &mut self,
        stream: &[u8],
        sink: &mut impl FnMut(Result<Self::Message<'_>, RemoteError>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut position = 0;
        loop {
            let rest = &stream[position..];
            let length = match self.frame_length(rest) {
                Ok(None) => return Ok(position),
                Ok(Some(length)) => length,
                Err(error) => {
                    self.stream().dead = true;
                    sink(Err(error))?;
                    return Ok(position);
                }
            };
            position += length;
            let (item, goes_on) = self.decode(&rest[..length]);
            if matches!(&item, Err(error) if error.fatal) {
                self.stream().dead = true;
            }
            sink(item)?;
            if !goes_on {
                return Ok(position);
            }
        }
    }
}

/// Turns the bytes a frontend sends into messages.
#[derive(Debug)]
pub struct FrontendDecoder {
    /// Whether the next packet is an untagged one.
    pub startup: bool,
    pub password_kind: PasswordKind,
    /// Largest length field of an untagged packet, in bytes.
    pub max_startup_length: u32,
    /// Largest length field of a tagged message, in bytes.
    pub max_message_length: u32,
    stream: Stream,
}

/// One item of a frontend's feed.
pub type Item<'a> = Result<FrontendMessage<'a>, RemoteError>;

impl FrontendDecoder {
    pub fn new(max_startup_length: u32, max_message_length: u32) -> Self {
        FrontendDecoder {
            startup: true,
            password_kind: PasswordKind::Password,
            max_startup_length,
            max_message_length,
            stream: Stream::default(),
        }
    }

    /// Bytes received and not yet given out as messages.
    pub fn buffered(&self) -> usize {
        self.stream.tail.len()
    }

    /// Whether the next byte begins a tagged message.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.stream.tail.is_empty() && !self.startup && !self.stream.dead
    }

    /// Size in bytes of the whole message that `rest` begins with.
    pub(crate) fn whole_message(&self, rest: &[u8]) -> Option<usize> {
        self.frame_length(rest).ok().flatten()
    }

    /// Takes bytes and gives the complete messages to `sink` in order; ends early with what `sink` returns as its error.
    ///
    /// After a fatal error, which is the last item, every later feed gives nothing.
    pub fn feed<E>(
        &mut self,
        data: &[u8],
        sink: impl FnMut(Item<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        Framing::feed(self, data, sink)
    }
}

impl Framing for FrontendDecoder {
    type Message<'a> = FrontendMessage<'a>;

    fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    #[inline]
    fn frame_length(&self, rest: &[u8]) -> Result<Option<usize>, RemoteError> {
        let size = if self.startup {
            let Some(field) = rest.first_chunk::<4>() else {
                return Ok(None);
            };
            let length = u32::from_be_bytes(*field);
            if length < 8 || length > self.max_startup_length {
                let rule = "invalid length of startup packet";
                return Err(fatal(rule.into(), None, "StartupMessage", 0));
            }
            length as usize
        } else {
            let Some(&tag) = rest.first() else {
                return Ok(None);
            };
            if !is_frontend_tag(tag) {
                let rule = format!("invalid frontend message type {tag}");
                return Err(fatal(rule, Some(tag), "", 0));
            }
            let Some(length) = length_field(rest) else {
                return Ok(None);
            };
            let small = length > SMALL_MESSAGE_LIMIT && b"DECHSXcf".contains(&tag);
            if length < 4 || length > self.max_message_length || small {
                let name = frontend_name(tag, self.password_kind);
                return Err(fatal("invalid message length".into(), Some(tag), name, 1));
            }
            1 + length as usize
        };
        Ok((size <= rest.len()).then_some(size))
    }

    #[inline]
    fn decode<'a>(&mut self, frame: &'a [u8]) -> (Item<'a>, bool) {
        if self.startup {
            let packet = &frame[4..];
            let item = decode_startup(packet).map_err(|error| {
                let name = startup_name(packet);
                error.of(None, name, frame.len()).into_fatal()
            });
            self.startup = !matches!(item, Ok(FrontendMessage::StartupMessage { .. }));
            return (item, !self.startup);
        }
        let tag = frame[0];
        let item = decode(tag, &frame[5..], self.password_kind).map_err(|error| {
            error.of(
                Some(tag),
                frontend_name(tag, self.password_kind),
                frame.len(),
            )
        });
        (item, true)
    }
}

/// Turns the bytes a backend sends into messages.
#[derive(Debug)]
pub struct BackendDecoder {
    /// Whether the next byte answers SSLRequest or GSSENCRequest.
    pub encryption_response: bool,
    /// Largest length field, in bytes.
    pub max_message_length: u32,
    stream: Stream,
}

/// One item of a backend's feed.
pub type Answer<'a> = Result<BackendMessage<'a>, RemoteError>;

impl BackendDecoder {
    pub fn new(max_message_length: u32) -> Self {
        BackendDecoder {
            encryption_response: false,
            max_message_length,
            stream: Stream::default(),
        }
    }

    /// Bytes received and not yet given out as messages.
    pub fn buffered(&self) -> usize {
        self.stream.tail.len()
    }

    /// As [`FrontendDecoder::feed`].
    pub fn feed<E>(
        &mut self,
        data: &[u8],
        sink: impl FnMut(Answer<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        Framing::feed(self, data, sink)
    }
}

impl Framing for BackendDecoder {
    type Message<'a> = BackendMessage<'a>;

    fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    #[inline]
    fn frame_length(&self, rest: &[u8]) -> Result<Option<usize>, RemoteError> {
        let Some(&tag) = rest.first() else {
            return Ok(None);
        };
        if self.encryption_response && tag != b'E' {
            if EncryptionAnswer::from_byte(tag).is_some() {
                return Ok(Some(1));
            }
            let rule = format!("the byte {tag} is none of the letters SGN");
            return Err(fatal(rule, None, "EncryptionResponse", 0).explained());
        }
        if !is_backend_tag(tag) {
            let rule = format!("invalid backend message type {tag}");
            return Err(fatal(rule, Some(tag), "", 0));
        }
        let Some(length) = length_field(rest) else {
            return Ok(None);
        };
        let limit = self.max_message_length.min(answer_limit(tag));
        if !(4..=limit).contains(&length) {
            let rule = format!("the message length {length} is not between 4 and {limit}");
            return Err(fatal(rule, Some(tag), backend_name(tag, &[]), 1).explained());
        }
        let size = 1 + length as usize;
        Ok((size <= rest.len()).then_some(size))
    }

    #[inline]
    fn decode<'a>(&mut self, frame: &'a [u8]) -> (Answer<'a>, bool) {
        let tag = frame[0];
        if std::mem::take(&mut self.encryption_response)
            && let Some(answer) = EncryptionAnswer::from_byte(tag)
        {
            return (Ok(BackendMessage::EncryptionResponse { answer }), false);
        }
        let body = &frame[5..];
        let item = decode_backend(tag, body).map_err(|error| {
            let name = backend_name(tag, body);
            error.of(Some(tag), name, frame.len()).explained()
        });
        (item, true)
    }
}

/// The bound of the length field of a backend's message.
#[inline]
fn answer_limit(tag: u8) -> u32 {
    match tag {
        // libpq's VALID_LONG_MESSAGE_TYPE
        b'D' | b'd' | b'T' | b'V' | b'E' | b'N' | b'A' => i32::MAX as u32,
        b'R' | b'v' => AUTHENTICATION_LIMIT,
        // libpq fails where a statement has more than 7,498 parameters.
        b't' => 6 + 4 * MAX_COUNT as u32,
        _ => SMALL_ANSWER_LIMIT,
    }
}

/// The length field behind a tag.
#[inline]
fn length_field(rest: &[u8]) -> Option<u32> {
    rest[1..]
        .first_chunk::<4>()
        .map(|field| u32::from_be_bytes(*field))
}

#[cold]
fn fatal(rule: String, tag: Option<u8>, message_name: &'static str, offset: usize) -> RemoteError {
    RemoteError {
        tag,
        message_name,
        offset,
        ..RemoteError::violation(rule).into_fatal()
    }
}
