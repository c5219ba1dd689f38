//! Channels: messages to whoever has subscribed, in the whole cluster or in one shard (`pubsub.c`).
//!
//! No key is touched, so a model of cells has nothing to say of them; who is told what is judged by `invariant::channels`.
//! A client subscribes over connections of their own.

use crate::model::{Expected, Kind, Pick, Ran, Run, rewords, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "channels",
    about: "`PUBLISH` and `SUBSCRIBE` at any primary, `SPUBLISH` and `SSUBSCRIBE` where the channel's slot is",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[
        rewords("SUBSCRIBE", any),
        rewords("SSUBSCRIBE", any),
        rewords("PUBLISH", any),
        rewords("SPUBLISH", any),
    ],
};

/// How many channels there are of each sort at most: few, so that they have subscribers.
const CHANNELS: u64 = 3;

fn draw(pick: &mut Pick) -> Vec<String> {
    let number = pick.choice(CHANNELS.min(pick.cells.max(1)));
    let (news, shard) = (format!("news:{number}"), format!("shard:{number}"));
    match pick.choice(12) {
        0 if pick.may_listen => words(&["SUBSCRIBE", &news]),
        1 if pick.may_listen => words(&["SSUBSCRIBE", &shard]),
        0..=6 => words(&["PUBLISH", &news, pick.token]),
        _ => words(&["SPUBLISH", &shard, pick.token]),
    }
}

fn any(run: &mut Run) -> Ran {
    run.arg(1)?;
    Ok(Expected::Anything)
}

/// Whether a command is about a channel, not a key.
pub(in crate::model) fn is_of_channel<S: AsRef<str>>(command: &[S]) -> bool {
    command
        .first()
        .is_some_and(|name| KIND.rules.iter().any(|rule| name.as_ref().eq_ignore_ascii_case(rule.name)))
}
