//! Connections whose other end is silent: who gives them up, and when.

use super::*;
use crate::fault::{Channel, Direction, FaultId, Links as Traffic, Trouble};

const HOW: KeepAlive =
    KeepAlive { idle: SimDuration::from_secs(4), interval: SimDuration::from_secs(1), count: 3 };

/// Cuts the ways between nodes 1 and 2, or one of them.
fn cut(direction: Direction) -> NetworkMessage {
    let group = |node| vec![Host::Node(NodeId(node))];
    let links = Traffic { trouble: Trouble::Cut, direction, channels: Vec::<Channel>::new() };
    NetworkMessage::SetRule { fault: FaultId(1), rule: Rule { seams: vec![(group(1), group(2))], links } }
}

fn heal() -> NetworkMessage {
    NetworkMessage::ClearRule { fault: FaultId(1) }
}

/// Two nodes with a connection, whose sockets keep it alive like this.
fn keeping(how: Option<KeepAlive>) -> (Rig, End) {
    let mut rig = Rig::listening();
    let accepted = rig.connect();
    rig.keeps = how;
    (rig, accepted)
}

/// What arrives within that time.
fn within(rig: &mut Rig, length: SimDuration) -> Vec<(SimTime, End, Arrival)> {
    let end = rig.now + length;
    rig.run_until(end);
    rig.now = end;
    std::mem::take(&mut rig.arrived)
}

const MINUTE: SimDuration = SimDuration::from_secs(60);

#[test]
fn both_ends_give_up_what_is_silent_for_as_long_as_they_said() {
    for direction in [Direction::Both, Direction::OneWay] {
        let (mut rig, accepted) = keeping(Some(HOW));
        let last_sign = rig.now;
        rig.tell(cut(direction));
        let at = last_sign + HOW.patience();
        let given_up = [(at, DIALLER, Arrival::TimedOut), (at, accepted, Arrival::TimedOut)];
        assert_eq!(within(&mut rig, MINUTE), given_up);
    }
}

#[test]
fn who_keeps_nothing_alive_waits_for_ever_and_so_does_who_hears_again_in_time() {
    let (mut rig, _) = keeping(None);
    rig.tell(cut(Direction::Both));
    assert_eq!(within(&mut rig, MINUTE), []);
    let (mut rig, _) = keeping(Some(HOW));
    rig.tell(cut(Direction::Both));
    assert_eq!(within(&mut rig, SimDuration::from_secs(6)), []);
    rig.tell(heal());
    assert_eq!(within(&mut rig, MINUTE), []);
    // The next silence is another one.
    rig.tell(cut(Direction::Both));
    assert_eq!(within(&mut rig, MINUTE).len(), 2);
}

#[test]
fn while_bytes_are_under_way_attempts_to_send_them_take_the_place_of_questions() {
    let (mut rig, accepted) = keeping(Some(HOW));
    rig.tell(cut(Direction::Both));
    rig.tell(NetworkMessage::Sent { from: DIALLER, chunk: chunk("on its way") });
    let arrived = within(&mut rig, MINUTE);
    assert!(matches!(arrived[..], [(_, end, Arrival::TimedOut)] if end == accepted), "{arrived:?}");
    // It is gone there, as whoever tries again is told.
    rig.tell(NetworkMessage::Closed { from: accepted, reset: false });
    rig.tell(heal());
    let arrived = within(&mut rig, MINUTE);
    assert!(matches!(arrived[..], [(_, DIALLER, Arrival::Reset)]), "{arrived:?}");
}

#[test]
fn a_machine_that_is_back_knows_nothing_of_what_is_asked() {
    let (mut rig, _) = keeping(Some(HOW));
    let node = NodeId(2);
    rig.tell(NetworkMessage::Machine { node, lost: true });
    assert_eq!(within(&mut rig, SimDuration::from_secs(5)), []);
    rig.tell(NetworkMessage::Machine { node, lost: false });
    let arrived = within(&mut rig, MINUTE);
    assert!(matches!(arrived[..], [(_, DIALLER, Arrival::Reset)]), "{arrived:?}");
}
