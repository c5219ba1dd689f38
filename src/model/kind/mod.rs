//! The kinds of commands, one a file: what each command does, and how commands of the kind are drawn.

pub mod big;
pub mod bitmaps;
pub mod blocking;
pub mod cardinalities;
pub mod channels;
pub mod counters;
pub mod databases;
pub mod expiry;
pub mod fields;
pub mod hashes;
pub mod keys;
pub mod lists;
pub mod objects;
pub mod promises;
pub mod scans;
pub mod scripts;
pub mod sets;
pub mod sorted_sets;
pub mod streams;
pub mod strings;
pub mod tracking;
pub mod transactions;
pub mod users;
