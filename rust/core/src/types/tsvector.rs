//! tsvector (PostgreSQL 8.11.1): lexemes in order, each once, with the places and weights they were met at.
use super::{Result, ValueError, array, clip, text};

/// Most bytes of a lexeme.
pub const MAX_WORD: usize = 2046;
/// Most bytes of all lexemes and positions.
const MAX_BYTES: usize = (1 << 20) - 1;
const MAX_POSITION: u16 = 16_383;
const MAX_POSITIONS: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lexeme {
    pub word: String,
    /// Positions in order; the two upper bits are the weight: 3 is A, 0 is D.
    pub positions: Vec<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsVector {
    lexemes: Vec<Lexeme>,
}

impl TsVector {
    pub fn parse(input: &str) -> Result<TsVector> {
        let mut lexer = Lexer {
            input,
            rest: input,
            query: false,
        };
        let mut lexemes = Vec::new();
        while let Some(word) = lexer.word()? {
            if word.len() > MAX_WORD {
                let message = format!(
                    "word is too long ({} bytes, max {MAX_WORD} bytes)",
                    word.len()
                );
                return Err(ValueError::new("54000", message));
            }
            let positions = lexer.positions()?;
            lexemes.push(Lexeme { word, positions });
        }
        lexemes.sort_by(|a, b| a.word.cmp(&b.word));
        lexemes.dedup_by(|next, kept| {
            let same = next.word == kept.word;
            if same {
                kept.positions.append(&mut next.positions);
            }
            same
        });
        for lexeme in &mut lexemes {
            let positions = &mut lexeme.positions;
            // The weightiest of those at the same place is kept.
            positions.sort_by_key(|position| (position & MAX_POSITION, !position >> 14));
            positions.dedup_by_key(|position| *position & MAX_POSITION);
            positions.truncate(MAX_POSITIONS);
        }
        check_size(lexemes.iter().map(size).sum())?;
        Ok(TsVector { lexemes })
    }

    pub fn from_binary(bytes: &[u8]) -> Result<TsVector> {
        let mut rest = bytes;
        // Every lexeme takes three bytes at least: more of them than that cannot be there.
        let count = usize::try_from(array::word(&mut rest)?)
            .ok()
            .filter(|count| *count <= rest.len() / 3)
            .ok_or_else(ValueError::binary)?;
        let mut lexemes = Vec::with_capacity(count);
        for _ in 0..count {
            let word = string(&mut rest)?.to_owned();
            let positions = usize::from(u16::from_be_bytes(take(&mut rest)?));
            if word.len() > MAX_WORD || positions > MAX_POSITIONS {
                return Err(ValueError::binary());
            }
            let positions = (0..positions)
                .map(|_| take(&mut rest).map(u16::from_be_bytes))
                .collect::<Result<Vec<_>>>()?;
            if !positions.is_sorted_by(|a, b| a & MAX_POSITION < b & MAX_POSITION) {
                let message = "position information is misordered";
                return Err(ValueError::new("22P03", message));
            }
            lexemes.push(Lexeme { word, positions });
        }
        if !rest.is_empty() {
            return Err(ValueError::binary());
        }
        check_size(lexemes.iter().map(size).sum())?;
        lexemes.sort_by(|a, b| a.word.cmp(&b.word));
        Ok(TsVector { lexemes })
    }

    pub fn write_text(&self, out: &mut Vec<u8>) {
        for (index, lexeme) in self.lexemes.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            write_word(out, &lexeme.word);
            for (index, position) in lexeme.positions.iter().enumerate() {
                out.push(if index == 0 { b':' } else { b',' });
                super::integers::write_text(out, i64::from(position & MAX_POSITION));
                match position >> 14 {
                    3 => out.push(b'A'),
                    2 => out.push(b'B'),
                    1 => out.push(b'C'),
                    _ => {}
                }
            }
        }
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&array::size_word(self.lexemes.len())?);
        for lexeme in &self.lexemes {
            out.extend_from_slice(lexeme.word.as_bytes());
            out.push(0);
            out.extend_from_slice(&(lexeme.positions.len() as u16).to_be_bytes());
            for position in &lexeme.positions {
                out.extend_from_slice(&position.to_be_bytes());
            }
        }
        Ok(())
    }
}

fn size(lexeme: &Lexeme) -> usize {
    lexeme.word.len() + 2 * lexeme.positions.len()
}

fn check_size(size: usize) -> Result<()> {
    if size > MAX_BYTES {
        let message =
            format!("string is too long for tsvector ({size} bytes, max {MAX_BYTES} bytes)");
        return Err(ValueError::new("54000", message));
    }
    Ok(())
}

