//! Ranges and multiranges (PostgreSQL 8.17), always in canonical form: `[1,3]` of integers is kept as `[1,4)`.
use std::cmp::Ordering;

use super::{Kind, Result, Style, Value, ValueError, array, clip, datetime, quoted, text};

/// The built-in range types, by what they are ranges of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subtype {
    Int4,
    Int8,
    Numeric,
    Date,
    Timestamp,
    TimestampTz,
}

impl Subtype {
    /// OID, and how the values at the bounds are read.
    pub fn scalar(self) -> (u32, Kind) {
        match self {
            Subtype::Int4 => (23, Kind::Int4),
            Subtype::Int8 => (20, Kind::Int8),
            Subtype::Numeric => (1700, Kind::Numeric),
            Subtype::Date => (1082, Kind::Date),
            Subtype::Timestamp => (1114, Kind::Timestamp),
            Subtype::TimestampTz => (1184, Kind::TimestampTz),
        }
    }

    fn compare(self, a: &Value<'_>, b: &Value<'_>) -> Ordering {
        match (a, b) {
            (Value::Numeric(a), Value::Numeric(b)) => a.compare(b),
            _ => integer(a).cmp(&integer(b)),
        }
    }
}

fn integer(value: &Value<'_>) -> i64 {
    match value {
        Value::Int4(v) | Value::Date(v) => (*v).into(),
        Value::Int8(v) | Value::Timestamp(v) | Value::TimestampTz(v) => *v,
        _ => 0,
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    pub value: Value<'static>,
    pub inclusive: bool,
}

/// Empty, or between two bounds of which None is the infinite one.
#[derive(Debug, Clone, PartialEq)]
pub enum Range {
    Empty,
    Between(Option<Bound>, Option<Bound>),
}

const EMPTY: u8 = 0x01;
const LOWER_INCLUSIVE: u8 = 0x02;
const UPPER_INCLUSIVE: u8 = 0x04;
const LOWER_INFINITE: u8 = 0x08;
const UPPER_INFINITE: u8 = 0x10;

impl Range {
    /// Brings a range into canonical form: 22000 if the bounds are in the wrong order.
    pub fn new(of: Subtype, lower: Option<Bound>, upper: Option<Bound>) -> Result<Range> {
        if is_empty(of, &lower, &upper)? {
            return Ok(Range::Empty);
        }
        let lower = match lower {
            Some(bound) if !bound.inclusive => Some(next(of, bound)?),
            lower => lower,
        };
        let upper = match upper {
            Some(bound) if bound.inclusive => Some(next(of, bound)?),
            upper => upper,
        };
        if is_empty(of, &lower, &upper)? {
            return Ok(Range::Empty);
        }
        Ok(Range::Between(lower, upper))
    }

    pub fn parse(of: Subtype, input: &str, style: &Style) -> Result<Range> {
        let malformed = || {
            let message = format!("malformed range literal: \"{}\"", clip(input));
            ValueError::new("22P02", message)
        };
        let parts = split(input).ok_or_else(malformed)?;
        let Some((lower, upper)) = parts else {
            return Ok(Range::Empty);
        };
        let read = |(part, inclusive): (Option<String>, bool)| {
            part.map(|part| {
                let value = super::parse_scalar(of.scalar().1, &part, style)?.into_owned();
                Ok(Bound { value, inclusive })
            })
            .transpose()
        };
        let (lower, upper) = (read(lower)?, read(upper)?);
        Range::new(of, lower, upper)
    }

    pub fn from_binary(of: Subtype, bytes: &[u8]) -> Result<Range> {
        let (flags, mut rest) = bytes.split_first().ok_or_else(ValueError::binary)?;
        let mut bound = |infinite: u8, inclusive: u8| {
            if flags & (EMPTY | infinite) != 0 {
                return Ok(None);
            }
            let raw = array::sized(&mut rest)?.ok_or_else(ValueError::binary)?;
            let value = super::decode_scalar(of.scalar().1, raw)?.into_owned();
            let inclusive = flags & inclusive != 0;
            Ok(Some(Bound { value, inclusive }))
        };
        let lower = bound(LOWER_INFINITE, LOWER_INCLUSIVE)?;
        let upper = bound(UPPER_INFINITE, UPPER_INCLUSIVE)?;
        if !rest.is_empty() {
            return Err(ValueError::binary());
        }
        if flags & EMPTY != 0 {
            return Ok(Range::Empty);
        }
        Range::new(of, lower, upper)
    }

    pub fn write_text(&self, out: &mut Vec<u8>, style: &Style) -> Result<()> {
        let Range::Between(lower, upper) = self else {
            out.extend_from_slice(b"empty");
            return Ok(());
        };
        let is_inclusive =
            |bound: &Option<Bound>| bound.as_ref().is_some_and(|bound| bound.inclusive);
        let mut scratch = Vec::new();
        out.push(if is_inclusive(lower) { b'[' } else { b'(' });
        for (index, bound) in [lower, upper].into_iter().enumerate() {
            if index == 1 {
                out.push(b',');
            }
            if let Some(bound) = bound {
                scratch.clear();
                bound.value.write_styled(&mut scratch, style)?;
                quoted::write(out, &scratch, b"()[]");
            }
        }
        out.push(if is_inclusive(upper) { b']' } else { b')' });
        Ok(())
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        let Range::Between(lower, upper) = self else {
            out.push(EMPTY);
            return Ok(());
        };
        let flag = |bound: &Option<Bound>, infinite: u8, inclusive: u8| match bound {
            None => infinite,
            Some(bound) if bound.inclusive => inclusive,
            Some(_) => 0,
        };
        out.push(
            flag(lower, LOWER_INFINITE, LOWER_INCLUSIVE)
                | flag(upper, UPPER_INFINITE, UPPER_INCLUSIVE),
        );
        for bound in [lower, upper].into_iter().flatten() {
            array::put_sized(out, |out| bound.value.write_binary(out))?;
        }
        Ok(())
    }
}

fn is_empty(of: Subtype, lower: &Option<Bound>, upper: &Option<Bound>) -> Result<bool> {
    let (Some(lower), Some(upper)) = (lower, upper) else {
        return Ok(false);
    };
    match of.compare(&lower.value, &upper.value) {
        Ordering::Less => Ok(false),
        Ordering::Equal => Ok(!(lower.inclusive && upper.inclusive)),
        Ordering::Greater => Err(ValueError::new(
            "22000",
            "range lower bound must be less than or equal to range upper bound",
        )),
    }
}

/// The bound one further with its inclusiveness turned over, where values can be counted; infinite dates stay.
fn next(of: Subtype, bound: Bound) -> Result<Bound> {
    let overflow = |sqlstate, name: &str| ValueError::new(sqlstate, format!("{name} out of range"));
    let value = match bound.value {
        Value::Int4(v) => Value::Int4(
            v.checked_add(1)
                .ok_or_else(|| overflow("22003", "integer"))?,
        ),
        Value::Int8(v) => Value::Int8(
            v.checked_add(1)
                .ok_or_else(|| overflow("22003", "bigint"))?,
        ),
        Value::Date(v) if of == Subtype::Date && v != i32::MAX && v != i32::MIN => {
            Value::Date(datetime::check_date(v + 1).map_err(|_| overflow("22008", "date"))?)
        }
        value => {
            return Ok(Bound {
                value,
                inclusive: bound.inclusive,
            });
        }
    };
    Ok(Bound {
        value,
        inclusive: !bound.inclusive,
    })
}

type Part = (Option<String>, bool);

/// The texts at the bounds and whether each is inclusive. The inner None is `empty`, the outer one no range at all.
pub fn split(input: &str) -> Option<Option<(Part, Part)>> {
    let mut rest = quoted::skip_space(input);
    if let Some(word) = rest.get(..5)
        && word.eq_ignore_ascii_case("empty")
    {
        return quoted::skip_space(&rest[5..]).is_empty().then_some(None);
    }
    let lower_inclusive = rest.starts_with('[');
    rest = rest.strip_prefix(['[', '('])?;
    let lower = quoted::read(&mut rest, b",)]")?;
    rest = rest.strip_prefix(',')?;
    let upper = quoted::read(&mut rest, b",)]")?;
    let upper_inclusive = rest.starts_with(']');
    rest = rest.strip_prefix([']', ')'])?;
    quoted::skip_space(rest)
        .is_empty()
        .then_some(Some(((lower, lower_inclusive), (upper, upper_inclusive))))
}

/// Ranges in order, those that touch or overlap joined, without empty ones.
pub fn merge(of: Subtype, ranges: Vec<Range>) -> Vec<Range> {
    let mut bounds: Vec<(Option<Bound>, Option<Bound>)> = ranges
        .into_iter()
        .filter_map(|range| match range {
            Range::Empty => None,
            Range::Between(lower, upper) => Some((lower, upper)),
        })
        .collect();
    bounds.sort_by(|a, b| compare_lower(of, &a.0, &b.0).then(compare_upper(of, &a.1, &b.1)));
    let mut merged: Vec<(Option<Bound>, Option<Bound>)> = Vec::with_capacity(bounds.len());
    for (lower, upper) in bounds {
        if let Some(last) = merged.last_mut()
            && reaches(of, &last.1, &lower)
        {
            if compare_upper(of, &last.1, &upper) == Ordering::Less {
                last.1 = upper;
            }
            continue;
        }
        merged.push((lower, upper));
    }
    merged
        .into_iter()
        .map(|(lower, upper)| Range::Between(lower, upper))
        .collect()
}

fn compare_lower(of: Subtype, a: &Option<Bound>, b: &Option<Bound>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
        (Some(a), Some(b)) => of
            .compare(&a.value, &b.value)
            .then(b.inclusive.cmp(&a.inclusive)),
    }
}

