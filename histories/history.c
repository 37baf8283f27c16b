#include "histories/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/rng.h"
#include "histories/build.h"

enum { OPS_MIN = 64 };

/* ---- reading ------------------------------------------------------------- */

void ord_history_free(struct ord_history **history)
{
    if (*history == NULL)
        return;
    ord_arena_fini(&(*history)->arena);
    free((*history)->ops);
    free(*history);
    *history = NULL;
}

int64_t ord_history_count(const struct ord_history *history)
{
    return history->count;
}

const struct ord_op *ord_history_op(const struct ord_history *history,
                                    int64_t index)
{
    ORD_ASSERT(index >= 0);
    /* One past the end is asked for by loops; an empty history has only it. */
    ORD_ASSERT(index <= history->count);
    return history->ops + index;
}

const struct ord_op *ord_history_pair(const struct ord_history *history,
                                      const struct ord_op *op)
{
    if (op->pair == ORD_NO_PAIR)
        return NULL;
    ORD_ASSERT(op->pair >= 0);
    ORD_ASSERT(op->pair < history->count);
    return &history->ops[op->pair];
}

const char *ord_history_node_name(const struct ord_history *history,
                                  uint16_t node)
{
    if (node == ORD_NODE_NONE || node > history->node_count ||
        history->nodes[node] == NULL)
        return "-";
    return history->nodes[node];
}

uint16_t ord_history_node_count(const struct ord_history *history)
{
    return history->node_count;
}

const char *ord_history_meta(const struct ord_history *history)
{
    return history->meta;
}

uint64_t ord_history_torn_size(const struct ord_history *history)
{
    return history->torn_size;
}

/* ---- building ------------------------------------------------------------ */

size_t ord_history_size_max(const struct ord_history_options *how)
{
    if (how == NULL || how->size_max == 0 || how->size_max > SIZE_MAX / 4)
        return SIZE_MAX / 4;
    return how->size_max;
}

static int too_big(const struct ord_history_builder *builder,
                   struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM,
                    "the history needs more than %zu bytes of memory (%" PRId64
                    " events read)",
                    builder->size_max, builder->history->count);
}

int ord_history_builder_new(size_t size_max, struct ord_history_builder **out,
                            struct ord_err *err)
{
    struct ord_history_builder *builder = calloc(1, sizeof *builder);
    struct ord_history *history = calloc(1, sizeof *history);

    if (builder == NULL || history == NULL) {
        free(builder);
        free(history);
        return ord_fail(err, ORD_ENOMEM, "a new history");
    }
    if (size_max == 0 || size_max > SIZE_MAX / 4)
        size_max = SIZE_MAX / 4;
    ord_arena_init(&history->arena, size_max);
    history->meta = "{}";
    builder->history = history;
    builder->size_max = size_max;
    *out = builder;
    return ORD_OK;
}

void ord_history_builder_free(struct ord_history_builder **builder)
{
    if (*builder == NULL)
        return;
    ord_history_free(&(*builder)->history);
    ord_process_map_fini(&(*builder)->open);
    free(*builder);
    *builder = NULL;
}

/* One more place in ops.  The array and the arena share one limit. */
static int grow_ops(struct ord_history_builder *builder, struct ord_err *err)
{
    struct ord_history *h = builder->history;
    size_t left = builder->size_max - h->arena.taken_size;
    int64_t room = h->room < OPS_MIN ? OPS_MIN : 2 * h->room;
    struct ord_op *ops;

    if (h->count < h->room)
        return ORD_OK;
    if (room > (int64_t)(left / sizeof *ops))
        room = (int64_t)(left / sizeof *ops);
    if (room <= h->room)
        return too_big(builder, err);
    ops = realloc(h->ops, (size_t)room * sizeof *ops);
    if (ops == NULL)
        return too_big(builder, err);
    h->ops = ops;
    h->room = room;
    h->arena.size_max = builder->size_max - (size_t)room * sizeof *ops;
    return ORD_OK;
}

