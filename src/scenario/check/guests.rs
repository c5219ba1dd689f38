//! The checks of `guests`: names that can be folders, programs, times, files that stay in their folder.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::Finds;
use crate::language::Place;
use crate::scenario::{Guest, Workload};

/// The most guests.
const MAX_GUESTS: usize = 100;
/// The longest name.
const MAX_NAME: usize = 60;

impl Finds {
    pub(super) fn guests(&mut self, guests: &[Guest], workload: &Workload) {
        let list = Place::of(&["guests"]);
        self.count(&list, guests.len(), MAX_GUESTS);
        let mut names = BTreeMap::new();
        names.extend(workload.tool.as_ref().map(|_| ("workload", "the workload's tool".to_owned())));
        for (index, guest) in guests.iter().enumerate() {
            let place = list.index(index);
            self.guest(&place, guest);
            if let Some(other) = names.insert(&guest.name, format!("guests[{index}]")) {
                let message = format!("{other} is called `{}` too", guest.name);
                self.add(&place.key("name"), message, "give it a name of its own");
            }
        }
    }

    fn guest(&mut self, place: &Place, guest: &Guest) {
        if !is_name(&guest.name) {
            let advice = format!("a name has 1 to {MAX_NAME} letters, digits, `-` and `_`");
            self.add(&place.key("name"), "this cannot be the name of a folder", advice);
        }
        if guest.run.first().is_none_or(String::is_empty) {
            let advice = "write the program and its arguments, as in `run: [valkey-cli, -h, 10.0.0.1, ping]`";
            self.add(&place.key("run"), "there is no program", advice);
        }
        let texts = guest.run.iter().chain(guest.environment.values()).chain(guest.environment.keys());
        if texts.into_iter().any(|text| text.contains('\0')) {
            self.add(place, "no argument of a program can hold a NUL", "take it out");
        }
        if guest.folder.as_ref().is_some_and(|folder| folder.is_empty() || folder.contains('\0')) {
            self.add(&place.key("folder"), "this names no folder", "write the path of a folder");
        }
        self.seconds(&place.key("at"), guest.at);
        self.duration(&place.key("timeout"), guest.timeout);
        self.duration(&place.key("kill_after"), guest.kill_after);
        for name in guest.files.keys().filter(|name| !stays_inside(name)) {
            let advice = "a file is named relative to the guest's folder, without `..`";
            self.add(&place.key("files").key(name), "this is no place in the guest's folder", advice);
        }
        for name in guest.environment.keys().filter(|name| is_ours(name)) {
            let advice = "choose another name, or leave it out";
            self.add(&place.key("environment").key(name), "this variable belongs to the simulation", advice);
        }
    }

    pub(super) fn tool(&mut self, place: &Place, workload: &Workload) {
        if workload.tool.is_none() && !workload.args.is_empty() {
            self.add(&place.key("args"), "there is no tool to take them", "add `tool:`, or leave `args` out");
        }
        if workload.tool.as_ref().is_some_and(String::is_empty) {
            self.add(&place.key("tool"), "there is no program", "write `tool: valkey-benchmark`");
        }
        let of_clients = workload.commands.is_some() || workload.rate.is_some() || workload.clients.is_some();
        if workload.tool.is_some() && of_clients && workload.enabled != Some(true) {
            let advice =
                "leave the clients' keys out, or add `enabled: true` to have clients beside the tool";
            self.add(&place.key("tool"), "with a tool there are no clients", advice);
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_part)
}

fn stays_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Whether a variable decides what is simulated.
fn is_ours(name: &str) -> bool {
    name.is_empty() || name.contains('=') || name.starts_with("LD_") || name.starts_with("VALKEY_FUZZER_")
}
