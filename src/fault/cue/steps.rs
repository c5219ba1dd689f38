//! The words of cues: what a node can become, and the steps of what goes on in a cluster.

use serde::{Deserialize, Serialize};

use crate::language::Word;

/// What a node can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Becoming {
    /// It says on the bus that it is a primary.
    Primary,
    /// It says on the bus that it is a replica.
    Replica,
    /// Somebody calls it failing on the bus.
    Failing,
    /// Its process ends.
    Down,
    /// A process of it starts.
    Up,
}

/// What a node does with a slot, as it logs it (`clusterCommandSetSlot`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotStep {
    /// It opens the slot to get it.
    Importing,
    /// It opens the slot to give it away.
    Migrating,
    /// It is told whose the slot is.
    Assigned,
}

/// A state of an atomic slot migration, in the server's words (`slotMigrationJobStateToString`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationState {
    /// The source waits until it may fork.
    WaitingToSnapshot,
    /// The source's child writes what the slots hold.
    Snapshotting,
    /// The source sends what is written meanwhile.
    Streaming,
    /// The source waits until little is left.
    WaitingToPause,
    /// The source has stopped its clients.
    FailoverPaused,
    /// The target may take the slots.
    FailoverGranted,
    /// The target takes the snapshot in.
    ReceivingSnapshot,
    /// The target asks for the pause.
    WaitingForPaused,
    /// The target asks for the slots.
    FailoverRequested,
    /// It is done.
    Success,
    /// It was given up for an error.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// A step of a replica's synchronisation, as the replica logs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncStep {
    /// It reached its primary and begins.
    Started,
    /// It has to take everything anew.
    Full,
    /// It has what its primary has.
    Done,
    /// It lost its primary.
    Lost,
}

/// What happened to another fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultStep {
    /// It hit somebody.
    Fired,
    /// What it did was undone.
    Healed,
}

impl Word for Becoming {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("primary", Becoming::Primary),
        ("replica", Becoming::Replica),
        ("failing", Becoming::Failing),
        ("down", Becoming::Down),
        ("up", Becoming::Up),
    ];
}

impl Word for SlotStep {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("importing", SlotStep::Importing),
        ("migrating", SlotStep::Migrating),
        ("assigned", SlotStep::Assigned),
    ];
}

impl Word for MigrationState {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("waiting-to-snapshot", MigrationState::WaitingToSnapshot),
        ("snapshotting", MigrationState::Snapshotting),
        ("streaming", MigrationState::Streaming),
        ("waiting-to-pause", MigrationState::WaitingToPause),
        ("failover-paused", MigrationState::FailoverPaused),
        ("failover-granted", MigrationState::FailoverGranted),
        ("receiving-snapshot", MigrationState::ReceivingSnapshot),
        ("waiting-for-paused", MigrationState::WaitingForPaused),
        ("failover-requested", MigrationState::FailoverRequested),
        ("success", MigrationState::Success),
        ("failed", MigrationState::Failed),
        ("cancelled", MigrationState::Cancelled),
    ];
}

impl Word for SyncStep {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("started", SyncStep::Started),
        ("full", SyncStep::Full),
        ("done", SyncStep::Done),
        ("lost", SyncStep::Lost),
    ];
}

impl Word for FaultStep {
    const WORDS: &'static [(&'static str, Self)] =
        &[("fired", FaultStep::Fired), ("healed", FaultStep::Healed)];
}
