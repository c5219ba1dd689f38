//! The turning point: the first position at which the failure is certain, by binary search.
//!
//! Candidate `k` of `0..=n` keeps the first `k` injected events; what is found is a `k` that fails while `k - 1` does not,
//! both seen and not inferred. If failing is monotone, that is the smallest `k` that fails, after 2 + ⌈log₂ n⌉
//! probes. Whether it is cannot be proved without asking everywhere, so a few spare probes look at the widest places
//! that nobody asked about, below and above, and every answer that contradicts is reported.
//!
//! More jobs ask ahead: the middle, then the middles that would come next either way. With 2ᵈ - 1 jobs that is d steps a
//! round, the same as dividing by 2ᵈ, but the path is that of one job, so the same position is found however many
//! cores a machine has, monotone or not. Asking ahead is given up where it would exceed the budget of probes: the
//! default of 25 reaches a million events with all spare probes, and eight million without.
//!
//! A candidate that cannot be judged counts as passing, and is reported; so the position found always fails, but one
//! before it may too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeBounds;

use super::{Answer, BisectError, Prober, Progress};

/// How much a search may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// How many probes at most, unless a search without spare probes and without asking ahead needs more.
    pub budget: usize,
    /// How many of them look for exceptions after the position is found.
    pub spares: usize,
}

impl Default for Search {
    fn default() -> Self {
        Search { budget: 25, spares: 3 }
    }
}

/// The turning point of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurningPoint {
    /// How many injected events it keeps: with the last of them it fails.
    pub position: usize,
    /// What one event less gave; nothing if the position is 0. If unknown, the position may be too late.
    pub before: Option<Answer>,
    /// Positions below that fail, and positions above that pass: the failure is not monotone. None were seen if it
    /// is empty, which is evidence and no proof.
    pub exceptions: Vec<usize>,
    /// Positions that could not be judged, and why.
    pub unknown: Vec<(usize, String)>,
    /// How many candidates were run.
    pub probes: usize,
}

impl TurningPoint {
    /// Whether nothing was seen to fail before the position, nor to pass after it.
    pub fn monotone(&self) -> bool {
        self.exceptions.is_empty()
    }
}

/// Finds the turning point of a run with `n` injected events, all of which together must fail.
pub fn turning_point<P: Prober<usize>>(
    n: usize,
    prober: P,
    options: Search,
    progress: &mut dyn FnMut(Progress),
) -> Result<TurningPoint, P::Error> {
    let mut asked = Asked { prober, answers: BTreeMap::new(), options, low: 0, high: n, progress };
    asked.ends(n)?;
    asked.narrow()?;
    if asked.high > 0 {
        asked.look_for_exceptions()?;
    }
    asked.tell(0);
    Ok(asked.turning_point())
}

/// What is known so far: the position lies above `low`, which does not fail, and not above `high`, which does.
struct Asked<'a, P> {
    prober: P,
    answers: BTreeMap<usize, Answer>,
    options: Search,
    low: usize,
    high: usize,
    progress: &'a mut dyn FnMut(Progress),
}

