/* Pipes: what a process says to itself and to its children. */
#include <sys/ioctl.h>

#include "check.h"

static int ENDS[2];
static char ROOM[1 << 17];

static void bytes_come_as_they_went(void) {
    SHOW(pipe(ENDS));
    SHOW(write(ENDS[1], "abcdef", 6));
    SHOW(read(ENDS[0], ROOM, 4));
    SHOW(read(ENDS[0], ROOM + 4, 10));
    IS(memcmp(ROOM, "abcdef", 6) == 0);
}

static void its_end_comes_when_nobody_writes(void) {
    MUST(pipe(ENDS) == 0);
    int copy = dup(ENDS[1]);
    SHOW(write(ENDS[1], "x", 1));
    SHOW(close(ENDS[1]));
    SHOW(read(ENDS[0], ROOM, 10));
    nonblocking(ENDS[0]);
    SHOW(read(ENDS[0], ROOM, 10));
    SHOW(close(copy));
    SHOW(read(ENDS[0], ROOM, 10));
}

static void nobody_reads_it(void) {
    MUST(pipe(ENDS) == 0);
    signal(SIGPIPE, SIG_IGN);
    SHOW(close(ENDS[0]));
    SHOW(write(ENDS[1], "x", 1));
    say_events("write end", await(ENDS[1], POLLOUT));
}

static void nobody_reads_it_and_it_kills(void) {
    MUST(pipe(ENDS) == 0);
    close(ENDS[0]);
    say("before");
    SHOW(write(ENDS[1], "x", 1));
}

static void nobody_reads_it_and_a_handler_hears(void) {
    MUST(pipe(ENDS) == 0);
    handle(SIGPIPE, 0);
    close(ENDS[0]);
    SHOW(write(ENDS[1], "x", 1));
    SHOW(HANDLED);
}

static void the_wrong_end(void) {
    MUST(pipe(ENDS) == 0);
    SHOW(write(ENDS[0], "x", 1));
    SHOW(read(ENDS[1], ROOM, 1));
    SHOW(lseek(ENDS[0], 0, SEEK_SET));
}

static void empty_and_full_without_blocking(void) {
    SHOW(pipe2(ENDS, O_NONBLOCK));
    SHOW(read(ENDS[0], ROOM, 1));
    SHOW(write(ENDS[1], ROOM, 65536));
    SHOW(write(ENDS[1], ROOM, 1));
    say_events("write end", await(ENDS[0], POLLIN));
    struct pollfd entry = {.fd = ENDS[1], .events = POLLOUT};
    SHOW(poll(&entry, 1, 0));
    SHOW(read(ENDS[0], ROOM, sizeof ROOM));
    SHOW(poll(&entry, 1, 0));
}

static void more_than_fits_is_written_in_part(void) {
    SHOW(pipe2(ENDS, O_NONBLOCK));
    SHOW(write(ENDS[1], ROOM, sizeof ROOM));
    SHOW(read(ENDS[0], ROOM, sizeof ROOM));
}

static void flags_are_those_asked_for(void) {
    SHOW(pipe2(ENDS, O_CLOEXEC));
    SHOW(fcntl(ENDS[0], F_GETFD));
    SHOW(fcntl(ENDS[0], F_GETFL) & O_ACCMODE);
    SHOW(fcntl(ENDS[1], F_GETFL) & O_ACCMODE);
    SHOW(pipe2(ENDS, 0x7));
}

static void waiting_bytes_are_counted(void) {
    int count = -1;
    MUST(pipe(ENDS) == 0);
    MUST(write(ENDS[1], "five5", 5) == 5);
    SHOW(ioctl(ENDS[0], FIONREAD, &count));
    SHOW(count);
}

static void scattered_and_gathered(void) {
    char one[2], two[4];
    struct iovec out[2] = {{"abc", 3}, {"def", 3}}, in[2] = {{one, 2}, {two, 4}};
    MUST(pipe(ENDS) == 0);
    SHOW(writev(ENDS[1], out, 2));
    SHOW(readv(ENDS[0], in, 2));
    IS(memcmp(one, "ab", 2) == 0 && memcmp(two, "cdef", 4) == 0);
}

static void readiness_of_both_ends(void) {
    MUST(pipe(ENDS) == 0);
    struct pollfd entries[2] = {{ENDS[0], POLLIN, 0}, {ENDS[1], POLLOUT, 0}};
    SHOW(poll(entries, 2, 0));
    MUST(write(ENDS[1], "x", 1) == 1);
    SHOW(poll(entries, 2, 0));
    close(ENDS[1]);
    say_events("read end", await(ENDS[0], POLLIN));
    MUST(read(ENDS[0], ROOM, 1) == 1);
    say_events("read end", await(ENDS[0], POLLIN));
}

static void between_a_parent_and_its_child(void) {
    int back[2], status;
    MUST(pipe(ENDS) == 0 && pipe(back) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(ENDS[1]);
        long got, sum = 0;
        while ((got = read(ENDS[0], ROOM, sizeof ROOM)) > 0) sum += got;
        MUST(write(back[1], &sum, sizeof sum) == sizeof sum);
        _exit(3);
    }
    close(ENDS[0]);
    close(back[1]);
    for (int i = 0; i < 20; i++) MUST(write(ENDS[1], ROOM, 50000) == 50000);
    close(ENDS[1]);
    long sum = 0;
    SHOW(read(back[0], &sum, sizeof sum));
    SHOW(sum);
    SHOW(read(back[0], &sum, sizeof sum));
    MUST(waitpid(child, &status, 0) == child);
    say_status("child", status);
}

static void small_writes_of_many_are_whole(void) {
    int status;
    MUST(pipe(ENDS) == 0);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            memset(ROOM, 'a' + i, 100);
            for (int j = 0; j < 50; j++) MUST(write(ENDS[1], ROOM, 100) == 100);
            _exit(0);
        }
    }
    close(ENDS[1]);
    int mixed = 0, records = 0;
    for (long got = 0, some; (some = read(ENDS[0], ROOM + got, 100 - got)) > 0;) {
        got += some;
        if (got < 100) continue;
        for (int i = 1; i < 100; i++) mixed += ROOM[i] != ROOM[0];
        records++;
        got = 0;
    }
    SHOW(records);
    SHOW(mixed);
    for (int i = 0; i < 3; i++) MUST(wait(&status) > 0);
}

static void many_are_open_at_once(void) {
    int made = 0;
    for (int i = 0; i < 40; i++) made += pipe(ENDS) == 0;
    SHOW(made);
    SHOW(write(ENDS[1], "last", 4));
    SHOW(read(ENDS[0], ROOM, 4));
}

GUEST(NAMED(bytes_come_as_they_went), NAMED(its_end_comes_when_nobody_writes), NAMED(nobody_reads_it),
      NAMED(nobody_reads_it_and_it_kills), NAMED(nobody_reads_it_and_a_handler_hears), NAMED(the_wrong_end),
      NAMED(empty_and_full_without_blocking), NAMED(more_than_fits_is_written_in_part),
      NAMED(flags_are_those_asked_for), NAMED(waiting_bytes_are_counted), NAMED(scattered_and_gathered),
      NAMED(readiness_of_both_ends), NAMED(between_a_parent_and_its_child), NAMED(small_writes_of_many_are_whole),
      NAMED(many_are_open_at_once))
