//! Something for each ordered pair of nodes: a table, as every message of the bus asks for several of them.

use crate::id::NodeId;

/// What is known by pairs of nodes; rows and places are as many as the numbers of those that were named.
#[derive(Clone, Debug)]
pub(super) struct Pairs<T> {
    rows: Vec<Vec<Option<T>>>,
}

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Pairs { rows: Vec::new() }
    }
}

impl<T> Pairs<T> {
    pub fn get(&self, (of, about): (NodeId, NodeId)) -> Option<&T> {
        self.rows.get(usize::from(of.0))?.get(usize::from(about.0))?.as_ref()
    }

    pub fn get_mut(&mut self, (of, about): (NodeId, NodeId)) -> Option<&mut T> {
        self.rows.get_mut(usize::from(of.0))?.get_mut(usize::from(about.0))?.as_mut()
    }

    pub fn insert(&mut self, pair: (NodeId, NodeId), value: T) {
        *self.place(pair) = Some(value);
    }

    pub fn get_or_insert(&mut self, pair: (NodeId, NodeId), value: T) -> &mut T {
        self.place(pair).get_or_insert(value)
    }

    pub fn remove(&mut self, pair: (NodeId, NodeId)) {
        if self.get(pair).is_some() {
            *self.place(pair) = None;
        }
    }

    /// What is known of one node, in the order of those whom it is about.
    pub fn of(&self, node: NodeId) -> impl Iterator<Item = (NodeId, &T)> {
        let row = self.rows.get(usize::from(node.0)).into_iter().flatten();
        (0..).zip(row).filter_map(|(about, value)| Some((NodeId(about), value.as_ref()?)))
    }

    /// Forgets what is known of one node.
    pub fn forget(&mut self, node: NodeId) {
        if let Some(row) = self.rows.get_mut(usize::from(node.0)) {
            row.clear();
        }
    }

    fn place(&mut self, (of, about): (NodeId, NodeId)) -> &mut Option<T> {
        let row = at(&mut self.rows, usize::from(of.0), Vec::new);
        at(row, usize::from(about.0), || None)
    }
}

fn at<T>(places: &mut Vec<T>, index: usize, empty: impl FnMut() -> T) -> &mut T {
    if places.len() <= index {
        places.resize_with(index + 1, empty);
    }
    &mut places[index]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_pair_is_of_that_pair_alone() {
        let [a, b, c] = [1, 2, 30].map(NodeId);
        let mut pairs = Pairs::default();
        pairs.insert((a, c), 1);
        pairs.insert((a, b), 2);
        *pairs.get_or_insert((b, a), 3) += 1;
        *pairs.get_or_insert((b, a), 9) += 1;
        *pairs.get_mut((a, b)).expect("it was put there") += 5;
        assert_eq!(pairs.of(a).collect::<Vec<_>>(), [(b, &7), (c, &1)]);
        assert_eq!((pairs.get((b, a)), pairs.get((a, a)), pairs.get((c, a))), (Some(&5), None, None));
        pairs.remove((a, c));
        pairs.remove((c, c));
        assert_eq!(pairs.of(a).collect::<Vec<_>>(), [(b, &7)]);
        pairs.forget(a);
        assert_eq!((pairs.of(a).count(), pairs.of(b).count(), pairs.of(c).count()), (0, 1, 0));
    }
}
