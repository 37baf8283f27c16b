#include "ci/stress/small.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/err.h"

/* ---- what a correct object might have done --------------------------------
 */

struct client {
    uint8_t process;
    uint8_t stage; /* 0: idle, 1: called, 2: took effect */
    uint8_t call;
    uint8_t fate;
};

enum { RETURNS, CRASHES_AFTER, CRASHES_LATER, CRASHES_BEFORE, REFUSED };

struct world {
    struct small *small;
    struct ord_rng *rng;
    uint64_t state[SMALL_KEYS_MAX];
    struct client clients[SMALL_PROCESSES_MAX];
    uint32_t client_count;
    uint32_t call_target;
    uint8_t process_next;
    uint8_t event;
    uint32_t crash_per_100;
    uint32_t refuse_per_100;
    uint8_t late[SMALL_CALLS_MAX]; /* calls that may take effect yet */
    uint32_t late_count;
};

static uint8_t draw_fate(const struct world *w)
{
    uint32_t dice = small_below(w->rng, 100);

    if (dice < w->crash_per_100)
        return (uint8_t)(CRASHES_AFTER + small_below(w->rng, 3));
    return dice < w->crash_per_100 + w->refuse_per_100 ? REFUSED : RETURNS;
}

static void begin(struct world *w, struct client *c)
{
    struct small *small = w->small;
    struct small_call *call = &small->calls[small->count];

    *call = (struct small_call){
        .begin = w->event++,
        .done = SMALL_NEVER,
        .type = ORD_OP_INFO,
        .process = c->process,
        .key = (uint8_t)small_below(w->rng, small->key_count),
    };
    small->family->draw(small, call, w->rng);
    c->call = (uint8_t)small->count++;
    c->stage = 1;
    c->fate = draw_fate(w);
}

static bool happen(struct world *w, struct small_call *call)
{
    const struct small_family *family = w->small->family;
    uint64_t *state = &w->state[call->key];
    uint32_t way = small_below(w->rng, family->ways(*state, call));

    call->answer = 0;
    return family->apply(state, call, way, &call->answer);
}

static void take_effect(struct world *w, struct client *c)
{
    c->stage = 2;
    if (c->fate == RETURNS && !happen(w, &w->small->calls[c->call]))
        c->fate = REFUSED;
    else if (c->fate == CRASHES_AFTER)
        (void)happen(w, &w->small->calls[c->call]);
    else if (c->fate == CRASHES_LATER)
        w->late[w->late_count++] = c->call;
}

static void end(struct world *w, struct client *c)
{
    struct small_call *call = &w->small->calls[c->call];

    c->stage = 0;
    if (c->fate == RETURNS || c->fate == REFUSED) {
        call->type = c->fate == RETURNS ? ORD_OP_OK : ORD_OP_FAIL;
        call->done = w->event++;
        return;
    }
    if (small_below(w->rng, 2) == 0)
        call->done = w->event++; /* an info; else it just never ends */
    c->process = w->process_next++;
}

static bool step(struct world *w)
{
    struct client *c = &w->clients[small_below(w->rng, w->client_count)];

    if (w->late_count > 0 && small_below(w->rng, 4) == 0)
        (void)happen(w, &w->small->calls[w->late[--w->late_count]]);
    if (c->stage == 1)
        take_effect(w, c);
    else if (c->stage == 2)
        end(w, c);
    else if (w->small->count < w->call_target)
        begin(w, c);
    for (uint32_t i = 0; i < w->client_count; i++) {
        if (w->clients[i].stage != 0)
            return true;
    }
    return w->small->count < w->call_target;
}

/* ---- changes ---------------------------------------------------------------
 */

/* Exchanges two events that follow each other, if they are of different
 * processes; so calls that did not overlap may do so, and the other way round.
 */
static void swap_events(struct small *small, uint8_t place)
{
    uint8_t *at[2] = {NULL, NULL};
    const struct small_call *of[2] = {NULL, NULL};

    for (uint32_t i = 0; i < small->count; i++) {
        struct small_call *call = &small->calls[i];

        for (uint8_t side = 0; side < 2; side++) {
            if (call->begin == place + side) {
                at[side] = &call->begin;
                of[side] = call;
            } else if (call->done == place + side) {
                at[side] = &call->done;
                of[side] = call;
            }
        }
    }
    if (at[0] == NULL || at[1] == NULL || of[0]->process == of[1]->process)
        return;
    *at[0] = (uint8_t)(place + 1);
    *at[1] = place;
}

