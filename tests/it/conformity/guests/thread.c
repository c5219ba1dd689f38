/* Threads: made, ended, joined, cancelled, and what is their own. */
#include <sched.h>
#include <semaphore.h>

#include "check.h"

static pthread_t THREAD;
static void *RESULT;
static pthread_mutex_t MUTEX = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t CONDITION = PTHREAD_COND_INITIALIZER;
static int COUNT;
/* How far two threads have come, where one must not go on before the other: no sleep is long enough on a busy host. */
static int STEP;

static void reach_step(int step) { __atomic_store_n(&STEP, step, __ATOMIC_SEQ_CST); }

static void await_step(int step) {
    while (__atomic_load_n(&STEP, __ATOMIC_SEQ_CST) < step) sleep_ms(1);
}

static void *give_back(void *argument) { return argument; }

static void *exit_with(void *argument) {
    pthread_exit(argument);
}

static void *count_up(void *argument) {
    pthread_mutex_lock(&MUTEX);
    COUNT++;
    pthread_mutex_unlock(&MUTEX);
    return argument;
}

static void *wait_for_ever(void *argument) {
    pthread_mutex_lock(&MUTEX);
    for (;;) pthread_cond_wait(&CONDITION, &MUTEX);
    return argument;
}

static void *sleep_for_ever(void *argument) {
    for (;;) sleep(1000);
    return argument;
}

static void *read_for_ever(void *argument) {
    char byte;
    int *fd = argument;
    for (;;) MUST(read(*fd, &byte, 1) >= 0);
    return argument;
}

static void values_come_back(void) {
    SHOW_CODE(pthread_create(&THREAD, NULL, give_back, (void *)42));
    SHOW_CODE(pthread_join(THREAD, &RESULT));
    SHOW((long)RESULT);
    SHOW_CODE(pthread_create(&THREAD, NULL, exit_with, (void *)43));
    SHOW_CODE(pthread_join(THREAD, &RESULT));
    SHOW((long)RESULT);
    SHOW_CODE(pthread_create(&THREAD, NULL, give_back, NULL));
    SHOW_CODE(pthread_join(THREAD, NULL));
}

static void joined_long_after_its_end(void) {
    MUST(pthread_create(&THREAD, NULL, give_back, (void *)7) == 0);
    sleep_ms(30);
    SHOW_CODE(pthread_join(THREAD, &RESULT));
    SHOW((long)RESULT);
}

static void joined_by_itself(void) { SHOW_CODE(pthread_join(pthread_self(), NULL)); }

static void joined_without_waiting(void) {
    MUST(pthread_create(&THREAD, NULL, sleep_for_ever, NULL) == 0);
    SHOW_CODE(pthread_tryjoin_np(THREAD, &RESULT));
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    SHOW_CODE(pthread_timedjoin_np(THREAD, &RESULT, &until));
}

