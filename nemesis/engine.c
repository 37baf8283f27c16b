#include "nemesis/engine.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/plan.h"

enum { ARENA_SIZE_MAX = 64 << 20 };

enum phase {
    TEMPLATE, /* of an event: copied each time it comes */
    PENDING,
    IN_FORCE,
    OWED, /* its heal failed: heal_all tries again */
    DONE,
};

struct instance {
    struct ord_fault fault;
    struct ord_fault_state state;
    enum phase phase;
    bool is_fresh; /* of an event: not yet resolved */
    int64_t begin_due_ns;
    int64_t end_due_ns;
    int64_t began_ns;
    const char *trouble; /* the first error of its steps */
    int64_t again_ns;    /* of a template: not before this time */
};

struct ord_nemesis_engine {
    struct ord_nemesis_config config;
    struct ord_arena arena; /* links, measurements */
    struct instance *instances;
    uint32_t count;
    uint32_t next_id;
    bool is_started;
    uint32_t primary;
    uint32_t last_primary; /* the last one that was not nobody */
    uint64_t event_count;
    struct ord_nemesis_counts counts;
    struct ord_err first_err; /* of the ledger; rc 0: none */
};

static bool is_template(const struct ord_fault *fault)
{
    return fault->trigger == ORD_ON_LEADER_CHANGE ||
           fault->trigger == ORD_ON_LOG || fault->trigger == ORD_ON_OP;
}

int ord_nemesis_engine_new(const struct ord_nemesis_config *config,
                           struct ord_nemesis_engine **out, struct ord_err *err)
{
    struct ord_nemesis_engine *engine = calloc(1, sizeof *engine);

    ORD_ASSERT(config->plan->count <= ORD_PLAN_MAX);
    if (engine == NULL)
        return ord_fail(err, ORD_ENOMEM, "nemesis engine");
    engine->config = *config;
    engine->count = config->plan->count;
    engine->counts.planned = engine->count;
    ord_arena_init(&engine->arena, ARENA_SIZE_MAX);
    engine->instances = calloc(ORD_PLAN_MAX, sizeof *engine->instances);
    if (engine->instances == NULL) {
        ord_nemesis_engine_free(&engine);
        return ord_fail(err, ORD_ENOMEM, "nemesis engine");
    }
    for (uint32_t i = 0; i < engine->count; i++) {
        struct instance *it = &engine->instances[i];

        it->fault = config->plan->faults[i];
        it->phase = is_template(&it->fault) ? TEMPLATE : PENDING;
        it->begin_due_ns = ORD_NEVER;
        it->end_due_ns = ORD_NEVER;
        if (it->phase == TEMPLATE)
            engine->counts.planned--;
        if (it->fault.id > engine->next_id)
            engine->next_id = it->fault.id;
    }
    *out = engine;
    return ORD_OK;
}

void ord_nemesis_engine_free(struct ord_nemesis_engine **engine)
{
    if (*engine == NULL)
        return;
    ord_arena_fini(&(*engine)->arena);
    free((*engine)->instances);
    free(*engine);
    *engine = NULL;
}

struct ord_nemesis_counts
ord_nemesis_counts(const struct ord_nemesis_engine *engine)
{
    return engine->counts;
}

/* now_ns + add_ns, at most ORD_NEVER - 1. */
static int64_t later(int64_t now_ns, int64_t add_ns)
{
    int64_t sum;

    if (__builtin_add_overflow(now_ns, add_ns, &sum) || sum == ORD_NEVER)
        return ORD_NEVER - 1;
    return sum;
}

static int64_t clock_now(const struct ord_nemesis_engine *engine)
{
    return engine->config.clock_ns == NULL
               ? ord_now_ns()
               : engine->config.clock_ns(engine->config.ctx);
}

static int64_t run_time(const struct ord_nemesis_engine *engine, int64_t ns)
{
    return ns - engine->config.run_start_ns;
}

static void note_err(struct ord_nemesis_engine *engine, int rc,
                     const struct ord_err *one)
{
    if (rc != ORD_OK && engine->first_err.rc == ORD_OK)
        engine->first_err = *one;
}

