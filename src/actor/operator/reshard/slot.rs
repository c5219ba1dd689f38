//! One slot moves key by key: both sides hold it open, its keys go over in batches, and then it changes its owner.
//!
//! The order is that of `valkey-cli` (`clusterManagerMoveSlot`): the target learns first that the slot is its own.

use redis::Value;

use super::{Ends, failed, said};
use crate::actor::operator::Desk;
use crate::actor::session::{Answer, SessionError};
use crate::id::{CLIENT_PORT, Host, NodeId};
use crate::op::Ending;
use crate::time::SimDuration;

/// How many keys go over at once.
const BATCH: &str = "10";
/// How long a batch may take, in milliseconds.
const MIGRATE_MS: &str = "5000";

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Moved {
    /// It goes on.
    NotYet,
    /// The cluster took it on.
    Begun,
    /// What was under way is through.
    Done,
    /// It was stopped in order.
    Cancelled,
    /// The server does not know the command.
    Lacks,
    /// A step failed.
    Failed(Ending, String),
}

/// A slot on its way.
#[derive(Debug)]
pub(super) struct SlotMove {
    slot: u16,
    step: Step,
    /// The database whose keys go over, and whether any did since the first.
    database: u16,
    found: bool,
    /// For how long it stays open before its keys go over, and again before it changes its owner; until it does.
    open_for: [Option<SimDuration>; 2],
    /// The question that is open, or the timer until the next.
    tag: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Importing,
    Migrating,
    Keys,
    Migrate,
    Open,
    TargetOwns,
    SourceGaveAway,
}

impl SlotMove {
    /// Begins at the target.
    pub fn start(ends: Ends, slot: u16, open_for: Option<SimDuration>, desk: &mut Desk) -> Self {
        let mut moving = SlotMove {
            slot,
            step: Step::Importing,
            database: 0,
            found: false,
            open_for: [open_for; 2],
            tag: 0,
        };
        moving.set_slot(Step::Importing, (ends.target, "IMPORTING", ends.source), desk);
        moving
    }

    /// Takes an answer, if it is its own.
    pub fn answered(&mut self, ends: Ends, answer: &Answer, desk: &mut Desk) -> Moved {
        if answer.tag != self.tag {
            return Moved::NotYet;
        }
        if let Err((ending, text)) = said(answer)
            && !self.is_gone_already(answer)
        {
            return Moved::Failed(ending, text);
        }
        let Ends { source, target } = ends;
        match self.step {
            Step::Importing => self.set_slot(Step::Migrating, (source, "MIGRATING", target), desk),
            Step::Migrating => {
                match self.open_for[0] {
                    Some(open_for) => self.wait(open_for, desk),
                    None => self.ask_for_keys(source, desk),
                }
                return Moved::Begun;
            }
            Step::Keys => match keys(answer) {
                keys if keys.is_empty() => self.emptied(ends, desk),
                keys => {
                    self.found = true;
                    self.migrate(ends, keys, desk);
                }
            },
            Step::Open => return Moved::NotYet,
            Step::Migrate => self.ask_for_keys(source, desk),
            Step::TargetOwns => self.set_slot(Step::SourceGaveAway, (source, "NODE", target), desk),
            Step::SourceGaveAway => return Moved::Done,
        }
        Moved::NotYet
    }

    /// The keys of a database are over, and the next one's follow, until nothing is left in any. Then the slot stays open for a while, or
    /// changes its owner at once.
    fn emptied(&mut self, Ends { source, target }: Ends, desk: &mut Desk) {
        let databases = desk.roll.cluster.databases;
        let is_last = self.database + 1 >= databases;
        if databases > 1 && (!is_last || self.found) {
            self.found &= !is_last;
            self.database = if is_last { 0 } else { self.database + 1 };
            return self.ask_for_keys(source, desk);
        }
        self.database = 0;
        match self.open_for[1].take() {
            Some(open_for) => self.wait(open_for, desk),
            None => self.set_slot(Step::TargetOwns, (target, "NODE", target), desk),
        }
    }

    fn wait(&mut self, open_for: SimDuration, desk: &mut Desk) {
        self.step = Step::Open;
        self.tag = desk.terminal.set_timer(open_for, "reshard: leave the slot open", desk.out);
    }

    /// It was open for its time: what the source has by now goes over.
    pub fn ticked(&mut self, ends: Ends, token: u64, desk: &mut Desk) {
        if self.step == Step::Open && self.tag == token {
            self.ask_for_keys(ends.source, desk);
        }
    }

    /// The source may have learnt from the target already that the slot is not its own any more.
    fn is_gone_already(&self, answer: &Answer) -> bool {
        let lost = |error: &SessionError| matches!(error, SessionError::Server(_));
        self.step == Step::SourceGaveAway && answer.result.as_ref().is_err_and(lost)
    }

    fn set_slot(&mut self, step: Step, (node, state, peer): (NodeId, &str, NodeId), desk: &mut Desk) {
        let (slot, peer) = (self.slot.to_string(), desk.roll.fill_in(&format!("{{{peer}}}")));
        self.step = step;
        self.tag = desk.terminal.ask(node, &["CLUSTER", "SETSLOT", &slot, state, &peer], desk.out);
    }

    fn ask_for_keys(&mut self, source: NodeId, desk: &mut Desk) {
        let slot = self.slot.to_string();
        self.step = Step::Keys;
        self.ask_within(source, &["CLUSTER", "GETKEYSINSLOT", &slot, BATCH], desk);
    }

    /// Asks within the database, and leaves the connection in the first one.
    fn ask_within<A: AsRef<[u8]>>(&mut self, source: NodeId, args: &[A], desk: &mut Desk) {
        let select = |database: u16, desk: &mut Desk| {
            desk.terminal.ask(source, &["SELECT", &database.to_string()], desk.out)
        };
        if self.database > 0 {
            select(self.database, desk);
        }
        self.tag = desk.terminal.ask(source, args, desk.out);
        if self.database > 0 {
            select(0, desk);
        }
    }

    fn migrate(&mut self, ends: Ends, keys: Vec<Vec<u8>>, desk: &mut Desk) {
        let (ip, port) = (Host::Node(ends.target).address().to_string(), CLIENT_PORT.to_string());
        let database = self.database.to_string();
        let fixed = ["MIGRATE", &ip, &port, "", &database, MIGRATE_MS, "REPLACE"];
        let login = desk.roll.cluster.password().map(|password| ["AUTH", password]);
        let words = fixed.into_iter().chain(login.into_iter().flatten()).chain(["KEYS"]);
        let args: Vec<Vec<u8>> = words.map(|word| word.as_bytes().to_vec()).chain(keys).collect();
        self.step = Step::Migrate;
        self.ask_within(ends.source, &args, desk);
    }
}

/// The keys that an answer lists.
fn keys(answer: &Answer) -> Vec<Vec<u8>> {
    let Ok(Value::Array(values)) = &answer.result else { return Vec::new() };
    let bytes = |value: &Value| match value {
        Value::BulkString(bytes) => Some(bytes.clone()),
        _ => None,
    };
    values.iter().filter_map(bytes).collect()
}

/// A failed step that says nothing of the server's refusal is one of the connection.
pub(super) fn trouble(answer: &Answer) -> Option<(Ending, String)> {
    answer.result.as_ref().err().map(|error| failed(answer.node, error))
}
