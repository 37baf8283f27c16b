/* build_head.c -- what stands in front of a history: nodes and meta; keys. */
#include <inttypes.h>

#include "histories/build.h"

static int no_room(const struct ord_history_builder *builder,
                   struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM, "more than %zu bytes of memory",
                    builder->size_max);
}

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
        return no_room(builder, err);
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

uint16_t ord_builder_known_node(const struct ord_history_builder *builder,
                                struct ord_bytes name)
{
    const struct ord_history *h = builder->history;

    for (uint16_t i = 1; i <= h->node_count; i++) {
        if (h->nodes[i] != NULL && ord_bytes_is(name, h->nodes[i]))
            return i;
    }
    return ORD_NODE_NONE;
}

int ord_builder_node(struct ord_history_builder *builder, struct ord_bytes name,
                     uint16_t *node, struct ord_err *err)
{
    struct ord_history *h = builder->history;
    uint16_t number = number_of(name);

    *node = ord_builder_known_node(builder, name);
    if (*node != ORD_NODE_NONE)
        return ORD_OK;
    if (number == 0 || h->nodes[number] != NULL) {
        number = 1;
        while (number <= ORD_NODES_MAX && h->nodes[number] != NULL)
            number++;
    }
    *node = number;
    return ord_builder_name_node(builder, number, name, err);
}

int ord_builder_process(struct ord_history_builder *builder,
                        struct ord_bytes name, int64_t *process,
                        struct ord_err *err)
{
    static const char nemesis[] = "nemesis";
    struct ord_value value = {.kind = ORD_TEXT};
    uint32_t atom;

    if (name.size > 1 && name.at[0] == ':') {
        name.at++;
        name.size--;
    }
    if (name.size == 0 || name.size > ORD_PROCESS_NAME_MAX)
        return ord_fail(err, ORD_EFORMAT,
                        "a process that is 0, 1, ... or a name of at most %d "
                        "bytes",
                        ORD_PROCESS_NAME_MAX);
    if (name.size >= sizeof nemesis - 1 &&
        memcmp(name.at, nemesis, sizeof nemesis - 1) == 0) {
        *process = ORD_PROCESS_NEMESIS;
        return ORD_OK;
    }
    if (builder->has_named_number)
        return ord_fail(err, ORD_EFORMAT,
                        "processes below %" PRId64 " where others have names",
                        ORD_PROCESS_NAMED);
    if (builder->processes == NULL &&
        ord_atoms_new(&builder->process_arena, &builder->processes, err) !=
            ORD_OK)
        return err->rc;
    value.as.text = name.at;
    value.count = (uint32_t)name.size;
    if (ord_atoms_add(builder->processes, &value, &atom, err) != ORD_OK)
        return err->rc;
    *process = ORD_PROCESS_NAMED + atom - 1; /* atom 0 is nil */
    return ORD_OK;
}

bool ord_builder_may_number(struct ord_history_builder *builder,
                            int64_t process)
{
    if (process < ORD_PROCESS_NAMED)
        return true;
    builder->has_named_number = true;
    return builder->processes == NULL;
}

int ord_builder_meta(struct ord_history_builder *builder, struct ord_bytes meta,
                     struct ord_err *err)
{
    char *copy = ord_arena_copy(&builder->history->arena, meta);

    if (copy == NULL)
        return no_room(builder, err);
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
