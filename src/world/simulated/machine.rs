//! A node's machine: what is wrong with it outlives the processes on it, and so does its disk.
//!
//! The page has room for what an incarnation needs to know of it; how far a rule has come there is read back before the
//! page goes, or another rule comes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::disk::Disk;
use crate::fault::{
    Affliction, ChildFate, FaultId, FileCall, FileClass, FileRule, FileVerdict, Remains, SideOfCall,
};
use crate::shim::page::{self, FILE_RULES, Page, file_call, file_class, file_verdict, watch};
use crate::time::SimTime;

/// The machine of one node.
#[derive(Debug, Default)]
pub struct Machine {
    /// What is wrong, and since when.
    afflictions: BTreeMap<FaultId, (Affliction, SimTime)>,
    /// Calls that each rule still lets pass, and those it still decides.
    counts: BTreeMap<FaultId, (u64, u64)>,
    /// The faults whose rules stand in the page, by their place there.
    installed: Vec<FaultId>,
    /// What is on its disk for sure, where that is kept account of.
    pub disk: Option<Rc<RefCell<Disk>>>,
    /// Whether each call that concerns a file is told.
    pub tells: bool,
    /// What its disk is to have when it loses its power at once.
    pub leaves: Option<Remains>,
    /// Its disk was full at some time.
    pub has_been_full: bool,
}

impl Machine {
    /// Something is wrong with it from now on, or is not any more; [`install`](Self::install) tells its processes.
    pub fn set(&mut self, fault: FaultId, affliction: Option<&Affliction>, now: SimTime) {
        self.counts.remove(&fault);
        match affliction {
            Some(affliction) => {
                if let Affliction::Files(rule) = affliction {
                    self.has_been_full |= rule.verdict == FileVerdict::Full;
                    self.counts.insert(fault, (rule.skip, rule.count.unwrap_or(u64::MAX)));
                }
                self.afflictions.insert(fault, (affliction.clone(), now));
            }
            None => {
                self.afflictions.remove(&fault);
            }
        }
    }

    /// Reads back how far the rules in a page have come.
    pub fn read_back(&mut self, page: &Page) {
        for (rule, fault) in page.file_rules.iter().zip(std::mem::take(&mut self.installed)) {
            if let Some(counts) = self.counts.get_mut(&fault) {
                *counts = (rule.skip, rule.left);
            }
        }
    }

    /// Tells the processes of a page what is wrong; `epoch_ns` is the time of day at the beginning of virtual time.
    pub fn install(&mut self, page: &mut Page, epoch_ns: u64) {
        self.set_clock(page, epoch_ns);
        self.set_file_rules(page);
    }

    /// The clock that went wrong last decides.
    fn set_clock(&self, page: &mut Page, epoch_ns: u64) {
        let clocks = self.afflictions.values().filter_map(|(affliction, since)| {
            let Affliction::Clock(clock) = affliction else { return None };
            Some((*since, *clock))
        });
        page.wall = match clocks.max_by_key(|(since, _)| *since) {
            Some((since, clock)) => page::WallClock {
                since_ns: since.as_ns(),
                shown_ns: (epoch_ns + since.as_ns()).saturating_add_signed(clock.ahead_ns),
                rate_ppm: clock.rate_ppm,
                strobe_ns: clock.strobe_ns,
                every_ns: clock.every_ns.as_ns(),
            },
            None => page::WallClock {
                since_ns: 0,
                shown_ns: epoch_ns,
                rate_ppm: page::RATE_PPM,
                strobe_ns: 0,
                every_ns: 0,
            },
        };
    }

    /// What becomes of children, if that is not what should.
    pub fn child_fate(&self) -> Option<ChildFate> {
        let fates = self.afflictions.values().filter_map(|(affliction, since)| {
            let Affliction::Children(fate) = affliction else { return None };
            Some((*since, *fate))
        });
        fates.max_by_key(|(since, _)| *since).map(|(_, fate)| fate)
    }

