/* Files and folders, and those that the kernel makes up. */
#include <dirent.h>
#include <sys/file.h>
#include <sys/mman.h>

#include "check.h"

static char ROOM[256];

static int made(const char *name, const char *text) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    MUST(fd >= 0);
    MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    return fd;
}

static void written_and_read_at_places(void) {
    int fd = made("file", "0123456789");
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(pwrite(fd, "ab", 2, 3));
    SHOW(pread(fd, ROOM, 5, 2));
    say("%.5s", ROOM);
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, -2, SEEK_END));
    SHOW(read(fd, ROOM, 10));
    SHOW(read(fd, ROOM, 10));
    SHOW(lseek(fd, -20, SEEK_CUR));
    SHOW(pread(fd, ROOM, 5, -1));
}

static void vectors_at_places(void) {
    struct iovec out[2] = {{"abc", 3}, {"def", 3}}, in[2] = {{ROOM, 2}, {ROOM + 2, 4}};
    int fd = made("file", "");
    SHOW(pwritev(fd, out, 2, 4));
    SHOW(preadv(fd, in, 2, 4));
    say("%.6s", ROOM);
    SHOW(writev(fd, out, 2));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(readv(fd, in, 2));
}

static void appended(void) {
    int fd = made("file", "begin");
    close(fd);
    fd = open("file", O_WRONLY | O_APPEND);
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(write(fd, " end", 4));
    SHOW(read(fd, ROOM, 1));
    fd = open("file", O_RDONLY);
    SHOW(read(fd, ROOM, sizeof ROOM));
    SHOW(write(fd, "x", 1));
}

static void opened_or_not(void) {
    made("file", "x");
    SHOW(open("none", O_RDONLY));
    SHOW(open("file", O_RDWR | O_CREAT | O_EXCL, 0600));
    SHOW(mkdir("folder", 0700));
    SHOW(open("folder", O_RDWR));
    SHOW(open("file/below", O_RDONLY));
    SHOW(mkdir("folder", 0700));
    SHOW(rmdir("none"));
    SHOW(rmdir("folder"));
    SHOW(access("file", R_OK | W_OK));
    SHOW(access("folder", F_OK));
}

static void cut_and_grown(void) {
    struct stat status;
    int fd = made("file", "0123456789");
    SHOW(ftruncate(fd, 4));
    SHOW(fstat(fd, &status));
    SHOW(status.st_size);
    SHOW(truncate("file", 100));
    SHOW(stat("file", &status));
    SHOW(status.st_size);
    SHOW(ftruncate(fd, -1));
    SHOW(pread(fd, ROOM, 8, 2));
    IS(memcmp(ROOM, "23\0\0\0\0\0\0", 8) == 0);
    SHOW_CODE(posix_fallocate(fd, 0, 5000));
    SHOW(lseek(fd, 0, SEEK_END));
}

static void renamed(void) {
    made("one", "first");
    made("two", "second");
    SHOW(rename("one", "two"));
    SHOW(access("one", F_OK));
    int fd = open("two", O_RDONLY);
    SHOW(read(fd, ROOM, sizeof ROOM));
    SHOW(rename("none", "two"));
    SHOW(mkdir("folder", 0700));
    SHOW(rename("two", "folder"));
    SHOW(rename("two", "folder/three"));
    SHOW(renameat(AT_FDCWD, "folder/three", AT_FDCWD, "four"));
    SHOW(access("four", F_OK));
}

static void removed_but_open(void) {
    struct stat status;
    int fd = made("file", "still here");
    SHOW(unlink("file"));
    SHOW(unlink("file"));
    SHOW(pread(fd, ROOM, 5, 6));
    SHOW(fstat(fd, &status));
    SHOW(status.st_nlink);
    SHOW(mkdir("folder", 0700));
    SHOW(unlink("folder"));
    SHOW(remove("folder"));
}

