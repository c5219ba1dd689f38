/* Processes that can never go on, and some that only look so. Natively the first ones hang for ever. */
#include <semaphore.h>
#include <sys/mman.h>

#include "check.h"

static pthread_mutex_t FIRST = PTHREAD_MUTEX_INITIALIZER, SECOND = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t CONDITION = PTHREAD_COND_INITIALIZER;
static pthread_t MAIN;

static pthread_t thread(void *(*run)(void *)) {
    pthread_t made;
    MUST(pthread_create(&made, NULL, run, NULL) == 0);
    return made;
}

static void a_mutex_twice(void) {
    pthread_mutex_lock(&FIRST);
    pthread_mutex_lock(&FIRST);
}

static void *second_then_first(void *nothing) {
    pthread_mutex_lock(&SECOND);
    usleep(1000);
    pthread_mutex_lock(&FIRST);
    return nothing;
}

static void two_locks_crosswise(void) {
    thread(second_then_first);
    pthread_mutex_lock(&FIRST);
    usleep(2000);
    pthread_mutex_lock(&SECOND);
}

static void a_condition_that_nobody_signals(void) {
    pthread_mutex_lock(&FIRST);
    pthread_cond_wait(&CONDITION, &FIRST);
}

static void *join_main(void *nothing) {
    pthread_join(MAIN, NULL);
    return nothing;
}

static void each_waits_for_the_others_end(void) {
    MAIN = pthread_self();
    pthread_join(thread(join_main), NULL);
}

static void *hold_for_a_while(void *nothing) {
    pthread_mutex_lock(&FIRST);
    usleep(1000);
    pthread_mutex_unlock(&FIRST);
    return nothing;
}

/* The classic: a thread had the lock when another forked. */
static void a_lock_that_was_held_at_the_fork(void) {
    thread(hold_for_a_while);
    usleep(500);
    if (fork() == 0) pthread_mutex_lock(&FIRST);
    SHOW(wait(NULL) > 0);
}

static void one_still_sleeps(void) {
    thread(hold_for_a_while);
    usleep(500);
    SHOW(pthread_mutex_lock(&FIRST));
}

static void *read_from(void *end) {
    char byte;
    SHOW(read((int)(intptr_t)end, &byte, 1));
    pthread_mutex_lock(&FIRST);
    pthread_cond_signal(&CONDITION);
    pthread_mutex_unlock(&FIRST);
    return NULL;
}

static void one_waits_for_a_child(void) {
    int ends[2];
    pthread_t reader;
    MUST(pipe(ends) == 0);
    pthread_mutex_lock(&FIRST);
    MUST(pthread_create(&reader, NULL, read_from, (void *)(intptr_t)ends[0]) == 0);
    if (fork() == 0) {
        usleep(1000);
        _exit(write(ends[1], "x", 1) != 1);
    }
    SHOW(pthread_cond_wait(&CONDITION, &FIRST));
}

static void it_gives_up_in_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_sec += 3;
    pthread_mutex_lock(&FIRST);
    SHOW_CODE(pthread_mutex_timedlock(&FIRST, &time));
}

static void an_error_checking_mutex_says_so(void) {
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&FIRST, &kind);
    SHOW_CODE(pthread_mutex_lock(&FIRST));
    SHOW_CODE(pthread_mutex_lock(&FIRST));
}

GUEST(NAMED(a_mutex_twice), NAMED(two_locks_crosswise), NAMED(a_condition_that_nobody_signals),
      NAMED(each_waits_for_the_others_end), NAMED(a_lock_that_was_held_at_the_fork), NAMED(one_still_sleeps),
      NAMED(one_waits_for_a_child), NAMED(it_gives_up_in_time), NAMED(an_error_checking_mutex_says_so))
