//! Arrow's dates, times and spans as PostgreSQL counts them.
use super::layout::Unit;
use crate::types::{Interval, Result, ValueError, datetime};

const MILLIS_PER_DAY: i64 = 86_400_000;

fn out_of_range(kind: &str) -> ValueError {
    ValueError::new("22008", format!("{kind} out of range"))
}

/// Days since 2000-01-01 of days since 1970-01-01. The extremes (DuckDB's too: -(2³¹-1)) are the infinities.
pub fn date(days: i64) -> Result<i32> {
    if days == i64::from(i32::MAX) {
        return Ok(i32::MAX);
    }
    if days == i64::from(i32::MIN) || days == -i64::from(i32::MAX) {
        return Ok(i32::MIN);
    }
    i32::try_from(days - datetime::UNIX_EPOCH_DAYS)
        .map_err(|_| out_of_range("date"))
        .and_then(datetime::check_date)
}

/// The same of milliseconds: 22008 where they are no whole days.
pub fn date_of_millis(millis: i64) -> Result<i32> {
    if millis % MILLIS_PER_DAY != 0 {
        let message = format!("a date of {millis} milliseconds is not a whole number of days");
        return Err(ValueError::new("22008", message));
    }
    date(millis / MILLIS_PER_DAY)
}

/// Midnight of a date.
pub fn timestamp_of_date(days: i32) -> Result<i64> {
    match days {
        i32::MAX => Ok(i64::MAX),
        i32::MIN => Ok(i64::MIN),
        days => datetime::check_timestamp(i64::from(days).saturating_mul(datetime::MICROS_PER_DAY)),
    }
}

/// Microseconds since midnight.
pub fn time(value: i64, unit: Unit) -> Result<i64> {
    to_micros(value, unit)
        .ok_or_else(|| out_of_range("time"))
        .and_then(datetime::check_time)
}

/// Microseconds since 2000-01-01 of a count since 1970-01-01; nanoseconds are rounded down.
#[inline]
pub fn timestamp(value: i64, unit: Unit) -> Result<i64> {
    if unit == Unit::Micro && (value == i64::MAX || value <= -i64::MAX) {
        return Ok(if value > 0 { i64::MAX } else { i64::MIN });
    }
    to_micros(value, unit)
        .and_then(|micros| micros.checked_sub(datetime::UNIX_EPOCH_DAYS * datetime::MICROS_PER_DAY))
        .filter(|micros| *micros != i64::MIN)
        .ok_or_else(|| out_of_range("timestamp"))
        .and_then(datetime::check_timestamp)
}

#[inline]
fn to_micros(value: i64, unit: Unit) -> Option<i64> {
    match unit {
        Unit::Second => value.checked_mul(1_000_000),
        Unit::Milli => value.checked_mul(1000),
        Unit::Micro => Some(value),
        Unit::Nano => Some(value.div_euclid(1000)),
    }
}

/// Days of 24 hours and the rest; nanoseconds are cut off.
pub fn duration(value: i64, unit: Unit) -> Result<Interval> {
    let value = i128::from(value);
    let total = match unit {
        Unit::Second => value * 1_000_000,
        Unit::Milli => value * 1000,
        Unit::Micro => value,
        Unit::Nano => value / 1000,
    };
    let day = i128::from(datetime::MICROS_PER_DAY);
    Ok(Interval {
        months: 0,
        days: i32::try_from(total / day).map_err(|_| out_of_range("interval"))?,
        micros: (total % day) as i64,
    })
}
