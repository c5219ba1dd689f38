//! Stories of elections: who votes late, anew or never, and who stands with what it missed.

use super::{Teller, Told, failover, later, tenth, tied};
use crate::language::{Entry, Value};

/// How long after its first request a replica asks anew at the least (`auth_retry_time`), in seconds, by the node timeout.
fn asks_anew_s(timeout_s: f64) -> f64 {
    2.0 * f64::max(2.0 * timeout_s, 2.0)
}

impl Teller {
    pub(super) fn lost_election(&mut self) -> Told {
        let (shard, at) = (self.shard(), self.stream.tenths(25..=50));
        let lasts = self.stream.tenths(20..=60);
        let starts = Entry::default().with("log", "Starting a failover election");
        let cut = Entry::of("network_partition").with("a", self.replicas(shard));
        let cut = cut.with("channels", vec![Value::from("bus")]).with("duration", lasts);
        let death = Entry::of("process_kill").with("target", "node").with("node", self.node(shard, 0));
        let chaos = vec![death.with("at", at), cut.with("when", starts.written())];
        (Vec::new(), chaos, at + 3.0 * self.timeout_s + lasts)
    }

    pub(super) fn fresh_voter(&mut self) -> Told {
        let (shard, at) = (self.shard(), self.stream.tenths(25..=50));
        let doubted = Entry::default().with("log", "possibly failing");
        let restart =
            Entry::of("process_kill").with("target", "node").with("node", self.node(self.other(shard), 0));
        let restart =
            restart.with("restart_after", self.stream.tenths(1..=6)).with("when", doubted.written());
        let death = self.death(shard, false).with("at", at);
        (Vec::new(), vec![death, restart], at + 2.0 * self.timeout_s)
    }

    pub(super) fn voter_restarted(&mut self) -> Told {
        let (shard, at) = (self.shard(), self.stream.tenths(25..=50));
        let voter = self.node(self.other(shard), 0);
        let between = tenth(at + self.timeout_s + self.stream.tenths(40..=60));
        let last = tenth(between + self.stream.tenths(40..=70));
        let signal = self.stream.weighted(&[(1, "SIGKILL"), (1, "SIGTERM")]);
        let restart = Entry::of("process_kill").with("target", "node").with("node", voter);
        let restart = restart.with("signal", signal).with("restart_after", self.stream.tenths(1..=8));
        let restart = restart.with("at", between);
        let first = self.death(shard, false).with("at", at);
        let second = self.death(shard, false).with("at", last);
        (Vec::new(), vec![first, restart, second], last)
    }

    pub(super) fn missed_hand_over(&mut self) -> Told {
        let (shard, delay) = (self.shard(), self.stream.tenths(30..=50));
        let (to, deaf) = (self.node(shard, 1), self.node(shard, 2));
        let operation = later(failover(shard).with("node", to), delay);
        let cut = Entry::of("network_partition").with("a", vec![Value::from(deaf)]);
        let cut = cut.with("duration", self.stream.tenths(30..=120));
        let death = self.death(shard, false);
        let mut chaos = vec![tied(cut, "before_operation", 0.5), tied(death, "after_operation", 0.5)];
        if self.stream.chance(1, 2) {
            // Nobody who was there is left to tell it.
            let old = Entry::of("process_kill").with("target", "node").with("node", self.node(shard, 0));
            chaos.push(tied(old, "after_operation", 0.6));
        }
        (vec![operation], chaos, delay + self.timeout_s)
    }

    /// What one side of an election says comes only once it is asked anew, or a voter does not hear why it is asked.
    pub(super) fn late_votes(&mut self) -> Told {
        let (shard, at) = (self.shard(), self.stream.tenths(25..=50));
        let anew = asks_anew_s(self.timeout_s);
        let death = Entry::of("process_kill").with("target", "node").with("node", self.node(shard, 0));
        let from = tenth(at - 1.0);
        let lasts = tenth(1.0 + 1.5 * self.timeout_s + anew + 2.0);
        let rule = Entry::of("bus_messages").with("at", from).with("duration", lasts);
        let kinds = [(2, "failover_auth_ack"), (2, "failover_auth_request"), (1, "fail")];
        let what = self.stream.weighted(&kinds);
        let rule = rule.with("types", vec![Value::from(what)]);
        let rule = if what == "fail" {
            let deaf = [self.node(self.other(shard), 0), self.node(shard, self.layout.replicas)];
            rule.with("do", "drop").with("to", deaf.map(Value::from).to_vec())
        } else {
            let late = (1000.0 * (anew + self.stream.tenths(2..=16))).round();
            let delay = Entry::default().with("min", late).with("max", late + 100.0);
            rule.with("do", "delay").with("delay_ms", delay.written())
        };
        (Vec::new(), vec![death.with("at", at), rule], at + lasts + anew)
    }

    /// One replica is on the side of a minority; both have the same epoch, and one of them must give way once they meet.
    pub(super) fn two_takeovers(&mut self) -> Told {
        let (shard, delay) = (self.shard(), self.stream.tenths(30..=50));
        let takeover = |node| Entry::of("failover").with("node", node).with("mode", "takeover");
        let aside = [self.node(shard, 1), self.node(self.other(shard), 0)];
        let lasts = self.stream.tenths(20..=120);
        let cut = Entry::of("network_partition").with("a", aside.map(Value::from).to_vec());
        let operations = vec![later(takeover(aside[0]), delay), takeover(self.node(shard, 2))];
        (operations, vec![tied(cut.with("duration", lasts), "before_operation", 0.5)], delay + lasts)
    }

    /// All replicas of a shard die, and those of the others may come to help, or may not.
    pub(super) fn orphan(&mut self) -> Told {
        let (shard, at) = (self.shard(), self.stream.tenths(25..=50));
        let away = tenth(self.timeout_s + super::ORPHANED_S + self.stream.tenths(20..=90));
        let deaths = (1..=self.layout.replicas).map(|nth| {
            let death = Entry::of("process_kill").with("target", "node").with("node", self.node(shard, nth));
            death.with("restart_after", away).with("at", tenth(at + f64::from(nth) / 10.0))
        });
        (Vec::new(), deaths.collect(), at + away)
    }
}
