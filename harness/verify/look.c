/* look.c -- see look.h. */
#include "harness/verify/look.h"

#include <stdlib.h>

static bool is_list(const struct facts *f, uint32_t atom)
{
    const uint32_t *items = NULL;

    return ord_atom_items(f->calls, atom, &items) > 0 ||
           (atom != ORD_ATOM_NONE &&
            ord_atom_value(f->calls, atom).kind == ORD_LIST);
}

static enum kind kind_of_call(uint8_t fn)
{
    switch (fn) {
    case ORD_F_WRITE:
    case ORD_F_CAS:
        return KIND_REGISTER;
    case ORD_F_ADD:
    case ORD_F_REMOVE:
        return KIND_SET;
    case ORD_F_APPEND:
        return KIND_LIST;
    default:
        return KIND_MIXED;
    }
}

/* By what is done to it; reads alone: a set if they bring lists. */
enum kind ord_look_kind(const struct facts *f)
{
    enum kind kind = KIND_EMPTY;
    enum kind reads = KIND_REGISTER;

    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t call = f->at[i];
        enum kind one = kind_of_call(f->calls->f[call]);

        if (f->calls->f[call] == ORD_F_READ) {
            if (ord_look_ok_read(f, call) && is_list(f, f->calls->out[call]))
                reads = KIND_SET;
            continue;
        }
        if (one == KIND_MIXED && f->calls->type[call] == ORD_OP_FAIL)
            continue;
        if (one == KIND_MIXED || (kind != KIND_EMPTY && kind != one))
            return KIND_MIXED;
        kind = one;
    }
    if (kind == KIND_EMPTY)
        kind = reads;
    for (uint32_t i = 0; i < f->count && kind != KIND_REGISTER; i++) {
        uint32_t out = f->calls->out[f->at[i]];

        if (ord_look_ok_read(f, f->at[i]) && out != ORD_ATOM_NIL &&
            !is_list(f, out))
            return KIND_MIXED;
    }
    return kind;
}

int64_t ord_look_end(const struct facts *f, uint32_t call)
{
    return f->calls->end[call] == NEVER ? INT64_MAX : f->calls->end[call];
}

bool ord_look_writes(const struct facts *f, uint32_t call)
{
    return (f->calls->f[call] == ORD_F_WRITE ||
            f->calls->f[call] == ORD_F_CAS) &&
           f->calls->type[call] != ORD_OP_FAIL;
}

static int compare_writes(const void *a, const void *b)
{
    const struct write *x = a;
    const struct write *y = b;

    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->call > y->call) - (x->call < y->call);
}

static void load_register(struct look *l)
{
    struct facts *f = l->f;

    l->writes = ord_facts_room(f, (size_t)f->count + 1, sizeof *l->writes);
    l->acked = ord_facts_room(f, (size_t)f->count + 1, sizeof *l->acked);
    l->write_count = l->acked_count = 0;
    if (f->is_over)
        return;
    for (uint32_t i = 0; i < f->count; i++) {
        if (ord_look_writes(f, f->at[i]))
            l->writes[l->write_count++] = (struct write){
                .value = f->calls->in[f->at[i]], .call = f->at[i]};
    }
    qsort(l->writes, l->write_count, sizeof *l->writes, compare_writes);
    for (uint32_t i = 0; i < l->write_count; i++) {
        struct write *w = &l->writes[i];

        w->min_end = w->max_end = ord_look_end(f, w->call);
        if (i == 0 || w[-1].value != w->value)
            continue;
        w->min_end = w[-1].min_end < w->min_end ? w[-1].min_end : w->min_end;
        w->max_end = w[-1].max_end > w->max_end ? w[-1].max_end : w->max_end;
    }
    for (uint32_t e = 0; e < f->end_count; e++) {
        int64_t newest =
            l->acked_count == 0 ? -1 : l->acked[l->acked_count - 1].newest;
        int64_t begin = f->calls->begin[f->ends[e]];

        if (ord_look_writes(f, f->ends[e]))
            l->acked[l->acked_count++] = (struct acked){
                ord_look_end(f, f->ends[e]), begin > newest ? begin : newest};
    }
}

