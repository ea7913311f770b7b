//! inet and cidr (PostgreSQL 8.9): an address and the length of its network prefix.
use std::net::Ipv6Addr;

use super::{Kind, Result, ValueError, clip};

const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 3;

/// An address of 4 or 16 bytes, the bits of its network, and whether it is a cidr, whose other bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inet {
    bytes: [u8; 16],
    v6: bool,
    pub prefix: u8,
    pub cidr: bool,
}

impl Inet {
    /// The address, 4 or 16 bytes.
    pub fn address(&self) -> &[u8] {
        &self.bytes[..if self.v6 { 16 } else { 4 }]
    }

    pub fn is_v6(&self) -> bool {
        self.v6
    }

    /// Whether the prefix is the whole address.
    pub fn is_host(&self) -> bool {
        usize::from(self.prefix) == self.address().len() * 8
    }

    /// Reads `address[/prefix]`; trailing octets of an IPv4 cidr may be left out.
    pub fn parse(kind: Kind, input: &str) -> Result<Inet> {
        let cidr = kind == Kind::Cidr;
        let value = if input.contains(':') {
            scan_v6(input)
        } else if cidr {
            scan_cidr_v4(input.as_bytes())
        } else {
            scan_v4(input.as_bytes())
        };
        let (bytes, prefix) = value.ok_or_else(|| ValueError::syntax(kind, input))?;
        let value = Inet {
            bytes,
            v6: input.contains(':'),
            prefix,
            cidr,
        };
        if cidr && !value.rest_is_zero() {
            let message = format!("invalid cidr value: \"{}\"", clip(input));
            return Err(ValueError::new("22P02", message));
        }
        Ok(value)
    }

    fn rest_is_zero(&self) -> bool {
        self.bytes.iter().enumerate().all(|(index, byte)| {
            let kept = usize::from(self.prefix).saturating_sub(index * 8).min(8);
            kept == 8 || byte << kept == 0
        })
    }

    /// Reads family, prefix, a flag that is ignored, the address' length, and the address.
    pub fn from_binary(kind: Kind, bytes: &[u8]) -> Result<Inet> {
        let invalid = |what: &str| {
            let message = format!("invalid {what} in external \"{}\" value", kind.sql_name());
            ValueError::new("22P03", message)
        };
        let [family, prefix, _, length, address @ ..] = bytes else {
            return Err(ValueError::binary());
        };
        let size = match *family {
            FAMILY_V4 => 4,
            FAMILY_V6 => 16,
            _ => return Err(invalid("address family")),
        };
        if usize::from(*prefix) > size * 8 {
            return Err(invalid("bits"));
        }
        if usize::from(*length) != size {
            return Err(invalid("length"));
        }
        if address.len() != size {
            return Err(ValueError::binary());
        }
        let mut value = Inet {
            bytes: [0; 16],
            v6: size == 16,
            prefix: *prefix,
            cidr: kind == Kind::Cidr,
        };
        value.bytes[..size].copy_from_slice(address);
        if value.cidr && !value.rest_is_zero() {
            return Err(ValueError::new("22P03", "invalid external \"cidr\" value"));
        }
        Ok(value)
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) {
        let address = self.address();
        let family = if self.v6 { FAMILY_V6 } else { FAMILY_V4 };
        out.extend_from_slice(&[
            family,
            self.prefix,
            u8::from(self.cidr),
            address.len() as u8,
        ]);
        out.extend_from_slice(address);
    }

    pub fn write_text(&self, out: &mut Vec<u8>) {
        if self.v6 {
            out.extend_from_slice(v6_text(&self.bytes).as_bytes());
        } else {
            out.extend_from_slice(v4_text(&self.bytes[..4]).as_bytes());
        }
        if self.cidr || !self.is_host() {
            out.extend_from_slice(format!("/{}", self.prefix).as_bytes());
        }
    }
}

