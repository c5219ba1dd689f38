/* What the guests share: named checks, and how they say what they saw.
 *
 * A guest is run as `guest CHECK ADDRESS`, one check a process, natively and under the shim; what it prints must be the
 * same. So a check prints no addresses, numbers of processes or descriptors, nor real times. `guest --list` names its
 * checks. A check speaks through `write`, so that nothing is lost when it is killed. */
#ifndef CHECK_H
#define CHECK_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct check {
    const char *name;
    void (*run)(void);
};

/* The guest's own host: 127.0.0.1 natively. */
static const char *ADDRESS;

static void say(const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    line[length++] = '\n';
    if (write(1, line, length) < 0) _exit(99);
}

static const char *error_name(int number) {
    const char *name = strerrorname_np(number);
    return number == 0 ? "0" : name ? name : "unknown error";
}

static long show(const char *what, long result) {
    int error = errno;
    if (result == -1)
        say("%s = -1 %s", what, error_name(error));
    else
        say("%s = %ld", what, result);
    return result;
}

/* Says what a call gives: its value, or the error it sets. */
#define SHOW(call) show(#call, (long)(call))
/* Says what a call gives that returns its error. */
#define SHOW_CODE(call) say("%s = %s", #call, error_name(call))
/* Says whether something is so. */
#define IS(what) say("%s: %s", #what, (what) ? "yes" : "no")
/* Something that every check takes for granted. */
#define MUST(what) \
    do { \
        if (!(what)) { \
            say("MUST %s: %s", #what, error_name(errno)); \
            _exit(98); \
        } \
    } while (0)

static inline struct sockaddr_in address_of(const char *host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = inet_addr(host);
    return address;
}

static inline int bind_to(int fd, const char *host, int port) {
    struct sockaddr_in address = address_of(host, port);
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static inline int connect_to(int fd, const char *host, int port) {
    struct sockaddr_in address = address_of(host, port);
    return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static inline int port_of(int fd) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    MUST(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    return ntohs(address.sin_port);
}

/* A listening socket at a port that the system chose. */
static inline int listener(int *port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    MUST(fd >= 0);
    MUST(bind_to(fd, ADDRESS, 0) == 0);
    MUST(listen(fd, 16) == 0);
    *port = port_of(fd);
    return fd;
}

/* A port where nobody listens. */
static inline int free_port(void) {
    int port, fd = listener(&port);
    close(fd);
    return port;
}

/* Two ends of a connection. */
static inline void connected(int *client, int *server) {
    int port, listening = listener(&port);
    *client = socket(AF_INET, SOCK_STREAM, 0);
    MUST(*client >= 0);
    MUST(connect_to(*client, ADDRESS, port) == 0);
    *server = accept(listening, NULL, NULL);
    MUST(*server >= 0);
    close(listening);
}

static inline void nonblocking(int fd) {
    MUST(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

/* Waits up to two seconds for events at a descriptor; which of them, and of errors, came. */
static inline int await(int fd, int events) {
    struct pollfd entry = {.fd = fd, .events = events};
    MUST(poll(&entry, 1, 2000) >= 0);
    return entry.revents;
}

static inline void say_events(const char *what, int events) {
    say("%s:%s%s%s%s%s%s", what, events & POLLIN ? " IN" : "", events & POLLOUT ? " OUT" : "",
        events & POLLERR ? " ERR" : "", events & POLLHUP ? " HUP" : "", events & POLLNVAL ? " NVAL" : "",
        events & POLLRDHUP ? " RDHUP" : "");
}

static inline long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void sleep_ms(long ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&time, &time) < 0) {}
}

static volatile sig_atomic_t HANDLED;

static inline void count_signal(int number) {
    (void)number;
    HANDLED++;
}

static inline void handle(int number, int flags) {
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = flags};
    MUST(sigaction(number, &action, NULL) == 0);
}

/* Forks a child that sends this process a signal every 20 ms, until `calm`. */
static inline pid_t pester(int number) {
    pid_t parent = getpid(), child = fork();
    MUST(child >= 0);
    if (child > 0) return child;
    for (int i = 0; i < 500; i++) {
        sleep_ms(20);
        if (kill(parent, number) < 0) _exit(1);
    }
    _exit(0);
}

static inline void calm(pid_t child) {
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
}

static inline void say_status(const char *what, int status) {
    if (WIFEXITED(status))
        say("%s: exit %d", what, WEXITSTATUS(status));
    else
        say("%s: signal %s", what, sigabbrev_np(WTERMSIG(status)));
}

#define NAMED(name) {#name, name}
#define GUEST(...) \
    static const struct check CHECKS[] = {__VA_ARGS__}; \
    int main(int count, char **words) { \
        int all = count == 2 && strcmp(words[1], "--list") == 0; \
        if (count < 3 && !all) return 97; \
        ADDRESS = words[2]; \
        for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS; i++) { \
            if (all) say("%s", CHECKS[i].name); \
            if (!all && strcmp(words[1], CHECKS[i].name) == 0) { \
                CHECKS[i].run(); \
                return 0; \
            } \
        } \
        return all ? 0 : 96; \
    }

#endif
