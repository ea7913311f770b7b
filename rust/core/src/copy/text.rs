//! The text format: fields between delimiters, backslash escapes (PostgreSQL: COPY, "Text Format").
use super::encoding;
use super::options::{CopyError, Encoding, Options};
use super::row::{RowBuffer, Span};

/// Takes one line apart, de-escaped; the number of fields, of which no more than the columns are kept.
pub fn split(line: &[u8], options: &Options, row: &mut RowBuffer) -> Result<usize, CopyError> {
    row.clear();
    if options.columns.is_empty() {
        // Not even an empty field is expected.
        return Ok(usize::from(!line.is_empty()));
    }
    let delimiter = options.delimiter;
    let mut start = 0;
    loop {
        let stop = memchr::memchr2(delimiter, b'\\', &line[start..]).map(|at| start + at);
        let (end, found, span) = match stop {
            Some(at) if line[at] == b'\\' => {
                let begin = row.scratch.len();
                let (end, found, unusual) = unescape(line, start, at, delimiter, &mut row.scratch);
                let span = Span::Scratch(begin, row.scratch.len());
                let raw = &line[start..end];
                if unusual && !options.is_marker(raw) {
                    // Escapes make bytes of the fields, whatever the encoding of the data is.
                    encoding::check_field(Encoding::Utf8, &row.scratch[begin..])?;
                }
                (end, found, span)
            }
            Some(at) => (at, true, Span::Line(start, at)),
            None => (line.len(), false, Span::Line(start, line.len())),
        };
        row.add(options, &line[start..end], span)?;
        if !found {
            return Ok(row.count);
        }
        start = end + 1;
    }
}

/// De-escapes from `start`, where the first backslash stands at `at`.
///
/// Returns where the field's raw text ends, whether a delimiter follows, and whether an escape made a NUL or a byte above 127.
fn unescape(
    line: &[u8],
    start: usize,
    at: usize,
    delimiter: u8,
    out: &mut Vec<u8>,
) -> (usize, bool, bool) {
    let mut unusual = false;
    let (mut from, mut at) = (start, at);
    loop {
        out.extend_from_slice(&line[from..at]);
        if at == line.len() || line[at] == delimiter {
            return (at, at < line.len(), unusual);
        }
        // A backslash; one that ends the line stands for nothing.
        let Some(&escaped) = line.get(at + 1) else {
            return (at, false, unusual);
        };
        let mut next = at + 2;
        let byte = match escaped {
            b'0'..=b'7' => {
                let mut value = u32::from(escaped - b'0');
                while next < line.len().min(at + 4) && matches!(line[next], b'0'..=b'7') {
                    value = value << 3 | u32::from(line[next] - b'0');
                    next += 1;
                }
                let byte = value as u8;
                unusual |= byte == 0 || byte >= 0x80;
                byte
            }
            b'x' => {
                let mut value = None;
                while next < line.len().min(at + 4) {
                    let Some(digit) = char::from(line[next]).to_digit(16) else {
                        break;
                    };
                    value = Some(value.unwrap_or(0) << 4 | digit);
                    next += 1;
                }
                match value {
                    None => b'x',
                    Some(value) => {
                        let byte = value as u8;
                        unusual |= byte == 0 || byte >= 0x80;
                        byte
                    }
                }
            }
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            other => other,
        };
        out.push(byte);
        from = next;
        at = memchr::memchr2(delimiter, b'\\', &line[from..]).map_or(line.len(), |at| from + at);
    }
}

/// Appends a field's text, escaped.
pub fn write(text: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    if !super::contains(text, |byte| {
        matches!(byte, 0x08..=0x0d | b'\\') | (byte == delimiter)
    }) {
        out.extend_from_slice(text);
        return;
    }
    for &byte in text {
        let escaped = match byte {
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0b => b'v',
            0x0c => b'f',
            0x0d => b'r',
            b'\\' => b'\\',
            _ if byte == delimiter => byte,
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', escaped]);
    }
}
