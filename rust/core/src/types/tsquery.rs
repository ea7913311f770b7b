//! tsquery (PostgreSQL 8.11.2): lexemes joined by operators. Nothing here recurses: queries may be nested as deep as they are long.
use super::tsvector::{Lexer, MAX_WORD, string, take, write_word};
use super::{Result, ValueError, array, clip, integers, quoted};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Word {
        word: String,
        /// Bit 3 is A, bit 0 is D.
        weight: u8,
        prefix: bool,
    },
    Operator(Operator),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Not,
    And,
    Or,
    Phrase(i16),
}

impl Operator {
    fn priority(self) -> u8 {
        match self {
            Operator::Or => 1,
            Operator::And => 2,
            Operator::Phrase(_) => 3,
            Operator::Not => 4,
        }
    }
}

/// Items as in the binary format: an operator stands before its right operand, which stands before the left one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsQuery {
    items: Vec<Item>,
}

const WORD: u8 = 1;
const OPERATOR: u8 = 2;
const MAX_DISTANCE: u32 = 16_384;

impl TsQuery {
    pub fn parse(input: &str) -> Result<TsQuery> {
        let mut parser = Parser {
            lexer: Lexer {
                input,
                rest: input,
                query: true,
            },
            items: Vec::new(),
            operators: Vec::new(),
        };
        parser.run()?;
        let mut items = parser.items;
        items.reverse();
        Ok(TsQuery { items })
    }

    pub fn from_binary(bytes: &[u8]) -> Result<TsQuery> {
        let mut rest = bytes;
        // Every item takes two bytes at least: more of them than that cannot be there.
        let count = usize::try_from(array::word(&mut rest)?)
            .ok()
            .filter(|count| *count <= rest.len() / 2)
            .ok_or_else(ValueError::binary)?;
        let mut items = Vec::with_capacity(count);
        // Operands that are still to come.
        let mut wanted = usize::from(count > 0);
        for _ in 0..count {
            if wanted == 0 {
                return Err(ValueError::binary());
            }
            wanted -= 1;
            let item = Item::from_binary(&mut rest)?;
            match item {
                Item::Word { .. } => {}
                Item::Operator(Operator::Not) => wanted += 1,
                Item::Operator(_) => wanted += 2,
            }
            items.push(item);
        }
        if wanted > 0 || !rest.is_empty() {
            return Err(ValueError::binary());
        }
        Ok(TsQuery { items })
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&array::size_word(self.items.len())?);
        for item in &self.items {
            match item {
                Item::Word {
                    word,
                    weight,
                    prefix,
                } => {
                    out.extend_from_slice(&[WORD, *weight, u8::from(*prefix)]);
                    out.extend_from_slice(word.as_bytes());
                    out.push(0);
                }
                Item::Operator(Operator::Not) => out.extend_from_slice(&[OPERATOR, 1]),
                Item::Operator(Operator::And) => out.extend_from_slice(&[OPERATOR, 2]),
                Item::Operator(Operator::Or) => out.extend_from_slice(&[OPERATOR, 3]),
                Item::Operator(Operator::Phrase(distance)) => {
                    out.extend_from_slice(&[OPERATOR, 4]);
                    out.extend_from_slice(&distance.to_be_bytes());
                }
            }
        }
        Ok(())
    }

    pub fn write_text(&self, out: &mut Vec<u8>) {
        enum Task {
            Text(&'static [u8]),
            Between(Operator),
            Node {
                at: usize,
                /// Priority of the operator around it, and whether it is the right operand of a phrase.
                around: u8,
                right_of_phrase: bool,
            },
        }
        if self.items.is_empty() {
            return;
        }
        let ends = self.ends();
        let mut tasks = vec![Task::Node {
            at: 0,
            around: 0,
            right_of_phrase: false,
        }];
        while let Some(task) = tasks.pop() {
            let (at, around, right_of_phrase) = match task {
                Task::Text(text) => {
                    out.extend_from_slice(text);
                    continue;
                }
                Task::Between(operator) => {
                    write_operator(out, operator);
                    continue;
                }
                Task::Node {
                    at,
                    around,
                    right_of_phrase,
                } => (at, around, right_of_phrase),
            };
            let operator = match &self.items[at] {
                Item::Word {
                    word,
                    weight,
                    prefix,
                } => {
                    write_operand(out, word, *weight, *prefix);
                    continue;
                }
                Item::Operator(operator) => *operator,
            };
            let priority = operator.priority();
            let is_phrase = matches!(operator, Operator::Phrase(_));
            if operator == Operator::Not {
                out.push(b'!');
                tasks.push(Task::Node {
                    at: at + 1,
                    around: priority,
                    right_of_phrase: false,
                });
                continue;
            }
            if priority < around || is_phrase && right_of_phrase {
                out.extend_from_slice(b"( ");
                tasks.push(Task::Text(b" )"));
            }
            tasks.push(Task::Node {
                at: at + 1,
                around: priority,
                right_of_phrase: is_phrase,
            });
            tasks.push(Task::Between(operator));
            tasks.push(Task::Node {
                at: ends[at + 1],
                around: priority,
                right_of_phrase: false,
            });
        }
    }

    /// Where the operand that begins at each item ends.
    fn ends(&self) -> Vec<usize> {
        let mut ends = vec![0; self.items.len()];
        for (at, item) in self.items.iter().enumerate().rev() {
            ends[at] = match item {
                Item::Word { .. } => at + 1,
                Item::Operator(Operator::Not) => ends[at + 1],
                Item::Operator(_) => ends[ends[at + 1]],
            };
        }
        ends
    }
}

