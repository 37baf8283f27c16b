/* frontier.c -- linearizability of a register with any values.
 *
 * Just-in-time search (Lowe, "Testing for linearizability", CPE 29(4), 2017)
 * over one layer of configurations: the value, and of each call that is open
 * what became of it.  Nothing is decided until a call ends; then every
 * configuration in which it has not happened is extended until it has.  What
 * keeps the layer small:
 *  - a read happens the moment its value is there: that never hurts;
 *  - a blind write frees all other open writes: each of them may be put just
 *    before it, unseen, at any time until it ends (`freed`);
 *  - a write is put only if somebody open needs its value, or it is the call
 *    that ends;
 *  - of open calls with the same effect the one that ends first is taken, an
 *    unfinished one last: so unfinished calls of one kind are a count;
 *  - a configuration that another one dominates is dropped.
 * With unfinished calls there are three passes: RELAXED (any number of them;
 * if that dies, so does the truth), BEAM (the BEAM_MAX configurations that use
 * least of them; if that lives, so does the truth), and EXACT if needed.
 *
 * UNKNOWN: the steps or memory are used up, or a limit of search.h is reached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/search.h"

static int compare_events(const void *a, const void *b)
{
    const struct event *x = a;
    const struct event *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

/* The kind of an unfinished call; false when there are too many. */
static bool find_kind(struct search *s, uint32_t i)
{
    const struct ord_linear_call *call = &s->linear->calls[i];
    uint32_t k = 0;

    while (k < s->kind_count &&
           (s->kinds[k].f != call->f || s->kinds[k].to != call->to ||
            (call->f == ORD_F_CAS && s->kinds[k].from != call->from)))
        k++;
    if (k == KINDS_MAX)
        return false;
    if (k == s->kind_count) {
        s->kinds[k] =
            (struct kind){.from = call->from, .to = call->to, .f = call->f};
        s->kind_count++;
    }
    s->kind_of[i] = k;
    if (s->kinds[k].count++ < UINT16_MAX)
        return true;
    return false;
}

static void group_kinds(struct search *s)
{
    uint32_t sum = 0;

    for (uint32_t k = 0; k < s->kind_count; k++) {
        s->kinds[k].first = sum;
        sum += s->kinds[k].count;
        s->kinds[k].count = 0;
    }
    for (uint32_t i = 0; i < s->linear->count; i++) {
        if (s->linear->calls[i].end == ORD_NEVER) {
            struct kind *kind = &s->kinds[s->kind_of[i]];

            s->kind_calls[kind->first + kind->count++] = i;
        }
    }
}

static int search_init(struct search *s, struct ord_err *err)
{
    const struct ord_linear *linear = s->linear;
    struct ord_arena *arena = linear->in->arena;
    size_t room = (size_t)linear->count + 1;

    s->events = ord_arena_zalloc(arena, 2 * room, sizeof *s->events);
    s->kind_of = ord_arena_zalloc(arena, room, sizeof *s->kind_of);
    s->kind_calls = ord_arena_zalloc(arena, room, sizeof *s->kind_calls);
    if (s->events == NULL || s->kind_of == NULL || s->kind_calls == NULL ||
        !ord_search_layers(s))
        return ord_fail(err, ORD_ENOMEM, "no memory to search %u calls",
                        linear->count);
    for (uint32_t i = 0; i < linear->count; i++) {
        const struct ord_linear_call *call = &linear->calls[i];

        s->events[s->event_count++] = (struct event){call->begin, i, false};
        if (call->end != ORD_NEVER)
            s->events[s->event_count++] = (struct event){call->end, i, true};
        else if (!find_kind(s, i))
            s->stuck = "there are too many kinds of unfinished operations";
    }
    group_kinds(s);
    qsort(s->events, s->event_count, sizeof *s->events, compare_events);
    return ORD_OK;
}

/* ---- what comes out ----------------------------------------------------- */

/* The order that led to a surviving configuration.  What was absorbed goes
 * just before the last blind write put before it ended. */
