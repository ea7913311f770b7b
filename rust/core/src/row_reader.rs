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
    #[inline(always)]
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
    #[inline(always)]
    pub fn field(&mut self) -> Result<Option<&'a [u8]>> {
        let rest = self.data.get(self.at..self.end).unwrap_or_default();
        if let Some((size, rest)) = rest.split_first_chunk() {
            let size = i32::from_be_bytes(*size);
            if let Ok(length) = usize::try_from(size)
                && let Some(bytes) = rest.get(..length)
            {
                self.at += 4 + length;
                return Ok(Some(bytes));
            }
            if size == -1 {
                self.at += 4;
                return Ok(None);
            }
        }
        Err(self.no_field())
    }

    /// Why there is no field.
    #[cold]
    fn no_field(&mut self) -> Broken {
        match self.take().map(i32::from_be_bytes) {
            Err(broken) => broken,
            Ok(size) => {
                self.at -= 4;
                self.broken(if size < 0 {
                    format!("the length {size} of a value is negative")
                } else {
                    format!("a value of {size} bytes goes beyond the end")
                })
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

#[cfg(test)]
mod tests {
    use super::*;

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
