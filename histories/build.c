/* build.c -- events, one after another, into a validated history. */
#include "histories/build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCKS_MIN = 4, COUNT_EVERY = 256 };

/* ---- histories as they grow ---------------------------------------------- */

size_t ord_history_size_max(const struct ord_history_options *how)
{
    if (how == NULL || how->size_max == 0 || how->size_max > SIZE_MAX / 4)
        return SIZE_MAX / 4;
    return how->size_max;
}

int ord_history_new(size_t size_max, struct ord_history **out,
                    struct ord_err *err)
{
    struct ord_history *history = calloc(1, sizeof *history);

    if (history == NULL)
        return ord_fail(err, ORD_ENOMEM, "a new history");
    if (size_max == 0 || size_max > SIZE_MAX / 4)
        size_max = SIZE_MAX / 4;
    ord_arena_init(&history->arena, size_max);
    history->size_max = size_max;
    history->meta = "{}";
    *out = history;
    return ORD_OK;
}

size_t ord_history_left(const struct ord_history *history)
{
    size_t taken = history->arena.taken_size + history->blocks_size +
                   history->block_room * sizeof *history->blocks;

    return taken < history->size_max ? history->size_max - taken : 0;
}

int ord_history_add_block(struct ord_history *history,
                          const struct ord_block *block, struct ord_err *err)
{
    uint32_t room =
        history->block_room < BLOCKS_MIN ? BLOCKS_MIN : 2 * history->block_room;
    struct ord_block *blocks;

    ORD_ASSERT(block->first_event == (uint64_t)history->count);
    ORD_ASSERT(block->first_call == (uint64_t)history->call_count);
    if (history->block_count == history->block_room) {
        blocks = realloc(history->blocks, room * sizeof *blocks);
        if (blocks == NULL)
            return ord_fail(err, ORD_ENOMEM, "%u blocks", room);
        history->blocks = blocks;
        history->block_room = room;
    }
    history->blocks[history->block_count++] = *block;
    history->count += block->event_count;
    history->call_count += block->call_count;
    return ORD_OK;
}

/* ---- the builder --------------------------------------------------------- */

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

    if (builder == NULL)
        return ord_fail(err, ORD_ENOMEM, "a new history");
    if (ord_history_new(size_max, &builder->history, err) != ORD_OK) {
        free(builder);
        return err->rc;
    }
    builder->size_max = builder->history->size_max;
    ord_maker_init(&builder->maker, builder->size_max);
    ord_buf_init(&builder->value, builder->size_max);
    ord_buf_init(&builder->key, builder->size_max);
    ord_buf_init(&builder->packed, builder->size_max);
    ord_arena_init(&builder->process_arena, builder->size_max);
    *out = builder;
    return ORD_OK;
}

void ord_history_builder_free(struct ord_history_builder **builder)
{
    struct ord_history_builder *b = *builder;

    if (b == NULL)
        return;
    if (b->processes != NULL)
        ord_atoms_seal(b->processes);
    ord_arena_fini(&b->process_arena);
    ord_history_free(&b->history);
    ord_process_map_fini(&b->open);
    ord_open_calls_fini(&b->calls);
    ord_maker_fini(&b->maker);
    ord_buf_fini(&b->value);
    ord_buf_fini(&b->key);
    ord_buf_fini(&b->packed);
    free(b);
    *builder = NULL;
}

/* All that the builder holds, beside the history's own. */
static bool is_within(const struct ord_history_builder *b)
{
    size_t taken = ord_maker_size(&b->maker) + b->value.room + b->key.room +
                   b->packed.room + b->open.room * sizeof *b->open.slots +
                   b->calls.room * sizeof *b->calls.at +
                   b->process_arena.taken_size;

    if (b->processes != NULL)
        taken +=
            (size_t)b->processes->slot_count * sizeof(struct ord_atom_slot);
    return taken <= ord_history_left(b->history);
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

/* ---- how an event is kept ------------------------------------------------ */

static bool are_numbers(const struct ord_value *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->as.items[i].kind != ORD_INT)
            return false;
    }
    return list->count > 0;
}

