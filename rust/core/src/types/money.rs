//! money (PostgreSQL 8.2) of the locale C, which is also that of en_US: `-$1,234.56`; kept as cents.
use super::{Kind, Numeric, Result, ValueError, clip, integers, text};

pub fn write_text(out: &mut Vec<u8>, cents: i64) {
    if cents < 0 {
        out.push(b'-');
    }
    out.push(b'$');
    let size = cents.unsigned_abs();
    let whole = (size / 100).to_string();
    for (index, digit) in whole.bytes().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(b',');
        }
        out.push(digit);
    }
    out.push(b'.');
    out.extend_from_slice(&integers::pair((size % 100) as u32));
}

/// A plain decimal number, `-1234.56`.
pub fn decimal(cents: i64) -> String {
    let size = cents.unsigned_abs();
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", size / 100, size % 100)
}

/// Reads what cash_in reads: signs in front or behind, parentheses for a negative sum, `$`, commas anywhere; cents are rounded.
pub fn parse(input: &str) -> Result<i64> {
    let out_of_range = || {
        let message = format!("value \"{}\" is out of range for type money", clip(input));
        ValueError::new("22003", message)
    };
    let mut rest = skip(without_symbol(skip(input)));
    let mut negative = rest.starts_with(['-', '(']);
    if rest.starts_with(['-', '(', '+']) {
        rest = &rest[1..];
    }
    rest = skip(without_symbol(skip(rest)));
    // Negative, because the type reaches one farther there.
    let mut cents: i64 = 0;
    let mut places = None;
    let mut at = 0;
    for byte in rest.bytes() {
        match (byte, places) {
            (b'0'..=b'9', None | Some(0 | 1)) => {
                cents = cents
                    .checked_mul(10)
                    .and_then(|cents| cents.checked_sub(i64::from(byte - b'0')))
                    .ok_or_else(out_of_range)?;
                places = places.map(|places| places + 1);
            }
            (b'.', None) => places = Some(0),
            (b',', _) => {}
            _ => break,
        }
        at += 1;
    }
    rest = &rest[at..];
    if matches!(rest.as_bytes().first(), Some(b'5'..=b'9')) {
        cents = cents.checked_sub(1).ok_or_else(out_of_range)?;
    }
    for _ in places.unwrap_or(0)..2 {
        cents = cents.checked_mul(10).ok_or_else(out_of_range)?;
    }
    for byte in rest
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .bytes()
    {
        match byte {
            b'-' => negative = true,
            b')' | b'+' | b'$' => {}
            byte if text::is_space(byte) => {}
            _ => return Err(ValueError::syntax(Kind::Money, input)),
        }
    }
    if negative {
        Ok(cents)
    } else {
        cents.checked_neg().ok_or_else(out_of_range)
    }
}

fn skip(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii() && text::is_space(c as u8))
}

fn without_symbol(text: &str) -> &str {
    text.strip_prefix('$').unwrap_or(text)
}

/// Cents of a number, rounded half away from zero; None if the type does not reach it.
pub fn from_numeric(number: &Numeric) -> Option<i64> {
    let mut text = Vec::new();
    number.write_text(&mut text);
    let text = String::from_utf8(text).ok()?;
    let size = text.strip_prefix('-').unwrap_or(&text);
    let (whole, fraction) = size.split_once('.').unwrap_or((size, ""));
    let digit = |place: usize| i128::from(fraction.as_bytes().get(place).map_or(0, |b| b - b'0'));
    let whole: u64 = whole.parse().ok()?;
    let cents = i128::from(whole) * 100 + digit(0) * 10 + digit(1) + i128::from(digit(2) >= 5);
    i64::try_from(if size.len() < text.len() {
        -cents
    } else {
        cents
    })
    .ok()
}
