//! The two sides of a partition: nodes and clients by name, or one role against everyone else.

use std::collections::BTreeSet;
use std::ops::Not;

use crate::id::NodeId;
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Layout, Reader, Value};
use crate::rng::Stream;

/// The keys of the sides.
pub(super) const A: Key =
    Key::new("a", Form::Side, "one side: nodes by number, and `clients`; the target is, if absent");
pub(super) const B: Key = Key::new("b", Form::Side, "the other side; everyone else if absent");

/// One side and the other; everyone else if the other is empty.
pub(super) type Sides = (Vec<Target>, Vec<Target>);

/// Reads the sides.
pub(super) fn read(reader: &mut Reader) -> Sides {
    let target = target::read(reader);
    if ["target", "shard", "node"].iter().any(|key| reader.has(key)) && (reader.has("a") || reader.has("b")) {
        reader.wrong("there are a target and sides", "keep `target`, or `a` and `b`");
    }
    if reader.has("b") && !reader.has("a") {
        reader.wrong_at("b", "there is no side `a`", "name one side `a`");
    }
    let mut seen = BTreeSet::new();
    let a = side(reader, "a", &mut seen);
    let b = side(reader, "b", &mut seen);
    if !reader.has("b") && seen.len() > usize::from(reader.layout.node_count()) {
        reader.wrong_at("a", "everybody is on this side", "leave somebody out");
    }
    (a.unwrap_or_else(|| vec![target]), b.unwrap_or_default())
}

/// One side; `seen` holds the members met so far, with 0 for the clients.
fn side(reader: &mut Reader, key: &str, seen: &mut BTreeSet<u64>) -> Option<Vec<Target>> {
    let members = reader.raw(key)?.as_list()?;
    if members.is_empty() {
        reader.wrong_at(key, "nobody is on this side", "list nodes by number, or `clients`");
    }
    let mut side = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let number = member.as_u64().unwrap_or_default();
        let (name, target) = match member {
            Value::Text(_) => ("clients".to_owned(), Target::Clients),
            _ => (format!("node {number}"), Target::Node(NodeId(u16::try_from(number).unwrap_or(u16::MAX)))),
        };
        let count = reader.layout.node_count();
        if target != Target::Clients && !(1..=u64::from(count)).contains(&number) {
            let advice = format!("the nodes are 1 to {count}");
            reader.wrong_in(key, index, format!("there is no {name}"), advice);
        }
        if !seen.insert(number) {
            reader.wrong_in(key, index, format!("{name} stands twice"), "everybody is on one side at most");
        }
        side.push(target);
    }
    Some(side)
}

/// The keys that say two sides: a role is written as the target; nodes and clients as members of a side.
pub(super) fn write(a: &[Target], b: &[Target]) -> Entry {
    if let [role] = a
        && role.role_of().is_some()
    {
        return role.write();
    }
    let members =
        |side: &[Target]| Value::List(side.iter().filter_map(|target| target.as_member()).collect());
    Entry::default().with("a", members(a)).maybe("b", b.is_empty().not().then(|| members(b)))
}

/// Whether a scenario has words for two sides.
pub(super) fn can_be_said(a: &[Target], b: &[Target]) -> bool {
    match a {
        [role] if role.role_of().is_some() => true,
        _ => a.iter().chain(b).all(|target| target.role_of().is_none()),
    }
}

/// A minority and everybody else, the clients on either side or, unnamed, cut off from the minority.
pub(super) fn draw(stream: &mut Stream, layout: Layout) -> Entry {
    let mut nodes: Vec<u64> = (1..=u64::from(layout.node_count())).collect();
    let least = stream.range(1..=(u64::from(layout.node_count()) / 2).min(6));
    let mut minority: Vec<u64> =
        (0..least).map(|_| nodes.swap_remove(stream.below(nodes.len() as u64) as usize)).collect();
    minority.sort_unstable();
    nodes.sort_unstable();
    let mut a: Vec<Value> = minority.into_iter().map(Value::from).collect();
    if stream.chance(1, 3) {
        a.push("clients".into());
    }
    let b = stream.chance(1, 3).then(|| nodes.into_iter().map(Value::from).collect::<Vec<_>>());
    Entry::default().with("a", a).maybe("b", b)
}
