//! Hashes: fields set, counted and taken away (`t_hash.c`).

use std::collections::BTreeMap;

use crate::history::Reply;
use crate::model::state::Field;
use crate::model::{Expected, Kind, Pick, Ran, Run, Stop, number, reads, words, writes};

pub(in crate::model) const KIND: Kind = Kind {
    name: "hashes",
    about: "hashes: `HSET`, `HSETNX`, `HDEL`, `HINCRBY`, `HGET`, `HMGET`, `HEXISTS`, `HLEN`, `HKEYS`, `HVALS`, `HGETALL`",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[
        writes("HSET", hset),
        writes("HMSET", hmset),
        writes("HSETNX", hsetnx),
        writes("HDEL", hdel),
        writes("HINCRBY", hincrby),
        reads("HGET", hget),
        reads("HMGET", hmget),
        reads("HEXISTS", hexists),
        reads("HLEN", hlen),
        reads("HSTRLEN", hstrlen),
        reads("HKEYS", hkeys),
        reads("HVALS", hvals),
        reads("HGETALL", hgetall),
    ],
};

fn draw(pick: &mut Pick) -> Vec<String> {
    let (key, field) = (pick.key("hash"), pick.member());
    match pick.choice(12) {
        0 | 1 => words(&["HSET", &key, &field, pick.token]),
        2 => words(&["HSET", &key, &field, pick.token, "n", "0"]),
        3 => words(&["HSETNX", &key, &field, pick.token]),
        4 => words(&["HDEL", &key, &field]),
        5 | 6 => words(&["HINCRBY", &key, "n", &pick.number(100)]),
        7 => words(&["HGET", &key, &field]),
        8 => words(&["HMGET", &key, &field, "n"]),
        9 => words(&["HEXISTS", &key, &field]),
        10 => words(&["HLEN", &key]),
        _ => words(&["HGETALL", &key]),
    }
}

/// A field that does not expire.
pub(super) fn held(text: &str) -> Field {
    Field { text: text.to_owned(), until: None }
}

fn set(run: &mut Run) -> Result<usize, Stop> {
    let (key, pairs) = (run.arg(1)?, run.pairs(2)?);
    run.state.change_hash(key, |hash| {
        let is_new = |(field, value): &(&str, &str)| hash.insert((*field).to_owned(), held(value)).is_none();
        pairs.filter(is_new).count()
    })
}

fn hset(run: &mut Run) -> Ran {
    set(run).map(Expected::int)
}

fn hmset(run: &mut Run) -> Ran {
    set(run).map(|_| Expected::ok())
}

fn hsetnx(run: &mut Run) -> Ran {
    run.only(4)?;
    let (key, field, value) = (run.arg(1)?, run.arg(2)?, run.arg(3)?);
    let is_free = run.state.hash(key)?.is_none_or(|hash| !hash.contains_key(field));
    if is_free {
        run.state.change_hash(key, |hash| hash.insert(field.to_owned(), held(value)))?;
    }
    Ok(Expected::yes(is_free))
}

fn hdel(run: &mut Run) -> Ran {
    let (key, rest) = (run.arg(1)?, run.rest(2)?);
    run.state.change_hash(key, |hash| {
        Expected::int(rest.iter().filter(|field| hash.remove(**field).is_some()).count())
    })
}

fn hincrby(run: &mut Run) -> Ran {
    run.only(4)?;
    let (key, field, more) = (run.arg(1)?, run.arg(2)?, run.int(3)?);
    let before = run.state.hash(key)?.and_then(|hash| hash.get(field)).map_or("0", |held| &held.text);
    let sum = number::whole(before.as_bytes()).and_then(|before| before.checked_add(more));
    let sum = sum.ok_or(Stop::Error("ERR"))?;
    run.state.change_hash(key, |hash| hash.entry(field.to_owned()).or_default().text = sum.to_string())?;
    Ok(Expected::int(sum))
}

fn hget(run: &mut Run) -> Ran {
    run.only(3)?;
    let field = run.arg(2)?;
    Ok(Expected::text(run.state.hash(run.arg(1)?)?.and_then(|hash| hash.get(field)).map(|held| &held.text)))
}

fn hmget(run: &mut Run) -> Ran {
    let hash = run.state.hash(run.arg(1)?)?;
    let value = |field: &&str| {
        hash.and_then(|hash| hash.get(*field)).map_or(Reply::Nil, |held| Reply::text(held.text.as_bytes()))
    };
    Ok(Expected::Is(Reply::List(run.rest(2)?.iter().map(value).collect())))
}

fn hexists(run: &mut Run) -> Ran {
    run.only(3)?;
    let field = run.arg(2)?;
    Ok(Expected::yes(run.state.hash(run.arg(1)?)?.is_some_and(|hash| hash.contains_key(field))))
}

fn hlen(run: &mut Run) -> Ran {
    run.only(2)?;
    Ok(Expected::int(run.state.hash(run.arg(1)?)?.map_or(0, BTreeMap::len)))
}

fn hstrlen(run: &mut Run) -> Ran {
    run.only(3)?;
    let field = run.arg(2)?;
    let value = run.state.hash(run.arg(1)?)?.and_then(|hash| hash.get(field));
    Ok(Expected::int(value.map_or(0, |held| held.text.len())))
}

fn hkeys(run: &mut Run) -> Ran {
    run.only(2)?;
    Ok(Expected::bag(run.state.hash(run.arg(1)?)?.into_iter().flat_map(BTreeMap::keys)))
}

fn hvals(run: &mut Run) -> Ran {
    run.only(2)?;
    let values = run.state.hash(run.arg(1)?)?.into_iter().flat_map(BTreeMap::values);
    Ok(Expected::bag(values.map(|held| &held.text)))
}

fn hgetall(run: &mut Run) -> Ran {
    run.only(2)?;
    let text = |text: &String| Reply::text(text.as_bytes());
    let pairs = run.state.hash(run.arg(1)?)?.into_iter().flatten();
    Ok(Expected::Pairs(pairs.map(|(field, held)| (text(field), text(&held.text))).collect()))
}
