//! The checks of `workload`: numbers in range, and a script that leaves nothing open.

use std::collections::BTreeMap;

use super::{Finds, MAX_COMMANDS};
use crate::language::Place;
use crate::model::KINDS;
use crate::scenario::script::in_order;
use crate::scenario::{Command, PLAIN, Workload};

/// The most clients.
const MAX_CLIENTS: u64 = 200;
/// The longest value, in bytes.
const MAX_VALUE_BYTES: u64 = 65_536;
/// The largest weight in `mix`.
const MAX_WEIGHT: u64 = 1_000;
/// The most commands in one go.
const MAX_AT_ONCE: usize = 100;
/// The longest word of a command, in bytes: a value of a megabyte.
const MAX_WORD_BYTES: u64 = 1 << 20;
/// Commands after which a connection's replies do not follow its commands one by one any more.
const STAYS: [&str; 14] = [
    "SUBSCRIBE",
    "PSUBSCRIBE",
    "SSUBSCRIBE",
    "UNSUBSCRIBE",
    "MONITOR",
    "SYNC",
    "PSYNC",
    "QUIT",
    "CLIENT",
    "HELLO",
    "RESET",
    "READONLY",
    "READWRITE",
    "ASKING",
];
/// The kind of commands that is for several databases.
const DATABASES: &str = "databases";
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
        self.mix(&place.key("mix"), &workload.mix);
        self.range(&place.key("protocol"), workload.protocol, 2, 3);
        self.range(&place.key("reconnect"), workload.reconnect, 1, 1_000_000);
        self.duration(&place.key("duration"), workload.duration);
        self.duration(&place.key("timeout"), workload.timeout);
        self.tool(&place, workload);
        if let Some(commands) = &workload.commands {
            self.script(&place, workload, commands);
        }
    }

    fn mix(&mut self, place: &Place, mix: &BTreeMap<String, u64>) {
        let names = || [PLAIN].into_iter().chain(KINDS.iter().map(|kind| kind.name));
        for (name, weight) in mix {
            self.range(&place.key(name), Some(*weight), 0, MAX_WEIGHT);
            if !names().any(|known| known == name) {
                let known = names().collect::<Vec<_>>().join("`, `");
                self.add(
                    &place.key(name),
                    "there is no such kind of commands",
                    format!("it is one of `{known}`"),
                );
            }
        }
        if mix.get(DATABASES).is_some_and(|weight| *weight > 0) && self.databases < 2 {
            let advice = "say how many there are: `cluster: {databases: 4}`";
            self.add(&place.key(DATABASES), "the cluster has one database", advice);
        }
        if !mix.is_empty() && mix.values().all(|weight| *weight == 0) {
            self.add(place, "nothing is left to draw", "give at least one kind a weight above 0");
        }
    }

    fn script(&mut self, place: &Place, workload: &Workload, commands: &[Command]) {
        let drawn = [
            ("pattern", workload.pattern.is_some()),
            ("intensity", workload.intensity.is_some()),
            ("rate", workload.rate.is_some()),
            ("keys", workload.keys.is_some()),
            ("value_bytes", workload.value_bytes.is_some()),
            ("mix", !workload.mix.is_empty()),
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

    /// An entry asks for one thing.
    fn one_thing(&mut self, place: &Place, command: &Command) {
        let asked = [
            ("set", command.set.is_some()),
            ("get", command.get.is_some()),
            ("cmd", command.cmd.is_some()),
            ("pipeline", command.pipeline.is_some()),
            ("multi", command.multi.is_some()),
        ];
        let asked =
            asked.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect::<Vec<_>>();
        match asked.as_slice() {
            [_] => {}
            [] => self.add(
                place,
                "it is not said what is asked",
                "add `set:` or `get:` and a key, or `cmd:` and words",
            ),
            more => {
                self.add(place, "it asks for several things", format!("keep one of `{}`", more.join("`, `")))
            }
        }
    }

    /// The commands that are written word by word.
    fn calls(&mut self, place: &Place, command: &Command) {
        let lists = [("pipeline", &command.pipeline), ("multi", &command.multi)];
        let lists = lists.into_iter().filter_map(|(key, commands)| Some((key, commands.as_deref()?)));
        let one = command.cmd.iter().map(|cmd| ("cmd", std::slice::from_ref(cmd)));
        for (key, commands) in lists.chain(one) {
            let place = place.key(key);
            if commands.is_empty() || commands.iter().any(Vec::is_empty) {
                self.add(&place, "a command without a word", "write its name and its arguments: `[INCR, k]`");
            }
            if commands.len() > MAX_AT_ONCE {
                self.add(&place, "too many commands at once", format!("at most {MAX_AT_ONCE}"));
            }
            if commands.iter().flatten().any(|word| word.len() as u64 > MAX_WORD_BYTES) {
                self.add(&place, "a word is too long", format!("at most {MAX_WORD_BYTES} bytes"));
            }
            self.selects(&place, commands);
            let stays = |word: &String| STAYS.iter().any(|name| word.eq_ignore_ascii_case(name));
            if let Some(name) = commands.iter().filter_map(|command| command.first()).find(|word| stays(word))
            {
                let message = format!("`{name}` changes what the connection means for what follows");
                self.add(&place, message, "leave it out: clients keep their connections to themselves");
            }
        }
    }

    /// A database is selected that there is.
    fn selects(&mut self, place: &Place, commands: &[Vec<String>]) {
        let selects = commands
            .iter()
            .filter(|command| command.first().is_some_and(|name| name.eq_ignore_ascii_case("SELECT")));
        for command in selects {
            let is_there = |number: u64| number < self.databases;
            if !matches!(&command[1..], [number] if number.parse().is_ok_and(is_there)) {
                let advice = format!("`cluster.databases` is {}, and the first one is 0", self.databases);
                self.add(place, "`SELECT` names no database that there is", advice);
            }
        }
    }

    fn client_command(&mut self, place: &Place, clients: u64, command: &Command) {
        self.range(&place.key("client"), Some(command.client), 1, clients.min(MAX_CLIENTS));
        self.seconds(&place.key("at"), Some(command.at));
        self.one_thing(place, command);
        if command.value.is_some() && command.set.is_none() {
            self.add(
                &place.key("value"),
                "nothing is written",
                "write `set:` and a key, or leave `value` out",
            );
        }
        self.calls(place, command);
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
