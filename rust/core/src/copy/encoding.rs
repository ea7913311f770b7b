//! The encodings of text and CSV data: UTF8, LATIN1, SQL_ASCII (PostgreSQL 24.3).
use super::options::{CopyError, Encoding};

/// How many of the new bytes are good; an error if they end because the next ones are not characters.
///
/// A character that may yet be completed is neither good nor bad unless the data has `ended`.
pub fn verify(encoding: Encoding, bytes: &[u8], ended: bool) -> (usize, Option<CopyError>) {
    let nul = memchr::memchr(0, bytes);
    let before = &bytes[..nul.unwrap_or(bytes.len())];
    if encoding == Encoding::Utf8
        && let Err(error) = std::str::from_utf8(before)
    {
        let good = error.valid_up_to();
        let rest = &bytes[good..];
        let announced = announced(rest[0]);
        if rest.len() < announced && !ended {
            return (good, None);
        }
        let shown = &rest[..announced.min(rest.len())];
        return (good, Some(malformed("UTF8", shown)));
    }
    match nul {
        None => (bytes.len(), None),
        Some(good) => (good, Some(malformed(name(encoding), &[0]))),
    }
}

/// 22021 unless the field can be written: UTF-8 except with SQL_ASCII, and no NUL.
pub fn check_field(encoding: Encoding, bytes: &[u8]) -> Result<(), CopyError> {
    let inner = match encoding {
        Encoding::SqlAscii => Encoding::SqlAscii,
        _ => Encoding::Utf8,
    };
    match verify(inner, bytes, true) {
        (_, None) => Ok(()),
        (_, Some(error)) => Err(error),
    }
}

/// Appends LATIN1 as UTF-8.
pub fn append_latin1(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte >= 0x80) {
        out.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        out.extend_from_slice(&[0xc0 | byte >> 6, 0x80 | byte & 0x3f]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// The LATIN1 bytes of a text; 22P05 for a character that LATIN1 does not have.
pub fn to_latin1(text: &str) -> Result<Vec<u8>, CopyError> {
    text.chars()
        .map(|character| {
            u8::try_from(u32::from(character)).map_err(|_| {
                let mut bytes = [0; 4];
                let shown = hexadecimal(character.encode_utf8(&mut bytes).as_bytes());
                let message = format!(
                    "character with byte sequence {shown} in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\""
                );
                CopyError::new("22P05", message)
            })
        })
        .collect()
}

fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "UTF8",
        Encoding::Latin1 => "LATIN1",
        Encoding::SqlAscii => "SQL_ASCII",
    }
}

fn announced(first: u8) -> usize {
    match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    }
}

fn malformed(name: &str, bytes: &[u8]) -> CopyError {
    let message = format!(
        "invalid byte sequence for encoding \"{name}\": {}",
        hexadecimal(bytes)
    );
    CopyError::new("22021", message)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
    shown.join(" ")
}
