//! What both directions of COPY are told: format, separators, columns, limits (checked before, in `pgwire_py/copy.py`).
use std::borrow::Cow;

/// The layout of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Csv,
    Binary,
}

/// What the first line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    None,
    Line,
    /// Its names must be the columns' names.
    Match,
}

/// The encoding of text and CSV data; fields are UTF-8 on our side, or any bytes with `SqlAscii`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Latin1,
    SqlAscii,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub force_quote: bool,
    pub force_not_null: bool,
    pub force_null: bool,
    /// Whether it has a default that the `default` marker can stand for.
    pub has_default: bool,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub format: Format,
    pub columns: Vec<Column>,
    /// Name of the table in the context of errors.
    pub table: String,
    pub delimiter: u8,
    pub null: Vec<u8>,
    pub default: Option<Vec<u8>>,
    pub header: Header,
    pub quote: u8,
    pub escape: u8,
    pub encoding: Encoding,
    /// Whether `\.` has the meaning it had before PostgreSQL 18.
    pub legacy_end: bool,
    /// Most bytes of one row: a line, or a binary row with its lengths.
    pub max_row: usize,
}

/// An error as PostgreSQL reports it: `context` is the field `W` of ErrorResponse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyError {
    pub sqlstate: &'static str,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<&'static str>,
    pub context: Option<String>,
}

impl CopyError {
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        CopyError {
            sqlstate,
            message: message.into(),
            detail: None,
            hint: None,
            context: None,
        }
    }

    /// 22P04.
    pub fn format(message: impl Into<String>) -> Self {
        CopyError::new("22P04", message)
    }

    pub fn hint(self, hint: &'static str) -> Self {
        CopyError {
            hint: Some(hint),
            ..self
        }
    }

    pub fn context(self, context: String) -> Self {
        CopyError {
            context: Some(context),
            ..self
        }
    }
}

impl Options {
    /// Whether the raw text of a field is one of the markers.
    pub fn is_marker(&self, raw: &[u8]) -> bool {
        raw == self.null || self.default.as_deref() == Some(raw)
    }

    /// 54000: more than `max_row` bytes.
    pub fn too_long(&self) -> CopyError {
        let message = format!("a row of COPY data exceeds {} bytes", self.max_row);
        CopyError::new("54000", message)
    }

    /// `COPY t, line 3`
    pub fn at_line(&self, line: u64) -> String {
        format!("COPY {}, line {line}", self.table)
    }

    /// `COPY t, line 3: "the line"`
    pub fn at_text(&self, line: u64, text: &[u8]) -> String {
        format!("{}: \"{}\"", self.at_line(line), shown(text))
    }

    /// `COPY t, line 3, column c`
    pub fn at_column(&self, line: u64, column: usize) -> String {
        format!(
            "{}, column {}",
            self.at_line(line),
            self.columns[column].name
        )
    }

    /// Where a value stands that its type does not take: with the value, unless it is binary.
    pub fn at_value(&self, line: u64, column: usize, value: &[u8]) -> String {
        let place = self.at_column(line, column);
        if self.format == Format::Binary {
            return place;
        }
        format!("{place}: \"{}\"", shown(value))
    }
}

/// Most bytes of a line or value that an error shows.
const SHOWN: usize = 100;

fn shown(text: &[u8]) -> Cow<'_, str> {
    if text.len() <= SHOWN {
        return String::from_utf8_lossy(text);
    }
    let mut end = SHOWN;
    while end > SHOWN - 3 && text[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    Cow::Owned(format!("{}...", String::from_utf8_lossy(&text[..end])))
}
