//! The vectors that the Python tests read too: bytes ⇄ message, and what malformed bytes answer.
use pgwire_py_core::framing::FrontendDecoder;
use pgwire_py_core::messages::{
    BackendMessage, FieldDescription, FrontendMessage, PasswordKind, TransactionStatus,
};
use pgwire_py_core::wire::RemoteError;
use serde_json::{Value, json};

fn vectors(section: &str) -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/messages.json"
    );
    let text = std::fs::read_to_string(path).expect("the vectors are in the tree");
    let all: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    let section = all[section].as_array().expect("a list").clone();
    assert!(!section.is_empty());
    section
}

#[test]
fn frontend_messages_decode_and_encode() {
    for vector in vectors("frontend") {
        let bytes = unhex(&vector["hex"]);
        let class = vector["class"].as_str().unwrap();
        let mut decoder = decoder(class);
        let mut seen = 0;
        let fed: Result<(), String> = decoder.feed(&bytes, |item| {
            let message = item.map_err(|error| error.message.into_owned())?;
            let (name, fields) = described(&message);
            assert_eq!((name, &fields), (class, &vector["fields"]));
            let mut encoded = Vec::new();
            message
                .encode(&mut encoded)
                .map_err(|error| error.to_string())?;
            assert_eq!(encoded, bytes, "{vector}");
            seen += 1;
            Ok(())
        });
        assert_eq!((fed, seen, decoder.buffered()), (Ok(()), 1, 0), "{vector}");
    }
}

#[test]
fn backend_messages_encode() {
    for vector in vectors("backend") {
        let mut encoded = Vec::new();
        encode_backend(&vector, &mut encoded);
        assert_eq!(encoded, unhex(&vector["hex"]), "{vector}");
    }
}

#[test]
fn malformed_bytes_answer_their_error() {
    for vector in vectors("errors") {
        let mut decoder = FrontendDecoder::new(10_000, 65_535);
        decoder.startup = vector["startup"].as_bool().unwrap();
        decoder.password_kind = password_kind(vector["password_kind"].as_str().unwrap());
        let mut errors: Vec<RemoteError> = Vec::new();
        let fed: Result<(), ()> = decoder.feed(&unhex(&vector["hex"]), |item| {
            errors.push(item.expect_err("malformed"));
            Ok(())
        });
        assert_eq!(fed, Ok(()));
        let [error] = &errors[..] else {
            panic!("{vector}: {errors:?}");
        };
        assert_eq!(json!(error.message), vector["message"]);
        assert_eq!(json!(error.sqlstate), vector["sqlstate"], "{vector}");
        assert_eq!(json!(error.fatal), vector["fatal"], "{vector}");
        let tag: String = error.tag.map(char::from).into_iter().collect();
        assert_eq!(json!(tag), vector["tag"], "{vector}");
    }
}

fn decoder(class: &str) -> FrontendDecoder {
    let mut decoder = FrontendDecoder::new(10_000, 65_535);
    let untagged = [
        "StartupMessage",
        "SSLRequest",
        "GSSENCRequest",
        "CancelRequest",
    ];
    decoder.startup = untagged.contains(&class);
    decoder.password_kind = password_kind(match class {
        "SASLInitialResponse" => "sasl_initial",
        "SASLResponse" => "sasl_response",
        _ => "password",
    });
    decoder
}

fn password_kind(name: &str) -> PasswordKind {
    match name {
        "password" => PasswordKind::Password,
        "sasl_initial" => PasswordKind::SaslInitial,
        "sasl_response" => PasswordKind::SaslResponse,
        _ => panic!("unknown password kind {name}"),
    }
}

/// Class and fields of a message, as the vectors write them.
fn described(message: &FrontendMessage<'_>) -> (&'static str, Value) {
    use FrontendMessage::*;
    let values = |values: &[Option<&[u8]>]| Value::from_iter(values.iter().map(|it| value(*it)));
    match message {
        StartupMessage {
            protocol_version,
            parameters,
        } => {
            let parameters = Value::from_iter(parameters.iter().copied());
            let fields = json!({"protocol_version": protocol_version, "parameters": parameters});
            ("StartupMessage", fields)
        }
        SSLRequest => ("SSLRequest", json!({})),
        GSSENCRequest => ("GSSENCRequest", json!({})),
        CancelRequest {
            process_id,
            secret_key,
        } => {
            let key = value(Some(secret_key));
            (
                "CancelRequest",
                json!({"process_id": process_id, "secret_key": key}),
            )
        }
        PasswordMessage { password } => (
            "PasswordMessage",
            json!({"password": value(Some(password))}),
        ),
        SASLInitialResponse { mechanism, data } => (
            "SASLInitialResponse",
            json!({"mechanism": mechanism, "data": value(*data)}),
        ),
        SASLResponse { data } => ("SASLResponse", json!({"data": value(Some(data))})),
        Query { query } => ("Query", json!({"query": query})),
        FunctionCall {
            function_oid,
            argument_formats,
            arguments,
            result_format,
        } => (
            "FunctionCall",
            json!({
                "function_oid": function_oid,
                "argument_formats": argument_formats,
                "arguments": values(arguments),
                "result_format": result_format,
            }),
        ),
        Terminate => ("Terminate", json!({})),
        Parse {
            statement,
            query,
            parameter_types,
        } => (
            "Parse",
            json!({"statement": statement, "query": query, "parameter_types": parameter_types}),
        ),
        Bind {
            portal,
            statement,
            parameter_formats,
            parameters,
            result_formats,
        } => (
            "Bind",
            json!({
                "portal": portal,
                "statement": statement,
                "parameter_formats": parameter_formats,
                "parameters": values(parameters),
                "result_formats": result_formats,
            }),
        ),
        Describe { kind, name } => (
            "Describe",
            json!({"kind": char::from(kind.byte()), "name": name}),
        ),
        Execute { portal, max_rows } => {
            ("Execute", json!({"portal": portal, "max_rows": max_rows}))
        }
        Close { kind, name } => (
            "Close",
            json!({"kind": char::from(kind.byte()), "name": name}),
        ),
        Flush => ("Flush", json!({})),
        Sync => ("Sync", json!({})),
        CopyData { data } => ("CopyData", json!({"data": value(Some(data))})),
        CopyDone => ("CopyDone", json!({})),
        CopyFail { message } => ("CopyFail", json!({"message": message})),
    }
}

