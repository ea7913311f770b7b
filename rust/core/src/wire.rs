//! Reading and writing the protocol's primitive values within bounds (Protocol 55.6), with PostgreSQL's own error texts.
//!
//! A [`Reader`] never looks past its body. Writers check what the wire cannot carry: NUL inside a text, counts that do not fit.
use std::borrow::Cow;
use std::fmt;

pub use crate::nul::find_nul;
use crate::nul::has_nul;

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
    /// Its class; empty where no message is known by these bytes.
    pub message_name: &'static str,
    /// How many bytes of the message, tag and length counted, stand before the field that breaks the rule.
    pub offset: usize,
}

impl RemoteError {
    /// SQLSTATE 08P01 about no message in particular.
    #[cold]
    pub fn violation(message: impl Into<Cow<'static, str>>) -> Self {
        RemoteError {
            message: message.into(),
            sqlstate: "08P01",
            fatal: false,
            tag: None,
            message_name: "",
            offset: 0,
        }
    }

    /// The same error as the last one of its stream.
    pub fn into_fatal(self) -> Self {
        RemoteError {
            fatal: true,
            ..self
        }
    }

    /// The same error with message and offset in its text: about a backend's message nobody is answered.
    #[cold]
    pub fn explained(mut self) -> Self {
        // PostgreSQL's words about a frontend's bodies, said more plainly about a backend's.
        let rule = match self.message.as_ref() {
            NO_DATA => "the message ends where a field is due",
            INSUFFICIENT => "the message ends within this field",
            INVALID_STRING => "this text has no terminating NUL",
            INVALID_FORMAT => "bytes follow the last field",
            rule => rule,
        };
        self.message = format!("{}: offset {}: {rule}", self.message_name, self.offset).into();
        self
    }
}

/// A body that breaks a rule, before anyone said which message's body it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    rule: Cow<'static, str>,
    sqlstate: &'static str,
    /// Bytes of the body from the field at fault to the end.
    left: usize,
}

impl Malformed {
    /// SQLSTATE 08P01 at the field that begins `left` bytes before the end of the body.
    #[cold]
    pub fn new(rule: impl Into<Cow<'static, str>>, left: usize) -> Self {
        Malformed {
            rule: rule.into(),
            sqlstate: "08P01",
            left,
        }
    }

    /// The error about a message of `size` bytes, header included.
    #[cold]
    pub fn of(self, tag: Option<u8>, message_name: &'static str, size: usize) -> RemoteError {
        RemoteError {
            sqlstate: self.sqlstate,
            tag,
            message_name,
            offset: size - self.left,
            ..RemoteError::violation(self.rule)
        }
    }

    /// PostgreSQL's error about the invalid sequence that begins at `start`: it prints as many bytes as the first one announces.
    #[cold]
    fn invalid_utf8(raw: &[u8], start: usize, left: usize) -> Self {
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
        let shown = shown.join(" ");
        Malformed {
            rule: format!("invalid byte sequence for encoding \"UTF8\": {shown}").into(),
            sqlstate: "22021",
            left: left - start,
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
    CopyFormat,
    UnnamedParameter,
    UnnamedMechanism,
    FieldCode,
    NoRows,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::Nul => f.write_str("a text holds a NUL"),
            EncodeError::TooMany(count) => write!(f, "{count} values, at most {MAX_COUNT} fit"),
            EncodeError::TooLong => write!(f, "longer than {MAX_LENGTH} bytes"),
            EncodeError::SecretKey => f.write_str("the secret key must have 4 to 256 bytes"),
            EncodeError::CopyFormat => f.write_str("the COPY format must be 0 or 1"),
            EncodeError::UnnamedParameter => f.write_str("a parameter has no name"),
            EncodeError::UnnamedMechanism => f.write_str("a mechanism has no name"),
            EncodeError::FieldCode => f.write_str("a field code must be one ASCII character"),
            EncodeError::NoRows => f.write_str("rows must be whole DataRow messages"),
        }
    }
}

impl std::error::Error for EncodeError {}

type Read<T> = Result<T, Malformed>;

/// The text of UTF-8 bytes that begin `left` bytes before the end of the body; 22021 for anything else.
pub fn decode_text(raw: &[u8], left: usize) -> Read<&str> {
    std::str::from_utf8(raw)
        .map_err(|error| Malformed::invalid_utf8(raw, error.valid_up_to(), left))
}

