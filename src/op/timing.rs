//! When an operation starts: the keys that say so, how they are read, written and drawn.

use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// When an operation starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timing {
    /// As soon as the one before it ended.
    Immediate,
    /// `delay` seconds after that.
    Delayed,
}

impl Word for Timing {
    const WORDS: &'static [(&'static str, Self)] =
        &[("immediate", Timing::Immediate), ("delayed", Timing::Delayed)];
}

/// The keys that say when an operation starts.
pub const KEYS: &[Key] = &[
    Key::new(
        "timing",
        Form::Word(names::<Timing>),
        "`immediate`: as soon as the operation before it ended, which holds if absent; `delayed`: later",
    ),
    Key::new(
        "delay",
        Form::Seconds,
        "seconds after the end of the operation before it; 1 to 10 are drawn if delayed",
    ),
];

/// Reads how long an operation waits.
pub(super) fn read(reader: &mut Reader) -> SimDuration {
    let timing = reader.word::<Timing>("timing");
    if timing == Some(Timing::Immediate) && reader.has("delay") {
        let advice = "write `timing: delayed`, or no delay";
        reader.wrong_at("delay", "an immediate operation has no delay", advice);
    }
    match (timing, reader.seconds("delay")) {
        (_, Some(delay)) => delay,
        (Some(Timing::Delayed), None) => reader.drawn_ms("delay", 1_000..=10_000),
        (_, None) => SimDuration::ZERO,
    }
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
