//! SQL text as PostgreSQL's lexer sees it: tokens, and the statements of a query string (SQL syntax, 4.1).
//!
//! Strings are read as with `standard_conforming_strings = on`. Where PostgreSQL would go on to complain (`1abc`, an empty quoted
//! identifier), the lexer only cuts: what it serves may speak another dialect. A string constant continued on the next line is one
//! token per line. `UESCAPE` is not looked at: the escape character of `U&''` is the backslash.
//!
//! Offsets are in bytes inside this file and in code points in what it gives out.
use std::borrow::Cow;
use std::collections::VecDeque;

/// Longest piece of SQL shown in an error, in code points.
const PREVIEW: usize = 64;

/// A syntax error, SQLSTATE 42601; `position` is 1-based, in code points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub message: String,
    pub position: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    Word,
    Quoted,
    String,
    Number,
    Parameter,
    Operator,
}

/// One token; `value` as `pgwire_py.sql.Token` defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: TokenKind,
    pub value: Cow<'a, str>,
    pub start: usize,
    pub end: usize,
}

/// One statement; fields as `pgwire_py.sql.Statement` defines them, but `words` may hold repetitions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statement<'a> {
    pub text: &'a str,
    pub start: usize,
    pub keywords: Vec<String>,
    pub words: Vec<Cow<'a, str>>,
    /// Number, start and end.
    pub parameters: Vec<(u32, usize, usize)>,
}

/// Tokens of one statement, comments left out.
pub fn tokenize(sql: &str) -> Result<Vec<Token<'_>>, SyntaxError> {
    let mut lexer = Lexer::new(sql);
    let mut offsets = Offsets::new(sql);
    let mut tokens = Vec::new();
    while let Some(lexeme) = lexer.next()? {
        tokens.push(Token {
            kind: lexeme.kind,
            value: lexeme.value(sql),
            start: offsets.at(lexeme.start),
            end: offsets.at(lexeme.end),
        });
    }
    Ok(tokens)
}

/// The statements of a query string, empty ones left out.
///
/// Semicolons inside parentheses and inside the `BEGIN … END` body of a trigger, function or procedure do not split.
pub fn split_statements(sql: &str) -> Result<Vec<Statement<'_>>, SyntaxError> {
    let mut lexer = Lexer::new(sql);
    let mut offsets = Offsets::new(sql);
    let mut statements = Vec::new();
    let mut current: Option<Draft<'_>> = None;
    while let Some(lexeme) = lexer.next()? {
        let ends = match &current {
            Some(draft) => draft.depth == 0 && draft.body_depth == 0,
            None => true,
        };
        if ends && &sql[lexeme.start..lexeme.end] == ";" {
            statements.extend(current.take().map(|draft| draft.close(sql)));
        } else {
            let draft = current.get_or_insert_with(|| Draft::new(lexeme.start, &mut offsets));
            draft.add(sql, &lexeme, &mut offsets);
        }
    }
    statements.extend(current.take().map(|draft| draft.close(sql)));
    Ok(statements)
}

/// A statement in the making.
struct Draft<'a> {
    statement: Statement<'a>,
    start: usize,
    end: usize,
    /// Up to five leading words: as many as CREATE OR REPLACE TEMP TRIGGER needs.
    head: Vec<Cow<'a, str>>,
    head_open: bool,
    /// Of parentheses.
    depth: usize,
    /// Of BEGIN and CASE inside a routine's body.
    body_depth: usize,
    after_dot: bool,
}

impl<'a> Draft<'a> {
    fn new(start: usize, offsets: &mut Offsets<'_>) -> Self {
        Draft {
            statement: Statement {
                start: offsets.at(start),
                ..Statement::default()
            },
            start,
            end: start,
            head: Vec::with_capacity(5),
            head_open: true,
            depth: 0,
            body_depth: 0,
            after_dot: false,
        }
    }

