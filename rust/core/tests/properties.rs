//! What holds for all messages and all bytes: a round trip gives the same message, no bytes make a decoder panic, chunks do not matter.
use std::borrow::Cow;

use pgwire_py_core::framing::{BackendDecoder, FrontendDecoder};
use pgwire_py_core::messages::{
    BackendMessage, EncryptionAnswer, FieldDescription, FrontendMessage, Kind, PasswordKind,
    TransactionStatus,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// What messages are made of; one of these makes one of every message.
#[derive(Debug, Clone)]
struct Parts {
    text: String,
    name: String,
    names: Vec<String>,
    data: Vec<u8>,
    values: Vec<Option<Vec<u8>>>,
    key: Vec<u8>,
    salt: [u8; 4],
    formats: Vec<i16>,
    oids: Vec<u32>,
    small: i16,
    number: i32,
    codes: Vec<u8>,
    choice: usize,
}

prop_compose! {
    fn parts()(
        text in "[^\0]{0,20}",
        name in "[^\0]{1,8}",
        names in vec("[^\0]{1,8}", 0..4),
        data in vec(any::<u8>(), 0..200),
        values in vec(proptest::option::of(vec(any::<u8>(), 0..20)), 0..6),
        key in vec(any::<u8>(), 4..257),
        salt in any::<[u8; 4]>(),
        formats in vec(any::<i16>(), 0..5),
        oids in vec(any::<u32>(), 0..5),
        (small, number, choice) in any::<(i16, i32, usize)>(),
        codes in vec(1_u8..128, 0..5),
    ) -> Parts {
        Parts { text, name, names, data, values, key, salt, formats, oids, small, number, codes, choice }
    }
}

impl Parts {
    fn values(&self) -> Vec<Option<&[u8]>> {
        self.values.iter().map(Option::as_deref).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn error_fields(&self) -> Vec<(u8, Cow<'_, str>)> {
        let codes = self.codes.iter();
        codes
            .map(|code| (*code, Cow::Borrowed(&*self.text)))
            .collect()
    }

    fn kind(&self) -> Kind {
        [Kind::Statement, Kind::Portal][self.choice % 2]
    }

    fn untagged(&self) -> Vec<FrontendMessage<'_>> {
        vec![
            FrontendMessage::StartupMessage {
                protocol_version: 0x0003_0000 | u32::from(self.small.unsigned_abs()),
                parameters: vec![(&self.name, &self.text); self.names.len()],
            },
            FrontendMessage::SSLRequest,
            FrontendMessage::GSSENCRequest,
            FrontendMessage::CancelRequest {
                process_id: self.number,
                secret_key: &self.key,
            },
        ]
    }

    fn passwords(&self) -> Vec<(PasswordKind, FrontendMessage<'_>)> {
        let data = &self.data;
        let password = self.text.as_bytes();
        vec![
            (
                PasswordKind::Password,
                FrontendMessage::PasswordMessage { password },
            ),
            (
                PasswordKind::SaslInitial,
                FrontendMessage::SASLInitialResponse {
                    mechanism: &self.name,
                    data: self.values().first().copied().flatten(),
                },
            ),
            (
                PasswordKind::SaslResponse,
                FrontendMessage::SASLResponse { data },
            ),
            (PasswordKind::Gss, FrontendMessage::GSSResponse { data }),
        ]
    }

    fn frontend(&self) -> Vec<FrontendMessage<'_>> {
        vec![
            FrontendMessage::Query { query: &self.text },
            FrontendMessage::FunctionCall {
                function_oid: self.number as u32,
                argument_formats: self.formats.clone(),
                arguments: self.values(),
                result_format: self.small,
            },
            FrontendMessage::Terminate,
            FrontendMessage::Parse {
                statement: &self.name,
                query: &self.text,
                parameter_types: self.oids.clone(),
            },
            FrontendMessage::Bind {
                portal: &self.name,
                statement: &self.text,
                parameter_formats: self.formats.clone(),
                parameters: self.values(),
                result_formats: self.formats.clone(),
            },
            FrontendMessage::Describe {
                kind: self.kind(),
                name: &self.name,
            },
            FrontendMessage::Execute {
                portal: &self.name,
                max_rows: self.number,
            },
            FrontendMessage::Close {
                kind: self.kind(),
                name: &self.text,
            },
            FrontendMessage::Flush,
            FrontendMessage::Sync,
            FrontendMessage::CopyData { data: &self.data },
            FrontendMessage::CopyDone,
            FrontendMessage::CopyFail {
                message: &self.text,
            },
        ]
    }

    fn backend(&self) -> Vec<BackendMessage<'_>> {
        let format = (self.choice % 2) as u8;
        let column_formats = self.formats.clone();
        let data = &*self.data;
        let field = FieldDescription {
            name: &self.name,
            table_oid: self.number as u32,
            column_number: self.small,
            type_oid: !self.number as u32,
            type_size: !self.small,
            type_modifier: self.number,
            format: self.small,
        };
        let status = [
            TransactionStatus::Idle,
            TransactionStatus::InTransaction,
            TransactionStatus::Failed,
        ];
        vec![
            BackendMessage::AuthenticationOk,
            BackendMessage::AuthenticationKerberosV5,
            BackendMessage::AuthenticationCleartextPassword,
            BackendMessage::AuthenticationMD5Password { salt: self.salt },
            BackendMessage::AuthenticationGSS,
            BackendMessage::AuthenticationGSSContinue { data },
            BackendMessage::AuthenticationSSPI,
            BackendMessage::AuthenticationSASL {
                mechanisms: self.names(),
            },
            BackendMessage::AuthenticationSASLContinue { data },
            BackendMessage::AuthenticationSASLFinal { data },
            BackendMessage::BackendKeyData {
                process_id: self.number,
                secret_key: &self.key,
            },
            BackendMessage::NegotiateProtocolVersion {
                newest_version: self.number as u32,
                unknown_options: self.names(),
            },
            BackendMessage::RowDescription {
                fields: vec![field; self.names.len()],
            },
            BackendMessage::DataRow {
                values: self.values(),
            },
            BackendMessage::CommandComplete {
                command_tag: &self.text,
            },
            BackendMessage::EmptyQueryResponse,
            BackendMessage::ParseComplete,
            BackendMessage::BindComplete,
            BackendMessage::CloseComplete,
            BackendMessage::FunctionCallResponse {
                value: self.values().first().copied().flatten(),
            },
            BackendMessage::CopyInResponse {
                format,
                column_formats: column_formats.clone(),
            },
            BackendMessage::CopyOutResponse {
                format,
                column_formats: column_formats.clone(),
            },
            BackendMessage::CopyBothResponse {
                format,
                column_formats,
            },
            BackendMessage::CopyData { data },
            BackendMessage::CopyDone,
            BackendMessage::NoData,
            BackendMessage::PortalSuspended,
            BackendMessage::ParameterDescription {
                types: self.oids.clone(),
            },
            BackendMessage::ParameterStatus {
                name: &self.name,
                value: &self.text,
            },
            BackendMessage::ReadyForQuery {
                status: status[self.choice % 3],
            },
            BackendMessage::ErrorResponse {
                fields: self.error_fields(),
            },
            BackendMessage::NoticeResponse {
                fields: self.error_fields(),
            },
            BackendMessage::NotificationResponse {
                process_id: self.number,
                channel: &self.name,
                payload: &self.text,
            },
        ]
    }
}

