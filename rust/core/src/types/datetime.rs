//! date, time, timestamp and timestamptz (PostgreSQL 8.5): how they are read, and printed with DateStyle ISO and TimeZone UTC.
//!
//! A date is days and a timestamp microseconds since 2000-01-01; the integers' extremes are the infinities.
use super::date_input::{self, Date};
use super::style::Style;
use super::{Kind, Result, ValueError, clip, integers, text};

pub const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Days of 2000-01-01 since 1970-01-01.
pub const UNIX_EPOCH_DAYS: i64 = 10_957;
const MIN_DATE: i64 = -2_451_545;
const END_DATE: i64 = 2_145_031_949;
const MIN_TIMESTAMP: i64 = -211_813_488_000_000_000;
const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

/// Days since 2000-01-01 of a date of the proleptic Gregorian calendar; year 0 is 1 BC.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    // Years are counted from March, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = i64::from((153 * ((month + 9) % 12) + 2) / 5 + day - 1);
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468 - UNIX_EPOCH_DAYS
}

/// Year, month and day of a number of days since 2000-01-01.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468 + UNIX_EPOCH_DAYS;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

pub fn write_date(out: &mut Vec<u8>, days: i32) {
    if !write_infinity(out, days == i32::MAX, days == i32::MIN) {
        let (year, month, day) = civil_from_days(i64::from(days));
        write_fields(out, year, month, day, None, false);
    }
}

pub fn write_time(out: &mut Vec<u8>, micros: i64) {
    let mut buffer = [0u8; 16];
    let length = format_time(&mut buffer, micros);
    integers::append(out, &buffer, length);
}

pub fn write_timestamp(out: &mut Vec<u8>, micros: i64, with_zone: bool) {
    if !write_infinity(out, micros == i64::MAX, micros == i64::MIN) {
        let (year, month, day) = civil_from_days(micros.div_euclid(MICROS_PER_DAY));
        write_fields(
            out,
            year,
            month,
            day,
            Some(micros.rem_euclid(MICROS_PER_DAY)),
            with_zone,
        );
    }
}

fn write_infinity(out: &mut Vec<u8>, positive: bool, negative: bool) -> bool {
    if positive {
        out.extend_from_slice(b"infinity");
    } else if negative {
        out.extend_from_slice(b"-infinity");
    }
    positive || negative
}

/// Date, time of day in microseconds, `+00` and the era's name, from the fields of a calendar.
#[inline]
pub fn write_fields(
    out: &mut Vec<u8>,
    year: i64,
    month: u32,
    day: u32,
    time: Option<i64>,
    with_zone: bool,
) {
    let shown = if year > 0 { year } else { 1 - year };
    let mut buffer = [0u8; 32];
    if shown < 10_000 {
        buffer[0..2].copy_from_slice(&integers::pair(shown as u32 / 100));
        buffer[2..4].copy_from_slice(&integers::pair(shown as u32 % 100));
    } else {
        integers::write_text(out, shown);
    }
    let start = if shown < 10_000 { 4 } else { 0 };
    buffer[start] = b'-';
    buffer[start + 1..start + 3].copy_from_slice(&integers::pair(month));
    buffer[start + 3] = b'-';
    buffer[start + 4..start + 6].copy_from_slice(&integers::pair(day));
    let mut length = start + 6;
    if let Some(micros) = time {
        buffer[length] = b' ';
        let mut clock = [0u8; 16];
        let size = format_time(&mut clock, micros);
        buffer[length + 1..length + 17].copy_from_slice(&clock);
        length += 1 + size;
        if with_zone {
            buffer[length..length + 3].copy_from_slice(b"+00");
            length += 3;
        }
    }
    integers::append(out, &buffer, length);
    if year <= 0 {
        out.extend_from_slice(b" BC");
    }
}

/// `HH:MM:SS[.ffffff]` without zeros at the end of the fraction; returns the length.
#[inline]
fn format_time(buffer: &mut [u8; 16], micros: i64) -> usize {
    let (seconds, fraction) = ((micros / 1_000_000) as u32, (micros % 1_000_000) as u32);
    buffer[0..2].copy_from_slice(&integers::pair(seconds / 3600));
    buffer[2] = b':';
    buffer[3..5].copy_from_slice(&integers::pair(seconds / 60 % 60));
    buffer[5] = b':';
    buffer[6..8].copy_from_slice(&integers::pair(seconds % 60));
    8 + format_fraction(&mut buffer[8..15], fraction)
}

