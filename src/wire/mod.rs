//! What servers say, as typed values: the cluster bus, `CLUSTER NODES`, `INFO`.
//!
//! Bytes and texts come from processes that faults have been at, and some of them were altered on purpose. So nothing
//! here panics on any input, memory is bounded by what was given, and what is not understood is kept or named.
//! Nothing here knows connections or actors.

pub mod cluster_bus;
pub mod slots;

pub use slots::{SLOT_COUNT, SlotMap, SlotRange};
