//! Big values: strings of up to a megabyte, written at their end, so that neither a command nor a reply is big.
//!
//! What is big is what a node sends its replica for them, what a data set and a moved slot have of them, and what is read of
//! them in the end.

use crate::model::{Kind, Pick, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "big",
    about: "strings of 64 KB to 1 MB: `SETRANGE` far behind their beginning, `APPEND`, `STRLEN`, `GETRANGE` of the end, `DEL`",
    draw: |pick| vec![vec![draw(pick)]],
    rules: &[],
};

/// How many of them there are at most.
const KEYS: u64 = 3;
/// Where a value is written, in bytes from its beginning.
const PLACES: [&str; 3] = ["65536", "262144", "1048576"];

fn draw(pick: &mut Pick) -> Vec<String> {
    let key = format!("big:{}", pick.choice(KEYS.min(pick.cells.max(1))));
    match pick.choice(7) {
        0 | 1 => words(&["SETRANGE", &key, PLACES[pick.choice(3) as usize], pick.token]),
        2 => words(&["APPEND", &key, pick.token]),
        3 => words(&["STRLEN", &key]),
        4 => words(&["DEL", &key]),
        _ => words(&["GETRANGE", &key, "-24", "-1"]),
    }
}
