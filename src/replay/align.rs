//! Two logs of the same plan on different servers, compared by what their events mean.
//!
//! Times, numbers and payloads differ from the first moment on and say nothing. What an event means is who did what
//! with whom and with which kind of message; the k-th event of one meaning in one log stands for the k-th in the other.

use std::collections::BTreeMap;

use crate::event::{Body, Event, Kind};
use crate::event_log::ReadError;

/// What an event means, times and payloads aside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meaning(String);

impl Meaning {
    /// The meaning of an event; none for what is of no interest to another server (verdicts, decisions, log lines). One that
    /// has no words here means its statement and nothing more.
    pub fn of(event: &Event) -> Option<Self> {
        if matches!(event.kind, Kind::Decision | Kind::Verdict) {
            return None;
        }
        let actor = event.actor;
        let text = match &event.body {
            Body::Sent { from, channel, to, bus, .. } => {
                let message = bus.as_ref().map(|bus| format!(" {}", bus.r#type)).unwrap_or_default();
                format!("{from} sends{message} to {to} ({})", name(channel))
            }
            Body::Dial { from, to, port, .. } => format!("{from} dials {to}:{port}"),
            Body::Link { state, .. } => format!("{actor}: link {}", name(state)),
            Body::Start { incarnation } => format!("{actor} starts ({incarnation})"),
            Body::Signal { signal } => format!("{actor} gets {signal}"),
            Body::Pause { paused } => format!("{actor} {}", if *paused { "pauses" } else { "goes on" }),
            Body::Exited { status } => format!("{actor} ends: {status}"),
            Body::Child { state, .. } => format!("{actor} child {}", name(state)),
            Body::Livelock { .. } => format!("{actor} never blocks again"),
            Body::Deadlock { .. } => format!("{actor} waits for itself"),
            Body::Fault { fault, hit, .. } => format!("fault {} hits {hit:?}", fault.0),
            Body::Heal { fault, .. } => format!("fault {} heals", fault.0),
            Body::Operation { op, .. } => format!("operation {} starts", op.0),
            Body::OperationEnded { op, done, .. } => {
                format!("operation {} {}", op.0, if *done { "is done" } else { "fails" })
            }
            Body::Phase { phase } => format!("phase {}", name(phase)),
            Body::Invoke { sequence, .. } => format!("{actor} invokes #{sequence}"),
            Body::Complete { sequence, outcome, .. } => {
                format!("{actor} completes #{sequence}: {}", outcome_name(outcome))
            }
            Body::Wake
            | Body::Deliver { .. }
            | Body::Rule { .. }
            | Body::Timer { .. }
            | Body::Tell { .. } => return None,
            Body::Listen { .. } | Body::Closed { .. } | Body::Log { .. } => return None,
            Body::Reply { .. } | Body::Probe { .. } | Body::Account { .. } => return None,
            other => format!("{actor} {}", other.word()),
        };
        Some(Meaning(text))
    }

    /// The meaning in words.
    pub fn text(&self) -> &str {
        &self.0
    }
}

fn name(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn outcome_name(outcome: &crate::history::Outcome) -> &'static str {
    match outcome {
        crate::history::Outcome::Ok(_) => "ok",
        crate::history::Outcome::Replied(_) => "replied",
        crate::history::Outcome::Fail(_) => "fail",
        crate::history::Outcome::Info(_) => "info",
    }
}

/// What an alignment found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alignment {
    /// Pairs of events with the same meaning.
    pub aligned: u64,
    /// Events of the recorded log that stand alone.
    pub only_recorded: u64,
    /// Events of the other log that stand alone.
    pub only_replayed: u64,
    /// Where the two sequences of meanings part: the recorded event's number and both meanings.
    pub first: Option<FirstDifference>,
    /// Meanings that do not come as often in both: how often in the recorded log and in the other, most apart first.
    pub counts: Vec<(Meaning, u64, u64)>,
}

/// The first place where the meanings differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstDifference {
    /// The event of the recorded log; nothing if it ended.
    pub recorded: Option<(u64, Meaning)>,
    /// The event of the other log; nothing if it ended.
    pub replayed: Option<(u64, Meaning)>,
}

