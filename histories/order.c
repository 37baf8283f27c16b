/* order.c -- events by time, with a say in what happens within one instant.
 *
 * ORD_ORDER_TIME_ADDED leaves equal times as they were added: in our own log
 * that is the order in which the controller acted, which is true.
 *
 * ORD_ORDER_TIME takes equal times for concurrent, as Porcupine does: what is
 * invoked at an instant comes before what completes at it, so that no edge
 * arises.  A process that completes and invokes again within one instant has
 * to keep its own order; such chains come in steps between the two:
 *   rank 0      invocations that follow nothing of this instant
 *   rank 1..    the next event of the process within the instant, and so on
 *   RANK_LAST   completions that nothing of the process follows here
 */
#include <inttypes.h>
#include <stdlib.h>

#include "histories/build.h"

#define RANK_LAST UINT32_MAX

struct key {
    int64_t time_ns;
    int64_t added;
    uint32_t rank;
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a;
    const struct key *y = b;

    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->added > y->added) - (x->added < y->added);
}

/* Ranks the keys [from, to), all of one instant, in order of their adding. */
static bool rank_instant(struct ord_process_map *map, const struct ord_op *ops,
                         struct key *keys, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        const struct ord_op *op = &ops[keys[i].added];
        struct ord_process_slot *slot = ord_process_slot(map, op->process);
        uint32_t rank = op->type == ORD_OP_INVOKE ? 0 : 1;

        if (slot == NULL)
            return false;
        if (op->process == ORD_PROCESS_NEMESIS) {
            rank = 0; /* never an edge; it stays before what it touches */
        } else if (slot->event != 0 && slot->group == from + 1) {
            struct key *before = &keys[slot->event - 1];

            if (before->rank == RANK_LAST)
                before->rank = slot->rank; /* it has a follower after all */
            rank = slot->rank + 1;
        }
        slot->event = i + 1;
        slot->group = from + 1;
        slot->rank = rank;
        keys[i].rank =
            op->type == ORD_OP_INVOKE || op->process == ORD_PROCESS_NEMESIS
                ? rank
                : RANK_LAST;
    }
    return true;
}

static bool rank_all(const struct ord_op *ops, struct key *keys, int64_t count)
{
    struct ord_process_map map = {0};
    bool is_done = true;
    int64_t to;

    for (int64_t from = 0; from < count && is_done; from = to) {
        to = from + 1;
        while (to < count && keys[to].time_ns == keys[from].time_ns)
            to++;
        if (to - from > 1)
            is_done = rank_instant(&map, ops, keys, from, to);
    }
    ord_process_map_fini(&map);
    return is_done;
}

/* ops[i] becomes the old ops[keys[i].added], along the cycles. */
static void permute(struct ord_op *ops, struct key *keys, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        struct ord_op first = ops[i];
        int64_t to = i;

        while (keys[to].added != i) {
            int64_t from = keys[to].added;

            ops[to] = ops[from];
            keys[to].added = to; /* in its place */
            to = from;
        }
        ops[to] = first;
        keys[to].added = to;
    }
}

int ord_order_sort(struct ord_op *ops, int64_t count, enum ord_order order,
                   struct ord_err *err)
{
    struct key *keys;
    bool is_sorted = true;
    bool is_ranked = true;

    ORD_ASSERT(order != ORD_ORDER_AS_ADDED);
    for (int64_t i = 1; i < count && is_sorted; i++)
        is_sorted = ops[i - 1].time_ns < ops[i].time_ns;
    if (is_sorted)
        return ORD_OK;
    keys = calloc((size_t)count, sizeof *keys);
    if (keys == NULL)
        return ord_fail(err, ORD_ENOMEM, "sorting %" PRId64 " events", count);
    for (int64_t i = 0; i < count; i++)
        keys[i] = (struct key){.time_ns = ops[i].time_ns, .added = i};
    qsort(keys, (size_t)count, sizeof *keys, compare_keys);
    if (order == ORD_ORDER_TIME) {
        is_ranked = rank_all(ops, keys, count);
        qsort(keys, (size_t)count, sizeof *keys, compare_keys);
    }
    if (is_ranked)
        permute(ops, keys, count);
    free(keys);
    if (!is_ranked)
        return ord_fail(err, ORD_ENOMEM, "sorting %" PRId64 " events", count);
    return ORD_OK;
}
