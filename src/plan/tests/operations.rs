//! Operations as they are written: when they start, and whom they are for.

use crate::op::{Op, OpAction, Start};
use crate::plan::resolve::resolve;
use crate::scenario;
use crate::time::SimDuration;

/// The operations of a scenario, or what is wrong with it.
fn read(operations: &str) -> Result<Vec<Op>, String> {
    let text = format!("scenario: {{name: t, seed: 1}}\noperations: [{operations}]");
    let scenario = scenario::parse_str("t", &text).map_err(|error| error.to_string())?;
    let plan = resolve(&scenario, None).map_err(|error| error.to_string())?;
    assert!(plan.fits().is_ok(), "{operations}: what it writes is what it reads");
    Ok(plan.operations)
}

#[test]
fn operations_run_one_after_the_other_side_by_side_or_by_the_clock() {
    let all = read(
        "{type: failover, shard: 1, delay: 2}, {type: failover, shard: 2, timing: parallel},
         {type: failover, shard: 3, timing: parallel, delay: 0.5}, {type: bgsave, node: 1, at: 9}",
    );
    let starts: Vec<(Start, SimDuration)> =
        all.expect("it can be run").iter().map(|op| (op.start.clone(), op.delay_ns)).collect();
    let ms = SimDuration::from_ms;
    let expected = [
        (Start::After, ms(2_000)),
        (Start::Beside, ms(0)),
        (Start::Beside, ms(500)),
        (Start::Beginning, ms(9_000)),
    ];
    assert_eq!(starts, expected);
}

#[test]
fn an_operation_by_the_clock_waits_for_nothing_else() {
    for key in ["timing: parallel", "delay: 1"] {
        let wrong = read(&format!("{{type: bgsave, node: 1, at: 9, {key}}}"));
        assert!(wrong.is_err_and(|why| why.contains("the time of the operation is given")));
    }
}

/// The nodes of a change in a cluster of three shards of two.
fn nodes_of(keys: &str) -> Result<Vec<u16>, String> {
    let operations = read(&format!("{{type: configuration_change, {keys}, set: {{hz: 100}}}}"))?;
    let OpAction::ConfigurationChange(change) = &operations[0].action else {
        return Err("it is another operation".to_owned());
    };
    Ok(change.nodes.iter().map(|node| node.0).collect())
}

#[test]
fn a_role_means_the_nodes_that_were_laid_out_in_it() {
    assert_eq!(nodes_of("role: primaries"), Ok(vec![1, 3, 5]));
    assert_eq!(nodes_of("role: replicas"), Ok(vec![2, 4, 6]));
    let both = nodes_of("role: replicas, node: 1");
    assert!(both.is_err_and(|why| why.contains("the nodes are named too")));
}

#[test]
fn an_operation_waits_for_what_is_seen_and_for_nothing_else() {
    let all = read(
        "{type: failover, shard: 1, when: {bus: failover_auth_request, from: 5, nth: 2}},
         {type: bgsave, node: 1, when: {sync: started}, delay: 0.5}",
    );
    let all = all.expect("it can be run");
    let cues: Vec<String> = all.iter().filter_map(|op| Some(op.start.cue()?.in_words())).collect();
    assert_eq!(cues, ["failover_auth_request from node-5, time 2", "a synchronisation is started"]);
    assert_eq!(all[1].delay_ns, SimDuration::from_ms(500));
    assert!(all[0].in_words().ends_with(", when failover_auth_request from node-5, time 2"));
    for key in ["timing: parallel", "at: 1"] {
        let wrong = read(&format!("{{type: bgsave, node: 1, when: {{sync: done}}, {key}}}"));
        assert!(wrong.is_err_and(|why| why.contains("the operation waits for a sight")), "{key}");
    }
}

#[test]
fn an_operation_that_waits_for_what_never_comes_is_refused() {
    let with_fault = |when: &str, fault: &str| {
        let text = format!(
            "scenario: {{name: t, seed: 1}}\noperations: [{{type: failover, shard: 1, when: {{{when}}}}}]\nchaos: [{{{fault}}}]"
        );
        let scenario = scenario::parse_str("t", &text).map_err(|error| error.to_string());
        scenario.and_then(|scenario| resolve(&scenario, None).map_err(|error| error.to_string()))
    };
    let kill = "type: process_kill, node: 2";
    for (when, fault, why) in [
        ("bus: ping, from: 7", kill.to_owned(), "there is no node 7"),
        ("fault: 2", kill.to_owned(), "there is no fault 2"),
        ("fault: 1, healed", kill.to_owned(), "that fault is never healed"),
        ("fault: 1", format!("{kill}, coordination: after_operation"), "the fault waits for itself"),
    ] {
        let told = with_fault(when, &fault).expect_err(when);
        assert!(told.contains(why), "{when}: {told}");
    }
    assert!(with_fault("fault: 1", kill).is_ok());
}
