//! Several databases: which one a connection has selected, and how a key is told from its namesakes.
//!
//! Whoever looks at all that a node holds calls a key of another database than the first by its *place*, `k in database 2`. A place
//! has the slot and the cell of its key, as databases share both.

use std::borrow::Cow;

use crate::history::{Reply, Request};

const IN: &str = " in database ";

/// The place of a key in a database.
pub fn place(database: u16, key: &str) -> Cow<'_, str> {
    match database {
        0 => Cow::Borrowed(key),
        database => Cow::Owned(format!("{key}{IN}{database}")),
    }
}

/// The key of a place.
pub fn key_at(place: &str) -> &str {
    &place[..bare(place.as_bytes()).len()]
}

/// The database of a place.
pub fn database_at(place: &str) -> u16 {
    let database = place[key_at(place).len()..].strip_prefix(IN);
    database.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The bytes of a place without its database.
pub(super) fn bare(place: &[u8]) -> &[u8] {
    let digits = place.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let is_number = digits > 0 && place[place.len() - digits] != b'0';
    let key = place[..place.len() - digits].strip_suffix(IN.as_bytes());
    key.filter(|_| is_number).unwrap_or(place)
}

/// The database that a connection has selected after a request, if it had this one before and was replied this.
pub fn database_after(database: u16, request: &Request, replies: &[Reply]) -> u16 {
    let Request::Call { commands, .. } = request else { return database };
    let mut selected = database;
    let mut queued = Vec::new();
    for (command, reply) in commands.iter().zip(replies) {
        match reply {
            Reply::Status(status) if status == "QUEUED" => queued.push(command),
            Reply::List(told) if is(command, "EXEC") => {
                let done = queued.drain(..).zip(told);
                selected = done
                    .filter_map(|(command, reply)| selects(command, reply))
                    .next_back()
                    .unwrap_or(selected);
            }
            reply => selected = selects(command, reply).unwrap_or(selected),
        }
    }
    selected
}

/// Whether a request selects a database, if all goes well.
pub fn may_select(request: &Request) -> bool {
    matches!(request, Request::Call { commands, .. } if commands.iter().any(|command| is(command, "SELECT")))
}

/// The database that a command selected, if it did.
fn selects(command: &[String], reply: &Reply) -> Option<u16> {
    let is_done = is(command, "SELECT") && matches!(reply, Reply::Status(status) if status == "OK");
    command.get(1).filter(|_| is_done)?.parse().ok()
}

fn is(command: &[String], name: &str) -> bool {
    command.first().is_some_and(|own| own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{cell_of, key_slot};

    proptest! {
        #[test]
        fn a_place_has_key_database_slot_and_cell(key in "[a-z0-9{}: ]{1,12}", database in 0_u16..100) {
            let place = place(database, &key);
            prop_assert_eq!((key_at(&place), database_at(&place)), (&*key, database));
            prop_assert_eq!(key_slot(place.as_bytes()), key_slot(key.as_bytes()));
            prop_assert_eq!(cell_of(&place), cell_of(&key));
        }
    }

    #[test]
    fn what_only_looks_like_a_place_is_a_key() {
        for key in ["k in database ", "k in database 0", "k in database 07", "k in database x", "12", ""] {
            assert_eq!((key_at(key), database_at(key)), (key, 0), "{key}");
        }
    }

    #[test]
    fn a_connection_has_selected_what_was_done_last() {
        let after = |text: &str, replies: &[Reply]| {
            let words = |command: &str| command.split(' ').map(str::to_owned).collect();
            let commands = text.split("; ").map(words).collect();
            database_after(1, &Request::Call { key: String::new(), commands }, replies)
        };
        let (ok, queued) = (Reply::Status("OK".to_owned()), Reply::Status("QUEUED".to_owned()));
        let refused = Reply::Error("ERR DB index is out of range".to_owned());
        assert_eq!(after("SELECT 2", std::slice::from_ref(&ok)), 2);
        assert_eq!(after("SELECT 9", std::slice::from_ref(&refused)), 1);
        assert_eq!(after("SELECT 2; SELECT 9; GET k", &[ok.clone(), refused, Reply::Nil]), 2);
        let within = |last: Reply| {
            after("MULTI; SELECT 3; GET k; EXEC", &[ok.clone(), queued.clone(), queued.clone(), last])
        };
        assert_eq!(within(Reply::List(vec![ok.clone(), Reply::Nil])), 3);
        assert_eq!((within(Reply::Nil), within(Reply::Error("EXECABORT".to_owned()))), (1, 1));
    }
}
