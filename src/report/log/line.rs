//! One event in one line of words: number, time, actor, statement, details.

use serde_json::{Map, Value};

use super::view::view;
use super::word::{clean, word};
use crate::event::{Body, BusSummary, Event, Kind, Said, Told, Topic};
use crate::fault::Channel;
use crate::history::{Outcome, Request};
use crate::id::NodeId;
use crate::language::Word;
use crate::report::paint::Paint;

/// How many characters of details a line has.
const CHARACTERS: usize = 200;

/// The event in a line, without its end.
pub fn line(event: &Event, colour: bool) -> String {
    let details = shortened(&clean(&details(&event.body)));
    columns(event, &details, Paint { colour })
}

/// The same with a mark before it, for the line that somebody asked for.
pub fn marked_line(event: &Event, marked: bool, colour: bool) -> String {
    match marked {
        true => format!("{} {}", Paint { colour }.strong(">"), line(event, colour)),
        false => format!("  {}", line(event, colour)),
    }
}

/// The event in a line with all its details.
pub(super) fn whole_line(event: &Event, paint: Paint) -> String {
    columns(event, &clean(&details(&event.body)), paint)
}

fn columns(event: &Event, details: &str, paint: Paint) -> String {
    let Event { i, at, actor, .. } = event;
    let what = format!("{:<15}", event.body.word());
    let what = match (event.kind, &event.body) {
        (Kind::Decision, _) => paint.faint(&what),
        (_, Body::Fault { .. } | Body::Exited { .. } | Body::Livelock { .. } | Body::Deadlock { .. }) => {
            paint.bad(&what)
        }
        (_, body) if body.is_injected() => paint.doubtful(&what),
        (Kind::Verdict, _) => paint.strong(&what),
        _ => what,
    };
    let text = format!("{i:>8} {:>12} {:<9} {what} {details}", at.to_string(), actor.to_string());
    text.trim_end().to_owned()
}

/// What there is to say of an event, except its actor and its statement. One that has no words here shows its fields.
pub(super) fn details(body: &Body) -> String {
    match body {
        Body::Tell { message } => told_to_another(message),
        Body::Gap { ns } => format!("next after {:.3} ms", ns.as_ns() as f64 / 1e6),
        Body::Latency { conn, ns } => format!("conn {conn}: {:.3} ms", ns.as_ns() as f64 / 1e6),
        Body::Ruled { fault, nth, conn, from, to, act } => {
            format!("fault {}, match {nth}: {} what {from} sent {to}, conn {conn}", fault.0, act.word())
        }
        Body::Split { conn, first } => format!("conn {conn}: {first} bytes arrive first"),
        Body::Order { turn, draw } => format!("turn {turn}: shuffled by {draw}"),
        Body::Held { conn, len } => format!("conn {conn}: {len} bytes"),
        Body::Picked { node, why } => format!("{node}: {why}"),
        Body::Phase { phase } => word(phase),
        Body::Start { incarnation } => format!("incarnation {incarnation}"),
        Body::Deliver { conn, len } => format!("conn {conn}: {len} bytes"),
        Body::Link { conn, state } => format!("conn {conn}: {}", word(state)),
        Body::Pause { paused } => (if *paused { "paused" } else { "runs again" }).to_owned(),
        Body::Rule { fault, on } => format!("fault {}: {}", fault.0, if *on { "set" } else { "removed" }),
        Body::Fault { fault, text, hit } if hit.is_empty() => format!("fault {}: {text}", fault.0),
        Body::Fault { fault, text, hit } => format!("fault {}: {text} (hits {})", fault.0, names(hit)),
        Body::Heal { fault, text } => format!("fault {}: {text}", fault.0),
        Body::Operation { op, text } => format!("operation {}: {text}", op.0),
        _ => seen(body),
    }
}

