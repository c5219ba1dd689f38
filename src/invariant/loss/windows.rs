//! Loss as windows of time: what is left to go by where a write's place in the streams is not known.
//!
//! That is so in slots that moved, and where a log tells nothing of replication. The windows are drawn as tightly as samples
//! permit, and never tighter:
//!
//! - **A takeover that was not coordinated** (election after a kill, pause or partition; `FORCE`; `TAKEOVER`) may
//!   lose a write to its shard that was acknowledged after the last sample that proves the new primary had
//!   everything, and before the old primary stopped. It stops when it steps down by its own log; one cut off from the
//!   majority refuses writes after the node timeout, and 1.5 of them pass before it can suspect the last of the others
//!   (a ping may have gone out half a timeout before); one that was paused or cut off can acknowledge what waited in
//!   its sockets when it comes back, until the others correct it. So: until two node timeouts after the takeover, and
//!   again from each heal of a fault that hit it until two node timeouts later.
//! - **A coordinated handover** loses nothing that was acknowledged before it. But an old primary that a fault keeps from
//!   hearing of it goes on once its pause is over, and what it acknowledges then is lost as after any takeover.
//! - **A primary that comes back before anyone took over** comes back with what its log says it loaded, and its replicas
//!   copy that. An append-only file holds everything, until it could not be written to any more; a snapshot holds what
//!   was executed until it was begun; with neither, everything acknowledged until the end may be lost. (The documented
//!   danger of restarts without persistence.)
//!
//! A write counts as executed at some moment between its invocation and its completion; each bound is compared with
//! the end that cannot accuse the server wrongly.

use super::super::evidence::{DiskStep, Evidence, ExitReport, FaultReport, PrimaryChange};
use super::super::settings::{AppendFsync, Settings};
use crate::chronicle::replication::Reign;
use crate::fault::POWER_LOST;
use crate::history::Entry;
use crate::id::{NodeId, ShardId};
use crate::time::{SimDuration, SimTime};
use crate::wire::resp::key_slot;

/// The windows of a run in which acknowledged writes may be lost.
pub(super) struct Windows<'a> {
    evidence: &'a Evidence,
    windows: Vec<Window>,
}

/// One of them.
struct Window {
    shard: ShardId,
    /// What was executed until then, the new primary has.
    after: SimTime,
    /// Writes acknowledged by any earlier primary of the shard are excused until then.
    until: SimTime,
    /// The old primary, and when it could still acknowledge.
    old: Option<(NodeId, Vec<(SimTime, SimTime)>)>,
    why: String,
}

impl<'a> Windows<'a> {
    /// Draws the windows of a run.
    pub fn of(evidence: &'a Evidence) -> Self {
        let takeovers = evidence.primary_changes.iter().map(|change| match change.coordinated {
            true => handover(evidence, change),
            false => takeover(evidence, change),
        });
        let restarts = evidence.exits.iter().filter_map(|exit| restart(evidence, exit));
        Windows { evidence, windows: takeovers.chain(restarts).collect() }
    }

    /// Why an acknowledged write may be lost, if it may.
    pub fn of_write(&self, write: &Entry) -> Option<&str> {
        let shards = self.evidence.shards_of_slot(key_slot(write.request.key().as_bytes()));
        let windows = self.windows.iter().filter(|w| shards.contains(&w.shard));
        windows.filter(|w| w.covers(write)).map(|w| w.why.as_str()).next()
    }
}

impl Window {
    fn covers(&self, write: &Entry) -> bool {
        let completed = write.completed_at.unwrap_or(SimTime::NEVER);
        if completed <= self.after {
            return false;
        }
        let by_old = |(old, _): &&(NodeId, _)| write.node.is_none_or(|n| n == *old);
        match self.old.as_ref().filter(by_old) {
            None => write.invoked_at <= self.until,
            Some((_, spans)) => {
                spans.iter().any(|(begin, end)| completed >= *begin && write.invoked_at <= *end)
            }
        }
    }
}