impl Item {
    fn from_binary(rest: &mut &[u8]) -> Result<Item> {
        let [kind, code] = take(rest)?;
        Ok(match (kind, code) {
            (WORD, 0..=15) => {
                let [prefix] = take(rest)?;
                let word = string(rest)?.to_owned();
                if word.len() > MAX_WORD {
                    return Err(ValueError::binary());
                }
                Item::Word {
                    word,
                    weight: code,
                    prefix: prefix != 0,
                }
            }
            (OPERATOR, 1) => Item::Operator(Operator::Not),
            (OPERATOR, 2) => Item::Operator(Operator::And),
            (OPERATOR, 3) => Item::Operator(Operator::Or),
            (OPERATOR, 4) => Item::Operator(Operator::Phrase(i16::from_be_bytes(take(rest)?))),
            _ => return Err(ValueError::binary()),
        })
    }
}

fn write_operand(out: &mut Vec<u8>, word: &str, weight: u8, prefix: bool) {
    write_word(out, word);
    if weight > 0 || prefix {
        out.push(b':');
    }
    if prefix {
        out.push(b'*');
    }
    for (bit, letter) in [(8, b'A'), (4, b'B'), (2, b'C'), (1, b'D')] {
        if weight & bit != 0 {
            out.push(letter);
        }
    }
}

fn write_operator(out: &mut Vec<u8>, operator: Operator) {
    match operator {
        Operator::Or => out.extend_from_slice(b" | "),
        Operator::And => out.extend_from_slice(b" & "),
        Operator::Phrase(1) => out.extend_from_slice(b" <-> "),
        Operator::Phrase(distance) => {
            out.extend_from_slice(b" <");
            integers::write_text(out, distance.into());
            out.extend_from_slice(b"> ");
        }
        Operator::Not => {}
    }
}

