#include "harness/gen/gen_build.h"

#include "harness/base/err.h"
#include "harness/gen/gen_node.h"

enum { PPM = 1000000 };

/* Allocates a kind's struct with its first member filled in. */
static void *make_node(const struct ord_gen_shape *shape, size_t size,
                       const struct ord_gen_kind *kind)
{
    struct ord_gen *gen;

    ORD_ASSERT(shape->worker_count >= 1);
    gen = ord_arena_zalloc(shape->arena, 1, size);
    if (gen != NULL)
        *gen = (struct ord_gen){.kind = kind,
                                .seed = shape->seed,
                                .worker_count = shape->worker_count};
    return gen;
}

static void *make_workers(const struct ord_gen_shape *shape, size_t size)
{
    return ord_arena_zalloc(shape->arena, shape->worker_count, size);
}

static bool copy_children(struct ord_gen *to[ORD_GEN_CHILDREN_MAX],
                          struct ord_gen *const *children, uint32_t count)
{
    ORD_ASSERT(count >= 1);
    ORD_ASSERT(count <= ORD_GEN_CHILDREN_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (children[i] == NULL)
            return false;
        to[i] = children[i];
    }
    return true;
}

/* ---- kinds with one child ------------------------------------------------ */

struct one_worker {
    uint64_t count;   /* operations passed on */
    int64_t due_ns;   /* stagger */
    bool is_started;  /* stagger: due times count from the first question */
    bool is_waiting;  /* stagger: due_ns is drawn and its operation is owed */
    bool is_finished; /* until-ok, until-fails */
    uint32_t failed;  /* until-fails: in a row */
};

struct one {
    struct ord_gen gen;
    struct ord_gen *child;
    uint64_t limit;    /* limit */
    uint32_t in_a_row; /* until-fails */
    uint32_t spread;   /* in-step: ppm of the beat */
    int64_t time_ns;   /* stagger, in-step: the mean; time-limit */
    struct one_worker *workers;
};

static void one_update(struct ord_gen *gen, const struct ord_gen_ask *ask,
                       const struct ord_op *completion)
{
    struct one *one = (struct one *)gen;

    one->child->kind->update(one->child, ask, completion);
}

static enum ord_gen_answer ask_child(struct one *one,
                                     const struct ord_gen_call *call)
{
    struct ord_gen_call below = ord_gen_below(call, 0);

    return one->child->kind->ask(one->child, &below);
}

static struct one *make_one(const struct ord_gen_shape *shape,
                            struct ord_gen *child,
                            const struct ord_gen_kind *kind)
{
    struct one *one;

    if (child == NULL)
        return NULL;
    one = make_node(shape, sizeof *one, kind);
    if (one == NULL)
        return NULL;
    one->child = child;
    one->workers = make_workers(shape, sizeof *one->workers);
    return one->workers == NULL ? NULL : one;
}

/* How long the crew takes for an operation each, with room to add up. */
static int64_t beat_ns(const struct one *one, const struct ord_gen_call *call)
{
    int64_t beat;

    if (__builtin_mul_overflow(one->time_ns, call->crew_count, &beat) ||
        beat > INT64_MAX / 4)
        beat = INT64_MAX / 4;
    return beat;
}

static enum ord_gen_answer stagger_ask(struct ord_gen *gen,
                                       const struct ord_gen_call *call)
{
    struct one *one = (struct one *)gen;
    struct one_worker *w = &one->workers[call->ask->worker];
    enum ord_gen_answer answer;

    if (!w->is_started)
        w->due_ns = call->ask->time_ns;
    w->is_started = true;
    if (!w->is_waiting) {
        uint64_t worker = call->ask->worker;
        struct ord_rng rng = {ord_hash(call->path, worker, w->count)};
        int64_t wait_ns = ord_rng_range(&rng, 0, 2 * beat_ns(one, call));

        if (__builtin_add_overflow(w->due_ns, wait_ns, &w->due_ns))
            w->due_ns = INT64_MAX;
        w->is_waiting = true;
    }
    if (call->ask->time_ns < w->due_ns) {
        *call->until_ns = w->due_ns;
        return ORD_GEN_WAIT;
    }
    answer = ask_child(one, call);
    if (answer == ORD_GEN_OP) {
        w->count++;
        w->is_waiting = false;
    }
    return answer;
}

struct ord_gen *ord_gen_stagger(const struct ord_gen_shape *shape,
                                struct ord_gen *child, int64_t mean_ns)
{
    static const struct ord_gen_kind kind = {stagger_ask, one_update};
    struct one *one = make_one(shape, child, &kind);

