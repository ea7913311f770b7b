//! Where a row's value lies: through validity bits, keys of dictionaries and ends of runs, however they are nested.
use super::layout::{Array, Field, Format, broken};
use crate::types::{Result, ValueError};

/// Bits from an offset on, the least significant of a byte first.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8], offset: usize) -> Bits<'a> {
        Bits { bytes, offset }
    }

    /// Validity bits of an array, where something may be null.
    pub fn of(array: &'a Array) -> Option<Bits<'a>> {
        array
            .nulls
            .as_ref()
            .map(|bytes| Bits::new(bytes, array.offset))
    }

    #[inline]
    pub fn get(self, row: usize) -> bool {
        let at = row + self.offset;
        self.bytes
            .get(at >> 3)
            .is_some_and(|byte| byte >> (at & 7) & 1 == 1)
    }
}

/// The values of a buffer of fixed width, from the array's first on.
pub fn fixed<const W: usize>(array: &Array, buffer: usize) -> &[[u8; W]] {
    let values = array
        .buffers
        .get(buffer)
        .map_or(&[][..], |bytes| bytes.as_chunks::<W>().0);
    values.get(array.offset..).unwrap_or(&[])
}

/// Integers of any width.
#[derive(Clone, Copy)]
pub enum Integers<'a> {
    I8(&'a [[u8; 1]]),
    U8(&'a [[u8; 1]]),
    I16(&'a [[u8; 2]]),
    U16(&'a [[u8; 2]]),
    I32(&'a [[u8; 4]]),
    U32(&'a [[u8; 4]]),
    I64(&'a [[u8; 8]]),
    U64(&'a [[u8; 8]]),
}

impl<'a> Integers<'a> {
    pub fn new(array: &'a Array, buffer: usize, width: usize, signed: bool) -> Integers<'a> {
        match (width, signed) {
            (1, true) => Integers::I8(fixed(array, buffer)),
            (1, false) => Integers::U8(fixed(array, buffer)),
            (2, true) => Integers::I16(fixed(array, buffer)),
            (2, false) => Integers::U16(fixed(array, buffer)),
            (4, true) => Integers::I32(fixed(array, buffer)),
            (4, false) => Integers::U32(fixed(array, buffer)),
            (_, true) => Integers::I64(fixed(array, buffer)),
            (_, false) => Integers::U64(fixed(array, buffer)),
        }
    }

    /// The value of a row; 0 behind the last one.
    pub fn get(self, row: usize) -> i128 {
        macro_rules! read {
            ($values:expr, $type:ty) => {
                $values
                    .get(row)
                    .map_or(0, |bytes| <$type>::from_ne_bytes(*bytes).into())
            };
        }
        match self {
            Integers::I8(values) => read!(values, i8),
            Integers::U8(values) => read!(values, u8),
            Integers::I16(values) => read!(values, i16),
            Integers::U16(values) => read!(values, u16),
            Integers::I32(values) => read!(values, i32),
            Integers::U32(values) => read!(values, u32),
            Integers::I64(values) => read!(values, i64),
            Integers::U64(values) => read!(values, u64),
        }
    }
}

enum Step<'a> {
    Valid(Bits<'a>),
    /// Keys, and how many values there are.
    Keys(Integers<'a>, usize),
    /// Ends of runs, their number, the array's own offset, and how many values there are.
    Runs(Integers<'a>, usize, usize, usize),
    Null,
}

/// The array that holds the values of a column, and the way from a row to its place there.
pub struct Located<'a> {
    pub field: &'a Field,
    pub array: &'a Array,
    steps: Vec<Step<'a>>,
}

impl<'a> Located<'a> {
    pub fn new(mut field: &'a Field, mut array: &'a Array) -> Located<'a> {
        let mut steps = Vec::new();
        loop {
            if let Some(bits) = Bits::of(array) {
                steps.push(Step::Valid(bits));
            }
            if let (Some(values), Some(target), Format::Int(width, signed)) = (
                field.dictionary.as_deref(),
                array.dictionary.as_deref(),
                field.format,
            ) {
                steps.push(Step::Keys(
                    Integers::new(array, 0, width, signed),
                    target.length,
                ));
                (field, array) = (values, target);
            } else if let (Format::RunEnds, [ends, values]) = (field.format, &array.children[..]) {
                let Format::Int(width, _) = field.children[0].format else {
                    break;
                };
                let numbers = Integers::new(ends, 0, width, true);
                steps.push(Step::Runs(
                    numbers,
                    ends.length,
                    array.offset,
                    values.length,
                ));
                (field, array) = (&field.children[1], values);
            } else {
                break;
            }
        }
        if field.format == Format::Null {
            steps.push(Step::Null);
        }
        Located {
            field,
            array,
            steps,
        }
    }

    /// Whether rows are places, and only bits say what is null.
    pub fn is_direct(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Valid(_)))
    }

    /// The place of a row's value; None is NULL.
    #[inline]
    pub fn at(&self, row: usize) -> Result<Option<usize>> {
        let mut at = row;
        for step in &self.steps {
            match step {
                Step::Valid(bits) if bits.get(at) => {}
                Step::Keys(keys, count) => match usize::try_from(keys.get(at)) {
                    Ok(key) if key < *count => at = key,
                    _ => return Err(broken("a key lies outside of its dictionary")),
                },
                Step::Runs(ends, count, offset, values) => {
                    at = run(*ends, *count, (at + offset) as i128);
                    if at >= (*count).min(*values) {
                        return Err(broken("a row lies behind the last run"));
                    }
                }
                Step::Valid(_) | Step::Null => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

/// The first of `count` runs that ends behind a row.
fn run(ends: Integers<'_>, count: usize, row: i128) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if ends.get(middle) <= row {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cold]
pub fn outside() -> ValueError {
    broken("a value lies outside of its buffer")
}

/// The bytes of each value of text and binary arrays.
pub enum Bytes<'a> {
    Small(&'a [[u8; 4]], &'a [u8]),
    Large(&'a [[u8; 8]], &'a [u8]),
    View(&'a [[u8; 16]], &'a Array),
    Fixed(&'a [u8], usize, usize),
}

impl<'a> Bytes<'a> {
    /// The array's format is text or binary.
    pub fn new(format: Format, array: &'a Array) -> Bytes<'a> {
        use super::layout::Size;
        let data = array.buffers.get(1).map_or(&[][..], |data| data.as_slice());
        match format {
            Format::FixedBinary(width) => Bytes::Fixed(
                array.buffers.first().map_or(&[], |data| data),
                width,
                array.offset,
            ),
            Format::Text(Size::View) | Format::Binary(Size::View) => {
                Bytes::View(fixed(array, 0), array)
            }
            Format::Text(Size::Large) | Format::Binary(Size::Large) => {
                Bytes::Large(fixed(array, 0), data)
            }
            _ => Bytes::Small(fixed(array, 0), data),
        }
    }

    #[inline]
    pub fn get(&self, row: usize) -> Result<&'a [u8]> {
        self.find(row).ok_or_else(outside)
    }

    #[inline]
    fn find(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Bytes::Small(offsets, data) => {
                let (start, end) = (
                    i32::from_ne_bytes(*offsets.get(row)?),
                    i32::from_ne_bytes(*offsets.get(row + 1)?),
                );
                // A negative number becomes one that is too large.
                data.get(start as usize..end as usize)
            }
            Bytes::Large(offsets, data) => {
                let (start, end) = (
                    i64::from_ne_bytes(*offsets.get(row)?),
                    i64::from_ne_bytes(*offsets.get(row + 1)?),
                );
                data.get(start as usize..end as usize)
            }
            Bytes::View(views, array) => {
                let view = views.get(row)?;
                let word = |at: usize| {
                    i32::from_ne_bytes([view[at], view[at + 1], view[at + 2], view[at + 3]])
                        as usize
                };
                let length = word(0);
                if length <= 12 {
                    return view.get(4..4 + length);
                }
                let (buffer, start) = (word(8), word(12));
                let data = array.buffers.get(buffer.checked_add(1)?)?;
                data.get(start..start.checked_add(length)?)
            }
            Bytes::Fixed(data, width, offset) => {
                let start = (row + offset).checked_mul(*width)?;
                data.get(start..start.checked_add(*width)?)
            }
        }
    }
}

/// First and last+1 item of a row of a list or map, in its child.
pub struct Spans<'a> {
    format: Format,
    array: &'a Array,
    /// Items there are.
    count: usize,
}

impl<'a> Spans<'a> {
    pub fn new(format: Format, array: &'a Array) -> Spans<'a> {
        let count = array.children.first().map_or(0, |child| child.length);
        Spans {
            format,
            array,
            count,
        }
    }

    pub fn get(&self, row: usize) -> Result<std::ops::Range<usize>> {
        use super::layout::Span;
        let number = |buffer: usize, width: usize, row: usize| {
            Integers::new(self.array, buffer, width, true).get(row)
        };
        let (first, last) = match self.format {
            Format::List(Span::Fixed(size)) => {
                let first = (row + self.array.offset) as i128 * size as i128;
                (first, first + size as i128)
            }
            Format::List(Span::View) => (number(0, 4, row), number(0, 4, row) + number(1, 4, row)),
            Format::List(Span::LargeView) => {
                (number(0, 8, row), number(0, 8, row) + number(1, 8, row))
            }
            Format::List(Span::Large) => (number(0, 8, row), number(0, 8, row + 1)),
            _ => (number(0, 4, row), number(0, 4, row + 1)),
        };
        if first < 0 || last < first || last > self.count as i128 {
            return Err(broken("a list lies outside of its items"));
        }
        Ok(first as usize..last as usize)
    }
}
