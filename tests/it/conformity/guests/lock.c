/* Mutexes, condition variables, reader-writer locks, semaphores, barriers. */
#include <semaphore.h>

#include "check.h"

static pthread_mutex_t MUTEX = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t CONDITION = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t LOCK = PTHREAD_RWLOCK_INITIALIZER;
static sem_t SEMAPHORE;
static int COUNT;

static void in_thread(void *(*run)(void *)) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, run, NULL) == 0);
    MUST(pthread_join(thread, NULL) == 0);
}

static struct timespec in_ms(clockid_t clock, long ms) {
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += ms * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static void of_kind(int kind) {
    pthread_mutexattr_t attributes;
    MUST(pthread_mutexattr_init(&attributes) == 0);
    MUST(pthread_mutexattr_settype(&attributes, kind) == 0);
    MUST(pthread_mutex_init(&MUTEX, &attributes) == 0);
}

static void *try_mutex(void *none) {
    SHOW_CODE(pthread_mutex_trylock(&MUTEX));
    return none;
}

static void *unlock_mutex(void *none) {
    SHOW_CODE(pthread_mutex_unlock(&MUTEX));
    return none;
}

static void *time_mutex(void *none) {
    struct timespec until = in_ms(CLOCK_REALTIME, 50);
    long begun = milliseconds();
    SHOW_CODE(pthread_mutex_timedlock(&MUTEX, &until));
    IS(milliseconds() - begun >= 49);
    until = in_ms(CLOCK_MONOTONIC, 50);
    SHOW_CODE(pthread_mutex_clocklock(&MUTEX, CLOCK_MONOTONIC, &until));
    IS(milliseconds() - begun >= 98);
    return none;
}

static void a_normal_mutex(void) {
    SHOW_CODE(pthread_mutex_lock(&MUTEX));
    SHOW_CODE(pthread_mutex_trylock(&MUTEX));
    in_thread(try_mutex);
    SHOW_CODE(pthread_mutex_unlock(&MUTEX));
    SHOW_CODE(pthread_mutex_trylock(&MUTEX));
    SHOW_CODE(pthread_mutex_destroy(&MUTEX));
    SHOW_CODE(pthread_mutex_unlock(&MUTEX));
    SHOW_CODE(pthread_mutex_destroy(&MUTEX));
}

static void a_recursive_mutex(void) {
    of_kind(PTHREAD_MUTEX_RECURSIVE);
    SHOW_CODE(pthread_mutex_lock(&MUTEX));
    SHOW_CODE(pthread_mutex_lock(&MUTEX));
    SHOW_CODE(pthread_mutex_trylock(&MUTEX));
    SHOW_CODE(pthread_mutex_unlock(&MUTEX));
    SHOW_CODE(pthread_mutex_unlock(&MUTEX));
    in_thread(try_mutex);
    in_thread(unlock_mutex);
    SHOW_CODE(pthread_mutex_unlock(&MUTEX));
    SHOW_CODE(pthread_mutex_unlock(&MUTEX));
}

static void a_checking_mutex(void) {
    of_kind(PTHREAD_MUTEX_ERRORCHECK);
    SHOW_CODE(pthread_mutex_unlock(&MUTEX));
    SHOW_CODE(pthread_mutex_lock(&MUTEX));
    SHOW_CODE(pthread_mutex_lock(&MUTEX));
    SHOW_CODE(pthread_mutex_trylock(&MUTEX));
    in_thread(unlock_mutex);
    SHOW_CODE(pthread_mutex_unlock(&MUTEX));
}

static void a_normal_mutex_unlocked_by_another(void) {
    SHOW_CODE(pthread_mutex_lock(&MUTEX));
    in_thread(unlock_mutex);
    SHOW_CODE(pthread_mutex_trylock(&MUTEX));
}

static void a_mutex_that_stays_locked(void) {
    SHOW_CODE(pthread_mutex_lock(&MUTEX));
    in_thread(time_mutex);
}

static void *locked_ten_thousand_times(void *none) {
    for (int i = 0; i < 10000; i++) {
        pthread_mutex_lock(&MUTEX);
        COUNT++;
        pthread_mutex_unlock(&MUTEX);
    }
    return none;
}

static void a_mutex_keeps_others_out(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) MUST(pthread_create(&threads[i], NULL, locked_ten_thousand_times, NULL) == 0);
    for (int i = 0; i < 4; i++) MUST(pthread_join(threads[i], NULL) == 0);
    SHOW(COUNT);
}

static void *wait_for_count(void *none) {
    pthread_mutex_lock(&MUTEX);
    while (COUNT == 0) pthread_cond_wait(&CONDITION, &MUTEX);
    COUNT++;
    pthread_mutex_unlock(&MUTEX);
    return none;
}

