/* calls.c -- columns of calls, straight from the columns of blocks.
 *
 * The blocks' heads tell how many calls there are and within which range their
 * numbers lie, so every column is made once and in its size.  Then one pass:
 * a completion tells its call by their distance.  Columns that calls have no
 * use for (times, nodes, ...) stay packed.
 */
#include "histories/calls.h"

#include <inttypes.h>
#include <stdlib.h>

#include "histories/atoms.h"
#include "histories/build.h"

struct builder {
    const struct ord_history *history;
    struct ord_arena *arena;
    struct ord_calls *out;
    unsigned want;
    uint32_t columns; /* of the blocks that are read */
    uint32_t call_count;
    uint32_t next; /* call */

    struct ord_atoms *atoms;
    struct ord_atoms *key_atoms;     /* NULL: no operation has a key */
    struct ord_atoms *process_atoms; /* NULL: not asked for */
    struct ord_atoms *session_atoms; /* NULL: not asked for */
    struct ord_reader reader;
    struct ord_arena scratch; /* of one block */

    uint32_t *begin;
    uint32_t *end;
    uint32_t *in;
    uint32_t *of; /* out */
    uint32_t *key;
    uint32_t *process;
    uint32_t *session;
    uint8_t *f;
    uint8_t *type; /* INVOKE while it is open */
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

/* ---- columns ------------------------------------------------------------- */

static void *column(struct builder *b, size_t size, bool *is_bad)
{
    /* An empty column is no missing one. */
    void *at = ord_arena_alloc(b->arena, ((size_t)b->call_count + 1) * size);

    *is_bad |= at == NULL;
    return at;
}

/* A table of numbers of its own, for keys and the like. */
static int table(struct builder *b, bool is_wanted, uint32_t **at,
                 struct ord_atoms **atoms, struct ord_err *err)
{
    bool is_bad = false;

    if (!is_wanted)
        return ORD_OK;
    *at = column(b, sizeof **at, &is_bad);
    if (is_bad)
        return ord_fail(err, ORD_ENOMEM, "%" PRIu32 " calls", b->call_count);
    return ord_atoms_new(b->arena, atoms, err);
}

static int make_columns(struct builder *b, bool has_keys, bool has_final,
                        struct ord_err *err)
{
    bool has_sessions = (b->want & ORD_CALLS_SESSIONS) != 0;
    bool is_bad = false;

