//! Reading and writing the protocol's primitive values within bounds (Protocol 55.6), with PostgreSQL's own error texts.
//!
//! A [`Reader`] never looks past its body. Writers check what the wire cannot carry: NUL inside a text, counts that do not fit.
use std::borrow::Cow;
use std::fmt;

/// Largest count an Int16 read without sign can carry.
pub const MAX_COUNT: usize = 65_535;

/// Largest length field of a message, in bytes.
pub const MAX_LENGTH: usize = i32::MAX as usize;

/// What the other side sent is wrong. `fatal`: the stream cannot be followed any further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteError {
    pub message: Cow<'static, str>,
    pub sqlstate: &'static str,
    pub fatal: bool,
    /// The tag of the message at fault; `None` for a start-up packet.
    pub tag: Option<u8>,
}

impl RemoteError {
    /// A malformed body, SQLSTATE 08P01; decoding goes on behind it.
    pub fn violation(message: impl Into<Cow<'static, str>>) -> Self {
        RemoteError {
            message: message.into(),
            sqlstate: "08P01",
            fatal: false,
            tag: None,
        }
    }

    /// The same error, about a message with this tag.
    pub fn of(self, tag: u8) -> Self {
        RemoteError {
            tag: Some(tag),
            ..self
        }
    }

    /// The same error as the last one of its stream.
    pub fn into_fatal(self) -> Self {
        RemoteError {
            fatal: true,
            ..self
        }
    }

    /// PostgreSQL's error about the invalid sequence that begins at `start`: it prints as many bytes as the first one announces.
    fn invalid_utf8(raw: &[u8], start: usize) -> Self {
        let size = match raw[start] {
            first if first & 0xe0 == 0xc0 => 2,
            first if first & 0xf0 == 0xe0 => 3,
            first if first & 0xf8 == 0xf0 => 4,
            _ => 1,
        };
        let end = raw.len().min(start + size);
        let shown: Vec<String> = raw[start..end]
            .iter()
            .map(|byte| format!("0x{byte:02x}"))
            .collect();
        RemoteError {
            message: format!(
                "invalid byte sequence for encoding \"UTF8\": {}",
                shown.join(" ")
            )
            .into(),
            sqlstate: "22021",
            fatal: false,
            tag: None,
        }
    }
}

/// What the wire cannot carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncodeError {
    Nul,
    TooMany(usize),
    TooLong,
    SecretKey,
    UnnamedParameter,
    FieldCode,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::Nul => f.write_str("a text holds a NUL"),
            EncodeError::TooMany(count) => write!(f, "{count} values, at most {MAX_COUNT} fit"),
            EncodeError::TooLong => write!(f, "longer than {MAX_LENGTH} bytes"),
            EncodeError::SecretKey => f.write_str("the secret key must have 4 to 256 bytes"),
            EncodeError::UnnamedParameter => f.write_str("a parameter has no name"),
            EncodeError::FieldCode => f.write_str("a field code must be one ASCII character"),
        }
    }
}

impl std::error::Error for EncodeError {}

type Read<T> = Result<T, RemoteError>;

/// The text of UTF-8 bytes; 22021 for anything else.
pub fn decode_text(raw: &[u8]) -> Read<&str> {
    std::str::from_utf8(raw).map_err(|error| RemoteError::invalid_utf8(raw, error.valid_up_to()))
}

/// Takes the primitive values of one message body in order.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Reader { rest: body }
    }

    /// A NUL-terminated text.
    pub fn text(&mut self) -> Read<&'a str> {
        let Some(end) = find_nul(self.rest) else {
            return Err(RemoteError::violation("invalid string in message"));
        };
        let raw = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        decode_text(raw)
    }

    /// One byte.
    pub fn byte(&mut self) -> Read<u8> {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(RemoteError::violation("no data left in message"));
        };
        self.rest = rest;
        Ok(byte)
    }

    /// An Int16.
    pub fn int16(&mut self) -> Read<i16> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    /// An Int16 read without sign, as PostgreSQL reads counts.
    pub fn uint16(&mut self) -> Read<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// An Int32.
    pub fn int32(&mut self) -> Read<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// An Int32 read without sign, such as an OID.
    pub fn uint32(&mut self) -> Read<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// A count and that many Int16.
    pub fn int16s(&mut self) -> Read<Vec<i16>> {
        let count = usize::from(self.uint16()?);
        let raw = self.take(2 * count)?;
        Ok(raw
            .chunks_exact(2)
            .map(|pair| i16::from_be_bytes([pair[0], pair[1]]))
            .collect())
    }

    /// A count and that many OIDs.
    pub fn uint32s(&mut self) -> Read<Vec<u32>> {
        let count = usize::from(self.uint16()?);
        let raw = self.take(4 * count)?;
        Ok(raw
            .chunks_exact(4)
            .map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
            .collect())
    }

    /// Bytes with their length in front, `None` for length -1 (NULL).
    pub fn value(&mut self) -> Read<Option<&'a [u8]>> {
        match self.int32()? {
            -1 => Ok(None),
            size => self.sized(size).map(Some),
        }
    }

    /// `size` bytes; a negative size is an error.
    pub fn sized(&mut self, size: i32) -> Read<&'a [u8]> {
        match usize::try_from(size) {
            Ok(size) => self.take(size),
            Err(_) => Err(insufficient()),
        }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// All bytes that are left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
    pub fn end(self) -> Read<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(RemoteError::violation("invalid message format"))
        }
    }

    fn take(&mut self, size: usize) -> Read<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(size) else {
            return Err(insufficient());
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(insufficient());
        };
        self.rest = rest;
        Ok(*taken)
    }
}

