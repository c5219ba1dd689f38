//! The turning point of a run that fails only sometimes.
//!
//! First the ends: everything injected is run until 20 runs failed, nothing injected as often as it takes to call a
//! third of that rate excluded if none fails. Exact bounds of both rates become the two hypotheses of a sequential test;
//! where they do not lie apart, four times as many runs are made, and again, before it is said that the ends cannot be
//! told apart. Then the binary search of [`super::turning_point`], each position decided by the test. At last
//! the position found and the one before are run afresh, as often as everything was: a test ends the earlier the
//! more its runs exaggerate, so rates are not taken from it.
//!
//! The bound of error is for a world with one rate below the turning point and one from there on. It is shared by union
//! bound: a fifth for each end's rate, three fifths for the ⌈log₂ n⌉ decisions of the search. Where rates climb in
//! steps, a position between the ends' rates may be called either, so one of the steps is found; the rates told with it
//! show how high it is. A position where the test gives up is decided by what is likelier, and told.

use std::cell::Cell;

use super::repeated::{Trial, decide, run_until};
use super::sequential::{Rate, SequentialTest, Tally};
use super::{Answer, BisectError, Prober, Progress, Search, TurningPoint, turning_point};

/// Failing runs of everything that are waited for at first.
const FAILS_WANTED: u64 = 20;
/// How much below the rate of everything the rate of nothing shall be shown to be, if it is zero.
const SEPARATION: f64 = 3.0;
/// How far apart the hypotheses must lie.
const SEPARATION_MIN: f64 = 1.25;
/// How often the ends are looked at, each time after four times as many runs.
const LOOKS: u32 = 3;

/// How certain the answer shall be, and how much may be asked for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flaky {
    /// How likely the answer may be wrong.
    pub error: f64,
    /// How many runs of one position at most.
    pub runs_max: u64,
    /// How many positions.
    pub search: Search,
}

impl Default for Flaky {
    fn default() -> Self {
        Flaky { error: 0.05, runs_max: 10_000, search: Search::default() }
    }
}

/// The turning point of a run that fails only sometimes.
#[derive(Clone, Debug, PartialEq)]
pub struct FlakyTurningPoint {
    /// What the search found.
    pub found: TurningPoint,
    /// The failure rate at the position, from runs of its own.
    pub at: Rate,
    /// The rate of one event less, from runs of its own.
    pub before: Rate,
    /// The rate with everything injected.
    pub full: Rate,
    /// The rate with nothing injected.
    pub empty: Rate,
    /// The test that decided; for further searches in the same world.
    pub test: SequentialTest,
    /// Positions where it could not decide within the runs allowed.
    pub undecided: Vec<usize>,
    /// How many runs it took.
    pub runs: u64,
}

impl FlakyTurningPoint {
    /// Whether the intervals at the position and before it lie apart.
    pub fn confirmed(&self) -> bool {
        self.at.low > self.before.high
    }
}

/// Finds the turning point of a run with `n` injected events by single runs of positions in `0..=n`. Progress counts
/// runs.
pub fn flaky_turning_point<P: Prober<Trial<usize>>>(
    n: usize,
    prober: P,
    options: Flaky,
    progress: &mut dyn FnMut(Progress),
) -> Result<FlakyTurningPoint, P::Error> {
    let outlook = Cell::new(Outlook { steps: 2, runs_a_step: FAILS_WANTED, best: n });
    let prober = Counted { prober, runs: 0, outlook: &outlook, progress };
    let mut world = World { n, prober, options, test: None, undecided: Vec::new() };
    let (test, full, empty) = world.separate_ends()?;
    let runs_a_step = test.expected_runs(rate_of(&full)).midpoint(test.expected_runs(rate_of(&empty)));
    world.test = Some(test);
    let found = turning_point(n, &mut world, options.search, &mut |progress| {
        outlook.set(Outlook { steps: progress.about - progress.probes, runs_a_step, best: progress.best });
    })?;
    let at = if found.position == n { full } else { world.measure(found.position, &full)? };
    let before = if found.position == 1 { empty } else { world.measure(found.position - 1, &full)? };
    let [at, before, full, empty] = [at, before, full, empty].map(Rate::from);
    Ok(FlakyTurningPoint {
        found,
        at,
        before,
        full,
        empty,
        test,
        undecided: world.undecided,
        runs: world.prober.runs,
    })
}

fn rate_of(tally: &Tally) -> f64 {
    tally.fails as f64 / tally.judged() as f64
}

