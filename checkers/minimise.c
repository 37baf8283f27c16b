/* minimise.c -- see minimise.h. */
#include "checkers/minimise.h"

#include <stdlib.h>
#include <string.h>

#include "checkers/minimise_ask.h"

enum {
    /* Of all questions about one core, about 0.1 us each. */
    STEPS_PROOF_MAX = 16000000,
    STEPS_WORDS_MAX = 2000000,
    STEPS_SHARE = 4, /* ... and of what is left, one in so many */
    WINDOW_MIN = 8,  /* calls */
    WINDOW_GROWTH = 4,
    CORE_SMALL_MAX = 64, /* needs no window */
    ARENA_SIZE_MAX = 1 << 30,
    ALL = ORD_KEEP_BEGIN | ORD_KEEP_END | ORD_KEEP_MUST,
};

/* Calls that come and go together: one call, or all calls on an element. */
struct unit {
    uint32_t element; /* or NONE */
    uint32_t near;    /* the last place of its calls */
    uint32_t first;   /* into members */
    uint32_t count;
};

struct minimise {
    struct ord_ask ask;
    const struct ord_lin *lin;
    struct ord_arena arena;
    struct ord_lin_part *members; /* all candidates, unit by unit */
    uint32_t member_count;
    struct unit *units; /* the nearest to the violation first */
    uint32_t unit_count;
    struct ord_lin_part *always; /* listed whatever is chosen */
    uint32_t always_count;
    struct ord_lin_part *parts; /* of the question at hand */
    uint32_t part_count;
    uint32_t *chosen; /* units that are needed */
    uint32_t chosen_count;
    uint64_t steps_max;
};

static bool is_violating(struct minimise *m)
{
    return ord_ask_is_violating(&m->ask, m->parts, m->part_count);
}

/* ---- the first candidates ----------------------------------------------- */

static uint8_t keep_of(const struct minimise *m, uint32_t call)
{
    const struct ord_lin *lin = m->lin;

    if (lin->type[call] == ORD_OP_INFO)
        return ORD_KEEP_BEGIN;
    return lin->end[call] == ORD_CALL_NEVER ? ORD_KEEP_BEGIN | ORD_KEEP_MUST
                                            : ALL;
}

/* All that began no later than the place; what ended later may not have
 * happened. */
static void take_prefix(struct minimise *m, uint32_t last)
{
    const struct ord_lin *lin = m->lin;

    m->part_count = 0;
    for (uint32_t i = 0; i < lin->count && lin->begin[i] <= last; i++) {
        uint8_t keep = keep_of(m, i);

        if (!ord_ask_counts(&m->ask, i))
            continue;
        if (lin->end[i] > last)
            keep = ORD_KEEP_BEGIN;
        if (keep != ORD_KEEP_BEGIN || !ord_ask_is_look(&m->ask, i))
            m->parts[m->part_count++] = (struct ord_lin_part){i, keep};
    }
}

static int compare_places(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;

    return (*x > *y) - (*x < *y);
}

/* The shortest prefix that has no order, by doubling, then halving; parts is
 * that prefix.  False: not even the whole could be shown to have none. */
static bool find_prefix(struct minimise *m)
{
    const struct ord_lin *lin = m->lin;
    uint32_t *ends =
        ord_arena_alloc(&m->arena, ((size_t)lin->count + 1) * sizeof *ends);
    uint32_t count = 0;
    uint32_t low = 0; /* a prefix of so many ends has an order */
    uint32_t high;

    if (ends == NULL)
        return false;
    for (uint32_t i = 0; i < lin->count; i++) {
        if (lin->end[i] < lin->event_count && ord_ask_counts(&m->ask, i))
            ends[count++] = lin->end[i];
    }
    if (count > 0)
        qsort(ends, count, sizeof *ends, compare_places);
    for (high = count < 64 ? count : 64;;
         high = high * 2 < count ? high * 2 : count) {
        take_prefix(m, high == 0 ? 0 : ends[high - 1]);
        if (high == count || is_violating(m))
            break;
        low = high;
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        take_prefix(m, ends[middle - 1]);
        if (is_violating(m))
            high = middle;
        else
            low = middle;
    }
    take_prefix(m, high == 0 ? 0 : ends[high - 1]);
    if (is_violating(m))
        return true;
    /* Calls that have to happen some time, or an engine that needs more. */
    take_prefix(m, UINT32_MAX);
    return is_violating(m);
}

