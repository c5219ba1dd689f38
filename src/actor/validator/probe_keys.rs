//! Keys for slots: for each slot one key that nobody writes, found by trying.

use std::fmt::Write as _;

use crate::wire::SLOT_COUNT;
use crate::wire::resp::key_slot;

const PREFIX: &str = "probe:";

/// The keys found so far. Which key a slot has does not depend on the order of asking.
#[derive(Debug)]
pub(super) struct ProbeKeys {
    tried: u32,
    /// The number of each slot's key; 0 while none is found.
    found: Vec<u32>,
    /// The key tried last. Some slots take tens of thousands of tries.
    key: String,
}

impl ProbeKeys {
    /// No keys yet.
    pub fn new() -> Self {
        ProbeKeys { tried: 0, found: vec![0; usize::from(SLOT_COUNT)], key: PREFIX.to_owned() }
    }

    /// The first of `probe:1`, `probe:2`, … in a slot, which must be below 16384.
    pub fn of(&mut self, slot: u16) -> String {
        while self.found[usize::from(slot)] == 0 {
            self.try_next();
        }
        format!("{PREFIX}{}", self.found[usize::from(slot)])
    }

    fn try_next(&mut self) {
        self.tried += 1;
        self.key.truncate(PREFIX.len());
        write!(self.key, "{}", self.tried).expect("a string takes everything");
        let found = &mut self.found[usize::from(key_slot(self.key.as_bytes()))];
        if *found == 0 {
            *found = self.tried;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slots_key_is_in_it_whatever_was_asked_before() {
        let mut keys = ProbeKeys::new();
        let last = keys.of(16_383);
        for slot in [0, 5461, 16_383] {
            assert_eq!(key_slot(keys.of(slot).as_bytes()), slot);
        }
        assert_eq!((ProbeKeys::new().of(0), last), (keys.of(0), keys.of(16_383)));
    }
}
