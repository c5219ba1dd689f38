//! Streams: entries with ids that only grow, and groups of consumers that read each entry once (`t_stream.c`).
//!
//! An id that the server is asked to choose is taken from its reply, and must be behind all before it.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::Reply;
use crate::model::{Expected, Go, Kind, Pick, Ran, Run, Stop, reads, rewords, words, writes};

pub(in crate::model) const KIND: Kind = Kind {
    name: "streams",
    about: "streams: `XADD`, `XLEN`, `XRANGE`, `XDEL`, and groups: `XGROUP CREATE`, `XREADGROUP`, `XACK`",
    draw,
    rules: &[
        rewords("XADD", xadd),
        reads("XLEN", xlen),
        reads("XRANGE", xrange),
        writes("XDEL", xdel),
        writes("XGROUP", xgroup),
        rewords("XREADGROUP", xreadgroup),
        writes("XACK", xack),
    ],
};

/// An entry's id.
type Id = (u64, u64);

/// A stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stream {
    entries: BTreeMap<Id, Vec<String>>,
    last: Id,
    groups: BTreeMap<String, Group>,
}

/// A group of consumers: up to where it has read, and what it has not acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    last: Id,
    pending: BTreeSet<Id>,
}

fn draw(pick: &mut Pick) -> Vec<Go> {
    let key = pick.key("stream");
    let id = format!("{}-1", 1 + pick.choice(60));
    let consumer = pick.member();
    vec![vec![match pick.choice(10) {
        0..=2 => words(&["XADD", &key, "*", "f", pick.token]),
        3 => words(&["XADD", &key, &id, "f", pick.token]),
        4 => words(&["XLEN", &key]),
        5 => words(&["XRANGE", &key, "-", "+"]),
        6 => words(&["XDEL", &key, &id]),
        7 => words(&["XGROUP", "CREATE", &key, "g", "0", "MKSTREAM"]),
        8 => words(&["XREADGROUP", "GROUP", "g", &consumer, "COUNT", "2", "STREAMS", &key, ">"]),
        _ => words(&["XACK", &key, "g", &id]),
    }]]
}

fn id(text: &str) -> Option<Id> {
    let (ms, nth) = text.split_once('-')?;
    Some((ms.parse().ok()?, nth.parse().ok()?))
}

fn text((ms, nth): Id) -> String {
    format!("{ms}-{nth}")
}

fn entry((id, fields): (&Id, &Vec<String>)) -> Reply {
    let fields = fields.iter().map(|field| Reply::text(field.as_bytes())).collect();
    Reply::List(vec![Reply::Text(text(*id)), Reply::List(fields)])
}

fn xadd(run: &mut Run) -> Ran {
    let (key, wanted, fields) = (run.arg(1)?, run.arg(2)?, run.rest(3)?);
    if !fields.len().is_multiple_of(2) {
        return Err(Stop::Error("ERR"));
    }
    let last = run.state.stream(key)?.map_or((0, 0), |stream| stream.last);
    let new = match (wanted, run.told) {
        ("*", Some(Reply::Text(told))) => id(told).ok_or(Stop::Unmodelled)?,
        ("*", Some(_)) => return Ok(Expected::error("no id")),
        ("*", None) => return Err(Stop::Unmodelled),
        (wanted, _) => id(wanted).ok_or(Stop::Unmodelled)?,
    };
    if new <= last {
        return Err(Stop::Error(if wanted == "*" { "an id that is not behind the last one" } else { "ERR" }));
    }
    run.state.change_stream(key, |stream| {
        stream.entries.insert(new, fields.iter().map(|field| (*field).to_owned()).collect());
        stream.last = new;
    })?;
    Ok(Expected::text(Some(text(new))))
}

fn xlen(run: &mut Run) -> Ran {
    run.only(2)?;
    Ok(Expected::int(run.state.stream(run.arg(1)?)?.map_or(0, |stream| stream.entries.len())))
}

fn xrange(run: &mut Run) -> Ran {
    if run.args.get(2..) != Some(&["-", "+"][..]) {
        return Err(Stop::Unmodelled);
    }
    let entries = run.state.stream(run.arg(1)?)?.into_iter().flat_map(|stream| &stream.entries);
    Ok(Expected::Is(Reply::List(entries.map(entry).collect())))
}

fn xdel(run: &mut Run) -> Ran {
    let (key, rest) = (run.arg(1)?, run.rest(2)?);
    let ids = rest.iter().map(|text| id(text).ok_or(Stop::Unmodelled)).collect::<Result<Vec<_>, _>>()?;
    if run.state.stream(key)?.is_none() {
        return Ok(Expected::int(0));
    }
    run.state.change_stream(key, |stream| {
        Expected::int(ids.iter().filter(|id| stream.entries.remove(*id).is_some()).count())
    })
}

fn xgroup(run: &mut Run) -> Ran {
    let is_known = run.arg(1)?.eq_ignore_ascii_case("CREATE") && run.arg(4)? == "0" && run.args.len() == 6;
    let (key, group) = (run.arg(2)?, run.arg(3)?);
    if !is_known {
        return Err(Stop::Unmodelled);
    }
    if run.state.stream(key)?.is_some_and(|stream| stream.groups.contains_key(group)) {
        return Err(Stop::Error("BUSYGROUP"));
    }
    run.state.change_stream(key, |stream| stream.groups.insert(group.to_owned(), Group::default()))?;
    Ok(Expected::ok())
}

/// Only `GROUP g consumer COUNT n STREAMS key >`.
fn xreadgroup(run: &mut Run) -> Ran {
    let [_, _, group, _, count_word, count, _, key, from] = run.args else { return Err(Stop::Unmodelled) };
    let count = count.parse::<usize>().map_err(|_| Stop::Error("ERR"))?;
    if !count_word.eq_ignore_ascii_case("COUNT") || *from != ">" {
        return Err(Stop::Unmodelled);
    }
    if !run.state.stream(key)?.is_some_and(|stream| stream.groups.contains_key(*group)) {
        return Err(Stop::Error("NOGROUP"));
    }
    run.state.change_stream(key, |stream| {
        let Some(group) = stream.groups.get_mut(*group) else { return Expected::Is(Reply::Nil) };
        let behind = (group.last.0, group.last.1 + 1)..;
        let read = stream.entries.range(behind).take(count).collect::<Vec<_>>();
        group.last = read.last().map_or(group.last, |(id, _)| **id);
        group.pending.extend(read.iter().map(|(id, _)| **id));
        if read.is_empty() {
            return Expected::Is(Reply::Nil);
        }
        let entries = Reply::List(read.into_iter().map(entry).collect());
        Expected::Is(Reply::List(vec![Reply::List(vec![Reply::text(key.as_bytes()), entries])]))
    })
}

fn xack(run: &mut Run) -> Ran {
    let (key, name, rest) = (run.arg(1)?, run.arg(2)?, run.rest(3)?);
    let ids = rest.iter().map(|text| id(text).ok_or(Stop::Unmodelled)).collect::<Result<Vec<_>, _>>()?;
    if run.state.stream(key)?.is_none() {
        return Ok(Expected::int(0));
    }
    run.state.change_stream(key, |stream| {
        let group = stream.groups.get_mut(name);
        Expected::int(group.map_or(0, |group| ids.iter().filter(|id| group.pending.remove(*id)).count()))
    })
}
