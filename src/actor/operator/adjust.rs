//! Settings that a fault changes in a running server, and that are again what they were once it is healed.
//!
//! The links of the operator are always good: what was lost with a connection is asked again, unless the process is gone, which
//! takes the change along.

use redis::Value;

use super::{Desk, reply};
use crate::actor::message::{ChaosMessage, Message};
use crate::actor::session::{Answer, SessionError};
use crate::fault::FaultId;
use crate::id::{ActorId, NodeId};

/// A change of settings, until it is undone.
#[derive(Debug)]
pub(super) struct Adjust {
    pub fault: FaultId,
    node: NodeId,
    set: Vec<String>,
    /// What they were before, as words of `CONFIG SET`.
    before: Vec<String>,
    stage: Stage,
    /// It is to be undone as soon as it is done.
    is_over: bool,
}

#[derive(Debug, PartialEq)]
enum Stage {
    Reading(u64),
    Setting(u64),
    Set,
    Restoring(u64),
}

impl Adjust {
    /// Begins with the question what the settings are.
    pub fn start(fault: FaultId, node: NodeId, set: &[(&str, String)], desk: &mut Desk) -> Self {
        let names = set.iter().map(|(name, _)| (*name).to_owned());
        let words: Vec<String> = ["CONFIG", "GET"].map(str::to_owned).into_iter().chain(names).collect();
        let stage = Stage::Reading(desk.terminal.ask(node, &words, desk.out));
        let set = set.iter().flat_map(|(name, value)| [(*name).to_owned(), value.clone()]).collect();
        Adjust { fault, node, set, before: Vec::new(), stage, is_over: false }
    }

    /// Undoes it, now or as soon as it is done.
    pub fn undo(&mut self, desk: &mut Desk) {
        self.is_over = true;
        if self.stage == Stage::Set {
            self.restore(desk);
        }
    }

    /// Takes an answer, if it is one of its own; says whether there is nothing more to do.
    pub fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> bool {
        let result = answer.result.as_ref();
        let is_lost = matches!(result, Err(SessionError::Lost(_) | SessionError::NotSent(_)));
        let again = is_lost && !desk.roll.dead.contains(&self.node);
        match self.stage {
            Stage::Reading(tag) if tag == answer.tag => match result.ok().and_then(words_of) {
                Some(before) => {
                    self.before = before;
                    self.stage = Stage::Setting(self.config_set(&self.set, desk));
                    false
                }
                None => self.gone(desk),
            },
            Stage::Setting(tag) if tag == answer.tag && again => {
                self.stage = Stage::Setting(self.config_set(&self.set, desk));
                false
            }
            Stage::Restoring(tag) if tag == answer.tag && again => {
                self.restore(desk);
                false
            }
            Stage::Setting(tag) if tag == answer.tag => {
                self.stage = Stage::Set;
                match result {
                    Err(_) => return self.gone(desk),
                    Ok(_) if self.is_over => self.restore(desk),
                    Ok(_) => {}
                }
                false
            }
            Stage::Restoring(tag) if tag == answer.tag => self.gone(desk),
            _ => false,
        }
    }

    fn restore(&mut self, desk: &mut Desk) {
        self.stage = Stage::Restoring(self.config_set(&self.before, desk));
    }

    fn config_set(&self, words: &[String], desk: &mut Desk) -> u64 {
        let set: Vec<String> =
            ["CONFIG", "SET"].map(str::to_owned).into_iter().chain(words.iter().cloned()).collect();
        desk.terminal.ask(self.node, &set, desk.out)
    }

    /// Nothing is changed any more: chaos may know, if it waits for that.
    fn gone(&mut self, desk: &mut Desk) -> bool {
        if self.is_over {
            tell_restored(self.fault, desk);
        }
        true
    }
}

/// Tells chaos that what a fault changed is what it was.
pub(super) fn tell_restored(fault: FaultId, desk: &mut Desk) {
    desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::Restored { fault }));
}

/// The names and values of an answer to `CONFIG GET`, one after the other.
fn words_of(answer: &Value) -> Option<Vec<String>> {
    match answer {
        Value::Array(words) => words.iter().map(|word| reply::text(word).ok()).collect(),
        _ => None,
    }
}
