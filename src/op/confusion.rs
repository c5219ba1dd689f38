//! The confused operator: what was drawn is done twice, at the same time, or asked of a node that cannot do it.
//!
//! Drawn from a stream of its own for a small share of seeds, so that all others keep what they were drawn.

use super::{OpKind, failover::Failover, timing};
use crate::id::ShardId;
use crate::language::{Entry, Layout};
use crate::rng::Stream;

/// The share of seeds whose operator is confused: one of these many.
const ONE_IN: u64 = 7;

/// An operation that was drawn.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    /// Its kind, and its own keys.
    pub own: Entry,
    /// When it starts.
    pub timing: Entry,
    /// Whether it is a failover.
    pub is_failover: bool,
}

/// What an operator does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slip {
    /// Nothing.
    None,
    /// The operation begins while the one before it is under way.
    Beside,
    /// The operation is asked for a second time while it is under way.
    Twice,
    /// A failover is asked of the primary in the same moment.
    WrongNode,
}

const SLIPS: &[(u64, Slip)] = &[(3, Slip::None), (4, Slip::Beside), (2, Slip::Twice), (1, Slip::WrongNode)];

/// The operations as a confused operator does them, if the seed's operator is one.
pub(super) fn confuse(seed: u64, layout: Layout, drawn: Vec<Drawn>) -> Vec<Drawn> {
    let mut stream = Stream::new(seed, "generator", "confused operator");
    if !stream.chance(1, ONE_IN) {
        return drawn;
    }
    let mut all = Vec::new();
    for op in drawn {
        let slip = stream.weighted(SLIPS);
        let beside = timing::draw_beside(&mut stream);
        all.extend(slipped(op, slip, beside, layout));
    }
    all
}

fn slipped(op: Drawn, slip: Slip, beside: Entry, layout: Layout) -> Vec<Drawn> {
    let again = Drawn { timing: beside.clone(), ..op.clone() };
    match slip {
        Slip::Beside => vec![again],
        Slip::Twice => vec![op, again],
        Slip::WrongNode if op.is_failover => {
            let own = asked_of_the_primary(&op.own, layout).unwrap_or_else(|| again.own.clone());
            vec![op, Drawn { own, ..again }]
        }
        Slip::None | Slip::WrongNode => vec![op],
    }
}

/// The same failover, asked of the node that led the shard when the cluster was formed.
fn asked_of_the_primary(own: &Entry, layout: Layout) -> Option<Entry> {
    let shard = ShardId(u16::try_from(own.get("shard")?.as_u64()?).ok()?);
    let first = layout.first_primary(shard);
    Some(Entry::of(Failover::NAME).with("shard", u64::from(shard.0)).with("node", u64::from(first.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::draw;

    const LAYOUT: Layout = Layout { shards: 3, replicas: 1, spares: 0 };

    #[test]
    fn a_small_share_of_seeds_has_operations_side_by_side_and_twice() {
        let is_beside = |value: &crate::language::Value| {
            value.get("timing").is_some_and(|t| t.as_text() == Some("parallel"))
        };
        let confused = (0..700).filter(|seed| draw(*seed, LAYOUT).0.iter().any(is_beside)).count();
        assert!((40..140).contains(&confused), "{confused} of 700");
    }

    #[test]
    fn each_slip_does_what_it_says() {
        let own = Entry::of("failover").with("shard", 2_u64).with("mode", "force");
        let timing = Entry::default().with("delay", 1_u64);
        let op = Drawn { own: own.clone(), timing, is_failover: true };
        let beside = timing::draw_beside(&mut Stream::new(1, "t", "t"));
        let kinds = |slip| -> Vec<Entry> {
            slipped(op.clone(), slip, beside.clone(), LAYOUT).into_iter().map(|one| one.own).collect()
        };
        let times = |count| vec![own.clone(); count];
        assert_eq!(kinds(Slip::None), times(1));
        assert_eq!(kinds(Slip::Beside), times(1));
        assert_eq!(kinds(Slip::Twice), times(2));
        let wrong = Entry::of("failover").with("shard", 2_u64).with("node", 3_u64);
        assert_eq!(kinds(Slip::WrongNode), [own.clone(), wrong]);
    }
}