    b->begin = column(b, sizeof *b->begin, &is_bad);
    b->end = column(b, sizeof *b->end, &is_bad);
    b->in = column(b, sizeof *b->in, &is_bad);
    b->of = column(b, sizeof *b->of, &is_bad);
    b->f = column(b, sizeof *b->f, &is_bad);
    b->type = column(b, sizeof *b->type, &is_bad);
    if (has_final)
        b->is_final = column(b, sizeof *b->is_final, &is_bad);
    if (is_bad)
        return ord_fail(err, ORD_ENOMEM,
                        "%" PRIu32 " calls need more than %zu bytes",
                        b->call_count, b->arena->size_max);
    if (table(b, has_keys, &b->key, &b->key_atoms, err) != ORD_OK ||
        table(b, (b->want & ORD_CALLS_PROCESSES) != 0, &b->process,
              &b->process_atoms, err) != ORD_OK ||
        table(b, has_sessions, &b->session, &b->session_atoms, err) != ORD_OK)
        return err->rc;
    b->columns = 1U << ORD_COLUMN_BACK | 1U << ORD_COLUMN_NUMBER |
                 1U << ORD_COLUMN_VALUE;
    if (has_keys)
        b->columns |= 1U << ORD_COLUMN_KEY | 1U << ORD_COLUMN_KEY_VALUE;
    if (b->process != NULL || b->session != NULL)
        b->columns |= 1U << ORD_COLUMN_PROCESS;
    if (b->session != NULL)
        b->columns |= 1U << ORD_COLUMN_SESSION;
    return ord_atoms_new(b->arena, &b->atoms, err);
}

/* What the heads of the blocks tell. */
static int survey(struct builder *b, struct ord_err *err)
{
    const struct ord_history *h = b->history;
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    uint64_t number_count = 0;
    uint32_t bits = 0;

    ORD_ASSERT(h->count < ORD_CALL_NEVER); /* no builder goes beyond */
    b->call_count = (uint32_t)h->call_count;
    for (uint32_t i = 0; i < h->block_count; i++) {
        const struct ord_block *block = &h->blocks[i];

        bits |= block->bits;
        number_count += block->number_count;
        low = block->low < low ? block->low : low;
        high = block->high > high ? block->high : high;
    }
    if (make_columns(b, ord_kind_field(bits, ORD_KIND_KEY_SHIFT) != ORD_KF_NONE,
                     (bits & ORD_KIND_FINAL) != 0, err) != ORD_OK)
        return err->rc;
    ord_atoms_expect(b->atoms, low, high, number_count);
    return ORD_OK;
}

/* ---- values -------------------------------------------------------------- */

static int contradicts(const struct builder *b, uint32_t i, struct ord_err *err)
{
    return ord_fail(err, ORD_EFORMAT,
                    "operation %" PRIu64 ": its block makes no sense",
                    b->reader.block->first_event + i);
}

static int bad_value(const struct builder *b, const struct ord_cursor *in,
                     uint32_t i, struct ord_err *err)
{
    if (in->is_full)
        return ord_fail(err, ORD_ENOMEM, "a value needs more than %zu bytes",
                        b->arena->size_max);
    return contradicts(b, i, err);
}

static int add_numbers(struct builder *b, uint64_t count, uint32_t i,
                       uint32_t *atom, struct ord_err *err)
{
    const struct ord_numbers *numbers = &b->reader.numbers[ORD_COLUMN_NUMBER];
    uint32_t *at = &b->reader.at[ORD_COLUMN_NUMBER];
    const int64_t *first = numbers->at + *at;

    if (count > numbers->count - *at)
        return contradicts(b, i, err);
    *at += (uint32_t)count;
    return ord_atoms_add_ints(b->atoms, first, (uint32_t)count, atom, err);
}

/* The atom of the value that the event itself has. */
static int add_value(struct builder *b, const struct ord_kind *kind, uint32_t i,
                     uint32_t *atom, struct ord_err *err)
{
    struct ord_reader *reader = &b->reader;
    struct ord_cursor *in = &reader->in[ORD_COLUMN_VALUE];
    struct ord_value value = ord_value_nil();
    int64_t number;

    switch (ord_kind_value(kind->bits)) {
    case ORD_KV_NUMBER:
        if (!ord_reader_next(reader, ORD_COLUMN_NUMBER, &number))
            return contradicts(b, i, err);
        return ord_atoms_add_int(b->atoms, number, atom, err);
    case ORD_KV_FALSE:
    case ORD_KV_TRUE:
        value.kind = ORD_BOOL;
        value.as.number = ord_kind_value(kind->bits) == ORD_KV_TRUE;
        break;
    case ORD_KV_PAIR:
        return add_numbers(b, 2, i, atom, err);
    case ORD_KV_NUMBERS:
        if (!ord_reader_next(reader, ORD_COLUMN_NUMBER, &number) || number < 0)
            return contradicts(b, i, err);
        return add_numbers(b, (uint64_t)number, i, atom, err);
    case ORD_KV_VALUE:
        value = ord_get_value(in, &b->scratch);
        if (in->is_bad)
            return bad_value(b, in, i, err);
        break;
    default:
        break;
    }
    return ord_atoms_add(b->atoms, &value, atom, err);
}

static int bad_cas(const struct builder *b, uint32_t call, struct ord_err *err)
{
    return ord_fail(err, ORD_EFORMAT,
                    "operation %" PRIu32 ": a cas needs [old new]",
                    b->begin[call]);
}

/* Takes [old new] apart, of an invocation or, where that has none, of its
 * completion. */
static int add_cas(struct builder *b, const struct ord_kind *kind, uint32_t i,
                   uint32_t call, struct ord_err *err)
{
    struct ord_reader *reader = &b->reader;
    struct ord_cursor *in = &reader->in[ORD_COLUMN_VALUE];
    struct ord_value items[2] = {{0}};
    struct ord_value pair = ord_value_list(items, 2);

    if (ord_kind_value(kind->bits) == ORD_KV_PAIR) {
        items[0] = items[1] = ord_value_int(0);
        if (!ord_reader_next(reader, ORD_COLUMN_NUMBER, &items[0].as.number) ||
            !ord_reader_next(reader, ORD_COLUMN_NUMBER, &items[1].as.number))
            return contradicts(b, i, err);
    } else if (ord_kind_value(kind->bits) == ORD_KV_VALUE) {
        pair = ord_get_value(in, &b->scratch);
        if (in->is_bad)
            return bad_value(b, in, i, err);
    } else {
        return bad_cas(b, call, err);
    }
    if (pair.kind != ORD_LIST || pair.count != 2)
        return bad_cas(b, call, err);
    if (ord_atoms_add(b->atoms, &pair.as.items[0], &b->of[call], err) != ORD_OK)
        return err->rc;
    return ord_atoms_add(b->atoms, &pair.as.items[1], &b->in[call], err);
}

/* ---- keys, processes, sessions ------------------------------------------- */

/* The invocation has the key, or else the answer.  Atom 0 is nil. */
static int add_key(struct builder *b, const struct ord_kind *kind, uint32_t i,
                   uint32_t call, struct ord_err *err)
{
    struct ord_reader *reader = &b->reader;
    struct ord_cursor *in = &reader->in[ORD_COLUMN_KEY_VALUE];
    struct ord_value key;
    uint32_t atom;
    int64_t number;

    switch (ord_kind_field(kind->bits, ORD_KIND_KEY_SHIFT)) {
    case ORD_KF_COLUMN:
        if (!ord_reader_next(reader, ORD_COLUMN_KEY, &number))
            return contradicts(b, i, err);
        if (ord_atoms_add_int(b->key_atoms, number, &atom, err) != ORD_OK)
            return err->rc;
        break;
    case ORD_KF_VALUE:
        key = ord_get_value(in, &b->scratch);
        if (in->is_bad)
            return bad_value(b, in, i, err);
        if (ord_atoms_add(b->key_atoms, &key, &atom, err) != ORD_OK)
            return err->rc;
        break;
    default:
        return ORD_OK;
    }
    if (b->key[call] != ORD_ATOM_NIL && b->key[call] != atom)
        return contradicts(b, i, err); /* no builder lets that in */
    b->key[call] = atom;
    return ORD_OK;
}

/* Sessions and processes that stand for one are told apart by how they are
 * written: a number, and the same number as a text. */
static int add_who(struct builder *b, const struct ord_kind *kind, uint32_t i,
                   uint32_t call, struct ord_err *err)
{
    bool has_session =
        ord_kind_field(kind->bits, ORD_KIND_SESSION_SHIFT) == ORD_KF_COLUMN;
    struct ord_value text = {.kind = ORD_TEXT, .count = sizeof(int64_t)};
    int64_t process;
    int64_t session;
    uint32_t atom;
    int rc;

    if (!ord_reader_next(&b->reader, ORD_COLUMN_PROCESS, &process))
        return contradicts(b, i, err);
    if (b->process != NULL) {
        if (ord_atoms_add_int(b->process_atoms, process, &atom, err) != ORD_OK)
            return err->rc;
        b->process[call] = atom - 1;
    }
    if (b->session == NULL)
        return ORD_OK;
    text.as.text = (const char *)&process;
    if (has_session &&
        !ord_reader_next(&b->reader, ORD_COLUMN_SESSION, &session))
        return contradicts(b, i, err);
    if (has_session)
        rc = ord_atoms_add_int(b->session_atoms, session, &atom, err);
    else
        rc = ord_atoms_add(b->session_atoms, &text, &atom, err);
    if (rc == ORD_OK)
        b->session[call] = atom - 1;
    return rc;
}

/* ---- events -------------------------------------------------------------- */

static int add_invocation(struct builder *b, const struct ord_kind *kind,
                          uint32_t i, struct ord_err *err)
{
    uint32_t call = b->next;

    if (call == b->call_count)
        return contradicts(b, i, err);
    b->next++;
    b->begin[call] = (uint32_t)b->reader.block->first_event + i;
    b->end[call] = ORD_CALL_NEVER;
    b->f[call] = kind->f;
    b->type[call] = ORD_OP_INVOKE;
    b->of[call] = ORD_ATOM_NONE;
    if (b->is_final != NULL)
        b->is_final[call] = (kind->bits & ORD_KIND_FINAL) != 0;
    if (b->key != NULL) {
        b->key[call] = ORD_ATOM_NIL;
        if (add_key(b, kind, i, call, err) != ORD_OK)
            return err->rc;
    }
    if ((b->process != NULL || b->session != NULL) &&
        add_who(b, kind, i, call, err) != ORD_OK)
        return err->rc;
    if (shape_of(kind->f) != SHAPE_CAS)
        return add_value(b, kind, i, &b->in[call], err);
    b->in[call] = ORD_ATOM_NONE;
    if (ord_kind_value(kind->bits) == ORD_KV_NIL)
        return ORD_OK; /* some say it only in the answer */
    return add_cas(b, kind, i, call, err);
}

/* The value of an answer, and what it says of the call. */
static int add_answer_value(struct builder *b, const struct ord_kind *kind,
                            uint32_t i, uint32_t call, struct ord_err *err)
{
    enum ord_kind_value value = ord_kind_value(kind->bits);
    enum shape shape = shape_of(kind->f);
    bool is_ok = ord_kind_type(kind) == ORD_OP_OK;
    uint32_t atom;

    if (shape == SHAPE_CAS && b->in[call] == ORD_ATOM_NONE &&
        value != ORD_KV_NIL)
        return add_cas(b, kind, i, call, err);
    if (value == ORD_KV_SAME || (value == ORD_KV_NIL && shape == SHAPE_PUT)) {
        if (is_ok && shape != SHAPE_CAS)
            b->of[call] = b->in[call];
        return ORD_OK;
    }
    /* Of others nobody wants the value, but the columns go on behind it. */
    if (add_value(b, kind, i, &atom, err) != ORD_OK)
        return err->rc;
    if (is_ok && shape != SHAPE_CAS)
        b->of[call] = atom;
    return ORD_OK;
}

static int add_answer(struct builder *b, const struct ord_kind *kind,
                      uint32_t i, struct ord_err *err)
{
    int64_t back;
    uint32_t call;

    if (!ord_reader_next(&b->reader, ORD_COLUMN_BACK, &back) || back < 0 ||
        back >= b->next)
        return contradicts(b, i, err);
    call = b->next - 1 - (uint32_t)back;
    if (b->type[call] != ORD_OP_INVOKE || b->f[call] != kind->f)
        return contradicts(b, i, err);
    b->type[call] = (uint8_t)ord_kind_type(kind);
    if (b->type[call] == ORD_OP_OK)
        b->end[call] = (uint32_t)b->reader.block->first_event + i;
    if (b->is_final != NULL)
        b->is_final[call] |= (kind->bits & ORD_KIND_FINAL) != 0;
    if (b->key != NULL && add_key(b, kind, i, call, err) != ORD_OK)
        return err->rc;
    if (b->session != NULL &&
        ord_kind_field(kind->bits, ORD_KIND_SESSION_SHIFT) == ORD_KF_COLUMN)
        (void)ord_reader_next(&b->reader, ORD_COLUMN_SESSION, &back);
    return add_answer_value(b, kind, i, call, err);
}

/* The nemesis is left out, but what it says stands in the same columns. */
static int skip_nemesis(struct builder *b, const struct ord_kind *kind,
                        uint32_t i, struct ord_err *err)
{
    struct ord_reader *reader = &b->reader;
    int64_t number = 0;
    bool is_good = true;

    if (b->key != NULL &&
        ord_kind_field(kind->bits, ORD_KIND_KEY_SHIFT) == ORD_KF_COLUMN)
        is_good = ord_reader_next(reader, ORD_COLUMN_KEY, &number);
    if (b->key != NULL &&
        ord_kind_field(kind->bits, ORD_KIND_KEY_SHIFT) == ORD_KF_VALUE)
        (void)ord_get_value(&reader->in[ORD_COLUMN_KEY_VALUE], &b->scratch);
    if (b->session != NULL &&
        ord_kind_field(kind->bits, ORD_KIND_SESSION_SHIFT) == ORD_KF_COLUMN)
        is_good =
            ord_reader_next(reader, ORD_COLUMN_SESSION, &number) && is_good;
    switch (ord_kind_value(kind->bits)) {
    case ORD_KV_NUMBER:
        is_good =
            ord_reader_next(reader, ORD_COLUMN_NUMBER, &number) && is_good;
        break;
    case ORD_KV_PAIR:
    case ORD_KV_NUMBERS:
        number = 2;
        if (ord_kind_value(kind->bits) == ORD_KV_NUMBERS)
            is_good =
                ord_reader_next(reader, ORD_COLUMN_NUMBER, &number) && is_good;
        is_good = is_good && number >= 0 &&
                  number <= (int64_t)reader->numbers[ORD_COLUMN_NUMBER].count -
                                reader->at[ORD_COLUMN_NUMBER];
        if (is_good)
            reader->at[ORD_COLUMN_NUMBER] += (uint32_t)number;
        break;
    case ORD_KV_VALUE:
        (void)ord_get_value(&reader->in[ORD_COLUMN_VALUE], &b->scratch);
        break;
    default:
        break;
    }
    return is_good ? ORD_OK : contradicts(b, i, err);
}

static int add_block(struct builder *b, const struct ord_block *block,
                     struct ord_err *err)
{
    size_t left = b->arena->size_max - b->arena->taken_size;
    int rc;

