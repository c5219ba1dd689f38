//! What each live node says of itself and of the cluster, asked in one go: no time passes for a node between one answer
//! and the next, so what contradicts itself there contradicts itself in the server.
//!
//! The node's `nodes.conf` is read before and after. It changes with every save (it has clocks in it), so a file that is
//! the same both times is what the node had on its disk while it answered. If it is not, the node is asked once more.

use std::collections::BTreeMap;

use super::super::Act;
use super::super::session::Answer;
use super::line::Scene;
use super::told;
use crate::event::{Body, Said, Topic};
use crate::id::NodeId;
use crate::wire::cluster_links::{self, Links};

/// How often a node is asked at most.
const TRIES: u32 = 3;

/// A census under way.
#[derive(Debug, Default)]
pub(super) struct Census {
    open: BTreeMap<u64, (NodeId, Topic)>,
    files: BTreeMap<NodeId, File>,
    ids: BTreeMap<NodeId, String>,
    links: BTreeMap<NodeId, Links>,
}

/// How far a node's file was read.
#[derive(Debug)]
struct File {
    tries: u32,
    step: Step,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It is read before the questions.
    Before,
    /// Questions are open, and this is what stood in it.
    Asking(Option<String>),
    /// It is read after the answers, to be compared with this.
    After(Option<String>),
    Done,
}

impl Census {
    /// Begins at all live nodes.
    pub fn begin(scene: &mut Scene) -> Self {
        let nodes = scene.members.live();
        for node in &nodes {
            scene.out.act(Act::ReadNodesConf { node: *node });
        }
        let begun = |node| (node, File { tries: 1, step: Step::Before });
        Census { files: nodes.into_iter().map(begun).collect(), ..Census::default() }
    }

    /// A node's file was read.
    pub fn read(&mut self, node: NodeId, text: Option<String>, scene: &mut Scene) {
        let Some(file) = self.files.get_mut(&node) else { return };
        match &file.step {
            Step::Before => {
                file.step = Step::Asking(text);
                self.ask(node, scene);
            }
            Step::After(before) if *before != text && file.tries < TRIES => {
                file.tries += 1;
                file.step = Step::Asking(text);
                self.ask(node, scene);
            }
            Step::After(_) => file.step = Step::Done,
            Step::Asking(_) | Step::Done => {}
        }
    }

    fn ask(&mut self, node: NodeId, scene: &mut Scene) {
        let words = |topic: Topic| topic.command().iter().map(|word| word.as_bytes().to_vec()).collect();
        let tags = scene.ask_all(node, Topic::ASKED.into_iter().map(words).collect());
        self.open.extend(tags.into_iter().zip(Topic::ASKED.map(|topic| (node, topic))));
    }

    /// Takes an answer to one of its questions and notes it; others are passed over.
    pub fn answered(&mut self, answer: &Answer, scene: &mut Scene) {
        let Some((node, topic)) = self.open.remove(&answer.tag) else { return };
        if answer.is_reply() {
            let said = told::of(topic, &answer.result);
            self.hear(node, topic, &said);
            scene.out.note(Body::Account { node, topic, said });
        }
        if self.open.values().all(|(open, _)| *open != node) {
            self.has_answered(node, scene);
        }
    }

    fn hear(&mut self, node: NodeId, topic: Topic, said: &Said) {
        match topic {
            Topic::Id => self.ids.extend(said.text().map(|id| (node, id.to_owned()))),
            Topic::Links => self.links.extend(cluster_links::parse(said).map(|links| (node, links))),
            _ => {}
        }
    }

    /// Whether everybody who answered has a link from everybody else. A view does not tell: who dials says that it is
    /// connected before the other end has heard of it.
    pub fn is_calm(&self) -> bool {
        self.links.iter().all(|(node, links)| {
            let others =
                self.ids.iter().filter(|(other, _)| *other != node && self.links.contains_key(other));
            others.into_iter().all(|(_, id)| links.from.contains(id))
        })
    }

    fn has_answered(&mut self, node: NodeId, scene: &mut Scene) {
        let file = self.files.get_mut(&node).expect("only its nodes are asked");
        if let Step::Asking(before) = &mut file.step {
            file.step = Step::After(before.take());
            scene.out.act(Act::ReadNodesConf { node });
        }
    }

    /// Whether nothing is left to wait for.
    pub fn is_done(&self) -> bool {
        self.files.values().all(|file| file.step == Step::Done)
    }

    /// Who was asked and did not answer everything yet.
    pub fn unanswered(&self) -> impl Iterator<Item = NodeId> {
        self.open.values().map(|(node, _)| *node)
    }
}
