//! A hand-driven network at the other side of the sessions.

use super::*;

const NODE: NodeId = NodeId(2);

fn sessions() -> Sessions {
    Sessions::new(ActorId::Operator)
}

fn arrive(sessions: &mut Sessions, handle: u64, arrival: Arrival, out: &mut Out) -> Vec<Answer> {
    sessions.arrived(Arrived { conn: 0, handle, arrival }, out)
}

fn data(text: &str) -> Arrival {
    Arrival::Data(Chunk::plain(text.as_bytes().to_vec()))
}

/// What was told to the network, one line a message.
fn told(out: &mut Out) -> Vec<String> {
    let line = |(_, to, message): (_, ActorId, Message)| match (to, message) {
        (ActorId::Network, Message::Network(message)) => match message {
            NetworkMessage::Dial { from, local_port, to } => {
                format!("dial {} {local_port} {to}", from.handle)
            }
            NetworkMessage::Sent { from, chunk } => {
                format!("sent {} {}", from.handle, String::from_utf8_lossy(&chunk.bytes).replace("\r\n", " "))
            }
            NetworkMessage::Closed { from, reset } => format!("closed {} reset={reset}", from.handle),
            other => panic!("{other:?} is nothing a session says"),
        },
        other => panic!("{other:?} is nothing a session says"),
    };
    std::mem::take(&mut out.sends).into_iter().map(line).collect()
}

/// Sessions with a connection to [`NODE`] under handle 1.
fn connected(out: &mut Out) -> Sessions {
    let mut sessions = sessions();
    sessions.ask(NODE, &["PING"], 1, out);
    arrive(&mut sessions, 1, Arrival::Connected, out);
    assert_eq!(arrive(&mut sessions, 1, data("+PONG\r\n"), out).len(), 1);
    told(out);
    sessions
}

#[test]
fn asks_wait_for_the_connection_and_replies_come_in_order() {
    let (mut sessions, mut out) = (sessions(), Out::default());
    sessions.ask(NODE, &["PING"], 7, &mut out);
    sessions.ask(NODE, &["GET", "k"], 8, &mut out);
    assert_eq!(told(&mut out), ["dial 1 0 10.0.0.2:6379"]);
    arrive(&mut sessions, 1, Arrival::Connected, &mut out);
    assert_eq!(told(&mut out), ["sent 1 *1 $4 PING *2 $3 GET $1 k "]);
    sessions.ask(NODE, &["DEL", "k"], 9, &mut out);
    assert_eq!(told(&mut out), ["sent 1 *2 $3 DEL $1 k "]);

    assert!(arrive(&mut sessions, 1, data("+PO"), &mut out).is_empty());
    let answers = arrive(&mut sessions, 1, data("NG\r\n$-1\r\n-ERR no\r\n"), &mut out);
    let error = ServerError { code: "ERR".to_owned(), detail: "no".to_owned() };
    let results = [
        (7, Ok(Value::SimpleString("PONG".to_owned()))),
        (8, Ok(Value::Nil)),
        (9, Err(SessionError::Server(error))),
    ];
    assert_eq!(answers, results.map(|(tag, result)| Answer { node: NODE, tag, result }));
}

#[test]
fn a_refused_connection_surely_sent_nothing() {
    for arrival in [Arrival::Refused, Arrival::TimedOut, Arrival::Reset] {
        let (mut sessions, mut out) = (sessions(), Out::default());
        sessions.ask(NODE, &["PING"], 7, &mut out);
        let answers = arrive(&mut sessions, 1, arrival, &mut out);
        assert!(matches!(answers.as_slice(), [Answer { tag: 7, result: Err(SessionError::NotSent(_)), .. }]));
        assert!(!sessions.has(NODE));
    }
}

#[test]
fn what_was_sent_on_a_connection_that_ends_is_lost() {
    for arrival in [Arrival::Eof, Arrival::Reset] {
        let mut out = Out::default();
        let mut sessions = connected(&mut out);
        sessions.ask(NODE, &["PING"], 7, &mut out);
        sessions.ask(NODE, &["PING"], 8, &mut out);
        let answers = arrive(&mut sessions, 1, arrival, &mut out);
        assert_eq!(answers.iter().map(|answer| answer.tag).collect::<Vec<_>>(), [7, 8]);
        assert!(answers.iter().all(|answer| matches!(answer.result, Err(SessionError::Lost(_)))));
        assert_eq!(told(&mut out).last().map(String::as_str), Some("closed 1 reset=false"));
    }
}

#[test]
fn a_dropped_connection_is_replaced_under_a_new_handle() {
    let mut out = Out::default();
    let mut sessions = connected(&mut out);
    sessions.ask(NODE, &["PING"], 7, &mut out);
    told(&mut out);
    assert_eq!(sessions.drop_connection(NODE, &mut out).len(), 1);
    assert!(sessions.drop_connection(NODE, &mut out).is_empty());
    sessions.ask(NODE, &["PING"], 8, &mut out);
    assert_eq!(told(&mut out), ["closed 1 reset=true", "dial 2 0 10.0.0.2:6379"]);
    assert!(arrive(&mut sessions, 1, data("+PONG\r\n"), &mut out).is_empty());
    assert_eq!(told(&mut out), [""; 0]);
}

#[test]
fn a_server_that_speaks_out_of_turn_is_dropped() {
    for bytes in ["+PONG\r\n+PONG\r\n", "+PONG\r\nHTTP/1.1\r\n"] {
        let mut out = Out::default();
        let mut sessions = connected(&mut out);
        sessions.ask(NODE, &["PING"], 7, &mut out);
        assert_eq!(arrive(&mut sessions, 1, data(bytes), &mut out).len(), 1);
        assert_eq!(told(&mut out).last().map(String::as_str), Some("closed 1 reset=true"));
        assert_eq!(sessions.take_out_of_step().len(), 1);
        assert_eq!(sessions.take_out_of_step(), [], "it is told once");
    }
}

#[test]
fn closing_all_tells_every_node() {
    let mut out = Out::default();
    let mut sessions = connected(&mut out);
    sessions.ask(NodeId(3), &["PING"], 7, &mut out);
    told(&mut out);
    sessions.close_all(&mut out);
    assert_eq!(told(&mut out), ["closed 1 reset=false", "closed 2 reset=false"]);
}

#[test]
fn what_changed_is_told_key_by_key_and_all_of_it_without_one() {
    let (mut sessions, mut out) = (sessions().listening(), Out::default());
    sessions.ask(NODE, &["GET", "k"], 7, &mut out);
    arrive(&mut sessions, 1, Arrival::Connected, &mut out);
    let pushes = ">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n";
    assert!(arrive(&mut sessions, 1, data(pushes), &mut out).is_empty());
    let told = sessions.take_pushes().into_iter().map(|(node, words)| (node, words.join(" ")));
    assert_eq!(
        told.collect::<Vec<_>>(),
        ["invalidate a b", "invalidate"].map(|words| (NODE, words.to_owned()))
    );
    assert_eq!(arrive(&mut sessions, 1, data("_\r\n"), &mut out).len(), 1);
}
