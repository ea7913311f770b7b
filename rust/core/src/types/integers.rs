//! Integers and booleans (PostgreSQL 8.1, 8.6).
use super::{Kind, Result, ValueError, clip, text};

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// Longest decimal text of an i64, sign included.
pub const MAX_TEXT: usize = 20;

/// Appends a decimal integer.
#[inline]
pub fn write_text(out: &mut Vec<u8>, value: i64) {
    let mut buffer = [0u8; MAX_TEXT];
    let length = format(&mut buffer, value);
    append(out, &buffer, length);
}

/// Writes a decimal integer to the front of `buffer` and returns its length.
#[inline]
pub fn format(buffer: &mut [u8; MAX_TEXT], value: i64) -> usize {
    let negative = value < 0;
    buffer[0] = b'-';
    let mut rest = value.unsigned_abs();
    let length = digits(rest) + usize::from(negative);
    let mut at = length;
    while rest >= 100 {
        let pair = (rest % 100) as usize * 2;
        rest /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if rest >= 10 {
        let pair = rest as usize * 2;
        buffer[at - 2..at].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        buffer[at - 1] = b'0' + rest as u8;
    }
    length
}

/// Number of decimal digits.
#[inline]
fn digits(value: u64) -> usize {
    if value < 10 {
        1
    } else {
        value.ilog10() as usize + 1
    }
}

/// Two digits of a number below 100.
#[inline]
pub fn pair(value: u32) -> [u8; 2] {
    let at = (value % 100) as usize * 2;
    [PAIRS[at], PAIRS[at + 1]]
}

/// Appends the first `length` bytes of a buffer: copied whole, because a copy of known size is one or two stores, then cut.
#[inline]
pub fn append<const N: usize>(out: &mut Vec<u8>, buffer: &[u8; N], length: usize) {
    let end = out.len() + length;
    out.extend_from_slice(buffer);
    out.truncate(end);
}

/// Decimal digits, or hexadecimal, octal and binary ones behind 0x, 0o and 0b; an underscore may stand between two digits, and behind the
/// prefix. What is beyond 64 bits becomes the largest number that is not.
fn magnitude(text: &[u8]) -> Option<i128> {
    let (base, digits) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        _ => (10, text),
    };
    let mut value: i128 = 0;
    // Whether an underscore may be next.
    let mut open = base != 10;
    let mut ended = false;
    for byte in digits {
        if *byte == b'_' && open {
            (open, ended) = (false, false);
            continue;
        }
        let digit = char::from(*byte).to_digit(base)?;
        value = (value * i128::from(base) + i128::from(digit)).min(i128::from(u64::MAX));
        (open, ended) = (true, true);
    }
    ended.then_some(value)
}

/// Reads an integer in a range, in the forms that PostgreSQL 16 and later read; 22P02 if it is none, 22003 if it lies outside.
pub fn parse(kind: Kind, input: &str, min: i64, max: i64) -> Result<i64> {
    let trimmed = text::trim(input);
    let (negative, digits) = match trimmed.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let Some(value) = magnitude(digits) else {
        return Err(ValueError::syntax(kind, input));
    };
    let value = if negative { -value } else { value };
    match i64::try_from(value) {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(ValueError::new(
            "22003",
            format!(
                "value \"{}\" is out of range for type {}",
                clip(input),
                kind.sql_name()
            ),
        )),
    }
}

/// Reads a boolean: a unique prefix of true, false, yes, no; on, off, 1, 0; in any case.
pub fn parse_bool(input: &str) -> Result<bool> {
    let word = text::trim(input).to_ascii_lowercase();
    let is_prefix = |full: &str| !word.is_empty() && full.starts_with(word.as_str());
    if is_prefix("true") || is_prefix("yes") || word == "on" || word == "1" {
        Ok(true)
    } else if is_prefix("false") || is_prefix("no") || word == "off" || word == "of" || word == "0"
    {
        Ok(false)
    } else {
        Err(ValueError::syntax(Kind::Bool, input))
    }
}