/* Preferably one that tells something. */
static struct small_call *draw_ok(struct small *small, struct ord_rng *rng)
{
    struct small_call *call = NULL;

    for (uint32_t i = 0; i < 4; i++) {
        call = &small->calls[small_below(rng, small->count)];
        if (call->type == ORD_OP_OK)
            break;
    }
    return call;
}

static void change(struct small *small, struct ord_rng *rng)
{
    struct small_call *call = draw_ok(small, rng);
    struct small_call *other = &small->calls[small_below(rng, small->count)];
    uint64_t answer = call->answer;

    switch (small_below(rng, 6)) {
    case 0:
        if (call->f == other->f && call->in == other->in &&
            call->micro_count == 0) {
            call->answer = other->answer;
            other->answer = answer;
        }
        break;
    case 1:
        if (small->event_count > 1)
            swap_events(small,
                        (uint8_t)small_below(rng, small->event_count - 1));
        break;
    case 2:
        call = &small->calls[small_below(rng, small->count)];
        if (call->type == ORD_OP_FAIL)
            call->type = ORD_OP_OK;
        break;
    default:
        call->answer = small->family->invent(small, call, rng);
    }
}

void small_random(const struct small_family *family, struct ord_rng *rng,
                  struct small *out)
{
    static const uint8_t crashes[] = {0, 0, 10, 25, 50};
    struct world w = {.small = out, .rng = rng};
    uint64_t dice = ord_rng_next(rng);

    out->family = family;
    out->count = 0;
    out->key_count = dice % 8 == 0 ? 2 : 1;
    out->is_unique = dice >> 3 & 1;
    out->value_count = (uint8_t)(1 + (dice >> 4 & 3));
    out->value_next = 0;
    out->is_mutated = dice >> 6 & 1;
    w.state[0] = w.state[1] = family->start;
    w.client_count = 1 + (uint32_t)(dice >> 8) % SMALL_PROCESSES_MAX;
    w.call_target = 2 + (uint32_t)(dice >> 16) % (SMALL_CALLS_MAX - 1);
    w.crash_per_100 = crashes[(dice >> 24) % sizeof crashes];
    w.refuse_per_100 = (dice >> 32) % 4 == 0 ? 10 : 0;
    for (uint32_t i = 0; i < w.client_count; i++)
        w.clients[i].process = w.process_next++;
    while (step(&w)) {
    }
    out->event_count = w.event;
    for (uint64_t i = 0; out->is_mutated && i <= (dice >> 40) % 5; i++)
        change(out, rng);
}

/* ---- as events --------------------------------------------------------------
 */

static struct ord_value word(const char *text)
{
    return (struct ord_value){.kind = ORD_TEXT,
                              .count = (uint32_t)strlen(text),
                              .as = {.text = text}};
}

static struct ord_value number(uint64_t n)
{
    return n == 0 ? ord_value_nil() : ord_value_int((int64_t)n);
}

static struct ord_value string(char text[64], uint64_t tokens)
{
    uint32_t count = (uint32_t)(tokens >> 56);
    uint32_t size = 0;

    for (uint32_t i = 0; i < count; i++) {
        text[size++] = (char)('a' + (tokens >> (4 * i) & 15));
        text[size++] = ';';
    }
    return (struct ord_value){
        .kind = ORD_TEXT, .count = size, .as = {.text = text}};
}

static struct ord_value members(struct ord_value *items, uint64_t bits)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i <= SMALL_VALUE_MAX; i++) {
        if ((bits >> i & 1) != 0)
            items[count++] = ord_value_int(i);
    }
    return ord_value_list(items, count);
}

