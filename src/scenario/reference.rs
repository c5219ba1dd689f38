//! The reference of the whole language, `scenarios/README.md`: made from the tables that scenarios are checked by.
//!
//! The sections that have fixed keys are told here; those of operations and faults come from the rooms of their kinds.

use crate::language::target;
use crate::language::{sections, table};
use crate::model::KINDS;
use crate::{fault, op};

/// The text of `scenarios/README.md`.
pub fn reference() -> String {
    let operations = sections("operations", &op::abouts());
    let faults = sections("chaos", &fault::abouts());
    let (timing, trigger) = (table(op::timing::KEYS), table(fault::trigger::KEYS));
    let cue = table(fault::cue::KEYS);
    let target = table(target::KEYS);
    let kinds =
        KINDS.iter().map(|kind| format!("| `{}` | {} |\n", kind.name, kind.about)).collect::<String>();
    format!(
        "{HEAD}{kinds}
{TAIL}
## `operations`

What the operator does on purpose, in a list. Beside the keys of its type every operation has these:

{timing}
What stands below `when` is told [below](#what-is-seen). An operation whose sight never came is reported as missed: it was not done.

{operations}
## `chaos`

What happens to the cluster against its will, in a list. Every fault is healed at its end. Beside the keys of its type
every fault has these, which say when it fires:

{trigger}
### What is seen

Below `when` stands what is to be seen, of operations as of faults, as in `when: {{bus: failover_auth_request, from: 5, nth: 2}}`. One of the first eight keys
says what; what is seen counts from the beginning of the workload. A fault whose sight never came is reported as missed:

{cue}
and most have these, which say whom it hits. Roles are looked up when the moment has come; what is left out is drawn
from the seed:

{target}
{faults}"
    )
}

const HEAD: &str = "# Scenarios

A scenario is a YAML file that says what a run is made of. What it leaves out is filled in or drawn from the seed, so that
scenario and seed are the whole run. `valkey-fuzzer validate FILE` names everything that is wrong with one, by line, column and
the nearest key. Nodes, shards, replicas, clients and operations count from 1: node 1 is the primary of shard 1, then come its
replicas, then shard 2. The scenarios of this folder are examples; the first line of each says what is attacked.

This page is made from the tables by which scenarios are checked, and a test keeps it so
(`UPDATE_EXPECT=1 cargo test --lib reference`).

```yaml
scenario: {name: failover_behind_a_partition, seed: 42}
cluster: {shards: 3, replicas: 1}
operations:
  - type: failover
    shard: 1
    delay: 2
chaos:
  - type: network_partition
    target: primary
    shard: 2
    at: 1
    duration: 8
workload: {duration: 20}
```

## `scenario`

| key | value | |
|---|---|---|
| `name` | a text | what reports and recordings call it. Must be there |
| `seed` | a whole number | the seed of everything that is left to chance; the command line's comes first |

## `server`

The server to run: a version in quotes (`\"8.1\"`), or a path.

## `cluster`

| key | value | |
|---|---|---|
| `shards` | 3 to 500, or 0 | how many shards; 3 if absent. 0 is no cluster: then there are guests, no clients, operations or chaos, and nothing is judged but what became of the guests |
| `replicas` | 0 to 5 | how many replicas each shard has; 1 if absent |
| `spares` | 0 to 16 | how many nodes stand beside the cluster, numbered after all others, and started when an operation takes them in; none if absent |
| `databases` | 1 to 64 | how many databases every node has (`cluster-databases`, 9.0 or later): clients change theirs now and then; 1 if absent |
| `node_timeout_ms` | 100 to 3600000 | `cluster-node-timeout`; 5000 if absent |
| `formation` | `meet` or `preset` | whether the operator introduces the nodes to each other (if absent), or they start with the `nodes.conf` of a formed cluster |
| `cpu` | 1 to 1000 | how many times slower than a quick machine every node works; 1 if absent |
| `servers` | `{node: version}` | the servers that nodes begin with, if not with the run's: `{1: \"8.0\", 2: \"8.0\"}` makes a cluster of mixed versions |
| `config` | directives with their values | further configuration of every server |

## `network`

| key | value | |
|---|---|---|
| `latency_ms` | `{min: ms, max: ms}` | the latency of every link; 0.2 to 1 if absent |
| `delays` | a list of `{from, to, nth, ms}` | single chunks that take a time of their own: the `nth` from one host to another |

## `workload`

| key | value | |
|---|---|---|
| `enabled` | `true` or `false` | whether there are clients; there are if absent |
| `pattern` | `mixed`, `read_heavy`, `write_heavy` | the proportion of reads and writes |
| `intensity` | `low`, `medium`, `high` | 50, 300 or 1000 operations per second of all clients together |
| `rate` | a whole number | operations per second, instead of `intensity` |
| `duration` | seconds | how long they work; 20 if absent |
| `clients` | a whole number | how many; 4 if absent |
| `keys` | a whole number | how many keys they use; 1000 if absent |
| `value_bytes` | a whole number | the length of a value; 64 if absent |
| `timeout` | seconds | how long a client waits for an answer |
| `mix` | `{kind: weight}` | how much of what is drawn is of which kind of commands, see below; all of it `plain` if absent |
| `protocol` | 2 or 3 | the version of the protocol that clients speak; 2 if absent |
| `reconnect` | a whole number | after how many operations each a client closes its connections and makes new ones; never if absent |
| `pinned` | `true` or `false` | whether each client asks a node of its own first (client 1 node 1, and so on), whatever it knows of slots, and reads there if that is a replica (`READONLY`); it goes where it is sent. They do not if absent |
| `commands` | a list of commands, see below | everything the clients do; then nothing of it is drawn |
| `tool` | a program | runs as the guest `workload` in the place of clients: `valkey-benchmark` |
| `args` | a list of texts | the tool's arguments; `-h 10.0.0.1 -p 6379` comes before them unless they name a host |

An entry of `commands` has `client` (from 1), `at` (seconds since the workload began; later if the client's command before it is
still open) and one of these:

| key | value | |
|---|---|---|
| `set`, `value` | a key, a text | `SET`; the value tells who wrote it if it is absent |
| `get` | a key | `GET` |
| `cmd` | a list of words | any other command: `[INCR, k]` |
| `pipeline` | a list of commands | several commands in one go |
| `multi` | a list of commands | several commands between `MULTI` and `EXEC`, in one go |

The kinds of `mix`, whose replies are held against a model of the server, command by command:

| kind | |
|---|---|
| `plain` | `SET` and `GET` by `pattern`, on keys and values of their own |
";

const TAIL: &str = "## `guests`

Unmodified programs of the user's, in a list: each runs under the same virtual time as the cluster, on a host of its own
(10.3.0.1 is the first guest's; node 1 is at 10.0.0.1, node 256 at 10.0.1.0, all at port 6379). What it writes to its outputs, and the files that
it leaves, are among the results in `guests/NAME`. What cannot be simulated is refused by name: static binaries,
`io_uring`, edge-triggered epoll, threads that wait for each other without giving way.

| key | value | |
|---|---|---|
| `name` | letters, digits, `-`, `_` | what it is called. Must be there |
| `run` | a list: program, arguments | what is run: a path, or a name that is looked for beside the server, among the tools of its version (`valkey-cli`, `valkey-benchmark`; fetched if need be), and on `PATH`. Must be there |
| `at` | seconds | when it starts, after the workload began; 0 if absent |
| `timeout` | seconds | how long it may take; then it is ended, which is a violation; 300 if absent |
| `kill_after` | seconds | after how long it is killed on purpose, as an operator does who loses patience |
| `stdin` | a text | what it reads from its standard input |
| `folder` | a path | a folder whose content is copied into the guest's own before it starts, but for `.git`, `runs` and folders of results; relative to where the run is started from. Its digest stands in the log |
| `files` | names with their contents | what stands in its folder when it starts |
| `environment` | names with their values | what is in its environment besides what every guest has |
| `expect` | `{exit: status, output: [text, …]}` | its exit status, and texts that are each part of a line it writes; what is absent is not judged |

## `validation`

What must hold in the end, as one map or a list of maps.

| key | value | |
|---|---|---|
| `slot_coverage` | `true` or `false` | every slot has one live owner in every live node's view |
| `replica_sync` | `true` or `false` | replicas are linked to their primaries, with equal offsets once quiet |
| `data_consistency` | `true` or `false` | replicas hold what their primaries hold, and acknowledged writes are there |
| `membership` | `true` or `false` | live nodes have the same members, linked and unsuspected, and each tells one story of the cluster |
| `roles` | `true` or `false` | roles, shard ids and config epochs fit together, whoever is asked |
| `persistence` | `true` or `false` | `nodes.conf` is what is in memory, votes are in it, and a restart keeps who a node is |
| `operations` | `true` or `false` | operations that nothing excuses are done |
| `max_convergence_time` | seconds | how long after the last disturbance all live nodes agree at the latest; if absent 30, or four and a half node timeouts and 5 where that is more |
| `max_replication_lag` | seconds | the longest replication lag once nothing is wrong; 5 if absent |
| `max_write_gap` | seconds | how long no write to a shard may be acknowledged; not judged if absent |
| `min_success_rate` | percent | how many operations of clients must be done; not judged if absent |
| `max_lost_writes` | a whole number | how many acknowledged writes may be lost, excused or not; not judged if absent |
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::About;
    use crate::plan::resolve;
    use crate::scenario::parse_str;

    #[test]
    fn the_reference_is_what_the_tables_say() {
        let path = format!("{}/scenarios/README.md", env!("CARGO_MANIFEST_DIR"));
        expect_test::expect_file![path].assert_eq(&reference());
    }

    /// The example of a kind as a scenario.
    fn scenario(list: &str, about: &About) -> String {
        let entry = about.example.trim().replace('\n', "\n    ");
        format!("scenario: {{name: {}, seed: 1}}\ncluster: {{spares: 2}}\n{list}:\n  - {entry}\n", about.name)
    }

    #[test]
    fn every_example_of_the_reference_can_be_run() {
        let operations = op::abouts().into_iter().map(|about| ("operations", about));
        let faults = fault::abouts().into_iter().map(|about| ("chaos", about));
        for (list, about) in operations.chain(faults) {
            let text = scenario(list, &about);
            let read = parse_str(about.name, &text).unwrap_or_else(|error| panic!("{error}"));
            let plan = resolve(&read, None).expect("it can be resolved");
            assert!(text.contains(&format!("type: {}", about.name)));
            assert_eq!(plan.operations.len() + plan.faults.len(), 1, "{text}");
        }
    }
}
