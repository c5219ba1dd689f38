//! Blocking pops: a client waits at a list until somebody pushes, or its time is over (`blocked.c`).
//!
//! Such a command is executed in two steps: it pops, or begins to wait; and it is told. In between a push serves who waits
//! longest, as a part of the push: who is served and who is not is known from the order of pushes.

use super::lists::is_back;
use crate::history::Reply;
use crate::model::{Expected, Go, Kind, Pick, Ran, Run, State, Stop, rewords, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "blocking",
    about: "blocking pops: `BLPOP`, `BRPOP`, `BLMOVE` with clients that wait, and the pushes that serve them",
    draw,
    rules: &[rewords("BLPOP", pop), rewords("BRPOP", pop), rewords("BLMOVE", pop)],
};

fn draw(pick: &mut Pick) -> Vec<Go> {
    let key = pick.key("queue");
    let tag = key.replace(':', "-");
    let (one, two) = (format!("{{{tag}}}a"), format!("{{{tag}}}b"));
    let seconds = ["0.05", "0.2", "0.5", "0.9"][pick.choice(4) as usize];
    vec![vec![match pick.choice(12) {
        0 | 1 => words(&["BLPOP", &key, seconds]),
        2 => words(&["BRPOP", &key, seconds]),
        3 | 4 => words(&["RPUSH", &key, pick.token]),
        5 => words(&["LPUSH", &key, pick.token]),
        6 => words(&["LLEN", &key]),
        7 => words(&["BLMOVE", &one, &two, "LEFT", "RIGHT", seconds]),
        8 => words(&["BLPOP", &two, seconds]),
        9 => words(&["RPUSH", &one, pick.token]),
        10 => words(&["LRANGE", &two, "0", "-1"]),
        _ => words(&["LPOP", &key]),
    }]]
}

/// Within a script or a transaction it does not wait; elsewhere it is asked for in two steps.
fn pop(_run: &mut Run) -> Ran {
    Err(Stop::Unmodelled)
}

/// What a blocking pop waits for.
pub(in crate::model) struct Wait<'a> {
    key: &'a str,
    back: bool,
    /// The list that gets what is popped, and at which end.
    to: Option<(&'a str, bool)>,
}

/// What a command waits for; nothing for other commands and forms.
pub(in crate::model) fn waits_for<S: AsRef<str>>(command: &[S]) -> Option<Wait<'_>> {
    let name = command.first()?.as_ref().to_ascii_uppercase();
    match (name.as_str(), &command[1..]) {
        ("BLPOP", [key, _seconds]) => Some(Wait { key: key.as_ref(), back: false, to: None }),
        ("BRPOP", [key, _seconds]) => Some(Wait { key: key.as_ref(), back: true, to: None }),
        ("BLMOVE", [key, to, from_end, to_end, _seconds]) => {
            let [back, to_back] = [is_back(from_end.as_ref()).ok()?, is_back(to_end.as_ref()).ok()?];
            Some(Wait { key: key.as_ref(), back, to: Some((to.as_ref(), to_back)) })
        }
        _ => None,
    }
}

/// A blocking pop reaches the server: it waits behind all others, and may be served at once.
pub(in crate::model) fn begin(state: &mut State, who: u64, command: &[&str]) -> Result<(), Stop> {
    let Wait { key, back, to } = waits_for(command).ok_or(Stop::Unmodelled)?;
    match state.list(key) {
        Ok(_) => state.wait(who, (key, back), to),
        Err(Stop::Error(code)) => state.serve(who, Reply::Error(code.to_owned())),
        Err(Stop::Unmodelled) => return Err(Stop::Unmodelled),
    }
    state.serve_waiting();
    Ok(())
}

/// Whether a reply ends a blocking pop rightly: what it was served, or nothing if it was not.
pub(in crate::model) fn end(state: &mut State, who: u64, told: Option<&Reply>) -> bool {
    let served = state.stop_waiting(who);
    match (told, served) {
        (None, _) => true,
        (Some(Reply::Nil | Reply::Error(_)), None) => true,
        (Some(told), Some(served)) => Expected::Is(served).is_met(told),
        (Some(_), None) => false,
    }
}
