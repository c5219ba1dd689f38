/* Clocks, sleeps and timers. */
#include <sched.h>
#include <sys/timeb.h>
#include <sys/times.h>

#include "check.h"

static long long nanoseconds(clockid_t clock) {
    struct timespec now;
    MUST(clock_gettime(clock, &now) == 0);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void clocks_never_go_back(void) {
    int back = 0;
    long long last[2] = {0, 0};
    for (int i = 0; i < 1000; i++) {
        long long now[2] = {nanoseconds(CLOCK_MONOTONIC), nanoseconds(CLOCK_REALTIME)};
        back += now[0] < last[0] || now[1] < last[1];
        last[0] = now[0];
        last[1] = now[1];
    }
    SHOW(back);
}

static void clocks_agree(void) {
    struct timeval day;
    struct timespec spec;
    long long begun = nanoseconds(CLOCK_REALTIME) / 1000000000;
    MUST(gettimeofday(&day, NULL) == 0);
    IS(timespec_get(&spec, TIME_UTC) == TIME_UTC);
    time_t seconds = time(NULL), stored;
    IS(time(&stored) >= seconds && stored >= seconds);
    IS(begun - day.tv_sec <= 1 && day.tv_sec - begun <= 5);
    IS(begun - spec.tv_sec <= 1 && spec.tv_sec - begun <= 5);
    IS(begun - seconds <= 1 && seconds - begun <= 5);
    long long coarse = nanoseconds(CLOCK_REALTIME_COARSE) / 1000000000;
    IS(begun - coarse <= 1 && coarse - begun <= 5);
    IS(nanoseconds(CLOCK_MONOTONIC_RAW) > 0);
    IS(nanoseconds(CLOCK_BOOTTIME) > 0);
}

static void it_is_a_year_of_this_century(void) {
    time_t now = time(NULL);
    struct tm broken;
    IS(localtime_r(&now, &broken) == &broken);
    IS(broken.tm_year >= 100 && broken.tm_year < 200);
    IS(mktime(&broken) == now);
}

static void clocks_that_do_not_exist(void) {
    struct timespec now;
    SHOW(clock_gettime(77, &now));
    SHOW(clock_getres(77, &now));
    SHOW(clock_getres(CLOCK_MONOTONIC, &now));
    SHOW(now.tv_sec);
    SHOW(now.tv_nsec);
    SHOW(clock_getres(CLOCK_REALTIME, NULL));
    SHOW_CODE(clock_nanosleep(77, 0, &now, NULL));
    IS(timespec_get(&now, 77) == 0);
}

static void computing_is_not_sleeping(void) {
    long long begun = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(100);
    IS(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - begun < 50000000);
    IS(nanoseconds(CLOCK_THREAD_CPUTIME_ID) - begun < 50000000);
    struct rusage usage;
    SHOW(getrusage(RUSAGE_SELF, &usage));
    IS(clock() >= 0);
    struct tms ticks;
    IS(times(&ticks) != (clock_t)-1);
    SHOW(getrusage(77, &usage));
}

/* How long something took, in whole milliseconds; native figures vary, simulated ones do not. */
static void took(const char *what, long long begun) {
    say("%s took %lld ms", what, (nanoseconds(CLOCK_MONOTONIC) - begun) / 1000000);
}

static void lengths_of_sleeps(void) {
    struct timespec time = {.tv_nsec = 25000000};
    long long begun = nanoseconds(CLOCK_MONOTONIC);
    SHOW(nanosleep(&time, NULL));
    took("nanosleep", begun);
    SHOW(usleep(30000));
    took("usleep", begun);
    SHOW(sleep(2));
    took("sleep", begun);
    SHOW_CODE(clock_nanosleep(CLOCK_REALTIME, 0, &time, NULL));
    took("clock_nanosleep", begun);
    SHOW(poll(NULL, 0, 45));
    took("poll", begun);
}

static void sleeps_last(void) {
    struct timespec time = {.tv_nsec = 25000000};
    long long begun = nanoseconds(CLOCK_MONOTONIC);
    SHOW(nanosleep(&time, NULL));
    IS(nanoseconds(CLOCK_MONOTONIC) - begun >= 25000000);
    SHOW(usleep(30000));
    IS(nanoseconds(CLOCK_MONOTONIC) - begun >= 55000000);
    time.tv_nsec = 0;
    SHOW(nanosleep(&time, NULL));
}

static void sleeps_of_no_length(void) {
    struct timespec time = {.tv_nsec = 1000000000};
    SHOW(nanosleep(&time, NULL));
    time.tv_nsec = -1;
    SHOW(nanosleep(&time, NULL));
    time = (struct timespec){.tv_sec = -1};
    SHOW(nanosleep(&time, NULL));
    SHOW_CODE(clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL));
    SHOW(usleep(0));
    SHOW(sleep(0));
}

