//! The scanner: one lexeme after another, by the bytes it begins with; all offsets in bytes.
use std::borrow::Cow;

use super::escapes::{fold, undouble, unescape, unescape_unicode};
use super::{SyntaxError, TokenKind};

/// Longest piece of SQL shown in an error, in code points.
const PREVIEW: usize = 64;

/// What stands before the first quote decides how a string or quoted identifier is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    Plain,
    Escape,
    Unicode,
    Bits,
    Hex,
    National,
    Dollar,
}

impl Flavour {
    fn unterminated(self) -> &'static str {
        match self {
            Flavour::Bits => "unterminated bit string literal",
            Flavour::Hex => "unterminated hexadecimal string literal",
            Flavour::Dollar => "unterminated dollar-quoted string",
            _ => "unterminated quoted string",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Lexeme {
    pub kind: TokenKind,
    flavour: Flavour,
    pub start: usize,
    pub end: usize,
}

pub struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    position: usize,
    /// A string constant goes on in the same flavour in the next line; errors then point at where it began.
    chain: Option<(Flavour, usize)>,
    newline: bool,
}

impl<'a> Lexer<'a> {
    pub fn new(sql: &'a str) -> Self {
        Lexer {
            sql,
            bytes: sql.as_bytes(),
            position: 0,
            chain: None,
            newline: false,
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        // NUL is no part of any token, so it can stand for the end.
        self.bytes.get(self.position + ahead).copied().unwrap_or(0)
    }

    /// The next token, `None` at the end.
    pub fn next(&mut self) -> Result<Option<Lexeme>, SyntaxError> {
        self.skip_space()?;
        if self.position >= self.bytes.len() {
            return Ok(None);
        }
        let start = self.position;
        let chain = self.chain.take();
        let newline = std::mem::take(&mut self.newline);
        let (kind, flavour) = match self.peek(0) {
            b'\'' => {
                let (flavour, begin) = match chain {
                    Some(chain) if newline => chain,
                    _ => (Flavour::Plain, start),
                };
                self.string(1, flavour, begin)?
            }
            b'e' | b'E' if self.peek(1) == b'\'' => self.string(2, Flavour::Escape, start)?,
            b'b' | b'B' if self.peek(1) == b'\'' => self.string(2, Flavour::Bits, start)?,
            b'x' | b'X' if self.peek(1) == b'\'' => self.string(2, Flavour::Hex, start)?,
            b'n' | b'N' if self.peek(1) == b'\'' => self.string(2, Flavour::National, start + 1)?,
            b'u' | b'U' if self.peek(1) == b'&' && self.peek(2) == b'\'' => {
                self.string(3, Flavour::Unicode, start)?
            }
            b'u' | b'U' if self.peek(1) == b'&' && self.peek(2) == b'"' => {
                self.quoted(3, Flavour::Unicode)?
            }
            b'"' => self.quoted(1, Flavour::Plain)?,
            first if is_letter(first) => {
                self.skip_while(|byte| is_letter(byte) || byte.is_ascii_digit() || byte == b'$');
                (TokenKind::Word, Flavour::Plain)
            }
            b'$' if self.peek(1).is_ascii_digit() => self.parameter()?,
            b'$' => self.dollar()?,
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() => self.number(),
            first if is_operator(first) => {
                self.position += operator_length(&self.bytes[start..]);
                (TokenKind::Operator, Flavour::Plain)
            }
            _ => {
                self.position += match &self.bytes[start..] {
                    [b':', b':' | b'=', ..] | [b'.', b'.', ..] => 2,
                    _ => 1,
                };
                (TokenKind::Operator, Flavour::Plain)
            }
        };
        Ok(Some(Lexeme {
            kind,
            flavour,
            start,
            end: self.position,
        }))
    }

    /// White space and comments.
    fn skip_space(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.peek(0) {
                b'\n' | b'\r' => {
                    self.newline = true;
                    self.position += 1;
                }
                b' ' | b'\t' | 0x0b | 0x0c => self.position += 1,
                b'-' if self.peek(1) == b'-' => {
                    self.skip_while(|byte| byte != b'\n' && byte != b'\r');
                }
                b'/' if self.peek(1) == b'*' => {
                    self.comment()?;
                    self.chain = None;
                }
                _ => return Ok(()),
            }
        }
    }

