//! `encode_replication` and `decode_replication`: payloads inside CopyData ⇄ objects.
use pgwire_py_core::replication::{self, Payload, Stream};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};

use crate::decoder::{ErrorClass, unchanging};
use crate::message::fields::{boolean, bytes, integer, text, uint64};
use crate::message::{Problem, local_error};
use crate::shape::Shape;

/// See `pgwire_py._impl.interface.Core.encode_replication`.
#[pyfunction]
pub fn encode_replication<'py>(payload: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = payload.py();
    let class = payload.get_type();
    let classes = Classes::get(py)?;
    let Some((_, encode)) = classes.encoders.iter().find(|(it, _)| class.is(it)) else {
        let text = format!("{} is not a replication payload", class.name()?);
        return Err(local_error(py, text)?);
    };
    let mut out = Vec::new();
    match encode(payload, &mut out) {
        Ok(()) => Ok(PyBytes::new(py, &out)),
        Err(Problem::Raised(error)) => Err(error),
        Err(Problem::Unfit(reason)) => {
            Err(local_error(py, format!("{}: {reason}", class.name()?))?)
        }
    }
}

/// See `pgwire_py._impl.interface.Core.decode_replication`.
#[pyfunction]
pub fn decode_replication<'py>(
    data: &Bound<'py, PyAny>,
    stream: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = data.py();
    let stream = match stream.cast::<PyString>().map(|it| it.to_str()) {
        Ok(Ok("primary")) => Stream::Primary,
        Ok(Ok("standby")) => Stream::Standby,
        Ok(Ok("base_backup")) => Stream::BaseBackup,
        _ => {
            return Err(PyValueError::new_err(
                "stream must be 'primary', 'standby' or 'base_backup'",
            ));
        }
    };
    let classes = Classes::get(py)?;
    match replication::decode(unchanging(data)?.as_bytes(), stream) {
        Ok(payload) => classes.make(py, payload),
        Err(error) => Err(PyErr::from_value(classes.error.make(py, &error)?)),
    }
}

