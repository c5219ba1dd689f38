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
    fault("connect", "tried_again_after_a_refusal", "connect_to(fd, ADDRESS, port) = -1 ECONNREFUSED"),
    fault("connect", "a_fresh_socket_has_no_names", "send(fd, &byte, 1, MSG_NOSIGNAL) = -1 ENOTCONN"),
    fault("connect", "a_bound_port_is_taken_before_it_listens", "bind_to(second, ADDRESS, port_of(first)) = 0"),
    fault("connect", "binding_chooses_a_port", "port_of(fd) != 0: no"),
    fault("connect", "the_loopback_address_is_this_host", "bind_to(fd, \"127.0.0.1\", 0) = -1 EADDRNOTAVAIL"),
    fault("connect", "accepted_flags_are_those_asked_for", "fcntl(server, F_GETFD) = 1"),
    fault("connect", "what_is_no_descriptor", "listen(777, 1) = -1 ENOTSOCK"),
    fault("connect", "families_and_kinds_that_do_not_exist", "socket(AF_INET, 77, 0) = -1 EAFNOSUPPORT"),
    fault("connect", "addresses_of_the_wrong_family", "connect(fd, (struct sockaddr *)&address, 3) = -1 ECONNREFUSED"),
    fault("stream", "shut_for_reading", "shutdown(CLIENT, 7) = 0"),
    fault("stream", "writing_to_a_closed_end_is_reset_then_broken", "send(CLIENT, \"y\", 1, MSG_NOSIGNAL) = -1 ECONNRESET"),
    fault("stream", "a_reset_is_an_error_once", "server: OUT"),
    fault("stream", "all_that_was_asked_for_is_waited_for", "recv(SERVER, ROOM, 12, MSG_WAITALL) = 4"),
    fault("stream", "scattered_and_gathered", "MUST recv(SERVER, ROOM, 8, MSG_PEEK | MSG_WAITALL) == 8: 0"),
    fault("stream", "messages_of_a_stream", "sendmsg(CLIENT, &sent, MSG_NOSIGNAL) = -1 ENOTSOCK"),
    fault("stream", "addressed_calls_on_a_stream", "sendto(CLIENT, \"to\", 2, 0, NULL, 0) = -1 ENOTSOCK"),
    fault("stream", "waiting_bytes_are_counted", "ioctl(SERVER, FIONREAD, &count) = -1 EINVAL"),
    fault("stream", "a_broken_stream_kills_by_signal", "write(CLIENT, \"x\", 1) = -1 EPIPE"),
    fault("stream", "a_broken_stream_with_the_signal_handled", "HANDLED = 0"),
    fault("option", "what_a_socket_is", "option(CLIENT, SOL_SOCKET, SO_DOMAIN) = 0"),
    fault("option", "switches_are_read_back", "option(CLIENT, SOL_SOCKET, SO_KEEPALIVE) = 0"),
    fault("option", "keep_alive_times_are_read_back", "option(CLIENT, IPPROTO_TCP, TCP_KEEPIDLE) = 0"),
    fault("option", "keep_alive_times_out_of_range", "set(CLIENT, IPPROTO_TCP, TCP_KEEPIDLE, 0) = 0"),
    fault("option", "buffers_have_sizes", "option(CLIENT, SOL_SOCKET, SO_SNDBUF) > 0: no"),
    fault("option", "time_outs_are_read_back", "back.tv_sec = 0"),
    fault("option", "a_read_times_out", "-> Stuck"),
    fault("option", "an_accept_times_out", "-> Stuck"),
    fault("option", "a_write_times_out", "-> Stuck"),
    fault("option", "options_that_do_not_exist", "set(CLIENT, SOL_SOCKET, 9999, 1) = 0"),
    fault("descriptor", "closed_twice", "close(client) = 0"),
    fault("descriptor", "numbers_that_name_nothing", "fsync(777) = 0"),
    fault("descriptor", "the_lowest_number_is_taken", "open(\"/dev/null\", O_RDONLY) == second: no"),
    fault("descriptor", "a_closed_socket_leaves_its_number_to_a_file", "file == fd: no"),
    fault("descriptor", "copies_share_their_flags", "(fcntl(copy, F_GETFL) & O_NONBLOCK) != 0: no"),
    fault("descriptor", "copied_onto_itself", "dup2(fd, fd) = 3"),
    fault("descriptor", "copied_to_a_high_number", "-> Stuck"),
    fault("descriptor", "a_file_copied_over_a_socket", "pread(file, ROOM, 10, 0) = 0"),
    fault("descriptor", "close_on_exec_is_read_back", "fcntl(fd, F_GETFD) = 1"),
    fault("descriptor", "sockets_are_no_files", "lseek(client, 0, SEEK_SET) = 0"),
    fault("descriptor", "descriptors_run_out", "limit.rlim_cur = 100000"),
    fault("descriptor", "a_failed_pipe_leaves_nothing", "open(\"/dev/null\", O_RDONLY) = -1 EMFILE"),
    fault("pipe", "nobody_reads_it_and_it_kills", "write(ENDS[1], \"x\", 1) = -1 EPIPE"),
    fault("pipe", "nobody_reads_it_and_a_handler_hears", "HANDLED = 0"),
    fault("pipe", "the_wrong_end", "lseek(ENDS[0], 0, SEEK_SET) = 0"),
    fault("pipe", "flags_are_those_asked_for", "fcntl(ENDS[0], F_GETFL) & O_ACCMODE = 2"),
    fault("pipe", "waiting_bytes_are_counted", "ioctl(ENDS[0], FIONREAD, &count) = -1 EINVAL"),
    fault("pipe", "scattered_and_gathered", "readv(ENDS[0], in, 2) = 0"),
    fault("pipe", "many_are_open_at_once", "made = 32"),
    fault("event", "a_counter_is_ready_when_it_is_not_zero", "zero: IN OUT"),
    fault("event", "a_counter_wakes_another_process", "-> Livelock(\"neither blocks nor computes\")"),
    fault("event", "a_timer_expires_once", "milliseconds() - begun >= 49: no"),
    fault("event", "a_timer_counts_what_was_missed", "read(fd, &VALUE, sizeof VALUE) = -1 EAGAIN"),
    fault("event", "a_timer_is_polled", "poll(&entry, 1, 0) = 1"),
    fault("event", "a_pair_speaks_both_ways", "send(ends[1], \"back\", 4, 0) = -1 ENOTSOCK"),
    fault("event", "a_pair_between_processes", "-> Livelock(\"neither blocks nor computes\")"),
    fault("event", "a_pair_is_polled", "quiet: IN OUT"),
    fault("epoll", "added_twice_and_unknown", "control(EPOLL_CTL_DEL, CLIENT, 0) = 0"),
    fault("epoll", "what_cannot_be_registered", "control(EPOLL_CTL_ADD, 777, EPOLLIN) = -1 EPERM"),
    fault("epoll", "what_cannot_be_waited_at", "epoll_wait(EPOLL, GOT, 0, 0) = 0"),
    fault("epoll", "a_closed_descriptor_leaves", "control(EPOLL_CTL_DEL, number, 0) = 0"),
    fault("epoll", "one_instance_in_another", "epoll_wait(outer, GOT, 16, 0) = 0"),
    fault("epoll", "once_only", "gave up: edge-triggered and one-shot events are not simulated"),
    fault("epoll", "at_the_edge_only", "gave up: edge-triggered and one-shot events are not simulated"),
    fault("epoll", "eight_instances", "gave up: more than 4 epoll instances are open"),
    fault("poll", "closed_numbers_are_not_valid", "closed: IN"),
    fault("poll", "a_closed_socket_is_not_valid", "closed: IN OUT"),
    fault("poll", "select_tells_what_is_ready", "gave up: select over descriptors is not simulated"),
    fault("poll", "select_waits_as_long_as_it_says", "gave up: select over descriptors is not simulated"),
    fault("poll", "select_sleeps", "milliseconds() - begun >= 99: no"),
    fault("poll", "select_refuses_what_is_closed", "gave up: select over descriptors is not simulated"),
    fault("thread", "the_main_one_leaves_first", "-> SIGKILL"),
    fault("lock", "a_normal_mutex", "pthread_mutex_destroy(&MUTEX) = 0"),
    fault("lock", "a_wait_times_out", "-> Overdue"),
    fault("lock", "once_is_once", "-> Livelock(\"neither blocks nor computes\")"),
    fault("signal", "the_handler_is_told_who", "info->si_pid == getpid(): no"),
    fault("signal", "a_child_that_ends_is_told", "-> Livelock(\"neither blocks nor computes\")"),
    fault("signal", "held_back_until_allowed", "HANDLED = 1"),
    fault("signal", "waited_for", "sigwaitinfo(&set, NULL) == SIGUSR1: no"),
    fault("signal", "a_read_of_a_pipe_is_interrupted", "-> Stuck"),
    fault("signal", "a_write_to_a_full_pipe_is_interrupted", "-> Stuck"),
    fault("signal", "a_read_of_a_connection_is_interrupted", "-> Stuck"),
    fault("signal", "an_accept_is_interrupted", "-> Stuck"),
    fault("signal", "a_sleep_is_interrupted", "nanosleep(&time, &left) = 0"),
    fault("signal", "a_select_is_interrupted", "select(0, ((void *)0), ((void *)0), ((void *)0), &time) = 0"),
    fault("signal", "some_never_start_again", "nanosleep(&time, NULL) = 0"),
    fault("process", "waited_for_by_id", "waitid(P_PID, child, &info, WEXITED | WNOWAIT) = -1 ECHILD"),
    fault("process", "a_connection_outlives_one_of_two", "recv(server, room, 7, MSG_WAITALL) = 5"),
    fault("process", "another_program_takes_its_place", "child: signal SEGV"),
    fault("process", "the_same_process_goes_on", "-> SIGKILL"),
    fault("process", "no_such_program", "gave up: execv is not simulated"),
    fault("process", "spawned", "waitpid(child, &STATUS, 0) == child: no"),
    fault("process", "the_shell_runs_it", "shell: signal SEGV"),
    fault("process", "a_programs_output_is_read", "fgets(line, sizeof line, pipe) != NULL: no"),
    fault("file", "the_folder_one_is_in", "strcmp(now + strlen(begin), \"/below\") == 0: no"),
    fault("file", "a_path_from_the_root", "fd >= 0: no"),
    fault("file", "synchronised", "fsync(777) = 0"),
    fault("file", "random_bytes", "read(fd, large, sizeof large) = 3968"),
    fault("file", "what_the_kernel_says_of_this_process", "field_of(\"/proc/self/stat\", \"\") == getpid(): no"),
    fault("file", "its_threads_are_listed", "listed(path) = -1 ENOENT"),
    fault("clock", "clocks_agree", "begun - spec.tv_sec <= 1 && spec.tv_sec - begun <= 5: no"),
    fault("clock", "clocks_that_do_not_exist", "clock_gettime(77, &now) = 0"),
    fault("clock", "computing_is_not_sleeping", "getrusage(77, &usage) = 0"),
    fault("clock", "sleeps_of_no_length", "nanosleep(&time, NULL) = 0"),
    fault("clock", "an_alarm_rings", "nanoseconds(CLOCK_MONOTONIC) - begun >= 900000000: no"),
    fault("clock", "an_alarm_that_nobody_handles_kills", "not reached"),
    fault("clock", "an_interval_timer_rings_again", "-> Livelock(\"neither blocks nor computes\")"),
    fault("clock", "an_alarm_interrupts_a_read", "-> Stuck"),
    fault("clock", "a_timer_of_the_process", "HANDLED = 0"),
    fault("raw", "sleeping", "milliseconds() - begun >= 49: no"),
    fault("raw", "a_pipe", "syscall(SYS_close, ends[1]) = 0"),
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
