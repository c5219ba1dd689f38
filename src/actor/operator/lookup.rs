//! One look at the cluster: some node's view of it.
//!
//! Nodes are asked one after the other until one answers that holds the cluster for healthy; if none does, any view
//! will do. A node that does not answer soon is passed over, as it may be paused.

use std::collections::VecDeque;

use super::Desk;
use super::reply;
use crate::actor::session::Answer;
use crate::id::NodeId;
use crate::time::SimDuration;
use crate::wire::cluster_nodes::ClusterNodes;
use crate::wire::info::ClusterInfo;

/// How long a node may take to answer.
const ANSWER_WITHIN: SimDuration = SimDuration::from_ms(500);

/// A look that is being taken.
#[derive(Debug)]
pub(super) struct Lookup {
    /// Who can still be asked.
    left: VecDeque<NodeId>,
    asking: Option<Asking>,
    /// A view of a node that does not hold the cluster for healthy.
    spare: Option<ClusterNodes>,
}

#[derive(Debug)]
struct Asking {
    nodes: u64,
    info: u64,
    timer: u64,
    view: Option<ClusterNodes>,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It goes on.
    NotYet,
    /// Somebody's view, unless nobody answered.
    Seen(Option<ClusterNodes>),
}

impl Lookup {
    /// Begins. It may be over at once, if nobody lives.
    pub fn start(desk: &mut Desk) -> (Self, Found) {
        let mut lookup = Lookup { left: desk.roll.living().collect(), asking: None, spare: None };
        let found = lookup.next(desk);
        (lookup, found)
    }

    /// Takes an answer, if it is one of its own.
    pub fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Found {
        let text = answer.result.as_ref().ok().and_then(|value| reply::text(value).ok());
        match &mut self.asking {
            Some(asking) if asking.nodes == answer.tag => {
                asking.view = text.and_then(|text| ClusterNodes::parse(&text).ok());
                if asking.view.is_some() { Found::NotYet } else { self.next(desk) }
            }
            Some(asking) if asking.info == answer.tag => {
                let healthy =
                    text.and_then(|text| ClusterInfo::parse(&text).ok()).is_some_and(|info| info.ok);
                match asking.view.take_if(|_| healthy) {
                    Some(view) => self.seen(Some(view), desk),
                    None => self.next(desk),
                }
            }
            _ => Found::NotYet,
        }
    }

    /// Takes a timer that is due, if it is one of its own.
    pub fn ticked(&mut self, token: u64, desk: &mut Desk) -> Found {
        match &self.asking {
            Some(asking) if asking.timer == token => self.next(desk),
            _ => Found::NotYet,
        }
    }

    fn next(&mut self, desk: &mut Desk) -> Found {
        let view = self.asking.take().and_then(|asking| asking.view);
        self.spare = self.spare.take().or(view);
        let Some(node) = self.left.pop_front() else {
            let spare = self.spare.take();
            return self.seen(spare, desk);
        };
        self.asking = Some(Asking {
            nodes: desk.terminal.ask(node, &["CLUSTER", "NODES"], desk.out),
            info: desk.terminal.ask(node, &["CLUSTER", "INFO"], desk.out),
            timer: desk.terminal.set_timer(ANSWER_WITHIN, "lookup: ask another", desk.out),
            view: None,
        });
        Found::NotYet
    }

    fn seen(&mut self, view: Option<ClusterNodes>, desk: &mut Desk) -> Found {
        self.asking = None;
        if let Some(view) = &view {
            desk.roll.last = Some(view.clone());
        }
        Found::Seen(view)
    }
}
