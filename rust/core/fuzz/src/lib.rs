//! What must hold for any bytes: one check for each algorithm of the core that reads bytes or text from outside.
//!
//! A check panics where it does not hold. libFuzzer runs them on what it thinks up, `rust/core/tests/crashes.rs` on what once failed. They
//! have the names and the inputs of `tests/parity/fuzz_targets.py`, with one byte of settings in front.
use pgwire_py_core::arrow_decoder::{Decoder, Shape};
use pgwire_py_core::builder::{Parameter, Request};
use pgwire_py_core::frames::{FrameDecoder, Limits};
use pgwire_py_core::framing::{BackendDecoder, FrontendDecoder};
use pgwire_py_core::lexer::{split_statements, tokenize};
use pgwire_py_core::md5::md5_response;
use pgwire_py_core::messages::{Kind, PasswordKind};
use pgwire_py_core::replication::{self, Stream};
use pgwire_py_core::row_reader::{Layout, RowReader};
use pgwire_py_core::rows::{NULL, Row, put_slice};
use pgwire_py_core::saslprep::prepare_password;
use pgwire_py_core::scram::{KEY_LENGTH, Keys, check_proof, client_proof};
use pgwire_py_core::statement::Statement;
use pgwire_py_core::types::PgType;

pub type Check = fn(&[u8]);

/// All of them by name.
pub const CHECKS: [(&str, Check); 11] = [
    ("frontend", frontend),
    ("backend", backend),
    ("frames", frames),
    ("statement", statement),
    ("replication", replication),
    ("values", values),
    ("sql", sql),
    ("password", password),
    ("arrow", arrow),
    ("rows", rows),
    ("builder", builder),
];

/// A frontend's stream means the same in any chunking, and what its messages encode to means the same again.
pub fn frontend(input: &[u8]) {
    let Some((&settings, data)) = input.split_first() else {
        return;
    };
    let decoder = || {
        let mut decoder = FrontendDecoder::new(10_000, limit(settings));
        decoder.startup = data.first() == Some(&0);
        decoder.password_kind = match settings & 3 {
            0 => PasswordKind::Password,
            1 => PasswordKind::SaslInitial,
            2 => PasswordKind::SaslResponse,
            _ => PasswordKind::Gss,
        };
        decoder
    };
    let read = |chunk| {
        let mut decoder = decoder();
        let items = gathered(data, chunk, |piece, items: &mut Items| {
            let done: Result<(), ()> = decoder.feed(piece, |item| {
                let mut encoded = Vec::new();
                if let Ok(message) = &item
                    && message.encode(&mut encoded).is_err()
                {
                    encoded.clear();
                }
                items.push((format!("{item:?}"), encoded));
                Ok(())
            });
            assert_eq!(done, Ok(()));
        });
        (items, decoder.startup, decoder.buffered())
    };
    let whole = read(data.len().max(1));
    assert_eq!(read(chunk(settings)), whole);
    for (described, encoded) in whole.0 {
        if encoded.is_empty() {
            continue;
        }
        let mut again = FrontendDecoder::new(10_000, 1 << 30);
        again.startup = encoded[0] == 0;
        again.password_kind = decoder().password_kind;
        let done: Result<(), ()> = again.feed(&encoded, |item| {
            assert_eq!(format!("{item:?}"), described);
            Ok(())
        });
        assert_eq!((done, again.buffered()), (Ok(()), 0));
    }
}

