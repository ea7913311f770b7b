//! numeric → the integers of Arrow's decimals: exact, or refused.
use arrow_buffer::i256;

use crate::types::{Numeric, Result, ValueError};

/// Precision and scale of a decimal.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    pub precision: u8,
    pub scale: u8,
}

const POWERS: [i64; 19] = {
    let mut powers = [1i64; 19];
    let mut at = 1;
    while at < 19 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

impl Decimal {
    /// A numeric's binary format, where it has at most four digits to the base 10,000 and the scale of the decimal: None for every other.
    #[inline]
    pub fn short(self, bytes: &[u8]) -> Option<i128> {
        let (head, digits) = bytes.split_first_chunk::<8>()?;
        let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let (count, weight, sign, scale) = (word(0), word(2) as i16, word(4), word(6));
        if !(1..=4).contains(&count)
            || digits.len() != usize::from(count) * 2
            || sign & !0x4000 != 0
            || scale != u16::from(self.scale)
        {
            return None;
        }
        let mut value = 0i64;
        for pair in digits.chunks_exact(2) {
            let digit = u16::from_be_bytes([pair[0], pair[1]]);
            if digit > 9999 {
                return None;
            }
            value = value * 10_000 + i64::from(digit);
        }
        // Places between the last digit and the decimal's last.
        let places = 4 * (i32::from(weight) - i32::from(count) + 1) + i32::from(self.scale);
        let value = match places {
            0..=18 => i128::from(value) * i128::from(POWERS[places as usize]),
            -3..=-1 if value % POWERS[-places as usize] == 0 => {
                i128::from(value / POWERS[-places as usize])
            }
            _ => return None,
        };
        // Digits of zero at either end are as good; a value near the precision is left to who counts it.
        let limit = usize::from(self.precision).min(18);
        let fits = value < i128::from(POWERS[limit]);
        fits.then_some(if sign == 0 { value } else { -value })
    }

    pub fn narrow(self, value: &Numeric) -> Result<i128> {
        self.wide(value)?.to_i128().ok_or_else(|| self.refused())
    }

    pub fn wide(self, value: &Numeric) -> Result<i256> {
        self.scaled(value).ok_or_else(|| self.refused())
    }

    /// 22003: not a number, infinite, too large, or with more decimal places.
    fn refused(self) -> ValueError {
        let bits = if self.precision > 38 { 256 } else { 128 };
        let message = format!(
            "the value does not fit decimal{bits}({}, {})",
            self.precision, self.scale
        );
        ValueError::new("22003", message)
    }

    fn scaled(self, value: &Numeric) -> Option<i256> {
        let (negative, weight, digits) = value.finite()?;
        let Some((last, others)) = digits.split_last() else {
            return Some(i256::ZERO);
        };
        let (base, last) = (i256::from_i128(10_000), i64::from(*last));
        let mut total = i256::ZERO;
        for digit in others {
            total = total
                .checked_mul(base)?
                .checked_add(i256::from_i128(i128::from(*digit)))?;
        }
        let places = 4 * (i64::from(weight) - others.len() as i64) + i64::from(self.scale);
        let total = match places {
            0..=76 => total
                .checked_mul(base)?
                .checked_add(i256::from_i128(i128::from(last)))?
                .checked_mul(power(places as u32)?)?,
            // The last digit is not zero: places cut off it must be.
            -3..=-1 if last % POWERS[-places as usize] == 0 => total
                .checked_mul(power((places + 4) as u32)?)?
                .checked_add(i256::from_i128(i128::from(last / POWERS[-places as usize])))?,
            _ => return None,
        };
        let fits = total < power(u32::from(self.precision))?;
        fits.then(|| {
            if negative {
                total.wrapping_neg()
            } else {
                total
            }
        })
    }
}

fn power(exponent: u32) -> Option<i256> {
    i256::from_i128(10).checked_pow(exponent)
}
