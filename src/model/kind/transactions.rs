//! Transactions: commands between `MULTI` and `EXEC`, alone or after a `WATCH` that a change of its keys breaks (`multi.c`).
//!
//! What is watched belongs to a connection and stands in the cell's state. A change that shows breaks it; a write that changes
//! nothing to be seen may or may not; a read does not.

use crate::model::{Expected, Go, Kind, Pick, Ran, Run, Stop, reads, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "transactions",
    about: "transactions: commands between `MULTI` and `EXEC`, half of them after `WATCH` and a read a moment earlier",
    draw,
    rules: &[reads("WATCH", watch), reads("UNWATCH", unwatch), reads("MULTI", alone), reads("EXEC", alone)],
};

fn draw(pick: &mut Pick) -> Vec<Go> {
    let tag = pick.key("txn").replace(':', "-");
    let (text, list, count) = (format!("{{{tag}}}a"), format!("{{{tag}}}b"), format!("{{{tag}}}n"));
    let body = match pick.choice(4) {
        0 => vec![words(&["INCR", &count]), words(&["INCR", &count])],
        1 => vec![
            words(&["SET", &text, pick.token]),
            words(&["RPUSH", &list, pick.token]),
            words(&["LLEN", &list]),
        ],
        2 => vec![words(&["LPOP", &list]), words(&["GET", &text]), words(&["DEL", &text])],
        _ => vec![words(&["INCR", &text]), words(&["INCR", &count])],
    };
    let whole = [vec![words(&["MULTI"])], body, vec![words(&["EXEC"])]].concat();
    let watched = vec![words(&["WATCH", &text, &count]), words(&["GET", &count])];
    match pick.choice(12) {
        0 | 1 => vec![vec![words(&["INCR", &count])]],
        2 => {
            // It may expire before the transaction is done.
            let ms = (20 + 20 * pick.choice(8)).to_string();
            vec![vec![words(&["SET", &text, pick.token, "PX", &ms])], watched, whole]
        }
        3..=5 => vec![watched, whole],
        _ => vec![whole],
    }
}

fn watch(run: &mut Run) -> Ran {
    let keys = run.rest(1)?.iter().map(|key| (*key).to_owned());
    let conn = run.conn.ok_or(Stop::Unmodelled)?;
    run.state.watch(conn, keys);
    Ok(Expected::ok())
}

/// The two ends of a transaction mean something together only.
fn alone(_run: &mut Run) -> Ran {
    Err(Stop::Unmodelled)
}

fn unwatch(run: &mut Run) -> Ran {
    run.only(1)?;
    let conn = run.conn.ok_or(Stop::Unmodelled)?;
    run.state.unwatch(conn);
    Ok(Expected::ok())
}