static void tell(const struct ord_nemesis_engine *engine,
                 const struct ord_nemesis_event *event)
{
    if (engine->config.on_event != NULL)
        engine->config.on_event(engine->config.ctx, event);
}

/* ---- when ---------------------------------------------------------------- */

void ord_nemesis_start(struct ord_nemesis_engine *engine, int64_t now_ns)
{
    ORD_ASSERT(!engine->is_started);
    engine->is_started = true;
    for (uint32_t i = 0; i < engine->count; i++) {
        struct instance *it = &engine->instances[i];

        if (it->fault.trigger == ORD_AT_TIME)
            it->begin_due_ns = later(now_ns, it->fault.at_ns);
    }
}

void ord_nemesis_ops_done(struct ord_nemesis_engine *engine, uint64_t count,
                          int64_t now_ns)
{
    for (uint32_t i = 0; engine->is_started && i < engine->count; i++) {
        struct instance *it = &engine->instances[i];

        if (it->phase == PENDING && it->fault.trigger == ORD_ON_OPS &&
            it->begin_due_ns == ORD_NEVER && count >= it->fault.ops_count)
            it->begin_due_ns = later(now_ns, it->fault.delay_ns);
    }
}

static bool is_busy(const struct ord_nemesis_engine *engine, uint32_t entry,
                    uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct instance *it = &engine->instances[i];

        if (it->fault.entry == entry &&
            (it->phase == PENDING || it->phase == IN_FORCE))
            return true;
    }
    return false;
}

/* A fault of its own for one occurrence of the template's event. */
static void strike(struct ord_nemesis_engine *engine,
                   const struct instance *from, uint32_t node, int64_t now_ns)
{
    struct instance *it = &engine->instances[engine->count];

    if (engine->count >= ORD_PLAN_MAX)
        return;
    *it = (struct instance){
        .fault = from->fault,
        .phase = PENDING,
        .is_fresh = true,
        .begin_due_ns = later(now_ns, from->fault.delay_ns),
        .end_due_ns = ORD_NEVER,
    };
    it->fault.id = ++engine->next_id;
    it->fault.seed = ord_hash(from->fault.seed, engine->event_count, 0);
    it->fault.links = NULL;
    it->fault.that_node = node;
    engine->count++;
    engine->counts.planned++;
}

void ord_nemesis_event_came(struct ord_nemesis_engine *engine, uint32_t entry,
                            uint32_t node, int64_t now_ns)
{
    uint32_t count = engine->count;

    ORD_ASSERT(node <= engine->config.env->node_count);
    if (!engine->is_started || is_busy(engine, entry, count))
        return;
    engine->event_count++;
    for (uint32_t i = 0; i < count; i++) {
        struct instance *from = &engine->instances[i];

        if (from->phase != TEMPLATE || from->fault.entry != entry ||
            from->fault.trigger == ORD_ON_LEADER_CHANGE ||
            now_ns < from->again_ns)
            continue;
        strike(engine, from, node, now_ns);
        from->again_ns = from->fault.cooldown_ns == 0
                             ? ORD_NEVER
                             : later(now_ns, from->fault.cooldown_ns);
    }
}

void ord_nemesis_leader_changed(struct ord_nemesis_engine *engine,
                                uint32_t primary, int64_t now_ns)
{
    uint32_t count = engine->count;
    bool is_change = engine->is_started && primary != 0 &&
                     engine->last_primary != 0 &&
                     primary != engine->last_primary;

    ORD_ASSERT(primary <= engine->config.env->node_count);
    engine->primary = primary;
    if (primary != 0)
        engine->last_primary = primary;
    if (!is_change)
        return;
    engine->event_count++;
    for (uint32_t i = 0; i < count; i++) {
        const struct instance *from = &engine->instances[i];

        if (from->phase == TEMPLATE &&
            from->fault.trigger == ORD_ON_LEADER_CHANGE &&
            !is_busy(engine, from->fault.entry, count))
            strike(engine, from, primary, now_ns);
    }
}

