//! Arrays (PostgreSQL 8.15): up to six dimensions, each from a lower bound on.
use super::{Kind, PgType, Result, Style, Value, ValueError, clip, parse_scalar, record, text};

const MAX_DIMENSIONS: usize = 6;

/// Elements in row-major order. An array without elements has no dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<'a> {
    /// OID of the element type.
    pub element: u32,
    pub dimensions: Vec<usize>,
    /// Index of the first element of each dimension; empty where all of them are 1.
    pub bounds: Vec<i32>,
    pub items: Vec<Option<Value<'a>>>,
}

impl<'a> Array<'a> {
    /// 54000 for more than six dimensions; `dimensions` may be anything for no elements.
    pub fn new(
        element: u32,
        dimensions: Vec<usize>,
        items: Vec<Option<Value<'a>>>,
    ) -> Result<Array<'a>> {
        if items.is_empty() {
            return Ok(Array {
                element,
                dimensions: Vec::new(),
                bounds: Vec::new(),
                items,
            });
        }
        check_depth(dimensions.len())?;
        Ok(Array {
            element,
            dimensions,
            bounds: Vec::new(),
            items,
        })
    }

    /// The same array from these lower bounds on, one for each dimension: 54000 if an index does not fit.
    pub fn starting_at(mut self, bounds: Vec<i32>) -> Result<Array<'a>> {
        if self.items.is_empty() || bounds.iter().all(|bound| *bound == 1) {
            return Ok(self);
        }
        for (bound, size) in bounds.iter().zip(&self.dimensions) {
            if i64::from(*bound) + *size as i64 > i64::from(i32::MAX) {
                let message = format!("array lower bound is too large: {bound}");
                return Err(ValueError::new("54000", message));
            }
        }
        self.bounds = bounds;
        Ok(self)
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        let has_null = self.items.iter().any(Option::is_none);
        out.extend_from_slice(&(self.dimensions.len() as i32).to_be_bytes());
        out.extend_from_slice(&i32::from(has_null).to_be_bytes());
        out.extend_from_slice(&self.element.to_be_bytes());
        for (index, size) in self.dimensions.iter().enumerate() {
            out.extend_from_slice(&size_word(*size)?);
            let bound = self.bounds.get(index).unwrap_or(&1);
            out.extend_from_slice(&bound.to_be_bytes());
        }
        for item in &self.items {
            let Some(item) = item else {
                out.extend_from_slice(&(-1i32).to_be_bytes());
                continue;
            };
            put_sized(out, |out| item.write_binary(out))?;
        }
        Ok(())
    }

    pub fn write_text(&self, out: &mut Vec<u8>, style: &Style) -> Result<()> {
        if self.items.is_empty() {
            out.extend_from_slice(b"{}");
            return Ok(());
        }
        for (bound, size) in self.bounds.iter().zip(&self.dimensions) {
            let last = i64::from(*bound) + *size as i64 - 1;
            out.extend_from_slice(format!("[{bound}:{last}]").as_bytes());
        }
        if !self.bounds.is_empty() {
            out.push(b'=');
        }
        let delimiter = delimiter(PgType::of(self.element).kind);
        let mut scratch = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push(delimiter);
            }
            out.extend(std::iter::repeat_n(b'{', self.edges(index)));
            match item {
                None => out.extend_from_slice(b"NULL"),
                Some(item) => {
                    scratch.clear();
                    item.write_styled(&mut scratch, style)?;
                    write_item(out, &scratch, delimiter);
                }
            }
            out.extend(std::iter::repeat_n(b'}', self.edges(index + 1)));
        }
        Ok(())
    }

    /// How many dimensions begin (or end) at an element.
    fn edges(&self, index: usize) -> usize {
        let mut block = 1;
        self.dimensions
            .iter()
            .rev()
            .take_while(|size| {
                block *= **size;
                index.is_multiple_of(block)
            })
            .count()
    }
}

