//! Text and CSV data → lines → rows: line ends, the end marker, the header, and where an error stands.
use super::options::{CopyError, Encoding, Format, Header, Options};
use super::row::{Field, Row, RowBuffer};
use super::{Stop, csv, encoding, text};

/// How lines end; the first line decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LineEnd {
    #[default]
    Unknown,
    Nl,
    Cr,
    CrNl,
}

/// What a scan from the beginning of a line found.
enum Scan {
    /// The line goes on behind the bytes that are here.
    More,
    /// Where the line ends and the next begins.
    Line(usize, usize),
    /// The last line: the data or an end marker ends it.
    Last(usize),
}

#[derive(Debug, Default)]
pub struct LineDecoder {
    /// An incomplete line, and what is not verified yet.
    buffer: Vec<u8>,
    /// How many bytes of `buffer` are verified.
    verified: usize,
    /// How far the line was scanned, counted from its beginning.
    scanned: usize,
    in_quote: bool,
    after_escape: bool,
    line_end: LineEnd,
    /// Line ends within quotes of this line, which count as lines.
    embedded: u64,
    /// Lines behind us.
    passed: u64,
    header_passed: bool,
    row: RowBuffer,
    pub ended: bool,
    /// A NUL in LATIN1 data: what is behind it is not taken.
    invalid: Option<CopyError>,
}

impl LineDecoder {
    pub fn feed<E>(
        &mut self,
        options: &Options,
        data: &[u8],
        last: bool,
        sink: &mut dyn FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), Stop<E>> {
        if self.ended {
            return Ok(());
        }
        let whole = self.buffer.is_empty() && options.encoding != Encoding::Latin1;
        let mut owned = std::mem::take(&mut self.buffer);
        if options.encoding == Encoding::Latin1 {
            let (good, invalid) = encoding::verify(options.encoding, data, last);
            encoding::append_latin1(&data[..good], &mut owned);
            self.verified = owned.len();
            self.invalid = invalid;
        } else if !whole {
            owned.extend_from_slice(data);
        }
        let bytes = if whole { data } else { &owned };
        let (good, mut invalid) = encoding::verify(
            match options.encoding {
                Encoding::SqlAscii => Encoding::SqlAscii,
                _ => Encoding::Utf8,
            },
            &bytes[self.verified..],
            last,
        );
        let limit = self.verified + good;
        if self.invalid.is_some() {
            invalid = self.invalid.take();
        }
        let at_end = last && invalid.is_none();
        let consumed = self.run(options, &bytes[..limit], at_end, sink)?;
        if self.ended {
            return Ok(());
        }
        if let Some(error) = invalid {
            return Err(error.context(options.at_line(self.line())).into());
        }
        self.verified = limit - consumed;
        if whole {
            self.buffer = data[consumed..].to_vec();
        } else {
            owned.drain(..consumed);
            self.buffer = owned;
        }
        Ok(())
    }

    /// Number of the line that is being read, as PostgreSQL counts.
    fn line(&self) -> u64 {
        self.passed + 1 + self.embedded
    }

