//! The kinds of operations, one a line, and what is asked of any of them.

use serde::{Deserialize, Serialize};

use super::confusion::Drawn;
use super::{
    AddReplica, Addslots, Bgrewriteaof, Bgsave, Bumpepoch, ClientKill, ClientPause, Command,
    ConfigurationChange, Delslots, Expect, Failover, Flushslots, Forget, FullResync, Meet, MoveReplica, Op,
    OpId, OpKind, Rebalance, RemoveReplica, Replicate, Reset, Reshard, Restart, RestartEmpty, RestartOldCopy,
    RollingRestart, RollingUpgrade, Save, ScaleIn, ScaleOut, SetConfigEpoch, Setslot, Shutdown, Steps, Typed,
    confusion, is_shutdown, timing,
};
use crate::id::{NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{About, Entry, Form, Key, Layout, Place, Problem, Reader, Renumber, Value, kind_of};
use crate::rng::Stream;

/// Makes the enum of all kinds, and hands every question on to the kind it is about.
macro_rules! catalogue {
    ($($kind:ident),* $(,)?) => {
        /// What an operation does.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        pub enum OpAction {
            $(
                #[doc = concat!("See [`", stringify!($kind), "`].")]
                $kind($kind),
            )*
        }

        $(
            impl From<$kind> for OpAction {
                fn from(kind: $kind) -> Self {
                    OpAction::$kind(kind)
                }
            }
        )*

        /// The names of all kinds.
        const NAMES: &[&str] = &[$($kind::NAME),*];

        fn keys(name: &str) -> Vec<Key> {
            let (own, expects) = match name {
                $($kind::NAME => ($kind::KEYS, $kind::EXPECTS),)*
                _ => (&[][..], false),
            };
            own.iter().copied().chain(expects.then_some(EXPECT)).collect()
        }

        fn read_action(name: &str, reader: &mut Reader) -> Option<OpAction> {
            match name {
                $($kind::NAME => $kind::read(reader).map(OpAction::from),)*
                _ => None,
            }
        }

        fn weights(layout: Layout) -> Vec<(u64, &'static str)> {
            vec![$(($kind::weight(layout), $kind::NAME)),*]
        }

        fn draw_action(name: &str, stream: &mut Stream, layout: Layout) -> Entry {
            match name {
                $($kind::NAME => $kind::draw(stream, layout),)*
                _ => Entry::default(),
            }
        }

        fn steps_of(name: &str) -> Option<Steps> {
            match name {
                $($kind::NAME => $kind::STEPS,)*
                _ => None,
            }
        }

        /// What the reference tells of all kinds.
        pub fn abouts() -> Vec<About> {
            vec![$(About {
                name: $kind::NAME,
                about: $kind::ABOUT,
                keys: keys($kind::NAME),
                example: $kind::EXAMPLE,
            }),*]
        }

        impl OpAction {
            /// Its kind, as in a scenario.
            fn name(&self) -> &'static str {
                match self {
                    $(OpAction::$kind(_) => $kind::NAME,)*
                }
            }

            /// Its kind with what tells it from others of the kind: the mode of a failover, the name of a command.
            pub fn kind(&self) -> String {
                match self {
                    $(OpAction::$kind(kind) => kind.signature(),)*
                }
            }

            /// Its own keys, leaving nothing open.
            pub(super) fn write(&self) -> Entry {
                let own = match self {
                    $(OpAction::$kind(kind) => kind.write(),)*
                };
                Entry::of(self.name()).and(own)
            }

            /// What is planned, for the report.
            pub fn in_words(&self) -> String {
                match self {
                    $(OpAction::$kind(kind) => kind.in_words(),)*
                }
            }

            /// Everybody it names.
            pub fn targets(&self) -> Vec<Target> {
                match self {
                    $(OpAction::$kind(kind) => kind.targets(),)*
                }
            }

            /// Gives everybody it names the number that they have in a smaller cluster.
            pub fn renumber(&mut self, new: &dyn Renumber) {
                match self {
                    $(OpAction::$kind(kind) => kind.renumber(new),)*
                }
            }

            /// The shard it works on, as far as the cluster is as it was laid out.
            pub fn shard(&self, layout: Layout) -> Option<ShardId> {
                match self {
                    $(OpAction::$kind(kind) => kind.shard(layout),)*
                }
            }

            /// The steps that it shows on the cluster bus; nothing if it is no failover.
            pub fn steps(&self) -> Option<Steps> {
                match self {
                    $(OpAction::$kind(kind) => kind.steps(),)*
                }
            }

            /// The shard that gets another primary by it.
            pub fn replaces_primary_of(&self) -> Option<ShardId> {
                match self {
                    $(OpAction::$kind(kind) => kind.replaces_primary_of(),)*
                }
            }

            /// The commands that it types as they stand, if that is all it does.
            pub fn own_typed(&self) -> Vec<Typed<'_>> {
                match self {
                    $(OpAction::$kind(kind) => kind.typed(),)*
                }
            }

            /// The operations that it consists of, one after the other, if that is all it is.
            pub fn parts(&self) -> Vec<OpAction> {
                match self {
                    $(OpAction::$kind(kind) => kind.parts(),)*
                }
            }

            fn own_moves(&self) -> Option<ShardId> {
                match self {
                    $(OpAction::$kind(kind) => kind.moves_slots(),)*
                }
            }

            /// Whether keys of its slots may stay behind at both ends, even if it ends as it should.
            pub fn may_split_slots(&self) -> bool {
                match self {
                    $(OpAction::$kind(kind) => kind.may_split_slots(),)*
                }
            }

            /// The first version of the server that can do it, if older ones cannot.
            pub fn since(&self) -> Option<&'static str> {
                match self {
                    $(OpAction::$kind(kind) => kind.since(),)*
                }
            }

            fn own_installs(&self) -> Option<&str> {
                match self {
                    $(OpAction::$kind(kind) => kind.installs(),)*
                }
            }

            fn own_wipes(&self) -> Vec<NodeId> {
                match self {
                    $(OpAction::$kind(kind) => kind.wipes(),)*
                }
            }

            fn own_shuts_down(&self, layout: Layout) -> Vec<NodeId> {
                match self {
                    $(OpAction::$kind(kind) => kind.shuts_down(layout),)*
                }
            }

            fn own_sends_away(&self, layout: Layout) -> Vec<NodeId> {
                match self {
                    $(OpAction::$kind(kind) => kind.sends_away(layout),)*
                }
            }

            fn own_takes_in(&self) -> Vec<(NodeId, ShardId)> {
                match self {
                    $(OpAction::$kind(kind) => kind.takes_in(),)*
                }
            }
        }
    };
}

