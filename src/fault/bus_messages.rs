//! `bus_messages`: chosen messages of the cluster bus are lost, late, held, or not what was sent.
//!
//! What a network may do to a TCP connection is drawn by the generator; what it may not do (another order, a copy, other
//! bytes) is for scenarios that mean it, and the judge is told.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::bus_rule::{Age, BusAct, BusRule, Dialler, Says};
use super::{Aim, Effect, FaultKind, LASTS, LatencyRange, Swarm, duration, latency_value};
use crate::event::MessageType;
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Value, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// Messages of the bus are not simply delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusMessages {
    /// Who sends them; anybody if empty.
    pub from: Vec<Target>,
    /// Whom to; anybody if empty.
    pub to: Vec<Target>,
    /// Which they are, and what becomes of them.
    pub rule: BusRule,
    /// For how long.
    pub duration_ns: SimDuration,
}

/// A replay comes so much later if nothing is said.
const REPLAY_AFTER: SimDuration = SimDuration::from_secs(1);

impl FaultKind for BusMessages {
    const NAME: &'static str = "bus_messages";
    const ABOUT: &'static str = "Chosen messages of the cluster bus are lost, late, held, or not what was sent. A rule that no message \
                                 matched is reported as one that never fired.";
    const KEYS: &'static [Key] = &[
        Key::new(
            "do",
            Form::Word(names::<BusAct>),
            "what becomes of them: `drop`; `reset` the connection instead; `delay` by `delay_ms`; `hold` until the end, with what follows on the connection. What no network may do to TCP: `duplicate`, `swap` with the next one, `replay` a second time after `after`, `flip` a bit, `truncate`, `lie` about the length. Must be there",
        ),
        Key::new("types", Form::Words(names::<MessageType>), "their types; all of them if absent"),
        Key::new(
            "from",
            Form::Nodes,
            "who sends them, by number; the target is, if that is given, else anybody",
        ),
        Key::new("to", Form::Nodes, "whom to, by number; anybody if absent"),
        Key::new(
            "dialled_by",
            Form::Word(names::<Dialler>),
            "which of a pair's two connections, by the side that dialled it; either if absent",
        ),
        Key::new(
            "says",
            Form::Words(names::<Says>),
            "what the message says, all of these: the sender is a `primary` or a `replica`, sees the `cluster_down`, has `paused` its clients for a hand-over, asks by force (`forced`), `doubts` somebody, owns a slot that the receiver owns too (`receivers_slots`)",
        ),
        Key::new(
            "epoch",
            Form::Word(names::<Age>),
            "the message's current epoch, against what the receiver said last",
        ),
        Key::new(
            "config_epoch",
            Form::Word(names::<Age>),
            "the message's config epoch, against what the receiver said last",
        ),
        Key::new(
            "nth",
            Form::Whole(1, 1_000_000),
            "the first that is hit of those that match, from 1; 1 if absent",
        ),
        Key::new("count", Form::Whole(1, 1_000_000), "how many are hit from then on; all if absent"),
        Key::new(
            "percent",
            Form::Whole(1, 100),
            "how many of a hundred of those are hit, drawn one by one; 100 if absent",
        ),
        Key::new("delay_ms", Form::Latency, "how much later they arrive, for `delay`; each draws its own"),
        Key::new("after", Form::Duration, "seconds until they come once more, for `replay`; 1 if absent"),
        LASTS,
    ];
    const AIM: Aim = Aim::Links;
    const EXAMPLE: &'static str =
        "type: bus_messages\ndo: drop\ntypes: [failover_auth_ack]\nto: [2]\nat: 2\nduration: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        let from = senders(reader);
        let mut to = nodes(reader, "to");
        if from.len() == 1 && from == to {
            if reader.has("node") || reader.has("from") {
                reader.wrong_at("to", "a node sends itself nothing", "name another node");
            }
            // A sender that was left to chance may turn out to be the receiver.
            to.clear();
        }
        let rule = rule(reader)?;
        Some(BusMessages { from, to, rule, duration_ns: duration(reader) })
    }

    fn write(&self) -> Entry {
        let whom = match self.from.as_slice() {
            [role] if role.role_of().is_some() => role.write(),
            nodes => Entry::default().maybe("from", written_nodes(nodes)),
        };
        let own = whom.maybe("to", written_nodes(&self.to)).and(written_rule(&self.rule));
        own.with("duration", self.duration_ns)
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let acts = [(3, BusAct::Delay), (3, BusAct::Hold), (2, BusAct::Reset), (3, BusAct::Drop)];
        let act = stream.weighted(&acts);
        let own = Entry::default().with("do", act.word()).maybe("types", drawn_types(act, stream));
        let delays = [(3, (20.0, 200.0)), (3, (200.0, 1000.0)), (1, (1000.0, 4000.0))];
        let delay = (act == BusAct::Delay).then(|| latency_value(stream.weighted(&delays)));
        let whom = match stream.chance(1, 3) {
            true => target::draw(stream, swarm.layout),
            false => Entry::default(),
        };
        let to = Value::from(stream.range(1..=u64::from(swarm.layout.node_count())));
        let is_to_one = stream.chance(1, 3) && whom.get("node") != Some(&to);
        let count = stream.chance(1, 3).then(|| stream.range(1..=6));
        let percent = stream.chance(1, 4).then(|| stream.range(2..=9) * 10);
        let dialled = stream.weighted(&[(6, None), (1, Some(Dialler::From)), (1, Some(Dialler::To))]);
        own.maybe("delay_ms", delay)
            .and(whom)
            .maybe("to", is_to_one.then(|| vec![to]))
            .maybe("dialled_by", dialled.map(Dialler::word))
            .maybe("count", count)
            .maybe("percent", percent)
            .with("duration", stream.tenths(10..=120))
    }

    fn in_words(&self) -> String {
        let (from, to) = (all(&self.from), all(&self.to));
        format!("Bus Messages ({}; {from} to {to}, {})", self.rule.in_words(), self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        self.from.iter().chain(&self.to).copied().collect()
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        self.from.iter_mut().chain(&mut self.to).collect()
    }

    fn can_be_said(&self) -> bool {
        let are_nodes = |side: &[Target]| side.iter().all(|one| matches!(one, Target::Node(_)));
        let is_role = matches!(self.from.as_slice(), [one] if one.role_of().is_some());
        (is_role || are_nodes(&self.from)) && are_nodes(&self.to)
    }

    fn effect(&self) -> Effect {
        Effect::Bus { from: self.from.len(), both_ways: false, rule: self.rule.clone() }
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }
}

