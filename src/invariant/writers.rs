//! The plan's own commands as writers: which of them can have written a key, and which destroyed it.
//!
//! A value that a command can have put where it lies is no find, or a plan's own seeding would be held against the
//! server. What a script writes cannot be told from its text, so it can have written any key that its node led; any other
//! command only the keys that it names. Only the primary of a key takes writes: what is smuggled to a replica is nobody's.

use std::borrow::Cow;

use super::Evidence;
use super::evidence::Content;
use super::expectation::primary_at;
use crate::id::NodeId;
use crate::model::{cell_of, database_at};
use crate::op::Ending;
use crate::time::SimTime;
use crate::wire::resp::key_slot;

/// The plan's commands that were sent and may have been executed.
pub(super) struct Writers<'e> {
    evidence: &'e Evidence,
    typed: Vec<Typed<'e>>,
}

/// One of them.
struct Typed<'e> {
    node: NodeId,
    name: String,
    args: Cow<'e, [String]>,
    sent_at: SimTime,
    /// When it was executed at the latest.
    until: SimTime,
}

/// A command that destroyed a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destroyer {
    /// When it was sent.
    pub at: SimTime,
    /// In words.
    pub what: String,
}

impl<'e> Writers<'e> {
    /// The commands of a run.
    pub fn of(evidence: &'e Evidence) -> Self {
        let executed = evidence.sent_operations().filter(|(_, report)| {
            !matches!(report.ending, Some(Ending::Refused | Ending::NotSent | Ending::Missed))
        });
        let typed = executed.flat_map(|(op, report)| {
            op.action.typed().into_iter().filter_map(move |typed| {
                Some(Typed {
                    node: typed.node,
                    name: typed.args.first()?.to_ascii_lowercase(),
                    args: typed.args,
                    sent_at: report.sent_at?,
                    until: report.ended_at.filter(|_| report.done).unwrap_or(SimTime::NEVER),
                })
            })
        });
        let typed = typed.collect();
        Writers { evidence, typed }
    }

    /// Whether nobody but clients can have written anything.
    pub fn are_none(&self) -> bool {
        self.typed.is_empty() && self.evidence.first_guest_at().is_none()
    }

    /// When a value that a key holds can have been written at the latest, if a command can have written it.
    pub fn wrote(&self, key: &str, value: &Content) -> Option<SimTime> {
        let can = self.leading(key).filter(|typed| typed.can_write(key, value));
        can.map(|typed| typed.until).max()
    }

    /// Whether a command that was sent by `at` can have written a value.
    pub fn wrote_by(&self, key: &str, value: &Content, at: SimTime) -> bool {
        self.leading(key).any(|typed| typed.sent_at <= at && typed.can_write(key, value))
    }

    /// The last command that destroyed what a key held, if one did.
    pub fn destroyed(&self, key: &str) -> Option<Destroyer> {
        let last = self.leading(key).filter(|typed| typed.destroys(key)).max_by_key(|typed| typed.sent_at)?;
        let what = format!("{} to {}", last.args.join(" "), last.node);
        Some(Destroyer { at: last.sent_at, what })
    }

    /// When a command was sent first that may have written or destroyed a key.
    pub fn touched(&self, key: &str) -> Option<SimTime> {
        let touching = self.leading(key).filter(|typed| typed.touches(key));
        let by_guest = self.evidence.guest_keys.holds(key).then(|| self.evidence.first_guest_at()).flatten();
        touching.map(|typed| typed.sent_at).chain(by_guest).min()
    }

    /// The same of whatever keys of a cell the commands name, for what is told of the cell as a whole.
    pub fn touched_in(&self, cell: &str) -> Option<SimTime> {
        let named = self.typed.iter().flat_map(|typed| typed.args[1..].iter());
        named.filter(|word| cell_of(word) == cell).filter_map(|word| self.touched(word)).min()
    }

    /// The commands that went to whoever led the key's shard then.
    fn leading(&self, key: &str) -> impl Iterator<Item = &Typed<'e>> {
        let slot = key_slot(key.as_bytes());
        let shards = self.evidence.shards_of_slot(slot);
        let led = move |typed: &&Typed| {
            let leads = |shard| primary_at(self.evidence, shard, typed.sent_at) == typed.node;
            shards.into_iter().any(leads)
        };
        self.typed.iter().filter(led)
    }
}

impl Typed<'_> {
    fn touches(&self, key: &str) -> bool {
        let names = || self.args[1..].iter().any(|argument| argument == key);
        match self.name.as_str() {
            name if SCRIPTS.contains(&name) || self.destroys(key) || self.populates(key) => true,
            "swapdb" | "restore" | "restore-asking" => true,
            name => !READS.contains(&name) && names(),
        }
    }

    fn can_write(&self, key: &str, value: &Content) -> bool {
        let names = |text: &str| self.args[1..].iter().any(|argument| argument == text);
        match self.name.as_str() {
            name if SCRIPTS.contains(&name) => true,
            "debug" => self.populates(key),
            name if READS.contains(&name) || DESTROYS.contains(&name) => false,
            name if SETS.contains(&name) => names(key) && matches!(value, Content::Text(text) if names(text)),
            _ => names(key),
        }
    }

    /// `DEBUG POPULATE count [prefix]` writes `prefix:0` and so on.
    fn populates(&self, key: &str) -> bool {
        let is_it = self.args.get(1).is_some_and(|what| what.eq_ignore_ascii_case("populate"));
        let prefix = self.args.get(3).map_or("key", String::as_str);
        let rest = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':'));
        is_it && rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    }

    fn destroys(&self, key: &str) -> bool {
        match self.name.as_str() {
            "flushall" => true,
            // Nobody but clients selects a database.
            "flushdb" => database_at(key) == 0,
            name if DESTROYS.contains(&name) => self.args[1..].iter().any(|argument| argument == key),
            _ => false,
        }
    }
}

