//! Tuples for tid and pg_snapshot, and addresses of the module ipaddress.
use pgwire_py_core::types::{Inet, Kind, Snapshot, Tid, ValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::numbers::{fitting, string_of};
use super::sequence::is_sequence;
use super::{Fail, mismatch};

/// `(block, offset)`; None if a number is out of range.
pub fn tid(object: &Bound<'_, PyAny>) -> Result<Option<Tid>, Fail> {
    let [block, offset] = parts(Kind::Tid, object)?;
    let (block, offset) = (fitting(Kind::Tid, &block)?, fitting(Kind::Tid, &offset)?);
    Ok(block.and_then(|block| {
        Some(Tid {
            block,
            offset: offset?,
        })
    }))
}

/// `(xmin, xmax, (xip, …))`; None if the numbers make no snapshot.
pub fn snapshot(object: &Bound<'_, PyAny>) -> Result<Option<Snapshot>, Fail> {
    let kind = Kind::Snapshot;
    let [xmin, xmax, list] = parts(kind, object)?;
    let (xmin, xmax) = (fitting(kind, &xmin)?, fitting(kind, &xmax)?);
    if !is_sequence(&list) {
        return Err(mismatch(kind.sql_name(), &list));
    }
    let mut running = Some(Vec::new());
    for item in list.try_iter()? {
        let number = fitting(kind, &item?)?;
        running = running.and_then(|mut running| {
            running.push(number?);
            Some(running)
        });
    }
    Ok((|| Snapshot::new(xmin?, xmax?, running?))())
}

fn parts<'py, const N: usize>(
    kind: Kind,
    object: &Bound<'py, PyAny>,
) -> Result<[Bound<'py, PyAny>; N], Fail> {
    if !is_sequence(object) {
        return Err(mismatch(kind.sql_name(), object));
    }
    let items = object.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    items.try_into().map_err(|_| {
        let message = format!("a {} is a tuple of {N}", kind.sql_name());
        ValueError::new("42804", message).into()
    })
}

/// An address, interface or network of the module ipaddress.
pub fn inet(kind: Kind, object: &Bound<'_, PyAny>) -> Result<Inet, Fail> {
    if !is_address(object)? {
        return Err(mismatch(kind.sql_name(), object));
    }
    Ok(Inet::parse(kind, &string_of(object)?)?)
}

pub fn is_address(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    for name in ["IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network"] {
        if object.is_instance(address_class(py, name)?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A class of the module ipaddress.
pub fn address_class<'py>(
    py: Python<'py>,
    name: &'static str,
) -> PyResult<&'py Bound<'py, PyType>> {
    static CLASSES: [PyOnceLock<Py<PyType>>; 6] = [const { PyOnceLock::new() }; 6];
    let at = match name {
        "IPv4Address" => 0,
        "IPv6Address" => 1,
        "IPv4Interface" => 2,
        "IPv6Interface" => 3,
        "IPv4Network" => 4,
        _ => 5,
    };
    CLASSES[at].import(py, "ipaddress", name)
}
