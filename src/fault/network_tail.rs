//! `network_tail`: most chunks are as quick as ever, and one in so many takes much longer.

use serde::{Deserialize, Serialize};

use super::between::{CHANNELS, DIRECTION};
use super::link_fault::{LinkFault, LinkKind};
use super::{LASTS, LatencyRange, Trouble, sides};
use crate::language::{Entry, Form, Key, Reader};
use crate::rng::Stream;

/// Latencies have a long tail.
pub type NetworkTail = LinkFault<Tail>;

/// One chunk in so many is late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// One in how many.
    pub one_in: u64,
    /// How much later.
    pub longer: LatencyRange,
}

impl LinkKind for Tail {
    const NAME: &'static str = "network_tail";
    const ABOUT: &'static str = "One chunk in so many between two groups of hosts takes so much longer, and what was sent later on the same connection waits with it.";
    const KEYS: &'static [Key] = &[
        sides::A,
        sides::B,
        DIRECTION,
        CHANNELS,
        Key::new("one_in", Form::Whole(1, 100_000), "one chunk in how many; 50 if absent"),
        Key::new("latency_ms", Form::Latency, "how much longer it takes. Must be there"),
        LASTS,
    ];
    const EXAMPLE: &'static str =
        "type: network_tail\nnode: 2\none_in: 20\nlatency_ms: {min: 200, max: 1500}\nat: 2\nduration: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        if !reader.has("latency_ms") {
            reader
                .wrong("it is not said how long the tail is", "add `latency_ms: {min: 200, max: 1500}`, say");
        }
        let (min_ns, max_ns) = reader.latency("latency_ms")?;
        let longer = LatencyRange { min_ns, max_ns };
        Some(Tail { one_in: reader.whole("one_in").unwrap_or(50), longer })
    }

    fn write(&self) -> Entry {
        Entry::default().with("one_in", self.one_in).with("latency_ms", self.longer.written())
    }

    fn draw(stream: &mut Stream) -> (Entry, u64) {
        let one_in = stream.weighted(&[(1, 5_u64), (3, 20), (3, 100)]);
        let longer = stream.weighted(&[(2, (50.0, 500.0)), (2, (200.0, 1500.0)), (1, (1000.0, 3000.0))]);
        let own = Entry::default().with("one_in", one_in).with("latency_ms", super::latency_value(longer));
        (own, stream.range(20..=150))
    }

    fn in_words(&self) -> String {
        let (min, max) = (self.longer.min_ns, self.longer.max_ns);
        format!("Network Tail, one in {} by {min} to {max}", self.one_in)
    }

    fn trouble(&self) -> Trouble {
        Trouble::Tail { one_in: self.one_in, longer: self.longer }
    }
}
