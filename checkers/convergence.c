/* convergence.c -- in the end all replicas answer the same.
 *
 * Claim:       per object, the last final reads of all nodes that were asked
 *              agree (sets: whatever the order).
 * Not claimed: that they agree on what was written (lost); anything before the
 *              final reads.
 * Unknown:     a node's last final read was not answered; it answered in an
 *              earlier round only, and otherwise than the rest did later; fewer
 *              than two nodes answered; there is no final read.
 * Measured:    converge_ms, from the last heal (or the last acknowledged
 *              write, where that is later) to the end of the first round of
 *              final reads in which all nodes agreed, over all objects.
 * Cost:        O(calls + items log items) time, O(calls) bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/elements.h"
#include "checkers/finals.h"
#include "checkers/proof.h"
#include "checkers/registry.h"

enum { ROUNDS_MAX = 1000, NONE = ORD_NODES_MAX + 1 };

struct converge {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    const struct ord_view *view;
    const struct ord_object *object;
    struct ord_finals finals;
    uint64_t object_count;
    int64_t agreed_ns; /* the latest first agreement; -1: none */
    uint16_t silent;
    const struct ord_object *silent_object;
    uint16_t behind; /* a node whose last answer is of an earlier round */
    const struct ord_object *behind_object;
    bool is_lonely; /* an object that one node only answered for */
};

static int compare_values(const void *a, const void *b)
{
    return ord_value_compare(a, b);
}

/* Items of a set in order; NULL without memory. */
static struct ord_value *sorted(struct ord_arena *arena,
                                const struct ord_value *list)
{
    struct ord_value *items =
        ord_arena_zalloc(arena, (size_t)list->count + 1, sizeof *items);

    if (items != NULL && list->count > 0) {
        memcpy(items, list->as.items, list->count * sizeof *items);
        qsort(items, list->count, sizeof *items, compare_values);
    }
    return items;
}

/* 1 same, 0 different, ORD_ENOMEM. */
static int agree(const struct converge *converge, const struct ord_call *a,
                 const struct ord_call *b)
{
    const struct ord_value *x = ord_call_value(a);
    const struct ord_value *y = ord_call_value(b);
    struct ord_value *sorted_x = NULL;
    struct ord_value *sorted_y = NULL;

    if (ord_value_equal(x, y))
        return 1;
    if (converge->object->kind != ORD_OBJECT_SET &&
        converge->object->kind != ORD_OBJECT_LIST)
        return 0;
    /* nil is the empty list here */
    if ((x->kind == ORD_NIL && y->kind == ORD_LIST && y->count == 0) ||
        (y->kind == ORD_NIL && x->kind == ORD_LIST && x->count == 0))
        return 1;
    if (converge->object->kind == ORD_OBJECT_LIST || x->kind != y->kind ||
        x->count != y->count)
        return 0;
    sorted_x = sorted(converge->in->arena, x);
    sorted_y = sorted(converge->in->arena, y);
    if (sorted_x == NULL || sorted_y == NULL)
        return ORD_ENOMEM;
    for (uint32_t i = 0; i < x->count; i++) {
        if (!ord_value_equal(&sorted_x[i], &sorted_y[i]))
            return 0;
    }
    return 1;
}

/* The first item of the sorted list x that the sorted list y has not. */
static const struct ord_value *extra_of(const struct ord_value *x,
                                        uint32_t x_count,
                                        const struct ord_value *y,
                                        uint32_t y_count)
{
    uint32_t j = 0;

    for (uint32_t i = 0; i < x_count; i++) {
        while (j < y_count && ord_value_compare(&y[j], &x[i]) < 0)
            j++;
        if (j == y_count || !ord_value_equal(&y[j], &x[i]))
            return &x[i];
        j++; /* what x has twice y must have twice */
    }
    return NULL;
}

/* "17", or the first item that one has and the other has not, or, of lists
 * with the same items, the first place where they differ. */
