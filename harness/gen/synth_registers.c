/* synth_registers.c -- simulated registers, counters, locks and strings.
 *
 * How a stale read becomes certain: a value, the victim, is not written any
 * more in its object, and no call that writes it has ever crashed; when the
 * last such call has returned, the next write (the marker) is made sure to
 * return; a read invoked after that answers with the victim.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/gen/synth_object.h"

/* ---- planting ------------------------------------------------------------ */

static bool is_watched(const struct ord_synth *s)
{
    return s->config.bad == ORD_SYNTH_STALE_READ && s->config.values != 0;
}

/* The value that this call shall write, which is not the victim while an error
 * is being planted; a call that writes the victim does not crash. */
static int64_t choose(struct ord_synth *s, struct synth_object *o,
                      struct synth_client *c, bool is_victims)
{
    int64_t value = synth_value(s, o);

    if (!is_watched(s) || !is_victims || value != s->victim)
        return value;
    if (synth_is_planting(s, o))
        return 1 + value % s->config.values;
    o->victim_writers++;
    synth_keep(c);
    return value;
}

static void wrote(struct ord_synth *s, struct synth_object *o, int64_t value,
                  bool has_failed)
{
    if (is_watched(s) && value == s->victim)
        o->victim_writers--;
    if (!has_failed && (o->old == 0 || o->begun >= 2 * o->old_begun)) {
        o->old = value;
        o->old_begun = o->begun;
    }
}

static bool is_clean(struct ord_synth *s, const struct synth_object *o)
{
    if (s->config.values != 0)
        return o->victim_writers == 0;
    s->victim = o->old;
    return o->old != 0;
}

static void plan_call(struct ord_synth *s, struct synth_object *o,
                      struct synth_client *c, bool is_read)
{
    if (!synth_is_planting(s, o))
        return;
    if (s->plan == SYNTH_START && s->config.bad == ORD_SYNTH_PHANTOM)
        s->plan = SYNTH_READY;
    if (s->plan == SYNTH_START && is_clean(s, o))
        s->plan = SYNTH_CLEAN;
    if (s->plan == SYNTH_CLEAN && !is_read) {
        c->call.is_marker = true;
        s->plan = SYNTH_MARKING;
        synth_keep(c);
    } else if (s->plan == SYNTH_READY && is_read) {
        c->call.is_bad = true;
        s->plan = SYNTH_CALLING;
        synth_keep(c);
    }
}

static void plan_return(struct ord_synth *s, const struct synth_client *c)
{
    if (c->call.is_marker)
        s->plan = SYNTH_READY;
    if (c->call.is_bad)
        s->plan = SYNTH_DONE;
}

static int64_t bad_value(const struct ord_synth *s,
                         const struct synth_object *o)
{
    if (s->config.bad == ORD_SYNTH_STALE_READ)
        return s->victim;
    return SYNTH_FAR +
           (s->config.values == 0 ? o->next_value : (int64_t)s->config.values);
}

/* ---- register and cas-register; 0 is nil --------------------------------- */

static struct ord_value number(int64_t value)
{
    return value == 0 ? ord_value_nil() : ord_value_int(value);
}

static void register_invoke(struct ord_synth *s, struct synth_object *o,
                            struct synth_client *c)
{
    if (ord_rng_next(&s->rng) >> 63 != 0) {
        c->call.f = ORD_F_READ;
        plan_call(s, o, c, true);
        return;
    }
    c->call.f = ORD_F_WRITE;
    plan_call(s, o, c, false);
    c->call.to = choose(s, o, c, true);
    c->call.value = ord_value_int(c->call.to);
    c->call.answer = c->call.value;
}

static void cas_invoke(struct ord_synth *s, struct synth_object *o,
                       struct synth_client *c)
{
    /* The client has just read; or it guesses. */
    int64_t from =
        s->config.values == 0 ? o->value : 1 + synth_below(s, s->config.values);

    if (ord_rng_next(&s->rng) >> 62 != 0 || from == 0) {
        register_invoke(s, o, c);
        return;
    }
    c->call.f = ORD_F_CAS;
    c->call.from = from;
    c->call.to = choose(s, o, c, true);
    c->list[0] = ord_value_int(from);
    c->list[1] = ord_value_int(c->call.to);
    c->call.value = ord_value_list(c->list, 2);
    c->call.answer = c->call.value;
}

static void register_apply(struct ord_synth *s, struct synth_object *o,
                           struct synth_call *call, struct synth_client *c)
{
    (void)c;
    if (call->f == ORD_F_READ)
        call->answer = number(call->is_bad ? bad_value(s, o) : o->value);
    else if (call->f == ORD_F_CAS && o->value != call->from)
        call->has_failed = true;
    else
        o->value = call->to;
}

static void register_finish(struct ord_synth *s, struct synth_object *o,
                            struct synth_client *c)
{
    plan_return(s, c);
    if (c->call.f != ORD_F_READ)
        wrote(s, o, c->call.to, c->call.has_failed);
}

