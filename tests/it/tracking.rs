//! Client-side caching, on real clusters: clients are told what changed that they have read, through failovers and moves of slots.

use valkey_fuzzer::report::Status;

use crate::support::{Ran, all_servers, plan, run};

/// Clients that keep what they read, while primaries change and a slot moves.
const KEPT: &str = "scenario: {name: tracking, seed: 1}
operations:
  - {type: failover, shard: 1, delay: 2}
  - {type: reshard, from: 3, to: 2, slots: [12000-12100]}
chaos:
  - {type: process_kill, target: primary, shard: 2, at: 7, restart_after: 3}
workload:
  rate: 200
  duration: 10
  reconnect: 100
  mix: {plain: 1, tracking: 3}
";

/// How many changes were told in time, by the report.
fn told_in_time(ran: &Ran) -> u64 {
    let detail = ran.validation("tracking").verdict.detail();
    let count = detail.split(' ').next().and_then(|count| count.parse().ok());
    count.unwrap_or_else(|| panic!("{detail}"))
}

#[test]
fn clients_are_told_what_changed_that_they_have_read_on_every_server() {
    for server in all_servers() {
        let (ran, again) = (run(&plan(KEPT), &server), run(&plan(KEPT), &server));
        assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
        assert!(told_in_time(&ran) > 100, "{}", ran.validation("tracking").verdict.detail());
        assert!(ran.log().contains("\"push\":[\"invalidate\",\"tracked:"), "nobody was told anything");
        assert!(ran.log() == again.log(), "it is another one the second time");
    }
}

#[test]
fn a_node_that_empties_itself_says_so_without_a_key() {
    const EMPTIED: &str = "scenario: {name: emptied, seed: 1}
workload:
  commands:
    - {client: 1, at: 0.5, cmd: [SET, 'tracked:1', a]}
    - {client: 2, at: 0.6, cmd: [GET, 'tracked:1']}
    - {client: 3, at: 0.6, cmd: [GET, 'tracked:1']}
    - {client: 1, at: 1.0, cmd: [DEL, 'tracked:1']}
    - {client: 2, at: 1.5, cmd: [GET, 'tracked:1']}
    - {client: 1, at: 2.0, multi: [[SET, 'tracked:1', b], [FLUSHALL]]}
    - {client: 2, at: 2.5, cmd: [GET, 'tracked:1']}
";
    for server in all_servers() {
        let ran = run(&plan(EMPTIED), &server);
        assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
        assert!(ran.log().contains("\"push\":[\"invalidate\"]"), "nobody was told of all");
        assert_eq!(told_in_time(&ran), 1);
    }
}
