// Variables of many types, for debuggers. `walk` makes a list and sums it up.
typedef unsigned int u32;
typedef struct point {
    int x;
    short y;
    double weight;
} point;

enum color { RED, GREEN = 5, BLUE };

union word {
    int number;
    char bytes[4];
};

struct node {
    struct node *next;
    point at;
    enum color color;
    union word word;
    unsigned flag : 1, small : 3;
    int (*visit)(struct node *);
};

int visited;
static const char *const title = "a list";
int squares[4] = {0, 1, 4, 9};

static int visit(struct node *node) {
    int weighted = node->at.x * 2;
    visited++;
    return weighted;
}

static int sum(struct node *list, const char *name) {
    int total = 0;
    for (struct node *node = list; node; node = node->next) {
        int part = node->visit(node);
        total += part;
    }
    return name[0] ? total : -1;
}

static point middle(const point *a, const point *b) {
    point result = {(a->x + b->x) / 2, 7, 0.5};
    return result;
}

static long long scaled(long long by, float factor) {
    long long result = by * squares[3];
    return result + (long long)factor;
}

__attribute__((export_name("walk"))) int walk(int count) {
    struct node second = {0, {count, -3, 2.5}, BLUE, {0x41424344}, 1, 5, visit};
    struct node first = {&second, {10, 4, 1.25}, GREEN, {1}, 0, 2, visit};
    int total = sum(&first, title);
    point between = middle(&first.at, &second.at);
    long long large = scaled(1LL << 40, 2.75f);
    u32 *counter = (u32 *)&visited;
    return total + between.x + (int)(large >> 40) + (int)*counter;
}
