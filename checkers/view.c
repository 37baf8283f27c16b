/* view.c -- pairs events into calls, groups the calls by object. */
#include "checkers/view.h"

#include <stdlib.h>

enum { EVENTS_MAX = INT32_MAX };

bool ord_intern_init(struct ord_intern *intern, struct ord_arena *arena,
                     uint32_t count_max)
{
    uint32_t slot_count = 8;

    ORD_ASSERT(count_max <= EVENTS_MAX);
    while (slot_count / 2 <= count_max && slot_count < UINT32_MAX / 2)
        slot_count *= 2;
    *intern = (struct ord_intern){
        .slots = ord_arena_zalloc(arena, slot_count, sizeof(uint32_t)),
        .values = ord_arena_zalloc(arena, (size_t)count_max + 1,
                                   sizeof(struct ord_value)),
        .slot_count = slot_count,
        .count_max = count_max + 1,
    };
    return intern->slots != NULL && intern->values != NULL;
}

/* The slot that holds the value, or the free one where it belongs. */
static uint32_t intern_slot(const struct ord_intern *intern,
                            const struct ord_value *value)
{
    uint32_t mask = intern->slot_count - 1;
    uint32_t at = (uint32_t)ord_value_hash(value) & mask;

    for (uint32_t i = 0; i < intern->slot_count; i++) {
        uint32_t id = intern->slots[at];

        if (id == 0 || ord_value_equal(&intern->values[id - 1], value))
            return at;
        at = (at + 1) & mask;
    }
    ORD_ASSERT(false); /* at most half of the slots are ever taken */
    return 0;
}

uint32_t ord_intern_add(struct ord_intern *intern,
                        const struct ord_value *value)
{
    uint32_t at = intern_slot(intern, value);

    if (intern->slots[at] == 0) {
        ORD_ASSERT(intern->count < intern->count_max);
        intern->values[intern->count] = *value;
        intern->slots[at] = ++intern->count;
    }
    return intern->slots[at] - 1;
}

uint32_t ord_intern_find(const struct ord_intern *intern,
                         const struct ord_value *value)
{
    uint32_t id = intern->slots[intern_slot(intern, value)];

    return id == 0 ? ORD_NO_ID : id - 1;
}

const struct ord_value *ord_call_value(const struct ord_call *call)
{
    if (call->f == ORD_F_READ) {
        ORD_ASSERT(call->done != NULL);
        return &call->done->value;
    }
    if (call->f == ORD_F_CAS)
        return &call->inv->value.as.items[1];
    return &call->inv->value;
}

const struct ord_value *ord_call_expected(const struct ord_call *call)
{
    ORD_ASSERT(call->f == ORD_F_CAS);
    return &call->inv->value.as.items[0];
}

int ord_call_compare_session(const struct ord_call *a, const struct ord_call *b)
{
    bool a_has = a->inv->session != ORD_NONE;
    bool b_has = b->inv->session != ORD_NONE;
    int64_t a_id = a_has ? a->inv->session : a->inv->process;
    int64_t b_id = b_has ? b->inv->session : b->inv->process;

    if (a_has != b_has)
        return a_has < b_has ? -1 : 1;
    return (a_id > b_id) - (a_id < b_id);
}