/* ---- begin and end ------------------------------------------------------- */

/* Everything up to the injection itself. */
static int prepare(struct ord_nemesis_engine *engine, struct instance *it,
                   struct ord_err *err)
{
    if ((it->fault.needs_primary || it->is_fresh) &&
        ord_fault_resolve(&it->fault, &engine->arena,
                          engine->config.env->node_count, engine->primary,
                          err) != ORD_OK)
        return err->rc;
    it->state = (struct ord_fault_state){
        .fault = &it->fault, .arena = &engine->arena, .step_ns = ORD_NEVER};
    /* What is not in the ledger must not be injected. */
    if (engine->config.ledger != NULL)
        return ord_ledger_intent(engine->config.ledger,
                                 run_time(engine, it->began_ns), &it->fault,
                                 err);
    return ORD_OK;
}

/* Heals one fault and writes down how that went. */
static int heal(struct ord_nemesis_engine *engine, struct instance *it,
                struct ord_err *err)
{
    struct ord_ledger *ledger = engine->config.ledger;
    int rc = it->fault.ops->heal(engine->config.env, &it->state, err);
    int64_t time_ns = run_time(engine, clock_now(engine));
    struct ord_err one;

    it->phase = rc == ORD_OK ? DONE : OWED;
    it->end_due_ns = ORD_NEVER;
    if (ledger != NULL && rc == ORD_OK)
        note_err(engine, ord_ledger_healed(ledger, time_ns, it->fault.id, &one),
                 &one);
    else if (ledger != NULL)
        note_err(
            engine,
            ord_ledger_failed(ledger, time_ns, it->fault.id, err->text, &one),
            &one);
    return rc;
}

static void fail_begin(struct ord_nemesis_engine *engine, struct instance *it,
                       bool is_owed, const struct ord_err *why)
{
    struct ord_nemesis_event event = {.kind = ORD_FAULT_FAILED,
                                      .fault = &it->fault,
                                      .begin_ns = it->began_ns,
                                      .error = why->text};
    struct ord_err one;

    engine->counts.failed++;
    it->phase = DONE;
    if (is_owed) {
        if (engine->config.ledger != NULL)
            note_err(engine,
                     ord_ledger_failed(engine->config.ledger,
                                       run_time(engine, clock_now(engine)),
                                       it->fault.id, why->text, &one),
                     &one);
        (void)heal(engine, it, &one); /* OWED if that fails too */
    }
    event.done_ns = clock_now(engine);
    tell(engine, &event);
}

static void begin(struct ord_nemesis_engine *engine, struct instance *it,
                  int64_t now_ns)
{
    struct ord_nemesis_event event = {
        .kind = ORD_FAULT_BEGAN, .fault = &it->fault, .begin_ns = now_ns};
    struct ord_err err, one;

    it->began_ns = now_ns;
    it->begin_due_ns = ORD_NEVER;
    if (prepare(engine, it, &err) != ORD_OK) {
        fail_begin(engine, it, false, &err);
        return;
    }
    it->state.injected_ns = now_ns;
    if (it->fault.ops->inject(engine->config.env, &it->state, &err) != ORD_OK) {
        fail_begin(engine, it, true, &err);
        return;
    }
    it->phase = IN_FORCE;
    if (it->fault.duration_ns > 0)
        it->end_due_ns = later(now_ns, it->fault.duration_ns);
    engine->counts.begun++;
    engine->counts.in_force++;
    event.done_ns = clock_now(engine);
    if (engine->config.ledger != NULL)
        note_err(engine,
                 ord_ledger_injected(engine->config.ledger,
                                     run_time(engine, event.done_ns),
                                     it->fault.id, &one),
                 &one);
    tell(engine, &event);
}

static int end(struct ord_nemesis_engine *engine, struct instance *it,
               struct ord_err *err)
{
    struct ord_nemesis_event event = {
        .kind = ORD_FAULT_ENDED, .fault = &it->fault, .begin_ns = it->began_ns};
    struct ord_buf evidence;
    struct ord_err one;
    int rc;

