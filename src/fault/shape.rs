//! The shapes of partitions: who does not see whom.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::effect::Seam;
use crate::language::target::Target;
use crate::language::{Layout, Word};

/// How a network falls apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The first node from everyone.
    Isolated,
    /// The first half from the second.
    Halves,
    /// Each node sees its neighbours in a circle, which are a majority, and nobody else.
    Ring,
    /// Two halves that only the first node sees.
    Bridge,
    /// Primaries of less than half of the shards from everyone.
    Minority,
    /// The same, with all clients on their side.
    ClientsWithMinority,
    /// Nodes of different shards.
    ShardsApart,
    /// Replicas from primaries.
    ReplicasFromPrimaries,
}

impl Word for Shape {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("isolated", Shape::Isolated),
        ("halves", Shape::Halves),
        ("ring", Shape::Ring),
        ("bridge", Shape::Bridge),
        ("minority", Shape::Minority),
        ("clients_with_minority", Shape::ClientsWithMinority),
        ("shards_apart", Shape::ShardsApart),
        ("replicas_from_primaries", Shape::ReplicasFromPrimaries),
    ];
}

impl Shape {
    /// Whether it is said by nodes in a row.
    pub fn is_of_row(self) -> bool {
        matches!(self, Shape::Isolated | Shape::Halves | Shape::Ring | Shape::Bridge)
    }

    /// Whether it is said by shards.
    pub fn is_of_shards(self) -> bool {
        matches!(self, Shape::Minority | Shape::ClientsWithMinority)
    }

    /// How many nodes a row must have.
    pub fn least(self) -> usize {
        match self {
            Shape::Isolated => 1,
            Shape::Halves => 2,
            Shape::Bridge => 3,
            // With fewer in a circle the neighbours are all there are.
            _ => 4,
        }
    }

    /// Whether a cluster is large enough for it.
    pub fn fits(self, layout: Layout) -> bool {
        match self {
            Shape::Ring => usize::from(layout.node_count()) >= self.least(),
            Shape::ReplicasFromPrimaries => layout.replicas > 0,
            _ => true,
        }
    }

    /// Which members do not see which.
    pub fn seams(self, members: &[Target]) -> Vec<Seam> {
        let count = members.len();
        match self {
            Shape::Isolated => vec![Seam { a: vec![0], b: None }],
            Shape::Minority | Shape::ClientsWithMinority => vec![Seam { a: (0..count).collect(), b: None }],
            Shape::Halves => vec![halves(0, count)],
            Shape::Bridge => vec![halves(1, count)],
            Shape::Ring => ring(count),
            Shape::ShardsApart => shards_apart(members),
            Shape::ReplicasFromPrimaries => {
                let is_primary = |index: &usize| matches!(members[*index], Target::Primary(_));
                let (a, b) = (0..count).partition(is_primary);
                vec![Seam { a, b: Some(b) }]
            }
        }
    }
}

/// The members from `first` on, in two halves.
fn halves(first: usize, count: usize) -> Seam {
    let middle = first + (count - first) / 2;
    Seam { a: (first..middle).collect(), b: Some((middle..count).collect()) }
}

/// Each of a circle sees as many neighbours on either side as make a majority with itself.
fn ring(count: usize) -> Vec<Seam> {
    let reach = (count / 2).div_ceil(2);
    let is_far = |a: usize, b: usize| (b - a).min(count - (b - a)) > reach;
    let far = |a: usize| (a + 1..count).filter(move |b| is_far(a, *b)).collect::<Vec<_>>();
    let seams = (0..count).map(|a| Seam { a: vec![a], b: Some(far(a)) });
    seams.filter(|seam| seam.b.as_ref().is_some_and(|b| !b.is_empty())).collect()
}

/// Each shard's members from those of the shards after it.
fn shards_apart(members: &[Target]) -> Vec<Seam> {
    let shard = |index: usize| members[index].role_of();
    let shards: BTreeSet<_> = (0..members.len()).filter_map(shard).collect();
    let seam = |own| Seam {
        a: (0..members.len()).filter(|index| shard(*index) == Some(own)).collect(),
        b: Some((0..members.len()).filter(|index| shard(*index) > Some(own)).collect()),
    };
    let last = shards.last().copied();
    shards.into_iter().filter(|shard| Some(*shard) != last).map(seam).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{NodeId, ShardId};

    fn row(count: u16) -> Vec<Target> {
        (1..=count).map(|node| Target::Node(NodeId(node))).collect()
    }

    /// Whom each member sees, itself included.
    fn sees(shape: Shape, members: &[Target]) -> Vec<Vec<usize>> {
        let seams = shape.seams(members);
        let everyone = |seam: &Seam| (0..members.len()).filter(|one| !seam.a.contains(one)).collect();
        let cut = |a: usize, b: usize| {
            seams.iter().any(|seam| {
                let other: Vec<usize> = seam.b.clone().unwrap_or_else(|| everyone(seam));
                seam.a.contains(&a) && other.contains(&b) || seam.a.contains(&b) && other.contains(&a)
            })
        };
        (0..members.len()).map(|a| (0..members.len()).filter(|b| !cut(a, *b)).collect()).collect()
    }

    #[test]
    fn a_ring_shows_each_node_a_majority_and_no_two_the_same() {
        for count in 4..=24 {
            let seen = sees(Shape::Ring, &row(count));
            let majority = usize::from(count) / 2 + 1;
            assert!(
                seen.iter().all(|seen| (majority..usize::from(count)).contains(&seen.len())),
                "{count}: {seen:?}"
            );
            let distinct: BTreeSet<_> = seen.iter().collect();
            assert_eq!(distinct.len(), usize::from(count), "{count}: {seen:?}");
        }
    }

    #[test]
    fn halves_and_a_bridge_between_them() {
        assert_eq!(sees(Shape::Halves, &row(4)), [vec![0, 1], vec![0, 1], vec![2, 3], vec![2, 3]]);
        assert_eq!(sees(Shape::Bridge, &row(3)), [vec![0, 1, 2], vec![0, 1], vec![0, 2]]);
        assert_eq!(sees(Shape::Isolated, &row(3)), [vec![0], vec![1, 2], vec![1, 2]]);
    }

    #[test]
    fn roles_fall_apart_by_shard_or_by_rank() {
        let shards = (1..=3).map(ShardId);
        let members: Vec<Target> =
            shards.flat_map(|shard| [Target::Primary(shard), Target::Replica(shard, 0)]).collect();
        assert_eq!(
            sees(Shape::ShardsApart, &members),
            [vec![0, 1], vec![0, 1], vec![2, 3], vec![2, 3], vec![4, 5], vec![4, 5]]
        );
        assert_eq!(sees(Shape::ReplicasFromPrimaries, &members)[0], [0, 2, 4]);
    }
}