    fn comment(&mut self) -> Result<(), SyntaxError> {
        let start = self.position;
        let mut depth = 0;
        while self.position < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.position += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.position += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.position += 1,
            }
        }
        Err(self.error("unterminated /* comment", start, self.bytes.len()))
    }

    /// A string constant whose contents begin `ahead`; an error about it points at `begin`.
    fn string(
        &mut self,
        ahead: usize,
        flavour: Flavour,
        begin: usize,
    ) -> Result<(TokenKind, Flavour), SyntaxError> {
        self.position += ahead;
        let closed = match flavour {
            Flavour::Bits | Flavour::Hex => {
                self.skip_while(|byte| byte != b'\'');
                self.position += 1;
                self.position <= self.bytes.len()
            }
            Flavour::Escape => self.close_escape(),
            _ => self.close_doubled(b'\''),
        };
        if !closed {
            return Err(self.error(flavour.unterminated(), begin, self.bytes.len()));
        }
        self.chain = Some((flavour, begin));
        Ok((TokenKind::String, flavour))
    }

    fn quoted(
        &mut self,
        ahead: usize,
        flavour: Flavour,
    ) -> Result<(TokenKind, Flavour), SyntaxError> {
        let start = self.position;
        self.position += ahead;
        if !self.close_doubled(b'"') {
            return Err(self.error("unterminated quoted identifier", start, self.bytes.len()));
        }
        Ok((TokenKind::Quoted, flavour))
    }

    /// Goes behind the closing quote, if there is one; a doubled one stands for itself.
    fn close_doubled(&mut self, quote: u8) -> bool {
        loop {
            self.skip_while(|byte| byte != quote);
            if self.position == self.bytes.len() {
                return false;
            }
            self.position += 1;
            if self.peek(0) != quote {
                return true;
            }
            self.position += 1;
        }
    }

    /// The same, where a backslash takes the next character with it.
    fn close_escape(&mut self) -> bool {
        loop {
            self.skip_while(|byte| byte != b'\'' && byte != b'\\');
            if self.position >= self.bytes.len() {
                return false;
            }
            let escape = self.peek(0) == b'\\';
            self.position += 1;
            if !escape && self.peek(0) != b'\'' {
                return true;
            }
            // The rest of a longer character holds no ASCII, so one byte is enough.
            self.position += 1;
        }
    }

    fn parameter(&mut self) -> Result<(TokenKind, Flavour), SyntaxError> {
        let start = self.position;
        self.position += 1;
        self.skip_while(|byte| byte.is_ascii_digit());
        match self.sql[start + 1..self.position].parse::<i32>() {
            Ok(_) => Ok((TokenKind::Parameter, Flavour::Plain)),
            Err(_) => Err(self.error("parameter number too large", start, self.position)),
        }
    }

    /// A dollar-quoted string, or a lone dollar.
    fn dollar(&mut self) -> Result<(TokenKind, Flavour), SyntaxError> {
        let start = self.position;
        self.position += 1;
        if is_letter(self.peek(0)) {
            self.skip_while(|byte| is_letter(byte) || byte.is_ascii_digit());
        }
        if self.peek(0) != b'$' {
            self.position = start + 1;
            return Ok((TokenKind::Operator, Flavour::Plain));
        }
        self.position += 1;
        let delimiter = &self.sql[start..self.position];
        match self.sql[self.position..].find(delimiter) {
            Some(found) => self.position += found + delimiter.len(),
            None => {
                let what = Flavour::Dollar.unterminated();
                return Err(self.error(what, start, self.bytes.len()));
            }
        }
        Ok((TokenKind::String, Flavour::Dollar))
    }

    fn number(&mut self) -> (TokenKind, Flavour) {
        let digit: Option<fn(u8) -> bool> = match (self.peek(0), self.peek(1) | 0x20) {
            (b'0', b'x') => Some(|byte| byte.is_ascii_hexdigit()),
            (b'0', b'o') => Some(|byte| (b'0'..=b'7').contains(&byte)),
            (b'0', b'b') => Some(|byte| byte == b'0' || byte == b'1'),
            _ => None,
        };
        if let Some(digit) = digit.filter(|digit| digit(self.peek(2)) || self.peek(2) == b'_') {
            self.position += 2;
            self.skip_while(|byte| digit(byte) || byte == b'_');
        } else {
            let digits = |byte: u8| byte.is_ascii_digit() || byte == b'_';
            self.skip_while(digits);
            if self.peek(0) == b'.' && self.peek(1) != b'.' {
                self.position += 1;
                self.skip_while(digits);
            }
            let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
            if matches!(self.peek(0), b'e' | b'E') && self.peek(1 + sign).is_ascii_digit() {
                self.position += 1 + sign;
                self.skip_while(|byte| byte.is_ascii_digit());
            }
        }
        (TokenKind::Number, Flavour::Plain)
    }

    #[inline]
    fn skip_while(&mut self, test: impl Fn(u8) -> bool) {
        let rest = &self.bytes[self.position.min(self.bytes.len())..];
        self.position += rest
            .iter()
            .position(|&byte| !test(byte))
            .unwrap_or(rest.len());
    }

    fn error(&self, what: &str, start: usize, end: usize) -> SyntaxError {
        let text = &self.sql[start..end];
        let shown = match text.char_indices().nth(PREVIEW) {
            Some((cut, _)) => format!("{}...", &text[..cut]),
            None => text.to_owned(),
        };
        SyntaxError {
            message: format!("{what} at or near \"{shown}\""),
            position: self.sql[..start].chars().count() + 1,
        }
    }
}

