//! Rows read back: DataRow messages (Protocol 55.7) and the tuples of binary COPY, cut into fields without copies.

/// How rows lie in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Whole DataRow messages, one behind the other.
    Messages,
    /// The body of one DataRow, without tag and length.
    Body,
    /// Tuples of binary COPY, the trailer perhaps behind them.
    Copy,
}

/// Where and why bytes are no row; the offset counts from the row's first byte, tag and length of a DataRow included.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    pub offset: usize,
    pub text: String,
}

type Result<T> = std::result::Result<T, Broken>;

/// Reads one buffer: for each row `begin`, as many times `field` as there are columns, `finish`.
pub struct RowReader<'a> {
    data: &'a [u8],
    layout: Layout,
    /// Where the row began, where the next byte lies, and where the row must end.
    start: usize,
    at: usize,
    end: usize,
    /// Whether a trailer has come, or the one row of a body has begun.
    last: bool,
}

pub const CUT: &str = "the data ends within a row";

impl<'a> RowReader<'a> {
    pub fn new(data: &'a [u8], layout: Layout) -> Self {
        RowReader {
            data,
            layout,
            start: 0,
            at: 0,
            end: data.len(),
            last: false,
        }
    }

    /// Where the row that was begun last begins.
    pub fn start(&self) -> usize {
        self.start
    }

    /// How far the buffer was read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether COPY's trailer was in the buffer.
    pub fn ended(&self) -> bool {
        self.last && self.layout == Layout::Copy
    }

    /// Goes to the next row, which must have so many columns; false where there is none.
    #[inline]
    pub fn begin(&mut self, columns: usize) -> Result<bool> {
        self.start = self.at;
        match self.layout {
            Layout::Messages => {
                if self.at == self.data.len() {
                    return Ok(false);
                }
                self.header()?;
            }
            Layout::Body => {
                if self.last {
                    return Ok(false);
                }
                self.last = true;
            }
            Layout::Copy => {
                if self.last || self.at == self.data.len() {
                    return Ok(false);
                }
            }
        }
        let count = u16::from_be_bytes(self.take()?);
        if usize::from(count) == columns && (self.layout != Layout::Copy || count != u16::MAX) {
            return Ok(true);
        }
        if self.layout == Layout::Copy && count == u16::MAX {
            self.last = true;
            return self.finish().map(|()| false);
        }
        self.at -= 2;
        Err(self.broken(format!("{count} values, but there are {columns} columns")))
    }

    /// The next field's bytes, None for NULL.
    #[inline]
    pub fn field(&mut self) -> Result<Option<&'a [u8]>> {
        let size = i32::from_be_bytes(self.take()?);
        if size == -1 {
            return Ok(None);
        }
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        match self.data[..self.end].get(self.at..self.at.saturating_add(length)) {
            Some(bytes) => {
                self.at += length;
                Ok(Some(bytes))
            }
            None => {
                self.at -= 4;
                Err(self.broken(if size < 0 {
                    format!("the length {size} of a value is negative")
                } else {
                    format!("a value of {size} bytes goes beyond the end")
                }))
            }
        }
    }

    /// Ends the row: nothing may be left of a DataRow, and nothing may follow a trailer.
    #[inline]
    pub fn finish(&self) -> Result<()> {
        if self.at == self.end || (self.layout == Layout::Copy && !self.last) {
            return Ok(());
        }
        Err(self.broken(format!("{} bytes are left over", self.end - self.at)))
    }

    fn header(&mut self) -> Result<()> {
        self.end = self.data.len();
        let [tag] = self.take()?;
        if tag != b'D' {
            self.at -= 1;
            return Err(self.broken(format!("the tag {tag} is not DataRow's")));
        }
        let length = i32::from_be_bytes(self.take()?);
        match usize::try_from(length) {
            Ok(length) if length >= 6 && length - 4 <= self.data.len() - self.at => {
                self.end = self.at + length - 4;
                Ok(())
            }
            Ok(length) if length >= 6 => {
                self.at = self.data.len();
                Err(self.broken(CUT.to_owned()))
            }
            _ => {
                self.at -= 4;
                Err(self.broken(format!("the length {length} is less than 6")))
            }
        }
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.data[..self.end]
            .get(self.at..)
            .and_then(|rest| rest.first_chunk())
        {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => {
                self.at = self.end;
                Err(self.broken(CUT.to_owned()))
            }
        }
    }

    #[cold]
    fn broken(&self, text: String) -> Broken {
        let lead = if self.layout == Layout::Body { 5 } else { 0 };
        Broken {
            offset: self.at - self.start + lead,
            text,
        }
    }
}

