//! Stories of slots that move under clients that use what is in them.

use std::collections::BTreeSet;

use super::{FEW_KEYS, Teller, Told, failover, later};
use crate::id::ShardId;
use crate::language::{Entry, Value, slots_value};
use crate::model::{SLOT_COUNT, key_slot};

/// The cells of such a workload, without their numbers: plain keys, tags that several keys share, and keys that expire.
const CELLS: [&str; 4] = ["key:", "str-", "txn-", "ttl:"];
/// Those whose keys expire.
const EXPIRING: [&str; 1] = ["ttl:"];
/// How many channels there are that belong to a shard, `shard:0` and so on.
const CHANNELS: u64 = 3;

impl Teller {
    /// A few slots of keys that clients use move one after the other, each standing open for a while.
    pub(super) fn open_slots(&mut self) -> Told {
        let (from, delay) = (self.shard(), self.stream.tenths(20..=50));
        let (mut slots, open_for) = (Vec::new(), self.stream.tenths(8..=20));
        // Some of what moves expires.
        slots.extend(self.stream.pick(&self.cells_of(from, &EXPIRING)).copied());
        let mut cells = self.cells_of(from, &CELLS);
        cells.retain(|slot| !slots.contains(slot));
        for _ in 0..self.stream.range(1..=2).min(cells.len() as u64) {
            let nth = self.stream.below(cells.len() as u64) as usize;
            slots.push(cells.swap_remove(nth));
        }
        let ranges: Vec<(u16, u16)> = slots.iter().map(|slot| (*slot, *slot)).collect();
        let moves = Entry::of("reshard").with("from", from).with("to", self.other(from));
        let moves = moves.with("slots", slots_value(&ranges)).with("method", "legacy");
        let moves = later(moves.with("open_for", open_for), delay);
        let cancel = self.stream.chance(1, 4).then(|| self.stream.tenths(3..=30));
        let moves = moves.maybe("cancel_after", cancel);
        (vec![moves], Vec::new(), delay + slots.len() as f64 * (2.0 * open_for + 1.0))
    }

    /// A slot that nobody uses is opened to go to another shard, and closed again where it was: nothing has moved.
    pub(super) fn changed_mind(&mut self) -> Told {
        let (from, delay) = (self.shard(), self.stream.tenths(20..=50));
        let used = self.cells_of(from, &CELLS);
        let is_free = |slot: &u16| self.layout.shard_of_slot(*slot) == from && !used.contains(slot);
        let free: Vec<u16> = (0..SLOT_COUNT).filter(is_free).collect();
        let slot = self.stream.pick(&free).copied().unwrap_or_default();
        let ends = [self.node(self.other(from), 0), self.node(from, 0)];
        let opens = |node: usize, state: &str| {
            let opens = Entry::of("setslot").with("node", ends[node]).with("slot", u64::from(slot));
            opens.with("state", state).with("peer", ends[1 - node])
        };
        let closes = Entry::of("setslot").with("nodes", ends.map(Value::from).to_vec());
        let closes = closes.with("slot", u64::from(slot)).with("state", "stable");
        let open_for = self.stream.tenths(8..=30);
        let operations =
            vec![later(opens(0, "importing"), delay), opens(1, "migrating"), later(closes, open_for)];
        (operations, Vec::new(), delay + open_for)
    }

    /// All slots of a shard that clients use move at once while they write, where the server can; in some it is called off.
    pub(super) fn busy_move(&mut self) -> Told {
        let (from, delay) = (self.shard(), self.stream.tenths(20..=50));
        let ranges: Vec<(u16, u16)> =
            self.cells_of(from, &CELLS).into_iter().map(|slot| (slot, slot)).collect();
        let moves = Entry::of("reshard").with("from", from).with("to", self.other(from));
        let moves = later(moves.with("slots", slots_value(&ranges)), delay);
        let cancel = self.stream.chance(1, 2).then(|| self.stream.range(8..=20) as f64 / 100.0);
        (vec![moves.maybe("cancel_after", cancel)], Vec::new(), delay + 6.0)
    }

    /// The slots of channels that clients use go to another shard, whose primary may change then.
    pub(super) fn channels(&mut self) -> Told {
        let channel = format!("shard:{}", self.stream.below(CHANNELS));
        let slot = key_slot(channel.as_bytes());
        let (from, delay) = (self.layout.shard_of_slot(slot), self.stream.tenths(30..=60));
        let to = self.other(from);
        let moves = Entry::of("reshard").with("from", from).with("to", to);
        let moves = later(moves.with("slots", slots_value(&[(slot, slot)])), delay);
        let method = self.stream.chance(1, 2).then_some("legacy");
        let mut operations = vec![moves.maybe("method", method)];
        if self.layout.replicas > 0 && self.stream.chance(1, 2) {
            let after = self.stream.tenths(10..=30);
            operations.push(later(failover(to), after));
        }
        (operations, Vec::new(), delay + 6.0)
    }

    /// The slots of a shard that hold what clients use.
    fn cells_of(&self, shard: ShardId, cells: &[&str]) -> Vec<u16> {
        let names = cells.iter().flat_map(|cell| (0..FEW_KEYS).map(move |n| format!("{cell}{n}")));
        let slots: BTreeSet<u16> = names.map(|name| key_slot(name.as_bytes())).collect();
        slots.into_iter().filter(|slot| self.layout.shard_of_slot(*slot) == shard).collect()
    }
}
