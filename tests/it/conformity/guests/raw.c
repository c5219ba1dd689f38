/* System calls by number, past the C library's own functions. */
#include <linux/futex.h>
#include <sys/random.h>

#include "check.h"

static char ROOM[64];

static void numbers_of_the_process(void) {
    IS(syscall(SYS_getpid) == getpid());
    IS(syscall(SYS_gettid) == gettid());
    IS(syscall(SYS_getppid) == getppid());
    IS(syscall(SYS_gettid) == syscall(SYS_getpid));
}

static void *in_thread(void *none) {
    IS(syscall(SYS_gettid) != getpid());
    IS(syscall(SYS_gettid) == gettid());
    IS(syscall(SYS_getpid) == getpid());
    return none;
}

static void numbers_of_a_thread(void) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, in_thread, NULL) == 0);
    MUST(pthread_join(thread, NULL) == 0);
}

static void signals_to_oneself(void) {
    handle(SIGUSR1, 0);
    SHOW(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
    SHOW(HANDLED);
    SHOW(syscall(SYS_tkill, gettid(), SIGUSR1));
    SHOW(HANDLED);
    SHOW(syscall(SYS_kill, getpid(), SIGUSR1));
    SHOW(HANDLED);
    SHOW(syscall(SYS_kill, getpid(), 0));
}

static void signals_to_nobody(void) {
    SHOW(syscall(SYS_tgkill, 7777777, 7777777, SIGUSR1));
    SHOW(syscall(SYS_tkill, 7777777, SIGUSR1));
    SHOW(syscall(SYS_kill, 7777777, SIGUSR1));
    SHOW(syscall(SYS_tgkill, getpid(), 7777777, 0));
    SHOW(syscall(SYS_tgkill, -1, gettid(), 0));
}

static void clocks_are_the_same(void) {
    struct timespec by_number, by_name;
    SHOW(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &by_number));
    MUST(clock_gettime(CLOCK_MONOTONIC, &by_name) == 0);
    IS(by_name.tv_sec - by_number.tv_sec <= 5 && by_name.tv_sec >= by_number.tv_sec);
    SHOW(syscall(SYS_clock_gettime, CLOCK_REALTIME, &by_number));
    MUST(clock_gettime(CLOCK_REALTIME, &by_name) == 0);
    IS(by_name.tv_sec - by_number.tv_sec <= 5 && by_name.tv_sec >= by_number.tv_sec);
    struct timeval day;
    SHOW(syscall(SYS_gettimeofday, &day, NULL));
    IS(day.tv_sec - by_number.tv_sec <= 5 && day.tv_sec >= by_number.tv_sec);
    IS(syscall(SYS_time, NULL) >= by_number.tv_sec);
}

static void sleeping(void) {
    struct timespec time = {.tv_nsec = 50000000};
    long begun = milliseconds();
    SHOW(syscall(SYS_nanosleep, &time, NULL));
    IS(milliseconds() - begun >= 49);
    SHOW(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, NULL));
    IS(milliseconds() - begun >= 98);
}

static void a_futex_that_does_not_wait(void) {
    uint32_t word = 1;
    struct timespec time = {.tv_nsec = 50000000};
    long begun = milliseconds();
    SHOW(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL));
    SHOW(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1));
    SHOW(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &time));
    IS(milliseconds() - begun >= 49);
}

static uint32_t WORD;

static void *wake(void *none) {
    sleep_ms(30);
    WORD = 1;
    MUST(syscall(SYS_futex, &WORD, FUTEX_WAKE_PRIVATE, 1) == 1);
    return none;
}

static void a_futex_that_is_woken(void) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, wake, NULL) == 0);
    SHOW(syscall(SYS_futex, &WORD, FUTEX_WAIT_PRIVATE, 0, NULL));
    SHOW(WORD);
    MUST(pthread_join(thread, NULL) == 0);
}

