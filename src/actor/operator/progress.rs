//! What came of a step of an operation.

use crate::op::Ending;

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes on.
    Working,
    /// It is over.
    Ended { ending: Ending, text: String },
}
