//! `network_loss`: packets are lost, which TCP shows as pauses: each attempt for a lost chunk waits twice as long as the one before.

use serde::{Deserialize, Serialize};

use super::between::{CHANNELS, DIRECTION};
use super::link_fault::{LinkFault, LinkKind};
use super::{LASTS, Trouble, sides};
use crate::language::{Entry, Form, Key, Reader};
use crate::rng::Stream;

/// Packets are lost.
pub type NetworkLoss = LinkFault<Loss>;

/// One chunk in so many is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// One in how many, on each attempt.
    pub one_in: u64,
}

impl LinkKind for Loss {
    const NAME: &'static str = "network_loss";
    const ABOUT: &'static str = "One chunk in so many is lost on each of its attempts: TCP tries again after 0.2 s (a request for a connection after 1 s), then after twice as long, and what was sent later on the same connection waits with it.";
    const KEYS: &'static [Key] = &[
        sides::A,
        sides::B,
        DIRECTION,
        CHANNELS,
        Key::new("one_in", Form::Whole(2, 100_000), "one chunk in how many is lost; 20 if absent"),
        LASTS,
    ];
    const EXAMPLE: &'static str = "type: network_loss\nnode: 1\none_in: 10\nat: 2\nduration: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(Loss { one_in: reader.whole("one_in").unwrap_or(20) })
    }

    fn write(&self) -> Entry {
        Entry::default().with("one_in", self.one_in)
    }

    fn draw(stream: &mut Stream) -> (Entry, u64) {
        let one_in = stream.weighted(&[(2, 3_u64), (3, 10), (3, 40), (1, 200)]);
        (Entry::default().with("one_in", one_in), stream.range(20..=150))
    }

    fn in_words(&self) -> String {
        format!("Network Loss, one in {}", self.one_in)
    }

    fn trouble(&self) -> Trouble {
        Trouble::Lossy { one_in: self.one_in }
    }
}
