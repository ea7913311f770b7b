//! The vectors that the Python tests read too: bytes ⇄ message, and what malformed bytes answer.
use pgwire_py_core::framing::{BackendDecoder, FrontendDecoder};
use pgwire_py_core::messages::{BackendMessage, FrontendMessage, PasswordKind};
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
fn backend_messages_decode_and_encode() {
    for vector in vectors("backend") {
        let bytes = unhex(&vector["hex"]);
        let class = vector["class"].as_str().unwrap();
        let mut decoder = BackendDecoder::new(30_000);
        decoder.encryption_response = class == "EncryptionResponse";
        let mut seen = 0;
        let fed: Result<(), String> = decoder.feed(&bytes, |item| {
            let message = item.map_err(|error| error.message.into_owned())?;
            let (name, fields) = described_answer(&message);
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
        compare(&errors, &vector);
    }
}

#[test]
fn malformed_bytes_of_a_backend_answer_their_error() {
    for vector in vectors("backend_errors") {
        let mut decoder = BackendDecoder::new(30_000);
        decoder.encryption_response = vector["encryption_response"].as_bool().unwrap();
        let mut errors: Vec<RemoteError> = Vec::new();
        let fed: Result<(), ()> = decoder.feed(&unhex(&vector["hex"]), |item| {
            errors.push(item.expect_err("malformed"));
            Ok(())
        });
        assert_eq!(fed, Ok(()));
        compare(&errors, &vector);
    }
}

fn compare(errors: &[RemoteError], vector: &Value) {
    let [error] = errors else {
        panic!("{vector}: {errors:?}");
    };
    assert_eq!(json!(error.message), vector["message"]);
    assert_eq!(json!(error.sqlstate), vector["sqlstate"], "{vector}");
    assert_eq!(json!(error.fatal), vector["fatal"], "{vector}");
    let tag: String = error.tag.map(char::from).into_iter().collect();
    assert_eq!(json!(tag), vector["tag"], "{vector}");
    assert_eq!(
        json!(error.message_name),
        vector["message_name"],
        "{vector}"
    );
    assert_eq!(json!(error.offset), vector["offset"], "{vector}");
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
        "GSSResponse" => "gss",
        _ => "password",
    });
    decoder
}

fn password_kind(name: &str) -> PasswordKind {
    match name {
        "password" => PasswordKind::Password,
        "sasl_initial" => PasswordKind::SaslInitial,
        "sasl_response" => PasswordKind::SaslResponse,
        "gss" => PasswordKind::Gss,
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
        GSSResponse { data } => ("GSSResponse", json!({"data": value(Some(data))})),
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

/// Class and fields of a backend's message, as the vectors write them.
fn described_answer(message: &BackendMessage<'_>) -> (&'static str, Value) {
    use BackendMessage::*;
    let bytes = |raw: &[u8]| value(Some(raw));
    let letter = |byte: u8| char::from(byte).to_string();
    let texts = |fields: &[(u8, std::borrow::Cow<'_, str>)]| {
        let pairs = fields
            .iter()
            .map(|(code, text)| (letter(*code), json!(text)));
        json!({"fields": pairs.collect::<serde_json::Map<_, _>>()})
    };
    let copy = |format: u8, formats: &[i16]| json!({"format": format, "column_formats": formats});
    match message {
        EncryptionResponse { answer } => (
            "EncryptionResponse",
            json!({"answer": letter(answer.byte())}),
        ),
        AuthenticationOk => ("AuthenticationOk", json!({})),
        AuthenticationKerberosV5 => ("AuthenticationKerberosV5", json!({})),
        AuthenticationCleartextPassword => ("AuthenticationCleartextPassword", json!({})),
        AuthenticationMD5Password { salt } => {
            ("AuthenticationMD5Password", json!({"salt": bytes(salt)}))
        }
        AuthenticationGSS => ("AuthenticationGSS", json!({})),
        AuthenticationGSSContinue { data } => {
            ("AuthenticationGSSContinue", json!({"data": bytes(data)}))
        }
        AuthenticationSSPI => ("AuthenticationSSPI", json!({})),
        AuthenticationSASL { mechanisms } => {
            ("AuthenticationSASL", json!({"mechanisms": mechanisms}))
        }
        AuthenticationSASLContinue { data } => {
            ("AuthenticationSASLContinue", json!({"data": bytes(data)}))
        }
        AuthenticationSASLFinal { data } => {
            ("AuthenticationSASLFinal", json!({"data": bytes(data)}))
        }
        BackendKeyData {
            process_id,
            secret_key,
        } => (
            "BackendKeyData",
            json!({"process_id": process_id, "secret_key": bytes(secret_key)}),
        ),
        NegotiateProtocolVersion {
            newest_version,
            unknown_options,
        } => (
            "NegotiateProtocolVersion",
            json!({"newest_version": newest_version, "unknown_options": unknown_options}),
        ),
        RowDescription { fields } => {
            let fields = fields.iter().map(|it| {
                json!([
                    it.name,
                    it.table_oid,
                    it.column_number,
                    it.type_oid,
                    it.type_size,
                    it.type_modifier,
                    it.format
                ])
            });
            (
                "RowDescription",
                json!({"fields": Value::from_iter(fields)}),
            )
        }
        DataRow { values } => {
            let values = Value::from_iter(values.iter().map(|it| value(*it)));
            ("DataRow", json!({"values": values}))
        }
        CommandComplete { command_tag } => ("CommandComplete", json!({"command_tag": command_tag})),
        EmptyQueryResponse => ("EmptyQueryResponse", json!({})),
        ParseComplete => ("ParseComplete", json!({})),
        BindComplete => ("BindComplete", json!({})),
        CloseComplete => ("CloseComplete", json!({})),
        FunctionCallResponse { value: result } => {
            ("FunctionCallResponse", json!({"value": value(*result)}))
        }
        CopyInResponse {
            format,
            column_formats,
        } => ("CopyInResponse", copy(*format, column_formats)),
        CopyOutResponse {
            format,
            column_formats,
        } => ("CopyOutResponse", copy(*format, column_formats)),
        CopyBothResponse {
            format,
            column_formats,
        } => ("CopyBothResponse", copy(*format, column_formats)),
        CopyData { data } => ("CopyData", json!({"data": bytes(data)})),
        CopyDone => ("CopyDone", json!({})),
        NoData => ("NoData", json!({})),
        PortalSuspended => ("PortalSuspended", json!({})),
        ParameterDescription { types } => ("ParameterDescription", json!({"types": types})),
        ParameterStatus { name, value } => {
            ("ParameterStatus", json!({"name": name, "value": value}))
        }
        ReadyForQuery { status } => ("ReadyForQuery", json!({"status": letter(status.byte())})),
        ErrorResponse { fields } => ("ErrorResponse", texts(fields)),
        NoticeResponse { fields } => ("NoticeResponse", texts(fields)),
        NotificationResponse {
            process_id,
            channel,
            payload,
        } => (
            "NotificationResponse",
            json!({"process_id": process_id, "channel": channel, "payload": payload}),
        ),
    }
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