    ORD_ASSERT(mean_ns >= 0);
    if (one == NULL)
        return NULL;
    one->time_ns = mean_ns;
    return &one->gen;
}

static enum ord_gen_answer in_step_ask(struct ord_gen *gen,
                                       const struct ord_gen_call *call)
{
    struct one *one = (struct one *)gen;
    struct one_worker *w = &one->workers[call->ask->worker];
    struct ord_rng rng = {ord_hash(call->path, call->ask->worker, w->count)};
    int64_t beat = beat_ns(one, call);
    int64_t spread_ns =
        beat / PPM * one->spread + beat % PPM * one->spread / PPM;
    int64_t within_ns = ord_rng_range(&rng, 0, spread_ns);
    int64_t due_ns = INT64_MAX;
    enum ord_gen_answer answer;

    if (w->count > INT64_MAX ||
        __builtin_mul_overflow(beat, (int64_t)w->count, &due_ns) ||
        __builtin_add_overflow(due_ns, within_ns, &due_ns))
        due_ns = INT64_MAX;
    if (call->ask->time_ns < due_ns) {
        *call->until_ns = due_ns;
        return ORD_GEN_WAIT;
    }
    answer = ask_child(one, call);
    w->count += answer == ORD_GEN_OP;
    return answer;
}

struct ord_gen *ord_gen_in_step(const struct ord_gen_shape *shape,
                                struct ord_gen *child, int64_t mean_ns,
                                uint32_t spread_ppm)
{
    static const struct ord_gen_kind kind = {in_step_ask, one_update};
    struct one *one = make_one(shape, child, &kind);

    ORD_ASSERT(mean_ns >= 0);
    ORD_ASSERT(spread_ppm <= PPM);
    if (one == NULL)
        return NULL;
    one->time_ns = mean_ns;
    one->spread = spread_ppm;
    return &one->gen;
}

static enum ord_gen_answer limit_ask(struct ord_gen *gen,
                                     const struct ord_gen_call *call)
{
    struct one *one = (struct one *)gen;
    struct one_worker *w = &one->workers[call->ask->worker];
    uint32_t rank = call->ask->worker - call->crew_first;
    uint64_t share = one->limit / call->crew_count;
    enum ord_gen_answer answer;

    if (rank < one->limit % call->crew_count)
        share++;
    if (w->count >= share)
        return ORD_GEN_DONE;
    answer = ask_child(one, call);
    if (answer == ORD_GEN_OP)
        w->count++;
    return answer;
}

struct ord_gen *ord_gen_limit(const struct ord_gen_shape *shape,
                              struct ord_gen *child, uint64_t count)
{
    static const struct ord_gen_kind kind = {limit_ask, one_update};
    struct one *one = make_one(shape, child, &kind);

    if (one == NULL)
        return NULL;
    one->limit = count;
    return &one->gen;
}

static enum ord_gen_answer time_limit_ask(struct ord_gen *gen,
                                          const struct ord_gen_call *call)
{
    struct one *one = (struct one *)gen;
    enum ord_gen_answer answer;

    if (call->ask->time_ns >= one->time_ns)
        return ORD_GEN_DONE;
    answer = ask_child(one, call);
    /* Wake it for the end: what comes later will not be. */
    if (answer == ORD_GEN_WAIT && *call->until_ns > one->time_ns)
        *call->until_ns = one->time_ns;
    return answer;
}

struct ord_gen *ord_gen_time_limit(const struct ord_gen_shape *shape,
                                   struct ord_gen *child, int64_t time_ns)
{
    static const struct ord_gen_kind kind = {time_limit_ask, one_update};
    struct one *one = make_one(shape, child, &kind);

    if (one == NULL)
        return NULL;
    one->time_ns = time_ns;
    return &one->gen;
}

static enum ord_gen_answer each_process_ask(struct ord_gen *gen,
                                            const struct ord_gen_call *call)
{
    struct one *one = (struct one *)gen;
    struct ord_gen_call below = ord_gen_below(call, 0);

    below.crew_first = call->ask->worker;
    below.crew_count = 1;
    return one->child->kind->ask(one->child, &below);
}

struct ord_gen *ord_gen_each_process(const struct ord_gen_shape *shape,
                                     struct ord_gen *child)
{
    static const struct ord_gen_kind kind = {each_process_ask, one_update};
    struct one *one = make_one(shape, child, &kind);

    return one == NULL ? NULL : &one->gen;
}

static enum ord_gen_answer until_ok_ask(struct ord_gen *gen,
                                        const struct ord_gen_call *call)
{
    struct one *one = (struct one *)gen;

    if (one->workers[call->ask->worker].is_finished)
        return ORD_GEN_DONE;
    return ask_child(one, call);
}

