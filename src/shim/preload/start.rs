//! The library's constructor: sets everything up in the process that the shim is meant for.

use crate::life::alive;
use crate::{check, clock, counter, identity, probe, thread};

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

/// The loader runs constructors one after the other, in one thread.
extern "C" fn constructor() {
    if alive() {
        identity::overwrite_auxiliary_random();
        clock::find_program();
        thread::prepare();
        counter::install();
        check::install();
    } else {
        probe::describe();
    }
}
