//! What came of a step of an operation.

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes on.
    Working,
    /// It is over.
    Ended { done: bool, text: String },
}
