//! Which chunks arrive in two pieces, as the segments of a stream may.
//!
//! What one write sent is one chunk, and what the bus carries is one message a chunk; a stream promises neither. So a
//! share of chunks is split anywhere, and each piece has its own latency.

use std::collections::BTreeMap;

use super::links::is_managed;
use crate::actor::message::Chunk;
use crate::id::Host;
use crate::rng::Stream;

/// One chunk in so many is split.
const ONE_IN: u64 = 64;

/// What is split.
pub enum Splits {
    /// Drawn under the run's seed, from a stream for each direction of a link.
    Drawn { seed: u64, ways: BTreeMap<(Host, Host), Stream> },
    /// As an earlier run had it.
    Recorded(Recorded),
}

/// Bytes of the first piece, by the connection and by how many latencies it had had before.
pub type Recorded = BTreeMap<(u64, u64), u64>;

impl Splits {
    /// Drawn under the run's seed.
    pub fn drawn(seed: u64) -> Self {
        Splits::Drawn { seed, ways: BTreeMap::new() }
    }

    /// How many bytes of a chunk of `len` arrive first, if it is split: on the way `from` one host `to` another, as step
    /// `step` of connection `conn`.
    pub fn first(&mut self, [from, to]: [Host; 2], (conn, step): (u64, u64), len: u64) -> Option<u64> {
        match self {
            Splits::Recorded(splits) => splits.remove(&(conn, step)).filter(|first| (1..len).contains(first)),
            Splits::Drawn { .. } if len < 2 || is_managed(from, to) => None,
            Splits::Drawn { seed, ways } => {
                let new = || Stream::new(*seed, "network", &format!("split {from} {to}"));
                let stream = ways.entry((from, to)).or_insert_with(new);
                stream.chance(1, ONE_IN).then(|| stream.range(1..=len - 1))
            }
        }
    }
}

/// The pieces of a chunk, the first of `first` bytes.
pub fn split(chunk: Chunk, first: u64) -> [Chunk; 2] {
    let mut chunk = chunk;
    let rest = chunk.bytes.split_off(first as usize);
    [chunk, Chunk::plain(rest)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;

    const WAY: [Host; 2] = [Host::Node(NodeId(1)), Host::Node(NodeId(2))];

    /// What is split of a thousand chunks of ten bytes on one connection.
    fn splits(splits: &mut Splits, way: [Host; 2]) -> Recorded {
        (0..1000).filter_map(|step| Some(((7, step), splits.first(way, (7, step), 10)?))).collect()
    }

    #[test]
    fn a_share_of_chunks_is_split_within_and_the_log_gives_back_the_same_ones() {
        let drawn = splits(&mut Splits::drawn(3), WAY);
        assert!((8..=30).contains(&drawn.len()), "{} of 1000", drawn.len());
        assert!(drawn.values().all(|first| (1..10).contains(first)));
        assert_eq!(splits(&mut Splits::Recorded(drawn.clone()), WAY), drawn);
    }

    #[test]
    fn what_cannot_be_split_or_is_beside_the_network_under_test_is_whole() {
        let mut drawn = Splits::drawn(3);
        assert!((0..1000).all(|step| drawn.first(WAY, (7, step), 1).is_none()));
        assert!(splits(&mut drawn, [Host::Operator, WAY[0]]).is_empty());
        let mut recorded = Splits::Recorded(Recorded::from([((7, 0), 0), ((7, 1), 10), ((8, 2), 4)]));
        assert!(splits(&mut recorded, WAY).is_empty());
    }

    #[test]
    fn pieces_are_the_chunk() {
        let [first, rest] = split(Chunk::plain(b"abcdef".to_vec()), 2);
        assert_eq!((&first.bytes[..], &rest.bytes[..]), (&b"ab"[..], &b"cdef"[..]));
    }
}
