//! The only integration binary: one topic a file.

mod bisect;
mod campaign;
mod cli;
mod determinism;
mod process;
mod reduce;
mod replay;
mod sabotage;
mod support;
mod tidy;
