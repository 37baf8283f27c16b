/* calls.c -- columns of calls out of a history's events, in two passes.
 *
 * The first pass counts, so that every column is made once and in its size;
 * the second one fills them in.  A completion finds its call by the place of
 * its invocation.
 */
#include "histories/calls.h"

#include <inttypes.h>
#include <stdlib.h>

#include "histories/atoms.h"

struct builder {
    const struct ord_history *history;
    struct ord_arena *arena;
    struct ord_calls *out;
    unsigned want;

    /* From the first pass. */
    uint32_t call_count;
    bool has_keys;
    bool has_final;
    int64_t low; /* of all numbers that will be atoms */
    int64_t high;
    uint64_t int_count;

    struct ord_atoms *atoms;
    struct ord_atoms *key_atoms;
    struct ord_atoms *process_atoms;
    uint32_t *call_of; /* by event; owned, for a while */
    bool has_nil_key;

    uint32_t *begin;
    uint32_t *end;
    uint32_t *in;
    uint32_t *of; /* out */
    uint32_t *key;
    uint32_t *process;
    uint8_t *f;
    uint8_t *type;
    uint8_t *is_final;
};

/* How a function's values become in and out. */
enum shape {
    SHAPE_PUT, /* out = in, but where an answer says otherwise */
    SHAPE_GET, /* out = the answer; so is that of all others */
    SHAPE_CAS,
};

static enum shape shape_of(uint8_t f)
{
    switch (f) {
    case ORD_F_WRITE:
    case ORD_F_PUT:
    case ORD_F_APPEND:
    case ORD_F_ADD:
    case ORD_F_REMOVE:
    case ORD_F_ENQUEUE:
    case ORD_F_PUSH:
        return SHAPE_PUT;
    case ORD_F_CAS:
        return SHAPE_CAS;
    default:
        return SHAPE_GET;
    }
}

/* ---- the first pass ------------------------------------------------------ */

static bool is_client(const struct ord_op *op)
{
    return op->process >= 0;
}

static void survey_value(struct builder *b, const struct ord_value *value,
                         int depth)
{
    if (value->kind == ORD_INT) {
        b->int_count++;
        if (value->as.number < b->low)
            b->low = value->as.number;
        if (value->as.number > b->high)
            b->high = value->as.number;
    } else if (value->kind == ORD_LIST && depth < 2) {
        for (uint32_t i = 0; i < value->count; i++)
            survey_value(b, &value->as.items[i], depth + 1);
    }
}

static int survey(struct builder *b, struct ord_err *err)
{
    int64_t count = ord_history_count(b->history);

    if (count >= ORD_CALL_NEVER)
        return ord_fail(err, ORD_ELIMIT, "%" PRId64 " events (max %u)", count,
                        ORD_CALL_NEVER - 1);
    b->low = INT64_MAX;
    b->high = INT64_MIN;
    ORD_OPS (b->history, op) {
        if (!is_client(op))
            continue;
        b->has_final |= op->is_final;
        b->has_keys |= op->key.kind != ORD_NIL;
        survey_value(b, &op->value, 0);
        if (op->type == ORD_OP_INVOKE)
            b->call_count++;
    }
    return ORD_OK;
}

static void *column(struct builder *b, size_t size, bool *is_bad)
{
    /* An empty column is no missing one. */
    void *at = ord_arena_alloc(b->arena, ((size_t)b->call_count + 1) * size);

    *is_bad |= at == NULL;
    return at;
}

