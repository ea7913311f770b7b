//! SQL text as PostgreSQL's lexer sees it: tokens, and the statements of a query string (SQL syntax, 4.1).
//!
//! Strings are read as with `standard_conforming_strings = on`. Where PostgreSQL would go on to complain (`1abc`, an empty quoted
//! identifier), the lexer only cuts: what it serves may speak another dialect. A string constant continued on the next line is one
//! token per line. `UESCAPE` is not looked at: the escape character of `U&''` is the backslash.
//!
//! Offsets are in bytes inside this file and in code points in what it gives out.
mod escapes;
mod scan;

use std::borrow::Cow;
use std::collections::VecDeque;

use scan::{Lexeme, Lexer};

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
