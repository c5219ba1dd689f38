//! Any bytes as a log's file, plain or compressed: opening it for a replay gives a recording or an error, and what is
//! read of one before it runs never panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use valkey_fuzzer::replay::Recording;
use valkey_fuzzer::replay::align::align;
use valkey_fuzzer::replay::bisect::Injected;
use valkey_fuzzer::replay::inspect::{Moment, Until};

fuzz_target!(|bytes: &[u8]| {
    let file = tempfile();
    std::fs::write(&file, bytes).expect("the file is written");
    if let Ok(recording) = Recording::open(&file) {
        let _ = (recording.violated(), Injected::of(&recording), recording.comparison());
        let _ = Moment::of(&recording, Until::Event(recording.decisions.events / 2));
        let open = || valkey_fuzzer::event_log::open(&file).expect("it was opened before");
        let _ = align(open(), open());
    }
});

/// One file a process, in memory where there is such a folder.
fn tempfile() -> std::path::PathBuf {
    let shared = std::path::Path::new("/dev/shm");
    let folder = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    folder.join(format!("valkey-fuzzer-fuzz-{}", std::process::id()))
}
