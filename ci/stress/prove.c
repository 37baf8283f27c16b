/* prove.c -- proofs of random small histories, verified; and changed, refused.
 *
 * Every verdict of every family of models has a proof that `verify` accepts.
 * An order with one call dropped, doubled or moved is accepted exactly where
 * brute force accepts it; a minimal core with one call or mark less never is;
 * nor is a verdict turned round, nor a file with one byte changed.
 *
 *     prove [--count N] [--seed N] [--family NAME]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/minimise.h"
#include "ci/stress/brute.h"
#include "harness/report/proof_json.h"
#include "harness/verify/verify.h"
#include "histories/calls.h"

enum { MEMORY_MAX = 64 << 20, STEPS_MAX = 2000000, CORE_MAX = 64 };

struct prove {
    struct ord_arena arena;
    struct small small;
    struct small_values values;
    struct ord_op ops[SMALL_EVENTS_MAX];
    struct ord_history *history;
    struct ord_calls calls;
    struct ord_verdict verdict;
    struct ord_proof proofs[SMALL_KEYS_MAX];
    struct brute brute;
    struct ord_verify_out got;
    struct ord_rng rng;
    uint64_t accepted, refused, unknown, not_minimal, core_calls, cores;
    uint64_t counted; /* verdicts of other checkers */
    const char *checker;
    const char *model;
    struct ord_option option; /* name NULL: none */
    const char *wrong;        /* NULL: all is as it should be */
};

/* ---- one history -------------------------------------------------------- */

static bool build(struct prove *p)
{
    struct ord_history_builder *builder = NULL;
    uint32_t count = small_events(&p->small, &p->values, p->ops);
    struct ord_err err = {0};
    int rc = ord_history_builder_new(0, &builder, &err);

    for (uint32_t i = 0; i < count && rc == ORD_OK; i++)
        rc = ord_history_add(builder, &p->ops[i], &err);
    if (rc == ORD_OK)
        rc = ord_history_finish(&builder, false, &p->history, &err);
    ord_history_builder_free(&builder);
    if (rc == ORD_OK)
        rc = ord_calls_build(p->history, ORD_CALLS_KEYS | ORD_CALLS_PROCESSES,
                             &p->arena, &p->calls, &err);
    return rc == ORD_OK;
}

struct columns {
    uint32_t call[SMALL_CALLS_MAX], begin[SMALL_CALLS_MAX];
    uint32_t end[SMALL_CALLS_MAX], in[SMALL_CALLS_MAX];
    uint32_t out[SMALL_CALLS_MAX], process[SMALL_CALLS_MAX];
    uint8_t f[SMALL_CALLS_MAX], type[SMALL_CALLS_MAX];
    uint32_t count;
};

static void take_key(const struct ord_calls *calls, uint32_t key,
                     struct columns *c)
{
    c->count = 0;
    for (uint32_t i = calls->key_first[key]; i < calls->key_first[key + 1];
         i++) {
        uint32_t call = calls->by_key[i];

        c->call[c->count] = call;
        c->begin[c->count] = calls->begin[call];
        c->end[c->count] = calls->end[call];
        c->in[c->count] = calls->in[call];
        c->out[c->count] = calls->out[call];
        c->process[c->count] = calls->process[call];
        c->f[c->count] = calls->f[call];
        c->type[c->count++] = calls->type[call];
    }
}

static void set_proof(struct prove *p, struct ord_proof *proof,
                      const struct ord_lin *lin, const struct columns *c)
{
    bool is_order = lin->outcome == ORD_VALID;
    uint32_t count = is_order ? lin->order_count : lin->core_count;
    uint32_t *ops = ord_arena_zalloc(&p->arena, CORE_MAX, sizeof *ops);
    uint8_t *marks = ord_arena_zalloc(&p->arena, CORE_MAX, 1);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = is_order ? lin->order[i] : lin->core[i].call;

        ops[i] = c->begin[at];
        marks[i] = is_order ? 0 : lin->core[i].keep;
    }
    proof->kind = is_order ? ORD_PROOF_ORDER : ORD_PROOF_CORE;
    proof->ops = ops;
    proof->marks = marks;
    proof->count = count;
}

