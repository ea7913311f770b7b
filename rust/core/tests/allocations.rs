//! No decoder allocates more than a multiple of the bytes it was given, whatever those claim (docs/reference/limits.md).
//!
//! One test in this file, for the allocator counts what the whole process does.
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use pgwire_py_core::framing::{BackendDecoder, FrontendDecoder};

/// Bytes allocated at most for each byte given, beside [`FREE`].
const MULTIPLE: usize = 48;
/// Bytes that an error's text and the like may take however little was given.
const FREE: usize = 1_024;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(used, Relaxed);
        // SAFETY: the caller keeps the rules of GlobalAlloc.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the pointer came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn peak_of(work: impl FnOnce()) -> usize {
    let before = USED.load(Relaxed);
    PEAK.store(before, Relaxed);
    work();
    PEAK.load(Relaxed) - before
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[tag][..], &length, body].concat()
}

fn counted(count: u16, each: &[u8]) -> Vec<u8> {
    [&count.to_be_bytes()[..], &each.repeat(usize::from(count))].concat()
}

/// What each end may send that costs most: many small things in one message, many small messages, counts and lengths that lie.
fn costly() -> Vec<(bool, &'static str, Vec<u8>)> {
    let null = &[0xff; 4][..];
    let bind = |formats: u16, values: u16| {
        [
            &b"\0\0"[..],
            &counted(formats, &[0, 1]),
            &counted(values, null),
            &counted(formats, &[0, 1]),
        ]
        .concat()
    };
    vec![
        (true, "formats", message(b'B', &bind(65_535, 0))),
        (true, "parameters", message(b'B', &bind(0, 65_535))),
        (
            true,
            "parameter types",
            message(b'P', &[&b"\0\0"[..], &counted(65_535, &[0; 4])].concat()),
        ),
        (
            true,
            "text",
            message(b'Q', &[vec![b'a'; 100_000], vec![0]].concat()),
        ),
        (
            true,
            "not UTF-8",
            message(b'Q', &[vec![0xff; 100_000], vec![0]].concat()),
        ),
        (true, "messages", message(b'S', b"").repeat(20_000)),
        (
            true,
            "malformed messages",
            message(b'S', b"!").repeat(20_000),
        ),
        (true, "a lying count", message(b'B', b"\0\0\xff\xff")),
        (true, "a lying length", b"d\x3f\xff\xff\xff".to_vec()),
        (
            true,
            "an incomplete message",
            [&b"d\x3f\xff\xff\xff"[..], &[0; 100_000]].concat(),
        ),
        (false, "values", message(b'D', &counted(65_535, null))),
        (false, "rows", message(b'D', &[0, 0]).repeat(20_000)),
        (false, "columns", message(b'T', &counted(65_535, &[0; 19]))),
        (
            false,
            "error fields",
            message(b'E', &[b"M\0".repeat(50_000), vec![0]].concat()),
        ),
        (
            false,
            "not UTF-8",
            message(b'E', &[&b"M"[..], &[0xff; 100_000], &[0, 0]].concat()),
        ),
        (
            false,
            "mechanisms",
            message(
                b'R',
                &[&10_u32.to_be_bytes()[..], &b"a\0".repeat(900), &[0]].concat(),
            ),
        ),
        (
            false,
            "options",
            message(
                b'v',
                &[&[0, 3, 0, 0, 0, 0, 3, 0x84][..], &b"a\0".repeat(900)].concat(),
            ),
        ),
        (
            false,
            "a lying number of options",
            message(b'v', &[0, 3, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        ),
        (false, "a lying count of columns", message(b'T', &[0xff; 2])),
        (false, "types", message(b't', &counted(65_535, &[0; 4]))),
        (
            false,
            "column formats",
            message(b'G', &[&[1][..], &counted(10_000, &[0, 1])].concat()),
        ),
        (
            false,
            "malformed messages",
            message(b'Z', b"!").repeat(20_000),
        ),
        (false, "a lying length", b"d\x3f\xff\xff\xff".to_vec()),
    ]
}

#[test]
fn memory_is_bounded_by_what_came() {
    let mut startup = [
        &196_608_u32.to_be_bytes()[..],
        &b"a\0\0".repeat(3_000),
        &[0],
    ]
    .concat();
    startup.splice(0..0, (startup.len() as u32 + 4).to_be_bytes());
    let mut inputs = costly();
    inputs.push((true, "start-up parameters", startup));
    for (from_frontend, name, input) in inputs {
        for size in [input.len(), 1_000] {
            let peak = peak_of(|| {
                let fed: Result<(), ()> = if from_frontend {
                    let mut decoder = FrontendDecoder::new(10_000, 1 << 30);
                    decoder.startup = input[0] == 0;
                    input
                        .chunks(size)
                        .try_for_each(|it| decoder.feed(it, |_| Ok(())))
                } else {
                    let mut decoder = BackendDecoder::new(1 << 30);
                    input
                        .chunks(size)
                        .try_for_each(|it| decoder.feed(it, |_| Ok(())))
                };
                assert_eq!(fed, Ok(()));
            });
            println!(
                "{name}: {:.1} times in pieces of {size}",
                peak as f64 / input.len() as f64
            );
            assert!(
                peak <= MULTIPLE * input.len() + FREE,
                "{name}: {peak} bytes for {}",
                input.len()
            );
        }
    }
}
