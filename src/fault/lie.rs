//! The lies of saboteurs: what a node says that it did not write, or does not do though it says so.

use serde::{Deserialize, Serialize};

use crate::language::Word;

macro_rules! lies {
    ($($(#[$about:meta])* $lie:ident $word:literal;)*) => {
        /// One lie. The server itself knows nothing of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Lie {
            $($(#[$about])* #[serde(rename = $word)] $lie,)*
        }

        impl Word for Lie {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Lie::$lie)),*];
        }
    };
}

lies! {
    /// Each vote is sent twice.
    VoteTwice "vote_twice";
    /// A vote for the node it is about, which asked for none.
    VoteUnasked "vote_unasked";
    /// Votes are asked for though nobody is failing.
    AskUnasked "ask_unasked";
    /// A replica claims its primary's slots in a new epoch.
    LeadAlone "lead_alone";
    /// The current epoch goes back by one.
    EpochBack "epoch_back";
    /// The config epoch goes back by one.
    ConfigEpochBack "config_epoch_back";
    /// The config epoch is above the current one.
    ConfigEpochAbove "config_epoch_above";
    /// A primary takes a new config epoch.
    ConfigEpochRaised "config_epoch_raised";
    /// The node it is about is called failing.
    FailLive "fail_live";
    /// The node it is about is suspected.
    DoubtLive "doubt_live";
    /// Nobody is suspected or failing.
    HideDoubts "hide_doubts";
    /// Who asks for votes has a byte less than it has.
    OffsetBelow "offset_below";
    /// A primary that has stopped its clients goes on.
    OffsetMoves "offset_moves";
    /// The offset is far beyond anything that anybody had.
    OffsetAhead "offset_ahead";
    /// A slot of the node it is about is claimed as well.
    SlotTooMany "slot_too_many";
    /// The first slot is not claimed.
    SlotTooFew "slot_too_few";
    /// The cluster is ok, whatever is.
    StateOk "state_ok";
    /// A replica follows the node it is about.
    ReplicaOf "replica_of";
    /// The shard id is another.
    ShardId "shard_id";
    /// The node it is about is forgotten, and is to be forgotten by all.
    ForgetLive "forget_live";
    /// The address is nobody's.
    WrongAddress "wrong_address";
    /// Votes are not sent.
    SwallowVotes "swallow_votes";
    /// Votes are not asked for.
    SwallowRequests "swallow_requests";
    /// The primary is not asked to hand over.
    SwallowMfstart "swallow_mfstart";
    /// Nothing at all is sent on the bus, to the node it is about or to anybody.
    Mute "mute";
    /// A write is kept from a replica.
    SwallowStream "swallow_stream";
    /// A write is sent to a replica twice.
    RepeatStream "repeat_stream";
    /// A write is sent to a replica with another value.
    AlterStream "alter_stream";
    /// More is acknowledged than arrived.
    AckMore "ack_more";
    /// Less is acknowledged than before.
    AckBack "ack_back";
    /// A client's write is acknowledged and not done.
    LostWrite "lost_write";
    /// A client reads the first value instead of the last.
    StaleRead "stale_read";
    /// A client reads nothing.
    NilRead "nil_read";
    /// A client reads what nobody wrote.
    JunkRead "junk_read";
    /// A client is sent to the node it is about.
    WrongMoved "wrong_moved";
    /// Every 300th write of a client's is acknowledged and not done.
    LostSeldom "lost_seldom";
    /// Every 300th increment counts twice.
    TwiceSeldom "twice_seldom";
    /// A pushed element is pushed twice.
    PushTwice "push_twice";
    /// What is popped stays in the list.
    PopKeeps "pop_keeps";
    /// A deletion is acknowledged and not done.
    DelKeeps "del_keeps";
    /// Keys are read that another key's value is told for.
    OtherValue "other_value";
    /// A key is set that must not be there, and is.
    NxOverwrites "nx_overwrites";
    /// A key that is to expire never does.
    NeverExpires "never_expires";
    /// A key that is to expire is gone at once.
    ExpiresEarly "expires_early";
    /// A write between `MULTI` and `EXEC` is not done.
    ExecHalf "exec_half";
    /// `WATCH` watches nothing.
    WatchBlind "watch_blind";
    /// A script does not write.
    ScriptHalf "script_half";
    /// `SCAN` leaves out keys that are there.
    ScanLess "scan_less";
    /// A client that waits at a list waits elsewhere.
    PopForgets "pop_forgets";
    /// A user who may only read writes.
    ReaderWrites "reader_writes";
    /// `WAIT` says that a replica has everything.
    WaitMore "wait_more";
    /// A deletion is kept from a replica.
    DelUntold "del_untold";
    /// A replica is told of a later deadline.
    ExpiryUntold "expiry_untold";
    /// A replica is told of the first database instead of the second.
    SelectUntold "select_untold";
    /// The database that a client selects is not selected.
    SelectKeeps "select_keeps";
    /// A client is to ask a node that there is none of.
    AskNowhere "ask_nowhere";
    /// A reply to a client is kept back.
    SwallowReply "swallow_reply";
    /// A reply to a client is given twice.
    DoubleReply "double_reply";
    /// What a client reads is not tracked, so that it is not told that it has changed.
    InvalidationLost "invalidation_lost";
    /// A client is told that another key has changed than the one that has.
    InvalidationOther "invalidation_other";
    /// A message of a channel is kept from a subscriber.
    SwallowMessage "swallow_message";
    /// A message of a channel is told a subscriber twice.
    DoubleMessage "double_message";
    /// A message of a channel is not sent on the bus.
    SwallowPublish "swallow_publish";
    /// Who loses a slot does not say so to those who have subscribed in it.
    SwallowUnsubscribe "swallow_unsubscribe";
    /// `CLUSTER INFO` has a shard less.
    SizeLie "size_lie";
    /// `CLUSTER SLOTS` ends the first shard's slots one earlier.
    SlotsLie "slots_lie";
    /// `CLUSTER NODES` ends the first shard's slots one earlier.
    NodesLie "nodes_lie";
    /// `CLUSTER NODES` holds a replica for failed.
    FailKept "fail_kept";
    /// `CLUSTER MYID` is another.
    IdLie "id_lie";
    /// A replica stands for election however old its data are.
    AnyData "any_data";
    /// A replica stays with a primary that has others.
    StaysAway "stays_away";
    /// `INFO` counts nine clients.
    ClientsLie "clients_lie";
    /// A mutex stays locked that should be unlocked.
    UnlockLeftOut "unlock_left_out";
}