/// Aligns two logs, each read once; memory grows with the number of meanings, not of events.
pub fn align(
    recorded: impl IntoIterator<Item = Result<Event, ReadError>>,
    replayed: impl IntoIterator<Item = Result<Event, ReadError>>,
) -> Result<Alignment, ReadError> {
    let mut counts: BTreeMap<Meaning, (u64, u64)> = BTreeMap::new();
    let mut first = None;
    let (mut recorded, mut replayed) = (recorded.into_iter(), replayed.into_iter());
    loop {
        let (left, right) = (next(&mut recorded)?, next(&mut replayed)?);
        if left.is_none() && right.is_none() {
            break;
        }
        let meaning = |event: &Option<(u64, Meaning)>| event.as_ref().map(|(_, meaning)| meaning.clone());
        let (meant_left, meant_right) = (meaning(&left), meaning(&right));
        if first.is_none() && meant_left != meant_right {
            first = Some(FirstDifference { recorded: left, replayed: right });
        }
        meant_left.into_iter().for_each(|meaning| counts.entry(meaning).or_default().0 += 1);
        meant_right.into_iter().for_each(|meaning| counts.entry(meaning).or_default().1 += 1);
    }
    let mut alignment = Alignment { first, ..Alignment::default() };
    for (meaning, (left, right)) in counts {
        alignment.aligned += left.min(right);
        alignment.only_recorded += left.saturating_sub(right);
        alignment.only_replayed += right.saturating_sub(left);
        if left != right {
            alignment.counts.push((meaning, left, right));
        }
    }
    alignment.counts.sort_by_key(|(_, left, right)| std::cmp::Reverse(left.abs_diff(*right)));
    Ok(alignment)
}

fn next(
    events: &mut impl Iterator<Item = Result<Event, ReadError>>,
) -> Result<Option<(u64, Meaning)>, ReadError> {
    for event in events {
        let event = event?;
        if let Some(meaning) = Meaning::of(&event) {
            return Ok(Some((event.i, meaning)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Phase};
    use crate::id::ActorId;
    use crate::time::SimTime;

    fn phases(phases: &[Phase]) -> Vec<Result<Event, ReadError>> {
        let event = |(i, phase): (usize, &Phase)| {
            let body = Body::Phase { phase: *phase };
            let (i, at) = (i as u64, SimTime::from_ns(i as u64 * 7));
            Ok(Event { i, at, actor: ActorId::Director, kind: Kind::Effect, cause: None, body })
        };
        phases.iter().enumerate().map(event).collect()
    }

    #[test]
    fn what_one_log_lacks_is_counted_and_the_first_is_named() {
        let recorded = phases(&[Phase::Form, Phase::Run, Phase::Settle, Phase::Done]);
        let replayed = phases(&[Phase::Form, Phase::Settle, Phase::Done]);
        let found = align(recorded, replayed).expect("both can be read");
        assert_eq!((found.aligned, found.only_recorded, found.only_replayed), (3, 1, 0));
        let first = found.first.expect("they differ");
        assert_eq!(first.recorded.map(|(i, meaning)| (i, meaning.0)), Some((1, "phase run".to_owned())));
        assert_eq!(first.replayed.map(|(i, meaning)| (i, meaning.0)), Some((1, "phase settle".to_owned())));
        assert_eq!(found.counts.len(), 1);
    }

    #[test]
    fn equal_logs_align_whole() {
        let found = align(phases(&[Phase::Form, Phase::Run]), phases(&[Phase::Form, Phase::Run]));
        let found = found.expect("both can be read");
        assert_eq!(found, Alignment { aligned: 2, ..Alignment::default() });
    }
}
