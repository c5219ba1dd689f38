//! The lines of a server's log that others read something out of: the one place that knows their words.
//!
//! Texts are those of Valkey 8.0 to 9.1 (`cluster_legacy.c`, `replication.c`, `debug.c`, `server.c`), and of Redis 7
//! (`cluster.c`, and the same files), which says `master` where Valkey says `primary`. They are looked for anywhere in a
//! line, because what stands before them depends on `log-format`.

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// The version of the server that starts, its first two numbers (`main`).
    Version(u64, u64),
    /// The server's own cluster id (`clusterLoadConfig`, `clusterInit`).
    Identity(&'a str),
    /// The server suspects the node with this id (`clusterCron`), or heard that another one does
    /// (`clusterProcessGossipSection`).
    Suspects(&'a str),
    /// The server marked the node with this id as failing (`markNodeAsFailingIfNeeded`).
    Fails(&'a str),
    /// The server is a primary from now on, by a vote (`clusterHandleReplicaFailover`).
    Elected,
    /// The server is a primary from now on, without asking anybody (`clusterCommandSpecial`, `FAILOVER TAKEOVER`).
    TookOver,
    /// The server follows the node with this id from now on (`clusterUpdateSlotsConfigWith`,
    /// `clusterHandleReplicaMigration`).
    Follows(&'a str),
    /// A replica stands for election: how long it waits before it asks, its rank among the replicas of its primary, and its
    /// offset (`clusterHandleReplicaFailover`).
    Stands {
        /// In milliseconds.
        delay_ms: u64,
        /// 0 for the best.
        rank: u64,
        /// Its replication offset.
        offset: u64,
    },
    /// Such a replica asks later by so much, in milliseconds, as its rank is another one now; sooner if negative.
    AsksLater(i64),
    /// Such a replica asks at once, as it is the best.
    AsksNow,
    /// A replica has all that its paused primary has, and may ask for votes (`clusterHandleManualFailover`).
    HandoverReady,
    /// A handover, if one was under way, is none any more: it is asked for anew or forced (`clusterCommandSpecial`), or
    /// its time is over (`manualFailoverCheckTimeout`).
    HandoverAnew,
    /// Every slot has an owner again, as the server sees it: it does what clients ask (`clusterUpdateState`).
    ClusterOk,
    /// The server does not do what clients ask any more (`clusterUpdateState`).
    ClusterDown,
    /// That is because it sees no majority of the primaries with slots (`clusterLogFailReason`).
    Minority,
    /// The server has what its primary has (`readSyncBulkPayload`, `replicationResurrectCachedPrimary`'s callers).
    Synced,
    /// A replica reached its primary and asks for what it lacks (`connectWithPrimary`).
    SyncStarted,
    /// A replica has to take everything anew (`replicaProcessPsyncReply`).
    FullSync,
    /// A replica lost its primary (`freeClient`).
    PrimaryLost,
    /// A replica may not stand for election: its data is too old (`clusterLogCantFailover`), said again every ten seconds.
    TooOld,
    /// The server opened a slot to get it (`clusterCommandSetSlot`).
    Imports(u16),
    /// The server opened a slot to give it away.
    Migrates(u16),
    /// The server was told whose a slot is.
    Assigned(u16),
    /// A job of an atomic slot migration came to this state (`updateSlotMigrationJobState`, 9.0 and later).
    MigrationState(&'a str),
    /// The server or a sanitizer found it broken (`_serverAssert`, `_serverPanic`, `sigsegvHandler`,
    /// `serverOutOfMemoryHandler`).
    Broken,
}

/// A text, and what a line that holds it says; nothing if the rest does not fit.
struct Phrase(&'static str, fn(&str) -> Option<Said<'_>>);

/// The first phrase that a line holds, and whose rest fits, counts.
const PHRASES: &[Phrase] = &[
    Phrase("key version=", version),
    Phrase(" possibly failing", |line| id_after(line, "NODE ").map(Said::Suspects)),
    Phrase(" as not reachable", |line| id_after(line, " reported node ").map(Said::Suspects)),
    Phrase(" as failing", |line| id_after(line, "Marking node ").map(Said::Fails)),
    Phrase("Node configuration loaded, I'm ", |line| id_after(line, ", I'm ").map(Said::Identity)),
    Phrase("No cluster configuration found, I'm ", |line| id_after(line, ", I'm ").map(Said::Identity)),
    Phrase("Failover election won: I'm the new ", |_| Some(Said::Elected)),
    Phrase("Taking over the primary (", |_| Some(Said::TookOver)),
    Phrase("Taking over the master (", |_| Some(Said::TookOver)),
    Phrase(STANDS, stands),
    Phrase(" rank updated to #", |line| signed_after(line, ", added ").map(Said::AsksLater)),
    Phrase("initiate the election immediately", |_| Some(Said::AsksNow)),
    Phrase(FOLLOWS, |line| id_soon_after(line, FOLLOWS).map(Said::Follows)),
    Phrase(MIGRATES, |line| id_soon_after(line, MIGRATES).map(Said::Follows)),
    Phrase("replication stream processed, manual failover can start", |_| Some(Said::HandoverReady)),
    Phrase("Manual failover user request accepted", |_| Some(Said::HandoverAnew)),
    Phrase("Forced failover ", |_| Some(Said::HandoverAnew)),
    Phrase("Manual failover timed out", |_| Some(Said::HandoverAnew)),
    Phrase("Cluster state changed: ok", |_| Some(Said::ClusterOk)),
    Phrase("Cluster state changed: fail", |_| Some(Said::ClusterDown)),
    Phrase("I am part of a minority partition", |_| Some(Said::Minority)),
    Phrase(" <-> REPLICA sync: Finished with success", |_| Some(Said::Synced)),
    Phrase("Successful partial resynchronization with ", |_| Some(Said::Synced)),
    Phrase(" <-> REPLICA sync started", |_| Some(Said::SyncStarted)),
    Phrase("Full resync from ", |_| Some(Said::FullSync)),
    Phrase("Connection with primary lost.", |_| Some(Said::PrimaryLost)),
    Phrase("Connection with master lost.", |_| Some(Said::PrimaryLost)),
    Phrase(" for longer than allowed.", |_| Some(Said::TooOld)),
    Phrase("Importing slot ", |line| slot_after(line, "Importing slot ").map(Said::Imports)),
    Phrase("Migrating slot ", |line| slot_after(line, "Migrating slot ").map(Said::Migrates)),
    Phrase("Assigning slot ", |line| slot_after(line, "Assigning slot ").map(Said::Assigned)),
    Phrase(" state transition: ", |line| {
        line.split_once(" -> ").map(|(_, to)| Said::MigrationState(to.trim_end()))
    }),
    Phrase("ASSERTION FAILED", |_| Some(Said::Broken)),
    Phrase("Guru Meditation", |_| Some(Said::Broken)),
    Phrase("crashed by signal", |_| Some(Said::Broken)),
    Phrase("BUG REPORT START", |_| Some(Said::Broken)),
    Phrase("Out Of Memory allocating", |_| Some(Said::Broken)),
    Phrase("AddressSanitizer", |_| Some(Said::Broken)),
    Phrase("LeakSanitizer", |_| Some(Said::Broken)),
    Phrase("MemorySanitizer", |_| Some(Said::Broken)),
    Phrase("ThreadSanitizer", |_| Some(Said::Broken)),
    Phrase(": runtime error: ", |_| Some(Said::Broken)),
];

const STANDS: &str = "Start of election delayed for ";
const FOLLOWS: &str = "Reconfiguring myself as a replica of ";
/// Redis ends it with `master`, Valkey with `primary`; the id follows either.
const MIGRATES: &str = "Migrating to orphaned ";

/// Whether a line was written by a process that is a replica then: `17:S 01 Jan 2026 …`.
pub fn is_of_replica(line: &str) -> bool {
    let behind_pid = line.trim_start_matches(|digit: char| digit.is_ascii_digit());
    behind_pid.len() < line.len() && behind_pid.starts_with(":S ")
}

/// Reads a line; nothing if it says nothing of interest.
pub fn read(line: &str) -> Option<Said<'_>> {
    PHRASES.iter().filter(|Phrase(text, _)| line.contains(text)).find_map(|Phrase(_, said)| said(line))
}

fn version(line: &str) -> Option<Said<'_>> {
    let (major, rest) = line.split_once("version=")?.1.split_once('.')?;
    Some(Said::Version(major.parse().ok()?, rest.split_once('.')?.0.parse().ok()?))
}

fn stands(line: &str) -> Option<Said<'_>> {
    let (delay_ms, rank) = (number_after(line, STANDS)?, number_after(line, "(rank #")?);
    Some(Said::Stands { delay_ms, rank, offset: number_after(line, "offset ")? })
}

fn signed_after(line: &str, text: &str) -> Option<i64> {
    line.split_once(text)?.1.split_ascii_whitespace().next()?.parse().ok()
}

/// The number that follows a text at once.
fn number_after(line: &str, text: &str) -> Option<u64> {
    let rest = line.split_once(text)?.1;
    rest[..rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
}

/// The cluster id that follows a text at once.
fn id_after<'a>(line: &'a str, text: &str) -> Option<&'a str> {
    line.split_once(text)?.1.get(..ID_LENGTH).filter(|id| is_id(id))
}