fn encode_backend(vector: &Value, out: &mut Vec<u8>) {
    let fields = &vector["fields"];
    let text = |name: &str| fields[name].as_str().expect("a text");
    let number = |name: &str| fields[name].as_i64().expect("a number");
    let list = |name: &str| fields[name].as_array().expect("a list").clone();
    let texts = |name: &str| -> Vec<&str> {
        let values = fields[name].as_array().expect("a list").iter();
        values.map(|it| it.as_str().unwrap()).collect()
    };
    let pairs = || -> Vec<(u8, &str)> {
        let map = fields["fields"].as_object().expect("an object").iter();
        map.map(|(code, it)| (code.as_bytes()[0], it.as_str().unwrap()))
            .collect()
    };
    let bytes = |name: &str| unhex(&fields[name]["hex"]);
    let class = vector["class"].as_str().unwrap();
    let encoded = match class {
        "AuthenticationOk" => BackendMessage::AuthenticationOk.encode(out),
        "AuthenticationSASL" => BackendMessage::AuthenticationSASL {
            mechanisms: texts("mechanisms"),
        }
        .encode(out),
        "AuthenticationSASLContinue" => BackendMessage::AuthenticationSASLContinue {
            data: &bytes("data"),
        }
        .encode(out),
        "AuthenticationSASLFinal" => BackendMessage::AuthenticationSASLFinal {
            data: &bytes("data"),
        }
        .encode(out),
        "BackendKeyData" => BackendMessage::BackendKeyData {
            process_id: number("process_id") as i32,
            secret_key: &bytes("secret_key"),
        }
        .encode(out),
        "NegotiateProtocolVersion" => BackendMessage::NegotiateProtocolVersion {
            newest_version: number("newest_version") as u32,
            unknown_options: texts("unknown_options"),
        }
        .encode(out),
        "RowDescription" => {
            let list = list("fields");
            let field = |it: usize, column: &Value| column[it].as_i64().expect("a number");
            let fields = list
                .iter()
                .map(|column| FieldDescription {
                    name: column[0].as_str().expect("a name"),
                    table_oid: field(1, column) as u32,
                    column_number: field(2, column) as i16,
                    type_oid: field(3, column) as u32,
                    type_size: field(4, column) as i16,
                    type_modifier: field(5, column) as i32,
                    format: field(6, column) as i16,
                })
                .collect();
            BackendMessage::RowDescription { fields }.encode(out)
        }
        "DataRow" => {
            let list = list("values");
            let raw: Vec<Option<Vec<u8>>> = list
                .iter()
                .map(|it| (!it.is_null()).then(|| unhex(&it["hex"])))
                .collect();
            let values = raw.iter().map(Option::as_deref).collect();
            BackendMessage::DataRow { values }.encode(out)
        }
        "CommandComplete" => BackendMessage::CommandComplete {
            command_tag: text("command_tag"),
        }
        .encode(out),
        "EmptyQueryResponse" => BackendMessage::EmptyQueryResponse.encode(out),
        "ParseComplete" => BackendMessage::ParseComplete.encode(out),
        "BindComplete" => BackendMessage::BindComplete.encode(out),
        "CloseComplete" => BackendMessage::CloseComplete.encode(out),
        "NoData" => BackendMessage::NoData.encode(out),
        "PortalSuspended" => BackendMessage::PortalSuspended.encode(out),
        "ParameterDescription" => {
            let list = list("types");
            let types = list.iter().map(|it| it.as_u64().unwrap() as u32).collect();
            BackendMessage::ParameterDescription { types }.encode(out)
        }
        "ParameterStatus" => BackendMessage::ParameterStatus {
            name: text("name"),
            value: text("value"),
        }
        .encode(out),
        "ReadyForQuery" => BackendMessage::ReadyForQuery {
            status: TransactionStatus::from_byte(text("status").as_bytes()[0]).unwrap(),
        }
        .encode(out),
        "ErrorResponse" => BackendMessage::ErrorResponse { fields: pairs() }.encode(out),
        "NoticeResponse" => BackendMessage::NoticeResponse { fields: pairs() }.encode(out),
        "NotificationResponse" => BackendMessage::NotificationResponse {
            process_id: number("process_id") as i32,
            channel: text("channel"),
            payload: text("payload"),
        }
        .encode(out),
        "CopyData" => FrontendMessage::CopyData {
            data: &bytes("data"),
        }
        .encode(out),
        "CopyDone" => FrontendMessage::CopyDone.encode(out),
        _ => panic!("unknown class {class}"),
    };
    assert_eq!(encoded, Ok(()), "{vector}");
}

fn value(value: Option<&[u8]>) -> Value {
    match value {
        None => Value::Null,
        Some(raw) => json!({"hex": hex(raw)}),
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
