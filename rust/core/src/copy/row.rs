//! One row while it is taken apart: where each field's bytes stand.
use super::options::{CopyError, Format, Options};

/// Where the bytes of a field are.
#[derive(Clone, Copy, Debug)]
pub enum Span {
    Null,
    Default,
    /// In the line as it came.
    Line(usize, usize),
    /// In the scratch space, de-escaped.
    Scratch(usize, usize),
    /// The null marker, taken as text by FORCE_NOT_NULL.
    NullText,
}

/// A decoded field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    Null,
    /// The `default` marker stood there.
    Default,
    Data(&'a [u8]),
}

/// Space that is used again for each row.
#[derive(Debug, Default)]
pub struct RowBuffer {
    pub spans: Vec<Span>,
    pub scratch: Vec<u8>,
    /// Fields seen, those beyond the columns included.
    pub count: usize,
}

impl RowBuffer {
    pub fn clear(&mut self) {
        self.spans.clear();
        self.scratch.clear();
        self.count = 0;
    }

    /// Adds a field without quotes, which may be a marker: `raw` is its text before escapes were removed.
    #[inline]
    pub fn add(&mut self, options: &Options, raw: &[u8], span: Span) -> Result<(), CopyError> {
        if raw == options.null {
            self.push(options, Span::Null);
            return Ok(());
        }
        self.add_quoted(options, raw, span)
    }

    /// Adds a field that cannot be the null marker.
    #[inline]
    pub fn add_quoted(
        &mut self,
        options: &Options,
        raw: &[u8],
        span: Span,
    ) -> Result<(), CopyError> {
        if options.default.as_deref() == Some(raw)
            && let Some(column) = options.columns.get(self.count)
        {
            if !column.has_default {
                let detail = format!("Column \"{}\" has no default value.", column.name);
                return Err(CopyError {
                    detail: Some(detail),
                    ..CopyError::format("unexpected default marker in COPY data")
                });
            }
            self.push(options, Span::Default);
        } else {
            self.push(options, span);
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, options: &Options, span: Span) {
        if self.count < options.columns.len() {
            self.spans.push(span);
        }
        self.count += 1;
    }

    /// What FORCE_NOT_NULL and FORCE_NULL ask for.
    pub fn force(&mut self, line: &[u8], options: &Options) {
        if options.format != Format::Csv {
            return;
        }
        for (span, column) in self.spans.iter_mut().zip(&options.columns) {
            let data = match *span {
                Span::Null if column.force_not_null => {
                    *span = Span::NullText;
                    continue;
                }
                Span::Line(from, to) => &line[from..to],
                Span::Scratch(from, to) => &self.scratch[from..to],
                _ => continue,
            };
            if column.force_null && data == options.null {
                *span = Span::Null;
            }
        }
    }
}

/// A whole row, as the caller of a decoder gets it.
pub struct Row<'a> {
    /// Number of the line, or of the row in binary, from 1.
    pub line: u64,
    pub(super) data: &'a [u8],
    pub(super) buffer: &'a RowBuffer,
    pub(super) options: &'a Options,
}

impl<'a> Row<'a> {
    pub fn options(&self) -> &'a Options {
        self.options
    }

    /// The fields, as many as there are columns.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'a>> {
        let (data, buffer, options) = (self.data, self.buffer, self.options);
        buffer.spans.iter().map(move |span| match *span {
            Span::Null => Field::Null,
            Span::Default => Field::Default,
            Span::Line(from, to) => Field::Data(&data[from..to]),
            Span::Scratch(from, to) => Field::Data(&buffer.scratch[from..to]),
            Span::NullText => Field::Data(&options.null),
        })
    }

    /// Appends the row as a DataRow message; XX000 where a default marker stands in it.
    pub fn write_data_row(&self, out: &mut Vec<u8>) -> Result<(), CopyError> {
        let begin = out.len();
        out.extend_from_slice(b"D\0\0\0\0");
        let fields = self.fields();
        out.extend_from_slice(&(fields.len() as u16).to_be_bytes());
        for field in fields {
            match field {
                Field::Null => out.extend_from_slice(&(-1i32).to_be_bytes()),
                Field::Default => {
                    out.truncate(begin);
                    return Err(CopyError::new("XX000", "a DataRow has no default marker"));
                }
                Field::Data(data) => {
                    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
                    out.extend_from_slice(data);
                }
            }
        }
        // A line is far shorter than 4 GB: `max_row`, and no field is larger than its text.
        let length = (out.len() - begin - 1) as u32;
        out[begin + 1..begin + 5].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}
