/* A program in the place of a server, which really blocks as soon as it has listened: past the shim, for ever. */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static void block(int *word) {
    long result;
    register long timeout __asm__("r10") = 0;
    __asm__ volatile("syscall" : "=a"(result)
                     : "0"(SYS_futex), "D"(word), "S"(0), "d"(0), "r"(timeout)
                     : "rcx", "r11", "memory");
}

int main(void) {
    static int word;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(6379)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 5) != 0) return 1;
    if (accept(fd, 0, 0) < 0) return 1;
    for (;;) block(&word);
}
