//! `MessageBuilder`: messages written straight into a bytearray, values read straight from whatever offers a buffer.
use pgwire_py_core::bind_rows::BindRows;
use pgwire_py_core::builder::Request;
use pgwire_py_core::messages::Kind;
use pgwire_py_core::wire::EncodeError;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};

use crate::arguments::{Given, Value, View, format, formats, parameters, values};
use crate::message::fields::{integer, integers, items, pairs, text};
use crate::message::{Problem, local_error};

/// See `pgwire_py._impl.interface.MessageBuilder`.
#[pyclass(frozen, module = "pgwire_py._native")]
pub struct MessageBuilder {
    buffer: Py<PyByteArray>,
}

type Chain<'py> = PyResult<Bound<'py, MessageBuilder>>;
type Object<'a, 'py> = &'a Bound<'py, PyAny>;

#[pymethods]
impl MessageBuilder {
    #[new]
    #[pyo3(signature = (buffer = None))]
    fn new(py: Python<'_>, buffer: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        let buffer = match buffer {
            None => PyByteArray::new(py, &[]),
            Some(buffer) => buffer
                .cast_into::<PyByteArray>()
                .map_err(|_| PyTypeError::new_err("buffer must be a bytearray"))?,
        };
        Ok(MessageBuilder {
            buffer: buffer.unbind(),
        })
    }

    #[getter]
    fn buffer<'py>(&self, py: Python<'py>) -> Bound<'py, PyByteArray> {
        self.buffer.bind(py).clone()
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.buffer.bind(py).len()
    }

    fn take<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyBytes>> {
        let buffer = slf.get().buffer.bind(slf.py());
        // SAFETY: `new` only copies; no Python code runs while the slice lives.
        let bytes = PyBytes::new(slf.py(), unsafe { buffer.as_bytes() });
        empty(buffer)?;
        Ok(bytes)
    }

    fn clear(slf: Bound<'_, Self>) -> Chain<'_> {
        empty(slf.get().buffer.bind(slf.py()))?;
        Ok(slf)
    }

    #[pyo3(signature = (target, offset = 0))]
    fn write_into(slf: &Bound<'_, Self>, target: Object<'_, '_>, offset: isize) -> PyResult<usize> {
        let py = slf.py();
        let Ok(target) = View::get(target, ffi::PyBUF_WRITABLE) else {
            let text = "the target must be a writable contiguous buffer";
            return Err(local_error(py, text.into())?);
        };
        let buffer = slf.get().buffer.bind(py);
        let (size, room) = (buffer.len(), target.len());
        match usize::try_from(offset) {
            Ok(start) if start <= room && size <= room - start => {
                // SAFETY: both are valid for `size` bytes, the target being writable; they may overlap, and nothing else touches them, for
                // no Python code runs here.
                unsafe { std::ptr::copy(buffer.data(), target.pointer().add(start), size) };
                Ok(start + size)
            }
            _ => {
                let text = format!("{size} bytes do not fit at offset {offset} of {room}");
                Err(local_error(py, text)?)
            }
        }
    }

    #[pyo3(
        signature = (parameters, protocol_version = Given(None)),
        text_signature = "($self, parameters, protocol_version=196608)"
    )]
    fn startup<'py>(
        slf: Bound<'py, Self>,
        parameters: Object<'_, 'py>,
        protocol_version: Given<'_, 'py>,
    ) -> Chain<'py> {
        build(slf, "StartupMessage", |put| {
            let protocol_version = match &protocol_version.0 {
                None => 0x0003_0000,
                Some(version) => integer(version, "UInt32")?,
            };
            let pairs = pairs(parameters)?;
            let mut parameters = Vec::with_capacity(pairs.len());
            for (name, value) in &pairs {
                let name = text(name)?;
                if name.is_empty() {
                    return Err(EncodeError::UnnamedParameter.into());
                }
                parameters.push((name, text(value)?));
            }
            put(&Request::Startup {
                protocol_version,
                parameters: &parameters,
            })
        })
    }

    fn ssl_request(slf: Bound<'_, Self>) -> Chain<'_> {
        build(slf, "SSLRequest", |put| put(&Request::Ssl))
    }

    fn gssenc_request(slf: Bound<'_, Self>) -> Chain<'_> {
        build(slf, "GSSENCRequest", |put| put(&Request::GssEnc))
    }

    fn cancel_request<'py>(
        slf: Bound<'py, Self>,
        process_id: Object<'_, 'py>,
        secret_key: Object<'_, 'py>,
    ) -> Chain<'py> {
        build(slf, "CancelRequest", |put| {
            put(&Request::Cancel {
                process_id: integer(process_id, "Int32")?,
                secret_key: Value::get(secret_key)?.as_slice(),
            })
        })
    }

    fn password<'py>(slf: Bound<'py, Self>, password: Object<'_, 'py>) -> Chain<'py> {
        build(slf, "PasswordMessage", |put| {
            put(&Request::Password(Value::get(password)?.as_slice()))
        })
    }

    #[pyo3(signature = (mechanism, data = None))]
    fn sasl_initial_response<'py>(
        slf: Bound<'py, Self>,
        mechanism: Object<'_, 'py>,
        data: Option<Object<'_, 'py>>,
    ) -> Chain<'py> {
        build(slf, "SASLInitialResponse", |put| {
            let mechanism = text(mechanism)?;
            let data = data.map(|data| Value::get(data)).transpose()?;
            put(&Request::SaslInitial {
                mechanism,
                data: data.as_ref().map(Value::as_slice),
            })
        })
    }

    fn sasl_response<'py>(slf: Bound<'py, Self>, data: Object<'_, 'py>) -> Chain<'py> {
        build(slf, "SASLResponse", |put| {
            put(&Request::Response(Value::get(data)?.as_slice()))
        })
    }

    fn query<'py>(slf: Bound<'py, Self>, query: Object<'_, 'py>) -> Chain<'py> {
        build(slf, "Query", |put| put(&Request::Query(text(query)?)))
    }

    #[pyo3(
        signature = (statement, query, parameter_types = Given(None)),
        text_signature = "($self, statement, query, parameter_types=())"
    )]
    fn parse<'py>(
        slf: Bound<'py, Self>,
        statement: Object<'_, 'py>,
        query: Object<'_, 'py>,
        parameter_types: Given<'_, 'py>,
    ) -> Chain<'py> {
        build(slf, "Parse", |put| {
            let statement = text(statement)?;
            let query = text(query)?;
            let parameter_types = parameter_types.or_default(|types| integers(types, "UInt32"))?;
            put(&Request::Parse {
                statement,
                query,
                parameter_types: &parameter_types,
            })
        })
    }

    #[pyo3(
        signature = (portal = Given(None), statement = Given(None), parameters = Given(None), *, parameter_formats = None,
            result_formats = Given(None)),
        text_signature = "($self, portal='', statement='', parameters=(), *, parameter_formats=None, result_formats=())"
    )]
    fn bind<'py>(
        slf: Bound<'py, Self>,
        portal: Given<'_, 'py>,
        statement: Given<'_, 'py>,
        parameters: Given<'_, 'py>,
        parameter_formats: Option<Object<'_, 'py>>,
        result_formats: Given<'_, 'py>,
    ) -> Chain<'py> {
        build(slf, "Bind", |put| {
            let portal = portal.or_default(text)?;
            let statement = statement.or_default(text)?;
            let objects = parameters.or_default(items)?;
            let values = values(&objects, parameter_formats)?;
            let result_formats = result_formats.or_default(formats)?;
            put(&Request::Bind {
                portal,
                statement,
                parameters: &crate::arguments::parameters(&values),
                result_formats: &result_formats,
            })
        })
    }

    fn bind_rows<'py>(
        slf: Bound<'py, Self>,
        rows: &[u8],
        before: &[u8],
        after: &[u8],
        behind: &[u8],
    ) -> Chain<'py> {
        let py = slf.py();
        let buffer = slf.get().buffer.bind(py);
        let binds = BindRows {
            rows,
            before,
            after,
            behind,
        };
        let put = || -> Result<(), Problem> {
            let start = buffer.len();
            resize(buffer, start + binds.size()?)?;
            // SAFETY: no Python code runs while the slice lives; what is read lies in bytes objects, not in this bytearray.
            let memory = unsafe { buffer.as_bytes_mut() };
            Ok(binds.write(&mut memory[start..])?)
        };
        match put() {
            Ok(()) => Ok(slf),
            Err(Problem::Raised(error)) => Err(error),
            Err(Problem::Unfit(reason)) => Err(local_error(py, format!("Bind: {reason}"))?),
        }
    }

    #[pyo3(signature = (name = Given(None)), text_signature = "($self, name='')")]
    fn describe_statement<'py>(slf: Bound<'py, Self>, name: Given<'_, 'py>) -> Chain<'py> {
        build(slf, "Describe", |put| {
            put(&Request::Describe(Kind::Statement, name.or_default(text)?))
        })
    }

    #[pyo3(signature = (name = Given(None)), text_signature = "($self, name='')")]
    fn describe_portal<'py>(slf: Bound<'py, Self>, name: Given<'_, 'py>) -> Chain<'py> {
        build(slf, "Describe", |put| {
            put(&Request::Describe(Kind::Portal, name.or_default(text)?))
        })
    }

    #[pyo3(signature = (portal = Given(None), max_rows = Given(None)), text_signature = "($self, portal='', max_rows=0)")]
    fn execute<'py>(
        slf: Bound<'py, Self>,
        portal: Given<'_, 'py>,
        max_rows: Given<'_, 'py>,
    ) -> Chain<'py> {
        build(slf, "Execute", |put| {
            put(&Request::Execute {
                portal: portal.or_default(text)?,
                max_rows: max_rows.or_default(|rows| integer(rows, "Int32"))?,
            })
        })
    }

    #[pyo3(signature = (name = Given(None)), text_signature = "($self, name='')")]
    fn close_statement<'py>(slf: Bound<'py, Self>, name: Given<'_, 'py>) -> Chain<'py> {
        build(slf, "Close", |put| {
            put(&Request::Close(Kind::Statement, name.or_default(text)?))
        })
    }

    #[pyo3(signature = (name = Given(None)), text_signature = "($self, name='')")]
    fn close_portal<'py>(slf: Bound<'py, Self>, name: Given<'_, 'py>) -> Chain<'py> {
        build(slf, "Close", |put| {
            put(&Request::Close(Kind::Portal, name.or_default(text)?))
        })
    }

    #[pyo3(
        signature = (function_oid, arguments = Given(None), *, argument_formats = None, result_format = Given(None)),
        text_signature = "($self, function_oid, arguments=(), *, argument_formats=None, result_format=0)"
    )]
    fn function_call<'py>(
        slf: Bound<'py, Self>,
        function_oid: Object<'_, 'py>,
        arguments: Given<'_, 'py>,
        argument_formats: Option<Object<'_, 'py>>,
        result_format: Given<'_, 'py>,
    ) -> Chain<'py> {
        build(slf, "FunctionCall", |put| {
            let function_oid = integer(function_oid, "UInt32")?;
            let objects = arguments.or_default(items)?;
            let values = values(&objects, argument_formats)?;
            put(&Request::FunctionCall {
                function_oid,
                arguments: &parameters(&values),
                result_format: result_format.or_default(format)?,
            })
        })
    }

    fn copy_data<'py>(slf: Bound<'py, Self>, data: Object<'_, 'py>) -> Chain<'py> {
        build(slf, "CopyData", |put| {
            put(&Request::CopyData(Value::get(data)?.as_slice()))
        })
    }

    fn copy_done(slf: Bound<'_, Self>) -> Chain<'_> {
        build(slf, "CopyDone", |put| put(&Request::CopyDone))
    }

    fn copy_fail<'py>(slf: Bound<'py, Self>, message: Object<'_, 'py>) -> Chain<'py> {
        build(slf, "CopyFail", |put| {
            put(&Request::CopyFail(text(message)?))
        })
    }

    fn flush(slf: Bound<'_, Self>) -> Chain<'_> {
        build(slf, "Flush", |put| put(&Request::Flush))
    }

    fn sync(slf: Bound<'_, Self>) -> Chain<'_> {
        build(slf, "Sync", |put| put(&Request::Sync))
    }

    fn terminate(slf: Bound<'_, Self>) -> Chain<'_> {
        build(slf, "Terminate", |put| put(&Request::Terminate))
    }
}

/// Lets `make` give its message to the function that appends it; its errors get the message's name.
fn build<'py>(
    builder: Bound<'py, MessageBuilder>,
    name: &str,
    make: impl FnOnce(&dyn Fn(&Request<'_>) -> Result<(), Problem>) -> Result<(), Problem>,
) -> Chain<'py> {
    let py = builder.py();
    let buffer = builder.get().buffer.bind(py);
    let put = |request: &Request<'_>| {
        let size = request.size()?;
        let start = buffer.len();
        resize(buffer, start + size)?;
        // SAFETY: no Python code runs while the slice lives. Nothing in `request` lies in this bytearray: it would have refused to change
        // its size while somebody held its memory.
        let memory = unsafe { buffer.as_bytes_mut() };
        Ok(request.write(&mut memory[start..])?)
    };
    match make(&put) {
        Ok(()) => Ok(builder),
        Err(Problem::Raised(error)) => Err(error),
        Err(Problem::Unfit(reason)) => Err(local_error(py, format!("{name}: {reason}"))?),
    }
}

fn resize(buffer: &Bound<'_, PyByteArray>, size: usize) -> Result<(), Problem> {
    buffer.resize(size).map_err(|error| {
        if error.is_instance_of::<PyBufferError>(buffer.py()) {
            Problem::Unfit("the buffer is in use elsewhere".into())
        } else {
            Problem::Raised(error)
        }
    })
}

fn empty(buffer: &Bound<'_, PyByteArray>) -> PyResult<()> {
    match resize(buffer, 0) {
        Ok(()) => Ok(()),
        Err(Problem::Raised(error)) => Err(error),
        Err(Problem::Unfit(reason)) => Err(local_error(buffer.py(), reason)?),
    }
}