fn v4_text(bytes: &[u8]) -> String {
    format!("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3])
}

/// The first longest run of two or more zero groups becomes `::`; the end of an embedded IPv4 address is written as one.
fn v6_text(bytes: &[u8; 16]) -> String {
    let group = |at: usize| u16::from_be_bytes([bytes[at * 2], bytes[at * 2 + 1]]);
    let (mut start, mut length) = (8, 0);
    let mut at = 0;
    while at < 8 {
        let run = (at..8).take_while(|place| group(*place) == 0).count();
        if run >= 2 && run > length {
            (start, length) = (at, run);
        }
        at += run.max(1);
    }
    let embedded = start == 0 && (length == 6 || length == 5 && group(5) == 0xffff);
    let mut text = String::new();
    let mut at = 0;
    while at < 8 {
        if at == start {
            text.push_str("::");
            at += length;
            continue;
        }
        if at > 0 && !text.ends_with(':') {
            text.push(':');
        }
        if embedded && at == 6 {
            text.push_str(&v4_text(&bytes[12..]));
            break;
        }
        text.push_str(&format!("{:x}", group(at)));
        at += 1;
    }
    text
}

type Scanned = Option<([u8; 16], u8)>;

fn scan_v6(input: &str) -> Scanned {
    let (address, prefix) = match input.split_once('/') {
        Some((address, digits)) => {
            let good = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            // No zero in front of a prefix, except as the whole of it.
            if !good || (digits.starts_with('0') && digits.len() > 1) {
                return None;
            }
            (address, digits.parse().ok().filter(|bits| *bits <= 128)?)
        }
        None => (input, 128),
    };
    Some((address.parse::<Ipv6Addr>().ok()?.octets(), prefix))
}

/// Decimal octets with points between them, up to four; how many there were, what follows them, and whether a point was the last.
fn octets(mut rest: &[u8]) -> Option<([u8; 16], usize, &[u8], bool)> {
    let mut bytes = [0; 16];
    let mut count = 0;
    let mut pointed = false;
    while let [b'0'..=b'9', ..] = rest {
        let (octet, tail) = number(rest, 255)?;
        if count == 4 {
            return None;
        }
        bytes[count] = octet;
        count += 1;
        rest = tail;
        pointed = false;
        match rest {
            [b'.', tail @ ..] => {
                rest = tail;
                pointed = true;
            }
            [] | [b'/', ..] => break,
            _ => return None,
        }
    }
    Some((bytes, count, rest, pointed))
}

/// Decimal digits of a number up to `most`, any number of them.
fn number(bytes: &[u8], most: u32) -> Option<(u8, &[u8])> {
    let length = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let mut value = 0;
    for byte in &bytes[..length] {
        value = value * 10 + u32::from(byte - b'0');
        if value > most {
            return None;
        }
    }
    Some((value as u8, &bytes[length..]))
}

/// `/prefix` and nothing behind it; None inside for nothing at all.
fn prefix_v4(rest: &[u8], count: usize) -> Option<Option<u8>> {
    match rest {
        [] => Some(None),
        [b'/', digits @ ..] if count > 0 && !digits.is_empty() => match number(digits, 32)? {
            (bits, []) => Some(Some(bits)),
            _ => None,
        },
        _ => None,
    }
}

/// Without a prefix, all four octets must be there; with one, as many as it has whole ones.
fn scan_v4(input: &[u8]) -> Scanned {
    let (bytes, count, rest, _) = octets(input)?;
    let prefix = match prefix_v4(rest, count)? {
        Some(bits) => bits,
        None => (count == 4).then_some(32)?,
    };
    (count > 0 && usize::from(prefix / 8) <= count).then_some((bytes, prefix))
}

/// Without a prefix, the network's class tells it, or the octets that are there if they are more.
fn scan_cidr_v4(input: &[u8]) -> Scanned {
    let (bytes, count, rest, pointed) = octets(input)?;
    if count == 0 || pointed {
        return None;
    }
    let given = (count * 8) as u8;
    let prefix = match (prefix_v4(rest, count)?, bytes[0]) {
        (Some(bits), _) => bits,
        (None, 240..) => 32,
        (None, 224) if count == 1 => 4,
        (None, 224..240) => given.max(8),
        (None, 192..224) => given.max(24),
        (None, 128..192) => given.max(16),
        (None, _) => given.max(8),
    };
    Some((bytes, prefix))
}
