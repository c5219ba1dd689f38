//! The only integration binary: one topic a file.

mod bench;
mod bisect;
mod cli;
mod determinism;
mod process;
mod reduce;
mod replay;
mod sabotage;
mod support;
mod tidy;
