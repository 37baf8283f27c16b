/* minimise_ask.c -- see minimise_ask.h. */
#include "checkers/minimise_ask.h"

#include <stdlib.h>
#include <string.h>

#define NONE ORD_ATOM_NONE
#define NEVER ORD_CALL_NEVER

enum {
    WORK_SIZE_MAX = 1 << 30, /* bytes of one question */
    STEPS_PER_QUESTION = 2000000,
};

struct row { /* a call of the question */
    uint32_t call;
    uint32_t begin;
    uint32_t end; /* event_count: some time */
    uint8_t f;
    uint8_t type;
    bool is_told; /* the answer stands */
};

struct rows {
    struct row *at;
    uint32_t count;
    uint32_t room;
};

/* ---- what a call does --------------------------------------------------- */

static bool is_take(const struct ord_lin *lin, uint32_t call)
{
    return lin->f[call] == ORD_F_DEQUEUE || lin->f[call] == ORD_F_POP;
}

uint32_t ord_ask_element(const struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;
    uint32_t in = lin->in[call];
    uint32_t out = lin->out[call];

    if (!is_take(lin, call))
        return in;
    if (in == ORD_ATOM_NIL || in == NONE)
        return out;
    return out == ORD_ATOM_NIL || out == NONE ? in : out;
}

static bool txn_is_look(const struct ord_lin *lin, uint32_t call)
{
    (void)lin;
    (void)call;
    return false; /* it is listed, then */
}

bool ord_ask_is_look(const struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;

    if (lin->type[call] == ORD_OP_FAIL)
        return true;
    switch (lin->f[call]) {
    case ORD_F_READ:
    case ORD_F_GET:
    case ORD_F_CONTAINS:
        return true;
    case ORD_F_DEQUEUE:
    case ORD_F_POP:
        return ord_ask_element(ask, call) == ORD_ATOM_NIL;
    case ORD_F_TXN:
        return txn_is_look(lin, call);
    default:
        return false;
    }
}

bool ord_ask_counts(const struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;

    if (lin->type[call] == ORD_OP_FAIL)
        return lin->is_strict && lin->f[call] == ORD_F_CAS;
    if (!ord_ask_is_look(ask, call))
        return true;
    return lin->type[call] == ORD_OP_OK && lin->out[call] != NONE &&
           (lin->is_final == NULL || lin->is_final[call] == 0);
}

/* ---- what unlisted calls are counted by --------------------------------- */

static uint32_t history_atom(const struct ord_lin *lin, uint32_t atom)
{
    return lin->atom_of == NULL || atom == NONE ? atom : lin->atom_of[atom];
}

/* The kind of thing that a call puts; NONE: it is counted by none. */
static uint32_t key_of(const struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;
    uint32_t owner;

    if (ord_ask_is_look(ask, call))
        return NONE;
    switch (ask->rule) {
    case ORD_ASK_FREE:
        if (ask->is_set)
            return history_atom(lin, lin->in[call]) * 2 +
                   (lin->f[call] == ORD_F_ADD);
        return lin->in[call];
    case ORD_ASK_LOCK:
        owner = ask->has_owner ? lin->process[call] : 0;
        return owner * 2 + (lin->f[call] == ORD_F_ACQUIRE);
    case ORD_ASK_ELEMENTS:
        return ord_ask_element(ask, call) == NONE ? 0 : NONE;
    default:
        return NONE;
    }
}

static uint32_t key_count(const struct ord_ask *ask)
{
    const struct ord_lin *lin = ask->lin;
    uint32_t count = 0;

    if (ask->rule == ORD_ASK_FREE && ask->is_set)
        return 2 * (lin->atom_of == NULL ? lin->atom_count
                                         : lin->calls->atom_count);
    if (ask->rule == ORD_ASK_FREE)
        return lin->atom_count;
    if (ask->rule != ORD_ASK_LOCK)
        return 1;
    for (uint32_t i = 0; ask->has_owner && i < lin->count; i++)
        count = lin->process[i] > count ? lin->process[i] : count;
    return 2 * (count + 1);
}

/* The key that the call is counted by; NONE: it counts for nothing. */
static inline uint32_t counted_key(const struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;

    /* Most calls of the longest histories, without a step aside. */
    if (ask->rule == ORD_ASK_FREE && !ask->is_set)
        return lin->type[call] != ORD_OP_FAIL && lin->f[call] != ORD_F_READ
                   ? lin->in[call]
                   : NONE;
    return ord_ask_counts(ask, call) ? key_of(ask, call) : NONE;
}

