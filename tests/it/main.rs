//! The only integration binary: one topic a file.

mod bench;
mod bisect;
mod bystander;
mod campaign;
mod cli;
mod conformity;
mod corpus;
mod deadlock;
mod determinism;
mod format;
mod freedom;
mod hostile;
mod judge;
mod leaving;
mod process;
mod program;
mod reduce;
mod repeat;
mod replay;
mod sabotage;
mod sabotage_settled;
mod settle;
mod show;
mod support;
mod surroundings;
mod tidy;
