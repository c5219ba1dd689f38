/* Readiness by epoll. */
#include <sys/epoll.h>

#include "check.h"

static int CLIENT, SERVER, EPOLL;
static struct epoll_event GOT[16];

static int control(int operation, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(EPOLL, operation, fd, &event);
}

static void begin(void) {
    connected(&CLIENT, &SERVER);
    EPOLL = epoll_create1(EPOLL_CLOEXEC);
    MUST(EPOLL >= 0);
}

static void say_got(int count) {
    say("count %d", count);
    for (int i = 0; i < count; i++) {
        say("%s", GOT[i].data.fd == SERVER ? "server" : GOT[i].data.fd == CLIENT ? "client" : "other");
        say_events("events", GOT[i].events);
    }
}

static void a_level_is_reported_until_it_falls(void) {
    char byte;
    begin();
    SHOW(control(EPOLL_CTL_ADD, SERVER, EPOLLIN));
    say_got(epoll_wait(EPOLL, GOT, 16, 0));
    MUST(write(CLIENT, "x", 1) == 1);
    say_got(epoll_wait(EPOLL, GOT, 16, 2000));
    say_got(epoll_wait(EPOLL, GOT, 16, 0));
    MUST(read(SERVER, &byte, 1) == 1);
    say_got(epoll_wait(EPOLL, GOT, 16, 0));
}

static void added_twice_and_unknown(void) {
    begin();
    SHOW(control(EPOLL_CTL_ADD, SERVER, EPOLLIN));
    SHOW(control(EPOLL_CTL_ADD, SERVER, EPOLLIN));
    SHOW(control(EPOLL_CTL_MOD, CLIENT, EPOLLIN));
    SHOW(control(EPOLL_CTL_DEL, CLIENT, 0));
    SHOW(control(EPOLL_CTL_DEL, SERVER, 0));
    SHOW(control(EPOLL_CTL_DEL, SERVER, 0));
    SHOW(control(EPOLL_CTL_MOD, SERVER, EPOLLIN));
}

static void what_cannot_be_registered(void) {
    int file = open("file", O_RDWR | O_CREAT, 0600);
    begin();
    SHOW(control(EPOLL_CTL_ADD, file, EPOLLIN));
    SHOW(control(EPOLL_CTL_ADD, 777, EPOLLIN));
    SHOW(control(EPOLL_CTL_ADD, EPOLL, EPOLLIN));
    SHOW(control(77, SERVER, EPOLLIN));
    SHOW(epoll_ctl(SERVER, EPOLL_CTL_ADD, CLIENT, GOT));
    SHOW(epoll_ctl(777, EPOLL_CTL_ADD, CLIENT, GOT));
    SHOW(epoll_create1(77));
    SHOW(epoll_create(0));
}

static void what_cannot_be_waited_at(void) {
    begin();
    SHOW(epoll_wait(EPOLL, GOT, 0, 0));
    SHOW(epoll_wait(SERVER, GOT, 1, 0));
    SHOW(epoll_wait(777, GOT, 1, 0));
}

static void a_closed_descriptor_leaves(void) {
    begin();
    MUST(control(EPOLL_CTL_ADD, CLIENT, EPOLLOUT) == 0);
    say_got(epoll_wait(EPOLL, GOT, 16, 0));
    int number = CLIENT;
    close(CLIENT);
    SHOW(epoll_wait(EPOLL, GOT, 16, 0));
    IS(socket(AF_INET, SOCK_STREAM, 0) == number);
    SHOW(epoll_wait(EPOLL, GOT, 16, 0));
    SHOW(control(EPOLL_CTL_DEL, number, 0));
    SHOW(control(EPOLL_CTL_ADD, number, EPOLLIN));
}

static void a_changed_interest_counts(void) {
    begin();
    MUST(control(EPOLL_CTL_ADD, SERVER, EPOLLIN) == 0);
    say_got(epoll_wait(EPOLL, GOT, 16, 0));
    MUST(control(EPOLL_CTL_MOD, SERVER, EPOLLIN | EPOLLOUT) == 0);
    say_got(epoll_wait(EPOLL, GOT, 16, 0));
    MUST(control(EPOLL_CTL_MOD, SERVER, 0) == 0);
    say_got(epoll_wait(EPOLL, GOT, 16, 0));
}

static void hanging_up_needs_no_interest(void) {
    begin();
    MUST(control(EPOLL_CTL_ADD, SERVER, EPOLLRDHUP) == 0);
    shutdown(CLIENT, SHUT_WR);
    say_got(epoll_wait(EPOLL, GOT, 16, 2000));
    shutdown(SERVER, SHUT_WR);
    MUST(control(EPOLL_CTL_MOD, SERVER, 0) == 0);
    say_got(epoll_wait(EPOLL, GOT, 16, 2000));
}

