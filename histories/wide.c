/* wide.c -- whole operations out of blocks, when somebody asks for them.
 *
 * They stand in one array from the beginning on, which is address space until
 * a block is decoded into it, so that pointers stay what they are.  Three
 * steps: which completion belongs to which invocation is found; a block's own
 * columns are decoded; then what a completion has in common with its
 * invocation is copied from there.  Several threads may ask.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "histories/block_pairs.h"

enum { MAP_MIN = 1 << 16 };

enum state { STATE_NONE, STATE_DECODED, STATE_WHOLE };

struct ord_wide {
    pthread_mutex_t lock;
    struct ord_op *ops; /* owned; one more than there are events */
    size_t ops_size;
    bool is_mapped;
    bool is_all; /* atomic */
    uint32_t block_count;
    uint8_t *state;  /* of each block; atomic */
    uint32_t **bits; /* of each block's kinds while it is DECODED; owned */
    uint32_t *pair;  /* of each event of a decoded block; owned; may be NULL */
    bool is_paired;  /* ... of all events */
    uint32_t pair_loads;    /* of blocks, to pair them one by one */
    struct ord_arena arena; /* of values, names and errors */
    struct ord_reader reader;
    size_t taken_size; /* bytes, besides the arena */
    struct ord_err trouble;
    bool has_trouble; /* atomic */
    struct ord_op nothing;
};

/* ---- making and freeing -------------------------------------------------- */

int ord_wide_new(const struct ord_history *history, struct ord_wide **out,
                 struct ord_err *err)
{
    struct ord_wide *wide = calloc(1, sizeof *wide);
    size_t size = ((size_t)history->count + 1) * sizeof *wide->ops;

    if (wide == NULL)
        return ord_fail(err, ORD_ENOMEM, "a history");
    wide->ops_size = size;
    wide->block_count = history->block_count;
    wide->state = calloc((size_t)history->block_count + 1, 1);
    wide->bits = calloc((size_t)history->block_count + 1, sizeof *wide->bits);
    if (size < MAP_MIN) {
        wide->ops = malloc(size);
    } else {
        wide->ops = mmap(NULL, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        wide->is_mapped = wide->ops != MAP_FAILED;
        if (!wide->is_mapped)
            wide->ops = NULL;
    }
    wide->nothing = ord_op_empty();
    wide->nothing.process = ORD_PROCESS_NEMESIS;
    wide->nothing.type = ORD_OP_INFO;
    if (wide->ops == NULL || wide->state == NULL || wide->bits == NULL ||
        pthread_mutex_init(&wide->lock, NULL) != 0) {
        free(wide->state);
        free(wide->bits);
        if (wide->is_mapped)
            (void)munmap(wide->ops, size);
        else
            free(wide->ops);
        free(wide);
        return ord_fail(err, ORD_ENOMEM, "%" PRId64 " operations",
                        history->count);
    }
    ord_arena_init(&wide->arena, history->size_max);
    wide->is_all = history->count == 0;
    *out = wide;
    return ORD_OK;
}

static void forget_pairs(struct ord_wide *wide)
{
    free(wide->pair);
    wide->pair = NULL;
    wide->is_paired = false;
    ord_reader_fini(&wide->reader);
}

void ord_wide_free(struct ord_wide **wide)
{
    struct ord_wide *w = *wide;

    if (w == NULL)
        return;
    forget_pairs(w);
    if (w->is_mapped)
        (void)munmap(w->ops, w->ops_size);
    else
        free(w->ops);
    ord_arena_fini(&w->arena);
    (void)pthread_mutex_destroy(&w->lock);
    free(w->state);
    for (uint32_t b = 0; b < w->block_count; b++)
        free(w->bits[b]);
    free(w->bits);
    free(w);
    *wide = NULL;
}

/* ---- limits -------------------------------------------------------------- */

static int too_big(const struct ord_history *h, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM,
                    "%" PRId64 " whole operations need more than %zu bytes of "
                    "memory",
                    h->count, h->size_max);
}