static struct ord_text difference(const struct converge *converge,
                                  const struct ord_call *has,
                                  const struct ord_call *other)
{
    struct ord_text text = {{0}};
    const struct ord_value none = {.kind = ORD_LIST};
    const struct ord_value *x = ord_call_value(has);
    const struct ord_value *y = ord_call_value(other);
    const struct ord_value *extra = NULL;
    struct ord_value *sorted_x = NULL;
    struct ord_value *sorted_y = NULL;
    uint32_t i = 0;

    if (x->kind != ORD_LIST || !ord_object_is_bag(converge->object))
        return ord_text_value(x);
    y = y->kind == ORD_LIST ? y : &none;
    sorted_x = sorted(converge->in->arena, x);
    sorted_y = sorted(converge->in->arena, y);
    if (sorted_x != NULL && sorted_y != NULL)
        extra = extra_of(sorted_x, x->count, sorted_y, y->count);
    while (i < x->count && i < y->count &&
           ord_value_equal(&x->as.items[i], &y->as.items[i]))
        i++;
    (void)snprintf(text.at, sizeof text.at, "%u element%s", x->count,
                   x->count == 1 ? "" : "s");
    if (extra != NULL)
        (void)snprintf(text.at, sizeof text.at,
                       "%u element%s (with %.60s, which the other lacks)",
                       x->count, x->count == 1 ? "" : "s",
                       ord_text_value(extra).at);
    else if (x->count == y->count && i < x->count)
        (void)snprintf(text.at, sizeof text.at,
                       "%u elements (%.60s in place %u)", x->count,
                       ord_text_value(&x->as.items[i]).at, i + 1);
    return text;
}

static void found_apart(struct converge *converge, const struct ord_call *a,
                        const struct ord_call *b)
{
    struct ord_named named = {
        .key = converge->object->key, .ops = {a->inv, b->inv}, .count = 2};
    const struct ord_history *history = converge->in->history;

    if (ord_found_enough(converge->out))
        return;
    ord_found(converge->in, converge->out, &named,
              "the replicas did not converge: in the last final reads of %s, "
              "%s answered %s at %s, and %s answered %s at %s",
              ord_text_key(&converge->object->key).at,
              ord_history_node_name(history, ord_final_node(a)),
              difference(converge, a, b).at, ord_text_when(a->done).at,
              ord_history_node_name(history, ord_final_node(b)),
              difference(converge, b, a).at, ord_text_when(b->done).at);
}

/* The i-th ok final read of every node, or false where one has no more. */
static bool round_of(const struct converge *converge, uint32_t round,
                     const struct ord_call *reads[ORD_NODES_MAX + 1])
{
    const struct ord_call *calls =
        ord_object_calls(converge->view, converge->object);
    uint32_t seen[ORD_NODES_MAX + 1] = {0};
    uint32_t found = 0;

    memset(reads, 0, (ORD_NODES_MAX + 1) * sizeof reads[0]);
    for (uint32_t i = 0; i < converge->object->count; i++) {
        uint16_t node = ord_final_node(&calls[i]);

        if (!ord_call_is_final_read(&calls[i]) || calls[i].type != ORD_OP_OK)
            continue;
        if (seen[node]++ == round) {
            reads[node] = &calls[i];
            found++;
        }
    }
    return found == converge->finals.read_count;
}

/* When the first round with one answer ended; -1: there was none. */
static int first_agreement(const struct converge *converge, int64_t *end_ns)
{
    const struct ord_call *reads[ORD_NODES_MAX + 1];

    *end_ns = -1;
    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        const struct ord_call *first = NULL;
        int64_t end = 0;
        int same = 1;

        if (!round_of(converge, round, reads))
            return ORD_OK;
        for (uint32_t node = 0; same == 1 && node <= ORD_NODES_MAX; node++) {
            if (reads[node] == NULL)
                continue;
            if (first == NULL)
                first = reads[node];
            same = agree(converge, first, reads[node]);
            if (reads[node]->done->time_ns > end)
                end = reads[node]->done->time_ns;
        }
        if (same < 0)
            return same;
        if (same == 1) {
            *end_ns = end;
            return ORD_OK;
        }
    }
    return ORD_OK;
}

