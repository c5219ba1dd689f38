//! Sets: members put in, taken out and moved (`t_set.c`). Which member `SPOP` takes is the server's choice: it must be one.

use std::collections::BTreeSet;

use crate::history::Reply;
use crate::model::{Expected, Kind, Pick, Ran, Run, Stop, reads, rewords, words, writes};

pub(in crate::model) const KIND: Kind = Kind {
    name: "sets",
    about: "sets: `SADD`, `SREM`, `SMOVE`, `SPOP`, `SISMEMBER`, `SMISMEMBER`, `SCARD`, `SMEMBERS`, `SINTER`, `SUNION`",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[
        writes("SADD", sadd),
        writes("SREM", srem),
        writes("SMOVE", smove),
        rewords("SPOP", spop),
        reads("SISMEMBER", sismember),
        reads("SMISMEMBER", smismember),
        reads("SCARD", scard),
        reads("SMEMBERS", smembers),
        reads("SINTER", sinter),
        reads("SUNION", sunion),
        reads("SDIFF", sdiff),
        reads("SRANDMEMBER", srandmember),
    ],
};

fn draw(pick: &mut Pick) -> Vec<String> {
    let (key, member) = (pick.key("set"), pick.member());
    let tag = key.replace(':', "-");
    let (one, two) = (format!("{{{tag}}}a"), format!("{{{tag}}}b"));
    match pick.choice(14) {
        0 => words(&["SADD", &key, pick.token]),
        1 | 2 => words(&["SADD", &key, &member]),
        3 | 4 => words(&["SREM", &key, &member]),
        5 => words(&["SPOP", &key]),
        6 => words(&["SISMEMBER", &key, &member]),
        7 => words(&["SCARD", &key]),
        8 => words(&["SADD", &one, &member]),
        9 => words(&["SMOVE", &one, &two, &member]),
        10 => words(&["SINTER", &one, &two]),
        11 => words(&["SUNION", &one, &two]),
        12 => words(&["SRANDMEMBER", &key]),
        _ => words(&["SMEMBERS", &key]),
    }
}

fn sadd(run: &mut Run) -> Ran {
    let (key, rest) = (run.arg(1)?, run.rest(2)?);
    run.state.change_set(key, |set| {
        Expected::int(rest.iter().filter(|one| set.insert((**one).to_owned())).count())
    })
}

fn srem(run: &mut Run) -> Ran {
    let (key, rest) = (run.arg(1)?, run.rest(2)?);
    run.state.change_set(key, |set| Expected::int(rest.iter().filter(|one| set.remove(**one)).count()))
}

fn smove(run: &mut Run) -> Ran {
    run.only(4)?;
    let (from, to, member) = (run.arg(1)?, run.arg(2)?, run.arg(3)?);
    let Some(source) = run.state.set(from)? else {
        return Ok(Expected::yes(false));
    };
    let is_there = source.contains(member);
    run.state.set(to)?;
    if is_there {
        run.state.change_set(from, |set| set.remove(member))?;
        run.state.change_set(to, |set| set.insert(member.to_owned()))?;
    }
    Ok(Expected::yes(is_there))
}

fn spop(run: &mut Run) -> Ran {
    run.only(2).map_err(|_| Stop::Unmodelled)?;
    let key = run.arg(1)?;
    if run.state.set(key)?.is_none() {
        return Ok(Expected::Is(Reply::Nil));
    }
    match run.told {
        None => Err(Stop::Unmodelled),
        Some(Reply::Text(taken)) => {
            let was_there = run.state.change_set(key, |set| set.remove(taken))?;
            // Of a member that was not there the reply is none that could be right.
            Ok(if was_there { Expected::text(Some(taken)) } else { Expected::error("nobody put it there") })
        }
        Some(_) => Ok(Expected::error("no member")),
    }
}

fn srandmember(run: &mut Run) -> Ran {
    run.only(2).map_err(|_| Stop::Unmodelled)?;
    let set = run.state.set(run.arg(1)?)?;
    Ok(match (set, run.told) {
        (None, _) => Expected::Is(Reply::Nil),
        (Some(set), Some(Reply::Text(drawn))) if set.contains(drawn) => Expected::text(Some(drawn)),
        (Some(_), None) => Expected::Anything,
        (Some(_), Some(_)) => Expected::error("no member"),
    })
}

fn sismember(run: &mut Run) -> Ran {
    run.only(3)?;
    let member = run.arg(2)?;
    Ok(Expected::yes(run.state.set(run.arg(1)?)?.is_some_and(|set| set.contains(member))))
}

fn smismember(run: &mut Run) -> Ran {
    let set = run.state.set(run.arg(1)?)?;
    let is_in = |member: &&str| Reply::Int(i64::from(set.is_some_and(|set| set.contains(*member))));
    Ok(Expected::Is(Reply::List(run.rest(2)?.iter().map(is_in).collect())))
}

fn scard(run: &mut Run) -> Ran {
    run.only(2)?;
    Ok(Expected::int(run.state.set(run.arg(1)?)?.map_or(0, BTreeSet::len)))
}

fn smembers(run: &mut Run) -> Ran {
    run.only(2)?;
    Ok(Expected::bag(run.state.set(run.arg(1)?)?.into_iter().flatten()))
}

fn combined(run: &mut Run, with: fn(&BTreeSet<String>, &BTreeSet<String>) -> BTreeSet<String>) -> Ran {
    let sets = run.rest(1)?.iter().map(|key| Ok(run.state.set(key)?.cloned().unwrap_or_default()));
    let sets = sets.collect::<Result<Vec<_>, Stop>>()?;
    Ok(Expected::bag(sets.into_iter().reduce(|one, two| with(&one, &two)).unwrap_or_default()))
}

fn sinter(run: &mut Run) -> Ran {
    combined(run, |one, two| one & two)
}

fn sunion(run: &mut Run) -> Ran {
    combined(run, |one, two| one | two)
}

fn sdiff(run: &mut Run) -> Ran {
    combined(run, |one, two| one - two)
}
