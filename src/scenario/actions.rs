//! Reads the operations and faults of a scenario, each by the room of its kind.
//!
//! Reading is checking: what comes out is what a plan has, and whatever is wrong is told with its place. Faults may be tied
//! to operations, so these are read first.

use std::collections::BTreeMap;

use super::Scenario;
use crate::fault::{self, Fault, FaultId, Tie, Ties};
use crate::language::{Layout, Place, Problem, Value};
use crate::op::{self, Op, OpId};

/// What operations and faults are drawn from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Draws {
    /// The plan's seed.
    pub seed: u64,
    /// How long the workload lasts.
    pub working_ms: u64,
}

/// The operations and faults of a scenario for a cluster of this shape, with what they leave open drawn; or everything
/// that is wrong with them.
pub fn read(
    scenario: &Scenario,
    layout: Layout,
    draws: Draws,
) -> Result<(Vec<Op>, Vec<Fault>), Vec<Problem>> {
    let entries = |list: &str| {
        let place = Place::of(&[list]);
        move |index: usize| place.index(index)
    };
    let mut problems = Vec::new();
    let (mut operations, mut ties) = (Vec::new(), Vec::new());
    let place = entries("operations");
    for (id, entry) in numbered(&scenario.operations) {
        let read = op::read(OpId(id), (entry, place(usize::from(id) - 1)), layout, draws.seed);
        let op = read.map_err(|wrong| problems.extend(wrong)).ok();
        ties.push(tie(OpId(id), entry, op.as_ref(), layout));
        operations.extend(op);
    }
    let ties = Ties { operations: ties, working_ms: draws.working_ms };
    let mut faults = Vec::new();
    let place = entries("chaos");
    for (id, entry) in numbered(&scenario.chaos) {
        let read = fault::read(FaultId(id), (entry, place(usize::from(id) - 1)), layout, &ties, draws.seed);
        faults.extend(read.map_err(|wrong| problems.extend(wrong)));
    }
    if problems.is_empty() {
        // What waits for a fault can be told to do so in vain only once all of them are known.
        problems.extend(in_vain(&operations, &faults));
    }
    if problems.is_empty() { Ok((operations, faults)) } else { Err(problems) }
}

/// What waits for what faults never come to.
fn in_vain(operations: &[Op], faults: &[Fault]) -> Vec<Problem> {
    let when = |list: &str, number: u16| Place::of(&[list]).index(usize::from(number) - 1).key("when");
    let waits: BTreeMap<OpId, FaultId> =
        operations.iter().filter_map(|op| Some((op.id, op.start.cue()?.fault()?))).collect();
    let of_operations = operations.iter().filter_map(|op| {
        let (message, advice) = fault::never_comes(op.start.cue()?, faults)?;
        Some(when("operations", op.id.0).problem(message, advice))
    });
    let of_faults = faults.iter().filter_map(|one| {
        let place = when("chaos", one.id.0);
        if fault::waits_for_itself(one, faults, &waits) {
            return Some(place.problem("the fault waits for itself", "name another fault"));
        }
        let (message, advice) = fault::never_comes(one.trigger.cue()?, faults)?;
        Some(place.problem(message, advice))
    });
    of_operations.chain(of_faults).collect()
}

/// The entries of a list with their numbers, from 1, as far as numbers go.
fn numbered(entries: &[Value]) -> impl Iterator<Item = (u16, &Value)> {
    (1..u16::MAX).zip(entries)
}

/// What faults may know of an operation; of one that could not be read no more than its type tells.
fn tie(id: OpId, entry: &Value, op: Option<&Op>, layout: Layout) -> Tie {
    let steps = op.map_or_else(|| op::steps_of_entry(entry), |op| op.action.steps());
    Tie { id, shard: op.and_then(|op| op.action.shard(layout)), steps }
}