static const char *intern(struct ord_history_builder *builder, const char *name)
{
    const char *copy;

    for (uint32_t i = 0; i < builder->name_count; i++) {
        if (strcmp(builder->names[i], name) == 0)
            return builder->names[i];
    }
    copy = ord_arena_strdup(&builder->history->arena, name);
    if (copy != NULL && builder->name_count < ORD_NAMES_MAX)
        builder->names[builder->name_count++] = copy;
    return copy;
}

static bool copy_payload(struct ord_history_builder *builder,
                         const struct ord_op *op, struct ord_op *to)
{
    struct ord_arena *arena = &builder->history->arena;

    if (op->f != ORD_F_OTHER)
        to->name = ord_f_name(op->f);
    else
        to->name = intern(builder, op->name == NULL ? "" : op->name);
    if (op->error != NULL && (builder->last_error == NULL ||
                              strcmp(builder->last_error, op->error) != 0))
        builder->last_error = ord_arena_strdup(arena, op->error);
    if (op->error != NULL)
        to->error = builder->last_error;
    return to->name != NULL && (op->error == NULL || to->error != NULL) &&
           ord_value_copy(arena, &op->key, &to->key) &&
           ord_value_copy(arena, &op->value, &to->value);
}

/* A node that was given only as a number is called nK. */
static int know_node(struct ord_history_builder *builder, uint16_t node,
                     struct ord_err *err)
{
    struct ord_history *h = builder->history;
    char name[16];
    int size;

    if (node == ORD_NODE_NONE)
        return ORD_OK;
    if (node > ORD_NODES_MAX)
        return ord_fail(err, ORD_ELIMIT, "node %u: at most %d nodes", node,
                        ORD_NODES_MAX);
    if (h->nodes[node] != NULL)
        return ORD_OK;
    size = snprintf(name, sizeof name, "n%u", node);
    return ord_builder_name_node(builder, node,
                                 (struct ord_bytes){name, (size_t)size}, err);
}

int ord_history_add(struct ord_history_builder *builder,
                    const struct ord_op *op, struct ord_err *err)
{
    struct ord_history *h = builder->history;
    struct ord_op *to;

    ORD_ASSERT(op->type <= ORD_OP_INFO);
    ORD_ASSERT(op->f < ORD_F_COUNT);
    if (op->process < ORD_PROCESS_NEMESIS)
        return ord_fail(err, ORD_EFORMAT,
                        "process %" PRId64 ": expected 0 or more", op->process);
    if (know_node(builder, op->node, err) != ORD_OK ||
        grow_ops(builder, err) != ORD_OK)
        return err->rc;
    to = &h->ops[h->count];
    *to = *op;
    if (!copy_payload(builder, op, to))
        return too_big(builder, err);
    to->index = h->count;
    to->pair = ORD_NO_PAIR;
    if (op->process == ORD_PROCESS_NEMESIS)
        to->type = ORD_OP_INFO;
    if (builder->pairs_at_once &&
        ord_pair_step(&builder->open, h->ops, h->count, err) != ORD_OK)
        return err->rc;
    h->count++;
    return ORD_OK;
}

int ord_builder_finish(struct ord_history_builder **builder,
                       enum ord_order order, struct ord_history **out,
                       struct ord_err *err)
{
    struct ord_history_builder *b = *builder;
    struct ord_history *h = b->history;
    int rc = ORD_OK;

    if (h->ops == NULL)
        rc = grow_ops(b, err); /* so that ops is somewhere */
    if (rc == ORD_OK && order != ORD_ORDER_AS_ADDED)
        rc = ord_order_sort(h->ops, h->count, order, err);
    if (rc == ORD_OK && (!b->pairs_at_once || order != ORD_ORDER_AS_ADDED)) {
        ord_process_map_fini(&b->open);
        for (int64_t i = 0; i < h->count && rc == ORD_OK; i++) {
            h->ops[i].index = i;
            h->ops[i].pair = ORD_NO_PAIR;
            rc = ord_pair_step(&b->open, h->ops, i, err);
        }
    }
    if (rc == ORD_OK) {
        *out = h;
        b->history = NULL;
    }
    ord_history_builder_free(builder);
    return rc;
}