static void until_ok_update(struct ord_gen *gen, const struct ord_gen_ask *ask,
                            const struct ord_op *completion)
{
    struct one *one = (struct one *)gen;

    if (completion->type == ORD_OP_OK)
        one->workers[ask->worker].is_finished = true;
    one_update(gen, ask, completion);
}

struct ord_gen *ord_gen_until_ok(const struct ord_gen_shape *shape,
                                 struct ord_gen *child)
{
    static const struct ord_gen_kind kind = {until_ok_ask, until_ok_update};
    struct one *one = make_one(shape, child, &kind);

    return one == NULL ? NULL : &one->gen;
}

static void until_fails_update(struct ord_gen *gen,
                               const struct ord_gen_ask *ask,
                               const struct ord_op *completion)
{
    struct one *one = (struct one *)gen;
    struct one_worker *w = &one->workers[ask->worker];

    w->failed = completion->type == ORD_OP_OK ? 0 : w->failed + 1;
    w->is_finished = w->failed >= one->in_a_row;
    one_update(gen, ask, completion);
}

struct ord_gen *ord_gen_until_fails(const struct ord_gen_shape *shape,
                                    struct ord_gen *child, uint32_t in_a_row)
{
    static const struct ord_gen_kind kind = {until_ok_ask, until_fails_update};
    struct one *one = make_one(shape, child, &kind);

    ORD_ASSERT(in_a_row > 0);
    if (one == NULL)
        return NULL;
    one->in_a_row = in_a_row;
    return &one->gen;
}

/* ---- operations ---------------------------------------------------------- */

struct ops_worker {
    uint64_t count;
    struct ord_value items[ORD_GEN_ITEMS_MAX];
};

struct ops {
    struct ord_gen gen;
    ord_gen_make *make;
    const void *ctx;
    struct ops_worker *workers;
};

static enum ord_gen_answer ops_ask(struct ord_gen *gen,
                                   const struct ord_gen_call *call)
{
    struct ops *ops = (struct ops *)gen;
    uint32_t worker = call->ask->worker;
    struct ops_worker *w = &ops->workers[worker];
    struct ord_rng rng = {ord_hash(call->path, worker, w->count)};
    struct ord_gen_draw draw = {
        .number = w->count, .worker = worker, .rng = &rng, .items = w->items};

    ops->make(ops->ctx, &draw, call->op);
    if (call->op->f != ORD_F_OTHER)
        call->op->name = ord_f_name((enum ord_f)call->op->f);
    w->count++;
    return ORD_GEN_OP;
}

static void ops_update(struct ord_gen *gen, const struct ord_gen_ask *ask,
                       const struct ord_op *completion)
{
    (void)gen;
    (void)ask;
    (void)completion;
}

struct ord_gen *ord_gen_ops(const struct ord_gen_shape *shape,
                            ord_gen_make *make, const void *ctx)
{
    static const struct ord_gen_kind kind = {ops_ask, ops_update};
    struct ops *ops = make_node(shape, sizeof *ops, &kind);

    ORD_ASSERT(make != NULL);
    if (ops == NULL)
        return NULL;
    ops->make = make;
    ops->ctx = ctx;
    ops->workers = make_workers(shape, sizeof *ops->workers);
    return ops->workers == NULL ? NULL : &ops->gen;
}

/* ---- kinds with several children ----------------------------------------- */

struct many_worker {
    uint64_t count;   /* mix: draws so far */
    uint32_t is_done; /* mix: bit i, child i is done */
    uint32_t last;    /* whose operation is the worker's last */
    uint32_t at;      /* phases: which one it is in */
};

struct many {
    struct ord_gen gen;
    struct ord_gen *children[ORD_GEN_CHILDREN_MAX];
    uint32_t weights[ORD_GEN_CHILDREN_MAX]; /* mix; reserve: first worker */
    uint32_t count;
    struct many_worker *workers;
};

_Static_assert(ORD_GEN_CHILDREN_MAX <= 32, "is_done has a bit per child");

static void many_update(struct ord_gen *gen, const struct ord_gen_ask *ask,
                        const struct ord_op *completion)
{
    struct many *many = (struct many *)gen;
    struct ord_gen *last = many->children[many->workers[ask->worker].last];

    last->kind->update(last, ask, completion);
}

static enum ord_gen_answer ask_one_of(struct many *many, uint32_t index,
                                      const struct ord_gen_call *call)
{
    struct ord_gen_call below = ord_gen_below(call, index);
    struct ord_gen *child = many->children[index];
    enum ord_gen_answer answer = child->kind->ask(child, &below);

    if (answer == ORD_GEN_OP)
        many->workers[call->ask->worker].last = index;
    return answer;
}