    fn add(&mut self, sql: &'a str, lexeme: &Lexeme, offsets: &mut Offsets<'_>) {
        self.end = lexeme.end;
        let after_dot = std::mem::take(&mut self.after_dot);
        if lexeme.kind == TokenKind::Word {
            let word = lexeme.value(sql);
            if self.depth == 0 && !after_dot {
                self.nest(&word);
            }
            if self.head_open {
                self.head.push(word.clone());
                self.head_open = self.head.len() < 5;
            }
            self.statement.words.push(word);
            return;
        }
        self.head_open = false;
        match lexeme.kind {
            TokenKind::Quoted => self.statement.words.push(lexeme.value(sql)),
            TokenKind::Parameter => {
                // The lexer has seen to it that it fits.
                let number = sql[lexeme.start + 1..lexeme.end]
                    .parse()
                    .unwrap_or(u32::MAX);
                let base = self.statement.start;
                let start = offsets.at(lexeme.start) - base;
                let end = offsets.at(lexeme.end) - base;
                self.statement.parameters.push((number, start, end));
            }
            TokenKind::Operator => match &sql[lexeme.start..lexeme.end] {
                "(" => self.depth += 1,
                ")" => self.depth = self.depth.saturating_sub(1),
                "." => self.after_dot = true,
                _ => {}
            },
            _ => {}
        }
    }

    fn nest(&mut self, word: &str) {
        match word {
            "begin" if defines_routine(&self.head) => self.body_depth += 1,
            "case" if self.body_depth > 0 => self.body_depth += 1,
            "end" if self.body_depth > 0 => self.body_depth -= 1,
            _ => {}
        }
    }

    fn close(mut self, sql: &'a str) -> Statement<'a> {
        self.statement.text = &sql[self.start..self.end];
        self.statement.keywords = self
            .head
            .iter()
            .take(4)
            .map(|word| word.to_ascii_uppercase())
            .collect();
        self.statement
    }
}

/// Whether leading words begin CREATE [OR REPLACE] [TEMP | CONSTRAINT] TRIGGER, FUNCTION or PROCEDURE.
fn defines_routine(head: &[Cow<'_, str>]) -> bool {
    let mut words = head.iter().map(AsRef::as_ref).collect::<VecDeque<&str>>();
    if words.pop_front() != Some("create") {
        return false;
    }
    if words.front() == Some(&"or") && words.get(1) == Some(&"replace") {
        words.drain(..2);
    }
    if matches!(words.front(), Some(&("temp" | "temporary" | "constraint"))) {
        words.pop_front();
    }
    matches!(words.front(), Some(&("trigger" | "function" | "procedure")))
}

/// What stands before the first quote decides how a string or quoted identifier is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavour {
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
struct Lexeme {
    kind: TokenKind,
    flavour: Flavour,
    start: usize,
    end: usize,
}

struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    position: usize,
    /// A string constant goes on in the same flavour in the next line; errors then point at where it began.
    chain: Option<(Flavour, usize)>,
    newline: bool,
}

impl<'a> Lexer<'a> {
    fn new(sql: &'a str) -> Self {
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

    fn next(&mut self) -> Result<Option<Lexeme>, SyntaxError> {
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
    fn value<'a>(&self, sql: &'a str) -> Cow<'a, str> {
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

/// Lower case of ASCII letters only, as PostgreSQL folds identifiers in UTF-8.
fn fold(word: &str) -> Cow<'_, str> {
    if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(word.to_ascii_lowercase())
    } else {
        Cow::Borrowed(word)
    }
}

fn undouble<'a>(contents: &'a str, doubled: &str, single: &str) -> Cow<'a, str> {
    if contents.contains(doubled) {
        Cow::Owned(contents.replace(doubled, single))
    } else {
        Cow::Borrowed(contents)
    }
}