/* ---- multi-register: transactions of [r K v] and [w K v] ------------------
 */

static struct ord_value word(const char *text)
{
    return (struct ord_value){.kind = ORD_TEXT,
                              .count = (uint32_t)strlen(text),
                              .as = {.text = text}};
}

/* A transaction reads or writes each of one or two registers.  Errors are
 * planted in register 0. */
static void multi_invoke(struct ord_synth *s, struct synth_object *o,
                         struct synth_client *c)
{
    uint32_t count = 1 + synth_below(s, 2);
    uint32_t first = synth_below(s, SYNTH_REGISTERS);

    c->call.f = ORD_F_TXN;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (first + i) % SYNTH_REGISTERS;
        bool is_read = ord_rng_next(&s->rng) >> 63 != 0;
        struct ord_value *micro = c->micro[i];

        if (at == 0)
            plan_call(s, o, c, is_read);
        if (!is_read)
            c->call.puts[at] = choose(s, o, c, at == 0);
        micro[0] = word(is_read ? "r" : "w");
        micro[1] = ord_value_int(at);
        micro[2] = number(c->call.puts[at]);
        c->txn[i] = ord_value_list(micro, 3);
        memcpy(c->micro[SYNTH_REGISTERS + i], micro, sizeof c->micro[i]);
        c->txn[SYNTH_REGISTERS + i] =
            ord_value_list(c->micro[SYNTH_REGISTERS + i], 3);
    }
    c->call.value = ord_value_list(c->txn, count);
    c->call.answer = ord_value_list(c->txn + SYNTH_REGISTERS, count);
}

static void multi_apply(struct ord_synth *s, struct synth_object *o,
                        struct synth_call *call, struct synth_client *c)
{
    for (uint32_t i = 0; c != NULL && i < call->answer.count; i++) {
        struct ord_value *micro = c->micro[SYNTH_REGISTERS + i];
        int64_t at = micro[1].as.number;

        if (call->puts[at] == 0)
            micro[2] = number(call->is_bad && at == 0 ? bad_value(s, o)
                                                      : o->registers[at]);
    }
    for (uint32_t at = 0; at < SYNTH_REGISTERS; at++) {
        if (call->puts[at] != 0)
            o->registers[at] = call->puts[at];
    }
}

static void multi_finish(struct ord_synth *s, struct synth_object *o,
                         struct synth_client *c)
{
    plan_return(s, c);
    if (c->call.puts[0] != 0)
        wrote(s, o, c->call.puts[0], false);
}

/* ---- kv: put, append and get of strings -----------------------------------
 */

enum { TOKEN_SIZE = 21 };

static struct ord_value string(struct synth_client *c, int64_t token)
{
    int size = snprintf(c->text, sizeof c->text, "%" PRId64 ";", token);

    return (struct ord_value){
        .kind = ORD_TEXT, .count = (uint32_t)size, .as = {.text = c->text}};
}

static void kv_invoke(struct ord_synth *s, struct synth_object *o,
                      struct synth_client *c)
{
    uint64_t dice = ord_rng_next(&s->rng) >> 62;
    size_t more = (size_t)TOKEN_SIZE * (o->refs + 1); /* all that may come */
    bool is_append = dice == 2 && o->value != 0 &&    /* only after a put */
                     strlen(o->text) + more < sizeof o->text;

    if (dice < 2) {
        c->call.f = ORD_F_GET;
        plan_call(s, o, c, true);
        return;
    }
    c->call.f = is_append ? ORD_F_APPEND : ORD_F_PUT;
    if (!is_append)
        plan_call(s, o, c, false);
    c->call.to = choose(s, o, c, !is_append);
    c->call.value = string(c, c->call.to);
    c->call.answer = c->call.value;
}

static void kv_apply(struct ord_synth *s, struct synth_object *o,
                     struct synth_call *call, struct synth_client *c)
{
    char *at = o->text;
    size_t size = strlen(at);

    if (call->f == ORD_F_GET) {
        if (c == NULL)
            return;
        call->answer = string(c, call->is_bad ? bad_value(s, o) : 0);
        if (!call->is_bad) {
            memcpy(c->text, at, size + 1);
            call->answer.count = (uint32_t)size;
        }
        return;
    }
    if (call->f == ORD_F_PUT)
        size = 0;
    o->value = call->to;
    (void)snprintf(at + size, sizeof o->text - size, "%" PRId64 ";", call->to);
}

static void kv_finish(struct ord_synth *s, struct synth_object *o,
                      struct synth_client *c)
{
    plan_return(s, c);
    if (c->call.f == ORD_F_PUT)
        wrote(s, o, c->call.to, false);
}

/* ---- counter --------------------------------------------------------------
 */