/// What may begin an identifier: a letter, an underscore, anything beyond ASCII.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

/// How much of a run of operator characters is one operator: up to a comment, without a sign that belongs to the next token.
fn operator_length(bytes: &[u8]) -> usize {
    let run = bytes.iter().take_while(|&&byte| is_operator(byte)).count();
    let comment = bytes[..run]
        .windows(2)
        .skip(1)
        .position(|pair| pair == b"/*" || pair == b"--");
    let run = comment.map_or(run, |found| found + 1);
    if bytes[..run].iter().any(|byte| b"~!@#^&|`?%".contains(byte)) {
        return run;
    }
    let signs = bytes[..run]
        .iter()
        .rev()
        .take_while(|&&byte| byte == b'+' || byte == b'-')
        .count();
    (run - signs).max(1)
}

impl Lexeme {
    /// Its value, as `pgwire_py.sql.Token` defines it; `sql` is the text it comes from.
    pub fn value<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        let raw = &sql[self.start..self.end];
        match (self.kind, self.flavour) {
            (TokenKind::Word, _) => fold(raw),
            (TokenKind::Parameter, _) => Cow::Borrowed(&raw[1..]),
            (TokenKind::Quoted, Flavour::Unicode) => {
                unescape_unicode(undouble(&raw[3..raw.len() - 1], "\"\"", "\""))
            }
            (TokenKind::Quoted, _) => undouble(&raw[1..raw.len() - 1], "\"\"", "\""),
            (TokenKind::String, Flavour::Dollar) => {
                let delimiter = raw[1..].find('$').map_or(1, |found| found + 2);
                Cow::Borrowed(&raw[delimiter..raw.len() - delimiter])
            }
            (TokenKind::String, flavour) => {
                let opening = raw.find('\'').map_or(0, |found| found + 1);
                let contents = &raw[opening..raw.len() - 1];
                match flavour {
                    Flavour::Bits | Flavour::Hex => Cow::Borrowed(contents),
                    Flavour::Escape => unescape(contents),
                    Flavour::Unicode => unescape_unicode(undouble(contents, "''", "'")),
                    _ => undouble(contents, "''", "'"),
                }
            }
            _ => Cow::Borrowed(raw),
        }
    }
}
