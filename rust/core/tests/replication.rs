//! The vectors of replication payloads that the Python tests read too.
use pgwire_py_core::replication::{Payload, Stream, decode};
use serde_json::{Value, json};

fn vectors(section: &str) -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/replication.json"
    );
    let text = std::fs::read_to_string(path).expect("the vectors are in the tree");
    let all: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    let section = all[section].as_array().expect("a list").clone();
    assert!(!section.is_empty());
    section
}

#[test]
fn payloads_decode_and_encode() {
    for vector in vectors("payloads") {
        let bytes = unhex(&vector["hex"]);
        let payload = decode(&bytes, stream(&vector)).expect("captured from PostgreSQL");
        let (name, fields) = described(&payload);
        assert_eq!(
            (json!(name), &fields),
            (vector["class"].clone(), &vector["fields"])
        );
        let mut encoded = Vec::new();
        payload.encode(&mut encoded).expect("what was decoded fits");
        assert_eq!(encoded, bytes, "{vector}");
    }
}

#[test]
fn malformed_payloads_answer_their_error() {
    for vector in vectors("errors") {
        let error = decode(&unhex(&vector["hex"]), stream(&vector)).expect_err("malformed");
        assert_eq!(json!(error.message), vector["message"]);
        assert_eq!(json!(error.sqlstate), vector["sqlstate"], "{vector}");
        assert_eq!(
            json!(error.message_name),
            vector["message_name"],
            "{vector}"
        );
        assert_eq!(json!(error.offset), vector["offset"], "{vector}");
        assert!(!error.fatal, "{vector}");
        let tag: String = error.tag.map(char::from).into_iter().collect();
        assert_eq!(json!(tag), vector["tag"], "{vector}");
    }
}

fn stream(vector: &Value) -> Stream {
    match vector["stream"].as_str() {
        Some("primary") => Stream::Primary,
        Some("standby") => Stream::Standby,
        Some("base_backup") => Stream::BaseBackup,
        other => panic!("unknown stream {other:?}"),
    }
}

/// Class and fields of a payload, as the vectors write them.
fn described(payload: &Payload<'_>) -> (&'static str, Value) {
    match *payload {
        Payload::XLogData {
            start_lsn,
            end_lsn,
            server_time,
            data,
        } => (
            "XLogData",
            json!({
                "start_lsn": start_lsn,
                "end_lsn": end_lsn,
                "server_time": server_time,
                "data": {"hex": hex(data)},
            }),
        ),
        Payload::PrimaryKeepalive {
            end_lsn,
            server_time,
            reply_requested,
        } => (
            "PrimaryKeepalive",
            json!({
                "end_lsn": end_lsn,
                "server_time": server_time,
                "reply_requested": reply_requested,
            }),
        ),
        Payload::StandbyStatusUpdate {
            written_lsn,
            flushed_lsn,
            applied_lsn,
            client_time,
            reply_requested,
        } => (
            "StandbyStatusUpdate",
            json!({
                "written_lsn": written_lsn,
                "flushed_lsn": flushed_lsn,
                "applied_lsn": applied_lsn,
                "client_time": client_time,
                "reply_requested": reply_requested,
            }),
        ),
        Payload::HotStandbyFeedback {
            client_time,
            xmin,
            xmin_epoch,
            catalog_xmin,
            catalog_xmin_epoch,
        } => (
            "HotStandbyFeedback",
            json!({
                "client_time": client_time,
                "xmin": xmin,
                "xmin_epoch": xmin_epoch,
                "catalog_xmin": catalog_xmin,
                "catalog_xmin_epoch": catalog_xmin_epoch,
            }),
        ),
        Payload::NewArchive {
            name,
            tablespace_path,
        } => (
            "NewArchive",
            json!({"name": name, "tablespace_path": tablespace_path}),
        ),
        Payload::ManifestStart => ("ManifestStart", json!({})),
        Payload::ArchiveData { data } => ("ArchiveData", json!({"data": {"hex": hex(data)}})),
        Payload::ProgressReport { bytes_done } => {
            ("ProgressReport", json!({"bytes_done": bytes_done}))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().expect("hexadecimal digits");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}
