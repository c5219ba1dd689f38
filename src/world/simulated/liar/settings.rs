//! Settings that a node has behind everybody's back: set with the validator's first question, and the answer to that is kept.

use super::Liar;
use crate::fault::Lie;
use crate::wire::resp::pack;

/// The answer that nobody waits for.
const DONE: &[u8] = b"+OK\r\n";

/// What a lie sets.
fn directive(lie: Lie) -> Option<[&'static str; 2]> {
    match lie {
        Lie::AnyData => Some(["cluster-replica-validity-factor", "0"]),
        Lie::StaysAway => Some(["cluster-allow-replica-migration", "no"]),
        _ => None,
    }
}

impl Liar {
    /// What the server is asked in the place of what the validator asks.
    pub(super) fn sets(&mut self, handle: u64, bytes: &[u8]) -> Option<Vec<u8>> {
        let [name, value] = directive(self.lie).filter(|_| self.count == 0)?;
        self.count = 1;
        self.told.insert(handle);
        Some([&pack(&["CONFIG", "SET", name, value]), bytes].concat())
    }

    /// What the validator is told, without the answer to what it did not ask.
    pub(super) fn keeps_done(&mut self, handle: u64, bytes: &[u8]) -> Option<Vec<u8>> {
        directive(self.lie)?;
        let rest = bytes.strip_prefix(DONE).filter(|_| self.told.remove(&handle))?;
        Some(rest.to_vec())
    }
}
