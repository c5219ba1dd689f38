//! Several databases: keys that go or are copied from one to another, and transactions that change the database (`db.c`, 9.0).

use crate::model::{Expected, Go, Kind, Pick, Ran, Run, Stop, reads, words, writes};

pub(in crate::model) const KIND: Kind = Kind {
    name: "databases",
    about: "several databases: `MOVE`, `COPY … DB`, and `SELECT` within a transaction; of a cluster with `databases`",
    draw: |pick| vec![draw(pick)],
    rules: &[reads("SELECT", select), writes("MOVE", go)],
};

fn draw(pick: &mut Pick) -> Go {
    let tag = pick.key("moved").replace(':', "-");
    let mut key = |names: [&str; 2]| format!("{{{tag}}}{}", names[pick.choice(2) as usize]);
    let (one, two) = (key(["a", "b"]), key(["a", "b"]));
    let database = pick.number(pick.databases);
    match pick.choice(12) {
        0 | 1 => vec![words(&["MOVE", &one, &database])],
        2 => vec![words(&["COPY", &one, &two, "DB", &database])],
        3 => vec![words(&["COPY", &one, &two, "REPLACE", "DB", &database])],
        4 => vec![words(&["SET", &one, pick.token, "PX", "900"])],
        5 => vec![words(&["DEL", &one])],
        6 => vec![words(&["EXISTS", &one, &two])],
        7 => {
            let (here, there) = (words(&["SET", &one, pick.token]), words(&["GET", &one]));
            vec![words(&["MULTI"]), here, words(&["SELECT", &database]), there, words(&["EXEC"])]
        }
        8 => {
            let (select, there) = (words(&["SELECT", &database]), words(&["APPEND", &one, pick.token]));
            vec![words(&["MULTI"]), select, there, words(&["MOVE", &one, "0"]), words(&["EXEC"])]
        }
        9 => vec![words(&["GET", &one])],
        _ => vec![words(&["SET", &one, pick.token])],
    }
}

fn number(run: &Run, place: usize) -> Result<u16, Stop> {
    run.int(place)?.try_into().map_err(|_| Stop::Error("ERR"))
}

fn select(run: &mut Run) -> Ran {
    run.only(2)?;
    run.state.select(number(run, 1)?);
    Ok(Expected::ok())
}

fn go(run: &mut Run) -> Ran {
    run.only(3)?;
    let (key, to) = (run.arg(1)?, number(run, 2)?);
    let from = run.state.select(to);
    let is_there = run.state.get(key).is_some();
    run.state.select(from);
    if from == to {
        return Err(Stop::Error("ERR"));
    }
    let Some(item) = run.state.get(key).cloned().filter(|_| !is_there) else {
        return Ok(Expected::yes(false));
    };
    run.state.take(key);
    run.state.select(to);
    run.state.put(key, item);
    run.state.select(from);
    Ok(Expected::yes(true))
}
