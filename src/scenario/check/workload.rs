//! The checks of `workload`: numbers in range, and a script that leaves nothing open.

use std::collections::BTreeMap;

use super::{Finds, MAX_COMMANDS};
use crate::language::Place;
use crate::scenario::script::in_order;
use crate::scenario::{Command, Workload};

/// The most clients.
const MAX_CLIENTS: u64 = 200;
/// The longest value, in bytes.
const MAX_VALUE_BYTES: u64 = 65_536;
/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 1_024;

impl Finds {
    pub(super) fn workload(&mut self, workload: &Workload) {
        let place = Place::of(&["workload"]);
        if workload.rate.is_some() && workload.intensity.is_some() {
            self.add(&place.key("rate"), "there is an intensity too", "keep `intensity` or `rate`");
        }
        self.range(&place.key("rate"), workload.rate, 1, 100_000);
        self.range(&place.key("clients"), workload.clients, 1, MAX_CLIENTS);
        self.range(&place.key("keys"), workload.keys, 1, 1_000_000);
        self.range(&place.key("value_bytes"), workload.value_bytes, 40, MAX_VALUE_BYTES);
        self.duration(&place.key("duration"), workload.duration);
        self.duration(&place.key("timeout"), workload.timeout);
        self.tool(&place, workload);
        if let Some(commands) = &workload.commands {
            self.script(&place, workload, commands);
        }
    }

    fn script(&mut self, place: &Place, workload: &Workload, commands: &[Command]) {
        let drawn = [
            ("pattern", workload.pattern.is_some()),
            ("intensity", workload.intensity.is_some()),
            ("rate", workload.rate.is_some()),
            ("keys", workload.keys.is_some()),
            ("value_bytes", workload.value_bytes.is_some()),
        ];
        for (key, _) in drawn.into_iter().filter(|(_, is_there)| *is_there) {
            let message = format!("with `commands` nothing is drawn, so `{key}` says nothing");
            self.add(&place.key(key), message, format!("keep `commands` or `{key}`"));
        }
        let place = place.key("commands");
        if commands.is_empty() {
            self.add(&place, "there are no commands", "leave `commands` out, or write `enabled: false`");
        }
        self.count(&place, commands.len(), MAX_COMMANDS);
        let mut writers = BTreeMap::new();
        for (index, nth, command) in in_order(commands) {
            let place = place.index(index);
            self.client_command(&place, workload.clients.unwrap_or(MAX_CLIENTS), command);
            if command.set.is_some()
                && let Some(other) = writers.insert(command.value_at(nth), index)
            {
                let message = format!("commands[{other}] writes the value `{}` too", command.value_at(nth));
                self.add(&place, message, "give it another `value`, so that each tells who wrote it");
            }
        }
    }

    fn client_command(&mut self, place: &Place, clients: u64, command: &Command) {
        self.range(&place.key("client"), Some(command.client), 1, clients.min(MAX_CLIENTS));
        self.seconds(&place.key("at"), Some(command.at));
        match (&command.set, &command.get) {
            (None, None) => self.add(place, "it is not said what is asked", "add `set:` or `get:` and a key"),
            (Some(_), Some(_)) => self.add(place, "it reads and writes", "keep `set` or `get`"),
            (None, Some(_)) if command.value.is_some() => {
                self.add(&place.key("value"), "nothing is written", "write `set:` instead of `get:`");
            }
            _ => {}
        }
        for (name, key) in [("set", &command.set), ("get", &command.get)] {
            if key.as_ref().is_some_and(|key| !(1..=MAX_KEY_BYTES).contains(&key.len())) {
                let advice = format!("a key has 1 to {MAX_KEY_BYTES} bytes");
                self.add(&place.key(name), "this cannot be a key", advice);
            }
        }
        if command.value.as_ref().is_some_and(|value| value.len() as u64 > MAX_VALUE_BYTES) {
            self.add(&place.key("value"), "it is too long", format!("at most {MAX_VALUE_BYTES} bytes"));
        }
    }
}