static int make_columns(struct builder *b, struct ord_err *err)
{
    size_t count = (size_t)ord_history_count(b->history);
    bool is_bad = false;

    b->begin = column(b, sizeof *b->begin, &is_bad);
    b->end = column(b, sizeof *b->end, &is_bad);
    b->in = column(b, sizeof *b->in, &is_bad);
    b->of = column(b, sizeof *b->of, &is_bad);
    b->f = column(b, sizeof *b->f, &is_bad);
    b->type = column(b, sizeof *b->type, &is_bad);
    if (b->has_final)
        b->is_final = column(b, sizeof *b->is_final, &is_bad);
    if (b->has_keys)
        b->key = column(b, sizeof *b->key, &is_bad);
    if ((b->want & ORD_CALLS_PROCESSES) != 0)
        b->process = column(b, sizeof *b->process, &is_bad);
    if (!is_bad &&
        count <= (b->arena->size_max - b->arena->taken_size) / sizeof(uint32_t))
        b->call_of = malloc((count + 1) * sizeof *b->call_of);
    if (is_bad || b->call_of == NULL)
        return ord_fail(err, ORD_ENOMEM,
                        "%" PRIu32 " calls need more than %zu bytes",
                        b->call_count, b->arena->size_max);
    if (ord_atoms_new(b->arena, &b->atoms, err) != ORD_OK ||
        (b->has_keys && ord_atoms_new(b->arena, &b->key_atoms, err) != ORD_OK))
        return err->rc;
    ord_atoms_expect(b->atoms, b->low, b->high, b->int_count);
    if (b->process != NULL)
        return ord_atoms_new(b->arena, &b->process_atoms, err);
    return ORD_OK;
}

/* ---- the second pass ----------------------------------------------------- */

static int add_cas(struct builder *b, const struct ord_op *op, uint32_t call,
                   struct ord_err *err)
{
    const struct ord_value *pair = &op->value;

    if (pair->kind == ORD_NIL) { /* some say it only in the answer */
        const struct ord_op *done = ord_history_pair(b->history, op);

        if (done != NULL)
            pair = &done->value;
    }
    if (pair->kind != ORD_LIST || pair->count != 2)
        return ord_fail(err, ORD_EFORMAT,
                        "operation %" PRId64 ": a cas needs [old new]",
                        op->index);
    if (ord_atoms_add(b->atoms, &pair->as.items[0], &b->of[call], err) !=
        ORD_OK)
        return err->rc;
    return ord_atoms_add(b->atoms, &pair->as.items[1], &b->in[call], err);
}

/* The invocation has the key, or else the answer. */
static int add_key(struct builder *b, const struct ord_op *op, uint32_t call,
                   struct ord_err *err)
{
    const struct ord_op *done = NULL;
    const struct ord_value *key = &op->key;

    if (key->kind == ORD_NIL)
        done = ord_history_pair(b->history, op);
    if (done != NULL)
        key = &done->key;
    b->has_nil_key |= key->kind == ORD_NIL;
    return ord_atoms_add(b->key_atoms, key, &b->key[call], err);
}

static int add_invocation(struct builder *b, const struct ord_op *op,
                          uint32_t call, struct ord_err *err)
{
    uint32_t process;

    b->begin[call] = (uint32_t)op->index;
    b->end[call] = ORD_CALL_NEVER;
    b->f[call] = op->f;
    b->type[call] = ORD_OP_INFO;
    b->of[call] = ORD_ATOM_NONE;
    if (b->is_final != NULL)
        b->is_final[call] = op->is_final;
    if (b->key != NULL && add_key(b, op, call, err) != ORD_OK)
        return err->rc;
    if (b->process != NULL) {
        if (ord_atoms_add_int(b->process_atoms, op->process, &process, err) !=
            ORD_OK)
            return err->rc;
        b->process[call] = process - 1; /* atom 0 is nil */
    }
    if (shape_of(op->f) == SHAPE_CAS)
        return add_cas(b, op, call, err);
    return ord_atoms_add(b->atoms, &op->value, &b->in[call], err);
}

static int add_completion(struct builder *b, const struct ord_op *op,
                          uint32_t call, struct ord_err *err)
{
    enum shape shape = shape_of(op->f);

    b->type[call] = op->type;
    if (b->is_final != NULL)
        b->is_final[call] |= op->is_final;
    if (op->type != ORD_OP_OK)
        return ORD_OK;
    b->end[call] = (uint32_t)op->index;
    if (shape == SHAPE_CAS)
        return ORD_OK;
    if (shape == SHAPE_PUT && op->value.kind == ORD_NIL) {
        b->of[call] = b->in[call];
        return ORD_OK;
    }
    return ord_atoms_add(b->atoms, &op->value, &b->of[call], err);
}

