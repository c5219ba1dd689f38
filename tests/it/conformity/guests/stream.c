/* What goes through a connection, how its halves end, and what is seen of a reset. */
#include <sys/ioctl.h>

#include "check.h"

static int CLIENT, SERVER;
static char ROOM[1 << 16];

static void bytes_come_as_they_went(void) {
    connected(&CLIENT, &SERVER);
    SHOW(write(CLIENT, "abcdef", 6));
    MUST(await(SERVER, POLLIN) == POLLIN);
    SHOW(read(SERVER, ROOM, 4));
    SHOW(read(SERVER, ROOM + 4, 10));
    IS(memcmp(ROOM, "abcdef", 6) == 0);
    SHOW(send(SERVER, "back", 4, 0));
    SHOW(recv(CLIENT, ROOM, sizeof ROOM, 0));
    IS(memcmp(ROOM, "back", 4) == 0);
}

static void a_blocking_read_waits_for_bytes(void) {
    connected(&CLIENT, &SERVER);
    long begun = milliseconds();
    if (fork() == 0) {
        sleep_ms(50);
        MUST(write(CLIENT, "late", 4) == 4);
        _exit(0);
    }
    SHOW(read(SERVER, ROOM, sizeof ROOM));
    IS(milliseconds() - begun >= 49);
}

static void a_closed_end_is_read_to_its_end(void) {
    connected(&CLIENT, &SERVER);
    SHOW(write(CLIENT, "last", 4));
    SHOW(close(CLIENT));
    SHOW(recv(SERVER, ROOM, 4, MSG_WAITALL));
    SHOW(read(SERVER, ROOM, sizeof ROOM));
    SHOW(read(SERVER, ROOM, sizeof ROOM));
}

static void half_closed_it_still_reads(void) {
    connected(&CLIENT, &SERVER);
    SHOW(shutdown(CLIENT, SHUT_WR));
    SHOW(read(SERVER, ROOM, 1));
    SHOW(write(SERVER, "answer", 6));
    SHOW(read(CLIENT, ROOM, sizeof ROOM));
    SHOW(send(CLIENT, "x", 1, MSG_NOSIGNAL));
    SHOW(shutdown(CLIENT, SHUT_WR));
    say_events("server", await(SERVER, POLLIN | POLLRDHUP));
}

static void shut_both_ways(void) {
    connected(&CLIENT, &SERVER);
    SHOW(shutdown(CLIENT, SHUT_RDWR));
    SHOW(read(CLIENT, ROOM, 1));
    SHOW(send(CLIENT, "x", 1, MSG_NOSIGNAL));
    SHOW(read(SERVER, ROOM, 1));
}

static void shut_for_reading(void) {
    connected(&CLIENT, &SERVER);
    SHOW(shutdown(CLIENT, SHUT_RD));
    SHOW(read(CLIENT, ROOM, 1));
    SHOW(write(CLIENT, "still", 5));
    SHOW(recv(SERVER, ROOM, 5, MSG_WAITALL));
    SHOW(shutdown(CLIENT, 7));
}

static void an_end_without_events_says_both_ends_are_shut(void) {
    connected(&CLIENT, &SERVER);
    SHOW(shutdown(CLIENT, SHUT_WR));
    SHOW(shutdown(SERVER, SHUT_WR));
    SHOW(read(CLIENT, ROOM, 1));
    say_events("client", await(CLIENT, POLLIN | POLLOUT | POLLRDHUP));
}

static void unread_bytes_make_a_close_a_reset(void) {
    connected(&CLIENT, &SERVER);
    MUST(write(CLIENT, "never read", 10) == 10);
    MUST(await(SERVER, POLLIN) == POLLIN);
    SHOW(close(SERVER));
    say_events("client", await(CLIENT, POLLIN) & POLLERR);
    SHOW(read(CLIENT, ROOM, 1));
    SHOW(read(CLIENT, ROOM, 1));
    SHOW(send(CLIENT, "x", 1, MSG_NOSIGNAL));
}

