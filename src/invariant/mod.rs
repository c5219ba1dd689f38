//! Invariants: pure functions over the evidence of a run, one property a file.
//!
//! They know nothing of actors, servers or logs, so that any world that fills an [`evidence::Evidence`] can be
//! judged, and every verdict can be tested without one.

pub mod evidence;
pub mod no_crash;
