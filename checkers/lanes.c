/* lanes.c -- see lanes.h. */
#include "checkers/lanes.h"

#include <string.h>

static int no_memory(const struct ord_lanes *s, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM,
                    "%u operations of %u sessions need more than %zu bytes",
                    s->trace->count, s->trace->session_count,
                    s->arena->size_max);
}

static void *zalloc(const struct ord_lanes *s, size_t count, size_t size)
{
    return ord_arena_zalloc(s->arena, count + 1, size);
}

uint32_t *ord_row_new(struct ord_lanes *s)
{
    uint32_t *row = s->free_row;
    size_t words = (size_t)s->count + 2;

    if (row == NULL)
        return ord_arena_zalloc(s->arena, words, sizeof *row);
    memcpy(&s->free_row, row, sizeof s->free_row);
    memset(row, 0, words * sizeof *row);
    return row;
}

void ord_row_free(struct ord_lanes *s, uint32_t **row)
{
    if (*row != NULL) {
        memcpy(*row, &s->free_row, sizeof s->free_row);
        s->free_row = *row;
    }
    *row = NULL;
}

void ord_row_copy(const struct ord_lanes *s, uint32_t *to, const uint32_t *from)
{
    memcpy(to, from, (size_t)s->count * sizeof *to);
}

void ord_row_join(const struct ord_lanes *s, uint32_t *to, const uint32_t *from)
{
    for (uint32_t i = 0; i < s->count; i++)
        to[i] = to[i] > from[i] ? to[i] : from[i];
}

/* What a session did in as few lanes as come easily; `ends` and `names` have
 * room for one lane per deed. */
static void lanes_of(struct ord_lanes *s, uint32_t session, bool has_reads,
                     uint32_t *ends, uint32_t *names)
{
    const struct ord_trace *t = s->trace;
    uint32_t open = 0;
    uint32_t max_end = 0;
    bool is_first = true;

    for (uint32_t i = t->session_first[session];
         i < t->session_first[session + 1]; i++) {
        uint32_t deed = t->by_session[i];
        uint32_t begin = ord_deed_begin(t, deed);
        uint32_t end = ord_deed_end(t, deed);
        uint32_t at = 0;

        if (!is_first && max_end >= begin &&
            ((t->kind[deed] & ORD_DEED_CAS) == 0 || ord_deed_is_read(t, deed)))
            s->overlaps[session] = 1;
        is_first = false;
        max_end = end > max_end ? end : max_end;
        if (ord_deed_is_read(t, deed) && !has_reads)
            continue;
        /* The write of a cas comes right after its read. */
        while (at < open && ends[at] >= begin &&
               !(has_reads && !ord_deed_is_read(t, deed) &&
                 (t->kind[deed] & ORD_DEED_CAS) != 0 &&
                 names[at] == s->lane[deed - 1]))
            at++;
        if (at == open)
            names[open++] = s->count++;
        s->lane[deed] = names[at];
        ends[at] = end;
    }
}

static int make_lanes(struct ord_lanes *s, bool has_reads, struct ord_err *err)
{
    const struct ord_trace *t = s->trace;
    uint32_t *ends = zalloc(s, t->count, sizeof *ends);
    uint32_t *names = zalloc(s, t->count, sizeof *names);
    uint32_t *next = NULL;

    s->lane = zalloc(s, t->count, sizeof *s->lane);
    s->pos = zalloc(s, t->count, sizeof *s->pos);
    s->overlaps = zalloc(s, t->session_count, 1);
    if (ends == NULL || names == NULL || s->lane == NULL || s->pos == NULL ||
        s->overlaps == NULL)
        return no_memory(s, err);
    for (uint32_t i = 0; i < t->session_count; i++)
        lanes_of(s, i, has_reads, ends, names);
    next = zalloc(s, s->count, sizeof *next);
    if (next == NULL)
        return no_memory(s, err);
    for (uint32_t i = 0; i < t->count; i++) {
        if (has_reads || !ord_deed_is_read(t, i))
            s->pos[i] = ++next[s->lane[i]];
    }
    return ORD_OK;
}

