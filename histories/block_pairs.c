/* block_pairs.c -- see block_pairs.h. */
#include "histories/block_pairs.h"

#include <inttypes.h>
#include <stdlib.h>

int ord_contradicts(int64_t event, const char *what, struct ord_err *err)
{
    return ord_fail(err, ORD_EFORMAT, "operation %" PRId64 ": %s", event, what);
}

/* names: of the kinds, as long as they are looked at. */
static int load(struct ord_pairing *p, uint32_t b, uint32_t want,
                struct ord_arena *names, struct ord_err *err)
{
    p->loads++;
    ord_arena_init(names, p->size_max);
    return ord_reader_load(p->reader, &p->history->blocks[b], want, p->size_max,
                           names, err);
}

static void let_go(struct ord_pairing *p, uint32_t b, struct ord_arena *names)
{
    ord_arena_fini(names);
    ord_history_release(p->history, &p->history->blocks[b]);
}

/* ---- all of them --------------------------------------------------------- */

struct whole {
    struct ord_pairing *p;
    uint32_t *event_of; /* of each call */
    uint8_t *f;         /* of each call */
    struct ord_process_map map;
    uint32_t calls;
};

static int begin_call(struct whole *w, const struct ord_kind *kind,
                      uint32_t event, struct ord_err *err)
{
    struct ord_process_slot *slot;
    int64_t process;

    if (!ord_reader_next(w->p->reader, ORD_COLUMN_PROCESS, &process) ||
        process < 0 || w->calls == (uint64_t)w->p->history->call_count)
        return ord_contradicts(event, "its process is missing", err);
    slot = ord_process_slot(&w->map, process);
    if (slot == NULL)
        return ord_fail(err, ORD_ENOMEM, "%zu processes", w->map.count);
    if (slot->event != 0 && w->p->pair[slot->event - 1] == ORD_NO_EVENT)
        return ord_contradicts(event, "its process has another one open", err);
    slot->event = (int64_t)event + 1;
    w->f[w->calls] = kind->f;
    w->event_of[w->calls++] = event;
    return ORD_OK;
}

/* The call that an answer is of, where so many have begun. */
static int answered(struct ord_pairing *p, uint64_t calls, uint32_t event,
                    uint64_t *call, struct ord_err *err)
{
    int64_t back;

    if (!ord_reader_next(p->reader, ORD_COLUMN_BACK, &back) || back < 0 ||
        (uint64_t)back >= calls)
        return ord_contradicts(event, "it completes nothing", err);
    *call = calls - 1 - (uint64_t)back;
    return ORD_OK;
}

static int join(struct ord_pairing *p, uint32_t begin, bool is_same_f,
                uint32_t event, struct ord_err *err)
{
    if (p->pair[begin] != ORD_NO_EVENT || !is_same_f)
        return ord_contradicts(event, "it completes what it cannot", err);
    p->pair[begin] = event;
    p->pair[event] = begin;
    return ORD_OK;
}

static int end_call(struct whole *w, const struct ord_kind *kind,
                    uint32_t event, struct ord_err *err)
{
    uint64_t call;

    if (answered(w->p, w->calls, event, &call, err) != ORD_OK)
        return err->rc;
    return join(w->p, w->event_of[call], w->f[call] == kind->f, event, err);
}

static int add_block(struct whole *w, uint32_t b, struct ord_err *err)
{
    const uint32_t want = 1U << ORD_COLUMN_BACK | 1U << ORD_COLUMN_PROCESS;
    const struct ord_block *block = &w->p->history->blocks[b];
    struct ord_reader *reader = w->p->reader;
    struct ord_arena names;
    int rc = load(w->p, b, want, &names, err);

    for (uint32_t i = 0; i < block->event_count && rc == ORD_OK; i++) {
        const struct ord_kind *kind = ord_reader_kind(reader, i);
        uint32_t event = (uint32_t)block->first_event + i;

        w->p->pair[event] = ORD_NO_EVENT;
        if (ord_kind_is_call(kind))
            rc = begin_call(w, kind, event, err);
        else if (ord_kind_is_answer(kind))
            rc = end_call(w, kind, event, err);
    }
    if (rc == ORD_OK && (!ord_reader_is_done(reader, want) ||
                         w->calls != block->first_call + block->call_count))
        rc = ord_contradicts((int64_t)block->first_event, "its block has more",
                             err);
    let_go(w->p, b, &names);
    return rc;
}