/* Adds what the rule wants to see listed beside the parts at hand: all calls
 * on their elements, or all that change the state. */
static bool complete(struct minimise *m)
{
    const struct ord_lin *lin = m->lin;
    bool by_element = m->ask.rule == ORD_ASK_ELEMENTS;
    uint8_t *has;
    uint8_t *is_in;

    if (!by_element && m->ask.rule != ORD_ASK_LISTED)
        return true;
    has = ord_arena_zalloc(&m->arena, (size_t)lin->count + 1, 1);
    is_in = ord_arena_zalloc(&m->arena, (size_t)lin->atom_count + 1, 1);
    if (has == NULL || is_in == NULL)
        return false;
    for (uint32_t i = 0; i < m->part_count; i++) {
        uint32_t element = ord_ask_element(&m->ask, m->parts[i].call);

        has[m->parts[i].call] = 1;
        if (by_element && element != ORD_ATOM_NONE && element != ORD_ATOM_NIL)
            is_in[element] = 1;
    }
    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t element = ord_ask_element(&m->ask, i);
        bool is_missing = !has[i] && ord_ask_counts(&m->ask, i) &&
                          !ord_ask_is_look(&m->ask, i);

        if (is_missing && !by_element)
            m->parts[m->part_count++] = (struct ord_lin_part){.call = i};
        else if (is_missing && (element == ORD_ATOM_NONE || is_in[element]))
            m->parts[m->part_count++] = (struct ord_lin_part){i, keep_of(m, i)};
    }
    return true;
}

/* The engine's core by the rules of minimise.h. */
static bool copy_core(struct minimise *m)
{
    const struct ord_lin *lin = m->lin;

    if (lin->core == NULL || lin->core_count > lin->count)
        return false;
    m->part_count = 0;
    for (uint32_t i = 0; i < lin->core_count; i++) {
        struct ord_lin_part part = lin->core[i];

        if (!ord_ask_counts(&m->ask, part.call))
            continue;
        part.keep &= keep_of(m, part.call) | ORD_KEEP_MUST;
        if ((part.keep & ORD_KEEP_END) != 0)
            part.keep |= ORD_KEEP_MUST;
        if (lin->type[part.call] == ORD_OP_INFO)
            part.keep &= ORD_KEEP_BEGIN;
        m->parts[m->part_count++] = part;
    }
    return complete(m);
}

/* Where the engine found that no order goes on; 0: it does not say. */
static uint32_t died_at(const struct minimise *m)
{
    const struct ord_lin *lin = m->lin;
    uint32_t last = 0;

    if (lin->core == NULL)
        return lin->reason == ORD_LIN_DEAD && lin->why_count > 0 &&
                       lin->end[lin->why_calls[0]] < lin->event_count
                   ? lin->end[lin->why_calls[0]]
                   : 0;
    if (lin->core_count <= CORE_SMALL_MAX)
        return 0;
    for (uint32_t i = 0; i < lin->core_count; i++) {
        const struct ord_lin_part *part = &lin->core[i];

        if ((part->keep & ORD_KEEP_END) != 0 && lin->end[part->call] > last &&
            lin->end[part->call] < lin->event_count)
            last = lin->end[part->call];
    }
    return last;
}

/* All that bears on the window from there. */
static void take_window(struct minimise *m, uint32_t first, uint32_t last)
{
    const struct ord_lin *lin = m->lin;

    m->part_count = 0;
    for (uint32_t i = 0; i < lin->count && lin->begin[i] <= last; i++) {
        uint8_t keep = keep_of(m, i);

        if (lin->end[i] < first || !ord_ask_counts(&m->ask, i))
            continue;
        if (lin->begin[i] < first || lin->end[i] > last)
            keep = ORD_KEEP_BEGIN;
        if (keep != ORD_KEEP_BEGIN || !ord_ask_is_look(&m->ask, i))
            m->parts[m->part_count++] = (struct ord_lin_part){i, keep};
    }
}

