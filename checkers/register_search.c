/* register_search.c -- linearizability of a register with any values.
 *
 * Two questions take turns until one of them has an answer:
 *  - does it go well?  A run from the start that keeps only the few best
 *    configurations of each moment (a beam): if it comes to the end, that is
 *    the proof.  Where it dies it is taken up again some way back, wider.
 *  - can it go well at all?  A window around the place where it died, from
 *    every state that could possibly be the case at its begin, with any number
 *    of all that never ended: if all of that dies, so does the truth.
 * Both double their effort in turn, so an error costs what it takes to see it,
 * however long the history is, and a valid history what the beam costs.  Only
 * where the window has grown to the whole history and lives, while the beam
 * dies, is the exact search left.
 *
 * UNKNOWN: the steps or the memory are used up.  Then the rest is looked at,
 * from every state that could be the case: a violation there is one.
 */
#include "checkers/register_search.h"

#include <stdio.h>
#include <string.h>

enum {
    STEPS_MIN = 1 << 20,
    LEVEL_MAX = 12,
    CORE_MAX = 1 << 16,
    SEEN_MAX = 20000, /* events to go through again for the words */
    SMALL_MAX = 64,   /* calls */
};

/* How effort begins; small for few calls, so that tests with few calls see all
 * of it. */
static const struct effort {
    uint32_t width;
    uint32_t window; /* events */
    uint32_t gap;    /* events */
} efforts[] = {{1, 2, 1}, {8, 64, 64}};

enum answer { LIVES, DIES, OPEN };

/* ---- runs --------------------------------------------------------------- */

static enum answer run(struct search *s, uint32_t until, bool saves,
                       uint64_t steps)
{
    uint64_t left = *s->lin->steps_left;

    s->steps = steps < left ? steps : left;
    left -= s->steps;
    while (s->event < until && s->stuck == NULL && !s->is_dead) {
        if (saves &&
            s->event >=
                s->snapshots[s->snapshot_count - 1].event + s->snapshot_gap &&
            !ord_rs_save(s))
            break;
        ord_rs_step(s);
    }
    *s->lin->steps_left = left + s->steps;
    if (s->stuck != NULL)
        return OPEN;
    return s->is_dead ? DIES : LIVES;
}

static void add_state(struct search *s, uint32_t value)
{
    struct config *config = s->to;

    memset(config, 0, s->stride);
    config->value = value;
    config->freed = s->event;
    config->trace = NONE;
    ord_rs_add(s, s->layer, config, 0);
}

/* Every state in which anything that comes could tell a difference: until the
 * first write or cas begun from now on has ended, the value is an old one. */
static void start_anywhere(struct search *s)
{
    uint32_t start = s->event;

    ord_rs_clear(s, s->layer);
    add_state(s, dead_value(s));
    for (uint32_t k = 0; k < s->active_count; k++) {
        const struct effect *effect = &s->effects[s->active[k]];

        if (effect->f == CALL_CAS && s->stuck == NULL)
            add_state(s, effect->from);
    }
    for (uint32_t e = start; e < s->event_count && s->stuck == NULL; e++) {
        const struct call *call = &s->calls[s->events[e] / 2];

        if (s->events[e] % 2 != 0) {
            if (call->begin >= start && call->effect != NONE)
                break;
        } else if (call->f != CALL_WRITE) {
            add_state(s, call->f == CALL_READ ? call->value : call->from);
        }
    }
}

static void start_nil(struct search *s)
{
    ord_rs_clear(s, s->layer);
    add_state(s, ORD_ATOM_NIL);
    config_at(s, s->layer, 0)->freed = 0;
}

/* The latest snapshot at least so far before an event. */
static uint32_t snapshot_before(const struct search *s, uint32_t event,
                                uint32_t distance)
{
    uint32_t k = s->snapshot_count - 1;

    while (k > 0 && (s->snapshots[k].event >= event ||
                     event - s->snapshots[k].event < distance))
        k--;
    return k;
}

/* Everything that is possible from a snapshot on, until an event. */
static enum answer refute(struct search *s, uint32_t k, uint32_t until,
                          uint64_t steps)
{
    const struct snapshot *from = &s->snapshots[k];
    bool is_any = from->event > 0 || s->is_any;

    s->is_relaxed = true;
    s->is_traced = false;
    s->width = 0;
    s->steps = STEPS_MIN;
    ord_rs_seek(s, from->event, from->open, from->open_count, is_any);
    if (is_any)
        start_anywhere(s);
    else
        start_nil(s);
    if (s->stuck != NULL)
        return OPEN;
    return run(s, until, false, steps);
}