static void fill_keys(struct ord_ask *ask)
{
    const struct ord_lin *lin = ask->lin;

    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t key = counted_key(ask, i);

        if (key != NONE)
            ask->key_first[key + 2]++;
    }
    for (uint32_t key = 0; key < ask->key_count; key++)
        ask->key_first[key + 2] += ask->key_first[key + 1];
    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t key = counted_key(ask, i);

        if (key != NONE)
            ask->by_key[ask->key_first[key + 1]++] = i;
    }
}

static void choose_rule(struct ord_ask *ask)
{
    static const struct {
        const char *model;
        enum ord_ask_rule rule;
    } rules[] = {
        {"register", ORD_ASK_FREE},
        {"cas-register", ORD_ASK_FREE},
        {"set", ORD_ASK_FREE},
        {"mutex", ORD_ASK_LOCK},
        {"owner-mutex", ORD_ASK_LOCK},
        {"fifo-queue", ORD_ASK_ELEMENTS},
        {"unordered-queue", ORD_ASK_ELEMENTS},
        {"stack", ORD_ASK_ELEMENTS},
    };

    ask->rule = ORD_ASK_LISTED;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(rules[i].model, ask->model->name) == 0)
            ask->rule = rules[i].rule;
    }
    ask->is_set = strcmp(ask->model->name, "set") == 0;
    ask->has_owner = strcmp(ask->model->name, "owner-mutex") == 0;
}

int ord_ask_init(struct ord_ask *ask, const struct ord_model *model,
                 const struct ord_lin *lin, struct ord_arena *arena,
                 struct ord_err *err)
{
    size_t atoms = (size_t)lin->atom_count + 1;
    size_t keys;

    *ask = (struct ord_ask){.model = model, .lin = lin, .arena = arena};
    ord_arena_init(&ask->work, WORK_SIZE_MAX);
    choose_rule(ask);
    ORD_ASSERT(!ask->has_owner || lin->process != NULL);
    ask->key_count = key_count(ask);
    keys = (size_t)ask->key_count + 1;
    ask->key_first = ord_arena_zalloc(arena, keys + 2, sizeof(uint32_t));
    ask->by_key =
        ord_arena_zalloc(arena, (size_t)lin->count + 1, sizeof(uint32_t));
    ask->wanted = ord_arena_zalloc(arena, keys, sizeof(uint32_t));
    ask->listed = ord_arena_zalloc(arena, keys, sizeof(uint32_t));
    ask->touched = ord_arena_zalloc(arena, keys, sizeof(uint32_t));
    ask->local = ord_arena_zalloc(arena, atoms, sizeof(uint32_t));
    ask->atoms = ord_arena_zalloc(arena, atoms, sizeof(uint32_t));
    if (ask->key_first == NULL || ask->by_key == NULL || ask->wanted == NULL ||
        ask->listed == NULL || ask->touched == NULL || ask->local == NULL ||
        ask->atoms == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory to minimise %u calls",
                        lin->count);
    fill_keys(ask);
    return ORD_OK;
}

void ord_ask_fini(struct ord_ask *ask)
{
    ord_arena_fini(&ask->work);
}

/* ---- rows --------------------------------------------------------------- */

static void add_row(struct ord_ask *ask, struct rows *rows, struct row row)
{
    if (rows->count == rows->room) {
        uint32_t room = rows->room * 2 + 64;
        struct row *at = ord_arena_alloc(&ask->work, (size_t)room * sizeof *at);

        if (at == NULL) {
            ask->is_broke = true;
            return;
        }
        if (rows->count > 0)
            memcpy(at, rows->at, rows->count * sizeof *at);
        rows->at = at;
        rows->room = room;
    }
    rows->at[rows->count++] = row;
}

