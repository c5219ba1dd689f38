//! Answers of real servers of several versions, broken answers, and arbitrary text.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::cluster_nodes::{ClusterNodes, Health, NodeFlag};
use super::info::{ClusterInfo, Info};
use super::{Role, SLOT_COUNT, SlotMap, SlotRange};

fn check(actual: &str, expected: Expect) {
    expected.assert_eq(actual);
}

fn canonical(text: &str) -> String {
    let view = ClusterNodes::parse(text).expect("an answer of a server");
    view.canonical().iter().map(|node| format!("{node}\n")).collect()
}

/// 8.0.1, 3 primaries and a replica with a slot on its way from the second to the first, as the two see it.
const FIRST: &str = "\
7b1903658d7b40d2554f966cc25469b958c43d97 127.0.0.1:21001@22001,host1.example master - 0 1795441710486 2 connected 5461-10921
86b09c05c34dbfd6f4844ec08cbbc00bfcb9fbc6 127.0.0.1:21003@22003,host3.example slave 1b34975880672403f0759e52fc4813f1a31a9eee 0 1795441710587 1 connected
1b34975880672403f0759e52fc4813f1a31a9eee 127.0.0.1:21000@22000 myself,master - 0 0 1 connected 0-5460 [6000-<-7b1903658d7b40d2554f966cc25469b958c43d97]
53107cc15f2f9159d0b3dc4d709c98e4c61cc1d4 127.0.0.1:21002@22002 master - 0 1795441710788 3 connected 10922-16383
";
const SECOND: &str = "\
7b1903658d7b40d2554f966cc25469b958c43d97 127.0.0.1:21001@22001,host1.example myself,master - 0 0 2 connected 5461-10921 [6000->-1b34975880672403f0759e52fc4813f1a31a9eee]
1b34975880672403f0759e52fc4813f1a31a9eee 127.0.0.1:21000@22000 master - 0 1795441710789 1 connected 0-5460
53107cc15f2f9159d0b3dc4d709c98e4c61cc1d4 127.0.0.1:21002@22002 master - 0 1795441710388 3 connected 10922-16383
86b09c05c34dbfd6f4844ec08cbbc00bfcb9fbc6 127.0.0.1:21003@22003,host3.example slave 1b34975880672403f0759e52fc4813f1a31a9eee 0 1795441710589 1 connected
";

