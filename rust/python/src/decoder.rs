//! `FrontendDecoder`: bytes in, message objects out.
use pgwire_py_core::framing::{self, Item};
use pgwire_py_core::messages::{FrontendMessage, PasswordKind};
use pgwire_py_core::wire::RemoteError;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyMemoryView, PyString, PyTuple};

use crate::shape::Shape;

/// See `pgwire_py._impl.interface.FrontendDecoder`.
#[pyclass(module = "pgwire_py._native")]
pub struct FrontendDecoder {
    pub(crate) inner: framing::FrontendDecoder,
}

#[pymethods]
impl FrontendDecoder {
    #[new]
    #[pyo3(signature = (max_startup_length = 10_000, max_message_length = 65_535))]
    fn new(max_startup_length: u32, max_message_length: u32) -> Self {
        FrontendDecoder {
            inner: framing::FrontendDecoder::new(max_startup_length, max_message_length),
        }
    }

    #[getter]
    fn startup(&self) -> bool {
        self.inner.startup
    }

    #[setter]
    fn set_startup(&mut self, startup: bool) {
        self.inner.startup = startup;
    }

    #[getter]
    fn max_startup_length(&self) -> u32 {
        self.inner.max_startup_length
    }

    #[setter]
    fn set_max_startup_length(&mut self, length: u32) {
        self.inner.max_startup_length = length;
    }

    #[getter]
    fn max_message_length(&self) -> u32 {
        self.inner.max_message_length
    }

    #[setter]
    fn set_max_message_length(&mut self, length: u32) {
        self.inner.max_message_length = length;
    }

    #[getter]
    fn password_kind(&self) -> &'static str {
        match self.inner.password_kind {
            PasswordKind::Password => "password",
            PasswordKind::SaslInitial => "sasl_initial",
            PasswordKind::SaslResponse => "sasl_response",
            PasswordKind::Gss => "gss",
        }
    }

    #[setter]
    fn set_password_kind(&mut self, kind: &str) -> PyResult<()> {
        self.inner.password_kind = match kind {
            "password" => PasswordKind::Password,
            "sasl_initial" => PasswordKind::SaslInitial,
            "sasl_response" => PasswordKind::SaslResponse,
            "gss" => PasswordKind::Gss,
            _ => {
                return Err(PyValueError::new_err(
                    "password_kind must be 'password', 'sasl_initial', 'sasl_response' or 'gss'",
                ));
            }
        };
        Ok(())
    }

    #[getter]
    fn buffered(&self) -> usize {
        self.inner.buffered()
    }

    fn feed<'py>(
        &mut self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let classes = Classes::get(py)?;
        let items = PyList::empty(py);
        let data = unchanging(data)?;
        self.inner.feed(data.as_bytes(), |item| {
            items.append(classes.item(py, item)?)
        })?;
        Ok(items)
    }
}

/// The same bytes in an object that cannot change under our hands while messages are made.
pub fn unchanging<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(data) = data.cast::<PyBytes>() {
        return Ok(data.clone());
    }
    let view = PyMemoryView::from(data)?;
    let copy = data.py().get_type::<PyBytes>().call1((view,))?;
    Ok(copy.cast_into::<PyBytes>()?)
}

/// The class RemoteProtocolError.
pub struct ErrorClass(Py<PyAny>);

impl ErrorClass {
    pub fn load(py: Python<'_>) -> PyResult<Self> {
        let errors = py.import("pgwire_py.errors")?;
        Ok(ErrorClass(errors.getattr("RemoteProtocolError")?.unbind()))
    }

    pub fn make<'py>(&self, py: Python<'py>, error: &RemoteError) -> PyResult<Bound<'py, PyAny>> {
        let tag: String = error.tag.map(char::from).into_iter().collect();
        self.0.bind(py).call1((
            error.message.as_ref(),
            error.sqlstate,
            error.fatal,
            tag,
            error.message_name,
            error.offset,
        ))
    }
}

