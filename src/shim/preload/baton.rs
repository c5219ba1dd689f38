//! The shim's own state: statics that only the thread with the baton touches.
//!
//! Of all threads of a process exactly one has the baton, and of all processes of a node exactly one has the turn; so
//! state needs no locks, and `Cell`s inside a [`Baton`] are enough. Only what the kernel writes is atomic.

use core::ops::Deref;

/// State that belongs to whoever has the baton.
pub struct Baton<T>(T);

// SAFETY: threads take turns; the futex that passes the baton orders everything before it with everything after it.
unsafe impl<T> Sync for Baton<T> {}

impl<T> Baton<T> {
    pub const fn new(value: T) -> Self {
        Baton(value)
    }
}

impl<T> Deref for Baton<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
