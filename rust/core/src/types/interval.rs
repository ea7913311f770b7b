//! interval (PostgreSQL 8.5.4): months, days and microseconds, and how its text is read; `interval_text` prints it.
use super::interval_text::{self, Style};
use super::{Kind, Result, ValueError, clip, datetime, text};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

impl Interval {
    pub const INFINITY: Interval = Interval {
        months: i32::MAX,
        days: i32::MAX,
        micros: i64::MAX,
    };
    pub const NEGATIVE_INFINITY: Interval = Interval {
        months: i32::MIN,
        days: i32::MIN,
        micros: i64::MIN,
    };

    pub fn from_binary(bytes: &[u8; 16]) -> Interval {
        let word = |at: usize| {
            i32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let micros = (i64::from(word(0)) << 32) | i64::from(word(4) as u32);
        Interval {
            months: word(12),
            days: word(8),
            micros,
        }
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.micros.to_be_bytes());
        out.extend_from_slice(&self.days.to_be_bytes());
        out.extend_from_slice(&self.months.to_be_bytes());
    }

    pub fn write_text(&self, out: &mut Vec<u8>) {
        interval_text::write(out, self, Style::Postgres);
    }

    /// True for infinity and false for -infinity, which PostgreSQL 17 brought: the extremes of all parts.
    pub fn infinity(&self) -> Option<bool> {
        match *self {
            Interval::INFINITY => Some(true),
            Interval::NEGATIVE_INFINITY => Some(false),
            _ => None,
        }
    }

    /// As `parse_styled` with the style postgres.
    pub fn parse(input: &str) -> Result<Interval> {
        Interval::parse_styled(input, Style::Postgres)
    }

    /// Reads every style: PostgreSQL's own (`1 year 2 mons -3 days 04:05:06.5`, with `@` and `ago`), SQL's (`1-2 3 4:05:06`) and
    /// ISO 8601's (`P1Y2MT3H`, `P0001-02-03T04:05:06`). With the style sql_standard, a minus sign in front that is the only sign holds
    /// for all parts.
    pub fn parse_styled(input: &str, style: Style) -> Result<Interval> {
        let trimmed = text::trim(input);
        match trimmed.to_ascii_lowercase().as_str() {
            "infinity" | "+infinity" => return Ok(Interval::INFINITY),
            "-infinity" => return Ok(Interval::NEGATIVE_INFINITY),
            _ => {}
        }
        let mut sum = Sum::default();
        let read = match trimmed.strip_prefix('P') {
            Some(rest) => sum.iso(rest),
            None => sum.verbose(trimmed, style == Style::SqlStandard),
        };
        read.ok_or_else(|| ValueError::syntax(Kind::Interval, input))?;
        sum.finish().ok_or_else(|| {
            ValueError::new(
                "22015",
                format!("interval field value out of range: \"{}\"", clip(input)),
            )
        })
    }
}

/// Months, days and microseconds while they are being added up.
#[derive(Default)]
struct Sum {
    months: i128,
    days: i128,
    micros: i128,
}

/// A decimal number: sign, whole part and fraction of one.
#[derive(Clone, Copy)]
struct Number {
    negative: bool,
    whole: i64,
    fraction: f64,
}

impl Sum {
    fn finish(&self) -> Option<Interval> {
        Some(Interval {
            months: i32::try_from(self.months).ok()?,
            days: i32::try_from(self.days).ok()?,
            micros: i64::try_from(self.micros).ok()?,
        })
    }

    fn verbose(&mut self, input: &str, sql_standard: bool) -> Option<()> {
        let lower = input.to_ascii_lowercase();
        let mut rest = text::trim(lower.strip_prefix('@').unwrap_or(&lower));
        let mut ago = false;
        let mut fields = 0;
        while !rest.is_empty() {
            fields += 1;
            if rest == "ago" && fields > 1 {
                ago = true;
                break;
            }
            if let Some(tail) = self.clock(rest).or_else(|| self.years_months(rest)) {
                rest = skip(tail);
                continue;
            }
            let (number, tail) = take_number(rest)?;
            let tail = skip(tail);
            let length = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
            if length == 0 {
                // A bare number is days in front of a time of day, and seconds at the end.
                let last = tail.is_empty();
                if !last && !self.clock_follows(tail) {
                    return None;
                }
                self.add(if last { "second" } else { "day" }, number)?;
                rest = tail;
                continue;
            }
            self.add(&tail[..length], number)?;
            rest = skip(&tail[length..]);
        }
        if fields == 0 {
            return None;
        }
        let signed = |word: &str| word.starts_with(['-', '+']);
        if sql_standard
            && lower.starts_with('-')
            && !lower.split_ascii_whitespace().skip(1).any(signed)
        {
            for part in [&mut self.months, &mut self.days, &mut self.micros] {
                *part = -part.abs();
            }
        }
        if ago {
            (self.months, self.days, self.micros) = (-self.months, -self.days, -self.micros);
        }
        Some(())
    }

    fn clock_follows(&self, text: &str) -> bool {
        Sum::default().clock(text).is_some()
    }

