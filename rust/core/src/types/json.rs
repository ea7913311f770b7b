//! json, jsonb and jsonpath: the text is passed on as it is, that of the first two once it is known to be JSON (RFC 8259); the binary
//! format of the latter two has a version byte in front.
use super::{Result, ValueError, text};

/// Of jsonb and of jsonpath.
pub const VERSION: u8 = 1;

/// The text behind the version byte of a binary value of the type `name`.
pub fn versioned<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => text::from_utf8(rest),
        Some((version, _)) => Err(ValueError::new(
            "22P03",
            format!("unsupported {name} version number {version}"),
        )),
        None => Err(ValueError::insufficient()),
    }
}

/// The text, where it is JSON; 22P02 where it is not. Of jsonb the escapes of its strings must also be characters: 22P05 for \u0000.
pub fn check(text: &str, binary: bool) -> Result<&str> {
    let mut scanner = Scanner {
        rest: text.as_bytes(),
        binary,
    };
    scanner.document()?;
    Ok(text)
}

#[cold]
fn invalid() -> ValueError {
    ValueError::new("22P02", "invalid input syntax for type json")
}

struct Scanner<'a> {
    rest: &'a [u8],
    /// Whether it is jsonb's.
    binary: bool,
}

impl Scanner<'_> {
    /// One value and nothing behind it. What is open is kept beside, a bracket each: texts may nest deeply.
    fn document(&mut self) -> Result<()> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            // A value is due.
            self.blanks();
            match self.rest {
                [b'{', ..] => {
                    self.skip(1);
                    self.blanks();
                    if self.rest.first() != Some(&b'}') {
                        self.key()?;
                        open.push(b'}');
                        continue;
                    }
                    self.skip(1);
                }
                [b'[', ..] => {
                    self.skip(1);
                    self.blanks();
                    if self.rest.first() != Some(&b']') {
                        open.push(b']');
                        continue;
                    }
                    self.skip(1);
                }
                [b'"', ..] => self.string()?,
                [b'-' | b'0'..=b'9', ..] => self.number()?,
                _ => self.word()?,
            }
            // A value has ended, and with it perhaps what it stands in.
            loop {
                self.blanks();
                let (first, last) = (self.rest.first(), open.last());
                match (first, last) {
                    (None, None) => return Ok(()),
                    (Some(b','), Some(bracket)) => {
                        let object = *bracket == b'}';
                        self.skip(1);
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    (Some(byte), Some(bracket)) if byte == bracket => {
                        self.skip(1);
                        open.pop();
                    }
                    _ => return Err(invalid()),
                }
            }
        }
    }

    fn skip(&mut self, count: usize) {
        self.rest = &self.rest[count..];
    }

    fn blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn key(&mut self) -> Result<()> {
        self.blanks();
        self.string()?;
        self.blanks();
        if self.rest.first() != Some(&b':') {
            return Err(invalid());
        }
        self.skip(1);
        Ok(())
    }

    fn word(&mut self) -> Result<()> {
        for word in [&b"true"[..], b"false", b"null"] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                // What goes on as a word does is another one; brackets, commas and blanks are looked at by the caller.
                self.rest = rest;
                return Ok(());
            }
        }
        Err(invalid())
    }

    fn digits(&mut self) -> Result<()> {
        let count = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if count == 0 {
            return Err(invalid());
        }
        self.skip(count);
        Ok(())
    }

    fn number(&mut self) -> Result<()> {
        if self.rest.first() == Some(&b'-') {
            self.skip(1);
        }
        match self.rest.first() {
            Some(b'0') => self.skip(1),
            _ => self.digits()?,
        }
        if self.rest.first() == Some(&b'.') {
            self.skip(1);
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.rest.first() {
            self.skip(1);
            if let Some(b'+' | b'-') = self.rest.first() {
                self.skip(1);
            }
            self.digits()?;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<()> {
        if self.rest.first() != Some(&b'"') {
            return Err(invalid());
        }
        self.skip(1);
        // Whether the escape of a pair's first half came last.
        let mut high = false;
        loop {
            let plain = self
                .rest
                .iter()
                .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=31))
                .count();
            self.skip(plain);
            let escape = self.rest.starts_with(b"\\u");
            if high && (plain > 0 || !escape) {
                return Err(invalid());
            }
            match self.rest {
                [b'"', ..] => {
                    self.skip(1);
                    return Ok(());
                }
                [b'\\', b'u', a, b, c, d, ..] => {
                    let mut unit = 0;
                    for byte in [a, b, c, d] {
                        let digit = char::from(*byte).to_digit(16).ok_or_else(invalid)?;
                        unit = unit << 4 | digit;
                    }
                    self.skip(6);
                    if self.binary {
                        high = surrogate(unit, high)?;
                    }
                }
                [
                    b'\\',
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                    ..,
                ] => self.skip(2),
                _ => return Err(invalid()),
            }
        }
    }
}

/// Whether a \u escape is the first half of a pair; `high`: whether the one in front of it was.
fn surrogate(unit: u32, high: bool) -> Result<bool> {
    match unit {
        0 if !high => Err(ValueError::new(
            "22P05",
            "unsupported Unicode escape sequence",
        )),
        0xD800..0xDC00 if !high => Ok(true),
        0xDC00..0xE000 if high => Ok(false),
        0xD800..0xE000 => Err(invalid()),
        _ if high => Err(invalid()),
        _ => Ok(false),
    }
}

/// Appends a JSON string: quoted, with only what RFC 8259 §7 requires escaped.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            0..=31 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
