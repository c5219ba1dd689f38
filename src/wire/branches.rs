//! Branches of a server that its log tells of when they are taken, so that it can be counted how often runs reach them.
//!
//! One line each for what is seldom and hard to come to; what every run says is left out. Texts are those of Valkey 8.0 to 9.1
//! (`cluster_legacy.c`, `replication.c`, `cluster_migrateslots.c`, `aof.c`), looked for anywhere in a line.

/// What a branch is about, and what the line holds that tells of it.
pub const BRANCHES: &[(&str, &str)] = &[
    ("vote", "Failover auth granted"),
    ("vote", "already voted for epoch"),
    ("vote", ") < curEpoch("),
    // `reqEpoch`, since 9.1 `reqConfigEpoch`: slots in an older epoch than the voter knows.
    ("vote", ") > req"),
    ("vote", "it is a primary node"),
    ("vote", "it is not safe to vote"),
    ("vote", "its primary is up"),
    ("vote", "I don't know its primary"),
    ("vote", "can't vote about this primary before"),
    ("vote", "can't vote for any candidate"),
    ("election", "Start of election delayed"),
    ("election", "Replica rank updated"),
    ("election", "Failed primary rank updated"),
    ("election", "Starting a failover election"),
    ("election", "Failover election won"),
    ("election", "Failover attempt expired"),
    ("election", "Waiting for votes, but majority still not reached"),
    ("election", "Disconnected from primary for longer than allowed"),
    ("hand-over", "Manual failover requested by replica"),
    ("hand-over", "Received replication offset for paused primary"),
    ("hand-over", "manual failover can start"),
    ("hand-over", "Manual failover timed out"),
    ("hand-over", "Forced failover user request accepted"),
    ("hand-over", "Taking over the primary"),
    ("epoch", "configEpoch collision"),
    ("epoch", "ConfigEpoch updated after importing slot"),
    ("failure", "as failing (quorum reached)"),
    ("failure", "FAIL message received"),
    ("failure", "is back online"),
    ("failure", "Clear FAIL state"),
    ("failure", "nobody is serving its slots after some time"),
    ("state", "Cluster state changed: fail"),
    ("state", "Cluster state changed: ok"),
    ("shape", "Migrating to orphaned primary"),
    ("shape", "sub-replica"),
    ("shape", "Configuration change detected"),
    ("shape", "Ignore stale message"),
    ("shape", "sending an UPDATE message"),
    ("shape", "Address updated for node"),
    ("shape", "shard id"),
    ("slots", "Importing slot"),
    ("slots", "Migrating slot"),
    ("slots", "is no longer being imported"),
    ("slots", "is no longer being migrated"),
    ("slots", "Failover occurred in migration source"),
    ("slots", "Failover occurred in migration target"),
    ("slots", "I am now an empty primary"),
    ("slots", "Lost my last slot"),
    ("slots", "Deleting keys in dirty slot"),
    ("slots", "I have keys for"),
    ("slots", "Slot migration"),
    ("replication", "Full resync requested"),
    ("replication", "for lack of backlog"),
    ("replication", "Replication ID mismatch"),
    ("replication", "Requested offset for second ID"),
    ("replication", "Partial resynchronization request from"),
    ("replication", "Timeout receiving bulk data"),
    ("replication", "no data nor PING received"),
    ("replication", "Disconnecting timedout replica"),
    ("replication", "killing fork child"),
    ("replication", "Aborting dual channel sync"),
    ("replication", "Successfully streamed replication data"),
    ("replication", "SYNC failed"),
    ("replication", "aborted replication with an error"),
    ("replication", "Replication backlog freed"),
    ("persistence", "DB loaded from append only file"),
    ("persistence", "Background AOF rewrite finished successfully"),
    ("persistence", "Asynchronous AOF fsync is taking too long"),
    ("persistence", "Background saving error"),
];

/// The branches that a line tells of, by their places in [`BRANCHES`].
pub fn told_by(line: &str) -> impl Iterator<Item = usize> {
    BRANCHES.iter().enumerate().filter(move |(_, (_, text))| line.contains(text)).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_of_the_branch_that_wrote_it() {
        let line = "1:M 01 Jan 2026 # Failover auth denied to 07c37dfeb2352e77 (): already voted for epoch 7";
        let told: Vec<_> = told_by(line).map(|place| BRANCHES[place].1).collect();
        assert_eq!(told, ["already voted for epoch"]);
        assert_eq!(told_by("1:M 01 Jan 2026 * Ready to accept connections").count(), 0);
    }
}
