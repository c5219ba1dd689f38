//! Candidates that fail only sometimes, run again and again until a sequential test has decided.
//!
//! [`Repeated`] makes a prober of single runs one of candidates, so that every search can be used where runs are not
//! deterministic. Runs of one candidate go side by side. They are counted in their order and only up to the one that
//! decides, so what is found does not depend on the number of jobs; those run beyond it are dropped.

use super::sequential::{Decision, SequentialTest, Tally};
use super::{Answer, Prober};

/// One run of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trial<C> {
    /// The candidate.
    pub candidate: C,
    /// Which of its runs, from 0.
    pub run: u64,
}

/// A prober of candidates over one of single runs.
#[derive(Debug)]
pub struct Repeated<P> {
    prober: P,
    test: SequentialTest,
    undecided: usize,
}

impl<P> Repeated<P> {
    /// Decides every candidate by `test`, which holds for each alone: the errors of a search add up.
    pub fn new(prober: P, test: SequentialTest) -> Self {
        Repeated { prober, test, undecided: 0 }
    }

    /// How many answers were only likelier than the other one, after the most runs allowed.
    pub fn undecided(&self) -> usize {
        self.undecided
    }
}

impl<C: Clone, P: Prober<Trial<C>>> Prober<C> for Repeated<P> {
    type Error = P::Error;

    fn probe(&mut self, candidates: &[C]) -> Result<Vec<Answer>, P::Error> {
        let mut answers = Vec::new();
        for candidate in candidates {
            let decision = decide(&mut self.prober, candidate, &self.test)?;
            self.undecided += usize::from(!decision.decided);
            answers.push(decision.answer);
        }
        Ok(answers)
    }
}

/// Runs `candidate` until `test` has decided.
pub(super) fn decide<C: Clone, P: Prober<Trial<C>>>(
    prober: &mut P,
    candidate: &C,
    test: &SequentialTest,
) -> Result<Decision, P::Error> {
    let tally = run_until(prober, candidate, 0, Tally::default(), |tally| test.judge(tally).is_some())?;
    Ok(test.judge(&tally).expect("it was run until the test had decided"))
}

/// Runs `candidate` until its tally is `done`, counting on from `tally`; the run that begins it has number `first`.
pub(super) fn run_until<C: Clone, P: Prober<Trial<C>>>(
    prober: &mut P,
    candidate: &C,
    first: u64,
    mut tally: Tally,
    done: impl Fn(&Tally) -> bool,
) -> Result<Tally, P::Error> {
    while !done(&tally) {
        let next = first + tally.runs();
        let runs = next..next + prober.jobs().max(1) as u64;
        let trials: Vec<Trial<C>> = runs.map(|run| Trial { candidate: candidate.clone(), run }).collect();
        for answer in prober.probe(&trials)? {
            if !done(&tally) {
                tally.add(&answer);
            }
        }
    }
    Ok(tally)
}
