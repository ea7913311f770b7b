//! The usual numerics without a detour: at most eight digits to the base 10,000, near the point, between the binary format and text.
//!
//! `numeric.rs` reads and writes every other; what is written here is what it would write.

/// Most bytes that `numeric_text` writes.
pub const NUMERIC_TEXT: usize = 80;
/// Most bytes that `numeric_bytes` gives.
pub const NUMERIC_BYTES: usize = 24;

/// The text of a numeric in binary format, for the usual ones: at most eight digits of base 10,000, near the point. None for every other,
/// which `numeric.rs` reads.
#[inline]
pub fn numeric_text<'b>(bytes: &[u8], out: &'b mut [u8; NUMERIC_TEXT]) -> Option<&'b str> {
    let (head, digits) = bytes.split_first_chunk::<8>()?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign, scale) = (word(0), word(2) as i16, word(4), word(6));
    let negative = sign == 0x4000;
    let places = usize::from(scale).div_ceil(4);
    // Digits beyond the scale, zeros at an end and other rarities are left to the careful reader.
    if count == 0
        || count > 8
        || digits.len() != usize::from(count) * 2
        || !(sign == 0 || negative)
        || !(-1..=7).contains(&weight)
        || scale > 32
        || i32::from(count) > i32::from(weight) + 1 + places as i32
    {
        return None;
    }
    let mut group = [0u16; 8];
    for (digit, pair) in group.iter_mut().zip(digits.chunks_exact(2)) {
        *digit = u16::from_be_bytes([pair[0], pair[1]]);
        if *digit > 9999 {
            return None;
        }
    }
    let last = group[usize::from(count) - 1];
    let spare = places * 4 - usize::from(scale);
    let reaches_end = i32::from(count) == i32::from(weight) + 1 + places as i32;
    if group[0] == 0
        || last == 0
        || (reaches_end && spare > 0 && last % 10u16.pow(spare as u32) != 0)
    {
        return None;
    }
    let mut at = 0;
    let mut push = |byte: u8| {
        out[at] = byte;
        at += 1;
    };
    if negative {
        push(b'-');
    }
    let whole = (i32::from(weight) + 1) as usize;
    if whole == 0 {
        push(b'0');
    }
    for (place, digit) in (0..whole).map(|place| (place, group[place])) {
        let four = four(digit);
        let skipped = if place == 0 {
            four.iter()
                .take(3)
                .take_while(|byte| **byte == b'0')
                .count()
        } else {
            0
        };
        four[skipped..].iter().for_each(|byte| push(*byte));
    }
    if scale > 0 {
        push(b'.');
        for place in 0..places {
            let left = usize::from(scale) - place * 4;
            let digit = group.get(whole + place).copied().unwrap_or(0);
            four(digit)[..left.min(4)]
                .iter()
                .for_each(|byte| push(*byte));
        }
    }
    std::str::from_utf8(&out[..at]).ok()
}

fn four(digit: u16) -> [u8; 4] {
    [digit / 1000, digit / 100 % 10, digit / 10 % 10, digit % 10].map(|value| b'0' + value as u8)
}

