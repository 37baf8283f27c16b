/* synth_containers.c -- simulated queues, stacks and sets.
 *
 * How the errors of queues and stacks become certain (values are unique): when
 * a dequeue is invoked, two elements are set aside, a and b, whose puts have
 * returned one before the other, and a is to come out first.  That dequeue
 * gets b; a is handed to a dequeue that is invoked after its return (reorder)
 * or to nobody (lost; then dequeues do not crash, or one might have had it).
 */
#include <stdlib.h>
#include <string.h>

#include "harness/gen/synth_object.h"

enum {
    RING_MIN = 64,
    LENGTH_AIM = 32, /* beyond it, dequeues are a little more frequent */
    SEARCH_MAX = 256,
    ENDED_SEARCH_MAX = 1024,
    READ_AIM = 32, /* items that reads of whole sets cost each call */
};

/* ---- the ring ------------------------------------------------------------ */

static struct synth_element *at(const struct synth_object *o, uint64_t place)
{
    return &o->ring[place & (o->room - 1)];
}

static void put(struct ord_synth *s, struct synth_object *o, int64_t value,
                uint64_t began)
{
    if (o->tail - o->head == o->room) {
        uint64_t room = o->room == 0 ? RING_MIN : 2 * o->room;
        struct synth_element *ring = calloc(room, sizeof *ring);

        if (ring == NULL) {
            s->has_failed = true;
            return;
        }
        for (uint64_t i = o->head; i < o->tail; i++)
            ring[i & (room - 1)] = *at(o, i);
        free(o->ring);
        o->ring = ring;
        o->room = room;
    }
    *at(o, o->tail) = (struct synth_element){.value = value, .began = began};
    o->tail++;
}

/* Takes out what stands at a place; the order of the others stays. */
static struct synth_element take(struct synth_object *o, uint64_t place)
{
    struct synth_element taken = *at(o, place);

    if (place - o->head < o->tail - place) {
        for (uint64_t i = place; i > o->head; i--)
            *at(o, i) = *at(o, i - 1);
        o->head++;
    } else {
        for (uint64_t i = place; i + 1 < o->tail; i++)
            *at(o, i) = *at(o, i + 1);
        o->tail--;
    }
    return taken;
}

/* ---- planting ------------------------------------------------------------ */

/* Sets a (in limbo) and b (for this call) aside; false: not possible now. */
static bool set_two_aside(struct ord_synth *s, struct synth_object *o,
                          struct synth_client *c)
{
    bool is_stack = s->kind->model[0] == 's';
    uint64_t length = o->tail - o->head;
    uint64_t first = is_stack ? o->tail - 1 : o->head;
    struct synth_element a;

    if (length < 2 || at(o, first)->ended == 0)
        return false;
    a = *at(o, first);
    for (uint64_t i = 1; i < length && i < SEARCH_MAX; i++) {
        uint64_t place = is_stack ? first - i : first + i;
        struct synth_element b = *at(o, place);

        if (b.ended == 0 ||
            (is_stack ? b.ended >= a.began : a.ended >= b.began))
            continue;
        c->call.to = take(o, place).value;
        s->limbo = take(o, is_stack ? o->tail - 1 : o->head);
        return true;
    }
    return false;
}

static void plan_take(struct ord_synth *s, struct synth_object *o,
                      struct synth_client *c)
{
    bool is_there = true;

    if (s->config.bad == ORD_SYNTH_LOST)
        synth_keep(c);
    if (!synth_is_planting(s, o))
        return;
    if (s->plan == SYNTH_START) {
        if (s->config.bad == ORD_SYNTH_PHANTOM)
            c->call.to =
                SYNTH_FAR + (s->config.values == 0 ? o->next_value
                                                   : (int64_t)s->config.values);
        else if (s->config.bad == ORD_SYNTH_DUPLICATE)
            c->call.to = o->old; /* has been taken before */
        else
            is_there = set_two_aside(s, o, c);
        if (!is_there || c->call.to == 0)
            return;
        s->plan = SYNTH_CALLING;
    } else if (s->plan == SYNTH_AFTER) {
        c->call.to = s->limbo.value;
        s->plan = SYNTH_CALLING;
        s->limbo.value = 0;
    } else {
        return;
    }
    c->call.is_bad = true;
    synth_keep(c);
}