int ord_history_finish(struct ord_history_builder **builder, bool sort,
                       struct ord_history **out, struct ord_err *err)
{
    return ord_builder_finish(
        builder, sort ? ORD_ORDER_TIME : ORD_ORDER_AS_ADDED, out, err);
}

/* ---- nodes, meta and keys ------------------------------------------------ */

int ord_builder_name_node(struct ord_history_builder *builder, uint16_t node,
                          struct ord_bytes name, struct ord_err *err)
{
    struct ord_history *h = builder->history;

    if (node == ORD_NODE_NONE || node > ORD_NODES_MAX)
        return ord_fail(err, ORD_ELIMIT, "more than %d nodes", ORD_NODES_MAX);
    if (name.size > ORD_NODE_NAME_MAX)
        return ord_fail(err, ORD_ELIMIT, "a node's name of %zu bytes (max %d)",
                        name.size, ORD_NODE_NAME_MAX);
    h->nodes[node] = ord_arena_copy(&h->arena, name);
    if (h->nodes[node] == NULL)
        return too_big(builder, err);
    if (node > h->node_count)
        h->node_count = node;
    return ORD_OK;
}

/* K of "nK", K from 1 to ORD_NODES_MAX without leading zeros; else 0. */
static uint16_t number_of(struct ord_bytes name)
{
    uint16_t number = 0;

    if (name.size < 2 || name.size > 3 || name.at[0] != 'n' ||
        name.at[1] == '0')
        return 0;
    for (size_t i = 1; i < name.size; i++) {
        if (name.at[i] < '0' || name.at[i] > '9')
            return 0;
        number = (uint16_t)(number * 10 + (name.at[i] - '0'));
    }
    return number <= ORD_NODES_MAX ? number : 0;
}

int ord_builder_node(struct ord_history_builder *builder, struct ord_bytes name,
                     uint16_t *node, struct ord_err *err)
{
    struct ord_history *h = builder->history;
    uint16_t number = number_of(name);

    for (uint16_t i = 1; i <= h->node_count; i++) {
        if (h->nodes[i] != NULL && ord_bytes_is(name, h->nodes[i])) {
            *node = i;
            return ORD_OK;
        }
    }
    if (number == 0 || h->nodes[number] != NULL) {
        number = 1;
        while (number <= ORD_NODES_MAX && h->nodes[number] != NULL)
            number++;
    }
    *node = number;
    return ord_builder_name_node(builder, number, name, err);
}

int ord_builder_meta(struct ord_history_builder *builder, struct ord_bytes meta,
                     struct ord_err *err)
{
    char *copy = ord_arena_copy(&builder->history->arena, meta);

    if (copy == NULL)
        return too_big(builder, err);
    builder->history->meta = copy;
    return ORD_OK;
}

int ord_split_key(struct ord_op *op, struct ord_err *err)
{
    const struct ord_value *tuple = op->value.as.items;

    if (op->process == ORD_PROCESS_NEMESIS || op->key.kind != ORD_NIL)
        return ORD_OK;
    if (op->type != ORD_OP_INVOKE &&
        (op->value.kind != ORD_LIST || op->value.count != 2))
        return ORD_OK; /* the bare answer; its invocation has the key */
    if (op->value.kind != ORD_LIST || op->value.count != 2)
        return ord_fail(err, ORD_EFORMAT,
                        "%s of process %" PRId64
                        ": expected a value [key value], for the history is "
                        "said to be keyed",
                        op->name, op->process);
    op->key = tuple[0];
    op->value = tuple[1];
    return ORD_OK;
}
