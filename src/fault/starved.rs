//! `starved`: a server may use less memory than it does, or keeps less for its replicas than they need.
//!
//! The limits are lowered in the running server with `CONFIG SET`, and at the heal they are what they were. A process that is
//! started meanwhile has those of its configuration.

use serde::{Deserialize, Serialize};

use super::{Aim, Effect, FaultKind, LASTS, Swarm, duration};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A server is short of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starved {
    /// Who.
    pub target: Target,
    /// Of what.
    pub of: Resource,
    /// What a server that is short of memory does about it.
    pub policy: Policy,
    /// How much memory it may use, in kibibytes.
    pub to_kib: u64,
    /// For how long.
    pub duration_ns: SimDuration,
}

/// What a server can be short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// `maxmemory`.
    Memory,
    /// `client-output-buffer-limit` of replicas, and `repl-backlog-size`.
    Replication,
}

impl Word for Resource {
    const WORDS: &'static [(&'static str, Self)] =
        &[("memory", Resource::Memory), ("replication", Resource::Replication)];
}

macro_rules! policies {
    ($($policy:ident $word:literal,)*) => {
        /// A value of `maxmemory-policy`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Policy {
            $(#[doc = concat!("`", $word, "`.")] #[serde(rename = $word)] $policy,)*
        }

        impl Word for Policy {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Policy::$policy)),*];
        }
    };
}

policies! {
    Noeviction "noeviction",
    AllkeysLru "allkeys-lru",
    AllkeysLfu "allkeys-lfu",
    AllkeysRandom "allkeys-random",
    VolatileLru "volatile-lru",
    VolatileLfu "volatile-lfu",
    VolatileRandom "volatile-random",
    VolatileTtl "volatile-ttl",
}

/// How much memory it may use if that is not said: about what a server with nothing uses.
const TO_KIB: u64 = 2_000;
/// What a replica may be behind, and what is kept for one that comes back.
const REPLICATION: [(&str, &str); 2] =
    [("client-output-buffer-limit", "replica 65536 32768 1"), ("repl-backlog-size", "16384")];

impl FaultKind for Starved {
    const NAME: &'static str = "starved";
    const ABOUT: &'static str = "A running server may use less memory than it does, or keeps less for replicas than they need, until the heal or the end of its process. What it evicts meanwhile is lost.";
    const KEYS: &'static [Key] = &[
        Key::new(
            "of",
            Form::Word(names::<Resource>),
            "`memory` (`maxmemory`), which holds if absent, or `replication` (output buffers of 64 KiB and a backlog of 16)",
        ),
        Key::new(
            "policy",
            Form::Word(names::<Policy>),
            "what it evicts when it is short of memory; `noeviction`, which refuses writes, if absent",
        ),
        Key::new("to_kib", Form::Whole(1, 1_000_000), "how much memory it may use, in KiB; 2000 if absent"),
        LASTS,
    ];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str =
        "type: starved\nof: memory\npolicy: allkeys-lru\ntarget: primary\nshard: 1\nat: 2\nduration: 5";
    /// Each resource is a kind of its own to the swarm.
    const VARIANTS: usize = Resource::WORDS.len();

    fn read(reader: &mut Reader) -> Option<Self> {
        let target = target::read(reader);
        let of = reader.word("of").unwrap_or(Resource::Memory);
        for key in ["policy", "to_kib"] {
            if of != Resource::Memory && reader.has(key) {
                reader.wrong_at(key, "the server is not short of memory", "write `of: memory`");
            }
        }
        Some(Starved {
            target,
            of,
            policy: reader.word("policy").unwrap_or(Policy::Noeviction),
            to_kib: reader.whole("to_kib").unwrap_or(TO_KIB),
            duration_ns: duration(reader),
        })
    }

    fn write(&self) -> Entry {
        let is_memory = self.of == Resource::Memory;
        let own = Entry::default().with("of", self.of.word());
        let own = own.maybe("policy", is_memory.then(|| self.policy.word()));
        let own = own.maybe("to_kib", is_memory.then_some(self.to_kib));
        own.with("duration", self.duration_ns).and(self.target.write())
    }

    fn draw(variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let (word, of) = Resource::WORDS[variant];
        let is_memory = of == Resource::Memory;
        // Where keys are evicted, little can be judged; so most refuse writes.
        let policies = [(3, Policy::Noeviction), (1, Policy::AllkeysLru), (1, Policy::AllkeysRandom)];
        let policy = stream.weighted(&policies).word();
        let own = Entry::default().with("of", word).maybe("policy", is_memory.then_some(policy));
        own.with("duration", stream.tenths(10..=80)).and(target::draw(stream, swarm.layout))
    }

    fn in_words(&self) -> String {
        let policy = match self.of {
            Resource::Memory => format!(", {}", self.policy.word()),
            Resource::Replication => String::new(),
        };
        format!("Starved ({}, {}{policy}, {})", self.target.in_words(), self.of.word(), self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        let set = match self.of {
            Resource::Memory => vec![
                ("maxmemory", (self.to_kib * 1024).to_string()),
                ("maxmemory-policy", self.policy.word().to_owned()),
            ],
            Resource::Replication => REPLICATION.map(|(name, value)| (name, value.to_owned())).to_vec(),
        };
        Effect::Set(set)
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }
}