/* What is lost from an unordered queue shows when a dequeue, invoked after its
 * put returned, finds nothing. */
static void plan_empty(struct ord_synth *s, struct synth_object *o,
                       struct synth_client *c)
{
    if (s->config.bad == ORD_SYNTH_LOST)
        synth_keep(c);
    if (!synth_is_planting(s, o))
        return;
    if (s->plan == SYNTH_START && o->head < o->tail &&
        at(o, o->head)->ended != 0) {
        s->limbo = take(o, o->head);
        s->plan = SYNTH_READY;
    }
    c->call.is_marker = s->plan == SYNTH_READY;
}

/* ---- queues and stacks ----------------------------------------------------
 */

static bool is_put(struct ord_synth *s, const struct synth_object *o)
{
    uint32_t dice = synth_below(s, 100);

    if (s->plan == SYNTH_READY) /* it is to run empty soon */
        return dice < 30;
    return dice < (o->tail - o->head < LENGTH_AIM ? 50 : 45);
}

static void take_invoke(struct ord_synth *s, struct synth_object *o,
                        struct synth_client *c)
{
    bool is_unordered = s->kind->model[0] == 'u';

    if (is_unordered && s->config.bad == ORD_SYNTH_LOST)
        plan_empty(s, o, c);
    else
        plan_take(s, o, c);
}

static void put_invoke(struct ord_synth *s, struct synth_object *o,
                       struct synth_client *c)
{
    c->call.to = synth_value(s, o);
    c->call.value = ord_value_int(c->call.to);
    c->call.answer = c->call.value;
}

static void queue_invoke(struct ord_synth *s, struct synth_object *o,
                         struct synth_client *c)
{
    if (is_put(s, o)) {
        c->call.f = ORD_F_ENQUEUE;
        put_invoke(s, o, c);
    } else {
        c->call.f = ORD_F_DEQUEUE;
        take_invoke(s, o, c);
    }
}

static void stack_invoke(struct ord_synth *s, struct synth_object *o,
                         struct synth_client *c)
{
    if (is_put(s, o)) {
        c->call.f = ORD_F_PUSH;
        put_invoke(s, o, c);
    } else {
        c->call.f = ORD_F_POP;
        take_invoke(s, o, c);
    }
}

/* `place` is what comes out next, if anything is there. */
static void apply_at(struct ord_synth *s, struct synth_object *o,
                     struct synth_call *call, uint64_t place)
{
    if (call->f == ORD_F_ENQUEUE || call->f == ORD_F_PUSH) {
        put(s, o, call->to, call->began);
    } else if (call->is_bad) {
        call->answer = ord_value_int(call->to);
    } else if (o->head < o->tail) {
        call->to = take(o, place).value;
        call->answer = ord_value_int(call->to);
    }
}

static void fifo_apply(struct ord_synth *s, struct synth_object *o,
                       struct synth_call *call, struct synth_client *c)
{
    (void)c;
    apply_at(s, o, call, o->head);
}

static void stack_apply(struct ord_synth *s, struct synth_object *o,
                        struct synth_call *call, struct synth_client *c)
{
    (void)c;
    apply_at(s, o, call, o->tail - 1);
}

static void unordered_apply(struct ord_synth *s, struct synth_object *o,
                            struct synth_call *call, struct synth_client *c)
{
    uint64_t length = o->tail - o->head;

    (void)c;
    if (length > UINT32_MAX)
        length = UINT32_MAX;
    if (length > 0 && !call->is_bad && call->f == ORD_F_DEQUEUE) {
        /* One at random comes first, the first goes there. */
        uint64_t place = o->head + synth_below(s, (uint32_t)length);
        struct synth_element first = *at(o, o->head);

        *at(o, o->head) = *at(o, place);
        *at(o, place) = first;
    }
    apply_at(s, o, call, o->head);
}

/* Notes when the put returned, if the element is still near the end. */
static void note_ended(struct ord_synth *s, struct synth_object *o,
                       int64_t value)
{
    uint64_t place = o->tail;

    if (s->config.bad == ORD_SYNTH_VALID || s->config.values != 0)
        return;
    for (uint32_t i = 0; i < ENDED_SEARCH_MAX && place > o->head; i++) {
        place--;
        if (at(o, place)->value == value) {
            at(o, place)->ended = s->step;
            return;
        }
    }
}