fn senders(reader: &mut Reader) -> Vec<Target> {
    let is_aimed = ["target", "shard", "node"].iter().any(|key| reader.has(key));
    if is_aimed && reader.has("from") {
        reader.wrong_at("from", "there are a target and senders", "keep the target, or `from`");
    }
    match is_aimed {
        true => vec![target::read(reader)],
        false => nodes(reader, "from"),
    }
}

fn nodes(reader: &mut Reader, key: &str) -> Vec<Target> {
    let nodes = reader.nodes(key);
    if nodes.as_ref().is_some_and(Vec::is_empty) {
        reader.wrong_at(key, "nobody is named", format!("leave `{key}` out to mean anybody"));
    }
    nodes.unwrap_or_default().into_iter().map(Target::Node).collect()
}

fn rule(reader: &mut Reader) -> Option<BusRule> {
    if !reader.has("do") {
        reader.wrong("it is not said what becomes of the messages", "add `do: drop`, say");
    }
    let act: BusAct = reader.word("do")?;
    let says: Vec<Says> = reader.words("says").unwrap_or_default();
    check(reader, act, &says);
    let delay = reader.latency("delay_ms").map(|(min_ns, max_ns)| LatencyRange { min_ns, max_ns });
    let after = reader.seconds("after").unwrap_or(REPLAY_AFTER);
    Some(BusRule {
        types: reader.words("types").unwrap_or_default(),
        dialled_by: reader.word("dialled_by"),
        says,
        epoch: reader.word("epoch"),
        config_epoch: reader.word("config_epoch"),
        nth: reader.whole("nth").unwrap_or(1),
        count: reader.whole("count"),
        percent: reader.whole("percent").unwrap_or(100),
        act,
        delay: delay.filter(|_| act == BusAct::Delay),
        after_ns: (act == BusAct::Replay).then_some(after),
    })
}