/// A world of positions over one of single runs. Once there is a test the ends are known.
struct World<'a, P> {
    n: usize,
    prober: Counted<'a, P>,
    options: Flaky,
    test: Option<SequentialTest>,
    undecided: Vec<usize>,
}

impl<P: Prober<Trial<usize>>> World<'_, P> {
    /// Runs the ends until their rates lie apart: the test between them, and the runs of everything and of nothing.
    fn separate_ends(&mut self) -> Result<(SequentialTest, Tally, Tally), P::Error> {
        let (mut full, mut empty) = (Tally::default(), Tally::default());
        for look in 0..LOOKS {
            // The looks' shares sum to less than the fifth of each end.
            let error = self.options.error / 5.0 / 2_f64.powi(look as i32 + 1);
            let scale = 4_u64.pow(look);
            full = self.run(self.n, full, |full| full.fails >= FAILS_WANTED * scale)?;
            if full.fails == 0 {
                let unknown = format!("{} of {} runs could not be judged", full.unknown, full.runs());
                let answer = if full.is_hopeless() { Answer::Unknown(unknown) } else { Answer::Passes };
                return Err(BisectError::NotReproduced(answer).into());
            }
            let high_rate = full.at_least(error);
            let enough = scale * (error.ln() / (-high_rate / SEPARATION).ln_1p()).ceil() as u64;
            empty = self.run(0, empty, |empty| empty.judged() >= enough)?;
            let low_rate = empty.at_most(error);
            if low_rate * SEPARATION_MIN <= high_rate {
                let steps = self.n.max(2).next_power_of_two().ilog2();
                let wrong = self.options.error * 0.6 / f64::from(steps);
                let runs_max = self.options.runs_max;
                let test =
                    SequentialTest { low_rate, high_rate, false_fail: wrong, false_pass: wrong, runs_max };
                return Ok((test, full, empty));
            }
        }
        Err(BisectError::Indistinct { full: full.into(), empty: empty.into() }.into())
    }

    /// Fresh runs of a position that the test has seen, as many as `like` has.
    fn measure(&mut self, position: usize, like: &Tally) -> Result<Tally, P::Error> {
        let first = self.options.runs_max;
        let done = |tally: &Tally| tally.judged() >= like.judged() || tally.is_hopeless();
        run_until(&mut self.prober, &position, first, Tally::default(), done)
    }

    /// Runs a position until it is `done`, has had its runs, or cannot be judged.
    fn run(
        &mut self,
        position: usize,
        tally: Tally,
        done: impl Fn(&Tally) -> bool,
    ) -> Result<Tally, P::Error> {
        let runs_max = self.options.runs_max;
        let over = |tally: &Tally| done(tally) || tally.runs() >= runs_max || tally.is_hopeless();
        run_until(&mut self.prober, &position, 0, tally, over)
    }

    fn decide(&mut self, position: usize) -> Result<Answer, P::Error> {
        let test = self.test.expect("the ends were separated first");
        if position == 0 || position == self.n {
            return Ok(if position == 0 { Answer::Passes } else { Answer::Fails });
        }
        let decision = decide(&mut self.prober, &position, &test)?;
        if !decision.decided {
            self.undecided.push(position);
        }
        Ok(decision.answer)
    }
}

impl<P: Prober<Trial<usize>>> Prober<usize> for World<'_, P> {
    type Error = P::Error;

    fn probe(&mut self, positions: &[usize]) -> Result<Vec<Answer>, P::Error> {
        positions.iter().map(|position| self.decide(*position)).collect()
    }
}

/// What is still to come, for the progress.
#[derive(Clone, Copy)]
struct Outlook {
    steps: usize,
    runs_a_step: u64,
    best: usize,
}

/// Counts runs and tells of them.
struct Counted<'a, P> {
    prober: P,
    runs: u64,
    outlook: &'a Cell<Outlook>,
    progress: &'a mut dyn FnMut(Progress),
}

impl<P: Prober<Trial<usize>>> Prober<Trial<usize>> for Counted<'_, P> {
    type Error = P::Error;

    fn probe(&mut self, trials: &[Trial<usize>]) -> Result<Vec<Answer>, P::Error> {
        let answers = self.prober.probe(trials)?;
        self.runs += trials.len() as u64;
        let Outlook { steps, runs_a_step, best } = self.outlook.get();
        let probes = self.runs as usize;
        (self.progress)(Progress { probes, about: probes + steps * runs_a_step as usize, best });
        Ok(answers)
    }

    fn jobs(&self) -> usize {
        self.prober.jobs()
    }
}