fn takeover(evidence: &Evidence, change: &PrimaryChange) -> Window {
    let after = in_sync_until(evidence, change);
    let grace = grace(evidence);
    let first = (SimTime::ZERO, (change.at + grace).min(change.stepped_down_at.unwrap_or(SimTime::NEVER)));
    let spans = std::iter::once(first).chain(spans_unheard(evidence, change)).collect();
    let why = format!("{} took {} over from {} at {}", change.to, change.shard, change.from, change.at);
    Window { shard: change.shard, after, until: change.at, old: Some((change.from, spans)), why }
}

/// What a handover may lose: only what the old primary acknowledges while it cannot hear of it.
fn handover(evidence: &Evidence, change: &PrimaryChange) -> Window {
    let spans = spans_unheard(evidence, change).collect();
    let why = format!(
        "{} could not hear that {} took {} over at {}",
        change.from, change.to, change.shard, change.at
    );
    Window {
        shard: change.shard,
        after: change.at,
        until: SimTime::ZERO,
        old: Some((change.from, spans)),
        why,
    }
}

/// How long a primary may need to learn that it is none any more, once it can hear.
fn grace(evidence: &Evidence) -> SimDuration {
    SimDuration::from_ms(2 * evidence.plan.cluster.node_timeout_ms)
}

/// The latest moment of which a sample proves that the new primary had everything the old one had executed. A sample
/// from before the new primary's process was started proves nothing, since it came back without that data.
fn in_sync_until(evidence: &Evidence, change: &PrimaryChange) -> SimTime {
    let starts = evidence.exits.iter().filter(|e| e.node == change.to && e.at <= change.at);
    let started = starts.filter_map(|e| e.restarted_at).max().unwrap_or(SimTime::ZERO);
    let samples = evidence.lag_samples.iter().filter(|s| s.node == change.to && s.primary == change.from);
    let samples = samples.filter(|s| s.at >= started && s.at <= change.at);
    let had = samples.filter(|s| s.offset_behind_bytes == 0).map(|s| s.at.as_ns()).max();
    had.map_or(SimTime::ZERO, SimTime::from_ns)
}

/// When a fault kept the old primary from hearing of the change, so that it could acknowledge what the new one will
/// never see.
fn spans_unheard<'a>(
    evidence: &'a Evidence,
    change: &'a PrimaryChange,
) -> impl Iterator<Item = (SimTime, SimTime)> + 'a {
    let last = change.stepped_down_at.unwrap_or(SimTime::NEVER);
    let touches = |f: &&FaultReport| f.hit.contains(&change.from) || f.hit.contains(&change.to);
    let spans = evidence.faults.iter().filter(touches).filter_map(move |fault| {
        let (fired, healed) = (fault.fired_at?, fault.healed_at?);
        // A process that is stopped answers nobody until it runs again; one whose links are cut goes on meanwhile, and
        // the news of the takeover does not reach it.
        let begin = if is_of_network(evidence, fault) { fired.max(change.at) } else { healed };
        (healed > change.at).then(|| (begin, (healed + grace(evidence)).min(last)))
    });
    spans.filter(|(begin, end)| begin <= end)
}

fn is_of_network(evidence: &Evidence, fault: &FaultReport) -> bool {
    let planned = evidence.plan.fault(fault.id);
    planned.is_some_and(|planned| planned.action.is_of_links())
}

/// The window of a primary that ended and came back while it was still the primary.
fn restart(evidence: &Evidence, exit: &ExitReport) -> Option<Window> {
    let back = exit.restarted_at?;
    let shard = shard_led(evidence, exit.node, exit.at)?;
    let taken = evidence.primary_changes.iter().any(|c| c.shard == shard && c.at > exit.at && c.at <= back);
    if taken {
        return None;
    }
    let (after, what) = kept(evidence, exit, back)?;
    let why = format!("{} was restarted at {back} {what} before anyone took {shard} over", exit.node);
    Some(Window { shard, after, until: exit.at, old: None, why })
}