fn insufficient() -> RemoteError {
    RemoteError::violation("insufficient data left in message")
}

/// Index of the first NUL.
#[inline]
pub fn find_nul(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(0, bytes)
}

/// A text can be sent when it holds no NUL.
#[inline]
pub fn check_text(text: &str) -> Result<(), EncodeError> {
    if has_nul(text.as_bytes()) {
        return Err(EncodeError::Nul);
    }
    Ok(())
}

/// Whether there is a NUL. Names and most statements are short, and this runs for each of them: no call is made for few bytes.
#[inline]
fn has_nul(bytes: &[u8]) -> bool {
    if bytes.len() > 128 {
        return find_nul(bytes).is_some();
    }
    if let Some(last) = bytes.last_chunk() {
        let (chunks, _) = bytes.as_chunks();
        chunks.iter().chain([last]).any(zero_in_16)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        zero_in_8(first) | zero_in_8(last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        zero_in_4(first) | zero_in_4(last)
    } else {
        bytes.contains(&0)
    }
}

/// One comparison of vectors.
#[inline]
fn zero_in_16(bytes: &[u8; 16]) -> bool {
    bytes
        .iter()
        .fold(0, |found, &byte| found | u8::from(byte == 0))
        != 0
}

#[inline]
fn zero_in_8(bytes: &[u8; 8]) -> bool {
    let word = u64::from_ne_bytes(*bytes);
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080 != 0
}

#[inline]
fn zero_in_4(bytes: &[u8; 4]) -> bool {
    let word = u32::from_ne_bytes(*bytes);
    word.wrapping_sub(0x0101_0101) & !word & 0x8080_8080 != 0
}

/// A count can be sent when it fits an Int16 without sign.
#[inline]
pub fn check_count(count: usize) -> Result<u16, EncodeError> {
    u16::try_from(count).map_err(|_| EncodeError::TooMany(count))
}

/// A length can be sent when it fits an Int32.
#[inline]
pub fn check_length(length: usize) -> Result<u32, EncodeError> {
    if length > MAX_LENGTH {
        return Err(EncodeError::TooLong);
    }
    Ok(length as u32)
}

/// A text with its terminating NUL.
pub fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), EncodeError> {
    check_text(text)?;
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    Ok(())
}

pub fn put_int16(out: &mut Vec<u8>, value: i16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub fn put_int32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub fn put_uint32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub fn put_count(out: &mut Vec<u8>, count: usize) -> Result<(), EncodeError> {
    out.extend_from_slice(&check_count(count)?.to_be_bytes());
    Ok(())
}

/// A count and that many Int16.
pub fn put_int16s(out: &mut Vec<u8>, values: &[i16]) -> Result<(), EncodeError> {
    put_count(out, values.len())?;
    values.iter().for_each(|&value| put_int16(out, value));
    Ok(())
}

/// A count and that many OIDs.
pub fn put_uint32s(out: &mut Vec<u8>, values: &[u32]) -> Result<(), EncodeError> {
    put_count(out, values.len())?;
    values.iter().for_each(|&value| put_uint32(out, value));
    Ok(())
}

/// Bytes with their length in front; `None` is NULL, length -1.
pub fn put_value(out: &mut Vec<u8>, value: Option<&[u8]>) -> Result<(), EncodeError> {
    match value {
        None => put_int32(out, -1),
        Some(raw) => {
            put_uint32(out, check_length(raw.len())?);
            out.extend_from_slice(raw);
        }
    }
    Ok(())
}

/// A count and that many values.
pub fn put_values(out: &mut Vec<u8>, values: &[Option<&[u8]>]) -> Result<(), EncodeError> {
    put_count(out, values.len())?;
    values.iter().try_for_each(|value| put_value(out, *value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_wherever_it_stands() {
        for length in (0..40).chain([127, 128, 129, 300]) {
            let clean = vec![0xff; length];
            assert!(!has_nul(&clean), "{length}");
            for at in 0..length {
                let mut bytes = clean.clone();
                bytes[at] = 0;
                assert!(has_nul(&bytes), "{at} of {length}");
            }
        }
    }
}
