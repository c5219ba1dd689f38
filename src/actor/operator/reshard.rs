//! Slots move from one shard to another: all at once where the server can, else slot by slot and key by key.
//!
//! Who leads the shards is looked up before each attempt, so that a failover in between is no end of it. What is moved is
//! believed once the target's own view says so.

mod atomic;
mod slot;

use self::atomic::Export;
use self::slot::{Moved, SlotMove};
use super::job::{Doing, Job};
use super::lookup::{Found, Lookup};
use super::progress::Progress;
use super::roll::Views;
use super::{Desk, reply};
use crate::actor::message::{ChaosMessage, Message};
use crate::actor::session::Answer;
use crate::event::Body;
use crate::id::{ActorId, NodeId};
use crate::op::{Ending, Method, Op, OpId, Reshard as Planned, Which};
use crate::time::SimDuration;

/// How long it is tried without another slot being moved.
const WITHIN: SimDuration = SimDuration::from_secs(60);
/// How long it waits after something went wrong.
const PAUSE: SimDuration = SimDuration::from_ms(500);

/// A reshard under way.
#[derive(Debug)]
struct Reshard {
    op: OpId,
    planned: Planned,
    stage: Stage,
    /// The slots to be moved and who had them, once the source was seen.
    slots: Option<(NodeId, Vec<u16>)>,
    /// How many of them the target was last seen to own, and was when the time was last counted from.
    moved: usize,
    moved_before: usize,
    /// Slots are moved one by one.
    by_keys: bool,
    /// The slot that was opened last.
    opened: Option<u16>,
    accepted: bool,
    /// What went wrong last.
    trouble: Option<(Ending, String)>,
    deadline: u64,
    /// The timer after which it is cancelled or abandoned.
    stop: Option<u64>,
    stopping: bool,
}

#[derive(Debug)]
enum Stage {
    Looking(Lookup),
    Waiting(u64),
    Slot(Ends, SlotMove),
    Export(Ends, Export),
}

/// Who gives and who gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub source: NodeId,
    pub target: NodeId,
}

impl Doing for Planned {
    fn start(&self, op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
        let (lookup, found) = Lookup::start(&[self.from, self.to], desk);
        let stop = self.cancel_after_ns.or(self.abandon_after_ns);
        let mut reshard = Reshard {
            op: op.id,
            planned: self.clone(),
            stage: Stage::Looking(lookup),
            slots: None,
            moved: 0,
            moved_before: 0,
            by_keys: self.method == Method::Legacy,
            opened: None,
            accepted: false,
            trouble: None,
            deadline: desk.terminal.set_timer(WITHIN, "reshard: give up", desk.out),
            stop: stop.map(|after| desk.terminal.set_timer(after, "reshard: stop", desk.out)),
            stopping: false,
        };
        let progress = reshard.found(found, desk);
        (Box::new(reshard), progress)
    }
}

impl Job for Reshard {
    fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        match &mut self.stage {
            Stage::Looking(lookup) => {
                let found = lookup.answered(answer, desk);
                self.found(found, desk)
            }
            Stage::Slot(ends, slot) => {
                let moved = slot.answered(*ends, answer, desk);
                self.step(moved, desk)
            }
            Stage::Export(ends, export) => {
                let moved = export.answered(*ends, answer, desk);
                self.step(moved, desk)
            }
            Stage::Waiting(_) => Progress::Working,
        }
    }

    fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress {
        if token == self.deadline {
            return self.overdue(desk);
        }
        if self.stop.take_if(|stop| *stop == token).is_some() {
            return self.stop(desk);
        }
        match &mut self.stage {
            Stage::Looking(lookup) => {
                let found = lookup.ticked(token, desk);
                self.found(found, desk)
            }
            Stage::Waiting(timer) if *timer == token => self.look(desk),
            Stage::Export(ends, export) => {
                export.ticked(*ends, token, desk);
                Progress::Working
            }
            Stage::Slot(ends, slot) => {
                slot.ticked(*ends, token, desk);
                Progress::Working
            }
            Stage::Waiting(_) => Progress::Working,
        }
    }
}

impl Reshard {
    fn look(&mut self, desk: &mut Desk) -> Progress {
        let (lookup, found) = Lookup::start(&[self.planned.from, self.planned.to], desk);
        self.stage = Stage::Looking(lookup);
        self.found(found, desk)
    }

    fn pause(&mut self, trouble: (Ending, String), desk: &mut Desk) -> Progress {
        self.trouble = Some(trouble);
        self.stage = Stage::Waiting(desk.terminal.set_timer(PAUSE, "reshard: try again", desk.out));
        Progress::Working
    }

    /// Goes on with what is left, at whoever leads the shards now.
    fn found(&mut self, found: Found, desk: &mut Desk) -> Progress {
        let Found::Seen(views) = found else { return Progress::Working };
        let ends = self.ends(&views, desk);
        let Some((ends, target)) = ends.and_then(|ends| Some((ends, views.0.get(&ends.target)?))) else {
            return self.pause((Ending::NotSent, "a shard has no primary that answers".to_owned()), desk);
        };
        let owns = |slot: &u16| target.myself().is_some_and(|own| own.owns(*slot));
        if let Some((_, slots)) = self.slots.as_ref().filter(|(_, slots)| slots.iter().all(owns)) {
            self.moved = slots.len();
            return self.over(ends);
        }
        let Some(source) = views.0.get(&ends.source).and_then(|view| view.myself()) else {
            return self.pause((Ending::NotSent, format!("{} does not answer", ends.source)), desk);
        };
        let which = &self.planned.which;
        let all = || (ends.source, chosen(which, |slot| source.owns(slot)));
        let (_, slots) = self.slots.get_or_insert_with(all);
        let left: Vec<u16> = slots.iter().copied().filter(|slot| !owns(slot)).collect();
        self.moved = slots.len() - left.len();
        // Whoever stops in order leaves no slot half moved.
        let is_open = self.opened.is_some_and(|slot| left.contains(&slot));
        if left.is_empty() || self.stopping && !is_open {
            return self.over(ends);
        }
        self.go(ends, &left, desk);
        Progress::Working
    }

