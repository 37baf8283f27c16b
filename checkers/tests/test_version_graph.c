/* test_version_graph.c -- monotonic-writes and writes-follow-reads: tables, and
 * random histories against the definition. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/registry.h"
#include "support_check.h"
#include "support_proof.h"
#include "support_weak.h"

#if defined(__SANITIZE_ADDRESS__)
enum { COUNT = 1000 }; /* of each kind */
#else
enum { COUNT = 10000 };
#endif
enum { ARENA_MAX = 64 << 20 };

static uint64_t setting(const char *name, uint64_t preset)
{
    const char *text = getenv(name);

    return text == NULL ? preset : strtoull(text, NULL, 10);
}

/* The version of a deed: the deed that wrote it; -1: none. */
static int version(const struct weak *w, int d)
{
    if (!w->deeds[d].is_read)
        return d;
    return w->deeds[d].from < 0 || weak_is_thin(w) ? -1 : w->deeds[d].from;
}

static bool is_broken(const struct weak *w, bool is_mw, bool trusts_readers)
{
    bool m[WEAK_DEEDS_MAX][WEAK_DEEDS_MAX] = {{false}};
    bool kept[WEAK_DEEDS_MAX][WEAK_DEEDS_MAX] = {{false}};

    for (int a = 0; a < w->deed_count; a++) {
        for (int b = 0; b < w->deed_count; b++) {
            int x = version(w, a);
            int y = version(w, b);
            bool is_cas = w->deeds[a].call == w->deeds[b].call;

            if (!w->so[a][b] || weak_key(w, a) != weak_key(w, b) || x < 0 ||
                y < 0 || x == y)
                continue;
            if (is_cas) {
                m[x][y] = true;
            } else if (w->deeds[b].is_read) {
                m[x][y] = m[x][y] || trusts_readers;
            } else if (w->deeds[a].is_read != is_mw) {
                m[x][y] = true;
                kept[x][y] = true;
            }
        }
    }
    weak_close(m, w->deed_count);
    for (int a = 0; a < w->deed_count; a++) {
        for (int b = 0; b < w->deed_count; b++) {
            if (kept[a][b] && m[b][a])
                return true;
        }
    }
    return false;
}

static void explain(const struct ord_history *history, uint64_t seed, int store,
                    int rule, const struct ord_verdict *verdict)
{
    struct ord_buf buf;

    ord_buf_init(&buf, 1 << 20);
    ORD_OPS (history, op) {
        ord_op_print(op, &buf);
        ord_buf_char(&buf, '\n');
    }
    cr_assert_fail("seed %llu, store %d, rule %d is %s: %s\n%s",
                   (unsigned long long)seed, store, rule,
                   ord_outcome_name(verdict->outcome), verdict->why,
                   ord_buf_str(&buf));
}

static void check_one(const struct weak *w, uint64_t seed, uint64_t found[3])
{
    static const struct ord_checker *const checkers[] = {
        &ord_checker_monotonic_writes, &ord_checker_writes_follow_reads,
        &ord_checker_monotonic_writes};
    struct ord_history *history = weak_history(w);

    for (int i = 0; i < 3; i++) {
        struct ord_option option = {"readers", "any"};
        struct ord_verdict verdict;
        struct ord_arena arena;
        struct ord_check_in in = {.history = history,
                                  .arena = &arena,
                                  .options = &option,
                                  .option_count = i == 2,
                                  .wants_proof = true};
        bool want = is_broken(w, i != 1, i != 2);

        ord_arena_init(&arena, ARENA_MAX);
        ord_check_run(checkers[i], &in, &verdict);
        found[i] += want;
        if ((verdict.outcome == ORD_INVALID) != want)
            explain(history, seed, (int)w->store, i, &verdict);
        check_proof(checkers[i], &in, &verdict, checkers[i]->name);
        ord_arena_fini(&arena);
    }
    ord_history_free(&history);
}

static void check_many(enum weak_store store, uint64_t found[3])
{
    uint64_t count = setting("ORD_WEAK_COUNT", COUNT);
    uint64_t first = setting("ORD_WEAK_SEED", 1);

    for (uint64_t seed = first; seed < first + count; seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "weak", store);
        struct weak weak;

        weak_random(&weak, store, &rng);
        /* What comes out of thin air is another's to tell. */
        if (!weak_is_thin(&weak))
            check_one(&weak, seed, found);
    }
}

Test(version_graph, sound_stores)
{
    for (int store = WEAK_ONE_COPY; store <= WEAK_CONVERGING; store++) {
        uint64_t found[3] = {0};

        check_many((enum weak_store)store, found);
        for (int i = 0; i < 3; i++)
            cr_expect_eq(found[i], 0, "store %d, rule %d", store, i);
    }
}

Test(version_graph, broken_stores)
{
    for (int store = WEAK_MEMORY; store < WEAK_STORES; store++) {
        uint64_t found[3] = {0};

        check_many((enum weak_store)store, found);
        for (int i = 0; store >= WEAK_LAGGING && i < 2; i++)
            cr_expect_gt(found[i], 0, "store %d, rule %d: %llu", store, i,
                         (unsigned long long)found[i]);
    }
}