/// An element's text, quoted where array_in would read it differently.
fn write_item(out: &mut Vec<u8>, item: &[u8], delimiter: u8) {
    let special = |byte: &u8| {
        matches!(byte, b'"' | b'\\' | b'{' | b'}') || *byte == delimiter || text::is_space(*byte)
    };
    if !item.is_empty() && !item.eq_ignore_ascii_case(b"null") && !item.iter().any(special) {
        return out.extend_from_slice(item);
    }
    out.push(b'"');
    for byte in item {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// What separates the elements of a kind in text.
fn delimiter(kind: Kind) -> u8 {
    match kind {
        Kind::Structured(kind) => kind.delimiter(),
        _ => b',',
    }
}

/// A count or length as the binary format has it.
pub fn size_word(size: usize) -> Result<[u8; 4]> {
    i32::try_from(size).map(i32::to_be_bytes).map_err(|_| {
        ValueError::new(
            "54000",
            "array size exceeds the maximum allowed (2147483647)",
        )
    })
}

fn check_depth(depth: usize) -> Result<()> {
    if depth > MAX_DIMENSIONS {
        let message = format!(
            "number of array dimensions ({depth}) exceeds the maximum allowed ({MAX_DIMENSIONS})"
        );
        return Err(ValueError::new("54000", message));
    }
    Ok(())
}

/// Reads the binary format; the element type must be the array's.
pub fn from_binary(array: PgType, bytes: &[u8]) -> Result<Value<'_>> {
    from_binary_within(array, bytes, 0)
}

/// The same with `depth` records around the array.
pub fn from_binary_within(array: PgType, bytes: &[u8], depth: usize) -> Result<Value<'_>> {
    let kind = PgType {
        oid: array.element,
        kind: array.kind,
        element: 0,
    };
    read_binary(array.element, bytes, |item| match array.kind {
        Kind::Structured(_) => record::decode(kind, item, depth),
        scalar => super::decode_scalar(scalar, item),
    })
    .map(Value::Array)
}

/// An array of elements of one type, each read by `decode`.
pub fn read_binary<'a>(
    expected: u32,
    bytes: &'a [u8],
    decode: impl Fn(&'a [u8]) -> Result<Value<'a>>,
) -> Result<Array<'a>> {
    let mut rest = bytes;
    let (depth, flags, element) = (word(&mut rest)?, word(&mut rest)?, word(&mut rest)? as u32);
    if depth < 0 || !(0..=1).contains(&flags) {
        return Err(ValueError::binary());
    }
    check_depth(depth as usize)?;
    if element != expected {
        let message =
            format!("binary data has array element type {element} instead of expected {expected}");
        return Err(ValueError::new("42804", message));
    }
    let (mut dimensions, mut bounds) = (Vec::new(), Vec::new());
    let mut count: usize = if depth == 0 { 0 } else { 1 };
    for _ in 0..depth {
        let size = usize::try_from(word(&mut rest)?).map_err(|_| ValueError::binary())?;
        bounds.push(word(&mut rest)?);
        // Every element takes four bytes at least: more of them than that cannot be there.
        count = count
            .checked_mul(size)
            .filter(|count| *count <= bytes.len() / 4)
            .ok_or_else(ValueError::binary)?;
        dimensions.push(size);
    }
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(sized(&mut rest)?.map(&decode).transpose()?);
    }
    if !rest.is_empty() {
        return Err(ValueError::binary());
    }
    Array::new(element, dimensions, items)?.starting_at(bounds)
}

/// What the head of a binary array says: how many dimensions and elements there are; and the elements' bytes.
pub struct Items<'a> {
    pub dimensions: usize,
    pub count: usize,
    pub rest: &'a [u8],
}

