//! `command`: any command to one node, as an operator or a saboteur would type it.

use serde::{Deserialize, Serialize};

use super::{OpKind, Typed};
use crate::id::{NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Value, directive};
use crate::rng::Stream;

/// A command is typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The node it is sent to.
    pub node: NodeId,
    /// The command's name and arguments; `{node-3}` stands for the cluster node id of node 3.
    pub args: Vec<String>,
}

/// Commands whose first argument says what they do.
const CONTAINERS: [&str; 4] = ["CLIENT", "CLUSTER", "CONFIG", "DEBUG"];

/// Commands that a healthy cluster does not mind, some of them with work in the background.
const DRAWN: [&[&str]; 9] = [
    &["PING"],
    &["CLUSTER", "INFO"],
    &["CLUSTER", "NODES"],
    &["CLUSTER", "SHARDS"],
    &["INFO"],
    &["DBSIZE"],
    &["BGSAVE"],
    &["CONFIG", "SET", "repl-backlog-size", "2097152"],
    &["CONFIG", "SET", "hz", "20"],
];

/// Subcommands of `CLUSTER` that only read.
pub const CLUSTER_READS: [&str; 14] = [
    "info",
    "nodes",
    "shards",
    "slots",
    "links",
    "myid",
    "myshardid",
    "keyslot",
    "slot-stats",
    "help",
    "countkeysinslot",
    "getkeysinslot",
    "replicas",
    "count-failure-reports",
];

impl OpKind for Command {
    const NAME: &'static str = "command";
    const ABOUT: &'static str = "Any command to one node. `{node-3}` in an argument stands for what node 3 calls itself in the cluster.";
    const KEYS: &'static [Key] = &[
        Key::new("node", Form::Node, "the node it is sent to. Must be there"),
        Key::new("args", Form::Texts, "the command's name and arguments. Must be there"),
    ];
    const EXAMPLE: &'static str =
        "type: command\nnode: 3\nargs: [CLUSTER, COUNTKEYSINSLOT, 12182]\nexpect: ok";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        if !reader.has("node") {
            reader.wrong("it is not said which node gets the command", "add `node:`");
        }
        let (node, args) = (reader.node("node"), reader.texts("args").unwrap_or_default());
        if args.is_empty() {
            if reader.raw("args").is_some() || !reader.has("args") {
                reader.wrong("there is no command", "add `args: [PING]`, say");
            }
            return None;
        }
        check(reader, &args);
        Some(Command { node: node?, args })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("args", texts(&self.args))
    }

    fn weight(_layout: Layout) -> u64 {
        2
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let words = stream.pick(&DRAWN).copied().unwrap_or(&["PING"]);
        let node = stream.range(1..=u64::from(layout.node_count()));
        Entry::default().with("node", node).with("args", texts(words))
    }

    fn in_words(&self) -> String {
        format!("Command ({}, {})", self.node, self.args.join(" "))
    }

    fn signature(&self) -> String {
        let words: Vec<String> = self.args.iter().take(2).map(|word| word.to_uppercase()).collect();
        match words.as_slice() {
            [name, what] if CONTAINERS.contains(&name.as_str()) => format!("command {name} {what}"),
            [name, ..] => format!("command {name}"),
            [] => "command".to_owned(),
        }
    }

    fn targets(&self) -> Vec<Target> {
        let numbers = self.args.iter().flat_map(|argument| nodes_named(argument));
        let named = numbers.filter_map(|number| number.parse().ok()).map(NodeId);
        [self.node].into_iter().chain(named).map(Target::Node).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
        for argument in &mut self.args {
            *argument = renumber_nodes(argument, |node| new.node(node));
        }
    }

    fn shard(&self, layout: Layout) -> Option<ShardId> {
        Some(layout.shard_of(self.node))
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        vec![Typed { node: self.node, args: (&self.args).into(), sign: None }]
    }
}

fn texts<T: AsRef<str>>(args: &[T]) -> Vec<Value> {
    args.iter().map(|argument| argument.as_ref().into()).collect()
}

/// `{node-3}` is filled in only if there is a node 3, and what must not stand in the configuration must not come in by
/// `CONFIG SET` either.
fn check(reader: &mut Reader, args: &[String]) {
    if let [config, set, pairs @ ..] = args
        && config.eq_ignore_ascii_case("config")
        && set.eq_ignore_ascii_case("set")
    {
        for pair in pairs.chunks_exact(2) {
            if let Some(reason) = directive::refusal(&pair[0], &pair[1]) {
                reader.wrong_at("args", format!("a scenario must not set `{}`", pair[0]), reason);
            }
        }
    }
    let count = reader.layout.node_count();
    for (index, argument) in args.iter().enumerate() {
        let exists = |name: &&str| (1..=count).any(|node| node.to_string() == **name);
        for name in nodes_named(argument).filter(|name| !exists(name)) {
            let advice = format!("the nodes are 1 to {count}");
            reader.wrong_in("args", index, format!("there is no node {name}"), advice);
        }
    }
}

/// Whether a command tells its node to end.
pub fn is_shutdown(args: &[String]) -> bool {
    let says = |word: &str| args.iter().any(|argument| argument.eq_ignore_ascii_case(word));
    args.first().is_some_and(|name| name.eq_ignore_ascii_case("SHUTDOWN")) && !says("ABORT")
}

/// The numbers in every `{node-3}` of a command's argument, as they are written.
fn nodes_named(argument: &str) -> impl Iterator<Item = &str> {
    let numbers = argument.split("{node-").skip(1).filter_map(|rest| rest.split_once('}'));
    numbers
        .map(|(number, _)| number)
        .filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A command's argument with the nodes that it names numbered anew.
fn renumber_nodes(argument: &str, new: impl Fn(NodeId) -> NodeId) -> String {
    let named: Vec<&str> = nodes_named(argument).collect();
    let mut parts = argument.split("{node-");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let number =
            named.iter().find(|number| part.strip_prefix(**number).is_some_and(|rest| rest.starts_with('}')));
        match number.and_then(|number| Some((number, number.parse().ok()?))) {
            Some((number, node)) => format!("{text}{{{}{}", new(NodeId(node)), &part[number.len()..]),
            None => format!("{text}{{node-{part}"),
        }
    })
}
