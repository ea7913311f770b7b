//! The vectors of tests/vectors/copy.json, which the Python tests read too: what PostgreSQL makes of COPY data, and of rows.
use pgwire_py_core::copy::{
    Column, CopyError, Decoder, Encoder, Encoding, Field, Format, Header, Options, Stop,
};
use serde_json::{Map, Value, json};

fn vectors(section: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/copy.json");
    let text = std::fs::read_to_string(path).expect("the vectors are in the tree");
    let all: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    let section = all[section].as_array().expect("a list").clone();
    assert!(!section.is_empty());
    section
}

#[test]
fn data_decodes_in_any_chunking() {
    for vector in vectors("decode") {
        let data = bytes(&vector["data"]);
        for size in [1, 2, 7, data.len().max(1)] {
            let mut decoder = Decoder::new(options(&vector));
            let mut rows = Vec::new();
            let mut done = Ok(());
            for (chunk, last) in data
                .chunks(size)
                .map(|chunk| (chunk, false))
                .chain([(&b""[..], true)])
            {
                done = done.and_then(|()| {
                    decoder.feed(chunk, last, &mut |row| {
                        rows.push(Value::Array(row.fields().map(shown).collect()));
                        Ok::<(), ()>(())
                    })
                });
            }
            match done {
                Ok(()) => assert_eq!(vector["rows"], Value::Array(rows), "{vector}"),
                Err(Stop::Copy(error)) => {
                    assert_eq!(vector["error"], described(&error), "{vector}")
                }
                Err(Stop::Sink(())) => unreachable!("the sink takes every row"),
            }
        }
    }
}

#[test]
fn rows_encode() {
    for vector in vectors("encode") {
        let encoder = Encoder::new(options(&vector)).expect("options that can be written");
        let mut out = Vec::new();
        encoder.write_header(&mut out).unwrap();
        for row in vector["rows"].as_array().unwrap() {
            let start = out.len();
            encoder.begin_row(&mut out);
            for (column, value) in row.as_array().unwrap().iter().enumerate() {
                match value {
                    Value::Null => encoder.write_null(column, &mut out),
                    value => encoder
                        .write_field(column, &bytes(value), false, &mut out)
                        .unwrap(),
                }
            }
            encoder.end_row(start, &mut out).unwrap();
        }
        encoder.write_trailer(&mut out);
        assert_eq!(out, bytes(&vector["data"]), "{vector}");
    }
}

fn options(vector: &Value) -> Options {
    let given = vector["options"].as_object().unwrap();
    let csv = given["format"] == "csv";
    let marker = |name: &str, default: &str| {
        let text = given.get(name).and_then(Value::as_str).unwrap_or(default);
        text.as_bytes().to_vec()
    };
    let byte = |name: &str, default: &str| marker(name, default)[0];
    let quote = byte("quote", "\"");
    let has = |name: &str, column: &str| match given.get(name) {
        Some(Value::Array(names)) => names.iter().any(|name| name == column),
        Some(all) => all == "*",
        None => false,
    };
    let columns = vector["columns"].as_array().unwrap().iter().map(|name| {
        let name = name.as_str().unwrap();
        Column {
            name: name.to_owned(),
            force_quote: has("force_quote", name),
            force_not_null: has("force_not_null", name),
            force_null: has("force_null", name),
            has_default: name != "c",
        }
    });
    Options {
        format: match given["format"].as_str().unwrap() {
            "text" => Format::Text,
            "csv" => Format::Csv,
            _ => Format::Binary,
        },
        columns: columns.collect(),
        table: "t".to_owned(),
        delimiter: byte("delimiter", if csv { "," } else { "\t" }),
        null: marker("null", if csv { "" } else { "\\N" }),
        default: given.contains_key("default").then(|| marker("default", "")),
        header: match given.get("header") {
            None => Header::None,
            Some(Value::String(_)) => Header::Match,
            Some(_) => Header::Line,
        },
        quote,
        escape: given.get("escape").map_or(quote, |_| byte("escape", "")),
        encoding: match marker("encoding", "UTF8").as_slice() {
            b"UTF8" => Encoding::Utf8,
            b"LATIN1" => Encoding::Latin1,
            _ => Encoding::SqlAscii,
        },
        legacy_end: given.get("legacy_end").is_some_and(|value| value == true),
        max_row: 0x3fff_ffff,
    }
}

/// Bytes are written as text, one character per byte.
fn bytes(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("a text");
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

fn shown(field: Field<'_>) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Default => json!({"default": true}),
        Field::Data(data) => data
            .iter()
            .map(|byte| char::from(*byte))
            .collect::<String>()
            .into(),
    }
}

fn described(error: &CopyError) -> Value {
    let mut fields = Map::new();
    fields.insert("sqlstate".into(), error.sqlstate.into());
    fields.insert("message".into(), error.message.clone().into());
    let optional = [
        ("detail", error.detail.as_deref()),
        ("hint", error.hint),
        ("where", error.context.as_deref()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            fields.insert(name.into(), value.into());
        }
    }
    Value::Object(fields)
}
