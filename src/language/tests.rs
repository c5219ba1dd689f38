//! What the entries of lists are checked by: forms, keys, and slots as they are written.

use super::*;

fn layout() -> Layout {
    Layout { shards: 3, replicas: 1, spares: 0 }
}

fn problems(form: Form, value: impl Into<Value>) -> Vec<String> {
    let found = form.problems(&value.into(), &Place::of(&["x"]), layout());
    found.into_iter().map(|problem| format!("{}: {}", problem.place, problem.message)).collect()
}

#[test]
fn each_form_takes_what_it_says_and_nothing_else() {
    let latency = Value::Map(vec![("min".to_owned(), 5_u64.into()), ("max".to_owned(), 1.5.into())]);
    assert_eq!(problems(Form::Seconds, 0_u64), [""; 0]);
    assert_eq!(problems(Form::Seconds, -1.0), ["x: -1 is no length of time"]);
    assert_eq!(problems(Form::Duration, 0_u64), ["x: 0 cannot be a duration"]);
    assert_eq!(problems(Form::Whole(1, 5), 6_u64), ["x: 6 is out of range"]);
    assert_eq!(problems(Form::Whole(1, 5), 1.5), ["x: the number `1.5` cannot stand here"]);
    assert_eq!(problems(Form::Node, 7_u64), ["x: there is no node 7"]);
    assert_eq!(problems(Form::Nodes, vec![Value::from(6_u64), 0_u64.into()]), ["x[1]: there is no node 0"]);
    assert_eq!(problems(Form::Shard, 4_u64), ["x: there is no shard 4"]);
    assert_eq!(problems(Form::Version, 8.1), ["x: the number `8.1` cannot stand here"]);
    assert_eq!(problems(Form::Flag, "yes"), ["x: the text \"yes\" cannot stand here"]);
    assert_eq!(problems(Form::Latency, latency), ["x: `min` is 5 and `max` is 1.5"]);
}

#[test]
fn slots_are_numbers_ranges_and_lists_of_both() {
    let ranges = value_slots(&Value::List(vec![5_u64.into(), "100-200".into()]));
    assert_eq!(ranges, Some(vec![(5, 5), (100, 200)]));
    assert_eq!(slots_value(&[(5, 5), (100, 200)]), Value::List(vec![5_u64.into(), "100-200".into()]));
    for wrong in ["200-100", "1-16384", "a-b", ""] {
        assert_eq!(value_slots(&Value::from(wrong)), None, "{wrong}");
    }
}

#[test]
fn a_shard_has_the_nodes_and_slots_after_those_of_the_one_before() {
    use crate::id::{NodeId, ShardId};
    let layout = layout();
    assert_eq!((layout.node_count(), layout.first_primary(ShardId(2))), (6, NodeId(3)));
    assert_eq!((layout.shard_of(NodeId(4)), layout.slots_of(ShardId(2))), (ShardId(2), (5461, 10921)));
    assert!((0..16_384).all(|slot| {
        let (first, last) = layout.slots_of(layout.shard_of_slot(slot));
        (first..=last).contains(&slot)
    }));
}
