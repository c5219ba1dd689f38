//! Keys whatever they hold: deleted, looked for, copied and renamed (`db.c`).

use crate::history::Reply;
use crate::model::{Expected, Kind, Pick, Ran, Run, Stop, reads, words, writes};

pub(in crate::model) const KIND: Kind = Kind {
    name: "keys",
    about: "keys of any type: `DEL`, `UNLINK`, `EXISTS`, `TYPE`, `COPY`, `RENAME`, within one hash tag",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[
        writes("DEL", del),
        writes("UNLINK", del),
        reads("EXISTS", exists),
        reads("TOUCH", exists),
        reads("TYPE", kind_of),
        writes("COPY", copy),
        writes("RENAME", rename),
        writes("RENAMENX", renamenx),
    ],
};

/// The names of keys within a tag.
const NAMES: [&str; 3] = ["a", "b", "c"];

fn draw(pick: &mut Pick) -> Vec<String> {
    let tag = pick.key("keys").replace(':', "-");
    let mut key = || format!("{{{tag}}}{}", NAMES[pick.choice(3) as usize]);
    let (one, two) = (key(), key());
    match pick.choice(10) {
        0 => words(&["DEL", &one, &two]),
        1 => words(&["UNLINK", &one]),
        2 => words(&["EXISTS", &one, &two]),
        3 => words(&["TYPE", &one]),
        4 => words(&["COPY", &one, &two]),
        5 => words(&["COPY", &one, &two, "REPLACE"]),
        6 => words(&["RENAME", &one, &two]),
        7 => words(&["RPUSH", &one, pick.token]),
        8 => words(&["GET", &one]),
        _ => words(&["SET", &one, pick.token]),
    }
}

fn del(run: &mut Run) -> Ran {
    let state = &mut run.state;
    let rest = run.args.get(1..).filter(|rest| !rest.is_empty()).ok_or(Stop::Error("ERR"))?;
    Ok(Expected::int(rest.iter().filter(|key| state.take(key).is_some()).count()))
}

fn exists(run: &mut Run) -> Ran {
    let is_there = |key: &&&str| run.state.get(key).is_some();
    Ok(Expected::int(run.rest(1)?.iter().filter(is_there).count()))
}

fn kind_of(run: &mut Run) -> Ran {
    run.only(2)?;
    let kind = run.state.get(run.arg(1)?).map_or("none", |item| item.value.kind());
    Ok(Expected::Is(Reply::Status(kind.to_owned())))
}

fn copy(run: &mut Run) -> Ran {
    let (from, to) = (run.arg(1)?, run.arg(2)?);
    let item = run.state.get(from).cloned();
    let (mut replace, mut database, mut place) = (false, None, 3);
    while let Some(word) = run.args.get(place) {
        match word.to_ascii_uppercase().as_str() {
            "REPLACE" => replace = true,
            "DB" => {
                place += 1;
                database = Some(run.int(place)?.try_into().map_err(|_| Stop::Error("ERR"))?);
            }
            _ => return Err(Stop::Unmodelled),
        }
        place += 1;
    }
    let home = run.state.select(0);
    let away = database.unwrap_or(home);
    run.state.select(away);
    let item = item.filter(|_| replace || run.state.get(to).is_none());
    let done = item.is_some();
    let is_same = from == to && home == away;
    item.filter(|_| !is_same).into_iter().for_each(|item| run.state.put(to, item));
    run.state.select(home);
    if is_same { Err(Stop::Error("ERR")) } else { Ok(Expected::yes(done)) }
}

fn rename(run: &mut Run) -> Ran {
    run.only(3)?;
    let item = run.state.get(run.arg(1)?).cloned().ok_or(Stop::Error("ERR"))?;
    run.state.take(run.arg(1)?);
    run.state.put(run.arg(2)?, item);
    Ok(Expected::ok())
}

fn renamenx(run: &mut Run) -> Ran {
    run.only(3)?;
    let (from, to) = (run.arg(1)?, run.arg(2)?);
    let item = run.state.get(from).cloned().ok_or(Stop::Error("ERR"))?;
    if from == to || run.state.get(to).is_some() {
        return Ok(Expected::yes(false));
    }
    run.state.take(from);
    run.state.put(to, item);
    Ok(Expected::yes(true))
}
