//! Keys that expire: deadlines set, read and taken away (`expire.c`).
//!
//! What a client is told of the time that is left is held against the deadline within what is known of the server's clock.

use super::strings::deadline;
use crate::model::{Deadline, Expected, Kind, Pick, Ran, Run, Stop, reads, rewords, words, writes};

pub(in crate::model) const KIND: Kind = Kind {
    name: "expiry",
    about: "keys that expire: `SET` with `PX`, `EX`, `PXAT`, `PSETEX`, `EXPIRE`, `PEXPIRE` with its conditions, `PEXPIREAT`, `GETEX`, `PERSIST`, `PTTL` and its kin",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[
        rewords("EXPIRE", expire),
        rewords("PEXPIRE", pexpire),
        rewords("EXPIREAT", expireat),
        rewords("PEXPIREAT", pexpireat),
        writes("PERSIST", persist),
        rewords("GETEX", getex),
        reads("TTL", ttl),
        reads("PTTL", pttl),
        reads("EXPIRETIME", expiretime),
        reads("PEXPIRETIME", pexpiretime),
    ],
};

/// Long before every run, and long after it, in milliseconds.
const PAST: &str = "1000";
const FUTURE: &str = "4102444800000";

fn draw(pick: &mut Pick) -> Vec<String> {
    let (key, ms) = (pick.key("ttl"), (50 + pick.choice(4_000)).to_string());
    match pick.choice(18) {
        0 => words(&["SET", &key, pick.token, "PX", &ms]),
        1 => words(&["PSETEX", &key, &ms, pick.token]),
        2 => words(&["PEXPIRE", &key, &ms]),
        3 => words(&["PEXPIRE", &key, &ms, ["NX", "XX", "GT", "LT"][pick.choice(4) as usize]]),
        4 => words(&["GETEX", &key, "PX", &ms]),
        5 => words(&["PERSIST", &key]),
        6 => words(&["PTTL", &key]),
        7 => words(&["SET", &key, pick.token, "KEEPTTL"]),
        8 => words(&["APPEND", &key, pick.token]),
        9 => words(&["SET", &key, pick.token]),
        10 => words(&["EXISTS", &key]),
        11 => words(&["EXPIRE", &key, "1"]),
        12 => words(&["SET", &key, pick.token, "EX", "1"]),
        13 => words(&["PEXPIREAT", &key, [PAST, FUTURE][pick.choice(2) as usize]]),
        14 => words(&["SET", &key, pick.token, "PXAT", FUTURE]),
        15 => words(&["GETEX", &key, "PERSIST"]),
        16 => words(&[["TTL", "EXPIRETIME", "PEXPIRETIME"][pick.choice(3) as usize], &key]),
        _ => words(&["GET", &key]),
    }
}

fn expire(run: &mut Run) -> Ran {
    let ms = run.int(2)?.checked_mul(1_000).ok_or(Stop::Error("ERR"))?;
    set_after(run, ms)
}

fn pexpire(run: &mut Run) -> Ran {
    let ms = run.int(2)?;
    set_after(run, ms)
}

/// So many milliseconds from now; what is not in the future is long past.
fn set_after(run: &mut Run, ms: i64) -> Ran {
    let until = if ms > 0 { Deadline::after(run.now, ms) } else { Deadline::exactly(i64::MIN) };
    set(run, until)
}

fn expireat(run: &mut Run) -> Ran {
    let ms = run.int(2)?.checked_mul(1_000).ok_or(Stop::Error("ERR"))?;
    set(run, Deadline::exactly(ms))
}

fn pexpireat(run: &mut Run) -> Ran {
    let ms = run.int(2)?;
    set(run, Deadline::exactly(ms))
}

fn set(run: &mut Run, until: Deadline) -> Ran {
    let key = run.arg(1)?;
    let condition = run.args.get(3).map(|word| word.to_ascii_uppercase());
    if run.args.len() > 4 {
        return Err(Stop::Unmodelled);
    }
    let Some(before) = run.state.get(key).map(|item| item.until) else {
        return Ok(Expected::yes(false));
    };
    if !allows(condition.as_deref(), before, until)? {
        return Ok(Expected::yes(false));
    }
    if until.to < run.now.0 {
        run.state.take(key);
    } else if let Some(item) = run.state.get_mut(key) {
        item.until = Some(until);
    }
    Ok(Expected::yes(true))
}

/// Whether a condition lets a new deadline take the place of the one before. Deadlines that are too close to tell apart are
/// not told apart here either.
fn allows(condition: Option<&str>, before: Option<Deadline>, until: Deadline) -> Result<bool, Stop> {
    let later = match before {
        None => Some(false),
        Some(before) if until.from > before.to => Some(true),
        Some(before) if until.to < before.from => Some(false),
        Some(_) => None,
    };
    match condition {
        None => Ok(true),
        Some("NX") => Ok(before.is_none()),
        Some("XX") => Ok(before.is_some()),
        Some("GT") => later.ok_or(Stop::Unmodelled),
        Some("LT") => later.map(|later| !later || before.is_none()).ok_or(Stop::Unmodelled),
        Some(_) => Err(Stop::Error("ERR")),
    }
}

fn persist(run: &mut Run) -> Ran {
    run.only(2)?;
    let item = run.state.get_mut(run.arg(1)?);
    Ok(Expected::yes(item.and_then(|item| item.until.take()).is_some()))
}

fn getex(run: &mut Run) -> Ran {
    let key = run.arg(1)?;
    let text = Expected::text(run.state.text(key)?);
    let unit = run.args.get(2).map(|word| word.to_ascii_uppercase());
    let until = match unit.as_deref() {
        None => return Ok(text),
        Some("PERSIST") => None,
        Some(unit @ ("EX" | "PX" | "EXAT" | "PXAT")) => Some(deadline(run, unit, run.int(3)?)?),
        Some(_) => return Err(Stop::Error("ERR")),
    };
    if until.is_some_and(|until| until.to < run.now.0) {
        run.state.take(key);
    } else if let Some(item) = run.state.get_mut(key) {
        item.until = until;
    }
    Ok(text)
}

/// What is told of a deadline: -2 if there is no key, -1 if it does not expire.
fn told(run: &Run, of: impl Fn(Deadline) -> (i64, i64)) -> Ran {
    run.only(2)?;
    Ok(match run.state.get(run.arg(1)?).map(|item| item.until) {
        None => Expected::int(-2),
        Some(None) => Expected::int(-1),
        Some(Some(until)) => {
            let (from, to) = of(until);
            Expected::Between(from, to)
        }
    })
}

fn ttl(run: &mut Run) -> Ran {
    let now = run.now;
    // It rounds to the nearest second.
    told(run, |until| {
        let (from, to) = until.left(now);
        ((from + 500) / 1_000, (to + 500) / 1_000)
    })
}

fn pttl(run: &mut Run) -> Ran {
    let now = run.now;
    told(run, |until| until.left(now))
}

fn expiretime(run: &mut Run) -> Ran {
    told(run, |until| ((until.from + 500) / 1_000, (until.to + 500) / 1_000))
}

fn pexpiretime(run: &mut Run) -> Ran {
    told(run, |until| (until.from, until.to))
}
