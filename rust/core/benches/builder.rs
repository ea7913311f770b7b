//! Building: nanoseconds for each message of a frontend. `cargo bench -p pgwire-py-core --bench builder`.
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use pgwire_py_core::builder::{Parameter, Request};
use pgwire_py_core::messages::Kind;

fn each_message(c: &mut Criterion) {
    let values = [
        Parameter::text("42"),
        Parameter::NULL,
        Parameter::binary(&[1, 2, 3, 4]),
    ];
    let long = vec![b'x'; 100_000];
    let startup = [("user", "me"), ("database", "app")];
    let requests = [
        (
            "Query",
            Request::Query("select id, name from users where id = 1"),
        ),
        (
            "Parse",
            Request::Parse {
                statement: "s",
                query: "select id, name from users where id = $1",
                parameter_types: &[23],
            },
        ),
        (
            "Bind, all text",
            Request::Bind {
                portal: "",
                statement: "s",
                parameters: &values[..2],
                result_formats: &[],
            },
        ),
        (
            "Bind, mixed",
            Request::Bind {
                portal: "",
                statement: "s",
                parameters: &values,
                result_formats: &[1],
            },
        ),
        ("Describe", Request::Describe(Kind::Statement, "s")),
        ("Close", Request::Close(Kind::Portal, "p")),
        (
            "Execute",
            Request::Execute {
                portal: "",
                max_rows: 0,
            },
        ),
        (
            "FunctionCall",
            Request::FunctionCall {
                function_oid: 1344,
                arguments: &values,
                result_format: 0,
            },
        ),
        ("CopyData, 1 kB", Request::CopyData(&long[..1_024])),
        ("CopyData, 100 kB", Request::CopyData(&long)),
        ("CopyDone", Request::CopyDone),
        ("CopyFail", Request::CopyFail("no more")),
        ("Flush", Request::Flush),
        ("Sync", Request::Sync),
        ("Terminate", Request::Terminate),
        (
            "StartupMessage",
            Request::Startup {
                protocol_version: 3 << 16,
                parameters: &startup,
            },
        ),
        ("SASLResponse", Request::Response(&long[..100])),
        ("PasswordMessage", Request::Password(&long[..20])),
    ];
    let mut group = c.benchmark_group("build");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(1));
    let mut out = Vec::with_capacity(200_000);
    for (name, request) in requests {
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                black_box(request).append(&mut out)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, each_message);
criterion_main!(benches);
