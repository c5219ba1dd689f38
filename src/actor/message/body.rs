//! The line of the log for each message, field by field: what stands in a log is decided here, and not by how a message
//! happens to be written in the code.

use super::{
    Arrival, Arrived, ChaosMessage, ClientMessage, DirectorMessage, Finds, GuestMessage, Message,
    NetworkMessage, NodeMessage, OperatorMessage, ValidatorMessage,
};
use crate::event::{Body, LinkState, Told};
use crate::fault::POWER_LOST;
use crate::id::Host;

impl Arrived {
    fn body(&self) -> Body {
        let state = match &self.arrival {
            Arrival::Data(chunk) => return Body::Deliver { conn: self.conn, len: chunk.bytes.len() as u64 },
            Arrival::Incoming { .. } => LinkState::Incoming,
            Arrival::Connected => LinkState::Connected,
            Arrival::Refused => LinkState::Refused,
            Arrival::TimedOut => LinkState::TimedOut,
            Arrival::Eof => LinkState::Eof,
            Arrival::Reset => LinkState::Reset,
            Arrival::Credit { .. } => LinkState::Credit,
            Arrival::Unheard => LinkState::Unheard,
        };
        Body::Link { conn: self.conn, state }
    }
}

impl NodeMessage {
    fn body(&self) -> Body {
        match self {
            NodeMessage::Start { incarnation } => Body::Start { incarnation: *incarnation },
            NodeMessage::Wipe => Body::Tell { message: Told::Wipe },
            NodeMessage::KeepCopy { op } => Body::Tell { message: Told::KeepCopy { op: *op } },
            NodeMessage::PutBack { op } => Body::Tell { message: Told::PutBack { op: *op } },
            NodeMessage::Install { server } => {
                Body::Tell { message: Told::Install { server: server.clone() } }
            }
            NodeMessage::Wake => Body::Wake,
            NodeMessage::Signal { signal } => Body::Signal { signal: signal.name().to_owned() },
            NodeMessage::Pause => Body::Pause { paused: true },
            NodeMessage::Slow { times_slower } => {
                Body::Tell { message: Told::Slow { times_slower: *times_slower } }
            }
            NodeMessage::Unpause => Body::Pause { paused: false },
            NodeMessage::Exited { status } => Body::Exited { status: status.clone() },
            NodeMessage::Livelock { detail } => Body::Livelock { detail: detail.clone() },
            NodeMessage::Deadlock { detail } => Body::Deadlock { detail: detail.clone() },
            NodeMessage::Log { line } => Body::Log { line: line.clone() },
            NodeMessage::Child { pid, state } => Body::Child { pid: *pid, state: *state },
            NodeMessage::File { call, file } => Body::File { call: *call, file: *file },
            NodeMessage::Saved { epochs } => Body::Saved { epochs: *epochs },
            NodeMessage::Afflict { fault, affliction } => {
                Body::Rule { fault: *fault, on: affliction.is_some() }
            }
            NodeMessage::LosePower { .. } => Body::Signal { signal: POWER_LOST.to_owned() },
            NodeMessage::Lie { lie, about } => Body::Tell { message: Told::Lie { lie: *lie, about: *about } },
            NodeMessage::Lied { lie } => Body::Tell { message: Told::Lied { lie: *lie } },
            NodeMessage::Cease => Body::Tell { message: Told::Cease },
        }
    }
}

