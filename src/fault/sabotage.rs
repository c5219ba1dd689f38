//! `sabotage`: a node lies, so that the judge can be proved to see it.
//!
//! Nobody draws it, and nothing excuses what comes of it: to the judge the server itself misbehaves. It is never undone.

use serde::{Deserialize, Serialize};

use super::{Aim, Effect, FaultKind, Lie, Swarm};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A node lies from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sabotage {
    /// Who lies.
    pub target: Target,
    /// The node that the lie is about, if it is about one.
    pub about: Option<Target>,
    /// What the lie is.
    pub lie: Lie,
}

impl FaultKind for Sabotage {
    const NAME: &'static str = "sabotage";
    const ABOUT: &'static str = "From now on, restarts included, the node says what its server did not write, or leaves out what it did: on the bus, to replicas, or to clients. It is for proving that the judge sees it (`valkey-fuzzer self-test`): it is never drawn, never undone, and excuses nothing.";
    const KEYS: &'static [Key] = &[
        Key::new("lie", Form::Word(names::<Lie>), "what it says. Must be there"),
        Key::new("about", Form::Node, "the node that the lie is about, for the lies that need one"),
    ];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str = "type: sabotage\nlie: fail_live\nnode: 1\nabout: 3\nat: 2";
    const VARIANTS: usize = 0;

    fn read(reader: &mut Reader) -> Option<Self> {
        if !reader.has("lie") {
            reader.wrong("it is not said what the lie is", "add `lie: vote_twice`, say");
        }
        let lie: Lie = reader.word("lie")?;
        let about = reader.node("about").map(Target::Node);
        if about.is_none() && needs_another(lie) {
            reader.wrong("it is not said whom the lie is about", "add `about:` with a node's number");
        }
        Some(Sabotage { target: target::read(reader), about, lie })
    }

    fn write(&self) -> Entry {
        let about = self.about.and_then(Target::as_member);
        Entry::default().with("lie", self.lie.word()).maybe("about", about).and(self.target.write())
    }

    fn draw(_variant: usize, _stream: &mut Stream, _swarm: &Swarm) -> Entry {
        Entry::default()
    }

    fn in_words(&self) -> String {
        let about = self.about.map_or(String::new(), |about| format!(" about {}", about.in_words()));
        format!("Sabotage ({}: {}{about})", self.target.in_words(), self.lie.word())
    }

    fn targets(&self) -> Vec<Target> {
        [self.target].into_iter().chain(self.about).collect()
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        [&mut self.target].into_iter().chain(&mut self.about).collect()
    }

    fn can_be_said(&self) -> bool {
        self.target != Target::Clients && self.about.is_none_or(|about| matches!(about, Target::Node(_)))
    }

    fn effect(&self) -> Effect {
        Effect::Lie(self.lie)
    }

    fn lasts(&self) -> SimDuration {
        SimDuration::ZERO
    }
}

/// Whether a lie is about another node.
fn needs_another(lie: Lie) -> bool {
    matches!(
        lie,
        Lie::VoteUnasked
            | Lie::FailLive
            | Lie::DoubtLive
            | Lie::SlotTooMany
            | Lie::ReplicaOf
            | Lie::ForgetLive
            | Lie::WrongMoved
    )
}
