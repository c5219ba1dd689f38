//! Event logs for people: what a run was, single events in words, why they happened, and where two logs part.
//!
//! Rendering yields strings and prints nothing. What stands in a log was written by servers and by hand, so that no
//! control character of it reaches a terminal.

mod diff;
mod line;
mod summary;
mod trace;
mod view;
mod word;

pub use diff::{difference, header_differences};
pub use line::{line, marked_line};
pub use summary::summary;
pub use trace::trace;

#[cfg(test)]
mod tests;
