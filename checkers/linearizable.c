/* linearizable.c -- each object behaves as one register that all share.
 *
 * Claim:       per object (locality: Herlihy and Wing, TOPLAS 12(3), 1990)
 *              there is an order of the calls that respects real time and in
 *              which each read returns what the last write or successful cas
 *              before it put, and each successful cas found what it expected;
 *              at first the value is nil.  `order` is that order.
 * Not claimed: final reads (replicas are asked one by one, on purpose); that a
 *              failed cas really saw another value; operations that are no
 *              read, write or cas.
 * Crashed:     an unfinished write or cas happened at any time from its
 *              invocation on, once, or never; an unfinished read says nothing.
 * Unknown:     nothing to check; an object with other operations; the budget
 *              of steps or memory is used up (only where a key has values
 *              written more than once).
 * Cost:        unique values per key: O(calls log calls); else see frontier.c.
 * Models:      register (no cas may occur), cas-register (the default).
 */
#include <stdio.h>
#include <string.h>

#include "checkers/lin.h"
#include "checkers/linear.h"
#include "checkers/registry.h"

#define STEPS_DEFAULT UINT64_C(200000000)

struct work {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    struct ord_view view;
    uint64_t steps_left;
    uint64_t call_count;
    uint32_t object_count;
    uint32_t undecided_count;
    char undecided[ORD_WHY_SIZE]; /* why the first was not decided */
    int64_t *order;
    uint64_t order_count;
    bool has_order; /* of all objects */
};

static bool is_relevant(const struct ord_call *call)
{
    if (call->type == ORD_OP_FAIL)
        return false;
    if (call->f == ORD_F_READ)
        return ord_call_is_read(call);
    return true;
}

/* Values that somebody saw for certain: read, or expected by a cas that
 * succeeded; and then what an unfinished cas to such a value expects. */
static bool mark_needed(const struct ord_linear *linear, uint8_t *is_needed)
{
    struct ord_arena *arena = linear->in->arena;
    uint32_t values = linear->values.count;
    uint32_t *head = ord_arena_zalloc(arena, values, sizeof *head);
    uint32_t *next =
        ord_arena_zalloc(arena, (size_t)linear->count + 1, sizeof *next);
    uint32_t *stack = ord_arena_zalloc(arena, values, sizeof *stack);
    uint32_t depth = 0;

    if (head == NULL || next == NULL || stack == NULL)
        return false;
    for (uint32_t i = 0; i < linear->count; i++) {
        const struct ord_linear_call *call = &linear->calls[i];
        uint32_t value = call->f == ORD_F_CAS ? call->from : call->to;

        if (call->end == ORD_NEVER && call->f == ORD_F_CAS) {
            next[i] = head[call->to];
            head[call->to] = i + 1;
        } else if (call->end != ORD_NEVER && call->f != ORD_F_WRITE &&
                   !is_needed[value]) {
            is_needed[value] = 1;
            stack[depth++] = value;
        }
    }
    while (depth > 0) {
        uint32_t value = stack[--depth];

        for (uint32_t i = head[value]; i != 0; i = next[i - 1]) {
            uint32_t from = linear->calls[i - 1].from;

            if (!is_needed[from]) {
                ORD_ASSERT(depth < values);
                is_needed[from] = 1;
                stack[depth++] = from;
            }
        }
    }
    return true;
}

/* Drops unfinished writes that nobody saw; tells whether values are unique. */
static bool drop_unseen(struct ord_linear *linear)
{
    uint32_t count = 0;
    uint8_t *is_needed =
        ord_arena_zalloc(linear->in->arena, linear->values.count, 1);
    uint8_t *is_written =
        ord_arena_zalloc(linear->in->arena, linear->values.count, 1);

    if (is_needed == NULL || is_written == NULL ||
        !mark_needed(linear, is_needed))
        return false;
    linear->is_unique = true;
    is_written[ORD_LINEAR_NIL] = 1;
    for (uint32_t i = 0; i < linear->count; i++) {
        struct ord_linear_call call = linear->calls[i];

        if (call.end == ORD_NEVER && !is_needed[call.to])
            continue;
        linear->calls[count++] = call;
        if (call.f == ORD_F_READ)
            continue;
        if (is_written[call.to])
            linear->is_unique = false;
        is_written[call.to] = 1;
    }
    linear->count = count;
    return true;
}

