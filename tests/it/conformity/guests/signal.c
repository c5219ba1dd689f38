/* Signals: how they are handled, held back, and what they interrupt. */
#include <sys/epoll.h>
#include <sys/select.h>

#include "check.h"

static void second_handler(int number) { say("second %d", number == SIGUSR1); }

static void the_old_action_comes_back(void) {
    struct sigaction first = {.sa_handler = count_signal, .sa_flags = SA_RESTART}, old;
    sigemptyset(&first.sa_mask);
    sigaddset(&first.sa_mask, SIGUSR2);
    SHOW(sigaction(SIGUSR1, NULL, &old));
    IS(old.sa_handler == SIG_DFL);
    SHOW(sigaction(SIGUSR1, &first, &old));
    IS(old.sa_handler == SIG_DFL);
    SHOW(sigaction(SIGUSR1, NULL, &old));
    IS(old.sa_handler == count_signal);
    IS((old.sa_flags & SA_RESTART) != 0);
    IS(sigismember(&old.sa_mask, SIGUSR2) == 1);
    IS(sigismember(&old.sa_mask, SIGTERM) == 1);
    IS(signal(SIGUSR1, second_handler) == count_signal);
    IS(signal(SIGUSR1, SIG_IGN) == second_handler);
    IS(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
}

static void the_old_action_of_a_fault_comes_back(void) {
    struct sigaction action = {.sa_handler = count_signal}, old;
    SHOW(sigaction(SIGSEGV, NULL, &old));
    IS(old.sa_handler == SIG_DFL);
    SHOW(sigaction(SIGSEGV, &action, &old));
    IS(old.sa_handler == SIG_DFL);
    SHOW(sigaction(SIGSEGV, NULL, &old));
    IS(old.sa_handler == count_signal);
    IS(signal(SIGSEGV, SIG_DFL) == count_signal);
}

static void what_cannot_be_handled(void) {
    struct sigaction action = {.sa_handler = count_signal};
    SHOW(sigaction(SIGKILL, &action, NULL));
    SHOW(sigaction(SIGSTOP, &action, NULL));
    SHOW(sigaction(0, &action, NULL));
    SHOW(sigaction(99, &action, NULL));
    IS(signal(99, SIG_IGN) == SIG_ERR);
    SHOW(raise(99));
    SHOW(kill(getpid(), 99));
}

static void raised_and_sent_to_oneself(void) {
    handle(SIGUSR1, 0);
    SHOW(raise(SIGUSR1));
    SHOW(HANDLED);
    SHOW(kill(getpid(), SIGUSR1));
    SHOW(HANDLED);
    SHOW(kill(getpid(), 0));
    SHOW(pthread_kill(pthread_self(), SIGUSR1));
    SHOW(HANDLED);
}

static void the_default_ends_it(void) {
    say("before");
    kill(getpid(), SIGTERM);
    say("not reached");
}

static void the_default_of_some_does_nothing(void) {
    SHOW(raise(SIGCHLD));
    SHOW(raise(SIGWINCH));
    SHOW(raise(SIGURG));
    SHOW(raise(SIGCONT));
}

static void ignored(void) {
    signal(SIGTERM, SIG_IGN);
    SHOW(raise(SIGTERM));
    SHOW(kill(getpid(), SIGTERM));
}

static void reset_after_the_first(void) {
    struct sigaction old;
    handle(SIGUSR1, SA_RESETHAND);
    SHOW(raise(SIGUSR1));
    SHOW(HANDLED);
    SHOW(sigaction(SIGUSR1, NULL, &old));
    IS(old.sa_handler == SIG_DFL);
    raise(SIGUSR1);
    say("not reached");
}

static void with_info(int number, siginfo_t *info, void *context) {
    IS(number == SIGUSR1);
    IS(info->si_signo == SIGUSR1);
    IS(info->si_pid == getpid());
    IS(context != NULL);
    IS(info->si_code == SI_USER || info->si_code == SI_TKILL);
}

static void the_handler_is_told_who(void) {
    struct sigaction action = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO};
    SHOW(sigaction(SIGUSR1, &action, NULL));
    SHOW(kill(getpid(), SIGUSR1));
}

static void with_child(int number, siginfo_t *info, void *context) {
    (void)context;
    IS(number == SIGCHLD);
    IS(info->si_code == CLD_EXITED);
    SHOW(info->si_status);
}

