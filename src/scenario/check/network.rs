//! The checks of `network`: latencies, and the hosts between which a single chunk takes its own time.

use std::collections::BTreeSet;

use super::{Finds, MAX_DELAYS};
use crate::id::{ClientId, Host, NodeId};
use crate::language::Place;
use crate::scenario::Network;

impl Finds {
    pub(super) fn network(&mut self, network: &Network, clients: u64) {
        let place = Place::of(&["network"]);
        if let Some(latency) = &network.latency_ms {
            self.latency(&place.key("latency_ms"), latency);
        }
        let place = place.key("delays");
        self.count(&place, network.delays.len(), MAX_DELAYS);
        let mut seen = BTreeSet::new();
        for (index, delay) in network.delays.iter().enumerate() {
            let place = place.index(index);
            self.host(&place.key("from"), delay.from, clients);
            self.host(&place.key("to"), delay.to, clients);
            if delay.nth == 0 {
                self.add(&place.key("nth"), "nothing is number 0", "write 1 for the first");
            }
            self.latency_of(&place.key("ms"), delay.ms);
            if delay.from == delay.to {
                self.add(&place, "a host has no link to itself", "name another host");
            }
            if !seen.insert((delay.from, delay.to, delay.nth)) {
                let message =
                    format!("number {} from {} to {} stands twice", delay.nth, delay.from, delay.to);
                self.add(&place, message, "keep one of them");
            }
        }
    }

    fn host(&mut self, place: &Place, host: Host, clients: u64) {
        match host {
            Host::Node(NodeId(node)) => self.node(place, node.into()),
            Host::Client(ClientId(client)) if u64::from(client) > clients => {
                let advice = match clients {
                    0 => "the workload is switched off".to_owned(),
                    _ => format!("the clients are 1 to {clients}"),
                };
                self.add(place, format!("there is no client {client}"), advice);
            }
            Host::Client(_) => {}
            Host::Guest(_) | Host::Operator | Host::Validator | Host::Stranger => {
                self.add(
                    place,
                    format!("the links of the {host} are always good"),
                    "name a node or a client",
                );
            }
        }
    }
}
