//! A system call that goes round the shim ends the run by its number, in every run and not only in a complete check.

use crate::conformity::guest::{Guest, in_simulation};

#[test]
fn what_goes_round_the_shim_is_named() {
    let guest = Guest::build("round");
    for (check, number) in [
        ("the_time", 228),
        ("randomness", 318),
        ("a_sleep", 35),
        ("a_socket", 41),
        ("a_signal", 62),
        ("a_signal_to_a_thread", 234),
        ("a_signal_to_any_thread", 200),
        ("a_signal_by_descriptor", 424),
        ("in_a_child", 228),
    ] {
        let told = in_simulation(&guest, check);
        assert!(told.starts_with(&format!("gave up: system call {number} at ")), "{check}: {told}");
    }
}

#[test]
fn what_harms_nobody_goes_on() {
    let told = in_simulation(&Guest::build("round"), "what_harms_nobody");
    assert!(told.ends_with("yes\n-> exit 0\n") && !told.contains(": no"), "{told}");
}
