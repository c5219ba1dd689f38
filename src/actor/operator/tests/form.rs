//! Formation.

use super::*;

fn form(shards: u16, replicas: u16, change: impl FnOnce(&mut Servers)) -> (Rig, String) {
    let plan = plan(shards, replicas);
    let mut rig = Rig::new(&plan, Servers::fresh(&plan.cluster));
    change(&mut rig.servers);
    rig.tell(SimTime::ZERO, OperatorMessage::Form);
    let lines = rig.run(SimTime::NEVER);
    (rig, lines)
}

#[test]
fn clusters_of_all_sizes_form_in_few_round_trips() {
    for (shards, replicas) in [(3, 0), (3, 1), (16, 2)] {
        let (rig, lines) = form(shards, replicas, |_| {});
        let trips = if replicas == 0 { 6 } else { 7 };
        assert_eq!(lines, format!("{} ms: to director: Formed", 2 * trips));
        let formed = Servers::formed(&rig.servers.cluster);
        assert_eq!(rig.servers.owners, formed.owners);
        assert_eq!(rig.servers.primaries, formed.primaries);
        assert_eq!(rig.servers.epochs, formed.epochs);
    }
}

#[test]
fn the_commands_are_those_of_a_person() {
    let (rig, _) = form(3, 1, |_| {});
    let of = |node: &str| {
        let mine = rig.asked.iter().filter_map(|line| line.strip_prefix(node));
        mine.collect::<Vec<_>>().join("\n")
    };
    expect_test::expect![[r#"
        PING
        CLUSTER MYID
        CLUSTER SET-CONFIG-EPOCH 1
        CLUSTER ADDSLOTSRANGE 0 5460
        CLUSTER MEET 10.0.0.2 6379
        CLUSTER MEET 10.0.0.3 6379
        CLUSTER MEET 10.0.0.4 6379
        CLUSTER MEET 10.0.0.5 6379
        CLUSTER MEET 10.0.0.6 6379
        CLUSTER NODES
        CLUSTER NODES
        CLUSTER INFO"#]]
    .assert_eq(&of("node-1 "));
    expect_test::expect![[r#"
        PING
        CLUSTER MYID
        CLUSTER SET-CONFIG-EPOCH 2
        CLUSTER NODES
        CLUSTER REPLICATE 00000000000000000000000000000000000abc01
        CLUSTER NODES
        CLUSTER INFO
        INFO replication"#]]
    .assert_eq(&of("node-2 "));
}

#[test]
fn nodes_that_load_are_waited_for() {
    let (_, lines) = form(3, 1, |servers| {
        servers.loading.insert(NodeId(4), 3);
    });
    assert_eq!(lines, "170 ms: to director: Formed");
}

#[test]
fn a_step_whose_answer_was_lost_may_be_done_already() {
    let (_, lines) = form(3, 0, |servers| {
        let again = "-ERR Node config epoch is already non-zero".to_owned();
        servers.instead.insert("CLUSTER SET-CONFIG-EPOCH".to_owned(), again);
    });
    assert_eq!(lines, "12 ms: to director: Formed");
}

#[test]
fn what_is_missing_is_told_after_two_minutes() {
    let (_, lines) = form(3, 1, |servers| {
        servers.down.insert(NodeId(2));
        servers.mute.insert(NodeId(5));
    });
    expect_test::expect![[r#"120000 ms: to director: FormationFailed { why: "after 120 s not every node answers: node-2 PING: not sent: connection refused; node-5 PING: no answer" }"#]].assert_eq(&lines);
    let (_, lines) = form(3, 1, |servers| {
        let down = "master_link_status:down";
        let text = format!("role:slave\r\nmaster_replid:a\r\nmaster_repl_offset:0\r\n{down}\r\n");
        servers.instead.insert("INFO".to_owned(), bulk(&text));
    });
    expect_test::expect![[r#"120000 ms: to director: FormationFailed { why: "after 120 s the cluster is not what was asked for: node-2 INFO replication: the link to its primary is not up; node-4 INFO replication: the link to its primary is not up; node-6 INFO replication: the link to its primary is not up" }"#]].assert_eq(&lines);
}