/// `.ffffff` without zeros at its end; nothing for zero. Returns the length.
#[inline]
pub fn format_fraction(buffer: &mut [u8], micros: u32) -> usize {
    if micros == 0 {
        return 0;
    }
    buffer[0] = b'.';
    buffer[1..3].copy_from_slice(&integers::pair(micros / 10_000));
    buffer[3..5].copy_from_slice(&integers::pair(micros / 100 % 100));
    buffer[5..7].copy_from_slice(&integers::pair(micros % 100));
    7 - buffer[1..7]
        .iter()
        .rev()
        .take_while(|byte| **byte == b'0')
        .count()
}

/// 22008 unless the days are a date PostgreSQL has: 4714-11-24 BC to 5874897-12-31, or an infinity.
pub fn check_date(days: i32) -> Result<i32> {
    if days == i32::MAX || days == i32::MIN || (MIN_DATE..END_DATE).contains(&i64::from(days)) {
        Ok(days)
    } else {
        Err(ValueError::new("22008", "date out of range"))
    }
}

/// 22008 unless the time of day is 00:00:00 to 24:00:00.
pub fn check_time(micros: i64) -> Result<i64> {
    if (0..=MICROS_PER_DAY).contains(&micros) {
        Ok(micros)
    } else {
        Err(ValueError::new("22008", "time out of range"))
    }
}

/// 22008 unless PostgreSQL has the timestamp: 4714-11-24 BC to 294276-12-31, or an infinity.
pub fn check_timestamp(micros: i64) -> Result<i64> {
    if micros == i64::MAX || micros == i64::MIN || (MIN_TIMESTAMP..END_TIMESTAMP).contains(&micros)
    {
        Ok(micros)
    } else {
        Err(ValueError::new("22008", "timestamp out of range"))
    }
}

/// Reads a date; a time of day behind it is checked and dropped.
pub fn parse_date(input: &str, style: &Style) -> Result<i32> {
    match Stamp::parse(Kind::Date, input, style)? {
        Stamp::Infinity(positive) => Ok(if positive { i32::MAX } else { i32::MIN }),
        Stamp::Finite { days, .. } if (MIN_DATE..END_DATE).contains(&days) => Ok(days as i32),
        Stamp::Finite { .. } => Err(out_of_range(Kind::Date, input)),
    }
}

/// Reads a time of day, alone or behind a date; a zone behind it is checked and dropped.
pub fn parse_time(input: &str, style: &Style) -> Result<i64> {
    Ok(parse_clock(Kind::Time, input, style)?.micros)
}

/// Microseconds of the day, and seconds east of Greenwich where they were told.
pub(super) struct Clock {
    pub micros: i64,
    pub east: Option<i64>,
}

/// Reads a time of day and its zone, alone or behind a date.
pub(super) fn parse_clock(kind: Kind, input: &str, style: &Style) -> Result<Clock> {
    let syntax = || ValueError::syntax(kind, input);
    let mut cursor = Cursor {
        rest: text::trim(input),
    };
    if input.contains(':') && cursor.date(style).is_none() {
        cursor.rest = text::trim(input);
    }
    cursor.gap();
    let micros = cursor.clock().ok_or_else(syntax)?;
    let east = cursor
        .zone(style)
        .filter(|_| cursor.rest.is_empty())
        .ok_or_else(syntax)?;
    let east = east.ok_or_else(|| displacement(input))?;
    let micros = micros.ok_or_else(|| field(input))?;
    Ok(Clock { micros, east })
}