/// What two keys say together.
fn check(reader: &mut Reader, act: BusAct, says: &[Says]) {
    for (key, wanted) in [("delay_ms", BusAct::Delay), ("after", BusAct::Replay)] {
        if reader.has(key) && act != wanted {
            let advice = format!("write `do: {}`, or no `{key}`", wanted.word());
            reader.wrong_at(key, format!("messages are not to {}", wanted.word()), advice);
        }
    }
    if act == BusAct::Delay && !reader.has("delay_ms") {
        reader.wrong("it is not said how late", "add `delay_ms: {min: 100, max: 500}`, say");
    }
    if says.contains(&Says::Primary) && says.contains(&Says::Replica) {
        reader.wrong_at("says", "no sender is both a primary and a replica", "keep one of them");
    }
    if reader.words::<MessageType>("types").is_some_and(|types| types.is_empty()) {
        reader.wrong_at("types", "no type is named", "leave `types` out to mean all of them");
    }
}

fn written_rule(rule: &BusRule) -> Entry {
    let types: Vec<Value> = rule.types.iter().map(|one| one.to_string().into()).collect();
    let says: Vec<Value> = rule.says.iter().map(|one| one.word().into()).collect();
    Entry::default()
        .with("do", rule.act.word())
        .maybe("types", types.is_empty().not().then_some(types))
        .maybe("dialled_by", rule.dialled_by.map(Dialler::word))
        .maybe("says", says.is_empty().not().then_some(says))
        .maybe("epoch", rule.epoch.map(Age::word))
        .maybe("config_epoch", rule.config_epoch.map(Age::word))
        .with("nth", rule.nth)
        .maybe("count", rule.count)
        .with("percent", rule.percent)
        .maybe("delay_ms", rule.delay.map(LatencyRange::written))
        .maybe("after", rule.after_ns)
}

fn written_nodes(nodes: &[Target]) -> Option<Vec<Value>> {
    let nodes: Vec<Value> = nodes.iter().filter_map(|node| node.as_member()).collect();
    nodes.is_empty().not().then_some(nodes)
}

/// Types to draw. Only what elections, failures and hand-overs can bear to lose is lost without its connection.
fn drawn_types(act: BusAct, stream: &mut Stream) -> Option<Vec<Value>> {
    let lost: [(u64, &[&str]); 5] = [
        (3, &["failover_auth_ack"]),
        (2, &["failover_auth_request"]),
        (2, &["fail"]),
        (2, &["update"]),
        (1, &["mfstart"]),
    ];
    let others: [(u64, &[&str]); 8] = [
        (3, &[]),
        (2, &["pong"]),
        (1, &["ping"]),
        (2, &["failover_auth_ack"]),
        (1, &["failover_auth_request"]),
        (1, &["fail"]),
        (1, &["update"]),
        (1, &["failover_auth_request", "failover_auth_ack", "mfstart"]),
    ];
    let types = if act == BusAct::Drop { stream.weighted(&lost) } else { stream.weighted(&others) };
    types.is_empty().not().then(|| types.iter().map(|name| Value::from(*name)).collect())
}

fn all(side: &[Target]) -> String {
    match side {
        [] => "anybody".to_owned(),
        all => all.iter().map(|one| one.in_words()).collect::<Vec<_>>().join(" and "),
    }
}