/* What is left beside `more` bytes; the arena has all of that. */
static int take(const struct ord_history *h, size_t more, struct ord_err *err)
{
    struct ord_wide *w = h->wide;
    size_t left = ord_history_left(h);
    size_t taken = w->taken_size + more;

    if (taken + w->arena.taken_size > left)
        return too_big(h, err);
    w->taken_size = taken;
    w->arena.size_max = left - taken;
    return ORD_OK;
}

/* ---- which belongs to which ---------------------------------------------- */

/* Block by block as long as that is cheaper, then once and for all. */
static int find_pairs(const struct ord_history *h, uint32_t b, bool wants_all,
                      struct ord_err *err)
{
    struct ord_wide *w = h->wide;
    size_t events = (size_t)h->count;
    size_t beside = ord_pair_all_size(h);
    struct ord_pairing pairing;
    int rc = ORD_OK;

    if (w->is_paired)
        return ORD_OK;
    if (w->pair == NULL) {
        if (take(h, events * sizeof *w->pair, err) != ORD_OK)
            return err->rc;
        /* Of a long history, address space until it is written to. */
        w->pair = malloc(events * sizeof *w->pair);
        if (w->pair == NULL)
            return too_big(h, err);
    }
    pairing = (struct ord_pairing){.history = h,
                                   .reader = &w->reader,
                                   .size_max = w->arena.size_max,
                                   .pair = w->pair};
    if (!wants_all && w->pair_loads < h->block_count / 4) {
        rc = ord_pair_block(&pairing, b, err);
        w->pair_loads += pairing.loads;
        return rc;
    }
    if (take(h, beside, err) != ORD_OK)
        return err->rc;
    rc = ord_pair_all(&pairing, err);
    w->taken_size -= beside;
    w->is_paired = rc == ORD_OK;
    return rc;
}

/* ---- one block ----------------------------------------------------------- */

static bool get_numbers(struct ord_reader *reader, uint64_t count,
                        struct ord_arena *arena, struct ord_value *out)
{
    const struct ord_numbers *numbers = &reader->numbers[ORD_COLUMN_NUMBER];
    uint32_t *at = &reader->at[ORD_COLUMN_NUMBER];
    struct ord_value *items;

    if (count > numbers->count - *at)
        return false;
    items = ord_arena_alloc(arena, (size_t)count * sizeof *items);
    if (items == NULL) {
        reader->in[ORD_COLUMN_VALUE].is_full = true;
        return false;
    }
    for (uint64_t i = 0; i < count; i++)
        items[i] = ord_value_int(numbers->at[(*at)++]);
    *out = ord_value_list(items, (uint32_t)count);
    return true;
}

static bool get_value(struct ord_reader *reader, uint32_t bits,
                      struct ord_arena *arena, struct ord_value *out)
{
    struct ord_cursor *in = &reader->in[ORD_COLUMN_VALUE];
    int64_t count;

    switch (ord_kind_value(bits)) {
    case ORD_KV_NUMBER:
        *out = ord_value_int(0);
        return ord_reader_next(reader, ORD_COLUMN_NUMBER, &out->as.number);
    case ORD_KV_FALSE:
    case ORD_KV_TRUE:
        *out = (struct ord_value){
            .kind = ORD_BOOL,
            .as = {.number = ord_kind_value(bits) == ORD_KV_TRUE}};
        return true;
    case ORD_KV_PAIR:
        return get_numbers(reader, 2, arena, out);
    case ORD_KV_NUMBERS:
        return ord_reader_next(reader, ORD_COLUMN_NUMBER, &count) &&
               count >= 0 && get_numbers(reader, (uint64_t)count, arena, out);
    case ORD_KV_VALUE:
        *out = ord_get_value(in, arena);
        return !in->is_bad;
    default:
        return true; /* nil, or copied from the invocation */
    }
}