static int fill(struct builder *b, struct ord_err *err)
{
    uint32_t calls = 0;
    int rc = ORD_OK;

    ORD_OPS (b->history, op) {
        if (!is_client(op))
            continue;
        if (op->type == ORD_OP_INVOKE) {
            b->call_of[op->index] = calls;
            rc = add_invocation(b, op, calls++, err);
        } else {
            rc = add_completion(b, op, b->call_of[op->pair], err);
        }
        if (rc != ORD_OK)
            return rc;
    }
    ORD_ASSERT(calls == b->call_count);
    return ORD_OK;
}

/* ---- objects ------------------------------------------------------------- */

static int no_keys(const struct builder *b, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM,
                    "%" PRIu32 " objects need more than %zu bytes",
                    b->out->key_count, b->arena->size_max);
}

static int list_keys(struct builder *b, struct ord_err *err)
{
    struct ord_calls *out = b->out;
    const struct ord_calls names = {.atoms = b->key_atoms};
    uint32_t first = b->has_nil_key ? 0 : 1; /* atom 0 is nil */
    struct ord_value *keys;

    out->key_count = 1;
    if (b->key_atoms != NULL && b->call_count > 0)
        out->key_count = b->key_atoms->count - first;
    keys = ord_arena_zalloc(b->arena, out->key_count, sizeof *keys);
    if (keys == NULL)
        return no_keys(b, err);
    out->keys = keys;
    if (b->key_atoms == NULL || b->call_count == 0)
        return ORD_OK;
    for (uint32_t i = 0; i < out->key_count; i++)
        keys[i] = ord_atom_value(&names, i + first);
    if (out->key_count == 1)
        return ORD_OK;
    for (uint32_t i = 0; i < b->call_count; i++)
        b->key[i] -= first;
    out->key = b->key;
    return ORD_OK;
}

/* A counting sort: stable, so the calls of an object stay ordered. */
static int group(struct builder *b, struct ord_err *err)
{
    struct ord_calls *out = b->out;
    bool is_bad = false;
    uint32_t *by_key = column(b, sizeof *by_key, &is_bad);
    uint32_t *first =
        ord_arena_zalloc(b->arena, (size_t)out->key_count + 2, sizeof *first);

    if (is_bad || first == NULL)
        return no_keys(b, err);
    /* first[k + 2] counts object k, then first[k + 1] is where its next call
     * goes, and in the end where those of k + 1 begin. */
    for (uint32_t i = 0; i < b->call_count; i++)
        first[(out->key == NULL ? 0 : out->key[i]) + 2]++;
    for (uint32_t k = 0; k < out->key_count; k++)
        first[k + 2] += first[k + 1];
    for (uint32_t i = 0; i < b->call_count; i++)
        by_key[first[(out->key == NULL ? 0 : out->key[i]) + 1]++] = i;
    out->by_key = by_key;
    out->key_first = first;
    return ORD_OK;
}

static int build(struct builder *b, struct ord_err *err)
{
    struct ord_calls *out = b->out;

    if (survey(b, err) != ORD_OK || make_columns(b, err) != ORD_OK ||
        fill(b, err) != ORD_OK || list_keys(b, err) != ORD_OK)
        return err->rc;
    out->count = b->call_count;
    out->event_count = (uint32_t)ord_history_count(b->history);
    out->begin = b->begin;
    out->end = b->end;
    out->f = b->f;
    out->type = b->type;
    out->in = b->in;
    out->out = b->of;
    out->is_final = b->is_final;
    out->process = b->process;
    out->atoms = b->atoms;
    out->atom_count = b->atoms->count;
    if (out->key_count > 1 || (b->want & ORD_CALLS_KEYS) != 0)
        return group(b, err);
    return ORD_OK;
}

int ord_calls_build(const struct ord_history *history, unsigned want,
                    struct ord_arena *arena, struct ord_calls *out,
                    struct ord_err *err)
{
    struct builder b = {
        .history = history, .arena = arena, .out = out, .want = want};
    int rc;

    *out = (struct ord_calls){0};
    rc = build(&b, err);
    if (b.atoms != NULL)
        ord_atoms_seal(b.atoms);
    if (b.key_atoms != NULL)
        ord_atoms_seal(b.key_atoms);
    if (b.process_atoms != NULL)
        ord_atoms_seal(b.process_atoms);
    free(b.call_of);
    return rc;
}
