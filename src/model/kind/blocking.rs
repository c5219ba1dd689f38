//! Blocking pops: a client waits at a list until somebody pushes, or its time is over (`blocked.c`).
//!
//! Such a command is executed in two steps: it pops, or begins to wait; and it is told. In between a push serves who waits
//! longest, as a part of the push: who is served and who is not is known from the order of pushes.

use crate::history::Reply;
use crate::model::{Expected, Go, Kind, Pick, Ran, Run, State, Stop, rewords, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "blocking",
    about: "blocking pops: `BLPOP`, `BRPOP` with clients that wait, and the pushes that serve them",
    draw,
    rules: &[rewords("BLPOP", pop), rewords("BRPOP", pop)],
};

fn draw(pick: &mut Pick) -> Vec<Go> {
    let key = pick.key("queue");
    let seconds = ["0.05", "0.2", "0.5", "0.9"][pick.choice(4) as usize];
    vec![vec![match pick.choice(8) {
        0 | 1 => words(&["BLPOP", &key, seconds]),
        2 => words(&["BRPOP", &key, seconds]),
        3 | 4 => words(&["RPUSH", &key, pick.token]),
        5 => words(&["LPUSH", &key, pick.token]),
        6 => words(&["LLEN", &key]),
        _ => words(&["LPOP", &key]),
    }]]
}

/// Within a script or a transaction it does not wait; elsewhere it is asked for in two steps.
fn pop(_run: &mut Run) -> Ran {
    Err(Stop::Unmodelled)
}

/// The key that a blocking pop waits for, and whether it pops at the list's end; nothing for other commands and forms.
pub(in crate::model) fn waits_for(command: &[String]) -> Option<(&str, bool)> {
    let [name, key, _seconds] = command else { return None };
    match name.to_ascii_uppercase().as_str() {
        "BLPOP" => Some((key, false)),
        "BRPOP" => Some((key, true)),
        _ => None,
    }
}

/// A blocking pop reaches the server: it waits behind all others, and may be served at once.
pub(in crate::model) fn begin(state: &mut State, who: u64, command: &[String]) -> Result<(), Stop> {
    let (key, back) = waits_for(command).ok_or(Stop::Unmodelled)?;
    match state.list(key) {
        Ok(_) => state.wait(who, key, back),
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