static int write_order(struct search *s, struct ord_err *err)
{
    struct ord_linear *linear = s->linear;
    struct ord_arena *arena = linear->in->arena;
    size_t room = (size_t)linear->count + 1;
    uint32_t *path = ord_arena_zalloc(arena, room, sizeof *path);
    uint32_t *hidden = ord_arena_zalloc(arena, room, sizeof *hidden);
    uint32_t *next = ord_arena_zalloc(arena, room, sizeof *next);
    uint32_t count = 0;
    uint32_t blind = 0;

    if (path == NULL || hidden == NULL || next == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    for (uint32_t t = s->layers[s->current].at[0].trace; t != NO_TRACE;
         t = s->traces[t].parent) {
        ORD_ASSERT(count < linear->count); /* each call at most once */
        path[count++] = t;
    }
    for (uint32_t i = count; i-- > 0;) {
        const struct trace *trace = &s->traces[path[i]];

        if (trace->is_absorbed) {
            next[i] = hidden[blind];
            hidden[blind] = i + 1;
        } else if (linear->calls[trace->call].f == ORD_F_WRITE) {
            blind = i;
        }
    }
    linear->order_count = 0;
    for (uint32_t i = count; i-- > 0;) {
        if (s->traces[path[i]].is_absorbed)
            continue;
        for (uint32_t h = hidden[i]; h != 0; h = next[h - 1])
            linear->order[linear->order_count++] = s->traces[path[h - 1]].call;
        linear->order[linear->order_count++] = s->traces[path[i]].call;
    }
    ORD_ASSERT(linear->order_count == count);
    linear->has_order = true;
    return ORD_OK;
}

/* "7, 9 or nil": the values that the closure of the last event reached. */
static struct ord_text possible(const struct search *s)
{
    enum { SHOWN_MAX = 4 };
    struct ord_text text = {{0}};
    uint32_t shown = 0;
    uint32_t total = 0;
    size_t size = 0;

    for (uint32_t v = 0; v < s->linear->values.count; v++) {
        if (s->work.head[v] == 0)
            continue;
        total++;
        if (shown == SHOWN_MAX)
            continue;
        (void)snprintf(text.at + size, sizeof text.at - size, "%s%.24s",
                       shown == 0 ? "" : " or ",
                       ord_text_value(&s->linear->values.values[v]).at);
        size = strlen(text.at);
        shown++;
    }
    if (total > shown)
        (void)snprintf(text.at + size, sizeof text.at - size,
                       " or %u other values", total - shown);
    return text;
}

static void found_dead(struct search *s, uint32_t e)
{
    struct ord_linear *linear = s->linear;
    const struct ord_linear_call *call = &linear->calls[s->events[e].call];
    struct ord_named named = {
        .key = linear->object->key, .ops = {call->call->inv}, .count = 1};
    uint32_t other_count = (uint32_t)__builtin_popcountll(s->open) - 1;

    ord_found(linear->in, linear->out, &named,
              "%s: no order explains %s, which ended at %s: after all that had "
              "ended before, and whatever of the %u other open operations "
              "happened, the value can only be %s",
              ord_text_key(&linear->object->key).at,
              ord_text_call(linear->view, call->call).at,
              ord_text_when(call->call->done).at, other_count, possible(s).at);
    if (linear->out->violation_count > 1)
        return; /* the evidence is another object's */
    for (uint64_t rest = s->open; rest != 0; rest &= rest - 1)
        ord_evidence(linear->out, call_in(s, lowest(rest))->call->inv);
    /* Who wrote the values that were possible. */
    for (uint32_t i = s->events[e].call; i-- > 0;) {
        const struct ord_linear_call *other = &linear->calls[i];

        if (other->f != ORD_F_READ && other->end < s->events[e].at &&
            (s->work.head[other->to] != 0 || other->to == call->to)) {
            ord_evidence(linear->out, other->call->inv);
            if (other->end < call->begin)
                break;
        }
    }
}

static void say_stuck(struct search *s, uint32_t e)
{
    struct ord_linear *linear = s->linear;
    const struct ord_op *op = linear->calls[0].call->inv;

    if (e < s->event_count)
        op = ord_history_op(linear->in->history, s->events[e].at);
    (void)ord_conclude(
        linear->out, ORD_UNKNOWN,
        "%s: %s; decided up to operation %lld (%s), with %u possible states "
        "and %d operations open",
        ord_text_key(&linear->object->key).at, s->stuck, (long long)op->index,
        ord_text_when(op).at, s->layers[s->current].count,
        __builtin_popcountll(s->open));
}

int ord_frontier(struct ord_linear *linear, enum ord_outcome *outcome,
                 struct ord_err *err)
{
    /* On the heap of the check: too large for a stack. */
    struct search *s = ord_arena_zalloc(linear->in->arena, 1, sizeof *s);
    uint32_t e = 0;

    if (s == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory to search");
    s->linear = linear;
    *outcome = ORD_UNKNOWN;
    if (search_init(s, err) != ORD_OK)
        return err->rc;
    if (s->stuck == NULL && s->kind_count > 0)
        e = ord_search_run(s, RELAXED);
    if (s->stuck == NULL && !s->is_dead && s->kind_count > 0) {
        e = ord_search_run(s, BEAM);
        if (s->is_dead)
            e = ord_search_run(s, EXACT);
    } else if (s->stuck == NULL && s->kind_count == 0) {
        e = ord_search_run(s, EXACT);
    }
    if (s->stuck != NULL) {
        /* Nothing was decided; a violation of another object stands. */
        if (linear->out->outcome != ORD_INVALID)
            say_stuck(s, e);
        return ORD_OK;
    }
    *outcome = s->is_dead ? ORD_INVALID : ORD_VALID;
    if (s->is_dead)
        found_dead(s, e);
    else if (s->is_traced)
        return write_order(s, err);
    return ORD_OK;
}