impl NetworkMessage {
    fn body(&self) -> Body {
        let message = match self {
            NetworkMessage::SetRule { fault, .. } => return Body::Rule { fault: *fault, on: true },
            NetworkMessage::SetBusRule { fault, .. } => return Body::Rule { fault: *fault, on: true },
            NetworkMessage::ClearRule { fault } => return Body::Rule { fault: *fault, on: false },
            NetworkMessage::Listen { host: Host::Node(node), port } => {
                return Body::Listen { node: *node, port: *port };
            }
            NetworkMessage::Unlisten { host: Host::Node(node), port } => {
                Told::Unlisten { node: *node, port: *port }
            }
            NetworkMessage::Listen { host, port } => Told::HostListens { host: *host, port: *port },
            NetworkMessage::Unlisten { host, port } => Told::HostUnlistens { host: *host, port: *port },
            NetworkMessage::Consumed { from, len } => Told::Consumed { from: from.owner, len: *len },
            NetworkMessage::Dial { from, .. }
            | NetworkMessage::Sent { from, .. }
            | NetworkMessage::Shut { from }
            | NetworkMessage::Closed { from, .. } => Told::Endless { from: from.owner },
            NetworkMessage::Knock { conn } => Told::Knock { conn: *conn },
            NetworkMessage::GiveUp { conn } => Told::GiveUp { conn: *conn },
            NetworkMessage::Silence => Told::Silence,
            NetworkMessage::KeepsAlive { from, how } => {
                Told::KeepsAlive { from: from.owner, patience_ns: how.patience() }
            }
            NetworkMessage::Probe { conn, side } => Told::Probe { conn: *conn, side: *side },
            NetworkMessage::Retransmit { conn, side } => Told::Retransmit { conn: *conn, side: *side },
            NetworkMessage::Again { conn, side, .. } => Told::Again { conn: *conn, side: *side },
            NetworkMessage::Machine { node, lost } => Told::Machine { node: *node, lost: *lost },
            NetworkMessage::Gone { host: Host::Node(node) } => Told::Gone { node: *node },
            NetworkMessage::Gone { host } => Told::HostGone { host: *host },
            NetworkMessage::Cease => Told::Cease,
        };
        Body::Tell { message }
    }
}

impl GuestMessage {
    fn body(&self) -> Body {
        let message = match self {
            GuestMessage::Start => return Body::GuestStart,
            GuestMessage::Started { program, sha256, folder } => {
                let (program, sha256, folder) = (program.clone(), sha256.clone(), folder.clone());
                return Body::GuestProgram { program, sha256, folder };
            }
            GuestMessage::Wake => return Body::Wake,
            GuestMessage::Output { stream, line } => {
                return Body::Output { stream: *stream, line: line.clone() };
            }
            GuestMessage::Child { pid, state } => return Body::Child { pid: *pid, state: *state },
            GuestMessage::Ended { status } => return Body::GuestEnded { status: status.clone() },
            GuestMessage::Begin => Told::Begin,
            GuestMessage::Alarm => Told::Alarm,
            GuestMessage::Cease => Told::Cease,
        };
        Body::Tell { message }
    }
}

impl ChaosMessage {
    fn told(&self) -> Told {
        match self {
            ChaosMessage::Begin => Told::Begin,
            ChaosMessage::Fire { fault } => Told::Fire { fault: *fault },
            ChaosMessage::Heal { fault } => Told::Heal { fault: *fault },
            ChaosMessage::Restart { fault, node } => Told::Restart { fault: *fault, node: *node },
            ChaosMessage::OperationDue { op } => Told::OperationDue { op: *op },
            ChaosMessage::OperationAccepted { op } => Told::OperationAccepted { op: *op },
            ChaosMessage::BusStep { op, step } => Told::BusStep { op: *op, step: *step },
            ChaosMessage::OperationEnded { op } => Told::OperationEnded { op: *op },
            ChaosMessage::Resolved { fault, nodes } => Told::Resolved { fault: *fault, nodes: nodes.clone() },
            ChaosMessage::Seen { fault, nodes } => Told::Seen { fault: *fault, nodes: nodes.clone() },
            ChaosMessage::OperationSeen { op } => Told::OperationSeen { op: *op },
            ChaosMessage::LastCall => Told::LastCall,
            ChaosMessage::Restored { fault } => Told::Restored { fault: *fault },
            ChaosMessage::NodeExited { node, .. } => {
                Told::NodeExited { node: *node, status: None, expected: None }
            }
            ChaosMessage::StartNode { node, finds, server } => {
                let copy = match finds {
                    Finds::Copy(op) => Some(*op),
                    Finds::All | Finds::Nothing => None,
                };
                let empty = *finds == Finds::Nothing;
                Told::StartNode { node: *node, empty, copy, server: server.clone() }
            }
            ChaosMessage::Tick { token } => Told::Tick { token: *token },
            ChaosMessage::Cease => Told::Cease,
        }
    }
}