fn compare_upper(of: Subtype, a: &Option<Bound>, b: &Option<Bound>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Greater,
        (_, None) => Ordering::Less,
        (Some(a), Some(b)) => of
            .compare(&a.value, &b.value)
            .then(a.inclusive.cmp(&b.inclusive)),
    }
}

/// Whether nothing lies between an upper bound and the lower bound of a range that begins no earlier.
fn reaches(of: Subtype, upper: &Option<Bound>, lower: &Option<Bound>) -> bool {
    match (upper, lower) {
        (Some(upper), Some(lower)) => match of.compare(&upper.value, &lower.value) {
            Ordering::Less => false,
            Ordering::Equal => upper.inclusive || lower.inclusive,
            Ordering::Greater => true,
        },
        _ => true,
    }
}

/// Reads `{[1,3),[5,7)}`.
pub fn parse_multirange(of: Subtype, input: &str, style: &Style) -> Result<Vec<Range>> {
    let malformed = || {
        let message = format!("malformed multirange literal: \"{}\"", clip(input));
        ValueError::new("22P02", message)
    };
    let texts =
        split_multirange(input, |part| Range::parse(of, part, style))?.ok_or_else(malformed)?;
    Ok(merge(of, texts))
}

/// What `read` makes of the text of each range that is not just `empty`; None for malformed text.
pub fn split_multirange<T>(
    input: &str,
    mut read: impl FnMut(&str) -> Result<T>,
) -> Result<Option<Vec<T>>> {
    let Some(mut rest) = quoted::skip_space(input).strip_prefix('{') else {
        return Ok(None);
    };
    let mut found = Vec::new();
    let mut first = true;
    loop {
        rest = quoted::skip_space(rest);
        if rest.starts_with(['[', '(']) {
            let Some(length) = range_length(rest.as_bytes()) else {
                return Ok(None);
            };
            found.push(read(&rest[..length])?);
            rest = &rest[length..];
        } else if rest
            .get(..5)
            .is_some_and(|word| word.eq_ignore_ascii_case("empty"))
        {
            rest = &rest[5..];
        } else if !(first && rest.starts_with('}')) {
            return Ok(None);
        }
        first = false;
        rest = quoted::skip_space(rest);
        if let Some(after) = rest.strip_prefix('}') {
            let is_end = quoted::skip_space(after).is_empty();
            return Ok(is_end.then_some(found));
        }
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => return Ok(None),
        }
    }
}

