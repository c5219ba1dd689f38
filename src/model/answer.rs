//! What a command should be answered with, and whether a reply is that.

use std::collections::BTreeSet;

use crate::history::Reply;

/// What is expected of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Just this; of an error only the code counts.
    Is(Reply),
    /// A list of these, in any order.
    AnyOrder(Vec<Reply>),
    /// A list of these pairs, one after the other, in any order.
    Pairs(Vec<(Reply, Reply)>),
    /// A number between these, both included.
    Between(i64, i64),
    /// One of these.
    OneOf(Vec<Reply>),
    /// A list, each element as expected at its place.
    Each(Vec<Expected>),
    /// A cursor and a list of these groups in any order, some perhaps twice: all of them if the cursor is over.
    Scanned(Vec<Vec<Reply>>),
    /// Whatever it is: the server draws or counts as it likes.
    Anything,
}

impl Expected {
    /// A string, or nothing.
    pub fn text(text: Option<impl AsRef<[u8]>>) -> Expected {
        Expected::Is(text.map_or(Reply::Nil, |text| Reply::text(text.as_ref())))
    }

    /// A number.
    pub fn int(number: impl TryInto<i64>) -> Expected {
        Expected::Is(Reply::Int(number.try_into().unwrap_or(i64::MAX)))
    }

    /// One for yes, zero for no.
    pub fn yes(is_so: bool) -> Expected {
        Expected::int(i64::from(is_so))
    }

    /// A status.
    pub fn ok() -> Expected {
        Expected::Is(Reply::Status("OK".to_owned()))
    }

    /// A list in this order.
    pub fn list(items: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Expected {
        Expected::Is(Reply::List(items.into_iter().map(|item| Reply::text(item.as_ref())).collect()))
    }

    /// A list in any order.
    pub fn bag(items: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Expected {
        Expected::AnyOrder(items.into_iter().map(|item| Reply::text(item.as_ref())).collect())
    }

    /// The error with this code.
    pub fn error(code: &str) -> Expected {
        Expected::Is(Reply::Error(code.to_owned()))
    }

    /// Whether a reply is what was expected.
    pub fn is_met(&self, reply: &Reply) -> bool {
        match (self, reply) {
            (Expected::Anything, _) => true,
            (Expected::Is(Reply::Error(code)), Reply::Error(told)) => told.split(' ').next() == Some(code),
            (Expected::Is(Reply::List(wanted)), Reply::List(told)) => {
                wanted == told || flat(wanted) == flat(told)
            }
            (Expected::Is(wanted), told) => wanted == told,
            (Expected::Between(from, to), Reply::Int(told)) => (from..=to).contains(&told),
            (Expected::OneOf(wanted), told) => wanted.contains(told),
            (Expected::Each(wanted), Reply::List(told)) => {
                wanted.len() == told.len()
                    && wanted.iter().zip(told).all(|(wanted, told)| wanted.is_met(told))
            }
            (Expected::Scanned(wanted), Reply::List(told)) => is_scan_of(wanted, told),
            (Expected::AnyOrder(wanted), Reply::List(told)) => sorted(wanted) == sorted(told),
            (Expected::Pairs(wanted), Reply::List(told)) => {
                let mut wanted = wanted.iter().map(|(a, b)| [a, b]).collect::<Vec<_>>();
                let told = flat(told);
                let (pairs, rest) = told.as_chunks::<2>();
                let mut pairs = pairs.iter().map(|[a, b]| [*a, *b]).collect::<Vec<_>>();
                wanted.sort();
                pairs.sort();
                rest.is_empty() && wanted == pairs
            }
            _ => false,
        }
    }
}

/// Whether a cursor and a list are what a scan of these groups may tell.
fn is_scan_of(wanted: &[Vec<Reply>], told: &[Reply]) -> bool {
    let [Reply::Text(cursor), Reply::List(elements)] = told else { return false };
    let width = wanted.first().map_or(1, Vec::len);
    let told = elements.chunks(width).collect::<BTreeSet<_>>();
    let wanted = wanted.iter().map(Vec::as_slice).collect::<BTreeSet<_>>();
    if cursor == "0" { told == wanted } else { told.is_subset(&wanted) }
}

/// The elements of a list and of all lists in it: the third version of the protocol nests pairs which the second one does not.
fn flat(replies: &[Reply]) -> Vec<&Reply> {
    let mut flat_ones = Vec::new();
    for reply in replies {
        match reply {
            Reply::List(list) => flat_ones.extend(flat(list)),
            reply => flat_ones.push(reply),
        }
    }
    flat_ones
}

fn sorted(replies: &[Reply]) -> Vec<&Reply> {
    let mut sorted = replies.iter().collect::<Vec<_>>();
    sorted.sort();
    sorted
}
