/* saturation.c -- see saturation.h. */
#include "checkers/saturation.h"

#include <string.h>

#define NONE UINT32_MAX

struct over { /* a write before which another's readers must come */
    uint32_t deed;
    struct over *next;
};

struct sat {
    struct ord_saturation *out;
    const struct ord_trace *t;
    struct ord_lanes lanes;
    uint32_t arrow_room;
    uint32_t *first;  /* arrows by `to`: into sorted; count + 1 */
    uint32_t *sorted; /* arrows */
    uint32_t *users;  /* of a deed's clock that are still to come */
    uint32_t **row;
    uint8_t *color;
    uint32_t *at; /* by deed: where the search stands */
    uint32_t *stack;
    uint32_t *reader; /* by write: the first read of it; NONE */
    uint32_t *next_reader;
    struct over **over;
    struct over *spare;
    uint32_t spare_count;
    bool is_cut;
};

static int no_memory(const struct sat *s, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM,
                    "%u operations of %u sessions need more than %zu bytes",
                    s->t->count, s->t->session_count, s->out->arena->size_max);
}

static void *zalloc(const struct sat *s, size_t count, size_t size)
{
    return ord_arena_zalloc(s->out->arena, count + 1, size);
}

static int add(struct sat *s, uint32_t from, uint32_t to, uint32_t why,
               struct ord_err *err)
{
    struct ord_saturation *out = s->out;

    if (out->arrow_count == s->arrow_room) {
        uint32_t room = s->arrow_room == 0 ? 1024 : s->arrow_room * 2;
        struct ord_arrow *more = zalloc(s, room, sizeof *more);

        if (more == NULL)
            return no_memory(s, err);
        if (out->arrow_count > 0)
            memcpy(more, out->arrows, out->arrow_count * sizeof *more);
        out->arrows = more;
        s->arrow_room = room;
    }
    out->arrows[out->arrow_count++] = (struct ord_arrow){from, to, why};
    return ORD_OK;
}

/* ---- what is given ------------------------------------------------------- */

/* From those that ended before a deed began, and before none of which another
 * of them began. reach[i]: the greatest end of the first i. */
static int add_session(struct sat *s, uint32_t session, uint32_t *reach,
                       struct ord_err *err)
{
    const struct ord_trace *t = s->t;
    const uint32_t *deeds = t->by_session + t->session_first[session];
    uint32_t count = t->session_first[session + 1] - t->session_first[session];

    reach[0] = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = ord_deed_end(t, deeds[i]);
        uint32_t latest = 0;

        reach[i + 1] = end != ORD_CALL_NEVER && end > reach[i] ? end : reach[i];
        for (uint32_t j = i; j > 0 && reach[j] >= latest; j--) {
            uint32_t before = deeds[j - 1];

            if (!ord_deed_precedes(t, before, deeds[i]))
                continue;
            if (t->call[before] != t->call[deeds[i]] &&
                ord_deed_end(t, before) < latest)
                continue;
            if (add(s, before, deeds[i], NONE, err) != ORD_OK)
                return err->rc;
            if (ord_deed_begin(t, before) > latest)
                latest = ord_deed_begin(t, before);
            if (t->call[before] == t->call[deeds[i]])
                break; /* all that precedes the write precedes the read */
        }
    }
    return ORD_OK;
}

static int add_given(struct sat *s, struct ord_err *err)
{
    const struct ord_trace *t = s->t;
    uint32_t *reach = zalloc(s, t->count, sizeof *reach);

    if (reach == NULL)
        return no_memory(s, err);
    for (uint32_t i = 0; i < t->session_count; i++) {
        if (add_session(s, i, reach, err) != ORD_OK)
            return err->rc;
    }
    for (uint32_t i = 0; i < s->out->pair_count; i++) {
        const struct ord_causal_pair *pair = &s->out->pairs[i];

        if (add(s, pair->first, pair->second, pair->read, err) != ORD_OK)
            return err->rc;
    }
    for (uint32_t i = 0; s->out->is_sequential && i < t->count; i++) {
        uint32_t key = ord_deed_key(t, i);

        if (!ord_deed_is_read(t, i) || t->from[i] != ORD_FROM_INITIAL)
            continue;
        for (uint32_t g = s->lanes.group_first[key];
             g < s->lanes.group_first[key + 1]; g++) {
            if (add(s, i, s->lanes.writes[s->lanes.groups[g].first], i, err) !=
                ORD_OK)
                return err->rc;
        }
    }
    return ORD_OK;
}

