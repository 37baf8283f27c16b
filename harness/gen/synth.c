#include "harness/gen/synth.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/gen/synth_object.h"

enum {
    LATE_MAX = 64,
    LATE_ONE_IN = 64, /* calls, for each of which one late one takes effect */
    STEP_NS_MIN = 2000,
    STEP_NS_BITS = 16,
    MANY_STEPS = 1 << 30, /* without an event: something is stuck */
};

static const char *const bad_names[] = {
    [ORD_SYNTH_VALID] = "none",      [ORD_SYNTH_STALE_READ] = "stale-read",
    [ORD_SYNTH_LOST] = "lost",       [ORD_SYNTH_DUPLICATE] = "duplicate",
    [ORD_SYNTH_REORDER] = "reorder", [ORD_SYNTH_PHANTOM] = "phantom",
};
_Static_assert(sizeof bad_names / sizeof *bad_names == ORD_SYNTH_BAD_COUNT,
               "every error has its name");

static const char *const workload_names[] = {
    "register",    "cas-register", "multi-register",
    "kv",          "counter",      "mutex",
    "owner-mutex", "fifo-queue",   "unordered-queue",
    "stack",       "set",          "set-full",
    NULL,
};

const char *const *ord_synth_workloads(void)
{
    return workload_names;
}

static const struct synth_kind *kind_of(const char *name)
{
    for (const struct synth_kind *k = synth_registers; k->name != NULL; k++) {
        if (strcmp(k->name, name) == 0)
            return k;
    }
    for (const struct synth_kind *k = synth_containers; k->name != NULL; k++) {
        if (strcmp(k->name, name) == 0)
            return k;
    }
    return NULL;
}

const char *ord_synth_model(const char *workload)
{
    const struct synth_kind *kind = kind_of(workload);

    return kind == NULL ? NULL : kind->model;
}

const char *ord_synth_bad_name(enum ord_synth_bad bad)
{
    ORD_ASSERT(bad < ORD_SYNTH_BAD_COUNT);
    return bad_names[bad];
}

bool ord_synth_bad_of(const char *name, enum ord_synth_bad *bad)
{
    for (int i = 0; i < ORD_SYNTH_BAD_COUNT; i++) {
        if (strcmp(bad_names[i], name) == 0) {
            *bad = (enum ord_synth_bad)i;
            return true;
        }
    }
    return false;
}

/* ---- new and free -------------------------------------------------------- */

static int check(const struct ord_synth_config *config,
                 const struct synth_kind *kind, struct ord_err *err)
{
    unsigned bit = 1u << config->bad;

    if (kind == NULL)
        return ord_fail(err, ORD_EUSAGE, "there is no workload '%s'",
                        config->workload);
    if (config->clients < 1 || config->clients > ORD_SYNTH_CLIENTS_MAX)
        return ord_fail(err, ORD_EUSAGE,
                        "%" PRIu32 " clients: expected 1 to "
                        "%d",
                        config->clients, ORD_SYNTH_CLIENTS_MAX);
    if (config->keys < 1 || config->keys > UINT32_MAX / 4)
        return ord_fail(err, ORD_EUSAGE, "%" PRIu32 " keys: expected 1 to %u",
                        config->keys, UINT32_MAX / 4);
    if (!(config->info_share >= 0 && config->info_share <= 1) ||
        !(config->idle_share >= 0 && config->idle_share < 1) ||
        !(config->bad_at >= 0 && config->bad_at <= 1))
        return ord_fail(err, ORD_EUSAGE, "a share is from 0 to 1");
    if (config->bad == ORD_SYNTH_VALID)
        return ORD_OK;
    if (((kind->bads | kind->bads_unique) & bit) == 0)
        return ord_fail(err, ORD_EUSAGE, "%s cannot have the error %s",
                        kind->name, bad_names[config->bad]);
    if ((kind->bads & bit) == 0 && config->values != 0)
        return ord_fail(err, ORD_EUSAGE, "%s of %s needs unique values",
                        bad_names[config->bad], kind->name);
    if (config->bad == ORD_SYNTH_STALE_READ && config->values == 1)
        return ord_fail(err, ORD_EUSAGE, "a stale read needs 2 values");
    return ORD_OK;
}

static uint64_t threshold(double share)
{
    return share >= 1 ? UINT64_MAX : (uint64_t)(share * 0x1p64);
}

static void start(struct ord_synth *s, const struct ord_synth_config *config)
{
    s->rng = ord_rng_stream(config->seed, "synth", 0);
    s->info_below = threshold(config->info_share);
    s->idle_below = threshold(config->idle_share);
    s->bad_from = (uint64_t)(config->bad_at * (double)config->ops);
    s->plan = config->bad == ORD_SYNTH_VALID ? SYNTH_DONE : SYNTH_WAIT;
    s->victim = config->values == 0 ? 0 : 1;
    for (uint32_t i = 0; i < config->clients; i++)
        s->clients[i].process = s->process_next++;
    for (uint32_t i = 0; i < s->object_count; i++) {
        if (i < config->keys) {
            s->objects[i].key = s->key_next++;
            s->objects[i].is_used = true;
            s->used[i] = i;
        } else {
            s->free[s->free_count++] = i;
        }
    }
}