/// Most bytes that `numeric_text` writes.
pub const NUMERIC_TEXT: usize = 80;

/// The text of a numeric in binary format, for the usual ones: at most eight digits of base 10,000, near the point. None for every other,
/// which `types::numeric` reads; what is written here is what that would write.
#[inline]
pub fn numeric_text<'b>(bytes: &[u8], out: &'b mut [u8; NUMERIC_TEXT]) -> Option<&'b str> {
    let (head, digits) = bytes.split_first_chunk::<8>()?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign, scale) = (word(0), word(2) as i16, word(4), word(6));
    let negative = sign == 0x4000;
    let places = usize::from(scale).div_ceil(4);
    // Digits beyond the scale, zeros at an end and other rarities are left to the careful reader.
    if count == 0
        || count > 8
        || digits.len() != usize::from(count) * 2
        || !(sign == 0 || negative)
        || !(-1..=7).contains(&weight)
        || scale > 32
        || i32::from(count) > i32::from(weight) + 1 + places as i32
    {
        return None;
    }
    let mut group = [0u16; 8];
    for (digit, pair) in group.iter_mut().zip(digits.chunks_exact(2)) {
        *digit = u16::from_be_bytes([pair[0], pair[1]]);
        if *digit > 9999 {
            return None;
        }
    }
    let last = group[usize::from(count) - 1];
    let spare = places * 4 - usize::from(scale);
    let reaches_end = i32::from(count) == i32::from(weight) + 1 + places as i32;
    if group[0] == 0
        || last == 0
        || (reaches_end && spare > 0 && last % 10u16.pow(spare as u32) != 0)
    {
        return None;
    }
    let mut at = 0;
    let mut push = |byte: u8| {
        out[at] = byte;
        at += 1;
    };
    if negative {
        push(b'-');
    }
    let whole = (i32::from(weight) + 1) as usize;
    if whole == 0 {
        push(b'0');
    }
    for (place, digit) in (0..whole).map(|place| (place, group[place])) {
        let four = four(digit);
        let skipped = if place == 0 {
            four.iter()
                .take(3)
                .take_while(|byte| **byte == b'0')
                .count()
        } else {
            0
        };
        four[skipped..].iter().for_each(|byte| push(*byte));
    }
    if scale > 0 {
        push(b'.');
        for place in 0..places {
            let left = usize::from(scale) - place * 4;
            let digit = group.get(whole + place).copied().unwrap_or(0);
            four(digit)[..left.min(4)]
                .iter()
                .for_each(|byte| push(*byte));
        }
    }
    std::str::from_utf8(&out[..at]).ok()
}

fn four(digit: u16) -> [u8; 4] {
    [digit / 1000, digit / 100 % 10, digit / 10 % 10, digit % 10].map(|value| b'0' + value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Numeric;

    #[test]
    fn short_numerics_read_as_the_careful_reader_reads_them() {
        let words = [0u16, 1, 9, 10, 1000, 5000, 9999];
        let mut read = 0;
        for sign in [0u16, 0x4000] {
            for weight in [-2i16, -1, 0, 1, 3] {
                for scale in 0..10u16 {
                    for first in words {
                        for second in words {
                            for count in 1..=2u16 {
                                let all = [count, weight as u16, sign, scale, first, second];
                                let bytes: Vec<u8> = all[..4 + usize::from(count)]
                                    .iter()
                                    .flat_map(|word| word.to_be_bytes())
                                    .collect();
                                let mut buffer = [0; NUMERIC_TEXT];
                                if let Some(text) = numeric_text(&bytes, &mut buffer) {
                                    let mut careful = Vec::new();
                                    Numeric::from_binary(&bytes)
                                        .unwrap()
                                        .write_text(&mut careful);
                                    assert_eq!(text.as_bytes(), careful, "{all:?}");
                                    read += 1;
                                }
                            }
                        }
                    }
                }
            }
        }
        assert!(read > 500, "{read}");
    }

    #[test]
    fn rows_are_cut_into_fields() {
        let data = b"D\0\0\0\x0f\0\x02\0\0\0\x01x\xff\xff\xff\xff";
        let mut reader = RowReader::new(data, Layout::Messages);
        assert_eq!(reader.begin(2), Ok(true));
        assert_eq!(reader.field(), Ok(Some(&b"x"[..])));
        assert_eq!(reader.field(), Ok(None));
        assert_eq!(reader.finish(), Ok(()));
        assert_eq!(reader.begin(2), Ok(false));
        for end in 1..data.len() {
            let mut reader = RowReader::new(&data[..end], Layout::Messages);
            assert_eq!(reader.begin(2).unwrap_err().text, CUT);
        }
    }
}
