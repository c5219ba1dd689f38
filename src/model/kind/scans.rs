//! Scans: of all keys with one hash tag, and of what a collection has (`db.c`, `scanGenericCommand`).
//!
//! `SCAN` names no key, so nobody redirects it: it is sent in a transaction with a command that does. A pattern with a hash tag
//! looks through that one slot only (`patternHashSlot`), and a count above all that is there makes one go of it. What is told
//! must then be exactly what is there; with a cursor that is not over, nothing but that.

use std::collections::BTreeMap;

use crate::history::Reply;
use crate::model::{Expected, Kind, Pick, Ran, Run, Stop, cell_of, reads, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "scans",
    about: "`SCAN` of the keys with one hash tag, and `HSCAN`, `SSCAN`, `ZSCAN`, among keys that come, go and expire",
    draw: |pick| vec![draw(pick)],
    rules: &[reads("SCAN", scan), reads("HSCAN", hscan), reads("SSCAN", sscan), reads("ZSCAN", zscan)],
};

/// More than a cell has.
const COUNT: &str = "1000";
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn draw(pick: &mut Pick) -> Vec<Vec<String>> {
    let tag = format!("{{{}}}", pick.key("scan").replace(':', "-"));
    let key = format!("{tag}{}", NAMES[pick.choice(6) as usize]);
    let [hash, set, sorted] = ["h", "s", "z"].map(|name| format!("{tag}{name}"));
    let (member, score) = (pick.member(), pick.number(9));
    let all = format!("{tag}*");
    vec![match pick.choice(14) {
        0 | 1 => words(&["SET", &key, pick.token]),
        2 => words(&["SET", &key, pick.token, "PX", "700"]),
        3 | 4 => words(&["DEL", &key]),
        5 => words(&["HSET", &hash, &member, pick.token]),
        6 => words(&["HDEL", &hash, &member]),
        7 => words(&["SADD", &set, &member]),
        8 => words(&["ZADD", &sorted, &score, &member]),
        9 => words(&["HSCAN", &hash, "0", "COUNT", COUNT]),
        10 => words(&["SSCAN", &set, "0", "COUNT", COUNT]),
        11 => words(&["ZSCAN", &sorted, "0", "COUNT", COUNT]),
        _ => {
            let (look, scan) =
                (words(&["EXISTS", &key]), words(&["SCAN", "0", "MATCH", &all, "COUNT", COUNT]));
            return vec![words(&["MULTI"]), look, scan, words(&["EXEC"])];
        }
    }]
}

/// Fails unless a scan begins at the beginning.
fn is_whole(run: &Run, cursor: usize) -> Result<(), Stop> {
    if run.arg(cursor)? == "0" { Ok(()) } else { Err(Stop::Unmodelled) }
}

fn scan(run: &mut Run) -> Ran {
    is_whole(run, 1)?;
    let [_, _, word, pattern, count, _] = run.args else { return Err(Stop::Unmodelled) };
    let tag = pattern.strip_suffix('*').ok_or(Stop::Unmodelled)?;
    let is_known = word.eq_ignore_ascii_case("MATCH") && count.eq_ignore_ascii_case("COUNT");
    if !is_known || tag != format!("{{{}}}", cell_of(tag)) {
        return Err(Stop::Unmodelled);
    }
    let keys = run.state.keys().filter(|key| key.starts_with(tag));
    Ok(scanned(keys.map(|key| vec![key])))
}

fn hscan(run: &mut Run) -> Ran {
    is_whole(run, 2)?;
    let hash = run.state.hash(run.arg(1)?)?.into_iter().flatten();
    Ok(scanned(hash.map(|(field, held)| vec![field.as_str(), held.text.as_str()])))
}

fn sscan(run: &mut Run) -> Ran {
    is_whole(run, 2)?;
    Ok(scanned(run.state.set(run.arg(1)?)?.into_iter().flatten().map(|member| vec![member.as_str()])))
}

fn zscan(run: &mut Run) -> Ran {
    is_whole(run, 2)?;
    let sorted = run.state.sorted(run.arg(1)?)?;
    let scores = sorted.into_iter().flatten().map(|(member, score)| (member, score.to_string()));
    let scores = scores.collect::<BTreeMap<_, _>>();
    Ok(scanned(scores.iter().map(|(member, score)| vec![member.as_str(), score.as_str()])))
}

fn scanned<'a>(groups: impl Iterator<Item = Vec<&'a str>>) -> Expected {
    let replies = |group: Vec<&str>| group.iter().map(|text| Reply::text(text.as_bytes())).collect();
    Expected::Scanned(groups.map(replies).collect())
}
