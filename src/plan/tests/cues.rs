//! Cues as they are written, and those that nobody ever sees.

use crate::event::MessageType;
use crate::fault::FaultId;
use crate::fault::cue::{Becoming, Cue, FaultStep, MigrationState, Sight, SlotStep, SyncStep};
use crate::id::NodeId;
use crate::plan::resolve::resolve;
use crate::scenario;

/// The first cue of a plan whose first fault waits for this, or what is wrong.
fn read_in(replicas: u16, when: &str) -> Result<Cue, String> {
    let yaml = format!(
        "scenario: {{name: t, seed: 1}}\ncluster: {{shards: 3, replicas: {replicas}}}\nchaos:\n  - {{type: process_pause, node: 1, \
         duration: 1, when: {when}}}\n  - {{type: process_kill, node: 2, at: 1}}\n"
    );
    let scenario = scenario::parse_str("t", &yaml).map_err(|error| error.to_string())?;
    let plan = resolve(&scenario, None).map_err(|error| error.to_string())?;
    assert!(plan.fits().is_ok(), "{when}: what it writes is what it reads");
    Ok(plan.faults[0].trigger.cue().expect("it waits").clone())
}

fn read(when: &str) -> Result<Cue, String> {
    read_in(1, when)
}

#[test]
fn every_cue_says_what_is_seen_where_and_how_often() {
    let cue = |sight, node: Option<u16>, nth| Ok(Cue { sight, node: node.map(NodeId), nth });
    let to = Some(NodeId(2));
    let message = MessageType::FAILOVER_AUTH_REQUEST;
    let asks = Sight::Bus { message, to };
    assert_eq!(read("{bus: failover_auth_request, from: 5, to: 2, nth: 2}"), cue(asks, Some(5), 2));
    assert_eq!(read("{log: Start of election}"), cue(Sight::Log("Start of election".to_owned()), None, 1));
    assert_eq!(read("{node: 3, becomes: primary}"), cue(Sight::Becomes(Becoming::Primary), Some(3), 1));
    assert_eq!(read("{slot: 100, is: importing}"), cue(Sight::Slot(100, SlotStep::Importing), None, 1));
    let paused = Sight::Migration(MigrationState::FailoverPaused);
    assert_eq!(read("{migration: failover-paused}"), cue(paused, None, 1));
    assert_eq!(read("{sync: started, node: 2}"), cue(Sight::Sync(SyncStep::Started), Some(2), 1));
    assert_eq!(read("{fault: 2}"), cue(Sight::Fault(FaultId(2), FaultStep::Fired), None, 1));
}

#[test]
fn what_can_never_be_seen_is_refused() {
    let wrong = |replicas, when: &str| read_in(replicas, when).expect_err(when);
    for (when, why) in [
        ("{nth: 2}", "it is not said what is to be seen"),
        ("{bus: module}", "the value `module` is not known here"),
        ("{bus: ping, from: 1, to: 1}", "a node sends itself nothing"),
        ("{bus: ping, from: 7}", "there is no node 7"),
        ("{bus: ping, log: x}", "`log` does not go with `bus`"),
        ("{log: ' '}", "no line holds this"),
        ("{becomes: primary}", "it is not said who becomes that"),
        ("{slot: 5}", "it is not said what is done with the slot"),
        ("{fault: 1}", "the fault waits for itself"),
        ("{fault: 3}", "there is no fault 3"),
        ("{fault: 2, healed}", "that fault is never healed"),
        ("{bus: ping, after: 2}", "the key `after` is not known here"),
    ] {
        assert!(wrong(1, when).contains(why), "{when}: {}", wrong(1, when));
    }
    assert!(wrong(0, "{bus: failover_auth_request}").contains("there are no replicas that could take over"));
    assert!(wrong(0, "{sync: done}").contains("there are no replicas"));
}