/// The same of a backend's stream.
pub fn backend(input: &[u8]) {
    let Some((&settings, data)) = input.split_first() else {
        return;
    };
    let read = |chunk| {
        let mut decoder = BackendDecoder::new(limit(settings));
        decoder.encryption_response = settings & 3 == 3;
        let items = gathered(data, chunk, |piece, items: &mut Items| {
            let done: Result<(), ()> = decoder.feed(piece, |item| {
                let mut encoded = Vec::new();
                if let Ok(message) = &item
                    && message.encode(&mut encoded).is_err()
                {
                    encoded.clear();
                }
                items.push((format!("{item:?}"), encoded));
                Ok(())
            });
            assert_eq!(done, Ok(()));
        });
        (items, decoder.encryption_response, decoder.buffered())
    };
    let whole = read(data.len().max(1));
    assert_eq!(read(chunk(settings)), whole);
    for (described, encoded) in whole.0 {
        let mut again = BackendDecoder::new(1 << 30);
        again.encryption_response = encoded.len() == 1;
        let done: Result<(), ()> = again.feed(&encoded, |item| {
            assert_eq!(format!("{item:?}"), described);
            Ok(())
        });
        assert_eq!((done, again.buffered()), (Ok(()), 0));
    }
}

/// Frames come out the same in any chunking, together with what is left they have all the bytes, and nothing more is buffered.
pub fn frames(input: &[u8]) {
    let Some((&settings, data)) = input.split_first() else {
        return;
    };
    let read = |chunk: usize| {
        let mut limits = Limits {
            message: limit(settings),
            ..Limits::default()
        };
        if settings & 1 == 1 {
            limits.by_tag[usize::from(b'Q')] = 100;
            limits.by_tag[usize::from(b'D')] = 0;
        }
        let mut decoder = FrameDecoder::new(data.first() == Some(&0), limits);
        let mut found = Vec::new();
        for piece in data.chunks(chunk) {
            let mut position = 0;
            loop {
                match decoder.next(piece, &mut position) {
                    Ok(Some(frame)) => found.push((frame.tag, frame.body.as_slice().to_vec())),
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(decoder.buffered(), 0);
                        return (found, Err(error));
                    }
                }
            }
            assert_eq!(position, piece.len());
        }
        let size: usize = found
            .iter()
            .map(|(tag, body)| 4 + usize::from(tag.is_some()) + body.len())
            .sum();
        assert_eq!(size + decoder.buffered(), data.len());
        (found, Ok(decoder.buffered()))
    };
    assert_eq!(read(chunk(settings)), read(data.len().max(1)));
}

/// What is read as one statement is, for the decoder, whole and valid messages of the same meaning.
pub fn statement(input: &[u8]) {
    let Some((&settings, data)) = input.split_first() else {
        return;
    };
    let mut decoder = FrontendDecoder::new(10_000, limit(settings));
    decoder.startup = false;
    let Some(statement) = decoder.read_statement(data) else {
        return;
    };
    let messages = gathered(data, data.len(), |piece, items: &mut Vec<String>| {
        let done: Result<(), ()> = decoder.feed(piece, |item| {
            items.push(format!("{:?}", item.expect("a valid message")));
            Ok(())
        });
        assert_eq!(done, Ok(()));
    });
    assert_eq!(decoder.buffered(), 0);
    match statement {
        Statement::Query(query) => assert_eq!(messages, [format!("Query {{ query: {query:?} }}")]),
        Statement::Batch(batch) => {
            let expected = 3 + usize::from(batch.parse.is_some()) + usize::from(batch.described);
            assert_eq!(messages.len(), expected);
            assert!(batch.parameters.len() <= data.len() / 4);
        }
    }
}

/// A payload encodes to what means the same.
pub fn replication(input: &[u8]) {
    let Some((&settings, data)) = input.split_first() else {
        return;
    };
    let stream = match settings % 3 {
        0 => Stream::Primary,
        1 => Stream::Standby,
        _ => Stream::BaseBackup,
    };
    let Ok(payload) = replication::decode(data, stream) else {
        return;
    };
    let mut encoded = Vec::new();
    payload.encode(&mut encoded).expect("what was decoded fits");
    assert_eq!(replication::decode(&encoded, stream), Ok(payload));
}

