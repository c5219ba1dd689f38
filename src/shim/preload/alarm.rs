//! A process's one alarm: it rings by `SIGALRM` when its virtual time has come, and the process next waits for something.

use core::cell::Cell;

use crate::baton::Baton;
use crate::turn;

/// It does not ring.
const NEVER: u64 = u64::MAX;

struct Alarm {
    next_ns: Cell<u64>,
    /// After how long it rings again; 0 is never.
    interval_ns: Cell<u64>,
}

static ALARM: Baton<Alarm> = Baton::new(Alarm { next_ns: Cell::new(NEVER), interval_ns: Cell::new(0) });

/// When it rings next; the highest number if it does not.
pub fn next_ns() -> u64 {
    ALARM.next_ns.get()
}

/// After how long from now it rings, 0 if it does not, and after how long it rings again.
pub fn state() -> (u64, u64) {
    let (next, now) = (next_ns(), turn::page().now_ns.get());
    (if next == NEVER { 0 } else { next.saturating_sub(now).max(1) }, ALARM.interval_ns.get())
}

/// Sets it to ring after `value_ns` (0 is not at all), and then again after each `interval_ns` (0 is once).
pub fn set(value_ns: u64, interval_ns: u64) {
    let next = if value_ns == 0 { NEVER } else { turn::page().now_ns.get().saturating_add(value_ns) };
    ALARM.next_ns.set(next);
    ALARM.interval_ns.set(interval_ns);
}

/// Sends the signal if its time has come; whether it had.
pub fn ring() -> bool {
    let (next, now, interval) = (next_ns(), turn::page().now_ns.get(), ALARM.interval_ns.get());
    if now < next {
        return false;
    }
    // However often its time came meanwhile, it rings once.
    let missed = (now - next).checked_div(interval);
    ALARM.next_ns.set(missed.map_or(NEVER, |missed| next + (missed + 1) * interval));
    turn::me().signals.update(|signals| signals | 1 << libc::SIGALRM);
    true
}

/// A forked child has no alarm.
pub fn forget() {
    set(0, 0);
}