/* Whether the bytes of a value are needed: texts and lists have no other
 * short form to be compared in. */
static bool has_bytes(const struct ord_value *value)
{
    return value->kind == ORD_TEXT || value->kind == ORD_LIST;
}

static enum ord_kind_value value_kind(const struct ord_value *value)
{
    switch (value->kind) {
    case ORD_NIL:
        return ORD_KV_NIL;
    case ORD_BOOL:
        return value->as.number != 0 ? ORD_KV_TRUE : ORD_KV_FALSE;
    case ORD_INT:
        return ORD_KV_NUMBER;
    case ORD_LIST:
        if (are_numbers(value))
            return value->count == 2 ? ORD_KV_PAIR : ORD_KV_NUMBERS;
        return ORD_KV_VALUE;
    default:
        return ORD_KV_VALUE;
    }
}

static bool is_held(const struct ord_value *value, struct ord_bytes bytes,
                    const struct ord_value *asked, struct ord_bytes held)
{
    if (value->kind != asked->kind)
        return false;
    if (has_bytes(value))
        return ord_bytes_equal(bytes, held);
    return value->kind != ORD_NIL && value->as.number == asked->as.number;
}

static uint32_t field(bool is_there, bool is_same, int shift)
{
    enum ord_kind_field field = !is_there ? ORD_KF_NONE
                                : is_same ? ORD_KF_SAME
                                          : ORD_KF_COLUMN;

    return (uint32_t)field << shift;
}

/* The bits of the kind; asked: the invocation of an answer, else NULL. */
static uint32_t bits_of(const struct ord_made *made,
                        const struct ord_open_call *asked)
{
    const struct ord_op *op = made->op;
    struct ord_bytes held = {0};
    struct ord_bytes held_key = {0};
    bool is_answer = asked != NULL;
    uint32_t bits = op->type;
    uint32_t key;

    if (is_answer && asked->held != NULL) {
        held = (struct ord_bytes){asked->held, asked->value_size};
        held_key = (struct ord_bytes){asked->held + asked->value_size,
                                      asked->key_size};
    }
    if (is_answer && is_held(&op->value, made->value, &asked->value, held))
        bits |= (uint32_t)ORD_KV_SAME << ORD_KIND_VALUE_SHIFT;
    else
        bits |= (uint32_t)value_kind(&op->value) << ORD_KIND_VALUE_SHIFT;
    key =
        field(op->key.kind != ORD_NIL,
              is_answer && is_held(&op->key, made->key, &asked->key, held_key),
              ORD_KIND_KEY_SHIFT);
    if (ord_kind_field(key, ORD_KIND_KEY_SHIFT) == ORD_KF_COLUMN &&
        op->key.kind != ORD_INT)
        key = (uint32_t)ORD_KF_VALUE << ORD_KIND_KEY_SHIFT;
    bits |= key;
    bits |= field(op->node != ORD_NODE_NONE,
                  is_answer && asked->node == op->node, ORD_KIND_NODE_SHIFT);
    bits |= field(op->session != ORD_NONE,
                  is_answer && asked->session == op->session,
                  ORD_KIND_SESSION_SHIFT);
    bits |= field(op->device != 0, is_answer && asked->device == op->device,
                  ORD_KIND_DEVICE_SHIFT);
    bits |= op->process == ORD_PROCESS_NEMESIS ? ORD_KIND_NEMESIS : 0;
    bits |= op->is_final ? ORD_KIND_FINAL : 0;
    bits |= op->epoch != ORD_NONE ? ORD_KIND_EPOCH : 0;
    bits |= op->position != ORD_NONE ? ORD_KIND_POSITION : 0;
    bits |= op->error != NULL ? ORD_KIND_ERROR : 0;
    return bits;
}

