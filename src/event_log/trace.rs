//! One event with all that led to it and all that it led to.
//!
//! A decision, a fault, an operation and a client's command are noted beside the events that they are about, with the
//! same cause: a latency stands between a chunk that was sent and its delivery, and is the cause of neither. So what
//! decided or provoked an event is looked for among the effects of its causes that stand before it.

use std::collections::BTreeMap;

use super::ReadError;
use super::indexed::{Chain, IndexedLog};
use crate::event::{Event, Kind, Role, What};

/// How much of the chain of causes is shown at its near and at its far end.
const CHAIN: (usize, usize) = (16, 3);
/// How many effects are shown.
const EFFECTS: usize = 20;
/// How many notes beside one event are looked at.
const NOTES: usize = 64;
/// How far back a decision or an injected event is looked for.
const STEPS: usize = 256;

/// An event and its history.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The event and its causes, back to the root.
    pub chain: Chain,
    /// What was decided or injected beside the events of the chain, by their numbers.
    pub noted: BTreeMap<u64, Vec<Event>>,
    /// The nearest decision, and how many causes lie before it.
    pub decision: Option<(usize, Event)>,
    /// The nearest operation, fault, heal or client command, and how many causes lie before it.
    pub injected: Option<(usize, Event)>,
    /// How far back both were looked for; nothing if to the root.
    pub looked_back: Option<usize>,
    /// The first effects.
    pub effects: Vec<Event>,
    /// How many effects make each statement.
    pub effect_counts: BTreeMap<&'static str, u64>,
}

impl Trace {
    /// That of event `i`, which must be there.
    pub fn of(log: &IndexedLog, i: u64) -> Result<Self, ReadError> {
        let chain = log.chain(i, CHAIN.0, CHAIN.1)?;
        let mut noted = BTreeMap::new();
        for event in chain.near.iter().chain(&chain.far) {
            let mut notes_of = notes(log, event.i, is_decision)?;
            notes_of.extend(notes(log, event.i, is_injected)?);
            noted.insert(event.i, notes_of);
        }
        let mut effect_counts = BTreeMap::new();
        let mut shown = Vec::new();
        for effect in log.effects(i) {
            *effect_counts.entry(log.what(effect).word()).or_default() += 1;
            shown.extend((shown.len() < EFFECTS).then_some(effect));
        }
        Ok(Trace {
            decision: nearest(log, i, is_decision)?,
            injected: nearest(log, i, is_injected)?,
            looked_back: log.causes(i).nth(STEPS).map(|_| STEPS),
            effects: log.events_of(&shown)?,
            chain,
            noted,
            effect_counts,
        })
    }

    /// How many effects there are.
    pub fn effect_count(&self) -> u64 {
        self.effect_counts.values().sum()
    }
}

fn is_decision(what: What) -> bool {
    what.kind() == Kind::Decision
}

fn is_injected(what: What) -> bool {
    what.role() == Role::Injected
}

/// What was noted beside an event and before it, with a wanted statement.
fn notes(log: &IndexedLog, i: u64, wanted: fn(What) -> bool) -> Result<Vec<Event>, ReadError> {
    let mut numbers: Vec<u64> = log.siblings_before(i).filter(|note| wanted(log.what(*note))).collect();
    numbers.drain(..numbers.len().saturating_sub(NOTES));
    let (false, Some(event)) = (numbers.is_empty(), log.event(i)?) else { return Ok(Vec::new()) };
    let mut notes = log.events_of(&numbers)?;
    notes.retain(|note| concerns(note, &event));
    Ok(notes)
}

/// Whether a note is about the event: a latency is one of its own connection, say. What has no connection is about all
/// that follows.
fn concerns(note: &Event, event: &Event) -> bool {
    note.body.conn().is_none() || note.body.conn() == event.body.conn()
}

/// The nearest event with a wanted statement in the chain or beside it, and how many steps back it is. Only what
/// may be it is read.
fn nearest(log: &IndexedLog, i: u64, wanted: fn(What) -> bool) -> Result<Option<(usize, Event)>, ReadError> {
    for (steps, i) in log.causes(i).take(STEPS).enumerate() {
        let found = match wanted(log.what(i)) {
            true => log.event(i)?,
            false => notes(log, i, wanted)?.pop(),
        };
        if let Some(found) = found {
            return Ok(Some((steps, found)));
        }
    }
    Ok(None)
}