Test(version_graph, monotonic_writes)
{
    static const struct check_row rows[] = {
        /* Terry et al., section 3.3: the older version comes last. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "2 inv read; 2 ok read 2; 2 inv read; 2 ok read 1",
         ORD_INVALID,
         "process 1 wrote 1 at 0.001 s, and then process 1 wrote 2 at 0.003 s; "
         "but the other way round: process 2 read 2 at 0.004 s, and then "
         "process 2 read 1 at 0.006 s (unless these reads went back)"},
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "2 inv read; 2 ok read 1; 2 inv read; 2 ok read 2",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "2 inv read; 2 ok read 2; 2 inv read; 2 ok read 1",
         ORD_VALID,
         NULL,
         {"readers", "any"}},
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "2 inv cas [2 3]; 2 ok cas [2 3]; 3 inv cas [3 1]; 3 ok cas [3 1];"
         "2 inv read; 2 ok read 1",
         ORD_UNKNOWN,
         "more than once",
         {"readers", "any"}},
        /* Two devices of one session, one after the other. */
        {"1 inv write 1 u7; 1 ok write 1 u7; 2 inv write 2 u7;"
         "2 ok write 2 u7; 3 inv read; 3 ok read 2; 3 inv read; 3 ok read 1",
         ORD_INVALID, NULL},
        /* ... at the same time. */
        {"1 inv write 1 u7; 2 inv write 2 u7; 1 ok write 1 u7;"
         "2 ok write 2 u7; 3 inv read; 3 ok read 2; 3 inv read; 3 ok read 1",
         ORD_UNKNOWN, "no session wrote twice"},
        /* The second was not acknowledged, but it was seen. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 info write 2;"
         "2 inv read; 2 ok read 2; 2 inv read; 2 ok read 1",
         ORD_INVALID, NULL},
        /* Through the versions of others. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "2 inv write 3; 2 ok write 3; 4 inv read; 4 ok read 2; 4 inv read;"
         "4 ok read 3; 5 inv read; 5 ok read 3; 5 inv read; 5 ok read 1",
         ORD_INVALID, NULL},
        /* Of different sessions nothing is promised. */
        {"1 inv write 1; 1 ok write 1; 2 inv write 2; 2 ok write 2;"
         "2 inv write 3; 2 ok write 3; 3 inv read; 3 ok read 2; 3 inv read;"
         "3 ok read 1",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2",
         ORD_UNKNOWN, "no read"},
        {"", ORD_UNKNOWN, NULL},
        {"1 inv write 1; 1 ok write 1",
         ORD_UNKNOWN,
         "readers: monotonic or",
         {"readers", "x"}},
    };

    CHECK_ROWS(ord_checker_monotonic_writes, rows);
}

Test(version_graph, writes_follow_reads)
{
    static const struct check_row rows[] = {
        /* 2 was written by one who had seen 1. */
        {"1 inv write 1; 1 ok write 1; 2 inv read; 2 ok read 1;"
         "2 inv write 2; 2 ok write 2; 3 inv read; 3 ok read 2;"
         "3 inv read; 3 ok read 1",
         ORD_INVALID, "a write after a read did not keep its place"},
        {"1 inv write 1; 1 ok write 1; 2 inv read; 2 ok read 1;"
         "2 inv write 2; 2 ok write 2; 3 inv read; 3 ok read 1;"
         "3 inv read; 3 ok read 2",
         ORD_VALID, NULL},
        /* The read had not ended. */
        {"1 inv write 1; 1 ok write 1; 4 inv read u2; 2 inv write 2 u2;"
         "4 ok read 1 u2; 2 ok write 2 u2; 3 inv read; 3 ok read 2;"
         "3 inv read; 3 ok read 1",
         ORD_UNKNOWN, "no session read and then wrote"},
        /* A session's first write, too, is before what it reads later. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "1 inv read; 1 ok read 3; 2 inv read; 2 ok read 3;"
         "3 inv read; 3 ok read 9; 3 inv write 3; 3 ok write 3",
         ORD_UNKNOWN, NULL},
        {"1 inv write 1; 1 ok write 1; 1 inv write 1; 1 ok write 1;"
         "2 inv read; 2 ok read 1; 2 inv write 2; 2 ok write 2",
         ORD_UNKNOWN, "more than once"},
        {"", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_writes_follow_reads, rows);
}

/* One violation for all versions on a cycle, were they ever so many; and its
 * proof is accepted. */
Test(version_graph, many_writes_once)
{
    struct checked got;
    struct ord_buf text;

    ord_buf_init(&text, 1 << 20);
    for (int i = 1; i <= 1200; i++)
        ord_buf_printf(&text, "0 inv write %d; 0 ok write %d;", i, i);
    ord_buf_text(&text, "1 inv read; 1 ok read 1200; 1 inv read; 1 ok read 1");
    checked_init(&got, &ord_checker_monotonic_writes, ord_buf_str(&text));
    cr_expect_eq(got.verdict.outcome, ORD_INVALID);
    cr_expect_eq(got.verdict.violation_count, 1);
    checked_fini(&got);
    ord_buf_fini(&text);
}