static void linked(void) {
    struct stat status;
    made("file", "text");
    SHOW(link("file", "other"));
    SHOW(symlink("file", "sign"));
    SHOW(stat("sign", &status));
    SHOW(status.st_nlink);
    SHOW(lstat("sign", &status));
    IS(S_ISLNK(status.st_mode));
    SHOW(readlink("sign", ROOM, sizeof ROOM));
    say("%.4s", ROOM);
    SHOW(readlink("file", ROOM, sizeof ROOM));
}

static void modes_are_kept(void) {
    struct stat status;
    SHOW(umask(027));
    int fd = open("file", O_RDWR | O_CREAT, 0666);
    SHOW(fstat(fd, &status));
    SHOW(status.st_mode & 0777);
    SHOW(chmod("file", 0600));
    SHOW(stat("file", &status));
    SHOW(status.st_mode & 0777);
    SHOW(fchmod(fd, 0640));
    SHOW(umask(022));
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void folders_are_listed(void) {
    char *names[10];
    int count = 0;
    made("b", "");
    made("a", "");
    MUST(mkdir("c", 0700) == 0);
    DIR *folder = opendir(".");
    IS(folder != NULL);
    for (struct dirent *entry; count < 10 && (entry = readdir(folder));) names[count++] = strdup(entry->d_name);
    SHOW(closedir(folder));
    qsort(names, count, sizeof *names, by_name);
    for (int i = 0; i < count; i++) say("%s", names[i]);
    IS(opendir("none") == NULL);
    say("%s", error_name(errno));
}

static void the_folder_one_is_in(void) {
    char begin[256], now[256];
    IS(getcwd(begin, sizeof begin) == begin);
    IS(begin[0] == '/');
    SHOW(mkdir("below", 0700));
    SHOW(chdir("below"));
    made("file", "x");
    IS(getcwd(now, sizeof now) == now);
    IS(strncmp(now, begin, strlen(begin)) == 0);
    IS(strcmp(now + strlen(begin), "/below") == 0);
    SHOW(chdir(".."));
    SHOW(access("below/file", F_OK));
    IS(getcwd(now, 2) == NULL);
    say("%s", error_name(errno));
    IS(getcwd(NULL, 0) != NULL);
    SHOW(chdir("none"));
}

static void a_path_from_the_root(void) {
    char here[256], path[300];
    MUST(getcwd(here, sizeof here) == here);
    snprintf(path, sizeof path, "%s/file", here);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    IS(fd >= 0);
    SHOW(access("file", F_OK));
}

static void all_calls_know_paths_from_the_root(void) {
    char here[256], path[300], other[300], folder[300];
    MUST(getcwd(here, sizeof here) == here);
    snprintf(path, sizeof path, "%s/file", here);
    snprintf(other, sizeof other, "%s/other", here);
    snprintf(folder, sizeof folder, "%s/folder", here);
    FILE *stream = fopen(path, "w");
    MUST(stream != NULL);
    SHOW(fwrite("0123456789", 1, 10, stream));
    SHOW(fclose(stream));
    SHOW(rename(path, other));
    SHOW(access(path, F_OK));
    SHOW(access("other", F_OK));
    SHOW(truncate(other, 4));
    SHOW(mkdir(folder, 0700));
    SHOW(access("folder", F_OK));
    SHOW(rmdir(folder));
    SHOW(unlink(other));
    SHOW(access("other", F_OK));
    DIR *listing = opendir(here);
    IS(listing != NULL);
    int fd = open(here, O_RDONLY);
    SHOW(fsync(fd));
}

static void made_anew(void) {
    struct iovec out[2] = {{"abc", 3}, {"def", 3}};
    made("file", "0123456789");
    int fd = creat("file", 0600);
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(writev(fd, out, 2));
    SHOW(pwrite(fd, "xy", 2, 1));
    SHOW(read(fd, ROOM, 1));
    SHOW(fsync(fd));
    SHOW(close(fd));
    SHOW(fsync(fd));
    fd = open("file", O_RDONLY);
    SHOW(read(fd, ROOM, sizeof ROOM));
    say("%.6s", ROOM);
    SHOW(pwrite(fd, "xy", 2, 1));
    SHOW(ftruncate(fd, 1));
    SHOW(rename("none", "file"));
    SHOW(unlink("none"));
    SHOW(creat("none/file", 0600));
}

static void written_through_a_stream(void) {
    FILE *stream = fopen("file", "w");
    MUST(stream != NULL);
    SHOW(fwrite("0123", 4, 1, stream));
    SHOW(fwrite("456789", 2, 3, stream));
    SHOW(fwrite("", 0, 3, stream));
    SHOW(fflush(stream));
    SHOW(fdatasync(fileno(stream)));
    SHOW(ftell(stream));
    SHOW(fclose(stream));
    stream = fopen("file", "r");
    MUST(stream != NULL);
    SHOW(fwrite("x", 1, 1, stream));
    IS(fopen("none/file", "w") == NULL);
    IS(fopen("none", "r") == NULL);
}

static void temporary_files_have_names_of_their_own(void) {
    char one[] = "temp-XXXXXX", two[] = "temp-XXXXXX", folder[] = "dir-XXXXXX", bad[] = "temp";
    IS(mkstemp(one) >= 0);
    IS(mkstemp(two) >= 0);
    IS(strcmp(one, two) != 0);
    SHOW(access(one, R_OK | W_OK));
    IS(mkdtemp(folder) == folder);
    SHOW(mkstemp(bad));
    IS(tmpfile() != NULL);
}

static void locked_files(void) {
    int one = made("file", "x"), two = open("file", O_RDWR);
    SHOW(flock(one, LOCK_EX | LOCK_NB));
    SHOW(flock(two, LOCK_EX | LOCK_NB));
    SHOW(flock(one, LOCK_UN));
    SHOW(flock(two, LOCK_SH | LOCK_NB));
    SHOW(flock(one, LOCK_SH | LOCK_NB));
    SHOW(flock(777, LOCK_SH));
    struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    SHOW(fcntl(one, F_SETLK, &record));
    SHOW(fcntl(two, F_GETLK, &record));
    IS(record.l_type == F_UNLCK);
}

static void synchronised(void) {
    int fd = made("file", "text");
    SHOW(fsync(fd));
    SHOW(fdatasync(fd));
    SHOW(sync_file_range(fd, 0, 4, SYNC_FILE_RANGE_WRITE));
    SHOW(fsync(777));
    SHOW(fdatasync(-1));
}

static void streams(void) {
    FILE *file = fopen("file", "w+");
    IS(file != NULL);
    IS(fprintf(file, "%s %d\n", "line", 7) == 7);
    SHOW(fflush(file));
    rewind(file);
    IS(fgets(ROOM, sizeof ROOM, file) == ROOM);
    say("%.6s", ROOM);
    IS(fgets(ROOM, sizeof ROOM, file) == NULL);
    IS(feof(file) != 0);
    SHOW(fseek(file, 0, SEEK_END));
    SHOW(ftell(file));
    SHOW(fclose(file));
    IS(fopen("none", "r") == NULL);
    say("%s", error_name(errno));
}

static void mapped(void) {
    int fd = made("file", "0123456789");
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    IS(map != MAP_FAILED);
    map[3] = 'x';
    SHOW(msync(map, 4096, MS_SYNC));
    SHOW(pread(fd, ROOM, 5, 0));
    say("%.5s", ROOM);
    SHOW(munmap(map, 4096));
}

static void copied_by_the_kernel(void) {
    int from = made("from", "0123456789"), to = made("to", "");
    off_t at = 2;
    SHOW(copy_file_range(from, &at, to, NULL, 5, 0));
    SHOW(at);
    SHOW(pread(to, ROOM, 10, 0));
    say("%.5s", ROOM);
}

static void random_bytes(void) {
    unsigned char other[64];
    int fd = open("/dev/urandom", O_RDONLY);
    IS(fd >= 0);
    SHOW(read(fd, ROOM, 64));
    SHOW(read(fd, other, 64));
    IS(memcmp(ROOM, other, 64) != 0);
    static char large[8192];
    SHOW(read(fd, large, sizeof large));
    SHOW(close(fd));
    FILE *file = fopen("/dev/urandom", "r");
    IS(file != NULL);
    IS(fread(other, 1, 64, file) == 64);
    IS(memcmp(ROOM, other, 64) != 0);
}

static void the_null_and_zero_devices(void) {
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY);
    SHOW(write(null, "gone", 4));
    SHOW(read(null, ROOM, 4));
    ROOM[0] = 'x';
    SHOW(read(zero, ROOM, 4));
    SHOW(ROOM[0]);
}

