#include "nemesis/engine.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/overlap.h"
#include "nemesis/params.h"
#include "nemesis/plan.h"

enum { ARENA_SIZE_MAX = 64 << 20 };

/* A program may take a while to find out that it cannot go on. */
static const int64_t EXCUSE_NS = 500 * ORD_MS;

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
    int64_t ended_ns;    /* 0: not yet */
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
    uint64_t fallen; /* nodes that a fault has made end; to be started again */
    const struct ord_fault **beside; /* room for what is in force */
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
    engine->beside = calloc(ORD_PLAN_MAX, sizeof(struct ord_fault *));
    if (engine->instances == NULL || engine->beside == NULL) {
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
    free((*engine)->beside);
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

/* ---- beside others ------------------------------------------------------- */

/* Those in force; who does not run counts as down, whoever wanted it. */
static struct ord_beside beside_now(const struct ord_nemesis_engine *engine)
{
    struct ord_nemesis_env *env = engine->config.env;
    struct ord_beside beside = {.faults = engine->beside,
                                .away_max = engine->config.away_max};

    for (uint32_t i = 0; i < engine->count; i++) {
        if (engine->instances[i].phase == IN_FORCE)
            ord_beside_add(&beside, &engine->instances[i].fault);
    }
    beside.frozen = ord_env_actions(env)->paused(env);
    beside.down = ord_all_nodes(env->node_count) & ~beside.frozen &
                  ~env->absent & ~ord_env_actions(env)->running(env);
    return beside;
}

static bool may_crash(const struct ord_fault *fault)
{
    return fault->ops->may_crash || (fault->ops->may_crash_of != NULL &&
                                     fault->ops->may_crash_of(fault));
}

static bool is_excuse(const struct instance *it, uint32_t node, int64_t now_ns)
{
    return may_crash(&it->fault) && ord_has_node(it->fault.nodes, node) &&
           (it->phase == IN_FORCE || it->phase == OWED ||
            (it->ended_ns > 0 && now_ns - it->ended_ns < EXCUSE_NS));
}

const struct ord_fault *
ord_nemesis_node_ended(struct ord_nemesis_engine *engine, uint32_t node,
                       int64_t now_ns)
{
    for (uint32_t i = engine->count; i > 0; i--) {
        const struct instance *it = &engine->instances[i - 1];

        if (!is_excuse(it, node, now_ns))
            continue;
        engine->fallen |= ord_one_node(node);
        return &it->fault;
    }
    return NULL;
}

/* Starts those that a fault has made end and that none keeps from running. */
static void raise_fallen(struct ord_nemesis_engine *engine)
{
    uint64_t nodes = engine->fallen;
    struct ord_err one;

    for (uint32_t i = 0; i < engine->count && nodes != 0; i++) {
        const struct instance *it = &engine->instances[i];

        if (it->phase == IN_FORCE && may_crash(&it->fault))
            nodes &= ~it->fault.nodes;
    }
    if (nodes == 0)
        return;
    engine->fallen &= ~nodes;
    note_err(engine, ord_env_start(engine->config.env, nodes, &one), &one);
}

/* ---- begin and end ------------------------------------------------------- */

static int resolve(struct ord_nemesis_engine *engine, struct instance *it,
                   struct ord_err *err)
{
    if ((it->fault.needs_primary || it->is_fresh) &&
        ord_fault_resolve(&it->fault, &engine->arena,
                          engine->config.env->node_count, engine->primary,
                          err) != ORD_OK)
        return err->rc;
    return ORD_OK;
}

/* Everything else up to the injection itself. */
static int prepare(struct ord_nemesis_engine *engine, struct instance *it,
                   struct ord_err *err)
{
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

static void leave_out(struct ord_nemesis_engine *engine, struct instance *it,
                      const char *why)
{
    const struct ord_nemesis_event event = {.kind = ORD_FAULT_NOT_BEGUN,
                                            .fault = &it->fault,
                                            .begin_ns = it->began_ns,
                                            .done_ns = it->began_ns,
                                            .error = why};
    struct ord_err one;

    it->phase = DONE;
    engine->counts.not_begun++;
    if (engine->config.ledger != NULL)
        note_err(engine,
                 ord_ledger_not_begun(engine->config.ledger,
                                      run_time(engine, it->began_ns),
                                      &it->fault, why, &one),
                 &one);
    tell(engine, &event);
}

/* What the one that has just begun put an end to. */
static void end_what_is_over(struct ord_nemesis_engine *engine, int64_t now_ns)
{
    for (uint32_t i = 0; i < engine->count; i++) {
        struct instance *it = &engine->instances[i];

        if (it->phase == IN_FORCE && it->fault.ops->is_over != NULL &&
            it->end_due_ns > now_ns &&
            it->fault.ops->is_over(engine->config.env, &it->state))
            it->end_due_ns = now_ns;
    }
}

static void begin(struct ord_nemesis_engine *engine, struct instance *it,
                  int64_t now_ns)
{
    struct ord_beside beside = beside_now(engine);
    char why[ORD_WHY_NOT_SIZE];
    struct ord_nemesis_event event = {.kind = ORD_FAULT_BEGAN,
                                      .fault = &it->fault,
                                      .due_ns = it->begin_due_ns,
                                      .begin_ns = now_ns};
    struct ord_err err = {0}, one;

    it->began_ns = now_ns;
    it->begin_due_ns = ORD_NEVER;
    if (it->fault.not_begun != NULL) {
        leave_out(engine, it, it->fault.not_begun);
        return;
    }
    if (resolve(engine, it, &err) == ORD_OK &&
        !ord_may_begin(&it->fault, &beside, why)) {
        leave_out(engine, it, why);
        return;
    }
    if (err.rc != ORD_OK || prepare(engine, it, &err) != ORD_OK) {
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
    end_what_is_over(engine, now_ns);
}

static int end(struct ord_nemesis_engine *engine, struct instance *it,
               struct ord_err *err)
{
    struct ord_nemesis_event event = {.kind = ORD_FAULT_ENDED,
                                      .fault = &it->fault,
                                      .due_ns = ORD_NEVER,
                                      .begin_ns = it->began_ns};
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
    it->ended_ns = event.done_ns;
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
    raise_fallen(engine);
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

/* Ends, or heals again, those that have such a grip on their nodes. */
static void heal_grip(struct ord_nemesis_engine *engine, enum ord_grip grip,
                      struct ord_err *first)
{
    for (uint32_t i = 0; i < engine->count; i++) {
        struct instance *it = &engine->instances[i];
        struct ord_err one;
        int rc = ORD_OK;

        if (it->phase != IN_FORCE && it->phase != OWED)
            continue;
        if (ord_fault_grip(&it->fault) != grip)
            continue;
        if (it->phase == IN_FORCE)
            rc = end(engine, it, &one);
        else
            rc = heal(engine, it, &one);
        if (rc != ORD_OK && first->rc == ORD_OK)
            *first = one;
    }
}

int ord_nemesis_heal_all(struct ord_nemesis_engine *engine, int64_t now_ns,
                         struct ord_err *err)
{
    static const enum ord_grip order[] = {ORD_GRIP_RUNS, ORD_GRIP_FROZEN,
                                          ORD_GRIP_DOWN, ORD_GRIP_OUT};
    struct ord_err first = {0};
    struct ord_err one;

    (void)now_ns;
    engine->config.env->is_final = true;
    for (uint32_t i = 0; i < engine->count; i++) {
        if (engine->instances[i].phase == PENDING ||
            engine->instances[i].phase == TEMPLATE)
            engine->instances[i].phase = DONE;
    }
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        heal_grip(engine, order[i], &first);
    engine->fallen = 0;
    if (ord_env_reset(engine->config.env, &one) != ORD_OK && first.rc == ORD_OK)
        first = one;
    if (first.rc == ORD_OK && engine->first_err.rc != ORD_OK) {
        first = engine->first_err;
        engine->first_err.rc = ORD_OK; /* said once */
    }
    if (first.rc != ORD_OK)
        *err = first;
    return first.rc;
}
