//! How often a candidate must be run to know: Wald's sequential test, and intervals for rates.
//!
//! The test (A. Wald, "Sequential Tests of Statistical Hypotheses", 1945) holds two rates against each other: after each
//! run it adds the logarithm of how much likelier the outcome is at the high rate than at the low one, and ends where
//! the sum leaves (ln β, -ln α). With these bounds, slightly wider than Wald's own, a candidate whose rate is at or below
//! the low one is called failing with probability at most α, and one at or above the high one is called passing with at
//! most β: the likelihood ratio is a martingale, and Ville's inequality does the rest. At these two rates it needs far
//! fewer runs on average than a test of a fixed size. A rate in between may be called either.
//!
//! Intervals are Clopper and Pearson's (1934), which never cover less often than they say for a number of runs fixed
//! beforehand.

use statrs::function::beta::inv_beta_reg;

use super::Answer;

/// How many runs ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs that failed.
    pub fails: u64,
    /// Runs that passed.
    pub passes: u64,
    /// Runs that could not be judged, which say nothing about the rate.
    pub unknown: u64,
}

/// Unjudged runs that are borne beside as many again as were judged.
const UNKNOWN_BORNE: u64 = 20;

impl Tally {
    /// Adds a run.
    pub fn add(&mut self, answer: &Answer) {
        match answer {
            Answer::Fails => self.fails += 1,
            Answer::Passes => self.passes += 1,
            Answer::Unknown(_) => self.unknown += 1,
        }
    }

    /// How many runs there were.
    pub fn runs(&self) -> u64 {
        self.judged() + self.unknown
    }

    /// How many runs said something.
    pub fn judged(&self) -> u64 {
        self.fails + self.passes
    }

    /// Whether so few runs can be judged that more of them make no sense.
    pub(super) fn is_hopeless(&self) -> bool {
        self.unknown > UNKNOWN_BORNE + self.judged()
    }

    /// The rate that would give so few failures or fewer with probability `error`: the true one is above it with
    /// probability at most `error`.
    pub(super) fn at_most(&self, error: f64) -> f64 {
        match self.passes {
            0 => 1.0,
            passes => inv_beta_reg((self.fails + 1) as f64, passes as f64, 1.0 - error),
        }
    }

    /// The rate that would give so many failures or more with probability `error`: the true one is below it with
    /// probability at most `error`. Exact too where runs were made until so many failed.
    pub(super) fn at_least(&self, error: f64) -> f64 {
        match self.fails {
            0 => 0.0,
            fails => inv_beta_reg(fails as f64, (self.passes + 1) as f64, error),
        }
    }
}

/// A failure rate with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The runs it was seen in.
    pub tally: Tally,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Rate {
    /// The share of judged runs that failed; nothing if none was judged.
    pub fn value(&self) -> Option<f64> {
        (self.tally.judged() > 0).then(|| self.tally.fails as f64 / self.tally.judged() as f64)
    }
}

impl From<Tally> for Rate {
    fn from(tally: Tally) -> Self {
        Rate { tally, low: tally.at_least(0.025), high: tally.at_most(0.025) }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Tally { fails, unknown, .. } = self.tally;
        let Some(rate) = self.value() else { return write!(f, "unknown: none of {unknown} runs was judged") };
        let (rate, low, high) = (100.0 * rate, 100.0 * self.low, 100.0 * self.high);
        write!(f, "{rate:.1} % ({fails} of {} runs; 95 %: {low:.1} to {high:.1} %)", self.tally.judged())
    }
}

/// A test that says whether a candidate fails at the high rate or at the low one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SequentialTest {
    /// At or below this rate a candidate passes; above 0.
    pub low_rate: f64,
    /// At or above this rate it fails; above the low rate and below 1.
    pub high_rate: f64,
    /// α: how likely a candidate that passes may be called failing.
    pub false_fail: f64,
    /// β: how likely a candidate that fails may be called passing.
    pub false_pass: f64,
    /// After how many runs of one candidate to give up and say what is likelier.
    pub runs_max: u64,
}

/// What a test says of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The answer. Unknown only if most runs could not be judged.
    pub answer: Answer,
    /// Whether the answer keeps the test's error bounds; otherwise it is what was likelier after the most runs.
    pub decided: bool,
}

impl SequentialTest {
    /// What the runs so far say; nothing if more are needed.
    pub fn judge(&self, tally: &Tally) -> Option<Decision> {
        let weight = self.weight(tally.fails as f64, tally.passes as f64);
        let is_over = weight >= -self.false_fail.ln() || weight <= self.false_pass.ln();
        if !is_over && tally.is_hopeless() {
            let why = format!("{} of {} runs could not be judged", tally.unknown, tally.runs());
            return Some(Decision { answer: Answer::Unknown(why), decided: false });
        }
        let answer = if weight > 0.0 { Answer::Fails } else { Answer::Passes };
        (is_over || tally.runs() >= self.runs_max).then_some(Decision { answer, decided: is_over })
    }

    /// About how many runs a candidate of this rate takes.
    pub fn expected_runs(&self, rate: f64) -> u64 {
        let drift = self.weight(rate, 1.0 - rate);
        let bound = if drift > 0.0 { -self.false_fail.ln() } else { self.false_pass.ln() };
        ((bound / drift) as u64).clamp(1, self.runs_max)
    }

    /// The logarithm of how much likelier these outcomes are at the high rate.
    fn weight(&self, fails: f64, passes: f64) -> f64 {
        let SequentialTest { low_rate, high_rate, .. } = *self;
        assert!(
            0.0 < low_rate && low_rate < high_rate && high_rate < 1.0,
            "{low_rate} and {high_rate} differ"
        );
        let fail = (high_rate / low_rate).ln();
        let pass = ((1.0 - high_rate) / (1.0 - low_rate)).ln();
        fails * fail + passes * pass
    }
}