catalogue! {
    Failover,
    Command,
    Addslots,
    Bgrewriteaof,
    Bgsave,
    Bumpepoch,
    ClientKill,
    ClientPause,
    ConfigurationChange,
    Delslots,
    Flushslots,
    Forget,
    Meet,
    Replicate,
    Reset,
    Save,
    SetConfigEpoch,
    Setslot,
    Shutdown,
    Restart,
    RestartEmpty,
    RestartOldCopy,
    RollingRestart,
    Reshard,
    Rebalance,
    FullResync,
    RemoveReplica,
    AddReplica,
    ScaleIn,
    MoveReplica,
    ScaleOut,
    RollingUpgrade,
}

impl OpAction {
    /// The failover, if it is one.
    pub fn as_failover(&self) -> Option<&Failover> {
        match self {
            OpAction::Failover(failover) => Some(failover),
            _ => None,
        }
    }

    /// All commands that it and its parts type as they stand.
    pub fn typed(&self) -> Vec<Typed<'_>> {
        let parts = self.parts();
        let of_parts = parts.iter().flat_map(|part| part.typed().into_iter().map(Typed::owned));
        let of_parts: Vec<Typed<'static>> = of_parts.collect();
        self.own_typed().into_iter().chain(of_parts).collect()
    }

    /// The shards whose slots it or its parts give to others.
    pub fn moves_slots(&self) -> Vec<ShardId> {
        let of_parts = self.parts().into_iter().flat_map(|part| part.moves_slots());
        self.own_moves().into_iter().chain(of_parts).collect()
    }

    /// The servers that it or its parts give to nodes.
    pub fn installs(&self) -> Vec<String> {
        let of_parts = self.parts().into_iter().flat_map(|part| part.installs());
        self.own_installs().map(str::to_owned).into_iter().chain(of_parts).collect()
    }

    /// The failovers that it or its parts ask for.
    pub fn failovers(&self) -> Vec<Failover> {
        let of_parts = self.parts().into_iter().flat_map(|part| part.failovers());
        self.as_failover().cloned().into_iter().chain(of_parts).collect()
    }

    /// The nodes that it or its parts tell to end; in a cluster of this shape.
    pub fn shuts_down(&self, layout: Layout) -> Vec<NodeId> {
        let of_parts = self.parts().into_iter().flat_map(|part| part.shuts_down(layout));
        let typed =
            self.own_typed().into_iter().filter(|typed| is_shutdown(&typed.args)).map(|typed| typed.node);
        self.own_shuts_down(layout).into_iter().chain(typed.collect::<Vec<_>>()).chain(of_parts).collect()
    }

    /// The nodes that it, or a part, takes out of the cluster as a whole, so that nobody who stays knows them; in a cluster of this
    /// shape.
    pub fn removes(&self, layout: Layout) -> Vec<NodeId> {
        let of_parts = self.parts().into_iter().flat_map(|part| part.removes(layout));
        self.own_sends_away(layout).into_iter().chain(of_parts).collect()
    }

    /// The nodes that it or its parts take out of the cluster: forget, reset, or start anew with nothing; in a cluster of
    /// this shape.
    pub fn sends_away(&self, layout: Layout) -> Vec<NodeId> {
        let of_parts = self.parts().into_iter().flat_map(|part| part.sends_away(layout));
        let typed: Vec<NodeId> = self.own_typed().iter().filter_map(Typed::sends_away).collect();
        let own = self.own_sends_away(layout).into_iter().chain(self.own_wipes());
        own.chain(typed).chain(of_parts).collect()
    }

    /// The nodes that it or its parts put into a shard, each with the shard.
    pub fn takes_in(&self) -> Vec<(NodeId, ShardId)> {
        let of_parts = self.parts().into_iter().flat_map(|part| part.takes_in());
        self.own_takes_in().into_iter().chain(of_parts).collect()
    }

    /// Whether it may change which nodes there are, to which shard they belong, or who owns which slots.
    pub fn reshapes(&self, layout: Layout) -> bool {
        !self.moves_slots().is_empty() || !self.sends_away(layout).is_empty() || !self.takes_in().is_empty()
    }

    /// The nodes whose data directories it or its parts wipe.
    pub fn wipes(&self) -> Vec<NodeId> {
        let of_parts = self.parts().into_iter().flat_map(|part| part.wipes());
        self.own_wipes().into_iter().chain(of_parts).collect()
    }

    /// Whether one of the commands that it types as they stand is such a one.
    pub fn types(&self, is_one: impl Fn(&Typed) -> bool) -> bool {
        self.typed().iter().any(is_one)
    }
}

