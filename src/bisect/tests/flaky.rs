//! The proof for worlds that fail only sometimes: with known rates, the right index is found.

use super::super::{
    Answer, Flaky, FlakyTurningPoint, Journal, Journalled, OtherQuestion, Trial, flaky_turning_point,
};
use super::{judge, known};
use crate::rng::Stream;

const N: usize = 2000;

/// A world with a hidden turning point.
#[derive(Clone, Copy, Debug)]
struct World {
    seed: u64,
    turn: usize,
    /// Failures in a thousand runs below the turning point, and from there on.
    below: u64,
    above: u64,
}

impl World {
    fn drawn(seed: u64, below: u64, above: u64) -> World {
        let turn = Stream::new(seed, "world", "turn").range(1..=N as u64) as usize;
        World { seed, turn, below, above }
    }

    fn run(&self, trial: &Trial<usize>) -> Answer {
        let per_mille = if trial.candidate >= self.turn { self.above } else { self.below };
        let mut stream = Stream::new(self.seed, &trial.candidate.to_string(), &trial.run.to_string());
        known(stream.chance(per_mille, 1000))
    }

    fn search(&self, jobs: usize) -> anyhow::Result<FlakyTurningPoint> {
        let world = judge(jobs, |trial: &Trial<usize>| self.run(trial));
        flaky_turning_point(N, world, Flaky::default(), &mut |_| {})
    }
}

/// What came of 100 trials.
#[derive(Debug, Default)]
struct Score {
    right: u64,
    confirmed: u64,
    covered: u64,
    undecided: usize,
    runs: u64,
    probes: usize,
}

fn score(below: u64, above: u64) -> Score {
    let mut score = Score::default();
    for seed in 0..100 {
        let world = World::drawn(seed, below, above);
        let Ok(found) = world.search(1) else { continue };
        let rate = above as f64 / 1000.0;
        score.right += u64::from(found.found.position == world.turn);
        score.confirmed += u64::from(found.confirmed());
        score.covered += u64::from((found.at.low..=found.at.high).contains(&rate));
        score.undecided += found.undecided.len();
        score.runs += found.runs / 100;
        score.probes = score.probes.max(found.found.probes);
    }
    score
}

#[test]
#[expect(clippy::disallowed_macros, reason = "the figures are for whoever runs the proof")]
fn the_right_index_is_found_in_95_of_100_trials_at_any_rate() {
    for (below, above) in [
        (0, 20),
        (0, 50),
        (0, 100),
        (0, 300),
        (0, 500),
        (0, 900),
        (0, 1000),
        (10, 300),
        (10, 100),
        (100, 500),
        (300, 1000),
    ] {
        let score = score(below, above);
        println!("{below} -> {above} of 1000: {score:?}");
        assert!(score.right >= 95, "{below} -> {above} of 1000: {score:?}");
        assert!(score.probes <= 25);
    }
}

#[test]
fn jobs_do_not_matter() {
    for seed in 0..10 {
        let world = World::drawn(seed, 10, 400);
        let (one, three) = (world.search(1).expect("found"), world.search(3).expect("found"));
        assert_eq!(FlakyTurningPoint { runs: one.runs, ..three }, one);
    }
}

#[test]
fn what_fails_as_often_with_nothing_injected_has_no_turning_point() {
    for per_mille in [100, 1000] {
        let error = World { seed: 1, turn: 1, below: per_mille, above: per_mille }.search(2);
        let text = error.expect_err("no turning point").to_string();
        assert!(text.starts_with("what was injected cannot be told apart from nothing"), "{text}");
    }
}

#[test]
fn what_never_fails_is_not_reproduced() {
    let text = World { seed: 1, turn: 1, below: 0, above: 0 }.search(4).expect_err("no failure").to_string();
    assert_eq!(text, "the failure is not reproduced: the whole run passes");
}

#[test]
fn a_hole_in_the_failures_is_seen() {
    let run = |trial: &Trial<usize>| {
        let mut stream = Stream::new(3, &trial.candidate.to_string(), &trial.run.to_string());
        known(trial.candidate >= 100 && !(1100..1900).contains(&trial.candidate) && stream.chance(1, 3))
    };
    let found = flaky_turning_point(N, judge(2, run), Flaky::default(), &mut |_| {}).expect("found");
    assert!(!found.found.monotone(), "{found:?}");
    assert!(found.found.exceptions.iter().all(|at| (1100..1900).contains(at)), "{found:?}");
}

#[test]
fn an_interrupted_search_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.jsonl");
    let world = World::drawn(9, 0, 600);
    let whole = world.search(1).expect("found");
    let key = |trial: &Trial<usize>| format!("{} run {}", trial.candidate, trial.run);
    let mut seen = Vec::new();
    let found = loop {
        let mut runs = judge(1, |trial: &Trial<usize>| world.run(trial));
        runs.patience = 40;
        let journal = Journal::open(&path, "flaky", OtherQuestion::Refuse).expect("the journal opens");
        let prober = Journalled::new(&mut runs, journal, key);
        let found = flaky_turning_point(N, prober, Flaky::default(), &mut |_| {});
        seen.append(&mut runs.seen);
        if let Ok(found) = found {
            break found;
        }
    };
    assert_eq!(found, whole);
    let asked = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), seen.len() as u64), (asked, whole.runs));
}

#[test]
fn progress_tells_of_runs_and_what_is_best() {
    let mut told = Vec::new();
    let world = World::drawn(4, 0, 300);
    let prober = judge(2, |trial: &Trial<usize>| world.run(trial));
    let found = flaky_turning_point(N, prober, Flaky::default(), &mut |progress| told.push(progress));
    let found = found.expect("found");
    let last = told.last().expect("something was told");
    assert_eq!((last.probes as u64, last.best), (found.runs, world.turn));
    assert!(told.is_sorted_by_key(|progress| progress.probes));
    let foretold = told[told.len() / 2].about as u64;
    assert!((found.runs / 3..found.runs * 3).contains(&foretold), "{foretold} foretold, {} made", found.runs);
}