/* The number of a field, if it stands in a column and within [low, high]. */
static bool get_field(struct ord_reader *reader, uint32_t bits, int shift,
                      enum ord_column_id column, int64_t high, int64_t *out)
{
    if (ord_kind_field(bits, shift) != ORD_KF_COLUMN)
        return true;
    return ord_reader_next(reader, column, out) && *out <= high &&
           (high == INT64_MAX || *out >= 0);
}

static bool get_rest(struct ord_reader *reader, uint32_t bits,
                     struct ord_arena *arena, struct ord_op *op)
{
    struct ord_cursor *keys = &reader->in[ORD_COLUMN_KEY_VALUE];
    int64_t node = ORD_NODE_NONE;
    int64_t device = 0;

    if (ord_kind_field(bits, ORD_KIND_KEY_SHIFT) == ORD_KF_VALUE) {
        op->key = ord_get_value(keys, arena);
        if (keys->is_bad)
            return false;
    } else if (ord_kind_field(bits, ORD_KIND_KEY_SHIFT) == ORD_KF_COLUMN) {
        op->key = ord_value_int(0);
    }
    if (!get_field(reader, bits, ORD_KIND_KEY_SHIFT, ORD_COLUMN_KEY, INT64_MAX,
                   &op->key.as.number) ||
        !get_field(reader, bits, ORD_KIND_NODE_SHIFT, ORD_COLUMN_NODE,
                   ORD_NODES_MAX, &node) ||
        !get_field(reader, bits, ORD_KIND_SESSION_SHIFT, ORD_COLUMN_SESSION,
                   INT64_MAX, &op->session) ||
        !get_field(reader, bits, ORD_KIND_DEVICE_SHIFT, ORD_COLUMN_DEVICE,
                   UINT8_MAX, &device))
        return false;
    op->node = (uint16_t)node;
    op->device = (uint8_t)device;
    if ((bits & ORD_KIND_EPOCH) != 0 &&
        !ord_reader_next(reader, ORD_COLUMN_EPOCH, &op->epoch))
        return false;
    return (bits & ORD_KIND_POSITION) == 0 ||
           ord_reader_next(reader, ORD_COLUMN_POSITION, &op->position);
}

/* Errors repeat: the same text is kept once. */
static bool get_error(struct ord_reader *reader, const char **last,
                      struct ord_arena *arena, struct ord_op *op)
{
    struct ord_cursor *in = &reader->in[ORD_COLUMN_ERROR];
    uint64_t size = ord_get_varint(in);
    struct ord_bytes text = {.at = (const char *)in->at, .size = (size_t)size};

    if (in->is_bad || size > (size_t)(in->end - in->at))
        return false;
    in->at += size;
    if (*last == NULL || !ord_bytes_is(text, *last))
        *last = ord_arena_copy(arena, text);
    op->error = *last;
    in->is_full = op->error == NULL;
    return !in->is_full;
}

static bool get_op(struct ord_wide *w, const struct ord_block *block,
                   uint32_t i, const char **error)
{
    struct ord_reader *reader = &w->reader;
    const struct ord_kind *kind = ord_reader_kind(reader, i);
    size_t event = (size_t)block->first_event + i;
    struct ord_op *op = &w->ops[event];

    *op = ord_op_empty();
    op->index = (int64_t)event;
    op->time_ns = reader->numbers[ORD_COLUMN_TIME].at[i];
    if (w->pair[event] != ORD_NO_EVENT)
        op->pair = w->pair[event];
    op->name = kind->name;
    op->type = (uint8_t)ord_kind_type(kind);
    op->f = kind->f;
    op->is_final = (kind->bits & ORD_KIND_FINAL) != 0;
    op->process = ORD_PROCESS_NEMESIS;
    if (ord_kind_is_call(kind) &&
        !ord_reader_next(reader, ORD_COLUMN_PROCESS, &op->process))
        return false;
    if ((kind->bits & ORD_KIND_ERROR) != 0 &&
        !get_error(reader, error, &w->arena, op))
        return false;
    return get_value(reader, kind->bits, &w->arena, &op->value) &&
           get_rest(reader, kind->bits, &w->arena, op);
}