static void all_that_are_ready_are_reported_in_some_order(void) {
    int ends[5][2], seen = 0;
    begin();
    for (int i = 0; i < 5; i++) {
        MUST(pipe(ends[i]) == 0);
        MUST(control(EPOLL_CTL_ADD, ends[i][0], EPOLLIN) == 0);
    }
    for (int i = 0; i < 5; i += 2) MUST(write(ends[i][1], "x", 1) == 1);
    int count = epoll_wait(EPOLL, GOT, 16, 0);
    SHOW(count);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < 5; j++) seen |= (GOT[i].data.fd == ends[j][0]) << j;
    SHOW(seen);
}

static void those_left_over_come_next(void) {
    int ends[4][2], seen = 0;
    begin();
    for (int i = 0; i < 4; i++) {
        MUST(pipe(ends[i]) == 0);
        MUST(control(EPOLL_CTL_ADD, ends[i][0], EPOLLIN) == 0);
        MUST(write(ends[i][1], "x", 1) == 1);
    }
    for (int i = 0; i < 4; i++) {
        char byte;
        MUST(epoll_wait(EPOLL, GOT, 1, 0) == 1);
        for (int j = 0; j < 4; j++) seen |= (GOT[0].data.fd == ends[j][0]) << j;
        MUST(read(GOT[0].data.fd, &byte, 1) == 1);
    }
    SHOW(seen);
    SHOW(epoll_wait(EPOLL, GOT, 1, 0));
}

static void waiting_takes_its_time(void) {
    begin();
    MUST(control(EPOLL_CTL_ADD, SERVER, EPOLLIN) == 0);
    long begun = milliseconds();
    SHOW(epoll_wait(EPOLL, GOT, 16, 50));
    IS(milliseconds() - begun >= 49);
}

static void a_listener_is_readable(void) {
    int port, listening = listener(&port), fd = socket(AF_INET, SOCK_STREAM, 0);
    begin();
    MUST(control(EPOLL_CTL_ADD, listening, EPOLLIN) == 0);
    SHOW(epoll_wait(EPOLL, GOT, 16, 0));
    MUST(connect_to(fd, ADDRESS, port) == 0);
    say_got(epoll_wait(EPOLL, GOT, 16, 2000));
}

static void the_data_is_the_callers(void) {
    struct epoll_event event = {.events = EPOLLOUT, .data.u64 = 0x123456789abcdef0};
    begin();
    MUST(epoll_ctl(EPOLL, EPOLL_CTL_ADD, CLIENT, &event) == 0);
    SHOW(epoll_wait(EPOLL, GOT, 16, 0));
    IS(GOT[0].data.u64 == 0x123456789abcdef0);
}

static void one_instance_in_another(void) {
    begin();
    int outer = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    SHOW(epoll_ctl(outer, EPOLL_CTL_ADD, EPOLL, &event));
    SHOW(epoll_wait(outer, GOT, 16, 0));
    MUST(control(EPOLL_CTL_ADD, CLIENT, EPOLLOUT) == 0);
    SHOW(epoll_wait(outer, GOT, 16, 0));
    say_events("poll", await(EPOLL, POLLIN));
}

static void once_only(void) {
    begin();
    SHOW(control(EPOLL_CTL_ADD, CLIENT, EPOLLOUT | EPOLLONESHOT));
    SHOW(epoll_wait(EPOLL, GOT, 16, 0));
    SHOW(epoll_wait(EPOLL, GOT, 16, 0));
}

static void at_the_edge_only(void) {
    begin();
    SHOW(control(EPOLL_CTL_ADD, SERVER, EPOLLIN | EPOLLET));
    MUST(write(CLIENT, "x", 1) == 1);
    SHOW(epoll_wait(EPOLL, GOT, 16, 2000));
    SHOW(epoll_wait(EPOLL, GOT, 16, 0));
}

/* In the order in which they became ready, which is that of their numbers. */
static void five_are_ready_at_once(void) {
    int ends[5][2];
    begin();
    for (int i = 0; i < 5; i++) MUST(pipe(ends[i]) == 0 && control(EPOLL_CTL_ADD, ends[i][0], EPOLLIN) == 0);
    for (int i = 0; i < 5; i++) MUST(write(ends[i][1], "x", 1) == 1);
    int count = epoll_wait(EPOLL, GOT, 16, 2000);
    for (int n = 0; n < count; n++)
        for (int i = 0; i < 5; i++)
            if (GOT[n].data.fd == ends[i][0]) say("the one with number %d", i);
}

static void eight_instances(void) {
    for (int i = 0; i < 8; i++) IS(epoll_create1(0) >= 0);
}

GUEST(NAMED(a_level_is_reported_until_it_falls), NAMED(added_twice_and_unknown), NAMED(what_cannot_be_registered),
      NAMED(what_cannot_be_waited_at), NAMED(a_closed_descriptor_leaves), NAMED(a_changed_interest_counts),
      NAMED(hanging_up_needs_no_interest), NAMED(all_that_are_ready_are_reported_in_some_order),
      NAMED(those_left_over_come_next), NAMED(waiting_takes_its_time), NAMED(a_listener_is_readable),
      NAMED(the_data_is_the_callers), NAMED(one_instance_in_another), NAMED(once_only), NAMED(at_the_edge_only),
      NAMED(eight_instances), NAMED(five_are_ready_at_once))
