//! What a person reads when a scenario is wrong, and that no input at all does worse than that.

use std::path::Path;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Scenario, load, parse_str};
use crate::language::{Entry, Value};

/// A scenario of `text` below a valid head.
fn parse(text: &str) -> Result<Scenario, super::ScenarioError> {
    parse_str("x.yaml", &format!("scenario: {{name: x}}\n{text}"))
}

/// Checks what is said of `text`, which comes after a line with a valid head.
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&said(parse(text)));
}

/// Checks what is said of a whole text.
fn check_whole(text: &str, expected: Expect) {
    expected.assert_eq(&said(parse_str("x.yaml", text)));
}

fn said(result: Result<Scenario, super::ScenarioError>) -> String {
    result.map_or_else(|error| error.to_string(), |scenario| scenario.to_yaml())
}

/// All scenarios of the folder `scenarios/`, with their names.
#[expect(clippy::disallowed_methods, reason = "the files are sorted afterwards")]
fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder is there").flatten();
    let paths = entries.map(|entry| entry.path().display().to_string());
    let mut paths: Vec<String> = paths.filter(|path| path.ends_with(".yaml")).collect();
    paths.sort();
    assert!(paths.len() > 10, "{paths:?}");
    let read = |path: String| (path.clone(), std::fs::read_to_string(path).expect("the example is there"));
    paths.into_iter().map(read).collect()
}

