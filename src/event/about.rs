//! Which nodes and which connection a statement is about, told by its fields: by their types, and `conn` by its name.

use crate::event::{
    BusSummary, ChildState, Closing, LinkState, Member, OutputStream, Phase, Replicated, Said, SavedEpochs,
    Told, Topic, ViewRow, ViewState,
};
use crate::fault::{BusAct, Channel, FaultId, FileCall, FileClass};
use crate::history::{Outcome, Request};
use crate::id::{ActorId, Host, NodeId};
use crate::op::{Ending, OpId};
use crate::time::SimDuration;

/// A field of a statement. A type that names no node needs its name in the list below.
pub(super) trait About {
    /// Calls `see` with each node that the field names.
    fn each_node(&self, _see: &mut impl FnMut(NodeId)) {}
}

impl About for NodeId {
    fn each_node(&self, see: &mut impl FnMut(NodeId)) {
        see(*self);
    }
}

impl About for ActorId {
    fn each_node(&self, see: &mut impl FnMut(NodeId)) {
        self.node().into_iter().for_each(see);
    }
}

impl About for Host {
    fn each_node(&self, see: &mut impl FnMut(NodeId)) {
        self.node().into_iter().for_each(see);
    }
}

impl<T: About> About for Option<T> {
    fn each_node(&self, see: &mut impl FnMut(NodeId)) {
        self.iter().for_each(|one| one.each_node(see));
    }
}

impl<T: About> About for Vec<T> {
    fn each_node(&self, see: &mut impl FnMut(NodeId)) {
        self.iter().for_each(|one| one.each_node(see));
    }
}

/// Types that name no node.
macro_rules! about_no_node {
    ($($type:ty),* $(,)?) => { $(impl About for $type {})* };
}

about_no_node! {
    bool, u8, u16, u32, u64, String, SimDuration, FaultId, FileCall, FileClass, OpId, Ending, Channel, Phase, LinkState, SavedEpochs, Request, Outcome, Closing, ChildState, Told, ViewState, ViewRow, Member, Topic, Said, Box<BusSummary>, Box<Replicated>, BusAct, OutputStream,
}

/// The connection that a field names: the one with the name `conn` does.
macro_rules! conn_of {
    (conn, $value:ident) => {
        Some(*$value)
    };
    ($other:ident, $value:ident) => {{
        let _ = $value;
        None
    }};
}
pub(super) use conn_of;
