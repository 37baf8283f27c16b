/* versions.c -- see versions.h. */
#include "checkers/versions.h"

#include <stdlib.h>

bool ord_call_is_write(const struct ord_call *call)
{
    return (call->f == ORD_F_WRITE || call->f == ORD_F_CAS) &&
           call->type != ORD_OP_FAIL;
}

static void fill_by_value(struct ord_versions *v, const struct ord_call *calls,
                          uint32_t count, uint32_t *next)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct ord_call *call = &calls[i];
        uint32_t id = 0;
        struct ord_write *write = NULL;

        if (!ord_call_is_write(call))
            continue;
        id = ord_intern_find(&v->values, ord_call_value(call));
        write = &v->writes[next[id]];
        *write = (struct ord_write){
            .call = call, .min_end = call->end, .max_end = call->end};
        if (next[id] > v->first[id]) {
            if (write[-1].min_end < write->min_end)
                write->min_end = write[-1].min_end;
            if (write[-1].max_end > write->max_end)
                write->max_end = write[-1].max_end;
        }
        next[id]++;
        if (call->type == ORD_OP_OK)
            v->acked[v->acked_count++] = call;
    }
}

static void fill_acked(struct ord_versions *v)
{
    uint32_t newest = 0;

    if (v->acked_count > 0)
        qsort(v->acked, v->acked_count, sizeof *v->acked, ord_call_compare_end);
    for (uint32_t i = 0; i < v->acked_count; i++) {
        if (v->acked[i]->begin > v->acked[newest]->begin)
            newest = i;
        v->newest[i] = newest;
    }
}

int ord_versions_init(struct ord_versions *v, const struct ord_view *view,
                      const struct ord_object *object, struct ord_arena *arena,
                      struct ord_err *err)
{
    const struct ord_call *calls = ord_object_calls(view, object);
    uint32_t *next = NULL;
    uint32_t sum = 0;
    uint32_t n = object->count;

    ORD_ASSERT(object->kind == ORD_OBJECT_REGISTER);
    *v = (struct ord_versions){0};
    next = ord_arena_zalloc(arena, (size_t)n + 1, sizeof *next);
    v->first = ord_arena_zalloc(arena, (size_t)n + 2, sizeof *v->first);
    v->writes = ord_arena_zalloc(arena, (size_t)n + 1, sizeof *v->writes);
    v->acked = ord_arena_zalloc(arena, (size_t)n + 1, sizeof *v->acked);
    v->newest = ord_arena_zalloc(arena, (size_t)n + 1, sizeof *v->newest);
    if (next == NULL || v->first == NULL || v->writes == NULL ||
        v->acked == NULL || v->newest == NULL ||
        !ord_intern_init(&v->values, arena, n))
        return ord_fail(err, ORD_ENOMEM, "no memory for %u versions", n);
    for (uint32_t i = 0; i < n; i++) {
        if (ord_call_is_write(&calls[i]))
            next[ord_intern_add(&v->values, ord_call_value(&calls[i]))]++;
    }
    for (uint32_t id = 0; id <= v->values.count; id++) {
        v->first[id] = sum;
        sum += next[id];
        next[id] = v->first[id];
    }
    fill_by_value(v, calls, n, next);
    fill_acked(v);
    return ORD_OK;
}

/* The number of writes in [first, end) that began before the place. */
static uint32_t begun_before(const struct ord_write *writes, uint32_t count,
                             int64_t before)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (writes[middle].call->begin < before)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct ord_candidates ord_versions_of(const struct ord_versions *v,
                                      const struct ord_value *value,
                                      int64_t before)
{
    struct ord_candidates all = {.min_begin = ORD_NEVER,
                                 .max_begin = ORD_BEFORE,
                                 .min_end = ORD_NEVER,
                                 .max_end = ORD_BEFORE};
    uint32_t id = ord_intern_find(&v->values, value);
    uint32_t count = 0;

    if (id != ORD_NO_ID) {
        const struct ord_write *writes = v->writes + v->first[id];

        count = begun_before(writes, v->first[id + 1] - v->first[id], before);
        if (count > 0) {
            all.min_begin = writes[0].call->begin;
            all.max_begin = writes[count - 1].call->begin;
            all.min_end = writes[count - 1].min_end;
            all.max_end = writes[count - 1].max_end;
            all.call = writes[0].call;
        }
    }
    all.count = count;
    if (value->kind == ORD_NIL) {
        all.count++;
        all.min_begin = ORD_BEFORE;
        all.min_end = ORD_BEFORE;
    }
    return all;
}

const struct ord_call *ord_versions_replaced(const struct ord_versions *v,
                                             int64_t end, int64_t before)
{
    uint32_t low = 0;
    uint32_t high = v->acked_count;

    /* newest never falls in its begin, so the first place above end is found
     * by halving; there, newest is the place itself. */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (v->acked[v->newest[middle]]->begin > end)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == v->acked_count || v->acked[low]->end >= before)
        return NULL;
    ORD_ASSERT(v->acked[low]->begin > end);
    return v->acked[low];
}
