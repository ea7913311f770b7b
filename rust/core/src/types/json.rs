//! json, jsonb and jsonpath: the text is passed on as it is; the binary format of the latter two has a version byte in front.
use super::{Result, ValueError, text};

/// Of jsonb and of jsonpath.
pub const VERSION: u8 = 1;

/// The text behind the version byte of a binary value of the type `name`.
pub fn versioned<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => text::from_utf8(rest),
        Some((version, _)) => Err(ValueError::new(
            "22P03",
            format!("unsupported {name} version number {version}"),
        )),
        None => Err(ValueError::binary()),
    }
}

/// Appends a JSON string: quoted, with only what RFC 8259 §7 requires escaped.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            0..=31 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
