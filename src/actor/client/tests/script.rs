//! A script is done as it is written, as punctually as its commands let it, and to its end.

use super::*;
use crate::plan::ClientCommand;

fn command(client: u16, at_ms: u64, key: &str) -> ClientCommand {
    let request = Request::Get { key: key.to_owned() };
    ClientCommand { client: ClientId(client), at_ns: SimDuration::from_ms(at_ms), request }
}

fn scripted(commands: Vec<ClientCommand>) -> Plan {
    Plan { workload: Some(WorkloadPlan::of_script(commands)), ..plan(1, Pattern::Mixed) }
}

/// What the rig's client noted, without what the nodes were sent.
fn noted(plan: &Plan, server: impl FnMut(NodeId, &str) -> Play) -> String {
    let mut rig = Rig::new(plan, server);
    let lines = rig.run(SimTime::NEVER);
    assert_eq!(rig.done, 1, "the client says once that it is done");
    lines.into_iter().filter(|line| line.contains(" #")).collect::<Vec<_>>().join("\n")
}

#[test]
fn commands_are_invoked_at_their_instants_or_as_soon_as_may_be() {
    let plan = scripted(vec![
        command(1, 30, "c"),
        command(1, 5, "a"),
        command(2, 6, "not mine"),
        command(1, 7, "b"),
        command(1, 8, "late"),
    ]);
    expect_test::expect![[r#"
        5 ms: #1 get a
        9 ms: #1 Ok(Some("abc")) by node-5
        9 ms: #2 get b
        13 ms: #2 Ok(Some("abc")) by node-1
        13 ms: #3 get late
        15 ms: #3 Ok(Some("abc")) by node-1
        30 ms: #4 get c
        34 ms: #4 Ok(Some("abc")) by node-3"#]]
    .assert_eq(&noted(&plan, |_, command| obliging(command)));
}

#[test]
fn what_is_late_when_the_time_is_over_is_done_all_the_same() {
    let mut plan = scripted((1..=3).map(|n| command(1, n, "k")).collect());
    plan.workload.as_mut().expect("there is a script").duration_ns = SimDuration::from_ms(2);
    expect_test::expect![[r#"
        1 ms: #1 get k
        5 ms: #1 Ok(Some("abc")) by node-3
        5 ms: #2 get k
        7 ms: #2 Ok(Some("abc")) by node-3
        7 ms: #3 get k
        9 ms: #3 Ok(Some("abc")) by node-3"#]]
    .assert_eq(&noted(&plan, |_, command| obliging(command)));
}

#[test]
fn a_client_without_commands_is_through_when_the_time_is_over() {
    assert_eq!(noted(&scripted(vec![command(2, 1, "k")]), |_, command| obliging(command)), "");
}

#[test]
fn the_script_of_what_was_drawn_does_what_was_drawn() {
    let mut drawn = plan(3, Pattern::Mixed);
    let workload = drawn.workload.as_mut().expect("there is a workload");
    (workload.rate_per_s, workload.duration_ns) = (200, SimDuration::from_secs(10));
    let slow = |_: NodeId, command: &str| match command.split(' ').nth(1) {
        Some("key:4") => say("-TRYAGAIN"),
        _ => obliging(command),
    };
    let before = Rig::new(&drawn, slow).run(SimTime::NEVER);
    let commands = invoked(&drawn, slow);
    assert!(commands.len() > 20, "{}", commands.len());
    let script =
        WorkloadPlan { duration_ns: SimDuration::from_secs(10), ..WorkloadPlan::of_script(commands) };
    let plan = Plan { workload: Some(script), ..drawn };
    assert_eq!(Rig::new(&plan, slow).run(SimTime::NEVER), before);
}

/// What the client invokes, at which nanosecond.
fn invoked(plan: &Plan, server: impl FnMut(NodeId, &str) -> Play) -> Vec<ClientCommand> {
    let mut rig = Rig::new(plan, server);
    rig.run(SimTime::NEVER);
    let of_client = |(at, request): (SimTime, Request)| ClientCommand {
        client: ClientId(1),
        at_ns: at.since(SimTime::ZERO),
        request,
    };
    rig.invoked.into_iter().map(of_client).collect()
}
