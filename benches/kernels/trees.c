/* Allocation and pointers: binary search trees that grow, are walked and are taken apart. The
 * allocator is our own, so that both builds do the same work. */
#include "kernel.h"

enum { NODES = 40000, ROUNDS = 32 };

struct node {
    struct node *left, *right;
    uint32_t key, priority;
};

static struct node pool[NODES + 1];
static struct node *unused;

static struct node *allocate(uint32_t key)
{
    struct node *node = unused;
    unused = node->left;
    node->left = node->right = NULL;
    node->key = key;
    node->priority = random_u32();
    return node;
}

static void release(struct node *node)
{
    node->left = unused;
    unused = node;
}

/* A treap: rotations keep the node of the highest priority above. */
static struct node *insert(struct node *tree, uint32_t key)
{
    if (!tree)
        return allocate(key);
    if (key < tree->key) {
        struct node *child = insert(tree->left, key);
        tree->left = child;
        if (child->priority > tree->priority) {
            tree->left = child->right;
            child->right = tree;
            return child;
        }
    } else if (key > tree->key) {
        struct node *child = insert(tree->right, key);
        tree->right = child;
        if (child->priority > tree->priority) {
            tree->right = child->left;
            child->left = tree;
            return child;
        }
    }
    return tree;
}

static uint64_t walk(const struct node *tree, int depth)
{
    return tree ? walk(tree->left, depth + 1) * 3 + walk(tree->right, depth + 1) * 5 + tree->key + (uint32_t)depth : 1;
}

static void take_apart(struct node *tree)
{
    if (!tree)
        return;
    take_apart(tree->left);
    take_apart(tree->right);
    release(tree);
}

int main(void)
{
    for (int i = 0; i < NODES; i++)
        release(&pool[i]);
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct node *tree = NULL;
        for (int i = 0; i < NODES; i++)
            tree = insert(tree, random_u32() >> 4);
        for (int i = 0; i < 8; i++)
            sum = sum * 31 + walk(tree, 0);
        take_apart(tree);
    }
    report("trees", sum);
    return 0;
}