static struct ord_value txn(const struct small_call *call, bool is_answer,
                            struct ord_value micro[SMALL_MICRO_MAX][3],
                            struct ord_value *items)
{
    for (uint32_t i = 0; i < call->micro_count; i++) {
        uint64_t seen = is_answer ? call->answer >> (4 * i) & 15 : 0;

        micro[i][0] = word(call->micro[i].is_read ? "r" : "w");
        micro[i][1] = ord_value_int(call->micro[i].at);
        micro[i][2] =
            number(call->micro[i].is_read ? seen : call->micro[i].value);
        items[i] = ord_value_list(micro[i], 3);
    }
    return ord_value_list(items, call->micro_count);
}

/* What an invocation of it carries, and what all completions but those that
 * tell something carry, too. */
static struct ord_value put_of(const struct small *small,
                               const struct small_call *call,
                               struct small_values *values, uint32_t place)
{
    if (small->family->shape == SMALL_IS_TXN)
        return txn(call, false, values->micro[place], values->items[place]);
    if (small->family->shape == SMALL_IS_STRING && call->f != ORD_F_GET)
        return string(values->text[place], call->in | UINT64_C(1) << 56);
    if (call->f == ORD_F_CAS) {
        values->items[place][0] = number(call->from);
        values->items[place][1] = number(call->in);
        return ord_value_list(values->items[place], 2);
    }
    return number(call->in);
}

static struct ord_value answer_of(const struct small *small,
                                  const struct small_call *call,
                                  struct small_values *values, uint32_t place)
{
    switch ((enum small_shape)small->family->shape) {
    case SMALL_IS_TXN:
        return txn(call, true, values->micro[place], values->items[place]);
    case SMALL_IS_STRING:
        return call->f == ORD_F_GET ? string(values->text[place], call->answer)
                                    : put_of(small, call, values, place);
    case SMALL_IS_SET:
        if (call->f == ORD_F_CONTAINS)
            return (struct ord_value){
                .kind = ORD_BOOL,
                .as = {.number = (int64_t)(call->answer & 1)}};
        if (call->f == ORD_F_READ)
            return members(values->items[place], call->answer);
        break;
    case SMALL_IS_NUMBER:
        if (call->f == ORD_F_READ)
            return ord_value_int((int64_t)call->answer);
        break;
    case SMALL_IS_VALUE:
        if (call->f == ORD_F_READ || call->f == ORD_F_DEQUEUE ||
            call->f == ORD_F_POP)
            return number(call->answer);
        break;
    }
    return put_of(small, call, values, place);
}

static void event(const struct small *small, const struct small_call *call,
                  uint8_t type, struct ord_op *op)
{
    *op = ord_op_empty();
    op->process = call->process;
    op->type = type;
    op->f = call->f;
    op->name = ord_f_name((enum ord_f)call->f);
    if (small->key_count > 1)
        op->key = ord_value_int(call->key + 1);
}

uint32_t small_events(const struct small *small, struct small_values *values,
                      struct ord_op *ops)
{
    for (uint32_t i = 0; i < small->count; i++) {
        const struct small_call *call = &small->calls[i];
        struct ord_op *op = &ops[call->begin];

        event(small, call, ORD_OP_INVOKE, op);
        op->value = put_of(small, call, values, call->begin);
        if (call->done == SMALL_NEVER)
            continue;
        op = &ops[call->done];
        event(small, call, call->type, op);
        op->value = call->type == ORD_OP_OK
                        ? answer_of(small, call, values, call->done)
                        : put_of(small, call, values, call->done);
    }
    return small->event_count;
}

void small_print(const struct small *small, struct ord_buf *out)
{
    static const char *const types[] = {"inv", "ok", "fail", "info"};
    struct small_values values;
    struct ord_op ops[SMALL_EVENTS_MAX];
    uint32_t count = small_events(small, &values, ops);

    for (uint32_t i = 0; i < count; i++) {
        const struct ord_op *op = &ops[i];

        ord_buf_printf(out, "%s%d %s %s", i == 0 ? "" : "; ", (int)op->process,
                       types[op->type], op->name);
        if (op->key.kind != ORD_NIL)
            ord_buf_printf(out, " k%d", (int)op->key.as.number);
        ord_buf_char(out, ' ');
        ord_value_to_edn(&op->value, out);
    }
}
