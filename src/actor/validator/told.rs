//! Answers as the log has them.

use redis::Value;

use super::super::session::SessionError;
use crate::event::{Said, Topic};
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

/// An answer on a topic.
pub(super) fn of(topic: Topic, result: &Result<Value, SessionError>) -> Said {
    match topic {
        Topic::Resources => noted(said(result)),
        _ => said(result),
    }
}

/// An answer, whatever it is about.
pub(super) fn said(result: &Result<Value, SessionError>) -> Said {
    match result {
        Ok(value) => plain(value),
        Err(error) => Said::Error { error: error.to_string() },
    }
}

fn plain(value: &Value) -> Said {
    match value {
        Value::Nil => Said::Nothing,
        Value::Int(number) => Said::Number(*number),
        Value::BulkString(bytes) => Said::Text(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Said::Text(text.clone()),
        Value::Okay => Said::Text("OK".to_owned()),
        Value::Array(parts) | Value::Set(parts) => Said::List(parts.iter().map(plain).collect()),
        Value::Map(pairs) => {
            Said::List(pairs.iter().flat_map(|(name, value)| [plain(name), plain(value)]).collect())
        }
        other => Said::Text(format!("{other:?}")),
    }
}

/// The numbers of the answer that matter, as a flat list of names and values; an error stays one.
fn noted(said: Said) -> Said {
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