/// Until when the append-only file of a machine that lost its power was surely synchronised; nothing if it has all that was
/// acknowledged. `always` synchronises before it answers; `everysec` begins to once a second, waits up to a second for
/// the one under way, and as long as that takes on a slow disk (`flushAppendOnlyFile` in `aof.c`).
fn synchronised(
    evidence: &Evidence,
    exit: &ExitReport,
    settings: &Settings,
) -> Option<(SimTime, &'static str)> {
    const TWICE_A_SECOND: SimDuration = SimDuration::from_secs(2);
    let slow = evidence.faults.iter().filter(|fault| fault.hit.contains(&exit.node));
    let slow = slow.filter_map(|fault| evidence.plan.fault(fault.id));
    let slowest = slow.map(|planned| planned.action.slows_disk_by()).max().unwrap_or_default();
    match settings.appendfsync() {
        AppendFsync::Always => None,
        AppendFsync::EverySecond => {
            let back = TWICE_A_SECOND + slowest.times(2);
            let ns = exit.at.as_ns().saturating_sub(back.as_ns());
            Some((SimTime::from_ns(ns), "with what its append-only file had synchronised"))
        }
        AppendFsync::No => Some((SimTime::ZERO, "with an append-only file that it does not synchronise")),
    }
}

/// Until when a restarted process has what the one before executed, and what it came back with; nothing if it has all.
pub(super) fn kept(evidence: &Evidence, exit: &ExitReport, back: SimTime) -> Option<(SimTime, &'static str)> {
    let copied = copied(evidence, exit, back);
    let moment = copied.unwrap_or(exit.at);
    match loaded(evidence, exit, back) {
        Some(DiskStep::LoadedAppendOnly) => {
            let settings = Settings::at(evidence, exit.node, moment);
            if !settings.appends() {
                // It was off in the end, so nobody can say how old the file is.
                return Some((SimTime::ZERO, "with an append-only file that was off"));
            }
            if let Some(as_of) = copied {
                return Some((as_of, "with an old copy of its append-only file"));
            }
            let lost = (exit.status == POWER_LOST).then(|| synchronised(evidence, exit, &settings)).flatten();
            let full = unwritten_since(evidence, exit);
            let full =
                full.map(|since| (since, "with an append-only file that it could not write to any more"));
            lost.into_iter().chain(full).min_by_key(|(until, _)| *until)
        }
        Some(DiskStep::LoadedSnapshot) => {
            let saved = evidence.disk.iter().filter(|report| report.node == exit.node && report.at <= moment);
            let mut as_of = saved.filter_map(|report| match report.step {
                DiskStep::Saved { as_of } => Some(as_of),
                _ => None,
            });
            Some((as_of.next_back().unwrap_or(SimTime::ZERO), "with its last snapshot"))
        }
        _ => Some((SimTime::ZERO, "without its data")),
    }
}

/// Since when a process that ended could not write to its append-only file, if it could not. It says so once in half a minute at
/// most (`AOF_WRITE_LOG_ERROR_RATE`), and that it can again each time; whatever lies between may be a failure that it did not tell.
fn unwritten_since(evidence: &Evidence, exit: &ExitReport) -> Option<SimTime> {
    // A second later it tries again, and tells.
    const SILENT: SimDuration = SimDuration::from_secs(32);
    let before = evidence.exits.iter().filter(|other| other.node == exit.node && other.at < exit.at);
    let began_at = before.map(|other| other.at).max().unwrap_or(SimTime::ZERO);
    let its = evidence.disk.iter().filter(|report| report.node == exit.node);
    let (mut since, mut told_at, mut solved_at) = (None, None, None);
    // What it was silent about began after it could write last.
    let is_misled = evidence.first_wrong_clock().is_some();
    let hidden = |told_at: Option<SimTime>, at: SimTime| {
        told_at.is_some_and(|told| is_misled || at.since(told) <= SILENT)
    };
    for report in its.filter(|report| (began_at..=exit.at).contains(&report.at)) {
        match report.step {
            DiskStep::AppendFailed => {
                since = solved_at.filter(|_| hidden(told_at, report.at)).or(Some(report.at));
                told_at = Some(report.at);
            }
            DiskStep::AppendSolved => (since, solved_at) = (None, Some(report.at)),
            _ => {}
        }
    }
    since.or_else(|| solved_at.filter(|_| hidden(told_at, exit.at)))
}