/* Something begins after that place that would have to be listed. */
static bool has_later(const struct minimise *m, uint32_t last)
{
    const struct ord_lin *lin = m->lin;

    for (uint32_t i = lin->count; i-- > 0 && lin->begin[i] > last;) {
        if (ord_ask_counts(&m->ask, i) && !ord_ask_is_look(&m->ask, i))
            return true;
    }
    return false;
}

/* A few calls near the violation, whatever was before them; else more. */
static bool find_window(struct minimise *m)
{
    const struct ord_lin *lin = m->lin;
    uint32_t last = m->ask.has_windows ? died_at(m) : 0;
    uint32_t count = lin->count;
    uint32_t low = 0;
    uint32_t high = WINDOW_MIN;

    if (last == 0)
        return false;
    while (count > 0 && lin->begin[count - 1] > last)
        count--;
    m->ask.is_windowed = m->ask.rule == ORD_ASK_LISTED;
    if (m->ask.is_windowed && has_later(m, last))
        m->ask.listed_to = last;
    for (;; low = high, high *= WINDOW_GROWTH) {
        if (high >= count / 2 || m->ask.steps_left < m->steps_max / 2) {
            m->ask.is_windowed = false;
            m->ask.listed_to = ORD_CALL_NEVER;
            return false;
        }
        take_window(m, lin->begin[count - high], last);
        if (is_violating(m))
            break;
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        take_window(m, lin->begin[count - middle], last);
        if (is_violating(m))
            high = middle;
        else
            low = middle;
    }
    take_window(m, lin->begin[count - high], last);
    return is_violating(m);
}

/* ---- units -------------------------------------------------------------- */

struct sorted {
    uint32_t element;
    struct ord_lin_part part;
};

static int compare_sorted(const void *a, const void *b)
{
    const struct sorted *x = a;
    const struct sorted *y = b;

    if (x->element != y->element)
        return x->element < y->element ? -1 : 1;
    return (x->part.call > y->part.call) - (x->part.call < y->part.call);
}

