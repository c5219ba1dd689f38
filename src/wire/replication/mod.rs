//! What passes over the connection between a replica and its primary, as seen at one of its ends.
//!
//! Each end tells what it sends; the one that was dialled needs what it got too, because what a primary sends means
//! something only after what its replica asked for. A connection that turns out to be another one of a node's
//! (`MIGRATE`, a migration of slots) says nothing. Memory is bounded by the longest command that is under way.

mod answers;
mod command;

use self::answers::Answers;
use self::command::{Commands, Whole};
use crate::event::{Position, Replicated};

/// One end of a connection between two nodes.
#[derive(Debug)]
pub enum LinkEnd {
    /// The one that dialled, as replicas do.
    Dialled(Questions),
    /// The one that was dialled.
    Accepted(Questions, Answers),
}

/// What a replica sends: commands all along.
#[derive(Debug, Default)]
pub struct Questions {
    commands: Commands,
    is_broken: bool,
}

/// One thing that a replica says.
enum Question {
    Psync(Position),
    Sync,
    Ack(u64),
}

impl LinkEnd {
    /// The end that dials.
    pub fn dialled() -> Self {
        LinkEnd::Dialled(Questions::default())
    }

    /// The end that is dialled.
    pub fn accepted() -> Self {
        LinkEnd::Accepted(Questions::default(), Answers::new())
    }

    /// What the end says with the next bytes that it sends, if it says anything of replication.
    pub fn sent(&mut self, bytes: &[u8]) -> Option<Replicated> {
        let said = match self {
            LinkEnd::Dialled(questions) => asked(questions, bytes),
            LinkEnd::Accepted(_, answers) => answers.read(bytes),
        };
        (!said.is_empty()).then_some(said)
    }

    /// Takes note of what arrived at the end.
    pub fn arrived(&mut self, bytes: &[u8]) {
        if let LinkEnd::Accepted(questions, answers) = self {
            questions.read(bytes, |question| match question {
                Question::Psync(position) => answers.asked(Some(position.offset)),
                Question::Sync => answers.asked(None),
                Question::Ack(_) => {}
            });
        }
    }
}

fn asked(questions: &mut Questions, bytes: &[u8]) -> Replicated {
    let mut said = Replicated::default();
    questions.read(bytes, |question| match question {
        Question::Psync(position) => said.asks = Some(position),
        Question::Ack(offset) => said.ack = Some(offset),
        Question::Sync => {}
    });
    said
}

impl Questions {
    fn read(&mut self, bytes: &[u8], mut see: impl FnMut(Question)) {
        if self.is_broken {
            return;
        }
        self.commands.push(bytes);
        loop {
            // With empty lines a replica shows that it lives while it loads.
            self.commands.skip_empty_lines();
            if let Some(line) = self.commands.take_line() {
                line.eq_ignore_ascii_case("SYNC").then_some(Question::Sync).into_iter().for_each(&mut see);
                continue;
            }
            if self.commands.is_within_line() {
                return;
            }
            match self.commands.pop() {
                Ok(Some(command)) => question(&command).into_iter().for_each(&mut see),
                Ok(None) => return,
                Err(_) => {
                    self.is_broken = true;
                    self.commands = Commands::default();
                    return;
                }
            }
        }
    }
}

fn question(command: &Whole) -> Option<Question> {
    let number = |part| command.text(part)?.parse::<i64>().ok();
    if command.says(0, "PSYNC") {
        let id = command.text(1)?.to_owned();
        return Some(Question::Psync(Position { id, offset: number(2)? }));
    }
    if command.says(0, "REPLCONF") && command.says(1, "ACK") {
        return u64::try_from(number(2)?).ok().map(Question::Ack);
    }
    command.says(0, "SYNC").then_some(Question::Sync)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Answer;
    use crate::wire::resp::pack;

    #[test]
    fn a_replica_says_what_it_asks_for_and_what_it_has() {
        let mut end = LinkEnd::dialled();
        assert_eq!(end.sent(&pack(&["REPLCONF", "capa", "psync2"])), None);
        let position = Position { id: "?".to_owned(), offset: -1 };
        let asks = Replicated { asks: Some(position), ..Replicated::default() };
        assert_eq!(end.sent(&pack(&["PSYNC", "?", "-1"])), Some(asks));
        let acks = [pack(&["REPLCONF", "ACK", "7"]), pack(&["REPLCONF", "ACK", "9", "FACK", "8"])].concat();
        assert_eq!(end.sent(&acks), Some(Replicated { ack: Some(9), ..Replicated::default() }));
    }

    #[test]
    fn the_data_set_alone_is_asked_for_in_a_line() {
        let mut end = LinkEnd::accepted();
        end.arrived(&pack(&["REPLCONF", "rdb-channel", "1"]));
        b"SYNC\r\n".iter().for_each(|byte| end.arrived(&[*byte]));
        let said = end.sent(b"$ENDOFF:7 abc 0 23\r\n").expect("it is the answer");
        let position = Position { id: "abc".to_owned(), offset: 7 };
        assert_eq!(said.answer, Some(Answer::Snapshot(position)));
    }

    #[test]
    fn signs_of_life_between_commands_are_passed_over() {
        let mut end = LinkEnd::dialled();
        assert_eq!(end.sent(b"\n\n"), None);
        let acks = [b"\n", &pack(&["REPLCONF", "ACK", "7"])[..]].concat();
        assert_eq!(end.sent(&acks).and_then(|said| said.ack), Some(7));
    }

    #[test]
    fn a_primary_answers_what_arrived() {
        let mut end = LinkEnd::accepted();
        end.arrived(&pack(&["PING"]));
        assert_eq!(end.sent(b"+PONG\r\n"), None);
        end.arrived(&pack(&["PSYNC", "x", "5"]));
        let said = end.sent(b"+CONTINUE\r\n").expect("it is the answer");
        assert_eq!(said.answer, Some(Answer::Continue(String::new())));
        end.arrived(&pack(&["REPLCONF", "ACK", "7"]));
        assert_eq!(end.sent(&pack(&["PING"])).and_then(|said| said.to), Some(18));
    }

    #[test]
    fn another_connection_of_a_node_says_nothing() {
        let mut end = LinkEnd::accepted();
        end.arrived(&[0x16; 80]);
        end.arrived(&pack(&["PSYNC", "x", "5"]));
        assert_eq!(end.sent(b"+CONTINUE\r\n"), None);
        let mut end = LinkEnd::dialled();
        assert_eq!(end.sent(&pack(&["CLUSTER", "SYNCSLOTS", "ESTABLISH"])), None);
    }
}
