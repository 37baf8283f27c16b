/* register_order.c -- from the traces of the search to an order of calls.
 *
 * Traces tell when which write or cas happened.  What was hidden goes just
 * before the last blind write put before it ended; reads go where their value
 * is first there after they began, and a failed cas where another value is.
 */
#include "checkers/register_search.h"

struct replay {
    struct search *s;
    uint32_t *path; /* traces, newest first */
    uint32_t path_count;
    uint32_t *hidden;  /* by place in path: what is hidden before it; + 1 */
    uint32_t *next;    /* chain of hidden; + 1 */
    uint32_t *waiting; /* by value: reads; + 1 */
    uint32_t *others;  /* by value: failed cas that wait for another; + 1 */
    uint32_t *waiting_next; /* by call; + 1 */
    uint32_t *order;
    uint32_t count;
    uint32_t begun; /* calls */
    uint32_t value;
};

static void emit(struct replay *r, uint32_t call)
{
    ORD_ASSERT(r->count < r->s->call_count);
    r->order[r->count++] = r->s->calls[call].index;
}

static void emit_all(struct replay *r, uint32_t *first)
{
    for (uint32_t i = *first; i != 0; i = r->waiting_next[i - 1])
        emit(r, i - 1);
    *first = 0;
}

static void put(struct replay *r, uint32_t value)
{
    if (value != r->value)
        emit_all(r, &r->others[r->value]);
    r->value = value;
}

/* Reads that began before an event see the value or wait. */
static void begin_reads(struct replay *r, uint32_t event)
{
    const struct search *s = r->s;

    for (; r->begun < s->call_count && s->calls[r->begun].begin < event;
         r->begun++) {
        const struct call *call = &s->calls[r->begun];
        bool is_read = call->f == CALL_READ;
        uint32_t *first = is_read ? r->waiting : r->others;

        if (!is_read && call->f != CALL_NOT)
            continue;
        if ((call->value == r->value) == is_read) {
            emit(r, r->begun);
        } else {
            r->waiting_next[r->begun] = first[call->value];
            first[call->value] = r->begun + 1;
        }
    }
}

static void happen(struct replay *r, uint32_t at)
{
    const struct trace *trace = &r->s->traces[r->path[at]];
    const struct call *call = &r->s->calls[trace->call / 2];

    begin_reads(r, trace->event);
    for (uint32_t h = r->hidden[at]; h != 0; h = r->next[h - 1]) {
        uint32_t hidden = r->s->traces[r->path[h - 1]].call / 2;

        emit(r, hidden);
        put(r, r->s->calls[hidden].value);
    }
    emit(r, trace->call / 2);
    put(r, call->value);
    emit_all(r, &r->waiting[r->value]);
}

static bool replay_init(struct replay *r, struct search *s)
{
    struct ord_arena *arena = s->lin->arena;
    size_t room = (size_t)s->call_count + 1;

    *r = (struct replay){
        .s = s,
        .path = ord_arena_alloc(arena, room * sizeof(uint32_t)),
        .hidden = ord_arena_zalloc(arena, room, sizeof(uint32_t)),
        .next = ord_arena_alloc(arena, room * sizeof(uint32_t)),
        .waiting = ord_arena_zalloc(arena, s->value_count, sizeof(uint32_t)),
        .others = ord_arena_zalloc(arena, s->value_count, sizeof(uint32_t)),
        .waiting_next = ord_arena_alloc(arena, room * sizeof(uint32_t)),
        .order = ord_arena_alloc(arena, room * sizeof(uint32_t)),
        .value = ORD_ATOM_NIL,
    };
    return r->path != NULL && r->hidden != NULL && r->next != NULL &&
           r->waiting != NULL && r->others != NULL && r->waiting_next != NULL &&
           r->order != NULL;
}

bool ord_rs_order(struct search *s)
{
    struct replay r;
    uint32_t blind = 0;

    ORD_ASSERT(s->is_traced);
    if (!replay_init(&r, s))
        return false;
    for (uint32_t t = config_at(s, s->layer, 0)->trace; t != NONE;
         t = s->traces[t].parent) {
        ORD_ASSERT(r.path_count < s->call_count); /* each at most once */
        r.path[r.path_count++] = t;
    }
    for (uint32_t i = r.path_count; i-- > 0;) {
        const struct trace *trace = &s->traces[r.path[i]];

        if (trace->call % 2 != 0) {
            r.next[i] = r.hidden[blind];
            r.hidden[blind] = i + 1;
        } else if (s->calls[trace->call / 2].f == CALL_WRITE) {
            blind = i;
        }
    }
    for (uint32_t i = r.path_count; i-- > 0;) {
        if (s->traces[r.path[i]].call % 2 == 0)
            happen(&r, i);
    }
    begin_reads(&r, s->event_count);
    s->lin->order = r.order;
    s->lin->order_count = r.count;
    return true;
}
