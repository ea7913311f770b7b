//! How an interval is printed, in each IntervalStyle (PostgreSQL 8.5.5).
use super::{Interval, datetime, integers};

/// The setting IntervalStyle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    #[default]
    Postgres,
    PostgresVerbose,
    SqlStandard,
    Iso8601,
}

impl Style {
    /// By the setting's value.
    pub fn named(name: &str) -> Option<Style> {
        match name {
            "postgres" => Some(Style::Postgres),
            "postgres_verbose" => Some(Style::PostgresVerbose),
            "sql_standard" => Some(Style::SqlStandard),
            "iso_8601" => Some(Style::Iso8601),
            _ => None,
        }
    }
}

/// The fields of an interval: each with a sign of its own.
struct Fields {
    years: i32,
    months: i32,
    days: i32,
    hours: i64,
    minutes: i64,
    /// Seconds in microseconds.
    micros: i64,
}

pub fn write(out: &mut Vec<u8>, value: &Interval, style: Style) {
    if let Some(positive) = value.infinity() {
        let text: &[u8] = if positive { b"infinity" } else { b"-infinity" };
        return out.extend_from_slice(text);
    }
    let fields = Fields {
        years: value.months / 12,
        months: value.months % 12,
        days: value.days,
        hours: value.micros / 3_600_000_000,
        minutes: value.micros / 60_000_000 % 60,
        micros: value.micros % 60_000_000,
    };
    match style {
        Style::Postgres => postgres(out, &fields),
        Style::PostgresVerbose => verbose(out, &fields),
        Style::SqlStandard => sql_standard(out, value, &fields),
        Style::Iso8601 => iso_8601(out, &fields),
    }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// `1 year 2 mons -3 days +04:05:06.7`: a positive part behind a negative one carries its sign.
fn postgres(out: &mut Vec<u8>, fields: &Fields) {
    let start = out.len();
    let mut after_negative = false;
    for (value, unit) in [
        (fields.years, "year"),
        (fields.months, "mon"),
        (fields.days, "day"),
    ] {
        if value == 0 {
            continue;
        }
        let space = if out.len() > start { " " } else { "" };
        let sign = if after_negative && value > 0 { "+" } else { "" };
        let plural = if value == 1 { "" } else { "s" };
        push(out, &format!("{space}{sign}{value} {unit}{plural}"));
        after_negative = value < 0;
    }
    let zero = fields.hours == 0 && fields.minutes == 0 && fields.micros == 0;
    if zero && out.len() > start {
        return;
    }
    if out.len() > start {
        out.push(b' ');
    }
    if fields.time_is_negative() {
        out.push(b'-');
    } else if after_negative {
        out.push(b'+');
    }
    if fields.hours.unsigned_abs() < 10 {
        out.push(b'0');
    }
    clock(out, fields);
}

impl Fields {
    fn time_is_negative(&self) -> bool {
        self.hours < 0 || self.minutes < 0 || self.micros < 0
    }
}

/// `4:05:06.7` without a sign.
fn clock(out: &mut Vec<u8>, fields: &Fields) {
    push(out, &fields.hours.unsigned_abs().to_string());
    let mut buffer = [b':'; 13];
    buffer[1..3].copy_from_slice(&integers::pair(fields.minutes.unsigned_abs() as u32));
    let micros = fields.micros.unsigned_abs();
    buffer[4..6].copy_from_slice(&integers::pair((micros / 1_000_000) as u32));
    let length = 6 + datetime::format_fraction(&mut buffer[6..], (micros % 1_000_000) as u32);
    integers::append(out, &buffer, length);
}

/// Seconds without a sign and without a zero in front.
fn seconds(out: &mut Vec<u8>, micros: i64) {
    let micros = micros.unsigned_abs();
    push(out, &(micros / 1_000_000).to_string());
    let mut fraction = [0; 7];
    let length = datetime::format_fraction(&mut fraction, (micros % 1_000_000) as u32);
    out.extend_from_slice(&fraction[..length]);
}

/// `@ 1 year 2 mons -3 days 4 hours ago`: the first part is positive, and `ago` turns the signs of all.
fn verbose(out: &mut Vec<u8>, fields: &Fields) {
    out.push(b'@');
    let mut first = true;
    let mut ago = false;
    for (value, unit) in [
        (i64::from(fields.years), "year"),
        (i64::from(fields.months), "mon"),
        (i64::from(fields.days), "day"),
        (fields.hours, "hour"),
        (fields.minutes, "min"),
    ] {
        if value == 0 {
            continue;
        }
        if first {
            ago = value < 0;
            first = false;
        }
        let shown = if ago { -value } else { value };
        let plural = if shown == 1 { "" } else { "s" };
        push(out, &format!(" {shown} {unit}{plural}"));
    }
    if fields.micros != 0 {
        out.push(b' ');
        if first {
            ago = fields.micros < 0;
        } else if (fields.micros < 0) != ago {
            out.push(b'-');
        }
        first = false;
        seconds(out, fields.micros);
        let one = fields.micros.unsigned_abs() == 1_000_000;
        push(out, if one { " sec" } else { " secs" });
    }
    if first {
        push(out, " 0");
    }
    if ago {
        push(out, " ago");
    }
}

/// `1-2` or `3 4:05:06` with one sign in front, as SQL has them, or `+1-2 -3 +4:05:06`.
fn sql_standard(out: &mut Vec<u8>, value: &Interval, fields: &Fields) {
    let negative = value.months < 0 || value.days < 0 || value.micros < 0;
    let positive = value.months > 0 || value.days > 0 || value.micros > 0;
    let year_month = value.months != 0;
    let day_time = value.days != 0 || value.micros != 0;
    let years = fields.years.unsigned_abs();
    let months = fields.months.unsigned_abs();
    let days = value.days.unsigned_abs();
    if !negative && !positive {
        return out.push(b'0');
    }
    if negative && positive || year_month && day_time {
        let sign = |negative: bool| if negative { '-' } else { '+' };
        let months_sign = sign(value.months < 0);
        let days_sign = sign(value.days < 0);
        let time_sign = sign(value.micros < 0);
        push(
            out,
            &format!("{months_sign}{years}-{months} {days_sign}{days} {time_sign}"),
        );
        return clock(out, fields);
    }
    if negative {
        out.push(b'-');
    }
    if year_month {
        return push(out, &format!("{years}-{months}"));
    }
    if days > 0 {
        push(out, &format!("{days} "));
    }
    clock(out, fields);
}

/// `P1Y2M-3DT4H5M6.7S`
fn iso_8601(out: &mut Vec<u8>, fields: &Fields) {
    let part = |out: &mut Vec<u8>, value: i64, unit: char| {
        if value != 0 {
            push(out, &format!("{value}{unit}"));
        }
    };
    let start = out.len();
    out.push(b'P');
    part(out, fields.years.into(), 'Y');
    part(out, fields.months.into(), 'M');
    part(out, fields.days.into(), 'D');
    if fields.hours != 0 || fields.minutes != 0 || fields.micros != 0 {
        out.push(b'T');
        part(out, fields.hours, 'H');
        part(out, fields.minutes, 'M');
        if fields.micros != 0 {
            if fields.micros < 0 {
                out.push(b'-');
            }
            seconds(out, fields.micros);
            out.push(b'S');
        }
    } else if out.len() == start + 1 {
        push(out, "T0S");
    }
}
