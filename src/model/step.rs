//! One command put to what a cell holds, and what may be there afterwards.

use super::database::key_at;
use super::kind::{blocking, channels, fields};
use super::state::Broken;
use super::{Cells, Clock, Expected, Run, Sent, State, Stop, rule};
use crate::history::Reply;

/// Who asks, and when it is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// When.
    pub now: Clock,
    /// Over which connection.
    pub conn: u64,
    /// The connection watches other cells too, so that nobody can say here whether a transaction must be broken.
    pub watches_elsewhere: bool,
}

/// What a cell may hold after a command, if a client was `told` this, or whatever it was told. Empty: no server says that.
/// Nothing: the model does not know the command, or this form of it.
pub fn step(state: State, command: &[&str], asker: Asker, told: Option<&Reply>) -> Option<Cells> {
    let rule = rule(command.first()?)?;
    if told.is_some_and(refuses) {
        return Some(Cells::from([state]));
    }
    if told.is_some_and(|told| is_too_new(told, command)) {
        return Some(Cells::from([state]));
    }
    if state.is_restricted(asker.conn) && rule.sent != Sent::Nothing {
        let is_refused = told.is_none_or(|told| told.error_code() == Some("NOPERM"));
        return Some(if is_refused { Cells::from([state]) } else { Cells::new() });
    }
    let (mut after, now) = (Cells::new(), asker.now);
    for mut state in state.at(now) {
        let before = state.is_watched().then(|| state.clone());
        let ran =
            (rule.run)(&mut Run { state: &mut state, args: command, now, told, conn: Some(asker.conn) });
        let is_done = ran.is_ok();
        let expected = match ran {
            Ok(expected) => expected,
            Err(Stop::Error(code)) => Expected::error(code),
            Err(Stop::Unmodelled) => return None,
        };
        if told.is_none_or(|told| expected.is_met(told)) {
            if let Some(before) = before {
                state.changed_from(&before, command, is_done && rule.sent != Sent::Nothing);
            }
            after.insert(state);
        }
    }
    Some(after)
}

/// Whether a server that is too old for a command says that it does not know it.
fn is_too_new(told: &Reply, command: &[&str]) -> bool {
    let is_new = fields::KIND.rules.iter().any(|rule| command[0].eq_ignore_ascii_case(rule.name));
    is_new && matches!(told, Reply::Error(text) if text.starts_with("ERR unknown command"))
}

/// Whether a reply says that a command was not executed, whatever the cell holds. A script's first write is refused in other words
/// than a write of its own (`VM_Call`, 9.1); how many databases there are a cell does not know.
fn refuses(told: &Reply) -> bool {
    const WORDS: [&str; 2] = ["while the cluster is down", "ERR DB index is out of range"];
    let is_said = |text: &String| WORDS.iter().any(|words| text.contains(words));
    matches!(told, Reply::Error(text) if is_said(text)) || told.error_code().is_some_and(is_refusal)
}

/// Whether an error of this code says that a command was not executed, whatever the cell holds.
pub fn is_refusal(code: &str) -> bool {
    const CODES: [&str; 14] = [
        "MOVED",
        "ASK",
        "CLUSTERDOWN",
        "MASTERDOWN",
        "TRYAGAIN",
        "READONLY",
        "LOADING",
        "BUSY",
        "NOREPLICAS",
        "MISCONF",
        "OOM",
        "NOPERM",
        "NOAUTH",
        "CROSSSLOT",
    ];
    CODES.contains(&code)
}

/// Whether a command may wait.
pub fn waits<S: AsRef<str>>(command: &[S]) -> bool {
    blocking::waits_for(command).is_some()
}

/// Whether a command waits for replicas, or disks, to have what was written before it.
pub fn waits_for_replicas<S: AsRef<str>>(command: &[S]) -> bool {
    let is_it = |name: &S| ["WAIT", "WAITAOF"].iter().any(|wait| name.as_ref().eq_ignore_ascii_case(wait));
    command.first().is_some_and(is_it)
}

/// A command that may wait reaches the server, asked by `who`.
pub fn begin(state: &State, who: u64, command: &[&str], now: Clock) -> Option<Cells> {
    let mut after = Cells::new();
    for mut state in state.clone().at(now) {
        let before = state.clone();
        blocking::begin(&mut state, who, command).ok()?;
        state.changed_from(&before, &[], false);
        after.insert(state);
    }
    Some(after)
}

/// A command that may have waited is answered, or given up.
pub fn end(state: &State, who: u64, told: Option<&Reply>) -> Cells {
    let mut state = state.clone();
    let is_right = blocking::end(&mut state, who, told);
    if is_right { Cells::from([state]) } else { Cells::new() }
}

