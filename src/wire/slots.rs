//! Hash slots: the bitmap of the cluster bus and the ranges of `CLUSTER NODES`, and the way from one to the other.

use std::fmt;

pub use crate::model::SLOT_COUNT;

/// Slots in a row, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotRange {
    /// The first slot.
    pub first: u16,
    /// The last slot, not below the first.
    pub last: u16,
}

impl SlotRange {
    /// Whether the slot is one of these.
    pub fn contains(self, slot: u16) -> bool {
        (self.first..=self.last).contains(&slot)
    }

    /// How many slots these are.
    pub fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// The slots of `text`, which is `7` or `7-12`; nothing if it is anything else or not within 0..16384.
    pub fn parse(text: &str) -> Option<SlotRange> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = SlotRange { first: decimal(first)?, last: decimal(last)? };
        (range.first <= range.last && range.last < SLOT_COUNT).then_some(range)
    }
}

/// A number of digits only: `str::parse` would take a sign as well.
fn decimal(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// A set of slots, as the bus carries it: slot `s` is bit `s % 8` of byte `s / 8`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SlotMap(pub [u8; SLOT_COUNT as usize / 8]);

impl SlotMap {
    /// No slot.
    pub const EMPTY: SlotMap = SlotMap([0; SLOT_COUNT as usize / 8]);

    /// Whether the slot is in the set; never for a slot above 16383.
    pub fn contains(&self, slot: u16) -> bool {
        self.0.get(usize::from(slot / 8)).is_some_and(|byte| byte & (1 << (slot % 8)) != 0)
    }

    /// Adds a slot; one above 16383 does not exist and is not added.
    pub fn insert(&mut self, slot: u16) {
        if let Some(byte) = self.0.get_mut(usize::from(slot / 8)) {
            *byte |= 1 << (slot % 8);
        }
    }

    /// How many slots are in the set.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|byte| byte.count_ones()).sum()
    }

    /// The slots as ranges, in order, as long as possible.
    pub fn ranges(&self) -> Vec<SlotRange> {
        let mut ranges: Vec<SlotRange> = Vec::new();
        for slot in (0..SLOT_COUNT).filter(|slot| self.contains(*slot)) {
            match ranges.last_mut() {
                Some(range) if range.last + 1 == slot => range.last = slot,
                _ => ranges.push(SlotRange { first: slot, last: slot }),
            }
        }
        ranges
    }

    /// The slots that are not in the set.
    pub fn complement(&self) -> SlotMap {
        SlotMap(self.0.map(|byte| !byte))
    }
}

impl FromIterator<SlotRange> for SlotMap {
    fn from_iter<I: IntoIterator<Item = SlotRange>>(ranges: I) -> Self {
        let mut map = SlotMap::EMPTY;
        for slot in ranges.into_iter().flat_map(|range| range.first..=range.last) {
            map.insert(slot);
        }
        map
    }
}

impl fmt::Debug for SlotMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges: Vec<String> = self.ranges().iter().map(SlotRange::to_string).collect();
        write!(f, "SlotMap({})", ranges.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::{SLOT_COUNT, SlotMap, SlotRange};

    #[test]
    fn ranges_and_bitmap_are_the_same_set() {
        let ranges =
            [(0, 0), (7, 9), (16_383, 16_383)].map(|(first, last)| SlotRange { first, last }).to_vec();
        let map: SlotMap = ranges.iter().copied().collect();
        assert_eq!((map.0[0], map.0[1], map.0[2047]), (0b1000_0001, 0b11, 0b1000_0000));
        assert_eq!((map.ranges(), map.count()), (ranges, 5));
        assert_eq!(map.complement().count(), u32::from(SLOT_COUNT) - 5);
    }

    #[test]
    fn a_slot_that_does_not_exist_is_never_in_a_set() {
        let mut map = SlotMap([0xff; 2048]);
        map.insert(SLOT_COUNT);
        assert!(!map.contains(SLOT_COUNT) && !map.contains(u16::MAX));
    }

    #[test]
    fn only_slots_that_exist_are_parsed() {
        assert_eq!(SlotRange::parse("7").map(|r| r.to_string()).as_deref(), Some("7"));
        assert_eq!(SlotRange::parse("0-16383").map(SlotRange::count), Some(16_384));
        for text in ["", "-", "9-7", "16384", "0-16384", "+1", "1-+2", "1-2-3", "99999", "[7->-a]"] {
            assert_eq!(SlotRange::parse(text), None, "{text}");
        }
    }
}
