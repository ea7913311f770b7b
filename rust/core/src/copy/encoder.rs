//! Rows → data. The caller walks rows and columns; what is between the fields, and how each is written, is decided here.
use std::borrow::Cow;

use super::options::{CopyError, Encoding, Format, Header, Options};
use super::{binary, csv, encoding, text};

pub struct Encoder {
    options: Options,
    /// The null marker in the encoding of the data.
    null: Vec<u8>,
}

impl Encoder {
    /// 22P05 if the null marker or, in a header, a name cannot be written in the encoding.
    pub fn new(options: Options) -> Result<Self, CopyError> {
        let null = match (options.format, options.encoding) {
            (Format::Text | Format::Csv, Encoding::Latin1) => {
                encoding::to_latin1(&String::from_utf8_lossy(&options.null))?
            }
            _ => options.null.clone(),
        };
        let encoder = Encoder { options, null };
        encoder.write_header(&mut Vec::new())?;
        Ok(encoder)
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What stands in front of the first row.
    pub fn write_header(&self, out: &mut Vec<u8>) -> Result<(), CopyError> {
        let options = &self.options;
        if options.format == Format::Binary {
            out.extend_from_slice(&binary::HEADER);
        } else if options.header != Header::None {
            for (number, column) in options.columns.iter().enumerate() {
                self.begin_field(number, out);
                let name = self.encoded(column.name.as_bytes(), true)?;
                match options.format {
                    Format::Csv => self.write_csv(false, column.name.as_bytes(), &name, out),
                    _ => text::write(&name, options.delimiter, out),
                }
            }
            out.push(b'\n');
        }
        Ok(())
    }

    /// What stands behind the last row.
    pub fn write_trailer(&self, out: &mut Vec<u8>) {
        if self.options.format == Format::Binary {
            out.extend_from_slice(&binary::TRAILER);
        }
    }

    pub fn begin_row(&self, out: &mut Vec<u8>) {
        if self.options.format == Format::Binary {
            let count = self.options.columns.len() as u16;
            out.extend_from_slice(&count.to_be_bytes());
        }
    }

    /// The end of the row that began at `start`; 54000 if it is too long.
    pub fn end_row(&self, start: usize, out: &mut Vec<u8>) -> Result<(), CopyError> {
        if out.len() - start > self.options.max_row {
            return Err(self.options.too_long());
        }
        if self.options.format != Format::Binary {
            out.push(b'\n');
        }
        Ok(())
    }

    pub fn write_null(&self, column: usize, out: &mut Vec<u8>) {
        if self.options.format == Format::Binary {
            out.extend_from_slice(&(-1i32).to_be_bytes());
        } else {
            self.begin_field(column, out);
            out.extend_from_slice(&self.null);
        }
    }

    /// A field in the text format of its type, or in binary its binary one; `sound`: it is known to be UTF-8 without NUL.
    pub fn write_field(
        &self,
        column: usize,
        field: &[u8],
        sound: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), CopyError> {
        match self.options.format {
            Format::Binary => {
                let Ok(length) = i32::try_from(field.len()) else {
                    return Err(self.options.too_long());
                };
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(field);
            }
            Format::Text => {
                self.begin_field(column, out);
                text::write(&self.encoded(field, sound)?, self.options.delimiter, out);
            }
            Format::Csv => {
                self.begin_field(column, out);
                let encoded = self.encoded(field, sound)?;
                let force = self.options.columns[column].force_quote;
                self.write_csv(force, field, &encoded, out);
            }
        }
        Ok(())
    }

    /// The row in the body of a DataRow message, whose fields are in the text format, or in binary in the binary one.
    pub fn data_row(&self, body: &[u8], row: usize, out: &mut Vec<u8>) -> Result<(), CopyError> {
        let broken = || CopyError::new("XX000", "a DataRow message does not fit its columns");
        let begin = out.len();
        let (count, mut rest) = body.split_first_chunk::<2>().ok_or_else(broken)?;
        let columns = self.options.columns.len();
        if u16::from_be_bytes(*count) as usize != columns {
            return Err(broken());
        }
        if self.options.format == Format::Binary {
            out.extend_from_slice(body); // the layout is the same
        } else {
            for column in 0..columns {
                let (length, behind) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
                rest = behind;
                let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                    self.write_null(column, out);
                    continue;
                };
                let (field, behind) = rest.split_at_checked(length).ok_or_else(broken)?;
                rest = behind;
                self.write_field(column, field, false, out)
                    .map_err(|error| error.context(format!("row {row}, column {}", column + 1)))?;
            }
        }
        self.end_row(begin, out)
            .map_err(|error| error.context(format!("row {row}")))
    }

    #[inline]
    fn begin_field(&self, column: usize, out: &mut Vec<u8>) {
        if column > 0 {
            out.push(self.options.delimiter);
        }
    }

    fn write_csv(&self, force: bool, field: &[u8], encoded: &[u8], out: &mut Vec<u8>) {
        let options = &self.options;
        // What looks like NULL is told by its quotes.
        let quoted = force
            || field == options.null
            || csv::needs_quotes(encoded, options.columns.len() == 1, options);
        if quoted {
            csv::write_quoted(encoded, options, out);
        } else {
            out.extend_from_slice(encoded);
        }
    }

    /// The field in the encoding of the data.
    fn encoded<'a>(&self, field: &'a [u8], sound: bool) -> Result<Cow<'a, [u8]>, CopyError> {
        if !sound {
            encoding::check_field(self.options.encoding, field)?;
        }
        if self.options.encoding == Encoding::Latin1 && !field.is_ascii() {
            return Ok(Cow::Owned(encoding::to_latin1(&String::from_utf8_lossy(
                field,
            ))?));
        }
        Ok(Cow::Borrowed(field))
    }
}
