//! What a process does that its program does not tell it to.

use super::Liar;
use crate::fault::Lie;
use crate::shim::page::Page;

impl Liar {
    /// Tells the process what to do.
    pub fn instructs(&self, page: &mut Page) {
        if self.lie == Lie::UnlockLeftOut {
            page.unlocks_left_out = 1;
        }
    }

    /// Looks whether the process did it.
    pub fn looks_at(&mut self, page: &Page) {
        if self.lie == Lie::UnlockLeftOut && page.unlocks_left_out == 0 {
            self.lied(());
        }
    }
}