static void a_broadcast_wakes_all(void) {
    pthread_t threads[5];
    for (int i = 0; i < 5; i++) MUST(pthread_create(&threads[i], NULL, wait_for_count, NULL) == 0);
    sleep_ms(20);
    pthread_mutex_lock(&MUTEX);
    COUNT = 1;
    SHOW_CODE(pthread_cond_broadcast(&CONDITION));
    pthread_mutex_unlock(&MUTEX);
    for (int i = 0; i < 5; i++) MUST(pthread_join(threads[i], NULL) == 0);
    SHOW(COUNT);
}

static void a_signal_wakes_one(void) {
    pthread_t thread;
    SHOW_CODE(pthread_cond_signal(&CONDITION));
    MUST(pthread_create(&thread, NULL, wait_for_count, NULL) == 0);
    sleep_ms(20);
    pthread_mutex_lock(&MUTEX);
    COUNT = 1;
    SHOW_CODE(pthread_cond_signal(&CONDITION));
    pthread_mutex_unlock(&MUTEX);
    SHOW_CODE(pthread_join(thread, NULL));
    SHOW(COUNT);
}

static void a_wait_times_out(void) {
    struct timespec until = in_ms(CLOCK_REALTIME, 50);
    long begun = milliseconds();
    pthread_mutex_lock(&MUTEX);
    SHOW_CODE(pthread_cond_timedwait(&CONDITION, &MUTEX, &until));
    IS(milliseconds() - begun >= 49);
    SHOW_CODE(pthread_cond_timedwait(&CONDITION, &MUTEX, &until));
    until.tv_nsec = -1;
    SHOW_CODE(pthread_cond_timedwait(&CONDITION, &MUTEX, &until));
    SHOW_CODE(pthread_mutex_trylock(&MUTEX));
}

