//! HyperLogLogs, which count without knowing what (`hyperloglog.c`). They are estimates: a count is only held against the true
//! one with a margin, and whether an element changed anything only where it had been added before.

use std::collections::BTreeSet;

use crate::model::{Expected, Go, Kind, Pick, Ran, Run, reads, words, writes};

pub(in crate::model) const KIND: Kind = Kind {
    name: "cardinalities",
    about: "HyperLogLogs: `PFADD`, `PFCOUNT`; they are estimates, so counts are checked with a margin",
    draw,
    rules: &[writes("PFADD", pfadd), reads("PFCOUNT", pfcount)],
};

fn draw(pick: &mut Pick) -> Vec<Go> {
    let (key, member) = (pick.key("hll"), pick.member());
    vec![vec![match pick.choice(4) {
        0 => words(&["PFADD", &key, pick.token]),
        1 => words(&["PFADD", &key, &member]),
        _ => words(&["PFCOUNT", &key]),
    }]]
}

fn pfadd(run: &mut Run) -> Ran {
    let (key, rest) = (run.arg(1)?, run.rest(2)?);
    let is_new = run.state.estimate(key)?.is_none();
    let fresh = run
        .state
        .change_estimate(key, |set| rest.iter().filter(|one| set.insert((**one).to_owned())).count())?;
    Ok(match (is_new, fresh) {
        (true, _) => Expected::int(1),
        (false, 0) => Expected::int(0),
        (false, _) => Expected::Between(0, 1),
    })
}

fn pfcount(run: &mut Run) -> Ran {
    run.only(2)?;
    let count = run.state.estimate(run.arg(1)?)?.map_or(0, BTreeSet::len) as i64;
    let margin = 2 + count / 10;
    Ok(Expected::Between((count - margin).max(0), if count == 0 { 0 } else { count + margin }))
}
