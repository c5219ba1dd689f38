//! Fields of hashes that expire, which servers know from 9.0 on (`t_hash.c`, `hashTypeSetExpire`).
//!
//! An older server says that it does not know the command, and nothing happens. How many fields a hash has is not asked: one
//! that has expired may be counted until somebody looks for it.

use super::hashes::held;
use super::strings::deadline;
use crate::history::Reply;
use crate::model::{Deadline, Expected, Kind, Pick, Ran, Run, Stop, reads, rewords, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "fields",
    about: "fields of hashes that expire (from 9.0 on): `HPEXPIRE`, `HSETEX`, `HGETEX`, `HPERSIST`, `HPTTL`, and writes that end it",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[
        rewords("HPEXPIRE", hpexpire),
        rewords("HPEXPIREAT", hpexpireat),
        rewords("HPERSIST", hpersist),
        rewords("HSETEX", hsetex),
        rewords("HGETEX", hgetex),
        reads("HPTTL", hpttl),
    ],
};

fn draw(pick: &mut Pick) -> Vec<String> {
    let (key, field) = (pick.key("fields"), pick.member());
    let ms = (50 + pick.choice(1_500)).to_string();
    match pick.choice(13) {
        0 | 1 => words(&["HSET", &key, &field, pick.token]),
        2 => words(&["HSETNX", &key, &field, pick.token]),
        3 | 4 => words(&["HPEXPIRE", &key, &ms, "FIELDS", "1", &field]),
        5 => words(&["HPEXPIREAT", &key, "1", "FIELDS", "1", &field]),
        6 => words(&["HPERSIST", &key, "FIELDS", "1", &field]),
        7 => words(&["HSETEX", &key, "PX", &ms, "FIELDS", "1", &field, pick.token]),
        8 => words(&["HGETEX", &key, "PX", &ms, "FIELDS", "1", &field]),
        9 => words(&["HPTTL", &key, "FIELDS", "1", &field]),
        10 => words(&["HDEL", &key, &field]),
        11 => words(&["HGET", &key, &field]),
        _ => words(&["HGETALL", &key]),
    }
}

/// The field behind `FIELDS 1` at a place, and what follows it.
fn one_field<'a>(run: &Run<'a>, place: usize) -> Result<(&'a str, &'a [&'a str]), Stop> {
    match run.args.get(place..) {
        Some([word, count, field, rest @ ..]) if word.eq_ignore_ascii_case("FIELDS") && *count == "1" => {
            Ok((field, rest))
        }
        _ => Err(Stop::Unmodelled),
    }
}

/// A list of one number, as commands answer that may name several fields.
fn one(number: i64) -> Expected {
    Expected::Is(Reply::List(vec![Reply::Int(number)]))
}

/// When a field expires, if there is such a field: nothing for one that does not.
fn until(run: &Run, field: &str) -> Result<Option<Option<Deadline>>, Stop> {
    Ok(run.state.hash(run.arg(1)?)?.and_then(|hash| hash.get(field)).map(|held| held.until))
}

fn hpexpire(run: &mut Run) -> Ran {
    let ms = run.int(2)?;
    if ms < 0 {
        return Err(Stop::Error("ERR"));
    }
    let until = if ms > 0 { Deadline::after(run.now, ms) } else { Deadline::exactly(i64::MIN) };
    expire(run, until)
}

fn hpexpireat(run: &mut Run) -> Ran {
    let ms = run.int(2)?;
    expire(run, Deadline::exactly(ms))
}

/// What is to expire in the past is deleted at once.
fn expire(run: &mut Run, deadline: Deadline) -> Ran {
    let (field, _) = one_field(run, 3)?;
    if until(run, field)?.is_none() {
        return Ok(one(-2));
    }
    let is_past = deadline.to < run.now.0;
    set_until(run, field, Some(deadline).filter(|_| !is_past), is_past)?;
    Ok(one(if is_past { 2 } else { 1 }))
}

fn set_until(run: &mut Run, field: &str, until: Option<Deadline>, is_over: bool) -> Result<(), Stop> {
    run.state.change_hash(run.arg(1)?, |hash| {
        if is_over {
            hash.remove(field);
        } else if let Some(held) = hash.get_mut(field) {
            held.until = until;
        }
    })
}

fn hpersist(run: &mut Run) -> Ran {
    let (field, _) = one_field(run, 2)?;
    match until(run, field)? {
        None => Ok(one(-2)),
        Some(None) => Ok(one(-1)),
        Some(Some(_)) => {
            set_until(run, field, None, false)?;
            Ok(one(1))
        }
    }
}

fn hsetex(run: &mut Run) -> Ran {
    let deadline = deadline(run, &run.arg(2)?.to_ascii_uppercase(), run.int(3)?)?;
    let (field, [value]) = one_field(run, 4)? else { return Err(Stop::Unmodelled) };
    run.state.change_hash(run.arg(1)?, |hash| hash.insert(field.to_owned(), held(value)))?;
    set_until(run, field, Some(deadline), deadline.to < run.now.0)?;
    Ok(Expected::int(1))
}

fn hgetex(run: &mut Run) -> Ran {
    let deadline = deadline(run, &run.arg(2)?.to_ascii_uppercase(), run.int(3)?)?;
    let (field, []) = one_field(run, 4)? else { return Err(Stop::Unmodelled) };
    let text = run.state.hash(run.arg(1)?)?.and_then(|hash| hash.get(field));
    let Some(text) = text.map(|held| Reply::text(held.text.as_bytes())) else {
        return Ok(Expected::Is(Reply::List(vec![Reply::Nil])));
    };
    set_until(run, field, Some(deadline), deadline.to < run.now.0)?;
    Ok(Expected::Is(Reply::List(vec![text])))
}

fn hpttl(run: &mut Run) -> Ran {
    let (field, _) = one_field(run, 2)?;
    match until(run, field)? {
        None => Ok(one(-2)),
        Some(None) => Ok(one(-1)),
        Some(Some(until)) => {
            let (from, to) = until.left(run.now);
            Ok(Expected::Each(vec![Expected::Between(from, to)]))
        }
    }
}
