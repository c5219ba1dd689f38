//! What is at the places of a cell.

use super::Item;

/// Places with what is there, in order. They are one mostly, and copied with every command.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Items(Vec<(String, Item)>);

impl Items {
    fn find(&self, place: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(place))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, place: &str) -> Option<&Item> {
        Some(&self.0[self.find(place).ok()?].1)
    }

    pub fn get_mut(&mut self, place: &str) -> Option<&mut Item> {
        let at = self.find(place).ok()?;
        Some(&mut self.0[at].1)
    }

    pub fn insert(&mut self, place: &str, item: Item) {
        match self.find(place) {
            Ok(at) => self.0[at].1 = item,
            Err(at) => self.0.insert(at, (place.to_owned(), item)),
        }
    }

    pub fn remove(&mut self, place: &str) -> Option<Item> {
        let at = self.find(place).ok()?;
        Some(self.0.remove(at).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Item)> {
        self.0.iter().map(|(place, item)| (place, item))
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.0.iter_mut().map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Value;
    use super::*;

    #[test]
    fn each_place_has_one_item_in_order() {
        let item = |text: &str| Item { value: Value::Text(text.into()), until: None };
        let mut items = Items::default();
        for (place, text) in [("b", "1"), ("a", "2"), ("c", "3"), ("b", "4")] {
            items.insert(place, item(text));
        }
        assert_eq!(items.remove("a"), Some(item("2")));
        assert_eq!((items.remove("a"), items.get("a").is_some()), (None, false));
        let all = items.iter().map(|(place, item)| (place.as_str(), item.clone())).collect::<Vec<_>>();
        assert_eq!(all, [("b", item("4")), ("c", item("3"))]);
    }
}
