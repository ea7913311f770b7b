//! `encode_message`: message objects in, bytes out.
use pgwire_py_core::wire::EncodeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;

/// `let` one variable for each attribute of a message.
macro_rules! attributes {
    ($message:expr => $($name:ident),+) => {
        $(let $name = &$message.getattr(pyo3::intern!($message.py(), stringify!($name)))?;)+
    };
}

/// An encoder of a message without fields.
macro_rules! constant {
    ($message:expr) => {
        |_, out| Ok($message.encode(out)?)
    };
}

mod backend;
pub(crate) mod fields;
mod frontend;

/// See `pgwire_py._impl.interface.Core.encode_message`.
#[pyfunction]
pub fn encode_message<'py>(message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = message.py();
    let encoders = Encoders::get(py)?;
    let class = message.get_type();
    let address = class.as_ptr() as usize;
    let Ok(found) = encoders
        .by_class
        .binary_search_by_key(&address, |(class, _)| *class)
    else {
        let text = format!("{} is not a message", class.name()?);
        return Err(encoders.error(py, text)?);
    };
    let encode = encoders.by_class[found].1;
    let mut out = Vec::with_capacity(64);
    match encode(message, &mut out) {
        Ok(()) => Ok(PyBytes::new(py, &out)),
        Err(Problem::Raised(error)) => Err(error),
        Err(Problem::Unfit(reason)) => {
            Err(encoders.error(py, format!("{}: {reason}", class.name()?))?)
        }
    }
}

/// A LocalProtocolError.
pub(crate) fn local_error(py: Python<'_>, text: String) -> PyResult<PyErr> {
    Encoders::get(py)?.error(py, text)
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
    /// Addresses of the classes, in order; these live as long as their module.
    by_class: Vec<(usize, Encode)>,
    /// Keeps the addresses taken.
    _classes: Vec<Py<PyAny>>,
    local_protocol_error: Py<PyAny>,
}

static ENCODERS: PyOnceLock<Encoders> = PyOnceLock::new();

impl Encoders {
    fn get(py: Python<'_>) -> PyResult<&'static Self> {
        ENCODERS.get_or_try_init(py, || {
            let module = py.import("pgwire_py.messages")?;
            let mut by_class = Vec::new();
            let mut classes = Vec::new();
            for (name, encode) in frontend::TABLE.iter().chain(backend::TABLE) {
                let class = module.getattr(*name)?;
                by_class.push((class.as_ptr() as usize, *encode));
                classes.push(class.unbind());
            }
            by_class.sort_by_key(|(class, _)| *class);
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
