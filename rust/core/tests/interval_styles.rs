//! Intervals as PostgreSQL prints them in each IntervalStyle: the vectors that the Python tests read too.
use pgwire_py_core::types::Interval;
use pgwire_py_core::types::interval_text::{Style, write};
use serde_json::Value;

#[test]
fn each_style_is_printed_and_read() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/interval_styles.json"
    );
    let text = std::fs::read_to_string(path).expect("the vectors are in the tree");
    let all: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    let vectors = all["intervals"].as_array().expect("a list");
    assert!(vectors.len() > 50);
    for vector in vectors {
        let part = |name: &str| vector[name].as_i64().expect("a number");
        let value = Interval {
            months: part("months") as i32,
            days: part("days") as i32,
            micros: part("micros"),
        };
        for name in ["postgres", "postgres_verbose", "sql_standard", "iso_8601"] {
            let style = Style::named(name).expect("a style");
            let shown = vector[name].as_str().expect("a text");
            let mut out = Vec::new();
            write(&mut out, &value, style);
            assert_eq!(String::from_utf8_lossy(&out), shown, "{vector}");
            assert_eq!(Interval::parse_styled(shown, style), Ok(value), "{vector}");
        }
    }
    assert_eq!(Style::named("sql"), None);
}
