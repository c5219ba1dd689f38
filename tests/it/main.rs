//! The only integration binary: one topic a file.

mod bisect;
mod cli;
mod determinism;
mod process;
mod reduce;
mod replay;
mod sabotage;
mod show;
mod support;
mod tidy;
