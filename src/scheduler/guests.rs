//! What guests ask of the world, performed.

use super::Scheduler;
use crate::actor::GuestAct;
use crate::actor::message::{GuestMessage, Message};
use crate::id::{ActorId, GuestId, Host};
use crate::time::SimTime;
use crate::world::{ProgramFile, World, WorldError};

impl<W: World> Scheduler<W> {
    pub(super) fn act_for_guest(
        &mut self,
        now: SimTime,
        event: u64,
        guest: GuestId,
        act: GuestAct,
    ) -> Result<(), WorldError> {
        let turn = match act {
            GuestAct::Start => {
                let ProgramFile { name, sha256, folder } = self.world.start_guest(guest, now)?;
                let started = GuestMessage::Started { program: name, sha256, folder };
                self.push(now, ActorId::Guest(guest), Some(event), Message::Guest(started));
                None
            }
            GuestAct::Resume => self.world.resume_guest(guest, now)?,
            GuestAct::Kill => self.world.kill_guest(guest, now)?,
            GuestAct::Socket { handle, arrival } => {
                self.world.arrive_guest(guest, handle, arrival);
                None
            }
        };
        if let Some(turn) = turn {
            self.after_turn(Host::Guest(guest), event, turn);
        }
        Ok(())
    }
}
