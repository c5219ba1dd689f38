//! `connection_reset`: connections between two groups of hosts end, and both ends of each are told so.

use serde::{Deserialize, Serialize};

use super::between::CHANNELS;
use super::link_fault::{LinkFault, LinkKind};
use super::{Trouble, sides};
use crate::language::{Entry, Key, Reader};
use crate::rng::Stream;

/// Connections are reset.
pub type ConnectionReset = LinkFault<Reset>;

/// They end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {}

impl LinkKind for Reset {
    const NAME: &'static str = "connection_reset";
    const ABOUT: &'static str = "Every connection between two groups of hosts ends at once, and both ends see a reset; what was under way and not yet arrived may still come before it. New ones can be dialled at once.";
    const KEYS: &'static [Key] = &[sides::A, sides::B, CHANNELS];
    const EXAMPLE: &'static str =
        "type: connection_reset\ntarget: primary\nshard: 1\nchannels: [replication]\nat: 2";
    const LASTS: bool = false;

    fn read(_reader: &mut Reader) -> Option<Self> {
        Some(Reset {})
    }

    fn write(&self) -> Entry {
        Entry::default()
    }

    fn draw(_stream: &mut Stream) -> (Entry, u64) {
        (Entry::default(), 0)
    }

    fn in_words(&self) -> String {
        "Connection Reset".to_owned()
    }

    fn trouble(&self) -> Trouble {
        Trouble::Reset
    }
}
