//! The messages of the protocol, borrowed from the bytes they come from or the values they are made of (Protocol 55.7).
//!
//! Names and fields are those of the Python classes in `pgwire_py.messages`; see there for what they mean.
mod decode;
mod decode_backend;
mod encode;

use std::borrow::Cow;

pub use decode::{
    PasswordKind, decode, decode_startup, frontend_name, is_frontend_tag, startup_name,
};
pub use decode_backend::{backend_name, decode_backend, is_backend_tag};

pub const CANCEL_REQUEST_CODE: u32 = 80_877_102;
pub const SSL_REQUEST_CODE: u32 = 80_877_103;
pub const GSSENC_REQUEST_CODE: u32 = 80_877_104;

type Value<'a> = Option<&'a [u8]>;

/// What a frontend sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrontendMessage<'a> {
    StartupMessage {
        protocol_version: u32,
        parameters: Vec<(&'a str, &'a str)>,
    },
    SSLRequest,
    GSSENCRequest,
    CancelRequest {
        process_id: i32,
        secret_key: &'a [u8],
    },
    PasswordMessage {
        password: &'a [u8],
    },
    SASLInitialResponse {
        mechanism: &'a str,
        data: Value<'a>,
    },
    SASLResponse {
        data: &'a [u8],
    },
    GSSResponse {
        data: &'a [u8],
    },
    Query {
        query: &'a str,
    },
    FunctionCall {
        function_oid: u32,
        argument_formats: Vec<i16>,
        arguments: Vec<Value<'a>>,
        result_format: i16,
    },
    Terminate,
    Parse {
        statement: &'a str,
        query: &'a str,
        parameter_types: Vec<u32>,
    },
    Bind {
        portal: &'a str,
        statement: &'a str,
        parameter_formats: Vec<i16>,
        parameters: Vec<Value<'a>>,
        result_formats: Vec<i16>,
    },
    Describe {
        kind: Kind,
        name: &'a str,
    },
    Execute {
        portal: &'a str,
        max_rows: i32,
    },
    Close {
        kind: Kind,
        name: &'a str,
    },
    Flush,
    Sync,
    CopyData {
        data: &'a [u8],
    },
    CopyDone,
    CopyFail {
        message: &'a str,
    },
}

/// What a backend sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendMessage<'a> {
    /// One byte without tag and length.
    EncryptionResponse {
        answer: EncryptionAnswer,
    },
    AuthenticationOk,
    AuthenticationKerberosV5,
    AuthenticationCleartextPassword,
    AuthenticationMD5Password {
        salt: [u8; 4],
    },
    AuthenticationGSS,
    AuthenticationGSSContinue {
        data: &'a [u8],
    },
    AuthenticationSSPI,
    AuthenticationSASL {
        mechanisms: Vec<&'a str>,
    },
    AuthenticationSASLContinue {
        data: &'a [u8],
    },
    AuthenticationSASLFinal {
        data: &'a [u8],
    },
    BackendKeyData {
        process_id: i32,
        secret_key: &'a [u8],
    },
    NegotiateProtocolVersion {
        newest_version: u32,
        unknown_options: Vec<&'a str>,
    },
    RowDescription {
        fields: Vec<FieldDescription<'a>>,
    },
    DataRow {
        values: Vec<Value<'a>>,
    },
    CommandComplete {
        command_tag: &'a str,
    },
    EmptyQueryResponse,
    ParseComplete,
    BindComplete,
    CloseComplete,
    FunctionCallResponse {
        value: Value<'a>,
    },
    CopyInResponse {
        format: u8,
        column_formats: Vec<i16>,
    },
    CopyOutResponse {
        format: u8,
        column_formats: Vec<i16>,
    },
    CopyBothResponse {
        format: u8,
        column_formats: Vec<i16>,
    },
    CopyData {
        data: &'a [u8],
    },
    CopyDone,
    NoData,
    PortalSuspended,
    ParameterDescription {
        types: Vec<u32>,
    },
    ParameterStatus {
        name: &'a str,
        value: &'a str,
    },
    ReadyForQuery {
        status: TransactionStatus,
    },
    ErrorResponse {
        fields: Vec<(u8, Cow<'a, str>)>,
    },
    NoticeResponse {
        fields: Vec<(u8, Cow<'a, str>)>,
    },
    NotificationResponse {
        process_id: i32,
        channel: &'a str,
        payload: &'a str,
    },
}

/// One column of a RowDescription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDescription<'a> {
    pub name: &'a str,
    pub table_oid: u32,
    pub column_number: i16,
    pub type_oid: u32,
    pub type_size: i16,
    pub type_modifier: i32,
    pub format: i16,
}

/// What Describe and Close speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Statement,
    Portal,
}

impl Kind {
    pub const LETTERS: &'static str = "SP";

    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'S' => Some(Kind::Statement),
            b'P' => Some(Kind::Portal),
            _ => None,
        }
    }

    pub fn byte(self) -> u8 {
        match self {
            Kind::Statement => b'S',
            Kind::Portal => b'P',
        }
    }
}

/// ReadyForQuery's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    Idle,
    InTransaction,
    Failed,
}

impl TransactionStatus {
    pub const LETTERS: &'static str = "ITE";

    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'I' => Some(TransactionStatus::Idle),
            b'T' => Some(TransactionStatus::InTransaction),
            b'E' => Some(TransactionStatus::Failed),
            _ => None,
        }
    }

    pub fn byte(self) -> u8 {
        match self {
            TransactionStatus::Idle => b'I',
            TransactionStatus::InTransaction => b'T',
            TransactionStatus::Failed => b'E',
        }
    }
}

/// What answers SSLRequest and GSSENCRequest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionAnswer {
    Tls,
    Gss,
    No,
}

impl EncryptionAnswer {
    pub const LETTERS: &'static str = "SGN";

    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'S' => Some(EncryptionAnswer::Tls),
            b'G' => Some(EncryptionAnswer::Gss),
            b'N' => Some(EncryptionAnswer::No),
            _ => None,
        }
    }

    pub fn byte(self) -> u8 {
        match self {
            EncryptionAnswer::Tls => b'S',
            EncryptionAnswer::Gss => b'G',
            EncryptionAnswer::No => b'N',
        }
    }
}
