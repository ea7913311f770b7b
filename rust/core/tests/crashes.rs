//! What once made a check of the fuzzer fail; and the vectors, which every check must stand.
#[path = "../fuzz/src/lib.rs"]
mod checks;

use serde_json::Value;

fn vectors(file: &str) -> Value {
    let path = format!(
        "{}/../../tests/vectors/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("the vectors are in the tree");
    serde_json::from_str(&text).expect("the vectors are JSON")
}

fn unhex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().expect("hexadecimal digits").as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn what_once_failed_holds() {
    for crash in vectors("crashes")["crashes"].as_array().expect("a list") {
        let name = crash["check"].as_str().expect("a name");
        let known = checks::CHECKS.iter().find(|(check, _)| *check == name);
        known.expect("a check of this name").1(&unhex(&crash["hex"]));
    }
}

#[test]
fn the_vectors_stand_every_check_with_all_settings() {
    let messages = vectors("messages");
    for section in ["frontend", "backend", "errors", "backend_errors"] {
        for vector in messages[section].as_array().expect("a list") {
            let data = unhex(&vector["hex"]);
            for settings in 0..=255 {
                let input = [&[settings], &*data].concat();
                checks::CHECKS.iter().for_each(|(_, check)| check(&input));
            }
        }
    }
}
