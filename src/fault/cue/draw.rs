//! Draws cues for the generator.

use super::SyncStep;
use crate::language::{Entry, Value, names};
use crate::rng::Stream;

/// Draws what a fault waits for where a cluster has replicas: moments of elections, of synchronisations and of roles.
pub fn draw(stream: &mut Stream, nodes: u64) -> Value {
    let node = |stream: &mut Stream| stream.range(1..=nodes);
    let nth = |stream: &mut Stream, most: u64| Some(stream.range(1..=most)).filter(|nth| *nth > 1);
    let drawn = stream.weighted(&[(4, 0), (3, 1), (2, 2), (2, 3), (2, 4)]);
    let entry = match drawn {
        0 => {
            let types = ["failover_auth_request", "failover_auth_ack", "fail", "update", "mfstart"];
            let message = *stream.pick(&types).expect("there are some");
            Entry::default().with("bus", message).maybe("nth", nth(stream, 4))
        }
        1 => {
            let lines =
                ["Start of election", "Failover election won", "Cluster state changed: fail", "Marking node"];
            let line = *stream.pick(&lines).expect("there are some");
            Entry::default().with("log", line).maybe("nth", nth(stream, 3))
        }
        2 => Entry::default().with("becomes", "primary").with("node", node(stream)),
        3 => {
            let steps = ["failing", "down", "up", "replica"];
            let step = *stream.pick(&steps).expect("there are some");
            Entry::default().with("becomes", step).with("node", node(stream))
        }
        _ => {
            let step = *stream.pick(&names::<SyncStep>()).expect("there are some");
            Entry::default().with("sync", step).maybe("nth", nth(stream, 3))
        }
    };
    entry.written()
}