    /// `[+-]HH:MM[:SS[.f]]`; what follows it.
    fn clock<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let (negative, rest) = take_sign(text);
        let (hours, rest) = take_digits(rest)?;
        let (minutes, rest) = take_digits(rest.strip_prefix(':')?)?;
        let (mut seconds, mut fraction, mut tail) = (0, 0.0, rest);
        if let Some(rest) = rest.strip_prefix(':') {
            let (number, rest) = take_number(rest)?;
            if number.negative {
                return None;
            }
            (seconds, fraction, tail) = (number.whole, number.fraction, rest);
        }
        if minutes >= 60
            || seconds > 60
            || !(tail.is_empty() || tail.starts_with(|c: char| c.is_ascii_whitespace()))
        {
            return None;
        }
        let total = (i128::from(hours) * 3600 + i128::from(minutes) * 60 + i128::from(seconds))
            * 1_000_000
            + micros_of(fraction);
        self.micros += if negative { -total } else { total };
        Some(tail)
    }

    /// `[+-]Y-M` of SQL; what follows it.
    fn years_months<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let (negative, rest) = take_sign(text);
        let (years, rest) = take_digits(rest)?;
        let (months, tail) = take_digits(rest.strip_prefix('-')?)?;
        if months >= 12 || !(tail.is_empty() || tail.starts_with(|c: char| c.is_ascii_whitespace()))
        {
            return None;
        }
        let total = i128::from(years) * 12 + i128::from(months);
        self.months += if negative { -total } else { total };
        Some(tail)
    }

    /// `Y-M-D` of ISO 8601's alternative form; what follows it.
    fn years_months_days<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let (years, rest) = take_digits(text)?;
        let (months, rest) = take_digits(rest.strip_prefix('-')?)?;
        let (days, tail) = take_digits(rest.strip_prefix('-')?)?;
        self.months += i128::from(years) * 12 + i128::from(months);
        self.days += i128::from(days);
        Some(tail)
    }

    fn iso(&mut self, text: &str) -> Option<()> {
        let mut rest = text;
        let mut in_time = false;
        let mut fields = 0;
        while !rest.is_empty() {
            if let Some(tail) = rest.strip_prefix('T') {
                if in_time {
                    return None;
                }
                in_time = true;
                rest = tail;
                continue;
            }
            let written_out = if in_time {
                self.clock(rest)
            } else {
                self.years_months_days(rest)
            };
            if let Some(tail) = written_out {
                rest = tail;
                fields += 1;
                continue;
            }
            let (number, tail) = take_number(rest)?;
            let unit = match (tail.as_bytes().first()?, in_time) {
                (b'Y', false) => "year",
                (b'M', false) => "month",
                (b'W', false) => "week",
                (b'D', false) => "day",
                (b'H', true) => "hour",
                (b'M', true) => "minute",
                (b'S', true) => "second",
                _ => return None,
            };
            self.add(unit, number)?;
            rest = &tail[1..];
            fields += 1;
        }
        (fields > 0).then_some(())
    }

    /// Adds a number of a unit. A fraction goes down to the next units: of years to months, of months to days, of days to time.
    fn add(&mut self, unit: &str, number: Number) -> Option<()> {
        let sign = if number.negative { -1 } else { 1 };
        let whole = i128::from(number.whole) * sign;
        let fraction = number.fraction * sign as f64;
        let time =
            |micros: i128| whole * micros + (fraction * micros as f64).round_ties_even() as i128;
        match unit {
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" | "usecond" | "useconds" => {
                self.micros += time(1)
            }
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" | "msecond" | "mseconds" => {
                self.micros += time(1000)
            }
            "second" | "seconds" | "s" | "sec" | "secs" => self.micros += time(1_000_000),
            "minute" | "minutes" | "m" | "min" | "mins" => self.micros += time(60_000_000),
            "hour" | "hours" | "h" | "hr" | "hrs" => self.micros += time(3_600_000_000),
            "day" | "days" | "d" => self.add_days(whole, fraction),
            "week" | "weeks" | "w" => self.add_days(whole * 7, fraction * 7.0),
            "month" | "months" | "mon" | "mons" => {
                self.months += whole;
                self.add_days(0, fraction * 30.0);
            }
            "year" | "years" | "y" | "yr" | "yrs" => self.add_years(1, whole, fraction),
            "decade" | "decades" | "dec" | "decs" => self.add_years(10, whole, fraction),
            "century" | "centuries" | "cent" | "c" => self.add_years(100, whole, fraction),
            "millennium" | "millennia" | "mil" | "mils" => self.add_years(1000, whole, fraction),
            _ => return None,
        }
        Some(())
    }

    fn add_days(&mut self, whole: i128, fraction: f64) {
        let extra = fraction.trunc();
        self.days += whole + extra as i128;
        self.micros +=
            ((fraction - extra) * datetime::MICROS_PER_DAY as f64).round_ties_even() as i128;
    }

    fn add_years(&mut self, years: i32, whole: i128, fraction: f64) {
        self.months += whole * i128::from(years) * 12
            + (fraction * f64::from(years) * 12.0).round_ties_even() as i128;
    }
}

fn micros_of(fraction: f64) -> i128 {
    (fraction * 1e6).round_ties_even() as i128
}

fn skip(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii() && text::is_space(c as u8))
}

fn take_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// At most 18 digits as a number.
fn take_digits(text: &str) -> Option<(i64, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=18)
        .contains(&length)
        .then(|| (text[..length].parse().unwrap_or(0), &text[length..]))
}

/// `[+-]digits[.digits]` or `[+-].digits`.
fn take_number(text: &str) -> Option<(Number, &str)> {
    let (negative, rest) = take_sign(text);
    let (whole, rest) = if rest.starts_with('.') {
        (0, rest)
    } else {
        take_digits(rest)?
    };
    let Some(behind) = rest.strip_prefix('.') else {
        return Some((
            Number {
                negative,
                whole,
                fraction: 0.0,
            },
            rest,
        ));
    };
    let length = behind.bytes().take_while(u8::is_ascii_digit).count();
    let fraction = format!("0.{}0", &behind[..length]).parse().ok()?;
    Some((
        Number {
            negative,
            whole,
            fraction,
        },
        &behind[length..],
    ))
}
