/* What a process is told of its machine, its limits and its surroundings. */
#include <netdb.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "check.h"

static void the_system_has_a_name(void) {
    struct utsname names;
    SHOW(uname(&names));
    say("%s %s", names.sysname, names.machine);
    IS(names.nodename[0] != 0 && names.release[0] != 0);
    char host[256];
    SHOW(gethostname(host, sizeof host));
    IS(strcmp(host, names.nodename) == 0);
    SHOW(gethostname(host, 1));
}

static void figures_of_the_machine(void) {
    SHOW(sysconf(_SC_PAGESIZE));
    SHOW(sysconf(_SC_CLK_TCK));
    IS(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    IS(sysconf(_SC_PHYS_PAGES) > 1000);
    IS(sysconf(_SC_OPEN_MAX) >= 100);
    SHOW(sysconf(-77));
    IS(sched_getcpu() >= 0);
    cpu_set_t set;
    SHOW(sched_getaffinity(0, sizeof set, &set));
    IS(CPU_COUNT(&set) >= 1);
}

static void limits_are_read_and_set(void) {
    struct rlimit limit, back;
    SHOW(getrlimit(RLIMIT_NOFILE, &limit));
    IS(limit.rlim_cur <= limit.rlim_max);
    limit.rlim_cur = 100;
    SHOW(setrlimit(RLIMIT_NOFILE, &limit));
    SHOW(getrlimit(RLIMIT_NOFILE, &back));
    SHOW(back.rlim_cur);
    IS(back.rlim_max == limit.rlim_max);
    limit.rlim_cur = limit.rlim_max + 1;
    SHOW(setrlimit(RLIMIT_NOFILE, &limit));
    SHOW(getrlimit(777, &limit));
    SHOW(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}));
    SHOW(getrlimit(RLIMIT_STACK, &limit));
    SHOW(prlimit(0, RLIMIT_NOFILE, NULL, &back));
    SHOW(back.rlim_cur);
}

static void priorities(void) {
    errno = 0;
    SHOW(getpriority(PRIO_PROCESS, 0) >= -20);
    SHOW(errno);
}

static void numeric_addresses_are_resolved(void) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found;
    SHOW(getaddrinfo(ADDRESS, "6379", &hints, &found));
    struct sockaddr_in *address = (struct sockaddr_in *)found->ai_addr;
    IS(address->sin_family == AF_INET);
    SHOW(ntohs(address->sin_port));
    IS(address->sin_addr.s_addr == inet_addr(ADDRESS));
    IS(found->ai_next == NULL);
    freeaddrinfo(found);
    SHOW(getaddrinfo("not an address", "1", &hints, &found) == EAI_NONAME);
    hints.ai_flags = AI_PASSIVE;
    SHOW(getaddrinfo(NULL, "77", &hints, &found));
    address = (struct sockaddr_in *)found->ai_addr;
    SHOW(address->sin_addr.s_addr);
    freeaddrinfo(found);
}

static void addresses_are_written_as_text(void) {
    char host[64], service[16];
    struct sockaddr_in address = address_of(ADDRESS, 6379);
    SHOW(getnameinfo((struct sockaddr *)&address, sizeof address, host, sizeof host, service, sizeof service,
                     NI_NUMERICHOST | NI_NUMERICSERV));
    IS(strcmp(host, ADDRESS) == 0);
    say("%s", service);
}

static void the_environment_is_its_own(void) {
    IS(getenv("TZ") != NULL);
    SHOW(setenv("OWN", "value", 1));
    say("%s", getenv("OWN"));
    IS(getenv("SURELY_NOT_SET") == NULL);
}

static void memory_is_given_and_taken(void) {
    char *memory = malloc(1 << 20);
    IS(memory != NULL);
    memset(memory, 7, 1 << 20);
    memory = realloc(memory, 4 << 20);
    IS(memory[(1 << 20) - 1] == 7);
    free(memory);
    void *aligned;
    SHOW_CODE(posix_memalign(&aligned, 4096, 100));
    IS((uintptr_t)aligned % 4096 == 0);
}

static void random_numbers_differ(void) {
    srand(time(NULL) ^ getpid());
    IS(rand() != rand());
    srandom(5);
    long first = random();
    srandom(5);
    IS(random() == first);
}

GUEST(NAMED(the_system_has_a_name), NAMED(figures_of_the_machine), NAMED(limits_are_read_and_set), NAMED(priorities),
      NAMED(numeric_addresses_are_resolved), NAMED(addresses_are_written_as_text), NAMED(the_environment_is_its_own),
      NAMED(memory_is_given_and_taken), NAMED(random_numbers_differ))