int ord_synth_new(const struct ord_synth_config *config, struct ord_synth **out,
                  struct ord_err *err)
{
    const struct synth_kind *kind = kind_of(config->workload);
    struct ord_synth *s;

    if (check(config, kind, err) != ORD_OK)
        return err->rc;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return ord_fail(err, ORD_ENOMEM, "a generator");
    s->config = *config;
    s->kind = kind;
    s->object_count = config->keys + config->clients + LATE_MAX;
    s->clients = calloc(config->clients, sizeof *s->clients);
    s->objects = calloc(s->object_count, sizeof *s->objects);
    s->used = calloc(config->keys, sizeof *s->used);
    s->free = calloc(s->object_count, sizeof *s->free);
    s->late = calloc(LATE_MAX, sizeof *s->late);
    if (s->clients == NULL || s->objects == NULL || s->used == NULL ||
        s->free == NULL || s->late == NULL) {
        ord_synth_free(&s);
        return ord_fail(err, ORD_ENOMEM, "%" PRIu32 " objects", config->keys);
    }
    start(s, config);
    *out = s;
    return ORD_OK;
}

void ord_synth_free(struct ord_synth **synth)
{
    struct ord_synth *s = *synth;

    if (s == NULL)
        return;
    for (uint32_t i = 0; s->objects != NULL && i < s->object_count; i++) {
        free(s->objects[i].ring);
        free(s->objects[i].present);
    }
    for (uint32_t i = 0; s->clients != NULL && i < s->config.clients; i++)
        free(s->clients[i].items);
    free(s->clients);
    free(s->objects);
    free(s->used);
    free(s->free);
    free(s->late);
    free(s);
    *synth = NULL;
}

bool ord_synth_is_planted(const struct ord_synth *synth)
{
    return synth->plan == SYNTH_DONE && synth->config.bad != ORD_SYNTH_VALID;
}

/* ---- objects ------------------------------------------------------------- */

/* As new, under its next key; keeps its memory. */
static void renew(struct ord_synth *s, struct synth_object *o)
{
    struct synth_object fresh = {
        .key = s->key_next++,
        .is_used = true,
        .ring = o->ring,
        .room = o->room,
        .present = o->present,
        .present_room = o->present_room,
    };

    if (o->present != NULL)
        memset(o->present, 0, o->present_room);
    *o = fresh;
}

/* A call that might have taken effect in it is over. */
static void let_go(struct ord_synth *s, uint32_t object)
{
    struct synth_object *o = &s->objects[object];

    ORD_ASSERT(o->refs > 0);
    o->refs--;
    if (o->refs == 0 && !o->is_used)
        s->free[s->free_count++] = object;
}

/* Draws an object for the next call; one that has had its share of calls
 * leaves its place to a fresh one. */
static uint32_t draw_object(struct ord_synth *s)
{
    uint32_t place = s->config.keys == 1 ? 0 : synth_below(s, s->config.keys);
    uint32_t object = s->used[place];

    if (s->config.ops_per_key == 0 ||
        s->objects[object].begun < s->config.ops_per_key)
        return object;
    s->objects[object].is_used = false;
    if (s->objects[object].refs == 0)
        s->free[s->free_count++] = object;
    /* There are enough: all that are not free are in use here, or by a call of
     * a client, or by a late one. */
    ORD_ASSERT(s->free_count > 0);
    object = s->free[--s->free_count];
    renew(s, &s->objects[object]);
    s->used[place] = object;
    return object;
}

/* ---- the stages of a call ------------------------------------------------ */

/* The object where the error is planted: one that is just chosen, and young
 * enough for it. */
static void plan_object(struct ord_synth *s, uint32_t object)
{
    const struct synth_object *bad = &s->objects[s->bad_object];

    if (s->plan == SYNTH_WAIT && s->begun >= s->bad_from)
        s->plan = SYNTH_OPEN;
    if (s->plan > SYNTH_OPEN && s->plan < SYNTH_DONE &&
        s->config.ops_per_key != 0 && bad->begun >= s->config.ops_per_key &&
        bad->refs == 0)
        s->plan = SYNTH_OPEN; /* it did not come to it */
    if (s->plan != SYNTH_OPEN ||
        (s->config.ops_per_key != 0 && s->objects[object].begun > 0))
        return;
    s->bad_object = object;
    s->limbo = (struct synth_element){0};
    s->plan = SYNTH_START;
}

static uint8_t draw_fate(struct ord_synth *s)
{
    static const uint8_t fates[] = {SYNTH_NOW, SYNTH_NOW, SYNTH_LATER,
                                    SYNTH_NEVER};

    if (s->info_below == 0 || ord_rng_next(&s->rng) >= s->info_below)
        return SYNTH_RETURNS;
    return fates[ord_rng_next(&s->rng) >> 62];
}

