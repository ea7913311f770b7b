//! The operations that the pg_stream crate measures itself by, done by it and by our core in turns.
//!
//! `pg-stream-peer SECONDS`: so long for each operation and side. Prints one line for each operation: its name, nanoseconds of ours,
//! nanoseconds of pg_stream's, with tabs between: the best of many short rounds, which a busy machine spoils least. Both sides start each call with a fresh buffer, as pg_stream's benchmarks do.
//! pg_stream reads from a slice that is always ready, polled by hand: no runtime stands between.
use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use pg_stream::PgProtocol;
use pg_stream::message::{Bindable, FormatCode, PgMessage, oid, read_message};
use pgwire_py_core::builder::{Parameter, Request};
use pgwire_py_core::frames::{FrameDecoder, Limits};
use pgwire_py_core::framing::BackendDecoder;
use pgwire_py_core::messages::Kind;
use tokio::io::{AsyncRead, ReadBuf};

const ROUNDS: usize = 200;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let time = Duration::from_secs_f64(seconds.unwrap_or(0.4) / ROUNDS as f64);
    encode(time);
    read(time);
    pieces(time);
}

/// Both sides in turns; prints the best of each.
fn compare(name: &str, time: Duration, mut ours: impl FnMut(), mut theirs: impl FnMut()) {
    let (our_loops, their_loops) = (calibrate(time, &mut ours), calibrate(time, &mut theirs));
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our_times.push(per_call(our_loops, &mut ours));
        their_times.push(per_call(their_loops, &mut theirs));
    }
    println!("{name}\t{:.2}\t{:.2}", best(our_times), best(their_times));
}

fn calibrate(time: Duration, call: &mut impl FnMut()) -> u32 {
    let mut loops = 1;
    loop {
        let start = Instant::now();
        (0..loops).for_each(|_| call());
        let taken = start.elapsed();
        if taken * 4 >= time || loops >= 1 << 30 {
            let fitting = f64::from(loops) * time.as_secs_f64() / taken.as_secs_f64();
            return (fitting as u32).max(1);
        }
        loops *= 4;
    }
}

/// Nanoseconds.
fn per_call(loops: u32, call: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..loops).for_each(|_| call());
    start.elapsed().as_secs_f64() * 1e9 / f64::from(loops)
}

fn best(times: Vec<f64>) -> f64 {
    times.into_iter().fold(f64::INFINITY, f64::min)
}

/// Appends messages of ours to a fresh buffer.
macro_rules! build {
    ($capacity:expr, $($request:expr),+ $(,)?) => {{
        let mut out = Vec::with_capacity($capacity);
        $($request.append(&mut out).expect("a message that fits");)+
        black_box(&out);
    }};
}

