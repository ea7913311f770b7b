//! Types whose values have parts: which there are, and the way from a type to the file with its rules.
use super::bits::Bits;
use super::ranges::{self, Range, Subtype};
use super::record::{self, Field};
use super::shapes::Shape;
use super::table::oid;
use super::tsquery::TsQuery;
use super::tsvector::TsVector;
use super::vectors::{Element, Vector};
use super::{Result, Style, text};

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

impl Structure {
    pub fn of(type_oid: u32) -> Option<Structure> {
        Some(match type_oid {
            oid::BIT => Structure::Bit,
            oid::VARBIT => Structure::VarBit,
            oid::POINT => Structure::Point,
            oid::LSEG => Structure::Lseg,
            oid::PATH => Structure::Path,
            oid::BOX => Structure::Box,
            oid::POLYGON => Structure::Polygon,
            oid::LINE => Structure::Line,
            oid::CIRCLE => Structure::Circle,
            oid::INT4RANGE => Structure::Range(Subtype::Int4),
            oid::NUMRANGE => Structure::Range(Subtype::Numeric),
            oid::TSRANGE => Structure::Range(Subtype::Timestamp),
            oid::TSTZRANGE => Structure::Range(Subtype::TimestampTz),
            oid::DATERANGE => Structure::Range(Subtype::Date),
            oid::INT8RANGE => Structure::Range(Subtype::Int8),
            oid::INT4MULTIRANGE => Structure::Multirange(Subtype::Int4),
            oid::NUMMULTIRANGE => Structure::Multirange(Subtype::Numeric),
            oid::TSMULTIRANGE => Structure::Multirange(Subtype::Timestamp),
            oid::TSTZMULTIRANGE => Structure::Multirange(Subtype::TimestampTz),
            oid::DATEMULTIRANGE => Structure::Multirange(Subtype::Date),
            oid::INT8MULTIRANGE => Structure::Multirange(Subtype::Int8),
            oid::RECORD => Structure::Record,
            oid::TSVECTOR => Structure::TsVector,
            oid::TSQUERY => Structure::TsQuery,
            oid::INT2VECTOR => Structure::Vector(Element::Int2),
            oid::OIDVECTOR => Structure::Vector(Element::Oid),
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

    pub fn parse(self, input: &str, style: &Style) -> Result<Structured> {
        text::check(input)?;
        Ok(match self {
            Structure::Bit | Structure::VarBit => Structured::Bits(Bits::parse(input)?),
            Structure::Range(of) => Structured::Range(of, Range::parse(of, input, style)?),
            Structure::Multirange(of) => {
                Structured::Multirange(of, ranges::parse_multirange(of, input, style)?)
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
    pub fn write_text(&self, out: &mut Vec<u8>, style: &Style) -> Result<()> {
        match self {
            Structured::Bits(bits) => bits.write_text(out),
            Structured::Shape(shape) => shape.write_text(out, style),
            Structured::Range(_, range) => range.write_text(out, style)?,
            Structured::Multirange(_, ranges) => ranges::write_multirange_text(ranges, out, style)?,
            Structured::Record(fields) => record::write_text(fields, out, style)?,
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
