//! Text: UTF-8 without NUL (PostgreSQL 24.3), and the white space its input functions skip.
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
