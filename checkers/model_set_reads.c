/* model_set_reads.c -- a set that only grows, read as a whole.
 *
 * What the reads saw forms a chain S1 < S2 < ..., else two of them contradict
 * each other.  That fixes all that matters of the order: what S1 added, the
 * reads of S1, what S2 added, the reads of S2, and so on; then the adds that
 * nobody saw.  It only remains to look whether time agrees: no call may have
 * ended before one of an earlier block began.
 */
#include <stdlib.h>
#include <string.h>

#include "checkers/model_points.h"
#include "checkers/model_sets.h"

struct answer { /* a read of the whole */
    uint32_t call;
    uint32_t size; /* elements, each once */
    const uint32_t *items;
    uint32_t count;
};

struct reads {
    struct ord_lin *lin;
    uint32_t atom_count; /* of the history */
    uint32_t *added;     /* by atom of the history: call + 1 */
    uint32_t *level;     /* by atom: the first set that has it, from 1 */
    uint32_t *stamp;     /* by atom */
    struct answer *answers;
    uint32_t answer_count;
    uint32_t *level_of; /* by call; 0: not there */
    uint32_t *read_of;  /* by level: a read of that set */
    uint32_t level_count;
};

static uint32_t history_atom(const struct ord_lin *lin, uint32_t atom)
{
    return lin->atom_of == NULL ? atom : lin->atom_of[atom];
}

static int compare_answers(const void *a, const void *b)
{
    const struct answer *x = a;
    const struct answer *y = b;

    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return (x->call > y->call) - (x->call < y->call);
}

/* False: a call that is neither add nor read, or an element added twice. */
static bool gather(struct reads *r)
{
    const struct ord_lin *lin = r->lin;

    for (uint32_t i = 0; i < lin->count; i++) {
        enum ord_set_does does = ord_set_does(lin, i);
        struct answer *answer = &r->answers[r->answer_count];

        if (does == ORD_SET_SKIP)
            continue;
        if (does == ORD_SET_ADD || does == ORD_SET_ADDED) {
            uint32_t *added = &r->added[history_atom(lin, lin->in[i])];

            if (*added != 0)
                return false;
            *added = i + 1;
            continue;
        }
        if (does != ORD_SET_READ)
            return false;
        answer->call = i;
        answer->count = ord_set_items(lin, i, &answer->items);
        for (uint32_t k = 0; k < answer->count; k++) {
            answer->size += r->stamp[answer->items[k]] != i + 1;
            r->stamp[answer->items[k]] = i + 1;
        }
        r->answer_count++;
    }
    qsort(r->answers, r->answer_count, sizeof *r->answers, compare_answers);
    return true;
}

static int conclude(struct reads *r, const struct ord_lin_part *parts,
                    uint32_t count, struct ord_err *err)
{
    struct ord_lin_part *core =
        ord_arena_alloc(r->lin->arena, count * sizeof *core);

    if (core == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the core");
    memcpy(core, parts, count * sizeof *core);
    ord_core_conclude(r->lin, core, count);
    return ORD_OK;
}

/* Numbers the sets that were read.  Sets outcome INVALID where one has an
 * element that nobody added, or lacks one of a smaller set. */
static int number_levels(struct reads *r, struct ord_err *err)
{
    uint32_t known = 0; /* elements of the latest set */

    for (uint32_t i = 0; i < r->answer_count; i++) {
        const struct answer *answer = &r->answers[i];
        uint32_t old = 0;

        if (i == 0 || answer->size != r->answers[i - 1].size)
            r->read_of[++r->level_count] = answer->call;
        for (uint32_t k = 0; k < answer->count; k++) {
            uint32_t atom = answer->items[k];
            bool is_again = r->stamp[atom] == UINT32_MAX - i;

            r->stamp[atom] = UINT32_MAX - i;
            if (r->added[atom] == 0)
                return conclude(
                    r, &(struct ord_lin_part){answer->call, ORD_KEEP_MUST}, 1,
                    err);
            if (r->level[atom] == 0)
                r->level[atom] = r->level_count;
            else if (!is_again)
                old++;
        }
        /* All that the set before had has to be here again. */
        if (old != known) {
            struct ord_lin_part two[2] = {
                {r->answers[i - 1].call, ORD_KEEP_MUST},
                {answer->call, ORD_KEEP_MUST}};

            return conclude(r, two, 2, err);
        }
        known = answer->size;
        r->level_of[answer->call] = 2 * r->level_count;
    }
    return ORD_OK;
}

/* Blocks in order: 1 adds of S1, 2 reads of S1, 3 adds of S2, ... */
static void number_blocks(struct reads *r)
{
    const struct ord_lin *lin = r->lin;

    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t level = 0;

        if (lin->f[i] != ORD_F_ADD || ord_set_does(lin, i) == ORD_SET_SKIP)
            continue;
        level = r->level[history_atom(lin, lin->in[i])];
        if (level != 0)
            r->level_of[i] = 2 * level - 1;
        else if (lin->end[i] != ORD_CALL_NEVER)
            r->level_of[i] = 2 * r->level_count + 1;
    }
}