/// Reads the head of a binary array of whatever elements.
pub fn read_items(bytes: &[u8]) -> Result<Items<'_>> {
    let mut rest = bytes;
    let (depth, flags, _) = (word(&mut rest)?, word(&mut rest)?, word(&mut rest)?);
    if depth < 0 || !(0..=1).contains(&flags) {
        return Err(ValueError::binary());
    }
    check_depth(depth as usize)?;
    let mut count: usize = if depth == 0 { 0 } else { 1 };
    for _ in 0..depth {
        let size = usize::try_from(word(&mut rest)?).map_err(|_| ValueError::binary())?;
        word(&mut rest)?;
        // Every element takes four bytes at least: more of them than that cannot be there.
        count = count
            .checked_mul(size)
            .filter(|count| *count <= bytes.len() / 4)
            .ok_or_else(ValueError::binary)?;
    }
    Ok(Items {
        dimensions: depth as usize,
        count,
        rest,
    })
}

pub fn word(rest: &mut &[u8]) -> Result<i32> {
    let (head, tail) = rest
        .split_first_chunk::<4>()
        .ok_or_else(ValueError::binary)?;
    *rest = tail;
    Ok(i32::from_be_bytes(*head))
}

/// Bytes with their length in front; None for the length of NULL.
pub fn sized<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>> {
    let length = word(rest)?;
    if length == -1 {
        return Ok(None);
    }
    let (taken, tail) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(ValueError::binary)?;
    *rest = tail;
    Ok(Some(taken))
}

/// Appends what `write` writes with its length in front.
pub fn put_sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let length = size_word(out.len() - at - 4)?;
    out[at..at + 4].copy_from_slice(&length);
    Ok(())
}

/// Reads the text format: `{1,2}`, `{{a,"b c"},{NULL,d}}`, with bounds `[0:1]={…}` allowed in front.
pub fn parse(array: PgType, input: &str, style: &Style) -> Result<Value<'static>> {
    text::check(input)?;
    let malformed = || {
        ValueError::new(
            "22P02",
            format!("malformed array literal: \"{}\"", clip(input)),
        )
    };
    let (stated, body) = bounds(text::trim(input))?.ok_or_else(malformed)?;
    let mut reader = Reader {
        rest: body,
        delimiter: delimiter(array.kind).into(),
        dimensions: Vec::new(),
        items: Vec::new(),
    };
    reader
        .read(0)
        .map_err(|problem| problem.unwrap_or_else(malformed))?;
    if !reader.rest.is_empty() {
        return Err(malformed());
    }
    let dimensions = reader
        .dimensions
        .into_iter()
        .map(|size| size.unwrap_or(0))
        .collect();
    let items = reader
        .items
        .into_iter()
        .map(|item| {
            item.map(|text| parse_scalar(array.kind, &text, style).map(Value::into_owned))
                .transpose()
        })
        .collect::<Result<Vec<_>>>()?;
    let made = Array::new(array.element, dimensions, items)?;
    if stated.is_empty() {
        return Ok(Value::Array(made));
    }
    let sizes = stated.iter().map(|(_, size)| *size);
    if !sizes.eq(made.dimensions.iter().map(|size| *size as i64)) {
        return Err(malformed());
    }
    let bounds = stated.iter().map(|(bound, _)| *bound).collect();
    made.starting_at(bounds).map(Value::Array)
}

/// Lower bound and size of each dimension that `[l:u]…=` states, and what follows; None if that is malformed.
#[allow(clippy::type_complexity)]
fn bounds(text: &str) -> Result<Option<(Vec<(i32, i64)>, &str)>> {
    let mut rest = text;
    let mut stated = Vec::new();
    while let Some(inner) = rest.strip_prefix('[') {
        check_depth(stated.len() + 1)?;
        let Some((range, after)) = inner.split_once(']') else {
            return Ok(None);
        };
        let (lower, upper) = range.split_once(':').unwrap_or(("1", range));
        let (Some(lower), Some(upper)) = (bound(lower), bound(upper)) else {
            return Ok(None);
        };
        if upper < lower {
            let message = "upper bound cannot be less than lower bound";
            return Err(ValueError::new("2202E", message));
        }
        stated.push((lower, i64::from(upper) - i64::from(lower) + 1));
        rest = text::trim(after);
    }
    if !stated.is_empty() {
        let Some(body) = rest.strip_prefix('=') else {
            return Ok(None);
        };
        rest = text::trim(body);
    }
    Ok(Some((stated, rest)))
}

