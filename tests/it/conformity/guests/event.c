/* Descriptors that count and pair: eventfd, timerfd, socketpair. */
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "check.h"

static uint64_t VALUE;
static char ROOM[16];

static void a_counter_is_read_whole(void) {
    int fd = eventfd(3, EFD_NONBLOCK);
    IS(fd >= 0);
    SHOW(read(fd, &VALUE, sizeof VALUE));
    SHOW(VALUE);
    SHOW(read(fd, &VALUE, sizeof VALUE));
    VALUE = 5;
    SHOW(write(fd, &VALUE, sizeof VALUE));
    SHOW(write(fd, &VALUE, sizeof VALUE));
    SHOW(read(fd, &VALUE, sizeof VALUE));
    SHOW(VALUE);
}

static void a_counter_as_a_semaphore(void) {
    int fd = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
    SHOW(read(fd, &VALUE, sizeof VALUE));
    SHOW(VALUE);
    SHOW(read(fd, &VALUE, sizeof VALUE));
    SHOW(read(fd, &VALUE, sizeof VALUE));
}

static void a_counter_is_ready_when_it_is_not_zero(void) {
    int fd = eventfd(0, 0);
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT};
    SHOW(poll(&entry, 1, 0));
    say_events("zero", entry.revents);
    VALUE = 1;
    MUST(write(fd, &VALUE, sizeof VALUE) == sizeof VALUE);
    SHOW(poll(&entry, 1, 0));
    say_events("one", entry.revents);
}

static void a_counter_of_the_wrong_size(void) {
    int fd = eventfd(1, EFD_NONBLOCK);
    SHOW(read(fd, ROOM, 4));
    SHOW(write(fd, ROOM, 4));
    VALUE = UINT64_MAX;
    SHOW(write(fd, &VALUE, sizeof VALUE));
}

static void a_counter_wakes_another_process(void) {
    int fd = eventfd(0, 0);
    if (fork() == 0) {
        sleep_ms(30);
        VALUE = 9;
        MUST(write(fd, &VALUE, sizeof VALUE) == sizeof VALUE);
        _exit(0);
    }
    SHOW(read(fd, &VALUE, sizeof VALUE));
    SHOW(VALUE);
}

static void a_timer_expires_once(void) {
    struct itimerspec time = {.it_value = {.tv_nsec = 50000000}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    IS(fd >= 0);
    SHOW(timerfd_settime(fd, 0, &time, NULL));
    long begun = milliseconds();
    SHOW(read(fd, &VALUE, sizeof VALUE));
    SHOW(VALUE);
    IS(milliseconds() - begun >= 49);
    SHOW(timerfd_gettime(fd, &time));
    IS(time.it_value.tv_sec == 0 && time.it_value.tv_nsec == 0);
}

static void a_timer_counts_what_was_missed(void) {
    struct itimerspec time = {.it_value = {.tv_nsec = 10000000}, .it_interval = {.tv_nsec = 10000000}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    SHOW(read(fd, &VALUE, sizeof VALUE));
    SHOW(timerfd_settime(fd, 0, &time, NULL));
    sleep_ms(55);
    SHOW(read(fd, &VALUE, sizeof VALUE));
    IS(VALUE >= 5);
}

static void a_timer_is_polled(void) {
    /* Long enough for a busy host to come to the first look before it. */
    struct itimerspec time = {.it_value = {.tv_nsec = 800000000}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    MUST(timerfd_settime(fd, 0, &time, NULL) == 0);
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    SHOW(poll(&entry, 1, 0));
    say_events("later", await(fd, POLLIN));
}

static void a_pair_speaks_both_ways(void) {
    int ends[2];
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    SHOW(write(ends[0], "there", 5));
    SHOW(read(ends[1], ROOM, sizeof ROOM));
    SHOW(send(ends[1], "back", 4, 0));
    SHOW(recv(ends[0], ROOM, sizeof ROOM, MSG_DONTWAIT));
    SHOW(recv(ends[0], ROOM, sizeof ROOM, MSG_DONTWAIT));
    SHOW(close(ends[1]));
    SHOW(read(ends[0], ROOM, 1));
    SHOW(send(ends[0], "x", 1, MSG_NOSIGNAL));
}

static void a_pair_between_processes(void) {
    int ends[2], status;
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    if (fork() == 0) {
        close(ends[0]);
        sleep_ms(20);
        MUST(read(ends[1], ROOM, 4) == 4);
        MUST(write(ends[1], "pong!", 5) == 5);
        _exit(4);
    }
    close(ends[1]);
    SHOW(write(ends[0], "ping", 4));
    SHOW(read(ends[0], ROOM, sizeof ROOM));
    SHOW(read(ends[0], ROOM, sizeof ROOM));
    MUST(wait(&status) > 0);
    say_status("child", status);
}

static void a_pair_is_polled(void) {
    int ends[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    struct pollfd entry = {.fd = ends[0], .events = POLLIN | POLLOUT};
    SHOW(poll(&entry, 1, 0));
    say_events("quiet", entry.revents);
    MUST(write(ends[1], "x", 1) == 1);
    say_events("spoken to", await(ends[0], POLLIN));
    SHOW(read(ends[1], ROOM, 1));
}

GUEST(NAMED(a_counter_is_read_whole), NAMED(a_counter_as_a_semaphore), NAMED(a_counter_is_ready_when_it_is_not_zero),
      NAMED(a_counter_of_the_wrong_size), NAMED(a_counter_wakes_another_process), NAMED(a_timer_expires_once),
      NAMED(a_timer_counts_what_was_missed), NAMED(a_timer_is_polled), NAMED(a_pair_speaks_both_ways),
      NAMED(a_pair_between_processes), NAMED(a_pair_is_polled))
