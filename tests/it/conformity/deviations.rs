//! Where the shim's world differs from Linux, check by check, and why.
//!
//! Each is on purpose, and argued. A check that comes to differ must be mended or argued here, and one that comes to show
//! something else than is stated must be struck off: both fail the suite until it is done.

/// A check that deviates.
pub struct Known {
    /// The guest.
    pub topic: &'static str,
    /// Its check.
    pub check: &'static str,
    /// What the simulated world shows instead.
    pub shows: &'static str,
    /// Why it does so on purpose.
    pub reason: &'static str,
}

const fn stated(
    topic: &'static str,
    check: &'static str,
    shows: &'static str,
    reason: &'static str,
) -> Known {
    Known { topic, check, shows, reason }
}

/// All of them.
#[rustfmt::skip]
pub const KNOWN: &[Known] = &[
    stated("clock", "lengths_of_sleeps", LENGTHS_OF_SLEEPS, "a sleep lasts as long as it says, to the millisecond, however busy the host is"),
    stated("epoll", "at_the_edge_only", "gave up: edge-triggered events are not simulated\n", "no server asks for edges; what is not simulated ends the run by name"),
    stated("thread", "the_main_one_leaves_first", "gave up: a main thread that leaves before the others is not simulated\n", "the kernel takes such a process for a dying one; no server does it"),
    stated("signal", "a_child_that_ends_is_told", "gave up: a handler of SIGCHLD is not simulated\n", "servers ask for their children in their own time; a handler would never be called, so the run ends by name"),
    stated("process", "another_program_takes_its_place", "gave up: execve is not simulated\n", "another program would run outside the simulation, so the run ends by name"),
    stated("process", "the_same_process_goes_on", "gave up: execv is not simulated\n", "a server that starts itself again (DEBUG RESTART) ends the run by name; a restart is a fault of the plan"),
    stated("process", "no_such_program", "gave up: execv is not simulated\n", "whether there is such a program is the host's affair"),
    stated("process", "spawned", "gave up: posix_spawn is not simulated\n", "another program would run outside the simulation"),
    stated("process", "the_shell_runs_it", "gave up: system is not simulated\n", "a shell would run outside the simulation"),
    stated("process", "a_programs_output_is_read", "gave up: popen is not simulated\n", "a shell would run outside the simulation"),
    stated("file", "the_folder_one_is_in", THE_FOLDER_ONE_IS_IN, "the folder that a server is told of is a name which is the same in every run; it does not follow `chdir`"),
    stated("file", "its_threads_are_listed", ITS_THREADS_ARE_LISTED, "its threads are listed for whoever opens the folder by `open`, as a crash report does, not by `opendir`"),
    stated("clock", "a_timer_of_the_process", "gave up: timer_create is not simulated\n", "no server has timers of its own; the one alarm there is rings"),
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

const THE_FOLDER_ONE_IS_IN: &str = "\
getcwd(begin, sizeof begin) == begin: yes
begin[0] == '/': yes
mkdir(\"below\", 0700) = 0
chdir(\"below\") = 0
getcwd(now, sizeof now) == now: yes
strncmp(now, begin, strlen(begin)) == 0: yes
strcmp(now + strlen(begin), \"/below\") == 0: no
chdir(\"..\") = 0
access(\"below/file\", F_OK) = 0
getcwd(now, 2) == NULL: yes
ERANGE
getcwd(NULL, 0) != NULL: yes
chdir(\"none\") = -1 ENOENT
-> exit 0
";

const ITS_THREADS_ARE_LISTED: &str = "\
listed(\"/proc/self/task\") = 1
listed(\"/proc/self/task\") = 2
listed(path) = -1 ENOENT
access(path, F_OK) = -1 ENOENT
-> exit 0
";
