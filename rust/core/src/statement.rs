//! One statement that came in one piece, as drivers send it: Query, or [Parse] Bind [Describe] Execute Sync (Protocol 55.2.2, 55.2.3).
use crate::framing::FrontendDecoder;
use crate::messages::{FrontendMessage, Kind, PasswordKind, decode};

/// What a feed of exactly one statement holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Statement<'a> {
    Query(&'a str),
    Batch(Batch<'a>),
}

/// [Parse] Bind [Describe portal] Execute Sync, with the unnamed portal and without a row limit.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Parse's query string and parameter types; it prepares the statement that Bind names.
    pub parse: Option<(&'a str, Vec<u32>)>,
    pub statement: &'a str,
    pub parameter_formats: Vec<i16>,
    pub parameters: Vec<Option<&'a [u8]>>,
    pub result_formats: Vec<i16>,
    pub described: bool,
}

impl FrontendDecoder {
    /// Reads `data` where it is one statement with nothing before or behind it. Otherwise, be it malformed, it is for
    /// [`FrontendDecoder::feed`]. Nothing is taken in either case.
    pub fn read_statement<'a>(&self, data: &'a [u8]) -> Option<Statement<'a>> {
        if !matches!(data, [b'Q' | b'P' | b'B', ..]) || !self.is_between_messages() {
            return None;
        }
        let mut rest = data;
        let mut message = || {
            let length = self.whole_message(rest)?;
            let (frame, behind) = rest.split_at(length);
            rest = behind;
            decode(frame[0], &frame[5..], PasswordKind::Password).ok()
        };
        let mut next = message()?;
        if let FrontendMessage::Query { query } = next {
            return rest.is_empty().then_some(Statement::Query(query));
        }
        let mut parse = None;
        if let FrontendMessage::Parse {
            statement,
            query,
            parameter_types,
        } = next
        {
            parse = Some((statement, query, parameter_types));
            next = message()?;
        }
        let FrontendMessage::Bind {
            portal: "",
            statement,
            parameter_formats,
            parameters,
            result_formats,
        } = next
        else {
            return None;
        };
        next = message()?;
        let described = matches!(
            next,
            FrontendMessage::Describe {
                kind: Kind::Portal,
                name: ""
            }
        );
        if described {
            next = message()?;
        }
        let (
            FrontendMessage::Execute {
                portal: "",
                max_rows: ..=0,
            },
            FrontendMessage::Sync,
        ) = (next, message()?)
        else {
            return None;
        };
        let parse = match parse {
            Some((name, _, _)) if name != statement => return None,
            Some((_, query, types)) => Some((query, types)),
            None => None,
        };
        rest.is_empty().then_some(Statement::Batch(Batch {
            parse,
            statement,
            parameter_formats,
            parameters,
            result_formats,
            described,
        }))
    }
}