#[test]
fn two_views_that_agree_have_one_canonical_form() {
    assert_eq!(canonical(FIRST), canonical(SECOND));
    check(
        &canonical(FIRST),
        expect![[r#"
            1b34975880672403f0759e52fc4813f1a31a9eee primary epoch 1 0-5460
            53107cc15f2f9159d0b3dc4d709c98e4c61cc1d4 primary epoch 3 10922-16383
            7b1903658d7b40d2554f966cc25469b958c43d97 primary epoch 2 5461-10921
            86b09c05c34dbfd6f4844ec08cbbc00bfcb9fbc6 replica of 1b34975880672403f0759e52fc4813f1a31a9eee
        "#]],
    );
}

#[test]
fn every_part_of_an_entry_is_read() {
    let view = ClusterNodes::parse(SECOND).expect("an answer of a server");
    check(
        &format!("{:#?}", view.myself().expect("the viewer is in it")),
        expect![[r#"
            NodeEntry {
                id: "7b1903658d7b40d2554f966cc25469b958c43d97",
                address: Address {
                    ip: "127.0.0.1",
                    port: 21001,
                    bus_port: 22001,
                    hostname: "host1.example",
                    further: [],
                },
                flags: [
                    Myself,
                    Primary,
                ],
                primary: None,
                ping_sent_ms: 0,
                pong_received_ms: 0,
                config_epoch: 2,
                connected: true,
                slots: [
                    SlotRange {
                        first: 5461,
                        last: 10921,
                    },
                ],
                open_slots: [
                    OpenSlot {
                        slot: 6000,
                        direction: Migrating,
                        peer: "1b34975880672403f0759e52fc4813f1a31a9eee",
                    },
                ],
            }"#]],
    );
    assert_eq!(view.owner_of(16_383).map(|node| node.address.port), Some(21_002));
    assert_eq!((view.unowned(), view.owners().len()), (Vec::new(), 3));
}

#[test]
fn failed_unknown_and_unfinished_nodes_are_read() {
    let text = "\
a 10.0.0.1:6379@16379,,tls-port=0,shard-id=77 myself,master,nofailover - 0 0 4 connected 0 2-3 1 9
b [::1]:6379@16379,host.example master,fail? - 1795441713903 1795441713602 2 disconnected 5-6
c fd00::7:6379@16379 slave,fail,brandnew b 1 2 2 disconnected
d :0@0 master,noaddr - 0 0 0 disconnected
e 10.0.0.9:6379@16379 handshake - 0 0 0 disconnected
f 10.0.0.8:6379 noflags - 0 0 0 connected
vars currentEpoch 6 lastVoteEpoch 0
";
    let view = ClusterNodes::parse(text).expect("an answer of a server");
    check(
        &canonical(text),
        expect![[r#"
            a primary epoch 4 0-3 9
            b primary suspected epoch 2 5-6
            c replica failed of b
            d primary epoch 0
            f unknown role epoch 0
        "#]],
    );
    let hosts: Vec<_> =
        view.nodes.iter().map(|node| (node.address.ip.as_str(), node.address.bus_port)).collect();
    check(
        &format!("{hosts:?}"),
        expect![[
            r#"[("10.0.0.1", 16379), ("::1", 16379), ("fd00::7", 16379), ("", 0), ("10.0.0.9", 16379), ("10.0.0.8", 0)]"#
        ]],
    );
    assert_eq!(view.nodes[0].address.further[1], ("shard-id".to_owned(), "77".to_owned()));
    assert_eq!((view.nodes[2].health(), view.nodes[2].role()), (Health::Failed, Some(Role::Replica)));
    assert!(view.nodes[2].has(&NodeFlag::Other("brandnew".to_owned())));
    assert_eq!(view.unowned().first(), Some(&SlotRange { first: 4, last: 4 }));
}

#[test]
fn a_text_that_is_no_view_is_refused_with_its_line() {
    let good = "a 10.0.0.1:6379@16379 master - 0 0 1 connected";
    let errors: Vec<String> = [
        "ERR This instance has cluster support disabled",
        "a 10.0.0.1 master - 0 0 1 connected",
        "a 10.0.0.1:70000@1 master - 0 0 1 connected",
        "a 10.0.0.1:1@1 master - 0",
        "a 10.0.0.1:1@1 master - 0 -1 1 connected",
        "a 10.0.0.1:1@1 master - 0 0 1 connected 5-4",
        "a 10.0.0.1:1@1 master - 0 0 1 connected [5-?-b]",
        "a 10.0.0.1:1@1 master - 0 0 1 connected [16384->-b]",
    ]
    .iter()
    .map(|bad| ClusterNodes::parse(&format!("{good}\r\n{bad}\r\n")).expect_err("refused").to_string() + "\n")
    .collect();
    check(
        &errors.concat(),
        expect![[r#"
            line 2 of cluster nodes: bad address in `ERR This instance has cluster support disabled`
            line 2 of cluster nodes: bad address in `a 10.0.0.1 master - 0 0 1 connected`
            line 2 of cluster nodes: bad address in `a 10.0.0.1:70000@1 master - 0 0 1 connected`
            line 2 of cluster nodes: no pong time in `a 10.0.0.1:1@1 master - 0`
            line 2 of cluster nodes: bad pong time in `a 10.0.0.1:1@1 master - 0 -1 1 connected`
            line 2 of cluster nodes: bad slots in `a 10.0.0.1:1@1 master - 0 0 1 connected 5-4`
            line 2 of cluster nodes: bad open slot in `a 10.0.0.1:1@1 master - 0 0 1 connected [5-?-b]`
            line 2 of cluster nodes: bad open slot in `a 10.0.0.1:1@1 master - 0 0 1 connected [16384->-b]`
        "#]],
    );
}

/// Parts of the answers of a replica and a primary of 8.0.1.
const REPLICA: &str = "# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:21003\r\n\
    master_link_status:down\r\nmaster_sync_in_progress:0\r\nslave_read_repl_offset:14\r\nslave_repl_offset:14\r\n\
    slave_priority:100\r\nconnected_slaves:0\r\nmaster_replid:9e01c1\r\nmaster_repl_offset:14\r\n\r\n\
    # CPU\r\nused_cpu_sys:0.1\r\n";
const PRIMARY: &str = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n\
    slave0:ip=127.0.0.1,port=21000,state=wait_bgsave,offset=0,lag=0,type=replica\r\n\
    slave1:ip=fd00::1,port=21001,state=online,offset=9000,lag=1\r\nmaster_replid:9312f8\r\nmaster_repl_offset:9000\r\n";

#[test]
fn replication_is_read_at_both_ends() {
    check(
        &format!("{:?}", Info::parse(REPLICA).replication()),
        expect![[
            r#"Ok(Replication { role: Replica, primary: Some(("127.0.0.1", 21003)), primary_link_up: Some(false), syncing: Some(false), replid: "9e01c1", primary_repl_offset: 14, replica_repl_offset: Some(14), replicas: [] })"#
        ]],
    );
    check(
        &format!("{:#?}", Info::parse(PRIMARY).replication().map(|replication| replication.replicas)),
        expect![[r#"
            Ok(
                [
                    AttachedReplica {
                        ip: "127.0.0.1",
                        port: 21000,
                        state: "wait_bgsave",
                        offset: 0,
                        lag_s: 0,
                    },
                    AttachedReplica {
                        ip: "fd00::1",
                        port: 21001,
                        state: "online",
                        offset: 9000,
                        lag_s: 1,
                    },
                ],
            )"#]],
    );
    assert_eq!(Info::parse(REPLICA).get("used_cpu_sys"), Some("0.1"));
}

#[test]
fn what_info_does_not_say_is_named() {
    let replication = |text: &str| Info::parse(text).replication().expect_err("refused").to_string();
    check(
        &[
            replication("garbage"),
            replication("# Replication\nrole:sentinel"),
            replication(&PRIMARY.replace("port=21000", "port=x")),
            replication(&PRIMARY.replace("master_repl_offset:9000", "")),
        ]
        .join("\n"),
        expect![[r#"
            no `role` in info
            `role` in info is `sentinel`
            `slave` in info is `ip=127.0.0.1,port=x,state=wait_bgsave,offset=0,lag=0,type=replica`
            no `master_repl_offset` in info"#]],
    );
    let negative = PRIMARY.replace("master_repl_offset:9000", "master_repl_offset:-1");
    assert_eq!(Info::parse(&negative).replication().map(|r| r.primary_repl_offset), Ok(0));
}

#[test]
fn the_state_of_the_cluster_is_read() {
    let text = "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16380\r\ncluster_slots_pfail:4\r\n\
        cluster_slots_fail:0\r\ncluster_known_nodes:4\r\ncluster_size:3\r\ncluster_current_epoch:6\r\n\
        cluster_my_epoch:4\r\ncluster_stats_messages_auth-req_received:1\r\n";
    let cluster = ClusterInfo::parse(text).expect("an answer of a server");
    assert!(cluster.ok);
    assert_eq!((cluster.slots_ok, cluster.current_epoch, cluster.my_epoch), (16_380, 6, 4));
    assert_eq!(cluster.info.number("cluster_stats_messages_auth-req_received"), Ok(1));
    assert!(!ClusterInfo::parse(&text.replace(":ok", ":fail")).expect("an answer of a server").ok);
    let said = [text, &text.replace(":ok", ":fail"), "cluster_size:3\r\n"].map(ClusterInfo::is_ok);
    assert_eq!(said, [Some(true), Some(false), None]);
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*", words in "([a-z0-9,@:>\\[\\]<?=. -]{0,40}\n){0,4}") {
        for text in [text, words] {
            let _ = ClusterNodes::parse(&text).map(|view| (view.canonical(), view.unowned()));
            let _ = (Info::parse(&text).replication(), ClusterInfo::parse(&text));
        }
    }

    #[test]
    fn a_mutated_view_never_panics(at in any::<prop::sample::Index>(), byte in " -~", second in any::<bool>()) {
        let mut text = if second { SECOND } else { FIRST }.to_owned();
        let at = at.index(text.len());
        text.replace_range(at..=at, &byte);
        let _ = ClusterNodes::parse(&text).map(|view| (view.canonical(), view.unowned()));
    }

    #[test]
    fn slots_come_back_as_they_were(ranges in proptest::collection::vec((0..SLOT_COUNT, 0..300u16), 0..6)) {
        let slots: SlotMap = ranges
            .into_iter()
            .map(|(first, n)| SlotRange { first, last: (first + n).min(SLOT_COUNT - 1) })
            .collect();
        let words: String = slots.ranges().iter().map(|range| format!(" {range}")).collect();
        let view = ClusterNodes::parse(&format!("a 10.0.0.1:1@2 master - 0 0 1 connected{words}"))
            .expect("ranges are read");
        prop_assert_eq!(view.nodes[0].slot_count(), slots.count());
        prop_assert_eq!(view.nodes[0].slots.clone(), slots.ranges());
        prop_assert_eq!(view.unowned(), slots.complement().ranges());
    }
}
