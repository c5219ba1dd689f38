//! What nodes hold, asked of all of them each time the cluster has settled: a heal after a heal, it should be what it was.

use std::collections::BTreeMap;

use super::super::session::Answer;
use super::census;
use super::line::Scene;
use crate::event::{Body, Said, Topic};
use crate::id::NodeId;
use crate::wire::info::Info;

/// What of the answer is noted.
const NUMBERS: [&str; 11] = [
    "connected_clients",
    "blocked_clients",
    "used_memory",
    "mem_clients_normal",
    "mem_clients_slaves",
    "mem_total_replication_buffers",
    "mem_aof_buffer",
    "mem_cluster_links",
    "rdb_bgsave_in_progress",
    "aof_rewrite_in_progress",
    "connected_slaves",
];
/// How many keys there are is noted under this name.
const KEYS: &str = "keys";
/// And under this one how many commands were called.
const COMMANDS: &str = "commands";

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
            let (topic, said) = (Topic::Resources, noted(census::said(&answer.result)));
            scene.out.note(Body::Account { node, topic, said });
        }
    }
}

/// The numbers of the answer that matter, as a flat list of names and values; an error stays one.
pub(super) fn noted(said: Said) -> Said {
    let Some(info) = said.text().map(Info::parse) else { return said };
    let number = |name| info.number::<i64>(name).ok().map(|number| (name, number));
    let databases = info.sections.get("keyspace").into_iter().flat_map(|databases| databases.values());
    let keys = databases
        .filter_map(|database| database.strip_prefix("keys=")?.split(',').next()?.parse::<i64>().ok());
    let commands = info.sections.get("commandstats").map_or(0, |commands| commands.len() as i64);
    let pairs = NUMBERS.into_iter().filter_map(number).chain([(KEYS, keys.sum()), (COMMANDS, commands)]);
    Said::List(pairs.flat_map(|(name, number)| [Said::Text(name.to_owned()), Said::Number(number)]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_that_matter_are_noted_and_keys_of_all_databases_are_counted() {
        let text = "# Clients\r\nconnected_clients:3\r\nmaxclients:10000\r\n\r\n# Memory\r\nused_memory:1000\r\n\r\n\
                    # Keyspace\r\ndb0:keys=7,expires=1,avg_ttl=0\r\ndb3:keys=2,expires=0,avg_ttl=0\r\n\r\n\
                    # Commandstats\r\ncmdstat_get:calls=1,usec=7\r\n";
        let said = serde_json::to_string(&noted(Said::Text(text.to_owned()))).expect("plain data");
        assert_eq!(said, r#"["connected_clients",3,"used_memory",1000,"keys",9,"commands",1]"#);
        let error = Said::Error { error: "NOPERM".to_owned() };
        assert_eq!(noted(error.clone()), error);
    }
}
