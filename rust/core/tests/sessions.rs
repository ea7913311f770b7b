//! Recorded sessions of real clients and servers, followed as `tests/vectors/recorded.py` does: every message is understood, in any
//! chunking, and encodes to the same bytes.
use pgwire_py_core::framing::{BackendDecoder, FrontendDecoder};
use pgwire_py_core::messages::{BackendMessage, FrontendMessage, PasswordKind};
use serde_json::Value;

struct Session {
    name: String,
    /// Whether the frontend sent it, and the bytes, in order.
    pieces: Vec<(bool, Vec<u8>)>,
}

impl Session {
    fn stream(&self, frontend: bool) -> Vec<u8> {
        let of_this_end = self.pieces.iter().filter(|piece| piece.0 == frontend);
        of_this_end.flat_map(|piece| piece.1.clone()).collect()
    }
}

fn sessions() -> Vec<Session> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/sessions");
    let files = std::fs::read_dir(directory).expect("the sessions are in the tree");
    let sessions: Vec<Session> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("a text");
            let content: Value = serde_json::from_str(&text).expect("the sessions are JSON");
            let pieces = content["pieces"].as_array().expect("a list").iter();
            Session {
                name: path.file_stem().unwrap().to_string_lossy().into_owned(),
                pieces: pieces
                    .map(|piece| (piece[0] == "F", unhex(piece[1].as_str().unwrap())))
                    .collect(),
            }
        })
        .collect();
    assert!(sessions.len() > 50);
    sessions
}

fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}

/// Both decoders, each told what the other end's messages mean for it; what they gave, as text, and what that encodes to.
struct Follower {
    frontend: FrontendDecoder,
    backend: BackendDecoder,
    seen: Vec<String>,
    errors: usize,
    encoded: [Vec<u8>; 2],
}

impl Follower {
    fn new() -> Self {
        Follower {
            frontend: FrontendDecoder::new(10_000, 65_535),
            backend: BackendDecoder::new(30_000),
            seen: Vec::new(),
            errors: 0,
            encoded: [Vec::new(), Vec::new()],
        }
    }

    fn feed(&mut self, from_frontend: bool, data: &[u8]) {
        if from_frontend {
            self.feed_frontend(data);
        } else {
            self.feed_backend(data);
        }
    }

    fn feed_frontend(&mut self, data: &[u8]) {
        let fed: Result<(), ()> = self.frontend.feed(data, |item| {
            self.seen.push(format!("{item:?}"));
            match item {
                Ok(message) => {
                    message.encode(&mut self.encoded[0]).expect("it came so");
                    self.backend.encryption_response |= matches!(
                        message,
                        FrontendMessage::SSLRequest | FrontendMessage::GSSENCRequest
                    );
                }
                Err(_) => self.errors += 1,
            }
            Ok(())
        });
        assert_eq!(fed, Ok(()));
    }

    fn feed_backend(&mut self, data: &[u8]) {
        let mut authenticated = false;
        let fed: Result<(), ()> = self.backend.feed(data, |item| {
            self.seen.push(format!("{item:?}"));
            match item {
                Ok(message) => {
                    message.encode(&mut self.encoded[1]).expect("it came so");
                    match message {
                        BackendMessage::AuthenticationSASL { .. } => {
                            self.frontend.password_kind = PasswordKind::SaslInitial;
                        }
                        BackendMessage::AuthenticationSASLContinue { .. } => {
                            self.frontend.password_kind = PasswordKind::SaslResponse;
                        }
                        BackendMessage::AuthenticationOk => authenticated = true,
                        _ => {}
                    }
                }
                Err(_) => self.errors += 1,
            }
            Ok(())
        });
        assert_eq!(fed, Ok(()));
        if authenticated {
            self.frontend.max_message_length = 1 << 30;
            self.backend.max_message_length = 1 << 30;
        }
    }
}

#[test]
fn messages_encode_to_the_recorded_bytes() {
    for session in sessions() {
        let mut follower = Follower::new();
        for (from_frontend, data) in &session.pieces {
            follower.feed(*from_frontend, data);
        }
        assert_eq!(follower.frontend.buffered(), 0, "{}", session.name);
        assert_eq!(follower.backend.buffered(), 0, "{}", session.name);
        assert!(
            follower.encoded[1] == session.stream(false),
            "{}",
            session.name
        );
        if session.name.starts_with("raw-violations") {
            assert!(follower.errors > 10);
            continue;
        }
        assert_eq!(follower.errors, 0, "{}", session.name);
        assert!(
            follower.encoded[0] == session.stream(true),
            "{}",
            session.name
        );
    }
}

#[test]
fn chunks_do_not_matter() {
    for session in sessions() {
        let mut whole = Follower::new();
        for (from_frontend, data) in &session.pieces {
            whole.feed(*from_frontend, data);
        }
        for size in [1, 2, 5, 13, 300] {
            let mut follower = Follower::new();
            for (from_frontend, data) in &session.pieces {
                for chunk in data.chunks(size) {
                    follower.feed(*from_frontend, chunk);
                }
            }
            assert!(
                follower.seen == whole.seen,
                "{} in pieces of {size} bytes",
                session.name
            );
        }
    }
}
