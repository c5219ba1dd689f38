//! `network_jam`: bytes between two groups of hosts wait, and all come at once at the heal.

use serde::{Deserialize, Serialize};

use super::between::{CHANNELS, DIRECTION};
use super::link_fault::{LinkFault, LinkKind};
use super::{LASTS, Trouble, sides};
use crate::language::{Entry, Key, Reader};
use crate::rng::Stream;

/// Traffic jams.
pub type NetworkJam = LinkFault<Jam>;

/// Everything waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jam {}

impl LinkKind for Jam {
    const NAME: &'static str = "network_jam";
    const ABOUT: &'static str = "Bytes between two groups of hosts wait in a queue on their way, and all of them come at once at the heal.";
    const KEYS: &'static [Key] = &[sides::A, sides::B, DIRECTION, CHANNELS, LASTS];
    const EXAMPLE: &'static str =
        "type: network_jam\ntarget: primary\nshard: 1\nchannels: [replication]\nat: 2\nduration: 3";

    fn read(_reader: &mut Reader) -> Option<Self> {
        Some(Jam {})
    }

    fn write(&self) -> Entry {
        Entry::default()
    }

    fn draw(stream: &mut Stream) -> (Entry, u64) {
        (Entry::default(), stream.range(5..=100))
    }

    fn in_words(&self) -> String {
        "Network Jam".to_owned()
    }

    fn trouble(&self) -> Trouble {
        Trouble::Jam
    }
}