    fn set_file_rules(&mut self, page: &mut Page) {
        let rules: Vec<(FaultId, FileRule)> =
            self.file_rules().map(|(fault, rule)| (fault, rule.clone())).take(FILE_RULES).collect();
        self.installed = rules.iter().map(|(fault, _)| *fault).collect();
        let mut slots = page.file_rules.iter_mut();
        for ((fault, rule), slot) in rules.iter().zip(&mut slots) {
            let (skip, left) = self.counts[fault];
            *slot = in_page(rule, skip, left);
        }
        slots.for_each(|slot| slot.calls = 0);
        let watched = [
            (!rules.is_empty(), watch::RULES),
            (self.disk.is_some(), watch::JOURNAL),
            (self.tells, watch::TELL),
            (true, watch::NODES_CONF),
        ];
        page.files_watched = watched.iter().filter(|(is, _)| *is).map(|(_, bit)| bit).sum();
    }

    fn file_rules(&self) -> impl Iterator<Item = (FaultId, &FileRule)> {
        self.afflictions.iter().filter_map(|(fault, (affliction, _))| {
            let Affliction::Files(rule) = affliction else { return None };
            Some((*fault, rule))
        })
    }

    /// The machine lost its power: its disk is as it is found afterwards.
    pub fn lose_power(&mut self, remains: Remains) -> std::io::Result<()> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.borrow_mut().lose_power(remains))
    }

    /// What is on its disk after it lost its power, at once or at a step, which is over then.
    pub fn crashed(&mut self) -> Remains {
        if let Some(remains) = self.leaves.take() {
            return remains;
        }
        let crash = self.file_rules().find_map(|(fault, rule)| match rule.verdict {
            FileVerdict::Crash(_, remains) if self.counts[&fault].1 == 0 => Some((fault, remains)),
            _ => None,
        });
        let (fault, remains) = crash.expect("only a rule that decided once ends a machine");
        self.afflictions.remove(&fault);
        remains
    }
}

/// A rule as the page has it.
fn in_page(rule: &FileRule, skip: u64, left: u64) -> page::FileRule {
    let (verdict, value) = match rule.verdict {
        FileVerdict::Full => (file_verdict::FAIL, libc::ENOSPC as u64),
        FileVerdict::Error => (file_verdict::FAIL, libc::EIO as u64),
        FileVerdict::Short => (file_verdict::SHORT, 0),
        FileVerdict::Slow(by) => (file_verdict::SLOW, by.as_ns()),
        FileVerdict::Lie => (file_verdict::LIE, 0),
        FileVerdict::Crash(SideOfCall::Before, _) => (file_verdict::CRASH_BEFORE, 0),
        FileVerdict::Crash(SideOfCall::After, _) => (file_verdict::CRASH_AFTER, 0),
    };
    let calls = rule.calls.iter().map(|call| bit_of(*call)).fold(0, |all, bit| all | bit);
    page::FileRule { calls, classes: classes_of(rule.file), verdict, value, skip, left }
}

/// A file call and its file in the words of faults; nothing for one that they have no word for.
pub fn told(call: u32, class: u32) -> Option<(FileCall, FileClass)> {
    use FileClass::{AofBase, AofIncr, AofManifest, NodesConf, Rdb};
    let calls = [FileCall::Open, FileCall::Write, FileCall::Fsync, FileCall::Rename];
    let files = [NodesConf, AofBase, AofIncr, AofManifest, Rdb];
    let call = calls.into_iter().find(|one| bit_of(*one) == call)?;
    Some((call, files.into_iter().find(|one| classes_of(*one) == class)?))
}

fn bit_of(call: FileCall) -> u32 {
    match call {
        FileCall::Open => file_call::OPEN,
        FileCall::Write => file_call::WRITE,
        FileCall::Fsync => file_call::FSYNC,
        FileCall::Rename => file_call::RENAME,
    }
}

fn classes_of(file: FileClass) -> u32 {
    use file_class::{AOF_BASE, AOF_INCR, AOF_MANIFEST, CONFIG, FOLDER, NODES_CONF, RDB};
    match file {
        FileClass::NodesConf => NODES_CONF,
        FileClass::Aof => AOF_BASE | AOF_INCR | AOF_MANIFEST,
        FileClass::AofBase => AOF_BASE,
        FileClass::AofIncr => AOF_INCR,
        FileClass::AofManifest => AOF_MANIFEST,
        FileClass::Rdb => RDB,
        FileClass::All => AOF_BASE | AOF_INCR | AOF_MANIFEST | CONFIG | FOLDER | NODES_CONF | RDB,
    }
}