size_t ord_pair_all_size(const struct ord_history *history)
{
    return (size_t)history->call_count * (sizeof(uint32_t) + sizeof(uint8_t));
}

int ord_pair_all(struct ord_pairing *p, struct ord_err *err)
{
    size_t calls = (size_t)p->history->call_count;
    struct whole w = {.p = p,
                      .event_of = malloc((calls + 1) * sizeof *w.event_of),
                      .f = malloc(calls + 1)};
    int rc = ORD_OK;

    if (w.event_of == NULL || w.f == NULL)
        rc = ord_fail(err, ORD_ENOMEM, "%zu calls", calls);
    for (uint32_t b = 0; b < p->history->block_count && rc == ORD_OK; b++)
        rc = add_block(&w, b, err);
    ord_process_map_fini(&w.map);
    free(w.event_of);
    free(w.f);
    return rc;
}

/* ---- of one block -------------------------------------------------------- */

struct answer { /* of a call of an earlier block */
    uint64_t call;
    uint32_t event;
    uint8_t f;
};

struct part {
    struct ord_pairing *p;
    const struct ord_block *block;
    uint32_t *event_of; /* of each call of the block */
    uint8_t *f;
    uint32_t calls;
    uint32_t open_count;
    struct answer *answers;
    uint32_t answer_count;
};

static int join_own(struct part *part, uint64_t call,
                    const struct ord_kind *kind, uint32_t event,
                    struct ord_err *err)
{
    uint64_t own = call - part->block->first_call;
    int rc;

    ORD_ASSERT(own < part->calls);
    rc =
        join(part->p, part->event_of[own], part->f[own] == kind->f, event, err);
    if (rc == ORD_OK)
        part->open_count--; /* it was open */
    return rc;
}

static int look_at(struct part *part, uint32_t i, struct ord_err *err)
{
    const struct ord_block *block = part->block;
    const struct ord_kind *kind = ord_reader_kind(part->p->reader, i);
    uint32_t event = (uint32_t)block->first_event + i;
    uint64_t call;

    part->p->pair[event] = ORD_NO_EVENT;
    if (ord_kind_is_call(kind)) {
        if (part->calls == block->call_count)
            return ord_contradicts(event, "its block has more", err);
        part->f[part->calls] = kind->f;
        part->event_of[part->calls++] = event;
        part->open_count++;
        return ORD_OK;
    }
    if (!ord_kind_is_answer(kind))
        return ORD_OK;
    if (answered(part->p, block->first_call + part->calls, event, &call, err) !=
        ORD_OK)
        return err->rc;
    if (call >= block->first_call)
        return join_own(part, call, kind, event, err);
    part->answers[part->answer_count++] = (struct answer){call, event, kind->f};
    return ORD_OK;
}

static int look_inside(struct part *part, uint32_t b, struct ord_err *err)
{
    const uint32_t want = 1U << ORD_COLUMN_BACK;
    struct ord_arena names;
    int rc = load(part->p, b, want, &names, err);

    for (uint32_t i = 0; i < part->block->event_count && rc == ORD_OK; i++)
        rc = look_at(part, i, err);
    if (rc == ORD_OK && (!ord_reader_is_done(part->p->reader, want) ||
                         part->calls != part->block->call_count))
        rc = ord_contradicts((int64_t)part->block->first_event,
                             "its block has more", err);
    let_go(part->p, b, &names);
    return rc;
}

static int compare_answers(const void *a, const void *b)
{
    const struct answer *x = a;
    const struct answer *y = b;

    return (x->call > y->call) - (x->call < y->call);
}