static int check_object(struct converge *converge, struct ord_err *err)
{
    const struct ord_call *first = NULL;
    uint32_t first_node = 0;
    uint32_t behind = NONE;
    int64_t end_ns = -1;
    int same = 1;

    converge->object_count++;
    for (uint32_t node = 0; node <= ORD_NODES_MAX; node++) {
        const struct ord_call *read = converge->finals.last[node];

        if (read == NULL)
            continue;
        if (first == NULL) {
            first = read;
            first_node = node;
        }
        same = agree(converge, first, read);
        if (same < 0)
            return ord_fail(err, ORD_ENOMEM, "no memory to compare sets");
        if (same == 0 &&
            (ord_finals_is_behind(&converge->finals, node) ||
             ord_finals_is_behind(&converge->finals, first_node))) {
            behind = ord_finals_is_behind(&converge->finals, node) ? node
                                                                   : first_node;
        } else if (same == 0) {
            found_apart(converge, first, read);
            return ORD_OK;
        }
    }
    if (behind != NONE) {
        converge->behind = (uint16_t)behind;
        converge->behind_object = converge->object;
        return ORD_OK;
    }
    if (converge->finals.silent != ORD_NODE_NONE) {
        converge->silent = converge->finals.silent;
        converge->silent_object = converge->object;
        return ORD_OK;
    }
    if (converge->finals.read_count == 1)
        converge->is_lonely = true;
    if (first_agreement(converge, &end_ns) != ORD_OK)
        return ord_fail(err, ORD_ENOMEM, "no memory to compare sets");
    if (end_ns > converge->agreed_ns)
        converge->agreed_ns = end_ns;
    return ORD_OK;
}

/* The end of the last heal or acknowledged write, whichever is later. */
static int64_t quiet_ns(const struct ord_view *view)
{
    int64_t quiet = 0;

    ORD_OPS (view->history, op) {
        if (op->process == ORD_PROCESS_NEMESIS &&
            strcmp(op->name, "heal") == 0 && op->time_ns > quiet)
            quiet = op->time_ns;
    }
    for (uint32_t i = 0; i < view->call_count; i++) {
        const struct ord_call *call = &view->calls[i];

        if (call->f != ORD_F_READ && call->type == ORD_OP_OK &&
            call->done->time_ns > quiet)
            quiet = call->done->time_ns;
    }
    return quiet;
}

static bool is_only_node(const struct ord_history *history)
{
    return ord_history_knows_nodes(history) &&
           ord_history_member_count(history) == 1;
}

static int converge_conclude(const struct converge *converge)
{
    struct ord_verdict *out = converge->out;
    int64_t quiet = quiet_ns(converge->view);

    ord_stat(out, "objects", (double)converge->object_count);
    ord_stat(out, "diverged", (double)out->violation_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (converge->agreed_ns > quiet)
        ord_stat(out, "converge_ms",
                 (double)(converge->agreed_ns - quiet) / 1e6);
    if (converge->silent != ORD_NODE_NONE)
        return ord_conclude(
            out, ORD_UNKNOWN, "%s never answered the last final read of %s",
            ord_history_node_name(converge->in->history, converge->silent),
            ord_text_key(&converge->silent_object->key).at);
    if (converge->behind_object != NULL)
        return ord_conclude(
            out, ORD_UNKNOWN,
            "the last round of final reads of %s did not get as far as %s, and "
            "before, it had answered otherwise than the others did then",
            ord_text_key(&converge->behind_object->key).at,
            ord_history_node_name(converge->in->history, converge->behind));
    if (converge->object_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no final read returned ok");
    if (converge->is_lonely && is_only_node(converge->in->history))
        return ord_conclude(out, ORD_VALID, "there is only one node");
    if (converge->is_lonely)
        return ord_conclude(out, ORD_UNKNOWN,
                            "only one node answered: nothing to compare");
    return ord_conclude(out, ORD_VALID,
                        "all nodes agree on all %llu objects in the last "
                        "final reads",
                        (unsigned long long)converge->object_count);
}

static int converge_check(const struct ord_check_in *in,
                          struct ord_verdict *out, struct ord_err *err)
{
    struct ord_view view;
    struct converge converge = {
        .in = in, .out = out, .view = &view, .agreed_ns = -1};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_view_init(&view, in, err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < view.object_count; i++) {
        converge.object = &view.objects[i];
        ord_finals_init(&converge.finals, &view, converge.object);
        if (converge.finals.read_count == 0) {
            if (converge.finals.silent != ORD_NODE_NONE) {
                converge.silent = converge.finals.silent;
                converge.silent_object = converge.object;
            }
            continue;
        }
        if (check_object(&converge, err) != ORD_OK)
            return err->rc;
    }
    return converge_conclude(&converge);
}

const struct ord_checker ord_checker_convergence = {
    .name = "convergence",
    .claim = "in the last final reads all replicas answer the same",
    .check = converge_check,
};