static int compare_units(const void *a, const void *b)
{
    const struct unit *x = a;
    const struct unit *y = b;

    if (x->near != y->near)
        return x->near > y->near ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

static int compare_parts(const void *a, const void *b)
{
    const struct ord_lin_part *x = a;
    const struct ord_lin_part *y = b;

    return (x->call > y->call) - (x->call < y->call);
}

static uint32_t unit_of(const struct minimise *m, uint32_t call)
{
    uint32_t element = ord_ask_element(&m->ask, call);

    if (m->ask.rule != ORD_ASK_ELEMENTS || element == ORD_ATOM_NIL)
        return ORD_ATOM_NONE;
    return element;
}

static uint32_t place_of(const struct minimise *m,
                         const struct ord_lin_part *part)
{
    bool has_end = (part->keep & ORD_KEEP_END) != 0;

    return has_end ? m->lin->end[part->call] : m->lin->begin[part->call];
}

static void group_units(struct minimise *m, const struct sorted *sorted)
{
    for (uint32_t i = 0; i < m->member_count; i++) {
        struct unit *unit = &m->units[m->unit_count];
        uint32_t place = place_of(m, &sorted[i].part);

        m->members[i] = sorted[i].part;
        if (m->unit_count > 0 && sorted[i].element != ORD_ATOM_NONE &&
            unit[-1].element == sorted[i].element) {
            unit--;
        } else {
            *unit = (struct unit){.element = sorted[i].element, .first = i};
            m->unit_count++;
        }
        unit->count++;
        if (place > unit->near)
            unit->near = place;
    }
    qsort(m->units, m->unit_count, sizeof *m->units, compare_units);
}

/* From the parts at hand; parts of elements need all that is on the element,
 * and what changes the state stays listed where the rule says so. */
static bool make_units(struct minimise *m)
{
    struct sorted *sorted = ord_arena_alloc(
        &m->arena, ((size_t)m->part_count + 1) * sizeof *sorted);

    m->units = ord_arena_zalloc(&m->arena, (size_t)m->part_count + 1,
                                sizeof *m->units);
    if (sorted == NULL || m->units == NULL)
        return false;
    m->always_count = 0;
    for (uint32_t i = 0; i < m->part_count; i++) {
        const struct ord_lin_part *part = &m->parts[i];

        sorted[i] = (struct sorted){unit_of(m, part->call), *part};
        if (m->ask.rule == ORD_ASK_LISTED &&
            !ord_ask_is_look(&m->ask, part->call))
            m->always[m->always_count++] =
                (struct ord_lin_part){.call = part->call};
    }
    m->member_count = m->part_count;
    if (m->member_count > 0)
        qsort(sorted, m->member_count, sizeof *sorted, compare_sorted);
    group_units(m, sorted);
    return true;
}

/* Units as parts, behind those that are there. */
static void add_unit(struct minimise *m, uint32_t u)
{
    const struct unit *unit = &m->units[u];

    for (uint32_t i = 0; i < unit->count; i++)
        m->parts[m->part_count++] = m->members[unit->first + i];
}

/* What is always listed keeps its marks only where its unit is chosen. */
static void merge_always(struct minimise *m)
{
    uint32_t chosen = m->part_count;
    uint32_t at = 0;

    if (m->always_count == 0)
        return;
    if (chosen > 0)
        qsort(m->parts, chosen, sizeof *m->parts, compare_parts);
    for (uint32_t i = 0; i < m->always_count; i++) {
        while (at < chosen && m->parts[at].call < m->always[i].call)
            at++;
        if (at == chosen || m->parts[at].call != m->always[i].call)
            m->parts[m->part_count++] = m->always[i];
    }
}

/* The chosen units and the first so many of the others. */
static bool is_enough(struct minimise *m, uint32_t count)
{
    m->part_count = 0;
    for (uint32_t i = 0; i < m->chosen_count; i++)
        add_unit(m, m->chosen[i]);
    for (uint32_t i = 0; i < count; i++)
        add_unit(m, i);
    merge_always(m);
    return is_violating(m);
}

/* Each round finds the last unit of the shortest row of units that, with those
 * chosen, has no order: without it that row has one, so it is needed. */
static bool choose_units(struct minimise *m)
{
    uint32_t left = m->unit_count; /* these and the chosen have no order */

    m->chosen_count = 0;
    for (uint32_t round = 0; round <= m->unit_count; round++) {
        uint32_t low = 0;
        uint32_t high = 1;

        if (is_enough(m, 0))
            return true;
        while (high < left && !is_enough(m, high)) {
            low = high;
            high *= 2;
        }
        if (high > left)
            high = left;
        while (high - low > 1) {
            uint32_t middle = low + (high - low) / 2;

            if (is_enough(m, middle))
                high = middle;
            else
                low = middle;
        }
        if (left == 0 || m->ask.is_broke)
            break;
        m->chosen[m->chosen_count++] = high - 1;
        left = high - 1;
    }
    /* Undecided questions, or no steps left: what is known to be enough. */
    m->ask.is_unsure = true;
    (void)is_enough(m, left);
    return false;
}

/* ---- marks -------------------------------------------------------------- */

enum { MOVES = 5 };

/* A weaker form of a part; false: it has that form already.  A call that is
 * left out has moved to the end. */
static bool weaken(struct minimise *m, uint32_t i, uint32_t move)
{
    const uint8_t happened = ORD_KEEP_END | ORD_KEEP_MUST;
    struct ord_lin_part *part = &m->parts[i];
    bool is_look = ord_ask_is_look(&m->ask, part->call);
    bool may_go = is_look || m->ask.rule == ORD_ASK_FREE ||
                  m->ask.rule == ORD_ASK_LOCK ||
                  (m->ask.rule == ORD_ASK_ELEMENTS &&
                   unit_of(m, part->call) == ORD_ATOM_NONE);

    switch (move) {
    case 0: /* nothing of it, or that it happened, matters */
        if ((part->keep & happened) == 0)
            return false;
        if (may_go)
            *part = m->parts[--m->part_count];
        else
            part->keep &= (uint8_t)~happened;
        return true;
    case 1: /* it may have ended later */
        if ((part->keep & ORD_KEEP_END) == 0)
            return false;
        part->keep = (uint8_t)((part->keep & ~ORD_KEEP_END) | ORD_KEEP_MUST);
        return true;
    case 2: /* it may not have happened */
        if (is_look || (part->keep & happened) != ORD_KEEP_MUST)
            return false;
        part->keep &= (uint8_t)~ORD_KEEP_MUST;
        return true;
    case 3: /* it may have begun earlier */
        if ((part->keep & ORD_KEEP_BEGIN) == 0)
            return false;
        part->keep &= (uint8_t)~ORD_KEEP_BEGIN;
        return true;
    default: /* it goes */
        if (!may_go || (!is_look && part->keep != 0) ||
            (part->keep & ORD_KEEP_END) != 0)
            return false;
        *part = m->parts[--m->part_count];
        return true;
    }
}

/* Where a weaker form violates, too, it stays.  *is_gone: that was to go. */
static bool try_weaker(struct minimise *m, uint32_t i, uint32_t move,
                       bool *is_gone)
{
    struct ord_lin_part before = m->parts[i];
    uint32_t count = m->part_count;

    if (!weaken(m, i, move))
        return false;
    *is_gone = m->part_count < count;
    if (is_violating(m))
        return true;
    if (*is_gone)
        m->parts[m->part_count++] = m->parts[i];
    *is_gone = false;
    m->parts[i] = before;
    return false;
}

/* All once.  True: what is too late begins earlier now, or what is before the
 * window ends later (minimise.h), so what had to stay may go; else it is as
 * needed as it was. */
static bool weaken_each(struct minimise *m)
{
    uint32_t last = ord_ask_last(&m->ask, m->parts, m->part_count);
    uint32_t first = ord_ask_first(&m->ask, m->parts, m->part_count);
    bool is_smaller = false;

    m->ask.is_unsure = false;
    for (uint32_t i = 0; i < m->part_count && !m->ask.is_broke;) {
        bool is_gone = false;

        for (uint32_t move = 0; move < MOVES && !is_gone; move++) {
            uint32_t now;

            if (!try_weaker(m, i, move, &is_gone))
                continue;
            now = ord_ask_last(&m->ask, m->parts, m->part_count);
            is_smaller = is_smaller || now < last;
            last = now;
            now = ord_ask_first(&m->ask, m->parts, m->part_count);
            is_smaller = is_smaller || now > first;
            first = now;
        }
        if (!is_gone)
            i++;
    }
    return is_smaller;
}

static void weaken_all(struct minimise *m)
{
    bool is_smaller = true;

    /* Each round but the last has made something weaker. */
    while (is_smaller && !m->ask.is_broke)
        is_smaller = weaken_each(m);
}

/* A call that has no place in the answer whatever it did: it began too late.
 */
static void drop_late(struct minimise *m)
{
    uint32_t last = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->part_count; i++) {
        const struct ord_lin_part *part = &m->parts[i];

        if ((part->keep & (ORD_KEEP_END | ORD_KEEP_MUST)) == ORD_KEEP_MUST)
            return;
        if ((part->keep & ORD_KEEP_END) != 0 && m->lin->end[part->call] > last)
            last = m->lin->end[part->call];
    }
    for (uint32_t i = 0; i < m->part_count; i++) {
        if (m->lin->begin[m->parts[i].call] <= last)
            m->parts[count++] = m->parts[i];
    }
    m->part_count = count;
}

