//! What `show` takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::virtual_time;
use crate::commands::show::{Request, View};
use crate::event::{Kind, MessageType, What};
use crate::event_log::Filter;
use crate::fault::Channel;
use crate::id::{ActorId, NodeId};
use crate::time::SimTime;

#[derive(Args)]
pub(super) struct ShowArguments {
    /// The log, plain or compressed, or the folder that holds it.
    log: PathBuf,
    /// Show this event, what led to it, and what it caused.
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["around", "diff", "wanted", "limit"])]
    event: Option<u64>,
    /// Show this event between its neighbours.
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["diff", "wanted", "limit"])]
    around: Option<u64>,
    /// How many neighbours on either side.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "around")]
    context: u64,
    /// Show the first difference from another log, and what led to both sides.
    #[arg(long, value_name = "LOG2", conflicts_with_all = ["wanted", "limit", "json"])]
    diff: Option<PathBuf>,
    #[command(flatten)]
    wanted: Wanted,
    /// Show at most so many events.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Print the log's own lines instead of words.
    #[arg(long)]
    json: bool,
}

/// The events to list. Of a list of values any will do; of several options all must fit.
#[derive(Args)]
#[group(id = "wanted", multiple = true)]
struct Wanted {
    /// Events about this node: delivered to it or told by it, sent or dialled by it or to it, or naming or hitting it.
    #[arg(long, value_name = "NODE", value_delimiter = ',', value_parser = node)]
    node: Vec<NodeId>,
    /// Events delivered to this actor or told by it: node-1, client-2, network, chaos, operator, director, validator.
    #[arg(long, value_name = "ACTOR", value_delimiter = ',')]
    actor: Vec<ActorId>,
    /// Events of this kind.
    #[arg(long, value_enum, value_delimiter = ',')]
    kind: Vec<KindWord>,
    /// Events with this statement, such as sent, deliver, log, exited.
    #[arg(long, value_name = "WORD", value_delimiter = ',', value_parser = what)]
    what: Vec<What>,
    /// What was sent on this channel.
    #[arg(long, value_enum, value_delimiter = ',')]
    channel: Vec<ChannelWord>,
    /// Messages of the cluster bus of this type, such as ping or failover_auth_request.
    #[arg(long, value_name = "TYPE", value_delimiter = ',', value_parser = message)]
    message: Vec<MessageType>,
    /// Events from A on and before B in virtual time, such as 2.5s..4s, ..800ms or 12s.. .
    #[arg(long, value_name = "A..B", value_parser = window)]
    time: Option<Window>,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindWord {
    Decision,
    Effect,
    Observation,
    Verdict,
}

#[derive(Clone, Copy, ValueEnum)]
enum ChannelWord {
    Client,
    Bus,
    Replication,
}

#[derive(Clone, Copy)]
struct Window {
    from: SimTime,
    to: SimTime,
}

impl ShowArguments {
    pub(super) fn resolve(self) -> Request {
        let filter = self.wanted.resolve();
        let lists = filter != Filter::default() || self.limit.is_some() || self.json;
        let view = match (self.event, self.around, self.diff) {
            (Some(i), ..) => View::Event(i),
            (_, Some(event), _) => View::Around { event, context: self.context },
            (.., Some(other)) => View::Diff(other),
            _ if lists => View::Select { filter: Box::new(filter), limit: self.limit },
            _ => View::Summary,
        };
        Request { log: self.log, view, json: self.json }
    }
}

impl Wanted {
    fn resolve(self) -> Filter {
        let kind = |word| match word {
            KindWord::Decision => Kind::Decision,
            KindWord::Effect => Kind::Effect,
            KindWord::Observation => Kind::Observation,
            KindWord::Verdict => Kind::Verdict,
        };
        let channel = |word| match word {
            ChannelWord::Client => Channel::Client,
            ChannelWord::Bus => Channel::Bus,
            ChannelWord::Replication => Channel::Replication,
        };
        let Window { from, to } = self.time.unwrap_or(Window { from: SimTime::ZERO, to: SimTime::NEVER });
        Filter {
            nodes: self.node,
            actors: self.actor,
            kinds: self.kind.into_iter().map(kind).collect(),
            whats: self.what,
            channels: self.channel.into_iter().map(channel).collect(),
            messages: self.message,
            from,
            to,
        }
    }
}

/// A node as `3` or `node-3`.
fn node(text: &str) -> Result<NodeId, String> {
    let number = text.strip_prefix("node-").unwrap_or(text).parse().ok().filter(|n| *n > 0);
    number.map(NodeId).ok_or_else(|| format!("{text} is no node; write 3 or node-3"))
}

fn what(text: &str) -> Result<What, String> {
    let words = What::ALL.map(What::word);
    known(text, &words).map(|word| What::of_word(&word).expect("the word is one of them"))
}

/// A type of message: a known word, or `type_N` for one that only a newer server has.
fn message(text: &str) -> Result<MessageType, String> {
    text.parse().or_else(|_| {
        known(text, &MessageType::NAMES).map(|word| word.parse().expect("the word is one of them"))
    })
}

/// A known word, however it is capitalised; of another one, which it may be meant to be, and which there are.
fn known(text: &str, words: &[&str]) -> Result<String, String> {
    let word = text.to_lowercase().replace('-', "_");
    if words.contains(&word.as_str()) {
        return Ok(word);
    }
    let near = words.iter().map(|known| (strsim::damerau_levenshtein(&word, known), known)).min();
    let meant = match near {
        Some((distance, known)) if distance <= 1 + known.len() / 4 => format!("did you mean {known}? "),
        _ => String::new(),
    };
    Err(format!("{meant}known are {}", words.join(", ")))
}

/// A stretch of virtual time, with both ends or one.
fn window(text: &str) -> Result<Window, String> {
    let no_window = || format!("{text} is no stretch of time; write 2.5s..4s, ..4s or 2.5s..");
    let (from, to) = text.split_once("..").ok_or_else(no_window)?;
    let end = |text: &str, open| if text.trim().is_empty() { Ok(open) } else { virtual_time(text.trim()) };
    let window = Window { from: end(from, SimTime::ZERO)?, to: end(to, SimTime::NEVER)? };
    match window.from <= window.to {
        true => Ok(window),
        false => Err(format!("{text} ends before it begins")),
    }
}