static void counter_invoke(struct ord_synth *s, struct synth_object *o,
                           struct synth_client *c)
{
    bool is_read = ord_rng_next(&s->rng) >> 63 != 0;

    c->call.began_sum = o->acknowledged;
    c->call.f = is_read ? ORD_F_READ : ORD_F_ADD;
    if (is_read) {
        if (synth_is_planting(s, o) && s->plan == SYNTH_START &&
            o->acknowledged > 0) {
            c->call.is_bad = true;
            s->plan = SYNTH_CALLING;
            synth_keep(c);
        }
        return;
    }
    c->call.to =
        s->config.values == 0 ? 1 : 1 + synth_below(s, s->config.values);
    o->attempted += (uint64_t)c->call.to;
    c->call.value = ord_value_int(c->call.to);
    c->call.answer = c->call.value;
}

static void counter_apply(struct ord_synth *s, struct synth_object *o,
                          struct synth_call *call, struct synth_client *c)
{
    (void)s;
    (void)c;
    if (call->f == ORD_F_READ)
        call->answer = ord_value_int(o->value);
    else
        o->value += call->to;
}

static void counter_finish(struct ord_synth *s, struct synth_object *o,
                           struct synth_client *c)
{
    if (c->call.f == ORD_F_ADD)
        o->acknowledged += (uint64_t)c->call.to;
    if (!c->call.is_bad)
        return;
    c->call.answer = ord_value_int((int64_t)(s->config.bad == ORD_SYNTH_PHANTOM
                                                 ? o->attempted + 1
                                                 : c->call.began_sum - 1));
    s->plan = SYNTH_DONE;
}

/* ---- mutex: fails where another holds it ----------------------------------
 */

/* The holder has it for certain: its acquire has returned. */
static bool is_held(const struct ord_synth *s, const struct synth_object *o)
{
    uint64_t self = (uint64_t)(o - s->objects) + 1;

    return o->holder != 0 && s->clients[o->holder - 1].stage == SYNTH_IDLE &&
           s->clients[o->holder - 1].holds == self;
}

static void mutex_invoke(struct ord_synth *s, struct synth_object *o,
                         struct synth_client *c)
{
    if (c->holds != 0) {
        c->call.f = ORD_F_RELEASE;
        c->holds = 0;
        o->refs--;
        if (s->config.bad == ORD_SYNTH_DUPLICATE)
            synth_keep(c);
        if (c->call.fate == SYNTH_NEVER)
            c->call.fate = SYNTH_NOW;
        return;
    }
    c->call.f = ORD_F_ACQUIRE;
    if (c->call.fate != SYNTH_RETURNS)
        c->call.fate = SYNTH_NEVER; /* or nobody would ever release it */
    if (synth_is_planting(s, o) && s->plan == SYNTH_START && is_held(s, o)) {
        c->call.is_bad = true;
        s->plan = SYNTH_CALLING;
        s->clients[o->holder - 1].is_held_back = true;
        synth_keep(c);
    }
}

static void mutex_apply(struct ord_synth *s, struct synth_object *o,
                        struct synth_call *call, struct synth_client *c)
{
    uint32_t self = c == NULL ? 0 : (uint32_t)(c - s->clients) + 1;

    if (call->f == ORD_F_RELEASE) {
        if (c == NULL || o->holder == self) /* a bad one holds nothing */
            o->holder = 0;
    } else if (!call->is_bad) {
        if (o->holder == 0)
            o->holder = self;
        else
            call->has_failed = true;
    }
}

static void mutex_finish(struct ord_synth *s, struct synth_object *o,
                         struct synth_client *c)
{
    if (c->call.f == ORD_F_ACQUIRE && !c->call.has_failed) {
        c->holds = (uint64_t)c->call.object + 1;
        o->refs++; /* its release is to come */
    }
    if (!c->call.is_bad)
        return;
    s->plan = SYNTH_DONE;
    s->clients[o->holder - 1].is_held_back = false;
}

enum {
    STALE = 1 << ORD_SYNTH_STALE_READ | 1 << ORD_SYNTH_PHANTOM,
    TWICE = 1 << ORD_SYNTH_DUPLICATE,
};

const struct synth_kind synth_registers[] = {
    {"register", "register", STALE, 0, register_invoke, register_apply,
     register_finish},
    {"cas-register", "cas-register", STALE, 0, cas_invoke, register_apply,
     register_finish},
    {"multi-register", "multi-register", STALE, 0, multi_invoke, multi_apply,
     multi_finish},
    {"kv", "kv", STALE, 0, kv_invoke, kv_apply, kv_finish},
    {"counter", "counter", STALE, 0, counter_invoke, counter_apply,
     counter_finish},
    {"mutex", "mutex", TWICE, 0, mutex_invoke, mutex_apply, mutex_finish},
    {"owner-mutex", "owner-mutex", TWICE, 0, mutex_invoke, mutex_apply,
     mutex_finish},
    {.name = NULL},
};
