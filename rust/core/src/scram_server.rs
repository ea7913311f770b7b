//! What a server makes of a client's SCRAM messages (RFC 5802 §5.1 and §7), with every bound checked.
use subtle::ConstantTimeEq;

use crate::scram::{self, KEY_LENGTH, Key};

/// Longest SASL message taken from a peer, in bytes: PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH.
pub const MAX_MESSAGE_LENGTH: usize = 1024;

const FIRST: &str = "client-first-message";
const FINAL: &str = "client-final-message";
const END_POINT: &[u8] = b"tls-server-end-point";

/// What is wrong with a message. The connection must end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramError {
    pub message: String,
    pub sqlstate: &'static str,
}

impl ScramError {
    fn of(sqlstate: &'static str, message: impl Into<String>) -> Self {
        ScramError {
            message: message.into(),
            sqlstate,
        }
    }

    fn malformed(name: &str, rule: &str) -> Self {
        ScramError::of(
            "08P01",
            format!("malformed SCRAM message: {rule} in {name}"),
        )
    }
}

/// The server's side of the exchange.
pub struct Server<'a> {
    /// Whether the client selected the mechanism with channel binding.
    pub plus: bool,
    /// The channel's binding data, where the server offered that mechanism.
    pub binding: Option<&'a [u8]>,
    pub salt: &'a [u8],
    pub iterations: u32,
    pub nonce: &'a [u8],
}

/// server-first-message, and what the answer to it is checked by.
#[derive(Debug, PartialEq, Eq)]
pub struct Challenge {
    pub message: Vec<u8>,
    /// What the client must repeat of its header and the channel, in base64.
    pub repeated: Vec<u8>,
    /// Both nonces.
    pub nonce: Vec<u8>,
    /// The beginning of what the proof signs.
    pub signed: Vec<u8>,
}

impl Server<'_> {
    /// Answer client-first-message. The user name inside it is ignored, as PostgreSQL does.
    pub fn first(&self, message: &[u8]) -> Result<Challenge, ScramError> {
        let first = ClientFirst::read(message)?;
        self.check_flag(&first)?;
        let nonce = [first.nonce, self.nonce].concat();
        let rounds = self.iterations.to_string();
        let mut answer = Vec::with_capacity(nonce.len() + self.salt.len() * 4 / 3 + 24);
        answer.extend_from_slice(b"r=");
        answer.extend_from_slice(&nonce);
        answer.extend_from_slice(b",s=");
        encode_base64(self.salt, &mut answer);
        answer.extend_from_slice(b",i=");
        answer.extend_from_slice(rounds.as_bytes());
        let mut header = first.header.to_vec();
        if first.flag == b'p' {
            header.extend_from_slice(self.binding.unwrap_or_default());
        }
        let mut repeated = Vec::with_capacity(header.len() * 4 / 3 + 4);
        encode_base64(&header, &mut repeated);
        Ok(Challenge {
            signed: [first.bare, b",", &answer, b","].concat(),
            message: answer,
            repeated,
            nonce,
        })
    }

    /// Flag and mechanism belong together (RFC 5802 §6).
    fn check_flag(&self, first: &ClientFirst<'_>) -> Result<(), ScramError> {
        if self.plus {
            if first.flag != b'p' {
                return Err(ScramError::malformed(
                    FIRST,
                    "SCRAM-SHA-256-PLUS was selected, but there is no channel-binding data",
                ));
            }
            if first.binding_type != END_POINT {
                let shown = String::from_utf8_lossy(first.binding_type);
                return Err(ScramError::of(
                    "08P01",
                    format!("unsupported SCRAM channel-binding type \"{shown}\""),
                ));
            }
        } else if first.flag == b'p' {
            return Err(ScramError::malformed(
                FIRST,
                "SCRAM-SHA-256 was selected, but there is channel-binding data",
            ));
        } else if first.flag == b'y' && self.binding.is_some_and(|data| !data.is_empty()) {
            return Err(ScramError::of(
                "28000",
                "SCRAM channel binding negotiation error: the client supports channel binding and thinks that the server \
                 does not, but it does",
            ));
        }
        Ok(())
    }
}

