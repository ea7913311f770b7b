//! The frontend's byte stream cut into messages, in any chunking (Protocol 55.7).
//!
//! Lengths are judged as soon as they are there, before waiting for the body; only the incomplete tail of a feed is kept.
use crate::messages::{FrontendMessage, PasswordKind, decode, decode_startup, is_frontend_tag};
use crate::wire::RemoteError;

/// PostgreSQL's PQ_SMALL_MESSAGE_LIMIT, in bytes: the bound of messages that have no reason to be long.
pub const SMALL_MESSAGE_LIMIT: u32 = 10_000;

/// Turns bytes into messages. Without a heap buffer while no message is incomplete.
#[derive(Debug)]
pub struct FrontendDecoder {
    /// Whether the next packet is an untagged one.
    pub startup: bool,
    pub password_kind: PasswordKind,
    /// Largest length field of an untagged packet, in bytes.
    pub max_startup_length: u32,
    /// Largest length field of a tagged message, in bytes.
    pub max_message_length: u32,
    dead: bool,
    tail: Vec<u8>,
}

/// One item of a feed.
pub type Item<'a> = Result<FrontendMessage<'a>, RemoteError>;

impl FrontendDecoder {
    pub fn new(max_startup_length: u32, max_message_length: u32) -> Self {
        FrontendDecoder {
            startup: true,
            password_kind: PasswordKind::Password,
            max_startup_length,
            max_message_length,
            dead: false,
            tail: Vec::new(),
        }
    }

    /// Bytes received and not yet given out as messages.
    pub fn buffered(&self) -> usize {
        self.tail.len()
    }

    /// Whether the next byte begins a tagged message.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.tail.is_empty() && !self.startup && !self.dead
    }

    /// Takes bytes and gives the complete messages to `sink` in order; ends early with what `sink` returns as its error.
    ///
    /// After a fatal error, which is the last item, every later feed gives nothing.
    pub fn feed<E>(
        &mut self,
        data: &[u8],
        mut sink: impl FnMut(Item<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.dead {
            return Ok(());
        }
        if self.tail.is_empty() {
            let used = self.consume(data, &mut sink)?;
            if used < data.len() && !self.dead {
                self.tail = data[used..].to_vec();
            }
            return Ok(());
        }
        self.tail.extend_from_slice(data);
        if matches!(self.frame_length(&self.tail), Ok(None)) {
            return Ok(());
        }
        let mut stream = std::mem::take(&mut self.tail);
        let used = self.consume(&stream, &mut sink)?;
        if used < stream.len() && !self.dead {
            stream.drain(..used);
            stream.shrink_to_fit();
            self.tail = stream;
        }
        Ok(())
    }

    /// Gives out the complete messages of `stream` and returns how many bytes they had.
    fn consume<E>(
        &mut self,
        stream: &[u8],
        sink: &mut impl FnMut(Item<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut position = 0;
        loop {
            let rest = &stream[position..];
            let length = match self.frame_length(rest) {
                Ok(None) => return Ok(position),
                Ok(Some(length)) => length,
                Err(error) => {
                    self.dead = true;
                    sink(Err(error))?;
                    return Ok(position);
                }
            };
            position += length;
            if self.startup {
                let item = decode_startup(&rest[4..length]);
                self.dead = item.is_err();
                let goes_on = matches!(item, Ok(FrontendMessage::StartupMessage { .. }));
                sink(item)?;
                if !goes_on {
                    return Ok(position);
                }
                self.startup = false;
            } else {
                let item = decode(rest[0], &rest[5..length], self.password_kind);
                sink(item.map_err(|error| error.of(rest[0])))?;
            }
        }
    }

    /// Size in bytes of the packet that `rest` begins with, `None` while it is incomplete.
    #[inline]
    pub(crate) fn frame_length(&self, rest: &[u8]) -> Result<Option<usize>, RemoteError> {
        let (header, length) = if self.startup {
            let Some(field) = rest.first_chunk::<4>() else {
                return Ok(None);
            };
            let length = u32::from_be_bytes(*field);
            if length < 8 || length > self.max_startup_length {
                return Err(fatal("invalid length of startup packet".into()));
            }
            (0, length)
        } else {
            let Some((&tag, rest)) = rest.split_first() else {
                return Ok(None);
            };
            if !is_frontend_tag(tag) {
                return Err(fatal(format!("invalid frontend message type {tag}")).of(tag));
            }
            let Some(field) = rest.first_chunk::<4>() else {
                return Ok(None);
            };
            let length = u32::from_be_bytes(*field);
            let small = length > SMALL_MESSAGE_LIMIT && b"DECHSXcf".contains(&tag);
            if length < 4 || length > self.max_message_length || small {
                return Err(fatal("invalid message length".into()).of(tag));
            }
            (1, length)
        };
        let size = header + length as usize;
        Ok((size <= rest.len()).then_some(size))
    }
}

fn fatal(message: String) -> RemoteError {
    RemoteError::violation(message).into_fatal()
}
