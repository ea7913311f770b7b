//! macaddr and macaddr8 (PostgreSQL 8.9): six and eight bytes.
use super::{Kind, Result, ValueError, bytea, clip, text};

pub fn write_text(out: &mut Vec<u8>, bytes: &[u8]) {
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            out.push(b':');
        }
        out.extend_from_slice(&bytea::hex(*byte));
    }
}

/// Reads six numbers between colons or hyphens, or twelve digits in two, three or six groups or none.
pub fn parse(input: &str) -> Result<[u8; 6]> {
    let trimmed = text::trim(input);
    for separator in [':', '-'] {
        let parts: Vec<&str> = trimmed.split(separator).collect();
        let is_number = |part: &&str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit())
        };
        if parts.len() == 6 && parts.iter().all(is_number) {
            let mut bytes = [0; 6];
            for (byte, part) in bytes.iter_mut().zip(parts) {
                *byte = u32::from_str_radix(part, 16)
                    .ok()
                    .and_then(|number| u8::try_from(number).ok())
                    .ok_or_else(|| {
                        let message = format!(
                            "invalid octet value in \"macaddr\" value: \"{}\"",
                            clip(input)
                        );
                        ValueError::new("22003", message)
                    })?;
            }
            return Ok(bytes);
        }
    }
    grouped(trimmed).ok_or_else(|| ValueError::syntax(Kind::MacAddr, input))
}

/// `08002b:010203`, `08002b-010203`, `0800.2b01.0203`, `0800-2b01-0203`, `08002b010203`.
fn grouped(text: &str) -> Option<[u8; 6]> {
    let bytes = text.as_bytes();
    let separators: &[(usize, &[u8])] = match bytes.len() {
        12 => &[],
        13 => &[(6, b":-")],
        14 => &[(4, b".-"), (9, b".-")],
        _ => return None,
    };
    if separators.len() == 2 && bytes[4] != bytes[9] {
        return None;
    }
    let mut digits = Vec::with_capacity(12);
    for (at, byte) in bytes.iter().enumerate() {
        match separators.iter().find(|(place, _)| *place == at) {
            Some((_, allowed)) => allowed.contains(byte).then_some(())?,
            None => digits.push((*byte as char).to_digit(16)? as u8),
        }
    }
    let mut value = [0; 6];
    for (byte, pair) in value.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(value)
}

/// Reads six or eight pairs of digits with the same separator (colon, hyphen, point) behind any of them; six get FF:FE in their middle.
/// At a single byte behind them, such as another separator, PostgreSQL does not look.
pub fn parse8(input: &str) -> Result<[u8; 8]> {
    scan8(text::trim_start(input)).ok_or_else(|| ValueError::syntax(Kind::MacAddr8, input))
}

fn scan8(text: &str) -> Option<[u8; 8]> {
    let mut rest = text.as_bytes();
    let mut separator = None;
    let mut bytes = Vec::with_capacity(8);
    while let [high, low, tail @ ..] = rest {
        if bytes.len() == 8 {
            return None;
        }
        let digit = |byte: &u8| (*byte as char).to_digit(16);
        bytes.push((digit(high)? << 4 | digit(low)?) as u8);
        rest = tail;
        if let [mark @ (b':' | b'-' | b'.'), tail @ ..] = rest {
            if *separator.get_or_insert(*mark) != *mark {
                return None;
            }
            rest = tail;
        }
        if matches!(bytes.len(), 6 | 8) && rest.first().is_some_and(|byte| text::is_space(*byte)) {
            if !rest.iter().all(|byte| text::is_space(*byte)) {
                return None;
            }
            rest = &[];
        }
    }
    match bytes[..] {
        [a, b, c, d, e, f] => Some([a, b, c, 0xff, 0xfe, d, e, f]),
        _ => bytes.try_into().ok(),
    }
}

/// Eight bytes, or six that get FF:FE in their middle.
pub fn from_binary8(bytes: &[u8]) -> Result<[u8; 8]> {
    match *bytes {
        [a, b, c, d, e, f] => Ok([a, b, c, 0xff, 0xfe, d, e, f]),
        _ => bytes.try_into().map_err(|_| match bytes.len() {
            ..=5 | 7 => ValueError::insufficient(),
            _ => ValueError::binary(),
        }),
    }
}
