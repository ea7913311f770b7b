//! Values of PostgreSQL's built-in types: text and binary format, both ways.
//!
//! A [`Value`] is what a type's bytes mean. Each file holds the rules of one family of types; this one picks among them.
//! Text follows a [`Style`]; where none is given, PostgreSQL's default settings (IntervalStyle postgres, DateStyle ISO, TimeZone UTC).
pub mod array;
pub mod bits;
pub mod bytea;
mod date_input;
pub mod datetime;
pub mod datetime_text;
pub mod floats;
pub mod integers;
pub mod interval;
pub mod interval_text;
pub mod json;
pub mod mac;
pub mod money;
pub mod network;
pub mod numeric;
pub mod quoted;
pub mod ranges;
pub mod record;
mod scalar;
pub mod shapes;
pub mod short_numeric;
pub mod structured;
pub mod style;
pub mod system;
pub mod table;
pub mod text;
pub mod timetz;
pub mod tsquery;
pub mod tsvector;
pub mod uuid;
mod value;
pub mod vectors;
pub mod zone;

use std::borrow::Cow;

pub use array::Array;
pub use interval::Interval;
pub use network::Inet;
pub use numeric::Numeric;
use scalar::{decode_scalar, parse_scalar};
pub use structured::{Structure, Structured};
pub use style::Style;
pub use system::{Snapshot, Tid};
pub use timetz::TimeTz;
pub use value::Value;

/// Why a value cannot be read or written: a SQLSTATE and PostgreSQL's wording where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    pub sqlstate: &'static str,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, ValueError>;

impl ValueError {
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        ValueError {
            sqlstate,
            message: message.into(),
        }
    }

    /// 22P02 `invalid input syntax for type integer: "abc"`; the date and time types say it as 22007.
    pub fn syntax(kind: Kind, text: &str) -> Self {
        let sqlstate = if kind.is_temporal() { "22007" } else { "22P02" };
        Self::new(
            sqlstate,
            format!(
                "invalid input syntax for type {}: \"{}\"",
                kind.sql_name(),
                clip(text)
            ),
        )
    }

    /// 08P01: a binary value ends before it is whole.
    pub fn insufficient() -> Self {
        Self::new("08P01", "insufficient data left in message")
    }

    /// 22P03: the bytes of a binary value have the wrong length or shape.
    pub fn binary() -> Self {
        Self::new("22P03", "incorrect binary data format")
    }
}

/// At most 64 characters of a text for an error message.
pub fn clip(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// How the bytes of a scalar type are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Xid,
    Cid,
    Xid8,
    /// An OID that text may name: regclass and its like.
    Reg,
    Tid,
    Lsn,
    Snapshot,
    Float4,
    Float8,
    Numeric,
    Money,
    Text,
    Name,
    /// `"char"`: one byte.
    Char,
    Bytea,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Jsonpath,
    Inet,
    Cidr,
    MacAddr,
    MacAddr8,
    Void,
    /// A type whose values have parts.
    Structured(Structure),
    /// A type that is not known: UTF-8 text, or bytes as they are.
    Raw,
}

impl Kind {
    /// The kind of the scalar type with this OID.
    pub fn of(oid: u32) -> Kind {
        use table::oid::*;
        match oid {
            BOOL => Kind::Bool,
            INT2 => Kind::Int2,
            INT4 => Kind::Int4,
            INT8 => Kind::Int8,
            OID => Kind::Oid,
            XID => Kind::Xid,
            CID => Kind::Cid,
            XID8 => Kind::Xid8,
            REGCLASS | REGCOLLATION | REGCONFIG | REGDICTIONARY | REGNAMESPACE | REGOPER
            | REGOPERATOR | REGPROC | REGPROCEDURE | REGROLE | REGTYPE => Kind::Reg,
            TID => Kind::Tid,
            PG_LSN => Kind::Lsn,
            PG_SNAPSHOT | TXID_SNAPSHOT => Kind::Snapshot,
            FLOAT4 => Kind::Float4,
            FLOAT8 => Kind::Float8,
            NUMERIC => Kind::Numeric,
            MONEY => Kind::Money,
            TEXT | VARCHAR | BPCHAR | UNKNOWN | XML | CSTRING | REFCURSOR => Kind::Text,
            NAME => Kind::Name,
            CHAR => Kind::Char,
            BYTEA => Kind::Bytea,
            DATE => Kind::Date,
            TIME => Kind::Time,
            TIMETZ => Kind::TimeTz,
            TIMESTAMP => Kind::Timestamp,
            TIMESTAMPTZ => Kind::TimestampTz,
            INTERVAL => Kind::Interval,
            UUID => Kind::Uuid,
            JSON => Kind::Json,
            JSONB => Kind::Jsonb,
            JSONPATH => Kind::Jsonpath,
            INET => Kind::Inet,
            CIDR => Kind::Cidr,
            MACADDR => Kind::MacAddr,
            MACADDR8 => Kind::MacAddr8,
            VOID => Kind::Void,
            _ => Structure::of(oid).map_or(Kind::Raw, Kind::Structured),
        }
    }

