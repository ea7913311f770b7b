//! Values of words, quoted identifiers and string constants: case folded, doubled quotes and escapes resolved.
use std::borrow::Cow;

/// Lower case of ASCII letters only, as PostgreSQL folds identifiers in UTF-8.
pub fn fold(word: &str) -> Cow<'_, str> {
    if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(word.to_ascii_lowercase())
    } else {
        Cow::Borrowed(word)
    }
}

pub fn undouble<'a>(contents: &'a str, doubled: &str, single: &str) -> Cow<'a, str> {
    if contents.contains(doubled) {
        Cow::Owned(contents.replace(doubled, single))
    } else {
        Cow::Borrowed(contents)
    }
}

/// Contents of an `E''` constant; bytes that make no UTF-8 become U+FFFD.
pub fn unescape(contents: &str) -> Cow<'_, str> {
    if !contents.contains(['\\', '\'']) {
        return Cow::Borrowed(contents);
    }
    let mut out = Vec::with_capacity(contents.len());
    let mut rest = contents.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'\'' {
            // A quote inside the constant is doubled.
            rest = &rest[usize::from(rest.first() == Some(&b'\''))..];
            out.push(b'\'');
        } else if first != b'\\' {
            out.push(first);
        } else if let Some((&escaped, tail)) = rest.split_first() {
            rest = escape(escaped, rest, tail, &mut out);
        } else {
            out.push(first);
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Writes what the escape stands for; `rest` begins with `escaped`, `tail` behind it. Returns what follows.
fn escape<'a>(escaped: u8, rest: &'a [u8], tail: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    match escaped {
        b'b' => out.push(0x08),
        b'f' => out.push(0x0c),
        b'n' => out.push(b'\n'),
        b'r' => out.push(b'\r'),
        b't' => out.push(b'\t'),
        b'0'..=b'7' => {
            let size = count_while(rest, 3, |byte| (b'0'..=b'7').contains(&byte));
            out.push((digits(&rest[..size], 8) & 0xff) as u8);
            return &rest[size..];
        }
        b'x' => {
            let size = count_while(tail, 2, |byte| byte.is_ascii_hexdigit());
            if size == 0 {
                out.push(escaped);
            } else {
                out.push(digits(&tail[..size], 16) as u8);
            }
            return &tail[size..];
        }
        b'u' | b'U' => {
            let wanted = if escaped == b'u' { 4 } else { 8 };
            if count_while(tail, wanted, |byte| byte.is_ascii_hexdigit()) < wanted {
                out.push(escaped);
                return tail;
            }
            let first = digits(&tail[..wanted], 16);
            let (character, used) = match &tail[wanted..] {
                [b'\\', b'u', low @ ..] if escaped == b'u' => pair(first, low, 2),
                _ => (single(first), 0),
            };
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return &tail[wanted + used..];
        }
        other => out.push(other),
    }
    tail
}

/// Contents of `U&''` or `U&""`: `\XXXX`, `\+XXXXXX` and `\\`; any other backslash stands for itself.
pub fn unescape_unicode(contents: Cow<'_, str>) -> Cow<'_, str> {
    if !contents.contains('\\') {
        return contents;
    }
    let mut out = String::with_capacity(contents.len());
    let mut rest = contents.as_ref();
    while let Some(found) = rest.find('\\') {
        out.push_str(&rest[..found]);
        let tail = &rest.as_bytes()[found + 1..];
        let hex =
            |bytes: &[u8], size| count_while(bytes, size, |byte| byte.is_ascii_hexdigit()) == size;
        let used = if tail.first() == Some(&b'\\') {
            out.push('\\');
            1
        } else if hex(tail, 4) {
            let first = digits(&tail[..4], 16);
            let (character, used) = match &tail[4..] {
                [b'\\', low @ ..] => pair(first, low, 1),
                _ => (single(first), 0),
            };
            out.push(character);
            4 + used
        } else if tail.first() == Some(&b'+') && hex(&tail[1..], 6) {
            out.push(single(digits(&tail[1..7], 16)));
            7
        } else {
            out.push('\\');
            0
        };
        rest = &rest[found + 1 + used..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character of a surrogate pair whose low half may begin `low`, behind `prefix` bytes; else of `first` alone. With the bytes used.
fn pair(first: u32, low: &[u8], prefix: usize) -> (char, usize) {
    if (0xd800..0xdc00).contains(&first)
        && count_while(low, 4, |byte| byte.is_ascii_hexdigit()) == 4
    {
        let second = digits(&low[..4], 16);
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return (single(code), prefix + 4);
        }
    }
    (single(first), 0)
}

/// A character by its code point; U+FFFD for what is none.
fn single(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn count_while(bytes: &[u8], limit: usize, test: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .take(limit)
        .take_while(|&&byte| test(byte))
        .count()
}

fn digits(bytes: &[u8], radix: u32) -> u32 {
    bytes.iter().fold(0u32, |number, &byte| {
        let digit = char::from(byte).to_digit(radix).unwrap_or(0);
        number.wrapping_mul(radix).wrapping_add(digit)
    })
}