impl OperatorMessage {
    fn told(&self) -> Told {
        match self {
            OperatorMessage::Form => Told::Form,
            OperatorMessage::Begin => Told::Begin,
            OperatorMessage::Go { op } => Told::Go { op: *op },
            OperatorMessage::Seen { op } => Told::OperationSeen { op: *op },
            OperatorMessage::Missed { ops } => Told::OperationsMissed { ops: ops.clone() },
            OperatorMessage::Resolve { fault, targets } => {
                Told::Resolve { fault: *fault, targets: targets.clone() }
            }
            OperatorMessage::Adjust { fault, node, set } => {
                let set = set.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
                Told::Adjust { fault: *fault, node: *node, set }
            }
            OperatorMessage::Restore { fault } => Told::Restore { fault: *fault },
            OperatorMessage::BusSeen { node, to, summary } => {
                Told::BusSeen { node: *node, to: *to, bus: summary.clone() }
            }
            OperatorMessage::NodeLife { node, alive } => Told::NodeLife { node: *node, alive: *alive },
            OperatorMessage::Tick { token } => Told::Tick { token: *token },
            OperatorMessage::Cease => Told::Cease,
        }
    }
}

impl ClientMessage {
    fn told(&self) -> Told {
        match self {
            ClientMessage::Begin => Told::Begin,
            ClientMessage::Next => Told::Next,
            ClientMessage::Alarm => Told::Alarm,
            ClientMessage::Retry { sequence } => Told::Retry { sequence: *sequence },
            ClientMessage::Stop => Told::Stop,
            ClientMessage::Cease => Told::Cease,
        }
    }
}

impl ValidatorMessage {
    fn told(&self) -> Told {
        match self {
            ValidatorMessage::Begin => Told::Begin,
            ValidatorMessage::Disturbed { why } => Told::Disturbed { why: why.clone() },
            ValidatorMessage::Settle => Told::Settle,
            ValidatorMessage::NodeExited { node, status, expected } => {
                Told::NodeExited { node: *node, status: Some(status.clone()), expected: Some(*expected) }
            }
            ValidatorMessage::NodeStarted { node } => Told::NodeStarted { node: *node },
            ValidatorMessage::NodePaused { node, paused } => {
                Told::NodePaused { node: *node, paused: *paused }
            }
            ValidatorMessage::NodesConf { node, text } => Told::NodesConf { node: *node, text: text.clone() },
            ValidatorMessage::Stirred { nodes } => Told::Stirred { nodes: nodes.iter().copied().collect() },
            ValidatorMessage::Tick { token } => Told::Tick { token: *token },
        }
    }
}

impl DirectorMessage {
    fn told(&self) -> Told {
        match self {
            DirectorMessage::Begin => Told::Begin,
            DirectorMessage::Formed => Told::Formed,
            DirectorMessage::FormationFailed { why } => Told::FormationFailed { why: why.clone() },
            DirectorMessage::OperationsDone => Told::OperationsDone,
            DirectorMessage::FaultsDone => Told::FaultsDone,
            DirectorMessage::ClientDone => Told::ClientDone,
            DirectorMessage::GuestDone => Told::GuestDone,
            DirectorMessage::Judged => Told::Judged,
            DirectorMessage::Overdue => Told::Overdue,
        }
    }
}

impl Message {
    /// The line of the log for this message, as far as it can be said without its receiver's state.
    pub fn body(&self) -> Body {
        let message = match self {
            Message::Arrived(arrived) => return arrived.body(),
            Message::Node(message) => return message.body(),
            Message::Network(message) => return message.body(),
            Message::Guest(message) => return message.body(),
            Message::Chaos(message) => message.told(),
            Message::Operator(message) => message.told(),
            Message::Client(message) => message.told(),
            Message::Validator(message) => message.told(),
            Message::Director(message) => message.told(),
        };
        Body::Tell { message }
    }
}
