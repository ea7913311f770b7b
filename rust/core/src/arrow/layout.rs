//! What an Arrow schema says of a column (Arrow: "The Arrow C data interface", format strings), and the memory of one array.
use arrow_buffer::Buffer;

use crate::types::{Result, ValueError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Second,
    Milli,
    Micro,
    Nano,
}

/// How values of varying length are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Small,
    Large,
    View,
}

/// How the items of a list are found in its child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    Small,
    Large,
    View,
    LargeView,
    Fixed(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Null,
    Bool,
    /// Width in bytes, and whether there is a sign.
    Int(usize, bool),
    /// Width in bytes.
    Float(usize),
    /// Width in bytes, and the scale.
    Decimal(usize, i32),
    Text(Size),
    Binary(Size),
    FixedBinary(usize),
    Date32,
    Date64,
    Time(Unit),
    /// Whether there is a zone.
    Timestamp(Unit, bool),
    Duration(Unit),
    Months,
    DayTime,
    MonthDayNano,
    List(Span),
    Struct,
    Map,
    RunEnds,
    Union,
}

/// One of an array's buffers behind the validity bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Bits,
    /// Values so many bytes wide, one for each row.
    Fixed(usize),
    /// Numbers so many bytes wide, one more than rows.
    Offsets(usize),
    /// Bytes up to the last offset.
    Data,
    /// Any number of buffers, whose lengths the last one has.
    Variadic,
}

impl Format {
    /// 0A000 for a format that is not known.
    pub fn parse(code: &str) -> Result<Format> {
        let unknown = || {
            let shown = crate::types::clip(code);
            ValueError::new(
                "0A000",
                format!("Arrow format \"{shown}\" is not supported"),
            )
        };
        let unit = |letter: Option<u8>| match letter {
            Some(b's') => Ok(Unit::Second),
            Some(b'm') => Ok(Unit::Milli),
            Some(b'u') => Ok(Unit::Micro),
            Some(b'n') => Ok(Unit::Nano),
            _ => Err(unknown()),
        };
        if let Some(width) = code.strip_prefix("w:") {
            return Ok(Format::FixedBinary(number(width).ok_or_else(unknown)?));
        }
        if let Some(size) = code.strip_prefix("+w:") {
            let size = number(size).ok_or_else(unknown)?;
            return Ok(Format::List(Span::Fixed(size)));
        }
        if let Some(decimal) = code.strip_prefix("d:") {
            return decimal_format(decimal).ok_or_else(unknown);
        }
        if code.starts_with("+ud:") || code.starts_with("+us:") {
            return Ok(Format::Union);
        }
        let third = code.as_bytes().get(2).copied();
        if code.starts_with("ts") && code.as_bytes().get(3) == Some(&b':') {
            return Ok(Format::Timestamp(unit(third)?, code.len() > 4));
        }
        if code.len() == 3 && code.starts_with("tt") {
            return Ok(Format::Time(unit(third)?));
        }
        if code.len() == 3 && code.starts_with("tD") {
            return Ok(Format::Duration(unit(third)?));
        }
        Ok(match code {
            "n" => Format::Null,
            "b" => Format::Bool,
            "c" => Format::Int(1, true),
            "C" => Format::Int(1, false),
            "s" => Format::Int(2, true),
            "S" => Format::Int(2, false),
            "i" => Format::Int(4, true),
            "I" => Format::Int(4, false),
            "l" => Format::Int(8, true),
            "L" => Format::Int(8, false),
            "e" => Format::Float(2),
            "f" => Format::Float(4),
            "g" => Format::Float(8),
            "u" => Format::Text(Size::Small),
            "U" => Format::Text(Size::Large),
            "vu" => Format::Text(Size::View),
            "z" => Format::Binary(Size::Small),
            "Z" => Format::Binary(Size::Large),
            "vz" => Format::Binary(Size::View),
            "tdD" => Format::Date32,
            "tdm" => Format::Date64,
            "tiM" => Format::Months,
            "tiD" => Format::DayTime,
            "tin" => Format::MonthDayNano,
            "+l" => Format::List(Span::Small),
            "+L" => Format::List(Span::Large),
            "+vl" => Format::List(Span::View),
            "+vL" => Format::List(Span::LargeView),
            "+s" => Format::Struct,
            "+m" => Format::Map,
            "+r" => Format::RunEnds,
            _ => return Err(unknown()),
        })
    }

    /// Whether the first buffer has validity bits.
    pub fn has_validity(self) -> bool {
        !matches!(self, Format::Null | Format::RunEnds | Format::Union)
    }

