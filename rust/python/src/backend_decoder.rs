//! `BackendDecoder`: bytes in, message objects out.
use std::borrow::Cow;

use pgwire_py_core::framing::{self, Answer};
use pgwire_py_core::messages::{BackendMessage, FieldDescription};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyType};

use crate::decoder::{ErrorClass, tuple, unchanging};
use crate::shape::{Shape, named_tuple};

/// See `pgwire_py._impl.interface.BackendDecoder`.
#[pyclass(module = "pgwire_py._native")]
pub struct BackendDecoder {
    inner: framing::BackendDecoder,
}

#[pymethods]
impl BackendDecoder {
    #[new]
    #[pyo3(signature = (max_message_length = 30_000))]
    fn new(max_message_length: u32) -> Self {
        BackendDecoder {
            inner: framing::BackendDecoder::new(max_message_length),
        }
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
    fn encryption_response(&self) -> bool {
        self.inner.encryption_response
    }

    #[setter]
    fn set_encryption_response(&mut self, expected: bool) {
        self.inner.encryption_response = expected;
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

/// The classes of what a feed returns.
struct Classes {
    error: ErrorClass,
    field_description: Py<PyType>,
    authentication_md5_password: Shape<1>,
    authentication_gss_continue: Shape<1>,
    authentication_sasl: Shape<1>,
    authentication_sasl_continue: Shape<1>,
    authentication_sasl_final: Shape<1>,
    encryption_response: Shape<1>,
    backend_key_data: Shape<2>,
    negotiate_protocol_version: Shape<2>,
    row_description: Shape<1>,
    data_row: Shape<1>,
    command_complete: Shape<1>,
    function_call_response: Shape<1>,
    copy_in_response: Shape<2>,
    copy_out_response: Shape<2>,
    copy_both_response: Shape<2>,
    copy_data: Shape<1>,
    parameter_description: Shape<1>,
    parameter_status: Shape<2>,
    ready_for_query: Shape<1>,
    error_response: Shape<1>,
    notice_response: Shape<1>,
    notification_response: Shape<3>,
    // Without fields there is nothing to tell two instances apart: one serves all.
    authentication_ok: Py<PyAny>,
    authentication_kerberos_v5: Py<PyAny>,
    authentication_cleartext_password: Py<PyAny>,
    authentication_gss: Py<PyAny>,
    authentication_sspi: Py<PyAny>,
    empty_query_response: Py<PyAny>,
    parse_complete: Py<PyAny>,
    bind_complete: Py<PyAny>,
    close_complete: Py<PyAny>,
    copy_done: Py<PyAny>,
    no_data: Py<PyAny>,
    portal_suspended: Py<PyAny>,
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
            field_description: module.getattr("FieldDescription")?.cast_into()?.unbind(),
            authentication_md5_password: Shape::load(
                module,
                "AuthenticationMD5Password",
                ["salt"],
            )?,
            authentication_gss_continue: Shape::load(
                module,
                "AuthenticationGSSContinue",
                ["data"],
            )?,
            authentication_sasl: Shape::load(module, "AuthenticationSASL", ["mechanisms"])?,
            authentication_sasl_continue: Shape::load(
                module,
                "AuthenticationSASLContinue",
                ["data"],
            )?,
            authentication_sasl_final: Shape::load(module, "AuthenticationSASLFinal", ["data"])?,
            encryption_response: Shape::load(module, "EncryptionResponse", ["answer"])?,
            backend_key_data: Shape::load(module, "BackendKeyData", ["process_id", "secret_key"])?,
            negotiate_protocol_version: Shape::load(
                module,
                "NegotiateProtocolVersion",
                ["newest_version", "unknown_options"],
            )?,
            row_description: Shape::load(module, "RowDescription", ["fields"])?,
            data_row: Shape::load(module, "DataRow", ["values"])?,
            command_complete: Shape::load(module, "CommandComplete", ["command_tag"])?,
            function_call_response: Shape::load(module, "FunctionCallResponse", ["value"])?,
            copy_in_response: Shape::load(module, "CopyInResponse", ["format", "column_formats"])?,
            copy_out_response: Shape::load(
                module,
                "CopyOutResponse",
                ["format", "column_formats"],
            )?,
            copy_both_response: Shape::load(
                module,
                "CopyBothResponse",
                ["format", "column_formats"],
            )?,
            copy_data: Shape::load(module, "CopyData", ["data"])?,
            parameter_description: Shape::load(module, "ParameterDescription", ["types"])?,
            parameter_status: Shape::load(module, "ParameterStatus", ["name", "value"])?,
            ready_for_query: Shape::load(module, "ReadyForQuery", ["status"])?,
            error_response: Shape::load(module, "ErrorResponse", ["fields"])?,
            notice_response: Shape::load(module, "NoticeResponse", ["fields"])?,
            notification_response: Shape::load(
                module,
                "NotificationResponse",
                ["process_id", "channel", "payload"],
            )?,
            authentication_ok: single("AuthenticationOk")?,
            authentication_kerberos_v5: single("AuthenticationKerberosV5")?,
            authentication_cleartext_password: single("AuthenticationCleartextPassword")?,
            authentication_gss: single("AuthenticationGSS")?,
            authentication_sspi: single("AuthenticationSSPI")?,
            empty_query_response: single("EmptyQueryResponse")?,
            parse_complete: single("ParseComplete")?,
            bind_complete: single("BindComplete")?,
            close_complete: single("CloseComplete")?,
            copy_done: single("CopyDone")?,
            no_data: single("NoData")?,
            portal_suspended: single("PortalSuspended")?,
        })
    }