/// Contents of an `E''` constant; bytes that make no UTF-8 become U+FFFD.
fn unescape(contents: &str) -> Cow<'_, str> {
    if !contents.contains(['\\', '\'']) {
        return Cow::Borrowed(contents);
    }
    let mut out = Vec::with_capacity(contents.len());
    let mut rest = contents.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'\'' {
            // A quote inside the constant is doubled.
            rest = &rest[usize::from(rest.first() == Some(&b'\''))..];
            out.push(b'\'');
        } else if first != b'\\' {
            out.push(first);
        } else if let Some((&escaped, tail)) = rest.split_first() {
            rest = escape(escaped, rest, tail, &mut out);
        } else {
            out.push(first);
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Writes what the escape stands for; `rest` begins with `escaped`, `tail` behind it. Returns what follows.
fn escape<'a>(escaped: u8, rest: &'a [u8], tail: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    match escaped {
        b'b' => out.push(0x08),
        b'f' => out.push(0x0c),
        b'n' => out.push(b'\n'),
        b'r' => out.push(b'\r'),
        b't' => out.push(b'\t'),
        b'0'..=b'7' => {
            let size = count_while(rest, 3, |byte| (b'0'..=b'7').contains(&byte));
            out.push((digits(&rest[..size], 8) & 0xff) as u8);
            return &rest[size..];
        }
        b'x' => {
            let size = count_while(tail, 2, |byte| byte.is_ascii_hexdigit());
            if size == 0 {
                out.push(escaped);
            } else {
                out.push(digits(&tail[..size], 16) as u8);
            }
            return &tail[size..];
        }
        b'u' | b'U' => {
            let wanted = if escaped == b'u' { 4 } else { 8 };
            if count_while(tail, wanted, |byte| byte.is_ascii_hexdigit()) < wanted {
                out.push(escaped);
                return tail;
            }
            let first = digits(&tail[..wanted], 16);
            let (character, used) = match &tail[wanted..] {
                [b'\\', b'u', low @ ..] if escaped == b'u' => pair(first, low, 2),
                _ => (single(first), 0),
            };
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return &tail[wanted + used..];
        }
        other => out.push(other),
    }
    tail
}

/// Contents of `U&''` or `U&""`: `\XXXX`, `\+XXXXXX` and `\\`; any other backslash stands for itself.
fn unescape_unicode(contents: Cow<'_, str>) -> Cow<'_, str> {
    if !contents.contains('\\') {
        return contents;
    }
    let mut out = String::with_capacity(contents.len());
    let mut rest = contents.as_ref();
    while let Some(found) = rest.find('\\') {
        out.push_str(&rest[..found]);
        let tail = &rest.as_bytes()[found + 1..];
        let hex =
            |bytes: &[u8], size| count_while(bytes, size, |byte| byte.is_ascii_hexdigit()) == size;
        let used = if tail.first() == Some(&b'\\') {
            out.push('\\');
            1
        } else if hex(tail, 4) {
            let first = digits(&tail[..4], 16);
            let (character, used) = match &tail[4..] {
                [b'\\', low @ ..] => pair(first, low, 1),
                _ => (single(first), 0),
            };
            out.push(character);
            4 + used
        } else if tail.first() == Some(&b'+') && hex(&tail[1..], 6) {
            out.push(single(digits(&tail[1..7], 16)));
            7
        } else {
            out.push('\\');
            0
        };
        rest = &rest[found + 1 + used..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character of a surrogate pair whose low half may begin `low`, behind `prefix` bytes; else of `first` alone. With the bytes used.
fn pair(first: u32, low: &[u8], prefix: usize) -> (char, usize) {
    if (0xd800..0xdc00).contains(&first)
        && count_while(low, 4, |byte| byte.is_ascii_hexdigit()) == 4
    {
        let second = digits(&low[..4], 16);
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return (single(code), prefix + 4);
        }
    }
    (single(first), 0)
}

/// A character by its code point; U+FFFD for what is none.
fn single(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn count_while(bytes: &[u8], limit: usize, test: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .take(limit)
        .take_while(|&&byte| test(byte))
        .count()
}

fn digits(bytes: &[u8], radix: u32) -> u32 {
    bytes.iter().fold(0u32, |number, &byte| {
        let digit = char::from(byte).to_digit(radix).unwrap_or(0);
        number.wrapping_mul(radix).wrapping_add(digit)
    })
}

/// Byte offsets to code points, asked in ascending order: the text is gone through once.
struct Offsets<'a> {
    bytes: &'a [u8],
    ascii: bool,
    byte: usize,
    point: usize,
}

impl<'a> Offsets<'a> {
    fn new(sql: &'a str) -> Self {
        Offsets {
            bytes: sql.as_bytes(),
            ascii: sql.is_ascii(),
            byte: 0,
            point: 0,
        }
    }

    fn at(&mut self, byte: usize) -> usize {
        if self.ascii {
            return byte;
        }
        let passed = &self.bytes[self.byte..byte];
        self.point += passed.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        self.byte = byte;
        self.point
    }
}
