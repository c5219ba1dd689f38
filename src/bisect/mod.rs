//! Finds what in a failing run makes it fail, by asking again and again: does it still fail with only this of it?
//!
//! [`turning_point`] finds after which injected event the failure is certain, [`ddmin`] which few of the events before
//! it are enough. Both put candidates to a [`Prober`], which runs them, several side by side if it can. [`Journalled`]
//! keeps the answers in a file, so that an interrupted search goes on where it was; [`flaky_turning_point`] and
//! [`Repeated`] ask often enough where the same candidate fails only sometimes.
//!
//! Nothing here knows what a run is: a candidate is a position or a set of items, and the caller makes a run of it.

mod ddmin;
mod flaky;
mod journal;
mod probe;
mod repeated;
mod search;
mod sequential;

pub use ddmin::{Minimal, ddmin, ddmin_by_stage};
pub use flaky::{Flaky, FlakyTurningPoint, flaky_turning_point};
pub use journal::{Journal, JournalError, Journalled, OtherQuestion};
pub use probe::{Answer, BisectError, Prober, Progress};
pub use repeated::{Repeated, Trial};
pub use search::{Search, TurningPoint, turning_point};
pub use sequential::{Decision, Rate, SequentialTest, Tally};

#[cfg(test)]
mod tests;
