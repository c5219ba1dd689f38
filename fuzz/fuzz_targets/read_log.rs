//! Any bytes as a log: the reader and the decisions give events or an error, and never panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use valkey_fuzzer::event_log::{Decisions, LogReader};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut reader) = LogReader::new(bytes) {
        let good = (&mut reader).filter(Result::is_ok).count() as u64;
        let _ = (good, reader.truncated(), reader.header().plan.fits());
    }
    let _ = Decisions::load(bytes);
});
