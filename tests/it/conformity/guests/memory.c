/* Memory: given, resized, aligned and taken back, by threads and in children too. */
#include <malloc.h>

#include "check.h"

/* A fixed sequence of sizes from a few bytes to some hundred thousand. */
static size_t size_of(unsigned i) {
    unsigned draw = i * 2654435761u;
    return (draw >> 8) % (1u << (draw % 19));
}

static void fill(unsigned char *memory, size_t size, unsigned i) {
    for (size_t at = 0; at < size; at++) memory[at] = (unsigned char)(i + at);
}

static int is_filled(const unsigned char *memory, size_t size, unsigned i) {
    for (size_t at = 0; at < size; at++)
        if (memory[at] != (unsigned char)(i + at)) return 0;
    return 1;
}

static void blocks_do_not_overlap(void) {
    enum { COUNT = 3000 };
    static unsigned char *blocks[COUNT];
    int whole = 1, aligned = 1, roomy = 1;
    for (unsigned i = 0; i < 4 * COUNT; i++) {
        unsigned slot = i * 7 % COUNT, before = i - COUNT;
        if (i >= COUNT) {
            whole &= is_filled(blocks[slot], size_of(before * 7 % COUNT), before * 7 % COUNT);
            free(blocks[slot]);
        }
        blocks[slot] = malloc(size_of(slot));
        aligned &= (uintptr_t)blocks[slot] % 16 == 0;
        roomy &= malloc_usable_size(blocks[slot]) >= size_of(slot);
        fill(blocks[slot], size_of(slot), slot);
    }
    IS(whole && aligned && roomy);
}

static void cleared_memory_is_clear_after_use(void) {
    int clear = 1;
    for (unsigned i = 0; i < 2000; i++) {
        size_t size = size_of(i);
        unsigned char *memory = calloc(1, size);
        for (size_t at = 0; at < size; at++) clear &= memory[at] == 0;
        fill(memory, size, i + 1);
        free(memory);
    }
    IS(clear);
}

static void resizing_keeps_what_there_is(void) {
    unsigned char *memory = NULL;
    size_t size = 0;
    int kept = 1;
    for (unsigned i = 1; i < 2000; i++) {
        size_t wanted = size_of(i) + 1;
        memory = realloc(memory, wanted);
        kept &= is_filled(memory, size < wanted ? size : wanted, 9);
        fill(memory, wanted, 9);
        size = wanted;
    }
    IS(kept);
    memory = realloc(memory, 40 << 20);
    IS(is_filled(memory, size, 9));
    IS(realloc(memory, 0) == NULL);
}

static void alignments_are_kept(void) {
    int aligned = 1, kept = 1;
    for (size_t alignment = 8; alignment <= 1 << 16; alignment *= 2) {
        unsigned char *by_name = NULL, *by_number = memalign(alignment, 1000);
        SHOW_CODE(posix_memalign((void **)&by_name, alignment, 777));
        aligned &= (uintptr_t)by_name % alignment == 0 && (uintptr_t)by_number % alignment == 0;
        fill(by_name, 777, 3);
        fill(by_number, 1000, 4);
        by_name = realloc(by_name, 5000);
        kept &= is_filled(by_name, 777, 3) && is_filled(by_number, 1000, 4);
        free(by_name);
        free(by_number);
    }
    IS(aligned && kept);
    void *unchanged = &aligned;
    SHOW_CODE(posix_memalign(&unchanged, 24, 8));
    IS(unchanged == &aligned);
}

static void too_much_is_refused(void) {
    volatile size_t most = SIZE_MAX / 2;
    errno = 0;
    IS(malloc(most) == NULL && errno == ENOMEM);
    errno = 0;
    IS(calloc(most, 4) == NULL && errno == ENOMEM);
    unsigned char *memory = malloc(100);
    fill(memory, 100, 1);
    errno = 0;
    unsigned char *more = realloc(memory, most);
    IS(more == NULL && errno == ENOMEM);
    if (more == NULL) IS(is_filled(memory, 100, 1));
}

static void nothing_is_something_too(void) {
    void *one = malloc(0), *other = calloc(0, 7);
    IS(one != NULL && other != NULL && one != other);
    free(one);
    free(other);
    free(NULL);
    SHOW(malloc_usable_size(NULL));
}

/* What there is to give back is the allocator's affair; the memory in use stays as it is. */
static void a_heap_is_trimmed_and_tuned(void) {
    unsigned char *memory = malloc(100000);
    fill(memory, 100000, 3);
    int trimmed = malloc_trim(0);
    IS(trimmed == 0 || trimmed == 1);
    IS(mallopt(M_TRIM_THRESHOLD, 1 << 20) == 1);
    IS(is_filled(memory, 100000, 3));
    free(memory);
}

static void *give_and_take(void *number) {
    for (unsigned i = 0; i < 500; i++) {
        unsigned char *memory = malloc(size_of(i));
        fill(memory, size_of(i), i);
        if (i % 50 == 0) sleep_ms(1);
        if (!is_filled(memory, size_of(i), i)) return NULL;
        free(memory);
    }
    return number;
}

static void threads_share_memory_in_peace(void) {
    pthread_t threads[8];
    int number = 0;
    for (int i = 0; i < 8; i++) MUST(pthread_create(&threads[i], NULL, give_and_take, &number) == 0);
    for (int i = 0; i < 8; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        IS(result == &number);
    }
}

static void a_child_has_memory_of_its_own(void) {
    unsigned char *memory = malloc(100000);
    fill(memory, 100000, 1);
    pid_t child = fork();
    if (child == 0) {
        fill(memory, 100000, 2);
        free(memory);
        _exit(give_and_take(&child) == &child ? 7 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    say_status("child", status);
    IS(is_filled(memory, 100000, 1));
}

static void the_c_librarys_memory_is_freed_by_its_user(void) {
    char *copy = strdup("a word"), *line = NULL;
    IS(strcmp(copy, "a word") == 0);
    free(copy);
    size_t room = 0;
    FILE *file = fmemopen("one line\n", 9, "r");
    SHOW(getline(&line, &room, file));
    line = realloc(line, 10000);
    IS(strcmp(line, "one line\n") == 0);
    free(line);
    fclose(file);
}

GUEST(NAMED(blocks_do_not_overlap), NAMED(cleared_memory_is_clear_after_use), NAMED(resizing_keeps_what_there_is),
      NAMED(alignments_are_kept), NAMED(too_much_is_refused), NAMED(nothing_is_something_too), NAMED(a_heap_is_trimmed_and_tuned),
      NAMED(threads_share_memory_in_peace), NAMED(a_child_has_memory_of_its_own),
      NAMED(the_c_librarys_memory_is_freed_by_its_user))