#[test]
fn every_example_is_read_and_written_back_the_same() {
    for (path, _) in examples() {
        let scenario = load(Path::new(&path)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(parse_str("again", &scenario.to_yaml()).expect("what was written is read"), scenario);
    }
}

#[test]
fn a_database_that_there_is_not_is_named() {
    check(
        "cluster: {databases: 2}\nworkload: {commands: [{client: 1, at: 0, cmd: [SELECT, '2']}]}",
        expect![[r#"
            x.yaml:3:47: workload.commands[0].cmd: `SELECT` names no database that there is
              `cluster.databases` is 2, and the first one is 0"#]],
    );
    check(
        "workload: {mix: {databases: 1}}",
        expect![[r#"
        x.yaml:2:29: workload.mix.databases: the cluster has one database
          say how many there are: `cluster: {databases: 4}`"#]],
    );
    let right = "cluster: {databases: 2}\nworkload: {commands: [{client: 1, at: 0, cmd: [SELECT, '1']}]}";
    assert!(parse(right).is_ok());
}

#[test]
fn unknown_keys_are_named_with_the_nearest_one() {
    check(
        "clutser: {shards: 3}",
        expect![[r#"
            x.yaml:2:1: the key `clutser` is not known here
              did you mean `cluster`? here can stand: scenario, server, cluster, network, operations, chaos, workload, guests, validation"#]],
    );
    check(
        "chaos:\n  - type: process_kill\n    shrad: 2\n",
        expect![[r#"
            x.yaml:4:5: chaos[0]: the key `shrad` is not known here
              did you mean `shard`? here can stand: type, signal, restart_after, target, shard, replica, node, coordination, operation, delay, step, when, at"#]],
    );
    check(
        "operations:\n  - type: failver\n    shard: 1\n",
        expect![[r#"
            x.yaml:3:11: operations[0].type: the value `failver` is not known here
              did you mean `failover`? here can stand: failover, command, addslots, bgrewriteaof, bgsave, bumpepoch, client_kill, client_pause, configuration_change, delslots, flushslots, forget, meet, replicate, reset, save, set_config_epoch, setslot, shutdown, restart, restart_empty, restart_old_copy, rolling_restart, reshard, reb…"#]],
    );
    check(
        "validation:\n  - slot_coverage: true\n  - max_convergence: 3\n",
        expect![[r#"
            x.yaml:4:5: validation[1]: the key `max_convergence` is not known here
              did you mean `max_convergence_time`? here can stand: slot_coverage, replica_sync, data_consistency, membership, roles, persistence, operations, max_convergence_time, max_replication_lag, max_write_gap, min_success_rate, max_lost_writes"#]],
    );
}

#[test]
fn values_of_the_wrong_type_are_named_with_their_place() {
    check(
        "cluster:\n  shards: many\n",
        expect![[r#"
        x.yaml:3:11: cluster.shards: the text "many" cannot stand here
          write a whole number, 0 or more"#]],
    );
    check(
        "cluster:\n  shards: -1\n",
        expect![[r#"
        x.yaml:3:11: cluster.shards: the number `-1` cannot stand here
          write a whole number, 0 or more"#]],
    );
    check(
        "workload:\n  enabled: yes\n",
        expect![[r#"
        x.yaml:3:12: workload.enabled: the text "yes" cannot stand here
          write true or false"#]],
    );
    check(
        "operations: failover\n",
        expect![[r#"
        x.yaml:2:13: operations: the text "failover" cannot stand here
          write a list"#]],
    );
    check(
        "chaos:\n  - 3\n",
        expect![[r#"
        x.yaml:3:5: chaos[0]: the number `3` cannot stand here
          write the keys of a fault"#]],
    );
    check(
        "server: 8.10\n",
        expect![[r#"
            x.yaml:2:9: server: the number `8.1` cannot stand here
              write a version or a path, a version in quotes, as in "8.1""#]],
    );
    check(
        "chaos:\n  - {type: network_partition, a: [one], duration: 1}\n",
        expect![[r#"
        x.yaml:3:34: chaos[0].a: a side of a partition lists nodes by number, or `clients`
          for example `a: [1, 2]` and `b: [clients]`"#]],
    );
    check(
        "cluster: !big {shards: 3}\n",
        expect![[r#"
        x.yaml:2:10: cluster: a tag (`!name`) stands here
          take the tag away"#]],
    );
}

#[test]
fn a_cluster_that_is_too_small_or_too_large_is_refused() {
    check(
        "cluster:\n  shards: 2\n  replicas: 6\n  node_timeout_ms: 5\n",
        expect![[r#"
            x.yaml:3:11: cluster.shards: 2 is out of range
              write a whole number from 3 to 500
            x.yaml:4:13: cluster.replicas: 6 is out of range
              write a whole number from 0 to 5
            x.yaml:5:20: cluster.node_timeout_ms: 5 is out of range
              write a whole number from 100 to 3600000"#]],
    );
}

#[test]
fn what_does_not_exist_cannot_be_hit() {
    check(
        "chaos:\n  - {type: process_kill, target: primary, shard: 9}\n",
        expect![[r#"
        x.yaml:3:50: chaos[0].shard: there is no shard 9
          the shards are 1 to 3"#]],
    );
    check(
        "chaos:\n  - {type: process_pause, target: node, node: 7}\n",
        expect![[r#"
        x.yaml:3:47: chaos[0].node: there is no node 7
          the nodes are 1 to 6"#]],
    );
    check(
        "operations:\n  - {type: command, node: 0, args: [PING]}\n",
        expect![[r#"
        x.yaml:3:27: operations[0].node: there is no node 0
          the nodes are 1 to 6"#]],
    );
    let tied = "operations: [{type: failover, shard: 1}]\nchaos:\n  - {type: process_kill, target: random";
    check(
        &format!("{tied}, coordination: during_operation, operation: 2}}\n"),
        expect![[r#"
        x.yaml:4:85: chaos[0].operation: there is no operation 2
          the operations are 1 to 1"#]],
    );
    check(
        "chaos:\n  - {type: process_kill, target: random, coordination: before_failover, delay: 1}\n",
        expect![[r#"
            x.yaml:3:56: chaos[0].coordination: there is no operation to be tied to
              add one to `operations`, or write `at:` instead"#]],
    );
}

#[test]
fn failovers_need_replicas() {
    check(
        "cluster: {replicas: 0}\noperations:\n  - {type: failover, shard: 1}\n",
        expect![[r#"
        x.yaml:4:5: operations[0]: a failover needs replicas, and there are none
          set `cluster.replicas` to 1 or more"#]],
    );
}

#[test]
fn times_are_finite_and_not_negative() {
    check(
        "chaos:\n  - {type: process_pause, node: 1, at: -1, duration: .inf}\n  - {type: process_kill, node: 1, at: .nan}\n  - {type: process_kill, node: 1, at: 86401}\n",
        expect![[r#"
            x.yaml:3:40: chaos[0].at: -1 is no length of time
              write seconds from 0 to 86400
            x.yaml:3:54: chaos[0].duration: inf cannot be a duration
              write seconds from 0.001 to 86400
            x.yaml:4:39: chaos[1].at: NaN is no length of time
              write seconds from 0 to 86400
            x.yaml:5:39: chaos[2].at: 86401 is no length of time
              write seconds from 0 to 86400"#]],
    );
    check(
        "network: {latency_ms: {min: 5, max: 1}}\n",
        expect![[r#"
        x.yaml:2:23: network.latency_ms: `min` is 5 and `max` is 1
          the least comes first"#]],
    );
}

#[test]
fn keys_of_another_type_or_at_odds_are_refused() {
    check(
        "chaos:\n  - {type: process_pause, node: 1, signal: SIGKILL}\n",
        expect![[r#"
            x.yaml:3:44: chaos[0].signal: `signal` does not belong to a process_pause
              its keys are: type, duration, target, shard, replica, node, coordination, operation, delay, step, when, at"#]],
    );
    check(
        "operations:\n  - {type: failover, shard: 1, timing: immediate, delay: 3}\n",
        expect![[r#"
        x.yaml:3:58: operations[0].delay: an immediate operation has no delay
          write `timing: delayed`, or no delay"#]],
    );
    check(
        "chaos:\n  - {type: process_kill, node: 1, delay: 3}\n",
        expect![[r#"
        x.yaml:3:42: chaos[0].delay: the fault is tied to no operation
          add `coordination:`, or write `at:` (seconds after the workload began)"#]],
    );
    check(
        "chaos:\n  - {type: network_partition, a: [1, clients], b: [clients, 1], duration: 1}\n",
        expect![[r#"
            x.yaml:3:52: chaos[0].b[0]: clients stands twice
              everybody is on one side at most
            x.yaml:3:61: chaos[0].b[1]: node 1 stands twice
              everybody is on one side at most"#]],
    );
}

#[test]
fn a_script_leaves_nothing_to_be_drawn_and_no_two_writes_alike() {
    check(
        "workload:\n  pattern: mixed\n  rate: 5\n  clients: 2\n  commands:\n    - {client: 3, at: -1, get: k}\n    - {client: 1, at: 1, get: k, value: v}\n    - {client: 1, at: 1}\n    - {client: 1, at: 1, set: \"\", get: k}\n",
        expect![[r#"
            x.yaml:3:12: workload.pattern: with `commands` nothing is drawn, so `pattern` says nothing
              keep `commands` or `pattern`
            x.yaml:4:9: workload.rate: with `commands` nothing is drawn, so `rate` says nothing
              keep `commands` or `rate`
            x.yaml:7:16: workload.commands[0].client: 3 is out of range
              write a whole number from 1 to 2
            x.yaml:7:23: workload.commands[0].at: -1 is no length of time
              write seconds from 0 to 86400
            x.yaml:8:41: workload.commands[1].value: nothing is written
              write `set:` and a key, or leave `value` out
            x.yaml:9:7: workload.commands[2]: it is not said what is asked
              add `set:` or `get:` and a key, or `cmd:` and words
            x.yaml:10:7: workload.commands[3]: it asks for several things
              keep one of `set`, `get`
            x.yaml:10:31: workload.commands[3].set: this cannot be a key
              a key has 1 to 1024 bytes"#]],
    );
    check(
        "workload:\n  commands:\n    - {client: 1, at: 2, set: k}\n    - {client: 2, at: 0, set: j, value: \"c1:2\"}\n    - {client: 1, at: 1, get: k}\n",
        expect![[r#"
            x.yaml:4:7: workload.commands[0]: commands[1] writes the value `c1:2` too
              give it another `value`, so that each tells who wrote it"#]],
    );
    check(
        "workload: {commands: []}\n",
        expect![[r#"
        x.yaml:2:22: workload.commands: there are no commands
          leave `commands` out, or write `enabled: false`"#]],
    );
}

#[test]
fn delays_are_between_hosts_that_exist() {
    check(
        "network: {delays: [{from: node-1, to: nobody-3, nth: 1, ms: 3}]}\n",
        expect![[r#"
        x.yaml:2:20: network.delays[0]: `nobody-3` names no participant
          write a host: `node-1`, say, or `client-1`"#]],
    );
    check(
        "workload: {clients: 2}\nnetwork:\n  delays:\n    - {from: node-7, to: client-3, nth: 0, ms: -3}\n    - {from: operator, to: node-1, nth: 1, ms: 1}\n    - {from: node-1, to: node-2, nth: 1, ms: 1}\n    - {from: node-1, to: node-2, nth: 1, ms: 2}\n",
        expect![[r#"
            x.yaml:5:14: network.delays[0].from: there is no node 7
              the nodes are 1 to 6
            x.yaml:5:26: network.delays[0].to: there is no client 3
              the clients are 1 to 2
            x.yaml:5:41: network.delays[0].nth: nothing is number 0
              write 1 for the first
            x.yaml:5:48: network.delays[0].ms: -3 is no latency
              write milliseconds from 0 to 60000
            x.yaml:6:14: network.delays[1].from: the links of the operator are always good
              name a node or a client
            x.yaml:8:7: network.delays[3]: number 1 from node-1 to node-2 stands twice
              keep one of them"#]],
    );
}

#[test]
fn steps_and_replicas_belong_to_failovers_and_replicas() {
    check(
        "operations: [{type: command, node: 1, args: [PING]}]\nchaos:\n  - {type: process_kill, node: 1, coordination: during_operation, step: paused, delay: 1}\n  - {type: process_kill, target: primary, shard: 1, replica: 1, at: 1, step: asked}\n  - {type: process_kill, target: replica, shard: 1, replica: 2, coordination: after_operation, step: asked}\n",
        expect![[r#"
            x.yaml:4:73: chaos[0].step: only a failover has steps
              write `delay:` instead
            x.yaml:4:73: chaos[0].step: there is a delay too
              keep `delay` or `step`
            x.yaml:5:62: chaos[1].replica: the target is no replica
              write `target: replica`
            x.yaml:5:78: chaos[1].step: the fault is tied to no operation
              add `coordination:`, or write `at:` (seconds after the workload began)
            x.yaml:6:62: chaos[2].replica: 2 is out of range
              write a whole number from 1 to 1
            x.yaml:6:102: chaos[2].step: a step is a moment within an operation
              write `during_operation`, or no `step`"#]],
    );
}

#[test]
fn a_nodes_name_in_an_argument_needs_the_node() {
    check(
        "operations:\n  - {type: command, node: 1, args: [CLUSTER, FORGET, \"{node-44}\"]}\n  - {type: command, node: 1, args: [ECHO, \"{node-6}{node-06}{node-}{node-99999999999}\"]}\n",
        expect![[r#"
            x.yaml:3:54: operations[0].args[2]: there is no node 44
              the nodes are 1 to 6
            x.yaml:4:43: operations[1].args[1]: there is no node 06
              the nodes are 1 to 6
            x.yaml:4:43: operations[1].args[1]: there is no node 99999999999
              the nodes are 1 to 6"#]],
    );
}

#[test]
fn directives_that_break_the_simulation_are_refused_with_the_reason() {
    check(
        "cluster:\n  config:\n    io-threads: 4\n    port: 7000\n    tls-port: 1\n    maxmemory: \"1\\nport 1\"\n",
        expect![[r#"
            x.yaml:4:17: cluster.config.io-threads: a scenario must not set `io-threads`
              threads beside the main one would make runs unrepeatable
            x.yaml:7:16: cluster.config.maxmemory: this value cannot stand in a configuration
              write one short line
            x.yaml:5:11: cluster.config.port: a scenario must not set `port`
              every simulated node has the same ports
            x.yaml:6:15: cluster.config.tls-port: a scenario must not set `tls-port`
              the simulation carries no TLS"#]],
    );
    check(
        "operations:\n  - {type: command, node: 1, args: [config, SET, dir, /tmp]}\n",
        expect![[r#"
        x.yaml:3:36: operations[0].args: a scenario must not set `dir`
          every node has files of its own, which the fuzzer reads"#]],
    );
    assert!(parse("cluster: {config: {io-threads: 1, appendonly: true, hz: 20}}").is_ok());
}

#[test]
fn numbers_and_booleans_become_the_texts_a_server_knows() {
    let scenario = parse(
        "cluster: {config: {appendonly: true, hz: 20}}\noperations: [{type: command, node: 1, args: [SET, 1, true]}]",
    );
    let scenario = scenario.expect("the scenario is valid");
    assert_eq!(scenario.cluster.config["appendonly"], "yes");
    assert_eq!(scenario.cluster.config["hz"], "20");
    let plan = crate::plan::resolve(&scenario, Some(1)).expect("it can be run");
    assert_eq!(plan.operations[0].action.typed()[0].args[..], ["SET", "1", "true"]);
}

#[test]
fn texts_that_are_no_scenario_are_refused_in_plain_words() {
    check_whole(
        "",
        expect![[r#"
        x.yaml:1:1: the scenario is empty
          begin with `scenario:` and below it `name:`"#]],
    );
    check_whole(
        "# nothing\n---\n",
        expect![[r#"
        x.yaml:1:1: the scenario is empty
          begin with `scenario:` and below it `name:`"#]],
    );
    check_whole(
        "cluster: {shards: 3}\n",
        expect![[r#"
        x.yaml:1:1: the key `scenario` is missing
          begin with `scenario:` and below it `name:`"#]],
    );
    check_whole(
        "scenario: {name: x}\n---\nscenario: {name: y}\n",
        expect![[r#"
            x.yaml:2:1: there is more than one document
              keep one document: no second `---`"#]],
    );
    check_whole(
        "scenario:\n\tname: x\n",
        expect![[r#"
        x.yaml:2:1: found character that cannot start any token, while scanning for the next token
          indent with spaces, and put special characters in quotes"#]],
    );
    check_whole(
        "scenario: {name: x\n",
        expect![[r#"
        x.yaml:2:1: did not find expected ',' or '}', while parsing a flow mapping at line 1 column 11
          check the indentation, colons and quotes of this line and the one before"#]],
    );
    check_whole(
        "scenario:\n  name: x\n  seed: 1\n  seed: 2\n",
        expect![[r#"
        x.yaml:4:3: scenario: the key `seed` stands twice
          keep one of them"#]],
    );
    check_whole(
        "just text",
        expect![[r#"
        x.yaml:1:1: the text "just text" cannot stand here
          write the sections of a scenario"#]],
    );
    check_whole(
        "scenario: {name: \"\"}",
        expect![[r#"
        x.yaml:1:18: scenario.name: this is no name
          a name has 1 to 100 characters on one line"#]],
    );
}

#[test]
fn a_bomb_of_aliases_ends_at_once() {
    let mut text = "scenario: {name: x}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    check_whole(
        &text,
        expect![[r#"
            x.yaml:1:1: the aliases stand for too much
              write values out instead of aliases"#]],
    );
    let long =
        format!("scenario: {{name: x}}\na: &a {}\nb:\n{}", "y".repeat(100_000), "- *a\n".repeat(20_000));
    check_whole(
        &long,
        expect![[r#"
            x.yaml:2:4: b[166]: the scenario is too large once its aliases are written out
              write values out instead of aliases"#]],
    );
}

#[test]
fn deep_nesting_and_endless_brackets_end_at_once() {
    check(
        &format!("chaos: {}", "[".repeat(1_900)),
        expect![[r#"
        x.yaml:2:135: recursion limit exceeded
          a scenario is never nested so deep"#]],
    );
    check(
        &format!("chaos: {}{}", "[".repeat(900), "]".repeat(900)),
        expect![[r#"
        x.yaml:2:135: recursion limit exceeded
          a scenario is never nested so deep"#]],
    );
    check(
        &"[a: ".repeat(60_000),
        expect![[r#"
        x.yaml:1:1: there are more than 2000 brackets
          write lists and maps one entry a line, without brackets"#]],
    );
}

#[test]
fn the_worst_text_that_is_let_in_is_refused_in_seconds() {
    let text = "[a: ".repeat(1_999) + &"b,\n".repeat(90_000);
    let refused = parse_str("x.yaml", &text[..(256 << 10)]);
    assert!(refused.is_err());
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a file");
    let load = |name: &str| {
        let text = said(load(&folder.path().join(name)));
        text.replace(&folder.path().display().to_string(), "FOLDER")
    };
    write("latin1.yaml", b"scenario:\n  name: caf\xe9\n");
    write("large.yaml", &vec![b'a'; 17 << 20]);
    expect![[r#"
        FOLDER/absent.yaml: there is no such file
          check the path; examples are in scenarios/"#]]
    .assert_eq(&load("absent.yaml"));
    expect![[r#"
        FOLDER/: is a directory
          name one of the scenario files in it"#]]
    .assert_eq(&load(""));
    expect![[r#"
        FOLDER/latin1.yaml:2:12: this byte is not UTF-8
          save the file as UTF-8 text"#]]
    .assert_eq(&load("latin1.yaml"));
    expect![[r#"
        FOLDER/large.yaml: is larger than 16 MiB
          a scenario is a few kilobytes of YAML: is this the right file?"#]]
    .assert_eq(&load("large.yaml"));
}

#[test]
fn what_is_said_fits_a_screen_and_holds_no_control_characters() {
    let many = "chaos:\n".to_owned() + &"  - {type: process_kill, node: 99}\n".repeat(900);
    let long = format!("\"{}\\e[2J\": 3\n", "k".repeat(50_000));
    for text in [many, long] {
        let said = said(parse(&text));
        assert!(said.lines().count() <= 20 && said.len() < 4_000, "{said}");
        assert!(!said.contains('\u{1b}'));
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_scenario_or_an_error(text in any::<String>()) {
        drop(parse_str("x", &text));
    }

    #[test]
    fn any_text_made_of_yaml_gives_a_scenario_or_an_error(text in "[-:{}&*!|>'\" \n#,a-c0-2\\[\\]]{0,200}") {
        drop(parse_str("x", &text));
        drop(parse(&text));
    }

    #[test]
    fn a_damaged_example_gives_a_scenario_or_an_error(
        which in 0usize..8, at in any::<prop::sample::Index>(), cut in 0usize..20, put in "[-:{}&*!|>'\" \n#,a-z0-9.\\[\\]]{0,8}",
    ) {
        let (_, text) = &examples()[which];
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let rest = &chars[(at + cut).min(chars.len())..];
        let damaged: String = chars[..at].iter().copied().chain(put.chars()).chain(rest.iter().copied()).collect();
        if let Ok(scenario) = parse_str("x", &damaged) {
            prop_assert_eq!(parse_str("x", &scenario.to_yaml()).expect("what was written is read"), scenario);
        }
    }

    #[test]
    fn any_arguments_survive_being_written(args in prop::collection::vec(any::<String>(), 1..4), name in "[ -~]{1,40}") {
        let mut scenario = parse("operations: [{type: command, node: 1, args: [PING]}]").expect("it is valid");
        let args: Vec<Value> = args.into_iter().map(Value::from).collect();
        scenario.operations = vec![Entry::of("command").with("node", 1_u16).with("args", args).written()];
        scenario.head.name = format!("x{name}");
        if super::check::check(&scenario).is_empty() {
            prop_assert_eq!(parse_str("x", &scenario.to_yaml()).expect("what was written is read"), scenario);
        }
    }
}