static void begin(struct ord_synth *s, struct synth_client *c)
{
    uint32_t object = c->holds != 0 ? (uint32_t)(c->holds - 1) : draw_object(s);
    struct synth_object *o = &s->objects[object];

    plan_object(s, object);
    c->call = (struct synth_call){
        .began = s->step, .object = object, .fate = draw_fate(s)};
    c->stage = SYNTH_CALLED;
    s->kind->invoke(s, o, c);
    o->begun++;
    o->refs++;
    s->begun++;
    s->busy++;
}

static void apply_late(struct ord_synth *s)
{
    uint32_t at = synth_below(s, s->late_count);
    struct synth_call call = s->late[at];

    s->late[at] = s->late[--s->late_count];
    s->kind->apply(s, &s->objects[call.object], &call, NULL);
    let_go(s, call.object);
}

static void apply(struct ord_synth *s, struct synth_client *c)
{
    c->stage = SYNTH_APPLIED;
    if (c->call.fate <= SYNTH_NOW)
        s->kind->apply(s, &s->objects[c->call.object], &c->call, c);
    if (s->late_count > 0 && synth_below(s, LATE_ONE_IN) == 0)
        apply_late(s);
}

/* Its end; the type of the completion. */
static uint8_t end(struct ord_synth *s, struct synth_client *c)
{
    uint32_t object = c->call.object;

    c->stage = SYNTH_IDLE;
    s->busy--;
    if (c->call.fate == SYNTH_RETURNS) {
        s->kind->finish(s, &s->objects[object], c);
        let_go(s, object);
        return c->call.has_failed ? ORD_OP_FAIL : ORD_OP_OK;
    }
    if (c->call.fate == SYNTH_LATER && s->late_count < LATE_MAX)
        s->late[s->late_count++] = c->call;
    else
        let_go(s, object);
    return ORD_OP_INFO;
}

/* ---- events -------------------------------------------------------------- */

static void fill(struct ord_synth *s, const struct synth_client *c,
                 uint8_t type, struct ord_op *op)
{
    bool is_keyed = s->config.keys > 1 || s->config.ops_per_key != 0;

    s->time_ns +=
        STEP_NS_MIN + (int64_t)(ord_rng_next(&s->rng) >> (64 - STEP_NS_BITS));
    *op = ord_op_empty();
    op->time_ns = s->time_ns;
    op->process = (int64_t)c->process;
    op->type = type;
    op->f = c->call.f;
    op->name = ord_f_name((enum ord_f)c->call.f);
    op->value = type == ORD_OP_OK ? c->call.answer : c->call.value;
    if (is_keyed)
        op->key = ord_value_int((int64_t)s->objects[c->call.object].key);
}

/* One stage of one client; false: nothing to see. */
static bool step(struct ord_synth *s, struct synth_client *c, struct ord_op *op)
{
    uint8_t type;

    s->step++;
    switch ((enum synth_stage)c->stage) {
    case SYNTH_IDLE:
        if (s->begun == s->config.ops || c->is_held_back ||
            (s->idle_below != 0 && ord_rng_next(&s->rng) < s->idle_below))
            return false;
        begin(s, c);
        fill(s, c, ORD_OP_INVOKE, op);
        return true;
    case SYNTH_CALLED:
        apply(s, c);
        return false;
    case SYNTH_APPLIED:
        break;
    }
    /* The key has to be read before the object may become another one. */
    fill(s, c, ORD_OP_OK, op);
    type = end(s, c);
    op->type = type;
    op->value = type == ORD_OP_OK ? c->call.answer : c->call.value;
    if (type == ORD_OP_INFO)
        c->process = s->process_next++;
    return true;
}

int ord_synth_next(struct ord_synth *synth, struct ord_op *op,
                   struct ord_err *err)
{
    for (uint32_t i = 0; i < MANY_STEPS; i++) {
        uint32_t client = synth_below(synth, synth->config.clients);

        if (synth->has_failed)
            return ord_fail(err, ORD_ENOMEM, "the simulated objects");
        if (step(synth, &synth->clients[client], op))
            return ORD_OK;
        if (synth->begun == synth->config.ops && synth->busy == 0)
            return ORD_ENOTFOUND;
    }
    return ord_fail(err, ORD_ELIMIT, "no client can do anything");
}

int ord_synth_history(const struct ord_synth_config *config, size_t size_max,
                      struct ord_history **out, struct ord_err *err)
{
    struct ord_history_builder *builder = NULL;
    struct ord_synth *s = NULL;
    struct ord_op op;
    int rc = ord_synth_new(config, &s, err);

    if (rc == ORD_OK)
        rc = ord_history_builder_new(size_max, &builder, err);
    while (rc == ORD_OK) {
        rc = ord_synth_next(s, &op, err);
        if (rc == ORD_OK)
            rc = ord_history_add(builder, &op, err);
    }
    if (rc == ORD_ENOTFOUND) {
        rc = ORD_OK;
        if (config->bad != ORD_SYNTH_VALID && !ord_synth_is_planted(s))
            rc = ord_fail(err, ORD_ELIMIT,
                          "the history is too short for the error %s",
                          bad_names[config->bad]);
    }
    if (rc == ORD_OK)
        rc = ord_history_finish(&builder, false, out, err);
    ord_history_builder_free(&builder);
    ord_synth_free(&s);
    return rc;
}
