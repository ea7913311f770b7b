//! Types whose values have parts: which there are, and the way from a type to the file with its rules.
use super::bits::Bits;
use super::ranges::{self, Range, Subtype};
use super::record::{self, Field};
use super::shapes::Shape;
use super::tsquery::TsQuery;
use super::tsvector::TsVector;
use super::vectors::{Element, Vector};
use super::{Result, text};

/// How the bytes of a type with parts are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    Bit,
    VarBit,
    Point,
    Line,
    Lseg,
    Box,
    Path,
    Polygon,
    Circle,
    Range(Subtype),
    Multirange(Subtype),
    Record,
    TsVector,
    TsQuery,
    Vector(Element),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Structured {
    Bits(Bits),
    Shape(Shape),
    Range(Subtype, Range),
    Multirange(Subtype, Vec<Range>),
    Record(Vec<Field>),
    TsVector(TsVector),
    TsQuery(TsQuery),
    Vector(Vector),
}

/// OID of the element type of an array of such values, else 0.
pub fn element_of(oid: u32) -> u32 {
    match oid {
        1561 => 1560,
        1563 => 1562,
        1017 => 600,
        1018 => 601,
        1019 => 602,
        1020 => 603,
        1027 => 604,
        629 => 628,
        719 => 718,
        3905 => 3904,
        3907 => 3906,
        3909 => 3908,
        3911 => 3910,
        3913 => 3912,
        3927 => 3926,
        6150 => 4451,
        6151 => 4532,
        6152 => 4533,
        6153 => 4534,
        6155 => 4535,
        6157 => 4536,
        2287 => 2249,
        3643 => 3614,
        3645 => 3615,
        1006 => 22,
        1013 => 30,
        _ => 0,
    }
}

impl Structure {
    pub fn of(oid: u32) -> Option<Structure> {
        Some(match oid {
            1560 => Structure::Bit,
            1562 => Structure::VarBit,
            600 => Structure::Point,
            601 => Structure::Lseg,
            602 => Structure::Path,
            603 => Structure::Box,
            604 => Structure::Polygon,
            628 => Structure::Line,
            718 => Structure::Circle,
            3904 => Structure::Range(Subtype::Int4),
            3906 => Structure::Range(Subtype::Numeric),
            3908 => Structure::Range(Subtype::Timestamp),
            3910 => Structure::Range(Subtype::TimestampTz),
            3912 => Structure::Range(Subtype::Date),
            3926 => Structure::Range(Subtype::Int8),
            4451 => Structure::Multirange(Subtype::Int4),
            4532 => Structure::Multirange(Subtype::Numeric),
            4533 => Structure::Multirange(Subtype::Timestamp),
            4534 => Structure::Multirange(Subtype::TimestampTz),
            4535 => Structure::Multirange(Subtype::Date),
            4536 => Structure::Multirange(Subtype::Int8),
            2249 => Structure::Record,
            3614 => Structure::TsVector,
            3615 => Structure::TsQuery,
            22 => Structure::Vector(Element::Int2),
            30 => Structure::Vector(Element::Oid),
            _ => return None,
        })
    }

    /// The type's name as PostgreSQL's messages give it.
    pub fn sql_name(self) -> &'static str {
        match self {
            Structure::Bit => "bit",
            Structure::VarBit => "bit varying",
            Structure::Point => "point",
            Structure::Line => "line",
            Structure::Lseg => "lseg",
            Structure::Box => "box",
            Structure::Path => "path",
            Structure::Polygon => "polygon",
            Structure::Circle => "circle",
            Structure::Range(Subtype::Int4) => "int4range",
            Structure::Range(Subtype::Int8) => "int8range",
            Structure::Range(Subtype::Numeric) => "numrange",
            Structure::Range(Subtype::Date) => "daterange",
            Structure::Range(Subtype::Timestamp) => "tsrange",
            Structure::Range(Subtype::TimestampTz) => "tstzrange",
            Structure::Multirange(Subtype::Int4) => "int4multirange",
            Structure::Multirange(Subtype::Int8) => "int8multirange",
            Structure::Multirange(Subtype::Numeric) => "nummultirange",
            Structure::Multirange(Subtype::Date) => "datemultirange",
            Structure::Multirange(Subtype::Timestamp) => "tsmultirange",
            Structure::Multirange(Subtype::TimestampTz) => "tstzmultirange",
            Structure::Record => "record",
            Structure::TsVector => "tsvector",
            Structure::TsQuery => "tsquery",
            Structure::Vector(Element::Oid) => "oidvector",
            Structure::Vector(Element::Int2) => "int2vector",
        }
    }

    /// What separates the elements of an array (pg_type.typdelim).
    pub fn delimiter(self) -> u8 {
        if self == Structure::Box { b';' } else { b',' }
    }

    pub fn parse(self, input: &str) -> Result<Structured> {
        text::check(input)?;
        Ok(match self {
            Structure::Bit | Structure::VarBit => Structured::Bits(Bits::parse(input)?),
            Structure::Range(of) => Structured::Range(of, Range::parse(of, input)?),
            Structure::Multirange(of) => {
                Structured::Multirange(of, ranges::parse_multirange(of, input)?)
            }
            Structure::Record => Structured::Record(record::parse(input)?),
            Structure::TsVector => Structured::TsVector(TsVector::parse(input)?),
            Structure::TsQuery => Structured::TsQuery(TsQuery::parse(input)?),
            Structure::Vector(of) => Structured::Vector(Vector::parse(of, input)?),
            shape => Structured::Shape(Shape::parse(shape, input)?),
        })
    }

    /// Reads the binary format; `depth` records lie around the value.
    pub fn decode(self, bytes: &[u8], depth: usize) -> Result<Structured> {
        Ok(match self {
            Structure::Bit | Structure::VarBit => Structured::Bits(Bits::from_binary(bytes)?),
            Structure::Range(of) => Structured::Range(of, Range::from_binary(of, bytes)?),
            Structure::Multirange(of) => {
                Structured::Multirange(of, ranges::multirange_from_binary(of, bytes)?)
            }
            Structure::Record => Structured::Record(record::from_binary(bytes, depth)?),
            Structure::TsVector => Structured::TsVector(TsVector::from_binary(bytes)?),
            Structure::TsQuery => Structured::TsQuery(TsQuery::from_binary(bytes)?),
            Structure::Vector(of) => Structured::Vector(Vector::from_binary(of, bytes)?),
            shape => Structured::Shape(Shape::from_binary(shape, bytes)?),
        })
    }
}

impl Structured {
    pub fn write_text(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Structured::Bits(bits) => bits.write_text(out),
            Structured::Shape(shape) => shape.write_text(out),
            Structured::Range(_, range) => range.write_text(out)?,
            Structured::Multirange(_, ranges) => ranges::write_multirange_text(ranges, out)?,
            Structured::Record(fields) => record::write_text(fields, out)?,
            Structured::TsVector(vector) => vector.write_text(out),
            Structured::TsQuery(query) => query.write_text(out),
            Structured::Vector(vector) => vector.write_text(out),
        }
        Ok(())
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Structured::Bits(bits) => bits.write_binary(out),
            Structured::Shape(shape) => shape.write_binary(out),
            Structured::Range(_, range) => range.write_binary(out),
            Structured::Multirange(_, ranges) => ranges::write_multirange_binary(ranges, out),
            Structured::Record(fields) => record::write_binary(fields, out),
            Structured::TsVector(vector) => vector.write_binary(out),
            Structured::TsQuery(query) => query.write_binary(out),
            Structured::Vector(vector) => vector.write_binary(out),
        }
    }
}
