//! What a list of commands means as a whole: their order, their values, and how many clients there are.

use std::collections::BTreeMap;

use super::{Command, Workload};

/// How many clients there are if the scenario does not say it.
pub const DEFAULT_CLIENTS: u64 = 4;

impl Workload {
    /// How many clients there are; none if the workload is switched off.
    pub fn client_count(&self) -> u64 {
        let named = || self.commands.as_ref()?.iter().map(|command| command.client).max();
        match self.enabled {
            Some(false) => 0,
            None if self.tool.is_some() => 0,
            _ => self.clients.or_else(named).unwrap_or(DEFAULT_CLIENTS),
        }
    }
}

impl Command {
    /// The value that is written, for the client's command number `place` (from 1).
    pub fn value_at(&self, place: u64) -> String {
        self.value.clone().unwrap_or_else(|| format!("c{}:{place}", self.client))
    }
}

/// The commands in the order in which they are due, each with its index in the list and its place among its client's
/// commands, from 1.
pub fn in_order(commands: &[Command]) -> Vec<(usize, u64, &Command)> {
    let mut order: Vec<(usize, u64, &Command)> =
        commands.iter().enumerate().map(|(index, command)| (index, 0, command)).collect();
    order.sort_by(|(_, _, a), (_, _, b)| a.at.total_cmp(&b.at));
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for (_, place, command) in &mut order {
        let count = counts.entry(command.client).or_default();
        *count += 1;
        *place = *count;
    }
    order
}
