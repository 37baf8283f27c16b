/* test_sequential.c -- tables, and random histories against all orders.
 * ORD_WEAK_COUNT and ORD_WEAK_SEED ask for more and others. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "checkers/registry.h"
#include "support_check.h"
#include "support_proof.h"
#include "support_weak.h"

#if defined(__SANITIZE_ADDRESS__)
enum { COUNT = 400 }; /* of each kind */
#else
enum { COUNT = 5000 };
#endif
enum { ARENA_MAX = 64 << 20 };

static uint64_t setting(const char *name, uint64_t preset)
{
    const char *text = getenv(name);

    return text == NULL ? preset : strtoull(text, NULL, 10);
}

static void check_one(const struct weak *w, uint64_t seed, uint64_t *broken)
{
    struct ord_history *history = weak_history(w);
    bool want = weak_is_thin(w) || !weak_is_sequential(w);
    struct ord_verdict verdict;
    struct ord_arena arena;
    struct ord_buf buf;
    struct ord_check_in in = {
        .history = history, .arena = &arena, .wants_proof = true};

    ord_buf_init(&buf, 1 << 20);
    ord_arena_init(&arena, ARENA_MAX);
    ord_check_run(&ord_checker_sequential, &in, &verdict);
    *broken += want && !w->is_open;
    ORD_OPS (history, op) {
        ord_op_print(op, &buf);
        ord_buf_char(&buf, '\n');
    }
    cr_assert(w->is_open ? verdict.outcome != ORD_VALID
                         : (verdict.outcome == ORD_INVALID) == want,
              "seed %llu, store %d: %s: %s\n%s", (unsigned long long)seed,
              (int)w->store, ord_outcome_name(verdict.outcome), verdict.why,
              ord_buf_str(&buf));
    check_proof(&ord_checker_sequential, &in, &verdict, ord_buf_str(&buf));
    ord_arena_fini(&arena);
    ord_buf_fini(&buf);
    ord_history_free(&history);
}

static void check_many(enum weak_store store, uint64_t *broken)
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

Test(sequential, at_random)
{
    for (int store = 0; store < WEAK_STORES; store++) {
        uint64_t broken = 0;

        check_many((enum weak_store)store, &broken);
        if (store == WEAK_ONE_COPY)
            cr_expect_eq(broken, 0);
        else if (store >= WEAK_LAGGING)
            cr_expect_gt(broken, 0);
    }
}

Test(sequential, tables)
{
    static const struct check_row rows[] = {
        /* Real time is nobody's concern. */
        {"1 inv write kx 1; 1 ok write kx 1; 2 inv read kx; 2 ok read kx nil",
         ORD_VALID, "one order explains all 2"},
        /* Both see only their own write: store buffers. */
        {"1 inv write kx 1; 1 ok write kx 1; 2 inv write ky 1;"
         "2 ok write ky 1; 1 inv read ky; 1 ok read ky nil;"
         "2 inv read kx; 2 ok read kx nil",
         ORD_INVALID, "there is no one order"},
        {"1 inv write kx 1; 1 ok write kx 1; 2 inv write ky 1;"
         "2 ok write ky 1; 1 inv read ky; 1 ok read ky nil;"
         "2 inv read kx; 2 ok read kx 1",
         ORD_VALID, NULL},
        /* Two readers who disagree on the order of two writes. */
        {"1 inv write kx 1; 1 ok write kx 1; 2 inv write kx 2;"
         "2 ok write kx 2; 3 inv read kx; 3 ok read kx 1; 3 inv read kx;"
         "3 ok read kx 2; 4 inv read kx; 4 ok read kx 2; 4 inv read kx;"
         "4 ok read kx 1",
         ORD_INVALID, NULL},
        {"1 inv write kx 1; 1 ok write kx 1; 2 inv read kx; 2 ok read kx 7",
         ORD_INVALID, "nobody had begun to write that value"},
        {"1 inv write 1; 1 ok write 1; 1 inv write 1; 1 ok write 1;"
         "2 inv read; 2 ok read 1",
         ORD_UNKNOWN, "more than once"},
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read [1]", ORD_UNKNOWN,
         "is a set"},
        {"", ORD_UNKNOWN, "no read"},
    };

    CHECK_ROWS(ord_checker_sequential, rows);
}
