//! Commands as another user, who may only read (`acl.c`).
//!
//! The user is made, taken and left in one go, so that it is known of each command whose it is: every write of that user's is
//! refused, whatever there is.

use crate::model::{Expected, Go, Kind, Pick, Ran, Run, Stop, reads, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "users",
    about: "`AUTH` as a user who may only read, a write that is refused and a read, and `AUTH` as the first user again",
    draw: |pick| vec![draw(pick)],
    rules: &[reads("AUTH", auth), reads("ACL", acl)],
};

/// Who may only read.
const READER: &str = "vf_reader";

fn draw(pick: &mut Pick) -> Go {
    let key = pick.key("user");
    match pick.choice(4) {
        0 | 1 => vec![words(&["SET", &key, pick.token])],
        2 => vec![words(&["GET", &key])],
        _ => vec![
            words(&["ACL", "SETUSER", READER, "on", "nopass", "~*", "+@read", "+auth"]),
            words(&["AUTH", READER, "x"]),
            words(&["SET", &key, pick.token]),
            words(&["GET", &key]),
            words(&["AUTH", "default", "x"]),
        ],
    }
}

fn auth(run: &mut Run) -> Ran {
    run.only(3)?;
    let (user, conn) = (run.arg(1)?, run.conn.ok_or(Stop::Unmodelled)?);
    match user {
        READER | "default" => run.state.restrict(conn, user == READER),
        _ => return Err(Stop::Unmodelled),
    }
    Ok(Expected::ok())
}

/// Users belong to a node, not to a cell; that one was made shows when somebody becomes him.
fn acl(run: &mut Run) -> Ran {
    match run.arg(1)?.to_ascii_uppercase().as_str() {
        "SETUSER" => Ok(Expected::ok()),
        _ => Err(Stop::Unmodelled),
    }
}
