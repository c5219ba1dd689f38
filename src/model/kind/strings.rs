//! Strings: written, read, appended to and cut (`t_string.c`).

use crate::model::number;
use crate::model::{
    Deadline, Expected, Item, Kind, Pick, Ran, Run, Stop, Value, reads, rewords, words, writes,
};

/// The longest string that a client of the model writes to by an offset.
const LEN_MAX: i64 = 64 << 20;

pub(in crate::model) const KIND: Kind = Kind {
    name: "strings",
    about: "strings: `SET` with its options, `GETSET`, `SETNX`, `APPEND`, `SETRANGE`, `GETRANGE`, `GETDEL`, `MSET`, `MGET`",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[
        reads("GET", get),
        writes("SET", set),
        writes("GETSET", getset),
        writes("SETNX", setnx),
        rewords("SETEX", setex),
        rewords("PSETEX", psetex),
        writes("APPEND", append),
        reads("STRLEN", strlen),
        writes("SETRANGE", setrange),
        reads("GETRANGE", getrange),
        rewords("GETDEL", getdel),
        writes("MSET", mset),
        reads("MGET", mget),
        writes("MSETNX", msetnx),
    ],
};

fn draw(pick: &mut Pick) -> Vec<String> {
    let (key, token) = (pick.key("str"), pick.token);
    let tag = pick.key("str").replace(':', "-");
    let (one, two) = (format!("{{{tag}}}a"), format!("{{{tag}}}b"));
    match pick.choice(12) {
        0 => words(&["SET", &key, token]),
        1 => words(&["SET", &key, token, "NX"]),
        2 => words(&["SET", &key, token, "XX"]),
        3 => words(&["SET", &key, token, "GET"]),
        4 => words(&["GETSET", &key, token]),
        5 => words(&["SETNX", &key, token]),
        6 => words(&["APPEND", &key, token]),
        7 => words(&["SETRANGE", &key, &pick.number(20), token]),
        8 => words(&["GETRANGE", &key, &pick.number(20), "-1"]),
        9 => words(&["GETDEL", &key]),
        10 => words(&["MSET", &one, token, &two, token]),
        _ => words(&["MGET", &one, &two]),
    }
}

fn get(run: &mut Run) -> Ran {
    run.only(2)?;
    Ok(Expected::text(run.state.text(run.arg(1)?)?))
}

/// The options of `SET`.
#[derive(Default)]
struct Options {
    nx: bool,
    xx: bool,
    get: bool,
    keep: bool,
    until: Option<Deadline>,
}

fn options(run: &Run) -> Result<Options, Stop> {
    let mut options = Options::default();
    let mut at = 3;
    while let Some(word) = run.args.get(at) {
        match word.to_ascii_uppercase().as_str() {
            "NX" => options.nx = true,
            "XX" => options.xx = true,
            "GET" => options.get = true,
            "KEEPTTL" => options.keep = true,
            unit @ ("EX" | "PX" | "EXAT" | "PXAT") => {
                at += 1;
                options.until = Some(deadline(run, unit, run.int(at)?)?);
            }
            _ => return Err(Stop::Unmodelled),
        }
        at += 1;
    }
    if options.nx && options.xx || options.keep && options.until.is_some() {
        return Err(Stop::Error("ERR"));
    }
    Ok(options)
}

/// The deadline that an option names.
pub(super) fn deadline(run: &Run, unit: &str, number: i64) -> Result<Deadline, Stop> {
    let ms = |number: i64| number.checked_mul(1_000).ok_or(Stop::Error("ERR"));
    if number <= 0 {
        return Err(Stop::Error("ERR"));
    }
    Ok(match unit {
        "EX" => Deadline::after(run.now, ms(number)?),
        "PX" => Deadline::after(run.now, number),
        "EXAT" => Deadline::exactly(ms(number)?),
        _ => Deadline::exactly(number),
    })
}

