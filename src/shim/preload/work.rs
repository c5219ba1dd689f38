//! What work costs in virtual time: looks at clocks, calls, bytes, forks.
//!
//! Nothing here is measured: what a process does is counted, so that a run is the same on any machine. The prices are
//! those of a quick machine, and the page says how many times slower this one is. A process that goes on and on without
//! waiting for anything is told by the work that it has done, and by nothing else.

use core::cell::Cell;

use crate::baton::Baton;
use crate::page::{state, waits};
use crate::turn::{give_way, hand_over, page, since_ns};

/// What this process has done since it last had to wait.
struct Work {
    looks: Cell<u64>,
    /// Looks that stood for a stretch of work each.
    stretches: Cell<u64>,
    /// Looks since it last asked for news.
    looks_after_news: Cell<u64>,
    /// It has looked at the time of day since it last looked at the clock that measures lengths.
    in_command: Cell<bool>,
    spent_ns: Cell<u64>,
}

static WORK: Baton<Work> = Baton::new(Work {
    looks: Cell::new(0),
    stretches: Cell::new(0),
    looks_after_news: Cell::new(0),
    in_command: Cell::new(false),
    spent_ns: Cell::new(0),
});

/// Which clock is looked at.
#[derive(Clone, Copy, PartialEq)]
pub enum Look {
    /// The time of day: a server looks twice at it for each command (`call` in `server.c`).
    OfDay,
    /// The clock that measures lengths: a server's script looks at it every 100 000 instructions (`lua_sethook` in
    /// `script_lua.c`).
    OfLength,
}

/// A look at a clock.
const LOOK_NS: u64 = 100;
/// Each of the many looks at the time of day that commands make in a row.
const LOOK_OF_COMMAND_NS: u64 = 500;
/// A call that moves bytes, beside what the bytes cost.
const CALL_NS: u64 = 300;
/// As fast as memory is copied a few times.
const BYTES_PER_NS: u64 = 4;
/// A fork of a small process: its parent stands still meanwhile.
const FORK_NS: u64 = 300_000;
/// Work of a process that is busy after which it lets the rest of the world go on, where it looks for news.
const SLICE_NS: u64 = 1_000_000;
/// Work without a wait beyond which none is to come: of a script that calls no command, more than 6 · 10⁹ instructions,
/// which take ten real seconds and more.
const ENDLESS_NS: u64 = 8_000_000_000;

/// Lets work take virtual time that takes a quick machine `ns`.
fn spend(ns: u64) {
    let taken = ns * page().times_slower.get();
    page().now_ns.update(|now| now + taken);
    page().busy_ns.update(|busy| busy + taken);
    WORK.spent_ns.update(|spent| spent + ns);
    if WORK.spent_ns.get() > ENDLESS_NS {
        hand_over(state::BUSY);
    }
}

/// The price of a look at a clock. A process that looks again and again without a wait computes in between, and how
/// much can only be guessed from the looks: those of its commands stand for little, those of a script that calls no
/// command for 100 000 instructions each. So their price rises, the first thousands apart, to what those take.
pub fn look(which: Look) {
    /// Looks, and stretches of work, that cost no more than a look; an ordinary turn has no more of them.
    const CHEAP: u64 = 1_000;
    const STEPS: u64 = 6;
    let looks = WORK.looks.replace(WORK.looks.get() + 1);
    if !stands_for_work(which) {
        let is_one_of_many = which == Look::OfDay && looks >= CHEAP;
        return spend(if is_one_of_many { LOOK_OF_COMMAND_NS } else { LOOK_NS });
    }
    let stretches = WORK.stretches.replace(WORK.stretches.get() + 1);
    spend(LOOK_NS * (stretches / CHEAP).clamp(1, STEPS).pow(4));
}

/// Whether a look comes after a stretch of work of unknown length. Looking for news makes some looks of its own, of
/// which the first one ends the stretch before.
fn stands_for_work(which: Look) -> bool {
    const OF_NEWS: core::ops::Range<u64> = 1..16;
    let after_news = WORK.looks_after_news.replace(WORK.looks_after_news.get() + 1);
    match which {
        _ if after_news == 0 => true,
        _ if OF_NEWS.contains(&after_news) => false,
        Look::OfDay => {
            WORK.in_command.set(true);
            false
        }
        Look::OfLength => !WORK.in_command.replace(false),
    }
}

/// The price of a call that moves `len` bytes.
pub fn call(len: usize) {
    spend(CALL_NS + len as u64 / BYTES_PER_NS);
}

/// The price of a fork.
pub fn fork() {
    spend(FORK_NS);
}

/// Lets the rest of the world go on if this process has been busy for long: it asked for news, and waits for none.
pub fn breathe() {
    spend(CALL_NS);
    WORK.looks_after_news.set(0);
    if page().now_ns.get().saturating_sub(since_ns()) >= SLICE_NS * page().times_slower.get() {
        give_way(page().now_ns.get(), waits::IO | waits::OTHERS);
    }
}

/// It had to wait: what comes now is other work.
pub fn begin_anew() {
    for count in [&WORK.looks, &WORK.stretches, &WORK.spent_ns] {
        count.set(0);
    }
}
