//! float4 and float8 (PostgreSQL 8.1.3): text is the shortest decimal that reads back as the same number.
//!
//! PostgreSQL's own form: an exponent from 1e+15 (float4: 1e+06) up and below 1e-4, with a sign and two digits at least; and a decimal
//! lying exactly half-way to a neighbour is not taken, although it would round to the right number (1e23 is 9.999999999999999e+22).
use super::{Kind, Result, ValueError, clip, text};

/// A float8 by the setting extra_float_digits: the shortest text above 0, else as many digits more (or fewer) than 15.
pub fn write_f64_digits(out: &mut Vec<u8>, value: f64, extra: i8) {
    if extra > 0 {
        write_f64(out, value);
    } else {
        write_rounded(out, value, 15 + i32::from(extra));
    }
}

/// The same for a float4, which has 6.
pub fn write_f32_digits(out: &mut Vec<u8>, value: f32, extra: i8) {
    if extra > 0 {
        write_f32(out, value);
    } else {
        write_rounded(out, value.into(), 6 + i32::from(extra));
    }
}

/// A number rounded to so many significant digits, at least one; zeros at the end are not shown (C's `%g`).
fn write_rounded(out: &mut Vec<u8>, value: f64, digits: i32) {
    if write_special(out, value) {
        return;
    }
    let digits = digits.max(1);
    let decimal = Decimal::of(&format!("{:.*e}", digits as usize - 1, value.abs()));
    if decimal.exponent < -4 || decimal.exponent >= digits {
        return decimal.write_scientific(out, value < 0.0);
    }
    decimal.write_fixed(out, value < 0.0);
}

#[inline]
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if (1e-4..1e15).contains(&magnitude) {
        let mut buffer = zmij::Buffer::new();
        return write_plain(out, buffer.format_finite(value));
    }
    if write_special(out, value) {
        return;
    }
    let shortest = Decimal::of(zmij::Buffer::new().format_finite(magnitude));
    // IEEE 754 binary64: 52 bits of mantissa, subnormals share the lowest exponent.
    let (fraction, exponent) = (
        magnitude.to_bits() & ((1 << 52) - 1),
        (magnitude.to_bits() >> 52) as i32,
    );
    let binary = Binary::new(fraction, exponent, 52, 1075);
    let best = binary.without_boundary(shortest, 17, |places| {
        let text = format!("{magnitude:.places$e}");
        (text.parse() == Ok(magnitude)).then_some(text)
    });
    best.write_scientific(out, value < 0.0);
}

#[inline]
pub fn write_f32(out: &mut Vec<u8>, value: f32) {
    let magnitude = value.abs();
    if (1e-4..1e6).contains(&magnitude) {
        let mut buffer = zmij::Buffer::new();
        return write_plain(out, buffer.format_finite(value));
    }
    if write_special(out, f64::from(value)) {
        return;
    }
    let shortest = Decimal::of(zmij::Buffer::new().format_finite(magnitude));
    let (fraction, exponent) = (
        magnitude.to_bits() & ((1 << 23) - 1),
        (magnitude.to_bits() >> 23) as i32,
    );
    let binary = Binary::new(u64::from(fraction), exponent, 23, 150);
    let best = binary.without_boundary(shortest, 9, |places| {
        let text = format!("{magnitude:.places$e}");
        (text.parse() == Ok(magnitude)).then_some(text)
    });
    best.write_scientific(out, value < 0.0);
}

/// A text in fixed notation, without the `.0` of integral numbers.
#[inline]
fn write_plain(out: &mut Vec<u8>, shortest: &str) {
    out.extend_from_slice(shortest.strip_suffix(".0").unwrap_or(shortest).as_bytes());
}

/// Zero, NaN and the infinities; false for any other number.
fn write_special(out: &mut Vec<u8>, value: f64) -> bool {
    let text: &[u8] = if value.is_nan() {
        b"NaN"
    } else if value.is_infinite() {
        if value > 0.0 {
            b"Infinity"
        } else {
            b"-Infinity"
        }
    } else if value == 0.0 {
        if value.is_sign_negative() {
            b"-0"
        } else {
            b"0"
        }
    } else {
        return false;
    };
    out.extend_from_slice(text);
    true
}

/// Significant digits without leading and trailing zeros, and the exponent of the first one.
struct Decimal {
    digits: String,
    exponent: i32,
}

impl Decimal {
    /// From any usual notation of a positive number.
    fn of(text: &str) -> Decimal {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let leading_zeros = (all.len() - significant.len()) as i32;
        Decimal {
            digits: significant.trim_end_matches('0').to_owned(),
            exponent: exponent + whole.len() as i32 - 1 - leading_zeros,
        }
    }

