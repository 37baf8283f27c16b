/* facts_reads.c -- stale reads, and what sessions saw, counted again. */
#include <stdlib.h>

#include "harness/verify/look.h"

/* ---- stale -------------------------------------------------------------- */

static void stale_register(struct look *l)
{
    struct facts *f = l->f;

    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t read = f->at[i];
        struct seen seen;

        if (!ord_look_ok_read(f, read) || ord_look_final(f, read))
            continue;
        seen = ord_look_seen(l, read);
        l->reads += seen.count > 0;
        if (seen.count == 0)
            continue;
        if (ord_look_replaced(l, seen.max_end, f->calls->begin[read]))
            ord_blame(f, read);
        else
            l->undecided +=
                ord_look_replaced(l, seen.min_end, f->calls->begin[read]);
    }
}

static void stale_members(struct look *l)
{
    struct facts *f = l->f;

    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t read = f->at[i];
        const uint32_t *items = NULL;
        uint32_t count;
        uint32_t want = 0;
        uint32_t high = l->by_acked_count;

        if (!ord_look_ok_read(f, read) || ord_look_final(f, read))
            continue;
        l->reads++;
        l->stamp++;
        count = ord_atom_items(f->calls, f->calls->out[read], &items);
        while (want < high) {
            uint32_t middle = want + (high - want) / 2;

            if (l->by_acked[middle] < f->calls->begin[read])
                want = middle + 1;
            else
                high = middle;
        }
        for (uint32_t j = 0; j < count; j++) {
            struct member *m = ord_look_member(l, items[j]);

            if (m == NULL || m->stamp == l->stamp)
                continue;
            m->stamp = l->stamp;
            want -= !m->is_removed && m->acked < f->calls->begin[read];
        }
        if (want > 0)
            ord_blame(f, read);
    }
}

/* ---- sessions ----------------------------------------------------------- */

struct turn { /* of a session */
    uint32_t session;
    uint32_t place; /* of its begin, or end */
    uint32_t call;
};