/// The end of the process that a reign came after, if it began with a start.
pub(super) fn exit_before<'e>(evidence: &'e Evidence, reign: &Reign) -> Option<&'e ExitReport> {
    let exits = evidence.exits.iter().filter(|exit| exit.node == reign.node && exit.at <= reign.began_at);
    exits.max_by_key(|exit| exit.at)
}

/// Whether a restarted process has what the one before had said that its append-only file has (`WAITAOF`).
pub(super) fn has_what_was_synchronised(evidence: &Evidence, exit: &ExitReport, back: SimTime) -> bool {
    loaded(evidence, exit, back) == Some(DiskStep::LoadedAppendOnly)
        && Settings::at(evidence, exit.node, exit.at).appends()
        && copied(evidence, exit, back).is_none()
}

/// What a restarted process read its data from.
fn loaded(evidence: &Evidence, exit: &ExitReport, back: SimTime) -> Option<DiskStep> {
    let next_end = evidence.exits.iter().filter(|e| e.node == exit.node && e.at > back).map(|e| e.at).min();
    let loaded = evidence.disk.iter().filter(|report| report.node == exit.node);
    let loaded = loaded.filter(|report| report.at >= back && next_end.is_none_or(|end| report.at < end));
    loaded
        .map(|report| report.step)
        .find(|step| matches!(step, DiskStep::LoadedAppendOnly | DiskStep::LoadedSnapshot))
}

/// When the copy was taken with which a process was restarted, if it was.
fn copied(evidence: &Evidence, exit: &ExitReport, back: SimTime) -> Option<SimTime> {
    evidence.chronicle.copies.put_back_between(exit.node, [exit.at, back])
}

/// The shard whose primary a node was at an instant.
fn shard_led(evidence: &Evidence, node: NodeId, at: SimTime) -> Option<ShardId> {
    let cluster = &evidence.plan.cluster;
    let primary = |shard: ShardId| {
        let changes = evidence.primary_changes.iter().rev();
        let last = changes.filter(|c| c.shard == shard && c.at <= at).map(|c| c.to).next();
        last.unwrap_or_else(|| cluster.first_primary(shard))
    };
    cluster.shards().find(|shard| primary(*shard) == node)
}

#[cfg(test)]
mod tests {
    use super::super::super::evidence::DiskReport;
    use super::super::super::sample::{at, healthy, hit, kill, lag, ok_at, promote};
    use super::*;
    use crate::chronicle::PutBack;
    use crate::fault::{Direction, Fault, FaultAction, FaultId, NetworkPartition, Target, Trigger};

    /// Slot 3801: shard 1, which node-1 leads and node-2 copies.
    const KEY: &str = "k27";

    /// Node-2 was in sync at 10 s and takes over at 20 s; the node timeout is 2 s.
    fn failed_over(coordinated: bool) -> Evidence {
        let mut evidence = healthy();
        evidence.lag_samples = vec![lag(2, 1, 10, 0)];
        promote(&mut evidence, NodeId(2), 20, coordinated);
        evidence
    }

    fn excused(evidence: &Evidence, node: u16, invoked: u64, completed: u64) -> bool {
        Windows::of(evidence).of_write(&ok_at(KEY, "v", node, invoked, completed)).is_some()
    }