static bool has_been_full(const struct ord_reader *reader)
{
    return reader->in[ORD_COLUMN_VALUE].is_full ||
           reader->in[ORD_COLUMN_KEY_VALUE].is_full ||
           reader->in[ORD_COLUMN_ERROR].is_full;
}

static int decode(const struct ord_history *h, uint32_t b, struct ord_err *err)
{
    const uint32_t want =
        ((1U << ORD_COLUMN_COUNT) - 1) & ~(1U << ORD_COLUMN_BACK);
    const struct ord_block *block = &h->blocks[b];
    struct ord_wide *w = h->wide;
    struct ord_reader *reader = &w->reader;
    const char *error = NULL;
    uint32_t count = block->event_count;
    bool is_good = true;

    if (find_pairs(h, b, false, err) != ORD_OK ||
        take(h, count * sizeof *w->ops, err) != ORD_OK ||
        ord_reader_load(reader, block, want, w->arena.size_max, &w->arena,
                        err) != ORD_OK)
        return err->rc;
    w->bits[b] = malloc(count * sizeof *w->bits[b]);
    if (w->bits[b] == NULL)
        return too_big(h, err);
    for (uint32_t i = 0; i < count && is_good; i++) {
        is_good = get_op(w, block, i, &error);
        w->bits[b][i] = ord_reader_kind(reader, i)->bits;
    }
    ord_history_release(h, block);
    if (is_good && ord_reader_is_done(reader, want)) {
        __atomic_store_n(&w->state[b], STATE_DECODED, __ATOMIC_RELEASE);
        return ORD_OK;
    }
    free(w->bits[b]);
    w->bits[b] = NULL;
    if (has_been_full(reader))
        return too_big(h, err);
    return ord_contradicts((int64_t)block->first_event,
                           "its block makes no sense", err);
}

/* ---- what completions share ---------------------------------------------- */

