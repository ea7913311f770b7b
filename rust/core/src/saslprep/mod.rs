//! SASLprep (RFC 4013) as PostgreSQL does it on both ends: what cannot be prepared stays as it was.
//!
//! Two habits of PostgreSQL's are kept: U+200B, which stands in two tables, becomes a space; and what is prohibited is looked for
//! before the text is normalised. The tables are those of Unicode 3.2; the normal form is the current one, which for the code points
//! of Unicode 3.2 does not change any more.
mod tables;

use std::borrow::Cow;

use tables::{LEFT_TO_RIGHT, NOTHING, PROHIBITED, RIGHT_TO_LEFT, Ranges, SPACES};
use unicode_normalization::UnicodeNormalization;

/// The prepared password; the given bytes where they are not UTF-8, hold something prohibited, or would become empty.
pub fn prepare_password(password: &[u8]) -> Cow<'_, [u8]> {
    if password.is_ascii() {
        return Cow::Borrowed(password);
    }
    match std::str::from_utf8(password).ok().and_then(prepared) {
        Some(text) => Cow::Owned(text.into_bytes()),
        None => Cow::Borrowed(password),
    }
}

fn prepared(text: &str) -> Option<String> {
    let mapped: Vec<char> = text
        .chars()
        .filter_map(|char| match char {
            _ if holds(SPACES, char) => Some(' '),
            _ if holds(NOTHING, char) => None,
            _ => Some(char),
        })
        .collect();
    if mapped.is_empty() || mapped.iter().any(|char| holds(PROHIBITED, *char)) {
        return None;
    }
    let right_to_left = |char: &char| holds(RIGHT_TO_LEFT, *char);
    if mapped.iter().any(right_to_left) {
        // RFC 3454 §6
        let ends =
            mapped.first().is_some_and(right_to_left) && mapped.last().is_some_and(right_to_left);
        if !ends || mapped.iter().any(|char| holds(LEFT_TO_RIGHT, *char)) {
            return None;
        }
    }
    Some(mapped.into_iter().nfkc().collect())
}

fn holds(ranges: &Ranges, char: char) -> bool {
    let code = u32::from(char);
    let after = ranges.partition_point(|(first, _)| *first <= code);
    after > 0 && code <= ranges[after - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in [SPACES, NOTHING, PROHIBITED, RIGHT_TO_LEFT, LEFT_TO_RIGHT] {
            assert!(table.iter().all(|(first, last)| first <= last));
            assert!(table.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}
