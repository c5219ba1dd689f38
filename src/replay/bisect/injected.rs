//! What was put into a recorded run from outside, event by event: operations, faults, client commands, link decisions.

use crate::event::{Body, Event};
use crate::event_log::{self, event_line};
use crate::replay::{Recording, ReplayError};

/// One delivery that put something into the run. What one delivery puts in cannot be told apart by stopping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    /// How many events the log has up to and with this delivery.
    pub keep: u64,
    /// Its weightiest injected event: an operation or fault before a client's command before a link's decision.
    pub event: u64,
    /// That event's line.
    pub line: String,
    /// How many events the log has up to and with everything that this delivery injected.
    pub end: u64,
    weight: u8,
}

impl Injected {
    /// Everything that was injected, in order.
    pub fn of(recording: &Recording) -> Result<Vec<Self>, ReplayError> {
        let log = event_log::open(&recording.path)?.take(recording.decisions.events as usize);
        let mut all: Vec<Injected> = Vec::new();
        let mut delivery = 0;
        for event in log {
            let event = event.map_err(|source| recording.unreadable(source))?;
            if !event.body.is_note() {
                delivery = event.i;
                continue;
            }
            let Some(weight) = weight(&event) else {
                continue;
            };
            let (keep, end) = (delivery + 1, event.i + 1);
            let found = Injected { keep, event: event.i, line: event_line(&event), end, weight };
            match all.last_mut().filter(|last| last.keep == keep) {
                None => all.push(found),
                Some(last) if last.weight < weight => *last = found,
                Some(last) => last.end = end,
            }
        }
        Ok(all)
    }
}

/// How weighty an injected event is; nothing for one that is not.
fn weight(event: &Event) -> Option<u8> {
    match &event.body {
        Body::Fault { hit, .. } if hit.is_empty() => None,
        Body::Fault { .. } | Body::Operation { .. } => Some(3),
        Body::Invoke { .. } => Some(2),
        Body::Latency { .. }
        | Body::Held { .. }
        | Body::Split { .. }
        | Body::Order { .. }
        | Body::Ruled { .. } => Some(1),
        _ => None,
    }
}