static void add_part(struct ord_ask *ask, struct rows *rows,
                     const struct ord_lin_part *part)
{
    const struct ord_lin *lin = ask->lin;
    struct row row = {
        .call = part->call,
        .begin =
            (part->keep & ORD_KEEP_BEGIN) != 0 ? lin->begin[part->call] : 0,
        .end = NEVER,
        .f = lin->f[part->call],
        .type = ORD_OP_INFO,
        .is_told = lin->type[part->call] != ORD_OP_INFO ||
                   lin->f[part->call] == ORD_F_CAS,
    };

    if ((part->keep & ORD_KEEP_END) != 0)
        row.end = lin->end[part->call];
    else if ((part->keep & ORD_KEEP_MUST) != 0)
        row.end = lin->event_count;
    if ((part->keep & (ORD_KEEP_END | ORD_KEEP_MUST)) != 0)
        row.type = lin->type[part->call];
    add_row(ask, rows, row);
}

/* ---- what is wanted of unlisted calls ----------------------------------- */

static void want(struct ord_ask *ask, uint32_t key, uint32_t count)
{
    if (key >= ask->key_count || count == 0)
        return;
    if (ask->wanted[key] == 0 && ask->listed[key] == 0)
        ask->touched[ask->touched_count++] = key;
    ask->wanted[key] += count;
}

static void list(struct ord_ask *ask, uint32_t key)
{
    if (key == NONE)
        return;
    if (ask->wanted[key] == 0 && ask->listed[key] == 0)
        ask->touched[ask->touched_count++] = key;
    ask->listed[key]++;
}

static void want_members(struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;
    const uint32_t *items = NULL;
    uint32_t count;

    if (lin->f[call] != ORD_F_READ) {
        uint32_t element = history_atom(lin, lin->in[call]);

        want(ask, element * 2, 1);
        want(ask, element * 2 + 1, 1);
        return;
    }
    count =
        ord_atom_items(lin->calls, history_atom(lin, lin->out[call]), &items);
    for (uint32_t i = 0; i < count; i++)
        want(ask, items[i] * 2 + 1, 1);
}

static void want_of(struct ord_ask *ask, const struct ord_lin_part *part,
                    uint32_t count)
{
    const struct ord_lin *lin = ask->lin;
    uint8_t f = lin->f[part->call];

    switch (ask->rule) {
    case ORD_ASK_FREE:
        if (ask->is_set)
            want_members(ask, part->call);
        else if (f == ORD_F_READ || f == ORD_F_CAS)
            want(ask, lin->out[part->call], 1);
        return;
    case ORD_ASK_LOCK:
        for (uint32_t key = 0; key < ask->key_count; key++) {
            if (ask->wanted[key] == 0)
                want(ask, key, count);
        }
        return;
    case ORD_ASK_ELEMENTS:
        if (f == ORD_F_ENQUEUE || f == ORD_F_PUSH)
            want(ask, 0, 1);
        return;
    default:
        return;
    }
}

/* Elements that somebody asked for are missed by the other reads. */
static void want_absence(struct ord_ask *ask, uint32_t count)
{
    uint32_t touched = ask->touched_count;

    for (uint32_t i = 0; i < touched; i++) {
        uint32_t key = ask->touched[i];

        if ((key & 1) != 0 && ask->wanted[key - 1] < count)
            want(ask, key - 1, count - ask->wanted[key - 1]);
    }
}

/* How many calls of that key began no later than `last`. */
static uint32_t supply(const struct ord_ask *ask, uint32_t key, uint32_t last)
{
    uint32_t low = ask->key_first[key];
    uint32_t high = ask->key_first[key + 1];

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ask->lin->begin[ask->by_key[middle]] <= last)
            low = middle + 1;
        else
            high = middle;
    }
    return low - ask->key_first[key];
}

static void add_copies(struct ord_ask *ask, struct rows *rows, uint32_t last)
{
    for (uint32_t i = 0; i < ask->touched_count && !ask->is_broke; i++) {
        uint32_t key = ask->touched[i];
        uint32_t count = ask->wanted[key];
        uint32_t call;
        struct row row;

        if (count == 0 || supply(ask, key, last) <= ask->listed[key])
            continue;
        call = ask->by_key[ask->key_first[key]];
        row = (struct row){.call = call,
                           .end = NEVER,
                           .f = ask->lin->f[call],
                           .type = ORD_OP_INFO};
        if (row.f == ORD_F_CAS)
            row.f = ORD_F_WRITE;
        /* Without a remove, what is in stays in. */
        if (ask->is_set && (key & 1) != 0 && ask->listed[key - 1] == 0 &&
            supply(ask, key - 1, last) == 0)
            count = 1;
        for (uint32_t n = 0; n < count && !ask->is_broke; n++)
            add_row(ask, rows, row);
    }
}

