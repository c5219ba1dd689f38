/* Children: forked, waited for, and other programs started. */
#include <spawn.h>

#include "check.h"

extern char **environ;

static int STATUS;

static pid_t child_that_exits(int code) {
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) _exit(code);
    return child;
}

static void exit_codes_come_back(void) {
    pid_t child = child_that_exits(0);
    IS(waitpid(child, &STATUS, 0) == child);
    say_status("child", STATUS);
    child = child_that_exits(255);
    IS(wait(&STATUS) == child);
    say_status("child", STATUS);
    child = child_that_exits(256 + 3);
    IS(wait4(child, &STATUS, 0, NULL) == child);
    say_status("child", STATUS);
}

static void deaths_come_back(void) {
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(100000);
        _exit(0);
    }
    SHOW(kill(child, 0));
    SHOW(kill(child, SIGTERM));
    IS(waitpid(child, &STATUS, 0) == child);
    say_status("child", STATUS);
    SHOW(kill(child, 0));
}

static void killed_while_it_sleeps(void) {
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(100000);
        _exit(0);
    }
    sleep_ms(20);
    SHOW(kill(child, SIGKILL));
    IS(waitpid(child, &STATUS, 0) == child);
    say_status("child", STATUS);
}

static void nobody_to_wait_for(void) {
    SHOW(wait(&STATUS));
    SHOW(waitpid(-1, &STATUS, WNOHANG));
    SHOW(waitpid(getpid(), &STATUS, 0));
    pid_t child = child_that_exits(1);
    SHOW(waitpid(child + 1000, &STATUS, 0));
    IS(waitpid(child, &STATUS, 0) == child);
    SHOW(waitpid(child, &STATUS, 0));
    SHOW(waitpid(child, &STATUS, 12345));
}

static void not_waiting(void) {
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(100);
        _exit(2);
    }
    SHOW(waitpid(child, &STATUS, WNOHANG));
    pid_t got;
    while ((got = waitpid(child, &STATUS, WNOHANG)) == 0) sleep_ms(10);
    IS(got == child);
    say_status("child", STATUS);
}

static void several_in_any_order(void) {
    int codes = 0;
    for (int i = 0; i < 5; i++) {
        if (fork() == 0) {
            sleep_ms(10 * (5 - i));
            _exit(1 << i);
        }
    }
    for (int i = 0; i < 5; i++) {
        MUST(wait(&STATUS) > 0);
        codes += WEXITSTATUS(STATUS);
    }
    SHOW(codes);
    SHOW(wait(&STATUS));
}

static void the_one_asked_for(void) {
    pid_t first = child_that_exits(1), second = child_that_exits(2);
    IS(waitpid(second, &STATUS, 0) == second);
    say_status("second", STATUS);
    IS(waitpid(first, &STATUS, 0) == first);
    say_status("first", STATUS);
}

static void waited_for_by_id(void) {
    siginfo_t info = {0};
    pid_t child = child_that_exits(3);
    SHOW(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    IS(info.si_pid == child);
    SHOW(info.si_status);
    IS(info.si_code == CLD_EXITED);
    SHOW(waitid(P_PID, child, &info, WEXITED));
    SHOW(waitid(P_PID, child, &info, WEXITED));
}

static void parent_and_child_know_each_other(void) {
    pid_t parent = getpid(), told;
    int ends[2];
    MUST(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        pid_t mine = getpid();
        MUST(write(ends[1], &mine, sizeof mine) == sizeof mine);
        IS(getppid() == parent);
        IS(getpid() != parent);
        IS(gettid() == getpid());
        _exit(0);
    }
    MUST(waitpid(child, NULL, 0) == child);
    MUST(read(ends[0], &told, sizeof told) == sizeof told);
    IS(told == child);
    IS(getpid() == parent);
}

static void memory_is_its_own(void) {
    static int value = 1;
    char *heap = malloc(100);
    strcpy(heap, "parent");
    pid_t child = fork();
    if (child == 0) {
        value = 2;
        strcpy(heap, "child");
        _exit(value);
    }
    MUST(waitpid(child, &STATUS, 0) == child);
    say_status("child", STATUS);
    SHOW(value);
    say("%s", heap);
}

static void descriptors_are_shared(void) {
    int file = open("file", O_RDWR | O_CREAT, 0600);
    if (fork() == 0) {
        MUST(write(file, "child", 5) == 5);
        close(file);
        _exit(0);
    }
    MUST(wait(NULL) > 0);
    SHOW(lseek(file, 0, SEEK_CUR));
    SHOW(write(file, "parent", 6));
    SHOW(lseek(file, 0, SEEK_END));
}

static void a_connection_outlives_one_of_two(void) {
    int client, server;
    char room[8];
    connected(&client, &server);
    pid_t child = fork();
    if (child == 0) {
        close(server);
        MUST(write(client, "child", 5) == 5);
        _exit(0);
    }
    MUST(waitpid(child, NULL, 0) == child);
    SHOW(write(client, "me", 2));
    close(client);
    SHOW(recv(server, room, 7, MSG_WAITALL));
    SHOW(read(server, room, 1));
}

static void a_grandchild(void) {
    pid_t child = fork();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) _exit(4);
        MUST(waitpid(grandchild, &STATUS, 0) == grandchild);
        _exit(WEXITSTATUS(STATUS) + 1);
    }
    MUST(waitpid(child, &STATUS, 0) == child);
    say_status("child", STATUS);
    SHOW(wait(&STATUS));
}