/// What the client's last message is checked by.
pub struct Check<'a> {
    pub repeated: &'a [u8],
    /// Whether the login is bound to a channel.
    pub bound: bool,
    pub nonce: &'a [u8],
    pub signed: &'a [u8],
    pub stored_key: &'a Key,
    pub server_key: &'a Key,
}

impl Check<'_> {
    /// server-final-message for client-final-message; `None` where the proof is wrong.
    pub fn last(&self, message: &[u8]) -> Result<Option<Vec<u8>>, ScramError> {
        let last = ClientFinal::read(message)?;
        if last.binding != self.repeated {
            return Err(if self.bound {
                ScramError::of("28000", "SCRAM channel binding check failed")
            } else {
                ScramError::malformed(FINAL, "unexpected channel-binding attribute")
            });
        }
        if !bool::from(last.nonce.ct_eq(self.nonce)) {
            return Err(ScramError::malformed(FINAL, "nonce does not match"));
        }
        let signed = [self.signed, last.without_proof].concat();
        if !scram::check_proof(self.stored_key, &signed, &last.proof) {
            return Ok(None);
        }
        let mut answer = b"v=".to_vec();
        encode_base64(
            &scram::server_signature(self.server_key, &signed),
            &mut answer,
        );
        Ok(Some(answer))
    }
}

struct ClientFirst<'a> {
    flag: u8,
    binding_type: &'a [u8],
    header: &'a [u8],
    bare: &'a [u8],
    nonce: &'a [u8],
}

impl<'a> ClientFirst<'a> {
    fn read(message: &'a [u8]) -> Result<Self, ScramError> {
        let malformed = |rule| Err(ScramError::malformed(FIRST, rule));
        check_length(message, FIRST)?;
        let comma = memchr::memchr(b',', message).unwrap_or(message.len());
        let (flag_text, rest) = message.split_at(comma);
        let (flag, binding_type) = match memchr::memchr(b'=', flag_text) {
            Some(equals) => (&flag_text[..equals], Some(&flag_text[equals + 1..])),
            None => (flag_text, None),
        };
        let known = matches!(flag, b"n" | b"y" | b"p");
        if rest.is_empty() || !known || binding_type.is_some() != (flag == b"p") {
            return malformed("expected a channel-binding flag");
        }
        if binding_type.is_some_and(|name| !is_binding_type(name)) {
            return malformed("expected the name of a channel binding");
        }
        let rest = &rest[1..];
        if rest.starts_with(b"a=") {
            return Err(ScramError::of(
                "0A000",
                "client uses authorization identity, but it is not supported",
            ));
        }
        let Some(bare) = rest.strip_prefix(b",") else {
            return malformed("expected a comma after the channel-binding flag");
        };
        let attributes = attributes(bare, FIRST)?;
        if attributes[0].0 == b'm' {
            return Err(ScramError::of(
                "0A000",
                "client requires an unsupported SCRAM extension",
            ));
        }
        let [(b'n', _), (b'r', nonce), ..] = attributes[..] else {
            return malformed("expected user name and nonce");
        };
        if !is_nonce(nonce) {
            return malformed("non-printable characters in nonce");
        }
        Ok(ClientFirst {
            flag: flag[0],
            binding_type: binding_type.unwrap_or_default(),
            header: &message[..message.len() - bare.len()],
            bare,
            nonce,
        })
    }
}

struct ClientFinal<'a> {
    binding: &'a [u8],
    nonce: &'a [u8],
    proof: Key,
    without_proof: &'a [u8],
}