/// What a command is to be answered.
const EXPECT: Key = Key::new(
    "expect",
    Form::Text,
    "what it is to be answered: `ok`, `error`, `any`, or how the answer begins; nothing is judged if absent",
);

/// Reads the operation of an entry, drawing what is left open from the streams of `seed`.
pub fn read(id: OpId, entry: (&Value, Place), layout: Layout, seed: u64) -> Result<Op, Vec<Problem>> {
    let (value, place) = entry;
    let name = kind_of(value, &place, "an operation", NAMES).map_err(|problem| vec![problem])?;
    let elsewhere: Vec<&str> = NAMES.iter().flat_map(|name| keys(name)).map(|key| key.name).collect();
    let all = [keys(name), timing::KEYS.to_vec()].concat();
    let reader = Reader::new(name, (value, place), all, &elsewhere, layout);
    let mut reader = reader.drawing(seed, format!("operation {}", id.0));
    let (start, delay_ns) = timing::read(&mut reader);
    let action = read_action(name, &mut reader);
    let expect = reader.text("expect");
    if expect.as_ref().is_some_and(String::is_empty) {
        let advice = "write `ok`, `error`, `any`, or how the answer begins";
        reader.wrong_at("expect", "this expects nothing", advice);
    }
    let problems = reader.into_problems();
    match action {
        Some(action) if problems.is_empty() => {
            Ok(Op { id, start, delay_ns, action, expect: expect.map(Expect::from) })
        }
        _ => Err(problems),
    }
}

/// The steps that an operation of an entry's type can show on the cluster bus, whatever else the entry says.
pub fn steps_of_entry(entry: &Value) -> Option<Steps> {
    entry.get("type").and_then(Value::as_text).and_then(steps_of)
}

/// Draws an operation of the kind of that name; when it starts is not said.
pub fn draw_kind(name: &str, stream: &mut Stream, layout: Layout) -> Entry {
    Entry::of(name).and(draw_action(name, stream, layout))
}

/// Draws the operations of a generated scenario; says of each whether it is a failover.
pub fn draw(seed: u64, layout: Layout) -> (Vec<Value>, Vec<bool>) {
    let stream = |purpose: &str| Stream::new(seed, "generator", purpose);
    let counts = [(35, 1), (30, 2), (20, 3), (10, 4), (5, 5)];
    let count: u64 = stream("operation count").weighted(&counts);
    // One operation in twelve waits for something to be seen: most of that is elections, which need replicas.
    let seen = |number: u64| {
        let mut stream = stream(&format!("operation {number} cue"));
        let is_drawn = layout.replicas > 0 && stream.chance(1, 12);
        is_drawn.then(|| timing::draw_seen(&mut stream, u64::from(layout.node_count())))
    };
    let operation = |number: u64| {
        let mut stream = stream(&format!("operation {number}"));
        let name = stream.weighted(&weights(layout));
        let timing = seen(number).unwrap_or_else(|| timing::draw(&mut stream));
        let own = draw_action(name, &mut stream, layout);
        Drawn { own: Entry::of(name).and(own), timing, is_failover: steps_of(name).is_some() }
    };
    let drawn = confusion::confuse(seed, layout, (1..=count).map(operation).collect());
    drawn.into_iter().map(|op| (op.own.and(op.timing).written(), op.is_failover)).unzip()
}
