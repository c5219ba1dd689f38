/* Numbers of descriptors: what they name, how they are copied, and what is left when they are closed. */
#include <sys/ioctl.h>

#include "check.h"

static char ROOM[64];

static void closed_twice(void) {
    int client, server, ends[2], fd = open("/dev/null", O_RDONLY);
    connected(&client, &server);
    MUST(pipe(ends) == 0);
    SHOW(close(client));
    SHOW(close(client));
    SHOW(close(ends[0]));
    SHOW(close(ends[0]));
    SHOW(close(fd));
    SHOW(close(fd));
    SHOW(close(server));
    SHOW(close(server));
}

static void a_double_close_harms_no_other(void) {
    int client, server, other, another;
    connected(&client, &server);
    close(client);
    close(client);
    connected(&other, &another);
    SHOW(write(other, "x", 1));
    SHOW(read(another, ROOM, 1));
}

static void numbers_that_name_nothing(void) {
    SHOW(close(-1));
    SHOW(close(777));
    SHOW(read(777, ROOM, 1));
    SHOW(write(777, "x", 1));
    SHOW(dup(777));
    SHOW(dup2(777, 5));
    SHOW(fcntl(777, F_GETFL));
    SHOW(fsync(777));
    SHOW(ioctl(777, FIONREAD, ROOM));
    SHOW(lseek(777, 0, SEEK_SET));
}

static void the_lowest_number_is_taken(void) {
    int first = open("/dev/null", O_RDONLY), second = socket(AF_INET, SOCK_STREAM, 0);
    IS(second == first + 1);
    close(first);
    IS(socket(AF_INET, SOCK_STREAM, 0) == first);
    close(second);
    IS(open("/dev/null", O_RDONLY) == second);
}

static void a_closed_socket_leaves_its_number_to_a_file(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    close(fd);
    int file = open("file", O_RDWR | O_CREAT, 0600);
    IS(file == fd);
    SHOW(write(file, "text", 4));
    SHOW(pread(file, ROOM, 10, 0));
}

static void a_copy_names_the_same_connection(void) {
    int client, server;
    connected(&client, &server);
    int copy = dup(client);
    IS(copy >= 0);
    SHOW(close(client));
    SHOW(write(copy, "x", 1));
    SHOW(read(server, ROOM, 1));
    SHOW(close(copy));
    SHOW(read(server, ROOM, 1));
}

static void copies_share_their_flags(void) {
    int client, server;
    connected(&client, &server);
    int copy = dup(client);
    nonblocking(client);
    IS((fcntl(copy, F_GETFL) & O_NONBLOCK) != 0);
    SHOW(read(copy, ROOM, 1));
}

static void copied_onto_a_number_in_use(void) {
    int client, server, ends[2];
    connected(&client, &server);
    MUST(pipe(ends) == 0);
    IS(dup2(ends[0], client) == client);
    SHOW(read(server, ROOM, 1));
    MUST(write(ends[1], "pipe", 4) == 4);
    SHOW(read(client, ROOM, sizeof ROOM));
}

static void copied_onto_a_number_just_closed(void) {
    int client, server, file = open("file", O_RDWR | O_CREAT, 0600);
    connected(&client, &server);
    close(client);
    IS(dup2(file, client) == client);
    int other = socket(AF_INET, SOCK_STREAM, 0);
    IS(other != client);
    SHOW(write(client, "text", 4));
    SHOW(pread(file, ROOM, 10, 0));
    close(other);
    SHOW(write(client, "more", 4));
    SHOW(pread(file, ROOM, 10, 0));
}

static void copied_onto_itself(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    IS(dup2(fd, fd) == fd);
    SHOW(dup3(fd, fd, 0));
    SHOW(dup2(fd, -1));
    close(fd);
    SHOW(dup2(fd, fd));
}