impl<P: Prober<usize>> Asked<'_, P> {
    /// Everything must fail, and nothing should not: if it does, there is nothing to search.
    fn ends(&mut self, n: usize) -> Result<(), P::Error> {
        self.ask(&[n, 0][..self.prober.jobs().clamp(1, 2)])?;
        if !self.answers[&n].fails() {
            return Err(BisectError::NotReproduced(self.answers[&n].clone()).into());
        }
        self.tell(self.options.spares);
        self.ask(&[0])?;
        if self.answers[&0].fails() {
            self.high = 0;
        }
        Ok(())
    }

    fn narrow(&mut self) -> Result<(), P::Error> {
        while self.high - self.low > 1 {
            self.tell(self.options.spares);
            let ahead = next_middles(self.low, self.high, self.width());
            self.ask(&ahead)?;
            while self.high - self.low > 1
                && let Some(answer) = self.answers.get(&middle(self.low, self.high))
            {
                match answer.fails() {
                    true => self.high = middle(self.low, self.high),
                    false => self.low = middle(self.low, self.high),
                }
            }
        }
        Ok(())
    }

    /// How many to ask at once: as many as are useful, as long as the worst case stays within the budget.
    fn width(&self) -> usize {
        let fits = |width: &usize| {
            let steps = (width + 1).ilog2() as usize;
            let rest = self.steps_left().saturating_sub(steps);
            self.answers.len() + width + rest + self.options.spares <= self.options.budget
        };
        (2..=self.prober.jobs()).rev().find(fits).unwrap_or(1)
    }

    /// How many more steps of binary search there are at most.
    fn steps_left(&self) -> usize {
        (self.high - self.low).max(1).next_power_of_two().ilog2() as usize
    }

    fn look_for_exceptions(&mut self) -> Result<(), P::Error> {
        let left = self.options.budget.saturating_sub(self.answers.len());
        let mut places = self.widest_places(left.min(self.options.spares));
        while !places.is_empty() {
            self.tell(places.len());
            let rest = places.split_off(places.len().min(self.prober.jobs().max(1)));
            self.ask(&std::mem::replace(&mut places, rest))?;
        }
        Ok(())
    }

    /// Middles of the widest gaps between positions asked about: one below, one above, then wherever.
    fn widest_places(&self, count: usize) -> Vec<usize> {
        let mut asked: BTreeSet<usize> = self.answers.keys().copied().collect();
        let mut places = Vec::new();
        for turn in 0..count {
            let preferred = match turn {
                0 => widest(&asked, ..=self.low),
                1 => widest(&asked, self.high..),
                _ => None,
            };
            let Some(place) = preferred.or_else(|| widest(&asked, ..)) else { break };
            asked.insert(place);
            places.push(place);
        }
        places
    }

    /// Asks about those positions that are not known yet.
    fn ask(&mut self, positions: &[usize]) -> Result<(), P::Error> {
        let mut fresh: Vec<usize> = positions.to_vec();
        fresh.sort_unstable();
        fresh.dedup();
        fresh.retain(|position| !self.answers.contains_key(position));
        if fresh.is_empty() {
            return Ok(());
        }
        let answers = self.prober.probe(&fresh)?;
        assert_eq!(answers.len(), fresh.len(), "a prober answers every candidate");
        self.answers.extend(fresh.into_iter().zip(answers));
        Ok(())
    }

    /// Tells how far it is, with so many spare probes to come.
    fn tell(&mut self, spares: usize) {
        let probes = self.answers.len();
        let first = usize::from(!self.answers.contains_key(&0));
        let about = probes + first + self.steps_left() + spares;
        (self.progress)(Progress { probes, about, best: self.high });
    }

    fn turning_point(self) -> TurningPoint {
        let contradicts = |(position, answer): (&usize, &Answer)| match answer {
            Answer::Fails => *position < self.high,
            Answer::Passes => *position > self.high,
            Answer::Unknown(_) => false,
        };
        let unknown = |(position, answer): (&usize, &Answer)| match answer {
            Answer::Unknown(why) => Some((*position, why.clone())),
            _ => None,
        };
        TurningPoint {
            position: self.high,
            before: self.high.checked_sub(1).map(|before| self.answers[&before].clone()),
            exceptions: self.answers.iter().filter(|at| contradicts(*at)).map(|(at, _)| *at).collect(),
            unknown: self.answers.iter().filter_map(unknown).collect(),
            probes: self.answers.len(),
        }
    }
}

fn middle(low: usize, high: usize) -> usize {
    low + (high - low) / 2
}

/// The next `width` middles that a binary search may ask for, those sure to be needed first.
fn next_middles(low: usize, high: usize, width: usize) -> Vec<usize> {
    let mut spans = VecDeque::from([(low, high)]);
    let mut middles = Vec::new();
    while middles.len() < width
        && let Some((low, high)) = spans.pop_front()
    {
        if high - low > 1 {
            let middle = middle(low, high);
            middles.push(middle);
            spans.extend([(low, middle), (middle, high)]);
        }
    }
    middles
}

/// The middle of the widest gap between neighbours of `asked` in `range`; nothing if there is no gap.
fn widest(asked: &BTreeSet<usize>, range: impl RangeBounds<usize> + Clone) -> Option<usize> {
    let pairs = asked.range(range.clone()).zip(asked.range(range).skip(1));
    let (low, high) = pairs.filter(|(low, high)| *high - *low > 1).max_by_key(|(low, high)| *high - *low)?;
    Some(middle(*low, *high))
}
