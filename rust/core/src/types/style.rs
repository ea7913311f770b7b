//! How values are printed and read in text: the settings DateStyle, IntervalStyle, TimeZone, extra_float_digits and bytea_output.
use super::interval_text::Style as IntervalStyle;
use super::table::{self, oid};
use super::zone::Zone;
use super::{Kind, PgType, Structure, ranges::Subtype};

/// The first part of DateStyle: how dates are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dates {
    #[default]
    Iso,
    Sql,
    Postgres,
    German,
}

/// The second part of DateStyle: how `1/2/2003` is read, and printed where both orders are usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    Mdy,
    Dmy,
    Ymd,
}

/// The settings that text depends on.
#[derive(Debug, Clone)]
pub struct Style {
    pub dates: Dates,
    pub order: Order,
    pub intervals: IntervalStyle,
    /// None is UTC.
    pub zone: Option<Zone>,
    /// extra_float_digits: above 0 the shortest text that reads back as the same number.
    pub float_digits: i8,
    /// bytea_output is escape, not hex.
    pub escape: bool,
}

/// PostgreSQL's own settings, with UTC.
pub static DEFAULT: Style = Style {
    dates: Dates::Iso,
    order: Order::Mdy,
    intervals: IntervalStyle::Postgres,
    zone: None,
    float_digits: 1,
    escape: false,
};

impl Default for Style {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl Style {
    /// Whether the text of a type's values may differ from that of the default style.
    pub fn affects(&self, ty: PgType) -> bool {
        let floats = self.float_digits < 1;
        let dates = self.dates != Dates::Iso;
        match ty.kind {
            Kind::Float4 | Kind::Float8 => floats,
            Kind::Bytea => self.escape,
            Kind::Date | Kind::Timestamp => dates,
            Kind::TimestampTz => dates || self.zone.is_some(),
            Kind::Interval => self.intervals != IntervalStyle::Postgres,
            Kind::Structured(Structure::Range(of) | Structure::Multirange(of)) => match of {
                Subtype::Date | Subtype::Timestamp => dates,
                Subtype::TimestampTz => dates || self.zone.is_some(),
                _ => false,
            },
            Kind::Structured(
                Structure::Point
                | Structure::Line
                | Structure::Lseg
                | Structure::Box
                | Structure::Path
                | Structure::Polygon
                | Structure::Circle,
            ) => floats,
            Kind::Structured(Structure::Record) => true,
            _ => table::find(ty.oid).is_some_and(|row| row.oid == oid::RECORD_ARRAY),
        }
    }
}
