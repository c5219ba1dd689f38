/* Stands in for a server that goes round a list which has no end. */

struct link {
    struct link *next;
};

int main(void) {
    struct link one, other;
    one.next = &other;
    other.next = &one;
    for (volatile struct link *link = &one; link; link = link->next) {
    }
    return 0;
}
