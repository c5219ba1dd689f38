//! Sorted sets with whole scores (`t_zset.c`); other scores are not followed.

use std::collections::BTreeMap;

use crate::history::Reply;
use crate::model::{Expected, Kind, Pick, Ran, Run, Stop, number, reads, words, writes};

pub(in crate::model) const KIND: Kind = Kind {
    name: "sorted_sets",
    about: "sorted sets: `ZADD`, `ZINCRBY`, `ZREM`, `ZPOPMIN`, `ZPOPMAX`, `ZSCORE`, `ZRANK`, `ZCARD`, `ZCOUNT`, `ZRANGE`",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[
        writes("ZADD", zadd),
        writes("ZINCRBY", zincrby),
        writes("ZREM", zrem),
        writes("ZPOPMIN", zpopmin),
        writes("ZPOPMAX", zpopmax),
        reads("ZSCORE", zscore),
        reads("ZRANK", zrank),
        reads("ZCARD", zcard),
        reads("ZCOUNT", zcount),
        reads("ZRANGE", zrange),
    ],
};

fn draw(pick: &mut Pick) -> Vec<String> {
    let (key, member) = (pick.key("zset"), pick.member());
    match pick.choice(12) {
        0..=2 => words(&["ZADD", &key, &pick.number(20), &member]),
        3 => words(&["ZADD", &key, &pick.number(20), pick.token]),
        4 => words(&["ZINCRBY", &key, &pick.number(10), &member]),
        5 => words(&["ZREM", &key, &member]),
        6 => words(&["ZPOPMIN", &key]),
        7 => words(&["ZPOPMAX", &key]),
        8 => words(&["ZSCORE", &key, &member]),
        9 => words(&["ZRANK", &key, &member]),
        10 => words(&["ZCARD", &key]),
        _ => words(&["ZRANGE", &key, "0", "-1", "WITHSCORES"]),
    }
}

/// A score, if it is a whole number that a double holds exactly.
fn score(text: &str) -> Result<i64, Stop> {
    number::whole(text.as_bytes()).filter(|score| score.unsigned_abs() < 1 << 50).ok_or(Stop::Unmodelled)
}

/// Members with their scores in the server's order.
fn ordered(set: &BTreeMap<String, i64>) -> Vec<(i64, &String)> {
    let mut ordered = set.iter().map(|(member, score)| (*score, member)).collect::<Vec<_>>();
    ordered.sort_unstable();
    ordered
}

fn zadd(run: &mut Run) -> Ran {
    let key = run.arg(1)?;
    // Options stand where a score is expected; they are not followed.
    score(run.arg(2)?)?;
    let scored = run.pairs(2)?.map(|(number, member)| Ok((score(number)?, member)));
    let scored = scored.collect::<Result<Vec<_>, Stop>>()?;
    run.state.change_sorted(key, |set| {
        let is_new = |(score, member): &&(i64, &str)| set.insert((*member).to_owned(), *score).is_none();
        Expected::int(scored.iter().filter(is_new).count())
    })
}

fn zincrby(run: &mut Run) -> Ran {
    run.only(4)?;
    let (key, more, member) = (run.arg(1)?, score(run.arg(2)?)?, run.arg(3)?);
    run.state.change_sorted(key, |set| {
        let sum = set.entry(member.to_owned()).or_default();
        *sum += more;
        Expected::text(Some(sum.to_string()))
    })
}

fn zrem(run: &mut Run) -> Ran {
    let (key, rest) = (run.arg(1)?, run.rest(2)?);
    run.state.change_sorted(key, |set| {
        Expected::int(rest.iter().filter(|member| set.remove(**member).is_some()).count())
    })
}

fn pop(run: &mut Run, last: bool) -> Ran {
    run.only(2).map_err(|_| Stop::Unmodelled)?;
    let key = run.arg(1)?;
    run.state.change_sorted(key, |set| {
        let order = set.iter().map(|(member, score)| (*score, member));
        let taken = if last { order.max() } else { order.min() };
        let taken = taken.map(|(score, member)| (member.clone(), score));
        taken.iter().for_each(|(member, _)| {
            set.remove(member);
        });
        Expected::list(taken.into_iter().flat_map(|(member, score)| [member, score.to_string()]))
    })
}

fn zpopmin(run: &mut Run) -> Ran {
    pop(run, false)
}

fn zpopmax(run: &mut Run) -> Ran {
    pop(run, true)
}

fn zscore(run: &mut Run) -> Ran {
    run.only(3)?;
    let member = run.arg(2)?;
    let score = run.state.sorted(run.arg(1)?)?.and_then(|set| set.get(member));
    Ok(Expected::text(score.map(i64::to_string)))
}

fn zrank(run: &mut Run) -> Ran {
    run.only(3).map_err(|_| Stop::Unmodelled)?;
    let member = run.arg(2)?;
    let set = run.state.sorted(run.arg(1)?)?;
    let rank = set.and_then(|set| {
        let mine = (*set.get(member)?, member);
        Some(set.iter().filter(|(one, score)| (**score, one.as_str()) < mine).count())
    });
    Ok(rank.map_or(Expected::Is(Reply::Nil), Expected::int))
}

fn zcard(run: &mut Run) -> Ran {
    run.only(2)?;
    Ok(Expected::int(run.state.sorted(run.arg(1)?)?.map_or(0, BTreeMap::len)))
}

fn zcount(run: &mut Run) -> Ran {
    run.only(4)?;
    let (from, to) = (score(run.arg(2)?)?, score(run.arg(3)?)?);
    let set = run.state.sorted(run.arg(1)?)?;
    let scores = set.into_iter().flat_map(BTreeMap::values);
    Ok(Expected::int(scores.filter(|score| (from..=to).contains(*score)).count()))
}

fn zrange(run: &mut Run) -> Ran {
    let (from, to) = (run.int(2)?, run.int(3)?);
    let with_scores = match run.args.get(4).map(|word| word.to_ascii_uppercase()).as_deref() {
        None => false,
        Some("WITHSCORES") if run.args.len() == 5 => true,
        Some(_) => return Err(Stop::Unmodelled),
    };
    let Some(set) = run.state.sorted(run.arg(1)?)? else {
        return Ok(Expected::Is(Reply::List(Vec::new())));
    };
    let ordered = ordered(set);
    let range = number::range(from, to, ordered.len());
    let chosen = range.map_or(&[][..], |(from, to)| &ordered[from..=to]);
    let words = chosen.iter().flat_map(|(score, member)| {
        [Some((*member).clone()), with_scores.then(|| score.to_string())].into_iter().flatten()
    });
    Ok(Expected::list(words))
}