int ord_call_compare_end(const void *a, const void *b)
{
    const struct ord_call *x = *(const struct ord_call *const *)a;
    const struct ord_call *y = *(const struct ord_call *const *)b;

    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static bool is_client(const struct ord_op *op)
{
    return op->process >= 0 && op->type == ORD_OP_INVOKE;
}

static struct ord_call call_of(const struct ord_history *history,
                               const struct ord_op *inv)
{
    const struct ord_op *done = ord_history_pair(history, inv);
    struct ord_call call = {
        .inv = inv,
        .done = done,
        .begin = inv->index,
        .end = ORD_NEVER,
        .node = inv->node,
        .f = inv->f,
        .type = ORD_OP_INFO,
        .is_final = inv->is_final,
    };

    if (done != NULL) {
        ORD_ASSERT(done->index > inv->index);
        call.type = done->type;
        call.is_final = inv->is_final || done->is_final;
        if (done->node != ORD_NODE_NONE)
            call.node = done->node;
        if (done->type == ORD_OP_OK)
            call.end = done->index;
    }
    return call;
}

static enum ord_object_kind kind_of(const struct ord_call *call)
{
    bool is_list = call->f == ORD_F_READ && call->type == ORD_OP_OK &&
                   call->done->value.kind == ORD_LIST;

    switch (call->f) {
    case ORD_F_READ:
        return is_list ? ORD_OBJECT_SET : ORD_OBJECT_EMPTY;
    case ORD_F_WRITE:
    case ORD_F_CAS:
        return ORD_OBJECT_REGISTER;
    case ORD_F_ADD:
    case ORD_F_REMOVE:
        return ORD_OBJECT_SET;
    case ORD_F_APPEND:
        return ORD_OBJECT_LIST;
    default:
        return ORD_OBJECT_MIXED;
    }
}

/* Reads alone tell little: a list may be a register's value. */
static void classify(const struct ord_view *view, struct ord_object *object)
{
    const struct ord_call *calls = ord_object_calls(view, object);
    enum ord_object_kind reads = ORD_OBJECT_REGISTER;

    for (uint32_t i = 0; i < object->count; i++) {
        enum ord_object_kind kind = kind_of(&calls[i]);

        if (calls[i].f == ORD_F_READ) {
            if (kind != ORD_OBJECT_EMPTY)
                reads = kind;
            continue;
        }
        /* A call that surely did not happen tells nothing either. */
        if (kind == ORD_OBJECT_MIXED && calls[i].type == ORD_OP_FAIL)
            continue;
        if (object->kind == ORD_OBJECT_EMPTY)
            object->kind = kind;
        if (object->kind != kind || kind == ORD_OBJECT_MIXED) {
            object->kind = ORD_OBJECT_MIXED;
            object->odd = &calls[i];
            return;
        }
    }
    if (object->kind == ORD_OBJECT_EMPTY)
        object->kind = reads;
    for (uint32_t i = 0; i < object->count; i++) {
        if (object->kind != ORD_OBJECT_REGISTER && calls[i].f == ORD_F_READ &&
            calls[i].type == ORD_OP_OK && kind_of(&calls[i]) == 0 &&
            calls[i].done->value.kind != ORD_NIL) {
            object->kind = ORD_OBJECT_MIXED; /* a set that is no list */
            object->odd = &calls[i];
            return;
        }
    }
}

static const struct ord_value *key_of(const struct ord_history *history,
                                      const struct ord_op *inv)
{
    const struct ord_op *done = NULL;

    if (inv->key.kind != ORD_NIL)
        return &inv->key;
    done = ord_history_pair(history, inv);
    return done == NULL ? &inv->key : &done->key;
}

static int check_format(const struct ord_op *inv, struct ord_err *err)
{
    if (inv->f == ORD_F_CAS &&
        (inv->value.kind != ORD_LIST || inv->value.count != 2))
        return ord_fail(err, ORD_EFORMAT,
                        "operation %lld: a cas needs [old new]",
                        (long long)inv->index);
    return ORD_OK;
}

/* Counting sort: stable, so the calls of an object stay ordered by begin. */
static int group(struct ord_view *view, const struct ord_check_in *in,
                 struct ord_intern *keys, struct ord_err *err)
{
    uint32_t *next = NULL;
    uint32_t first = 0;

    view->objects =
        ord_arena_zalloc(in->arena, keys->count, sizeof *view->objects);
    next = ord_arena_zalloc(in->arena, keys->count, sizeof *next);
    view->calls =
        ord_arena_zalloc(in->arena, view->call_count, sizeof *view->calls);
    if (view->objects == NULL || next == NULL || view->calls == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u calls",
                        view->call_count);
    view->object_count = keys->count;
    ORD_OPS (in->history, op) {
        if (is_client(op))
            view->objects[ord_intern_find(keys, key_of(in->history, op))]
                .count++;
    }
    for (uint32_t i = 0; i < keys->count; i++) {
        view->objects[i].key = keys->values[i];
        view->objects[i].first = first;
        next[i] = first;
        first += view->objects[i].count;
    }
    ORD_ASSERT(first == view->call_count);
    ORD_OPS (in->history, op) {
        uint32_t object = 0;

        if (!is_client(op))
            continue;
        object = ord_intern_find(keys, key_of(in->history, op));
        view->calls[next[object]] = call_of(in->history, op);
        view->calls[next[object]++].object = object;
    }
    for (uint32_t i = 0; i < keys->count; i++)
        classify(view, &view->objects[i]);
    return ORD_OK;
}

int ord_view_init(struct ord_view *view, const struct ord_check_in *in,
                  struct ord_err *err)
{
    struct ord_intern keys = {0};
    int64_t count = ord_history_count(in->history);

    *view = (struct ord_view){.history = in->history};
    if (count > EVENTS_MAX / 4)
        return ord_fail(err, ORD_ELIMIT, "%lld events", (long long)count);
    if (count == 0)
        return ORD_OK;
    if (!ord_intern_init(&keys, in->arena, (uint32_t)count))
        return ord_fail(err, ORD_ENOMEM, "no memory for the keys");
    ORD_OPS (in->history, op) {
        if (!is_client(op))
            continue;
        if (check_format(op, err) != ORD_OK)
            return err->rc;
        view->call_count++;
        (void)ord_intern_add(&keys, key_of(in->history, op));
    }
    if (view->call_count == 0)
        return ORD_OK;
    return group(view, in, &keys, err);
}
