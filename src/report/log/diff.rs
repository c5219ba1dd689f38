//! Where two logs part, for people.

use super::line::line;
use super::word::clean;
use crate::event::Event;
use crate::event_log::explain::Explanation;
use crate::event_log::{Chain, Difference, Header};
use crate::report::paint::{Paint, grouped};

/// In what two headers differ, a line each; empty if they are equal.
pub fn header_differences(first: &Header, second: &Header) -> String {
    let server = |header: &Header| {
        let server = &header.server;
        let digest = server.sha256.get(..12).unwrap_or(&server.sha256);
        format!("{} {} (sha256 {digest}, build {})", server.name, server.version, server.build_id)
    };
    let mut text = String::new();
    let mut tell = |name: &str, first: &str, second: &str| {
        text += &clean(&format!("{name}: {first} | {second}"));
        text.push('\n');
    };
    if first.tool != second.tool {
        tell("tool", &first.tool, &second.tool);
    }
    if first.seed != second.seed {
        tell("seed", &first.seed.to_string(), &second.seed.to_string());
    }
    if first.server != second.server {
        tell("server", &server(first), &server(second));
    }
    if first.shim != second.shim {
        tell("shim", &first.shim, &second.shim);
    }
    let keys = plan_differences(first, second);
    if !keys.is_empty() {
        text += &format!("plan: differs in {}\n", keys.join(", "));
    }
    text
}

/// The keys of the plan whose values differ, its seed aside.
fn plan_differences(first: &Header, second: &Header) -> Vec<String> {
    let plan = |header: &Header| match serde_json::to_value(&header.plan) {
        Ok(serde_json::Value::Object(plan)) => plan,
        _ => serde_json::Map::new(),
    };
    let (first, second) = (plan(first), plan(second));
    let differs = |key: &&String| *key != "seed" && first.get(*key) != second.get(*key);
    first.keys().filter(differs).cloned().collect()
}

/// The first difference with what led to both sides. Ends with a newline.
pub fn difference(explanation: &Explanation, colour: bool) -> String {
    let Explanation { difference, chains: [first, second], last } = explanation;
    let Difference { index, left, right } = difference;
    let (fields, none) = (difference.fields().join(", "), Chain::default());
    let mut text = match fields.is_empty() {
        true => format!("one log ends before event {}\n", grouped(*index)),
        false => format!("event {} differs in {fields}\n", grouped(*index)),
    };
    text += &side("first", left.as_ref(), first, colour);
    // Two events of the same cause have the same history, which is told once.
    let same = first == second && !first.near.is_empty();
    text += &side("second", right.as_ref(), if same { &none } else { second }, colour);
    if same {
        text += "  because of the same\n";
    }
    if let Some(event) = last.last() {
        text += &format!("\nThe last events of {} before:\n", event.actor);
    }
    last.iter().for_each(|event| text += &format!("{}\n", line(event, colour)));
    text
}

fn side(name: &str, event: Option<&Event>, causes: &Chain, colour: bool) -> String {
    let shown = event.map_or(format!("{:>8} (the log ends)", ""), |event| line(event, colour));
    let mut text = format!("\n{}:\n{shown}\n", Paint { colour }.strong(name));
    if !causes.near.is_empty() {
        text += "  because of\n";
    }
    causes.near.iter().for_each(|cause| text += &format!("{}\n", line(cause, colour)));
    if causes.left_out > 0 {
        text += &format!("{:>8} ({} causes left out)\n", "...", grouped(causes.left_out));
    }
    causes.far.iter().for_each(|cause| text += &format!("{}\n", line(cause, colour)));
    text
}
