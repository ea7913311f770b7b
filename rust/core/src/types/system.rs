//! What PostgreSQL numbers its own things with: oid, xid, cid, xid8, the reg* types, tid, pg_lsn and pg_snapshot.
use std::borrow::Cow;

use super::{Kind, Result, Value, ValueError, clip, text};

/// Reads oid, xid and cid in decimal, hexadecimal (`0x…`) or octal (`0…`), as PostgreSQL 16 does. Numbers from -2³¹ count from the upper
/// end.
pub fn parse_u32(kind: Kind, input: &str) -> Result<u32> {
    let value = parse_u64(kind, input)?;
    let low = value as u32;
    if u64::from(low) == value || i64::from(low as i32) as u64 == value {
        Ok(low)
    } else {
        Err(out_of_range(kind, input))
    }
}

/// Reads xid8, as `parse_u32` reads xid.
pub fn parse_u64(kind: Kind, input: &str) -> Result<u64> {
    let syntax = || ValueError::syntax(kind, input);
    let trimmed = text::trim(input);
    let (negative, rest) = match trimmed.as_bytes() {
        [b'-', ..] => (true, &trimmed[1..]),
        [b'+', ..] => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    let (base, digits) = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &rest[2..]),
        [b'0', _, ..] => (8, &rest[1..]),
        _ => (10, rest),
    };
    if digits.is_empty() {
        return Err(syntax());
    }
    let mut value: u128 = 0;
    for character in digits.chars() {
        let digit = character.to_digit(base).ok_or_else(syntax)?;
        value = (value * u128::from(base) + u128::from(digit)).min(1 << 64);
    }
    let value = u64::try_from(value).map_err(|_| out_of_range(kind, input))?;
    Ok(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

fn out_of_range(kind: Kind, input: &str) -> ValueError {
    ValueError::new(
        "22003",
        format!(
            "value \"{}\" is out of range for type {}",
            clip(input),
            kind.sql_name()
        ),
    )
}

/// Reads a reg* type: digits are an OID, `-` is OID 0, anything else a name.
pub fn parse_reg(input: &str) -> Result<Value<'_>> {
    if input == "-" {
        return Ok(Value::Reg(0));
    }
    if !input.is_empty() && input.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Value::Reg(parse_u32(Kind::Oid, input)?));
    }
    Ok(Value::RegName(Cow::Borrowed(input)))
}

/// Reads an LSN: two numbers of one to eight hexadecimal digits, `16/B374D848`.
pub fn parse_lsn(input: &str) -> Result<u64> {
    let number = |part: &str| {
        let good = (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit());
        good.then(|| u64::from_str_radix(part, 16).ok()).flatten()
    };
    input
        .split_once('/')
        .and_then(|(high, low)| Some(number(high)? << 32 | number(low)?))
        .ok_or_else(|| ValueError::syntax(Kind::Lsn, input))
}

pub fn write_lsn(out: &mut Vec<u8>, lsn: u64) {
    out.extend_from_slice(format!("{:X}/{:X}", lsn >> 32, lsn as u32).as_bytes());
}

/// A row version's place: block and position in it (5.5 System Columns, ctid).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tid {
    pub block: u32,
    pub offset: u16,
}

impl Tid {
    /// Reads `(block,offset)`.
    pub fn parse(input: &str) -> Result<Tid> {
        let scan = || {
            let inner = text::trim(input).strip_prefix('(')?.strip_suffix(')')?;
            let (block, offset) = inner.split_once(',')?;
            Some(Tid {
                block: digits(block)?,
                offset: digits(offset)?,
            })
        };
        scan().ok_or_else(|| ValueError::syntax(Kind::Tid, input))
    }

    pub fn from_binary(bytes: &[u8; 6]) -> Tid {
        Tid {
            block: u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            offset: u16::from_be_bytes([bytes[4], bytes[5]]),
        }
    }

    pub fn write_text(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("({},{})", self.block, self.offset).as_bytes());
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.block.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
    }
}

/// A number of decimal digits alone.
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let good = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

/// Digits with blanks and a plus sign in front, as strtoull reads them.
fn number(text: &str) -> Option<u64> {
    let text = text::trim_start(text);
    digits(text.strip_prefix('+').unwrap_or(text))
}

/// Which transactions a snapshot sees (9.26 pg_snapshot): all below `xmin`, none from `xmax`, and between them all but `running`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub xmin: u64,
    pub xmax: u64,
    pub running: Vec<u64>,
}

impl Snapshot {
    /// None if the numbers make no snapshot: an end without a transaction (whose lower half is zero), `xmax` below `xmin`, running ones out
    /// of order or outside. Repetitions are dropped.
    pub fn new(xmin: u64, xmax: u64, running: impl IntoIterator<Item = u64>) -> Option<Snapshot> {
        if xmin as u32 == 0 || xmax as u32 == 0 || xmax < xmin {
            return None;
        }
        let mut kept: Vec<u64> = Vec::new();
        for xid in running {
            let last = kept.last().copied().unwrap_or(0);
            if xid < xmin || xid >= xmax || xid < last {
                return None;
            }
            if xid != last {
                kept.push(xid);
            }
        }
        Some(Snapshot {
            xmin,
            xmax,
            running: kept,
        })
    }

    /// Reads `xmin:xmax:xip,…`.
    pub fn parse(input: &str) -> Result<Snapshot> {
        let scan = || {
            let (xmin, rest) = input.split_once(':')?;
            let (xmax, list) = rest.split_once(':')?;
            // A comma at the end is let through, as PostgreSQL does.
            let list = match list.strip_suffix(',') {
                Some(front) if !front.is_empty() => front,
                _ => list,
            };
            let running = if list.is_empty() {
                Vec::new()
            } else {
                list.split(',').map(number).collect::<Option<Vec<u64>>>()?
            };
            Snapshot::new(number(xmin)?, number(xmax)?, running)
        };
        scan().ok_or_else(|| ValueError::syntax(Kind::Snapshot, input))
    }

    pub fn from_binary(bytes: &[u8]) -> Result<Snapshot> {
        let (count, rest) = bytes
            .split_first_chunk::<4>()
            .ok_or_else(ValueError::binary)?;
        let (words, []) = rest.as_chunks::<8>() else {
            return Err(ValueError::binary());
        };
        let mut words = words.iter().map(|word| u64::from_be_bytes(*word));
        if words.len() < 2 || words.len() - 2 != u32::from_be_bytes(*count) as usize {
            return Err(ValueError::binary());
        }
        let (xmin, xmax) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        Snapshot::new(xmin, xmax, words)
            .ok_or_else(|| ValueError::new("22P03", "invalid external pg_snapshot data"))
    }

    pub fn write_text(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}:{}:", self.xmin, self.xmax).as_bytes());
        for (index, xid) in self.running.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            out.extend_from_slice(format!("{comma}{xid}").as_bytes());
        }
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.running.len() as u32).to_be_bytes());
        for word in [self.xmin, self.xmax].iter().chain(&self.running) {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
}
