//! Finds what in a failing run makes it fail, by asking again and again: does it still fail with only this of it?
//!
//! [`turning_point`] finds after which injected event the failure is certain, [`ddmin`] which few of the events before
//! it are enough. Both put candidates to a [`Prober`], which runs them, several side by side if it can.
//!
//! Nothing here knows what a run is: a candidate is a position or a set of items, and the caller makes a run of it.

mod ddmin;
mod probe;
mod search;

pub use ddmin::{Minimal, ddmin, ddmin_by_stage};
pub use probe::{Answer, BisectError, Prober, Progress};
pub use search::{Search, TurningPoint, turning_point};

#[cfg(test)]
mod tests;