/// A value encodes, in the format it came in, to what means the same; in the other one too, or is refused by both ends.
pub fn values(input: &[u8]) {
    let Some(([oid @ .., code], data)) = input.split_first_chunk::<5>() else {
        return;
    };
    let value_type = PgType::of(u32::from_be_bytes(*oid));
    let Ok(value) = value_type.decode(code % 2 == 1, data) else {
        return;
    };
    for binary in [false, true] {
        let mut encoded = Vec::new();
        if value.encode(binary, &mut encoded).is_err() {
            continue;
        }
        if let Ok(again) = value_type.decode(binary, &encoded) {
            let mut twice = Vec::new();
            again.encode(binary, &mut twice).expect("it was encoded");
            assert_eq!(twice, encoded);
        }
    }
}

/// Rows become the same batch, or none, wherever COPY is cut; the batch has a row for each.
pub fn arrow(input: &[u8]) {
    let Some(([plan, layout], data)) = input.split_first_chunk::<2>() else {
        return;
    };
    let types: &[u32] = match plan % 9 {
        0 => &[23, 25, 16],
        1..=3 => &[1700, 1700],
        4 => &[1114, 1184, 1082],
        5 => &[1186, 1083, 2950],
        6 => &[1007, 1009],
        7 => &[3802, 869, 3904, 17],
        _ => &[21, 20, 26, 5069, 790],
    };
    let modifier = [-1, 786_439, 2_621_474][usize::from(plan % 3)];
    let columns = types
        .iter()
        .map(|oid| (oid.to_string(), Shape::Type(*oid, modifier)))
        .collect();
    let (copy, code) = (layout % 3 == 2, i64::from(layout % 3 > 0));
    let mut decoder =
        Decoder::new(columns, &[code], copy, 1 << 20, 1 << 20).expect("the plan is good");
    let mut read = |pieces: &[&[u8]]| {
        let mut full = Vec::new();
        for piece in pieces {
            decoder.feed(piece, false, &mut full).ok()?;
        }
        full.push(decoder.finish().ok()?);
        Some(full)
    };
    let whole = read(&[data]);
    if copy {
        for at in [1, data.len() / 2] {
            let (head, tail) = data.split_at(at.min(data.len()));
            assert_eq!(read(&[head, tail]), whole);
        }
    }
}

/// Tokens and statements stand in order inside the text, and both readings fail alike.
pub fn sql(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let length = text.chars().count();
    let (tokens, statements) = (tokenize(&text), split_statements(&text));
    let (Ok(tokens), Ok(statements)) = (tokens, statements) else {
        return;
    };
    let mut end = 0;
    for token in tokens {
        assert!(end <= token.start && token.start < token.end && token.end <= length);
        end = token.end;
    }
    end = 0;
    for statement in statements {
        assert!(end <= statement.start);
        end = statement.start + statement.text.chars().count();
        assert!(end <= length);
        let found: String = text
            .chars()
            .skip(statement.start)
            .take(end - statement.start)
            .collect();
        assert_eq!(found, statement.text);
    }
}

/// A password stays what it was or becomes text; the proof of it is accepted, and no other.
pub fn password(input: &[u8]) {
    let prepared = prepare_password(input);
    assert!(prepared == input || std::str::from_utf8(&prepared).is_ok());
    let answer = md5_response(input, b"salt");
    assert_eq!(
        answer.is_some(),
        input.starts_with(b"md5") && input.len() == 35
    );
    if let Some((salted, message)) = input.split_first_chunk::<KEY_LENGTH>() {
        let keys = Keys::of(salted);
        let mut proof = client_proof(&keys.client, message);
        assert!(check_proof(&keys.stored, message, &proof));
        proof[message.len() % KEY_LENGTH] ^= 1;
        assert!(!check_proof(&keys.stored, message, &proof));
    }
}

