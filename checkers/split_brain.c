/* split_brain.c -- in one epoch, one node acknowledges writes.
 *
 * Claim:       of the acknowledged writes that say which node and which epoch
 *              (term) they were done in, no two of one epoch come from two
 *              nodes.
 * Not claimed: that the data is intact (lost, linearizable); anything about
 *              writes without a node or an epoch.  The target's own word is
 *              taken for both.
 * Unknown:     no acknowledged write carries both.
 * Cost:        O(writes log writes) time, O(writes) bytes.
 */
#include <stdlib.h>

#include "checkers/proof.h"
#include "checkers/registry.h"

static bool is_write(uint8_t f)
{
    return f == ORD_F_WRITE || f == ORD_F_CAS || f == ORD_F_ADD ||
           f == ORD_F_REMOVE || f == ORD_F_APPEND || f == ORD_F_PUT ||
           f == ORD_F_ENQUEUE || f == ORD_F_PUSH || f == ORD_F_TXN;
}

static int compare(const void *a, const void *b)
{
    const struct ord_call *x = *(const struct ord_call *const *)a;
    const struct ord_call *y = *(const struct ord_call *const *)b;

    if (x->done->epoch != y->done->epoch)
        return x->done->epoch < y->done->epoch ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Of one epoch: b is the first write by a second node, a the last one before
 * it; again (may be NULL) the next one by a's node, which shows that it had
 * not just stepped down. */
static void found(const struct ord_check_in *in, struct ord_verdict *out,
                  const struct ord_view *view, const struct ord_call *a,
                  const struct ord_call *b, const struct ord_call *again)
{
    struct ord_named named = {.key = view->objects[b->object].key,
                              .ops = {a->inv, b->inv},
                              .count = 2};

    if (ord_found_enough(out))
        return;
    if (again == NULL) {
        ord_found(in, out, &named,
                  "two nodes acknowledged writes in epoch %lld: %s was "
                  "acknowledged at %s, and %s at %s",
                  (long long)a->done->epoch, ord_text_call(view, a).at,
                  ord_text_when(a->done).at, ord_text_call(view, b).at,
                  ord_text_when(b->done).at);
        return;
    }
    named.ops[named.count++] = again->inv;
    ord_found(in, out, &named,
              "two nodes acknowledged writes in epoch %lld: %s was "
              "acknowledged at %s, %s at %s, and then %s at %s",
              (long long)a->done->epoch, ord_text_call(view, a).at,
              ord_text_when(a->done).at, ord_text_call(view, b).at,
              ord_text_when(b->done).at, ord_text_call(view, again).at,
              ord_text_when(again->done).at);
}

/* The next write after `from` by this node, in the same epoch. */
static const struct ord_call *next_by(const struct ord_call *const *writes,
                                      uint32_t count, uint32_t from,
                                      uint16_t node)
{
    for (uint32_t i = from + 1; i < count; i++) {
        if (writes[i]->done->epoch != writes[from]->done->epoch)
            return NULL;
        if (writes[i]->done->node == node)
            return writes[i];
    }
    return NULL;
}

static int split_conclude(struct ord_verdict *out, uint32_t count,
                          uint64_t epoch_count, uint64_t nodes)
{
    ord_stat(out, "writes_with_epoch", (double)count);
    ord_stat(out, "epochs", (double)epoch_count);
    ord_stat(out, "acknowledging_nodes", (double)__builtin_popcountll(nodes));
    ord_stat(out, "split_epochs", (double)out->violation_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (count == 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "no acknowledged write tells its node and epoch");
    return ord_conclude(out, ORD_VALID,
                        "%u acknowledged writes in %llu epochs, each epoch's "
                        "by one node",
                        count, (unsigned long long)epoch_count);
}

static int split_check(const struct ord_check_in *in, struct ord_verdict *out,
                       struct ord_err *err)
{
    struct ord_view view;
    const struct ord_call **writes = NULL;
    const struct ord_call *first = NULL; /* of the epoch */
    bool is_split = false;
    uint32_t count = 0;
    uint64_t epoch_count = 0;
    uint64_t nodes = 0;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_view_init(&view, in, err) != ORD_OK)
        return err->rc;
    writes = ord_arena_zalloc(in->arena, (size_t)view.call_count + 1,
                              sizeof *writes);
    if (writes == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for writes");
    for (uint32_t i = 0; i < view.call_count; i++) {
        const struct ord_call *call = &view.calls[i];

        if (call->type == ORD_OP_OK && is_write(call->f) &&
            call->done->node != ORD_NODE_NONE && call->done->epoch >= 0)
            writes[count++] = call;
    }
    qsort(writes, count, sizeof *writes, compare);
    for (uint32_t i = 0; i < count; i++) {
        nodes |= UINT64_C(1) << ((writes[i]->done->node - 1) % 64);
        if (first == NULL || first->done->epoch != writes[i]->done->epoch) {
            first = writes[i];
            is_split = false;
            epoch_count++;
        }
        if (first->done->node != writes[i]->done->node && !is_split) {
            is_split = true;
            found(in, out, &view, writes[i - 1], writes[i],
                  next_by(writes, count, i, first->done->node));
        }
    }
    return split_conclude(out, count, epoch_count, nodes);
}

const struct ord_checker ord_checker_split_brain = {
    .name = "split-brain",
    .claim = "in one epoch at most one node acknowledges writes",
    .check = split_check,
};
