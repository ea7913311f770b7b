//! `encode_message`: message objects in, bytes out.
use std::collections::HashMap;

use pgwire_py_core::messages::{
    BackendMessage, FieldDescription, FrontendMessage, Kind, TransactionStatus,
};
use pgwire_py_core::wire::{EncodeError, check_count, check_text};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyInt, PyList, PyMemoryView, PyString, PyTuple};

/// See `pgwire_py._impl.interface.Core.encode_message`.
#[pyfunction]
pub fn encode_message<'py>(message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = message.py();
    let encoders = Encoders::get(py)?;
    let class = message.get_type();
    let Some(encode) = encoders.by_class.get(&(class.as_ptr() as usize)) else {
        let text = format!("{} is not a message", class.name()?);
        return Err(encoders.error(py, text)?);
    };
    let mut out = Vec::new();
    match encode(message, &mut out) {
        Ok(()) => Ok(PyBytes::new(py, &out)),
        Err(Problem::Raised(error)) => Err(error),
        Err(Problem::Unfit(reason)) => {
            Err(encoders.error(py, format!("{}: {reason}", class.name()?))?)
        }
    }
}

/// Why a message cannot be encoded: it holds what the wire cannot carry, or Python raised something of its own.
pub(crate) enum Problem {
    Unfit(String),
    Raised(PyErr),
}

impl From<PyErr> for Problem {
    fn from(error: PyErr) -> Self {
        Problem::Raised(error)
    }
}

impl From<EncodeError> for Problem {
    fn from(error: EncodeError) -> Self {
        Problem::Unfit(error.to_string())
    }
}

