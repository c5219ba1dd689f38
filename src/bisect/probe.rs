//! The question that every algorithm here asks, and its three answers.
//!
//! Candidates are asked in batches, because runs do not disturb each other and a machine has several cores. How many go
//! into a batch never changes what an algorithm finds in a world that answers alike each time; it changes only how
//! many answers are asked for ahead of need.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{JournalError, Rate};

/// Whether a candidate still shows the failure that is searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It does: the same invariant is violated.
    Fails,
    /// It does not, though another one may be.
    Passes,
    /// It could not be judged, for this reason. It never counts as a failure; each algorithm says what becomes of it.
    Unknown(String),
}

impl Answer {
    /// Whether the candidate fails.
    pub fn fails(&self) -> bool {
        *self == Answer::Fails
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Fails => write!(f, "fails"),
            Answer::Passes => write!(f, "passes"),
            Answer::Unknown(why) => write!(f, "cannot be judged: {why}"),
        }
    }
}

/// Runs candidates.
pub trait Prober<C> {
    /// Why a search ends without a result: the errors of this module, and the prober's own, an interruption among them,
    /// which every algorithm passes on as they are.
    type Error: From<BisectError>;

    /// Judges `candidates`, side by side if it can; one answer each, in their order. After an error the whole batch
    /// counts as not asked.
    fn probe(&mut self, candidates: &[C]) -> Result<Vec<Answer>, Self::Error>;

    /// How many candidates at once are useful.
    fn jobs(&self) -> usize {
        1
    }
}

impl<C, P: Prober<C> + ?Sized> Prober<C> for &mut P {
    type Error = P::Error;

    fn probe(&mut self, candidates: &[C]) -> Result<Vec<Answer>, Self::Error> {
        (**self).probe(candidates)
    }

    fn jobs(&self) -> usize {
        (**self).jobs()
    }
}

/// How far a search is, told after each batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many candidates were run.
    pub probes: usize,
    /// How many it will be in the end, as far as can be told now.
    pub about: usize,
    /// The best failing candidate so far: its position, or how many items it keeps.
    pub best: usize,
}

/// Why there is nothing to find.
#[derive(Debug, thiserror::Error)]
pub enum BisectError {
    /// The run as it was does not fail.
    #[error("the failure is not reproduced: the whole run {0}")]
    NotReproduced(Answer),
    /// A run that fails sometimes fails about as often with nothing injected.
    #[error(
        "what was injected cannot be told apart from nothing: with everything it fails in {full}, with nothing in {empty}"
    )]
    Indistinct {
        /// The rate with everything injected.
        full: Rate,
        /// The rate with nothing.
        empty: Rate,
    },
    /// Answers cannot be kept.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
