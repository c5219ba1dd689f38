//! Operations whose order nobody knows: every order that may have been is tried.
//!
//! They are few: those that a node took in one turn, or while it was stopped. One that was over before another one reached
//! the node comes before it. What nobody was told of may be left out.

use std::borrow::Cow;

use super::ask::{Ask, Part};
use crate::model::Cells;

/// How many operations are put in every order.
const TOGETHER_MAX: usize = 12;
/// How many states are looked at while that is done.
const STATES_MAX: usize = 4_096;

/// What a cell may hold while operations are executed, and afterwards; nothing if nobody knows.
pub(super) struct Within {
    pub during: Option<Cells>,
    pub after: Option<Cells>,
}

impl Within {
    /// Nobody knows.
    pub fn unknown() -> Self {
        Within { during: None, after: None }
    }
}

/// Puts operations to a cell in every order that may have been.
pub(super) fn orders(cells: &Cells, asks: &[&Ask], epoch_us: u64) -> Within {
    if asks.len() > TOGETHER_MAX || asks.len() > 1 && asks.iter().any(|ask| ask.came_in_pieces()) {
        return Within::unknown();
    }
    let whole = (1 << asks.len()) - 1;
    // What may be held once a set of them is done, by the set.
    let mut reached = vec![Cells::new(); whole + 1];
    let (mut during, mut looked) = (Cells::new(), 0);
    for done in 0..whole {
        let cells = match done {
            0 => Cow::Borrowed(cells),
            done => Cow::Owned(std::mem::take(&mut reached[done])),
        };
        looked += cells.len();
        if looked > STATES_MAX {
            return Within::unknown();
        }
        for (place, ask) in asks.iter().enumerate().filter(|(place, _)| is_next(asks, done, *place)) {
            let next = &mut reached[done | 1 << place];
            for state in &*cells {
                let Some(after) = ask.execute(state, epoch_us) else { return Within::unknown() };
                next.extend(after);
            }
            if ask.told.is_none() {
                next.extend(cells.iter().cloned());
            }
        }
        if done > 0 {
            during.extend(cells.into_owned());
        }
    }
    Within { during: Some(during), after: reached.pop() }
}

/// Whether an operation may come next once others are done: it is not, and none that was over before it began is missing.
fn is_next(asks: &[&Ask], done: usize, place: usize) -> bool {
    let is_missing = |other: usize| done & 1 << other == 0;
    let (own, is_end) = (asks[place], asks[place].part == Part::End);
    let begins = |other: &Ask| is_end && other.part == Part::Begin && other.who() == own.who();
    let precedes = |other: &Ask| other.until() < own.from.event || begins(other);
    is_missing(place) && !asks.iter().enumerate().any(|(other, ask)| is_missing(other) && precedes(ask))
}