static int linear_init(struct ord_linear *linear, struct ord_err *err)
{
    const struct ord_call *calls =
        ord_object_calls(linear->view, linear->object);
    struct ord_arena *arena = linear->in->arena;
    size_t room = (size_t)linear->object->count + 1;
    struct ord_value nil = ord_value_nil();
    uint32_t id = 0;

    linear->calls = ord_arena_zalloc(arena, room, sizeof *linear->calls);
    linear->order = ord_arena_zalloc(arena, room, sizeof *linear->order);
    if (linear->calls == NULL || linear->order == NULL ||
        !ord_intern_init(&linear->values, arena, linear->object->count * 2 + 1))
        return ord_fail(err, ORD_ENOMEM, "no memory for %u calls",
                        linear->object->count);
    id = ord_intern_add(&linear->values, &nil);
    ORD_ASSERT(id == ORD_LINEAR_NIL);
    for (uint32_t i = 0; i < linear->object->count; i++) {
        const struct ord_call *call = &calls[i];
        struct ord_linear_call *to = &linear->calls[linear->count];

        if (!is_relevant(call))
            continue;
        *to = (struct ord_linear_call){
            .call = call, .begin = call->begin, .end = call->end, .f = call->f};
        to->to = ord_intern_add(&linear->values, ord_call_value(call));
        if (call->f == ORD_F_CAS)
            to->from = ord_intern_add(&linear->values, ord_call_expected(call));
        linear->count++;
    }
    if (!drop_unseen(linear))
        return ord_fail(err, ORD_ENOMEM, "no memory for values");
    return ORD_OK;
}

/* A read or cas of a value that no call writes at all. */
static bool found_unwritten(struct ord_linear *linear)
{
    uint8_t *is_written =
        ord_arena_zalloc(linear->in->arena, linear->values.count, 1);

    if (is_written == NULL)
        return false; /* the engine will find it */
    is_written[ORD_LINEAR_NIL] = 1;
    for (uint32_t i = 0; i < linear->count; i++) {
        if (linear->calls[i].f != ORD_F_READ)
            is_written[linear->calls[i].to] = 1;
    }
    for (uint32_t i = 0; i < linear->count; i++) {
        const struct ord_linear_call *call = &linear->calls[i];
        struct ord_named named = {
            .key = linear->object->key, .ops = {call->call->inv}, .count = 1};
        uint32_t needs = call->f == ORD_F_CAS ? call->from : call->to;
        struct ord_text why;

        if (is_written[needs] || call->end == ORD_NEVER)
            continue;
        why = ord_text_unwritten(linear->view, linear->object,
                                 &linear->values.values[needs], &named);
        ord_found(linear->in, linear->out, &named,
                  "%s: %s succeeded at %s, but %s",
                  ord_text_key(&linear->object->key).at,
                  ord_text_call(linear->view, call->call).at,
                  ord_text_when(call->call->done).at, why.at);
        return true;
    }
    return false;
}

static void undecided(struct work *work, const char *why)
{
    if (work->undecided_count++ == 0)
        (void)snprintf(work->undecided, sizeof work->undecided, "%s", why);
}

static void keep_order(struct work *work, const struct ord_linear *linear)
{
    if (!linear->has_order) {
        work->has_order = false; /* the engine could not keep it in memory */
        return;
    }
    for (uint32_t i = 0; i < linear->order_count; i++)
        work->order[work->order_count++] =
            linear->calls[linear->order[i]].begin;
}