/* ---- an order, or a cycle ------------------------------------------------ */

static void sort_arrows(struct sat *s)
{
    const struct ord_saturation *out = s->out;
    uint32_t n = s->t->count;

    memset(s->first, 0, ((size_t)n + 2) * sizeof *s->first);
    memset(s->users, 0, ((size_t)n + 1) * sizeof *s->users);
    for (uint32_t i = 0; i < out->arrow_count; i++) {
        s->first[out->arrows[i].to + 2]++;
        s->users[out->arrows[i].from]++;
    }
    for (uint32_t i = 0; i < n; i++) {
        s->first[i + 2] += s->first[i + 1];
        if (ord_deed_is_read(s->t, i) && ORD_FROM_IS_DEED(s->t->from[i]))
            s->users[s->t->from[i]]++;
    }
    for (uint32_t i = 0; i < out->arrow_count; i++)
        s->sorted[s->first[out->arrows[i].to + 1]++] = i;
}

/* The next deed before this one, by its arrows, then what it saw. */
static uint32_t next_before(struct sat *s, uint32_t deed, uint8_t *mark,
                            uint32_t *why)
{
    uint32_t count = s->first[deed + 1] - s->first[deed];
    uint32_t at = s->at[deed]++;

    *why = NONE;
    *mark = ORD_EDGE_READS_FROM;
    if (at < count) {
        const struct ord_arrow *arrow =
            &s->out->arrows[s->sorted[s->first[deed] + at]];

        *why = arrow->why;
        *mark = arrow->why == NONE ? ORD_EDGE_SESSION : ORD_EDGE_VERSION;
        return arrow->from;
    }
    if (at == count && ord_deed_is_read(s->t, deed) &&
        ORD_FROM_IS_DEED(s->t->from[deed]))
        return s->t->from[deed];
    return NONE;
}

/* stack[from ..depth) is a way back that closes: the last is before the first
 * of them, with the mark and reason given.  Session steps in a row are one. */
static void tell_cycle(struct sat *s, uint32_t from, uint32_t depth)
{
    struct ord_saturation *out = s->out;
    uint32_t count = 0;

    for (uint32_t i = depth; i > from; i--) {
        uint32_t deed = s->stack[i - 1];
        uint32_t later = i - 1 > from ? s->stack[i - 2] : s->stack[depth - 1];
        uint8_t mark = 0;
        uint32_t why = NONE;

        s->at[later]--; /* the arrow that was followed */
        (void)next_before(s, later, &mark, &why);
        if (i - 1 == from) {
            /* From the first of the way to the last: that closed it. */
            mark = out->marks[0];
            why = out->whys[0];
        }
        if (count > 0 && mark == ORD_EDGE_SESSION &&
            out->marks[count] == ORD_EDGE_SESSION)
            continue;
        out->cycle[count] = deed;
        count++;
        out->marks[count] = mark;
        out->whys[count] = why;
    }
    /* marks and whys were kept one behind, for [0] held the closing step. */
    memmove(out->marks, out->marks + 1, count);
    memmove(out->whys, out->whys + 1, count * sizeof *out->whys);
    out->cycle_count = count;
    out->outcome = ORD_INVALID;
}

/* Depth first along what comes before; false: there is a cycle. */
static bool find_order(struct sat *s)
{
    const struct ord_trace *t = s->t;
    uint32_t placed = 0;

    memset(s->color, 0, t->count);
    memset(s->at, 0, t->count * sizeof *s->at);
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t depth = 0;

        if (s->color[i] != 0)
            continue;
        s->stack[depth++] = i;
        s->color[i] = 1;
        while (depth > 0) {
            uint32_t deed = s->stack[depth - 1];
            uint8_t mark = 0;
            uint32_t why = NONE;
            uint32_t before = next_before(s, deed, &mark, &why);

            if (before == NONE) {
                s->color[deed] = 2;
                s->out->order[placed++] = deed;
                depth--;
            } else if (s->color[before] == 0) {
                s->color[before] = 1;
                s->stack[depth++] = before;
            } else if (s->color[before] == 1) {
                uint32_t from = depth - 1;

                while (s->stack[from] != before)
                    from--;
                s->out->marks[0] = mark;
                s->out->whys[0] = why;
                tell_cycle(s, from, depth);
                return false;
            }
        }
    }
    return true;
}

