//! One key of a kind of entry: its name, what may stand below it, and what it says.

use super::Form;

/// A key of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What may stand below it.
    pub form: Form,
    /// What it says, with its unit and what holds where it is absent; for the reference of the language.
    pub about: &'static str,
}

impl Key {
    /// A key with what it says.
    pub const fn new(name: &'static str, form: Form, about: &'static str) -> Key {
        Key { name, form, about }
    }
}
