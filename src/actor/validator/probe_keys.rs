//! Keys for slots: for each slot one key that nobody writes, found by trying.

use std::collections::BTreeMap;

use crate::wire::resp::key_slot;

/// The keys found so far. Which key a slot has does not depend on the order of asking.
#[derive(Debug, Default)]
pub(super) struct ProbeKeys {
    tried: u32,
    found: BTreeMap<u16, u32>,
}

impl ProbeKeys {
    /// The first of `probe:1`, `probe:2`, … in a slot, which must be below 16384.
    pub fn of(&mut self, slot: u16) -> String {
        while !self.found.contains_key(&slot) {
            self.tried += 1;
            let tried = self.tried;
            self.found.entry(key_slot(text(tried).as_bytes())).or_insert(tried);
        }
        text(self.found[&slot])
    }
}

fn text(number: u32) -> String {
    format!("probe:{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slots_key_is_in_it_whatever_was_asked_before() {
        let mut keys = ProbeKeys::default();
        let last = keys.of(16_383);
        for slot in [0, 5461, 16_383] {
            assert_eq!(key_slot(keys.of(slot).as_bytes()), slot);
        }
        assert_eq!((ProbeKeys::default().of(0), last), (keys.of(0), keys.of(16_383)));
    }
}