/* The answers from `at` on whose calls began in block b, which are sorted. */
static int join_earlier(struct part *part, uint32_t b, uint32_t *at,
                        struct ord_err *err)
{
    const struct ord_block *block = &part->p->history->blocks[b];
    uint64_t call = block->first_call;
    struct ord_arena names;
    int rc = load(part->p, b, 0, &names, err);

    for (uint32_t i = 0; i < block->event_count && rc == ORD_OK; i++) {
        const struct ord_kind *kind = ord_reader_kind(part->p->reader, i);
        uint32_t begin = (uint32_t)block->first_event + i;

        if (!ord_kind_is_call(kind) || *at == part->answer_count ||
            part->answers[*at].call != call++)
            continue;
        part->p->pair[begin] = ORD_NO_EVENT;
        rc = join(part->p, begin, part->answers[*at].f == kind->f,
                  part->answers[*at].event, err);
        (*at)++;
    }
    if (rc == ORD_OK && *at < part->answer_count &&
        part->answers[*at].call < block->first_call + block->call_count)
        rc = ord_contradicts(part->answers[*at].event,
                             "it completes what it cannot", err);
    let_go(part->p, b, &names);
    return rc;
}

static int look_before(struct part *part, struct ord_err *err)
{
    const struct ord_block *blocks = part->p->history->blocks;
    uint32_t b = 0;

    if (part->answer_count > 0)
        qsort(part->answers, part->answer_count, sizeof *part->answers,
              compare_answers);
    for (uint32_t at = 0; at < part->answer_count;) {
        while (blocks[b].first_call + blocks[b].call_count <=
               part->answers[at].call)
            b++; /* it ends: the calls are of blocks before this one */
        if (join_earlier(part, b, &at, err) != ORD_OK)
            return err->rc;
    }
    return ORD_OK;
}

static int look_behind(struct part *part, uint32_t b, struct ord_err *err)
{
    const struct ord_block *block = &part->p->history->blocks[b];
    uint64_t first = part->block->first_call;
    uint64_t calls = block->first_call;
    struct ord_arena names;
    int rc = load(part->p, b, 1U << ORD_COLUMN_BACK, &names, err);

    for (uint32_t i = 0;
         i < block->event_count && part->open_count > 0 && rc == ORD_OK; i++) {
        const struct ord_kind *kind = ord_reader_kind(part->p->reader, i);
        uint32_t event = (uint32_t)block->first_event + i;
        uint64_t call;

        calls += ord_kind_is_call(kind);
        if (!ord_kind_is_answer(kind))
            continue;
        rc = answered(part->p, calls, event, &call, err);
        if (rc == ORD_OK && call >= first && call < first + part->calls)
            rc = join_own(part, call, kind, event, err);
    }
    let_go(part->p, b, &names);
    return rc;
}

int ord_pair_block(struct ord_pairing *p, uint32_t b, struct ord_err *err)
{
    const struct ord_block *block = &p->history->blocks[b];
    struct part part = {
        .p = p,
        .block = block,
        .event_of = malloc(((size_t)block->call_count + 1) * sizeof(uint32_t)),
        .f = malloc((size_t)block->call_count + 1),
        .answers =
            malloc(((size_t)block->event_count + 1) * sizeof(struct answer)),
    };
    int rc = ORD_OK;

    if (part.event_of == NULL || part.f == NULL || part.answers == NULL)
        rc = ord_fail(err, ORD_ENOMEM, "the calls of a block");
    if (rc == ORD_OK)
        rc = look_inside(&part, b, err);
    if (rc == ORD_OK)
        rc = look_before(&part, err);
    for (uint32_t later = b + 1;
         later < p->history->block_count && part.open_count > 0 && rc == ORD_OK;
         later++)
        rc = look_behind(&part, later, err);
    free(part.event_of);
    free(part.f);
    free(part.answers);
    return rc;
}