static void left(void) { say("left %s", "me"); }

static void leaving_in_order(void) {
    atexit(left);
    pid_t child = fork();
    if (child == 0) exit(1);
    MUST(waitpid(child, &STATUS, 0) == child);
    say_status("child", STATUS);
}

static void signals_between_them(void) {
    handle(SIGUSR1, 0);
    pid_t child = fork();
    if (child == 0) {
        while (!HANDLED) sleep_ms(5);
        _exit(5);
    }
    SHOW(kill(child, SIGUSR1));
    MUST(waitpid(child, &STATUS, 0) == child);
    say_status("child", STATUS);
    SHOW(HANDLED);
}

static void seven_at_once(void) {
    for (int i = 0; i < 7; i++) {
        if (fork() == 0) {
            sleep_ms(50);
            _exit(0);
        }
    }
    int ended = 0;
    while (wait(&STATUS) > 0) ended++;
    SHOW(ended);
}

static void a_hundred_one_after_another(void) {
    int sum = 0;
    for (int i = 0; i < 100; i++) {
        MUST(waitpid(child_that_exits(i % 7), &STATUS, 0) > 0);
        sum += WEXITSTATUS(STATUS);
    }
    SHOW(sum);
}

/* What a program that is started by another says: its arguments and environment. */
static void started(void) {
    const char *value = getenv("PASSED");
    say("started with %s", value ? value : "nothing");
    IS(getpid() > 1);
    sleep_ms(10);
    exit(17);
}

static void another_program_takes_its_place(void) {
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {"guest", "started", (char *)ADDRESS, NULL};
        char *with[] = {"PASSED=this", NULL};
        execve("/proc/self/exe", arguments, with);
        _exit(99);
    }
    MUST(waitpid(child, &STATUS, 0) == child);
    say_status("child", STATUS);
}

static void the_same_process_goes_on(void) {
    char *arguments[] = {"guest", "started", (char *)ADDRESS, NULL};
    MUST(setenv("PASSED", "its environment", 1) == 0);
    execv("/proc/self/exe", arguments);
    say("not reached");
}

static void no_such_program(void) {
    char *arguments[] = {"none", NULL};
    pid_t child;
    SHOW(execv("/nowhere/none", arguments));
    SHOW(execv("/", arguments));
    SHOW(execvp("surely-no-such-program", arguments));
    SHOW_CODE(posix_spawn(&child, "/nowhere/none", NULL, NULL, arguments, environ));
}

static void spawned(void) {
    char *arguments[] = {"guest", "started", (char *)ADDRESS, NULL};
    pid_t child;
    int code = posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ);
    // The child speaks first, or they speak in any order.
    IS(waitpid(child, &STATUS, 0) == child);
    SHOW_CODE(code);
    say_status("child", STATUS);
}

static void the_shell_runs_it(void) {
    int status = system("exit 3");
    say_status("shell", status);
    SHOW(system(NULL) != 0);
}

static void a_programs_output_is_read(void) {
    char line[32] = "";
    FILE *pipe = popen("echo heard", "r");
    IS(pipe != NULL);
    IS(fgets(line, sizeof line, pipe) != NULL);
    say("%s", strcmp(line, "heard\n") == 0 ? "heard" : "not heard");
    SHOW(pclose(pipe));
}

static void vforked(void) {
    pid_t child = vfork();
    if (child == 0) _exit(6);
    IS(waitpid(child, &STATUS, 0) == child);
    say_status("child", STATUS);
}

static void foreign_processes_cannot_be_reached(void) {
    SHOW(kill(7777777, 0));
    SHOW(kill(7777777, SIGKILL));
    SHOW(getpgid(0) >= 0);
    SHOW(getpgrp() == getpgid(getpid()));
}

GUEST(NAMED(exit_codes_come_back), NAMED(deaths_come_back), NAMED(killed_while_it_sleeps), NAMED(nobody_to_wait_for),
      NAMED(not_waiting), NAMED(several_in_any_order), NAMED(the_one_asked_for), NAMED(waited_for_by_id),
      NAMED(parent_and_child_know_each_other), NAMED(memory_is_its_own), NAMED(descriptors_are_shared),
      NAMED(a_connection_outlives_one_of_two), NAMED(a_grandchild), NAMED(leaving_in_order),
      NAMED(signals_between_them), NAMED(seven_at_once), NAMED(a_hundred_one_after_another), NAMED(started),
      NAMED(another_program_takes_its_place), NAMED(the_same_process_goes_on), NAMED(no_such_program), NAMED(spawned),
      NAMED(the_shell_runs_it), NAMED(a_programs_output_is_read), NAMED(vforked),
      NAMED(foreign_processes_cannot_be_reached))
