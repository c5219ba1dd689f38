//! The kinds of commands, one a line: what `workload.mix` weighs, what is drawn, and which command is whose.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Rule;
use super::kind::{
    big, bitmaps, blocking, cardinalities, channels, counters, databases, expiry, fields, hashes, keys,
    lists, objects, promises, scans, scripts, sets, sorted_sets, streams, strings, tracking, transactions,
    users,
};
use crate::rng::Stream;

/// Commands that are sent together.
pub type Go = Vec<Vec<String>>;

/// A kind of commands.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name in `workload.mix`.
    pub name: &'static str,
    /// What it is, for the reference.
    pub about: &'static str,
    /// Draws what a client asks next, one go after the other.
    pub draw: fn(&mut Pick) -> Vec<Go>,
    /// Its commands.
    pub rules: &'static [Rule],
}

/// What a command is drawn from.
#[derive(Debug)]
pub struct Pick<'a> {
    /// The stream of this purpose.
    pub stream: &'a mut Stream,
    /// A text that no other operation of the run has.
    pub token: &'a str,
    /// How many cells a kind has.
    pub cells: u64,
    /// Whether this client may subscribe: few may, as every message goes to all who did.
    pub may_listen: bool,
    /// How many databases there are.
    pub databases: u64,
}

/// Every kind.
pub static KINDS: [Kind; 23] = [
    strings::KIND,
    counters::KIND,
    keys::KIND,
    expiry::KIND,
    lists::KIND,
    hashes::KIND,
    sets::KIND,
    sorted_sets::KIND,
    bitmaps::KIND,
    cardinalities::KIND,
    streams::KIND,
    transactions::KIND,
    scripts::KIND,
    blocking::KIND,
    scans::KIND,
    fields::KIND,
    objects::KIND,
    promises::KIND,
    users::KIND,
    big::KIND,
    channels::KIND,
    databases::KIND,
    tracking::KIND,
];

/// The kind with this name.
pub fn kind_named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

static RULES: LazyLock<BTreeMap<&str, &Rule>> =
    LazyLock::new(|| KINDS.iter().flat_map(|kind| kind.rules).map(|rule| (rule.name, rule)).collect());

/// What a command of this name does, if the model knows.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.get(name).or_else(|| RULES.get(name.to_ascii_uppercase().as_str())).copied()
}

impl Pick<'_> {
    /// One of the kind's keys: `list:3`.
    pub fn key(&mut self, kind: &str) -> String {
        format!("{kind}:{}", self.stream.below(self.cells.max(1)))
    }

    /// A number below a bound, as text.
    pub fn number(&mut self, bound: u64) -> String {
        self.stream.below(bound).to_string()
    }

    /// One of a few names: `m2`.
    pub fn member(&mut self) -> String {
        format!("m{}", self.stream.below(6))
    }

    /// The number of one of so many choices.
    pub fn choice(&mut self, choices: u64) -> u64 {
        self.stream.below(choices)
    }
}
