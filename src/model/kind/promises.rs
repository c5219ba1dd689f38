//! Writes for which a client waits until replicas have them (`replication.c`, `waitCommand`, `waitaofCommand`).
//!
//! How many do is the cluster's to say, and is no more than a bound here: whether it is true is known from the wire, and judged
//! by the invariant of the same name.

use crate::history::Reply;
use crate::model::{Expected, Go, Kind, Pick, Ran, Run, reads, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "promises",
    about: "writes that wait for replicas: `SET` and `INCR` with `WAIT` or `WAITAOF` behind them",
    draw: |pick| vec![draw(pick)],
    rules: &[reads("WAIT", wait), reads("WAITAOF", waitaof)],
};

/// More replicas than a primary has.
const REPLICAS_MAX: i64 = 1_000;

fn draw(pick: &mut Pick) -> Go {
    let key = pick.key("promise");
    let tag = key.replace(':', "-");
    let count = format!("{{{tag}}}n");
    let (replicas, ms) = ((1 + pick.choice(2)).to_string(), (20 + pick.choice(400)).to_string());
    let wait = words(&["WAIT", &replicas, &ms]);
    match pick.choice(6) {
        0 => vec![words(&["GET", &key])],
        1 => vec![words(&["INCR", &count]), wait],
        2 => {
            // Where there is no append-only file the first is refused.
            let local = pick.choice(2);
            let replicas = if local == 1 { "0" } else { &replicas };
            vec![words(&["SET", &key, pick.token]), words(&["WAITAOF", &local.to_string(), replicas, &ms])]
        }
        _ => vec![words(&["SET", &key, pick.token]), wait],
    }
}

fn wait(run: &mut Run) -> Ran {
    run.only(3)?;
    Ok(of_primary(run, Expected::Between(0, REPLICAS_MAX)))
}

fn waitaof(run: &mut Run) -> Ran {
    run.only(4)?;
    let both = vec![Expected::Between(0, 1), Expected::Between(0, REPLICAS_MAX)];
    Ok(of_primary(run, Expected::Each(both)))
}

/// A replica promises nothing, and a primary that becomes one gives up whoever waits.
fn of_primary(run: &Run, expected: Expected) -> Expected {
    let is_refused = run.told.and_then(Reply::error_code).is_some();
    if is_refused { Expected::Anything } else { expected }
}
