/* linearizable.c -- each object behaves as one that all share.
 *
 * Claim:       per object (locality: Herlihy and Wing, TOPLAS 12(3), 1990)
 *              there is an order of the calls that respects real time and in
 *              which each returns what the model says after those before it.
 *              The proof is that order.
 * Not claimed: final reads (replicas are asked one by one, on purpose); that a
 *              failed cas really saw another value, unless `strict` is true.
 * Crashed:     an unfinished call that changes the object happened at any time
 *              from its invocation on, once, or never; other unfinished calls
 *              say nothing.
 * Unknown:     nothing to check; an object with operations that no model has,
 *              or not the one asked for; the steps or the memory are used up.
 *              An object that is undecided hides no violation of another one.
 *              Where calls were made and none succeeded it passes, as Knossos
 *              has it, and the sentence says so.
 * Cost:        that of the model's engine (models.h); for registers whose
 *              values are unique O(calls).  40 bytes a call and 16 a value.
 * Models:      see lin.h; without --model the one that fits the operations.
 */
#include <stdio.h>
#include <string.h>

#include "checkers/lin_objects.h"
#include "checkers/minimise.h"
#include "checkers/registry.h"

#define STEPS_DEFAULT UINT64_C(2000000000)

/* Few calls for words alone: of a small core, or of not too large an object. */
enum { CORE_SMALL_MAX = 256, CALLS_QUICK_MAX = 1000000 };

struct work {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    struct ord_objects objects;
    struct ord_arena scratch;      /* of one object */
    const struct ord_model *model; /* asked for; NULL: what fits */
    uint64_t steps_left;
    uint64_t call_count;
    uint32_t object_count;
    uint32_t register_count; /* of these */
    uint32_t undecided_count;
    bool has_models;              /* more than one was used */
    char undecided[ORD_WHY_SIZE]; /* why the first was not decided */
    struct ord_proof *last;
};

static bool is_register(const struct ord_model *model)
{
    return model != NULL && (strcmp(model->name, "cas-register") == 0 ||
                             strcmp(model->name, "register") == 0);
}

/* How much there is to check: calls that succeeded. */
static uint32_t count_ok(const struct ord_lin *lin)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < lin->count; i++)
        count += lin->type[i] == ORD_OP_OK &&
                 (lin->is_final == NULL || lin->is_final[i] == 0);
    return count;
}

/* Not only final looks: what failed or never ended contradicts nothing, but it
 * is there. */
static bool has_calls(const struct ord_lin *lin)
{
    for (uint32_t i = 0; i < lin->count; i++) {
        if (lin->is_final == NULL || lin->is_final[i] == 0)
            return true;
    }
    return false;
}

/* The first call that may have happened and that the model does not have. */
static uint32_t find_odd(const struct ord_model *model,
                         const struct ord_lin *lin)
{
    for (uint32_t i = 0; i < lin->count; i++) {
        if (lin->type[i] != ORD_OP_FAIL && !ord_lin_is_final(lin, i) &&
            (model->fs >> lin->f[i] & 1) == 0)
            return i;
    }
    return ORD_LIN_NONE;
}

/* ---- proofs ------------------------------------------------------------- */

static struct ord_proof *proof_new(struct work *work,
                                   const struct ord_model *model,
                                   struct ord_value key,
                                   enum ord_proof_kind kind, uint64_t count)
{
    struct ord_arena *arena = work->in->arena;
    struct ord_proof *proof = ord_arena_zalloc(arena, 1, sizeof *proof);

    if (proof == NULL)
        return NULL;
    proof->key = key;
    proof->model = model->name;
    proof->kind = kind;
    proof->count = count;
    return proof;
}

static void proof_link(struct work *work, struct ord_proof *proof)
{
    if (work->last == NULL)
        work->out->proof = proof;
    else
        work->last->next = proof;
    work->last = proof;
}

static int keep_order(struct work *work, const struct ord_lin *lin,
                      const struct ord_model *model, struct ord_value key,
                      struct ord_err *err)
{
    size_t room = (size_t)lin->order_count + 1;
    struct ord_proof *proof;
    uint32_t *ops;

