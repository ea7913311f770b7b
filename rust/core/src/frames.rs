//! Frames: the byte stream of either end cut at message boundaries, bodies undecoded, in any chunking (Protocol 55.7).
//!
//! A frame that lies whole in the bytes that are fed is not copied. One that comes in pieces is gathered: each byte is copied once, into
//! memory that grows with what has come and not with what a length announces. Lengths are judged before anything waits for their bytes.
use crate::gathered::Gathered;
use crate::wire::{MAX_LENGTH, RemoteError};

pub use crate::gathered::MIN_GATHERED;

/// Default bound of an untagged packet, in bytes: PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
pub const MAX_STARTUP_LENGTH: u32 = 10_000;

/// Default bound of a tagged message, in bytes: PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH, what it takes before authentication.
pub const MAX_MESSAGE_LENGTH: u32 = 65_535;

/// Major version of the packets that ask for something else than a session: SSLRequest, GSSENCRequest, CancelRequest.
const REQUEST_VERSION: [u8; 2] = [0x04, 0xd2];

/// One packet without its tag and length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// `None` for a start-up packet.
    pub tag: Option<u8>,
    pub body: Body<'a>,
}

/// Where a body lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// Inside the bytes that were fed, just before the position.
    Fed(&'a [u8]),
    /// It came in pieces.
    Gathered(Gathered),
}

impl Body<'_> {
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Body::Fed(bytes) => bytes,
            Body::Gathered(bytes) => bytes,
        }
    }
}

/// What lengths are accepted. A length field counts itself: the smallest is 4.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest length field of an untagged packet, in bytes.
    pub startup: u32,
    /// Largest length field of a tagged message, in bytes.
    pub message: u32,
    /// The same for each tag, on top of `message`; 0 refuses the tag.
    pub by_tag: [u32; 256],
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            startup: MAX_STARTUP_LENGTH,
            message: MAX_MESSAGE_LENGTH,
            by_tag: [MAX_LENGTH as u32; 256],
        }
    }
}

/// Cuts a stream into frames.
#[derive(Debug)]
pub struct FrameDecoder {
    pub limits: Limits,
    next: Next,
    /// The first bytes of an incomplete packet: its tag, if it has one, and its length.
    header: [u8; 5],
    header_length: usize,
    /// What has come of an incomplete body, and how much it will have.
    body: Gathered,
    body_length: usize,
    /// Where in the stream the packet begins that is read now.
    offset: u64,
    failed: Option<RemoteError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Startup,
    Message,
    /// Nothing may come before SSLRequest and the like are answered.
    Answer,
}

impl FrameDecoder {
    pub fn new(startup: bool, limits: Limits) -> Self {
        FrameDecoder {
            limits,
            next: if startup {
                Next::Startup
            } else {
                Next::Message
            },
            header: [0; 5],
            header_length: 0,
            body: Gathered::new(),
            body_length: 0,
            offset: 0,
            failed: None,
        }
    }

    /// Whether the next packet is an untagged one.
    pub fn startup(&self) -> bool {
        self.next == Next::Startup
    }

    /// Says whether the next packet is an untagged one; needed after SSLRequest and the like were answered. Nothing happens, and false is
    /// returned, in the middle of a packet.
    #[must_use]
    pub fn set_startup(&mut self, startup: bool) -> bool {
        if self.header_length > 0 {
            return startup == self.startup();
        }
        self.next = if startup {
            Next::Startup
        } else {
            Next::Message
        };
        true
    }

    /// Bytes of the incomplete packet at the end of what was fed.
    pub fn buffered(&self) -> usize {
        self.header_length + self.body.len()
    }