/* Where the window alone has no order: what is before it goes. */
static void drop_early(struct minimise *m)
{
    bool is_windowed = m->ask.is_windowed;
    uint32_t first = ord_ask_first(&m->ask, m->parts, m->part_count);
    uint32_t count = 0;

    if (first == 0)
        return;
    m->ask.is_windowed = true;
    if (is_violating(m)) {
        for (uint32_t i = 0; i < m->part_count; i++) {
            if ((m->parts[i].keep & ORD_KEEP_MUST) != 0 ||
                m->lin->end[m->parts[i].call] >= first)
                m->parts[count++] = m->parts[i];
        }
        m->part_count = count;
    } else {
        m->ask.is_windowed = is_windowed;
    }
}

/* ---- all of it ---------------------------------------------------------- */

static int minimise_init(struct minimise *m, const struct ord_model *model,
                         struct ord_lin *lin, struct ord_err *err)
{
    size_t room = (size_t)lin->count * 2 + 1;

    m->parts = ord_arena_alloc(&m->arena, room * sizeof *m->parts);
    m->members = ord_arena_alloc(&m->arena, room * sizeof *m->members);
    m->always = ord_arena_alloc(&m->arena, room * sizeof *m->always);
    m->chosen = ord_arena_alloc(&m->arena, room * sizeof *m->chosen);
    if (m->parts == NULL || m->members == NULL || m->always == NULL ||
        m->chosen == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory to minimise %u calls",
                        lin->count);
    if (ord_ask_init(&m->ask, model, lin, &m->arena, err) != ORD_OK)
        return err->rc;
    m->ask.steps_left = m->steps_max;
    return ORD_OK;
}

