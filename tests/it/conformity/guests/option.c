/* Options of sockets: read back as they were set, and honoured. */
#include "check.h"

static int CLIENT, SERVER;

static int option(int fd, int level, int name) {
    int value = -99;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) < 0 ? -errno : value;
}

static int set(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value);
}

static void what_a_socket_is(void) {
    int port, listening = listener(&port);
    connected(&CLIENT, &SERVER);
    SHOW(option(CLIENT, SOL_SOCKET, SO_TYPE));
    SHOW(option(CLIENT, SOL_SOCKET, SO_DOMAIN));
    SHOW(option(CLIENT, SOL_SOCKET, SO_PROTOCOL));
    SHOW(option(CLIENT, SOL_SOCKET, SO_ACCEPTCONN));
    SHOW(option(listening, SOL_SOCKET, SO_ACCEPTCONN));
    SHOW(option(CLIENT, SOL_SOCKET, SO_ERROR));
}

static void switches_are_read_back(void) {
    connected(&CLIENT, &SERVER);
    SHOW(option(CLIENT, SOL_SOCKET, SO_KEEPALIVE));
    SHOW(set(CLIENT, SOL_SOCKET, SO_KEEPALIVE, 1));
    SHOW(option(CLIENT, SOL_SOCKET, SO_KEEPALIVE));
    SHOW(option(CLIENT, IPPROTO_TCP, TCP_NODELAY));
    SHOW(set(CLIENT, IPPROTO_TCP, TCP_NODELAY, 1));
    SHOW(option(CLIENT, IPPROTO_TCP, TCP_NODELAY));
    SHOW(set(CLIENT, IPPROTO_TCP, TCP_NODELAY, 0));
    SHOW(option(CLIENT, IPPROTO_TCP, TCP_NODELAY));
    SHOW(set(CLIENT, SOL_SOCKET, SO_REUSEADDR, 5));
    SHOW(option(CLIENT, SOL_SOCKET, SO_REUSEADDR));
}

static void keep_alive_times_are_read_back(void) {
    connected(&CLIENT, &SERVER);
    SHOW(set(CLIENT, IPPROTO_TCP, TCP_KEEPIDLE, 300));
    SHOW(set(CLIENT, IPPROTO_TCP, TCP_KEEPINTVL, 100));
    SHOW(set(CLIENT, IPPROTO_TCP, TCP_KEEPCNT, 3));
    SHOW(option(CLIENT, IPPROTO_TCP, TCP_KEEPIDLE));
    SHOW(option(CLIENT, IPPROTO_TCP, TCP_KEEPINTVL));
    SHOW(option(CLIENT, IPPROTO_TCP, TCP_KEEPCNT));
    SHOW(set(CLIENT, IPPROTO_TCP, TCP_USER_TIMEOUT, 12345));
    SHOW(option(CLIENT, IPPROTO_TCP, TCP_USER_TIMEOUT));
}

static void keep_alive_times_out_of_range(void) {
    connected(&CLIENT, &SERVER);
    SHOW(set(CLIENT, IPPROTO_TCP, TCP_KEEPIDLE, 0));
    SHOW(set(CLIENT, IPPROTO_TCP, TCP_KEEPINTVL, -1));
    SHOW(set(CLIENT, IPPROTO_TCP, TCP_KEEPCNT, 1000));
}

static void buffers_have_sizes(void) {
    connected(&CLIENT, &SERVER);
    IS(option(CLIENT, SOL_SOCKET, SO_SNDBUF) > 0);
    IS(option(CLIENT, SOL_SOCKET, SO_RCVBUF) > 0);
    SHOW(set(CLIENT, SOL_SOCKET, SO_SNDBUF, 65536));
    IS(option(CLIENT, SOL_SOCKET, SO_SNDBUF) >= 65536);
}

static void time_outs_are_read_back(void) {
    struct timeval time = {.tv_sec = 3, .tv_usec = 500000}, back = {0, 0};
    socklen_t length = sizeof back;
    connected(&CLIENT, &SERVER);
    SHOW(setsockopt(CLIENT, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    SHOW(getsockopt(CLIENT, SOL_SOCKET, SO_RCVTIMEO, &back, &length));
    SHOW(length);
    SHOW(back.tv_sec);
    SHOW(back.tv_usec);
    SHOW(getsockopt(CLIENT, SOL_SOCKET, SO_SNDTIMEO, &back, &length));
    SHOW(back.tv_sec);
}

static void a_read_times_out(void) {
    struct timeval time = {.tv_sec = 0, .tv_usec = 100000};
    char byte;
    connected(&CLIENT, &SERVER);
    SHOW(setsockopt(CLIENT, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    long begun = milliseconds();
    SHOW(read(CLIENT, &byte, 1));
    IS(milliseconds() - begun >= 99);
    SHOW(recv(CLIENT, &byte, 1, 0));
    IS(milliseconds() - begun >= 198);
}

static void an_accept_times_out(void) {
    struct timeval time = {.tv_sec = 0, .tv_usec = 100000};
    int port, listening = listener(&port);
    SHOW(setsockopt(listening, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    SHOW(accept(listening, NULL, NULL));
}

static void a_write_times_out(void) {
    static char room[1 << 20];
    struct timeval time = {.tv_sec = 0, .tv_usec = 100000};
    long got = 0;
    connected(&CLIENT, &SERVER);
    SHOW(setsockopt(CLIENT, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
    for (int i = 0; i < 100 && got >= 0; i++) got = write(CLIENT, room, sizeof room);
    SHOW(got);
    /* No time-out at all again, and no byte either. */
    time.tv_usec = 0;
    SHOW(setsockopt(CLIENT, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
    SHOW(send(CLIENT, room, 1, MSG_DONTWAIT));
}

static void options_that_do_not_exist(void) {
    connected(&CLIENT, &SERVER);
    SHOW(set(CLIENT, SOL_SOCKET, 9999, 1));
    SHOW(option(CLIENT, IPPROTO_TCP, 9999) == -ENOPROTOOPT);
    SHOW(setsockopt(CLIENT, SOL_SOCKET, SO_KEEPALIVE, &CLIENT, 1));
    SHOW(set(-1, SOL_SOCKET, SO_KEEPALIVE, 1));
}

static void an_error_is_taken_once(void) {
    int port = free_port(), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect_to(fd, ADDRESS, port) < 0 && errno == EINPROGRESS) {
        MUST(await(fd, POLLOUT) & POLLOUT);
        IS(option(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    }
    SHOW(option(fd, SOL_SOCKET, SO_ERROR));
}

GUEST(NAMED(what_a_socket_is), NAMED(switches_are_read_back), NAMED(keep_alive_times_are_read_back),
      NAMED(keep_alive_times_out_of_range), NAMED(buffers_have_sizes), NAMED(time_outs_are_read_back),
      NAMED(a_read_times_out), NAMED(an_accept_times_out), NAMED(a_write_times_out),
      NAMED(options_that_do_not_exist), NAMED(an_error_is_taken_once))