static void resume(struct search *s, uint32_t k, uint32_t width)
{
    const struct snapshot *from = &s->snapshots[k];

    s->is_relaxed = s->is_any;
    s->is_traced = s->wants_trace;
    s->width = width;
    ord_rs_seek(s, from->event, from->open, from->open_count, false);
    ord_rs_restore(s, from);
    s->snapshot_count = k + 1;
}

/* ---- what to try -------------------------------------------------------- */

/* Some are kept back for what comes after a place that stays undecided. */
static uint64_t steps_for_now(const struct search *s)
{
    uint64_t left = *s->lin->steps_left;

    return left > s->steps_kept ? left - s->steps_kept : 0;
}

/* The whole history with all that is possible, counted. */
static enum answer try_exact(struct search *s)
{
    enum answer answer = OPEN;

    resume(s, 0, 0);
    s->is_exact = true;
    s->was_narrowed = false;
    answer = run(s, s->event_count, false, steps_for_now(s));
    ORD_ASSERT(!s->was_narrowed);
    s->is_exact = false;
    return answer;
}

/* A beam that is as wide as need be only where need is. */
static enum answer go_on(struct search *s, uint32_t *level)
{
    uint32_t margin = s->window_min << (*level < 8 ? *level : 8);
    uint64_t steps = steps_for_now(s);
    enum answer answer = LIVES;

    if (*level > 0 && s->event_count - s->furthest > margin) {
        answer = run(s, s->furthest + margin, true, steps);
        if (answer != LIVES)
            return answer;
        *level = 0;
        s->width = s->width_min;
    }
    return run(s, s->event_count, true, steps);
}

/* From snapshot 0 to the end; DIES: at s->event, for certain. */
static enum answer hunt(struct search *s)
{
    uint32_t level = 0;

    resume(s, 0, s->width_min);
    while (level <= LEVEL_MAX) {
        uint64_t steps = (uint64_t)STEPS_MIN << 2 * level;
        uint32_t window = s->window_min << 2 * level;
        uint32_t until = s->event_count;
        enum answer answer = go_on(s, &level);
        uint32_t died = s->event;
        uint32_t k = 0;

        if (answer == LIVES)
            return answer;
        if (died > s->furthest)
            s->furthest = died;
        if (s->steps == 0)
            return OPEN;
        k = snapshot_before(s, died, window);
        if (until - died > window)
            until = died + window;
        answer = refute(s, k, until, steps);
        s->refuted_from = k;
        if (answer == DIES)
            return DIES;
        if (answer == LIVES && k == 0 && until == s->event_count && !s->is_any)
            return try_exact(s);
        level++;
        resume(s, k, s->width_min << level);
    }
    return OPEN;
}

/* ---- the answer --------------------------------------------------------- */

static uint32_t place_of(const struct search *s, uint32_t event)
{
    const struct call *call = NULL;

    if (event >= s->event_count)
        return s->lin->event_count;
    call = &s->calls[s->events[event] / 2];
    return s->events[event] % 2 == 0 ? s->lin->begin[call->index]
                                     : s->lin->end[call->index];
}

