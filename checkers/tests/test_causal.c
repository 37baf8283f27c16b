/* test_causal.c -- tables from the literature, and random histories against the
 * definitions.  ORD_WEAK_COUNT and ORD_WEAK_SEED ask for more and others. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "checkers/registry.h"
#include "support_check.h"
#include "support_proof.h"
#include "support_weak.h"

#if defined(__SANITIZE_ADDRESS__)
enum { COUNT = 600 }; /* of each kind */
#else
enum { COUNT = 4000 };
#endif
enum { ARENA_MAX = 64 << 20 };

static uint64_t setting(const char *name, uint64_t preset)
{
    const char *text = getenv(name);

    return text == NULL ? preset : strtoull(text, NULL, 10);
}

static void explain(const struct ord_history *history, uint64_t seed, int store,
                    const char *level, const struct ord_verdict *verdict)
{
    struct ord_buf buf;

    ord_buf_init(&buf, 1 << 20);
    ORD_OPS (history, op) {
        ord_op_print(op, &buf);
        ord_buf_char(&buf, '\n');
    }
    cr_assert_fail("seed %llu, store %d, %s is %s: %s\n%s",
                   (unsigned long long)seed, store, level,
                   ord_outcome_name(verdict->outcome), verdict->why,
                   ord_buf_str(&buf));
}

struct level {
    const char *name;
    bool (*is_broken)(const struct weak *weak);
};

static const struct level levels[] = {
    {"cc", weak_breaks_cc},
    {"ccv", weak_breaks_ccv},
    {"cm", weak_breaks_cm},
};

enum { LEVELS = sizeof levels / sizeof *levels };

static void check_one(const struct weak *weak, uint64_t seed,
                      uint64_t broken[LEVELS])
{
    struct ord_history *history = weak_history(weak);

    for (size_t i = 0; i < LEVELS; i++) {
        struct ord_option option = {"level", levels[i].name};
        struct ord_verdict verdict;
        struct ord_arena arena;
        struct ord_check_in in = {.history = history,
                                  .arena = &arena,
                                  .options = &option,
                                  .option_count = 1,
                                  .wants_proof = true};
        bool is_broken = levels[i].is_broken(weak);

        ord_arena_init(&arena, ARENA_MAX);
        ord_check_run(&ord_checker_causal, &in, &verdict);
        broken[i] += is_broken;
        if ((verdict.outcome == ORD_INVALID) != is_broken ||
            (weak->is_open && verdict.outcome == ORD_VALID))
            explain(history, seed, (int)weak->store, levels[i].name, &verdict);
        check_proof(&ord_checker_causal, &in, &verdict, levels[i].name);
        ord_arena_fini(&arena);
    }
    ord_history_free(&history);
}

static void check_many(enum weak_store store, uint64_t broken[LEVELS])
{
    uint64_t count = setting("ORD_WEAK_COUNT", COUNT);
    uint64_t first = setting("ORD_WEAK_SEED", 1);

    for (uint64_t seed = first; seed < first + count; seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "weak", store);
        struct weak weak;

        weak_random(&weak, store, &rng);
        check_one(&weak, seed, broken);
    }
}

Test(causal, one_copy)
{
    uint64_t broken[LEVELS] = {0};

    check_many(WEAK_ONE_COPY, broken);
    for (size_t i = 0; i < LEVELS; i++)
        cr_expect_eq(broken[i], 0, "%s", levels[i].name);
}

Test(causal, converging)
{
    uint64_t broken[LEVELS] = {0};

    check_many(WEAK_CONVERGING, broken);
    cr_expect_eq(broken[0], 0);
    cr_expect_eq(broken[1], 0);
}

Test(causal, memory)
{
    uint64_t broken[LEVELS] = {0};

    check_many(WEAK_MEMORY, broken);
    cr_expect_eq(broken[0], 0);
    cr_expect_eq(broken[2], 0);
}

Test(causal, broken_stores)
{
    for (int store = WEAK_LAGGING; store < WEAK_STORES; store++) {
        uint64_t broken[LEVELS] = {0};

        check_many((enum weak_store)store, broken);
        for (size_t i = 0; i < LEVELS; i++)
            cr_expect_gt(broken[i], setting("ORD_WEAK_COUNT", COUNT) / 200,
                         "store %d, %s: %llu", store, levels[i].name,
                         (unsigned long long)broken[i]);
    }
}

/* Figure 3 of Bouajjani, Enea, Guerraoui and Hamza (POPL 2017). */
#define FIG_A /* cm, not ccv */                                                \
    "1 inv write kx 1; 1 ok write kx 1; 2 inv write kx 2; 2 ok write kx 2;"    \
    "1 inv read kx; 1 ok read kx 2; 2 inv read kx; 2 ok read kx 1"
#define FIG_B /* ccv, not cm */                                                \
    "1 inv write kz 1; 1 ok write kz 1; 1 inv write kx 1; 1 ok write kx 1;"    \
    "1 inv write ky 1; 1 ok write ky 1; 2 inv write kx 2; 2 ok write kx 2;"    \
    "2 inv read kz; 2 ok read kz nil; 2 inv read ky; 2 ok read ky 1;"          \
    "2 inv read kx; 2 ok read kx 2"
#define FIG_C /* cc, neither cm nor ccv */                                     \
    "1 inv write kx 1; 1 ok write kx 1; 2 inv write kx 2; 2 ok write kx 2;"    \
    "2 inv read kx; 2 ok read kx 1; 2 inv read kx; 2 ok read kx 2"
