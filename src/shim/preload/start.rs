//! The library's constructor: sets everything up in the process that the shim is meant for.

use crate::life::alive;
use crate::{check, clock, counter, identity, probe, program, signal, thread, turn};

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: unsafe extern "C" fn(i32, *mut *const u8) = constructor;

/// The loader runs constructors one after the other, in one thread.
unsafe extern "C" fn constructor(_count: i32, arguments: *mut *const u8) {
    if alive() {
        // SAFETY: the loader hands the arguments to every constructor.
        unsafe { program::take_name(arguments) };
        identity::overwrite_auxiliary_random();
        clock::find_program();
        thread::prepare();
        counter::install();
        check::install();
        if turn::me().programs.get() > 0 {
            signal::take_over();
        }
    } else {
        probe::describe();
    }
}
