//! What plans are made of: the same seed the same plan, defaults and draws.

use expect_test::expect;
use proptest::prelude::*;

use super::{Overrides, Plan, generate, generate_for, resolve};
use crate::fault::{Moment, Target, Trigger};
use crate::id::ShardId;
use crate::op::{Failover, OpId};
use crate::scenario::{PLAIN, Scenario, parse_str};
use crate::time::SimDuration;

fn scenario(text: &str) -> Scenario {
    parse_str("x.yaml", &format!("scenario: {{name: x, seed: 1}}\n{text}"))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn plan(text: &str) -> Plan {
    resolve(&scenario(text), None).expect("a scenario that was read can be resolved")
}

fn example(name: &str) -> Plan {
    let path = format!("{}/scenarios/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let scenario = crate::scenario::load(path.as_ref()).unwrap_or_else(|error| panic!("{error}"));
    resolve(&scenario, None).expect("the example can be resolved")
}

#[test]
fn the_basic_example_is_the_plan_it_says() {
    let plan = example("basic-failover");
    expect![[r#"
        {
          "name": "basic_failover_test",
          "seed": 42,
          "epoch_us": 1752229585091348,
          "cluster": {
            "shards": 3,
            "replicas": 1,
            "node_timeout_ms": 5000,
            "config": {}
          },
          "network": {
            "latency": {
              "min_ns": 200000,
              "max_ns": 1000000
            }
          },
          "operations": [
            {
              "id": 1,
              "delay_ns": 0,
              "action": {
                "type": "failover",
                "shard": 1,
                "mode": "default",
                "to": null
              }
            }
          ],
          "faults": [
            {
              "id": 1,
              "trigger": {
                "when": "before_op",
                "op": 1,
                "lead_ns": 5000000000
              },
              "action": {
                "type": "process_kill",
                "target": {
                  "primary": 2
                },
                "signal": "SIGKILL",
                "restart_after_ns": null
              }
            }
          ],
          "workload": {
            "pattern": "mixed",
            "rate_per_s": 50,
            "duration_ns": 20000000000,
            "clients": 4,
            "keys": 1000,
            "value_bytes": 64
          },
          "limits": {
            "slot_coverage": true,
            "replica_sync": true,
            "data_consistency": true,
            "operations": true,
            "max_convergence_ns": 30000000000,
            "max_replication_lag_ns": 5000000000
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&plan).expect("a plan is JSON"));
    expect!["test_20250711_102625_seed_42"].assert_eq(&plan.scenario_id());
    expect!["test_20250711_102625_seed_42_basic_failover_test"].assert_eq(&plan.folder_name());
}

#[test]
fn a_plan_needs_a_seed_and_the_callers_comes_first() {
    let mut scenario = scenario("");
    assert_eq!(resolve(&scenario, Some(9)).expect("it has a seed").seed, 9);
    scenario.head.seed = None;
    let error = resolve(&scenario, None).expect_err("it has no seed");
    assert!(error.to_string().contains("has no seed"));
}

#[test]
fn a_scenario_made_by_hand_is_checked_too() {
    let mut scenario = scenario("");
    scenario.cluster.shards = Some(70_000);
    let error = resolve(&scenario, None).expect_err("it has too many shards");
    expect![[r#"
        the scenario cannot be run: cluster.shards: 70000 is out of range
          write a whole number from 3 to 500"#]]
    .assert_eq(&error.to_string());
}

#[test]
fn a_fault_is_tied_to_the_operation_of_its_shard() {
    let plan = plan(
        "operations: [{type: failover, shard: 1}, {type: command, node: 5, args: [PING]}, {type: failover, shard: 3}]
chaos:
  - {type: process_kill, target: primary, shard: 3, coordination: before_failover, delay: 2}
  - {type: process_kill, target: primary, shard: 3, coordination: after_operation}
  - {type: process_kill, target: primary, shard: 2, coordination: during_operation, delay: 0.5}
  - {type: process_kill, target: primary, shard: 1, coordination: during_operation, operation: 2}",
    );
    let ns = SimDuration::from_ms;
    let triggers: Vec<Trigger> = plan.faults.iter().map(|fault| fault.trigger.clone()).collect();
    assert_eq!(
        triggers,
        [
            Trigger::BeforeOp { op: OpId(3), lead_ns: ns(2_000) },
            Trigger::AfterOp { op: OpId(2), delay_ns: ns(0) },
            Trigger::DuringOp { op: OpId(1), moment: Moment::After { delay_ns: ns(500) } },
            Trigger::DuringOp { op: OpId(2), moment: Moment::After { delay_ns: ns(0) } },
        ]
    );
}

#[test]
fn an_entry_more_moves_nothing_before_it() {
    let first = "chaos:\n  - {type: process_kill}\n";
    let one = plan(first);
    let two = plan(&format!("{first}  - {{type: process_pause}}\n"));
    assert_eq!(one.faults[0], two.faults[0]);
    assert_eq!(one.epoch_us, two.epoch_us);
}

#[test]
fn every_seed_gives_a_plan_that_can_be_run() {
    let mut node_count = 0;
    for seed in 0..2_000 {
        let scenario = generate(seed, &Overrides::default());
        let plan = resolve(&scenario, None).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_sound(&plan);
        node_count += u64::from(plan.cluster.node_count());
    }
    assert!((8..=12).contains(&(node_count / 2_000)), "{node_count}");
}

/// Checks what holds of every generated plan.
fn assert_sound(plan: &Plan) {
    assert!((3..=16).contains(&plan.cluster.shards) && plan.cluster.replicas <= 3);
    // A confused operator does each of them twice.
    assert!(plan.operations.len() <= 10 && plan.faults.len() <= 15);
    for op in &plan.operations {
        if let Some(Failover { shard, to, .. }) = op.action.as_failover() {
            assert!(plan.cluster.replicas > 0);
            assert!(to.is_none_or(|node| plan.cluster.shard_of(node) == *shard));
        }
        assert!(op.action.targets().into_iter().all(|target| exists(plan, target)));
    }
    for fault in &plan.faults {
        assert!(fault.action.targets().into_iter().all(|target| exists(plan, target)));
    }
}

fn exists(plan: &Plan, target: Target) -> bool {
    match target {
        Target::Primary(shard) => plan.cluster.possible_shards().any(|other| other == shard),
        Target::Replica(ShardId(shard), n) => {
            (1..=plan.cluster.shards).contains(&shard) && n < plan.cluster.replicas
        }
        Target::Node(node) => plan.cluster.hosts().any(|other| other == node),
        Target::Clients => true,
    }
}

#[test]
fn overrides_fix_the_size_and_move_nothing_else() {
    let free = generate(5, &Overrides::default());
    let fixed = generate(5, &Overrides { shards: Some(16), replicas: Some(0), ..Overrides::default() });
    assert_eq!((fixed.cluster.shards, fixed.cluster.replicas), (Some(16), Some(0)));
    assert_eq!(free.workload, fixed.workload);
    let plan = resolve(&free, None).expect("it can be run");
    assert_eq!(plan.folder_name(), plan.scenario_id(), "a seed says it all");
    assert!(resolve(&fixed, None).is_ok());
}

#[test]
fn a_third_of_the_seeds_upgrade_where_it_is_asked_for_and_nothing_else_moves() {
    let upgrading = Overrides { upgrade_to: Some("9.1".to_owned()), ..Overrides::default() };
    let upgrades = (0..300).filter(|seed| {
        let (plain, mut scenario) = (generate(*seed, &Overrides::default()), generate(*seed, &upgrading));
        let upgrades = scenario.operations.len() > plain.operations.len();
        let plan = resolve(&scenario, None).expect("it can be run");
        assert_eq!(plan.other_servers().len(), usize::from(upgrades));
        scenario.operations.truncate(plain.operations.len());
        assert_eq!(scenario, plain);
        upgrades
    });
    assert!((75..=125).contains(&upgrades.count()));
}

#[test]
fn a_share_of_seeds_has_several_databases_where_servers_can_have_them() {
    let (mut several, mut moving) = (0, 0);
    for seed in 0..300 {
        let plain = generate(seed, &Overrides::default());
        assert_eq!(generate_for(seed, &Overrides::default(), false), plain);
        let scenario = generate_for(seed, &Overrides::default(), true);
        let plan = resolve(&scenario, None).expect("it can be run");
        assert!(plan.fits().is_ok() && plan.operations.len() == plain.operations.len());
        several += usize::from(plan.cluster.databases > 1);
        moving += usize::from(scenario.workload.mix.contains_key("databases"));
        assert!(plan.cluster.databases > 1 || scenario == plain);
    }
    assert!((40..80).contains(&several) && (15..45).contains(&moving), "{several}, {moving}");
}

#[test]
fn a_share_of_seeds_has_clients_that_keep_what_they_read() {
    let has_some = |seed: &u64| {
        let mix = generate(*seed, &Overrides::default()).workload.mix;
        mix.contains_key("tracking") && mix.contains_key(PLAIN)
    };
    let count = (0..300).filter(has_some).count();
    assert!((15..45).contains(&count), "{count}");
}

#[test]
fn a_generated_scenario_reads_like_one_a_person_wrote() {
    expect![[r#"
        scenario:
          name: seed-42
          seed: 42
        cluster:
          shards: 5
          replicas: 0
        network:
          latency_ms:
            min: 20.0
            max: 40.0
        operations:
        - type: reshard
          from: 4
          to: 5
          slots:
          - 10850
          - 10982
          - 11027
          - 11159
          - 11779
          - 11911
          - 12043
          - 12887
          - 13097
          timing: delayed
          delay: 4.5
        workload:
          enabled: true
          pattern: read_heavy
          intensity: medium
          duration: 27.0
          clients: 16
          keys: 20
          mix:
            expiry: 3
            plain: 4
            strings: 2
            transactions: 2
    "#]]
    .assert_eq(&generate(42, &Overrides::default()).to_yaml());
}

proptest! {
    #[test]
    fn a_generated_scenario_survives_being_written(
        seed in any::<u64>(), shards in prop::option::of(3u16..=16), replicas in prop::option::of(0u16..=2),
    ) {
        let overrides = Overrides { shards, replicas, ..Overrides::default() };
        let scenario = generate(seed, &overrides);
        prop_assert_eq!(&generate(seed, &overrides), &scenario);
        let read = parse_str("x", &scenario.to_yaml()).expect("what was written is read");
        prop_assert_eq!(&read, &scenario);
        let plan = resolve(&scenario, None).expect("it can be run");
        prop_assert_eq!(&resolve(&read, None).expect("it can be run"), &plan);
        let json = serde_json::to_string(&plan).expect("a plan is JSON");
        prop_assert_eq!(serde_json::from_str::<Plan>(&json).expect("a plan is read"), plan);
    }
}

mod cues;
mod operations;
mod round_trip;
