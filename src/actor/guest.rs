//! A guest: the life of one program of the user's, from its start in its time to its end.
//!
//! It decides when the program gets the turn, and that it is over when its time is; what the program does with a turn is
//! the world's to see. A guest whose time has not come when nothing more is to be injected never starts.

use super::message::{Arrival, Arrived, DirectorMessage, GuestMessage, Message, NetworkMessage};
use super::{Act, Actor, GuestAct, Out};
use crate::id::{ActorId, GuestId, Host};
use crate::plan::GuestPlan;
use crate::time::{SimDuration, SimTime};

/// The life of one program.
pub struct Guest {
    id: GuestId,
    at: SimDuration,
    timeout: SimDuration,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waiting,
    Running,
    Ended,
}

impl Guest {
    /// A guest of a plan, before its time.
    pub fn new(plan: &GuestPlan) -> Self {
        Guest { id: plan.id, at: plan.at_ns, timeout: plan.longest_ns(), state: State::Waiting }
    }

    fn act(&self, act: GuestAct, out: &mut Out) {
        out.act(Act::Guest { guest: self.id, act });
    }

    fn tell_self(&self, delay: SimDuration, message: GuestMessage, out: &mut Out) {
        out.send_after(delay, ActorId::Guest(self.id), Message::Guest(message));
    }

    fn told(&mut self, message: GuestMessage, out: &mut Out) {
        match message {
            GuestMessage::Begin => self.tell_self(self.at, GuestMessage::Start, out),
            GuestMessage::Start => self.start(out),
            GuestMessage::Wake => self.resume(out),
            GuestMessage::Ended { .. } => self.ended(out),
            GuestMessage::Alarm => self.end(out),
            GuestMessage::Cease if self.state == State::Waiting => self.ended(out),
            GuestMessage::Cease => self.end(out),
            // The log has them; that is all there is to do.
            GuestMessage::Started { .. } | GuestMessage::Output { .. } | GuestMessage::Child { .. } => {}
        }
    }

    fn start(&mut self, out: &mut Out) {
        if self.state == State::Waiting {
            self.state = State::Running;
            self.act(GuestAct::Start, out);
            self.act(GuestAct::Resume, out);
            self.tell_self(self.timeout, GuestMessage::Alarm, out);
        }
    }

    fn resume(&self, out: &mut Out) {
        if self.state == State::Running {
            self.act(GuestAct::Resume, out);
        }
    }

    fn arrived(&self, Arrived { handle, arrival, .. }: Arrived, out: &mut Out) {
        if self.state == State::Running {
            let is_seen = arrival != Arrival::Unheard;
            self.act(GuestAct::Socket { handle, arrival }, out);
            if is_seen {
                self.resume(out);
            }
        }
    }

    /// Its time is over, or nothing more is to be injected.
    fn end(&self, out: &mut Out) {
        if self.state == State::Running {
            self.act(GuestAct::Kill, out);
        }
    }

    fn ended(&mut self, out: &mut Out) {
        if self.state != State::Ended {
            self.state = State::Ended;
            let host = Host::Guest(self.id);
            out.send(ActorId::Network, Message::Network(NetworkMessage::Gone { host }));
            out.send(ActorId::Director, Message::Director(DirectorMessage::GuestDone));
        }
    }
}

impl Actor for Guest {
    fn handle(&mut self, _now: SimTime, message: Message, out: &mut Out) {
        match message {
            Message::Arrived(arrived) => self.arrived(arrived, out),
            Message::Guest(message) => self.told(message, out),
            other => unreachable!("no message {other:?} is for a guest"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::GuestPlan;

    /// What comes of messages: the acts, and whether the director heard of the end, after each.
    fn handled(messages: Vec<Message>) -> Vec<(Vec<String>, usize)> {
        let mut guest = Guest::new(&GuestPlan::of(GuestId(1), "one", &["true"]));
        let mut handle = |message| {
            let mut out = Out::default();
            guest.handle(SimTime::ZERO, message, &mut out);
            let acts = out.acts.iter().map(|act| match act {
                Act::Guest { act, .. } => format!("{act:?}").split(' ').next().unwrap_or("").to_owned(),
                other => format!("{other:?}"),
            });
            let told = out.sends.iter().filter(|(_, to, _)| *to == ActorId::Director).count();
            (acts.collect(), told)
        };
        messages.into_iter().map(&mut handle).collect()
    }

    fn told(message: GuestMessage) -> Message {
        Message::Guest(message)
    }

    fn arrives() -> Message {
        Message::Arrived(Arrived { conn: 1, handle: 1, arrival: Arrival::Eof })
    }

    fn ended() -> Message {
        told(GuestMessage::Ended { status: "exit 0".to_owned() })
    }

    #[test]
    fn it_runs_from_its_start_to_its_end_and_says_once_that_it_is_over() {
        let all = handled(vec![arrives(), told(GuestMessage::Start), arrives(), ended(), arrives(), ended()]);
        assert_eq!(all[0], (vec![], 0));
        assert_eq!(all[1], (vec!["Start".into(), "Resume".into()], 0));
        assert_eq!(all[2], (vec!["Socket".into(), "Resume".into()], 0));
        assert_eq!(all[3], (vec![], 1));
        assert_eq!((&all[4], &all[5]), (&(vec![], 0), &(vec![], 0)));
    }

    #[test]
    fn it_is_ended_when_its_time_is_over() {
        let all = handled(vec![told(GuestMessage::Start), told(GuestMessage::Alarm)]);
        assert_eq!(all[1], (vec!["Kill".into()], 0));
    }

    #[test]
    fn it_never_starts_once_nothing_more_is_injected() {
        let all = handled(vec![told(GuestMessage::Cease), told(GuestMessage::Start)]);
        assert_eq!((&all[0], &all[1]), (&(vec![], 1), &(vec![], 0)));
    }
}
