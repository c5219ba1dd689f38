//! Slots as they are written: a number, a range as in `100-200`, or a list of both.

use super::{Number, Value};

/// The last hash slot.
const LAST: u64 = 16_383;

/// The ranges that a value names, first and last slot of each; nothing if it names none, or a slot that there is not.
pub(super) fn value_slots(value: &Value) -> Option<Vec<(u16, u16)>> {
    let ranges: Vec<(u16, u16)> = match value {
        Value::List(values) => values.iter().map(range).collect::<Option<_>>()?,
        one => vec![range(one)?],
    };
    (!ranges.is_empty()).then_some(ranges)
}

fn range(value: &Value) -> Option<(u16, u16)> {
    let (first, last) = match value {
        Value::Number(Number::Unsigned(slot)) => (*slot, *slot),
        Value::Text(text) => {
            let (first, last) = text.split_once('-')?;
            (first.trim().parse().ok()?, last.trim().parse().ok()?)
        }
        _ => return None,
    };
    (first <= last && last <= LAST).then_some((first as u16, last as u16))
}

/// Ranges of slots as they are written.
pub fn slots_value(ranges: &[(u16, u16)]) -> Value {
    let one = |(first, last): &(u16, u16)| match first == last {
        true => Value::from(*first),
        false => Value::from(format!("{first}-{last}")),
    };
    Value::List(ranges.iter().map(one).collect())
}
