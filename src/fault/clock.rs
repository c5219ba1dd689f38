//! `clock`: a machine's wall clock jumps, drifts, stands still or strobes, while the clock that measures lengths goes on.
//!
//! Servers take the time of day for the timers of the cluster (`mstime`), so that a wrong clock reaches into everything that
//! waits there. At the heal the clock is set right, which is a jump of its own.

use serde::{Deserialize, Serialize};

use super::affliction::{Affliction, WallClock};
use super::{Aim, Effect, FaultKind, LASTS, Swarm, duration};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A wall clock is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Whose.
    pub target: Target,
    /// What it does.
    pub how: Wrong,
    /// Which way it jumps, or first strobes.
    pub way: Way,
    /// How far it jumps or strobes.
    pub by_ns: SimDuration,
    /// How long a strobing clock shows each of its two times.
    pub every_ns: SimDuration,
    /// How fast a drifting clock goes, in percent of what is right.
    pub speed_percent: u64,
    /// For how long.
    pub duration_ns: SimDuration,
}

/// What is wrong with a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// It jumps, and goes on from there.
    Jump,
    /// It goes too fast or too slow.
    Drift,
    /// It stands still.
    Freeze,
    /// It jumps between two times.
    Strobe,
    /// A second comes twice, as Linux inserts a leap second.
    Leap,
}

impl Word for Wrong {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("jump", Wrong::Jump),
        ("drift", Wrong::Drift),
        ("freeze", Wrong::Freeze),
        ("strobe", Wrong::Strobe),
        ("leap", Wrong::Leap),
    ];
}

/// Which way a clock jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Into the future.
    Forward,
    /// Into the past.
    Back,
}

impl Word for Way {
    const WORDS: &'static [(&'static str, Self)] = &[("forward", Way::Forward), ("back", Way::Back)];
}

/// How far a clock jumps if that is not said.
const BY: SimDuration = SimDuration::from_secs(10);
/// How long a strobing clock shows a time if that is not said.
const EVERY: SimDuration = SimDuration::from_ms(300);
/// How fast a drifting clock goes if that is not said, in percent.
const SPEED: u64 = 110;
/// As fast as it should, in millionths.
const RIGHT_PPM: u64 = 1_000_000;

impl Clock {
    fn reading(&self) -> WallClock {
        let by = self.by_ns.as_ns() as i64;
        let by = if self.way == Way::Back { -by } else { by };
        let right = WallClock { ahead_ns: 0, rate_ppm: RIGHT_PPM, strobe_ns: 0, every_ns: SimDuration::ZERO };
        match self.how {
            Wrong::Jump => WallClock { ahead_ns: by, ..right },
            Wrong::Drift => WallClock { rate_ppm: self.speed_percent * (RIGHT_PPM / 100), ..right },
            Wrong::Freeze => WallClock { rate_ppm: 0, ..right },
            Wrong::Strobe => WallClock { strobe_ns: by, every_ns: self.every_ns, ..right },
            Wrong::Leap => WallClock { ahead_ns: -1_000_000_000, ..right },
        }
    }

    fn check(how: Wrong, reader: &mut Reader) {
        let of: [(&str, &[Wrong], &str); 4] = [
            ("by", &[Wrong::Jump, Wrong::Strobe], "the clock neither jumps nor strobes"),
            ("way", &[Wrong::Jump, Wrong::Strobe], "the clock neither jumps nor strobes"),
            ("every", &[Wrong::Strobe], "the clock does not strobe"),
            ("speed", &[Wrong::Drift], "the clock does not drift"),
        ];
        for (key, fitting, message) in of {
            if reader.has(key) && !fitting.contains(&how) {
                let advice = format!("write `how: {}`, or no `{key}:`", fitting[0].word());
                reader.wrong_at(key, message, advice);
            }
        }
    }
}

impl FaultKind for Clock {
    const NAME: &'static str = "clock";
    const ABOUT: &'static str = "The machine's wall clock is wrong, while the clock that measures lengths goes on; at the heal \
                                 it is set right.";
    const KEYS: &'static [Key] = &[
        Key::new(
            "how",
            Form::Word(names::<Wrong>),
            "it makes a `jump` (which holds if absent), a `drift`, a `freeze`, a `strobe` between two times, or a `leap` \
             second comes twice",
        ),
        Key::new("way", Form::Word(names::<Way>), "`forward` or `back`; forward if absent"),
        Key::new("by", Form::Duration, "seconds that it jumps or strobes; 10 if absent"),
        Key::new("every", Form::Duration, "seconds that a strobing clock shows each time; 0.3 if absent"),
        Key::new("speed", Form::Whole(1, 1000), "how fast a drifting clock goes, in percent; 110 if absent"),
        LASTS,
    ];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str =
        "type: clock\nhow: jump\nway: back\nby: 8\ntarget: primary\nshard: 1\nat: 2\nduration: 6";
    /// Each way to be wrong is a kind of its own to the swarm.
    const VARIANTS: usize = Wrong::WORDS.len();

    fn read(reader: &mut Reader) -> Option<Self> {
        let target = target::read(reader);
        let how = reader.word("how").unwrap_or(Wrong::Jump);
        Clock::check(how, reader);
        Some(Clock {
            target,
            how,
            way: reader.word("way").unwrap_or(Way::Forward),
            by_ns: reader.seconds("by").unwrap_or(BY),
            every_ns: reader.seconds("every").unwrap_or(EVERY),
            speed_percent: reader.whole("speed").unwrap_or(SPEED),
            duration_ns: duration(reader),
        })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("how", self.how.word());
        let own = match self.how {
            Wrong::Jump => own.with("way", self.way.word()).with("by", self.by_ns),
            Wrong::Strobe => {
                own.with("way", self.way.word()).with("by", self.by_ns).with("every", self.every_ns)
            }
            Wrong::Drift => own.with("speed", self.speed_percent),
            Wrong::Freeze | Wrong::Leap => own,
        };
        own.with("duration", self.duration_ns).and(self.target.write())
    }

    fn draw(variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let (word, how) = Wrong::WORDS[variant];
        let by = *stream.pick(&[0.5, 1.0, 3.0, 7.0]).expect("there are distances");
        let (way, _) = *stream.pick(Way::WORDS).expect("there are two ways");
        let every = stream.tenths(1..=30);
        let speed = *stream.pick(&[20_u64, 80, 95, 105, 130]).expect("there are speeds");
        let (strobes, drifts) = (how == Wrong::Strobe, how == Wrong::Drift);
        let moves = strobes || how == Wrong::Jump;
        let own = Entry::default().with("how", word).maybe("way", moves.then_some(way));
        let own = own.maybe("by", moves.then_some(by)).maybe("every", strobes.then_some(every));
        let own = own.maybe("speed", drifts.then_some(speed)).with("duration", stream.tenths(10..=120));
        own.and(target::draw(stream, swarm.layout))
    }

    fn in_words(&self) -> String {
        format!("Clock ({}, {}, {})", self.target.in_words(), self.reading().in_words(), self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Afflict(Affliction::Clock(self.reading()))
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }
}