    #[test]
    fn the_key_of_these_tests_is_in_the_first_shard() {
        assert!(key_slot(KEY.as_bytes()) <= 5460, "{}", key_slot(KEY.as_bytes()));
    }

    #[test]
    fn a_write_between_the_last_sync_and_the_takeover_may_be_lost() {
        let evidence = failed_over(false);
        assert!(excused(&evidence, 1, 15, 16));
        assert!(excused(&evidence, 1, 9, 11), "it may have been executed after the sample");
    }

    #[test]
    fn a_write_that_the_new_primary_had_may_not_be_lost() {
        assert!(!excused(&failed_over(false), 1, 8, 9));
    }

    #[test]
    fn a_coordinated_handover_loses_nothing() {
        assert!(!excused(&failed_over(true), 1, 15, 16));
        assert!(!excused(&failed_over(true), 1, 21, 22));
    }

    #[test]
    fn a_primary_that_cannot_hear_of_a_handover_may_lose_what_it_takes_after_it() {
        let mut evidence = failed_over(true);
        hit(&mut evidence, NodeId(1), 19, Some(27));
        evidence.plan.faults.push(Fault {
            id: FaultId(1),
            trigger: Trigger::At { delay_ns: SimDuration::ZERO },
            action: FaultAction::NetworkPartition(NetworkPartition {
                a: vec![Target::Node(NodeId(1))],
                b: Vec::new(),
                direction: Direction::Both,
                channels: Vec::new(),
                duration_ns: SimDuration::from_secs(8),
            }),
        });
        assert!(excused(&evidence, 1, 25, 26));
        assert!(!excused(&evidence, 1, 15, 16), "the new primary had it");
        assert!(!excused(&evidence, 2, 25, 26), "the new primary took it");
        evidence.primary_changes[0].stepped_down_at = Some(at(24));
        assert!(!excused(&evidence, 1, 25, 26), "it knew by then");
    }

    #[test]
    fn a_write_that_the_new_primary_took_may_not_be_lost() {
        assert!(!excused(&failed_over(false), 2, 21, 22));
    }

    #[test]
    fn the_old_primary_may_take_writes_until_it_must_know() {
        let mut evidence = failed_over(false);
        assert!(excused(&evidence, 1, 23, 24));
        assert!(!excused(&evidence, 1, 25, 26), "two node timeouts after the takeover it must have stopped");
        evidence.primary_changes[0].stepped_down_at = Some(at(22));
        assert!(!excused(&evidence, 1, 23, 24));
    }

    #[test]
    fn a_primary_that_wakes_up_may_answer_what_waited() {
        let mut evidence = failed_over(false);
        hit(&mut evidence, NodeId(1), 12, Some(40));
        assert!(!excused(&evidence, 1, 30, 31));
        assert!(excused(&evidence, 1, 30, 40), "it waited in the socket");
        assert!(!excused(&evidence, 1, 45, 46));
    }

    #[test]
    fn another_shards_takeover_excuses_nothing() {
        let mut evidence = healthy();
        promote(&mut evidence, NodeId(4), 20, false);
        assert!(!excused(&evidence, 1, 15, 16));
    }

