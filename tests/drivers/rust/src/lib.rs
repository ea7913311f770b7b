//! What both programs share: the steps, an answer to each as one JSON line, values as the workload writes them.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::{json, Value};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A value of a parameter or a column, NULL where it is none.
#[derive(Debug, Clone)]
pub enum Datum {
    Int2(Option<i16>),
    Int4(Option<i32>),
    Int8(Option<i64>),
    Float8(Option<f64>),
    Numeric(Option<rust_decimal::Decimal>),
    Text(Option<String>),
    Bool(Option<bool>),
    Bytea(Option<Vec<u8>>),
    Date(Option<NaiveDate>),
    Timestamp(Option<NaiveDateTime>),
    TimestampTz(Option<DateTime<Utc>>),
    Json(Option<Value>),
    Uuid(Option<uuid::Uuid>),
    Int4Array(Option<Vec<i32>>),
    TextArray(Option<Vec<String>>),
}

/// `PROGRAM WORKLOAD URL CA`.
pub struct Arguments {
    pub steps: Vec<Value>,
    pub url: String,
    pub ca: String,
}

pub fn arguments() -> Result<Arguments, Failure> {
    let mut given = std::env::args().skip(1);
    let mut next = || given.next().ok_or("PROGRAM WORKLOAD URL CA");
    let text = std::fs::read_to_string(next()?)?;
    Ok(Arguments {
        steps: serde_json::from_str(&text)?,
        url: next()?.to_owned(),
        ca: next()?.to_owned(),
    })
}

/// TLS that trusts the certificates of this file alone.
pub fn tls(ca: &str) -> Result<rustls::ClientConfig, Failure> {
    use rustls::pki_types::{pem::PemObject, CertificateDer};

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Prints a step's answer; an SQLSTATE is one too.
pub fn tell(step: &Value, mut answer: Value) {
    answer["step"] = step["name"].clone();
    println!("{answer}");
}

pub fn text<'a>(step: &'a Value, key: &str) -> &'a str {
    step[key].as_str().unwrap_or_default()
}

pub fn list<'a>(step: &'a Value, key: &str) -> &'a [Value] {
    step[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The parameters of a step, each a type's name and a value.
pub fn parameters(params: &Value) -> Result<Vec<Datum>, Failure> {
    params
        .as_array()
        .into_iter()
        .flatten()
        .map(|each| parsed(each[0].as_str().unwrap_or_default(), &each[1]))
        .collect()
}

pub fn parsed(kind: &str, value: &Value) -> Result<Datum, Failure> {
    let text = value.as_str();
    let texts = || value.as_array().map(|each| each.iter().filter_map(Value::as_str));
    Ok(match kind {
        "int4" => Datum::Int4(text.map(str::parse).transpose()?),
        "int8" => Datum::Int8(text.map(str::parse).transpose()?),
        "float8" => Datum::Float8(text.map(str::parse).transpose()?),
        "numeric" => Datum::Numeric(text.map(str::parse).transpose()?),
        "bool" => Datum::Bool(text.map(str::parse).transpose()?),
        "bytea" => Datum::Bytea(text.map(unhex).transpose()?),
        "date" => Datum::Date(text.map(str::parse).transpose()?),
        "timestamp" => Datum::Timestamp(text.map(str::parse).transpose()?),
        "timestamptz" => Datum::TimestampTz(text.map(str::parse).transpose()?),
        "json" => Datum::Json(text.map(serde_json::from_str).transpose()?),
        "uuid" => Datum::Uuid(text.map(str::parse).transpose()?),
        "int4[]" => Datum::Int4Array(texts().map(|each| each.map(str::parse).collect()).transpose()?),
        "text[]" => Datum::TextArray(texts().map(|each| each.map(str::to_owned).collect())),
        _ => Datum::Text(text.map(str::to_owned)),
    })
}

fn unhex(text: &str) -> Result<Vec<u8>, Failure> {
    let digits = text.as_bytes().chunks(2).map(std::str::from_utf8);
    digits.map(|pair| Ok(u8::from_str_radix(pair?, 16)?)).collect()
}

/// A value that a driver has read, as the workload writes it.
pub fn shown(value: Datum) -> Value {
    match value {
        Datum::Int2(value) => json!(value.map(|value| value.to_string())),
        Datum::Int4(value) => json!(value.map(|value| value.to_string())),
        Datum::Int8(value) => json!(value.map(|value| value.to_string())),
        Datum::Float8(value) => json!(value.map(|value| value.to_string())),
        Datum::Numeric(value) => json!(value.map(|value| value.to_string())),
        Datum::Text(value) => json!(value),
        Datum::Bool(value) => json!(value.map(|value| value.to_string())),
        Datum::Bytea(value) => {
            json!(value.map(|value| value.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
        }
        Datum::Date(value) => json!(value.map(|value| value.to_string())),
        Datum::Timestamp(value) => json!(value.map(|value| value.format("%Y-%m-%dT%H:%M:%S%.3f").to_string())),
        Datum::TimestampTz(value) => json!(value.map(|value| value.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())),
        Datum::Json(value) => json!(value.map(|value| value.to_string())),
        Datum::Uuid(value) => json!(value.map(|value| value.to_string())),
        Datum::Int4Array(value) => json!(value.map(|each| each.iter().map(i32::to_string).collect::<Vec<_>>())),
        Datum::TextArray(value) => json!(value),
    }
}

/// The answer to a query: names of columns and rows; no names where there are no rows.
pub fn table(columns: Vec<String>, rows: Vec<Value>) -> Value {
    if rows.is_empty() {
        json!({"rows": rows})
    } else {
        json!({"columns": columns, "rows": rows})
    }
}

pub fn sums(numbers: &[i32]) -> Value {
    let sum: i64 = numbers.iter().copied().map(i64::from).sum();
    json!({"count": numbers.len(), "sum": sum.to_string()})
}

pub fn long_text(step: &Value) -> String {
    text(step, "repeat").repeat(step["times"].as_u64().unwrap_or_default() as usize)
}

pub fn echo(sent: &str, received: &str) -> Value {
    json!({"length": received.len(), "same": received == sent})
}

/// The URL with the password that a step asks for.
pub fn login_url(url: &str, step: &Value) -> String {
    match step["password"].as_str() {
        Some(password) => url.replacen(":secret@", &format!(":{password}@"), 1),
        None => url.to_owned(),
    }
}