    /// The type's name as PostgreSQL's messages give it.
    pub fn sql_name(self) -> &'static str {
        match self {
            Kind::Bool => "boolean",
            Kind::Int2 => "smallint",
            Kind::Int4 => "integer",
            Kind::Int8 => "bigint",
            Kind::Oid | Kind::Reg => "oid",
            Kind::Xid => "xid",
            Kind::Cid => "cid",
            Kind::Xid8 => "xid8",
            Kind::Tid => "tid",
            Kind::Lsn => "pg_lsn",
            Kind::Snapshot => "pg_snapshot",
            Kind::Float4 => "real",
            Kind::Float8 => "double precision",
            Kind::Numeric => "numeric",
            Kind::Money => "money",
            Kind::Text | Kind::Raw => "text",
            Kind::Name => "name",
            Kind::Char => "\"char\"",
            Kind::Bytea => "bytea",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::TimeTz => "time with time zone",
            Kind::Timestamp => "timestamp",
            Kind::TimestampTz => "timestamp with time zone",
            Kind::Interval => "interval",
            Kind::Uuid => "uuid",
            Kind::Json => "json",
            Kind::Jsonb => "jsonb",
            Kind::Jsonpath => "jsonpath",
            Kind::Inet => "inet",
            Kind::Cidr => "cidr",
            Kind::MacAddr => "macaddr",
            Kind::MacAddr8 => "macaddr8",
            Kind::Void => "void",
            Kind::Structured(kind) => kind.sql_name(),
        }
    }

    fn is_temporal(self) -> bool {
        matches!(
            self,
            Kind::Date
                | Kind::Time
                | Kind::TimeTz
                | Kind::Timestamp
                | Kind::TimestampTz
                | Kind::Interval
        )
    }
}

/// A type as the encoders plan with it: the kind of a scalar, or of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PgType {
    pub oid: u32,
    pub kind: Kind,
    /// OID of the element type if this is an array, else 0.
    pub element: u32,
}

impl PgType {
    /// The type with this OID.
    pub fn of(oid: u32) -> PgType {
        // The kinds are found faster than the table is searched; what has none may be an array.
        let (kind, element) = match Kind::of(oid) {
            Kind::Raw => {
                let element = table::find(oid).map_or(0, |row| row.element);
                (Kind::of(element), element)
            }
            kind => (kind, 0),
        };
        PgType { oid, kind, element }
    }

    pub fn is_array(self) -> bool {
        self.element != 0
    }

    /// Reads the text format, as the type's input function does.
    pub fn parse(self, text: &str) -> Result<Value<'_>> {
        self.parse_styled(text, &style::DEFAULT)
    }

    /// The same with settings other than the default ones.
    pub fn parse_styled<'a>(self, text: &'a str, style: &Style) -> Result<Value<'a>> {
        if self.is_array() {
            array::parse(self, text, style)
        } else {
            parse_scalar(self.kind, text, style)
        }
    }

    /// Reads a value's bytes in a format (0 text, 1 binary).
    pub fn decode(self, binary: bool, bytes: &[u8]) -> Result<Value<'_>> {
        self.decode_styled(binary, bytes, &style::DEFAULT)
    }

    /// The same with settings other than the default ones.
    pub fn decode_styled<'a>(
        self,
        binary: bool,
        bytes: &'a [u8],
        style: &Style,
    ) -> Result<Value<'a>> {
        if !binary {
            return match (self.kind, bytes) {
                // Before version 16, PostgreSQL sent a byte above 127 as it is.
                (Kind::Char, [byte @ 128..=255]) if !self.is_array() => Ok(Value::Char(*byte)),
                _ => self.parse_styled(text::from_utf8(bytes)?, style),
            };
        }
        if self.is_array() {
            array::from_binary(self, bytes)
        } else {
            decode_scalar(self.kind, bytes)
        }
    }
}
