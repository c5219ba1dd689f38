//! What a client asked and was told, with what is known of its execution.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Evidence;
use crate::chronicle::replication::{Copied, Cut, Extent, ReignId};
use crate::chronicle::{Execution, Moment};
use crate::history::{Entry, Outcome, Reply, Request, write_digest};
use crate::id::ClientId;
use crate::invariant::promises::synchronised;
use crate::model::{self, Asker, Cells, Clock, Sent, State};
use crate::time::SimTime;
use crate::wire::resp;

/// What of an operation is executed in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// A command that may wait pops, or begins to.
    Begin,
    /// It is told what it popped, or that it did not.
    End,
}

/// One operation that a node executed, or may have.
#[derive(Clone, Debug)]
pub(super) struct Ask<'e> {
    pub entry: &'e Entry,
    pub part: Part,
    pub commands: Vec<Vec<&'e str>>,
    pub conn: u64,
    /// Its connection watches keys of other cells, or may watch none any more.
    pub watches_elsewhere: bool,
    /// Whether it only reads.
    pub only_reads: bool,
    /// The digest under which its last command stands in a stream, if it stands there as the client wrote it.
    pub digest: Option<u64>,
    /// What was replied, command by command; nothing if nobody knows, and then it may not have been executed either.
    pub told: Option<Cow<'e, [Reply]>>,
    /// In which reign it was executed; nothing if the log does not tell.
    pub reign: Option<ReignId>,
    /// What of the reign its node had, if it only copied it.
    pub copied: Option<Copied>,
    pub from: Moment,
    /// Nothing if it may be executed still.
    pub to: Option<Moment>,
}

/// What of an operation was executed in one go each, or may have been.
pub(super) fn asks<'e>(
    evidence: &'e Evidence,
    entry: &'e Entry,
    elsewhere: &BTreeSet<(ClientId, u64)>,
) -> impl Iterator<Item = Ask<'e>> {
    let watches_elsewhere = elsewhere.contains(&(entry.client, entry.sequence));
    let whole = ask(evidence, entry).map(|ask| {
        let watches_elsewhere = ask.watches_elsewhere || watches_elsewhere;
        Ask { watches_elsewhere, ..ask }.parts()
    });
    whole.into_iter().flatten()
}

/// The name of no cell.
const EARLIER: &str = "";

/// Operations over connections that watched other cells when they were asked, or the same one in another reign: a transaction that
/// was lost, or sent elsewhere, leaves a watch behind, and so does a watch that was set though what came with it was refused.
pub(super) fn watches_elsewhere(evidence: &Evidence) -> BTreeSet<(ClientId, u64)> {
    let mut watched: BTreeMap<u64, BTreeSet<(&str, Option<ReignId>)>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for entry in &evidence.history {
        let Request::Call { key, commands } = &entry.request else { continue };
        let says = |word: &str| commands.iter().any(|command| command[0].eq_ignore_ascii_case(word));
        if !says("WATCH") && !says("EXEC") {
            continue;
        }
        let executions = &evidence.chronicle.executions;
        let Some(execution) = executions.of(entry.client, entry.sequence) else { continue };
        let watches = watched.entry(execution.conn).or_default();
        let own = (model::cell_of(key), reign(evidence, execution));
        if watches.iter().any(|watch| *watch != own) {
            found.insert((entry.client, entry.sequence));
        }
        match says("EXEC") {
            true => watches.clear(),
            false => {
                // Since when it watches what it was refused first nobody can say.
                watches.extend(execution.again.then_some((EARLIER, None)));
                watches.insert(own);
            }
        }
    }
    found
}

fn ask<'e>(evidence: &'e Evidence, entry: &'e Entry) -> Option<Ask<'e>> {
    let told = match &entry.outcome {
        Some(Outcome::Fail(_)) => return None,
        Some(Outcome::Ok(value)) => Some(Cow::Owned(vec![plain(&entry.request, value.as_deref())])),
        Some(Outcome::Replied(replies)) => Some(Cow::Borrowed(&replies[..])),
        Some(Outcome::Info(_)) | None => None,
    };
    let commands = commands(&entry.request);
    if commands.iter().any(|command| model::is_of_channel(command)) {
        return None;
    }
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
    let reign = execution.and_then(|execution| reign(evidence, execution));
    let copied = execution.and_then(|execution| execution.data).and_then(|data| match data.extent {
        Extent::Copied(copied) if only_reads || is_refused(&commands, told.as_deref()) => Some(copied),
        _ => None,
    });
    let from = from.unwrap_or(Moment { event: 0, at: entry.invoked_at });
    let conn = execution.map_or(0, |execution| execution.conn);
    // A transaction that was refused while it was queued watches nothing any more (`discardTransaction`).
    let (part, watches_elsewhere) = (Part::Whole, execution.is_some_and(|execution| execution.again));
    let digest = digest(&commands);
    Some(Ask {
        entry,
        part,
        commands,
        conn,
        watches_elsewhere,
        only_reads,
        digest,
        told,
        reign,
        copied,
        from,
        to,
    })
}

/// Whether every write among commands was refused, so that what was told of the others is all that there is to it.
fn is_refused(commands: &[Vec<&str>], told: Option<&[Reply]>) -> bool {
    let is_error = |reply: &Reply| reply.error_code().is_some();
    let is_done = |(command, reply): (&Vec<&str>, &Reply)| {
        model::sent_of(command) != Some(Sent::Nothing) && !is_error(reply)
    };
    told.is_some_and(|told| !commands.iter().zip(told).any(is_done))
}

