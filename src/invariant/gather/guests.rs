//! What became of guests: when they started and ended, and what they were to write and have not written.

use super::super::evidence::{GuestKeys, GuestReport};
use super::super::writers::{Effect, effect};
use crate::event::{Body, Told};
use crate::id::GuestId;
use crate::plan::{GuestPlan, Plan};
use crate::time::SimTime;

/// The guests of a plan, in its order.
#[derive(Debug)]
pub(super) struct Guests {
    pub reports: Vec<GuestReport>,
    pub keys: GuestKeys,
}

impl Guests {
    /// None has started yet.
    pub fn of(plan: &Plan) -> Self {
        Guests { reports: plan.guests.iter().map(unstarted).collect(), keys: GuestKeys::default() }
    }

    /// Takes what a guest asked, as far as it was understood.
    pub fn wrote(&mut self, commands: &[Vec<String>], partial: bool) {
        self.keys.any |= partial;
        for words in commands {
            let Some((name, arguments)) = words.split_first() else { continue };
            self.keys.moved_slots |= moves_slots(name, arguments);
            match effect(name) {
                Effect::None => {}
                Effect::Named => self.keys.named.extend(arguments.iter().cloned()),
                Effect::Any => self.keys.any = true,
            }
        }
    }

    /// Takes an event of a guest's.
    pub fn see(&mut self, guest: GuestId, at: SimTime, body: &Body) {
        let Some(report) = self.reports.get_mut(usize::from(guest.0).wrapping_sub(1)) else {
            return;
        };
        match body {
            Body::GuestStart => report.started_at = Some(at),
            Body::Output { line, .. } => {
                report.lines += 1;
                report.missing.retain(|text| !line.contains(text));
            }
            Body::Tell { message: Told::Alarm } if report.ended.is_none() => {
                report.timed_out = report.kill_after.is_none();
            }
            Body::GuestEnded { status } => report.ended = Some((at, status.clone())),
            _ => {}
        }
    }
}

/// Whether a command may give slots to somebody, or take them away.
fn moves_slots(name: &str, arguments: &[String]) -> bool {
    const ONLY_ASK: [&str; 12] = [
        "slots",
        "shards",
        "nodes",
        "info",
        "myid",
        "myshardid",
        "links",
        "replicas",
        "slaves",
        "keyslot",
        "countkeysinslot",
        "getkeysinslot",
    ];
    let only_asks =
        || arguments.first().is_some_and(|word| ONLY_ASK.contains(&word.to_ascii_lowercase().as_str()));
    name.eq_ignore_ascii_case("cluster") && !only_asks()
}

fn unstarted(plan: &GuestPlan) -> GuestReport {
    GuestReport {
        name: plan.name.clone(),
        text: plan.run.join(" "),
        started_at: None,
        ended: None,
        timed_out: false,
        kill_after: plan.kill_after_ns,
        missing: plan.expect.output.clone(),
        lines: 0,
    }
}
