//! Forms the cluster, as a person with `valkey-cli` would: wait, name, meet, replicate, look.
//!
//! Each stage is a list of tasks, one command to one node each. All of them are asked at once, and those that failed are
//! asked again after a pause: first one of them, and the others once that one is done, so that neither the round trips
//! nor the questions grow with the cluster while it takes its time. A stage is over when none of its tasks is open;
//! whatever goes wrong, an instant comes at which it is given up.

mod check;

use std::collections::BTreeMap;

use redis::Value;

use self::check::Check;
use super::terminal::Terminal;
use crate::actor::Out;
use crate::actor::session::Answer;
use crate::id::{CLIENT_PORT, Host, NodeId};
use crate::plan::{ClusterPlan, Formation};
use crate::time::SimDuration;

/// After this long without a cluster it is given up.
const FORM_WITHIN: SimDuration = SimDuration::from_secs(120);
/// How many open tasks a failure tells of.
const TOLD_MAX: usize = 5;

/// A cluster on its way.
#[derive(Debug)]
pub(super) struct Form {
    cluster: ClusterPlan,
    stage: Stage,
    tasks: Vec<Task>,
    /// The tasks that were asked and not answered, by the numbers of the asks.
    asked: BTreeMap<u64, usize>,
    /// Only the first task was asked, in place of all.
    first_alone: bool,
    ids: BTreeMap<NodeId, String>,
    retry: u64,
    deadline: u64,
}

/// How far a cluster has come, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Servers start.
    Answer,
    /// Each says its name and is given an epoch and its slots, unless it started with them.
    Prepare,
    /// Node 1 is told of all others.
    Meet,
    /// Gossip tells everyone of everyone.
    Know,
    /// Replicas are told their primaries.
    Replicate,
    /// Everybody sees the cluster that was asked for.
    Settle,
}

#[derive(Debug)]
struct Task {
    node: NodeId,
    args: Vec<String>,
    check: Check,
    /// Why it is still open; nothing once it is done.
    trouble: Option<String>,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forming {
    /// It goes on.
    Working,
    /// The cluster is formed; its nodes have these names.
    Formed(BTreeMap<NodeId, String>),
    /// It was given up, and this was missing.
    Failed(String),
}

impl Form {
    /// Begins.
    pub fn start(cluster: ClusterPlan, terminal: &mut Terminal, out: &mut Out) -> Self {
        let deadline = terminal.set_timer(FORM_WITHIN, "form: give up", out);
        let (tasks, asked, ids) = Default::default();
        let mut form =
            Form { cluster, stage: Stage::Answer, tasks, asked, first_alone: false, ids, retry: 0, deadline };
        form.tasks = form.tasks_of(Stage::Answer);
        form.ask_all(terminal, out);
        form
    }

    /// Takes an answer, if it is one of its own.
    pub fn answered(&mut self, answer: &Answer, terminal: &mut Terminal, out: &mut Out) -> Forming {
        let Some(index) = self.asked.remove(&answer.tag) else {
            return Forming::Working;
        };
        let verdict = match &answer.result {
            Ok(reply) => self.judge(index, reply),
            Err(error) => self.tasks[index].check.forgive(&error.to_string()),
        };
        self.tasks[index].trouble = verdict.err();
        if self.asked.is_empty() { self.end_round(terminal, out) } else { Forming::Working }
    }

    /// Takes a timer that is due, if it is one of its own.
    pub fn ticked(&mut self, token: u64, terminal: &mut Terminal, out: &mut Out) -> Forming {
        if token == self.deadline {
            return Forming::Failed(self.missing());
        }
        if token == self.retry {
            self.ask_first(1, terminal, out);
        }
        Forming::Working
    }

    fn judge(&mut self, index: usize, reply: &Value) -> Result<(), String> {
        let Task { node, check, .. } = &self.tasks[index];
        if *check == Check::Name {
            self.ids.insert(*node, super::reply::text(reply)?);
            return Ok(());
        }
        check.judge(reply, &self.cluster, &self.ids)
    }

    fn end_round(&mut self, terminal: &mut Terminal, out: &mut Out) -> Forming {
        let before = self.tasks.len();
        self.tasks.retain(|task| task.trouble.is_some());
        let first_is_done = self.first_alone && self.tasks.len() < before;
        while self.tasks.is_empty() {
            let Some(next) = self.stage.next(self.cluster.formation) else {
                return Forming::Formed(self.ids.clone());
            };
            self.stage = next;
            self.tasks = self.tasks_of(next);
            self.ask_all(terminal, out);
        }
        if self.asked.is_empty() && first_is_done {
            self.ask_all(terminal, out);
        } else if self.asked.is_empty() {
            self.retry = terminal.set_timer(self.stage.pause(), "form: ask again", out);
        }
        Forming::Working
    }

