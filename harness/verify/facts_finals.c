/* facts_finals.c -- what the final reads say, looked at again.
 *
 * A replica is the node that was asked, else the one that answered; of its
 * final reads of an object the last counts.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/verify/look.h"

enum { NODES = ORD_NODES_MAX + 1 };

struct finals {           /* of one object */
    uint32_t last[NODES]; /* the last final read, if it was ok; or NEVER */
    uint32_t asked[NODES];
    uint32_t rounds; /* the most that a node was asked */
    uint32_t count;  /* of last */
    int64_t begin;   /* where the first of them began */
    bool is_silent;  /* some node did not answer the last time */
    bool is_behind;  /* some node's answer is of an earlier round */
};

static uint16_t node_of(const struct facts *f, uint32_t call)
{
    const struct ord_calls *calls = f->calls;
    const struct ord_op *inv =
        ord_history_op(f->v->history, calls->begin[call]);
    const struct ord_op *done = ord_history_pair(f->v->history, inv);
    uint16_t node = inv->node;

    if (node == ORD_NODE_NONE && done != NULL)
        node = done->node;
    return node <= ORD_NODES_MAX ? node : ORD_NODE_NONE;
}

static struct finals finals_of(const struct facts *f)
{
    struct finals finals = {.begin = INT64_MAX};
    bool knows_nodes =
        strstr(ord_history_meta(f->v->history), "\"nodes\"") != NULL;
    uint16_t known = knows_nodes ? ord_history_member_count(f->v->history) : 0;
    bool is_asked = false;

    for (uint32_t node = 0; node < NODES; node++)
        finals.last[node] = NEVER;
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t call = f->at[i];
        uint16_t node;

        if (f->calls->f[call] != ORD_F_READ || !ord_look_final(f, call))
            continue;
        node = node_of(f, call);
        is_asked = true;
        finals.asked[node]++;
        finals.last[node] = ord_look_ok_read(f, call) ? call : NEVER;
        if (finals.asked[node] > finals.rounds)
            finals.rounds = finals.asked[node];
    }
    for (uint32_t node = 0; is_asked && node < NODES; node++) {
        uint32_t last = finals.last[node];

        if (last == NEVER) {
            finals.is_silent =
                finals.is_silent ||
                (node > 0 && (finals.asked[node] > 0 || node <= known));
            continue;
        }
        finals.count++;
        finals.is_behind |= node > 0 && finals.asked[node] < finals.rounds;
        if (f->calls->begin[last] < finals.begin)
            finals.begin = f->calls->begin[last];
    }
    return finals;
}

/* ---- lost --------------------------------------------------------------- */

struct lost {
    struct facts *f;
    struct look look;
    struct finals finals;
    uint64_t acked, lost, phantoms, duplicates, maybe, undecided, reads;
};

static void lose(struct lost *t, uint32_t call)
{
    if (t->finals.is_silent || t->finals.is_behind) {
        t->maybe++;
        return;
    }
    t->lost++;
    ord_blame(t->f, call);
}

static void phantom(struct lost *t, uint32_t read)
{
    t->phantoms++;
    ord_blame(t->f, read);
}

static void lost_register(struct lost *t)
{
    struct facts *f = t->f;
    int64_t end = -1;
    int64_t min_end = -1;
    uint64_t phantoms = t->phantoms;

    for (uint32_t node = 0; node < NODES; node++) {
        struct seen seen;

        if (t->finals.last[node] == NEVER)
            continue;
        seen = ord_look_seen(&t->look, t->finals.last[node]);
        if (seen.count == 0) {
            phantom(t, t->finals.last[node]);
            continue;
        }
        end = seen.max_end > end ? seen.max_end : end;
        min_end = seen.min_end > min_end ? seen.min_end : min_end;
    }
    t->acked += t->look.acked_count;
    if (t->phantoms > phantoms)
        return;
    if (!ord_look_replaced(&t->look, end, t->finals.begin)) {
        t->undecided += ord_look_replaced(&t->look, min_end, t->finals.begin);
        return;
    }
    for (uint32_t e = 0; e < f->end_count; e++) {
        uint32_t call = f->ends[e];

        if (ord_look_writes(f, call) && f->calls->begin[call] > end &&
            f->calls->end[call] < t->finals.begin)
            lose(t, call);
    }
}

struct place { /* of a member: adds that may have happened */
    uint32_t attempts;
    uint32_t begun;
    uint32_t times;
    bool was_added; /* or tried to */
    bool is_seen;
};

static void note_adds(struct lost *t, struct place *places)
{
    const struct facts *f = t->f;

    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t call = f->at[i];
        uint8_t fn = f->calls->f[call];
        struct place *place;

        if (fn != ORD_F_ADD && fn != ORD_F_APPEND)
            continue;
        place = &places[ord_look_member(&t->look, f->calls->in[call]) -
                        t->look.members];
        place->was_added = true;
        if (f->calls->type[call] == ORD_OP_FAIL)
            continue;
        if (place->attempts++ == 0 || f->calls->begin[call] < place->begun)
            place->begun = f->calls->begin[call];
    }
}