/* A failed cas is content with any other value that somebody may have put. */
static void add_others(struct ord_ask *ask, struct rows *rows,
                       const struct ord_lin_part *parts, uint32_t count,
                       uint32_t last)
{
    const struct ord_lin *lin = ask->lin;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t expected = lin->out[parts[i].call];

        if (lin->type[parts[i].call] != ORD_OP_FAIL)
            continue;
        for (uint32_t call = 0; call < lin->count && lin->begin[call] <= last;
             call++) {
            uint32_t key = counted_key(ask, call);

            if (key == NONE || key == expected ||
                supply(ask, key, last) <= ask->listed[key])
                continue;
            add_row(ask, rows,
                    (struct row){.call = call,
                                 .end = NEVER,
                                 .f = ORD_F_WRITE,
                                 .type = ORD_OP_INFO});
            break;
        }
    }
}

uint32_t ord_ask_last(const struct ord_ask *ask,
                      const struct ord_lin_part *parts, uint32_t count)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < count; i++) {
        bool has_end = (parts[i].keep & ORD_KEEP_END) != 0;

        if (has_end && ask->lin->end[parts[i].call] > last)
            last = ask->lin->end[parts[i].call];
        if (!has_end && (parts[i].keep & ORD_KEEP_MUST) != 0)
            return UINT32_MAX;
    }
    return last;
}

static void add_unlisted(struct ord_ask *ask, struct rows *rows,
                         const struct ord_lin_part *parts, uint32_t count,
                         uint32_t last)
{
    if (ask->rule == ORD_ASK_LISTED)
        return;
    ask->touched_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = key_of(ask, parts[i].call);

        if (ask->lin->begin[parts[i].call] <= last)
            list(ask, key);
        want_of(ask, &parts[i], count);
    }
    if (ask->is_set)
        want_absence(ask, count);
    add_copies(ask, rows, last);
    if (ask->rule == ORD_ASK_FREE && ask->lin->is_strict)
        add_others(ask, rows, parts, count, last);
    for (uint32_t i = 0; i < ask->touched_count; i++)
        ask->wanted[ask->touched[i]] = ask->listed[ask->touched[i]] = 0;
}

/* ---- the question ------------------------------------------------------- */

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->call != y->call)
        return x->call < y->call ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int compare_places(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;

    return (*x > *y) - (*x < *y);
}

