#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pgwire_py_fuzz::builder(data));
