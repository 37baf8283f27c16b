/* order.c -- an order that explains every answer, replayed call by call. */
#include "harness/verify/lin.h"

/* The unordered queue has calls that took nobody knows what, and an order need
 * not tell.  Whatever is left when the queue is said to be empty must have been
 * taken by them, each after its element had come for good.  Elements are known
 * by the step at which they came. */
struct leftovers {
    uint32_t *next;   /* by step: the living element that came after; 0: none */
    uint32_t *prev;   /* ... and before */
    uint32_t *below;  /* ... and before with the same value */
    uint32_t *place;  /* by step: its value's place */
    uint32_t *newest; /* by place */
    uint32_t *takes;  /* the steps of the unknown takes, ascending */
    uint32_t take_count;
    uint32_t last; /* the newest of all living elements */
};

struct replay {
    struct verify *v;
    struct world world;
    struct state state;
    struct leftovers left;
    uint32_t object;
    uint32_t newest; /* the latest begin so far */
    uint32_t step;   /* from 1 */
};

static bool is_bag(const struct replay *r)
{
    return r->world.model->has_leftovers;
}

static bool leftovers_init(struct replay *r, uint32_t calls)
{
    struct leftovers *left = &r->left;
    struct ord_arena *arena = r->v->scratch;
    size_t room = (size_t)calls + 1;

    left->next = ord_arena_zalloc(arena, room, sizeof *left->next);
    left->prev = ord_arena_zalloc(arena, room, sizeof *left->prev);
    left->below = ord_arena_zalloc(arena, room, sizeof *left->below);
    left->place = ord_arena_zalloc(arena, room, sizeof *left->place);
    left->takes = ord_arena_zalloc(arena, room, sizeof *left->takes);
    left->newest = ord_arena_zalloc(arena, (size_t)r->world.part_count + 2,
                                    sizeof *left->newest);
    return left->next != NULL && left->prev != NULL && left->below != NULL &&
           left->place != NULL && left->takes != NULL && left->newest != NULL;
}

static void bag_put(struct leftovers *left, uint32_t step, uint32_t place)
{
    left->place[step] = place;
    left->below[step] = left->newest[place];
    left->newest[place] = step;
    left->prev[step] = left->last;
    left->next[left->last] = step; /* of step 0: unused */
    left->last = step;
}

/* The newest of its value goes: so the oldest stay, for any unknown take. */
static bool bag_take(struct leftovers *left, uint32_t place)
{
    uint32_t step = left->newest[place];

    if (step == 0)
        return false;
    left->newest[place] = left->below[step];
    left->next[left->prev[step]] = left->next[step];
    if (left->last == step)
        left->last = left->prev[step];
    else
        left->prev[left->next[step]] = left->prev[step];
    return true;
}

/* The n-th newest element needs the n-th newest unknown take after it. */
static bool bag_is_empty(struct leftovers *left)
{
    for (uint32_t step = left->last; step != 0; step = left->prev[step]) {
        if (left->take_count == 0 || left->takes[left->take_count - 1] < step)
            return false;
        left->take_count--;
        left->newest[left->place[step]] = 0;
    }
    left->last = 0;
    left->take_count = 0;
    return true;
}

static bool bag_replay(struct replay *r, const struct act *act)
{
    uint32_t taken = ord_act_taken(act);
    struct leftovers *left = &r->left;

    if (act->f == ORD_F_ENQUEUE)
        bag_put(left, r->step, ord_place_of(&r->world, act->in));
    else if (taken == ORD_ATOM_NONE)
        left->takes[left->take_count++] = r->step;
    else if (taken == ORD_ATOM_NIL)
        return bag_is_empty(left);
    else
        return bag_take(left, ord_place_of(&r->world, taken));
    return true;
}

static bool replay_call(struct replay *r, uint32_t call)
{
    struct verify *v = r->v;
    const struct ord_calls *calls = &v->calls;
    struct act act = ord_act_of(calls, call);
    uint32_t end = act.is_failed ? ord_call_end(v, call) : calls->end[call];
    uint32_t choices = 1;
    bool fits;

    if (calls->begin[call] > r->newest)
        r->newest = calls->begin[call];
    if (end < r->newest)
        return ord_verify_refuse(
            v,
            "element %u: operation %u ended at %u, before operation %u "
            "began, which stands before it",
            r->step, calls->begin[call], end, r->newest);
    fits = is_bag(r)
               ? bag_replay(r, &act)
               : r->world.model->step(&r->world, &r->state, &act, 0, &choices);
    if (!fits)
        return ord_verify_refuse(
            v,
            "element %u: the answer of operation %u does not follow from "
            "what stands before it",
            r->step, calls->begin[call]);
    return true;
}

static bool replay_init(struct replay *r, uint32_t call)
{
    struct verify *v = r->v;
    const struct ord_calls *calls = &v->calls;
    bool is_keyed = calls->key_count > 1;
    uint32_t count = calls->count;

    r->object = ord_verify_object_of(v, call);
    if (is_keyed)
        count = calls->key_first[r->object + 1] - calls->key_first[r->object];
    if (r->world.model->has_parts && !is_keyed)
        r->world.part_count = calls->atom_count;
    if (r->world.model->has_parts && is_keyed &&
        !ord_world_of_object(v, &r->world, r->object))
        return false;
    r->state = (struct state){.arena = v->scratch};
    if (!r->world.model->init(&r->world, &r->state) ||
        (is_bag(r) && !leftovers_init(r, count)))
        return ord_verify_give_up(v, ORD_ENOMEM, "no memory to replay it");
    return true;
}