/// The reign in which an operation was executed: the one that its node had then, or wrote last if that changed meanwhile.
fn reign(evidence: &Evidence, execution: Execution) -> Option<ReignId> {
    let at = execution.to.or(execution.from)?.at;
    let own = || {
        let mut reigns = evidence.chronicle.replication.reigns();
        reigns.rfind(|(_, reign)| reign.node == execution.node && reign.began_at <= at)
    };
    match execution.data {
        Some(Cut { of, extent: Extent::Copied(_) }) => Some(of),
        _ => own().map(|(id, _)| id),
    }
}

/// What a plain operation was replied.
fn plain(request: &Request, value: Option<&str>) -> Reply {
    match (request, value) {
        (Request::Set { .. }, _) => Reply::Status("OK".to_owned()),
        (_, Some(value)) => Reply::Text(value.to_owned()),
        (_, None) => Reply::Nil,
    }
}

fn commands(request: &Request) -> Vec<Vec<&str>> {
    let mut commands = request.commands();
    if let Request::Set { .. } | Request::Get { .. } = request {
        commands[0][1] = model::key_at(commands[0][1]);
    }
    commands
}

/// The digest of an operation of one command in a stream, if it stands there as the client wrote it.
fn digest(commands: &[Vec<&str>]) -> Option<u64> {
    let [command] = commands else { return None };
    match (model::sent_of(command)?, &command[..]) {
        (Sent::Verbatim, [name, key, value, rest @ ..]) if name.eq_ignore_ascii_case("SET") => {
            rest.is_empty().then(|| write_digest(key.as_bytes(), value.as_bytes()))
        }
        (Sent::Verbatim, command) => Some(xxhash_rust::xxh3::xxh3_64(&resp::pack(command))),
        _ => None,
    }
}

impl Ask<'_> {
    /// What of it is executed in one go each.
    fn parts(self) -> impl Iterator<Item = Self> {
        // One that was refused, at once or after it had waited, was never served.
        let refused =
            |told: &[Reply]| matches!(told, [reply] if reply.error_code().is_some_and(model::is_refusal));
        let is_refused = self.told.as_deref().is_some_and(refused);
        let waits = !is_refused && matches!(&self.commands[..], [command] if model::waits(command));
        if !waits || self.told.is_none() && self.to.is_none() {
            return [Some(self), None].into_iter().flatten();
        }
        // What a client left in one turn with what it asked ends after it begins.
        let end = self.to.map(|to| Ask { part: Part::End, from: to.max(self.from), ..self.clone() });
        [Some(Ask { part: Part::Begin, ..self }), end].into_iter().flatten()
    }

    /// Whether other operations may have come between its commands: it is no transaction, and took more than one turn.
    pub fn came_in_pieces(&self) -> bool {
        let is_one = self.commands.len() < 2 || self.commands[0][0].eq_ignore_ascii_case("MULTI");
        !is_one && self.to.is_some_and(|to| to.event > self.from.event)
    }

    /// What was replied, as far as it is known.
    fn replies(&self) -> impl Iterator<Item = &Reply> {
        self.told.as_deref().into_iter().flatten()
    }

    /// A number for it that no other operation has.
    pub fn who(&self) -> u64 {
        u64::from(self.entry.client.0) << 40 | self.entry.sequence
    }

    /// Whether a reply was told at the end of this part.
    pub fn is_told(&self) -> bool {
        self.told.is_some() && self.part != Part::Begin
    }

    /// What a state may become by it; nothing if the model does not know.
    pub fn execute(&self, state: &State, epoch_us: u64) -> Option<Cells> {
        let now = self.clock(epoch_us);
        let asker = Asker { now, conn: self.conn, watches_elsewhere: self.watches_elsewhere };
        let (told, state) = (self.told.as_deref(), state.clone().selecting(self.entry.database));
        let after = match self.part {
            Part::Whole => model::call(state, &self.commands, asker, told)?,
            Part::Begin => model::begin(&state, self.who(), &self.commands[0], now)?,
            Part::End => model::end(&state, self.who(), told.and_then(<[Reply]>::first)),
        };
        match after.iter().all(|state| state.selected() == 0) {
            true => Some(after),
            false => Some(after.into_iter().map(|state| state.selecting(0)).collect()),
        }
    }

    /// The last event at which it can have been executed; never before the first one.
    pub fn until(&self) -> u64 {
        self.to.map_or(u64::MAX, |to| to.event.max(self.from.event))
    }

    /// When it was executed, by its server's clock, for a run whose virtual time begins at `epoch_us`.
    pub fn clock(&self, epoch_us: u64) -> Clock {
        let ms = |at: SimTime| ((epoch_us + at.as_ns() / 1_000) / 1_000) as i64;
        (ms(self.from.at), ms(self.to.map_or(self.from.at, |to| to.at)))
    }

    /// Whether it was told that all before is on its node's disk.
    pub fn is_synchronised(&self) -> bool {
        let told = self.commands.iter().zip(self.replies()).last();
        told.and_then(|(command, reply)| synchronised(command, reply)).is_some_and(|[own, _]| own > 0)
    }

    /// Who asked what and was told what, in words.
    pub fn in_words(&self) -> String {
        let entry = self.entry;
        let by = entry.node.map_or(String::new(), |node| format!(" by {node}"));
        let at = entry.completed_at.unwrap_or(entry.invoked_at);
        let told = self.replies().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        format!("{} #{} at {at} was told {told}{by} for {}", entry.client, entry.sequence, entry.request)
    }
}