/// The cluster id that follows a text, perhaps after one more word.
fn id_soon_after<'a>(line: &'a str, text: &str) -> Option<&'a str> {
    line.split_once(text)?.1.split_ascii_whitespace().take(2).find(|word| is_id(word))
}

/// The slot that follows a text at once.
fn slot_after(line: &str, text: &str) -> Option<u16> {
    line.split_once(text)?.1.split_ascii_whitespace().next()?.parse().ok()
}

const ID_LENGTH: usize = 40;

fn is_id(word: &str) -> bool {
    word.len() == ID_LENGTH && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "27af6a40cc3d5d9104ca9408fa429cf8b8feb6db";

    #[test]
    fn lines_of_all_versions_are_read() {
        let other = "63e26c45c64c126dd1c3f31cd1cea5efbaa65d8c";
        let lines = [
            (
                "1:C * Valkey version=9.1.2, bits=64, commit=00000000, modified=0, pid=1, just started"
                    .to_owned(),
                Said::Version(9, 1),
            ),
            (format!("1:S 03 Feb * NODE {ID} () possibly failing."), Said::Suspects(ID)),
            (format!("1:S 03 Feb . *** NODE {ID} possibly failing"), Said::Suspects(ID)),
            (
                format!("1:S * Node {other} (10.0.0.5:6379) reported node {ID} () as not reachable."),
                Said::Suspects(ID),
            ),
            (format!("1:M * Marking node {ID} () as failing (quorum reached)."), Said::Fails(ID)),
            (format!("1:M * Marking node {ID} as failing (quorum reached)."), Said::Fails(ID)),
            (format!("1:M * No cluster configuration found, I'm {ID}"), Said::Identity(ID)),
            (format!("1:M * Node configuration loaded, I'm {ID}"), Said::Identity(ID)),
            ("1:S * Failover election won: I'm the new primary.".to_owned(), Said::Elected),
            ("1:S # Failover election won: I'm the new master.".to_owned(), Said::Elected),
            ("1:S # Taking over the master (user request).".to_owned(), Said::TookOver),
            (
                format!("Reconfiguring myself as a replica of node {ID} () in shard {other}"),
                Said::Follows(ID),
            ),
            (format!("Reconfiguring myself as a replica of {ID}"), Said::Follows(ID)),
            (format!("1:S * Migrating to orphaned primary {ID}"), Said::Follows(ID)),
            (format!("1:S * Migrating to orphaned master {ID}"), Said::Follows(ID)),
            (
                "All master replication stream processed, manual failover can start.".to_owned(),
                Said::HandoverReady,
            ),
            ("Forced failover user request accepted (user request from '').".to_owned(), Said::HandoverAnew),
            (
                "1:S * Start of election delayed for 612 milliseconds (rank #1, offset 4321).".to_owned(),
                Said::Stands { delay_ms: 612, rank: 1, offset: 4321 },
            ),
            (
                "Start of election delayed for 0 milliseconds (rank #0, primary rank #2, offset 9)."
                    .to_owned(),
                Said::Stands { delay_ms: 0, rank: 0, offset: 9 },
            ),
            (
                "Replica rank updated to #0, added -1000 milliseconds of delay.".to_owned(),
                Said::AsksLater(-1000),
            ),
            (
                "Myself become the best ranked replica, initiate the election immediately.".to_owned(),
                Said::AsksNow,
            ),
            ("1:M # Cluster state changed: ok".to_owned(), Said::ClusterOk),
            ("1:M # Cluster state changed: fail".to_owned(), Said::ClusterDown),
            (
                "1:M # Cluster is currently down: I am part of a minority partition.".to_owned(),
                Said::Minority,
            ),
            ("1:S * MASTER <-> REPLICA sync: Finished with success".to_owned(), Said::Synced),
            ("1:S * Successful partial resynchronization with primary.".to_owned(), Said::Synced),
            ("1:S * PRIMARY <-> REPLICA sync started".to_owned(), Said::SyncStarted),
            ("1:S * Full resync from primary: 5f4b:14".to_owned(), Said::FullSync),
            ("1:S * Connection with primary lost.".to_owned(), Said::PrimaryLost),
            (
                "1:S * Currently unable to failover: Disconnected from primary for longer than allowed. Please".to_owned(),
                Said::TooOld,
            ),
            (format!("1:M * Importing slot 100 from node {ID} ()"), Said::Imports(100)),
            (format!("1:M * Migrating slot 16383 to node {ID} ()"), Said::Migrates(16_383)),
            (format!("1:M * Assigning slot 0 to node {ID} () in shard {other}"), Said::Assigned(0)),
            (
                "1:M * Slot migration a1 state transition: streaming -> waiting-to-pause".to_owned(),
                Said::MigrationState("waiting-to-pause"),
            ),
            ("=== REDIS BUG REPORT START: Cut & paste".to_owned(), Said::Broken),
        ];
        for (line, said) in lines {
            assert_eq!(read(&line), Some(said), "{line}");
        }
    }

    #[test]
    fn lines_that_only_look_alike_say_nothing() {
        for line in [
            "1:M * Cluster state changed: unknown",
            "1:M * Marking node somebody as failing",
            "1:M * NODE é possibly failing",
            "1:M * Reconfiguring myself as a replica of somebody else entirely",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