type Encode = fn(&Bound<'_, PyAny>, &mut Vec<u8>) -> Result<(), Problem>;

struct Encoders {
    /// By the address of the class, which lives as long as its module.
    by_class: HashMap<usize, Encode>,
    /// Keeps the addresses taken.
    _classes: Vec<Py<PyAny>>,
    local_protocol_error: Py<PyAny>,
}

static ENCODERS: PyOnceLock<Encoders> = PyOnceLock::new();

impl Encoders {
    fn get(py: Python<'_>) -> PyResult<&'static Self> {
        ENCODERS.get_or_try_init(py, || {
            let module = py.import("pgwire_py.messages")?;
            let mut by_class = HashMap::new();
            let mut classes = Vec::new();
            for (name, encode) in TABLE {
                let class = module.getattr(*name)?;
                by_class.insert(class.as_ptr() as usize, *encode);
                classes.push(class.unbind());
            }
            let errors = py.import("pgwire_py.errors")?;
            Ok(Encoders {
                by_class,
                _classes: classes,
                local_protocol_error: errors.getattr("LocalProtocolError")?.unbind(),
            })
        })
    }

    fn error(&self, py: Python<'_>, text: String) -> PyResult<PyErr> {
        Ok(PyErr::from_value(
            self.local_protocol_error.bind(py).call1((text,))?,
        ))
    }
}

/// A LocalProtocolError.
pub(crate) fn local_error(py: Python<'_>, text: String) -> PyResult<PyErr> {
    Encoders::get(py)?.error(py, text)
}

/// `let` one variable for each attribute of a message.
macro_rules! attributes {
    ($message:expr => $($name:ident),+) => {
        $(let $name = &$message.getattr(intern!($message.py(), stringify!($name)))?;)+
    };
}

/// An encoder of a message without fields.
macro_rules! constant {
    ($message:expr) => {
        |_, out| Ok($message.encode(out)?)
    };
}

const TABLE: &[(&str, Encode)] = &[
    ("StartupMessage", startup_message),
    ("SSLRequest", constant!(FrontendMessage::SSLRequest)),
    ("GSSENCRequest", constant!(FrontendMessage::GSSENCRequest)),
    ("CancelRequest", |message, out| {
        attributes!(message => process_id, secret_key);
        let process_id = integer(process_id, "Int32")?;
        let secret_key = bytes(secret_key)?;
        let message = FrontendMessage::CancelRequest {
            process_id,
            secret_key: secret_key.as_bytes(),
        };
        Ok(message.encode(out)?)
    }),
    ("PasswordMessage", |message, out| {
        attributes!(message => password);
        let password = bytes(password)?;
        let password = password.as_bytes();
        Ok(FrontendMessage::PasswordMessage { password }.encode(out)?)
    }),
    ("SASLInitialResponse", |message, out| {
        attributes!(message => mechanism, data);
        let mechanism = text(mechanism)?;
        let data = value(data)?;
        let data = data.as_ref().map(|data| data.as_bytes());
        Ok(FrontendMessage::SASLInitialResponse { mechanism, data }.encode(out)?)
    }),
    ("SASLResponse", |message, out| {
        attributes!(message => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(FrontendMessage::SASLResponse { data }.encode(out)?)
    }),
    ("Query", |message, out| {
        attributes!(message => query);
        let query = text(query)?;
        Ok(FrontendMessage::Query { query }.encode(out)?)
    }),
    ("FunctionCall", |message, out| {
        attributes!(message => function_oid, argument_formats, arguments, result_format);
        let function_oid = integer(function_oid, "UInt32")?;
        let argument_formats = integers(argument_formats, "Int16")?;
        let arguments = values(arguments)?;
        let message = FrontendMessage::FunctionCall {
            function_oid,
            argument_formats,
            arguments: slices(&arguments),
            result_format: integer(result_format, "Int16")?,
        };
        Ok(message.encode(out)?)
    }),
    ("Terminate", constant!(FrontendMessage::Terminate)),
    ("Parse", |message, out| {
        attributes!(message => statement, query, parameter_types);
        let message = FrontendMessage::Parse {
            statement: text(statement)?,
            query: text(query)?,
            parameter_types: integers(parameter_types, "UInt32")?,
        };
        Ok(message.encode(out)?)
    }),
    ("Bind", |message, out| {
        attributes!(message => portal, statement, parameter_formats, parameters, result_formats);
        let portal = text(portal)?;
        let statement = text(statement)?;
        let parameter_formats = integers(parameter_formats, "Int16")?;
        let parameters = values(parameters)?;
        let message = FrontendMessage::Bind {
            portal,
            statement,
            parameter_formats,
            parameters: slices(&parameters),
            result_formats: integers(result_formats, "Int16")?,
        };
        Ok(message.encode(out)?)
    }),
    ("Describe", |message, out| {
        attributes!(message => kind, name);
        let kind = letter(kind, Kind::LETTERS, Kind::from_byte)?;
        let name = text(name)?;
        Ok(FrontendMessage::Describe { kind, name }.encode(out)?)
    }),
    ("Execute", |message, out| {
        attributes!(message => portal, max_rows);
        let portal = text(portal)?;
        let max_rows = integer(max_rows, "Int32")?;
        Ok(FrontendMessage::Execute { portal, max_rows }.encode(out)?)
    }),
    ("Close", |message, out| {
        attributes!(message => kind, name);
        let kind = letter(kind, Kind::LETTERS, Kind::from_byte)?;
        let name = text(name)?;
        Ok(FrontendMessage::Close { kind, name }.encode(out)?)
    }),
    ("Flush", constant!(FrontendMessage::Flush)),
    ("Sync", constant!(FrontendMessage::Sync)),
    ("CopyData", |message, out| {
        attributes!(message => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(FrontendMessage::CopyData { data }.encode(out)?)
    }),
    ("CopyDone", constant!(FrontendMessage::CopyDone)),
    ("CopyFail", |message, out| {
        // Under another name than the variable that holds the whole.
        let reason = &message.getattr(intern!(message.py(), "message"))?;
        let message = text(reason)?;
        Ok(FrontendMessage::CopyFail { message }.encode(out)?)
    }),
    (
        "AuthenticationOk",
        constant!(BackendMessage::AuthenticationOk),
    ),
    ("AuthenticationSASL", |message, out| {
        attributes!(message => mechanisms);
        let mechanisms = items(mechanisms)?;
        let mechanisms = texts(&mechanisms)?;
        Ok(BackendMessage::AuthenticationSASL { mechanisms }.encode(out)?)
    }),
    ("AuthenticationSASLContinue", |message, out| {
        attributes!(message => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(BackendMessage::AuthenticationSASLContinue { data }.encode(out)?)
    }),
    ("AuthenticationSASLFinal", |message, out| {
        attributes!(message => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(BackendMessage::AuthenticationSASLFinal { data }.encode(out)?)
    }),
    ("BackendKeyData", |message, out| {
        attributes!(message => process_id, secret_key);
        let process_id = integer(process_id, "Int32")?;
        let secret_key = bytes(secret_key)?;
        let message = BackendMessage::BackendKeyData {
            process_id,
            secret_key: secret_key.as_bytes(),
        };
        Ok(message.encode(out)?)
    }),
    ("NegotiateProtocolVersion", |message, out| {
        attributes!(message => newest_version, unknown_options);
        let newest_version = integer(newest_version, "UInt32")?;
        let options = items(unknown_options)?;
        check_count(options.len())?;
        let message = BackendMessage::NegotiateProtocolVersion {
            newest_version,
            unknown_options: texts(&options)?,
        };
        Ok(message.encode(out)?)
    }),
    ("RowDescription", row_description),
    ("DataRow", |message, out| {
        attributes!(message => values);
        let values = self::values(values)?;
        let values = slices(&values);
        Ok(BackendMessage::DataRow { values }.encode(out)?)
    }),
    ("CommandComplete", |message, out| {
        attributes!(message => command_tag);
        let command_tag = text(command_tag)?;
        Ok(BackendMessage::CommandComplete { command_tag }.encode(out)?)
    }),
    (
        "EmptyQueryResponse",
        constant!(BackendMessage::EmptyQueryResponse),
    ),
    ("ParseComplete", constant!(BackendMessage::ParseComplete)),
    ("BindComplete", constant!(BackendMessage::BindComplete)),
    ("CloseComplete", constant!(BackendMessage::CloseComplete)),
    ("NoData", constant!(BackendMessage::NoData)),
    (
        "PortalSuspended",
        constant!(BackendMessage::PortalSuspended),
    ),
    ("ParameterDescription", |message, out| {
        attributes!(message => types);
        let types = integers(types, "UInt32")?;
        Ok(BackendMessage::ParameterDescription { types }.encode(out)?)
    }),
    ("ParameterStatus", |message, out| {
        attributes!(message => name, value);
        let name = text(name)?;
        let value = text(value)?;
        Ok(BackendMessage::ParameterStatus { name, value }.encode(out)?)
    }),
    ("ReadyForQuery", |message, out| {
        attributes!(message => status);
        let status = letter(
            status,
            TransactionStatus::LETTERS,
            TransactionStatus::from_byte,
        )?;
        Ok(BackendMessage::ReadyForQuery { status }.encode(out)?)
    }),
    ("ErrorResponse", |message, out| {
        let pairs = fields(message)?;
        let fields = borrowed(&pairs)?;
        Ok(BackendMessage::ErrorResponse { fields }.encode(out)?)
    }),
    ("NoticeResponse", |message, out| {
        let pairs = fields(message)?;
        let fields = borrowed(&pairs)?;
        Ok(BackendMessage::NoticeResponse { fields }.encode(out)?)
    }),
    ("NotificationResponse", |message, out| {
        attributes!(message => process_id, channel, payload);
        let message = BackendMessage::NotificationResponse {
            process_id: integer(process_id, "Int32")?,
            channel: text(channel)?,
            payload: text(payload)?,
        };
        Ok(message.encode(out)?)
    }),
];

fn startup_message(message: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<(), Problem> {
    attributes!(message => protocol_version, parameters);
    let protocol_version = integer(protocol_version, "UInt32")?;
    let pairs = pairs(parameters)?;
    let mut parameters = Vec::with_capacity(pairs.len());
    for (name, value) in &pairs {
        let name = text(name)?;
        if name.is_empty() {
            return Err(EncodeError::UnnamedParameter.into());
        }
        parameters.push((name, text(value)?));
    }
    let message = FrontendMessage::StartupMessage {
        protocol_version,
        parameters,
    };
    Ok(message.encode(out)?)
}

fn row_description(message: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<(), Problem> {
    attributes!(message => fields);
    let columns = items(fields)?;
    check_count(columns.len())?;
    let mut rows = Vec::with_capacity(columns.len());
    for column in &columns {
        let Some(column) = column.cast::<PyTuple>().ok().filter(|it| it.len() == 7) else {
            return Err(Problem::Unfit("a field must be a FieldDescription".into()));
        };
        let name = column.get_item(0)?;
        text(&name)?;
        let rest = FieldDescription {
            name: "",
            table_oid: integer(&column.get_item(1)?, "UInt32")?,
            column_number: integer(&column.get_item(2)?, "Int16")?,
            type_oid: integer(&column.get_item(3)?, "UInt32")?,
            type_size: integer(&column.get_item(4)?, "Int16")?,
            type_modifier: integer(&column.get_item(5)?, "Int32")?,
            format: integer(&column.get_item(6)?, "Int16")?,
        };
        rows.push((name, rest));
    }
    let mut fields = Vec::with_capacity(rows.len());
    for (name, rest) in &rows {
        fields.push(FieldDescription {
            name: text(name)?,
            ..*rest
        });
    }
    Ok(BackendMessage::RowDescription { fields }.encode(out)?)
}

pub(crate) type Pair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

fn fields<'py>(message: &Bound<'py, PyAny>) -> Result<Vec<Pair<'py>>, Problem> {
    attributes!(message => fields);
    pairs(fields)
}

fn borrowed<'a>(pairs: &'a [Pair<'_>]) -> Result<Vec<(u8, &'a str)>, Problem> {
    let mut fields = Vec::with_capacity(pairs.len());
    for (code, value) in pairs {
        let code = match code.cast::<PyString>().map(|code| code.to_str()) {
            Ok(Ok(code)) if code.len() == 1 && code != "\0" => code.as_bytes()[0],
            _ => return Err(EncodeError::FieldCode.into()),
        };
        fields.push((code, text(value)?));
    }
    Ok(fields)
}

pub(crate) fn pairs<'py>(dict: &Bound<'py, PyAny>) -> Result<Vec<Pair<'py>>, Problem> {
    match dict.cast::<PyDict>() {
        Ok(dict) => Ok(dict.iter().collect()),
        Err(_) => Err(expected("a dict", dict)),
    }
}

pub(crate) fn text<'a>(value: &'a Bound<'_, PyAny>) -> Result<&'a str, Problem> {
    let Ok(value) = value.cast::<PyString>() else {
        return Err(expected("str", value));
    };
    let Ok(text) = value.to_str() else {
        return Err(Problem::Unfit("a text cannot be encoded as UTF-8".into()));
    };
    check_text(text)?;
    Ok(text)
}

fn texts<'a>(values: &'a [Bound<'_, PyAny>]) -> Result<Vec<&'a str>, Problem> {
    values.iter().map(text).collect()
}

/// Bytes as they are; bytearray and memoryview are copied.
fn bytes<'py>(value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyBytes>, Problem> {
    if let Ok(value) = value.cast::<PyBytes>() {
        return Ok(value.clone());
    }
    if !value.is_instance_of::<PyByteArray>() && !value.is_instance_of::<PyMemoryView>() {
        return Err(expected("bytes", value));
    }
    let copy = value.py().get_type::<PyBytes>().call1((value,))?;
    Ok(copy.cast_into::<PyBytes>().map_err(PyErr::from)?)
}

fn value<'py>(value: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyBytes>>, Problem> {
    if value.is_none() {
        Ok(None)
    } else {
        bytes(value).map(Some)
    }
}

fn values<'py>(values: &Bound<'py, PyAny>) -> Result<Vec<Option<Bound<'py, PyBytes>>>, Problem> {
    let values = items(values)?;
    check_count(values.len())?;
    values.iter().map(value).collect()
}

fn slices<'a>(values: &'a [Option<Bound<'_, PyBytes>>]) -> Vec<Option<&'a [u8]>> {
    values
        .iter()
        .map(|value| value.as_ref().map(|value| value.as_bytes()))
        .collect()
}

pub(crate) fn integer<T: TryFrom<i64>>(value: &Bound<'_, PyAny>, name: &str) -> Result<T, Problem> {
    if !value.is_instance_of::<PyInt>() {
        return Err(expected("int", value));
    }
    value
        .extract::<i64>()
        .ok()
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| Problem::Unfit(format!("an integer does not fit {name}")))
}

pub(crate) fn integers<T: TryFrom<i64>>(
    values: &Bound<'_, PyAny>,
    name: &str,
) -> Result<Vec<T>, Problem> {
    let values = items(values)?;
    check_count(values.len())?;
    values.iter().map(|value| integer(value, name)).collect()
}

pub(crate) fn items<'py>(values: &Bound<'py, PyAny>) -> Result<Vec<Bound<'py, PyAny>>, Problem> {
    if let Ok(values) = values.cast::<PyTuple>() {
        Ok(values.iter().collect())
    } else if let Ok(values) = values.cast::<PyList>() {
        Ok(values.iter().collect())
    } else {
        Err(expected("a tuple or list", values))
    }
}

fn letter<T>(
    value: &Bound<'_, PyAny>,
    letters: &str,
    from_byte: fn(u8) -> Option<T>,
) -> Result<T, Problem> {
    let byte = match value.cast::<PyString>().map(|value| value.to_str()) {
        Ok(Ok(text)) if text.len() == 1 => text.as_bytes()[0],
        _ => 0,
    };
    from_byte(byte).ok_or_else(|| Problem::Unfit(format!("expected one of the letters {letters}")))
}

pub(crate) fn expected(what: &str, value: &Bound<'_, PyAny>) -> Problem {
    match value.get_type().name() {
        Ok(name) => Problem::Unfit(format!("expected {what}, not {name}")),
        Err(error) => Problem::Raised(error),
    }
}