/// Rows are cut into fields that, written again, are the bytes they were cut from.
pub fn rows(input: &[u8]) {
    let [count, flags, rest @ ..] = input else {
        return;
    };
    let columns = usize::from(count % 5);
    let data = rest.get(columns..).unwrap_or_default();
    let layout = match flags {
        flags if flags & 1 == 1 => Layout::Copy,
        flags if flags & 4 == 4 => Layout::Body,
        _ => Layout::Messages,
    };
    let mut reader = RowReader::new(data, layout);
    let mut written = Vec::new();
    while let Ok(true) = reader.begin(columns) {
        let row = match layout {
            Layout::Messages => Row::begin(&mut written, columns),
            _ => Row::begin_tuple(&mut written, columns),
        };
        for _ in 0..columns {
            match reader.field() {
                Ok(Some(field)) => put_slice(&mut written, field),
                Ok(None) => written.extend_from_slice(&NULL),
                Err(broken) => return assert!(broken.offset <= data.len() + 5),
            }
        }
        if reader.finish().is_err() {
            return;
        }
        row.end(&mut written).expect("it is no larger than it was");
        assert!(data.starts_with(&written));
    }
}

/// A message that is built has the size that was said, and is read as one message without a fault.
pub fn builder(input: &[u8]) {
    let Some((&method, data)) = input.split_first() else {
        return;
    };
    let (first, second) = data.split_at(data.len() / 2);
    let (first, second) = (
        String::from_utf8_lossy(first),
        String::from_utf8_lossy(second),
    );
    let parameters: Vec<Parameter<'_>> = data
        .chunks(7)
        .map(|piece| Parameter {
            value: (piece[0] != b'0').then_some(piece),
            format: i16::from(piece[0] & 1),
        })
        .collect();
    let formats: Vec<i16> = data.iter().map(|byte| i16::from(byte & 1)).collect();
    let types: Vec<u32> = data.iter().map(|byte| u32::from(*byte) << 24).collect();
    let request = match method % 10 {
        0 => Request::Query(&first),
        1 => Request::Parse {
            statement: &first,
            query: &second,
            parameter_types: &types,
        },
        2 => Request::Bind {
            portal: &first,
            statement: &second,
            parameters: &parameters,
            result_formats: &formats,
        },
        3 => Request::Describe(Kind::Portal, &first),
        4 => Request::Close(Kind::Statement, &first),
        5 => Request::Execute {
            portal: &first,
            max_rows: i32::from(method),
        },
        6 => Request::FunctionCall {
            function_oid: u32::from(method),
            arguments: &parameters,
            result_format: i16::from(method & 1),
        },
        7 => Request::CopyData(data),
        8 => Request::CopyFail(&first),
        _ => Request::Password(data),
    };
    let Ok(size) = request.size() else {
        return;
    };
    let mut message = vec![0; size];
    request.write(&mut message).expect("its size was found");
    let mut decoder = FrontendDecoder::new(10_000, 1 << 30);
    decoder.startup = false;
    let mut read = 0;
    let done: Result<(), ()> = decoder.feed(&message, |item| {
        read += 1;
        // A password of a NUL within is the one thing that only its reader refuses.
        assert!(item.is_ok() || method % 10 == 9);
        Ok(())
    });
    assert_eq!((done, read, decoder.buffered()), (Ok(()), 1, 0));
}

/// Each item described, and what it encodes to: nothing where that cannot be.
type Items = Vec<(String, Vec<u8>)>;

/// Everything a decoder has to say to `data`, which comes in pieces of `chunk` bytes.
fn gathered<I>(data: &[u8], chunk: usize, mut feed: impl FnMut(&[u8], &mut Vec<I>)) -> Vec<I> {
    let mut items = Vec::new();
    for piece in data.chunks(chunk) {
        feed(piece, &mut items);
    }
    // A feed ends behind what its owner must act on.
    loop {
        let before = items.len();
        feed(&[], &mut items);
        if items.len() == before {
            return items;
        }
    }
}

/// The bound of a message's length that the settings choose.
fn limit(settings: u8) -> u32 {
    [1 << 30, 65_535, 30_000, 100][usize::from(settings >> 6)]
}

/// The size of the pieces that the settings choose.
fn chunk(settings: u8) -> usize {
    [1, 2, 3, 7, 11, 50, 100, 1_000][usize::from(settings >> 3 & 7)]
}
