//! Whether somebody asked the program to end: Ctrl-C and its kin, for whoever waits for something.
//!
//! Signals reach the whole program, so the answer is the program's too. The first one asks, and what is under way ends
//! in order and says how far it came; another one ends the program at once. `timeout` and others signal a program and
//! then its process group, so what comes within a moment of the first is the first. Processes that do this program's
//! work in sessions of their own hear nothing of a terminal, and are told from here.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

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
/// How many processes can be told.
const FOLLOWERS_MAX: usize = 256;
/// The processes that are told when the first signal comes; 0 where a place is free.
static FOLLOWERS: [AtomicI32; FOLLOWERS_MAX] = [const { AtomicI32::new(0) }; FOLLOWERS_MAX];

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
        Ok(_) => {
            ASKED.store(true, Ordering::SeqCst);
            FOLLOWERS.iter().for_each(|place| tell(place.load(Ordering::SeqCst)));
        }
        Err(first_ms) if now_ms - first_ms > SAME_MS => low_level::exit(EXIT_CODE),
        Err(_) => {}
    }
}

/// A process that is asked to end when this one is.
#[derive(Debug)]
pub struct Follower(&'static AtomicI32);

impl Follower {
    /// Has a child of this process told from now on; nothing if there are too many already. The child must not be
    /// reaped before this is dropped: its number may be another's then.
    pub fn new(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        let is_taken =
            |place: &&AtomicI32| place.compare_exchange(0, pid, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        let place = FOLLOWERS.iter().find(is_taken)?;
        // Who asked a moment ago may not have seen it.
        if ASKED.load(Ordering::SeqCst) {
            tell(pid);
        }
        Some(Follower(place))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.store(0, Ordering::SeqCst);
    }
}

/// Asks a process to end, if there is one.
fn tell(pid: i32) {
    if pid > 0 {
        // SAFETY: a system call that a signal handler may make.
        unsafe { libc::kill(pid, libc::SIGTERM) };
    }
}