    /// The buffers behind the validity bits.
    pub fn parts(self) -> &'static [Part] {
        match self {
            Format::Bool => &[Part::Bits],
            Format::Int(width, _) | Format::Float(width) | Format::Decimal(width, _) => {
                fixed(width)
            }
            Format::Text(size) | Format::Binary(size) => match size {
                Size::Small => &[Part::Offsets(4), Part::Data],
                Size::Large => &[Part::Offsets(8), Part::Data],
                Size::View => &[Part::Fixed(16), Part::Variadic],
            },
            Format::Date32 | Format::Months | Format::Time(Unit::Second | Unit::Milli) => fixed(4),
            Format::Date64
            | Format::Time(_)
            | Format::Timestamp(..)
            | Format::Duration(_)
            | Format::DayTime => fixed(8),
            Format::MonthDayNano => fixed(16),
            Format::List(Span::Small) | Format::Map => &[Part::Offsets(4)],
            Format::List(Span::Large) => &[Part::Offsets(8)],
            Format::List(Span::View) => &[Part::Fixed(4), Part::Fixed(4)],
            Format::List(Span::LargeView) => &[Part::Fixed(8), Part::Fixed(8)],
            // The width of fixed-size binary is not static: see `width`.
            Format::FixedBinary(_) => fixed(0),
            Format::Null
            | Format::List(Span::Fixed(_))
            | Format::Struct
            | Format::RunEnds
            | Format::Union => &[],
        }
    }

    /// Bytes of a value in a buffer of fixed width.
    pub fn width(self, part: Part) -> usize {
        match (self, part) {
            (Format::FixedBinary(width), _) => width,
            (_, Part::Fixed(width) | Part::Offsets(width)) => width,
            _ => 0,
        }
    }

    /// How many children there must be; None: any number.
    pub fn children(self) -> Option<usize> {
        match self {
            Format::Struct | Format::Union => None,
            Format::List(_) | Format::Map => Some(1),
            Format::RunEnds => Some(2),
            _ => Some(0),
        }
    }
}

fn fixed(width: usize) -> &'static [Part] {
    match width {
        1 => &[Part::Fixed(1)],
        2 => &[Part::Fixed(2)],
        4 => &[Part::Fixed(4)],
        8 => &[Part::Fixed(8)],
        16 => &[Part::Fixed(16)],
        32 => &[Part::Fixed(32)],
        _ => &[Part::Fixed(0)],
    }
}

fn number(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<i32>()
        .ok()
        .filter(|_| is_number)
        .map(|number| number as usize)
}

/// `precision,scale[,bits]`
fn decimal_format(text: &str) -> Option<Format> {
    let mut parts = text.split(',');
    number(parts.next()?)?;
    let scale = parts.next()?;
    let magnitude =
        number(scale.strip_prefix('-').unwrap_or(scale)).filter(|scale| *scale <= 1000)? as i32;
    let scale = if scale.starts_with('-') {
        -magnitude
    } else {
        magnitude
    };
    let width = match parts.next() {
        None | Some("128") => 16,
        Some("32") => 4,
        Some("64") => 8,
        Some("256") => 32,
        _ => return None,
    };
    parts
        .next()
        .is_none()
        .then_some(Format::Decimal(width, scale))
}

/// Extension types that say what the bytes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    Uuid,
    Json,
    Bool8,
}

impl Extension {
    pub fn named(name: &str) -> Option<Extension> {
        match name {
            "arrow.uuid" => Some(Extension::Uuid),
            "arrow.json" => Some(Extension::Json),
            "arrow.bool8" => Some(Extension::Bool8),
            _ => None,
        }
    }
}

/// A column of a schema, or what lies inside one.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub format: Format,
    pub extension: Option<Extension>,
    pub children: Vec<Field>,
    /// Of a dictionary array, whose `format` is that of its keys: what they stand for.
    pub dictionary: Option<Box<Field>>,
}

impl Field {
    /// XX000 for a wrong number of children, 0A000 for keys that are no integers or ends of runs that are none.
    pub fn check(self) -> Result<Field> {
        if self
            .format
            .children()
            .is_some_and(|count| count != self.children.len())
        {
            return Err(broken("a type has a wrong number of children"));
        }
        if self.dictionary.is_some() && !matches!(self.format, Format::Int(..)) {
            return Err(broken("the keys of a dictionary are not integers"));
        }
        if self.format == Format::RunEnds
            && !matches!(self.children[0].format, Format::Int(2 | 4 | 8, true))
        {
            return Err(broken("the ends of runs are not integers"));
        }
        if self.format == Format::Map
            && (self.children[0].format != Format::Struct || self.children[0].children.len() != 2)
        {
            return Err(broken("the entries of a map are not pairs"));
        }
        Ok(self)
    }

    /// What a dictionary or run-end encoded array holds.
    pub fn values(&self) -> Option<&Field> {
        match self.format {
            Format::RunEnds => Some(&self.children[1]),
            _ => self.dictionary.as_deref(),
        }
    }
}

/// The memory of one array. Buffers are as long as the array's length and offset ask for.
#[derive(Clone, Debug)]
pub struct Array {
    pub length: usize,
    pub offset: usize,
    /// Validity bits, where something may be null.
    pub nulls: Option<Buffer>,
    pub buffers: Vec<Buffer>,
    pub children: Vec<Array>,
    pub dictionary: Option<Box<Array>>,
}

/// XX000: the producer does not keep to the C data interface.
#[cold]
pub fn broken(what: &str) -> ValueError {
    ValueError::new(
        "XX000",
        format!("the Arrow producer broke the C data interface: {what}"),
    )
}
