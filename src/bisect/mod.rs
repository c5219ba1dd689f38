//! Finds what in a failing run makes it fail, by asking again and again: does it still fail with only this of it?
//!
//! [`turning_point`] finds after which injected event the failure is certain. It puts candidates to a [`Prober`], which
//! runs them, several side by side if it can.
//!
//! Nothing here knows what a run is: a candidate is a position or a set of items, and the caller makes a run of it.

mod probe;
mod search;

pub use probe::{Answer, BisectError, Prober, Progress};
pub use search::{Search, TurningPoint, turning_point};

#[cfg(test)]
mod tests;