static uint32_t block_of(const struct ord_history *h, int64_t event)
{
    uint32_t low = 0;
    uint32_t high = h->block_count - 1;

    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;

        if ((int64_t)h->blocks[middle].first_event <= event)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* An answer that names a key of its own names the one that was asked for, or
 * nobody asked for one. */
static bool is_key_answered(const struct ord_op *from, uint32_t bits,
                            const struct ord_op *to)
{
    return ord_kind_field(bits, ORD_KIND_KEY_SHIFT) == ORD_KF_SAME ||
           to->key.kind == ORD_NIL || from->key.kind == ORD_NIL ||
           ord_value_equal(&to->key, &from->key);
}

static void share(const struct ord_op *from, uint32_t bits, struct ord_op *to)
{
    to->process = from->process;
    if (ord_kind_value(bits) == ORD_KV_SAME)
        to->value = from->value;
    if (ord_kind_field(bits, ORD_KIND_KEY_SHIFT) == ORD_KF_SAME)
        to->key = from->key;
    if (ord_kind_field(bits, ORD_KIND_NODE_SHIFT) == ORD_KF_SAME)
        to->node = from->node;
    if (ord_kind_field(bits, ORD_KIND_SESSION_SHIFT) == ORD_KF_SAME)
        to->session = from->session;
    if (ord_kind_field(bits, ORD_KIND_DEVICE_SHIFT) == ORD_KF_SAME)
        to->device = from->device;
}

/* An invocation is whole once its block is decoded: it shares nothing. */
static int make_whole(const struct ord_history *h, uint32_t b,
                      struct ord_err *err)
{
    const struct ord_block *block = &h->blocks[b];
    struct ord_wide *w = h->wide;
    struct ord_op *ops = &w->ops[block->first_event];

    if (w->state[b] == STATE_NONE && decode(h, b, err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < block->event_count; i++) {
        uint32_t bits = w->bits[b][i];
        uint32_t other;

        if ((bits & ORD_KIND_NEMESIS) != 0 ||
            (bits & ORD_KIND_TYPE) == ORD_OP_INVOKE)
            continue;
        if (ops[i].pair < (int64_t)block->first_event) {
            other = block_of(h, ops[i].pair);
            if (w->state[other] == STATE_NONE &&
                decode(h, other, err) != ORD_OK)
                return err->rc;
        }
        if (!is_key_answered(&w->ops[ops[i].pair], bits, &ops[i]))
            return ord_contradicts(ops[i].index, "it is of another key", err);
        share(&w->ops[ops[i].pair], bits, &ops[i]);
    }
    free(w->bits[b]);
    w->bits[b] = NULL;
    __atomic_store_n(&w->state[b], STATE_WHOLE, __ATOMIC_RELEASE);
    return ORD_OK;
}

static int need_block(const struct ord_history *h, uint32_t b,
                      struct ord_err *err)
{
    if (h->wide->state[b] == STATE_WHOLE)
        return ORD_OK;
    return make_whole(h, b, err);
}

/* ---- asking -------------------------------------------------------------- */

static bool is_set(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void remember(struct ord_wide *w, const struct ord_err *err)
{
    if (w->has_trouble)
        return;
    w->trouble = *err;
    __atomic_store_n(&w->has_trouble, true, __ATOMIC_RELEASE);
}

const struct ord_op *ord_history_op(const struct ord_history *history,
                                    int64_t index)
{
    struct ord_wide *w = history->wide;
    struct ord_err err = {0};
    uint32_t b;

    ORD_ASSERT(index >= 0);
    /* One past the end is asked for by loops; an empty history has only it. */
    ORD_ASSERT(index <= history->count);
    if (is_set(&w->is_all) || index == history->count)
        return &w->ops[index];
    b = block_of(history, index);
    if (__atomic_load_n(&w->state[b], __ATOMIC_ACQUIRE) == STATE_WHOLE)
        return &w->ops[index];
    (void)pthread_mutex_lock(&w->lock);
    if (!w->has_trouble && need_block(history, b, &err) != ORD_OK)
        remember(w, &err);
    (void)pthread_mutex_unlock(&w->lock);
    if (__atomic_load_n(&w->state[b], __ATOMIC_ACQUIRE) == STATE_WHOLE)
        return &w->ops[index];
    return &w->nothing;
}

/* Whether they fit is known before the first one is made. */
static int need_all(const struct ord_history *h, struct ord_err *err)
{
    struct ord_wide *w = h->wide;

    if ((size_t)h->count * sizeof *w->ops > ord_history_left(h))
        return too_big(h, err);
    if (find_pairs(h, 0, true, err) != ORD_OK)
        return err->rc;
    for (uint32_t b = 0; b < h->block_count; b++) {
        if (need_block(h, b, err) != ORD_OK)
            return err->rc;
    }
    if (w->pair != NULL)
        w->taken_size -= (size_t)h->count * sizeof *w->pair;
    forget_pairs(w);
    return ORD_OK;
}

const struct ord_op *ord_history_first(const struct ord_history *history)
{
    struct ord_wide *w = history->wide;
    struct ord_err err = {0};

    if (is_set(&w->is_all))
        return w->ops;
    (void)pthread_mutex_lock(&w->lock);
    if (!w->has_trouble && !w->is_all) {
        if (need_all(history, &err) != ORD_OK)
            remember(w, &err);
        else
            __atomic_store_n(&w->is_all, true, __ATOMIC_RELEASE);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return w->ops;
}

const struct ord_op *ord_history_end(const struct ord_history *history)
{
    const struct ord_wide *w = history->wide;

    return is_set(&w->is_all) ? w->ops + history->count : w->ops;
}

struct ord_op *ord_wide_ops(const struct ord_history *history)
{
    (void)ord_history_first(history);
    return is_set(&history->wide->is_all) ? history->wide->ops : NULL;
}

int ord_history_trouble(const struct ord_history *history, struct ord_err *err)
{
    const struct ord_wide *w = history->wide;

    if (!is_set(&w->has_trouble))
        return ORD_OK;
    *err = w->trouble;
    return err->rc;
}