static bool next_element(struct replay *r, struct ord_json *in, uint32_t *hint)
{
    struct verify *v = r->v;
    int64_t index = -1;
    uint32_t call;

    r->step++;
    if (!ord_json_int(in, &index))
        return false;
    call = ord_verify_call_at(v, index, hint);
    if (call == UINT32_MAX)
        return ord_verify_refuse(v,
                                 "element %u: %lld is no client's "
                                 "invocation",
                                 r->step, (long long)index);
    if (r->step == 1 && !replay_init(r, call))
        return false;
    if (ord_verify_object_of(v, call) != r->object)
        return ord_verify_refuse(v,
                                 "element %u: operation %lld is of another "
                                 "key",
                                 r->step, (long long)index);
    if (!ord_act_counts(&r->world, &v->calls, call))
        return ord_verify_refuse(v,
                                 "element %u: operation %lld failed, or "
                                 "says nothing",
                                 r->step, (long long)index);
    if (v->seen[call]++ != 0)
        return ord_verify_refuse(v, "element %u: operation %lld stands twice",
                                 r->step, (long long)index);
    return replay_call(r, call);
}

/* No call of the object, or of all of them, was forgotten. */
static bool is_complete(struct verify *v, const struct world *world,
                        uint32_t from, uint32_t to)
{
    const struct ord_calls *calls = &v->calls;

    for (uint32_t i = from; i < to; i++) {
        uint32_t call = calls->by_key == NULL ? i : calls->by_key[i];

        if (calls->type[call] != ORD_OP_FAIL &&
            !ord_act_is_final(calls, call) &&
            !ord_model_knows(world->model, calls->f[call]))
            return ord_verify_refuse(
                v, "operation %u is none that the model %s knows",
                calls->begin[call], world->model->name);
        if (v->seen[call] == 0 && calls->type[call] != ORD_OP_INFO &&
            ord_act_counts(world, calls, call))
            return ord_verify_refuse(v, "no order has operation %u",
                                     calls->begin[call]);
    }
    return true;
}

static bool is_object_complete(struct verify *v, const struct world *world,
                               uint32_t object)
{
    const struct ord_calls *calls = &v->calls;

    if (calls->by_key == NULL)
        return is_complete(v, world, 0, calls->count);
    return is_complete(v, world, calls->key_first[object],
                       calls->key_first[object + 1]);
}

bool ord_verify_order(struct verify *v, const struct world *world,
                      struct ord_bytes key, struct ord_json *in)
{
    struct replay replay = {.v = v, .world = *world};
    struct replay *r = &replay;
    uint32_t hint = 0;
    bool more;

    ord_arena_reset(v->scratch);
    more = ord_json_enter(in, '[');
    while (more && ord_json_element(in)) {
        if (!next_element(r, in, &hint))
            return false;
    }
    if (!more || !ord_json_left(in, ']'))
        return false;
    if (r->step == 0)
        return ord_verify_refuse(v, "an order of nothing");
    if (!ord_verify_is_key(v, r->object, key))
        return ord_verify_refuse(v,
                                 "its operations are of another key than "
                                 "%.*s",
                                 (int)(key.size > 80 ? 80 : key.size), key.at);
    v->out->order_count += r->step;
    /* Where all have one model, a pass is looked at when all is read. */
    return (v->claim->verdict == CLAIM_PASS && v->claim->model.at != NULL) ||
           is_object_complete(v, &r->world, r->object);
}

/* Other than final looks. */
static bool has_calls(const struct ord_calls *calls)
{
    for (uint32_t i = 0; i < calls->count; i++) {
        if (calls->is_final == NULL || calls->is_final[i] == 0)
            return true;
    }
    return false;
}

/* An object of some model or other: it has an order, which is_complete() has
 * seen, or nothing was done to it that has to stand in one. */
static bool is_object_ordered(struct verify *v, struct world *world,
                              uint32_t object)
{
    const struct ord_calls *calls = &v->calls;
    uint32_t from = calls->by_key == NULL ? 0 : calls->key_first[object];
    uint32_t to =
        calls->by_key == NULL ? calls->count : calls->key_first[object + 1];
    uint64_t fs = 0;

    for (uint32_t i = from; i < to; i++) {
        uint32_t call = calls->by_key == NULL ? i : calls->by_key[i];

        if (v->seen[call] != 0)
            return true;
        if (calls->type[call] != ORD_OP_FAIL && !ord_act_is_final(calls, call))
            fs |= UINT64_C(1) << calls->f[call];
    }
    world->model = ord_model_with(fs);
    if (world->model == NULL)
        return ord_verify_refuse(
            v, "operation %u is of an object of no model",
            calls->begin[calls->by_key == NULL ? from : calls->by_key[from]]);
    return is_complete(v, world, from, to);
}

static bool are_objects_ordered(struct verify *v, const struct world *world)
{
    struct world any = *world;

    for (uint32_t k = 0; k < v->calls.key_count; k++) {
        if (!is_object_ordered(v, &any, k))
            return false;
    }
    return true;
}

bool ord_verify_all_ordered(struct verify *v, const struct world *world)
{
    if (world->model == NULL ? !are_objects_ordered(v, world)
                             : !is_complete(v, world, 0, v->calls.count))
        return false;
    /* Where no call succeeded there is no order to give. */
    if (v->out->order_count == 0 && !has_calls(&v->calls))
        return ord_verify_refuse(v, "it passed, but there is nothing to check");
    return true;
}
