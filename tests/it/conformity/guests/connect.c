/* How connections are made, refused and named. */
#include "check.h"

static void refused_where_nobody_listens(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), port = free_port();
    SHOW(connect_to(fd, ADDRESS, port));
}

static void refused_without_blocking(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), port = free_port();
    int error = connect_to(fd, ADDRESS, port) < 0 ? errno : 0;
    socklen_t length = sizeof error;
    /* The kernel may know at once. */
    if (error == EINPROGRESS) {
        MUST(await(fd, POLLOUT) & POLLERR);
        MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
    }
    IS(error == ECONNREFUSED);
    SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
    SHOW(error);
}

static void tried_again_after_a_refusal(void) {
    int port = free_port(), fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(connect_to(fd, ADDRESS, port));
    int other = listener(&port);
    SHOW(connect_to(fd, ADDRESS, port));
    IS(accept(other, NULL, NULL) >= 0);
}

static void made_without_blocking(void) {
    int port, listening = listener(&port), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    SHOW(connect_to(fd, ADDRESS, port));
    say_events("poll", await(fd, POLLOUT));
    int error = 1;
    socklen_t length = sizeof error;
    SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
    SHOW(error);
    IS(accept(listening, NULL, NULL) >= 0);
}

static void asked_twice(void) {
    int client, server;
    connected(&client, &server);
    SHOW(connect_to(client, ADDRESS, 1));
    SHOW(connect_to(server, ADDRESS, 1));
}

static void both_ends_know_their_names(void) {
    int port, listening = listener(&port), fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in mine, theirs, accepted;
    socklen_t length = sizeof mine;
    MUST(connect_to(fd, ADDRESS, port) == 0);
    SHOW(getpeername(fd, (struct sockaddr *)&theirs, &length));
    IS(ntohs(theirs.sin_port) == port);
    IS(theirs.sin_addr.s_addr == inet_addr(ADDRESS));
    SHOW(getsockname(fd, (struct sockaddr *)&mine, &length));
    int server = accept(listening, (struct sockaddr *)&accepted, &length);
    IS(server >= 0);
    SHOW(length);
    IS(accepted.sin_port == mine.sin_port && accepted.sin_addr.s_addr == mine.sin_addr.s_addr);
    IS(accepted.sin_family == AF_INET);
    IS(port_of(server) == port);
}

static void who_calls_by_a_loopback_address_has_one(void) {
    int listening = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in mine, accepted, own;
    socklen_t length = sizeof mine;
    MUST(bind_to(listening, "0.0.0.0", 0) == 0 && listen(listening, 5) == 0);
    SHOW(connect_to(fd, "127.0.0.1", port_of(listening)));
    SHOW(getsockname(fd, (struct sockaddr *)&mine, &length));
    IS(mine.sin_addr.s_addr == inet_addr("127.0.0.1"));
    int server = accept(listening, (struct sockaddr *)&accepted, &length);
    IS(accepted.sin_port == mine.sin_port && accepted.sin_addr.s_addr == mine.sin_addr.s_addr);
    SHOW(getsockname(server, (struct sockaddr *)&own, &length));
    IS(own.sin_addr.s_addr == inet_addr("127.0.0.1"));
}

static void names_are_cut_to_the_room_there_is(void) {
    int client, server;
    connected(&client, &server);
    unsigned char room[16];
    memset(room, 0xee, sizeof room);
    socklen_t length = 2;
    SHOW(getpeername(client, (struct sockaddr *)room, &length));
    SHOW(length);
    IS(room[0] == AF_INET && room[2] == 0xee);
}

static void a_fresh_socket_has_no_names(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    SHOW(getsockname(fd, (struct sockaddr *)&address, &length));
    SHOW(address.sin_family);
    SHOW(address.sin_port);
    SHOW(address.sin_addr.s_addr);
    SHOW(getpeername(fd, (struct sockaddr *)&address, &length));
    char byte;
    SHOW(recv(fd, &byte, 1, 0));
    SHOW(send(fd, &byte, 1, MSG_NOSIGNAL));
    SHOW(shutdown(fd, SHUT_RDWR));
}

static void a_port_is_taken_once(void) {
    int port;
    listener(&port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    SHOW(bind_to(fd, ADDRESS, port));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    SHOW(bind_to(fd, ADDRESS, port));
}

static void a_bound_port_is_taken_before_it_listens(void) {
    int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);
    MUST(bind_to(first, ADDRESS, 0) == 0);
    SHOW(bind_to(second, ADDRESS, port_of(first)));
}

static void a_port_is_free_again_after_its_listener(void) {
    int port, one = 1, fd = listener(&port);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    SHOW(bind_to(fd, ADDRESS, port));
    SHOW(listen(fd, 1));
}

static void binding_chooses_a_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(bind_to(fd, ADDRESS, 0));
    IS(port_of(fd) != 0);
    SHOW(bind_to(fd, ADDRESS, 0));
}

static void a_foreign_address_cannot_be_bound(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(bind_to(fd, "192.0.2.77", 0));
}

static void every_address_hears_at_zero(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(bind_to(fd, "0.0.0.0", 0));
    SHOW(listen(fd, 4));
    SHOW(connect_to(client, ADDRESS, port_of(fd)));
    int server = accept(fd, NULL, NULL);
    IS(server >= 0);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    SHOW(getsockname(server, (struct sockaddr *)&address, &length));
    IS(address.sin_addr.s_addr == inet_addr(ADDRESS));
}

static void the_loopback_address_is_this_host(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(bind_to(fd, "127.0.0.1", 0));
    SHOW(listen(fd, 4));
    SHOW(connect_to(client, "127.0.0.1", port_of(fd)));
    IS(accept(fd, NULL, NULL) >= 0);
}

