//! The binary format: a header, rows of fields with their lengths, a trailer (PostgreSQL: COPY, "Binary Format").
use super::Stop;
use super::options::{CopyError, Options};
use super::row::{Row, RowBuffer, Span};

pub const SIGNATURE: [u8; 11] = *b"PGCOPY\n\xff\r\n\0";
/// The signature, flags, and the length of no extension.
pub const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Instead of a row's number of fields.
pub const TRAILER: [u8; 2] = [0xff, 0xff];

#[derive(Debug, Default)]
enum Part {
    #[default]
    Header,
    /// Bytes of the header's extension that are still to be skipped.
    Extension(usize),
    /// Between two rows.
    Count,
    /// Within a row.
    Fields,
    Trailer,
}

#[derive(Debug, Default)]
pub struct BinaryDecoder {
    buffer: Vec<u8>,
    part: Part,
    /// How far the row was read, counted from its beginning.
    read: usize,
    rows: u64,
    row: RowBuffer,
    pub ended: bool,
}

impl BinaryDecoder {
    pub fn feed<E>(
        &mut self,
        options: &Options,
        data: &[u8],
        last: bool,
        sink: &mut dyn FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), Stop<E>> {
        if self.buffer.is_empty() {
            let consumed = self.run(options, data, last, sink)?;
            self.buffer = data[consumed..].to_vec();
        } else {
            let mut owned = std::mem::take(&mut self.buffer);
            owned.extend_from_slice(data);
            let consumed = self.run(options, &owned, last, sink)?;
            owned.drain(..consumed);
            self.buffer = owned;
        }
        Ok(())
    }

    /// Hands out the rows that are complete; where the first incomplete part begins.
    fn run<E>(
        &mut self,
        options: &Options,
        bytes: &[u8],
        last: bool,
        sink: &mut dyn FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<usize, Stop<E>> {
        let mut start = 0;
        loop {
            let rest = &bytes[start..];
            match self.part {
                Part::Header => match header(rest, last)? {
                    None => return Ok(start),
                    Some(extension) => {
                        start += HEADER.len();
                        self.part = Part::Extension(extension);
                    }
                },
                Part::Extension(length) => {
                    let skipped = length.min(rest.len());
                    start += skipped;
                    if skipped == length {
                        self.part = Part::Count;
                        continue;
                    }
                    if last {
                        let message = "invalid COPY file header (wrong length)";
                        return Err(CopyError::format(message).into());
                    }
                    self.part = Part::Extension(length - skipped);
                    return Ok(start);
                }
                Part::Count => {
                    let Some(count) = rest.first_chunk().map(|bytes| i16::from_be_bytes(*bytes))
                    else {
                        return Ok(start);
                    };
                    if count == -1 {
                        start += 2;
                        self.ended = true;
                        self.part = Part::Trailer;
                        continue;
                    }
                    if usize::try_from(count) != Ok(options.columns.len()) {
                        let message = format!(
                            "row field count is {count}, expected {}",
                            options.columns.len()
                        );
                        return Err(self.at_row(options, CopyError::format(message)).into());
                    }
                    self.row.clear();
                    self.read = 2;
                    self.part = Part::Fields;
                }
                Part::Fields => {
                    if !self.fields(options, rest, last)? {
                        return Ok(start);
                    }
                    self.rows += 1;
                    let row = Row {
                        line: self.rows,
                        data: rest,
                        buffer: &self.row,
                        options,
                    };
                    sink(&row).map_err(Stop::Sink)?;
                    start += self.read;
                    self.part = Part::Count;
                }
                Part::Trailer => {
                    if rest.is_empty() {
                        return Ok(start);
                    }
                    let error = CopyError::format("received copy data after EOF marker");
                    return Err(self.at_row(options, error).into());
                }
            }
        }
    }

    /// Reads on in a row; whether it is complete.
    fn fields(&mut self, options: &Options, row: &[u8], last: bool) -> Result<bool, CopyError> {
        for column in self.row.spans.len()..options.columns.len() {
            let place = |error: CopyError| error.context(options.at_column(self.rows + 1, column));
            let cut = || place(CopyError::format("unexpected EOF in COPY data"));
            let Some(size) = row[self.read..].first_chunk() else {
                return if last { Err(cut()) } else { Ok(false) };
            };
            let size = i32::from_be_bytes(*size);
            let begin = self.read + 4;
            if size == -1 {
                self.row.spans.push(Span::Null);
                self.read = begin;
                continue;
            }
            let Ok(size) = usize::try_from(size) else {
                return Err(place(CopyError::format("invalid field size")));
            };
            if begin.saturating_add(size) > options.max_row {
                return Err(place(options.too_long()));
            }
            if row.len() - begin < size {
                return if last { Err(cut()) } else { Ok(false) };
            }
            self.row.spans.push(Span::Line(begin, begin + size));
            self.read = begin + size;
        }
        Ok(true)
    }

    fn at_row(&self, options: &Options, error: CopyError) -> CopyError {
        error.context(options.at_line(self.rows + 1))
    }
}

/// Checks the header; the length of its extension, or `None` where it is incomplete.
fn header(bytes: &[u8], last: bool) -> Result<Option<usize>, CopyError> {
    let whole = |length: usize, message: &str| {
        if bytes.len() < length && last {
            return Err(CopyError::format(message));
        }
        Ok(bytes.len() >= length)
    };
    let unknown = "COPY file signature not recognized";
    if !whole(11, unknown)? {
        return Ok(None);
    }
    if bytes[..11] != SIGNATURE {
        return Err(CopyError::format(unknown));
    }
    if !whole(15, "invalid COPY file header (missing flags)")? {
        return Ok(None);
    }
    let flags = u32::from_be_bytes([bytes[11], bytes[12], bytes[13], bytes[14]]);
    if flags & 1 << 16 != 0 {
        return Err(CopyError::format("invalid COPY file header (WITH OIDS)"));
    }
    if flags >> 16 != 0 {
        let message = "unrecognized critical flags in COPY file header";
        return Err(CopyError::format(message));
    }
    let missing = "invalid COPY file header (missing length)";
    if !whole(19, missing)? {
        return Ok(None);
    }
    let length = i32::from_be_bytes([bytes[15], bytes[16], bytes[17], bytes[18]]);
    usize::try_from(length)
        .map(Some)
        .map_err(|_| CopyError::format(missing))
}