static int compare_turns(const void *a, const void *b)
{
    const struct turn *x = a;
    const struct turn *y = b;

    if (x->session != y->session)
        return x->session < y->session ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* Ok calls that are no final reads, by session, then by begin or end. */
static uint32_t *sort_sessions(struct look *l, bool by_end)
{
    struct facts *f = l->f;
    struct turn *turns = ord_facts_room(f, (size_t)f->count + 1, sizeof *turns);
    uint32_t *sorted = ord_facts_room(f, (size_t)f->count + 1, sizeof *sorted);

    l->session_calls = 0;
    if (f->is_over)
        return NULL;
    for (uint32_t e = 0; e < f->end_count; e++) {
        uint32_t call = f->ends[e];

        if (!ord_look_final(f, call))
            turns[l->session_calls++] = (struct turn){
                f->calls->session[call],
                by_end ? f->calls->end[call] : f->calls->begin[call], call};
    }
    if (l->session_calls > 0)
        qsort(turns, l->session_calls, sizeof *turns, compare_turns);
    for (uint32_t i = 0; i < l->session_calls; i++)
        sorted[i] = turns[i].call;
    return sorted;
}

/* The next call of the same session that ended before this one began. */
static bool has_ended(const struct look *l, const uint32_t *by_end,
                      uint32_t done, uint32_t call)
{
    const struct ord_calls *calls = l->f->calls;

    return done < l->session_calls &&
           calls->session[by_end[done]] == calls->session[call] &&
           calls->end[by_end[done]] < calls->begin[call];
}

struct past {       /* reads of one session that ended before some place */
    int64_t newest; /* no read saw a write that began earlier than ... */
    int64_t maybe;
    int64_t best[2]; /* the latest begin of a read; of one of another value */
    uint32_t value;  /* of the former */
    bool has_any;
};

static void remember(struct look *l, struct past *past, struct pairs *first,
                     uint32_t read)
{
    const struct ord_calls *calls = l->f->calls;
    struct seen seen = ord_look_seen(l, read);
    uint32_t value = calls->out[read];
    int64_t begin = calls->begin[read];
    uint32_t *end;

    if (seen.count == 0)
        return;
    past->newest =
        seen.min_begin > past->newest ? seen.min_begin : past->newest;
    past->maybe = seen.max_begin > past->maybe ? seen.max_begin : past->maybe;
    end = ord_pairs_add(first, (uint64_t)calls->session[read] << 32 | value);
    if (end != NULL && *end == 0)
        *end = calls->end[read] + 1;
    if (!past->has_any || begin > past->best[0]) {
        if (past->has_any && past->value != value)
            past->best[1] = past->best[0];
        past->best[0] = begin;
        past->value = value;
    } else if (past->value != value && begin > past->best[1]) {
        past->best[1] = begin;
    }
    past->has_any = true;
}

static void went_back(struct look *l, const struct past *past,
                      const struct pairs *first, uint32_t read)
{
    const struct ord_calls *calls = l->f->calls;
    struct seen seen = ord_look_seen(l, read);
    uint32_t value = calls->out[read];
    const uint32_t *end =
        ord_pairs_find(first, (uint64_t)calls->session[read] << 32 | value);
    int64_t other = past->value == value ? past->best[1] : past->best[0];

    if (!past->has_any || seen.count == 0)
        return;
    l->reads++;
    if (seen.max_end < past->newest) {
        ord_blame(l->f, read);
        return;
    }
    if (other < 0)
        return;
    if (seen.count == 1 && end != NULL && other > (int64_t)*end - 1)
        ord_blame(l->f, read);
    else
        l->undecided += seen.min_end < past->maybe;
}

static void monotonic_register(struct look *l)
{
    struct facts *f = l->f;
    uint32_t *by_begin = sort_sessions(l, false);
    uint32_t *by_end = sort_sessions(l, true);
    struct pairs first;
    struct past past = {0};
    uint32_t done = 0;

    if (f->is_over || !ord_pairs_init(&first, f->v->scratch, f->count + 1))
        return;
    for (uint32_t i = 0; i < l->session_calls; i++) {
        uint32_t read = by_begin[i];

        if (i == 0 ||
            f->calls->session[read] != f->calls->session[by_begin[i - 1]]) {
            past = (struct past){.newest = -1, .maybe = -1, .best = {-1, -1}};
            done = i; /* each session has its calls in both at one place */
        }
        for (; has_ended(l, by_end, done, read); done++) {
            if (ord_look_ok_read(f, by_end[done]))
                remember(l, &past, &first, by_end[done]);
        }
        if (ord_look_ok_read(f, read))
            went_back(l, &past, &first, read);
    }
}

/* How many of the members that the session must see the read has. */
static uint32_t sees(struct look *l, uint32_t read, const uint32_t *must,
                     uint32_t session)
{
    const struct ord_calls *calls = l->f->calls;
    const uint32_t *items = NULL;
    uint32_t count = ord_atom_items(calls, calls->out[read], &items);
    uint32_t seen = 0;

    l->stamp++;
    for (uint32_t j = 0; j < count; j++) {
        struct member *m = ord_look_member(l, items[j]);

        if (m == NULL || m->stamp == l->stamp)
            continue;
        m->stamp = l->stamp;
        seen += must[m - l->members] == session;
    }
    return seen;
}

/* Marks what a read has as to be seen from now on; how many are new. */
static uint32_t must_see(struct look *l, uint32_t read, uint32_t *must,
                         uint32_t session)
{
    const struct ord_calls *calls = l->f->calls;
    const uint32_t *items = NULL;
    uint32_t count = ord_atom_items(calls, calls->out[read], &items);
    uint32_t fresh = 0;

    for (uint32_t j = 0; j < count; j++) {
        const uint32_t *id = ord_pairs_find(&l->ids, items[j]);

        if (id == NULL || l->members[*id - 1].is_removed ||
            must[*id - 1] == session)
            continue;
        must[*id - 1] = session;
        fresh++;
    }
    return fresh;
}

static void monotonic_members(struct look *l)
{
    struct facts *f = l->f;
    uint32_t *by_begin = sort_sessions(l, false);
    uint32_t *by_end = sort_sessions(l, true);
    uint32_t *must = ord_facts_room(f, (size_t)f->count + 1, sizeof *must);
    uint32_t must_count = 0;
    uint32_t read_count = 0;
    uint32_t session = 0; /* + 1 */
    uint32_t done = 0;

    for (uint32_t i = 0; !f->is_over && i < l->session_calls; i++) {
        uint32_t read = by_begin[i];

        if (session != f->calls->session[read] + 1) {
            session = f->calls->session[read] + 1;
            done = i;
            must_count = read_count = 0;
        }
        for (; has_ended(l, by_end, done, read); done++) {
            if (!ord_look_ok_read(f, by_end[done]))
                continue;
            read_count++;
            must_count += must_see(l, by_end[done], must, session);
        }
        if (!ord_look_ok_read(f, read) || read_count == 0)
            continue;
        l->reads++;
        if (sees(l, read, must, session) < must_count)
            ord_blame(f, read);
    }
}

static void own_register(struct look *l)
{
    struct facts *f = l->f;
    uint32_t *by_begin = sort_sessions(l, false);
    uint32_t *by_end = sort_sessions(l, true);
    int64_t own = -1; /* the latest begin of the session's ended writes */
    uint32_t done = 0;

    for (uint32_t i = 0; !f->is_over && i < l->session_calls; i++) {
        uint32_t read = by_begin[i];
        struct seen seen;

        if (i == 0 ||
            f->calls->session[read] != f->calls->session[by_begin[i - 1]]) {
            own = -1;
            done = i;
        }
        for (; has_ended(l, by_end, done, read); done++) {
            if (ord_look_writes(f, by_end[done]) &&
                f->calls->begin[by_end[done]] > own)
                own = f->calls->begin[by_end[done]];
        }
        if (!ord_look_ok_read(f, read) || own < 0)
            continue;
        seen = ord_look_seen(l, read);
        l->reads += seen.count > 0;
        if (seen.count > 0 && seen.max_end < own)
            ord_blame(f, read);
        else if (seen.count > 0)
            l->undecided += seen.min_end < own;
    }
}

/* Own elements that nobody may have removed, of the session's reads so far. */
static void own_members(struct look *l)
{
    struct facts *f = l->f;
    uint32_t *by_begin = sort_sessions(l, false);
    uint32_t *by_end = sort_sessions(l, true);
    uint32_t *must = ord_facts_room(f, (size_t)f->count + 1, sizeof *must);
    uint32_t must_count = 0;
    uint32_t session = 0;
    uint32_t done = 0;

    for (uint32_t i = 0; !f->is_over && i < l->session_calls; i++) {
        uint32_t read = by_begin[i];

        if (session != f->calls->session[read] + 1) {
            session = f->calls->session[read] + 1;
            done = i;
            must_count = 0;
        }
        for (; has_ended(l, by_end, done, read); done++) {
            uint8_t fn = f->calls->f[by_end[done]];
            const uint32_t *id =
                ord_pairs_find(&l->ids, f->calls->in[by_end[done]]);

            if ((fn != ORD_F_ADD && fn != ORD_F_APPEND) || id == NULL ||
                l->members[*id - 1].is_removed || must[*id - 1] == session)
                continue;
            must[*id - 1] = session;
            must_count++;
        }
        if (!ord_look_ok_read(f, read) || must_count == 0)
            continue;
        l->reads++;
        if (sees(l, read, must, session) < must_count)
            ord_blame(f, read);
    }
}

/* ---- all three ---------------------------------------------------------- */

typedef void counted(struct look *l);

static struct look look_at(struct facts *f, counted *of_register,
                           counted *of_members)
{
    struct look l = {.f = f};

    for (uint32_t key = 0; key < f->calls->key_count; key++) {
        bool has_read = false;

        if (!ord_facts_turn(f, key))
            return l;
        l.kind = ord_look_kind(f);
        for (uint32_t i = 0; i < f->count; i++)
            has_read = has_read || ord_look_ok_read(f, f->at[i]);
        if (l.kind == KIND_MIXED) {
            if (has_read)
                f->unknown = "an object is no register, set or list";
            continue;
        }
        if (!ord_look_load(&l))
            return l;
        if (l.kind == KIND_REGISTER)
            of_register(&l);
        else
            of_members(&l);
    }
    if (l.reads == 0)
        f->unknown = "there is no read to judge";
    else if (l.undecided > 0)
        f->unknown = "values that were written twice leave it open";
    return l;
}

void ord_recount_stale(struct facts *f)
{
    struct look l = look_at(f, stale_register, stale_members);

    ord_fact(f, "reads", (double)l.reads);
    ord_fact(f, "stale_reads", (double)f->violations);
    ord_fact(f, "stale_share",
             l.reads == 0 ? 0 : (double)f->violations / (double)l.reads);
}

void ord_recount_monotonic_reads(struct facts *f)
{
    struct look l = look_at(f, monotonic_register, monotonic_members);

    ord_fact(f, "later_reads", (double)l.reads);
    ord_fact(f, "violations", (double)f->violations);
}

void ord_recount_read_your_writes(struct facts *f)
{
    struct look l = look_at(f, own_register, own_members);

    ord_fact(f, "reads_after_own_write", (double)l.reads);
    ord_fact(f, "violations", (double)f->violations);
}