/// Bytes up to the bracket that ends a range.
fn range_length(bytes: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut at = 1;
    loop {
        // White space between the characters that matter is passed over, even behind a backslash.
        match bytes.get(at)? {
            b'\\' => {
                at += 1;
                while text::is_space(*bytes.get(at)?) {
                    at += 1;
                }
            }
            b'"' if quoted && bytes.get(at + 1) == Some(&b'"') => at += 1,
            b'"' => quoted = !quoted,
            b']' | b')' if !quoted => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
}

pub fn multirange_from_binary(of: Subtype, bytes: &[u8]) -> Result<Vec<Range>> {
    let mut rest = bytes;
    let count = array::word(&mut rest)?;
    // Every range takes five bytes at least: more of them than that cannot be there.
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= rest.len() / 5)
        .ok_or_else(ValueError::binary)?;
    let mut ranges = Vec::with_capacity(count);
    for _ in 0..count {
        let raw = array::sized(&mut rest)?.ok_or_else(ValueError::binary)?;
        ranges.push(Range::from_binary(of, raw)?);
    }
    if !rest.is_empty() {
        return Err(ValueError::binary());
    }
    Ok(merge(of, ranges))
}

pub fn write_multirange_text(ranges: &[Range], out: &mut Vec<u8>, style: &Style) -> Result<()> {
    out.push(b'{');
    for (index, range) in ranges.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        range.write_text(out, style)?;
    }
    out.push(b'}');
    Ok(())
}

pub fn write_multirange_binary(ranges: &[Range], out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&array::size_word(ranges.len())?);
    ranges
        .iter()
        .try_for_each(|range| array::put_sized(out, |out| range.write_binary(out)))
}