impl<'a> ClientFinal<'a> {
    fn read(message: &'a [u8]) -> Result<Self, ScramError> {
        check_length(message, FINAL)?;
        let attributes = attributes(message, FINAL)?;
        let [
            (b'c', binding),
            (b'r', nonce),
            ref others @ ..,
            (b'p', proof),
        ] = attributes[..]
        else {
            return Err(ScramError::malformed(
                FINAL,
                "expected channel binding, nonce and proof",
            ));
        };
        if others.iter().any(|&(letter, _)| letter == b'p') {
            return Err(ScramError::malformed(
                FINAL,
                "expected channel binding, nonce and proof",
            ));
        }
        let without_proof = &message[..message.len() - b",p=".len() - proof.len()];
        let Some(proof) = decode_key(proof) else {
            return Err(ScramError::malformed(
                FINAL,
                "expected a proof of 32 bytes in base64",
            ));
        };
        Ok(ClientFinal {
            binding,
            nonce,
            proof,
            without_proof,
        })
    }
}

fn check_length(message: &[u8], name: &str) -> Result<(), ScramError> {
    if message.len() > MAX_MESSAGE_LENGTH {
        return Err(ScramError::malformed(name, "more than 1024 bytes"));
    }
    if memchr::memchr(0, message).is_some() {
        return Err(ScramError::malformed(name, "NUL"));
    }
    Ok(())
}

type Attribute<'a> = (u8, &'a [u8]);

/// Name and value of each `x=value` between commas; at least one.
fn attributes<'a>(message: &'a [u8], name: &str) -> Result<Vec<Attribute<'a>>, ScramError> {
    message
        .split(|&byte| byte == b',')
        .map(|part| match part {
            [letter, b'=', value @ ..] if letter.is_ascii_alphabetic() => Ok((*letter, value)),
            _ => Err(ScramError::malformed(name, "attribute expected")),
        })
        .collect()
}

/// Printable, without the comma.
fn is_nonce(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|&byte| byte.is_ascii_graphic() && byte != b',')
}

fn is_binding_type(text: &[u8]) -> bool {
    (1..=64).contains(&text.len())
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648 §4).
fn encode_base64(data: &[u8], out: &mut Vec<u8>) {
    for chunk in data.chunks(3) {
        let mut bytes = [0; 4];
        bytes[1..=chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes(bytes);
        for index in 0..4 {
            let six = (word >> (18 - 6 * index)) & 63;
            out.push(if index <= chunk.len() {
                ALPHABET[six as usize]
            } else {
                b'='
            });
        }
    }
}

/// A key or proof in base64. Its last character may have bits that belong to no byte, as for PostgreSQL.
fn decode_key(text: &[u8]) -> Option<Key> {
    let digits: &[u8; 43] = text.strip_suffix(b"=")?.try_into().ok()?;
    let mut key = [0; KEY_LENGTH];
    for (chunk, out) in digits.chunks(4).zip(key.chunks_mut(3)) {
        let mut word = 0;
        for index in 0..4 {
            word = word << 6 | chunk.get(index).map_or(Some(0), |&digit| value_of(digit))?;
        }
        out.copy_from_slice(&word.to_be_bytes()[1..=out.len()]);
    }
    Some(key)
}

fn value_of(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::{decode_key, encode_base64};

    #[test]
    fn base64_there_and_back() {
        let key: [u8; 32] = std::array::from_fn(|index| (index * 37 + 5) as u8);
        let mut text = Vec::new();
        encode_base64(&key, &mut text);
        assert_eq!(text, b"BSpPdJm+4wgtUnecweYLMFV6n8TpDjNYfaLH7BE2W4A=");
        assert_eq!(decode_key(&text), Some(key));
        assert_eq!(decode_key(&text[..43]), None);
        text[7] = b'-';
        assert_eq!(decode_key(&text), None);
        for (data, shown) in [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("", "")] {
            let mut out = Vec::new();
            encode_base64(data.as_bytes(), &mut out);
            assert_eq!(out, shown.as_bytes());
        }
    }
}