    /// Takes the next frame out of `data`, from `position` on, and moves `position` behind what was taken.
    ///
    /// `None`: all of `data` was taken and more is needed. After an error every further call returns the same one.
    pub fn next<'a>(
        &mut self,
        data: &'a [u8],
        position: &mut usize,
    ) -> Result<Option<Frame<'a>>, RemoteError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.take(data, position);
        if let Err(error) = &result {
            self.failed = Some(error.clone());
            self.header_length = 0;
            self.body = Gathered::new();
        }
        result
    }

    /// Tag and body of the next message where it lies whole in `data` and nothing is wrong; `None` says nothing, and [`Self::next`] does.
    ///
    /// It spares [`Self::next`]'s answer, which is large beside a short row.
    #[inline]
    pub fn whole<'a>(&mut self, data: &'a [u8], position: &mut usize) -> Option<(u8, &'a [u8])> {
        if self.header_length != 0 || self.next != Next::Message || self.failed.is_some() {
            return None;
        }
        let rest = data.get(*position..)?;
        let ([tag, length @ ..], behind) = rest.split_first_chunk::<5>()?;
        let length = u32::from_be_bytes(*length);
        let most = self.limits.by_tag[usize::from(*tag)].min(self.limits.message);
        if length < 4 || length > most {
            return None;
        }
        let body = behind.get(..length as usize - 4)?;
        *position += 1 + length as usize;
        self.offset += 1 + u64::from(length);
        Some((*tag, body))
    }

    #[inline]
    fn take<'a>(
        &mut self,
        data: &'a [u8],
        position: &mut usize,
    ) -> Result<Option<Frame<'a>>, RemoteError> {
        let rest = &data[*position..];
        if self.header_length == 0 {
            // The whole frame is here: nothing is copied.
            let head = self.head();
            if rest.len() >= head && self.next != Next::Answer {
                let length = self.body_length(&rest[..head])?;
                if rest.len() - head >= length {
                    let body = &rest[head..head + length];
                    *position += head + length;
                    let tag = (head == 5).then_some(rest[0]);
                    self.finish(tag, body, length);
                    return Ok(Some(Frame {
                        tag,
                        body: Body::Fed(body),
                    }));
                }
            }
            if rest.is_empty() {
                return Ok(None);
            }
        }
        self.gather(rest, position)
    }

    /// Adds to the incomplete packet.
    fn gather<'a>(
        &mut self,
        rest: &[u8],
        position: &mut usize,
    ) -> Result<Option<Frame<'a>>, RemoteError> {
        if self.next == Next::Answer && !rest.is_empty() {
            return Err(self.error(None, "data before a request of start-up was answered"));
        }
        let head = self.head();
        let (mut rest, before) = (rest, rest.len());
        if self.header_length < head {
            let size = rest.len().min(head - self.header_length);
            self.header[self.header_length..self.header_length + size]
                .copy_from_slice(&rest[..size]);
            self.header_length += size;
            rest = &rest[size..];
            if self.header_length < head {
                if head == 5 && self.header_length > 0 {
                    self.check_tag(self.header[0])?;
                }
                *position += before;
                return Ok(None);
            }
            let header = self.header;
            self.body_length = self.body_length(&header[..head])?;
        }
        let size = rest.len().min(self.body_length - self.body.len());
        self.body.extend(&rest[..size], self.body_length);
        *position += before - rest.len() + size;
        if self.body.len() < self.body_length {
            return Ok(None);
        }
        let body = std::mem::take(&mut self.body);
        self.header_length = 0;
        let tag = (head == 5).then_some(self.header[0]);
        self.finish(tag, &body, body.len());
        Ok(Some(Frame {
            tag,
            body: Body::Gathered(body),
        }))
    }

    fn head(&self) -> usize {
        if self.next == Next::Startup { 4 } else { 5 }
    }

    #[inline]
    fn finish(&mut self, tag: Option<u8>, body: &[u8], length: usize) {
        self.offset += (4 + length + usize::from(tag.is_some())) as u64;
        if tag.is_none() {
            self.next = if body.starts_with(&REQUEST_VERSION) {
                Next::Answer
            } else {
                Next::Message
            };
        }
    }

    /// Length of the body behind a complete header.
    #[inline]
    fn body_length(&self, header: &[u8]) -> Result<usize, RemoteError> {
        let (tag, least, most) = match *header {
            [tag, _, _, _, _] => {
                self.check_tag(tag)?;
                let most = self.limits.by_tag[usize::from(tag)].min(self.limits.message);
                (Some(tag), 4, most)
            }
            _ => (None, 8, self.limits.startup),
        };
        let mut field = [0; 4];
        field.copy_from_slice(&header[header.len() - 4..]);
        let length = u32::from_be_bytes(field);
        if length < least || length > most {
            return Err(length_error(tag, self.offset, length, least, most));
        }
        Ok(length as usize - 4)
    }

    #[inline]
    fn check_tag(&self, tag: u8) -> Result<(), RemoteError> {
        if self.limits.by_tag[usize::from(tag)] == 0 {
            return Err(self.error(Some(tag), "no message of this type is accepted"));
        }
        Ok(())
    }

    #[cold]
    fn error(&self, tag: Option<u8>, rule: &str) -> RemoteError {
        error(tag, self.offset, rule)
    }
}