/// Reads a timestamp; an offset is applied with a zone and dropped without one, as PostgreSQL does.
pub fn parse_timestamp(input: &str, with_zone: bool, style: &Style) -> Result<i64> {
    let kind = if with_zone {
        Kind::TimestampTz
    } else {
        Kind::Timestamp
    };
    match Stamp::parse(kind, input, style)? {
        Stamp::Infinity(positive) => Ok(if positive { i64::MAX } else { i64::MIN }),
        Stamp::Finite {
            days,
            micros,
            offset,
        } => {
            let offset = match (with_zone, offset, &style.zone) {
                (false, ..) | (true, None, None) => 0,
                (true, Some(offset), _) => offset,
                (true, None, Some(zone)) => {
                    let clock = (days + UNIX_EPOCH_DAYS) * 86_400 + micros / 1_000_000;
                    zone.offset_of(clock).into()
                }
            };
            let total = i128::from(days) * i128::from(MICROS_PER_DAY) + i128::from(micros)
                - i128::from(offset) * 1_000_000;
            match i64::try_from(total) {
                Ok(total) if (MIN_TIMESTAMP..END_TIMESTAMP).contains(&total) => Ok(total),
                _ => Err(out_of_range(kind, input)),
            }
        }
    }
}

enum Stamp {
    Infinity(bool),
    /// Days since 2000-01-01, microseconds of the day, seconds east of Greenwich where they were told.
    Finite {
        days: i64,
        micros: i64,
        offset: Option<i64>,
    },
}

impl Stamp {
    /// `YYYY-MM-DD[( |T)HH:MM[:SS[.f]]][ zone][ BC]`, `YYYYMMDD[…]`, infinity, -infinity or epoch.
    ///
    /// Dates may also be `1/2/2003` and the like, in the order of DateStyle, or as DateStyle Postgres prints them.
    fn parse(kind: Kind, input: &str, style: &Style) -> Result<Stamp> {
        let syntax = || ValueError::syntax(kind, input);
        let trimmed = text::trim(input);
        match trimmed.to_ascii_lowercase().as_str() {
            "infinity" | "+infinity" => return Ok(Stamp::Infinity(true)),
            "-infinity" => return Ok(Stamp::Infinity(false)),
            "epoch" => {
                return Ok(Stamp::Finite {
                    days: -UNIX_EPOCH_DAYS,
                    micros: 0,
                    offset: Some(0),
                });
            }
            _ => {}
        }
        let rearranged;
        let mut cursor = Cursor { rest: trimmed };
        let date = match cursor.date(style) {
            Some(date) => date,
            None => {
                rearranged = date_input::rearranged(trimmed).ok_or_else(syntax)?;
                cursor.rest = &rearranged;
                cursor.date(style).ok_or_else(syntax)?
            }
        };
        let mut clock = Some(0);
        let mut offset = Some(None);
        let before_gap = cursor.rest;
        if cursor.gap() && cursor.rest.starts_with(|c: char| c.is_ascii_digit()) {
            clock = cursor.clock().ok_or_else(syntax)?;
            offset = cursor.zone(style).ok_or_else(syntax)?;
        } else {
            cursor.rest = before_gap;
        }
        let before_christ = cursor.era();
        if !cursor.rest.is_empty() {
            return Err(syntax());
        }
        let offset = offset.ok_or_else(|| displacement(input))?;
        let micros = clock.ok_or_else(|| field(input))?;
        let Date { month, day, .. } = date;
        let year = date
            .meant(before_christ)
            .filter(|_| (1..=12).contains(&month) && date.year <= 6_000_000)
            .ok_or_else(|| field(input))?;
        if day < 1 || day > days_in_month(year, month) {
            return Err(field(input));
        }
        Ok(Stamp::Finite {
            days: days_from_civil(year, month, day),
            micros,
            offset,
        })
    }
}

/// What is still to be read. A reader returns None where the syntax is wrong, and `Some(None)` where a field is out of range.
pub(super) struct Cursor<'a> {
    pub rest: &'a str,
}

