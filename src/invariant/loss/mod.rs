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
use crate::history::Entry;
use crate::id::NodeId;

/// What may be lost in a run.
pub(super) struct Excuses<'a> {
    lineage: Lineage<'a>,
    windows: Windows<'a>,
}

impl<'a> Excuses<'a> {
    /// That of a run.
    pub fn of(evidence: &'a Evidence) -> Self {
        Excuses { lineage: Lineage::of(evidence), windows: Windows::of(evidence) }
    }

    /// What is to be said of an acknowledged write that `owner`, the last one of its slot, does not have.
    pub fn of_write(&self, write: &Entry, owner: Option<NodeId>) -> Ruling {
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
