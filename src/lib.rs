//! Deterministic-simulation fuzzer for Valkey clusters: real servers under virtual time.
//!
//! Data flow: a scenario (what a person wrote) and a seed become a plan (every choice made); the scheduler runs the
//! plan's actors over a world of real server processes and logs every event before it acts; the log and what
//! validators collected are judged by invariants; the report says what came of it.
//!
//! Layers, lowest first; a module names its own layer and lower ones only (a test keeps it so):
//! 0 `time rng id hold language scratch statistics stop words workers` · 1 `fault op event history model` · 2 `scenario plan` · 3 `bisect event_log wire` ·
//! 4 `chronicle convergence invariant leaders report` · 5 `actor` · 6 `shim world servers` · 7 `scheduler` · 8 `simulation` ·
//! 9 `benchmark replay saboteurs` · 10 `campaign` · 11 `commands` · 12 `cli`.
//!
//! Absent on purpose: actors do not know the world; invariants do not know the actors; `plan` does no I/O; only
//! `actor::host` names actix; only `wall` reads the wall clock; only `cli` reads the environment.

pub mod actor;
pub mod benchmark;
pub mod bisect;
pub mod campaign;
pub mod chronicle;
pub mod cli;
pub mod commands;
pub mod convergence;
pub mod event;
pub mod event_log;
pub mod fault;
pub mod history;
pub mod hold;
pub mod id;
pub mod invariant;
pub mod language;
pub mod leaders;
pub mod model;
pub mod op;
pub mod plan;
pub mod replay;
pub mod report;
pub mod rng;
pub mod saboteurs;
pub mod scenario;
pub mod scheduler;
pub mod scratch;
pub mod servers;
pub mod shim;
pub mod simulation;
pub mod statistics;
pub mod stop;
pub mod time;
pub mod wall;
pub mod wire;
pub mod words;
pub mod workers;
pub mod world;
