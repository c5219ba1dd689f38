/* Readiness by poll and select. */
#include <sys/select.h>

#include "check.h"

static int CLIENT, SERVER;

static void closed_numbers_are_not_valid(void) {
    int ends[2];
    MUST(pipe(ends) == 0);
    close(ends[0]);
    struct pollfd entries[2] = {{ends[0], POLLIN, 0}, {777, POLLIN, 0}};
    SHOW(poll(entries, 2, 0));
    say_events("closed", entries[0].revents);
    say_events("never open", entries[1].revents);
}

static void a_closed_socket_is_not_valid(void) {
    connected(&CLIENT, &SERVER);
    close(CLIENT);
    struct pollfd entry = {CLIENT, POLLIN | POLLOUT, 0};
    SHOW(poll(&entry, 1, 0));
    say_events("closed", entry.revents);
}

static void negative_numbers_are_passed_over(void) {
    connected(&CLIENT, &SERVER);
    struct pollfd entries[2] = {{-1, POLLIN, 77}, {CLIENT, POLLOUT, 0}};
    SHOW(poll(entries, 2, 0));
    SHOW(entries[0].revents);
    say_events("client", entries[1].revents);
}

static void a_connection_in_all_its_states(void) {
    int fresh = socket(AF_INET, SOCK_STREAM, 0), port, listening = listener(&port);
    connected(&CLIENT, &SERVER);
    say_events("fresh", await(fresh, POLLIN | POLLOUT));
    struct pollfd entry = {listening, POLLIN | POLLOUT, 0};
    SHOW(poll(&entry, 1, 0));
    say_events("connected", await(CLIENT, POLLIN | POLLOUT | POLLRDHUP));
    MUST(write(SERVER, "x", 1) == 1);
    say_events("spoken to", await(CLIENT, POLLIN | POLLRDHUP));
    close(SERVER);
    say_events("left", await(CLIENT, POLLRDHUP));
}

static void files_are_always_ready(void) {
    int file = open("file", O_RDWR | O_CREAT, 0600);
    say_events("file", await(file, POLLIN | POLLOUT));
    say_events("null", await(open("/dev/null", O_RDWR), POLLIN | POLLOUT));
}

static void nothing_to_wait_for_takes_its_time(void) {
    long begun = milliseconds();
    SHOW(poll(NULL, 0, 50));
    IS(milliseconds() - begun >= 49);
    struct timespec time = {.tv_nsec = 50000000};
    SHOW(ppoll(NULL, 0, &time, NULL));
    IS(milliseconds() - begun >= 99);
    SHOW(time.tv_nsec);
}

static void a_time_out_is_zero(void) {
    connected(&CLIENT, &SERVER);
    struct pollfd entry = {CLIENT, POLLIN, 0};
    SHOW(poll(&entry, 1, 30));
    SHOW(entry.revents);
}

static void bytes_end_a_wait(void) {
    connected(&CLIENT, &SERVER);
    if (fork() == 0) {
        sleep_ms(30);
        MUST(write(CLIENT, "x", 1) == 1);
        _exit(0);
    }
    struct pollfd entry = {SERVER, POLLIN, 0};
    SHOW(poll(&entry, 1, -1));
    say_events("server", entry.revents);
}

static void one_number_twice(void) {
    connected(&CLIENT, &SERVER);
    struct pollfd entries[2] = {{CLIENT, POLLOUT, 0}, {CLIENT, POLLOUT, 0}};
    SHOW(poll(entries, 2, 0));
}

static void select_tells_what_is_ready(void) {
    fd_set readable, writable;
    connected(&CLIENT, &SERVER);
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(SERVER, &readable);
    FD_SET(CLIENT, &writable);
    struct timeval none = {0, 0};
    SHOW(select(50, &readable, &writable, NULL, &none));
    IS(FD_ISSET(SERVER, &readable));
    IS(FD_ISSET(CLIENT, &writable));
    MUST(write(CLIENT, "x", 1) == 1);
    FD_SET(SERVER, &readable);
    struct timeval two = {2, 0};
    SHOW(select(50, &readable, NULL, NULL, &two));
    IS(FD_ISSET(SERVER, &readable));
}

static void select_waits_as_long_as_it_says(void) {
    fd_set readable;
    connected(&CLIENT, &SERVER);
    FD_ZERO(&readable);
    FD_SET(SERVER, &readable);
    struct timeval time = {0, 50000};
    long begun = milliseconds();
    SHOW(select(50, &readable, NULL, NULL, &time));
    IS(milliseconds() - begun >= 49);
    IS(FD_ISSET(SERVER, &readable));
    SHOW(time.tv_sec);
    SHOW(time.tv_usec);
}

static void select_sleeps(void) {
    struct timeval time = {0, 50000};
    long begun = milliseconds();
    SHOW(select(0, NULL, NULL, NULL, &time));
    IS(milliseconds() - begun >= 49);
    struct timespec other = {0, 50000000};
    SHOW(pselect(0, NULL, NULL, NULL, &other, NULL));
    IS(milliseconds() - begun >= 99);
}

static void select_refuses_what_is_closed(void) {
    fd_set readable;
    struct timeval none = {0, 0};
    FD_ZERO(&readable);
    FD_SET(60, &readable);
    SHOW(select(61, &readable, NULL, NULL, &none));
    SHOW(select(-1, NULL, NULL, NULL, &none));
    none.tv_sec = -1;
    SHOW(select(0, NULL, NULL, NULL, &none));
}

static void asking_without_a_wait_lets_others_go_on(void) {
    int ends[2];
    MUST(pipe(ends) == 0);
    if (fork() == 0) {
        usleep(20000);
        _exit(write(ends[1], "x", 1) != 1);
    }
    struct pollfd one = {.fd = ends[0], .events = POLLIN};
    while (poll(&one, 1, 0) == 0) {}
    say("poll has it");
    fd_set set;
    struct timeval none = {0, 0};
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    SHOW(select(ends[0] + 1, &set, NULL, NULL, &none));
}

GUEST(NAMED(asking_without_a_wait_lets_others_go_on), NAMED(closed_numbers_are_not_valid), NAMED(a_closed_socket_is_not_valid), NAMED(negative_numbers_are_passed_over),
      NAMED(a_connection_in_all_its_states), NAMED(files_are_always_ready), NAMED(nothing_to_wait_for_takes_its_time),
      NAMED(a_time_out_is_zero), NAMED(bytes_end_a_wait), NAMED(one_number_twice), NAMED(select_tells_what_is_ready),
      NAMED(select_waits_as_long_as_it_says), NAMED(select_sleeps), NAMED(select_refuses_what_is_closed))