static int accuse_unwritten(struct search *s, uint32_t i, struct ord_err *err)
{
    struct ord_lin *lin = s->lin;
    struct ord_lin_part *part = ord_arena_alloc(lin->arena, sizeof *part);

    if (part == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for a core");
    *part = (struct ord_lin_part){
        s->calls[i].index, ORD_KEEP_BEGIN | ORD_KEEP_END | ORD_KEEP_MUST};
    lin->outcome = ORD_INVALID;
    lin->reason = ORD_LIN_UNWRITTEN;
    lin->why_calls[0] = s->calls[i].index;
    lin->why_count = 1;
    lin->core = part;
    lin->core_count = 1;
    return ORD_OK;
}

/* The call that needs a value which no call puts; NONE; false: no memory. */
static bool find_unwritten(const struct search *s, uint32_t *found)
{
    uint8_t *is_put = ord_arena_zalloc(s->lin->arena, s->value_count, 1);

    *found = NONE;
    if (is_put == NULL)
        return false;
    is_put[ORD_ATOM_NIL] = 1;
    for (uint32_t i = 0; i < s->call_count; i++) {
        if (s->calls[i].effect != NONE)
            is_put[s->calls[i].value] = 1;
    }
    for (uint32_t i = 0; i < s->call_count && *found == NONE; i++) {
        const struct call *call = &s->calls[i];
        uint32_t value = call->f == CALL_CAS ? call->from : call->value;

        if ((call->f == CALL_READ || call->f == CALL_CAS) &&
            call->end != NEVER && !is_put[value])
            *found = i;
    }
    return true;
}

static struct ord_text value_text(const struct search *s, uint32_t value)
{
    struct ord_value v = ord_lin_value(s->lin, value);

    return ord_text_value(&v);
}

/* "7, 9 or nil": the values that are possible when a call must end. */
static void say_possible(const struct search *s, char *text, size_t room)
{
    enum { SHOWN_MAX = 4 };
    uint32_t shown[SHOWN_MAX];
    uint32_t count = 0;
    size_t size = 0;
    bool is_more = false;

    text[0] = '\0';
    if (s->lin->calls == NULL)
        return; /* a test of bare columns */
    for (uint32_t i = 0; i < s->work->count; i++) {
        uint32_t value = config_at(s, s->work, i)->value;
        uint32_t k = 0;

        if (value == dead_value(s) || value == NONE) {
            is_more = is_more || value != NONE;
            continue;
        }
        while (k < count && shown[k] != value)
            k++;
        if (k == SHOWN_MAX)
            is_more = true;
        else if (k == count)
            shown[count++] = value;
    }
    for (uint32_t k = 0; k < count; k++) {
        (void)snprintf(text + size, room - size, "%s%.40s",
                       k == 0 ? "" : " or ", value_text(s, shown[k]).at);
        size = strlen(text);
    }
    if (is_more)
        (void)snprintf(text + size, room - size, "%sanother one",
                       count == 0 ? "" : " or ");
}

/* All until the place where nothing was possible any more. */
static bool make_core(struct search *s)
{
    struct ord_lin *lin = s->lin;
    struct ord_lin_part *parts = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->call_count; i++)
        count += s->calls[i].begin <= s->event;
    if (count > CORE_MAX)
        return true;
    parts = ord_arena_alloc(lin->arena, ((size_t)count + 1) * sizeof *parts);
    if (parts == NULL)
        return false;
    count = 0;
    for (uint32_t i = 0; i < s->call_count; i++) {
        const struct call *call = &s->calls[i];
        uint8_t keep = ORD_KEEP_BEGIN;

        if (call->begin > s->event)
            continue;
        if (call->end <= s->event)
            keep |= ORD_KEEP_END | ORD_KEEP_MUST;
        else if (call->effect == NONE)
            continue;
        parts[count++] = (struct ord_lin_part){call->index, keep};
    }
    lin->core = parts;
    lin->core_count = count;
    return true;
}

/* The same window again, but values that nobody asks for any more keep their
 * names: a person wants to know them. */
static void see_values(struct search *s)
{
    uint32_t died = s->event;
    uint32_t *last_look = s->last_look;
    size_t size = (size_t)s->value_count * sizeof *last_look;
    uint32_t *all = ord_arena_alloc(s->lin->arena, size);

    s->lin->why[0] = '\0';
    if (all == NULL)
        return;
    memset(all, 0xff, size);
    s->last_look = all;
    if (died < SEEN_MAX)
        s->refuted_from = 0;
    if (refute(s, s->refuted_from, died + 1, STEPS_MIN) == DIES &&
        s->event == died)
        say_possible(s, s->lin->why, sizeof s->lin->why);
    s->last_look = last_look;
    s->event = died;
}

/* What was open, and who wrote the values that were there before. */
static void name_calls(struct search *s, uint32_t x)
{
    enum { WRITERS_MAX = 4 };
    struct ord_lin *lin = s->lin;
    uint32_t writers = 0;

    lin->why_calls[lin->why_count++] = s->calls[x].index;
    for (uint32_t i = 0; i < s->call_count; i++) {
        const struct call *call = &s->calls[i];

        if (call->begin > s->event)
            break;
        if (call->end > s->event && i != x && call->end != NEVER &&
            lin->why_count < ORD_LIN_WHY_MAX)
            lin->why_calls[lin->why_count++] = call->index;
    }
    lin->open_count = lin->why_count - 1;
    for (uint32_t i = x; i-- > 0 && writers < WRITERS_MAX;) {
        const struct call *call = &s->calls[i];

        if (call->effect == NONE || call->end >= s->event ||
            lin->why_count == ORD_LIN_WHY_MAX)
            continue;
        lin->why_calls[lin->why_count++] = call->index;
        if (call->end < s->calls[x].begin)
            break;
        writers++;
    }
}

