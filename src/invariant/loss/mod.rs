//! Which acknowledged writes a cluster with asynchronous replication may lose, and why.
//!
//! A primary acknowledges before its replicas have the write. The cluster specification allows the loss of such
//! writes when another node takes over without having got them. Nothing else is allowed. Where a write stands in the
//! streams between nodes is known, so whether the survivor had it is known too (`lineage.rs`); where that cannot be said, a
//! window of time must do (`windows.rs`).

mod lineage;
mod windows;

pub(super) use self::lineage::{Lineage, Ruling};
use self::windows::Windows;
use super::evidence::Evidence;
use crate::chronicle::replication::Reign;
use crate::history::Entry;
use crate::id::NodeId;
use crate::time::SimTime;
use crate::wire::resp::key_slot;

/// What a process has for sure that was started again, of what the one before it had done by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Survived {
    /// All that was told to clients until then.
    pub until: SimTime,
    /// Whatever the one before had said that it is on its disk (`WAITAOF`).
    pub synchronised: bool,
}

/// What survived the end of a process, if a reign begins with the start of the next one; nothing if nobody can know.
pub(super) fn survived(evidence: &Evidence, reign: &Reign) -> Option<Survived> {
    let exit = windows::exit_before(evidence, reign)?;
    let kept = windows::kept(evidence, exit, reign.began_at);
    let until = kept.map_or(SimTime::NEVER, |(until, _)| until);
    let synchronised = windows::has_what_was_synchronised(evidence, exit, reign.began_at);
    Some(Survived { until, synchronised })
}

/// The slot of a write went to another node by a command that moves no keys.
const GIVEN_AWAY: &str = "its slot was given away by hand, without its keys";

/// Whether somebody else owns the slot of a write in the end than took it, and a command said so (`CLUSTER SETSLOT NODE` moves no
/// keys, and the old owner deletes what it has of the slot).
fn given_away(evidence: &Evidence, write: &Entry, owner: Option<NodeId>) -> bool {
    let slot = key_slot(write.request.key().as_bytes()).to_string();
    let gives = |args: &[String]| {
        let args: Vec<String> = args.iter().map(|arg| arg.to_ascii_lowercase()).collect();
        match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["cluster", "setslot", of, "node", ..] => *of == slot,
            ["cluster", "addslots" | "delslots", slots @ ..] => slots.contains(&slot.as_str()),
            _ => false,
        }
    };
    let mut sent = evidence.sent_operations();
    write.node != owner && sent.any(|(op, _)| op.action.types(|typed| gives(&typed.args)))
}

/// What may be lost in a run.
pub(super) struct Excuses<'a> {
    evidence: &'a Evidence,
    lineage: Lineage<'a>,
    windows: Windows<'a>,
}

impl<'a> Excuses<'a> {
    /// That of a run.
    pub fn of(evidence: &'a Evidence) -> Self {
        Excuses { evidence, lineage: Lineage::of(evidence), windows: Windows::of(evidence) }
    }

    /// What is to be said of an acknowledged write that `owner`, the last one of its slot, does not have.
    pub fn of_write(&self, write: &Entry, owner: Option<NodeId>) -> Ruling {
        if given_away(self.evidence, write, owner) {
            return Ruling::Excused(GIVEN_AWAY.to_owned());
        }
        let by_lineage = match owner {
            Some(owner) => self.lineage.of_write(write, owner),
            None => self.lineage.of_orphan(write),
        };
        match by_lineage {
            Ruling::Unknown => {
                let why = self.windows.of_write(write).map(str::to_owned);
                why.map_or(Ruling::Unknown, Ruling::Excused)
            }
            known => known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{healthy, ok_at, operation};
    use super::*;
    use crate::op::{Command, Ending, OpAction};

    /// Slot 3801, which node-1 has in the plan.
    const KEY: &str = "k27";

    #[test]
    fn a_slot_that_is_given_away_by_hand_goes_without_its_keys() {
        let ruled = |slot: &str, node, owner| {
            let mut evidence = healthy();
            let args = ["CLUSTER", "SETSLOT", slot, "NODE", "x"].map(str::to_owned).to_vec();
            operation(
                &mut evidence,
                OpAction::Command(Command { node: NodeId(3), args }),
                (5, 6),
                Ending::Done,
            );
            let write = ok_at(KEY, "v", node, 3, 4);
            Excuses::of(&evidence).of_write(&write, Some(NodeId(owner)))
                == Ruling::Excused(GIVEN_AWAY.to_owned())
        };
        assert!(ruled("3801", 1, 3));
        assert!(!ruled("3801", 3, 3) && !ruled("3802", 1, 3));
    }
}