    #[inline]
    fn item<'py>(&self, py: Python<'py>, item: Answer<'_>) -> PyResult<Bound<'py, PyAny>> {
        match item {
            Ok(message) => self.message(py, message),
            Err(error) => self.error.make(py, &error),
        }
    }

    fn message<'py>(
        &self,
        py: Python<'py>,
        message: BackendMessage<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let text = |text: &str| PyString::new(py, text).into_any();
        let bytes = |bytes: &[u8]| PyBytes::new(py, bytes).into_any();
        let value = |value: Option<&[u8]>| match value {
            Some(raw) => bytes(raw),
            None => py.None().into_bound(py),
        };
        let letter = |byte: u8| text(char::from(byte).encode_utf8(&mut [0; 4]));
        let one = |instance: &Py<PyAny>| Ok(instance.bind(py).clone());
        match message {
            BackendMessage::DataRow { values } => {
                let values = tuple(py, values.into_iter().map(value))?;
                self.data_row.make(py, [values])
            }
            BackendMessage::CopyData { data } => self.copy_data.make(py, [bytes(data)]),
            BackendMessage::EncryptionResponse { answer } => {
                self.encryption_response.make(py, [letter(answer.byte())])
            }
            BackendMessage::AuthenticationMD5Password { salt } => {
                self.authentication_md5_password.make(py, [bytes(&salt)])
            }
            BackendMessage::AuthenticationGSSContinue { data } => {
                self.authentication_gss_continue.make(py, [bytes(data)])
            }
            BackendMessage::AuthenticationSASL { mechanisms } => {
                self.authentication_sasl.make(py, [tuple(py, mechanisms)?])
            }
            BackendMessage::AuthenticationSASLContinue { data } => {
                self.authentication_sasl_continue.make(py, [bytes(data)])
            }
            BackendMessage::AuthenticationSASLFinal { data } => {
                self.authentication_sasl_final.make(py, [bytes(data)])
            }
            BackendMessage::BackendKeyData {
                process_id,
                secret_key,
            } => {
                let process_id = process_id.into_bound_py_any(py)?;
                self.backend_key_data
                    .make(py, [process_id, bytes(secret_key)])
            }
            BackendMessage::NegotiateProtocolVersion {
                newest_version,
                unknown_options,
            } => {
                let version = newest_version.into_bound_py_any(py)?;
                self.negotiate_protocol_version
                    .make(py, [version, tuple(py, unknown_options)?])
            }
            BackendMessage::RowDescription { fields } => {
                let fields = fields.into_iter().map(|field| self.field(py, field));
                let fields = fields.collect::<PyResult<Vec<_>>>()?;
                self.row_description.make(py, [tuple(py, fields)?])
            }
            BackendMessage::CommandComplete { command_tag } => {
                self.command_complete.make(py, [text(command_tag)])
            }
            BackendMessage::FunctionCallResponse { value: result } => {
                self.function_call_response.make(py, [value(result)])
            }
            BackendMessage::CopyInResponse {
                format,
                column_formats,
            } => {
                let format = format.into_bound_py_any(py)?;
                self.copy_in_response
                    .make(py, [format, tuple(py, column_formats)?])
            }
            BackendMessage::CopyOutResponse {
                format,
                column_formats,
            } => {
                let format = format.into_bound_py_any(py)?;
                self.copy_out_response
                    .make(py, [format, tuple(py, column_formats)?])
            }
            BackendMessage::CopyBothResponse {
                format,
                column_formats,
            } => {
                let format = format.into_bound_py_any(py)?;
                self.copy_both_response
                    .make(py, [format, tuple(py, column_formats)?])
            }
            BackendMessage::ParameterDescription { types } => {
                self.parameter_description.make(py, [tuple(py, types)?])
            }
            BackendMessage::ParameterStatus { name, value } => {
                self.parameter_status.make(py, [text(name), text(value)])
            }
            BackendMessage::ReadyForQuery { status } => {
                self.ready_for_query.make(py, [letter(status.byte())])
            }
            BackendMessage::ErrorResponse { fields } => {
                self.error_response.make(py, [dict(py, &fields)?])
            }
            BackendMessage::NoticeResponse { fields } => {
                self.notice_response.make(py, [dict(py, &fields)?])
            }
            BackendMessage::NotificationResponse {
                process_id,
                channel,
                payload,
            } => {
                let process_id = process_id.into_bound_py_any(py)?;
                self.notification_response
                    .make(py, [process_id, text(channel), text(payload)])
            }
            BackendMessage::AuthenticationOk => one(&self.authentication_ok),
            BackendMessage::AuthenticationKerberosV5 => one(&self.authentication_kerberos_v5),
            BackendMessage::AuthenticationCleartextPassword => {
                one(&self.authentication_cleartext_password)
            }
            BackendMessage::AuthenticationGSS => one(&self.authentication_gss),
            BackendMessage::AuthenticationSSPI => one(&self.authentication_sspi),
            BackendMessage::EmptyQueryResponse => one(&self.empty_query_response),
            BackendMessage::ParseComplete => one(&self.parse_complete),
            BackendMessage::BindComplete => one(&self.bind_complete),
            BackendMessage::CloseComplete => one(&self.close_complete),
            BackendMessage::CopyDone => one(&self.copy_done),
            BackendMessage::NoData => one(&self.no_data),
            BackendMessage::PortalSuspended => one(&self.portal_suspended),
        }
    }

    fn field<'py>(
        &self,
        py: Python<'py>,
        field: FieldDescription<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let values = (
            field.name,
            field.table_oid,
            field.column_number,
            field.type_oid,
            field.type_size,
            field.type_modifier,
            field.format,
        );
        named_tuple(self.field_description.bind(py), values.into_pyobject(py)?)
    }
}

/// Field codes and their texts; of a repeated code the last text.
fn dict<'py>(py: Python<'py>, fields: &[(u8, Cow<'_, str>)]) -> PyResult<Bound<'py, PyAny>> {
    let dict = PyDict::new(py);
    for (code, text) in fields {
        dict.set_item(char::from(*code), text.as_ref())?;
    }
    Ok(dict.into_any())
}