fn encode(time: Duration) {
    let binary: &[u8] = &[1, 2, 3, 4];
    let eight: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
    let absent: Option<i32> = None;

    for (name, text) in [
        ("build Query, short", "SELECT 1"),
        (
            "build Query, medium",
            "SELECT * FROM users WHERE id = 1 AND status = 'active'",
        ),
        (
            "build Query, long",
            "SELECT u.id, u.name, u.email, o.order_id, o.total FROM users u JOIN orders o ON u.id = o.user_id \
             WHERE u.created_at > '2024-01-01' AND o.status IN ('pending', 'completed') ORDER BY o.created_at DESC",
        ),
    ] {
        compare(
            name,
            time,
            || build!(256, Request::Query(black_box(text))),
            || {
                let mut buffer = BytesMut::with_capacity(256);
                buffer.query(black_box(text));
                black_box(&buffer);
            },
        );
    }

    let three = [oid::INT4, oid::TEXT, oid::TIMESTAMP];
    let ten = [oid::INT4; 10];
    for (name, types) in [
        ("build Parse, no types", &[][..]),
        ("build Parse, 3 types", &three),
        ("build Parse, 10 types", &ten),
    ] {
        let query = "SELECT * FROM users WHERE id = $1 AND name = $2 AND created_at > $3";
        compare(
            name,
            time,
            || {
                let (statement, query, parameter_types) = (black_box("stmt"), black_box(query), black_box(types));
                build!(
                    256,
                    Request::Parse {
                        statement,
                        query,
                        parameter_types,
                    },
                );
            },
            || {
                let mut buffer = BytesMut::with_capacity(256);
                let parse = buffer.parse(Some(black_box("stmt"))).query(black_box(query));
                parse.param_types(black_box(types)).finish();
                black_box(&buffer);
            },
        );
    }

    compare(
        "build Bind, 1 text",
        time,
        || {
            let parameters = &[Parameter::text(black_box("42"))];
            build!(
                256,
                Request::Bind {
                    portal: "",
                    statement: black_box(""),
                    parameters,
                    result_formats: &[],
                },
            );
        },
        || {
            let mut buffer = BytesMut::with_capacity(256);
            let bind = buffer.bind(None).statement(black_box(""));
            bind.result_format(FormatCode::Text)
                .finish(&[&black_box("42") as &dyn Bindable]);
            black_box(&buffer);
        },
    );
    compare(
        "build Bind, 3 mixed",
        time,
        || {
            let parameters = &[Parameter::text("42"), Parameter::text("John Doe"), Parameter::binary(binary)];
            let (portal, statement) = (black_box("portal1"), black_box("stmt1"));
            build!(
                256,
                Request::Bind {
                    portal,
                    statement,
                    parameters,
                    result_formats: &[1],
                },
            );
        },
        || {
            let mut buffer = BytesMut::with_capacity(256);
            let bind = buffer.bind(Some(black_box("portal1"))).statement(black_box("stmt1"));
            bind.result_format(FormatCode::Binary)
                .finish(&[&"42" as &dyn Bindable, &"John Doe", &binary]);
            black_box(&buffer);
        },
    );
    compare(
        "build Bind, 8 mixed",
        time,
        || {
            let text = Parameter::text;
            let parameters = &[
                text("1"),
                text("2"),
                Parameter::binary(eight),
                text("test"),
                Parameter::binary(binary),
                text("more data"),
                Parameter::NULL,
                text("final"),
            ];
            let (portal, statement) = (black_box("portal2"), black_box("stmt2"));
            build!(
                256,
                Request::Bind {
                    portal,
                    statement,
                    parameters,
                    result_formats: &[],
                },
            );
        },
        || {
            let mut buffer = BytesMut::with_capacity(256);
            buffer
                .bind(Some(black_box("portal2")))
                .statement(black_box("stmt2"))
                .finish(&[
                    &"1" as &dyn Bindable,
                    &"2",
                    &eight,
                    &"test",
                    &binary,
                    &"more data",
                    &absent,
                    &"final",
                ]);
            black_box(&buffer);
        },
    );

    compare(
        "build Describe, portal",
        time,
        || build!(64, Request::Describe(Kind::Portal, black_box("my_portal"))),
        || {
            let mut buffer = BytesMut::with_capacity(64);
            buffer.describe_portal(Some(black_box("my_portal")));
            black_box(&buffer);
        },
    );
    compare(
        "build Describe, statement",
        time,
        || build!(64, Request::Describe(Kind::Statement, black_box("my_stmt"))),
        || {
            let mut buffer = BytesMut::with_capacity(64);
            buffer.describe_statement(Some(black_box("my_stmt")));
            black_box(&buffer);
        },
    );
    compare(
        "build Execute",
        time,
        || {
            build!(
                64,
                Request::Execute {
                    portal: black_box("portal1"),
                    max_rows: black_box(100),
                },
            )
        },
        || {
            let mut buffer = BytesMut::with_capacity(64);
            buffer.execute(Some(black_box("portal1")), black_box(100));
            black_box(&buffer);
        },
    );
    compare(
        "build FunctionCall, 1 text",
        time,
        || {
            let arguments = &[Parameter::text("arg1")];
            build!(
                64,
                Request::FunctionCall {
                    function_oid: black_box(12345),
                    arguments,
                    result_format: 0,
                },
            );
        },
        || {
            let mut buffer = BytesMut::with_capacity(64);
            let call = buffer.fn_call(black_box(12345)).result_format(FormatCode::Text);
            call.finish(&[&"arg1" as &dyn Bindable]);
            black_box(&buffer);
        },
    );
    compare(
        "build FunctionCall, 3 mixed",
        time,
        || {
            let arguments = &[Parameter::text("arg1"), Parameter::binary(binary), Parameter::text("arg3")];
            build!(
                64,
                Request::FunctionCall {
                    function_oid: black_box(67890),
                    arguments,
                    result_format: 1,
                },
            );
        },
        || {
            let mut buffer = BytesMut::with_capacity(64);
            let call = buffer.fn_call(black_box(67890)).result_format(FormatCode::Binary);
            call.finish(&[&"arg1" as &dyn Bindable, &binary, &"arg3"]);
            black_box(&buffer);
        },
    );
    compare(
        "build Parse, Bind, Execute, Sync",
        time,
        || {
            let parameters = &[Parameter::text("42")];
            let (statement, query) = (black_box("stmt"), black_box("SELECT $1"));
            build!(
                256,
                Request::Parse {
                    statement,
                    query,
                    parameter_types: &[],
                },
                Request::Bind {
                    portal: statement,
                    statement: "",
                    parameters,
                    result_formats: &[],
                },
                Request::Execute {
                    portal: "",
                    max_rows: black_box(0),
                },
                Request::Sync,
            );
        },
        || {
            let mut buffer = BytesMut::with_capacity(256);
            let parse = buffer.parse(Some(black_box("stmt"))).query(black_box("SELECT $1"));
            let bind = parse.finish().bind(Some(black_box("stmt")));
            bind.finish(&[&"42" as &dyn Bindable]).execute(None, black_box(0)).sync();
            black_box(&buffer);
        },
    );
    let portal = "my_portal";
    compare(
        "build a batch of 7 messages",
        time,
        || {
            let parameters = &[Parameter::text("value1"), Parameter::binary(binary)];
            let (statement, query) = (
                black_box("complex_stmt"),
                black_box("SELECT * FROM t WHERE a = $1 AND b = $2"),
            );
            build!(
                512,
                Request::Parse {
                    statement,
                    query,
                    parameter_types: &[oid::TEXT, oid::BYTEA],
                },
                Request::Describe(Kind::Statement, statement),
                Request::Bind {
                    portal,
                    statement,
                    parameters,
                    result_formats: &[1],
                },
                Request::Describe(Kind::Portal, portal),
                Request::Execute {
                    portal,
                    max_rows: black_box(50),
                },
                Request::Close(Kind::Portal, portal),
                Request::Sync,
            );
        },
        || {
            let mut buffer = BytesMut::with_capacity(512);
            let (statement, query) = (
                black_box("complex_stmt"),
                black_box("SELECT * FROM t WHERE a = $1 AND b = $2"),
            );
            let parse = buffer
                .parse(Some(statement))
                .query(query)
                .param_types(&[oid::TEXT, oid::BYTEA]);
            let described = parse.finish().describe_statement(Some(statement));
            let bind = described
                .bind(Some(portal))
                .statement(statement)
                .result_format(FormatCode::Binary);
            bind.finish(&[&"value1" as &dyn Bindable, &binary])
                .describe_portal(Some(portal))
                .execute(Some(portal), black_box(50))
                .close_portal(Some(portal))
                .sync();
            black_box(&buffer);
        },
    );
    for (name, size) in [("build CopyData, 1 kB", 1_024), ("build CopyData, 100 kB", 102_400)] {
        let data = vec![b'x'; size];
        compare(
            name,
            time,
            || build!(size + 5, Request::CopyData(black_box(&data))),
            || {
                let mut buffer = BytesMut::with_capacity(size + 5);
                buffer.copy_data(black_box(&data));
                black_box(&buffer);
            },
        );
    }
}

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// Reading: ours cuts frames, pg_stream copies each body and finds the borders of some fields. Decoding: ours checks and decodes every field.
fn read(time: Duration) {
    let row = frame(b'D', &[0, 1, 0, 0, 0, 2, b'4', b'2']);
    let mut description = vec![0, 1];
    description.extend_from_slice(b"id\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0");
    let mut result = frame(b'T', &description);
    for _ in 0..100 {
        result.extend_from_slice(&row);
    }
    result.extend_from_slice(&frame(b'C', b"SELECT 100\0"));
    result.extend_from_slice(&frame(b'Z', b"I"));

    for (name, count, stream) in [
        ("read ReadyForQuery", 1, frame(b'Z', b"I")),
        ("read CommandComplete", 1, frame(b'C', b"SELECT 1\0")),
        ("read ParameterStatus", 1, frame(b'S', b"server_version\016.0\0")),
        ("read BackendKeyData", 1, frame(b'K', &[0, 0, 48, 57, 0, 1, 9, 50])),
        ("read RowDescription", 1, frame(b'T', &description)),
        ("read DataRow", 1, frame(b'D', b"\0\x02\0\0\0\x05hello\xff\xff\xff\xff")),
        (
            "read ErrorResponse",
            1,
            frame(b'E', b"SERROR\0VERROR\0C42601\0Msyntax error\0\0"),
        ),
        ("read CopyData, 1 kB", 1, frame(b'd', &[b'x'; 1_024])),
        ("read CopyData, 100 kB", 1, frame(b'd', &[b'x'; 102_400])),
        ("read a stream of 103 messages", 103, result),
    ] {
        let limits = Limits {
            message: 1 << 30,
            ..Limits::default()
        };
        let mut decoder = FrameDecoder::new(false, limits);
        compare(
            name,
            time,
            || {
                let (mut position, mut found) = (0, 0);
                while let Some(frame) = decoder.next(black_box(&stream), &mut position).expect("no limit is met") {
                    black_box(&frame);
                    found += 1;
                }
                assert_eq!(found, count);
            },
            || {
                let mut rest = black_box(stream.as_slice());
                for _ in 0..count {
                    black_box(read_one(&mut rest));
                }
                assert!(rest.is_empty());
            },
        );
        let mut decoder = BackendDecoder::new(1 << 30);
        compare(
            &name.replacen("read", "decode", 1),
            time,
            || {
                let mut found = 0;
                let done: Result<(), ()> = decoder.feed(black_box(&stream), |message| {
                    found += usize::from(black_box(message).is_ok());
                    Ok(())
                });
                assert_eq!((done, found), (Ok(()), count));
            },
            || {
                let mut rest = black_box(stream.as_slice());
                for _ in 0..count {
                    black_box(read_one(&mut rest));
                }
            },
        );
    }
}