static void lingering_for_no_time_is_a_reset(void) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    connected(&CLIENT, &SERVER);
    SHOW(setsockopt(CLIENT, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    SHOW(close(CLIENT));
    SHOW(read(SERVER, ROOM, 1));
}

static void writing_to_a_closed_end_is_reset_then_broken(void) {
    connected(&CLIENT, &SERVER);
    SHOW(close(SERVER));
    SHOW(read(CLIENT, ROOM, 1));
    SHOW(send(CLIENT, "x", 1, MSG_NOSIGNAL));
    say_events("client", await(CLIENT, 0) & POLLERR);
    SHOW(send(CLIENT, "y", 1, MSG_NOSIGNAL));
}

static void a_reset_is_an_error_once(void) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    int error;
    socklen_t length = sizeof error;
    connected(&CLIENT, &SERVER);
    MUST(setsockopt(CLIENT, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
    close(CLIENT);
    sleep_ms(20);
    say_events("server", await(SERVER, POLLIN | POLLOUT | POLLRDHUP));
    SHOW(getsockopt(SERVER, SOL_SOCKET, SO_ERROR, &error, &length));
    say("%s", error_name(error));
    SHOW(read(SERVER, ROOM, 1));
}

static void bytes_before_a_reset_are_lost_or_read_but_never_half(void) {
    connected(&CLIENT, &SERVER);
    MUST(write(CLIENT, "x", 1) == 1);
    MUST(await(SERVER, POLLIN) == POLLIN);
    MUST(write(SERVER, "whole", 5) == 5);
    MUST(await(CLIENT, POLLIN) == POLLIN);
    SHOW(read(CLIENT, ROOM, 5));
    close(SERVER);
    SHOW(read(CLIENT, ROOM, 5));
}

static void peeking_takes_nothing(void) {
    connected(&CLIENT, &SERVER);
    MUST(write(CLIENT, "peek", 4) == 4);
    MUST(await(SERVER, POLLIN) == POLLIN);
    SHOW(recv(SERVER, ROOM, 2, MSG_PEEK));
    SHOW(recv(SERVER, ROOM, 10, MSG_PEEK));
    SHOW(recv(SERVER, ROOM, 10, 0));
    SHOW(recv(SERVER, ROOM, 10, MSG_PEEK | MSG_DONTWAIT));
}

static void not_waiting_is_said_by_flag_or_descriptor(void) {
    connected(&CLIENT, &SERVER);
    SHOW(recv(SERVER, ROOM, 10, MSG_DONTWAIT));
    nonblocking(SERVER);
    SHOW(read(SERVER, ROOM, 10));
    SHOW(recv(SERVER, ROOM, 0, 0));
    SHOW(write(SERVER, ROOM, 0));
}

static void all_that_was_asked_for_is_waited_for(void) {
    connected(&CLIENT, &SERVER);
    if (fork() == 0) {
        for (int i = 0; i < 3; i++) {
            sleep_ms(10);
            MUST(write(CLIENT, "four", 4) == 4);
        }
        _exit(0);
    }
    SHOW(recv(SERVER, ROOM, 12, MSG_WAITALL));
}

static void scattered_and_gathered(void) {
    char one[3], two[5];
    struct iovec out[3] = {{"abc", 3}, {"", 0}, {"defgh", 5}}, in[2] = {{one, 3}, {two, 5}};
    connected(&CLIENT, &SERVER);
    SHOW(writev(CLIENT, out, 3));
    MUST(recv(SERVER, ROOM, 8, MSG_PEEK | MSG_WAITALL) == 8);
    SHOW(readv(SERVER, in, 2));
    IS(memcmp(one, "abc", 3) == 0 && memcmp(two, "defgh", 5) == 0);
    nonblocking(SERVER);
    SHOW(readv(SERVER, in, 2));
}

static void messages_of_a_stream(void) {
    char one[4], two[4];
    struct iovec out[2] = {{"ab", 2}, {"cdef", 4}}, in[2] = {{one, 4}, {two, 4}};
    struct msghdr sent = {.msg_iov = out, .msg_iovlen = 2}, got = {.msg_iov = in, .msg_iovlen = 2};
    connected(&CLIENT, &SERVER);
    SHOW(sendmsg(CLIENT, &sent, MSG_NOSIGNAL));
    MUST(recv(SERVER, ROOM, 6, MSG_PEEK | MSG_WAITALL) == 6);
    SHOW(recvmsg(SERVER, &got, 0));
    SHOW(got.msg_namelen);
    SHOW(got.msg_controllen);
    SHOW(got.msg_flags);
    IS(memcmp(one, "abcd", 4) == 0 && memcmp(two, "ef", 2) == 0);
    SHOW(recvmsg(SERVER, &got, MSG_DONTWAIT));
}

static void addressed_calls_on_a_stream(void) {
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    connected(&CLIENT, &SERVER);
    SHOW(sendto(CLIENT, "to", 2, 0, NULL, 0));
    MUST(await(SERVER, POLLIN) == POLLIN);
    SHOW(recvfrom(SERVER, ROOM, sizeof ROOM, 0, (struct sockaddr *)&from, &length));
    SHOW(recvfrom(SERVER, ROOM, sizeof ROOM, MSG_DONTWAIT, NULL, NULL));
}

static void a_full_window_is_full(void) {
    long sent = 0, got, read_back = 0;
    connected(&CLIENT, &SERVER);
    nonblocking(CLIENT);
    while ((got = write(CLIENT, ROOM, sizeof ROOM)) > 0) sent += got;
    say("%s", error_name(errno));
    IS(sent > 65536);
    struct pollfd entry = {.fd = CLIENT, .events = POLLOUT};
    SHOW(poll(&entry, 1, 0));
    while (read_back < sent && (got = read(SERVER, ROOM, sizeof ROOM)) > 0) read_back += got;
    IS(read_back == sent);
    say_events("writable again", await(CLIENT, POLLOUT));
}

static void a_blocking_writer_waits_for_its_reader(void) {
    long total = 8 << 20, got, sum = 0;
    int status;
    connected(&CLIENT, &SERVER);
    pid_t child = fork();
    if (child == 0) {
        close(SERVER);
        for (long done = 0; done < total; done += sizeof ROOM) MUST(write(CLIENT, ROOM, sizeof ROOM) == sizeof ROOM);
        _exit(7);
    }
    close(CLIENT);
    while ((got = read(SERVER, ROOM, sizeof ROOM)) > 0) sum += got;
    IS(sum == total);
    MUST(waitpid(child, &status, 0) == child);
    say_status("writer", status);
}

static void waiting_bytes_are_counted(void) {
    int count = -1;
    connected(&CLIENT, &SERVER);
    SHOW(ioctl(SERVER, FIONREAD, &count));
    SHOW(count);
    MUST(write(CLIENT, "seven77", 7) == 7);
    MUST(await(SERVER, POLLIN) == POLLIN);
    SHOW(ioctl(SERVER, FIONREAD, &count));
    SHOW(count);
}

static void a_broken_stream_kills_by_signal(void) {
    connected(&CLIENT, &SERVER);
    MUST(shutdown(CLIENT, SHUT_WR) == 0);
    say("before");
    SHOW(write(CLIENT, "x", 1));
}

static void a_broken_stream_with_the_signal_ignored(void) {
    connected(&CLIENT, &SERVER);
    signal(SIGPIPE, SIG_IGN);
    MUST(shutdown(CLIENT, SHUT_WR) == 0);
    SHOW(write(CLIENT, "x", 1));
    SHOW(send(CLIENT, "x", 1, 0));
}

static void a_broken_stream_with_the_signal_handled(void) {
    struct iovec one = {"x", 1};
    connected(&CLIENT, &SERVER);
    handle(SIGPIPE, 0);
    MUST(shutdown(CLIENT, SHUT_WR) == 0);
    SHOW(write(CLIENT, "x", 1));
    SHOW(HANDLED);
    SHOW(writev(CLIENT, &one, 1));
    SHOW(HANDLED);
    SHOW(send(CLIENT, "x", 1, MSG_NOSIGNAL));
    SHOW(HANDLED);
}

GUEST(NAMED(bytes_come_as_they_went), NAMED(a_blocking_read_waits_for_bytes), NAMED(a_closed_end_is_read_to_its_end),
      NAMED(half_closed_it_still_reads), NAMED(shut_both_ways), NAMED(shut_for_reading),
      NAMED(an_end_without_events_says_both_ends_are_shut), NAMED(unread_bytes_make_a_close_a_reset),
      NAMED(lingering_for_no_time_is_a_reset), NAMED(writing_to_a_closed_end_is_reset_then_broken),
      NAMED(a_reset_is_an_error_once), NAMED(bytes_before_a_reset_are_lost_or_read_but_never_half),
      NAMED(peeking_takes_nothing), NAMED(not_waiting_is_said_by_flag_or_descriptor),
      NAMED(all_that_was_asked_for_is_waited_for), NAMED(scattered_and_gathered), NAMED(messages_of_a_stream),
      NAMED(addressed_calls_on_a_stream), NAMED(a_full_window_is_full), NAMED(a_blocking_writer_waits_for_its_reader),
      NAMED(waiting_bytes_are_counted), NAMED(a_broken_stream_kills_by_signal),
      NAMED(a_broken_stream_with_the_signal_ignored), NAMED(a_broken_stream_with_the_signal_handled))
