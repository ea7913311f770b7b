//! Framing: GB/s of COPY data, in the pieces in which it arrives, and small messages. `cargo bench -p pgwire-py-core --bench frames`.
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pgwire_py_core::frames::{FrameDecoder, Limits};
use pgwire_py_core::wire::MAX_LENGTH;

const GIGABYTE: usize = 1 << 30;

fn decoder() -> FrameDecoder {
    let limits = Limits {
        message: MAX_LENGTH as u32,
        ..Limits::default()
    };
    FrameDecoder::new(false, limits)
}

fn header(tag: u8, body: usize) -> [u8; 5] {
    let [a, b, c, d] = (body as u32 + 4).to_be_bytes();
    [tag, a, b, c, d]
}

/// Feeds one piece, returns how many bytes of bodies came out.
fn feed(decoder: &mut FrameDecoder, piece: &[u8]) -> usize {
    let (mut position, mut bytes) = (0, 0);
    while let Some(frame) = decoder.next(piece, &mut position).expect("no limit is met") {
        bytes += black_box(&frame).body.as_slice().len();
    }
    bytes
}

/// One message, longer than what arrives at a time.
fn one_copy_data(c: &mut Criterion) {
    let mut group = c.benchmark_group("one CopyData in pieces");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(1));
    for (name, total) in [("1 MB", 1 << 20), ("64 MB", 1 << 26), ("1 GB", GIGABYTE)] {
        group.throughput(Throughput::Bytes(total as u64));
        for piece in [65_536, 1_024] {
            let data = vec![b'x'; piece];
            group.bench_function(BenchmarkId::new(name, piece), |b| {
                b.iter(|| {
                    let mut decoder = decoder();
                    let mut bytes = feed(&mut decoder, &header(b'd', total));
                    for _ in 0..total / piece {
                        bytes += feed(&mut decoder, &data);
                    }
                    assert_eq!(bytes, total);
                });
            });
        }
    }
    group.finish();
}

/// Messages of one size, in reads of 64 kB that end anywhere.
fn many_copy_data(c: &mut Criterion) {
    let mut group = c.benchmark_group("CopyData messages in reads of 64 kB");
    for size in [65_536, 1_024, 100] {
        let mut stream = Vec::new();
        while stream.len() < 1 << 24 {
            stream.extend_from_slice(&header(b'd', size));
            stream.resize(stream.len() + size, b'x');
        }
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            let mut decoder = decoder();
            b.iter(|| {
                stream
                    .chunks(65_536)
                    .map(|piece| feed(&mut decoder, piece))
                    .sum::<usize>()
            });
        });
    }
    group.finish();
}

/// What answers a query with 100 rows: 103 messages in one read.
fn one_result(c: &mut Criterion) {
    let mut stream = Vec::new();
    for (tag, body, count) in [(b'T', 32, 1), (b'D', 8, 100), (b'C', 11, 1), (b'Z', 1, 1)] {
        for _ in 0..count {
            stream.extend_from_slice(&header(tag, body));
            stream.resize(stream.len() + body, 0);
        }
    }
    c.bench_function("103 messages in one read", |b| {
        let mut decoder = decoder();
        b.iter(|| feed(&mut decoder, black_box(&stream)));
    });
}

criterion_group!(benches, one_copy_data, many_copy_data, one_result);
criterion_main!(benches);