/// The details of observations and verdicts.
fn seen(body: &Body) -> String {
    match body {
        Body::Dial { from, conn, to, port } => format!("{from} -> {to}:{port}, conn {conn}"),
        Body::Listen { node, port } => format!("{node}:{port}"),
        Body::Sent { from, conn, channel, to, len, bus, .. } => {
            format!("{from} -> {to} {}, {len} bytes, conn {conn}", carried(*channel, bus.as_deref()))
        }
        Body::Closed { from, conn, how } => format!("{from}, conn {conn}: {}", word(how)),
        Body::Child { pid, state } => format!("pid {pid}: {}", word(state)),
        Body::Reply { op, text, total } => {
            let of = op.map_or(String::new(), |op| format!("operation {}: ", op.0));
            let cut = total.map_or(String::new(), |total| format!(" ({total} bytes in all)"));
            format!("{of}{text}{cut}")
        }
        Body::OperationEnded { op, done, text, .. } => {
            format!("operation {} {}: {text}", op.0, if *done { "done" } else { "failed" })
        }
        Body::Invoke { sequence, request: Request::Get { key } } => format!("#{sequence} GET {key}"),
        Body::Invoke { sequence, request: Request::Set { key, value } } => {
            format!("#{sequence} SET {key} {value}")
        }
        Body::Invoke { sequence, request: request @ Request::Call { .. } } => {
            format!("#{sequence} {request}")
        }
        Body::Complete { sequence, outcome, node } => {
            let by = node.map_or(String::new(), |node| format!(", by {node}"));
            format!("#{sequence} {}{by}", told(outcome))
        }
        Body::Redirect { node, slot, to, ask } => {
            let what = if *ask { "ask" } else { "turn to" };
            format!("{node} says of slot {slot}: {what} {to}")
        }
        Body::OutOfStep { node, detail } => format!("{node}: {detail}"),
        Body::Pushed { node, push } => format!("{node}: {}", push.join(" ")),
        Body::Probe { node, state, rows, gone } => format!("{node}: {}", view(*state, rows, gone)),
        Body::Account { node, topic, said } => account(*node, *topic, said),
        Body::Verdict { invariant, verdict, detail } => format!("{invariant} {verdict}: {detail}"),
        _ => fields(body),
    }
}

/// A text's lines stand below it; anything else is told as the log has it.
fn account(node: NodeId, topic: Topic, said: &Said) -> String {
    let answer = match said {
        Said::Text(text) => text.trim_end().replace(['\r', '\n'], " "),
        other => serde_json::to_string(other).unwrap_or_default(),
    };
    format!("{node}, {}: {answer}", word(&topic))
}

/// The details of a statement that needs no words of its own: the value of its one field, or `name value` of each.
fn fields(body: &Body) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(body) else { return String::new() };
    fields.remove("what");
    match fields.len() {
        1 => fields.values().map(text).collect(),
        _ => named(&fields),
    }
}

/// What one actor tells another: `bus_step op 1, step 2`.
fn told_to_another(message: &Told) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(message) else { return String::new() };
    match (message, fields.remove("message")) {
        (Told::Words { text }, _) => text.clone(),
        (_, Some(Value::String(word))) => format!("{word} {}", named(&fields)).trim_end().to_owned(),
        _ => String::new(),
    }
}

fn named(fields: &Map<String, Value>) -> String {
    fields.iter().map(|(name, value)| format!("{name} {}", text(value))).collect::<Vec<_>>().join(", ")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What goes over a channel: `bus ping (epoch 6, own 3)`, or the channel alone.
fn carried(channel: Channel, bus: Option<&BusSummary>) -> String {
    let Some(bus) = bus else { return word(&channel) };
    let paused = if bus.paused == Some(true) { ", paused" } else { "" };
    let epochs = match (bus.current_epoch, bus.config_epoch) {
        (Some(current), Some(own)) => format!(" (epoch {current}, config {own}{paused})"),
        _ => String::new(),
    };
    format!("{} {}{epochs}", word(&channel), bus.r#type)
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ok(None) => "ok".to_owned(),
        Outcome::Ok(Some(value)) => format!("ok {value}"),
        Outcome::Replied(replies) => replies.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        Outcome::Fail(reason) => format!("fail: {reason}"),
        Outcome::Info(reason) => format!("info: {reason}"),
    }
}

/// Names of nodes, one after the other.
pub(super) fn names(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