static void detached_it_is_not_joined(void) {
    pthread_attr_t attributes;
    MUST(pthread_attr_init(&attributes) == 0);
    SHOW_CODE(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    SHOW_CODE(pthread_create(&THREAD, &attributes, sleep_for_ever, NULL));
    SHOW_CODE(pthread_join(THREAD, NULL));
    SHOW_CODE(pthread_detach(THREAD));
    SHOW_CODE(pthread_create(&THREAD, NULL, sleep_for_ever, NULL));
    SHOW_CODE(pthread_detach(THREAD));
    SHOW_CODE(pthread_detach(THREAD));
}

static void two_hundred_one_after_another(void) {
    for (int i = 0; i < 200; i++) {
        MUST(pthread_create(&THREAD, NULL, count_up, NULL) == 0);
        MUST(pthread_join(THREAD, NULL) == 0);
    }
    SHOW(COUNT);
}

static void two_hundred_detached_ones(void) {
    for (int i = 0; i < 200; i++) {
        MUST(pthread_create(&THREAD, NULL, count_up, NULL) == 0);
        MUST(pthread_detach(THREAD) == 0);
        if (i % 20 == 0) sleep_ms(5);
    }
    for (int i = 0; i < 500 && COUNT < 200; i++) sleep_ms(5);
    SHOW(COUNT);
}

static void *meet(void *barrier) {
    pthread_barrier_wait(barrier);
    return NULL;
}

static void sixty_alive_at_once(void) {
    pthread_barrier_t barrier;
    pthread_t threads[60];
    MUST(pthread_barrier_init(&barrier, NULL, 61) == 0);
    for (int i = 0; i < 60; i++) MUST(pthread_create(&threads[i], NULL, meet, &barrier) == 0);
    pthread_barrier_wait(&barrier);
    int joined = 0;
    for (int i = 0; i < 60; i++) joined += pthread_join(threads[i], NULL) == 0;
    SHOW(joined);
}

static void cancelled_where_it_waits_for_a_condition(void) {
    MUST(pthread_create(&THREAD, NULL, wait_for_ever, NULL) == 0);
    sleep_ms(20);
    SHOW_CODE(pthread_cancel(THREAD));
    SHOW_CODE(pthread_join(THREAD, &RESULT));
    IS(RESULT == PTHREAD_CANCELED);
    SHOW_CODE(pthread_mutex_trylock(&MUTEX));
}

static void cancelled_where_it_sleeps(void) {
    MUST(pthread_create(&THREAD, NULL, sleep_for_ever, NULL) == 0);
    sleep_ms(20);
    SHOW_CODE(pthread_cancel(THREAD));
    SHOW_CODE(pthread_join(THREAD, &RESULT));
    IS(RESULT == PTHREAD_CANCELED);
}

static void cancelled_where_it_reads(void) {
    int ends[2];
    MUST(pipe(ends) == 0);
    MUST(pthread_create(&THREAD, NULL, read_for_ever, ends) == 0);
    sleep_ms(20);
    SHOW_CODE(pthread_cancel(THREAD));
    SHOW_CODE(pthread_join(THREAD, &RESULT));
    IS(RESULT == PTHREAD_CANCELED);
}

static void cancelled_before_it_runs(void) {
    MUST(pthread_create(&THREAD, NULL, sleep_for_ever, NULL) == 0);
    SHOW_CODE(pthread_cancel(THREAD));
    SHOW_CODE(pthread_join(THREAD, &RESULT));
    IS(RESULT == PTHREAD_CANCELED);
}

static void *heed_it_later(void *argument) {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    reach_step(1);
    await_step(2);
    say("undisturbed");
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    say("too late");
    return argument;
}

static void cancelled_when_it_allows_it(void) {
    MUST(pthread_create(&THREAD, NULL, heed_it_later, NULL) == 0);
    await_step(1);
    SHOW_CODE(pthread_cancel(THREAD));
    reach_step(2);
    SHOW_CODE(pthread_join(THREAD, &RESULT));
    IS(RESULT == PTHREAD_CANCELED);
}

static void clean(void *what) { say("clean %s", (const char *)what); }

static void *with_cleaners(void *argument) {
    pthread_cleanup_push(clean, "first");
    pthread_cleanup_push(clean, "second");
    reach_step(1);
    for (;;) sleep(1000);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return argument;
}

static void cancelled_it_cleans_up(void) {
    MUST(pthread_create(&THREAD, NULL, with_cleaners, NULL) == 0);
    await_step(1);
    MUST(pthread_cancel(THREAD) == 0);
    SHOW_CODE(pthread_join(THREAD, &RESULT));
}

static pthread_key_t KEY;

static void destroy(void *value) { say("destroy %s", (const char *)value); }

static void *with_value(void *argument) {
    IS(pthread_getspecific(KEY) == NULL);
    SHOW_CODE(pthread_setspecific(KEY, argument));
    IS(pthread_getspecific(KEY) == argument);
    return NULL;
}

static void values_of_its_own(void) {
    SHOW_CODE(pthread_key_create(&KEY, destroy));
    SHOW_CODE(pthread_setspecific(KEY, "mine"));
    MUST(pthread_create(&THREAD, NULL, with_value, "its own") == 0);
    MUST(pthread_join(THREAD, NULL) == 0);
    say("%s", (const char *)pthread_getspecific(KEY));
    SHOW_CODE(pthread_key_delete(KEY));
}

static void *say_self(void *argument) {
    IS(pthread_equal(pthread_self(), THREAD));
    IS(getpid() == (pid_t)syscall(SYS_getpid));
    IS(gettid() != getpid());
    return argument;
}

static void it_knows_itself(void) {
    IS(gettid() == getpid());
    MUST(pthread_create(&THREAD, NULL, say_self, NULL) == 0);
    MUST(pthread_join(THREAD, NULL) == 0);
    IS(!pthread_equal(THREAD, pthread_self()));
}

static void names_are_given_and_read(void) {
    char name[16] = "";
    SHOW_CODE(pthread_setname_np(pthread_self(), "main-one"));
    SHOW_CODE(pthread_getname_np(pthread_self(), name, sizeof name));
    say("%s", name);
    SHOW_CODE(pthread_setname_np(pthread_self(), "a name that is far too long"));
}

static void *signalled(void *argument) {
    while (!HANDLED) usleep(1000);
    return argument;
}

static void a_signal_for_one_of_them(void) {
    handle(SIGUSR1, 0);
    MUST(pthread_create(&THREAD, NULL, signalled, NULL) == 0);
    SHOW_CODE(pthread_kill(THREAD, 0));
    SHOW_CODE(pthread_kill(THREAD, SIGUSR1));
    SHOW_CODE(pthread_join(THREAD, NULL));
    SHOW(HANDLED);
    SHOW_CODE(pthread_kill(pthread_self(), 99));
}

static void *speak_later(void *argument) {
    sleep_ms(50);
    say("after the main one");
    return argument;
}

static void the_main_one_leaves_first(void) {
    MUST(pthread_create(&THREAD, NULL, speak_later, NULL) == 0);
    pthread_exit(NULL);
}

static void *end_all(void *argument) {
    (void)argument;
    exit(5);
}

static void one_ends_all(void) {
    MUST(pthread_create(&THREAD, NULL, end_all, NULL) == 0);
    pthread_join(THREAD, NULL);
    say("not reached");
}

static void *yield_to_others(void *argument) {
    for (int i = 0; i < 100; i++) sched_yield();
    return count_up(argument);
}

static void yielding_lets_others_run(void) {
    MUST(pthread_create(&THREAD, NULL, yield_to_others, NULL) == 0);
    while (!__atomic_load_n(&COUNT, __ATOMIC_SEQ_CST)) sched_yield();
    SHOW_CODE(pthread_join(THREAD, NULL));
}

static void attributes_are_honoured(void) {
    pthread_attr_t attributes;
    size_t bytes = 0;
    MUST(pthread_attr_init(&attributes) == 0);
    SHOW_CODE(pthread_attr_setstacksize(&attributes, 4 << 20));
    SHOW_CODE(pthread_attr_getstacksize(&attributes, &bytes));
    SHOW(bytes);
    SHOW_CODE(pthread_attr_setstacksize(&attributes, 1));
    SHOW_CODE(pthread_create(&THREAD, &attributes, give_back, NULL));
    SHOW_CODE(pthread_join(THREAD, NULL));
}

GUEST(NAMED(values_come_back), NAMED(joined_long_after_its_end), NAMED(joined_by_itself), NAMED(joined_without_waiting),
      NAMED(detached_it_is_not_joined), NAMED(two_hundred_one_after_another), NAMED(two_hundred_detached_ones),
      NAMED(sixty_alive_at_once), NAMED(cancelled_where_it_waits_for_a_condition), NAMED(cancelled_where_it_sleeps),
      NAMED(cancelled_where_it_reads), NAMED(cancelled_before_it_runs), NAMED(cancelled_when_it_allows_it),
      NAMED(cancelled_it_cleans_up), NAMED(values_of_its_own), NAMED(it_knows_itself), NAMED(names_are_given_and_read),
      NAMED(a_signal_for_one_of_them), NAMED(the_main_one_leaves_first), NAMED(one_ends_all),
      NAMED(yielding_lets_others_run), NAMED(attributes_are_honoured))
