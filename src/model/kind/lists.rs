//! Lists: elements put in and taken out at either end (`t_list.c`).

use std::collections::VecDeque;

use crate::history::Reply;
use crate::model::{Expected, Kind, Pick, Ran, Run, Stop, number, reads, words, writes};

pub(in crate::model) const KIND: Kind = Kind {
    name: "lists",
    about: "lists: `LPUSH`, `RPUSH`, `LPOP`, `RPOP`, `LMOVE`, `LSET`, `LREM`, `LTRIM`, `LRANGE`, `LLEN`",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[
        writes("LPUSH", lpush),
        writes("RPUSH", rpush),
        writes("LPUSHX", lpushx),
        writes("RPUSHX", rpushx),
        writes("LPOP", lpop),
        writes("RPOP", rpop),
        writes("LMOVE", lmove),
        writes("LSET", lset),
        writes("LREM", lrem),
        writes("LTRIM", ltrim),
        reads("LLEN", llen),
        reads("LINDEX", lindex),
        reads("LRANGE", lrange),
    ],
};

fn draw(pick: &mut Pick) -> Vec<String> {
    let key = pick.key("list");
    let tag = key.replace(':', "-");
    let (one, two) = (format!("{{{tag}}}a"), format!("{{{tag}}}b"));
    match pick.choice(14) {
        0 => words(&["LPUSH", &key, pick.token]),
        1 | 2 => words(&["RPUSH", &key, pick.token]),
        3 => words(&["LPOP", &key]),
        4 => words(&["RPOP", &key]),
        5 => words(&["LPOP", &key, "2"]),
        6 => words(&["LSET", &key, &pick.number(4), pick.token]),
        7 => words(&["LREM", &key, "0", pick.token]),
        8 => words(&["LTRIM", &key, "-20", "-1"]),
        9 => words(&["LLEN", &key]),
        10 => words(&["RPUSH", &one, pick.token]),
        11 => words(&["LMOVE", &one, &two, "LEFT", "RIGHT"]),
        12 => words(&["LRANGE", &two, "0", "-1"]),
        _ => words(&["LRANGE", &key, "0", "-1"]),
    }
}

fn push(run: &mut Run, back: bool, only_if_there: bool) -> Ran {
    let (key, rest) = (run.arg(1)?, run.rest(2)?);
    if run.state.list(key)?.is_none() && only_if_there {
        return Ok(Expected::int(0));
    }
    run.state.change_list(key, |list| {
        for one in rest.iter().map(|one| (*one).to_owned()) {
            if back { list.push_back(one) } else { list.push_front(one) }
        }
        Expected::int(list.len())
    })
}

fn lpush(run: &mut Run) -> Ran {
    push(run, false, false)
}

fn rpush(run: &mut Run) -> Ran {
    push(run, true, false)
}

fn lpushx(run: &mut Run) -> Ran {
    push(run, false, true)
}

fn rpushx(run: &mut Run) -> Ran {
    push(run, true, true)
}

fn take(list: &mut VecDeque<String>, back: bool) -> Option<String> {
    if back { list.pop_back() } else { list.pop_front() }
}

fn pop(run: &mut Run, back: bool) -> Ran {
    let key = run.arg(1)?;
    let count = (run.args.len() > 2).then(|| run.int(2)).transpose()?;
    if count.is_some_and(|count| count < 0) || run.args.len() > 3 {
        return Err(Stop::Error("ERR"));
    }
    if run.state.list(key)?.is_none() {
        return Ok(Expected::Is(Reply::Nil));
    }
    run.state.change_list(key, |list| match count {
        None => Expected::text(take(list, back)),
        Some(count) => {
            let taken = (0..count.min(list.len() as i64)).filter_map(|_| take(list, back));
            Expected::list(taken.collect::<Vec<_>>())
        }
    })
}

fn lpop(run: &mut Run) -> Ran {
    pop(run, false)
}

fn rpop(run: &mut Run) -> Ran {
    pop(run, true)
}

/// Whether a word means the end of a list, not its beginning.
pub(super) fn is_back(word: &str) -> Result<bool, Stop> {
    match word.to_ascii_uppercase().as_str() {
        "LEFT" => Ok(false),
        "RIGHT" => Ok(true),
        _ => Err(Stop::Error("ERR")),
    }
}

fn lmove(run: &mut Run) -> Ran {
    run.only(5)?;
    let (from, to) = (run.arg(1)?, run.arg(2)?);
    let (out_of, into) = (is_back(run.arg(3)?)?, is_back(run.arg(4)?)?);
    if run.state.list(from)?.is_none() {
        return Ok(Expected::Is(Reply::Nil));
    }
    run.state.list(to)?;
    let Some(one) = run.state.change_list(from, |list| take(list, out_of))? else {
        return Err(Stop::Unmodelled);
    };
    run.state.change_list(to, |list| {
        if into { list.push_back(one.clone()) } else { list.push_front(one.clone()) }
    })?;
    Ok(Expected::text(Some(one)))
}

fn lset(run: &mut Run) -> Ran {
    run.only(4)?;
    let (key, at, value) = (run.arg(1)?, run.int(2)?, run.arg(3)?);
    let len = run.state.list(key)?.ok_or(Stop::Error("ERR"))?.len();
    let at = number::place(at, len).ok_or(Stop::Error("ERR"))?;
    run.state.change_list(key, |list| {
        value.clone_into(&mut list[at]);
        Expected::ok()
    })
}

fn lrem(run: &mut Run) -> Ran {
    run.only(4)?;
    let (key, count, value) = (run.arg(1)?, run.int(2)?, run.arg(3)?);
    let most = if count == 0 { u64::MAX } else { count.unsigned_abs() };
    if run.state.list(key)?.is_none() {
        return Ok(Expected::int(0));
    }
    run.state.change_list(key, |list| {
        let mut places =
            list.iter().enumerate().filter(|(_, one)| *one == value).map(|(at, _)| at).collect::<Vec<_>>();
        if count < 0 {
            places.reverse();
        }
        places.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        places.sort_unstable_by(|a, b| b.cmp(a));
        places.iter().for_each(|at| drop(list.remove(*at)));
        Expected::int(places.len())
    })
}

fn ltrim(run: &mut Run) -> Ran {
    run.only(4)?;
    let (key, from, to) = (run.arg(1)?, run.int(2)?, run.int(3)?);
    if run.state.list(key)?.is_none() {
        return Ok(Expected::ok());
    }
    run.state.change_list(key, |list| {
        match number::range(from, to, list.len()) {
            None => list.clear(),
            Some((from, to)) => {
                list.truncate(to + 1);
                list.drain(..from);
            }
        }
        Expected::ok()
    })
}

fn llen(run: &mut Run) -> Ran {
    run.only(2)?;
    Ok(Expected::int(run.state.list(run.arg(1)?)?.map_or(0, VecDeque::len)))
}

fn lindex(run: &mut Run) -> Ran {
    run.only(3)?;
    let at = run.int(2)?;
    let list = run.state.list(run.arg(1)?)?;
    Ok(Expected::text(list.and_then(|list| list.get(number::place(at, list.len())?))))
}

fn lrange(run: &mut Run) -> Ran {
    run.only(4)?;
    let (from, to) = (run.int(2)?, run.int(3)?);
    let Some(list) = run.state.list(run.arg(1)?)? else {
        return Ok(Expected::Is(Reply::List(Vec::new())));
    };
    let range = number::range(from, to, list.len());
    Ok(Expected::list(range.into_iter().flat_map(|(from, to)| list.range(from..=to))))
}