static void queue_finish(struct ord_synth *s, struct synth_object *o,
                         struct synth_client *c)
{
    const struct synth_call *call = &c->call;
    bool is_reorder = s->config.bad == ORD_SYNTH_REORDER;

    if (call->f == ORD_F_ENQUEUE || call->f == ORD_F_PUSH) {
        note_ended(s, o, call->to);
        return;
    }
    if (call->is_marker && call->answer.kind == ORD_NIL)
        s->plan = SYNTH_DONE;
    if (call->answer.kind != ORD_NIL)
        o->old = call->to;
    if (call->is_bad)
        s->plan = is_reorder && s->limbo.value != 0 ? SYNTH_AFTER : SYNTH_DONE;
}

/* ---- set: add, remove and contains ----------------------------------------
 */

static bool grow_present(struct ord_synth *s, struct synth_object *o,
                         int64_t value)
{
    uint64_t room = o->present_room == 0 ? RING_MIN : o->present_room;
    uint8_t *present;

    while (room <= (uint64_t)value)
        room *= 2;
    if (room == o->present_room)
        return true;
    present = realloc(o->present, room);
    if (present == NULL) {
        s->has_failed = true;
        return false;
    }
    memset(present + o->present_room, 0, room - o->present_room);
    o->present = present;
    o->present_room = room;
    return true;
}

/* An element that may be there: one of the last, or of all there are. */
static int64_t element(struct ord_synth *s, struct synth_object *o)
{
    int64_t last =
        s->config.values == 0 ? o->next_value : (int64_t)s->config.values;
    uint32_t span = last < RING_MIN ? (uint32_t)last : RING_MIN;

    return span == 0 ? 1 : last - (int64_t)synth_below(s, span);
}

/* Lost: an element is not removed any more, nor was its removal ever crashed;
 * once it is added again for certain, a `contains` denies it. */
static void plan_set(struct ord_synth *s, struct synth_object *o,
                     struct synth_client *c)
{
    struct synth_call *call = &c->call;

    if (!synth_is_planting(s, o))
        return;
    if (s->plan == SYNTH_START && s->config.bad == ORD_SYNTH_PHANTOM)
        s->plan = SYNTH_READY;
    if (s->plan == SYNTH_START && o->victim_writers == 0)
        s->plan = SYNTH_CLEAN;
    if (s->plan == SYNTH_CLEAN && call->f == ORD_F_ADD) {
        if (s->config.values == 0)
            s->victim = call->to;
        if (call->to != s->victim)
            return;
        call->is_marker = true;
        s->plan = SYNTH_MARKING;
        synth_keep(c);
    } else if (s->plan == SYNTH_READY && call->f == ORD_F_CONTAINS) {
        call->to = s->victim;
        if (s->config.bad == ORD_SYNTH_PHANTOM)
            call->to = SYNTH_FAR + o->next_value + (int64_t)s->config.values;
        call->is_bad = true;
        s->plan = SYNTH_CALLING;
        synth_keep(c);
    }
}

static void set_invoke(struct ord_synth *s, struct synth_object *o,
                       struct synth_client *c)
{
    struct synth_call *call = &c->call;
    uint32_t dice = synth_below(s, 8);

    call->f = dice < 4 ? ORD_F_CONTAINS : dice < 7 ? ORD_F_ADD : ORD_F_REMOVE;
    if (s->config.values == 0 && o->next_value == 0)
        call->f = ORD_F_ADD;
    call->to = call->f == ORD_F_ADD ? synth_value(s, o) : element(s, o);
    plan_set(s, o, c);
    if (call->f == ORD_F_REMOVE && call->to == s->victim &&
        s->config.bad == ORD_SYNTH_LOST) {
        if (synth_is_planting(s, o)) {
            call->f = ORD_F_CONTAINS;
        } else {
            call->is_watched = true;
            o->victim_writers++;
            synth_keep(c);
        }
    }
    call->value = ord_value_int(call->to);
    call->answer = call->value;
}

static void set_apply(struct ord_synth *s, struct synth_object *o,
                      struct synth_call *call, struct synth_client *c)
{
    (void)c;
    if (call->f == ORD_F_CONTAINS) {
        bool is_in =
            (uint64_t)call->to < o->present_room && o->present[call->to] != 0;

        if (call->is_bad)
            is_in = s->config.bad == ORD_SYNTH_PHANTOM;
        call->answer =
            (struct ord_value){.kind = ORD_BOOL, .as = {.number = is_in}};
    } else if (grow_present(s, o, call->to)) {
        o->present[call->to] = call->f == ORD_F_ADD;
    }
}