/// What a command does to keys, by its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It changes none.
    None,
    /// It may change those that it names.
    Named,
    /// It may change any.
    Any,
}

/// What the command of this name does to keys.
pub(super) fn effect(name: &str) -> Effect {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "flushall" | "flushdb" | "debug" | "restore" => Effect::Any,
        name if SCRIPTS.contains(&name) => Effect::Any,
        name if READS.contains(&name) => Effect::None,
        _ => Effect::Named,
    }
}

/// Commands that can write any key of their node.
const SCRIPTS: [&str; 4] = ["eval", "evalsha", "fcall", "exec"];
/// Commands that write a value which they name.
const SETS: [&str; 7] = ["set", "setex", "psetex", "setnx", "getset", "mset", "msetnx"];
/// Commands that only take away.
const DESTROYS: [&str; 11] = [
    "flushall",
    "flushdb",
    "del",
    "unlink",
    "getdel",
    "expire",
    "pexpire",
    "expireat",
    "pexpireat",
    "getex",
    "move",
];
/// Commands that name keys, or words that could be some, and write none.
const READS: [&str; 34] = [
    "get",
    "mget",
    "exists",
    "ttl",
    "pttl",
    "expiretime",
    "type",
    "strlen",
    "getrange",
    "dump",
    "object",
    "memory",
    "touch",
    "watch",
    "info",
    "ping",
    "echo",
    "cluster",
    "config",
    "client",
    "command",
    "dbsize",
    "keys",
    "scan",
    "acl",
    "module",
    "latency",
    "slowlog",
    "publish",
    "spublish",
    "function",
    "script",
    "eval_ro",
    "evalsha_ro",
];

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy, operation, promote};
    use super::*;
    use crate::op::{Command, OpAction};

    /// A key of shard 1, which node-1 leads.
    const KEY: &str = "k27";

    fn typed(node: u16, text: &str) -> Evidence {
        let mut evidence = healthy();
        let args = text.split(' ').map(str::to_owned).collect();
        operation(
            &mut evidence,
            OpAction::Command(Command { node: NodeId(node), args }),
            (10, 11),
            Ending::Done,
        );
        evidence
    }

    fn wrote(evidence: &Evidence, key: &str, value: &str) -> Option<SimTime> {
        Writers::of(evidence).wrote(key, &Content::Text(value.to_owned()))
    }

    #[test]
    fn a_command_writes_the_keys_that_it_names_and_a_script_any() {
        for (text, key, value, can) in [
            ("SET k27 v", KEY, "v", true),
            ("set k27 v EX 9", KEY, "v", true),
            ("SET k27 v", KEY, "w", false),
            ("SET other v", KEY, "v", false),
            ("MSET {k27}a 1 {k27}b 2", "{k27}b", "2", true),
            ("APPEND k27 v", KEY, "xv", true),
            ("INCR k27", KEY, "1", true),
            ("EVAL script 0", KEY, "anything", true),
            ("FCALL f 0", KEY, "anything", true),
            ("RESTORE k27 0 bytes", KEY, "anything", true),
            ("DEBUG POPULATE 9 {k27}", "{k27}:8", "value:8", true),
            ("DEBUG POPULATE 9 {k27}", "{k27}:x", "value:8", false),
            ("DEBUG REPLICATE SET k27 v", KEY, "v", false),
            ("GET k27", KEY, "v", false),
            ("DEL k27", KEY, "v", false),
            ("CLUSTER KEYSLOT k27", KEY, "v", false),
        ] {
            let expected = can.then(|| at(11));
            assert_eq!(wrote(&typed(1, text), key, value), expected, "{text}");
        }
    }

    #[test]
    fn only_whoever_leads_the_shard_then_takes_writes() {
        for node in [2, 3, 4] {
            assert_eq!(wrote(&typed(node, "EVAL script 0"), KEY, "v"), None);
        }
        let mut evidence = typed(2, "EVAL script 0");
        promote(&mut evidence, NodeId(2), 9, true);
        assert_eq!(wrote(&evidence, KEY, "v"), Some(at(11)));
    }

    #[test]
    fn what_was_refused_wrote_nothing_and_what_was_not_answered_may_have_at_any_time() {
        let mut evidence = typed(1, "SET k27 v");
        (evidence.operations[0].done, evidence.operations[0].ending) = (false, Some(Ending::TimedOut));
        assert_eq!(wrote(&evidence, KEY, "v"), Some(SimTime::NEVER));
        evidence.operations[0].ending = Some(Ending::Refused);
        assert_eq!(wrote(&evidence, KEY, "v"), None);
    }

    #[test]
    fn flushes_and_deletions_destroy() {
        for (text, destroys) in [
            ("FLUSHALL", true),
            ("flushdb async", true),
            ("DEL a k27", true),
            ("UNLINK x", false),
            ("SET k27 v", false),
        ] {
            let destroyed = Writers::of(&typed(1, text)).destroyed(KEY);
            let expected = destroys.then(|| Destroyer { at: at(10), what: format!("{text} to node-1") });
            assert_eq!(destroyed, expected, "{text}");
        }
    }

    #[test]
    fn a_cell_is_touched_where_any_of_its_keys_is() {
        let evidence = typed(1, "SET {k27}beside x");
        let writers = Writers::of(&evidence);
        assert_eq!(writers.touched(KEY), None);
        assert!(writers.touched_in(KEY).is_some() && writers.touched_in("k28").is_none());
    }
}
