//! How date, timestamp and timestamptz are printed, in each DateStyle and time zone (PostgreSQL 8.5.2).
use super::datetime::{self, MICROS_PER_DAY, UNIX_EPOCH_DAYS};
use super::integers;
use super::style::{Dates, Order, Style};
use super::zone::LocalTime;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// From Saturday on: 2000-01-01 was one.
const WEEKDAYS: [&str; 7] = ["Sat", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri"];
/// Characters of a zone's abbreviation that are printed.
const MAX_ABBREVIATION: usize = 10;
const UTC: LocalTime = LocalTime {
    offset: 0,
    name: String::new(),
};

pub fn write_date(out: &mut Vec<u8>, days: i32, style: &Style) {
    if style.dates == Dates::Iso || days == i32::MAX || days == i32::MIN {
        return datetime::write_date(out, days);
    }
    let (year, month, day) = datetime::civil_from_days(i64::from(days));
    let separator = match style.dates {
        Dates::Sql => b'/',
        Dates::German => b'.',
        _ => b'-',
    };
    let first_day = style.dates == Dates::German || style.order == Order::Dmy;
    write_numbers(out, month, day, separator, first_day);
    out.push(separator);
    write_year(out, year);
    write_era(out, year);
}

pub fn write_timestamp(out: &mut Vec<u8>, micros: i64, style: &Style) {
    if style.dates == Dates::Iso {
        return datetime::write_timestamp(out, micros, false);
    }
    write(out, micros, None, style);
}

pub fn write_timestamptz(out: &mut Vec<u8>, micros: i64, style: &Style) {
    if style.dates == Dates::Iso && style.zone.is_none() {
        return datetime::write_timestamp(out, micros, true);
    }
    let seconds = micros.div_euclid(1_000_000) + (UNIX_EPOCH_DAYS * MICROS_PER_DAY) / 1_000_000;
    let local = match &style.zone {
        Some(zone) => zone.at(seconds),
        None => &UTC,
    };
    write(out, micros, Some(local), style);
}

fn write(out: &mut Vec<u8>, micros: i64, zone: Option<&LocalTime>, style: &Style) {
    if micros == i64::MAX || micros == i64::MIN {
        return datetime::write_timestamp(out, micros, false);
    }
    let micros = micros + zone.map_or(0, |zone| i64::from(zone.offset) * 1_000_000);
    let days = micros.div_euclid(MICROS_PER_DAY);
    let time = micros.rem_euclid(MICROS_PER_DAY);
    let (year, month, day) = datetime::civil_from_days(days);
    match style.dates {
        Dates::Iso => {
            write_year(out, year);
            out.push(b'-');
            write_numbers(out, month, day, b'-', false);
        }
        Dates::Sql => {
            write_numbers(out, month, day, b'/', style.order == Order::Dmy);
            out.push(b'/');
            write_year(out, year);
        }
        Dates::German => {
            write_numbers(out, month, day, b'.', true);
            out.push(b'.');
            write_year(out, year);
        }
        Dates::Postgres => {
            let weekday = WEEKDAYS[days.rem_euclid(7) as usize];
            let month = MONTHS[month as usize - 1];
            let text = if style.order == Order::Dmy {
                format!("{weekday} {day:02} {month}")
            } else {
                format!("{weekday} {month} {day:02}")
            };
            out.extend_from_slice(text.as_bytes());
        }
    }
    out.push(b' ');
    datetime::write_time(out, time);
    if style.dates == Dates::Postgres {
        out.push(b' ');
        write_year(out, year);
    }
    if let Some(zone) = zone {
        if style.dates == Dates::Iso {
            write_offset(out, zone.offset);
        } else {
            let name = if style.zone.is_none() {
                "UTC"
            } else {
                &zone.name
            };
            out.push(b' ');
            out.extend(name.bytes().take(MAX_ABBREVIATION));
        }
    }
    write_era(out, year);
}

fn write_numbers(out: &mut Vec<u8>, month: u32, day: u32, separator: u8, day_first: bool) {
    let (first, second) = if day_first {
        (day, month)
    } else {
        (month, day)
    };
    out.extend_from_slice(&integers::pair(first));
    out.push(separator);
    out.extend_from_slice(&integers::pair(second));
}

/// Four digits at least; year 0 is 1 BC.
fn write_year(out: &mut Vec<u8>, year: i64) {
    let shown = if year > 0 { year } else { 1 - year };
    if shown < 10_000 {
        out.extend_from_slice(&integers::pair(shown as u32 / 100));
        out.extend_from_slice(&integers::pair(shown as u32 % 100));
    } else {
        integers::write_text(out, shown);
    }
}

fn write_era(out: &mut Vec<u8>, year: i64) {
    if year <= 0 {
        out.extend_from_slice(b" BC");
    }
}

/// `+05`, `+05:30` or `-00:01:15`: seconds east of Greenwich.
pub fn write_offset(out: &mut Vec<u8>, east: i32) {
    out.push(if east < 0 { b'-' } else { b'+' });
    let offset = east.unsigned_abs();
    out.extend_from_slice(&integers::pair(offset / 3600));
    if !offset.is_multiple_of(3600) {
        out.push(b':');
        out.extend_from_slice(&integers::pair(offset / 60 % 60));
    }
    if !offset.is_multiple_of(60) {
        out.push(b':');
        out.extend_from_slice(&integers::pair(offset % 60));
    }
}