fn set(run: &mut Run) -> Ran {
    let (key, value) = (run.arg(1)?, run.arg(2)?);
    let options = options(run)?;
    let before = if options.get { run.state.text(key)?.map(<[u8]>::to_vec) } else { None };
    let is_there = run.state.get(key).is_some();
    let done = !(options.nx && is_there || options.xx && !is_there);
    if done {
        let kept = run.state.get(key).and_then(|item| item.until).filter(|_| options.keep);
        let value = Value::Text(value.as_bytes().to_vec());
        run.state.put(key, Item { value, until: options.until.or(kept) });
    }
    Ok(match (options.get, done) {
        (true, _) => Expected::text(before),
        (false, true) => Expected::ok(),
        (false, false) => Expected::text(None::<&str>),
    })
}

/// Puts a string at a key, without a deadline.
fn put(run: &mut Run, key: &str, value: &str) {
    run.state.put(key, Item { value: Value::Text(value.as_bytes().to_vec()), until: None });
}

fn getset(run: &mut Run) -> Ran {
    run.only(3)?;
    let before = Expected::text(run.state.text(run.arg(1)?)?);
    put(run, run.arg(1)?, run.arg(2)?);
    Ok(before)
}

fn setnx(run: &mut Run) -> Ran {
    run.only(3)?;
    let is_free = run.state.get(run.arg(1)?).is_none();
    if is_free {
        put(run, run.arg(1)?, run.arg(2)?);
    }
    Ok(Expected::yes(is_free))
}

fn setex(run: &mut Run) -> Ran {
    set_until(run, "EX")
}

fn psetex(run: &mut Run) -> Ran {
    set_until(run, "PX")
}

fn set_until(run: &mut Run, unit: &str) -> Ran {
    run.only(4)?;
    let until = Some(deadline(run, unit, run.int(2)?)?);
    let value = Value::Text(run.arg(3)?.as_bytes().to_vec());
    run.state.put(run.arg(1)?, Item { value, until });
    Ok(Expected::ok())
}

fn append(run: &mut Run) -> Ran {
    run.only(3)?;
    let key = run.arg(1)?;
    let mut text = run.state.text(key)?.unwrap_or_default().to_vec();
    text.extend(run.arg(2)?.bytes());
    let len = text.len();
    run.state.write_text(key, text);
    Ok(Expected::int(len))
}

fn strlen(run: &mut Run) -> Ran {
    run.only(2)?;
    Ok(Expected::int(run.state.text(run.arg(1)?)?.map_or(0, <[u8]>::len)))
}

fn setrange(run: &mut Run) -> Ran {
    run.only(4)?;
    let (key, at, piece) = (run.arg(1)?, run.int(2)?, run.arg(3)?.as_bytes());
    if at < 0 {
        return Err(Stop::Error("ERR"));
    }
    if at > LEN_MAX {
        return Err(Stop::Unmodelled);
    }
    let mut text = run.state.text(key)?.unwrap_or_default().to_vec();
    if !piece.is_empty() {
        let end = at as usize + piece.len();
        text.resize(text.len().max(end), 0);
        text[at as usize..end].copy_from_slice(piece);
        run.state.write_text(key, text.clone());
    }
    Ok(Expected::int(text.len()))
}

fn getrange(run: &mut Run) -> Ran {
    run.only(4)?;
    let text = run.state.text(run.arg(1)?)?.unwrap_or_default();
    let range = number::range(run.int(2)?, run.int(3)?, text.len());
    Ok(Expected::text(Some(range.map_or(&[][..], |(from, to)| &text[from..=to]))))
}

fn getdel(run: &mut Run) -> Ran {
    run.only(2)?;
    let key = run.arg(1)?;
    let before = Expected::text(run.state.text(key)?);
    run.state.take(key);
    Ok(before)
}

fn mset(run: &mut Run) -> Ran {
    for (key, value) in run.pairs(1)? {
        put(run, key, value);
    }
    Ok(Expected::ok())
}

fn msetnx(run: &mut Run) -> Ran {
    let is_free = run.pairs(1)?.all(|(key, _)| run.state.get(key).is_none());
    if is_free {
        mset(run)?;
    }
    Ok(Expected::yes(is_free))
}

fn mget(run: &mut Run) -> Ran {
    let value = |key: &&str| run.state.text(key).ok().flatten();
    let values = run.rest(1)?.iter().map(value);
    let reply = |text: Option<&[u8]>| text.map_or(crate::history::Reply::Nil, crate::history::Reply::text);
    Ok(Expected::Is(crate::history::Reply::List(values.map(reply).collect())))
}
