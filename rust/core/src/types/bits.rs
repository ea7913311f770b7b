//! bit and bit varying (PostgreSQL 8.10).
use super::{Result, ValueError};

/// Bits from the most significant one of the first byte on; those behind the last are zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    pub length: usize,
    pub bytes: Vec<u8>,
}

/// Most bits that PostgreSQL reads.
const MAX_BITS: i32 = i32::MAX - 7;

impl Bits {
    /// Reads `1010`, `b1010` or `xA`.
    pub fn parse(text: &str) -> Result<Bits> {
        let (hex, digits) = match text.as_bytes().first() {
            Some(b'b' | b'B') => (false, &text[1..]),
            Some(b'x' | b'X') => (true, &text[1..]),
            _ => (false, text),
        };
        let (per_digit, radix, name) = if hex {
            (4, 16, "hexadecimal")
        } else {
            (1, 2, "binary")
        };
        let mut bytes = Vec::with_capacity(digits.len() * per_digit / 8 + 1);
        let mut length = 0;
        for digit in digits.chars() {
            let value = digit.to_digit(radix).ok_or_else(|| {
                ValueError::new("22P02", format!("\"{digit}\" is not a valid {name} digit"))
            })?;
            if length % 8 == 0 {
                bytes.push(0);
            }
            if let Some(last) = bytes.last_mut() {
                *last |= (value as u8) << (8 - per_digit - length % 8);
            }
            length += per_digit;
        }
        Ok(Bits { length, bytes })
    }

    pub fn from_binary(bytes: &[u8]) -> Result<Bits> {
        let (head, rest) = bytes
            .split_first_chunk::<4>()
            .ok_or_else(ValueError::binary)?;
        let length = i32::from_be_bytes(*head);
        if !(0..=MAX_BITS).contains(&length) {
            return Err(ValueError::new(
                "22P03",
                "invalid length in external bit string",
            ));
        }
        let length = length as usize;
        if rest.len() != length.div_ceil(8) {
            return Err(ValueError::binary());
        }
        Ok(Bits::new(length, rest.to_vec()))
    }

    /// So many bits of `bytes`, which has neither more nor less than it takes to hold them.
    pub fn new(length: usize, mut bytes: Vec<u8>) -> Bits {
        if let (Some(last), over @ 1..) = (bytes.last_mut(), length % 8) {
            *last &= 0xff << (8 - over);
        }
        Bits { length, bytes }
    }

    pub fn write_text(&self, out: &mut Vec<u8>) {
        out.extend((0..self.length).map(|at| b'0' + (self.bytes[at / 8] >> (7 - at % 8) & 1)));
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        let length = i32::try_from(self.length)
            .ok()
            .filter(|length| *length <= MAX_BITS)
            .ok_or_else(|| {
                let message = "bit string length exceeds the maximum allowed (2147483640)";
                ValueError::new("54000", message)
            })?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.bytes);
        Ok(())
    }
}