static void a_child_that_ends_is_told(void) {
    struct sigaction action = {.sa_sigaction = with_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    int status;
    MUST(sigaction(SIGCHLD, &action, NULL) == 0);
    if (fork() == 0) _exit(9);
    IS(wait(&status) > 0);
    say_status("child", status);
}

static void held_back_until_allowed(void) {
    sigset_t set, old, pending;
    handle(SIGUSR1, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    SHOW(sigprocmask(SIG_BLOCK, &set, &old));
    SHOW(sigismember(&old, SIGUSR1));
    SHOW(raise(SIGUSR1));
    SHOW(kill(getpid(), SIGUSR1));
    SHOW(HANDLED);
    SHOW(sigpending(&pending));
    SHOW(sigismember(&pending, SIGUSR1));
    SHOW(sigprocmask(SIG_UNBLOCK, &set, &old));
    SHOW(sigismember(&old, SIGUSR1));
    SHOW(HANDLED);
    SHOW(sigpending(&pending));
    SHOW(sigismember(&pending, SIGUSR1));
}

static void masks_are_sets(void) {
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    SHOW_CODE(pthread_sigmask(SIG_SETMASK, &set, NULL));
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    SHOW_CODE(pthread_sigmask(SIG_BLOCK, &set, NULL));
    SHOW_CODE(pthread_sigmask(SIG_BLOCK, NULL, &old));
    SHOW(sigismember(&old, SIGUSR1));
    SHOW(sigismember(&old, SIGUSR2));
    SHOW(sigismember(&old, SIGTERM));
    SHOW_CODE(pthread_sigmask(77, &set, NULL));
}

static void nested(int number) {
    say("begin %s", sigabbrev_np(number));
    if (number == SIGUSR1) raise(SIGUSR2);
    if (number == SIGUSR1 && HANDLED++ == 0) raise(SIGUSR1);
    say("end %s", sigabbrev_np(number));
}

static void its_own_mask_holds_while_it_runs(void) {
    struct sigaction action = {.sa_handler = nested};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR2);
    MUST(sigaction(SIGUSR1, &action, NULL) == 0);
    MUST(sigaction(SIGUSR2, &action, NULL) == 0);
    SHOW(raise(SIGUSR1));
}

static void not_deferred_it_nests(void) {
    struct sigaction action = {.sa_handler = nested, .sa_flags = SA_NODEFER};
    sigemptyset(&action.sa_mask);
    MUST(sigaction(SIGUSR1, &action, NULL) == 0);
    MUST(sigaction(SIGUSR2, &action, NULL) == 0);
    SHOW(raise(SIGUSR1));
}

static void waited_for(void) {
    sigset_t set;
    int number = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    MUST(kill(getpid(), SIGUSR1) == 0);
    SHOW_CODE(sigwait(&set, &number));
    IS(number == SIGUSR1);
    struct timespec time = {.tv_nsec = 30000000};
    SHOW(sigtimedwait(&set, NULL, &time));
    pid_t child = pester(SIGUSR1);
    IS(sigwaitinfo(&set, NULL) == SIGUSR1);
    calm(child);
}

static void suspended_until_one_comes(void) {
    sigset_t set, none;
    handle(SIGUSR1, 0);
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    MUST(raise(SIGUSR1) == 0);
    SHOW(sigsuspend(&none));
    SHOW(HANDLED);
    MUST(sigprocmask(SIG_BLOCK, NULL, &set) == 0);
    SHOW(sigismember(&set, SIGUSR1));
}

static void paused_until_one_comes(void) {
    handle(SIGUSR1, 0);
    pid_t child = pester(SIGUSR1);
    SHOW(pause());
    calm(child);
    IS(HANDLED > 0);
}

/* Interrupts one call. */
#define INTERRUPT(call) \
    do { \
        handle(SIGUSR1, 0); \
        pid_t child = pester(SIGUSR1); \
        SHOW(call); \
        calm(child); \
        IS(HANDLED > 0); \
    } while (0)

static void a_read_of_a_pipe_is_interrupted(void) {
    int ends[2];
    char byte;
    MUST(pipe(ends) == 0);
    INTERRUPT(read(ends[0], &byte, 1));
}

static void a_write_to_a_full_pipe_is_interrupted(void) {
    static char room[65536];
    int ends[2];
    MUST(pipe(ends) == 0);
    MUST(write(ends[1], room, sizeof room) == sizeof room);
    INTERRUPT(write(ends[1], room, 1));
}

static void a_read_of_a_connection_is_interrupted(void) {
    int client, server;
    char byte;
    connected(&client, &server);
    INTERRUPT(read(client, &byte, 1));
}

static void an_accept_is_interrupted(void) {
    int port, listening = listener(&port);
    INTERRUPT(accept(listening, NULL, NULL));
}

static void a_sleep_is_interrupted(void) {
    struct timespec time = {.tv_sec = 100}, left = {0, 0};
    INTERRUPT(nanosleep(&time, &left));
    // What is left counts the slack of the timer too, which may be all that has passed.
    IS(left.tv_sec >= 50 && left.tv_sec <= 100);
    HANDLED = 0;
    pid_t child = pester(SIGUSR1);
    IS(sleep(100) > 50);
    SHOW_CODE(clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL));
    calm(child);
}

static void a_wait_for_descriptors_is_interrupted(void) {
    int client, server;
    connected(&client, &server);
    struct pollfd entry = {.fd = client, .events = POLLIN};
    INTERRUPT(poll(&entry, 1, -1));
    INTERRUPT(poll(&entry, 1, 100000));
    INTERRUPT(ppoll(&entry, 1, NULL, NULL));
}

