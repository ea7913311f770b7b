//! uuid (PostgreSQL 8.12): 32 hexadecimal digits, a hyphen allowed after every four, braces around it allowed.
use super::{Kind, Result, ValueError};

const HEX: &[u8; 16] = b"0123456789abcdef";

pub fn write_text(out: &mut Vec<u8>, value: &[u8; 16]) {
    let mut buffer = [b'-'; 36];
    let mut at = 0;
    for (index, byte) in value.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        buffer[at] = HEX[usize::from(byte >> 4)];
        buffer[at + 1] = HEX[usize::from(byte & 15)];
        at += 2;
    }
    out.extend_from_slice(&buffer);
}

pub fn parse(text: &str) -> Result<[u8; 16]> {
    scan(text.as_bytes()).ok_or_else(|| ValueError::syntax(Kind::Uuid, text))
}

fn scan(bytes: &[u8]) -> Option<[u8; 16]> {
    let mut rest = match bytes {
        [b'{', inner @ .., b'}'] => inner,
        [b'{', ..] => return None,
        plain => plain,
    };
    let mut value = [0u8; 16];
    for (index, byte) in value.iter_mut().enumerate() {
        let [high, low, tail @ ..] = rest else {
            return None;
        };
        *byte = (digit(*high)? << 4) | digit(*low)?;
        rest = tail;
        if index % 2 == 1 && index < 15 && rest.first() == Some(&b'-') {
            rest = &rest[1..];
        }
    }
    rest.is_empty().then_some(value)
}

fn digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}
