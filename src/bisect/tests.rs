//! Artificial worlds that answer the questions of the searches, and count them.

mod ddmin;
mod flaky;
mod journal;
mod search;
mod sequential;

use std::collections::BTreeSet;

use super::{Answer, Prober};

/// A world that judges by a function, and remembers every candidate it ran.
struct Judge<C, F> {
    judge: F,
    jobs: usize,
    seen: Vec<C>,
    /// How many batches that took.
    rounds: usize,
    /// After how many candidates it is interrupted.
    patience: usize,
}

fn judge<C, F: FnMut(&C) -> Answer>(jobs: usize, judge: F) -> Judge<C, F> {
    Judge { judge, jobs, seen: Vec::new(), rounds: 0, patience: usize::MAX }
}

impl<C: Clone + Ord, F: FnMut(&C) -> Answer> Prober<C> for Judge<C, F> {
    type Error = anyhow::Error;

    fn probe(&mut self, candidates: &[C]) -> anyhow::Result<Vec<Answer>> {
        assert!((1..=self.jobs).contains(&candidates.len()), "{} at once", candidates.len());
        anyhow::ensure!(self.seen.len() + candidates.len() <= self.patience, "interrupted");
        self.rounds += 1;
        self.seen.extend_from_slice(candidates);
        Ok(candidates.iter().map(&mut self.judge).collect())
    }

    fn jobs(&self) -> usize {
        self.jobs
    }
}

impl<C: Ord, F> Judge<C, F> {
    fn asked_nothing_twice(&self) -> bool {
        self.seen.iter().collect::<BTreeSet<_>>().len() == self.seen.len()
    }
}

/// An answer that can be judged.
fn known(fails: bool) -> Answer {
    match fails {
        true => Answer::Fails,
        false => Answer::Passes,
    }
}