/// An index, with or without sign.
fn bound(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// None as error stands for "malformed".
type Read = std::result::Result<(), Option<ValueError>>;

struct Reader<'a> {
    rest: &'a str,
    delimiter: char,
    /// Size of each dimension, once its first block has ended.
    dimensions: Vec<Option<usize>>,
    items: Vec<Option<String>>,
}

impl Reader<'_> {
    /// One `{…}`; `depth` dimensions lie around it.
    fn read(&mut self, depth: usize) -> Read {
        if depth >= MAX_DIMENSIONS && self.rest.starts_with('{') {
            return Err(check_depth(depth + 1).err());
        }
        self.literal('{')?;
        // A dimension first met after its elements' depth was settled would make the array ragged.
        if self.dimensions.len() == depth {
            if !self.items.is_empty() {
                return Err(None);
            }
            self.dimensions.push(None);
        }
        let mut count = 0;
        self.space();
        if self.rest.starts_with('}') {
            if depth > 0 || self.dimensions.len() > 1 {
                // An empty block is only allowed as a whole: {} or {{},{}}.
                if !self.items.is_empty() || self.dimensions.len() > depth + 1 {
                    return Err(None);
                }
            }
        } else {
            loop {
                self.space();
                if self.rest.starts_with('{') {
                    self.read(depth + 1)?;
                } else {
                    if self.dimensions.len() > depth + 1 {
                        return Err(None);
                    }
                    self.item()?;
                }
                count += 1;
                self.space();
                if !self.rest.starts_with(self.delimiter) {
                    break;
                }
                self.literal(self.delimiter)?;
            }
        }
        self.literal('}')?;
        match self.dimensions[depth] {
            None => self.dimensions[depth] = Some(count),
            Some(size) if size == count => {}
            Some(_) => return Err(None),
        }
        if depth == 0 {
            self.space();
        }
        Ok(())
    }

    fn item(&mut self) -> Read {
        let mut value = String::new();
        let quoted = self.rest.starts_with('"');
        let mut escaped_any = false;
        // Length without white space at the end that is not escaped.
        let mut kept = 0;
        let mut characters = self.rest.char_indices();
        if quoted {
            characters.next();
        }
        loop {
            let (at, character) = characters.next().ok_or(None)?;
            match character {
                '"' if quoted => {
                    self.rest = &self.rest[at + 1..];
                    kept = value.len();
                    break;
                }
                '\\' => {
                    value.push(characters.next().ok_or(None)?.1);
                    escaped_any = true;
                    kept = value.len();
                }
                _ if !quoted && (character == self.delimiter || character == '}') => {
                    self.rest = &self.rest[at..];
                    break;
                }
                '"' | '{' => {
                    if !quoted {
                        return Err(None);
                    }
                    value.push(character);
                }
                _ => {
                    value.push(character);
                    if !(character.is_ascii() && text::is_space(character as u8)) {
                        kept = value.len();
                    }
                }
            }
        }
        value.truncate(kept);
        if !quoted && value.is_empty() {
            return Err(None);
        }
        let is_null = !quoted && !escaped_any && value.eq_ignore_ascii_case("null");
        self.items.push(if is_null { None } else { Some(value) });
        Ok(())
    }

    fn literal(&mut self, wanted: char) -> Read {
        self.rest = self.rest.strip_prefix(wanted).ok_or(None)?;
        Ok(())
    }

    fn space(&mut self) {
        self.rest = self
            .rest
            .trim_start_matches(|c: char| c.is_ascii() && text::is_space(c as u8));
    }
}
