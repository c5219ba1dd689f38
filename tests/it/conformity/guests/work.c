/* What work takes in virtual time, in microseconds; natively it takes what it takes. */
#include "check.h"

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static void say_since(long long begun) {
    say("%lld", now() - begun);
}

static void bytes_sent_and_read(void) {
    static char bytes[40000];
    int client, server;
    connected(&client, &server);
    long long begun = now();
    for (int i = 0; i < 100; i++) {
        MUST(write(client, bytes, sizeof bytes) == sizeof bytes);
        for (size_t got = 0; got < sizeof bytes;) {
            ssize_t count = read(server, bytes, sizeof bytes);
            MUST(count > 0);
            got += count;
        }
    }
    say_since(begun);
}

static void bytes_of_a_pipe(void) {
    static char bytes[40000];
    int ends[2];
    MUST(pipe(ends) == 0);
    long long begun = now();
    for (int i = 0; i < 1000; i++) {
        MUST(write(ends[1], bytes, sizeof bytes) == sizeof bytes);
        MUST(read(ends[0], bytes, sizeof bytes) == sizeof bytes);
    }
    say_since(begun);
}

static void forks(void) {
    long long begun = now();
    for (int i = 0; i < 10; i++) {
        if (fork() == 0) _exit(0);
        MUST(wait(NULL) > 0);
    }
    say_since(begun);
}

static void looks_of_commands(void) {
    struct timeval time;
    long long begun = now();
    for (int i = 0; i < 100000; i++) gettimeofday(&time, NULL);
    say_since(begun);
}

static void looks_of_a_script(void) {
    long long begun = now();
    for (int i = 0; i < 20000; i++) now();
    say_since(begun);
}

static void looks_for_ever(void) {
    for (;;) now();
}

GUEST(NAMED(bytes_sent_and_read), NAMED(bytes_of_a_pipe), NAMED(forks), NAMED(looks_of_commands),
      NAMED(looks_of_a_script), NAMED(looks_for_ever))
