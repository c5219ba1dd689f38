//! What nodes hold, asked of all of them each time the cluster has settled: a heal after a heal, it should be what it was.

use std::collections::BTreeMap;

use super::super::session::Answer;
use super::line::Scene;
use super::told;
use crate::event::{Body, Topic};
use crate::id::NodeId;

/// Questions under way.
#[derive(Debug, Default)]
pub(super) struct Resources {
    open: BTreeMap<u64, NodeId>,
}

impl Resources {
    /// Asks all live nodes.
    pub fn ask(&mut self, scene: &mut Scene) {
        self.open.clear();
        for node in scene.members.live() {
            self.open.insert(scene.ask(node, Topic::Resources.command()), node);
        }
    }

    /// Takes an answer to one of its questions and notes it; others are passed over.
    pub fn answered(&mut self, answer: &Answer, scene: &mut Scene) {
        if let Some(node) = self.open.remove(&answer.tag).filter(|_| answer.is_reply()) {
            let topic = Topic::Resources;
            let said = told::of(topic, &answer.result);
            scene.out.note(Body::Account { node, topic, said });
        }
    }
}
