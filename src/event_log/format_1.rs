//! Format 1, where it differs: what actors tell each other is the text of the program's own values, and a probe is a
//! sentence. It is written no more, so the words here are as they were and never change.

use serde::Deserialize;

use crate::event::{Body, Doubt, Event, Kind, Member, Told, ViewRole, ViewRow, ViewState};
use crate::id::{ActorId, NodeId};
use crate::time::SimTime;

/// A line whose statement was written in another way.
#[derive(Deserialize)]
struct Line {
    i: u64,
    at: SimTime,
    actor: ActorId,
    kind: Kind,
    cause: Option<u64>,
    #[serde(flatten)]
    statement: Statement,
}

#[derive(Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Statement {
    Tell { text: String },
    Probe { node: NodeId, text: String },
}

/// Reads a line that is none of the newest format; nothing if it is none of format 1 either.
pub(super) fn parse_event(line: &str) -> Option<Event> {
    let Line { i, at, actor, kind, cause, statement } = serde_json::from_str(line).ok()?;
    let body = match statement {
        Statement::Tell { text } if text == "Next" => Body::Tell { message: Told::Next },
        Statement::Tell { text } => Body::Tell { message: Told::Words { text } },
        Statement::Probe { node, text } => probe(node, &text)?,
    };
    Some(Event { i, at, actor, kind, cause, body })
}

/// Whether an event is the one that was written so: what was told cannot be held against the words of that time, and a
/// long answer was cut off early.
pub(super) fn is_same(recorded: &Event, event: &Event) -> bool {
    let is_same = match (&recorded.body, &event.body) {
        (Body::Tell { message: Told::Words { .. } }, Body::Tell { .. }) => true,
        (Body::Reply { op, text, .. }, Body::Reply { op: now, text: whole, .. }) => {
            let begun = text.strip_suffix('…').is_some_and(|begun| whole.starts_with(begun));
            op == now && begun
        }
        _ => false,
    };
    let head = |event: &Event| (event.i, event.at, event.actor, event.kind, event.cause);
    is_same && head(recorded) == head(event)
}

/// Reads `ok; node-1 primary at epoch 7 0-5460 fail?; node-2 replica of node-1; 27af6a40 gone`.
fn probe(node: NodeId, text: &str) -> Option<Body> {
    let (state, parts) = text.split_once("; ").map_or((text, None), |(state, parts)| (state, Some(parts)));
    let state = match state {
        "no answer" => ViewState::NoAnswer,
        "ok" => ViewState::Ok,
        "fail" => ViewState::Fail,
        "state unknown" => ViewState::Unknown,
        _ => return None,
    };
    let (mut rows, mut gone) = (Vec::new(), Vec::new());
    for part in parts.into_iter().flat_map(|parts| parts.split("; ")) {
        let (member, words) = part.split_once(' ')?;
        let member = Member::from(member.to_owned());
        match words {
            "gone" => gone.push(member),
            words => rows.push(row(member, words)?),
        }
    }
    rows.sort_by(|a, b| a.member.cmp(&b.member));
    gone.sort();
    Some(Body::Probe { node, state, rows, gone })
}

/// Reads `primary at epoch 7 0-5460 fail?`, without the member's name.
fn row(member: Member, words: &str) -> Option<ViewRow> {
    let mut words = words.split(' ');
    let role = match (words.next()?, words.next()?) {
        ("primary", "at") => {
            (words.next()? == "epoch").then_some(())?;
            ViewRole::Primary { epoch: words.next()?.parse().ok()? }
        }
        ("replica", "of") => {
            let of = words.next().filter(|of| *of != "nobody");
            ViewRole::Replica { of: of.map(|of| Member::from(of.to_owned())) }
        }
        _ => return None,
    };
    let (mut slots, mut doubt) = (Vec::new(), None);
    for word in words {
        match word {
            "fail" => doubt = Some(Doubt::Fail),
            "fail?" => doubt = Some(Doubt::Pfail),
            range => {
                let (first, last) = range.split_once('-')?;
                slots.push((first.parse().ok()?, last.parse().ok()?));
            }
        }
    }
    Some(ViewRow { member, role, slots, doubt })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_log::event_line;

    fn read(statement: &str) -> Option<String> {
        let line =
            format!(r#"{{"i":7,"at":40,"actor":"validator","kind":"observation","cause":3,{statement}}}"#);
        parse_event(&line).map(|event| event_line(&event))
    }

    #[test]
    fn a_sentence_of_a_probe_is_read_as_rows() {
        let text = "fail; node-10 replica of nobody; node-2 primary at epoch 7 0-5 9-9 fail?; 27af6a40 gone";
        let rows = r#"{"i":7,"at":40,"actor":"validator","kind":"observation","cause":3,"what":"probe","node":1,"state":"fail","rows":[{"member":"node-2","role":"primary","epoch":7,"slots":[[0,5],[9,9]],"doubt":"pfail"},{"member":"node-10","role":"replica","of":null}],"gone":["27af6a40"]}"#;
        let found = read(&format!(r#""what":"probe","node":1,"text":"{text}""#));
        assert_eq!(found.as_deref(), Some(rows));
    }

    #[test]
    fn a_probe_in_words_that_were_never_written_is_refused() {
        for text in ["fine", "ok; node-1", "ok; node-1 leader of all", "ok; node-1 primary at epoch x"] {
            assert_eq!(read(&format!(r#""what":"probe","node":1,"text":"{text}""#)), None, "{text}");
        }
    }
}