static void copied_to_a_high_number(void) {
    int client, server;
    connected(&client, &server);
    SHOW(dup2(client, 200));
    SHOW(dup3(client, 201, O_CLOEXEC));
    SHOW(fcntl(200, F_GETFD));
    SHOW(fcntl(201, F_GETFD));
    SHOW(fcntl(client, F_DUPFD, 300));
    SHOW(fcntl(client, F_DUPFD_CLOEXEC, 300));
    SHOW(fcntl(301, F_GETFD));
    SHOW(write(201, "x", 1));
    SHOW(read(server, ROOM, 1));
}

static void a_file_copied_over_a_socket(void) {
    int client, server, file = open("file", O_RDWR | O_CREAT, 0600);
    connected(&client, &server);
    IS(dup3(file, client, O_CLOEXEC) == client);
    SHOW(write(client, "text", 4));
    SHOW(pread(file, ROOM, 10, 0));
    SHOW(read(server, ROOM, 1));
}

static void close_on_exec_is_read_back(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(other, F_GETFD));
    SHOW(fcntl(fd, F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(fd, F_GETFD));
}

static void not_blocking_is_read_back(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 0;
    IS((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    IS((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    SHOW(ioctl(fd, FIONBIO, &on));
    IS((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    SHOW(fcntl(fd, F_SETFL, O_NONBLOCK));
    IS((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
}

static void sockets_are_no_files(void) {
    int client, server;
    struct stat status;
    connected(&client, &server);
    SHOW(lseek(client, 0, SEEK_SET));
    SHOW(ftruncate(client, 0));
    SHOW(pread(client, ROOM, 1, 0));
    SHOW(fsync(client));
    SHOW(isatty(client));
    SHOW(fstat(client, &status));
    IS(S_ISSOCK(status.st_mode));
}

static void descriptors_run_out(void) {
    struct rlimit limit = {.rlim_cur = 20, .rlim_max = 20};
    int made = 0, ends[2];
    SHOW(setrlimit(RLIMIT_NOFILE, &limit));
    SHOW(getrlimit(RLIMIT_NOFILE, &limit));
    SHOW(limit.rlim_cur);
    while (made < 100 && socket(AF_INET, SOCK_STREAM, 0) >= 0) made++;
    say("%s", error_name(errno));
    IS(made < 20);
    SHOW(open("/dev/null", O_RDONLY));
    SHOW(pipe(ends));
    SHOW(dup(1));
    SHOW(close(19));
    SHOW(pipe(ends));
    SHOW(socket(AF_INET, SOCK_STREAM, 0));
}

static void a_failed_pipe_leaves_nothing(void) {
    struct rlimit limit = {.rlim_cur = 5, .rlim_max = 5};
    int ends[2] = {-7, -7};
    SHOW(setrlimit(RLIMIT_NOFILE, &limit));
    while (open("/dev/null", O_RDONLY) >= 0) {}
    SHOW(close(4));
    SHOW(pipe(ends));
    IS(ends[0] == -7 && ends[1] == -7);
    SHOW(open("/dev/null", O_RDONLY));
}

static void a_thousand_in_a_row(void) {
    int wrong = 0;
    for (int i = 0; i < 1000; i++) {
        int client, server;
        connected(&client, &server);
        if (write(client, "x", 1) != 1 || read(server, ROOM, 1) != 1) wrong++;
        close(client);
        close(server);
    }
    SHOW(wrong);
}

GUEST(NAMED(closed_twice), NAMED(a_double_close_harms_no_other), NAMED(numbers_that_name_nothing),
      NAMED(the_lowest_number_is_taken), NAMED(a_closed_socket_leaves_its_number_to_a_file),
      NAMED(a_copy_names_the_same_connection), NAMED(copies_share_their_flags), NAMED(copied_onto_a_number_in_use),
      NAMED(copied_onto_a_number_just_closed), NAMED(copied_onto_itself), NAMED(copied_to_a_high_number),
      NAMED(a_file_copied_over_a_socket), NAMED(close_on_exec_is_read_back), NAMED(not_blocking_is_read_back),
      NAMED(sockets_are_no_files), NAMED(descriptors_run_out), NAMED(a_failed_pipe_leaves_nothing),
      NAMED(a_thousand_in_a_row))
