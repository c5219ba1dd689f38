//! `stranger`: somebody who belongs to nobody dials a node again and again and says what no client or node would.
//!
//! Ports of servers are open to whoever reaches them. What comes in there must neither end a server nor be answered before its
//! sender has logged in, whatever else goes on at that moment.

mod speech;

use serde::{Deserialize, Serialize};

pub use self::speech::{Says, bytes};
use super::{Aim, Effect, FaultKind, LASTS, Swarm, duration};
use crate::id::{BUS_PORT, CLIENT_PORT};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A stranger dials a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// Whom.
    pub target: Target,
    /// At which port.
    pub port: Port,
    /// What is said.
    pub says: Says,
    /// How many connections, one after the other; all at once if nothing is said on them.
    pub connections: u16,
    /// What the words are drawn from.
    pub words: u64,
    /// For how long; they are all closed then.
    pub duration_ns: SimDuration,
}

/// A port of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// The one for clients.
    Client,
    /// The one for other nodes.
    Bus,
}

impl Word for Port {
    const WORDS: &'static [(&'static str, Self)] = &[("client", Port::Client), ("bus", Port::Bus)];
}

impl Port {
    /// Its number.
    pub fn number(self) -> u16 {
        match self {
            Port::Client => CLIENT_PORT,
            Port::Bus => BUS_PORT,
        }
    }
}

/// How many connections there are if that is not said.
const CONNECTIONS: u16 = 20;

impl FaultKind for Stranger {
    const NAME: &'static str = "stranger";
    const ABOUT: &'static str = "Somebody who is neither client nor node dials a node, from 10.2.0.3, and says what no such would. No server may end by it, and with `requirepass` set nobody may be answered but with errors.";
    const KEYS: &'static [Key] = &[
        Key::new(
            "port",
            Form::Word(names::<Port>),
            "the port for `client`s, which holds if absent, or the `bus`",
        ),
        Key::new(
            "says",
            Form::Word(names::<Says>),
            "`junk`, which holds if absent; what is sound and `truncated`; what is `lying` about lengths, counts and types; \
             sound `commands` that only ask, without a login; or nothing (`silent`), so that connections run out",
        ),
        Key::new(
            "connections",
            Form::Whole(1, 1_000),
            "how many, one after the other within the duration (all at once if `silent`); 20 if absent",
        ),
        Key::new(
            "words",
            Form::Whole(0, u32::MAX as u64),
            "what is said is drawn from this number; drawn if absent",
        ),
        LASTS,
    ];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str =
        "type: stranger\nport: bus\nsays: lying\ntarget: primary\nshard: 1\nat: 2\nduration: 8";
    /// Each port is a kind of its own to the swarm.
    const VARIANTS: usize = Port::WORDS.len();

    fn read(reader: &mut Reader) -> Option<Self> {
        let target = target::read(reader);
        let (port, says) =
            (reader.word("port").unwrap_or(Port::Client), reader.word("says").unwrap_or(Says::Junk));
        if (port, says) == (Port::Bus, Says::Commands) {
            reader.wrong_at("says", "nodes take no commands at that port", "write `port: client`");
        }
        let connections = reader.small("connections").unwrap_or(CONNECTIONS);
        let words = reader.whole("words").unwrap_or_else(|| reader.stream("words").bits() >> 32);
        Some(Stranger { target, port, says, connections, words, duration_ns: duration(reader) })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("port", self.port.word()).with("says", self.says.word());
        let own = own.with("connections", self.connections).with("words", self.words);
        own.with("duration", self.duration_ns).and(self.target.write())
    }

    fn draw(variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let (word, port) = Port::WORDS[variant];
        let commands = if port == Port::Client { 1 } else { 0 };
        let says = [
            (2, Says::Junk),
            (2, Says::Truncated),
            (4, Says::Lying),
            (commands, Says::Commands),
            (1, Says::Silent),
        ];
        let says = stream.weighted(&says).word();
        let own = Entry::default().with("port", word).with("says", says);
        let own = own.with("connections", stream.range(5..=60)).with("duration", stream.tenths(10..=100));
        own.and(target::draw(stream, swarm.layout))
    }

    fn in_words(&self) -> String {
        let (port, says) = (self.port.word(), self.says.word());
        format!("Stranger ({}, {port} port, {says}, {})", self.target.in_words(), self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        let Stranger { port, says, connections, words, .. } = *self;
        Effect::Visit { port, says, connections, words }
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }
}