static int check_object(struct work *work, const struct ord_object *object,
                        struct ord_err *err)
{
    struct ord_linear linear = {.in = work->in,
                                .out = work->out,
                                .view = &work->view,
                                .object = object,
                                .steps_left = work->steps_left};
    enum ord_outcome outcome = ORD_UNKNOWN;
    int rc = ORD_OK;

    if (linear_init(&linear, err) != ORD_OK)
        return err->rc;
    if (linear.count == 0)
        return ORD_OK;
    work->object_count++;
    work->call_count += linear.count;
    if (linear.is_unique)
        rc = ord_zones(&linear, &outcome, err);
    else if (found_unwritten(&linear))
        outcome = ORD_INVALID;
    else
        rc = ord_frontier(&linear, &outcome, err);
    work->steps_left = linear.steps_left;
    if (rc != ORD_OK)
        return rc;
    if (outcome == ORD_VALID)
        keep_order(work, &linear);
    if (outcome == ORD_UNKNOWN)
        undecided(work, work->out->why);
    return ORD_OK;
}

/* Objects that this checker cannot speak about. */
static bool is_other(struct work *work, const struct ord_object *object)
{
    const struct ord_call *calls = ord_object_calls(&work->view, object);
    const char *model = work->in->model;
    char why[ORD_WHY_SIZE];

    if (object->kind != ORD_OBJECT_REGISTER) {
        (void)snprintf(why, sizeof why,
                       "%s is no register: ", ord_text_key(&object->key).at);
        ord_text_odd(&work->view, object, why, sizeof why);
        undecided(work, why);
        return true;
    }
    if (model == NULL || strcmp(model, "register") != 0)
        return false;
    for (uint32_t i = 0; i < object->count; i++) {
        if (calls[i].f == ORD_F_CAS) {
            (void)snprintf(why, sizeof why,
                           "%s: the model register has no cas (operation %lld)",
                           ord_text_key(&object->key).at,
                           (long long)calls[i].begin);
            undecided(work, why);
            return true;
        }
    }
    return false;
}

static int linearizable_conclude(struct work *work)
{
    struct ord_verdict *out = work->out;

    ord_stat(out, "objects", (double)work->object_count);
    ord_stat(out, "calls", (double)work->call_count);
    ord_stat(out, "undecided_objects", (double)work->undecided_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (work->undecided_count > 0)
        return ord_conclude(out, ORD_UNKNOWN, "%s", work->undecided);
    if (work->object_count == 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "no operation on a register to check");
    if (work->has_order) {
        out->order = work->order;
        out->order_count = work->order_count;
    }
    return ord_conclude(
        out, ORD_VALID, "%llu operations on %u registers are linearizable",
        (unsigned long long)work->call_count, work->object_count);
}

static int linearizable_check(const struct ord_check_in *in,
                              struct ord_verdict *out, struct ord_err *err)
{
    struct work work = {
        .in = in,
        .out = out,
        .steps_left = in->steps_max == 0 ? STEPS_DEFAULT : in->steps_max,
        .has_order = true,
    };

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (in->model != NULL && strcmp(in->model, "register") != 0 &&
        strcmp(in->model, "cas-register") != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "model \"%s\"; there are register and cas-register",
                        in->model);
    if (ord_view_init(&work.view, in, err) != ORD_OK)
        return err->rc;
    work.order = ord_arena_zalloc(in->arena, (size_t)work.view.call_count + 1,
                                  sizeof *work.order);
    if (work.order == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    for (uint32_t i = 0; i < work.view.object_count; i++) {
        const struct ord_object *object = &work.view.objects[i];

        if (!is_other(&work, object) &&
            check_object(&work, object, err) != ORD_OK)
            return err->rc;
    }
    return linearizable_conclude(&work);
}

const struct ord_checker ord_checker_linearizable = {
    .name = "linearizable",
    .claim = "each object behaves as one register: there is one order of all "
             "calls, in real time, that explains every answer",
    .check = linearizable_check,
};