static void set_finish(struct ord_synth *s, struct synth_object *o,
                       struct synth_client *c)
{
    if (c->call.is_watched)
        o->victim_writers--;
    if (c->call.is_marker)
        s->plan = SYNTH_READY;
    if (c->call.is_bad)
        s->plan = SYNTH_DONE;
}

/* ---- set-full: add, and reads of the whole set ----------------------------
 */

static void full_invoke(struct ord_synth *s, struct synth_object *o,
                        struct synth_client *c)
{
    struct synth_call *call = &c->call;
    uint64_t length = o->tail - o->head;
    bool is_last = s->begun + s->config.clients >= s->config.ops;
    bool is_read = synth_below(s, 2) == 0;

    if (length > READ_AIM && !is_last && is_read)
        is_read = synth_below(s, (uint32_t)length) < READ_AIM;
    call->f = is_read ? ORD_F_READ : ORD_F_ADD;
    if (!is_read) {
        call->to = synth_value(s, o);
        call->value = ord_value_int(call->to);
        call->answer = call->value;
    }
    if (!synth_is_planting(s, o) || !is_read)
        return;
    /* One that was acknowledged before this read began, is in none. */
    if (s->plan == SYNTH_START && s->config.bad == ORD_SYNTH_LOST) {
        if (length == 0 || at(o, o->tail - 1)->ended == 0)
            return;
        s->limbo = take(o, o->tail - 1);
    }
    if (s->plan == SYNTH_START) {
        call->is_bad = true;
        s->plan = SYNTH_CALLING;
        synth_keep(c);
    }
}

static void full_apply(struct ord_synth *s, struct synth_object *o,
                       struct synth_call *call, struct synth_client *c)
{
    uint64_t length = o->tail - o->head;

    if (call->f == ORD_F_ADD) {
        if (s->config.values != 0 && !grow_present(s, o, call->to))
            return;
        if (s->config.values != 0 && o->present[call->to]++ != 0)
            o->present[call->to] = 1; /* it is in already */
        else
            put(s, o, call->to, call->began);
        return;
    }
    if (c == NULL || call->fate != SYNTH_RETURNS)
        return;
    if (c->item_room <= length) {
        struct ord_value *items =
            realloc(c->items, (size_t)(2 * length + 2) * sizeof *items);

        if (items == NULL || length > UINT32_MAX / 4) {
            s->has_failed = true;
            return;
        }
        c->items = items;
        c->item_room = (uint32_t)(2 * length + 2);
    }
    for (uint64_t i = 0; i < length; i++)
        c->items[i] = ord_value_int(at(o, o->head + i)->value);
    if (call->is_bad && s->config.bad == ORD_SYNTH_PHANTOM)
        c->items[length++] = ord_value_int(SYNTH_FAR + o->next_value);
    call->answer = ord_value_list(c->items, (uint32_t)length);
}

static void full_finish(struct ord_synth *s, struct synth_object *o,
                        struct synth_client *c)
{
    if (c->call.f == ORD_F_ADD)
        note_ended(s, o, c->call.to);
    if (c->call.is_bad)
        s->plan = SYNTH_DONE;
}

enum {
    LOST = 1 << ORD_SYNTH_LOST,
    PHANTOM = 1 << ORD_SYNTH_PHANTOM,
    TAKEN = LOST | 1 << ORD_SYNTH_DUPLICATE,
    ORDER = TAKEN | 1 << ORD_SYNTH_REORDER,
};

const struct synth_kind synth_containers[] = {
    {"fifo-queue", "fifo-queue", PHANTOM, ORDER, queue_invoke, fifo_apply,
     queue_finish},
    {"unordered-queue", "unordered-queue", PHANTOM, TAKEN, queue_invoke,
     unordered_apply, queue_finish},
    {"stack", "stack", PHANTOM, ORDER, stack_invoke, stack_apply, queue_finish},
    {"set", "set", LOST | PHANTOM, 0, set_invoke, set_apply, set_finish},
    {"set-full", "set", PHANTOM, LOST, full_invoke, full_apply, full_finish},
    {.name = NULL},
};