/// Appends a lexeme in single quotes; those inside, and backslashes, are doubled.
pub fn write_word(out: &mut Vec<u8>, word: &str) {
    out.push(b'\'');
    for byte in word.bytes() {
        if matches!(byte, b'\'' | b'\\') {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'\'');
}

/// A text that a NUL ends.
pub fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a str> {
    let end = memchr::memchr(0, rest).ok_or_else(ValueError::binary)?;
    let found = text::from_utf8(&rest[..end])?;
    *rest = &rest[end + 1..];
    Ok(found)
}

pub fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
    let (head, tail) = rest
        .split_first_chunk::<N>()
        .ok_or_else(ValueError::binary)?;
    *rest = tail;
    Ok(*head)
}

/// Reads lexemes as tsvector_parser.c does, of a tsquery too.
pub struct Lexer<'a> {
    pub input: &'a str,
    pub rest: &'a str,
    /// Operators end a word, and what follows a colon is not read.
    pub query: bool,
}

impl<'a> Lexer<'a> {
    fn syntax(&self) -> ValueError {
        let name = if self.query { "tsquery" } else { "tsvector" };
        let message = format!("syntax error in {name}: \"{}\"", clip(self.input));
        ValueError::new("42601", message)
    }

    fn is_operator(&self, character: char) -> bool {
        self.query && matches!(character, '!' | '&' | '|' | '(' | ')' | '<')
    }

    /// The next lexeme, quoted or not; None at the end.
    pub fn word(&mut self) -> Result<Option<String>> {
        self.rest = super::quoted::skip_space(self.rest);
        let mut word = String::new();
        let mut characters = self.rest.char_indices().peekable();
        let escaped = |next: Option<(usize, char)>| {
            next.map(|(_, character)| character).ok_or_else(|| {
                let message = format!("there is no escaped character: \"{}\"", clip(self.input));
                ValueError::new("42601", message)
            })
        };
        match characters.peek() {
            None => return Ok(None),
            Some((_, '\'')) => {
                characters.next();
                loop {
                    match characters.next() {
                        None => return Err(self.syntax()),
                        Some((_, '\\')) => word.push(escaped(characters.next())?),
                        Some((_, '\'')) => {
                            if characters.next_if(|(_, next)| *next == '\'').is_none() {
                                break;
                            }
                            word.push('\'');
                        }
                        Some((_, character)) => word.push(character),
                    }
                }
                if word.is_empty() {
                    return Err(self.syntax());
                }
            }
            Some((_, first)) if self.is_operator(*first) => return Err(self.syntax()),
            Some(_) => {
                while let Some((_, character)) = characters.next_if(|(at, character)| {
                    // Only the first character may be a colon.
                    let ends = character.is_ascii() && text::is_space(*character as u8)
                        || self.is_operator(*character)
                        || *character == ':' && *at > 0;
                    !ends
                }) {
                    word.push(if character == '\\' {
                        escaped(characters.next())?
                    } else {
                        character
                    });
                }
            }
        }
        let end = characters.peek().map_or(self.rest.len(), |(at, _)| *at);
        self.rest = &self.rest[end..];
        Ok(Some(word))
    }

    /// What follows a lexeme: `:1A,2`.
    fn positions(&mut self) -> Result<Vec<u16>> {
        let mut positions = Vec::new();
        let Some(mut rest) = self.rest.strip_prefix(':') else {
            return Ok(positions);
        };
        loop {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return Err(self.syntax());
            }
            let position = rest[..digits].bytes().fold(0u32, |value, digit| {
                (value * 10 + u32::from(digit - b'0')).min(MAX_POSITION.into())
            }) as u16;
            if position == 0 {
                let message = format!("wrong position info in tsvector: \"{}\"", clip(self.input));
                return Err(ValueError::new("42601", message));
            }
            rest = &rest[digits..];
            let mut weight = 0;
            // Digits may follow the weight too and say nothing.
            let more = loop {
                let Some(next) = rest.chars().next() else {
                    break false;
                };
                match next {
                    ',' => break true,
                    _ if next.is_ascii() && text::is_space(next as u8) => break false,
                    'a' | 'A' | '*' if weight == 0 => weight = 3,
                    'b' | 'B' if weight == 0 => weight = 2,
                    'c' | 'C' if weight == 0 => weight = 1,
                    'd' | 'D' if weight == 0 => {}
                    '0'..='9' => {}
                    _ => return Err(self.syntax()),
                }
                rest = &rest[1..];
            };
            positions.push(weight << 14 | position);
            if !more {
                self.rest = rest;
                return Ok(positions);
            }
            rest = &rest[1..];
        }
    }
}