static int give_back(struct minimise *m, struct ord_lin *lin,
                     struct ord_err *err)
{
    struct ord_lin_part *core =
        ord_arena_alloc(lin->arena, ((size_t)m->part_count + 1) * sizeof *core);

    if (core == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for a core of %u calls",
                        m->part_count);
    if (m->part_count > 0)
        memcpy(core, m->parts, m->part_count * sizeof *core);
    if (m->part_count > 0)
        qsort(core, m->part_count, sizeof *core, compare_parts);
    lin->core = core;
    lin->core_count = m->part_count;
    return ORD_OK;
}

static int minimise(struct minimise *m, const struct ord_model *model,
                    struct ord_lin *lin, bool *is_minimal, struct ord_err *err)
{
    if (minimise_init(m, model, lin, err) != ORD_OK)
        return err->rc;
    if (!find_window(m) && !(copy_core(m) && is_violating(m)) &&
        !(find_prefix(m) && complete(m))) {
        /* The engine said so of its core, or of all calls. */
        if (!copy_core(m))
            take_prefix(m, UINT32_MAX);
        return give_back(m, lin, err);
    }
    if (!make_units(m))
        return ord_fail(err, ORD_ENOMEM, "no memory to minimise");
    m->ask.is_unsure = false;
    /* What all has to be listed is tried with what is known of it: the less
     * that is, the more orders there are to try. */
    if (m->ask.is_windowed || choose_units(m))
        weaken_all(m);
    drop_late(m);
    drop_early(m);
    if (strcmp(model->name, "kv") == 0)
        m->part_count = ord_ask_drop_unseen(&m->ask, m->parts, m->part_count);
    *is_minimal = !m->ask.is_unsure && !m->ask.is_broke;
    return give_back(m, lin, err);
}

int ord_minimise(const struct ord_model *model, struct ord_lin *lin,
                 bool is_for_proof, bool *is_minimal, struct ord_err *err)
{
    struct minimise m = {.lin = lin};
    int rc;

    ORD_ASSERT(model != NULL);
    ORD_ASSERT(lin->outcome == ORD_INVALID);
    *is_minimal = false;
    ord_arena_init(&m.arena, ARENA_SIZE_MAX);
    m.steps_max = *lin->steps_left / STEPS_SHARE;
    if (m.steps_max > (is_for_proof ? STEPS_PROOF_MAX : STEPS_WORDS_MAX))
        m.steps_max = is_for_proof ? STEPS_PROOF_MAX : STEPS_WORDS_MAX;
    m.ask.steps_left = m.steps_max;
    rc = minimise(&m, model, lin, is_minimal, err);
    *lin->steps_left -= m.steps_max - m.ask.steps_left;
    ord_ask_fini(&m.ask);
    ord_arena_fini(&m.arena);
    return rc;
}
