//! Replication payloads inside CopyData ⇄ bytes (Protocol 55.4).
//!
//! Names and fields are those of the Python classes in `pgwire_py.messages.replication`; see there for what they mean.
//! A payload is decoded exactly: nothing missing, nothing left over.
use crate::wire::{
    EncodeError, Malformed, NO_DATA, Reader, RemoteError, put_int64, put_text, put_uint32,
    put_uint64,
};

/// Who speaks, and after which command: a tag is valid in one stream only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The backend after START_REPLICATION.
    Primary,
    /// The frontend after the same.
    Standby,
    /// The backend after BASE_BACKUP, as PostgreSQL 15 and later send it.
    BaseBackup,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload<'a> {
    XLogData {
        start_lsn: u64,
        end_lsn: u64,
        server_time: i64,
        data: &'a [u8],
    },
    PrimaryKeepalive {
        end_lsn: u64,
        server_time: i64,
        reply_requested: bool,
    },
    StandbyStatusUpdate {
        written_lsn: u64,
        flushed_lsn: u64,
        applied_lsn: u64,
        client_time: i64,
        reply_requested: bool,
    },
    HotStandbyFeedback {
        client_time: i64,
        xmin: u32,
        xmin_epoch: u32,
        catalog_xmin: u32,
        catalog_xmin_epoch: u32,
    },
    NewArchive {
        name: &'a str,
        tablespace_path: &'a str,
    },
    ManifestStart,
    ArchiveData {
        data: &'a [u8],
    },
    ProgressReport {
        bytes_done: i64,
    },
}

/// The payload of CopyData's bytes.
pub fn decode(payload: &[u8], stream: Stream) -> Result<Payload<'_>, RemoteError> {
    let Some((&tag, body)) = payload.split_first() else {
        return Err(RemoteError::violation(NO_DATA));
    };
    let name = name(tag, stream);
    if name.is_empty() {
        let rule = format!("invalid replication message type {tag}");
        return Err(RemoteError {
            tag: Some(tag),
            ..RemoteError::violation(rule)
        });
    }
    decode_body(tag, body).map_err(|error| {
        let error = error.of(Some(tag), name, payload.len());
        match stream {
            Stream::Standby => error,
            Stream::Primary | Stream::BaseBackup => error.explained(),
        }
    })
}

/// The class of a tag; empty where the stream has no such tag.
fn name(tag: u8, stream: Stream) -> &'static str {
    match (stream, tag) {
        (Stream::Primary, b'w') => "XLogData",
        (Stream::Primary, b'k') => "PrimaryKeepalive",
        (Stream::Standby, b'r') => "StandbyStatusUpdate",
        (Stream::Standby, b'h') => "HotStandbyFeedback",
        (Stream::BaseBackup, b'n') => "NewArchive",
        (Stream::BaseBackup, b'm') => "ManifestStart",
        (Stream::BaseBackup, b'd') => "ArchiveData",
        (Stream::BaseBackup, b'p') => "ProgressReport",
        _ => "",
    }
}

fn decode_body(tag: u8, body: &[u8]) -> Result<Payload<'_>, Malformed> {
    let mut reader = Reader::new(body);
    let payload = match tag {
        b'w' => {
            return Ok(Payload::XLogData {
                start_lsn: reader.uint64()?,
                end_lsn: reader.uint64()?,
                server_time: reader.int64()?,
                data: reader.rest(),
            });
        }
        b'k' => Payload::PrimaryKeepalive {
            end_lsn: reader.uint64()?,
            server_time: reader.int64()?,
            reply_requested: reader.byte()? != 0,
        },
        b'r' => Payload::StandbyStatusUpdate {
            written_lsn: reader.uint64()?,
            flushed_lsn: reader.uint64()?,
            applied_lsn: reader.uint64()?,
            client_time: reader.int64()?,
            reply_requested: reader.byte()? != 0,
        },
        b'h' => Payload::HotStandbyFeedback {
            client_time: reader.int64()?,
            xmin: reader.uint32()?,
            xmin_epoch: reader.uint32()?,
            catalog_xmin: reader.uint32()?,
            catalog_xmin_epoch: reader.uint32()?,
        },
        b'n' => Payload::NewArchive {
            name: reader.text()?,
            tablespace_path: reader.text()?,
        },
        b'd' => {
            return Ok(Payload::ArchiveData {
                data: reader.rest(),
            });
        }
        b'p' => Payload::ProgressReport {
            bytes_done: reader.int64()?,
        },
        _ => Payload::ManifestStart,
    };
    reader.end()?;
    Ok(payload)
}

impl Payload<'_> {
    /// Append the payload's bytes, tag included.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match *self {
            Payload::XLogData {
                start_lsn,
                end_lsn,
                server_time,
                data,
            } => {
                out.push(b'w');
                put_uint64(out, start_lsn);
                put_uint64(out, end_lsn);
                put_int64(out, server_time);
                out.extend_from_slice(data);
            }
            Payload::PrimaryKeepalive {
                end_lsn,
                server_time,
                reply_requested,
            } => {
                out.push(b'k');
                put_uint64(out, end_lsn);
                put_int64(out, server_time);
                out.push(reply_requested.into());
            }
            Payload::StandbyStatusUpdate {
                written_lsn,
                flushed_lsn,
                applied_lsn,
                client_time,
                reply_requested,
            } => {
                out.push(b'r');
                put_uint64(out, written_lsn);
                put_uint64(out, flushed_lsn);
                put_uint64(out, applied_lsn);
                put_int64(out, client_time);
                out.push(reply_requested.into());
            }
            Payload::HotStandbyFeedback {
                client_time,
                xmin,
                xmin_epoch,
                catalog_xmin,
                catalog_xmin_epoch,
            } => {
                out.push(b'h');
                put_int64(out, client_time);
                put_uint32(out, xmin);
                put_uint32(out, xmin_epoch);
                put_uint32(out, catalog_xmin);
                put_uint32(out, catalog_xmin_epoch);
            }
            Payload::NewArchive {
                name,
                tablespace_path,
            } => {
                out.push(b'n');
                put_text(out, name)?;
                put_text(out, tablespace_path)?;
            }
            Payload::ManifestStart => out.push(b'm'),
            Payload::ArchiveData { data } => {
                out.push(b'd');
                out.extend_from_slice(data);
            }
            Payload::ProgressReport { bytes_done } => {
                out.push(b'p');
                put_int64(out, bytes_done);
            }
        }
        Ok(())
    }
}
