//! DataRow messages (Protocol 55.7): tag, length, number of fields, and each field with its length in front. A tuple of binary COPY is the
//! same without tag and length.
use crate::types::{Result, ValueError, integers};

/// The length that says NULL.
pub const NULL: [u8; 4] = (-1i32).to_be_bytes();
/// Most columns of a row: the count is a signed 16-bit integer.
pub const MAX_COLUMNS: usize = 32_767;

/// Largest row in bytes: what PostgreSQL takes and libpq can be sure to hold (MaxAllocSize).
pub const MAX_ROW: usize = 0x3fff_ffff;

/// A row being written; remembers where it began.
pub struct Row {
    at: usize,
    message: bool,
}

impl Row {
    #[inline]
    pub fn begin(out: &mut Vec<u8>, columns: usize) -> Row {
        let at = out.len();
        let count = (columns as u16).to_be_bytes();
        out.extend_from_slice(&[b'D', 0, 0, 0, 0, count[0], count[1]]);
        Row { at, message: true }
    }

    /// Begins a tuple of binary COPY.
    #[inline]
    pub fn begin_tuple(out: &mut Vec<u8>, columns: usize) -> Row {
        let at = out.len();
        out.extend_from_slice(&(columns as u16).to_be_bytes());
        Row { at, message: false }
    }

    /// 54000 once the row has become too large.
    #[inline]
    pub fn check(&self, out: &[u8]) -> Result<()> {
        if out.len() - self.at <= MAX_ROW {
            return Ok(());
        }
        Err(too_large())
    }

    /// Sets the length; 54000 if the row is too large.
    #[inline]
    pub fn end(self, out: &mut [u8]) -> Result<()> {
        self.check(out)?;
        if self.message {
            let length = (out.len() - self.at - 1) as i32;
            out[self.at + 1..self.at + 5].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }
}

#[cold]
fn too_large() -> ValueError {
    ValueError::new(
        "54000",
        format!("a row exceeds the largest size ({MAX_ROW} bytes)"),
    )
}

/// A field of fixed size, at most 16 bytes, written together with its length.
#[inline]
pub fn put<const N: usize>(out: &mut Vec<u8>, bytes: &[u8; N]) {
    let mut field = [0u8; 20];
    field[..4].copy_from_slice(&(N as i32).to_be_bytes());
    field[4..4 + N].copy_from_slice(bytes);
    out.extend_from_slice(&field[..4 + N]);
}

#[inline]
pub fn put_slice(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(4 + bytes.len());
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A field of decimal digits, written together with its length.
#[inline]
pub fn put_integer(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0u8; integers::MAX_TEXT];
    let length = integers::format(&mut digits, value);
    let mut field = [0u8; integers::MAX_TEXT + 4];
    field[..4].copy_from_slice(&(length as i32).to_be_bytes());
    field[4..].copy_from_slice(&digits);
    integers::append(out, &field, length + 4);
}

/// A field of unknown size, its length set afterwards.
#[inline]
pub fn put_with(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    patch(out, at);
}

/// Sets the length of the field that began at `at` with four bytes left for it.
#[inline]
pub fn patch(out: &mut [u8], at: usize) {
    // A field too long for its length makes the row too long, which is found at its end.
    let length = (out.len() - at - 4) as i32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// Whether each column is binary, from format codes given for none (text), for all with one, or each (Protocol 55.2.3).
pub fn formats(codes: &[i64], columns: usize) -> Result<Vec<bool>> {
    if columns > MAX_COLUMNS {
        return Err(ValueError::new(
            "54000",
            format!("{columns} columns exceed the limit of {MAX_COLUMNS}"),
        ));
    }
    if codes.len() > 1 && codes.len() != columns {
        let message = format!(
            "bind message has {} result formats but query has {columns} columns",
            codes.len()
        );
        return Err(ValueError::new("08P01", message));
    }
    let binary = codes
        .iter()
        .map(|code| is_binary(*code))
        .collect::<Result<Vec<_>>>()?;
    Ok(match binary[..] {
        [] => vec![false; columns],
        [one] => vec![one; columns],
        _ => binary,
    })
}

/// The same for a DataRow's columns, or for those of binary COPY, which are binary (22023 if one is to be text).
pub fn column_formats(codes: &[i64], columns: usize, copy: bool) -> Result<Vec<bool>> {
    let binary = formats(codes, columns)?;
    if !copy || codes.is_empty() {
        return Ok(if copy { vec![true; columns] } else { binary });
    }
    if binary.contains(&false) {
        return Err(ValueError::new(
            "22023",
            "binary COPY has no columns in text format",
        ));
    }
    Ok(binary)
}

/// 22023 for a format code other than 0 and 1.
pub fn is_binary(code: i64) -> Result<bool> {
    match code {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ValueError::new(
            "22023",
            format!("unsupported format code: {code}"),
        )),
    }
}
