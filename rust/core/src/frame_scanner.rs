//! Where the messages of a stream end, in any chunking, with nothing of them kept (Protocol 55.7): for those who pass bytes on.
use crate::frames::length_error;
use crate::wire::RemoteError;

/// Bytes of a message's tag and length.
const HEADER: usize = 5;

/// Follows a stream of tagged messages.
#[derive(Debug)]
pub struct FrameScanner {
    /// Largest length field, in bytes.
    limit: u32,
    /// What has come of the header of the message that is read now; its tag stays while the body comes.
    header: [u8; HEADER],
    header_length: usize,
    /// Bytes of its body that have not come.
    left: usize,
    /// Where in the stream it begins.
    offset: u64,
    last: Option<u8>,
    failed: Option<RemoteError>,
}

impl FrameScanner {
    /// A message's length field is at most `limit`; `offset` is where in its stream what comes first stands.
    pub fn new(limit: u32, offset: u64) -> Self {
        FrameScanner {
            limit,
            header: [0; HEADER],
            header_length: 0,
            left: 0,
            offset,
            last: None,
            failed: None,
        }
    }

    /// Tag of the last whole message.
    pub fn last(&self) -> Option<u8> {
        self.last
    }

    /// Whether the stream stands in the middle of a message.
    pub fn partial(&self) -> bool {
        self.header_length > 0
    }

    /// Takes bytes. After an error every further call returns the same one.
    pub fn scan(&mut self, data: &[u8]) -> Result<(), RemoteError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut rest = data;
        while !rest.is_empty() {
            if self.header_length < HEADER {
                let size = rest.len().min(HEADER - self.header_length);
                let (taken, behind) = rest.split_at(size);
                self.header[self.header_length..self.header_length + size].copy_from_slice(taken);
                self.header_length += size;
                rest = behind;
                if self.header_length < HEADER {
                    break;
                }
                let [tag, length @ ..] = self.header;
                let length = u32::from_be_bytes(length);
                if length < 4 || length > self.limit {
                    let error = length_error(Some(tag), self.offset, length, 4, self.limit);
                    self.failed = Some(error.clone());
                    return Err(error);
                }
                self.left = length as usize - 4;
                self.offset += 1 + u64::from(length);
            }
            let size = rest.len().min(self.left);
            rest = &rest[size..];
            self.left -= size;
            if self.left == 0 {
                self.header_length = 0;
                self.last = Some(self.header[0]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_each_message_is_found_wherever_the_stream_is_cut() {
        let stream = b"1\0\0\0\x04D\0\0\0\x08abcdZ\0\0\0\x05I";
        let ends = [(5, b'1'), (14, b'D'), (20, b'Z')];
        for cut in 0..=stream.len() {
            let mut scanner = FrameScanner::new(100, 0);
            scanner.scan(&stream[..cut]).unwrap();
            let last = ends.iter().rev().find(|(end, _)| *end <= cut);
            assert_eq!(scanner.last(), last.map(|(_, tag)| *tag));
            let whole = cut == 0 || ends.iter().any(|(end, _)| *end == cut);
            assert_eq!(scanner.partial(), !whole, "cut at {cut}");
            scanner.scan(&stream[cut..]).unwrap();
            assert_eq!((scanner.last(), scanner.partial()), (Some(b'Z'), false));
        }
    }

    #[test]
    fn a_wrong_length_is_told_with_its_place_and_stays_wrong() {
        for length in [3, 101] {
            let mut scanner = FrameScanner::new(100, 7);
            scanner.scan(b"1\0\0\0\x04Z").unwrap();
            let error = scanner.scan(&[0, 0, 0, length, b'x']).unwrap_err();
            assert!(format!("{error:?}").contains("at byte 12: length"));
            assert_eq!(scanner.scan(b""), Err(error));
            assert!(scanner.partial());
        }
    }
}