static uint32_t rank_of(const uint32_t *places, uint32_t count, uint32_t place)
{
    uint32_t low = 0;

    if (place == NEVER)
        return NEVER;
    while (low < count) {
        uint32_t middle = low + (count - low) / 2;

        if (places[middle] < place)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* Models that look into lists go by the history's own atoms. */
static bool has_local_atoms(const struct ord_ask *ask)
{
    return ask->rule != ORD_ASK_LISTED && !ask->is_set;
}

static uint32_t local_of(struct ord_ask *ask, uint32_t atom)
{
    if (atom == NONE || !has_local_atoms(ask))
        return atom;
    if (ask->local[atom] == 0) {
        ask->atoms[ask->local_count++] = atom;
        ask->local[atom] = ask->local_count;
    }
    return ask->local[atom] - 1;
}

struct columns {
    uint32_t *begin, *end, *in, *out, *process, *atom_of, *places;
    uint8_t *f, *type;
};

static bool columns_init(struct ord_ask *ask, struct columns *c, uint32_t count)
{
    size_t room = (size_t)count + 1;
    struct ord_arena *arena = &ask->work;

    c->begin = ord_arena_zalloc(arena, room, sizeof *c->begin);
    c->end = ord_arena_zalloc(arena, room, sizeof *c->end);
    c->in = ord_arena_zalloc(arena, room, sizeof *c->in);
    c->out = ord_arena_zalloc(arena, room, sizeof *c->out);
    c->process = ord_arena_zalloc(arena, room, sizeof *c->process);
    c->atom_of = ord_arena_zalloc(arena, 2 * room, sizeof *c->atom_of);
    c->places = ord_arena_zalloc(arena, 2 * room, sizeof *c->places);
    c->f = ord_arena_zalloc(arena, room, 1);
    c->type = ord_arena_zalloc(arena, room, 1);
    return c->begin != NULL && c->end != NULL && c->in != NULL &&
           c->out != NULL && c->process != NULL && c->atom_of != NULL &&
           c->places != NULL && c->f != NULL && c->type != NULL;
}

/* Places as ranks, 0 being any time; so a question is as large as its calls.
 * Returns the rank of "some time". */
static uint32_t rank_places(struct columns *c, const struct rows *rows)
{
    uint32_t count = 1;
    uint32_t unique = 1;

    for (uint32_t i = 0; i < rows->count; i++) {
        c->places[count++] = rows->at[i].begin;
        if (rows->at[i].end != NEVER)
            c->places[count++] = rows->at[i].end;
    }
    if (count > 0)
        qsort(c->places, count, sizeof *c->places, compare_places);
    for (uint32_t i = 1; i < count; i++) {
        if (c->places[i] != c->places[unique - 1])
            c->places[unique++] = c->places[i];
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        c->begin[i] = rank_of(c->places, unique, rows->at[i].begin);
        c->end[i] = rank_of(c->places, unique, rows->at[i].end);
    }
    return unique;
}

static void fill_columns(struct ord_ask *ask, struct columns *c,
                         const struct rows *rows)
{
    const struct ord_lin *lin = ask->lin;

    ask->local_count = 0;
    (void)local_of(ask, ORD_ATOM_NIL); /* stays 0 */
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->at[i];

        c->in[i] = local_of(ask, lin->in[row->call]);
        c->out[i] = row->is_told ? local_of(ask, lin->out[row->call]) : NONE;
        c->process[i] = lin->process == NULL ? 0 : lin->process[row->call];
        c->f[i] = row->f;
        c->type[i] = row->type;
    }
    for (uint32_t i = 0; i < ask->local_count; i++) {
        c->atom_of[i] = history_atom(lin, ask->atoms[i]);
        ask->local[ask->atoms[i]] = 0;
    }
}

static bool put_question(struct ord_ask *ask, const struct rows *rows)
{
    const struct ord_lin *lin = ask->lin;
    bool is_local = has_local_atoms(ask);
    uint64_t steps = ask->steps_left < STEPS_PER_QUESTION ? ask->steps_left
                                                          : STEPS_PER_QUESTION;
    uint64_t given = steps;
    struct ord_err err = {0};
    struct columns c;
    struct ord_lin question;

    if (!columns_init(ask, &c, rows->count)) {
        ask->is_broke = true;
        return false;
    }
    if (rows->count > 0)
        qsort(rows->at, rows->count, sizeof *rows->at, compare_rows);
    fill_columns(ask, &c, rows);
    question = (struct ord_lin){
        .count = rows->count,
        .event_count = rank_places(&c, rows),
        .begin = c.begin,
        .end = c.end,
        .in = c.in,
        .out = c.out,
        .f = c.f,
        .type = c.type,
        .process = lin->process == NULL ? NULL : c.process,
        .atom_count = is_local ? ask->local_count : lin->atom_count,
        .calls = lin->calls,
        .atom_of = is_local ? c.atom_of : lin->atom_of,
        .arena = &ask->work,
        .steps_left = &steps,
        .is_strict = lin->is_strict,
    };
    if (ord_lin_decide(ask->model, &question, &err) != ORD_OK ||
        question.outcome == ORD_UNKNOWN)
        ask->is_unsure = true;
    ORD_ASSERT(steps <= given);
    given = given - steps + rows->count + 1;
    ask->steps_left -= given < ask->steps_left ? given : ask->steps_left;
    return question.outcome == ORD_INVALID;
}

bool ord_ask_is_violating(struct ord_ask *ask, const struct ord_lin_part *parts,
                          uint32_t count)
{
    struct rows rows = {0};
    uint32_t last = ord_ask_last(ask, parts, count);

    if (ask->steps_left == 0)
        ask->is_broke = true;
    if (ask->is_broke || count == 0)
        return false;
    ord_arena_reset(&ask->work);
    for (uint32_t i = 0; i < count && !ask->is_broke; i++) {
        if (ask->lin->begin[parts[i].call] <= last)
            add_part(ask, &rows, &parts[i]);
    }
    add_unlisted(ask, &rows, parts, count, last);
    return !ask->is_broke && rows.count > 0 && put_question(ask, &rows);
}
