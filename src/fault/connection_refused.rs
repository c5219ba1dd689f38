//! `connection_refused`: whoever dials is told that nobody listens; connections that are there go on.

use serde::{Deserialize, Serialize};

use super::between::{CHANNELS, DIRECTION};
use super::link_fault::{LinkFault, LinkKind};
use super::{LASTS, Trouble, sides};
use crate::language::{Entry, Key, Reader};
use crate::rng::Stream;

/// Nobody gets a new connection.
pub type ConnectionRefused = LinkFault<Refused>;

/// New connections are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {}

impl LinkKind for Refused {
    const NAME: &'static str = "connection_refused";
    const ABOUT: &'static str = "New connections between two groups of hosts are refused, as by a firewall; those that are there go on. `one_way`: only those that the first group dials.";
    const KEYS: &'static [Key] = &[sides::A, sides::B, DIRECTION, CHANNELS, LASTS];
    const EXAMPLE: &'static str = "type: connection_refused\na: [1]\nb: [2, 3]\nat: 2\nduration: 8";

    fn read(_reader: &mut Reader) -> Option<Self> {
        Some(Refused {})
    }

    fn write(&self) -> Entry {
        Entry::default()
    }

    fn draw(stream: &mut Stream) -> (Entry, u64) {
        (Entry::default(), stream.range(20..=150))
    }

    fn in_words(&self) -> String {
        "Connection Refused".to_owned()
    }

    fn trouble(&self) -> Trouble {
        Trouble::Refuse
    }
}