/* The verdict of all keys, with a proof of each. */
static bool decide(struct prove *p, const struct ord_model *model)
{
    uint64_t steps = STEPS_MAX;
    struct ord_err err = {0};

    p->verdict = (struct ord_verdict){.outcome = ORD_VALID};
    for (uint32_t key = 0; key < p->calls.key_count; key++) {
        struct columns c;
        struct ord_lin lin = {.event_count = p->calls.event_count,
                              .begin = c.begin,
                              .end = c.end,
                              .in = c.in,
                              .out = c.out,
                              .f = c.f,
                              .type = c.type,
                              .process = c.process,
                              .atom_count = p->calls.atom_count,
                              .calls = &p->calls,
                              .arena = &p->arena,
                              .steps_left = &steps,
                              .wants_order = true};
        struct ord_proof *proof = &p->proofs[key];

        take_key(&p->calls, key, &c);
        lin.count = c.count;
        *proof = (struct ord_proof){.key = p->calls.keys[key]};
        if (ord_lin_decide(model, &lin, &err) != ORD_OK ||
            lin.outcome == ORD_UNKNOWN)
            return false;
        if (lin.outcome == ORD_INVALID &&
            ord_minimise(model, &lin, true, &proof->is_minimal, &err) != ORD_OK)
            return false;
        if (lin.outcome == ORD_INVALID && p->verdict.outcome == ORD_VALID) {
            p->verdict.outcome = ORD_INVALID;
            p->verdict.key = proof->key;
        }
        p->verdict.violation_count += lin.outcome == ORD_INVALID;
        set_proof(p, proof, &lin, &c);
        if (proof->count > 0 || proof->kind == ORD_PROOF_CORE) {
            proof->next = p->verdict.proof;
            p->verdict.proof = proof;
        }
    }
    return p->verdict.proof != NULL;
}

/* ---- verifying ---------------------------------------------------------- */

static bool write_proof(struct prove *p, struct ord_proof_file *file)
{
    const struct ord_proof_of of = {.checker = p->checker,
                                    .model = p->model,
                                    .options = &p->option,
                                    .option_count = p->option.name != NULL};
    struct ord_err err = {0};

    return ord_proof_begin(file, NULL, p->history, false, &err) == ORD_OK &&
           ord_proof_add(file, &of, &p->verdict, &err) == ORD_OK &&
           ord_proof_end(file, &err) == ORD_OK;
}

static bool verify(struct prove *p, struct ord_bytes proof)
{
    const struct ord_verify_in in = {
        .history = p->history, .proof = proof, .size_max = MEMORY_MAX};
    struct ord_err err = {0};

    if (ord_verify(&in, &p->got, &err) == ORD_OK)
        return p->got.is_accepted;
    (void)snprintf(p->got.why, sizeof p->got.why, "%.1000s", err.text);
    return false;
}

static bool is_accepted(struct prove *p)
{
    struct ord_proof_file file;
    bool is_good = write_proof(p, &file) && verify(p, ord_buf_bytes(&file.out));

    ord_proof_discard(&file);
    *(is_good ? &p->accepted : &p->refused) += 1;
    return is_good;
}

static void expect(struct prove *p, bool is_wanted, const char *what)
{
    if (p->wrong == NULL && is_accepted(p) != is_wanted)
        p->wrong = what;
}

static void change_byte(struct prove *p)
{
    struct ord_proof_file file;

    if (write_proof(p, &file)) {
        uint32_t at = small_below(&p->rng, (uint32_t)file.out.size - 1);
        char new = (char)('!' + small_below(&p->rng, 90));

        if (new != file.out.at[at]) {
            file.out.at[at] = new;
            if (p->wrong == NULL && verify(p, ord_buf_bytes(&file.out)))
                p->wrong = "a byte was changed";
        }
    }
    ord_proof_discard(&file);
}

static uint32_t call_at(const struct brute *brute, uint32_t begin)
{
    for (uint32_t i = 0; i < brute->count; i++) {
        if (brute->calls[i].call->begin == begin)
            return i;
    }
    return 0;
}

/* The changed order holds iff brute force says so. */
static void try_order(struct prove *p, const struct ord_proof *proof,
                      const char *what)
{
    uint32_t order[CORE_MAX];
    uint8_t key = p->small.key_count > 1 && proof->key.kind == ORD_INT
                      ? (uint8_t)(proof->key.as.number - 1)
                      : 0;

    brute_take(&p->brute, &p->small, key);
    for (uint32_t i = 0; i < proof->count; i++)
        order[i] = call_at(&p->brute, proof->ops[i]);
    expect(p,
           proof->count > 0 && brute_accepts(&p->brute, p->small.family, order,
                                             (uint32_t)proof->count),
           what);
}

static void change_order(struct prove *p, struct ord_proof *proof)
{
    struct ord_proof before = *proof;
    uint32_t ops[CORE_MAX];

    for (uint32_t i = 0; i < before.count; i++) {
        proof->ops = ops;
        memcpy(ops, before.ops, before.count * sizeof *ops);
        memmove(ops + i, ops + i + 1, (before.count - i - 1) * sizeof *ops);
        proof->count = before.count - 1;
        try_order(p, proof, "a call was dropped from an order");
        memcpy(ops, before.ops, before.count * sizeof *ops);
        ops[before.count] = ops[i];
        proof->count = before.count + 1;
        expect(p, false, "a call was doubled in an order");
        memcpy(ops, before.ops, before.count * sizeof *ops);
        proof->count = before.count;
        if (i + 1 < before.count) {
            uint32_t swap = ops[i];

            ops[i] = ops[i + 1];
            ops[i + 1] = swap;
            try_order(p, proof, "two calls of an order were swapped");
        }
    }
    *proof = before;
}

