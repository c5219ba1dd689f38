//! One command put to what a cell holds, and what may be there afterwards.

use super::{Cells, Clock, Expected, Run, Sent, State, Stop, rule};
use crate::history::Reply;

/// What a cell may hold after a command, if a client was `told` this, or whatever it was told. Empty: no server says that.
/// Nothing: the model does not know the command, or this form of it.
pub fn step(state: State, command: &[String], now: Clock, told: Option<&Reply>) -> Option<Cells> {
    let rule = rule(command.first()?)?;
    let mut after = Cells::new();
    for mut state in state.at(now) {
        let ran = (rule.run)(&mut Run { state: &mut state, args: command, now, told });
        let expected = match ran {
            Ok(expected) => expected,
            Err(Stop::Error(code)) => Expected::error(code),
            Err(Stop::Unmodelled) => return None,
        };
        if told.is_none_or(|told| expected.is_met(told)) {
            after.insert(state);
        }
    }
    Some(after)
}

/// What a cell may hold after commands that were sent in one go, command by command with what a client was told of each, or
/// whatever it was told of all. Between `MULTI` and `EXEC` they happen together or not at all.
pub fn call<C: AsRef<[String]>>(
    state: State,
    commands: &[C],
    now: Clock,
    told: Option<&[Reply]>,
) -> Option<Cells> {
    let says = |place: usize, word: &str| {
        let command = commands.get(place).map(AsRef::as_ref);
        command.is_some_and(|command| command.len() == 1 && command[0].eq_ignore_ascii_case(word))
    };
    if commands.len() > 1 && says(0, "MULTI") && says(commands.len() - 1, "EXEC") {
        return transaction(state, &commands[1..commands.len() - 1], now, told);
    }
    in_turn(state, commands, now, told)
}

fn in_turn<C: AsRef<[String]>>(
    state: State,
    commands: &[C],
    now: Clock,
    told: Option<&[Reply]>,
) -> Option<Cells> {
    if told.is_some_and(|told| told.len() != commands.len()) {
        return Some(Cells::new());
    }
    let mut cells = Cells::from([state]);
    for (place, command) in commands.iter().enumerate() {
        let mut next = Cells::new();
        for state in cells {
            next.append(&mut step(state, command.as_ref(), now, told.map(|told| &told[place]))?);
        }
        cells = next;
    }
    Some(cells)
}

fn transaction<C: AsRef<[String]>>(
    state: State,
    commands: &[C],
    now: Clock,
    told: Option<&[Reply]>,
) -> Option<Cells> {
    match told.map(|told| told.last()) {
        None => in_turn(state, commands, now, None),
        Some(Some(Reply::List(replies))) => in_turn(state, commands, now, Some(replies)),
        // It was not executed: a command was refused when it was queued, or a watched key had changed.
        Some(Some(Reply::Nil | Reply::Error(_))) => Some(Cells::from([state])),
        Some(_) => Some(Cells::new()),
    }
}

/// What of a command goes to replicas; nothing if the model does not know it.
pub fn sent_of(command: &[String]) -> Option<Sent> {
    Some(rule(command.first()?)?.sent)
}

/// The key that a command is sent by: the first one that it names.
pub fn key_of(command: &[String]) -> &str {
    let place = match command.first().map(|name| name.to_ascii_uppercase()).as_deref() {
        Some("EVAL" | "EVALSHA" | "EVAL_RO" | "EVALSHA_RO" | "FCALL" | "FCALL_RO") => 3,
        Some("XGROUP" | "XINFO" | "OBJECT" | "MEMORY" | "BITOP") => 2,
        Some("XREAD") => after(command, "STREAMS"),
        Some("XREADGROUP") => after(command, "STREAMS"),
        _ => 1,
    };
    command.get(place).map_or("", String::as_str)
}

/// The key that several commands are sent by: the first one that any of them names.
pub fn key_of_all(commands: &[Vec<String>]) -> &str {
    commands.iter().map(|command| key_of(command)).find(|key| !key.is_empty()).unwrap_or_default()
}

fn after(command: &[String], word: &str) -> usize {
    let at = command.iter().position(|part| part.eq_ignore_ascii_case(word));
    at.map_or(1, |at| at + 1)
}

/// The cell of a key: its hash tag with the braces, or the key itself.
pub fn cell_of(key: &str) -> &str {
    let tag = key.find('{').and_then(|open| {
        let close = key[open..].find('}')?;
        (close > 1).then(|| &key[open..=open + close])
    });
    tag.unwrap_or(key)
}