#define FIG_D /* all three, not sequential */                                  \
    "1 inv write kx 1; 1 ok write kx 1; 1 inv read ky; 1 ok read ky nil;"      \
    "1 inv write ky 1; 1 ok write ky 1; 1 inv read kx; 1 ok read kx 1;"        \
    "2 inv write kx 2; 2 ok write kx 2; 2 inv read ky; 2 ok read ky nil;"      \
    "2 inv write ky 2; 2 ok write ky 2; 2 inv read kx; 2 ok read kx 2"
#define FIG_E /* not cc */                                                     \
    "1 inv write kx 1; 1 ok write kx 1; 1 inv write ky 1; 1 ok write ky 1;"    \
    "2 inv read ky; 2 ok read ky 1; 2 inv write kx 2; 2 ok write kx 2;"        \
    "3 inv read kx; 3 ok read kx 2; 3 inv read kx; 3 ok read kx 1"

Test(causal, level_cc)
{
    static const struct check_row rows[] = {
        {FIG_A, ORD_VALID, "none of 2 reads"},
        {FIG_B, ORD_VALID, "none of 3 reads"},
        {FIG_C, ORD_VALID, NULL},
        {FIG_D, ORD_VALID, NULL},
        {FIG_E, ORD_INVALID, "WriteCORead"},
        {"1 inv write kx 1; 1 ok write kx 1; 2 inv read kx; 2 ok read kx 7",
         ORD_INVALID, "nobody had begun to write that value (ThinAirRead)"},
        {"1 inv write kx 1; 1 fail write kx 1; 2 inv read kx; 2 ok read kx 1",
         ORD_INVALID, "had been told that it failed"},
        {"2 inv read kx; 2 ok read kx 1; 1 inv write kx 1; 1 ok write kx 1",
         ORD_INVALID, "began only later"},
        /* The question is not there, though its answer is. */
        {"1 inv write kq 1; 1 ok write kq 1; 2 inv read kq; 2 ok read kq 1;"
         "2 inv write ka 2; 2 ok write ka 2; 3 inv read ka; 3 ok read ka 2;"
         "3 inv read kq; 3 ok read kq nil",
         ORD_INVALID, "WriteCOInitRead"},
        /* One session on two devices. */
        {"1 inv write kx 1 u7; 1 ok write kx 1 u7; 2 inv read kx u7;"
         "2 ok read kx nil u7",
         ORD_INVALID, "WriteCOInitRead"},
        {"1 inv write kx 1 u7; 2 inv read kx u7; 1 ok write kx 1 u7;"
         "2 ok read kx nil u7",
         ORD_VALID, NULL},
        /* An unfinished write that was seen happened; one that was not may
         * not have. */
        {"1 inv write kx 1; 1 info write kx 1; 2 inv read kx; 2 ok read kx 1;"
         "2 inv read kx; 2 ok read kx nil",
         ORD_INVALID, NULL},
        {"1 inv write kx 1; 1 ok write kx 1; 1 inv write kx 2; 1 info write kx "
         "2;"
         "2 inv read kx; 2 ok read kx 1; 2 inv read kx; 2 ok read kx 1",
         ORD_VALID, NULL},
        /* Each cas expected what the other put. */
        {"1 inv cas kx [2 1]; 2 inv cas kx [1 2]; 1 ok cas kx [2 1];"
         "2 ok cas kx [1 2]",
         ORD_INVALID, "ThinAirRead"},
        /* Real time is nobody's concern. */
        {"1 inv write kx 1; 1 ok write kx 1; 2 inv read kx; 2 ok read kx nil",
         ORD_VALID, NULL},
        {"1 inv write kx 1; 1 ok write kx 1; 1 inv write kx 1; 1 ok write kx 1;"
         "2 inv read kx; 2 ok read kx 1",
         ORD_UNKNOWN, "1 was written several times"},
        /* ... and what is certain is still said. */
        {"1 inv write kx 1; 1 ok write kx 1; 1 inv write kx 1; 1 ok write kx 1;"
         "2 inv read kx; 2 ok read kx 1; 1 inv read kx; 1 ok read kx nil",
         ORD_INVALID, "WriteCOInitRead"},
        {"1 inv add kx 1; 1 ok add kx 1; 1 inv read kx; 1 ok read kx [1]",
         ORD_UNKNOWN, "x is a set"},
        {"1 inv write kx 1; 1 ok write kx 1", ORD_UNKNOWN, "no read"},
        {"", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_causal, rows);
}

Test(causal, figures_of_popl_17)
{
    static const struct check_row rows[] = {
        {FIG_A, ORD_INVALID, "CyclicCF", {"level", "ccv"}},
        {FIG_A, ORD_VALID, NULL, {"level", "cm"}},
        {FIG_B, ORD_VALID, NULL, {"level", "ccv"}},
        {FIG_B, ORD_INVALID, "WriteHBInitRead", {"level", "cm"}},
        {FIG_C, ORD_INVALID, "CyclicCF", {"level", "ccv"}},
        {FIG_C, ORD_INVALID, "CyclicHB", {"level", "cm"}},
        {FIG_D, ORD_VALID, NULL, {"level", "ccv"}},
        {FIG_D, ORD_VALID, NULL, {"level", "cm"}},
        {FIG_E, ORD_INVALID, "WriteCORead", {"level", "ccv"}},
        {FIG_E, ORD_INVALID, "WriteCORead", {"level", "cm"}},
        {FIG_D, ORD_UNKNOWN, "level: cc, ccv or cm", {"level", "strong"}},
    };

    CHECK_ROWS(ord_checker_causal, rows);
}