/// Reads as tsquery.c does; None on the stack of operators is an open parenthesis.
struct Parser<'a> {
    lexer: Lexer<'a>,
    /// Operands before their operators.
    items: Vec<Item>,
    operators: Vec<Option<Operator>>,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<()> {
        let syntax = |parser: &Self| {
            let message = format!("syntax error in tsquery: \"{}\"", clip(parser.lexer.input));
            ValueError::new("42601", message)
        };
        let mut first = true;
        loop {
            // An operand is due, with what may stand before it.
            self.lexer.rest = quoted::skip_space(self.lexer.rest);
            match self.lexer.rest.bytes().next() {
                Some(b'!') => {
                    self.skip();
                    self.operators.push(Some(Operator::Not));
                    first = false;
                    continue;
                }
                Some(b'(') => {
                    self.skip();
                    self.operators.push(None);
                    first = false;
                    continue;
                }
                Some(b':') => return Err(syntax(self)),
                _ => {}
            }
            let Some(word) = self.lexer.word()? else {
                if first {
                    return Ok(());
                }
                let message = format!("no operand in tsquery: \"{}\"", clip(self.lexer.input));
                return Err(ValueError::new("42601", message));
            };
            first = false;
            self.operand(word)?;
            // An operator is due, behind parentheses that close.
            loop {
                self.lexer.rest = quoted::skip_space(self.lexer.rest);
                let operator = match self.lexer.rest.bytes().next() {
                    None => {
                        self.reduce(1);
                        return if self.operators.is_empty() {
                            Ok(())
                        } else {
                            Err(syntax(self))
                        };
                    }
                    Some(b')') => {
                        self.skip();
                        self.reduce(1);
                        if self.operators.pop().is_none() {
                            return Err(syntax(self));
                        }
                        continue;
                    }
                    Some(b'&') => Operator::And,
                    Some(b'|') => Operator::Or,
                    _ => {
                        let distance = self.distance()?.ok_or_else(|| syntax(self))?;
                        self.reduce(3);
                        self.operators.push(Some(Operator::Phrase(distance)));
                        break;
                    }
                };
                self.skip();
                self.reduce(operator.priority());
                self.operators.push(Some(operator));
                break;
            }
        }
    }

    fn skip(&mut self) {
        self.lexer.rest = &self.lexer.rest[1..];
    }

    /// Moves operators that bind at least as strongly behind their operands, up to the last parenthesis.
    fn reduce(&mut self, priority: u8) {
        while let Some(Some(operator)) = self.operators.last() {
            if priority > operator.priority() {
                break;
            }
            self.items.push(Item::Operator(*operator));
            self.operators.pop();
        }
    }

    fn operand(&mut self, word: String) -> Result<()> {
        if word.len() > MAX_WORD {
            let message = format!("word is too long in tsquery: \"{}\"", clip(&word));
            return Err(ValueError::new("54000", message));
        }
        let (mut weight, mut prefix) = (0, false);
        if self.lexer.rest.starts_with(':') {
            self.skip();
            loop {
                match self.lexer.rest.bytes().next() {
                    Some(b'a' | b'A') => weight |= 8,
                    Some(b'b' | b'B') => weight |= 4,
                    Some(b'c' | b'C') => weight |= 2,
                    Some(b'd' | b'D') => weight |= 1,
                    Some(b'*') => prefix = true,
                    _ => break,
                }
                self.skip();
            }
        }
        self.items.push(Item::Word {
            word,
            weight,
            prefix,
        });
        Ok(())
    }

    /// Of `<->` or `<2>`; None for anything else.
    fn distance(&mut self) -> Result<Option<i16>> {
        let Some(rest) = self.lexer.rest.strip_prefix('<') else {
            return Ok(None);
        };
        if let Some(rest) = rest.strip_prefix("->") {
            self.lexer.rest = rest;
            return Ok(Some(1));
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Ok(None);
        }
        let distance = rest[..digits].bytes().fold(0u32, |value, digit| {
            (value * 10 + u32::from(digit - b'0')).min(MAX_DISTANCE + 1)
        });
        if distance > MAX_DISTANCE {
            let message = format!(
                "distance in phrase operator must be an integer value between zero and {MAX_DISTANCE} inclusive"
            );
            return Err(ValueError::new("22023", message));
        }
        let Some(rest) = rest[digits..].strip_prefix('>') else {
            return Ok(None);
        };
        self.lexer.rest = rest;
        Ok(Some(distance as i16))
    }
}