static void sleeping_until(void) {
    for (int clock = 0; clock < 2; clock++) {
        struct timespec until;
        clockid_t id = clock ? CLOCK_MONOTONIC : CLOCK_REALTIME;
        MUST(clock_gettime(id, &until) == 0);
        long long begun = nanoseconds(id);
        until.tv_nsec += 40000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        SHOW_CODE(clock_nanosleep(id, TIMER_ABSTIME, &until, NULL));
        IS(nanoseconds(id) - begun >= 39000000);
        SHOW_CODE(clock_nanosleep(id, TIMER_ABSTIME, &until, NULL));
    }
}

static void an_alarm_rings(void) {
    handle(SIGALRM, 0);
    SHOW(alarm(100));
    SHOW(alarm(1));
    long long begun = nanoseconds(CLOCK_MONOTONIC);
    SHOW(pause());
    IS(nanoseconds(CLOCK_MONOTONIC) - begun >= 900000000);
    SHOW(HANDLED);
    SHOW(alarm(0));
}

static void an_alarm_is_taken_back(void) {
    handle(SIGALRM, 0);
    SHOW(alarm(1));
    SHOW(alarm(0));
    sleep_ms(1200);
    SHOW(HANDLED);
}

static void an_alarm_that_nobody_handles_kills(void) {
    say("before");
    alarm(1);
    sleep_ms(5000);
    say("not reached");
}

static void an_interval_timer_rings_again(void) {
    struct itimerval time = {.it_value = {.tv_usec = 50000}, .it_interval = {.tv_usec = 50000}}, old;
    handle(SIGALRM, 0);
    SHOW(setitimer(ITIMER_REAL, &time, NULL));
    while (HANDLED < 3) pause();
    SHOW(getitimer(ITIMER_REAL, &old));
    SHOW(old.it_interval.tv_usec);
    IS(old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 50000);
    memset(&time, 0, sizeof time);
    SHOW(setitimer(ITIMER_REAL, &time, &old));
    SHOW(getitimer(ITIMER_REAL, &old));
    SHOW(old.it_value.tv_usec);
    SHOW(setitimer(77, &time, NULL));
}

static void an_alarm_interrupts_a_read(void) {
    int ends[2];
    char byte;
    MUST(pipe(ends) == 0);
    handle(SIGALRM, 0);
    alarm(1);
    SHOW(read(ends[0], &byte, 1));
    SHOW(HANDLED);
}

static void a_timer_of_the_process(void) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec time = {.it_value = {.tv_nsec = 50000000}};
    handle(SIGUSR1, 0);
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    SHOW(timer_settime(timer, 0, &time, NULL));
    sleep_ms(100);
    SHOW(HANDLED);
    SHOW(timer_delete(timer));
}

static void waiting_for_time_ends(void) {
    long long begun = nanoseconds(CLOCK_MONOTONIC);
    while (nanoseconds(CLOCK_MONOTONIC) - begun < 20000000) {}
    say("20 ms are over");
    time_t second = time(NULL);
    while (time(NULL) < second + 2) {}
    say("a second is over");
}

GUEST(NAMED(clocks_never_go_back), NAMED(clocks_agree), NAMED(it_is_a_year_of_this_century),
      NAMED(clocks_that_do_not_exist), NAMED(computing_is_not_sleeping), NAMED(lengths_of_sleeps), NAMED(sleeps_last),
      NAMED(sleeps_of_no_length), NAMED(sleeping_until), NAMED(an_alarm_rings), NAMED(an_alarm_is_taken_back),
      NAMED(an_alarm_that_nobody_handles_kills), NAMED(an_interval_timer_rings_again),
      NAMED(an_alarm_interrupts_a_read), NAMED(a_timer_of_the_process), NAMED(waiting_for_time_ends))
