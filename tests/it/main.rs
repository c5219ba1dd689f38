//! The only integration binary: one topic a file.

mod cli;
mod determinism;
mod process;
mod reduce;
mod sabotage;
mod support;
mod tidy;