/* Value and key as bytes, where they have to be compared or kept so. */
static int encode(struct ord_history_builder *b, const struct ord_op *op,
                  struct ord_made *made, struct ord_err *err)
{
    bool is_flat = true;

    ord_buf_clear(&b->value);
    ord_buf_clear(&b->key);
    if (has_bytes(&op->value))
        is_flat = ord_add_value(&b->value, &op->value);
    /* Nothing else than a number stands in the column of keys. */
    if (op->key.kind != ORD_NIL && op->key.kind != ORD_INT)
        is_flat = ord_add_value(&b->key, &op->key) && is_flat;
    if (b->value.failed || b->key.failed)
        return too_big(b, err);
    if (!is_flat)
        return ord_fail(err, ORD_ELIMIT, "%s: a value nested more than %d deep",
                        op->name, ORD_VALUE_DEPTH_MAX);
    made->value = ord_buf_bytes(&b->value);
    made->key = ord_buf_bytes(&b->key);
    return ORD_OK;
}

static int open_call(struct ord_history_builder *b, const struct ord_made *made,
                     struct ord_process_slot *slot, struct ord_err *err)
{
    const struct ord_op *op = made->op;
    struct ord_open_call *call;

    if (!ord_open_call_take(&b->calls, &slot->rank))
        return too_big(b, err);
    call = &b->calls.at[slot->rank];
    call->call = b->maker.first_call + b->maker.call_count;
    call->value = op->value;
    call->key = op->key;
    call->session = op->session;
    call->node = op->node;
    call->device = op->device;
    if (!ord_open_call_hold(call, made->value, made->key))
        return too_big(b, err);
    return ORD_OK;
}

/* Pairs the event with what its process has done before. */
static int pair(struct ord_history_builder *b, struct ord_made *made,
                struct ord_err *err)
{
    const struct ord_op *op = made->op;
    struct ord_process_slot *slot = NULL;
    const struct ord_open_call *asked = NULL;

    if (op->process != ORD_PROCESS_NEMESIS &&
        ord_pair_check(&b->open, op, &slot, err) != ORD_OK)
        return err->rc;
    if (slot != NULL && op->type != ORD_OP_INVOKE) {
        asked = &b->calls.at[slot->rank];
        if (ord_pair_check_reply(asked, op, made->value, made->key, err) !=
            ORD_OK)
            return err->rc;
        made->back =
            b->maker.first_call + b->maker.call_count - 1 - asked->call;
    }
    made->kind.bits = bits_of(made, asked);
    if (asked != NULL)
        ord_open_call_give(&b->calls, slot->rank);
    else if (slot != NULL && open_call(b, made, slot, err) != ORD_OK)
        return err->rc;
    if (slot != NULL) {
        slot->event = op->index + 1;
        slot->type = op->type;
        slot->f = op->f;
        slot->name = op->name;
    }
    return ORD_OK;
}

int ord_builder_pack(struct ord_history_builder *b, struct ord_err *err)
{
    struct ord_history *h = b->history;
    struct ord_block block;
    char *bytes;

    if (b->maker.event_count == 0)
        return ORD_OK;
    if (b->sink != NULL)
        return ord_maker_finish(&b->maker, true, b->sink, err);
    ord_buf_clear(&b->packed);
    if (ord_maker_finish(&b->maker, false, &b->packed, err) != ORD_OK)
        return err->rc;
    bytes = malloc(b->packed.size);
    if (bytes == NULL)
        return too_big(b, err);
    memcpy(bytes, b->packed.at, b->packed.size);
    if (!ord_block_open((struct ord_bytes){bytes, b->packed.size}, &block)) {
        free(bytes);
        return ord_fail(err, ORD_ELIMIT, "a block of %zu bytes",
                        b->packed.size);
    }
    h->count -= block.event_count; /* counted as they came */
    if (ord_history_add_block(h, &block, err) != ORD_OK) {
        free(bytes);
        return err->rc;
    }
    h->blocks_size += b->packed.size;
    return is_within(b) ? ORD_OK : too_big(b, err);
}

