//! Whether somebody asked the program to end: Ctrl-C and its kin, for whoever waits for something.
//!
//! Signals reach the whole program, so the answer is the program's too. The first one asks, and what is under way ends
//! in order and says how far it came; another one ends the program at once. `timeout` and others signal a program and
//! then its process group, so what comes within a moment of the first is the first.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level;

use crate::wall::Stopwatch;

/// How long after the first signal another one counts as the same, in milliseconds.
const SAME_MS: u64 = 1_000;
/// What the program ends with if it is ended at once.
const EXIT_CODE: i32 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);
/// When the first signal came, in milliseconds after signals were first listened to, plus one; 0 if none did.
static FIRST_MS: AtomicU64 = AtomicU64::new(0);
static LISTENING: AtomicBool = AtomicBool::new(false);

/// Set once somebody asked for the end; never before signals are listened to.
pub fn flag() -> &'static AtomicBool {
    &ASKED
}

/// Whether somebody asked for the end.
pub fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Listens to signals from now on, instead of dying by them.
pub fn listen() -> io::Result<&'static AtomicBool> {
    if !LISTENING.swap(true, Ordering::Relaxed) {
        let clock = Stopwatch::start();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let took = move || took(clock.elapsed().as_millis() as u64 + 1);
            // SAFETY: the handler loads and stores atomics, reads the clock and leaves the process: all of that a
            // signal handler may do.
            unsafe { low_level::register(signal, took) }?;
        }
    }
    Ok(&ASKED)
}

/// Takes a signal that came at `now_ms`.
fn took(now_ms: u64) {
    match FIRST_MS.compare_exchange(0, now_ms, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => ASKED.store(true, Ordering::Relaxed),
        Err(first_ms) if now_ms - first_ms > SAME_MS => low_level::exit(EXIT_CODE),
        Err(_) => {}
    }
}
