#include "checkers/model_stack_tree.h"

enum { DEPTH_MAX = 34, SPLIT = INT32_MAX / 2 };

static uint32_t low(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t high(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void pull_cover(struct ord_stack_tree *tree, uint32_t at)
{
    struct ord_stack_node *node = &tree->nodes[at];
    int32_t left = tree->nodes[2 * at].cover_min;
    int32_t right = tree->nodes[2 * at + 1].cover_min;

    node->cover_min = (left < right ? left : right) + node->cover_add;
}

static void pull(struct ord_stack_tree *tree, uint32_t at)
{
    struct ord_stack_node *node = &tree->nodes[at];
    const struct ord_stack_node *left = &tree->nodes[2 * at];
    const struct ord_stack_node *right = &tree->nodes[2 * at + 1];

    node->put_end_min = low(left->put_end_min, right->put_end_min);
    node->put_begin_min = low(left->put_begin_min, right->put_begin_min);
    node->take_end_max = high(left->take_end_max, right->take_end_max);
}

bool ord_stack_tree_init(struct ord_stack_tree *tree, struct ord_arena *arena,
                         const struct ord_element *elements, uint32_t count,
                         const uint32_t *covers)
{
    uint32_t leaves = 2;

    while (leaves < count)
        leaves *= 2;
    *tree = (struct ord_stack_tree){.leaf_count = leaves, .count = count};
    tree->nodes =
        ord_arena_alloc(arena, (size_t)leaves * 2 * sizeof *tree->nodes);
    if (tree->nodes == NULL)
        return false;
    for (uint32_t i = 0; i < leaves; i++) {
        struct ord_stack_node node = {SPLIT, 0, ORD_CALL_NEVER, ORD_CALL_NEVER,
                                      0};

        if (i < count) {
            node.put_end_min = elements[i].put_end;
            node.put_begin_min = elements[i].put_begin;
            node.take_end_max = elements[i].take_end;
            if (covers[i] != ORD_CALL_NEVER)
                node.cover_min = (int32_t)covers[i];
        }
        tree->nodes[leaves + i] = node;
    }
    for (uint32_t at = leaves - 1; at > 0; at--) {
        tree->nodes[at].cover_add = 0;
        pull_cover(tree, at);
        pull(tree, at);
    }
    return true;
}

/* One less over [from, to). */
static void uncover(struct ord_stack_tree *tree, uint32_t from, uint32_t to)
{
    uint32_t left = from + tree->leaf_count;
    uint32_t right = to + tree->leaf_count;
    uint32_t first = left;
    uint32_t last = right - 1;

    if (from >= to)
        return;
    for (; left < right; left /= 2, right /= 2) {
        if ((left & 1) != 0) {
            tree->nodes[left].cover_min--;
            tree->nodes[left++].cover_add--;
        }
        if ((right & 1) != 0) {
            tree->nodes[--right].cover_min--;
            tree->nodes[right].cover_add--;
        }
    }
    for (first /= 2; first > 0; first /= 2)
        pull_cover(tree, first);
    for (last /= 2; last > 0; last /= 2)
        pull_cover(tree, last);
}

void ord_stack_tree_remove(struct ord_stack_tree *tree, uint32_t element,
                           uint32_t from, uint32_t to)
{
    uint32_t at = element + tree->leaf_count;

    ORD_ASSERT(element < tree->count);
    tree->nodes[at].put_end_min = ORD_CALL_NEVER;
    tree->nodes[at].put_begin_min = ORD_CALL_NEVER;
    tree->nodes[at].take_end_max = 0;
    for (at /= 2; at > 0; at /= 2)
        pull(tree, at);
    uncover(tree, from, to);
}

struct visit {
    uint32_t node;
    uint32_t from; /* leaves */
    uint32_t to;
    int32_t add; /* of all above */
};

uint32_t ord_stack_tree_split(struct ord_stack_tree *tree, uint32_t from,
                              uint32_t to)
{
    struct visit stack[2 * DEPTH_MAX];
    uint32_t depth = 0;

    if (from >= to)
        return ORD_LIN_NONE;
    stack[depth++] = (struct visit){1, 0, tree->leaf_count, 0};
    while (depth > 0) {
        struct visit v = stack[--depth];
        struct ord_stack_node *node = &tree->nodes[v.node];
        uint32_t middle = v.from + (v.to - v.from) / 2;

        if (v.to <= from || v.from >= to || node->cover_min + v.add > 0)
            continue;
        if (v.to - v.from == 1) {
            node->cover_min = SPLIT;
            for (uint32_t at = v.node / 2; at > 0; at /= 2)
                pull_cover(tree, at);
            return v.from;
        }
        v.add += node->cover_add;
        stack[depth++] = (struct visit){2 * v.node, v.from, middle, v.add};
        stack[depth++] = (struct visit){2 * v.node + 1, middle, v.to, v.add};
    }
    return ORD_LIN_NONE;
}

uint32_t ord_stack_tree_bottom(const struct ord_stack_tree *tree, uint32_t from,
                               uint32_t to, uint32_t put_by, uint32_t take_from)
{
    struct visit stack[2 * DEPTH_MAX];
    uint32_t depth = 0;

    stack[depth++] = (struct visit){1, 0, tree->leaf_count, 0};
    while (depth > 0) {
        struct visit v = stack[--depth];
        const struct ord_stack_node *node = &tree->nodes[v.node];
        uint32_t middle = v.from + (v.to - v.from) / 2;

        if (v.to <= from || v.from >= to || node->put_begin_min > put_by ||
            node->take_end_max < take_from)
            continue;
        if (v.to - v.from == 1)
            return v.from;
        stack[depth++] = (struct visit){2 * v.node, v.from, middle, 0};
        stack[depth++] = (struct visit){2 * v.node + 1, middle, v.to, 0};
    }
    return ORD_LIN_NONE;
}

uint32_t ord_stack_tree_put_end(const struct ord_stack_tree *tree,
                                uint32_t from, uint32_t to)
{
    uint32_t least = ORD_CALL_NEVER;
    uint32_t left = from + tree->leaf_count;
    uint32_t right = to + tree->leaf_count;

    for (; left < right; left /= 2, right /= 2) {
        if ((left & 1) != 0)
            least = low(least, tree->nodes[left++].put_end_min);
        if ((right & 1) != 0)
            least = low(least, tree->nodes[--right].put_end_min);
    }
    return least;
}

uint32_t ord_stack_tree_last(const struct ord_stack_tree *tree, uint32_t from,
                             uint32_t to)
{
    /* take_end is 0 only for those that are gone: a take ends after a put. */
    return ord_stack_tree_bottom(tree, from, to, ORD_CALL_NEVER, 1);
}