/// What is wrong with the packet that begins at `offset`.
#[cold]
fn error(tag: Option<u8>, offset: u64, rule: &str) -> RemoteError {
    let what = match tag {
        Some(tag) => format!("message of type {tag}"),
        None => "start-up packet".to_owned(),
    };
    let error = RemoteError::violation(format!("{what} at byte {offset}: {rule}"));
    RemoteError { tag, ..error }.into_fatal()
}

/// The same for a length field out of bounds.
#[cold]
pub(crate) fn length_error(
    tag: Option<u8>,
    offset: u64,
    length: u32,
    least: u32,
    most: u32,
) -> RemoteError {
    let rule = format!("length {length} is not between {least} and {most}");
    error(tag, offset, &rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder() -> FrameDecoder {
        let limits = Limits {
            message: MAX_LENGTH as u32,
            ..Limits::default()
        };
        FrameDecoder::new(false, limits)
    }

    #[test]
    fn what_lies_whole_comes_the_short_way_and_the_rest_the_other() {
        let data = b"Z\0\0\0\x05IZ\0\0\0\x05TZ\0\0\0\x05";
        let (mut decoder, mut position) = (decoder(), 0);
        assert_eq!(decoder.whole(data, &mut position), Some((b'Z', &b"I"[..])));
        assert_eq!(decoder.whole(data, &mut position), Some((b'Z', &b"T"[..])));
        assert_eq!((decoder.whole(data, &mut position), position), (None, 12));
        assert!(decoder.next(data, &mut position).unwrap().is_none());
        // In the middle of a packet nothing is whole; a wrong length is told the other way, with its place in the stream.
        assert_eq!(decoder.whole(b"EZ\0\0\0\x05I", &mut 0), None);
        assert!(decoder.next(b"E", &mut 0).unwrap().is_some());
        assert_eq!(decoder.whole(b"Z\0\0\0\x03", &mut 0), None);
        let error = decoder.next(b"Z\0\0\0\x03", &mut 0).unwrap_err();
        assert!(format!("{error:?}").contains("at byte 18"), "{error:?}");
    }

    #[test]
    fn memory_grows_with_what_has_come() {
        let mut decoder = decoder();
        assert_eq!(decoder.next(b"d\x7f\xff\xff\xff", &mut 0), Ok(None));
        assert_eq!(decoder.body.capacity(), 0);
        let mut came = 0;
        let mut moved = 0;
        for size in (1..400).chain([100_000, 3, 70_000]) {
            let before = decoder.body.capacity();
            assert_eq!(decoder.next(&vec![7; size], &mut 0), Ok(None));
            came += size;
            assert_eq!(decoder.buffered(), came + 5);
            assert!(decoder.body.capacity() <= MIN_GATHERED.max(2 * came));
            moved += usize::from(decoder.body.capacity() != before);
        }
        assert!(moved < 10, "the memory grew {moved} times");
    }

    #[test]
    fn memory_is_never_more_than_the_body_needs() {
        let mut decoder = decoder();
        let body = vec![7; 5_000];
        assert_eq!(decoder.next(b"d\0\0\x13\x8c", &mut 0), Ok(None));
        assert_eq!(decoder.next(&body[..1], &mut 0), Ok(None));
        assert_eq!(decoder.body.capacity(), 5_000);
        let mut position = 0;
        let frame = decoder.next(&body[1..], &mut position);
        let expected = Frame {
            tag: Some(b'd'),
            body: Body::Gathered(body.clone().into()),
        };
        assert_eq!(frame, Ok(Some(expected)));
        assert_eq!((position, decoder.buffered()), (4_999, 0));
    }

    #[test]
    fn a_whole_frame_is_not_copied() {
        let data = b"..S\0\0\0\x06abS";
        let mut position = 2;
        let mut decoder = decoder();
        let Ok(Some(frame)) = decoder.next(data, &mut position) else {
            panic!("a frame is complete");
        };
        assert_eq!(frame.tag, Some(b'S'));
        assert!(matches!(frame.body, Body::Fed(b"ab")));
        assert_eq!(frame.body.as_slice().as_ptr(), data[7..].as_ptr());
        assert_eq!(position, 9);
        assert_eq!(decoder.next(data, &mut position), Ok(None));
        assert_eq!((position, decoder.buffered()), (10, 1));
    }
}
