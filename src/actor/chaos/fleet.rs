//! What chaos knows of the machines: which processes live, which it paused, which hosts there are, and whom strangers visit.

use std::collections::{BTreeMap, BTreeSet};

use super::visits::Visits;
use crate::fault::FaultId;
use crate::id::{ClientId, Host, NodeId};
use crate::plan::Plan;

/// All hosts that faults may touch, and the processes on them.
#[derive(Debug)]
pub(super) struct Fleet {
    nodes: BTreeMap<NodeId, Process>,
    clients: u16,
    /// Connections of strangers.
    pub visits: Visits,
}

/// A node's process.
#[derive(Debug)]
struct Process {
    alive: bool,
    /// Which start this is, from 1; the first is the director's, if it is no spare node's.
    incarnation: u32,
    /// How many faults pause it.
    pauses: u32,
    /// It ended by itself, and was not started since.
    fell: bool,
    /// Its machine is gone.
    lost: bool,
    /// How many times slower faults make its machine.
    slowed: BTreeMap<FaultId, u64>,
}

impl Fleet {
    pub fn new(plan: &Plan) -> Self {
        let layout = plan.cluster.layout();
        let process = |node: NodeId| {
            let alive = !layout.is_spare(node);
            Process {
                alive,
                incarnation: u32::from(alive),
                pauses: 0,
                lost: false,
                fell: false,
                slowed: BTreeMap::new(),
            }
        };
        let clients = plan.workload.as_ref().map_or(0, |workload| workload.clients);
        let nodes = layout.hosts().map(|node| (node, process(node))).collect();
        Fleet { nodes, clients, visits: Visits::default() }
    }

    fn process(&mut self, node: NodeId) -> &mut Process {
        self.nodes.get_mut(&node).expect("only nodes of the plan are hit")
    }

    pub fn is_alive(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|process| process.alive)
    }

    pub fn incarnation(&self, node: NodeId) -> u32 {
        self.nodes.get(&node).map_or(0, |process| process.incarnation)
    }

    /// A process ended; what paused it ended with it.
    pub fn ended(&mut self, node: NodeId, expected: bool) {
        let process = self.process(node);
        process.alive = false;
        process.pauses = 0;
        process.fell = !expected;
    }

    /// A process is started again; gives its incarnation.
    pub fn started(&mut self, node: NodeId) -> u32 {
        let process = self.process(node);
        process.alive = true;
        process.fell = false;
        process.incarnation += 1;
        process.incarnation
    }

    /// Whether the process ended by itself, and nobody started it since.
    pub fn has_fallen(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|process| process.fell)
    }

    /// A fault makes a machine so many times slower, or does no more; gives how slow it is now.
    pub fn slow(&mut self, node: NodeId, fault: FaultId, times: Option<u64>) -> u64 {
        let slowed = &mut self.process(node).slowed;
        match times {
            Some(times) => slowed.insert(fault, times),
            None => slowed.remove(&fault),
        };
        slowed.values().copied().max().unwrap_or(1)
    }

    /// The machine of a process goes.
    pub fn lose(&mut self, node: NodeId) {
        self.process(node).lost = true;
    }

    /// The machine is there; says whether it was gone.
    pub fn find_again(&mut self, node: NodeId) -> bool {
        std::mem::take(&mut self.process(node).lost)
    }

    /// One more fault pauses the process; says whether it ran before.
    pub fn pause(&mut self, node: NodeId) -> bool {
        let process = self.process(node);
        process.pauses += 1;
        process.pauses == 1
    }

    /// One fault less pauses the process; says whether it runs now.
    pub fn unpause(&mut self, node: NodeId) -> bool {
        let process = self.process(node);
        process.pauses = process.pauses.saturating_sub(1);
        process.pauses == 0
    }

    pub fn clients(&self) -> impl Iterator<Item = Host> + use<> {
        (1..=self.clients).map(|n| Host::Client(ClientId(n)))
    }

    /// Every host but these; the operator's and the validator's are never among them.
    pub fn everyone_but(&self, some: &BTreeSet<Host>) -> BTreeSet<Host> {
        let all = self.nodes.keys().map(|node| Host::Node(*node)).chain(self.clients());
        all.filter(|host| !some.contains(host)).collect()
    }
}
