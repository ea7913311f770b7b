//! Arrays (PostgreSQL 8.15): up to six dimensions; lower bounds are read over and written as 1.
use super::{PgType, Result, Value, ValueError, clip, decode_scalar, parse_scalar, text};

const MAX_DIMENSIONS: usize = 6;

/// Elements in row-major order. An array without elements has no dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<'a> {
    /// OID of the element type.
    pub element: u32,
    pub dimensions: Vec<usize>,
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
                items,
            });
        }
        check_depth(dimensions.len())?;
        Ok(Array {
            element,
            dimensions,
            items,
        })
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        let has_null = self.items.iter().any(Option::is_none);
        out.extend_from_slice(&(self.dimensions.len() as i32).to_be_bytes());
        out.extend_from_slice(&i32::from(has_null).to_be_bytes());
        out.extend_from_slice(&self.element.to_be_bytes());
        for size in &self.dimensions {
            out.extend_from_slice(&size_word(*size)?);
            out.extend_from_slice(&1i32.to_be_bytes());
        }
        for item in &self.items {
            let Some(item) = item else {
                out.extend_from_slice(&(-1i32).to_be_bytes());
                continue;
            };
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            item.write_binary(out)?;
            let length = size_word(out.len() - at - 4)?;
            out[at..at + 4].copy_from_slice(&length);
        }
        Ok(())
    }

    pub fn write_text(&self, out: &mut Vec<u8>) -> Result<()> {
        if self.items.is_empty() {
            out.extend_from_slice(b"{}");
            return Ok(());
        }
        let mut scratch = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend(std::iter::repeat_n(b'{', self.edges(index)));
            match item {
                None => out.extend_from_slice(b"NULL"),
                Some(item) => {
                    scratch.clear();
                    item.write_text(&mut scratch)?;
                    write_item(out, &scratch);
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
fn write_item(out: &mut Vec<u8>, item: &[u8]) {
    let special =
        |byte: &u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b',') || text::is_space(*byte);
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

fn size_word(size: usize) -> Result<[u8; 4]> {
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
    let mut rest = bytes;
    let (depth, flags, element) = (word(&mut rest)?, word(&mut rest)?, word(&mut rest)? as u32);
    if depth < 0 || !(0..=1).contains(&flags) {
        return Err(ValueError::binary());
    }
    check_depth(depth as usize)?;
    if element != array.element {
        let message = format!(
            "binary data has array element type {element} instead of expected {}",
            array.element
        );
        return Err(ValueError::new("42804", message));
    }
    let mut dimensions = Vec::new();
    let mut count: usize = if depth == 0 { 0 } else { 1 };
    for _ in 0..depth {
        let size = usize::try_from(word(&mut rest)?).map_err(|_| ValueError::binary())?;
        word(&mut rest)?;
        // Every element takes four bytes at least: more of them than that cannot be there.
        count = count
            .checked_mul(size)
            .filter(|count| *count <= bytes.len() / 4)
            .ok_or_else(ValueError::binary)?;
        dimensions.push(size);
    }
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        let length = word(&mut rest)?;
        if length == -1 {
            items.push(None);
            continue;
        }
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= rest.len())
            .ok_or_else(ValueError::binary)?;
        let (item, tail) = rest.split_at(length);
        items.push(Some(decode_scalar(array.kind, item)?));
        rest = tail;
    }
    if !rest.is_empty() {
        return Err(ValueError::binary());
    }
    Array::new(element, dimensions, items).map(Value::Array)
}

fn word(rest: &mut &[u8]) -> Result<i32> {
    let (head, tail) = rest
        .split_first_chunk::<4>()
        .ok_or_else(ValueError::binary)?;
    *rest = tail;
    Ok(i32::from_be_bytes(*head))
}

/// Reads the text format: `{1,2}`, `{{a,"b c"},{NULL,d}}`, with bounds `[0:1]={…}` allowed in front.
pub fn parse(array: PgType, input: &str) -> Result<Value<'static>> {
    text::check(input)?;
    let malformed = || {
        ValueError::new(
            "22P02",
            format!("malformed array literal: \"{}\"", clip(input)),
        )
    };
    let body = skip_bounds(text::trim(input)).ok_or_else(malformed)?;
    let mut reader = Reader {
        rest: body,
        dimensions: Vec::new(),
        items: Vec::new(),
    };
    reader
        .read(0)
        .map_err(|problem| problem.unwrap_or_else(malformed))?;
    if !reader.rest.is_empty() {
        return Err(malformed());
    }
    let items = reader
        .items
        .into_iter()
        .map(|item| {
            item.map(|text| parse_scalar(array.kind, &text).map(Value::into_owned))
                .transpose()
        })
        .collect::<Result<Vec<_>>>()?;
    let dimensions = reader
        .dimensions
        .into_iter()
        .map(|size| size.unwrap_or(0))
        .collect();
    Array::new(array.element, dimensions, items).map(Value::Array)
}

/// What follows `[l:u]…=`; the text itself without bounds.
fn skip_bounds(text: &str) -> Option<&str> {
    if !text.starts_with('[') {
        return Some(text);
    }
    let (bounds, body) = text.split_once('=')?;
    let is_bounds = bounds.bytes().all(|byte| {
        byte.is_ascii_digit()
            || matches!(byte, b'[' | b']' | b':' | b'-' | b'+')
            || text::is_space(byte)
    });
    is_bounds.then(|| text::trim(body))
}

/// None as error stands for "malformed".
type Read = std::result::Result<(), Option<ValueError>>;

struct Reader<'a> {
    rest: &'a str,
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
                if !self.rest.starts_with(',') {
                    break;
                }
                self.literal(',')?;
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
                ',' | '}' if !quoted => {
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
