//! `reshard`: slots move from one shard to another, key by key or all at once.

use serde::{Deserialize, Serialize};

use super::recipients::title;
use super::{OpKind, SLOTS, Slots};
use crate::id::ShardId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Word, names, slots_value};
use crate::rng::Stream;
use crate::time::SimDuration;

/// Slots move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reshard {
    /// The shard whose primary gives them away.
    pub from: ShardId,
    /// The shard whose primary gets them.
    pub to: ShardId,
    /// Which slots.
    pub which: Which,
    /// How.
    pub method: Method,
    /// How long after its begin the operator stops it in order; never if absent.
    pub cancel_after_ns: Option<SimDuration>,
    /// How long after its begin the operator loses the shell; never if absent.
    pub abandon_after_ns: Option<SimDuration>,
    /// How long a slot that moves key by key stays open before its keys go over, and again after; no longer than needed if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_for_ns: Option<SimDuration>,
}

/// Which slots move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// So many, the lowest that the source owns when it begins.
    Count(u16),
    /// These, as far as the source owns them.
    These(Slots),
}

/// How slots move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// At once where the server can, key by key where it cannot.
    Any,
    /// `CLUSTER SETSLOT` and `MIGRATE`, key by key, under load.
    Legacy,
    /// `CLUSTER MIGRATESLOTS` (from 9.0).
    Atomic,
}

impl Word for Method {
    const WORDS: &'static [(&'static str, Self)] =
        &[("any", Method::Any), ("legacy", Method::Legacy), ("atomic", Method::Atomic)];
}

/// The most slots that are moved by count.
const COUNT_MAX: u64 = 1_024;

impl Reshard {
    /// One that goes on to its end without a pause.
    pub fn plain(from: ShardId, to: ShardId, which: Which, method: Method) -> Self {
        Reshard { from, to, which, method, cancel_after_ns: None, abandon_after_ns: None, open_for_ns: None }
    }
}

impl OpKind for Reshard {
    const NAME: &'static str = "reshard";
    const ABOUT: &'static str = "Slots move from the primary of one shard to that of another while clients go on: all at once with `CLUSTER MIGRATESLOTS`, or slot by slot with `CLUSTER SETSLOT` and `MIGRATE`. A step that fails is tried again for a minute, at whoever leads the shards by then. It is done once the target owns the slots.";
    const KEYS: &'static [Key] = &[
        Key::new("from", Form::Shard, "the shard that gives slots away. Must be there"),
        Key::new("to", Form::Shard, "the shard that gets them. Must be there"),
        Key::new(
            "count",
            Form::Whole(1, COUNT_MAX),
            "how many slots, the lowest that the source owns; 16 if neither this nor `slots` is there",
        ),
        SLOTS,
        Key::new(
            "method",
            Form::Word(names::<Method>),
            "`legacy`: key by key; `atomic`: all at once; `any`, which holds if absent: at once where the server can",
        ),
        Key::new(
            "cancel_after",
            Form::Seconds,
            "seconds after which it is stopped in order; never if absent",
        ),
        Key::new(
            "abandon_after",
            Form::Seconds,
            "seconds after which nothing more is done, as if the operator had lost the shell; never if absent",
        ),
        Key::new(
            "open_for",
            Form::Seconds,
            "seconds for which each slot that moves key by key stays open before its keys go over, and again after: who asks meanwhile for a key that is over is sent after it with `ASK`; no longer than needed if absent",
        ),
    ];
    const EXAMPLE: &'static str = "type: reshard\nfrom: 1\nto: 2\ncount: 20\nmethod: legacy\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        for key in ["from", "to"] {
            if !reader.has(key) {
                reader.wrong(format!("it is not said {key} which shard"), format!("add `{key}:`"));
            }
        }
        if reader.has("count") && reader.has("slots") {
            reader.wrong_at("count", "there are slots too", "keep `count` or `slots`");
        }
        if reader.has("cancel_after") && reader.has("abandon_after") {
            reader.wrong_at("cancel_after", "it is abandoned too", "keep `cancel_after` or `abandon_after`");
        }
        let (from, to) = (reader.shard("from")?, reader.shard("to")?);
        if from == to {
            reader.wrong_at("to", "slots move to where they are", "name another shard");
        }
        let count = || Which::Count(reader.small("count").unwrap_or(16));
        Some(Reshard {
            from,
            to,
            which: reader.slots("slots").map_or_else(count, Which::These),
            method: reader.word("method").unwrap_or(Method::Any),
            cancel_after_ns: reader.seconds("cancel_after"),
            abandon_after_ns: reader.seconds("abandon_after"),
            open_for_ns: reader.seconds("open_for"),
        })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("from", self.from).with("to", self.to);
        let own = match &self.which {
            Which::Count(count) => own.with("count", *count),
            Which::These(slots) => own.with("slots", slots_value(slots)),
        };
        let own = own.with("method", self.method.word());
        let own =
            own.maybe("cancel_after", self.cancel_after_ns).maybe("abandon_after", self.abandon_after_ns);
        own.maybe("open_for", self.open_for_ns)
    }

    fn weight(_layout: Layout) -> u64 {
        4
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let shards: Vec<u64> = (1..=u64::from(layout.shards)).collect();
        let from = stream.pick(&shards).copied().unwrap_or(1);
        let others: Vec<u64> = shards.into_iter().filter(|shard| *shard != from).collect();
        let own = Entry::default().with("from", from).maybe("to", stream.pick(&others).copied());
        let own = own.with("count", stream.weighted(&[(3, 4_u64), (3, 16), (2, 64)]));
        let method = stream.weighted(&[(2, None), (1, Some(Method::Legacy.word()))]);
        let cancel = stream.chance(1, 8).then(|| stream.range(0..=500) as f64 / 1000.0);
        own.maybe("method", method).maybe("cancel_after", cancel)
    }

    fn in_words(&self) -> String {
        let which = match &self.which {
            Which::Count(count) => format!("{count} slots"),
            Which::These(slots) => {
                let word = |(first, last): &(u16, u16)| match first == last {
                    true => first.to_string(),
                    false => format!("{first}-{last}"),
                };
                format!("slots {}", slots.iter().map(word).collect::<Vec<_>>().join(", "))
            }
        };
        let method = self.method.word();
        format!("{} ({which} from {} to {}, {method})", title(Self::NAME), self.from, self.to)
    }

    fn signature(&self) -> String {
        format!("{} {}", Self::NAME, self.method.word())
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Primary(self.from), Target::Primary(self.to)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        (self.from, self.to) = (new.shard(self.from), new.shard(self.to));
    }

    fn moves_slots(&self) -> Option<ShardId> {
        Some(self.from)
    }

    fn may_split_slots(&self) -> bool {
        self.abandon_after_ns.is_some()
    }

    fn since(&self) -> Option<&'static str> {
        (self.method == Method::Atomic).then_some("9.0")
    }
}
