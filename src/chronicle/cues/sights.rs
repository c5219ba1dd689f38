//! Whether an event is what a cue waits for.

use super::Shown;
use crate::event::{Body, Event};
use crate::fault::FaultId;
use crate::fault::cue::{Cue, FaultStep, MigrationState, Sight, SlotStep, SyncStep};
use crate::id::{ActorId, Host, NodeId};
use crate::language::Word;
use crate::wire::server_log::{self, Said};

/// Whether an event is the sight of a cue, and at its node.
pub fn is(cue: &Cue, event: &Event, shown: &Shown) -> bool {
    let is_at = |node: NodeId| cue.node.is_none_or(|wanted| wanted == node);
    match &cue.sight {
        Sight::Bus { message, to: wanted } => match &event.body {
            Body::Sent { from: ActorId::Node(from), to: Host::Node(to), bus: Some(bus), .. } => {
                bus.r#type == *message && is_at(*from) && wanted.is_none_or(|wanted| wanted == *to)
            }
            _ => false,
        },
        Sight::Becomes(wanted) => shown.became.is_some_and(|(node, became)| became == *wanted && is_at(node)),
        Sight::File(wanted, call) => match (event.actor, &event.body) {
            (ActorId::Node(node), Body::File { call: made, file }) => {
                made == call && wanted.covers(*file) && is_at(node)
            }
            _ => false,
        },
        Sight::Fault(wanted, step) => is_step(&event.body, *wanted, *step),
        Sight::Log(text) => {
            line(event).is_some_and(|(node, line)| is_at(node) && line.contains(text.as_str()))
        }
        Sight::Slot(..) | Sight::Migration(_) | Sight::Sync(_) => line(event)
            .filter(|(node, _)| is_at(*node))
            .and_then(|(_, line)| server_log::read(line))
            .is_some_and(|said| says(&cue.sight, said)),
    }
}

fn line(event: &Event) -> Option<(NodeId, &str)> {
    match (event.actor, &event.body) {
        (ActorId::Node(node), Body::Log { line }) => Some((node, line)),
        _ => None,
    }
}

/// A fault fired if it hit somebody, or if there is something to heal.
fn is_step(body: &Body, wanted: FaultId, step: FaultStep) -> bool {
    match body {
        Body::Fault { fault, hit, .. } => step == FaultStep::Fired && *fault == wanted && !hit.is_empty(),
        Body::Heal { fault, .. } => step == FaultStep::Healed && *fault == wanted,
        _ => false,
    }
}

fn says(sight: &Sight, said: Said) -> bool {
    match (sight, said) {
        (Sight::Slot(slot, SlotStep::Importing), Said::Imports(seen))
        | (Sight::Slot(slot, SlotStep::Migrating), Said::Migrates(seen))
        | (Sight::Slot(slot, SlotStep::Assigned), Said::Assigned(seen)) => *slot == seen,
        (Sight::Migration(state), Said::MigrationState(seen)) => MigrationState::of(seen) == Some(*state),
        (Sight::Sync(SyncStep::Started), Said::SyncStarted)
        | (Sight::Sync(SyncStep::Full), Said::FullSync)
        | (Sight::Sync(SyncStep::Done), Said::Synced)
        | (Sight::Sync(SyncStep::Lost), Said::PrimaryLost) => true,
        _ => false,
    }
}
