//! `INFO` and `CLUSTER INFO`: `key:value` lines in sections, and the typed parts that judgements rest on.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::Role;

/// The answer of `INFO` or `CLUSTER INFO`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Values by key, by the section's name in lower case; what stands before any section is in section "".
    pub sections: BTreeMap<String, BTreeMap<String, String>>,
}

/// A key that is not there, or whose value is something else than it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// The server does not say it.
    #[error("no `{0}` in info")]
    Missing(&'static str),
    /// The server says something that is not understood.
    #[error("`{key}` in info is `{value}`")]
    Bad { key: &'static str, value: String },
}

impl Info {
    /// Reads the text. Lines that are neither a section's name nor `key:value` are skipped.
    pub fn parse(text: &str) -> Info {
        let mut info = Info::default();
        let mut section = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('#') {
                section = name.trim().to_lowercase();
            } else if let Some((key, value)) = line.split_once(':') {
                let fields = info.sections.entry(section.clone()).or_default();
                fields.insert(key.to_owned(), value.to_owned());
            }
        }
        info
    }

    /// The value of a key, in whichever section it is.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.sections.values().find_map(|fields| fields.get(key)).map(String::as_str)
    }

    /// The value of a key as a number or the like.
    pub fn number<T: FromStr>(&self, key: &'static str) -> Result<T, InfoError> {
        let value = self.get(key).ok_or(InfoError::Missing(key))?;
        value.parse().map_err(|_| InfoError::Bad { key, value: value.to_owned() })
    }

    /// A replication offset, if there is one. A server without a history may say -1, which is as good as 0.
    fn offset(&self, key: &'static str) -> Result<Option<u64>, InfoError> {
        match self.get(key) {
            Some(_) => self.number(key).map(|offset: i64| Some(offset.max(0) as u64)),
            None => Ok(None),
        }
    }

    /// The section `replication`, typed.
    pub fn replication(&self) -> Result<Replication, InfoError> {
        Replication::read(self)
    }
}

/// What a server says of its replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// `role`.
    pub role: Role,
    /// `master_host` and `master_port`, of a replica.
    pub primary: Option<(String, u16)>,
    /// `master_link_status` is `up`; absent at a primary.
    pub primary_link_up: Option<bool>,
    /// `master_sync_in_progress` is 1; absent at a primary.
    pub syncing: Option<bool>,
    /// `master_replid`.
    pub replid: String,
    /// `master_repl_offset`: how many bytes of its history it has.
    pub primary_repl_offset: u64,
    /// `slave_repl_offset`: how many bytes of its primary's history it has applied; absent at a primary.
    pub replica_repl_offset: Option<u64>,
    /// The lines `slave0:…` and so on.
    pub replicas: Vec<AttachedReplica>,
}

/// A replica as its primary sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachedReplica {
    /// Its address.
    pub ip: String,
    /// Its client port.
    pub port: u16,
    /// `online`, or a state on the way to it (`wait_bgsave`, `send_bulk`, …).
    pub state: String,
    /// The offset it acknowledged last.
    pub offset: u64,
    /// How long ago that was, in seconds.
    pub lag_s: i64,
}

impl Replication {
    fn read(info: &Info) -> Result<Replication, InfoError> {
        let replicas = match info.sections.get("replication") {
            Some(fields) => attached_replicas(fields)?,
            None => Vec::new(),
        };
        let primary = match info.get("master_host") {
            Some(host) => Some((host.to_owned(), info.number("master_port")?)),
            None => None,
        };
        Ok(Replication {
            role: info.number("role")?,
            primary,
            primary_link_up: info.get("master_link_status").map(|status| status == "up"),
            syncing: info.get("master_sync_in_progress").map(|flag| flag == "1"),
            replid: info.number("master_replid")?,
            primary_repl_offset: info
                .offset("master_repl_offset")?
                .ok_or(InfoError::Missing("master_repl_offset"))?,
            replica_repl_offset: info.offset("slave_repl_offset")?,
            replicas,
        })
    }
}

/// The replicas of the lines `slave0`, `slave1`, …, by number. Other keys may begin with `slave` as well.
fn attached_replicas(fields: &BTreeMap<String, String>) -> Result<Vec<AttachedReplica>, InfoError> {
    let mut replicas = Vec::new();
    for (key, value) in fields {
        let number = key.strip_prefix("slave").or_else(|| key.strip_prefix("replica"));
        if let Some(number) = number.and_then(|number| number.parse::<u32>().ok()) {
            let bad = || InfoError::Bad { key: "slave", value: value.clone() };
            replicas.push((number, AttachedReplica::parse(value).ok_or_else(bad)?));
        }
    }
    replicas.sort_by_key(|(number, _)| *number);
    Ok(replicas.into_iter().map(|(_, replica)| replica).collect())
}

impl AttachedReplica {
    /// Reads `ip=…,port=…,state=…,offset=…,lag=…` in any order; further fields are skipped.
    fn parse(text: &str) -> Option<AttachedReplica> {
        let fields: BTreeMap<&str, &str> = text.split(',').filter_map(|part| part.split_once('=')).collect();
        Some(AttachedReplica {
            ip: (*fields.get("ip")?).to_owned(),
            port: fields.get("port")?.parse().ok()?,
            state: (*fields.get("state")?).to_owned(),
            offset: fields.get("offset")?.parse().ok()?,
            lag_s: fields.get("lag")?.parse().ok()?,
        })
    }
}

/// What a server says of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterInfo {
    /// `cluster_state` is `ok`.
    pub ok: bool,
    /// Slots that somebody owns.
    pub slots_assigned: u32,
    /// Slots whose owner nobody holds for dead.
    pub slots_ok: u32,
    /// Slots whose owner this server holds for dead.
    pub slots_pfail: u32,
    /// Slots whose owner a majority holds for dead.
    pub slots_fail: u32,
    /// How many nodes it knows, those in handshake included.
    pub known_nodes: u32,
    /// How many primaries own slots.
    pub size: u32,
    /// The highest epoch it knows.
    pub current_epoch: u64,
    /// The epoch of its slots, or of its primary's.
    pub my_epoch: u64,
    /// Every value by key, counters of messages included.
    pub info: Info,
}

impl ClusterInfo {
    /// Whether the answer of `CLUSTER INFO` says that the cluster is well, and nothing else of it, which is quicker; nothing
    /// if it does not say.
    pub fn is_ok(text: &str) -> Option<bool> {
        text.lines().find_map(|line| line.strip_prefix("cluster_state:")).map(|state| state.trim() == "ok")
    }

    /// Reads the answer of `CLUSTER INFO`.
    pub fn parse(text: &str) -> Result<ClusterInfo, InfoError> {
        let info = Info::parse(text);
        Ok(ClusterInfo {
            ok: info.number::<String>("cluster_state")? == "ok",
            slots_assigned: info.number("cluster_slots_assigned")?,
            slots_ok: info.number("cluster_slots_ok")?,
            slots_pfail: info.number("cluster_slots_pfail")?,
            slots_fail: info.number("cluster_slots_fail")?,
            known_nodes: info.number("cluster_known_nodes")?,
            size: info.number("cluster_size")?,
            current_epoch: info.number("cluster_current_epoch")?,
            my_epoch: info.number("cluster_my_epoch")?,
            info,
        })
    }
}