int ord_history_add(struct ord_history_builder *builder,
                    const struct ord_op *op, struct ord_err *err)
{
    struct ord_history *h = builder->history;
    struct ord_op kept = *op;
    struct ord_made made = {.op = &kept};

    ORD_ASSERT(op->type <= ORD_OP_INFO);
    ORD_ASSERT(op->f < ORD_F_COUNT);
    if (op->process < ORD_PROCESS_NEMESIS)
        return ord_fail(err, ORD_EFORMAT,
                        "process %" PRId64 ": expected 0 or more", op->process);
    if (h->count >= ORD_EVENTS_MAX)
        return ord_fail(err, ORD_ELIMIT, "more than %" PRId64 " events",
                        ORD_EVENTS_MAX);
    if (know_node(builder, op->node, err) != ORD_OK)
        return err->rc;
    kept.index = h->count;
    kept.name = op->f != ORD_F_OTHER
                    ? ord_f_name((enum ord_f)op->f)
                    : intern(builder, op->name == NULL ? "" : op->name);
    if (kept.name == NULL)
        return too_big(builder, err);
    if (op->process == ORD_PROCESS_NEMESIS)
        kept.type = ORD_OP_INFO;
    made.kind.f = kept.f;
    made.kind.name = kept.name;
    if (encode(builder, &kept, &made, err) != ORD_OK ||
        pair(builder, &made, err) != ORD_OK)
        return err->rc;
    if (!ord_maker_add(&builder->maker, &made) ||
        (h->count % COUNT_EVERY == 0 && !is_within(builder)))
        return too_big(builder, err);
    h->count++;
    return ord_maker_is_full(&builder->maker) ? ord_builder_pack(builder, err)
                                              : ORD_OK;
}

/* ---- finishing ----------------------------------------------------------- */

int ord_builder_copy_head(struct ord_history_builder *builder,
                          const struct ord_history *from, struct ord_err *err)
{
    for (uint16_t i = 1; i <= from->node_count; i++) {
        if (from->nodes[i] != NULL &&
            ord_builder_name_node(builder, i, ord_bytes_of(from->nodes[i]),
                                  err) != ORD_OK)
            return err->rc;
    }
    builder->history->torn_size = from->torn_size;
    return ord_builder_meta(builder, ord_bytes_of(from->meta), err);
}

static int seal(struct ord_history_builder *b, struct ord_err *err)
{
    if (ord_builder_pack(b, err) != ORD_OK)
        return err->rc;
    return ord_history_seal(b->history, err);
}

/* The same history in another order: events are whole while they are sorted,
 * and then added once more. */
static int sorted(const struct ord_history *history, enum ord_order order,
                  struct ord_history **out, struct ord_err *err)
{
    struct ord_history_builder *again = NULL;
    struct ord_op *ops = ord_wide_ops(history);
    int rc;

    if (ops == NULL)
        return ord_history_trouble(history, err);
    rc = ord_order_sort(ops, history->count, order, err);
    if (rc == ORD_OK)
        rc = ord_history_builder_new(history->size_max, &again, err);
    if (rc == ORD_OK)
        rc = ord_builder_copy_head(again, history, err);
    for (int64_t i = 0; i < history->count && rc == ORD_OK; i++)
        rc = ord_history_add(again, &ops[i], err);
    if (rc == ORD_OK)
        rc = seal(again, err);
    if (rc == ORD_OK) {
        *out = again->history;
        again->history = NULL;
    }
    ord_history_builder_free(&again);
    return rc;
}

int ord_builder_finish(struct ord_history_builder **builder,
                       enum ord_order order, struct ord_history **out,
                       struct ord_err *err)
{
    struct ord_history_builder *b = *builder;
    int rc = seal(b, err);

    if (rc == ORD_OK && order != ORD_ORDER_AS_ADDED) {
        rc = sorted(b->history, order, out, err);
    } else if (rc == ORD_OK) {
        *out = b->history;
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