/* ---- what follows -------------------------------------------------------- */

static void unuse(struct sat *s, uint32_t deed)
{
    if (--s->users[deed] == 0)
        ord_row_free(&s->lanes, &s->row[deed]);
}

/* (1) */
static int derive_read(struct sat *s, uint32_t read, const uint32_t *clock,
                       struct ord_err *err)
{
    uint32_t from = s->t->from[read];
    uint32_t key = ord_deed_key(s->t, read);

    if (s->out->session != ORD_ANY_SESSION &&
        ord_deed_session(s->t, read) != s->out->session)
        return ORD_OK;
    for (uint32_t g = s->lanes.group_first[key];
         g < s->lanes.group_first[key + 1]; g++) {
        struct ord_lane_group *group = &s->lanes.groups[g];
        const uint32_t *known =
            ord_lanes_last(&s->lanes, group, clock[group->lane]);

        if (known == NULL || *known == from)
            continue;
        if (from == ORD_FROM_INITIAL) {
            s->out->cycle[0] = *known;
            s->out->cycle[1] = read;
            s->out->marks[0] = ORD_EDGE_VERSION;
            s->out->marks[1] = ORD_EDGE_VERSION;
            s->out->whys[0] = s->out->whys[1] = NONE;
            s->out->cycle_count = 2;
            s->out->outcome = ORD_INVALID;
            return ORD_OK;
        }
        if (!ord_lanes_knows(&s->lanes, s->row[from], *known) &&
            add(s, *known, from, read, err) != ORD_OK)
            return err->rc;
    }
    return ORD_OK;
}

static bool is_told(struct sat *s, uint32_t old, const uint32_t *clock)
{
    for (const struct over *over = s->over[old]; over != NULL;
         over = over->next) {
        if (ord_lanes_knows(&s->lanes, clock, over->deed))
            return true;
    }
    return false;
}

/* (2) */
static int derive_write(struct sat *s, uint32_t write, const uint32_t *clock,
                        struct ord_err *err)
{
    uint32_t key = ord_deed_key(s->t, write);

    for (uint32_t g = s->lanes.group_first[key];
         g < s->lanes.group_first[key + 1]; g++) {
        struct ord_lane_group *group = &s->lanes.groups[g];
        const uint32_t *old =
            ord_lanes_last(&s->lanes, group, clock[group->lane]);
        struct over *over = NULL;

        if (old == NULL || *old == write || is_told(s, *old, clock))
            continue;
        for (uint32_t r = s->reader[*old]; r != NONE; r = s->next_reader[r]) {
            if (!ord_lanes_knows(&s->lanes, clock, r) &&
                add(s, r, write, *old, err) != ORD_OK)
                return err->rc;
        }
        if (s->spare_count == 0) {
            s->spare_count = 1024;
            s->spare = zalloc(s, s->spare_count, sizeof *s->spare);
            if (s->spare == NULL)
                return no_memory(s, err);
        }
        over = &s->spare[--s->spare_count];
        *over = (struct over){write, s->over[*old]};
        s->over[*old] = over;
    }
    return ORD_OK;
}

static int visit(struct sat *s, uint32_t deed, struct ord_err *err)
{
    uint32_t *clock = ord_row_new(&s->lanes);
    uint8_t mark = 0;
    uint32_t why = NONE;
    uint32_t before = NONE;
    bool is_read = ord_deed_is_read(s->t, deed);
    uint32_t from = s->t->from[deed];

    if (clock == NULL)
        return no_memory(s, err);
    s->at[deed] = 0;
    while ((before = next_before(s, deed, &mark, &why)) != NONE)
        ord_row_join(&s->lanes, clock, s->row[before]);
    s->row[deed] = clock;
    if (is_read && from != ORD_FROM_NOBODY && from != ORD_FROM_SEVERAL &&
        derive_read(s, deed, clock, err) != ORD_OK)
        return err->rc;
    if (!is_read && s->out->is_sequential &&
        derive_write(s, deed, clock, err) != ORD_OK)
        return err->rc;
    if (clock[s->lanes.lane[deed]] < s->lanes.pos[deed])
        clock[s->lanes.lane[deed]] = s->lanes.pos[deed];
    s->at[deed] = 0;
    while ((before = next_before(s, deed, &mark, &why)) != NONE)
        unuse(s, before);
    if (s->users[deed] == 0)
        ord_row_free(&s->lanes, &s->row[deed]);
    return ORD_OK;
}

