//! `network_bandwidth`: no more bytes a second go through, so that what is sent faster waits.

use serde::{Deserialize, Serialize};

use super::between::{CHANNELS, DIRECTION};
use super::link_fault::{LinkFault, LinkKind};
use super::{LASTS, Trouble, sides};
use crate::language::{Entry, Form, Key, Reader};
use crate::rng::Stream;

/// Links are narrow.
pub type NetworkBandwidth = LinkFault<Bandwidth>;

/// How much goes through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Bytes a second, in each direction between two hosts.
    pub bytes_per_s: u64,
}

impl LinkKind for Bandwidth {
    const NAME: &'static str = "network_bandwidth";
    const ABOUT: &'static str = "No more bytes a second go through between any two hosts of two groups, in each direction; what is sent faster waits.";
    const KEYS: &'static [Key] = &[
        sides::A,
        sides::B,
        DIRECTION,
        CHANNELS,
        Key::new(
            "bytes_per_s",
            Form::Whole(1_000, 10_000_000_000),
            "bytes a second from one host to another; 100000 if absent. A message of the bus has about 2300",
        ),
        LASTS,
    ];
    const EXAMPLE: &'static str =
        "type: network_bandwidth\ntarget: primary\nshard: 1\nbytes_per_s: 20000\nat: 2\nduration: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(Bandwidth { bytes_per_s: reader.whole("bytes_per_s").unwrap_or(100_000) })
    }

    fn write(&self) -> Entry {
        Entry::default().with("bytes_per_s", self.bytes_per_s)
    }

    fn draw(stream: &mut Stream) -> (Entry, u64) {
        let bytes_per_s = stream.weighted(&[(2, 3_000_u64), (3, 10_000), (3, 100_000), (1, 1_000_000)]);
        (Entry::default().with("bytes_per_s", bytes_per_s), stream.range(20..=150))
    }

    fn in_words(&self) -> String {
        format!("Network Bandwidth, {} bytes/s", self.bytes_per_s)
    }

    fn trouble(&self) -> Trouble {
        Trouble::Narrow { bytes_per_s: self.bytes_per_s }
    }
}