    /// Hands out the rows of the lines that are complete; where the first incomplete line begins.
    fn run<E>(
        &mut self,
        options: &Options,
        bytes: &[u8],
        at_end: bool,
        sink: &mut dyn FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<usize, Stop<E>> {
        let mut start = 0;
        loop {
            let found = match options.format {
                Format::Csv => self.scan_csv(options, bytes, start, at_end),
                _ => self.scan_text(options, bytes, start, at_end),
            };
            match found.map_err(|error| error.context(options.at_line(self.line())))? {
                Scan::More => return Ok(start),
                Scan::Line(end, next) => {
                    self.take(options, &bytes[start..end], false, sink)?;
                    start = next;
                    self.passed = self.line();
                    self.embedded = 0;
                    self.scanned = 0;
                }
                Scan::Last(end) => {
                    self.ended = true;
                    self.take(options, &bytes[start..end], true, sink)?;
                    return Ok(bytes.len());
                }
            }
        }
    }

    /// One line: the header, a row, or nothing at the end of the data.
    fn take<E>(
        &mut self,
        options: &Options,
        line: &[u8],
        last: bool,
        sink: &mut dyn FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), Stop<E>> {
        let number = self.line();
        let place = |error: CopyError| error.context(options.at_text(number, line));
        if !self.header_passed && options.header != Header::None {
            self.header_passed = true;
            if options.header == Header::Match {
                self.check_header(options, line).map_err(place)?;
            }
            return Ok(());
        }
        if last && line.is_empty() {
            return Ok(());
        }
        let count = self.split(options, line).map_err(place)?;
        if count > options.columns.len() {
            return Err(place(CopyError::format("extra data after last expected column")).into());
        }
        if let Some(missing) = options.columns.get(count) {
            let message = format!("missing data for column \"{}\"", missing.name);
            return Err(place(CopyError::format(message)).into());
        }
        self.row.force(line, options);
        let row = Row {
            line: number,
            data: line,
            buffer: &self.row,
            options,
        };
        sink(&row).map_err(Stop::Sink)
    }

    fn split(&mut self, options: &Options, line: &[u8]) -> Result<usize, CopyError> {
        match options.format {
            Format::Csv => csv::split(line, options, &mut self.row),
            _ => text::split(line, options, &mut self.row),
        }
    }

    fn check_header(&mut self, options: &Options, line: &[u8]) -> Result<(), CopyError> {
        let count = self.split(options, line)?;
        let expected = options.columns.len();
        if count != expected {
            return Err(CopyError::format(format!(
                "wrong number of fields in header line: got {count}, expected {expected}"
            )));
        }
        let row = Row {
            line: 1,
            data: line,
            buffer: &self.row,
            options,
        };
        for (number, (field, column)) in row.fields().zip(&options.columns).enumerate() {
            let name = match field {
                Field::Data(name) => Some(name),
                Field::Default => options.default.as_deref(),
                Field::Null => None,
            };
            let got = match name {
                Some(name) if name == column.name.as_bytes() => continue,
                Some(name) => format!("\"{}\"", String::from_utf8_lossy(name)),
                None => {
                    let null = String::from_utf8_lossy(&options.null);
                    format!("null value (\"{null}\")")
                }
            };
            return Err(CopyError::format(format!(
                "column name mismatch in header line field {}: got {got}, expected \"{}\"",
                number + 1,
                column.name
            )));
        }
        Ok(())
    }

    /// Up to where a line that begins at `start` is searched: one byte more than it may have.
    fn bound(options: &Options, start: usize, limit: usize) -> usize {
        limit.min(start.saturating_add(options.max_row).saturating_add(1))
    }

    /// Nothing more was found up to `stop`.
    fn exhausted(
        &mut self,
        options: &Options,
        start: usize,
        stop: usize,
        at_end: bool,
    ) -> Result<Scan, CopyError> {
        self.scanned = stop - start;
        if self.scanned > options.max_row {
            return Err(options.too_long());
        }
        Ok(if at_end { Scan::Last(stop) } else { Scan::More })
    }

    fn scan_text(
        &mut self,
        options: &Options,
        bytes: &[u8],
        start: usize,
        at_end: bool,
    ) -> Result<Scan, CopyError> {
        let stop = Self::bound(options, start, bytes.len());
        let mut at = start + self.scanned;
        loop {
            // A backslash takes the next byte with it, which may be the first beyond the bound.
            let Some(offset) = memchr::memchr3(b'\n', b'\r', b'\\', &bytes[at.min(stop)..stop])
            else {
                return self.exhausted(options, start, stop.max(at), at_end);
            };
            at += offset;
            if at - start > options.max_row {
                return Err(options.too_long());
            }
            if bytes[at] != b'\\' {
                let next = bytes.get(at + 1).copied();
                return match self.line_ends(bytes[at], next, at_end, false)? {
                    None => {
                        self.scanned = at - start;
                        Ok(Scan::More)
                    }
                    Some(length) => Ok(Scan::Line(at, at + length)),
                };
            }
            match bytes.get(at + 1) {
                None if at_end => return Ok(Scan::Last(bytes.len())),
                None => {
                    self.scanned = at - start;
                    return Ok(Scan::More);
                }
                Some(b'.') => match self.end_marker(options, bytes, at, at_end)? {
                    Marker::Cut => {
                        self.scanned = at - start;
                        return Ok(Scan::More);
                    }
                    Marker::End if at > start && !options.legacy_end => {
                        return Err(not_alone(options));
                    }
                    Marker::End => return Ok(Scan::Last(at)),
                    Marker::Data => at += 2,
                },
                Some(_) => at += 2,
            }
        }
    }

    fn scan_csv(
        &mut self,
        options: &Options,
        bytes: &[u8],
        start: usize,
        at_end: bool,
    ) -> Result<Scan, CopyError> {
        if options.legacy_end && self.scanned == 0 && bytes.get(start) == Some(&b'\\') {
            let marker = match bytes.get(start + 1) {
                None if at_end => Marker::Data,
                None => Marker::Cut,
                Some(b'.') => self.end_marker(options, bytes, start, at_end)?,
                Some(_) => Marker::Data,
            };
            match marker {
                Marker::Cut => return Ok(Scan::More),
                Marker::End => return Ok(Scan::Last(start)),
                Marker::Data => {}
            }
        }
        let stop = Self::bound(options, start, bytes.len());
        let quote = options.quote;
        let escape = (options.escape != quote).then_some(options.escape);
        let mut at = start + self.scanned;
        loop {
            let from = at;
            let rest = &bytes[at..stop];
            let found = match self.in_quote {
                true => memchr::memchr2(quote, options.escape, rest),
                false => memchr::memchr3(quote, b'\n', b'\r', rest),
            };
            at += found.unwrap_or(rest.len());
            if found.is_none() && at == bytes.len() && !at_end && rest.ends_with(b"\r") {
                // Within quotes too, a carriage return is passed, and counted, when the next byte is here.
                at -= 1;
            }
            if self.in_quote && at > from {
                self.after_escape = false;
                let counted = self.counted();
                self.embedded += memchr::memchr_iter(counted, &bytes[from..at]).count() as u64;
            }
            if found.is_none() {
                return self.exhausted(options, start, at, at_end);
            }
            if at - start > options.max_row {
                return Err(options.too_long());
            }
            let byte = bytes[at];
            let next = bytes.get(at + 1).copied();
            if byte == b'\r' && next.is_none() && !at_end {
                self.scanned = at - start;
                return Ok(Scan::More);
            }
            if self.in_quote && Some(byte) == escape {
                self.after_escape = !self.after_escape;
            }
            if byte == quote && !self.after_escape {
                self.in_quote = !self.in_quote;
            }
            if Some(byte) != escape {
                self.after_escape = false;
            }
            if self.in_quote {
                self.embedded += u64::from(byte == self.counted());
            } else if matches!(byte, b'\n' | b'\r')
                && let Some(length) = self.line_ends(byte, next, at_end, true)?
            {
                return Ok(Scan::Line(at, at + length));
            }
            at += 1;
        }
    }

    /// The byte that counts as a line within quotes.
    fn counted(&self) -> u8 {
        if self.line_end == LineEnd::Nl {
            b'\n'
        } else {
            b'\r'
        }
    }

    /// How many bytes end the line; `None` where the next byte must be seen first.
    fn line_ends(
        &mut self,
        byte: u8,
        next: Option<u8>,
        at_end: bool,
        csv: bool,
    ) -> Result<Option<usize>, CopyError> {
        if byte == b'\n' {
            if matches!(self.line_end, LineEnd::Cr | LineEnd::CrNl) {
                return Err(stray_newline(csv));
            }
            self.line_end = LineEnd::Nl;
            return Ok(Some(1));
        }
        match self.line_end {
            LineEnd::Nl => Err(stray_return(csv)),
            LineEnd::Cr => Ok(Some(1)),
            LineEnd::Unknown | LineEnd::CrNl => match next {
                None if !at_end => Ok(None),
                Some(b'\n') => {
                    self.line_end = LineEnd::CrNl;
                    Ok(Some(2))
                }
                _ if self.line_end == LineEnd::CrNl => Err(stray_return(csv)),
                _ => {
                    self.line_end = LineEnd::Cr;
                    Ok(Some(1))
                }
            },
        }
    }

    /// Whether the `\.` at `at` ends the data.
    fn end_marker(
        &self,
        options: &Options,
        bytes: &[u8],
        at: usize,
        at_end: bool,
    ) -> Result<Marker, CopyError> {
        let csv = options.format == Format::Csv;
        let mismatch =
            || CopyError::format("end-of-copy marker does not match previous newline style");
        let mut after = at + 2;
        // Behind the end of the data, PostgreSQL sees a zero.
        let byte = |at: usize| bytes.get(at).copied().or(at_end.then_some(0));
        if self.line_end == LineEnd::CrNl {
            match byte(after) {
                None => return Ok(Marker::Cut),
                Some(b'\r') => after += 1,
                Some(_) if csv => return Ok(Marker::Data),
                Some(b'\n') => return Err(mismatch()),
                Some(_) => return Err(not_alone(options)),
            }
        }
        let wanted = match (byte(after), self.line_end) {
            (None, _) => return Ok(Marker::Cut),
            (Some(b'\n'), LineEnd::Nl | LineEnd::CrNl | LineEnd::Unknown) => true,
            (Some(b'\r'), LineEnd::Cr | LineEnd::Unknown) => true,
            (Some(b'\n' | b'\r'), _) => false,
            (Some(_), _) if csv => return Ok(Marker::Data),
            (Some(_), _) => return Err(not_alone(options)),
        };
        if wanted {
            Ok(Marker::End)
        } else {
            Err(mismatch())
        }
    }
}

/// What a `\.` is.
enum Marker {
    End,
    Data,
    /// Not to be told before more bytes are here.
    Cut,
}

fn not_alone(options: &Options) -> CopyError {
    CopyError::format(match options.legacy_end {
        true => "end-of-copy marker corrupt",
        false => "end-of-copy marker is not alone on its line",
    })
}

fn stray_newline(csv: bool) -> CopyError {
    if csv {
        CopyError::format("unquoted newline found in data")
            .hint("Use quoted CSV field to represent newline.")
    } else {
        CopyError::format("literal newline found in data").hint("Use \"\\n\" to represent newline.")
    }
}

fn stray_return(csv: bool) -> CopyError {
    if csv {
        CopyError::format("unquoted carriage return found in data")
            .hint("Use quoted CSV field to represent carriage return.")
    } else {
        CopyError::format("literal carriage return found in data")
            .hint("Use \"\\r\" to represent carriage return.")
    }
}
