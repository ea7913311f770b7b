//! The CSV format: quoted fields, in which everything stands for itself (PostgreSQL: COPY, "CSV Format").
use super::options::{CopyError, Options};
use super::row::{RowBuffer, Span};

/// Takes one line apart; the number of fields, of which no more than the columns are kept.
pub fn split(line: &[u8], options: &Options, row: &mut RowBuffer) -> Result<usize, CopyError> {
    row.clear();
    if options.columns.is_empty() {
        // Not even an empty field is expected.
        return Ok(usize::from(!line.is_empty()));
    }
    let (delimiter, quote) = (options.delimiter, options.quote);
    let mut start = 0;
    loop {
        let stop = memchr::memchr2(delimiter, quote, &line[start..]).map(|at| start + at);
        let (end, found) = match stop {
            Some(at) if line[at] == quote => {
                let begin = row.scratch.len();
                let end = unquote(line, start, at, options, &mut row.scratch)?;
                let span = Span::Scratch(begin, row.scratch.len());
                row.add_quoted(options, &line[start..end], span)?;
                (end, end < line.len())
            }
            stop => {
                let end = stop.unwrap_or(line.len());
                row.add(options, &line[start..end], Span::Line(start, end))?;
                (end, stop.is_some())
            }
        };
        if !found {
            return Ok(row.count);
        }
        start = end + 1;
    }
}

/// Removes the quotes of a field from `start`, where the first quote stands at `at`; returns where the field ends.
fn unquote(
    line: &[u8],
    start: usize,
    at: usize,
    options: &Options,
    out: &mut Vec<u8>,
) -> Result<usize, CopyError> {
    let (delimiter, quote, escape) = (options.delimiter, options.quote, options.escape);
    let (mut from, mut at) = (start, at);
    loop {
        // Outside of quotes, up to a quote, a delimiter or the end.
        out.extend_from_slice(&line[from..at]);
        if at == line.len() || line[at] == delimiter {
            return Ok(at);
        }
        from = at + 1;
        loop {
            at = memchr::memchr2(quote, escape, &line[from..])
                .map(|at| from + at)
                .ok_or_else(|| CopyError::format("unterminated CSV quoted field"))?;
            out.extend_from_slice(&line[from..at]);
            let byte = line[at];
            from = at + 1;
            if byte == escape
                && let Some(&next) = line.get(from)
                && (next == escape || next == quote)
            {
                out.push(next);
                from += 1;
                continue;
            }
            if byte == quote {
                break;
            }
            out.push(byte);
        }
        at = memchr::memchr2(delimiter, quote, &line[from..]).map_or(line.len(), |at| from + at);
    }
}

/// Whether a text cannot stand without quotes; `alone`: it is the only field of its line.
pub fn needs_quotes(text: &[u8], alone: bool, options: &Options) -> bool {
    let (delimiter, quote) = (options.delimiter, options.quote);
    (alone && text == b"\\.")
        || super::contains(text, |byte| {
            (byte == delimiter) | (byte == quote) | (byte == b'\n') | (byte == b'\r')
        })
}

/// Appends a text in quotes.
pub fn write_quoted(text: &[u8], options: &Options, out: &mut Vec<u8>) {
    let (quote, escape) = (options.quote, options.escape);
    out.push(quote);
    let mut rest = text;
    while let Some(at) = memchr::memchr2(quote, escape, rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[escape, rest[at]]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(quote);
}