static void a_pipe(void) {
    int ends[2];
    SHOW(syscall(SYS_pipe2, ends, 0));
    SHOW(syscall(SYS_write, ends[1], "text", 4));
    SHOW(syscall(SYS_read, ends[0], ROOM, sizeof ROOM));
    SHOW(syscall(SYS_close, ends[1]));
    SHOW(syscall(SYS_read, ends[0], ROOM, sizeof ROOM));
    SHOW(syscall(SYS_close, ends[1]));
}

static void a_connection(void) {
    int client, server;
    connected(&client, &server);
    SHOW(syscall(SYS_write, client, "text", 4));
    SHOW(syscall(SYS_read, server, ROOM, sizeof ROOM));
    int copy = syscall(SYS_dup, client);
    IS(copy >= 0);
    SHOW(syscall(SYS_close, client));
    SHOW(syscall(SYS_sendto, copy, "more", 4, 0, NULL, 0));
    SHOW(syscall(SYS_recvfrom, server, ROOM, sizeof ROOM, 0, NULL, NULL));
    SHOW(syscall(SYS_shutdown, copy, SHUT_WR));
    SHOW(syscall(SYS_read, server, ROOM, sizeof ROOM));
}

static void files(void) {
    int fd = syscall(SYS_openat, AT_FDCWD, "file", O_RDWR | O_CREAT, 0600);
    IS(fd >= 0);
    SHOW(syscall(SYS_write, fd, "text", 4));
    SHOW(syscall(SYS_lseek, fd, 0, SEEK_SET));
    SHOW(syscall(SYS_read, fd, ROOM, sizeof ROOM));
    SHOW(syscall(SYS_fsync, fd));
    SHOW(syscall(SYS_close, fd));
    SHOW(syscall(SYS_openat, AT_FDCWD, "none", O_RDONLY));
    SHOW(syscall(SYS_unlink, "file"));
}

static void random_bytes(void) {
    char other[64];
    SHOW(syscall(SYS_getrandom, ROOM, sizeof ROOM, 0));
    SHOW(getrandom(other, sizeof other, GRND_NONBLOCK));
    IS(memcmp(ROOM, other, sizeof other) != 0);
    SHOW(getentropy(other, 16));
    static char large[300];
    SHOW(getentropy(large, sizeof large));
    SHOW(syscall(SYS_getrandom, ROOM, 4, 777));
}

static void processors(void) {
    unsigned long set[128] = {0};
    long written = syscall(SYS_sched_getaffinity, 0, sizeof set, set);
    IS(written >= 8 && written % 8 == 0);
    IS(set[0] != 0);
    SHOW(syscall(SYS_sched_getaffinity, 0, 3, set));
}

static void a_number_that_does_not_exist(void) {
    SHOW(syscall(9999));
    SHOW(syscall(-1));
}

static void children(void) {
    int status;
    pid_t child = fork();
    if (child == 0) syscall(SYS_exit_group, 8);
    IS(syscall(SYS_wait4, child, &status, 0, NULL) == child);
    say_status("child", status);
    SHOW(syscall(SYS_wait4, child, &status, 0, NULL));
}

static void readiness(void) {
    struct pollfd entry = {.fd = -1};
    long begun = milliseconds();
    SHOW(syscall(SYS_poll, &entry, 1, 50));
    IS(milliseconds() - begun >= 49);
}

static void ended_by_number(void) { syscall(SYS_exit_group, 21); }

GUEST(NAMED(numbers_of_the_process), NAMED(numbers_of_a_thread), NAMED(signals_to_oneself), NAMED(signals_to_nobody),
      NAMED(clocks_are_the_same), NAMED(sleeping), NAMED(a_futex_that_does_not_wait), NAMED(a_futex_that_is_woken),
      NAMED(a_pipe), NAMED(a_connection), NAMED(files), NAMED(random_bytes), NAMED(processors), NAMED(a_number_that_does_not_exist),
      NAMED(children), NAMED(readiness), NAMED(ended_by_number))