static int conclude_late(struct reads *r, uint32_t early, uint32_t late,
                         struct ord_err *err)
{
    uint32_t level = r->level_of[early];
    struct ord_lin_part parts[3] = {{early, ORD_KEEP_BEGIN},
                                    {late, ORD_KEEP_END}};

    if (level % 2 == 0) /* a read; that an add happened, reads tell */
        parts[0].keep |= ORD_KEEP_MUST;
    /* Two adds: a read between them tells which came first. */
    if (level % 2 == 0 || r->level_of[late] % 2 == 0)
        return conclude(r, parts, 2, err);
    parts[2] =
        (struct ord_lin_part){r->read_of[(level + 1) / 2], ORD_KEEP_MUST};
    return conclude(r, parts, 3, err);
}

static int look_at_time(struct reads *r, struct ord_err *err)
{
    struct ord_lin *lin = r->lin;
    struct ord_point *points =
        ord_arena_alloc(lin->arena, ((size_t)lin->count + 1) * sizeof *points);
    uint32_t count = 0;
    uint32_t latest = ORD_LIN_NONE; /* begun last, of the blocks before */
    uint32_t next = ORD_LIN_NONE;   /* and of this one */

    if (points == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    for (uint32_t i = 0; i < lin->count; i++) {
        if (r->level_of[i] != 0)
            points[count++] = (struct ord_point){r->level_of[i], i};
    }
    if (!ord_points_sort(lin->arena, points, count))
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t call = points[i].call;

        if (i > 0 && points[i].key != points[i - 1].key)
            latest = next;
        if (latest != ORD_LIN_NONE && lin->end[call] < lin->begin[latest])
            return conclude_late(r, latest, call, err);
        if (next == ORD_LIN_NONE || lin->begin[call] > lin->begin[next])
            next = call;
    }
    lin->outcome = ORD_VALID;
    return lin->wants_order ? ord_points_conclude(lin, points, count, err)
                            : ORD_OK;
}

int ord_set_reads(struct ord_lin *lin, struct ord_err *err)
{
    struct reads r = {.lin = lin, .atom_count = lin->calls->atom_count};
    size_t atoms = (size_t)r.atom_count + 1;
    size_t calls = (size_t)lin->count + 2;

    r.added = ord_arena_zalloc(lin->arena, atoms, sizeof *r.added);
    r.level = ord_arena_zalloc(lin->arena, atoms, sizeof *r.level);
    r.stamp = ord_arena_zalloc(lin->arena, atoms, sizeof *r.stamp);
    r.answers = ord_arena_zalloc(lin->arena, calls, sizeof *r.answers);
    r.level_of = ord_arena_zalloc(lin->arena, calls, sizeof *r.level_of);
    r.read_of = ord_arena_zalloc(lin->arena, calls, sizeof *r.read_of);
    if (r.added == NULL || r.level == NULL || r.stamp == NULL ||
        r.answers == NULL || r.level_of == NULL || r.read_of == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the reads");
    if (!gather(&r)) {
        lin->is_declined = true;
        return ORD_OK;
    }
    if (number_levels(&r, err) != ORD_OK)
        return err->rc;
    if (lin->outcome == ORD_INVALID)
        return ORD_OK;
    number_blocks(&r);
    return look_at_time(&r, err);
}
