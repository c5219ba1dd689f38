//! Where the shim's world differs from Linux, check by check, and why.
//!
//! A fault that is mended must be struck off, and a check that comes to differ must be mended or argued here: both fail
//! the suite until it is done.

/// What is known of a check whose results differ.
#[derive(Clone, Copy)]
pub enum Deviation {
    /// The simulated world shows just this, on purpose, or because Linux shows something else on each host.
    Stated(&'static str),
    /// The shim is wrong and does not know better yet.
    Fault,
}

/// A check that deviates.
pub struct Known {
    /// The guest.
    pub topic: &'static str,
    /// Its check.
    pub check: &'static str,
    /// How.
    pub deviation: Deviation,
    /// Why; of a fault, the first that it shows and Linux does not.
    pub reason: &'static str,
}

const fn fault(topic: &'static str, check: &'static str, reason: &'static str) -> Known {
    Known { topic, check, deviation: Deviation::Fault, reason }
}

/// All of them.
#[rustfmt::skip]
pub const KNOWN: &[Known] = &[
    Known {
        topic: "clock",
        check: "lengths_of_sleeps",
        deviation: Deviation::Stated(LENGTHS_OF_SLEEPS),
        reason: "a sleep lasts as long as it says, to the millisecond, however busy the host is",
    },
    fault("stream", "a_reset_is_an_error_once", "server: OUT"),
    fault("descriptor", "descriptors_run_out", "limit.rlim_cur = 100000"),
    fault("epoll", "at_the_edge_only", "gave up: edge-triggered and one-shot events are not simulated"),
    fault("thread", "the_main_one_leaves_first", "gave up: a main thread that leaves before the others is not simulated"),
    fault("lock", "a_normal_mutex", "pthread_mutex_destroy(&MUTEX) = 0"),
    fault("lock", "a_wait_times_out", "-> Overdue"),
    fault("lock", "once_is_once", "silent: neither blocks nor computes"),
    fault("signal", "the_handler_is_told_who", "info->si_pid == getpid(): no"),
    fault("signal", "a_child_that_ends_is_told", "silent: neither blocks nor computes"),
    fault("signal", "held_back_until_allowed", "HANDLED = 1"),
    fault("signal", "waited_for", "sigwaitinfo(&set, NULL) == SIGUSR1: no"),
    fault("process", "waited_for_by_id", "waitid(P_PID, child, &info, WEXITED | WNOWAIT) = -1 ECHILD"),
    fault("process", "another_program_takes_its_place", "child: signal SEGV"),
    fault("process", "the_same_process_goes_on", "-> SIGKILL"),
    fault("process", "no_such_program", "gave up: execv is not simulated"),
    fault("process", "spawned", "waitpid(child, &STATUS, 0) == child: no"),
    fault("process", "the_shell_runs_it", "shell: signal SEGV"),
    fault("process", "a_programs_output_is_read", "fgets(line, sizeof line, pipe) != NULL: no"),
    fault("file", "the_folder_one_is_in", "strcmp(now + strlen(begin), \"/below\") == 0: no"),
    fault("file", "a_path_from_the_root", "fd >= 0: no"),
    fault("file", "what_the_kernel_says_of_this_process", "field_of(\"/proc/self/stat\", \"\") == getpid(): no"),
    fault("file", "its_threads_are_listed", "listed(path) = -1 ENOENT"),
    fault("clock", "an_alarm_rings", "nanoseconds(CLOCK_MONOTONIC) - begun >= 900000000: no"),
    fault("clock", "an_alarm_that_nobody_handles_kills", "not reached"),
    fault("clock", "an_interval_timer_rings_again", "silent: neither blocks nor computes"),
    fault("clock", "an_alarm_interrupts_a_read", "-> Stuck"),
    fault("clock", "a_timer_of_the_process", "HANDLED = 0"),
    fault("raw", "sleeping", "milliseconds() - begun >= 49: no"),
    fault("raw", "a_connection", "syscall(SYS_read, server, ROOM, sizeof ROOM) = 0"),
    fault("raw", "random_bytes", "getentropy(large, sizeof large) = 0"),
    fault("machine", "limits_are_read_and_set", "back.rlim_cur = 100000"),
];

const LENGTHS_OF_SLEEPS: &str = "\
nanosleep(&time, NULL) = 0
nanosleep took 25 ms
usleep(30000) = 0
usleep took 55 ms
sleep(2) = 0
sleep took 2055 ms
clock_nanosleep(CLOCK_REALTIME, 0, &time, NULL) = 0
clock_nanosleep took 2080 ms
poll(NULL, 0, 45) = 0
poll took 2125 ms
-> exit 0
";
