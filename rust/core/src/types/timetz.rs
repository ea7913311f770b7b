//! timetz (PostgreSQL 8.5): a time of day and the offset of its zone.
use super::datetime::{self, Clock};
use super::{Result, Style, ValueError, datetime_text};

/// Offsets stay below sixteen hours.
const END_ZONE: u32 = 16 * 3600;

/// Microseconds of the day, and seconds west of Greenwich as in the binary format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeTz {
    pub micros: i64,
    pub west: i32,
}

impl TimeTz {
    /// 22008 for a time of day, 22009 for an offset out of range.
    pub fn new(micros: i64, west: i32) -> Result<TimeTz> {
        datetime::check_time(micros)?;
        if west.unsigned_abs() >= END_ZONE {
            return Err(ValueError::new(
                "22009",
                "time zone displacement out of range",
            ));
        }
        Ok(TimeTz { micros, west })
    }

    /// Reads a time of day with an offset, alone or behind a date; without an offset it is that of the zone today.
    pub fn parse(input: &str, style: &Style) -> Result<TimeTz> {
        let Clock { micros, east } = datetime::parse_clock(super::Kind::TimeTz, input, style)?;
        let east = east.unwrap_or_else(|| {
            let zone = style.zone.as_ref();
            zone.map_or(0, |zone| zone.offset_today(micros / 1_000_000).into())
        });
        TimeTz::new(micros, -east as i32)
    }

    pub fn from_binary(bytes: &[u8; 12]) -> Result<TimeTz> {
        let [a, b, c, d, e, f, g, h, zone @ ..] = *bytes;
        TimeTz::new(
            i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            i32::from_be_bytes(zone),
        )
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.micros.to_be_bytes());
        out.extend_from_slice(&self.west.to_be_bytes());
    }

    pub fn write_text(&self, out: &mut Vec<u8>) {
        datetime::write_time(out, self.micros);
        datetime_text::write_offset(out, -self.west);
    }
}