    fn write_fixed(&self, out: &mut Vec<u8>, negative: bool) {
        if negative {
            out.push(b'-');
        }
        if self.exponent < 0 {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', -self.exponent as usize - 1));
            return out.extend_from_slice(self.digits.as_bytes());
        }
        let whole = self.exponent as usize + 1;
        let shown = self.digits.len().min(whole);
        out.extend_from_slice(&self.digits.as_bytes()[..shown]);
        out.extend(std::iter::repeat_n(b'0', whole - shown));
        if self.digits.len() > whole {
            out.push(b'.');
            out.extend_from_slice(&self.digits.as_bytes()[whole..]);
        }
    }

    fn write_scientific(&self, out: &mut Vec<u8>, negative: bool) {
        if negative {
            out.push(b'-');
        }
        let (first, rest) = self.digits.split_at(1);
        out.extend_from_slice(first.as_bytes());
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest.as_bytes());
        }
        let sign = if self.exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{sign}{:02}", self.exponent.abs()).as_bytes());
    }
}

/// A positive float as the half-way points to its neighbours: `upper` and `lower` times 2^`exponent`.
struct Binary {
    lower: u64,
    upper: u64,
    exponent: i32,
}

impl Binary {
    fn new(fraction: u64, exponent: i32, bits: u32, bias: i32) -> Binary {
        let mantissa = if exponent == 0 {
            fraction
        } else {
            fraction | 1 << bits
        };
        // The neighbour below a power of two is half as far away.
        let narrow = fraction == 0 && exponent > 1;
        Binary {
            lower: mantissa * 4 - if narrow { 1 } else { 2 },
            upper: mantissa * 4 + 2,
            exponent: exponent.max(1) - bias - 2,
        }
    }

    /// The shortest decimal, or if that lies on a boundary the next one of up to `most` digits that does not.
    fn without_boundary(
        &self,
        shortest: Decimal,
        most: usize,
        nearest: impl Fn(usize) -> Option<String>,
    ) -> Decimal {
        if !self.is_boundary(&shortest) {
            return shortest;
        }
        (shortest.digits.len() - 1..most)
            .filter_map(nearest)
            .map(|text| Decimal::of(&text))
            .find(|decimal| !self.is_boundary(decimal))
            .unwrap_or(shortest)
    }

    /// Whether `digits × 10^k` equals a boundary exactly: compared as odd numbers and powers of two, `10^k` being `5^k × 2^k`.
    fn is_boundary(&self, decimal: &Decimal) -> bool {
        let scale = decimal.exponent + 1 - decimal.digits.len() as i32;
        let power = u128::checked_pow(5, scale.unsigned_abs()).unwrap_or(0);
        let Ok(digits) = decimal.digits.parse::<u128>() else {
            return false;
        };
        [self.lower, self.upper].into_iter().any(|boundary| {
            let (left, right) = if scale >= 0 {
                (digits.checked_mul(power), Some(u128::from(boundary)))
            } else {
                (Some(digits), u128::from(boundary).checked_mul(power))
            };
            match (left, right) {
                (Some(left), Some(right)) if left != 0 && right != 0 => {
                    let (twos_left, twos_right) =
                        (left.trailing_zeros() as i32, right.trailing_zeros() as i32);
                    left >> twos_left == right >> twos_right
                        && twos_left + scale == twos_right + self.exponent
                }
                _ => false,
            }
        })
    }
}

pub fn parse_f64(input: &str) -> Result<f64> {
    let trimmed = text::trim(input);
    match trimmed.parse::<f64>() {
        Ok(value) if lost(trimmed, value.is_infinite(), value == 0.0) => {
            Err(out_of_range(Kind::Float8, input))
        }
        Ok(value) => Ok(value),
        Err(_) => Err(ValueError::syntax(Kind::Float8, input)),
    }
}

pub fn parse_f32(input: &str) -> Result<f32> {
    let trimmed = text::trim(input);
    match trimmed.parse::<f32>() {
        Ok(value) if lost(trimmed, value.is_infinite(), value == 0.0) => {
            Err(out_of_range(Kind::Float4, input))
        }
        Ok(value) => Ok(value),
        Err(_) => Err(ValueError::syntax(Kind::Float4, input)),
    }
}

/// float8 → float4; 22003 when a finite number overflows or a non-zero one becomes zero.
pub fn narrow(value: f64) -> Result<f32> {
    let narrowed = value as f32;
    if narrowed.is_infinite() && value.is_finite() {
        Err(ValueError::new("22003", "value out of range: overflow"))
    } else if narrowed == 0.0 && value != 0.0 {
        Err(ValueError::new("22003", "value out of range: underflow"))
    } else {
        Ok(narrowed)
    }
}

/// Whether a number's text was too large or too small to be kept.
fn lost(text: &str, infinite: bool, zero: bool) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or("");
    (infinite && text.bytes().any(|byte| byte.is_ascii_digit()))
        || (zero && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9')))
}

fn out_of_range(kind: Kind, input: &str) -> ValueError {
    ValueError::new(
        "22003",
        format!(
            "\"{}\" is out of range for type {}",
            clip(input),
            kind.sql_name()
        ),
    )
}