type Encode = fn(&Bound<'_, PyAny>, &mut Vec<u8>) -> Result<(), Problem>;

const ENCODERS: &[(&str, Encode)] = &[
    ("XLogData", |payload, out| {
        attributes!(payload => start_lsn, end_lsn, server_time, data);
        let (start_lsn, end_lsn) = (uint64(start_lsn)?, uint64(end_lsn)?);
        let server_time = integer(server_time, "Int64")?;
        let data = bytes(data)?;
        let payload = Payload::XLogData {
            start_lsn,
            end_lsn,
            server_time,
            data: data.as_bytes(),
        };
        Ok(payload.encode(out)?)
    }),
    ("PrimaryKeepalive", |payload, out| {
        attributes!(payload => end_lsn, server_time, reply_requested);
        let payload = Payload::PrimaryKeepalive {
            end_lsn: uint64(end_lsn)?,
            server_time: integer(server_time, "Int64")?,
            reply_requested: boolean(reply_requested)?,
        };
        Ok(payload.encode(out)?)
    }),
    ("StandbyStatusUpdate", |payload, out| {
        attributes!(payload => written_lsn, flushed_lsn, applied_lsn, client_time, reply_requested);
        let payload = Payload::StandbyStatusUpdate {
            written_lsn: uint64(written_lsn)?,
            flushed_lsn: uint64(flushed_lsn)?,
            applied_lsn: uint64(applied_lsn)?,
            client_time: integer(client_time, "Int64")?,
            reply_requested: boolean(reply_requested)?,
        };
        Ok(payload.encode(out)?)
    }),
    ("HotStandbyFeedback", |payload, out| {
        attributes!(payload => client_time, xmin, xmin_epoch, catalog_xmin, catalog_xmin_epoch);
        let payload = Payload::HotStandbyFeedback {
            client_time: integer(client_time, "Int64")?,
            xmin: integer(xmin, "UInt32")?,
            xmin_epoch: integer(xmin_epoch, "UInt32")?,
            catalog_xmin: integer(catalog_xmin, "UInt32")?,
            catalog_xmin_epoch: integer(catalog_xmin_epoch, "UInt32")?,
        };
        Ok(payload.encode(out)?)
    }),
    ("NewArchive", |payload, out| {
        attributes!(payload => name, tablespace_path);
        let payload = Payload::NewArchive {
            name: text(name)?,
            tablespace_path: text(tablespace_path)?,
        };
        Ok(payload.encode(out)?)
    }),
    ("ManifestStart", |_, out| {
        Ok(Payload::ManifestStart.encode(out)?)
    }),
    ("ArchiveData", |payload, out| {
        attributes!(payload => data);
        let data = bytes(data)?;
        let data = data.as_bytes();
        Ok(Payload::ArchiveData { data }.encode(out)?)
    }),
    ("ProgressReport", |payload, out| {
        attributes!(payload => bytes_done);
        let bytes_done = integer(bytes_done, "Int64")?;
        Ok(Payload::ProgressReport { bytes_done }.encode(out)?)
    }),
];

/// The classes of payloads, and what encodes an instance of each.
struct Classes {
    error: ErrorClass,
    encoders: Vec<(Py<PyAny>, Encode)>,
    xlog_data: Shape<4>,
    primary_keepalive: Shape<3>,
    standby_status_update: Shape<5>,
    hot_standby_feedback: Shape<5>,
    new_archive: Shape<2>,
    manifest_start: Shape<0>,
    archive_data: Shape<1>,
    progress_report: Shape<1>,
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

impl Classes {
    fn get(py: Python<'_>) -> PyResult<&'static Self> {
        CLASSES.get_or_try_init(py, || Classes::load(py))
    }

    fn load(py: Python<'_>) -> PyResult<Self> {
        let module = &py.import("pgwire_py.messages.replication")?;
        let mut encoders = Vec::with_capacity(ENCODERS.len());
        for (name, encode) in ENCODERS {
            encoders.push((module.getattr(*name)?.unbind(), *encode));
        }
        Ok(Classes {
            error: ErrorClass::load(py)?,
            encoders,
            xlog_data: Shape::load(
                module,
                "XLogData",
                ["start_lsn", "end_lsn", "server_time", "data"],
            )?,
            primary_keepalive: Shape::load(
                module,
                "PrimaryKeepalive",
                ["end_lsn", "server_time", "reply_requested"],
            )?,
            standby_status_update: Shape::load(
                module,
                "StandbyStatusUpdate",
                [
                    "written_lsn",
                    "flushed_lsn",
                    "applied_lsn",
                    "client_time",
                    "reply_requested",
                ],
            )?,
            hot_standby_feedback: Shape::load(
                module,
                "HotStandbyFeedback",
                [
                    "client_time",
                    "xmin",
                    "xmin_epoch",
                    "catalog_xmin",
                    "catalog_xmin_epoch",
                ],
            )?,
            new_archive: Shape::load(module, "NewArchive", ["name", "tablespace_path"])?,
            manifest_start: Shape::load(module, "ManifestStart", [])?,
            archive_data: Shape::load(module, "ArchiveData", ["data"])?,
            progress_report: Shape::load(module, "ProgressReport", ["bytes_done"])?,
        })
    }

    fn make<'py>(&self, py: Python<'py>, payload: Payload<'_>) -> PyResult<Bound<'py, PyAny>> {
        match payload {
            Payload::XLogData {
                start_lsn,
                end_lsn,
                server_time,
                data,
            } => self.xlog_data.make(
                py,
                [
                    start_lsn.into_bound_py_any(py)?,
                    end_lsn.into_bound_py_any(py)?,
                    server_time.into_bound_py_any(py)?,
                    PyBytes::new(py, data).into_any(),
                ],
            ),
            Payload::PrimaryKeepalive {
                end_lsn,
                server_time,
                reply_requested,
            } => self.primary_keepalive.make(
                py,
                [
                    end_lsn.into_bound_py_any(py)?,
                    server_time.into_bound_py_any(py)?,
                    reply_requested.into_bound_py_any(py)?,
                ],
            ),
            Payload::StandbyStatusUpdate {
                written_lsn,
                flushed_lsn,
                applied_lsn,
                client_time,
                reply_requested,
            } => self.standby_status_update.make(
                py,
                [
                    written_lsn.into_bound_py_any(py)?,
                    flushed_lsn.into_bound_py_any(py)?,
                    applied_lsn.into_bound_py_any(py)?,
                    client_time.into_bound_py_any(py)?,
                    reply_requested.into_bound_py_any(py)?,
                ],
            ),
            Payload::HotStandbyFeedback {
                client_time,
                xmin,
                xmin_epoch,
                catalog_xmin,
                catalog_xmin_epoch,
            } => self.hot_standby_feedback.make(
                py,
                [
                    client_time.into_bound_py_any(py)?,
                    xmin.into_bound_py_any(py)?,
                    xmin_epoch.into_bound_py_any(py)?,
                    catalog_xmin.into_bound_py_any(py)?,
                    catalog_xmin_epoch.into_bound_py_any(py)?,
                ],
            ),
            Payload::NewArchive {
                name,
                tablespace_path,
            } => self.new_archive.make(
                py,
                [
                    name.into_bound_py_any(py)?,
                    tablespace_path.into_bound_py_any(py)?,
                ],
            ),
            Payload::ManifestStart => self.manifest_start.make(py, []),
            Payload::ArchiveData { data } => self
                .archive_data
                .make(py, [PyBytes::new(py, data).into_any()]),
            Payload::ProgressReport { bytes_done } => self
                .progress_report
                .make(py, [bytes_done.into_bound_py_any(py)?]),
        }
    }
}
