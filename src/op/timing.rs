//! When an operation starts: the keys that say so, how they are read, written and drawn.

use serde::{Deserialize, Serialize};

use super::Op;
use crate::fault::cue::{self, Cue};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// What the delay of an operation counts from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The end of all operations before it, apart from those whose sight has not come; of the first one, the beginning of
    /// the workload.
    #[default]
    After,
    /// The moment at which the time of the operation before it comes: they run side by side.
    Beside,
    /// The beginning of the workload, whatever else is under way then.
    Beginning,
    /// The sight of something, whatever else is under way then; an operation whose sight never comes is never begun.
    Seen(Cue),
}

impl Start {
    /// Whether it waits until everything before it is over.
    pub fn is_after(&self) -> bool {
        *self == Start::After
    }

    /// What it waits for to be seen.
    pub fn cue(&self) -> Option<&Cue> {
        match self {
            Start::Seen(cue) => Some(cue),
            _ => None,
        }
    }

    /// What it waits for to be seen, to be changed.
    pub fn cue_mut(&mut self) -> Option<&mut Cue> {
        match self {
            Start::Seen(cue) => Some(cue),
            _ => None,
        }
    }
}

/// The place of the operation whose time is an operation's: its own, but for one that begins beside the one before it.
pub fn leader<'s>(index: usize, start: impl Fn(usize) -> &'s Start) -> usize {
    (0..=index).rev().find(|i| *start(*i) != Start::Beside).unwrap_or_default()
}

/// How a scenario says when an operation starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timing {
    /// As soon as those before it ended.
    Immediate,
    /// `delay` seconds after that.
    Delayed,
    /// With the one before it.
    Parallel,
}

impl Word for Timing {
    const WORDS: &'static [(&'static str, Self)] =
        &[("immediate", Timing::Immediate), ("delayed", Timing::Delayed), ("parallel", Timing::Parallel)];
}

/// The keys that say when an operation starts.
pub const KEYS: &[Key] = &[
    Key::new(
        "timing",
        Form::Word(names::<Timing>),
        "`immediate`: as soon as the operations before it ended, which holds if absent; `delayed`: later; `parallel`: side by side with the operation before it",
    ),
    Key::new(
        "delay",
        Form::Seconds,
        "seconds after the end of the operations before it; 1 to 10 are drawn if delayed. If parallel, seconds after the time of the operation before it has come, 0 if absent; after `when` was seen, 0 if absent",
    ),
    Key::new(
        "when",
        Form::Keys,
        "what is to be seen first, by the keys that stand below `when` of a fault; instead of `timing` and `at`. Operations after it do not wait until it is seen",
    ),
    Key::new(
        "at",
        Form::Seconds,
        "seconds after the beginning of the workload, whatever else is under way then; instead of `timing` and `delay`",
    ),
];

/// Reads what an operation waits for, and how long after that.
pub(super) fn read(reader: &mut Reader) -> (Start, SimDuration) {
    if reader.has("when") {
        return seen(reader);
    }
    if let Some(at) = reader.seconds("at") {
        for key in ["timing", "delay"] {
            if reader.has(key) {
                reader.wrong_at(key, "the time of the operation is given", "keep `at`, or take it away");
            }
        }
        return (Start::Beginning, at);
    }
    let timing = reader.word::<Timing>("timing");
    if timing == Some(Timing::Immediate) && reader.has("delay") {
        let advice = "write `timing: delayed`, or no delay";
        reader.wrong_at("delay", "an immediate operation has no delay", advice);
    }
    let delay = reader.seconds("delay");
    match timing {
        Some(Timing::Parallel) => (Start::Beside, delay.unwrap_or_default()),
        Some(Timing::Delayed) => {
            (Start::After, delay.unwrap_or_else(|| reader.drawn_ms("delay", 1_000..=10_000)))
        }
        Some(Timing::Immediate) | None => (Start::After, delay.unwrap_or_default()),
    }
}

/// What an operation waits for is said by `when` alone; one that is wrong there is read no further.
fn seen(reader: &mut Reader) -> (Start, SimDuration) {
    for key in ["timing", "at"] {
        if reader.has(key) {
            reader.wrong_at(key, "the operation waits for a sight", format!("keep `when` or `{key}`"));
        }
    }
    let delay = reader.seconds("delay").unwrap_or_default();
    (cue::read(reader).map(Start::Seen).unwrap_or_default(), delay)
}

/// The keys that say when an operation starts, leaving nothing open.
pub(super) fn write(op: &Op) -> Entry {
    match &op.start {
        Start::After => Entry::default().with("delay", op.delay_ns),
        Start::Beside => parallel(op.delay_ns),
        Start::Beginning => Entry::default().with("at", op.delay_ns),
        Start::Seen(cue) => Entry::default().with("when", cue.write()).with("delay", op.delay_ns),
    }
}

/// The words of an operation's line in the report that say that it is not one after the other.
pub(super) fn in_words(op: &Op) -> String {
    match &op.start {
        Start::After => String::new(),
        Start::Beside => ", beside the one before".to_owned(),
        Start::Beginning => format!(", at {} s", op.delay_ns.as_secs_f64()),
        Start::Seen(cue) if op.delay_ns == SimDuration::ZERO => format!(", when {}", cue.in_words()),
        Start::Seen(cue) => format!(", {} s after {}", op.delay_ns.as_secs_f64(), cue.in_words()),
    }
}

/// The keys of an operation that runs side by side with the one before it.
fn parallel(delay: SimDuration) -> Entry {
    Entry::default().with("timing", Timing::Parallel.word()).with("delay", delay)
}

/// Draws when an operation starts that runs side by side with the one before it.
pub(super) fn draw_beside(stream: &mut Stream) -> Entry {
    let delay = SimDuration::from_ms(stream.weighted(&[(2, 0), (1, 10), (1, 200), (1, 1_500)]));
    parallel(delay)
}

/// Draws what an operation waits for, and how long it lets pass then.
pub(super) fn draw_seen(stream: &mut Stream, nodes: u64) -> Entry {
    let cue = cue::draw(stream, nodes);
    let delay = stream.weighted(&[(3, None), (1, Some(50)), (1, Some(300)), (1, Some(2_000))]);
    let delay = delay.map(|most| stream.range(1..=most) as f64 / 1000.0);
    Entry::default().with("when", cue).maybe("delay", delay)
}

/// Draws when an operation starts.
pub(super) fn draw(stream: &mut Stream) -> Entry {
    match stream.chance(2, 3) {
        true => {
            let delayed = Entry::default().with("timing", Timing::Delayed.word());
            delayed.with("delay", stream.tenths(5..=60))
        }
        false => Entry::default().with("timing", Timing::Immediate.word()),
    }
}
