//! The parts of a range's and a record's text (PostgreSQL 8.16.6, 8.17.5): quotes anywhere, doubled or escaped inside.
use super::text;

/// Takes one part up to one of `ends`, which stays. The inner None is a part without a character or quote, the outer one text that
/// ends too early.
pub fn read(rest: &mut &str, ends: &[u8]) -> Option<Option<String>> {
    if ends.contains(rest.as_bytes().first()?) {
        return Some(None);
    }
    let mut part = String::new();
    let mut quoted = false;
    let mut characters = rest.char_indices().peekable();
    loop {
        let (at, character) = characters.next()?;
        match character {
            '\\' => part.push(characters.next()?.1),
            '"' if quoted && characters.peek().is_some_and(|(_, next)| *next == '"') => {
                characters.next();
                part.push('"');
            }
            '"' => quoted = !quoted,
            _ if !quoted && character.is_ascii() && ends.contains(&(character as u8)) => {
                *rest = &rest[at..];
                return Some(Some(part));
            }
            _ => part.push(character),
        }
    }
}

/// Appends a part, in quotes where it is empty or holds white space, a quote, a backslash, a comma or one of `special`.
pub fn write(out: &mut Vec<u8>, part: &[u8], special: &[u8]) {
    let is_special = |byte: &u8| {
        matches!(byte, b'"' | b'\\' | b',') || special.contains(byte) || text::is_space(*byte)
    };
    if !part.is_empty() && !part.iter().any(is_special) {
        return out.extend_from_slice(part);
    }
    out.push(b'"');
    for byte in part {
        if matches!(byte, b'"' | b'\\') {
            out.push(*byte);
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// What is left without white space in front.
pub fn skip_space(rest: &str) -> &str {
    rest.trim_start_matches(|c: char| c.is_ascii() && text::is_space(c as u8))
}
