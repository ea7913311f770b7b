//! The arithmetic of login: SASLprep, MD5, SCRAM-SHA-256. See `pgwire_py._impl.interface.Core`.
use pgwire_py_core::scram::{self, KEY_LENGTH, Key, Keys};
use pgwire_py_core::scram_server::{Check, ScramError, Server};
use pgwire_py_core::{md5, saslprep};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

#[pyfunction]
pub fn prepare_password<'py>(py: Python<'py>, password: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &saslprep::prepare_password(password))
}

#[pyfunction]
pub fn md5_password<'py>(py: Python<'py>, password: &[u8], user: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &md5::md5_password(password, user))
}

#[pyfunction]
pub fn md5_response<'py>(
    py: Python<'py>,
    stored: &[u8],
    salt: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let response = md5::md5_response(stored, salt)
        .ok_or_else(|| PyValueError::new_err("not an MD5 password as PostgreSQL stores it"))?;
    Ok(PyBytes::new(py, &response))
}

#[pyfunction]
pub fn scram_salted_password<'py>(
    py: Python<'py>,
    password: &[u8],
    salt: &[u8],
    iterations: i128,
) -> PyResult<Bound<'py, PyBytes>> {
    let iterations = rounds(iterations)?;
    let salted = py.detach(|| scram::salted_password(password, salt, iterations));
    Ok(PyBytes::new(py, &salted))
}

#[pyfunction]
pub fn scram_keys<'py>(
    py: Python<'py>,
    salted_password: &[u8],
) -> PyResult<(
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
)> {
    let keys = Keys::of(&key(salted_password)?);
    Ok((
        PyBytes::new(py, &keys.client),
        PyBytes::new(py, &keys.stored),
        PyBytes::new(py, &keys.server),
    ))
}

#[pyfunction]
pub fn scram_client_proof<'py>(
    py: Python<'py>,
    client_key: &[u8],
    auth_message: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let proof = scram::client_proof(&key(client_key)?, auth_message);
    Ok(PyBytes::new(py, &proof))
}

#[pyfunction]
pub fn scram_check_proof(stored_key: &[u8], auth_message: &[u8], proof: &[u8]) -> PyResult<bool> {
    let (stored_key, proof) = (key(stored_key)?, key(proof)?);
    Ok(scram::check_proof(&stored_key, auth_message, &proof))
}

#[pyfunction]
pub fn scram_server_signature<'py>(
    py: Python<'py>,
    server_key: &[u8],
    auth_message: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let signature = scram::server_signature(&key(server_key)?, auth_message);
    Ok(PyBytes::new(py, &signature))
}

#[pyfunction]
pub fn scram_mock_salt<'py>(py: Python<'py>, secret: &[u8], user: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &scram::mock_salt(secret, user))
}

/// server-first-message, what the client must repeat, both nonces, and the beginning of what is signed.
type Challenge<'py> = (
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
);

#[pyfunction]
pub fn scram_server_first<'py>(
    py: Python<'py>,
    message: &[u8],
    plus: bool,
    binding: Option<&[u8]>,
    salt: &[u8],
    iterations: i128,
    nonce: &[u8],
) -> PyResult<Challenge<'py>> {
    let server = Server {
        plus,
        binding,
        salt,
        iterations: rounds(iterations)?,
        nonce,
    };
    let challenge = server.first(message).map_err(|error| raised(py, &error))?;
    Ok((
        PyBytes::new(py, &challenge.message),
        PyBytes::new(py, &challenge.repeated),
        PyBytes::new(py, &challenge.nonce),
        PyBytes::new(py, &challenge.signed),
    ))
}

#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    reason = "one for each thing it is checked by"
)]
pub fn scram_server_final<'py>(
    py: Python<'py>,
    message: &[u8],
    repeated: &[u8],
    bound: bool,
    nonce: &[u8],
    signed: &[u8],
    stored_key: &[u8],
    server_key: &[u8],
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let check = Check {
        repeated,
        bound,
        nonce,
        signed,
        stored_key: &key(stored_key)?,
        server_key: &key(server_key)?,
    };
    let answer = check.last(message).map_err(|error| raised(py, &error))?;
    Ok(answer.map(|answer| PyBytes::new(py, &answer)))
}

/// RemoteProtocolError, after which the connection ends.
#[cold]
fn raised(py: Python<'_>, error: &ScramError) -> PyErr {
    let make = || {
        py.import("pgwire_py.errors")?
            .getattr("RemoteProtocolError")?
            .call1((error.message.as_str(), error.sqlstate, true))
    };
    make().map_or_else(|failed| failed, PyErr::from_value)
}

fn rounds(iterations: i128) -> PyResult<u32> {
    u32::try_from(iterations)
        .ok()
        .filter(|rounds| (1..=i32::MAX as u32).contains(rounds))
        .ok_or_else(|| {
            PyValueError::new_err(format!(
                "SCRAM iterations must be between 1 and {}, not {iterations}",
                i32::MAX
            ))
        })
}

fn key(bytes: &[u8]) -> PyResult<Key> {
    bytes.try_into().map_err(|_| {
        PyValueError::new_err(format!(
            "SCRAM keys and proofs have {KEY_LENGTH} bytes, not {}",
            bytes.len()
        ))
    })
}
