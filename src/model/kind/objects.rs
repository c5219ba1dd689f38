//! What a server tells of its keys beside what they hold: how it keeps them, and any key at all (`object.c`, `db.c`).
//!
//! Encodings are the server's choice among a few for each type, and `RANDOMKEY` draws: only the shape is checked here. That the
//! key it draws is one that somebody wrote is checked over the whole run (`invariant::replies`).

use crate::history::Reply;
use crate::model::{Expected, Kind, Pick, Ran, Run, Stop, reads, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "objects",
    about: "`OBJECT ENCODING`, `OBJECT REFCOUNT`, `RANDOMKEY`, and copies and deletions of keys of every type",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[reads("OBJECT", object), reads("RANDOMKEY", randomkey)],
};

const NAMES: [&str; 5] = ["t", "l", "s", "h", "z"];

fn draw(pick: &mut Pick) -> Vec<String> {
    let tag = pick.key("object").replace(':', "-");
    let key = |name: &str| format!("{{{tag}}}{name}");
    let [text, list, set, hash, sorted] = NAMES.map(key);
    let any = key(NAMES[pick.choice(5) as usize]);
    let copy = key("copy");
    let (member, score) = (pick.member(), pick.number(9));
    match pick.choice(13) {
        0 => words(&["SET", &text, &score]),
        1 => words(&["APPEND", &text, pick.token]),
        2 => words(&["RPUSH", &list, pick.token]),
        3 => words(&["SADD", &set, &score]),
        4 => words(&["HSET", &hash, &member, pick.token]),
        5 => words(&["ZADD", &sorted, &score, &member]),
        6 => words(&["COPY", &any, &copy, "REPLACE"]),
        7 => words(&["DEL", &any]),
        8 => words(&["TYPE", &copy]),
        9 => words(&["OBJECT", "REFCOUNT", &any]),
        10 => words(&["RANDOMKEY"]),
        _ => words(&["OBJECT", "ENCODING", &any]),
    }
}

/// How a value of a type may be kept.
fn encodings(kind: &str) -> &'static [&'static str] {
    match kind {
        "string" => &["int", "embstr", "raw"],
        "list" => &["listpack", "quicklist"],
        "set" => &["intset", "listpack", "hashtable"],
        "hash" => &["listpack", "hashtable"],
        "zset" => &["listpack", "skiplist"],
        _ => &["stream"],
    }
}

fn object(run: &mut Run) -> Ran {
    run.only(3)?;
    let Some(kind) = run.state.get(run.arg(2)?).map(|item| item.value.kind()) else {
        return Ok(Expected::Is(Reply::Nil));
    };
    match run.arg(1)?.to_ascii_uppercase().as_str() {
        "ENCODING" => {
            let texts = encodings(kind).iter().map(|text| Reply::text(text.as_bytes()));
            Ok(Expected::OneOf(texts.collect()))
        }
        // Small numbers are shared by all keys.
        "REFCOUNT" => Ok(Expected::Between(1, i64::MAX)),
        _ => Err(Stop::Unmodelled),
    }
}

fn randomkey(run: &mut Run) -> Ran {
    run.only(1)?;
    match run.told {
        Some(Reply::Text(_) | Reply::Nil) | None => Ok(Expected::Anything),
        Some(_) => Ok(Expected::Is(Reply::Nil)),
    }
}