static void an_epoll_wait_is_interrupted(void) {
    struct epoll_event event;
    int epoll = epoll_create1(0);
    INTERRUPT(epoll_wait(epoll, &event, 1, -1));
    INTERRUPT(epoll_wait(epoll, &event, 1, 100000));
}

static void a_select_is_interrupted(void) {
    struct timeval time = {.tv_sec = 100};
    INTERRUPT(select(0, NULL, NULL, NULL, &time));
}

static void a_wait_for_a_child_is_interrupted(void) {
    pid_t sleeper = fork();
    if (sleeper == 0) {
        sleep_ms(100000);
        _exit(0);
    }
    INTERRUPT(waitpid(sleeper, NULL, 0));
    calm(sleeper);
}

static void interrupted_it_starts_again_if_it_may(void) {
    int ends[2];
    char byte;
    MUST(pipe(ends) == 0);
    handle(SIGUSR1, SA_RESTART);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        for (int i = 0; i < 5; i++) {
            sleep_ms(30);
            kill(parent, SIGUSR1);
        }
        sleep_ms(30);
        MUST(write(ends[1], "x", 1) == 1);
        _exit(0);
    }
    SHOW(read(ends[0], &byte, 1));
    IS(HANDLED >= 1);
    int status;
    SHOW(waitpid(child, &status, 0) == child);
}

static void some_never_start_again(void) {
    int client, server;
    struct timespec time = {.tv_sec = 100};
    connected(&client, &server);
    struct pollfd entry = {.fd = client, .events = POLLIN};
    handle(SIGUSR1, SA_RESTART);
    pid_t child = pester(SIGUSR1);
    SHOW(poll(&entry, 1, -1));
    SHOW(nanosleep(&time, NULL));
    calm(child);
}

static void an_ignored_one_interrupts_nothing(void) {
    struct timespec time = {.tv_nsec = 200000000};
    signal(SIGUSR1, SIG_IGN);
    pid_t child = pester(SIGUSR1);
    SHOW(nanosleep(&time, NULL));
    calm(child);
}

static void a_fault_is_handled(void) {
    struct sigaction action = {.sa_handler = second_handler};
    int status;
    if (fork() == 0) {
        MUST(sigaction(SIGUSR1, &action, NULL) == 0);
        signal(SIGSEGV, SIG_DFL);
        *(volatile int *)8 = 1;
    }
    MUST(wait(&status) > 0);
    say_status("child", status);
}

static void on_fault(int number) {
    say("fault %d", number == SIGSEGV);
    _exit(6);
}

static void a_fault_reaches_its_handler(void) {
    struct sigaction action = {.sa_handler = on_fault};
    MUST(sigaction(SIGSEGV, &action, NULL) == 0);
    *(volatile int *)8 = 1;
    say("not reached");
}

static void aborted(void) {
    handle(SIGABRT, 0);
    abort();
}

static void the_child_inherits_handlers_and_mask(void) {
    sigset_t set;
    int status;
    handle(SIGUSR1, 0);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    if (fork() == 0) {
        raise(SIGUSR1);
        raise(SIGUSR2);
        raise(SIGTERM);
        _exit(HANDLED);
    }
    MUST(wait(&status) > 0);
    say_status("child", status);
}

static void an_alternate_stack(void) {
    static char room[65536];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room}, old;
    SHOW(sigaltstack(&stack, &old));
    IS((old.ss_flags & SS_DISABLE) != 0);
    SHOW(sigaltstack(NULL, &old));
    IS(old.ss_sp == room);
}

GUEST(NAMED(the_old_action_comes_back), NAMED(the_old_action_of_a_fault_comes_back), NAMED(what_cannot_be_handled),
      NAMED(raised_and_sent_to_oneself), NAMED(the_default_ends_it), NAMED(the_default_of_some_does_nothing),
      NAMED(ignored), NAMED(reset_after_the_first), NAMED(the_handler_is_told_who), NAMED(a_child_that_ends_is_told),
      NAMED(held_back_until_allowed), NAMED(masks_are_sets), NAMED(its_own_mask_holds_while_it_runs),
      NAMED(not_deferred_it_nests), NAMED(waited_for), NAMED(suspended_until_one_comes), NAMED(paused_until_one_comes),
      NAMED(a_read_of_a_pipe_is_interrupted), NAMED(a_write_to_a_full_pipe_is_interrupted),
      NAMED(a_read_of_a_connection_is_interrupted), NAMED(an_accept_is_interrupted), NAMED(a_sleep_is_interrupted),
      NAMED(a_wait_for_descriptors_is_interrupted), NAMED(an_epoll_wait_is_interrupted),
      NAMED(a_select_is_interrupted), NAMED(a_wait_for_a_child_is_interrupted),
      NAMED(interrupted_it_starts_again_if_it_may), NAMED(some_never_start_again),
      NAMED(an_ignored_one_interrupts_nothing), NAMED(a_fault_is_handled), NAMED(a_fault_reaches_its_handler),
      NAMED(aborted), NAMED(the_child_inherits_handlers_and_mask), NAMED(an_alternate_stack))
