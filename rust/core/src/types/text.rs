//! Text: UTF-8 without NUL (PostgreSQL 24.3), name and "char", and the white space that input functions skip.
use super::{Result, ValueError};

/// The text, if it is UTF-8 without NUL.
pub fn from_utf8(bytes: &[u8]) -> Result<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            check(text)?;
            Ok(text)
        }
        Err(error) => {
            // A NUL in front of the malformed place is reported first, as a scan from the left finds it.
            let good = &bytes[..error.valid_up_to()];
            if memchr::memchr(0, good).is_some() {
                return Err(nul());
            }
            Err(malformed(&bytes[error.valid_up_to()..]))
        }
    }
}

/// Refuses a NUL.
#[inline]
pub fn check(text: &str) -> Result<()> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        Err(nul())
    } else {
        Ok(())
    }
}

/// C's isspace in the "C" locale.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The text without white space at its ends.
pub fn trim_start(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8))
}

pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii() && is_space(c as u8))
}

fn nul() -> ValueError {
    ValueError::new("22021", "invalid byte sequence for encoding \"UTF8\": 0x00")
}

/// 22021 with the bytes of the malformed character, as many as its first byte announces.
fn malformed(rest: &[u8]) -> ValueError {
    let announced = match rest[0] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    let shown: Vec<String> = rest
        .iter()
        .take(announced)
        .map(|byte| format!("0x{byte:02x}"))
        .collect();
    ValueError::new(
        "22021",
        format!(
            "invalid byte sequence for encoding \"UTF8\": {}",
            shown.join(" ")
        ),
    )
}

/// Most bytes of a name.
pub const MAX_NAME: usize = 63;

/// The text, cut before the first character that ends behind 63 bytes, as namein does.
pub fn clip_name(text: &str) -> &str {
    let mut end = text.len().min(MAX_NAME);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A name's binary format; 42622 for more than 63 bytes.
pub fn name_from_binary(bytes: &[u8]) -> Result<&str> {
    let name = from_utf8(bytes)?;
    if name.len() > MAX_NAME {
        return Err(ValueError::new("42622", "identifier too long"));
    }
    Ok(name)
}

/// Reads a `"char"`: its first byte, or `\ooo` as a whole; nothing is a zero byte (charin of PostgreSQL 16).
pub fn parse_char(text: &str) -> u8 {
    match text.as_bytes() {
        [] => 0,
        [b'\\', a @ b'0'..=b'7', b @ b'0'..=b'7', c @ b'0'..=b'7'] => {
            (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')
        }
        [first, ..] => *first,
    }
}

/// A `"char"`: ASCII as it is, nothing for a zero byte, `\ooo` above 127 (charout of PostgreSQL 16).
pub fn write_char(out: &mut Vec<u8>, byte: u8) {
    match byte {
        0 => {}
        1..128 => out.push(byte),
        128.. => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
    }
}
