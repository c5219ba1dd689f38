//! What a client asked and was told, with what is known of its execution.

use std::borrow::Cow;

use super::Evidence;
use crate::chronicle::Moment;
use crate::chronicle::replication::ReignId;
use crate::history::{Entry, Outcome, Reply, Request, write_digest};
use crate::model::{self, Clock, Sent};
use crate::time::SimTime;
use crate::wire::resp;

/// One operation that a node executed, or may have.
#[derive(Clone, Debug)]
pub(super) struct Ask<'e> {
    pub entry: &'e Entry,
    pub commands: Vec<Cow<'e, [String]>>,
    /// What was replied, command by command; nothing if nobody knows, and then it may not have been executed either.
    pub told: Option<Vec<Reply>>,
    /// In which reign it was executed; nothing if the log does not tell.
    pub reign: Option<ReignId>,
    pub from: Moment,
    /// Nothing if it may be executed still.
    pub to: Option<Moment>,
}

/// The operations of a run that were executed, or may have been.
pub(super) fn asks(evidence: &Evidence) -> impl Iterator<Item = Ask<'_>> {
    evidence.history.iter().filter_map(|entry| ask(evidence, entry))
}

fn ask<'e>(evidence: &'e Evidence, entry: &'e Entry) -> Option<Ask<'e>> {
    let told = match &entry.outcome {
        Some(Outcome::Fail(_)) => return None,
        Some(Outcome::Ok(value)) => Some(vec![plain(&entry.request, value.as_deref())]),
        Some(Outcome::Replied(replies)) => Some(replies.clone()),
        Some(Outcome::Info(_)) | None => None,
    };
    let commands = commands(&entry.request);
    let only_reads = commands.iter().all(|command| model::sent_of(command) == Some(Sent::Nothing));
    let execution = evidence.chronicle.executions.of(entry.client, entry.sequence);
    let (from, to) = match execution {
        Some(execution) => (execution.from, execution.to),
        None if told.is_some() => (None, None),
        None => return None,
    };
    // What never reached its node did nothing, and what only reads changes nothing.
    if told.is_none() && (from.is_none() || only_reads) {
        return None;
    }
    let at = to.or(from).map(|moment| moment.at);
    let reign = execution.zip(at).and_then(|(execution, at)| {
        let mut reigns = evidence.chronicle.replication.reigns();
        let reign = reigns.rfind(|(_, reign)| reign.node == execution.node && reign.began_at <= at);
        reign.map(|(id, _)| id)
    });
    let from = from.unwrap_or(Moment { event: 0, at: entry.invoked_at });
    Some(Ask { entry, commands, told, reign, from, to })
}

/// What a plain operation was replied.
fn plain(request: &Request, value: Option<&str>) -> Reply {
    match (request, value) {
        (Request::Set { .. }, _) => Reply::Status("OK".to_owned()),
        (_, Some(value)) => Reply::Text(value.to_owned()),
        (_, None) => Reply::Nil,
    }
}

fn commands(request: &Request) -> Vec<Cow<'_, [String]>> {
    match request {
        Request::Call { commands, .. } => {
            commands.iter().map(|command| Cow::Borrowed(&command[..])).collect()
        }
        _ => {
            let own = |command: Vec<&str>| Cow::Owned(command.into_iter().map(str::to_owned).collect());
            request.commands().into_iter().map(own).collect()
        }
    }
}

impl Ask<'_> {
    /// The last event at which it can have been executed.
    pub fn until(&self) -> u64 {
        self.to.map_or(u64::MAX, |to| to.event)
    }

    /// When it was executed, by its server's clock, for a run whose virtual time begins at `epoch_us`.
    pub fn clock(&self, epoch_us: u64) -> Clock {
        let ms = |at: SimTime| ((epoch_us + at.as_ns() / 1_000) / 1_000) as i64;
        (ms(self.from.at), ms(self.to.map_or(self.from.at, |to| to.at)))
    }

    /// Whether it only reads.
    pub fn reads(&self) -> bool {
        self.commands.iter().all(|command| model::sent_of(command) == Some(Sent::Nothing))
    }

    /// The digest under which its last command stands in a stream, if it stands there as the client wrote it.
    pub fn digest(&self) -> Option<u64> {
        let [command] = &self.commands[..] else { return None };
        match (model::sent_of(command)?, &command[..]) {
            (Sent::Verbatim, [name, key, value, rest @ ..]) if name.eq_ignore_ascii_case("SET") => {
                rest.is_empty().then(|| write_digest(key.as_bytes(), value.as_bytes()))
            }
            (Sent::Verbatim, command) => Some(xxhash_rust::xxh3::xxh3_64(&resp::pack(command))),
            _ => None,
        }
    }

    /// Who asked what and was told what, in words.
    pub fn in_words(&self) -> String {
        let entry = self.entry;
        let by = entry.node.map_or(String::new(), |node| format!(" by {node}"));
        let at = entry.completed_at.unwrap_or(entry.invoked_at);
        let told = self.told.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        format!("{} #{} at {at} was told {told}{by} for {}", entry.client, entry.sequence, entry.request)
    }
}