static long field_of(const char *path, const char *begin) {
    char line[256];
    FILE *file = fopen(path, "r");
    if (!file) return -2;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, begin, strlen(begin)) == 0) return strtol(line + strlen(begin), NULL, 10);
    return -3;
}

static void what_the_kernel_says_of_this_process(void) {
    char path[64];
    IS(field_of("/proc/self/stat", "") == getpid());
    IS(field_of("/proc/self/status", "Pid:") == getpid());
    IS(field_of("/proc/self/status", "VmRSS:") > 0);
    snprintf(path, sizeof path, "/proc/%d/stat", getpid());
    IS(field_of(path, "") == getpid());
    snprintf(path, sizeof path, "/proc/%d/status", getpid());
    IS(field_of(path, "Pid:") == getpid());
}

static int listed(const char *path) {
    int count = 0;
    DIR *folder = opendir(path);
    if (!folder) return -1;
    for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void *sleep_long(void *none) {
    sleep(1000);
    return none;
}

static void its_threads_are_listed(void) {
    char path[64];
    pthread_t thread;
    SHOW(listed("/proc/self/task"));
    MUST(pthread_create(&thread, NULL, sleep_long, NULL) == 0);
    SHOW(listed("/proc/self/task"));
    snprintf(path, sizeof path, "/proc/%d/task", getpid());
    SHOW(listed(path));
    snprintf(path, sizeof path, "/proc/self/task/%d", getpid());
    SHOW(access(path, F_OK));
}

static void a_foreign_process_says_nothing(void) {
    SHOW(access("/proc/7777777", F_OK));
    SHOW(open("/proc/7777777/stat", O_RDONLY));
}

static void its_program_has_a_name(void) {
    IS(readlink("/proc/self/exe", ROOM, sizeof ROOM) > 0);
    IS(access("/proc/self/exe", X_OK) == 0);
    IS(listed("/proc/self/fd") > 3);
}

static void the_machine_is_described(void) {
    IS(field_of("/proc/meminfo", "MemTotal:") > 0);
    IS(field_of("/proc/sys/net/core/somaxconn", "") > 0);
    IS(field_of("/proc/sys/vm/overcommit_memory", "") >= 0);
    IS(field_of("/proc/cpuinfo", "processor") != -2);
    int fd = open("/proc/cpuinfo", O_RDONLY);
    IS(read(fd, ROOM, 10) == 10);
}

GUEST(NAMED(written_and_read_at_places), NAMED(vectors_at_places), NAMED(appended), NAMED(opened_or_not),
      NAMED(cut_and_grown), NAMED(renamed), NAMED(removed_but_open), NAMED(linked), NAMED(modes_are_kept),
      NAMED(folders_are_listed), NAMED(the_folder_one_is_in), NAMED(a_path_from_the_root),
      NAMED(all_calls_know_paths_from_the_root), NAMED(made_anew), NAMED(written_through_a_stream),
      NAMED(temporary_files_have_names_of_their_own), NAMED(locked_files), NAMED(synchronised), NAMED(streams),
      NAMED(mapped), NAMED(copied_by_the_kernel), NAMED(random_bytes), NAMED(the_null_and_zero_devices),
      NAMED(what_the_kernel_says_of_this_process), NAMED(its_threads_are_listed),
      NAMED(a_foreign_process_says_nothing), NAMED(its_program_has_a_name), NAMED(the_machine_is_described))