    if (lin->order_count == 0)
        return ORD_OK; /* nothing succeeded: nothing to put in order */
    ops = ord_arena_alloc(work->in->arena, room * sizeof *ops);
    proof = proof_new(work, model, key, ORD_PROOF_ORDER, lin->order_count);
    if (ops == NULL || proof == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory to keep the order");
    for (uint32_t i = 0; i < lin->order_count; i++)
        ops[i] = lin->begin[lin->order[i]];
    proof->ops = ops;
    proof_link(work, proof);
    return ORD_OK;
}

static int keep_core(struct work *work, const struct ord_lin *lin,
                     const struct ord_model *model, struct ord_value key,
                     bool is_minimal, struct ord_err *err)
{
    size_t room = (size_t)lin->core_count + 1;
    uint32_t *ops = ord_arena_alloc(work->in->arena, room * sizeof *ops);
    uint8_t *marks = ord_arena_alloc(work->in->arena, room);
    struct ord_proof *proof =
        proof_new(work, model, key, ORD_PROOF_CORE, lin->core_count);

    if (ops == NULL || marks == NULL || proof == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory to keep the core");
    for (uint32_t i = 0; i < lin->core_count; i++) {
        ops[i] = lin->begin[lin->core[i].call];
        marks[i] = lin->core[i].keep;
    }
    proof->ops = ops;
    proof->marks = marks;
    proof->is_minimal = is_minimal;
    proof_link(work, proof);
    return ORD_OK;
}

/* ---- one object --------------------------------------------------------- */

static void undecided(struct work *work, const char *why)
{
    if (work->undecided_count++ == 0)
        (void)snprintf(work->undecided, sizeof work->undecided, "%s", why);
}

static int settle_invalid(struct work *work, struct ord_lin *lin,
                          const struct ord_model *model, struct ord_value key,
                          struct ord_err *err)
{
    const struct ord_lin_words words = {.in = work->in,
                                        .out = work->out,
                                        .lin = lin,
                                        .model = model,
                                        .key = key};
    bool is_told = work->out->violation_count <= ORD_FINDINGS_MAX;
    bool is_minimal = false;

    /* For the words alone only what costs little. */
    if (is_told &&
        (work->in->wants_proof ||
         (lin->core != NULL && lin->core_count <= CORE_SMALL_MAX) ||
         ((lin->core != NULL || lin->reason == ORD_LIN_DEAD) &&
          lin->count <= CALLS_QUICK_MAX)) &&
        ord_minimise(model, lin, work->in->wants_proof, &is_minimal, err) !=
            ORD_OK)
        return err->rc;
    ord_lin_accuse(&words);
    if (!is_told || !work->in->wants_proof || lin->core == NULL)
        return ORD_OK;
    return keep_core(work, lin, model, key, is_minimal, err);
}

static int settle(struct work *work, struct ord_lin *lin,
                  const struct ord_model *model, struct ord_value key,
                  struct ord_err *err)
{
    const struct ord_lin_words words = {
        .in = work->in, .out = work->out, .lin = lin, .key = key};
    char why[ORD_WHY_SIZE];

    if (lin->outcome == ORD_INVALID)
        return settle_invalid(work, lin, model, key, err);
    if (lin->outcome == ORD_VALID) {
        if (lin->order == NULL || !work->in->wants_proof)
            return ORD_OK;
        return keep_order(work, lin, model, key, err);
    }
    ord_lin_doubt(&words, why, sizeof why);
    undecided(work, why);
    return ORD_OK;
}

static int judge(struct work *work, struct ord_lin *lin,
                 const struct ord_model *model, struct ord_value key,
                 struct ord_err *err)
{
    const struct ord_arena *arena = work->in->arena;
    size_t room = arena->size_max - arena->taken_size;
    char why[ORD_WHY_SIZE];

    ord_arena_reset(&work->scratch);
    work->scratch.size_max =
        room > work->scratch.taken_size ? room : work->scratch.taken_size + 1;
    lin->arena = &work->scratch;
    lin->steps_left = &work->steps_left;
    lin->wants_order = work->in->wants_proof;
    if (ord_lin_decide(model, lin, err) == ORD_OK &&
        settle(work, lin, model, key, err) == ORD_OK)
        return ORD_OK;
    if (err->rc != ORD_ENOMEM)
        return err->rc;
    (void)snprintf(why, sizeof why, "%s: the memory is used up: %.200s",
                   ord_text_key(&key).at, err->text);
    undecided(work, why);
    return ORD_OK;
}

static int check_object(struct work *work, struct ord_lin *lin,
                        struct ord_value key, struct ord_err *err)
{
    const struct ord_lin_words words = {
        .in = work->in, .out = work->out, .lin = lin, .key = key};
    const struct ord_model *model = work->model;
    uint32_t count = count_ok(lin);
    uint32_t odd = ORD_LIN_NONE;
    char why[ORD_WHY_SIZE];

    if (model != NULL)
        odd = find_odd(model, lin);
    else
        model = ord_lin_model(lin, &odd);
    if (model == NULL || odd != ORD_LIN_NONE) {
        ord_lin_misfit(&words, model, odd, why, sizeof why);
        undecided(work, why);
        return ORD_OK;
    }
    if (count == 0 && !has_calls(lin))
        return ORD_OK;
    work->object_count++;
    work->call_count += count;
    work->register_count += is_register(model);
    if (work->out->model == NULL && !work->has_models)
        work->out->model = model->name;
    if (work->out->model != NULL &&
        strcmp(work->out->model, model->name) != 0) {
        work->has_models = true;
        work->out->model = NULL;
    }
    return judge(work, lin, model, key, err);
}

/* ---- all ---------------------------------------------------------------- */

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
        return ord_conclude(out, ORD_UNKNOWN, "no operation to check");
    if (work->call_count == 0)
        return ord_conclude(out, ORD_VALID,
                            "no operation succeeded, and what failed or never "
                            "ended contradicts nothing");
    return ord_conclude(
        out, ORD_VALID, "%llu operations on %u %s are linearizable",
        (unsigned long long)work->call_count, work->object_count,
        work->register_count == work->object_count ? "registers" : "objects");
}

static int find_model(struct work *work, struct ord_err *err)
{
    struct ord_buf names;
    int rc = ORD_OK;

    if (work->in->model == NULL)
        return ORD_OK;
    work->model = ord_model_find(work->in->model);
    if (work->model != NULL)
        return ORD_OK;
    ord_buf_init(&names, 1 << 12);
    for (const struct ord_model *const *m = ord_models(); *m != NULL; m++)
        ord_buf_printf(&names, "%s%s", m == ord_models() ? "" : ", ",
                       (*m)->name);
    rc = ord_fail(err, ORD_EUSAGE, "model \"%s\"; there are %s",
                  work->in->model, ord_buf_str(&names));
    ord_buf_fini(&names);
    return rc;
}

static int check_all(struct work *work, struct ord_err *err)
{
    struct ord_objects *objects = &work->objects;
    int rc = ORD_OK;

    for (uint32_t k = 0; k < ord_objects_count(objects) && rc == ORD_OK; k++) {
        struct ord_lin lin;

        ord_objects_get(objects, k, &lin);
        rc = check_object(work, &lin, objects->calls.keys[k], err);
        ord_objects_put_back(objects, &lin);
    }
    return rc;
}

static int linearizable_check(const struct ord_check_in *in,
                              struct ord_verdict *out, struct ord_err *err)
{
    const char *strict = ord_check_option(in, "strict");
    struct work work = {
        .in = in,
        .out = out,
        .steps_left = in->steps_max == 0 ? STEPS_DEFAULT : in->steps_max,
    };
    int rc = ORD_OK;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (strict != NULL && strcmp(strict, "true") != 0 &&
        strcmp(strict, "false") != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "strict: expected true or false, found '%s'", strict);
    if (find_model(&work, err) != ORD_OK ||
        ord_objects_init(&work.objects, in,
                         is_register(work.model) ? 0 : ORD_CALLS_PROCESSES,
                         strict != NULL && strcmp(strict, "true") == 0,
                         err) != ORD_OK)
        return err->rc;
    ord_arena_init(&work.scratch, in->arena->size_max);
    rc = check_all(&work, err);
    ord_arena_fini(&work.scratch);
    return rc == ORD_OK ? linearizable_conclude(&work) : rc;
}

const struct ord_checker ord_checker_linearizable = {
    .name = "linearizable",
    .claim = "each object behaves as one that all share: there is one order of "
             "all calls, in real time, that explains every answer",
    .options = "strict: true: a failed cas says that the value was another",
    .check = linearizable_check,
};