    fn ends(&self, views: &Views, desk: &Desk) -> Option<Ends> {
        // A shard that has given its last slot has no primary that could be told by slots.
        let gave = self.slots.as_ref().map(|(source, _)| *source);
        let source = desk.roll.parts(views, self.planned.from).map(|parts| parts.primary).or(gave)?;
        Some(Ends { source, target: desk.roll.parts(views, self.planned.to)?.primary })
    }

    fn go(&mut self, ends: Ends, left: &[u16], desk: &mut Desk) {
        let (op, Ends { source, target }) = (self.op, ends);
        if !self.by_keys {
            let text = format!("CLUSTER MIGRATESLOTS of {} slots at {source} to {target}", left.len());
            desk.out.note(Body::Operation { op, text });
            self.stage = Stage::Export(ends, Export::start(ends, left, desk));
            return;
        }
        let slot = left[0];
        self.opened = Some(slot);
        let text = format!("slot {slot} from {source} to {target}, key by key ({} left)", left.len());
        desk.out.note(Body::Operation { op, text });
        self.stage = Stage::Slot(ends, SlotMove::start(ends, slot, self.planned.open_for_ns, desk));
    }

    fn step(&mut self, moved: Moved, desk: &mut Desk) -> Progress {
        if !matches!(moved, Moved::NotYet | Moved::Failed(..) | Moved::Lacks) && !self.accepted {
            self.accepted = true;
            let accepted = ChaosMessage::OperationAccepted { op: self.op };
            desk.out.send(ActorId::Chaos, Message::Chaos(accepted));
        }
        match moved {
            Moved::NotYet | Moved::Begun => Progress::Working,
            Moved::Done => self.look(desk),
            Moved::Cancelled => {
                self.stopping = true;
                self.look(desk)
            }
            Moved::Lacks if self.planned.method == Method::Any => {
                self.by_keys = true;
                self.look(desk)
            }
            Moved::Lacks => {
                let text = "the server does not know CLUSTER MIGRATESLOTS".to_owned();
                Progress::Ended { ending: Ending::Refused, text }
            }
            Moved::Failed(ending, text) => self.pause((ending, text), desk),
        }
    }

    /// The operator stops it in order, or loses the shell.
    fn stop(&mut self, desk: &mut Desk) -> Progress {
        if self.planned.abandon_after_ns.is_some() {
            let text = format!("abandoned with {} of {} slots moved", self.moved, self.count());
            return Progress::Ended { ending: Ending::Done, text };
        }
        self.stopping = true;
        if let Stage::Export(ends, export) = &mut self.stage {
            export.cancel(*ends, desk);
        }
        Progress::Working
    }

    fn over(&self, ends: Ends) -> Progress {
        let (moved, count) = (self.moved, self.count());
        let text = match moved == count {
            true => {
                let source = self.slots.as_ref().map_or(ends.source, |(source, _)| *source);
                format!("{} owns {count} slots that were {source}'s", ends.target)
            }
            false => format!("cancelled with {moved} of {count} slots moved to {}", ends.target),
        };
        Progress::Ended { ending: Ending::Done, text }
    }

    /// Goes on if slots were moved meanwhile.
    fn overdue(&mut self, desk: &mut Desk) -> Progress {
        if self.moved == self.moved_before {
            return self.given_up();
        }
        self.moved_before = self.moved;
        self.deadline = desk.terminal.set_timer(WITHIN, "reshard: give up", desk.out);
        Progress::Working
    }

    fn given_up(&self) -> Progress {
        let (ending, why) =
            self.trouble.clone().unwrap_or((Ending::TimedOut, "it is not through".to_owned()));
        let (moved, count, s) = (self.moved, self.count(), WITHIN.as_secs_f64());
        Progress::Ended { ending, text: format!("{moved} of {count} slots moved, none within {s} s: {why}") }
    }

    fn count(&self) -> usize {
        self.slots.as_ref().map_or(0, |(_, slots)| slots.len())
    }
}

/// The slots that are to be moved, of those that the source owns.
fn chosen(which: &Which, owns: impl Fn(u16) -> bool) -> Vec<u16> {
    match which {
        Which::Count(count) => (0..=16_383).filter(|slot| owns(*slot)).take(usize::from(*count)).collect(),
        Which::These(ranges) => {
            let named = ranges.iter().flat_map(|(first, last)| *first..=*last);
            named.filter(|slot| owns(*slot)).collect()
        }
    }
}

/// The text of an answer, or how the question failed.
fn said(answer: &Answer) -> Result<String, (Ending, String)> {
    let node = answer.node;
    match &answer.result {
        Ok(value) => Ok(reply::text(value).unwrap_or_else(|_| reply::render(value))),
        Err(error) => Err(failed(node, error)),
    }
}

fn failed(node: NodeId, error: &crate::actor::session::SessionError) -> (Ending, String) {
    use crate::actor::session::SessionError;
    match error {
        SessionError::Server(error) => (Ending::Refused, format!("{node} refused: {error}")),
        SessionError::NotSent(why) => (Ending::NotSent, format!("{node}: {why}")),
        SessionError::Lost(_) => (Ending::TimedOut, format!("{node}: {error}")),
    }
}