/// A decoder that has accepted the start-up packet.
fn frontend_decoder(kind: PasswordKind) -> FrontendDecoder {
    let mut decoder = FrontendDecoder::new(10_000, 1 << 30);
    decoder.startup = false;
    decoder.password_kind = kind;
    decoder
}

fn assert_frontend(mut decoder: FrontendDecoder, messages: &[FrontendMessage<'_>], size: usize) {
    let mut stream = Vec::new();
    for message in messages {
        message.encode(&mut stream).expect("it fits");
    }
    let mut seen = 0;
    for chunk in stream.chunks(size) {
        let fed: Result<(), ()> = decoder.feed(chunk, |item| {
            assert_eq!(item.as_ref(), Ok(&messages[seen]));
            seen += 1;
            Ok(())
        });
        assert_eq!(fed, Ok(()));
    }
    assert_eq!((seen, decoder.buffered()), (messages.len(), 0));
}

fn assert_backend(mut decoder: BackendDecoder, messages: &[BackendMessage<'_>], size: usize) {
    let mut stream = Vec::new();
    for message in messages {
        message.encode(&mut stream).expect("it fits");
    }
    let mut seen = 0;
    for chunk in stream.chunks(size) {
        let fed: Result<(), ()> = decoder.feed(chunk, |item| {
            assert_eq!(item.as_ref(), Ok(&messages[seen]));
            seen += 1;
            Ok(())
        });
        assert_eq!(fed, Ok(()));
    }
    assert_eq!((seen, decoder.buffered()), (messages.len(), 0));
}

/// Everything the decoder says to the bytes in pieces of so many bytes, and how many it keeps.
fn frontend_said(mut decoder: FrontendDecoder, stream: &[u8], size: usize) -> (Vec<String>, usize) {
    let mut said = Vec::new();
    // A feed ends behind what the owner must act on; empty feeds go on from there.
    for chunk in stream.chunks(size).chain(std::iter::repeat_n(&[][..], 8)) {
        let fed: Result<(), ()> = decoder.feed(chunk, |item| {
            said.push(format!("{item:?}"));
            Ok(())
        });
        assert_eq!(fed, Ok(()));
    }
    (said, decoder.buffered())
}

fn backend_said(mut decoder: BackendDecoder, stream: &[u8], size: usize) -> (Vec<String>, usize) {
    let mut said = Vec::new();
    for chunk in stream.chunks(size).chain(std::iter::repeat_n(&[][..], 8)) {
        let fed: Result<(), ()> = decoder.feed(chunk, |item| {
            said.push(format!("{item:?}"));
            Ok(())
        });
        assert_eq!(fed, Ok(()));
    }
    (said, decoder.buffered())
}

/// Bytes that look like messages: known tags, true lengths, any body; and bytes that look like nothing.
fn bytes_of(tags: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        vec(any::<u8>(), 0..6),
        Just(vec![0, 0, 0, 1]),
        Just(vec![0, 1]),
        Just(vec![0xff; 4]),
        "[^\0]{0,5}\0".prop_map(String::into_bytes),
    ];
    let body = vec(field, 0..6).prop_map(|fields| fields.concat());
    let message = (proptest::sample::select(tags), body).prop_map(|(tag, body)| {
        let length = (body.len() as u32 + 4).to_be_bytes();
        [&[tag][..], &length, &body].concat()
    });
    prop_oneof![
        9 => vec(message, 1..5).prop_map(|messages| messages.concat()),
        1 => vec(any::<u8>(), 0..60),
    ]
}

const KINDS: [PasswordKind; 4] = [
    PasswordKind::Password,
    PasswordKind::SaslInitial,
    PasswordKind::SaslResponse,
    PasswordKind::Gss,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frontend_messages_come_back(parts in parts(), size in 1_usize..400) {
        assert_frontend(frontend_decoder(PasswordKind::Password), &parts.frontend(), size);
        for (kind, message) in parts.passwords() {
            assert_frontend(frontend_decoder(kind), &[message], size);
        }
        for message in parts.untagged() {
            assert_frontend(FrontendDecoder::new(10_000, 1 << 30), &[message], size);
        }
    }

    #[test]
    fn backend_messages_come_back(parts in parts(), size in 1_usize..400) {
        assert_backend(BackendDecoder::new(1 << 30), &parts.backend(), size);
        let answer = [EncryptionAnswer::Tls, EncryptionAnswer::Gss, EncryptionAnswer::No][parts.choice % 3];
        let mut decoder = BackendDecoder::new(30_000);
        decoder.encryption_response = true;
        assert_backend(decoder, &[BackendMessage::EncryptionResponse { answer }], size);
    }

    #[test]
    fn any_bytes_of_a_frontend(stream in bytes_of(b"QPBDECHSXFdcfp!"), size in 1_usize..20, kind in 0_usize..4, startup in any::<bool>()) {
        let decoder = || {
            let mut decoder = frontend_decoder(KINDS[kind]);
            decoder.startup = startup;
            decoder
        };
        prop_assert_eq!(
            frontend_said(decoder(), &stream, size),
            frontend_said(decoder(), &stream, stream.len().max(1))
        );
    }

    #[test]
    fn any_startup_packet(body in vec(any::<u8>(), 0..40), code in proptest::sample::select(&[196_608_u32, 196_610, 80_877_102, 80_877_103, 80_877_104, 131_072]), size in 1_usize..20) {
        let stream = [&(body.len() as u32 + 8).to_be_bytes()[..], &code.to_be_bytes(), &body].concat();
        prop_assert_eq!(
            frontend_said(FrontendDecoder::new(10_000, 1 << 30), &stream, size),
            frontend_said(FrontendDecoder::new(10_000, 1 << 30), &stream, stream.len())
        );
    }

    #[test]
    fn any_bytes_of_a_backend(stream in bytes_of(b"RKvTDCI123VGHWdcnstSZENA!"), size in 1_usize..20, encryption in any::<bool>()) {
        let decoder = || {
            let mut decoder = BackendDecoder::new(1 << 30);
            decoder.encryption_response = encryption;
            decoder
        };
        prop_assert_eq!(
            backend_said(decoder(), &stream, size),
            backend_said(decoder(), &stream, stream.len().max(1))
        );
    }
}
