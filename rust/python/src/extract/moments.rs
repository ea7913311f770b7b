//! Dates, times and intervals of Python objects.
use pgwire_py_core::types::{Interval, TimeTz, ValueError, datetime};
use pyo3::prelude::*;
use pyo3::types::{
    PyDate, PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyTime, PyTimeAccess, PyTzInfoAccess,
};

use super::Fail;

pub fn date(object: &Bound<'_, PyAny>) -> Result<Option<i32>, Fail> {
    let Ok(date) = object.cast::<PyDate>() else {
        return Ok(None);
    };
    Ok(Some(
        match (date.get_year(), date.get_month(), date.get_day()) {
            (9999, 12, 31) => i32::MAX,
            (1, 1, 1) => i32::MIN,
            (year, month, day) => {
                datetime::days_from_civil(i64::from(year), month.into(), day.into()) as i32
            }
        },
    ))
}

fn micros_of(time: &impl PyTimeAccess) -> i64 {
    let seconds = i64::from(time.get_hour()) * 3600
        + i64::from(time.get_minute()) * 60
        + i64::from(time.get_second());
    seconds * 1_000_000 + i64::from(time.get_microsecond())
}

pub fn time(object: &Bound<'_, PyAny>) -> Result<Option<i64>, Fail> {
    if let Ok(time) = object.cast::<PyTime>() {
        return Ok(Some(micros_of(time)));
    }
    Ok(object.cast::<PyDateTime>().ok().map(micros_of))
}

/// A time of day and its zone's offset, none being UTC; 22023 where the offset depends on the date.
pub fn timetz(object: &Bound<'_, PyAny>) -> Result<Option<TimeTz>, Fail> {
    let Some(micros) = time(object)? else {
        return Ok(None);
    };
    let zone = object.getattr(pyo3::intern!(object.py(), "tzinfo"))?;
    if zone.is_none() {
        return Ok(Some(TimeTz::new(micros, 0)?));
    }
    match object.call_method0("utcoffset")?.cast::<PyDelta>() {
        Ok(offset) => {
            let east = delta_micros(offset).div_euclid(1_000_000) as i32;
            Ok(Some(TimeTz::new(micros, -east)?))
        }
        Err(_) => Err(ValueError::new(
            "22023",
            "a time whose offset depends on the date has no offset",
        )
        .into()),
    }
}

/// Microseconds since 2000-01-01; an aware datetime in UTC. The first and last datetime that Python has are the infinities.
pub fn timestamp(object: &Bound<'_, PyAny>) -> Result<Option<i64>, Fail> {
    let Ok(moment) = object.cast::<PyDateTime>() else {
        return Ok(date(object)?.map(|days| match days {
            i32::MAX => i64::MAX,
            i32::MIN => i64::MIN,
            days => i64::from(days) * datetime::MICROS_PER_DAY,
        }));
    };
    let days = datetime::days_from_civil(
        i64::from(moment.get_year()),
        moment.get_month().into(),
        moment.get_day().into(),
    );
    let local = days * datetime::MICROS_PER_DAY + micros_of(moment);
    let offset = match moment.get_tzinfo() {
        None => 0,
        Some(_) => match object.call_method0("utcoffset")?.cast::<PyDelta>() {
            Ok(delta) => delta_micros(delta) as i64,
            Err(_) => 0,
        },
    };
    Ok(Some(match (local, offset) {
        (LAST, 0) => i64::MAX,
        (FIRST, 0) => i64::MIN,
        _ => local - offset,
    }))
}

/// datetime.max and datetime.min, in microseconds since 2000-01-01.
const LAST: i64 = 252_455_615_999_999_999;
const FIRST: i64 = -63_082_281_600_000_000;

fn delta_micros(delta: &Bound<'_, PyDelta>) -> i128 {
    let seconds = i128::from(delta.get_days()) * 86_400 + i128::from(delta.get_seconds());
    seconds * 1_000_000 + i128::from(delta.get_microseconds())
}

/// timedelta.max and timedelta.min, in microseconds.
const LONGEST: i128 = 86_399_999_999_999_999_999;
const SHORTEST: i128 = -86_399_999_913_600_000_000;

/// Days and time of a timedelta, both with the sign of the whole; the longest and the shortest one are the infinities.
pub fn interval(object: &Bound<'_, PyAny>) -> Result<Option<Interval>, Fail> {
    let Ok(delta) = object.cast::<PyDelta>() else {
        return Ok(None);
    };
    let total = delta_micros(delta);
    if total == LONGEST || total == SHORTEST {
        return Ok(Some(if total > 0 {
            Interval::INFINITY
        } else {
            Interval::NEGATIVE_INFINITY
        }));
    }
    let day = i128::from(datetime::MICROS_PER_DAY);
    Ok(Some(Interval {
        months: 0,
        days: (total / day) as i32,
        micros: (total % day) as i64,
    }))
}
