//! How dates are read that are not ISO 8601: numbers in the order of DateStyle, and the forms with names (PostgreSQL 8.5.1, B.1).
use super::datetime::Cursor;
use super::style::Order;
use super::text;

/// Year, month and day as they stand, and whether the year had two digits at most.
pub(super) struct Date {
    pub year: i64,
    pub month: u32,
    pub day: u32,
    pub short_year: bool,
}

impl Date {
    /// The year meant: 0 is 1 BC; years of two digits are those from 1970 to 2069. None for year 0.
    pub fn meant(&self, before_christ: bool) -> Option<i64> {
        match self.year {
            _ if before_christ => (self.year > 0).then_some(1 - self.year),
            year @ 0..70 if self.short_year => Some(year + 2000),
            year @ 70..100 if self.short_year => Some(year + 1900),
            0 => None,
            year => Some(year),
        }
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

/// `1/2/2003`, `1.2.2003` or `1-2-03`: a number of three digits or more in front is the year, else the order says which is which.
pub(super) fn numbers(cursor: &mut Cursor<'_>, order: Order) -> Option<Date> {
    let (first, first_length) = cursor.digits(9)?;
    let separator = cursor.rest.chars().next().filter(|c| "-/.".contains(*c))?;
    cursor.rest = &cursor.rest[1..];
    let (second, _) = cursor.digits(9)?;
    cursor.rest = cursor.rest.strip_prefix(separator)?;
    let (third, third_length) = cursor.digits(9)?;
    let date = |year: u32, month, day, length| Date {
        year: year.into(),
        month,
        day,
        short_year: length <= 2,
    };
    Some(match order {
        _ if first_length >= 3 => date(first, second, third, first_length),
        Order::Ymd => date(first, second, third, first_length),
        Order::Dmy => date(third, second, first, third_length),
        Order::Mdy => date(third, first, second, third_length),
    })
}

/// What DateStyle Postgres prints, `Sat Jan 08 04:05:06 1999 …` or `Sat 08 Jan 04:05:06 1999 …`, brought into the order of ISO 8601:
/// `1999-01-08 04:05:06 …`. The day of the week and the time may be left out.
pub(super) fn rearranged(input: &str) -> Option<String> {
    let mut words = input
        .split(|c: char| (c.is_ascii() && text::is_space(c as u8)) || c == ',')
        .filter(|word| !word.is_empty())
        .peekable();
    if place(&WEEKDAYS, words.peek()?).is_some() {
        words.next();
    }
    let first = words.next()?;
    let second = words.next()?;
    let (month, day) = match place(&MONTHS, first) {
        Some(month) => (month, second),
        None => (place(&MONTHS, second)?, first),
    };
    let time = words.next_if(|word| word.contains(':'));
    let year = words.next()?;
    let is_number =
        |word: &str, most| word.len() <= most && word.bytes().all(|b| b.is_ascii_digit());
    if !is_number(day, 2) || !is_number(year, 9) || year.len() < 3 {
        return None;
    }
    let mut found = format!("{year}-{:02}-{day}", month + 1);
    for word in time.into_iter().chain(words) {
        found.push(' ');
        found.push_str(word);
    }
    Some(found)
}

/// Which of some names a word is: the whole of it or its first three letters.
fn place(names: &[&str], word: &str) -> Option<usize> {
    names
        .iter()
        .position(|name| word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3]))
}