static void accepting_without_a_connection(void) {
    int port, listening = listener(&port), fresh = socket(AF_INET, SOCK_STREAM, 0);
    nonblocking(listening);
    SHOW(accept(listening, NULL, NULL));
    SHOW(accept4(listening, NULL, NULL, SOCK_NONBLOCK));
    SHOW(accept(fresh, NULL, NULL));
}

static void accepted_flags_are_those_asked_for(void) {
    int port, listening = listener(&port), client = socket(AF_INET, SOCK_STREAM, 0);
    MUST(connect_to(client, ADDRESS, port) == 0);
    nonblocking(listening);
    MUST(await(listening, POLLIN) == POLLIN);
    int server = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    IS((fcntl(server, F_GETFL) & O_NONBLOCK) != 0);
    SHOW(fcntl(server, F_GETFD));
    MUST(connect_to(socket(AF_INET, SOCK_STREAM, 0), ADDRESS, port) == 0);
    MUST(await(listening, POLLIN) == POLLIN);
    server = accept(listening, NULL, NULL);
    IS((fcntl(server, F_GETFL) & O_NONBLOCK) != 0);
    SHOW(fcntl(server, F_GETFD));
}

static void bytes_wait_at_an_unaccepted_connection(void) {
    int port, listening = listener(&port), client = socket(AF_INET, SOCK_STREAM, 0);
    MUST(connect_to(client, ADDRESS, port) == 0);
    SHOW(write(client, "early", 5));
    close(client);
    int server = accept(listening, NULL, NULL);
    char room[8];
    MUST(await(server, POLLIN) & POLLIN);
    SHOW(read(server, room, sizeof room));
    SHOW(read(server, room, sizeof room));
}

static void connections_are_accepted_in_their_order(void) {
    int port, listening = listener(&port), ports[4];
    for (int i = 0; i < 4; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        MUST(connect_to(fd, ADDRESS, port) == 0);
        ports[i] = port_of(fd);
    }
    for (int i = 0; i < 4; i++) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        MUST(accept(listening, (struct sockaddr *)&from, &length) >= 0);
        IS(ntohs(from.sin_port) == ports[i]);
    }
}

static void a_closed_listener_resets_who_waits(void) {
    int port, listening = listener(&port), client = socket(AF_INET, SOCK_STREAM, 0);
    char byte;
    MUST(connect_to(client, ADDRESS, port) == 0);
    close(listening);
    SHOW(read(client, &byte, 1));
}

static void what_is_no_socket(void) {
    int file = open("/dev/null", O_RDWR), ends[2];
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    MUST(pipe(ends) == 0);
    SHOW(listen(file, 1));
    SHOW(accept(ends[0], NULL, NULL));
    SHOW(connect_to(file, ADDRESS, 1));
    SHOW(bind_to(file, ADDRESS, 0));
    SHOW(getsockname(ends[0], (struct sockaddr *)&address, &length));
    SHOW(send(file, "x", 1, 0));
    SHOW(recv(ends[0], &address, 1, 0));
    SHOW(shutdown(file, SHUT_WR));
    SHOW(setsockopt(file, SOL_SOCKET, SO_KEEPALIVE, &length, sizeof length));
    SHOW(getsockopt(file, SOL_SOCKET, SO_KEEPALIVE, &address, &length));
}

static void what_is_no_descriptor(void) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    SHOW(listen(777, 1));
    SHOW(accept(777, NULL, NULL));
    SHOW(connect_to(777, ADDRESS, 1));
    SHOW(bind_to(-1, ADDRESS, 0));
    SHOW(getpeername(777, (struct sockaddr *)&address, &length));
    SHOW(send(777, "x", 1, 0));
    SHOW(recv(-1, &address, 1, 0));
    SHOW(shutdown(777, SHUT_WR));
}

static void families_and_kinds_that_do_not_exist(void) {
    SHOW(socket(AF_INET, 77, 0));
    SHOW(socket(77, SOCK_STREAM, 0));
    SHOW(socket(AF_INET, SOCK_STREAM, 177));
}

static void addresses_of_the_wrong_family(void) {
    struct sockaddr_in address = address_of(ADDRESS, 1);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(connect(fd, (struct sockaddr *)&address, 3));
    address.sin_family = AF_INET6;
    SHOW(connect(fd, (struct sockaddr *)&address, sizeof address));
    SHOW(bind(fd, (struct sockaddr *)&address, sizeof address));
}

GUEST(NAMED(refused_where_nobody_listens), NAMED(refused_without_blocking), NAMED(tried_again_after_a_refusal),
      NAMED(made_without_blocking), NAMED(asked_twice), NAMED(both_ends_know_their_names),
      NAMED(who_calls_by_a_loopback_address_has_one),
      NAMED(names_are_cut_to_the_room_there_is), NAMED(a_fresh_socket_has_no_names), NAMED(a_port_is_taken_once),
      NAMED(a_bound_port_is_taken_before_it_listens), NAMED(a_port_is_free_again_after_its_listener),
      NAMED(binding_chooses_a_port), NAMED(a_foreign_address_cannot_be_bound), NAMED(every_address_hears_at_zero),
      NAMED(the_loopback_address_is_this_host), NAMED(accepting_without_a_connection),
      NAMED(accepted_flags_are_those_asked_for), NAMED(bytes_wait_at_an_unaccepted_connection),
      NAMED(connections_are_accepted_in_their_order), NAMED(a_closed_listener_resets_who_waits),
      NAMED(what_is_no_socket), NAMED(what_is_no_descriptor), NAMED(families_and_kinds_that_do_not_exist),
      NAMED(addresses_of_the_wrong_family))