static bool stays(const char *model)
{
    return strcmp(model, "kv") == 0 || strcmp(model, "multi-register") == 0;
}

static void change_core(struct prove *p, struct ord_proof *proof)
{
    struct ord_proof before = *proof;
    uint32_t ops[CORE_MAX];
    uint8_t marks[CORE_MAX];

    p->cores++;
    p->core_calls += before.count;
    if (!before.is_minimal) {
        p->not_minimal++;
        return;
    }
    for (uint32_t i = 0; i < before.count; i++) {
        /* Some models' calls stay in a core without need: minimise.h. */
        if (before.marks[i] == 0 && stays(p->small.family->model))
            continue;
        memcpy(ops, before.ops, before.count * sizeof *ops);
        memcpy(marks, before.marks, before.count);
        proof->ops = ops;
        proof->marks = marks;
        memmove(ops + i, ops + i + 1, (before.count - i - 1) * sizeof *ops);
        memmove(marks + i, marks + i + 1, before.count - i - 1);
        proof->count = before.count - 1;
        expect(p, false, "a call was dropped from a minimal core");
        proof->count = before.count;
        memcpy(ops, before.ops, before.count * sizeof *ops);
        for (uint8_t bit = 1; bit <= ORD_KEEP_MUST; bit = (uint8_t)(bit << 1)) {
            memcpy(marks, before.marks, before.count);
            if ((marks[i] & bit) == 0 ||
                (bit == ORD_KEEP_MUST && (marks[i] & ORD_KEEP_END) != 0))
                continue; /* the end says it, too */
            marks[i] &= (uint8_t)~bit;
            if (bit == ORD_KEEP_END)
                marks[i] |= ORD_KEEP_MUST;
            expect(p, false, "a minimal core lost a mark");
        }
    }
    *proof = before;
}

/* All calls and all that is known of them are no core where there is an order.
 */
static void claim_violation(struct prove *p)
{
    struct ord_verdict before = p->verdict;
    struct ord_proof proof = {.key = before.proof->key, .kind = ORD_PROOF_CORE};
    uint32_t ops[CORE_MAX];
    uint8_t marks[CORE_MAX];

    p->verdict.outcome = ORD_INVALID;
    p->verdict.violation_count = 1;
    p->verdict.key = proof.key;
    expect(p, false, "an order was called a violation");
    for (uint32_t i = 0; i < p->calls.count; i++) {
        bool is_same =
            p->calls.key_count == 1 ||
            ord_value_equal(&p->calls.keys[p->calls.key[i]], &proof.key);
        bool is_told = p->calls.type[i] == ORD_OP_OK;

        if (!is_same || p->calls.type[i] == ORD_OP_FAIL ||
            (!is_told && p->calls.out[i] == ORD_ATOM_NONE &&
             p->calls.in[i] == ORD_ATOM_NIL))
            continue;
        ops[proof.count] = p->calls.begin[i];
        marks[proof.count++] =
            is_told ? ORD_KEEP_BEGIN | ORD_KEEP_END | ORD_KEEP_MUST
                    : ORD_KEEP_BEGIN;
    }
    proof.ops = ops;
    proof.marks = marks;
    p->verdict.proof = &proof;
    expect(p, false, "a linearizable history was called a violation");
    p->verdict = before;
}

static void try_all(struct prove *p)
{
    expect(p, true, "the proof");
    change_byte(p);
    if (p->verdict.outcome == ORD_VALID) {
        claim_violation(p);
    } else {
        p->verdict.outcome = ORD_VALID;
        p->verdict.violation_count = 0;
        expect(p, false, "a violation was called a pass");
        p->verdict.outcome = ORD_INVALID;
        p->verdict.violation_count = 1;
    }
    for (uint32_t key = 0; key < p->calls.key_count; key++) {
        struct ord_proof *proof = &p->proofs[key];

        if (proof->count == 0)
            continue;
        if (proof->kind == ORD_PROOF_ORDER)
            change_order(p, proof);
        else
            change_core(p, proof);
    }
}

/* ---- what is counted ---------------------------------------------------- */

static void try_checker(struct prove *p, const struct ord_checker *checker,
                        struct ord_option option)
{
    struct ord_check_in in = {.history = p->history,
                              .arena = &p->arena,
                              .steps_max = STEPS_MAX,
                              .options = &option,
                              .option_count = option.name != NULL,
                              .wants_proof = true};
    bool is_violation;

