/* test_store.c -- tens of thousands of histories of simulated stores: a sound
 * one must never be accused, an anomaly that is certain must always be found.
 *
 * ORD_STORE_COUNT and ORD_STORE_SEED ask for more and others.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/registry.h"
#include "support_proof.h"
#include "support_store.h"

#if defined(__SANITIZE_ADDRESS__)
enum { COUNT = 600 }; /* of each kind; under a sanitizer all takes longer */
#else
enum { COUNT = 3000 };
#endif
enum { ARENA_MAX = 64 << 20, STEPS_MAX = 1000000 };

static uint64_t setting(const char *name, uint64_t preset)
{
    const char *text = getenv(name);

    return text == NULL ? preset : strtoull(text, NULL, 10);
}

static enum ord_outcome judge(const struct ord_checker *checker,
                              const struct store *store,
                              struct ord_verdict *verdict)
{
    struct ord_arena arena;
    struct ord_check_in in = {.history = store->history,
                              .arena = &arena,
                              .steps_max = STEPS_MAX,
                              .wants_proof = true};

    ord_arena_init(&arena, ARENA_MAX);
    ord_check_run(checker, &in, verdict);
    check_proof(checker, &in, verdict, checker->name);
    ord_arena_fini(&arena);
    return verdict->outcome;
}

static void explain(const struct store *store, const char *checker,
                    const struct ord_verdict *verdict, uint64_t seed)
{
    struct ord_buf buf;

    ord_buf_init(&buf, 1 << 20);
    ORD_OPS (store->history, op) {
        ord_op_print(op, &buf);
        ord_buf_char(&buf, '\n');
    }
    cr_assert_fail("seed %llu, defect %d: %s is %s: %s\n%s",
                   (unsigned long long)seed, (int)store->defect, checker,
                   ord_outcome_name(verdict->outcome), verdict->why,
                   ord_buf_str(&buf));
}

struct rule {
    const struct ord_checker *checker;
    bool (*is_certain)(const struct store *store);
};

static const struct rule rules[] = {
    {&ord_checker_stale, store_is_stale},
    {&ord_checker_monotonic_reads, store_goes_back},
    {&ord_checker_read_your_writes, store_misses_own},
    {&ord_checker_lost, store_has_lost},
    {&ord_checker_convergence, store_diverged},
    {&ord_checker_split_brain, store_is_split},
};

enum { RULES = sizeof rules / sizeof *rules };

/* How often each rule was broken. */
static void check_one(const struct store *store, uint64_t seed,
                      uint64_t broken[RULES])
{
    struct ord_verdict verdict;
    bool is_linear =
        judge(&ord_checker_linearizable, store, &verdict) != ORD_INVALID;

    if (store->defect == STORE_SOUND && !is_linear)
        explain(store, "linearizable", &verdict, seed);
    for (size_t i = 0; i < RULES; i++) {
        bool is_found = judge(rules[i].checker, store, &verdict) == ORD_INVALID;
        bool is_certain = rules[i].is_certain(store);

        broken[i] += is_certain;
        if (is_found != is_certain ||
            (is_found && store->defect == STORE_SOUND))
            explain(store, rules[i].checker->name, &verdict, seed);
        /* Another algorithm must see it, too: what sessions and stale reads
         * show of a register breaks linearizability. */
        if (is_found && i < 3 && store->kind == STORE_REGISTER && is_linear)
            explain(store, rules[i].checker->name, &verdict, seed);
    }
}

static void check_many(enum store_defect defect, uint64_t broken[RULES])
{
    uint64_t count = setting("ORD_STORE_COUNT", COUNT);
    uint64_t first = setting("ORD_STORE_SEED", 1);
    struct store *store = calloc(1, sizeof *store);

    cr_assert_not_null(store);
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "store", defect);

        store_random(store, defect, &rng);
        check_one(store, seed, broken);
        store_fini(store);
    }
    free(store);
}

Test(store, a_sound_one_is_never_accused)
{
    uint64_t broken[RULES] = {0};

    for (int i = 0; i < 4; i++)
        check_many(STORE_SOUND, broken);
    for (size_t i = 0; i < RULES; i++)
        cr_expect_eq(broken[i], 0, "%s", rules[i].checker->name);
}

/* Each defect shows itself often enough for the test to mean something. */
static void expect(enum store_defect defect, const struct ord_checker *checker)
{
    uint64_t broken[RULES] = {0};

    check_many(defect, broken);
    for (size_t i = 0; i < RULES; i++) {
        if (rules[i].checker == checker)
            cr_expect_gt(broken[i], setting("ORD_STORE_COUNT", COUNT) / 20,
                         "%s: %llu", checker->name,
                         (unsigned long long)broken[i]);
    }
}

Test(store, stale_replicas)
{
    uint64_t broken[RULES] = {0};

    check_many(STORE_STALE, broken);
    for (size_t i = 0; i < 3; i++)
        cr_expect_gt(broken[i], setting("ORD_STORE_COUNT", COUNT) / 20,
                     "%s: %llu", rules[i].checker->name,
                     (unsigned long long)broken[i]);
}

Test(store, forgotten_writes)
{
    expect(STORE_FORGETS, &ord_checker_lost);
}

Test(store, repeated_writes)
{
    expect(STORE_REPEATS, &ord_checker_lost);
}

Test(store, failed_writes_that_happen)
{
    expect(STORE_LIES, &ord_checker_lost);
}

Test(store, replicas_that_stay_behind)
{
    expect(STORE_DIVERGES, &ord_checker_convergence);
}

Test(store, two_heads)
{
    expect(STORE_TWO_HEADS, &ord_checker_split_brain);
}