/* The writes of a read's value that began before it ended. */
struct seen ord_look_seen(const struct look *l, uint32_t read)
{
    const struct ord_calls *calls = l->f->calls;
    struct seen seen = {.min_begin = INT64_MAX,
                        .max_begin = -1,
                        .min_end = INT64_MAX,
                        .max_end = -1};
    uint32_t value = calls->out[read];
    uint32_t low = 0;
    uint32_t high = l->write_count;
    uint32_t first;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (l->writes[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    first = low;
    high = l->write_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (l->writes[middle].value == value &&
            calls->begin[l->writes[middle].call] < calls->end[read])
            low = middle + 1;
        else
            high = middle;
    }
    seen.count = low - first;
    if (seen.count > 0) {
        seen.min_begin = calls->begin[l->writes[first].call];
        seen.max_begin = calls->begin[l->writes[low - 1].call];
        seen.min_end = l->writes[low - 1].min_end;
        seen.max_end = l->writes[low - 1].max_end;
    }
    if (value == ORD_ATOM_NIL) {
        seen.count++;
        seen.min_begin = seen.min_end = -1;
    }
    return seen;
}

/* Some write began after `end` and was acknowledged before `place`. */
bool ord_look_replaced(const struct look *l, int64_t end, int64_t place)
{
    uint32_t low = 0;
    uint32_t high = l->acked_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (l->acked[middle].end < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && l->acked[low - 1].newest > end;
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;

    return (*x > *y) - (*x < *y);
}

static void load_members(struct look *l)
{
    struct facts *f = l->f;

    l->members = ord_facts_room(f, (size_t)f->count + 1, sizeof *l->members);
    l->by_acked = ord_facts_room(f, (size_t)f->count + 1, sizeof *l->by_acked);
    l->member_count = l->by_acked_count = l->stamp = 0;
    if (f->is_over || !ord_pairs_init(&l->ids, f->v->scratch, f->count + 1)) {
        (void)ord_facts_room(f, SIZE_MAX, 2); /* says that it is over */
        return;
    }
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t call = f->at[i];
        uint8_t fn = f->calls->f[call];
        uint32_t *id;
        struct member *m;

        if (fn != ORD_F_ADD && fn != ORD_F_APPEND && fn != ORD_F_REMOVE)
            continue;
        id = ord_pairs_add(&l->ids, f->calls->in[call]);
        if (*id == 0) {
            *id = ++l->member_count;
            l->members[*id - 1] = (struct member){.acked = INT64_MAX};
        }
        m = &l->members[*id - 1];
        if (fn == ORD_F_REMOVE) {
            m->is_removed |= f->calls->type[call] != ORD_OP_FAIL;
        } else if (ord_look_end(f, call) < m->acked) {
            m->acked = ord_look_end(f, call);
            m->add = call;
        }
    }
    for (uint32_t i = 0; i < l->member_count; i++) {
        if (l->members[i].acked != INT64_MAX && !l->members[i].is_removed)
            l->by_acked[l->by_acked_count++] = l->members[i].acked;
    }
    qsort(l->by_acked, l->by_acked_count, sizeof *l->by_acked, compare_numbers);
}

struct member *ord_look_member(const struct look *l, uint32_t atom)
{
    const uint32_t *id = ord_pairs_find(&l->ids, atom);

    return id == NULL ? NULL : &l->members[*id - 1];
}

bool ord_look_load(struct look *l)
{
    if (l->kind == KIND_REGISTER)
        load_register(l);
    else if (l->kind != KIND_MIXED)
        load_members(l);
    return l->kind != KIND_MIXED && !l->f->is_over;
}