/// What a cell may hold after commands that were sent in one go, command by command with what a client was told of each, or
/// whatever it was told of all. Between `MULTI` and `EXEC` they happen together or not at all.
pub fn call(state: State, commands: &[Vec<&str>], asker: Asker, told: Option<&[Reply]>) -> Option<Cells> {
    let says = |place: usize, word: &str| {
        let command = commands.get(place);
        command.is_some_and(|command| command.len() == 1 && command[0].eq_ignore_ascii_case(word))
    };
    if commands.len() > 1 && says(0, "MULTI") && says(commands.len() - 1, "EXEC") {
        return transaction(state, &commands[1..commands.len() - 1], asker, told);
    }
    let cells = in_turn(state, commands, asker, told)?;
    Some(cells.into_iter().map(served).collect())
}

fn in_turn(state: State, commands: &[Vec<&str>], asker: Asker, told: Option<&[Reply]>) -> Option<Cells> {
    if told.is_some_and(|told| told.len() != commands.len()) {
        return Some(Cells::new());
    }
    let mut cells = Cells::from([state]);
    for (place, command) in commands.iter().enumerate() {
        let mut next = Cells::new();
        for state in cells {
            next.extend(step(state, command, asker, told.map(|told| &told[place]))?);
        }
        cells = next;
    }
    Some(cells)
}

fn transaction(state: State, commands: &[Vec<&str>], asker: Asker, told: Option<&[Reply]>) -> Option<Cells> {
    let mut after = Cells::new();
    for state in state.at(asker.now) {
        after.extend(transaction_now(state, commands, asker, told)?);
    }
    Some(after)
}

/// The same, once what has expired until then is gone: a watched key that was there breaks it (`isWatchedKeyExpired`).
fn transaction_now(
    mut state: State,
    commands: &[Vec<&str>],
    asker: Asker,
    told: Option<&[Reply]>,
) -> Option<Cells> {
    let broken = state.unwatch(asker.conn);
    let done = |state, told| Some(in_turn(state, commands, asker, told)?.into_iter().map(served).collect());
    let is_sure = |wrong: Broken| broken == wrong && !asker.watches_elsewhere;
    match told.map(|told| told.last()) {
        None if broken == Broken::Yes => Some(Cells::from([state])),
        None => done(state, None),
        Some(Some(Reply::List(_))) if is_sure(Broken::Yes) => Some(Cells::new()),
        Some(Some(Reply::List(replies))) => done(state, Some(replies)),
        // A watched key had changed.
        Some(Some(Reply::Nil)) if is_sure(Broken::No) => Some(Cells::new()),
        // A command was refused when it was queued.
        Some(Some(Reply::Nil | Reply::Error(_))) => Some(Cells::from([state])),
        Some(_) => Some(Cells::new()),
    }
}

/// The state once whoever waits was served.
fn served(mut state: State) -> State {
    state.serve_waiting();
    state
}

/// What of a command goes to replicas; nothing if the model does not know it.
pub fn sent_of<S: AsRef<str>>(command: &[S]) -> Option<Sent> {
    Some(rule(command.first()?.as_ref())?.sent)
}

/// The key that a command is sent by: the first one that it names.
pub fn key_of<S: AsRef<str>>(command: &[S]) -> &str {
    let place = match command.first().map(|name| name.as_ref().to_ascii_uppercase()).as_deref() {
        Some("EVAL" | "EVALSHA" | "EVAL_RO" | "EVALSHA_RO" | "FCALL" | "FCALL_RO") => 3,
        Some("XGROUP" | "XINFO" | "OBJECT" | "MEMORY" | "BITOP") => 2,
        Some("XREAD" | "XREADGROUP") => after(command, "STREAMS"),
        Some(
            "FUNCTION" | "SCRIPT" | "WAIT" | "WAITAOF" | "CLUSTER" | "CONFIG" | "INFO" | "SCAN" | "FLUSHALL"
            | "FLUSHDB" | "PUBLISH" | "SUBSCRIBE" | "DEBUG" | "ACL" | "ECHO" | "PING" | "KEYS" | "AUTH"
            | "RANDOMKEY" | "MULTI" | "EXEC" | "SELECT",
        ) => return "",
        _ => 1,
    };
    command.get(place).map_or("", AsRef::as_ref)
}

/// Whether a command is about a channel, so that no key is touched.
pub fn is_of_channel<S: AsRef<str>>(command: &[S]) -> bool {
    channels::is_of_channel(command)
}

/// Whether a command is about a key.
pub fn is_of_key<S: AsRef<str>>(command: &[S]) -> bool {
    !key_of(command).is_empty()
}

/// The key that several commands are sent by: the first one that any of them names.
pub fn key_of_all<S: AsRef<str>>(commands: &[Vec<S>]) -> &str {
    commands.iter().map(|command| key_of(command)).find(|key| !key.is_empty()).unwrap_or_default()
}

fn after<S: AsRef<str>>(command: &[S], word: &str) -> usize {
    let at = command.iter().position(|part| part.as_ref().eq_ignore_ascii_case(word));
    at.map_or(1, |at| at + 1)
}

/// The cell of a key: its hash tag, or the key itself, which has the slot of that tag.
pub fn cell_of(key: &str) -> &str {
    let key = key_at(key);
    let tag = key.find('{').and_then(|open| {
        let close = key[open..].find('}')?;
        (close > 1).then(|| &key[open + 1..open + close])
    });
    tag.unwrap_or(key)
}