    fn ask_all(&mut self, terminal: &mut Terminal, out: &mut Out) {
        self.ask_first(self.tasks.len(), terminal, out);
    }

    /// Asks the first so many open tasks.
    fn ask_first(&mut self, count: usize, terminal: &mut Terminal, out: &mut Out) {
        self.first_alone = count < self.tasks.len();
        for (index, task) in self.tasks.iter().enumerate().take(count) {
            self.asked.insert(terminal.ask(task.node, &task.args, out), index);
        }
    }

    fn tasks_of(&self, stage: Stage) -> Vec<Task> {
        match stage {
            Stage::Meet => self.cluster.nodes().skip(1).map(meet).collect(),
            _ => self.cluster.nodes().flat_map(|node| self.tasks_at(stage, node)).collect(),
        }
    }

    fn tasks_at(&self, stage: Stage, node: NodeId) -> Vec<Task> {
        let shard = self.cluster.shard_of(node);
        let primary = self.cluster.first_primary(shard);
        let is_replica = primary != node;
        let task = |args: &[&str], check| Task::new(node, args, check);
        match stage {
            Stage::Answer => vec![task(&["PING"], Check::Pong)],
            Stage::Prepare => self.preparation(node, is_replica),
            Stage::Know => vec![task(&["CLUSTER", "NODES"], Check::Members)],
            Stage::Replicate if is_replica => {
                let id = self.ids.get(&primary).expect("every node said its name before");
                vec![task(&["CLUSTER", "REPLICATE", id], Check::Done)]
            }
            Stage::Settle => {
                let link = is_replica.then(|| task(&["INFO", "replication"], Check::Linked));
                let views =
                    [task(&["CLUSTER", "NODES"], Check::Layout), task(&["CLUSTER", "INFO"], Check::Healthy)];
                views.into_iter().chain(link).collect()
            }
            Stage::Meet | Stage::Replicate => Vec::new(),
        }
    }

    fn preparation(&self, node: NodeId, is_replica: bool) -> Vec<Task> {
        let mut tasks = vec![Task::new(node, &["CLUSTER", "MYID"], Check::Name)];
        if self.cluster.formation == Formation::Preset {
            return tasks;
        }
        let epoch = node.0.to_string();
        tasks.push(Task::new(node, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch], Check::DoneOnce));
        if !is_replica {
            let (first, last) = self.cluster.slots_of(self.cluster.shard_of(node));
            let args = ["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()];
            tasks.push(Task::new(node, &args, Check::DoneOnce));
        }
        tasks
    }

    /// What is still open, for a person.
    fn missing(&self) -> String {
        let open: Vec<&Task> = self.tasks.iter().filter(|task| task.trouble.is_some()).collect();
        let told: Vec<String> = open.iter().take(TOLD_MAX).map(|task| task.tell()).collect();
        let more = open.len().saturating_sub(TOLD_MAX);
        let and = if more > 0 { format!("; and {more} more") } else { String::new() };
        let s = FORM_WITHIN.as_secs_f64();
        format!("after {s} s {}: {}{and}", self.stage.tell(), told.join("; "))
    }
}

fn meet(other: NodeId) -> Task {
    let address = Host::Node(other).address().to_string();
    Task::new(NodeId(1), &["CLUSTER", "MEET", &address, &CLIENT_PORT.to_string()], Check::Done)
}

impl Task {
    fn new(node: NodeId, args: &[&str], check: Check) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Task { node, args, check, trouble: Some("no answer".to_owned()) }
    }

    fn tell(&self) -> String {
        let trouble = self.trouble.as_deref().unwrap_or("done");
        format!("{} {}: {trouble}", self.node, self.args.join(" "))
    }
}

impl Stage {
    fn next(self, formation: Formation) -> Option<Stage> {
        match self {
            Stage::Answer => Some(Stage::Prepare),
            Stage::Prepare if formation == Formation::Preset => Some(Stage::Settle),
            Stage::Prepare => Some(Stage::Meet),
            Stage::Meet => Some(Stage::Know),
            Stage::Know => Some(Stage::Replicate),
            Stage::Replicate => Some(Stage::Settle),
            Stage::Settle => None,
        }
    }

    /// How long to wait before open tasks are asked again.
    fn pause(self) -> SimDuration {
        SimDuration::from_ms(if self == Stage::Answer { 50 } else { 100 })
    }

    fn tell(self) -> &'static str {
        match self {
            Stage::Answer => "not every node answers",
            Stage::Prepare => "not every node is prepared",
            Stage::Meet => "node-1 was not told of all others",
            Stage::Know => "not every node knows all others",
            Stage::Replicate => "not every replica was told its primary",
            Stage::Settle => "the cluster is not what was asked for",
        }
    }
}
