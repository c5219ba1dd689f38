//! States of a cell of which one is the right one.

use std::vec;

use super::State;

/// States that may be the one, in order, each once. They are one mostly, which a tree would keep in a node of eleven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells(Vec<State>);

impl Cells {
    /// None.
    pub fn new() -> Self {
        Cells::default()
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// They, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, State> {
        self.0.iter()
    }

    /// One more, if it is not among them.
    pub fn insert(&mut self, state: State) {
        if let Err(place) = self.0.binary_search(&state) {
            self.0.insert(place, state);
        }
    }

    /// Whether none of these is one of those.
    pub fn is_disjoint(&self, other: &Cells) -> bool {
        !self.0.iter().any(|state| other.0.binary_search(state).is_ok())
    }

    fn settled(mut self) -> Self {
        if self.0.len() > 1 {
            self.0.sort();
            self.0.dedup();
        }
        self
    }
}

impl<const N: usize> From<[State; N]> for Cells {
    fn from(states: [State; N]) -> Self {
        Cells(Vec::from(states)).settled()
    }
}

impl FromIterator<State> for Cells {
    fn from_iter<I: IntoIterator<Item = State>>(states: I) -> Self {
        Cells(states.into_iter().collect()).settled()
    }
}

impl Extend<State> for Cells {
    fn extend<I: IntoIterator<Item = State>>(&mut self, states: I) {
        self.0.extend(states);
        *self = std::mem::take(self).settled();
    }
}

impl IntoIterator for Cells {
    type Item = State;
    type IntoIter = vec::IntoIter<State>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'c> IntoIterator for &'c Cells {
    type Item = &'c State;
    type IntoIter = std::slice::Iter<'c, State>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn state(database: u16) -> State {
        State::default().selecting(database)
    }

    proptest! {
        #[test]
        fn they_are_a_set(one in prop::collection::vec(0_u16..6, 0..8), two in prop::collection::vec(0_u16..6, 0..8)) {
            let (set, other): (BTreeSet<_>, BTreeSet<_>) =
                (one.iter().copied().collect(), two.iter().copied().collect());
            let told = |cells: &Cells| cells.iter().map(State::selected).collect::<Vec<_>>();
            let mut cells: Cells = one.iter().copied().map(state).collect();
            let others: Cells = two.iter().copied().map(state).collect();
            prop_assert_eq!(told(&cells), set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(cells.is_disjoint(&others), set.is_disjoint(&other));
            let mut inserted = cells.clone();
            two.iter().copied().map(state).for_each(|state| inserted.insert(state));
            cells.extend(others);
            prop_assert_eq!(told(&cells), set.union(&other).copied().collect::<Vec<_>>());
            prop_assert_eq!(inserted, cells);
        }
    }
}