static int derive(struct sat *s, struct ord_err *err)
{
    uint64_t cost = 1 + s->lanes.count / 4;

    if (s->over != NULL)
        memset(s->over, 0, s->t->count * sizeof *s->over);
    for (uint32_t i = 0; i < s->t->count; i++) {
        if (*s->out->steps_left < cost) {
            s->is_cut = true;
            return ORD_OK;
        }
        *s->out->steps_left -= cost;
        if (visit(s, s->out->order[i], err) != ORD_OK)
            return err->rc;
        if (s->out->outcome == ORD_INVALID)
            return ORD_OK;
    }
    return ORD_OK;
}

static int prepare(struct sat *s, struct ord_err *err)
{
    const struct ord_trace *t = s->t;
    size_t n = (size_t)t->count + 2;

    s->first = zalloc(s, n, sizeof *s->first);
    s->users = zalloc(s, n, sizeof *s->users);
    s->row = zalloc(s, n, sizeof *s->row);
    s->color = zalloc(s, n, 1);
    s->at = zalloc(s, n, sizeof *s->at);
    s->stack = zalloc(s, n, sizeof *s->stack);
    s->out->order = zalloc(s, n, sizeof(uint32_t));
    s->out->cycle = zalloc(s, n, sizeof(uint32_t));
    s->out->marks = zalloc(s, n, 1);
    s->out->whys = zalloc(s, n, sizeof(uint32_t));
    if (s->out->is_sequential) {
        s->over = zalloc(s, n, sizeof *s->over);
        s->reader = zalloc(s, n, sizeof *s->reader);
        s->next_reader = zalloc(s, n, sizeof *s->next_reader);
        if (s->over == NULL || s->reader == NULL || s->next_reader == NULL)
            return no_memory(s, err);
        memset(s->reader, 0xff, n * sizeof *s->reader);
        for (uint32_t i = 0; i < t->count; i++) {
            if (!ord_deed_is_read(t, i) || !ORD_FROM_IS_DEED(t->from[i]))
                continue;
            s->next_reader[i] = s->reader[t->from[i]];
            s->reader[t->from[i]] = i;
        }
    }
    if (s->first == NULL || s->users == NULL || s->row == NULL ||
        s->color == NULL || s->at == NULL || s->stack == NULL ||
        s->out->order == NULL || s->out->cycle == NULL ||
        s->out->marks == NULL || s->out->whys == NULL)
        return no_memory(s, err);
    return ORD_OK;
}

int ord_saturate(struct ord_saturation *out, struct ord_err *err)
{
    struct sat s = {.out = out, .t = out->trace};
    uint32_t before = 0;

    out->outcome = ORD_UNKNOWN;
    out->arrow_count = out->cycle_count = out->round_count = 0;
    if (ord_lanes_init(&s.lanes, out->trace, out->arena, true, err) != ORD_OK ||
        prepare(&s, err) != ORD_OK || add_given(&s, err) != ORD_OK)
        return err->rc;
    for (;;) {
        out->round_count++;
        if (s.sorted == NULL || before < out->arrow_count)
            s.sorted = zalloc(&s, out->arrow_count, sizeof *s.sorted);
        if (s.sorted == NULL)
            return no_memory(&s, err);
        sort_arrows(&s);
        before = out->arrow_count;
        if (!find_order(&s))
            return ORD_OK;
        if (out->derives && derive(&s, err) != ORD_OK)
            return err->rc;
        if (out->outcome == ORD_INVALID || s.is_cut)
            return ORD_OK;
        if (out->arrow_count == before) {
            out->outcome = ORD_VALID;
            return ORD_OK;
        }
    }
}