    ORD_ASSERT(it->phase == IN_FORCE);
    ord_buf_init(&evidence, 1 << 16);
    if (it->fault.ops->took_hold(engine->config.env, &it->state, &event.held,
                                 &evidence, &one) != ORD_OK) {
        event.held = false;
        ord_buf_clear(&evidence);
        ord_buf_printf(&evidence, "could not be measured: %s", one.text);
    }
    event.evidence = ord_buf_str(&evidence);
    if (engine->config.ledger != NULL)
        note_err(engine,
                 ord_ledger_held(
                     engine->config.ledger, run_time(engine, clock_now(engine)),
                     it->fault.id, event.held, event.evidence, &one),
                 &one);
    rc = heal(engine, it, err);
    engine->counts.in_force--;
    engine->counts.held += event.held;
    event.error = rc == ORD_OK ? it->trouble : err->text;
    event.done_ns = clock_now(engine);
    tell(engine, &event);
    ord_buf_fini(&evidence);
    return rc;
}

/* The one that is due first: ends before begins, then by number. */
static struct instance *first_due(const struct ord_nemesis_engine *engine,
                                  int64_t *due_ns)
{
    struct instance *first = NULL;

    *due_ns = ORD_NEVER;
    for (uint32_t i = 0; i < engine->count; i++) {
        struct instance *it = &engine->instances[i];
        int64_t it_ns = ORD_NEVER;

        if (it->phase == IN_FORCE)
            it_ns = it->state.step_ns < it->end_due_ns ? it->state.step_ns
                                                       : it->end_due_ns;
        if (it->phase == PENDING)
            it_ns = it->begin_due_ns;
        if (it_ns < *due_ns ||
            (it_ns == *due_ns && first != NULL && it->phase == IN_FORCE &&
             first->phase == PENDING)) {
            first = it;
            *due_ns = it_ns;
        }
    }
    return first;
}

static void step(struct ord_nemesis_engine *engine, struct instance *it,
                 int64_t now_ns)
{
    struct ord_err err;

    it->state.step_ns = ORD_NEVER;
    if (it->fault.ops->step(engine->config.env, &it->state, now_ns, &err) !=
            ORD_OK &&
        it->trouble == NULL)
        it->trouble = ord_arena_strdup(&engine->arena, err.text);
}

int64_t ord_nemesis_step(struct ord_nemesis_engine *engine, int64_t now_ns)
{
    struct ord_err err;
    int64_t due_ns;
    struct instance *it = first_due(engine, &due_ns);

    ORD_ASSERT(engine->is_started);
    if (it == NULL || due_ns > now_ns)
        return due_ns;
    if (it->phase == PENDING)
        begin(engine, it, now_ns);
    else if (it->state.step_ns <= it->end_due_ns)
        step(engine, it, now_ns);
    else
        (void)end(engine, it, &err); /* told by the event */
    (void)first_due(engine, &due_ns);
    return due_ns;
}

int ord_nemesis_heal_all(struct ord_nemesis_engine *engine, int64_t now_ns,
                         struct ord_err *err)
{
    struct ord_err one;
    int rc = ORD_OK;

    (void)now_ns;
    for (uint32_t i = 0; i < engine->count; i++) {
        struct instance *it = &engine->instances[i];
        int one_rc = ORD_OK;

        if (it->phase == IN_FORCE)
            one_rc = end(engine, it, &one);
        else if (it->phase == OWED)
            one_rc = heal(engine, it, &one);
        else
            it->phase = DONE;
        if (one_rc != ORD_OK && rc == ORD_OK) {
            rc = one_rc;
            *err = one;
        }
    }
    if (ord_env_reset(engine->config.env, &one) != ORD_OK && rc == ORD_OK) {
        rc = one.rc;
        *err = one;
    }
    if (rc == ORD_OK && engine->first_err.rc != ORD_OK) {
        *err = engine->first_err;
        rc = err->rc;
        engine->first_err.rc = ORD_OK; /* said once */
    }
    return rc;
}