/* The groups of one key, from groups[count] on: counts their writes, then
 * places them. */
static uint32_t groups_of(struct ord_lanes *s, uint32_t key, uint32_t count,
                          uint32_t *group_of, uint32_t *placed)
{
    const struct ord_trace *t = s->trace;
    uint32_t first = count;

    for (uint32_t i = t->key_first[key]; i < t->key_first[key + 1]; i++) {
        uint32_t deed = t->by_key[i];
        uint32_t *at = &group_of[s->lane[deed]];

        if (ord_deed_is_read(t, deed))
            continue;
        if (*at <= first) { /* of an earlier key: number + 1 */
            s->groups[count].lane = s->lane[deed];
            *at = ++count;
        }
        s->groups[*at - 1].count++;
    }
    for (uint32_t g = first; g < count; g++) {
        s->groups[g].first = *placed;
        *placed += s->groups[g].count;
        s->groups[g].count = 0;
    }
    for (uint32_t i = t->key_first[key]; i < t->key_first[key + 1]; i++) {
        uint32_t deed = t->by_key[i];
        struct ord_lane_group *group = &s->groups[group_of[s->lane[deed]] - 1];

        if (!ord_deed_is_read(t, deed))
            s->writes[group->first + group->count++] = deed;
    }
    return count;
}

static int make_groups(struct ord_lanes *s, struct ord_err *err)
{
    const struct ord_trace *t = s->trace;
    uint32_t keys = t->calls.key_count;
    uint32_t *group_of = zalloc(s, s->count, sizeof *group_of);
    uint32_t count = 0;
    uint32_t placed = 0;
    size_t room = (size_t)t->count - t->read_count;

    if ((uint64_t)keys * s->count < room)
        room = (size_t)keys * s->count;
    s->groups = zalloc(s, room, sizeof *s->groups);
    s->group_first = zalloc(s, keys, sizeof *s->group_first);
    s->writes = zalloc(s, t->count - t->read_count, sizeof *s->writes);
    if (group_of == NULL || s->groups == NULL || s->group_first == NULL ||
        s->writes == NULL)
        return no_memory(s, err);
    for (uint32_t k = 0; k < keys; k++) {
        s->group_first[k] = count;
        if (t->key_first[k] < t->key_first[k + 1])
            count = groups_of(s, k, count, group_of, &placed);
    }
    s->group_first[keys] = count;
    return ORD_OK;
}

/* The last write of the group up to that place of its lane; NULL: none.
 * Looks from the last place on, in growing steps: the clocks move slowly. */
const uint32_t *ord_lanes_last(const struct ord_lanes *s,
                               struct ord_lane_group *group, uint32_t upto)
{
    const uint32_t *at = s->writes + group->first;
    uint32_t low = 0; /* all before are known */
    uint32_t high = group->count;
    uint32_t step = 1;
    uint32_t hint = group->hint;

    if (upto < s->pos[at[0]])
        return NULL;
    if (s->pos[at[hint]] <= upto) {
        low = hint + 1;
        while (low < high && s->pos[at[low]] <= upto) {
            low = high - low > step ? low + step : high;
            step *= 2;
        }
        if (low < high)
            high = low;
        low = hint + 1;
    } else {
        high = hint;
        while (high > step && s->pos[at[high - step]] > upto) {
            high -= step;
            step *= 2;
        }
        low = high > step ? high - step : 0;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (s->pos[at[middle]] <= upto)
            low = middle + 1;
        else
            high = middle;
    }
    ORD_ASSERT(low > 0);
    group->hint = low - 1;
    return &at[low - 1];
}

int ord_lanes_init(struct ord_lanes *s, const struct ord_trace *trace,
                   struct ord_arena *arena, bool has_reads, struct ord_err *err)
{
    *s = (struct ord_lanes){.trace = trace, .arena = arena};
    if (make_lanes(s, has_reads, err) != ORD_OK)
        return err->rc;
    return make_groups(s, err);
}