    p->checker = checker->name;
    p->option = option;
    p->model = NULL;
    ord_check_run(checker, &in, &p->verdict);
    expect(p, true, "what a checker says");
    if (p->verdict.outcome == ORD_UNKNOWN)
        return;
    p->counted++;
    is_violation = p->verdict.outcome == ORD_INVALID;
    p->verdict.outcome = is_violation ? ORD_VALID : ORD_INVALID;
    p->verdict.violation_count = is_violation ? 0 : 1;
    expect(p, false, "what a checker says was turned round");
}

/* All other checkers, too; most have nothing to say of such a history. */
static void try_checkers(struct prove *p)
{
    static const struct {
        const char *checker;
        struct ord_option option;
    } options[] = {
        {"causal", {"level", "ccv"}},
        {"causal", {"level", "cm"}},
        {"consistent-prefix", {"log", "all"}},
        {"consistent-prefix", {"log", "none"}},
        {"k-atomicity", {"k", "1"}},
        {"k-atomicity", {"k", "3"}},
        {"linearizable", {NULL, NULL}}, /* by the model that fits */
        {"linearizable", {"strict", "true"}},
        {"monotonic-writes", {"readers", "any"}},
        {"staleness", {"max_versions", "0"}},
    };

    for (const struct ord_checker *const *c = ord_checkers();
         *c != NULL && p->wrong == NULL; c++) {
        if (strcmp((*c)->name, "linearizable") != 0)
            try_checker(p, *c, (struct ord_option){NULL, NULL});
        for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
            if (strcmp((*c)->name, options[i].checker) == 0 && p->wrong == NULL)
                try_checker(p, *c, options[i].option);
        }
    }
    p->option = (struct ord_option){NULL, NULL};
}

/* ---- many --------------------------------------------------------------- */

static void complain(struct prove *p, const char *family)
{
    struct ord_proof_file file;
    struct ord_buf text;

    ord_buf_init(&text, 1 << 20);
    small_print(&p->small, &text);
    (void)write_proof(p, &file);
    fprintf(stderr, "%s: %s: verify says: %s\n%s\n%s\n", family, p->wrong,
            p->got.why, ord_buf_str(&text), ord_buf_str(&file.out));
    ord_proof_discard(&file);
    ord_buf_fini(&text);
}

static bool try_one(struct prove *p, const struct small_family *family,
                    const struct ord_model *model)
{
    p->wrong = NULL;
    p->checker = "linearizable";
    p->model = family->model;
    ord_arena_reset(&p->arena);
    small_random(family, &p->rng, &p->small);
    if (!build(p))
        p->wrong = "the history cannot be built";
    else if (model != NULL && decide(p, model))
        try_all(p);
    else
        p->unknown++;
    if (p->wrong == NULL)
        try_checkers(p);
    if (p->wrong != NULL)
        complain(p, family->name);
    ord_history_free(&p->history);
    return p->wrong == NULL;
}

static bool try_family(struct prove *p, const struct small_family *family,
                       uint64_t count)
{
    const struct ord_model *model = ord_model_find(family->model);

    p->accepted = p->refused = p->unknown = p->not_minimal = 0;
    p->cores = p->core_calls = p->counted = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (!try_one(p, family, model))
            return false;
    }
    printf("%-16s %llu accepted, %llu refused, %llu undecided; %llu cores of "
           "%.1f calls, %llu not minimal; %llu counted again\n",
           family->name, (unsigned long long)p->accepted,
           (unsigned long long)p->refused, (unsigned long long)p->unknown,
           (unsigned long long)p->cores,
           p->cores == 0 ? 0.0 : (double)p->core_calls / (double)p->cores,
           (unsigned long long)p->not_minimal, (unsigned long long)p->counted);
    return true;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"count", required_argument, NULL, 'c'},
        {"seed", required_argument, NULL, 's'},
        {"family", required_argument, NULL, 'f'},
        {0},
    };
    static struct prove prove; /* too large for a stack */
    struct prove *p = &prove;
    uint64_t count = 1000;
    uint64_t seed = 1;
    const char *only = NULL;
    int option;
    int failures = 0;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c')
            count = strtoull(optarg, NULL, 10);
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'f')
            only = optarg;
        else
            return 64;
    }
    ord_arena_init(&p->arena, MEMORY_MAX);
    for (const struct small_family *f = small_families; f->name != NULL; f++) {
        p->rng = ord_rng_stream(seed, f->name, 0);
        if (only == NULL || strcmp(only, f->name) == 0)
            failures += !try_family(p, f, count);
    }
    ord_arena_fini(&p->arena);
    return failures == 0 ? 0 : 1;
}