    /// Node-1 ends at 20 s and is back at 21 s; this is what its log says of its disk.
    fn restarted(disk: &[(u64, DiskStep)]) -> Evidence {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(1), 20);
        evidence.exits[0].restarted_at = Some(at(21));
        let report = |(s, step): &(u64, DiskStep)| DiskReport { node: NodeId(1), at: at(*s), step: *step };
        evidence.disk = disk.iter().map(report).collect();
        evidence
    }

    #[test]
    fn a_restart_without_data_may_lose_everything_and_settings_alone_prove_nothing() {
        let mut evidence = restarted(&[(10, DiskStep::Saved { as_of: at(9) })]);
        evidence.plan.cluster.config.insert("appendonly".to_owned(), "yes".to_owned());
        assert!(excused(&evidence, 1, 5, 6), "nothing was loaded");
        assert!(excused(&evidence, 1, 15, 16));
        assert!(!excused(&evidence, 1, 22, 23));
    }

    #[test]
    fn a_snapshot_that_was_loaded_holds_what_was_executed_until_it_was_begun() {
        let saved = |at_s, as_of| (at_s, DiskStep::Saved { as_of: at(as_of) });
        let evidence = restarted(&[saved(4, 3), saved(10, 9), (21, DiskStep::LoadedSnapshot)]);
        assert!(!excused(&evidence, 1, 7, 8));
        assert!(excused(&evidence, 1, 9, 11) && excused(&evidence, 1, 15, 16));
        let at_the_end = restarted(&[saved(20, 20), (21, DiskStep::LoadedSnapshot)]);
        assert!(!excused(&at_the_end, 1, 15, 16));
        let of_unknown_age = restarted(&[(21, DiskStep::LoadedSnapshot)]);
        assert!(excused(&of_unknown_age, 1, 15, 16));
    }

    #[test]
    fn an_append_only_file_that_was_loaded_holds_everything_unless_it_was_off() {
        for (value, keeps) in [("yes", true), ("YES", true), ("no", false)] {
            let mut evidence = restarted(&[(21, DiskStep::LoadedAppendOnly)]);
            evidence.plan.cluster.config.insert("appendonly".to_owned(), value.to_owned());
            assert_eq!(excused(&evidence, 1, 15, 16), !keeps, "{value}");
        }
    }

    #[test]
    fn what_could_not_be_appended_is_not_in_the_file() {
        let lost = |steps: &[(u64, DiskStep)], exit_s| {
            let mut evidence = restarted(&[steps, &[(exit_s + 1, DiskStep::LoadedAppendOnly)]].concat());
            (evidence.exits[0].at, evidence.exits[0].restarted_at) = (at(exit_s), Some(at(exit_s + 1)));
            evidence.plan.cluster.config.insert("appendonly".to_owned(), "yes".to_owned());
            [6, 11, 16].map(|s| excused(&evidence, 1, s, s + 1))
        };
        let (fails, solved) = (DiskStep::AppendFailed, DiskStep::AppendSolved);
        assert_eq!(lost(&[(10, fails)], 20), [false, true, true]);
        // Whether it failed again it would not have told.
        assert_eq!(lost(&[(10, fails), (15, solved)], 20), [false, false, true]);
        assert_eq!(lost(&[(10, fails), (15, solved), (40, fails)], 50), [false, false, true]);
        assert_eq!(lost(&[(10, fails), (15, solved)], 50), [false; 3]);
    }

    #[test]
    fn samples_from_before_the_new_primarys_own_restart_prove_nothing() {
        let mut evidence = failed_over(false);
        kill(&mut evidence, NodeId(2), 12);
        evidence.exits[0].restarted_at = Some(at(13));
        assert!(excused(&evidence, 1, 8, 9));
    }

    #[test]
    fn an_old_copy_has_what_was_written_when_it_was_made() {
        for loaded in [DiskStep::LoadedAppendOnly, DiskStep::LoadedSnapshot] {
            let saved = |at_s| (at_s, DiskStep::Saved { as_of: at(at_s) });
            let mut evidence = restarted(&[saved(8), saved(20), (21, loaded)]);
            evidence.plan.cluster.config.insert("appendonly".to_owned(), "yes".to_owned());
            let back = PutBack { node: NodeId(1), at: at(21), as_of: at(10), of_another_cluster: false };
            evidence.chronicle.copies.suppose(back);
            assert!(!excused(&evidence, 1, 6, 7) && excused(&evidence, 1, 15, 16), "{loaded:?}");
        }
    }
}
