//! numeric (PostgreSQL 8.1.2): up to 131,072 digits before the decimal point and 16,383 after it.
//!
//! Kept as in the binary format: digits to the base 10,000, the weight of the first, and the number of decimal places to show.
use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Kind, Result, ValueError, text};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;
const MAX_SCALE: i64 = 0x3FFF;
/// Most digits to the base 10,000 before the decimal point.
const MAX_WEIGHT: i64 = 32_767;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numeric {
    /// Sign as the binary format has it: 0, or one of the four constants above.
    sign: u16,
    /// Power of 10,000 that the first digit counts.
    weight: i16,
    /// Decimal places shown.
    scale: u16,
    digits: Vec<u16>,
}

impl Numeric {
    /// Reads decimal text, with or without exponent, an underscore between two digits; NaN and the infinities in any case.
    pub fn parse(input: &str) -> Result<Numeric> {
        let trimmed = text::trim(input);
        let trimmed: &str = &without_underscores(trimmed);
        let (negative, rest) = match trimmed.as_bytes() {
            [b'-', ..] => (true, &trimmed[1..]),
            [b'+', ..] => (false, &trimmed[1..]),
            _ => (false, trimmed),
        };
        match rest.to_ascii_lowercase().as_str() {
            "nan" if rest.len() == trimmed.len() => return Ok(Numeric::special(NAN)),
            "infinity" | "inf" => {
                return Ok(Numeric::special(if negative {
                    NEGATIVE_INFINITY
                } else {
                    INFINITY
                }));
            }
            _ => {}
        }
        let syntax = || ValueError::syntax(Kind::Numeric, input);
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent).ok_or_else(syntax)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty()
            || !whole
                .bytes()
                .chain(fraction.bytes())
                .all(|byte| byte.is_ascii_digit())
        {
            return Err(syntax());
        }
        Numeric::from_decimal(negative, whole.as_bytes(), fraction.as_bytes(), exponent)
    }

    /// From decimal digits before and behind the point, times ten to the power `exponent`.
    fn from_decimal(
        negative: bool,
        whole: &[u8],
        fraction: &[u8],
        exponent: i64,
    ) -> Result<Numeric> {
        let overflow = || ValueError::new("22003", "value overflows numeric format");
        let scale = (fraction.len() as i64 - exponent).max(0);
        let all: Vec<u8> = whole
            .iter()
            .chain(fraction)
            .map(|byte| byte - b'0')
            .collect();
        // Place of the point, counted from the first digit that is not zero.
        let zeros = all.iter().take_while(|digit| **digit == 0).count();
        let end = all.len() - all.iter().rev().take_while(|digit| **digit == 0).count();
        let scale = u16::try_from(scale)
            .ok()
            .filter(|scale| i64::from(*scale) <= MAX_SCALE)
            .ok_or_else(overflow)?;
        if zeros == all.len() {
            return Ok(Numeric {
                sign: 0,
                weight: 0,
                scale,
                digits: Vec::new(),
            });
        }
        let point = whole.len() as i64 + exponent - zeros as i64;
        let significant = &all[zeros..end];
        let weight = (point + 3).div_euclid(4) - 1;
        if weight > MAX_WEIGHT {
            return Err(overflow());
        }
        // Decimal digits are taken in fours that end at the point.
        let lead = (weight + 1) * 4 - point;
        let count = (lead as usize + significant.len()).div_ceil(4);
        let mut digits = vec![0u16; count];
        for (index, digit) in significant.iter().enumerate() {
            let place = index + lead as usize;
            digits[place / 4] += u16::from(*digit) * [1000, 100, 10, 1][place % 4];
        }
        let weight = i16::try_from(weight).map_err(|_| overflow())?;
        Ok(Numeric {
            sign: if negative { NEGATIVE } else { 0 },
            weight,
            scale,
            digits,
        })
    }

    fn special(sign: u16) -> Numeric {
        // PostgreSQL's short header leaves 32 decimal places in what it sends of an infinity.
        let scale = if sign == NAN { 0 } else { 0x20 };
        Numeric {
            sign,
            weight: 0,
            scale,
            digits: Vec::new(),
        }
    }

    pub fn from_binary(bytes: &[u8]) -> Result<Numeric> {
        match bytes.split_first_chunk::<8>() {
            Some((head, rest))
                if rest.len() >= 2 * usize::from(u16::from_be_bytes([head[0], head[1]])) => {}
            _ => return Err(ValueError::insufficient()),
        }
        let words: Vec<u16> = bytes
            .chunks(2)
            .map(|pair| u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]))
            .collect();
        if bytes.len() % 2 == 1 || words.len() < 4 || words.len() - 4 != usize::from(words[0]) {
            return Err(ValueError::binary());
        }
        let (weight, sign, scale) = (words[1] as i16, words[2], words[3]);
        match sign {
            NAN | INFINITY | NEGATIVE_INFINITY => return Ok(Numeric::special(sign)),
            0 | NEGATIVE => {}
            _ => {
                return Err(ValueError::new(
                    "22P03",
                    "invalid sign in external \"numeric\" value",
                ));
            }
        }
        if i64::from(scale) > MAX_SCALE {
            return Err(ValueError::new(
                "22P03",
                "invalid scale in external \"numeric\" value",
            ));
        }
        let digits = &words[4..];
        if digits.iter().any(|digit| *digit > 9999) {
            return Err(ValueError::new(
                "22P03",
                "invalid digit in external \"numeric\" value",
            ));
        }
        let mut value = Numeric {
            sign,
            weight,
            scale,
            digits: digits.to_vec(),
        };
        value.normalise();
        Ok(value)
    }

    /// Cuts digits beyond the scale, as numeric_recv does, and zeros at both ends.
    fn normalise(&mut self) {
        let kept = i64::from(self.weight) + 1 + (i64::from(self.scale) + 3) / 4;
        self.digits.truncate(kept.max(0) as usize);
        let spare = (4 - self.scale % 4) % 4;
        if kept > 0 && self.digits.len() as i64 == kept && spare > 0 {
            let unit = 10u16.pow(u32::from(spare));
            if let Some(last) = self.digits.last_mut() {
                *last -= *last % unit;
            }
        }
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            (self.sign, self.weight) = (0, 0);
        } else {
            // The digits cut in front are at most the count field's 65,535; a weight that cannot be kept belongs to no digit shown.
            self.weight = (i64::from(self.weight) - zeros as i64).max(i64::from(i16::MIN)) as i16;
        }
    }

    /// Order of the values: -Infinity first, NaN last and equal to itself; the scale does not count.
    pub fn compare(&self, other: &Numeric) -> Ordering {
        let rank = |value: &Numeric| match value.sign {
            NEGATIVE_INFINITY => 0,
            NEGATIVE => 1,
            0 if value.digits.is_empty() => 2,
            0 => 3,
            INFINITY => 4,
            _ => 5,
        };
        let magnitude = |value: &'_ Numeric| (value.weight, value.digits.clone());
        rank(self).cmp(&rank(other)).then_with(|| match self.sign {
            0 => magnitude(self).cmp(&magnitude(other)),
            NEGATIVE => magnitude(other).cmp(&magnitude(self)),
            _ => Ordering::Equal,
        })
    }

    /// Whether it is negative, the power of 10,000 that the first digit counts, and the digits; None for NaN and the infinities.
    pub fn finite(&self) -> Option<(bool, i16, &[u16])> {
        let finite = matches!(self.sign, 0 | NEGATIVE);
        finite.then_some((self.sign == NEGATIVE, self.weight, &self.digits))
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) {
        for word in [
            self.digits.len() as u16,
            self.weight as u16,
            self.sign,
            self.scale,
        ]
        .iter()
        .chain(&self.digits)
        {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }

    pub fn write_text(&self, out: &mut Vec<u8>) {
        match self.sign {
            NAN => return out.extend_from_slice(b"NaN"),
            INFINITY => return out.extend_from_slice(b"Infinity"),
            NEGATIVE_INFINITY => return out.extend_from_slice(b"-Infinity"),
            NEGATIVE => out.push(b'-'),
            _ => {}
        }
        let weight = i64::from(self.weight);
        let digit = |place: i64| {
            usize::try_from(weight - place)
                .ok()
                .and_then(|index| self.digits.get(index))
                .copied()
                .unwrap_or(0)
        };
        if weight < 0 {
            out.push(b'0');
        } else {
            out.extend_from_slice(digit(weight).to_string().as_bytes());
            for place in (0..weight).rev() {
                push_four(out, digit(place), 4);
            }
        }
        if self.scale > 0 {
            out.push(b'.');
            let mut places = usize::from(self.scale);
            let mut place = -1;
            while places > 0 {
                push_four(out, digit(place), places.min(4));
                places -= places.min(4);
                place -= 1;
            }
        }
    }
}

/// The first `count` of a base-10,000 digit's four decimal digits.
fn push_four(out: &mut Vec<u8>, digit: u16, count: usize) {
    let four = [digit / 1000, digit / 100 % 10, digit / 10 % 10, digit % 10]
        .map(|value| b'0' + value as u8);
    out.extend_from_slice(&four[..count]);
}

/// The text without the underscores that stand between two digits.
fn without_underscores(text: &str) -> Cow<'_, str> {
    if !text.contains('_') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let kept = text
        .char_indices()
        .filter(|(at, c)| !(*c == '_' && *at > 0 && digit(at - 1) && digit(at + 1)));
    Cow::Owned(kept.map(|(_, c)| c).collect())
}

/// The exponent of a number's text, held within ±10⁹; None if it is not an integer.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits.bytes().fold(0i64, |value, byte| {
        (value * 10 + i64::from(byte - b'0')).min(1_000_000_000)
    });
    Some(if text.starts_with('-') { -value } else { value })
}
