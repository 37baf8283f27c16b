/* minimise_put.c -- see minimise_put.h. */
#include "checkers/minimise_put.h"

#include <stdlib.h>

#define NONE ORD_ATOM_NONE
#define NEVER ORD_CALL_NEVER

enum {
    STEPS_PER_QUESTION = 2000000,
    STEPS_PER_WINDOW = 100000, /* so that verify can try it, too */
    STEPS_SHARE = 4, /* a question gets one in so many of those left */
    /* About 0.1 us each: to ask at all, for a row, for a step of states that
     * are maps. */
    COST_QUESTION = 100,
    COST_ROW = 10,
    COST_MAP_STEP = 6,
};

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->call != y->call)
        return x->call < y->call ? -1 : 1;
    if (x->in != y->in)
        return x->in < y->in ? -1 : 1;
    if (x->f != y->f)
        return x->f < y->f ? -1 : 1;
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

        c->in[i] = local_of(ask, row->in);
        c->out[i] = row->is_told ? local_of(ask, lin->out[row->call]) : NONE;
        c->process[i] = lin->process == NULL ? 0 : lin->process[row->call];
        c->f[i] = row->f;
        c->type[i] = row->type;
    }
    for (uint32_t i = 0; i < ask->local_count; i++) {
        c->atom_of[i] = ord_ask_atom(lin, ask->atoms[i]);
        ask->local[ask->atoms[i]] = 0;
    }
}

bool ord_ask_put(struct ord_ask *ask, const struct rows *rows, bool is_open)
{
    const struct ord_lin *lin = ask->lin;
    bool is_local = has_local_atoms(ask);
    uint64_t cost = ask->has_maps ? COST_MAP_STEP : 1;
    uint64_t steps = ask->steps_left / STEPS_SHARE / cost + COST_QUESTION;
    uint64_t given;
    struct ord_err err = {0};
    struct columns c;
    struct ord_lin question;

    if (steps > STEPS_PER_QUESTION)
        steps = STEPS_PER_QUESTION;
    if (is_open && steps > STEPS_PER_WINDOW)
        steps = STEPS_PER_WINDOW;
    given = steps;
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
        .is_open = is_open,
    };
    if (ord_lin_decide(ask->model, &question, &err) != ORD_OK ||
        question.outcome == ORD_UNKNOWN)
        ask->is_unsure = true;
    ORD_ASSERT(steps <= given);
    ord_ask_spend(ask, (given - steps) * cost + rows->count * COST_ROW +
                           COST_QUESTION);
    return question.outcome == ORD_INVALID;
}