impl Cursor<'_> {
    /// A run of digits of a certain length, as a number; longer runs than nine digits are refused.
    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if length < min || length > max {
            return None;
        }
        let value = self.rest[..length].parse().ok()?;
        self.rest = &self.rest[length..];
        Some(value)
    }

    fn literal(&mut self, wanted: &str) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A run of one to `most` digits as a number, and its length.
    pub fn digits(&mut self, most: usize) -> Option<(u32, usize)> {
        let before = self.rest.len();
        let value = self.number(1, most)?;
        Some((value, before - self.rest.len()))
    }

    fn date(&mut self, style: &Style) -> Option<Date> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if length == 8 && !self.rest[8..].starts_with(['-', '/', '.']) {
            let packed = self.number(8, 8)?;
            return Some(Date {
                year: i64::from(packed / 10_000),
                month: packed / 100 % 100,
                day: packed % 100,
                short_year: false,
            });
        }
        date_input::numbers(self, style.order)
    }

    /// White space or a T between date and time.
    fn gap(&mut self) -> bool {
        let before = self.rest.len();
        self.space();
        if !self.literal("T") {
            self.literal("t");
        }
        self.rest.len() < before
    }

    fn space(&mut self) {
        self.rest = self
            .rest
            .trim_start_matches(|c: char| c.is_ascii() && text::is_space(c as u8));
    }

    /// `HH:MM[:SS[.f]]` as microseconds of the day.
    fn clock(&mut self) -> Option<Option<i64>> {
        let hours = self.number(1, 2)?;
        if !self.literal(":") {
            return None;
        }
        let minutes = self.number(1, 2)?;
        let mut seconds = 0;
        let mut micros = 0;
        if self.literal(":") {
            seconds = self.number(1, 2)?;
            micros = self.fraction()?;
        }
        let total = (i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds))
            * 1_000_000
            + micros;
        Some((minutes < 60 && seconds <= 60 && total <= MICROS_PER_DAY).then_some(total))
    }

    /// A decimal fraction of a second in microseconds, rounded half to even.
    fn fraction(&mut self) -> Option<i64> {
        if !self.literal(".") {
            return Some(0);
        }
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let value: f64 = format!("0.{}0", &self.rest[..length]).parse().ok()?;
        self.rest = &self.rest[length..];
        Some((value * 1e6).round_ties_even() as i64)
    }

    /// An optional zone, as seconds east of Greenwich; `Some(Some(None))` where there is none.
    fn zone(&mut self, style: &Style) -> Option<Option<Option<i64>>> {
        self.space();
        let lower = self.rest.to_ascii_lowercase();
        for name in ["zulu", "utc", "gmt", "z"] {
            if lower.starts_with(name) {
                self.rest = &self.rest[name.len()..];
                return Some(Some(Some(0)));
            }
        }
        let letters = lower.bytes().take_while(u8::is_ascii_alphabetic).count();
        if let Some(zone) = style.zone.as_ref().filter(|_| letters >= 3)
            && let Some(offset) = zone.named(&lower[..letters])
        {
            self.rest = &self.rest[letters..];
            return Some(Some(Some(offset.into())));
        }
        let sign = if self.literal("+") {
            1
        } else if self.literal("-") {
            -1
        } else {
            return Some(Some(None));
        };
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (hours, mut minutes, mut seconds) = if digits > 2 {
            let packed = self.number(3, 4)?;
            (packed / 100, packed % 100, 0)
        } else {
            (self.number(1, 2)?, 0, 0)
        };
        if digits <= 2 && self.literal(":") {
            minutes = self.number(1, 2)?;
            if self.literal(":") {
                seconds = self.number(1, 2)?;
            }
        }
        let in_range = hours < 16 && minutes < 60 && seconds < 60;
        Some(in_range.then(|| Some(sign * i64::from(hours * 3600 + minutes * 60 + seconds))))
    }

    /// ` BC` or ` AD`; true for BC.
    fn era(&mut self) -> bool {
        self.space();
        let lower = self.rest.to_ascii_lowercase();
        if lower == "bc" || lower == "ad" {
            self.rest = "";
        }
        lower == "bc"
    }
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.rem_euclid(4) == 0
            && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) =>
        {
            29
        }
        2 => 28,
        _ => 31,
    }
}

fn field(input: &str) -> ValueError {
    ValueError::new(
        "22008",
        format!("date/time field value out of range: \"{}\"", clip(input)),
    )
}

fn displacement(input: &str) -> ValueError {
    let message = format!("time zone displacement out of range: \"{}\"", clip(input));
    ValueError::new("22009", message)
}

fn out_of_range(kind: Kind, input: &str) -> ValueError {
    let name = if kind == Kind::Date {
        "date"
    } else {
        "timestamp"
    };
    ValueError::new("22008", format!("{name} out of range: \"{}\"", clip(input)))
}