static void look_at(struct lost *t, struct place *places, uint32_t read)
{
    const struct facts *f = t->f;
    const uint32_t *items = NULL;
    uint32_t count = ord_atom_items(f->calls, f->calls->out[read], &items);

    for (uint32_t i = 0; i < count; i++) {
        struct member *m = ord_look_member(&t->look, items[i]);
        struct place *place = m == NULL ? NULL : &places[m - t->look.members];

        if (place == NULL || !place->was_added) {
            phantom(t, read);
            continue;
        }
        place->is_seen = true;
        if (place->attempts == 0 || place->begun >= f->calls->end[read]) {
            phantom(t, read);
        } else if (++place->times == place->attempts + 1) {
            t->duplicates++;
            ord_blame(t->f, read);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        struct member *m = ord_look_member(&t->look, items[i]);

        if (m != NULL)
            places[m - t->look.members].times = 0;
    }
}

static void lost_members(struct lost *t)
{
    struct place *places =
        ord_facts_room(t->f, (size_t)t->look.member_count + 1, sizeof *places);

    if (places == NULL)
        return;
    note_adds(t, places);
    for (uint32_t node = 0; node < NODES; node++) {
        if (t->finals.last[node] != NEVER)
            look_at(t, places, t->finals.last[node]);
    }
    for (uint32_t i = 0; i < t->look.member_count; i++) {
        const struct member *m = &t->look.members[i];

        if (m->acked == INT64_MAX || m->is_removed)
            continue;
        t->acked++;
        if (!places[i].is_seen && m->acked < t->finals.begin)
            lose(t, m->add);
    }
}

static void count_lost(struct lost *t)
{
    struct facts *f = t->f;
    bool has_acked = false;
    bool has_read = false;

    t->finals = finals_of(f);
    t->reads += t->finals.count;
    for (uint32_t e = 0; e < f->end_count; e++) {
        has_acked = has_acked || f->calls->f[f->ends[e]] != ORD_F_READ;
        has_read = has_read || f->calls->f[f->ends[e]] == ORD_F_READ;
    }
    t->look.kind = ord_look_kind(f);
    if (t->look.kind == KIND_MIXED && has_read)
        f->unknown = "an object is no register, set or list";
    if (t->finals.count == 0) {
        if (has_acked)
            f->unknown = "an object was not read in the end";
        return;
    }
    if (!ord_look_load(&t->look))
        return;
    if (t->look.kind == KIND_REGISTER)
        lost_register(t);
    else
        lost_members(t);
}

void ord_recount_lost(struct facts *f)
{
    struct lost t = {.f = f, .look = {.f = f}};

    for (uint32_t key = 0; key < f->calls->key_count && !f->is_over; key++) {
        if (ord_facts_turn(f, key))
            count_lost(&t);
    }
    ord_fact(f, "acknowledged", (double)t.acked);
    ord_fact(f, "lost", (double)t.lost);
    ord_fact(f, "phantoms", (double)t.phantoms);
    ord_fact(f, "duplicates", (double)t.duplicates);
    if (t.maybe > 0 || t.undecided > 0 || t.reads == 0 || t.acked == 0)
        f->unknown = "the final reads leave it open";
}

/* ---- convergence -------------------------------------------------------- */

static int compare_atoms(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;

    return (*x > *y) - (*x < *y);
}

static uint32_t *sorted(struct facts *f, const uint32_t *items, uint32_t count)
{
    uint32_t *copy = ord_facts_room(f, (size_t)count + 1, sizeof *copy);

    if (copy == NULL || count == 0)
        return copy;
    memcpy(copy, items, count * sizeof *copy);
    qsort(copy, count, sizeof *copy, compare_atoms);
    return copy;
}

static bool agree(struct facts *f, enum kind kind, uint32_t a, uint32_t b)
{
    const uint32_t *x = NULL;
    const uint32_t *y = NULL;
    uint32_t x_count;
    uint32_t y_count;
    uint32_t *x_sorted;
    uint32_t *y_sorted;

    if (a == b)
        return true;
    if (kind != KIND_SET && kind != KIND_LIST)
        return false;
    x_count = ord_atom_items(f->calls, a, &x);
    y_count = ord_atom_items(f->calls, b, &y);
    if (x_count == 0 && y_count == 0) /* nil and the empty list */
        return a == ORD_ATOM_NIL || b == ORD_ATOM_NIL;
    if (kind == KIND_LIST || x_count != y_count)
        return false;
    x_sorted = sorted(f, x, x_count);
    y_sorted = sorted(f, y, y_count);
    return !f->is_over &&
           memcmp(x_sorted, y_sorted, x_count * sizeof *x_sorted) == 0;
}

struct converge {
    uint64_t objects;
    bool is_lonely;
};

static void count_convergence(struct facts *f, struct converge *c)
{
    struct finals finals = finals_of(f);
    enum kind kind = ord_look_kind(f);
    uint32_t first = NODES;

    if (finals.count == 0)
        return;
    c->objects++;
    for (uint32_t node = 0; node < NODES; node++) {
        uint32_t read = finals.last[node];

        if (read == NEVER)
            continue;
        if (first == NODES)
            first = node;
        if (agree(f, kind, f->calls->out[finals.last[first]],
                  f->calls->out[read]))
            continue;
        if (finals.asked[node] < finals.rounds ||
            finals.asked[first] < finals.rounds) {
            f->unknown = "a node did not answer in the last round";
            continue;
        }
        ord_blame(f, read);
        f->blamed[finals.last[first]] = 1;
        return;
    }
    if (finals.is_silent)
        f->unknown = "a node did not answer";
    c->is_lonely = c->is_lonely || finals.count == 1;
}

void ord_recount_convergence(struct facts *f)
{
    struct converge c = {0};
    bool has_one =
        strstr(ord_history_meta(f->v->history), "\"nodes\"") != NULL &&
        ord_history_member_count(f->v->history) == 1;

    for (uint32_t key = 0; key < f->calls->key_count && !f->is_over; key++) {
        if (ord_facts_turn(f, key))
            count_convergence(f, &c);
    }
    ord_fact(f, "objects", (double)c.objects);
    ord_fact(f, "diverged", (double)f->violations);
    if (c.objects == 0 || (c.is_lonely && !has_one))
        f->unknown = "fewer than two nodes answered";
}