    ord_arena_fini(&b->scratch);
    b->scratch.size_max = left > 0 ? left : 1;
    rc = ord_reader_load(&b->reader, block, b->columns, left, &b->scratch, err);
    for (uint32_t i = 0; i < block->event_count && rc == ORD_OK; i++) {
        const struct ord_kind *kind = ord_reader_kind(&b->reader, i);

        if (ord_kind_is_call(kind))
            rc = add_invocation(b, kind, i, err);
        else if (ord_kind_is_answer(kind))
            rc = add_answer(b, kind, i, err);
        else
            rc = skip_nemesis(b, kind, i, err);
    }
    ord_history_release(b->history, block);
    if (rc != ORD_OK)
        return rc;
    if (b->next != block->first_call + block->call_count ||
        !ord_reader_is_done(&b->reader, b->columns))
        return contradicts(b, block->event_count - 1, err);
    return ORD_OK;
}

static int fill(struct builder *b, struct ord_err *err)
{
    const struct ord_history *h = b->history;

    for (uint32_t i = 0; i < h->block_count; i++) {
        if (add_block(b, &h->blocks[i], err) != ORD_OK)
            return err->rc;
    }
    ORD_ASSERT(b->next == b->call_count);
    for (uint32_t call = 0; call < b->call_count; call++) {
        if (b->type[call] == ORD_OP_INVOKE)
            b->type[call] = ORD_OP_INFO;
        if (b->in[call] == ORD_ATOM_NONE)
            return bad_cas(b, call, err);
    }
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
    uint32_t first = 1; /* atom 0 is nil, which may be no key of any call */
    struct ord_value *keys;

    out->key_count = 1;
    for (uint32_t i = 0; i < b->call_count && b->key != NULL; i++)
        first = b->key[i] == ORD_ATOM_NIL ? 0 : first;
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

    if (survey(b, err) != ORD_OK || fill(b, err) != ORD_OK ||
        list_keys(b, err) != ORD_OK)
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
    out->session = b->session;
    if (b->session != NULL)
        out->session_count = b->session_atoms->count - 1;
    out->atoms = b->atoms;
    out->atom_count = b->atoms->count;
    if (out->key_count > 1 || (b->want & ORD_CALLS_KEYS) != 0)
        return group(b, err);
    return ORD_OK;
}

static void seal(struct ord_atoms *atoms)
{
    if (atoms != NULL)
        ord_atoms_seal(atoms);
}

int ord_calls_build(const struct ord_history *history, unsigned want,
                    struct ord_arena *arena, struct ord_calls *out,
                    struct ord_err *err)
{
    struct builder b = {
        .history = history, .arena = arena, .out = out, .want = want};
    int rc;

    *out = (struct ord_calls){0};
    ord_arena_init(&b.scratch, arena->size_max);
    rc = build(&b, err);
    seal(b.atoms);
    seal(b.key_atoms);
    seal(b.process_atoms);
    seal(b.session_atoms);
    ord_reader_fini(&b.reader);
    ord_arena_fini(&b.scratch);
    return rc;
}