/// Takes the primitive values of one message body in order.
///
/// The offset of an error is where the value begins that could not be taken, with the length or count in front of it.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Reader { rest: body }
    }

    /// A NUL-terminated text.
    pub fn text(&mut self) -> Read<&'a str> {
        let left = self.remaining();
        decode_text(self.text_bytes()?, left)
    }

    /// A NUL-terminated text; what is not UTF-8 becomes U+FFFD.
    pub fn lossy_text(&mut self) -> Read<Cow<'a, str>> {
        let raw = self.text_bytes()?;
        // Nearly all of them are UTF-8, which is quicker to see than to replace.
        Ok(match std::str::from_utf8(raw) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(raw),
        })
    }

    /// The bytes of a NUL-terminated text, without the NUL.
    fn text_bytes(&mut self) -> Read<&'a [u8]> {
        let Some(end) = find_nul(self.rest) else {
            return Err(Malformed::new(INVALID_STRING, self.remaining()));
        };
        let raw = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(raw)
    }

    /// One byte.
    pub fn byte(&mut self) -> Read<u8> {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(Malformed::new(NO_DATA, 0));
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

    /// An Int64.
    pub fn int64(&mut self) -> Read<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// An Int64 read without sign, such as an LSN.
    pub fn uint64(&mut self) -> Read<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A count and that many Int16.
    pub fn int16s(&mut self) -> Read<Vec<i16>> {
        let left = self.remaining();
        let count = usize::from(self.uint16()?);
        let raw = self.take(2 * count, left)?;
        Ok(raw
            .chunks_exact(2)
            .map(|pair| i16::from_be_bytes([pair[0], pair[1]]))
            .collect())
    }

    /// A count and that many OIDs.
    pub fn uint32s(&mut self) -> Read<Vec<u32>> {
        let left = self.remaining();
        let count = usize::from(self.uint16()?);
        let raw = self.take(4 * count, left)?;
        Ok(raw
            .chunks_exact(4)
            .map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
            .collect())
    }

    /// Bytes with their length in front, `None` for length -1 (NULL); `negative` words the error about another negative length.
    #[inline]
    pub fn value(&mut self, negative: fn(i32) -> Cow<'static, str>) -> Read<Option<&'a [u8]>> {
        let left = self.remaining();
        match self.int32()? {
            -1 => Ok(None),
            size => match usize::try_from(size) {
                Ok(size) => self.take(size, left).map(Some),
                Err(_) => Err(Malformed::new(negative(size), left)),
            },
        }
    }

    /// A count and that many values. No more room is taken than the body can fill.
    #[inline]
    pub fn values(
        &mut self,
        negative: fn(i32) -> Cow<'static, str>,
    ) -> Read<Vec<Option<&'a [u8]>>> {
        let count = usize::from(self.uint16()?);
        let mut values = Vec::with_capacity(count.min(self.remaining() / 4));
        for _ in 0..count {
            values.push(self.value(negative)?);
        }
        Ok(values)
    }

    /// Exactly so many bytes.
    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(insufficient(self.remaining()));
        };
        self.rest = rest;
        Ok(*taken)
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
            Err(Malformed::new(INVALID_FORMAT, self.remaining()))
        }
    }

    /// `size` bytes of a field that began `left` bytes before the end.
    fn take(&mut self, size: usize, left: usize) -> Read<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(size) else {
            return Err(insufficient(left));
        };
        self.rest = rest;
        Ok(taken)
    }
}

pub(crate) const NO_DATA: &str = "no data left in message";
const INSUFFICIENT: &str = "insufficient data left in message";
const INVALID_STRING: &str = "invalid string in message";
const INVALID_FORMAT: &str = "invalid message format";

fn insufficient(left: usize) -> Malformed {
    Malformed::new(INSUFFICIENT, left)
}

/// PostgreSQL's words for a length below -1 where it has no other.
pub fn negative_is_insufficient(_: i32) -> Cow<'static, str> {
    INSUFFICIENT.into()
}

/// A text can be sent when it holds no NUL.
#[inline]
pub fn check_text(text: &str) -> Result<(), EncodeError> {
    if has_nul(text.as_bytes()) {
        return Err(EncodeError::Nul);
    }
    Ok(())
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

pub fn put_int64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub fn put_uint64(out: &mut Vec<u8>, value: u64) {
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
