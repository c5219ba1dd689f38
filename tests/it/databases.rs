//! Several databases, on real clusters: what is written in one is read in no other, through failovers and moves of slots.

use valkey_fuzzer::report::Status;
use valkey_fuzzer::scratch::ScratchFolder;
use valkey_fuzzer::servers::Server;
use valkey_fuzzer::simulation::Simulation;

use crate::support::{Ran, all_servers, plan, run};

fn passed(ran: &Ran) {
    assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
}

/// The servers that can have several databases; at least one is at hand.
fn servers() -> impl Iterator<Item = Server> {
    all_servers().into_iter().filter(Server::has_databases)
}

/// A workload of everything that a database holds, while primaries change.
const CHANGING: &str = "scenario: {name: databases, seed: 3}
cluster: {databases: 4}
operations:
  - {type: failover, shard: 1, delay: 3}
chaos:
  - {type: process_kill, target: primary, shard: 2, at: 5, restart_after: 3}
workload:
  rate: 200
  clients: 12
  duration: 10
  reconnect: 30
  mix: {plain: 4, databases: 4, keys: 1, expiry: 1, hashes: 1, transactions: 3, blocking: 2, scans: 2, objects: 1, users: 1}
";

#[test]
fn clients_work_in_several_databases_and_do_not_forget_theirs() {
    for server in servers() {
        let (ran, again) = (run(&plan(CHANGING), &server), run(&plan(CHANGING), &server));
        passed(&ran);
        let log = ran.log();
        for said in ["[[\"SELECT\",\"3\"]]", "[\"MOVE\",", "\"DB\",\"2\"]", "[\"MULTI\"],[\"SELECT\",\"1\"]"]
        {
            assert!(log.contains(said), "nobody said {said}");
        }
        assert!(log == again.log(), "it is another one the second time");
    }
}

#[test]
fn a_server_without_several_databases_is_refused_by_name() {
    for server in all_servers().iter().filter(|server| !server.has_databases()) {
        let out = ScratchFolder::in_memory().expect("there is room");
        let plan = plan(CHANGING);
        let refused = Simulation::new(&plan, server, out.path()).run(&Default::default(), &mut |_| {});
        let told = refused.err().expect("it is refused").to_string();
        assert!(
            told.starts_with("the cluster (4 databases) needs a server of version 9.0 or later"),
            "{told}"
        );
    }
}

#[test]
fn what_is_selected_by_hand_goes_for_all_that_follows() {
    const BY_HAND: &str = "scenario: {name: by_hand, seed: 1}
cluster: {databases: 3, config: {appendonly: 'yes'}}
workload:
  commands:
    - {client: 1, at: 0.5, set: k, value: a}
    - {client: 1, at: 0.8, cmd: [SELECT, '2']}
    - {client: 1, at: 1.0, get: k}
    - {client: 1, at: 1.2, set: k, value: b}
    - {client: 2, at: 1.5, get: k}
    - {client: 2, at: 1.7, multi: [[SELECT, '2'], [GET, k]]}
    - {client: 2, at: 2.1, cmd: [MOVE, k, '1']}
    - {client: 1, at: 2.5, pipeline: [[SELECT, '1'], [GET, k], [COPY, k, k, DB, '2']]}
    - {client: 1, at: 2.6, get: k}
";
    for server in servers() {
        let ran = run(&plan(BY_HAND), &server);
        passed(&ran);
        let log = ran.log();
        let completed = log.lines().filter(|line| line.contains("\"what\":\"complete\""));
        let told = |client: &str, sequence: u32| {
            let its = format!("\"actor\":\"{client}\"");
            let mut line = completed.clone().filter(|line| line.contains(&its));
            let line = line.rfind(|line| line.contains(&format!("\"sequence\":{sequence},")));
            line.map(|line| line.split_once("\"outcome\":").map_or("", |(_, rest)| rest)).unwrap_or_default()
        };
        assert!(told("client-1", 3).starts_with("{\"ok\":null}"), "it is empty there");
        assert!(told("client-2", 1).starts_with("{\"ok\":\"a\"}"), "it is another's");
        assert!(told("client-2", 2).contains("{\"list\":[{\"status\":\"OK\"},{\"text\":\"b\"}]}"));
        assert!(told("client-1", 5).contains("{\"text\":\"b\"},{\"int\":1}"), "it was moved there");
        assert!(told("client-1", 6).starts_with("{\"ok\":\"b\"}"));
    }
}

#[test]
fn a_slot_takes_its_keys_of_all_databases_along() {
    for (server, method) in servers().flat_map(|server| ["legacy", "atomic"].map(|by| (server.clone(), by))) {
        let ran = run(
            &plan(&format!(
                "scenario: {{name: moved, seed: 1}}
cluster: {{databases: 3}}
operations:
  - {{type: reshard, from: 1, to: 2, slots: [119], method: {method}, delay: 3}}
workload:
  commands:
    - {{client: 1, at: 0.2, set: '{{key:24}}', value: a}}
    - {{client: 1, at: 0.4, cmd: [SELECT, '1']}}
    - {{client: 1, at: 0.6, cmd: [RPUSH, '{{key:24}}', b]}}
    - {{client: 1, at: 0.8, cmd: [SELECT, '2']}}
    - {{client: 1, at: 1.0, set: '{{key:24}}', value: c}}
    - {{client: 1, at: 9.0, get: '{{key:24}}'}}"
            )),
            &server,
        );
        passed(&ran);
        let detail = ran.validation("data_consistency").verdict.detail();
        assert!(detail.contains("3 keys compared"), "{method}: {detail}");
        let slot = valkey_fuzzer::wire::resp::key_slot(b"{key:24}");
        assert_eq!(slot, 119, "it is the one that moves");
    }
}
