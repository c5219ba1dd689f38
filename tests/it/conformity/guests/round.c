/* System calls that go round the shim, by an instruction of the program's own. */
#include "check.h"

static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static void the_time(void) {
    struct timespec time;
    call(SYS_clock_gettime, CLOCK_REALTIME, (long)&time, 0);
}

static void randomness(void) {
    char bytes[8];
    call(SYS_getrandom, (long)bytes, sizeof bytes, 0);
}

static void a_sleep(void) {
    struct timespec time = {0, 1};
    call(SYS_nanosleep, (long)&time, 0, 0);
}

static void a_socket(void) {
    call(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void a_signal(void) {
    call(SYS_kill, 1, 0, 0);
}

static void a_signal_to_a_thread(void) {
    call(SYS_tgkill, 1, 1, 0);
}

static void a_signal_to_any_thread(void) {
    call(SYS_tkill, 1, 0, 0);
}

static void a_signal_by_descriptor(void) {
    call(SYS_pidfd_send_signal, 3, 0, 0);
}

static void what_harms_nobody(void) {
    IS(call(SYS_getuid, 0, 0, 0) == (long)getuid());
    IS(call(SYS_write, 1, (long)"", 0) == 0);
}

static void in_a_child(void) {
    if (fork() == 0) the_time();
    wait(NULL);
}

GUEST(NAMED(the_time), NAMED(randomness), NAMED(a_sleep), NAMED(a_socket), NAMED(a_signal),
      NAMED(a_signal_to_a_thread), NAMED(a_signal_to_any_thread), NAMED(a_signal_by_descriptor),
      NAMED(what_harms_nobody), NAMED(in_a_child))