static void a_wait_by_the_monotonic_clock(void) {
    pthread_condattr_t attributes;
    pthread_cond_t condition;
    struct timespec until = in_ms(CLOCK_MONOTONIC, 50);
    long begun = milliseconds();
    MUST(pthread_condattr_init(&attributes) == 0);
    SHOW_CODE(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    SHOW_CODE(pthread_cond_init(&condition, &attributes));
    pthread_mutex_lock(&MUTEX);
    SHOW_CODE(pthread_cond_timedwait(&condition, &MUTEX, &until));
    IS(milliseconds() - begun >= 49);
    until = in_ms(CLOCK_MONOTONIC, 50);
    SHOW_CODE(pthread_cond_clockwait(&CONDITION, &MUTEX, CLOCK_MONOTONIC, &until));
    IS(milliseconds() - begun >= 98);
    SHOW_CODE(pthread_cond_destroy(&condition));
}

static void *try_lock_for_both(void *none) {
    int code = pthread_rwlock_tryrdlock(&LOCK);
    say("read %s", error_name(code));
    if (code == 0) SHOW_CODE(pthread_rwlock_unlock(&LOCK));
    code = pthread_rwlock_trywrlock(&LOCK);
    say("write %s", error_name(code));
    if (code == 0) SHOW_CODE(pthread_rwlock_unlock(&LOCK));
    return none;
}

static void readers_share_and_writers_do_not(void) {
    in_thread(try_lock_for_both);
    SHOW_CODE(pthread_rwlock_rdlock(&LOCK));
    SHOW_CODE(pthread_rwlock_rdlock(&LOCK));
    in_thread(try_lock_for_both);
    SHOW_CODE(pthread_rwlock_unlock(&LOCK));
    SHOW_CODE(pthread_rwlock_unlock(&LOCK));
    SHOW_CODE(pthread_rwlock_wrlock(&LOCK));
    SHOW_CODE(pthread_rwlock_wrlock(&LOCK));
    SHOW_CODE(pthread_rwlock_rdlock(&LOCK));
    in_thread(try_lock_for_both);
    SHOW_CODE(pthread_rwlock_unlock(&LOCK));
}

static int SEEN;

static void *read_when_written(void *none) {
    MUST(pthread_rwlock_rdlock(&LOCK) == 0);
    SEEN = COUNT;
    MUST(pthread_rwlock_unlock(&LOCK) == 0);
    return none;
}

static void a_reader_waits_for_the_writer(void) {
    pthread_t thread;
    MUST(pthread_rwlock_wrlock(&LOCK) == 0);
    MUST(pthread_create(&thread, NULL, read_when_written, NULL) == 0);
    sleep_ms(20);
    COUNT = 7;
    SHOW_CODE(pthread_rwlock_unlock(&LOCK));
    SHOW_CODE(pthread_join(thread, NULL));
    SHOW(SEEN);
}

static void *time_lock(void *none) {
    struct timespec until = in_ms(CLOCK_REALTIME, 30);
    SHOW_CODE(pthread_rwlock_timedrdlock(&LOCK, &until));
    until = in_ms(CLOCK_REALTIME, 30);
    SHOW_CODE(pthread_rwlock_timedwrlock(&LOCK, &until));
    return none;
}

static void a_lock_that_stays_written(void) {
    MUST(pthread_rwlock_wrlock(&LOCK) == 0);
    in_thread(time_lock);
}

static void a_semaphore_counts(void) {
    int value = -1;
    SHOW(sem_init(&SEMAPHORE, 0, 2));
    SHOW(sem_trywait(&SEMAPHORE));
    SHOW(sem_wait(&SEMAPHORE));
    SHOW(sem_trywait(&SEMAPHORE));
    SHOW(sem_getvalue(&SEMAPHORE, &value));
    SHOW(value);
    SHOW(sem_post(&SEMAPHORE));
    SHOW(sem_getvalue(&SEMAPHORE, &value));
    SHOW(value);
    SHOW(sem_destroy(&SEMAPHORE));
}

static void *post_later(void *none) {
    sleep_ms(30);
    MUST(sem_post(&SEMAPHORE) == 0);
    return none;
}

static void a_semaphore_is_waited_for(void) {
    pthread_t thread;
    MUST(sem_init(&SEMAPHORE, 0, 0) == 0);
    MUST(pthread_create(&thread, NULL, post_later, NULL) == 0);
    SHOW(sem_wait(&SEMAPHORE));
    SHOW_CODE(pthread_join(thread, NULL));
}

static void a_semaphore_times_out(void) {
    struct timespec until = in_ms(CLOCK_REALTIME, 50);
    long begun = milliseconds();
    MUST(sem_init(&SEMAPHORE, 0, 0) == 0);
    SHOW(sem_timedwait(&SEMAPHORE, &until));
    IS(milliseconds() - begun >= 49);
    until = in_ms(CLOCK_MONOTONIC, 50);
    SHOW(sem_clockwait(&SEMAPHORE, CLOCK_MONOTONIC, &until));
    IS(milliseconds() - begun >= 98);
}

static pthread_barrier_t BARRIER;

static void *meet(void *none) {
    if (pthread_barrier_wait(&BARRIER) == PTHREAD_BARRIER_SERIAL_THREAD) __atomic_add_fetch(&COUNT, 1, __ATOMIC_SEQ_CST);
    return none;
}

static void a_barrier_names_one(void) {
    pthread_t threads[4];
    SHOW_CODE(pthread_barrier_init(&BARRIER, NULL, 4));
    for (int i = 0; i < 4; i++) MUST(pthread_create(&threads[i], NULL, meet, NULL) == 0);
    for (int i = 0; i < 4; i++) MUST(pthread_join(threads[i], NULL) == 0);
    SHOW(COUNT);
    SHOW_CODE(pthread_barrier_destroy(&BARRIER));
    SHOW_CODE(pthread_barrier_init(&BARRIER, NULL, 0));
}

static pthread_once_t ONCE = PTHREAD_ONCE_INIT;

static void first_time(void) {
    COUNT++;
    sleep_ms(10);
}

static void *do_once(void *none) {
    pthread_once(&ONCE, first_time);
    return none;
}

static void once_is_once(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) MUST(pthread_create(&threads[i], NULL, do_once, NULL) == 0);
    for (int i = 0; i < 4; i++) MUST(pthread_join(threads[i], NULL) == 0);
    SHOW(COUNT);
}

static void a_spin_lock(void) {
    pthread_spinlock_t spin;
    SHOW_CODE(pthread_spin_init(&spin, 0));
    SHOW_CODE(pthread_spin_lock(&spin));
    SHOW_CODE(pthread_spin_trylock(&spin));
    SHOW_CODE(pthread_spin_unlock(&spin));
    SHOW_CODE(pthread_spin_trylock(&spin));
}

GUEST(NAMED(a_normal_mutex), NAMED(a_recursive_mutex), NAMED(a_checking_mutex),
      NAMED(a_normal_mutex_unlocked_by_another), NAMED(a_mutex_that_stays_locked), NAMED(a_mutex_keeps_others_out),
      NAMED(a_broadcast_wakes_all), NAMED(a_signal_wakes_one), NAMED(a_wait_times_out),
      NAMED(a_wait_by_the_monotonic_clock), NAMED(readers_share_and_writers_do_not),
      NAMED(a_reader_waits_for_the_writer), NAMED(a_lock_that_stays_written), NAMED(a_semaphore_counts),
      NAMED(a_semaphore_is_waited_for), NAMED(a_semaphore_times_out), NAMED(a_barrier_names_one), NAMED(once_is_once),
      NAMED(a_spin_lock))