/// The classes of what a feed returns.
struct Classes {
    error: ErrorClass,
    startup_message: Shape<2>,
    cancel_request: Shape<2>,
    password_message: Shape<1>,
    sasl_initial_response: Shape<2>,
    sasl_response: Shape<1>,
    gss_response: Shape<1>,
    query: Shape<1>,
    function_call: Shape<4>,
    parse: Shape<3>,
    bind: Shape<5>,
    describe: Shape<2>,
    execute: Shape<2>,
    close: Shape<2>,
    copy_data: Shape<1>,
    copy_fail: Shape<1>,
    // Without fields there is nothing to tell two instances apart: one serves all.
    ssl_request: Py<PyAny>,
    gssenc_request: Py<PyAny>,
    terminate: Py<PyAny>,
    flush: Py<PyAny>,
    sync: Py<PyAny>,
    copy_done: Py<PyAny>,
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

impl Classes {
    fn get(py: Python<'_>) -> PyResult<&'static Self> {
        CLASSES.get_or_try_init(py, || Classes::load(py))
    }

    fn load(py: Python<'_>) -> PyResult<Self> {
        let module = &py.import("pgwire_py.messages")?;
        let single = |name: &str| PyResult::Ok(module.getattr(name)?.call0()?.unbind());
        Ok(Classes {
            error: ErrorClass::load(py)?,
            startup_message: Shape::load(
                module,
                "StartupMessage",
                ["protocol_version", "parameters"],
            )?,
            cancel_request: Shape::load(module, "CancelRequest", ["process_id", "secret_key"])?,
            password_message: Shape::load(module, "PasswordMessage", ["password"])?,
            sasl_initial_response: Shape::load(
                module,
                "SASLInitialResponse",
                ["mechanism", "data"],
            )?,
            sasl_response: Shape::load(module, "SASLResponse", ["data"])?,
            gss_response: Shape::load(module, "GSSResponse", ["data"])?,
            query: Shape::load(module, "Query", ["query"])?,
            function_call: Shape::load(
                module,
                "FunctionCall",
                [
                    "function_oid",
                    "argument_formats",
                    "arguments",
                    "result_format",
                ],
            )?,
            parse: Shape::load(module, "Parse", ["statement", "query", "parameter_types"])?,
            bind: Shape::load(
                module,
                "Bind",
                [
                    "portal",
                    "statement",
                    "parameter_formats",
                    "parameters",
                    "result_formats",
                ],
            )?,
            describe: Shape::load(module, "Describe", ["kind", "name"])?,
            execute: Shape::load(module, "Execute", ["portal", "max_rows"])?,
            close: Shape::load(module, "Close", ["kind", "name"])?,
            copy_data: Shape::load(module, "CopyData", ["data"])?,
            copy_fail: Shape::load(module, "CopyFail", ["message"])?,
            ssl_request: single("SSLRequest")?,
            gssenc_request: single("GSSENCRequest")?,
            terminate: single("Terminate")?,
            flush: single("Flush")?,
            sync: single("Sync")?,
            copy_done: single("CopyDone")?,
        })
    }

    fn item<'py>(&self, py: Python<'py>, item: Item<'_>) -> PyResult<Bound<'py, PyAny>> {
        match item {
            Ok(message) => self.message(py, message),
            Err(error) => self.error.make(py, &error),
        }
    }

    fn message<'py>(
        &self,
        py: Python<'py>,
        message: FrontendMessage<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let text = |text: &str| PyString::new(py, text).into_any();
        let bytes = |bytes: &[u8]| PyBytes::new(py, bytes).into_any();
        let value = |value: Option<&[u8]>| match value {
            Some(raw) => bytes(raw),
            None => py.None().into_bound(py),
        };
        let letter =
            |byte: u8| PyString::new(py, char::from(byte).encode_utf8(&mut [0; 4])).into_any();
        match message {
            FrontendMessage::StartupMessage {
                protocol_version,
                parameters,
            } => {
                let dict = PyDict::new(py);
                for (name, value) in parameters {
                    dict.set_item(name, value)?;
                }
                let version = protocol_version.into_bound_py_any(py)?;
                self.startup_message.make(py, [version, dict.into_any()])
            }
            FrontendMessage::SSLRequest => Ok(self.ssl_request.bind(py).clone()),
            FrontendMessage::GSSENCRequest => Ok(self.gssenc_request.bind(py).clone()),
            FrontendMessage::CancelRequest {
                process_id,
                secret_key,
            } => {
                let process_id = process_id.into_bound_py_any(py)?;
                self.cancel_request
                    .make(py, [process_id, bytes(secret_key)])
            }
            FrontendMessage::PasswordMessage { password } => {
                self.password_message.make(py, [bytes(password)])
            }
            FrontendMessage::SASLInitialResponse { mechanism, data } => self
                .sasl_initial_response
                .make(py, [text(mechanism), value(data)]),
            FrontendMessage::SASLResponse { data } => self.sasl_response.make(py, [bytes(data)]),
            FrontendMessage::GSSResponse { data } => self.gss_response.make(py, [bytes(data)]),
            FrontendMessage::Query { query } => self.query.make(py, [text(query)]),
            FrontendMessage::FunctionCall {
                function_oid,
                argument_formats,
                arguments,
                result_format,
            } => self.function_call.make(
                py,
                [
                    function_oid.into_bound_py_any(py)?,
                    tuple(py, argument_formats)?,
                    tuple(py, arguments.into_iter().map(value))?,
                    result_format.into_bound_py_any(py)?,
                ],
            ),
            FrontendMessage::Terminate => Ok(self.terminate.bind(py).clone()),
            FrontendMessage::Parse {
                statement,
                query,
                parameter_types,
            } => {
                let types = tuple(py, parameter_types)?;
                self.parse.make(py, [text(statement), text(query), types])
            }
            FrontendMessage::Bind {
                portal,
                statement,
                parameter_formats,
                parameters,
                result_formats,
            } => self.bind.make(
                py,
                [
                    text(portal),
                    text(statement),
                    tuple(py, parameter_formats)?,
                    tuple(py, parameters.into_iter().map(value))?,
                    tuple(py, result_formats)?,
                ],
            ),
            FrontendMessage::Describe { kind, name } => {
                self.describe.make(py, [letter(kind.byte()), text(name)])
            }
            FrontendMessage::Execute { portal, max_rows } => {
                let max_rows = max_rows.into_bound_py_any(py)?;
                self.execute.make(py, [text(portal), max_rows])
            }
            FrontendMessage::Close { kind, name } => {
                self.close.make(py, [letter(kind.byte()), text(name)])
            }
            FrontendMessage::Flush => Ok(self.flush.bind(py).clone()),
            FrontendMessage::Sync => Ok(self.sync.bind(py).clone()),
            FrontendMessage::CopyData { data } => self.copy_data.make(py, [bytes(data)]),
            FrontendMessage::CopyDone => Ok(self.copy_done.bind(py).clone()),
            FrontendMessage::CopyFail { message } => self.copy_fail.make(py, [text(message)]),
        }
    }
}

/// A tuple as what a slot of a message takes.
pub fn tuple<'py, T: IntoPyObject<'py>>(
    py: Python<'py>,
    values: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyTuple::new(py, values)?.into_any())
}
