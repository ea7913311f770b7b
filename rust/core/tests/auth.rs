//! The vectors of tests/vectors/auth.json, which the Python tests read too.
use pgwire_py_core::scram::{self, Key, Keys};
use pgwire_py_core::{md5, saslprep};
use serde_json::Value;

fn vectors(section: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/auth.json");
    let text = std::fs::read_to_string(path).expect("the vectors are in the tree");
    let all: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    let section = all[section].as_array().expect("a list").clone();
    assert!(!section.is_empty());
    section
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} is a text"))
}

fn bytes(vector: &Value, name: &str) -> Vec<u8> {
    let digits = text(vector, name);
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn key(vector: &Value, name: &str) -> Key {
    bytes(vector, name).try_into().expect("32 bytes")
}

fn iterations(vector: &Value) -> u32 {
    vector["iterations"].as_u64().unwrap().try_into().unwrap()
}

#[test]
fn salted_passwords() {
    for vector in vectors("pbkdf2") {
        let (password, salt) = (bytes(&vector, "password"), bytes(&vector, "salt"));
        let salted = scram::salted_password(&password, &salt, iterations(&vector));
        assert_eq!(salted, key(&vector, "key"), "{vector}");
    }
}

#[test]
fn an_exchange() {
    for vector in vectors("scram") {
        let password = text(&vector, "password").as_bytes();
        let salted = scram::salted_password(password, &bytes(&vector, "salt"), iterations(&vector));
        assert_eq!(salted, key(&vector, "salted_password"));
        let keys = Keys::of(&salted);
        assert_eq!(keys.client, key(&vector, "client_key"));
        assert_eq!(keys.stored, key(&vector, "stored_key"));
        assert_eq!(keys.server, key(&vector, "server_key"));
        let message = text(&vector, "auth_message").as_bytes();
        let mut proof = key(&vector, "proof");
        assert_eq!(scram::client_proof(&keys.client, message), proof);
        assert!(scram::check_proof(&keys.stored, message, &proof));
        assert!(!scram::check_proof(&keys.stored, b"another", &proof));
        proof[31] ^= 1;
        assert!(!scram::check_proof(&keys.stored, message, &proof));
        let signature = scram::server_signature(&keys.server, message);
        assert_eq!(signature, key(&vector, "server_signature"));
    }
}

#[test]
fn prepared_passwords() {
    for vector in vectors("saslprep") {
        let given = bytes(&vector, "given");
        let prepared = saslprep::prepare_password(&given).into_owned();
        assert_eq!(prepared, bytes(&vector, "prepared"), "{vector}");
    }
}

#[test]
fn md5_passwords() {
    for vector in vectors("md5") {
        let stored = md5::md5_password(&bytes(&vector, "password"), &bytes(&vector, "user"));
        assert_eq!(stored, text(&vector, "stored").as_bytes());
        let response = md5::md5_response(&stored, &bytes(&vector, "salt")).expect("a stored form");
        assert_eq!(response, text(&vector, "response").as_bytes());
    }
    assert!(md5::md5_response(b"md5short", b"salt").is_none());
    assert!(md5::md5_response(&[b'x'; md5::LENGTH], b"salt").is_none());
}
