//! Counters: strings that are numbers (`t_string.c`, `incrDecrCommand`).

use crate::model::{Expected, Kind, Pick, Ran, Run, Stop, number, words, writes};

pub(in crate::model) const KIND: Kind = Kind {
    name: "counters",
    about: "counters: `INCR`, `DECR`, `INCRBY`, `DECRBY`, and reads of them",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[writes("INCR", incr), writes("DECR", decr), writes("INCRBY", incrby), writes("DECRBY", decrby)],
};

fn draw(pick: &mut Pick) -> Vec<String> {
    let key = pick.key("counter");
    match pick.choice(6) {
        0 | 1 => words(&["INCR", &key]),
        2 => words(&["DECR", &key]),
        3 => words(&["INCRBY", &key, &pick.number(1_000)]),
        4 => words(&["DECRBY", &key, &pick.number(1_000)]),
        _ => words(&["GET", &key]),
    }
}

fn incr(run: &mut Run) -> Ran {
    run.only(2)?;
    add(run, 1)
}

fn decr(run: &mut Run) -> Ran {
    run.only(2)?;
    add(run, -1)
}

fn incrby(run: &mut Run) -> Ran {
    run.only(3)?;
    add(run, run.int(2)?)
}

fn decrby(run: &mut Run) -> Ran {
    run.only(3)?;
    add(run, run.int(2)?.checked_neg().ok_or(Stop::Error("ERR"))?)
}

fn add(run: &mut Run, more: i64) -> Ran {
    let key = run.arg(1)?;
    let text = run.state.text(key)?.unwrap_or(b"0");
    let sum = number::whole(text).and_then(|before| before.checked_add(more)).ok_or(Stop::Error("ERR"))?;
    run.state.write_text(key, sum.to_string().into_bytes());
    Ok(Expected::int(sum))
}
