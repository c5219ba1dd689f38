//! The only integration binary: one topic a file.

mod bench;
mod bisect;
mod campaign;
mod cli;
mod corpus;
mod determinism;
mod format;
mod hostile;
mod process;
mod program;
mod reduce;
mod replay;
mod sabotage;
mod settle;
mod show;
mod support;
mod surroundings;
mod tidy;
