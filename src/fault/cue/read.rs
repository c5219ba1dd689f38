//! The keys of a cue, how it is read, and what can never be seen.

use super::{Becoming, Cue, FaultStep, MigrationState, Sight, SlotStep, SyncStep};
use crate::event::MessageType;
use crate::fault::{FaultId, FileCall, FileClass};
use crate::language::{Form, Key, Reader, names};

/// The types of messages that a cluster of ours can send: no server loads a module.
fn messages() -> Vec<&'static str> {
    MessageType::NAMES.into_iter().filter(|name| *name != "module").collect()
}

/// The keys below `when`: one of the first eight says what is seen.
pub const KEYS: &[Key] = &[
    Key::new(
        "bus",
        Form::Word(messages),
        "a message of this type is sent on the cluster bus, `from` a node `to` a node",
    ),
    Key::new("log", Form::Text, "a server logs a line with this text in it; any server, or `node`"),
    Key::new(
        "becomes",
        Form::Word(names::<Becoming>),
        "`node` becomes that, as the bus or its process tells",
    ),
    Key::new("slot", Form::Whole(0, 16_383), "a node, any or `node`, does with this slot what `is` says"),
    Key::new(
        "migration",
        Form::Word(names::<MigrationState>),
        "a job of an atomic slot migration comes to this state, at any node or at `node` (9.0 and later)",
    ),
    Key::new(
        "sync",
        Form::Word(names::<SyncStep>),
        "a replica, any or `node`, comes to this step of a synchronisation",
    ),
    Key::new(
        "file",
        Form::Word(names::<FileClass>),
        "a process, any or `node`'s, makes a `call` that concerns such a file",
    ),
    Key::new("fault", Form::Whole(1, 65_535), "this other fault, from 1, has `fired` or is `healed`"),
    Key::new("from", Form::Node, "who sends the message; anybody if absent"),
    Key::new("to", Form::Node, "who is to get it; anybody if absent"),
    Key::new("node", Form::Node, "where it is seen"),
    Key::new(
        "call",
        Form::Word(names::<FileCall>),
        "which call it makes for the file. Must be there with `file`",
    ),
    Key::new("is", Form::Word(names::<SlotStep>), "what is done with the slot. Must be there with `slot`"),
    Key::new("fired", Form::Flag, "with `fault`: it hit somebody; holds if neither is written"),
    Key::new("healed", Form::Flag, "with `fault`: what it did is undone"),
    Key::new(
        "nth",
        Form::Whole(1, 1_000_000),
        "the how manieth time since the workload began; the first if absent",
    ),
];

/// Each key that says what is seen, with those that may stand beside it.
const FORMS: &[(&str, &[&str])] = &[
    ("bus", &["from", "to", "nth"]),
    ("log", &["node", "nth"]),
    ("becomes", &["node", "nth"]),
    ("slot", &["is", "node", "nth"]),
    ("migration", &["node", "nth"]),
    ("sync", &["node", "nth"]),
    ("file", &["call", "node", "nth"]),
    ("fault", &["fired", "healed"]),
];

/// Reads what stands below `when`; nothing if it is absent or wrong.
pub fn read(reader: &mut Reader) -> Option<Cue> {
    let mut below = reader.below("when", "a cue", KEYS.to_vec())?;
    let cue = said(&mut below);
    let problems = below.into_problems();
    let sound = problems.is_empty();
    reader.adopt(problems);
    cue.filter(|_| sound)
}

fn said(reader: &mut Reader) -> Option<Cue> {
    let mut forms = FORMS.iter().filter(|(name, _)| reader.has(name));
    let Some((form, beside)) = forms.next() else {
        let names = FORMS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        reader.wrong("it is not said what is to be seen", format!("write one of: {names}"));
        return None;
    };
    let strays: Vec<&str> = KEYS
        .iter()
        .map(|key| key.name)
        .filter(|name| name != form && !beside.contains(name) && reader.stands(name))
        .collect();
    for stray in strays {
        let advice = format!("beside `{form}` can stand: {}", beside.join(", "));
        reader.wrong_at(stray, format!("`{stray}` does not go with `{form}`"), advice);
    }
    let sight = sight(reader, form)?;
    let node = reader.node(if *form == "bus" { "from" } else { "node" });
    Some(Cue { sight, node, nth: reader.whole("nth").unwrap_or(1) })
}

fn sight(reader: &mut Reader, form: &str) -> Option<Sight> {
    match form {
        "bus" => bus(reader),
        "log" => {
            let text = reader.text("log")?;
            if text.trim().is_empty() || text.contains('\n') {
                reader.wrong_at("log", "no line holds this", "write a part of one line");
            }
            Some(Sight::Log(text))
        }
        "becomes" => {
            if !reader.has("node") {
                reader.wrong("it is not said who becomes that", "add `node:`");
            }
            reader.word("becomes").map(Sight::Becomes)
        }
        "slot" => {
            if !reader.has("is") {
                reader.wrong("it is not said what is done with the slot", "add `is: importing`, say");
            }
            Some(Sight::Slot(reader.small("slot")?, reader.word("is")?))
        }
        "migration" => reader.word("migration").map(Sight::Migration),
        "sync" => {
            no_replicas(reader, "sync", "there are no replicas");
            reader.word("sync").map(Sight::Sync)
        }
        "file" => {
            if !reader.has("call") {
                reader.wrong("it is not said what is done with the file", "add `call: fsync`, say");
            }
            Some(Sight::File(reader.word("file")?, reader.word("call")?))
        }
        _ => fault(reader),
    }
}

fn bus(reader: &mut Reader) -> Option<Sight> {
    const OF_REPLICAS: [MessageType; 3] =
        [MessageType::FAILOVER_AUTH_REQUEST, MessageType::FAILOVER_AUTH_ACK, MessageType::MFSTART];
    let (from, to) = (reader.node("from"), reader.node("to"));
    if from.is_some() && from == to {
        reader.wrong_at("to", "a node sends itself nothing", "name another node");
    }
    let message: MessageType = reader.text("bus")?.parse().ok()?;
    if OF_REPLICAS.contains(&message) {
        no_replicas(reader, "bus", "there are no replicas that could take over");
    }
    Some(Sight::Bus { message, to })
}

fn no_replicas(reader: &mut Reader, key: &str, message: &str) {
    if reader.layout.replicas == 0 {
        reader.wrong_at(key, message, "set `cluster.replicas` to 1 or more");
    }
}

fn fault(reader: &mut Reader) -> Option<Sight> {
    if reader.stands("fired") && reader.stands("healed") {
        reader.wrong_at("healed", "a fault is healed later than it fires", "keep `fired` or `healed`");
    }
    let step = if reader.stands("healed") { FaultStep::Healed } else { FaultStep::Fired };
    Some(Sight::Fault(FaultId(reader.small("fault")?), step))
}