static int accuse_dead(struct search *s, struct ord_err *err)
{
    struct ord_lin *lin = s->lin;
    uint32_t x = s->events[s->event] / 2;

    see_values(s);
    lin->outcome = ORD_INVALID;
    lin->reason = ORD_LIN_DEAD;
    name_calls(s, x);
    if (!make_core(s))
        return ord_fail(err, ORD_ENOMEM, "no memory for a core");
    return ORD_OK;
}

/* Turns to what comes after the place that nobody could get over. */
static bool skip(struct search *s)
{
    const struct snapshot *from =
        &s->snapshots[snapshot_before(s, s->furthest, 0)];
    uint32_t start = s->furthest + 1;

    s->base_open = ord_arena_alloc(s->lin->arena, ((size_t)s->words * 64 + 1) *
                                                      sizeof(uint32_t));
    if (s->base_open == NULL || start >= s->event_count)
        return false;
    s->is_relaxed = true;
    s->is_traced = s->wants_trace = false;
    ord_rs_seek(s, from->event, from->open, from->open_count, false);
    ord_rs_clear(s, s->layer);
    ord_rs_skip(s, start);
    for (uint32_t w = 0; w < s->words; w++) {
        for (uint64_t rest = s->is_open[w]; rest != 0; rest &= rest - 1)
            s->base_open[s->base_open_count++] =
                s->open_calls[64 * w + (uint32_t)__builtin_ctzll(rest)];
    }
    s->is_any = true;
    s->steps = STEPS_MIN;
    ord_rs_seek(s, start, NULL, 0, true);
    start_anywhere(s);
    s->snapshot_count = 0;
    return s->stuck == NULL && ord_rs_save(s);
}

static int stay_open(struct search *s, struct ord_err *err)
{
    struct ord_lin *lin = s->lin;
    enum answer answer = OPEN;

    (void)snprintf(lin->why, sizeof lin->why, "%s",
                   s->stuck == NULL ? "too many states are possible"
                                    : s->stuck);
    lin->undecided_from = place_of(s, s->furthest);
    lin->undecided_to = lin->event_count;
    if (!skip(s)) {
        lin->is_rest_decided = s->furthest + 1 >= s->event_count;
        return ORD_OK;
    }
    lin->undecided_to = place_of(s, s->furthest + 1);
    s->steps_kept = 0;
    answer = hunt(s);
    lin->is_rest_decided = answer == LIVES;
    if (answer != LIVES)
        lin->undecided_to = lin->event_count;
    return answer == DIES ? accuse_dead(s, err) : ORD_OK;
}

int ord_register_search(struct ord_lin *lin, struct ord_err *err)
{
    /* On the heap of the check: too large for a stack. */
    struct search *s = ord_arena_zalloc(lin->arena, 1, sizeof *s);
    uint32_t unwritten = NONE;
    enum answer answer = OPEN;

    ORD_ASSERT(lin->outcome == ORD_UNKNOWN);
    if (s == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory to search");
    s->lin = lin;
    s->width_min = efforts[lin->count > SMALL_MAX].width;
    s->window_min = efforts[lin->count > SMALL_MAX].window;
    s->snapshot_gap = efforts[lin->count > SMALL_MAX].gap;
    s->steps_kept = *lin->steps_left / 8;
    s->wants_trace = lin->wants_order;
    if (!ord_rs_prepare(s) || !ord_rs_layers(s) || !ord_rs_moves(s) ||
        !find_unwritten(s, &unwritten))
        return ord_fail(err, ORD_ENOMEM, "no memory to search %u calls",
                        lin->count);
    if (unwritten != NONE)
        return accuse_unwritten(s, unwritten, err);
    s->steps = STEPS_MIN;
    start_nil(s);
    if (!ord_rs_save(s))
        return ord_fail(err, ORD_ENOMEM, "no memory to search");
    answer = hunt(s);
    if (answer == DIES)
        return accuse_dead(s, err);
    if (answer == OPEN)
        return stay_open(s, err);
    lin->outcome = ORD_VALID;
    if (s->is_traced && !ord_rs_order(s))
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    return ORD_OK;
}