/// The binary format of plain decimal text: perhaps a sign, digits, perhaps a point and digits behind it; at most sixteen on each side.
/// None for every other text, and for a negative zero.
#[inline]
pub fn numeric_bytes(text: &[u8]) -> Option<([u8; NUMERIC_BYTES], usize)> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let whole = rest
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(rest.len());
    let scale = rest.len().saturating_sub(whole + 1);
    if whole == 0 || whole > 16 || scale > 16 || (scale == 0 && whole < rest.len()) {
        return None;
    }
    // Decimal digits are taken in fours that end at the point.
    let mut group = [0u16; 8];
    let lead = (4 - whole % 4) % 4;
    for (place, byte) in rest[..whole].iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        let at = (lead + place) / 4;
        group[at] = group[at] * 10 + u16::from(digit);
    }
    let before = whole.div_ceil(4);
    for place in 0..scale.next_multiple_of(4) {
        let digit = match rest.get(whole + 1 + place) {
            Some(byte) => byte.wrapping_sub(b'0'),
            None => 0,
        };
        if digit > 9 {
            return None;
        }
        let at = before + place / 4;
        group[at] = group[at] * 10 + u16::from(digit);
    }
    let all = &group[..before + scale.div_ceil(4)];
    let first = all.iter().position(|digit| *digit != 0);
    let end = all
        .iter()
        .rposition(|digit| *digit != 0)
        .map_or(0, |at| at + 1);
    let (digits, weight) = match first {
        Some(first) => (&all[first..end], before as i16 - 1 - first as i16),
        None if negative => return None,
        None => (&all[..0], 0),
    };
    let sign = if negative { 0x4000 } else { 0 };
    let mut out = [0; NUMERIC_BYTES];
    let head = [digits.len() as u16, weight as u16, sign, scale as u16];
    for (room, word) in out.chunks_exact_mut(2).zip(head.iter().chain(digits)) {
        room.copy_from_slice(&word.to_be_bytes());
    }
    Some((out, 8 + 2 * digits.len()))
}

/// Whether text is what PostgreSQL prints of the numeric that it is: `numeric_bytes` has read it, so only zeros in front could differ.
#[inline]
pub fn is_canonical(text: &[u8]) -> bool {
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    !matches!(rest, [b'0', b'0'..=b'9', ..])
}

#[cfg(test)]
mod tests {
    use super::super::Numeric;
    use super::*;

    #[test]
    fn short_numerics_read_as_the_careful_reader_reads_them() {
        let words = [0u16, 1, 9, 10, 1000, 5000, 9999];
        let mut read = 0;
        for sign in [0u16, 0x4000] {
            for weight in [-2i16, -1, 0, 1, 3] {
                for scale in 0..10u16 {
                    for first in words {
                        for second in words {
                            for count in 1..=2u16 {
                                let all = [count, weight as u16, sign, scale, first, second];
                                let bytes: Vec<u8> = all[..4 + usize::from(count)]
                                    .iter()
                                    .flat_map(|word| word.to_be_bytes())
                                    .collect();
                                let mut buffer = [0; NUMERIC_TEXT];
                                if let Some(text) = numeric_text(&bytes, &mut buffer) {
                                    let mut careful = Vec::new();
                                    Numeric::from_binary(&bytes)
                                        .unwrap()
                                        .write_text(&mut careful);
                                    assert_eq!(text.as_bytes(), careful, "{all:?}");
                                    read += 1;
                                }
                            }
                        }
                    }
                }
            }
        }
        assert!(read > 500, "{read}");
    }

    #[test]
    fn short_texts_are_written_as_the_careful_writer_writes_them() {
        let parts = [
            "0",
            "7",
            "10",
            "0012",
            "9999",
            "10000",
            "120000",
            "99990000",
            "1234567890123456",
        ];
        let mut written = 0;
        for sign in ["", "-"] {
            for whole in parts {
                for fraction in [
                    "",
                    ".0",
                    ".5",
                    ".05",
                    ".0000",
                    ".00001",
                    ".1000",
                    ".12345678",
                    ".0000000000000001",
                ] {
                    let text = format!("{sign}{whole}{fraction}");
                    let Some((bytes, length)) = numeric_bytes(text.as_bytes()) else {
                        assert!(text.starts_with("-0"), "{text}");
                        continue;
                    };
                    let (mut binary, mut printed) = (Vec::new(), Vec::new());
                    let careful = Numeric::parse(&text).unwrap();
                    careful.write_binary(&mut binary);
                    careful.write_text(&mut printed);
                    assert_eq!(&bytes[..length], binary, "{text}");
                    assert_eq!(
                        is_canonical(text.as_bytes()),
                        printed == text.as_bytes(),
                        "{text}"
                    );
                    written += 1;
                }
            }
        }
        assert!(written > 140, "{written}");
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "1e5",
            "+1",
            " 1",
            "1_0",
            "NaN",
            "-Infinity",
            "1.2.3",
            "12345678901234567",
        ] {
            assert!(numeric_bytes(text.as_bytes()).is_none(), "{text}");
        }
    }
}