static struct many *make_many(const struct ord_gen_shape *shape,
                              struct ord_gen *const *children, uint32_t count,
                              const struct ord_gen_kind *kind)
{
    struct many *many = make_node(shape, sizeof *many, kind);

    if (many == NULL || !copy_children(many->children, children, count))
        return NULL;
    many->count = count;
    many->workers = make_workers(shape, sizeof *many->workers);
    return many->workers == NULL ? NULL : many;
}

/* Which of the children that are not done; count: none is left.  Named by how
 * many operations there were, so that it stands until it has given one: when a
 * worker happens to ask must not change what it gets. */
static uint32_t mix_draw(const struct many *many, const struct many_worker *w,
                         const struct ord_gen_call *call)
{
    struct ord_rng rng = {ord_hash(call->path, call->ask->worker, w->count)};
    uint64_t total = 0;
    uint64_t at;

    for (uint32_t i = 0; i < many->count; i++)
        total += (w->is_done >> i & 1) ? 0 : many->weights[i];
    if (total == 0)
        return many->count;
    at = ord_rng_below(&rng, total);
    for (uint32_t i = 0; i < many->count; i++) {
        uint64_t weight = (w->is_done >> i & 1) ? 0 : many->weights[i];

        if (at < weight)
            return i;
        at -= weight;
    }
    return many->count;
}

static enum ord_gen_answer mix_ask(struct ord_gen *gen,
                                   const struct ord_gen_call *call)
{
    struct many *many = (struct many *)gen;
    struct many_worker *w = &many->workers[call->ask->worker];

    for (uint32_t tries = 0; tries <= many->count; tries++) {
        uint32_t drawn = mix_draw(many, w, call);
        enum ord_gen_answer answer;

        if (drawn == many->count)
            return ORD_GEN_DONE;
        answer = ask_one_of(many, drawn, call);
        if (answer == ORD_GEN_OP)
            w->count++;
        if (answer != ORD_GEN_DONE)
            return answer;
        w->is_done |= UINT32_C(1) << drawn;
    }
    return ORD_GEN_DONE;
}

struct ord_gen *ord_gen_mix(const struct ord_gen_shape *shape,
                            struct ord_gen *const *children,
                            const uint32_t *weights, uint32_t count)
{
    static const struct ord_gen_kind kind = {mix_ask, many_update};
    struct many *many = make_many(shape, children, count, &kind);

    if (many == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        many->weights[i] = weights[i];
    return &many->gen;
}

static enum ord_gen_answer reserve_ask(struct ord_gen *gen,
                                       const struct ord_gen_call *call)
{
    struct many *many = (struct many *)gen;
    uint32_t rank = call->ask->worker - call->crew_first;
    uint32_t first = 0;

    for (uint32_t i = 0; i < many->count; i++) {
        bool is_last = i + 1 == many->count;
        uint32_t left = call->crew_count - first;
        uint32_t size = many->weights[i];

        if (is_last || size > left)
            size = left;
        if (rank - first < size) {
            struct ord_gen_call mine = *call;

            mine.crew_first = call->crew_first + first;
            mine.crew_count = size;
            return ask_one_of(many, i, &mine);
        }
        first += size;
    }
    return ORD_GEN_DONE;
}

struct ord_gen *ord_gen_reserve(const struct ord_gen_shape *shape,
                                struct ord_gen *const *children,
                                const uint32_t *counts, uint32_t count)
{
    static const struct ord_gen_kind kind = {reserve_ask, many_update};
    struct many *many = make_many(shape, children, count, &kind);

    if (many == NULL)
        return NULL;
    for (uint32_t i = 0; i + 1 < count; i++)
        many->weights[i] = counts[i];
    return &many->gen;
}

static enum ord_gen_answer phases_ask(struct ord_gen *gen,
                                      const struct ord_gen_call *call)
{
    struct many *many = (struct many *)gen;
    struct many_worker *w = &many->workers[call->ask->worker];

    while (w->at < many->count) {
        enum ord_gen_answer answer = ask_one_of(many, w->at, call);

        if (answer != ORD_GEN_DONE)
            return answer;
        w->at++;
    }
    return ORD_GEN_DONE;
}

struct ord_gen *ord_gen_phases(const struct ord_gen_shape *shape,
                               struct ord_gen *const *children, uint32_t count)
{
    static const struct ord_gen_kind kind = {phases_ask, many_update};
    struct many *many = make_many(shape, children, count, &kind);

    return many == NULL ? NULL : &many->gen;
}