/// One CopyData, longer than what arrives at a time. Its size is one that the allocator hands out again: above 32 MB, what is measured is how
/// fast the system makes fresh pages.
fn pieces(time: Duration) {
    let size = 16 << 20;
    let message = frame(b'd', &vec![b'x'; size]);
    for (name, piece) in [
        ("gather CopyData of 16 MB from pieces of 64 kB", 65_536),
        ("gather CopyData of 16 MB from pieces of 1 kB", 1_024),
    ] {
        let limits = Limits {
            message: 1 << 30,
            ..Limits::default()
        };
        let mut decoder = FrameDecoder::new(false, limits);
        compare(
            name,
            time,
            || {
                let mut found = 0;
                for piece in message.chunks(piece) {
                    let mut position = 0;
                    while let Some(frame) = decoder.next(piece, &mut position).expect("no limit is met") {
                        found += black_box(&frame).body.as_slice().len();
                    }
                }
                assert_eq!(found, size);
            },
            || {
                let mut rest = Pieces { rest: &message, piece };
                black_box(read_one(&mut rest));
                assert!(rest.rest.is_empty());
            },
        );
    }
}

/// Delivers so many bytes at a time.
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let size = self.piece.min(self.rest.len()).min(buffer.remaining());
        let (now, rest) = self.rest.split_at(size);
        buffer.put_slice(now);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

fn read_one(rest: impl AsyncRead + Unpin) -> PgMessage {
    match pin!(read_message(rest)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(message) => message.expect("a valid message"),
        Poll::Pending => unreachable!("a slice is always ready"),
    }
}
