/* test_k_atomicity.c -- k-atomicity and staleness: tables, and random histories
 * against all orders.  ORD_WEAK_COUNT and ORD_WEAK_SEED ask for more. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/registry.h"
#include "support_check.h"
#include "support_proof.h"
#include "support_weak.h"

#if defined(__SANITIZE_ADDRESS__)
enum { COUNT = 200 }; /* of each kind */
#else
enum { COUNT = 1000 };
#endif
enum { ARENA_MAX = 64 << 20, K_MAX = 4 };

static uint64_t setting(const char *name, uint64_t preset)
{
    const char *text = getenv(name);

    return text == NULL ? preset : strtoull(text, NULL, 10);
}

/* ---- all orders ---------------------------------------------------------- */

struct question {
    const struct weak *w;
    int key;
    int k;
    int slack; /* of all: a comes before b only if b began later than that */
    int shift; /* by which reads began earlier */
};

static bool is_before(const struct question *q, int a, int b)
{
    const struct weak_deed *d = q->w->deeds;
    int64_t begin = q->w->calls[d[b].call].begin;
    int64_t end = q->w->calls[d[a].call].end;

    if (end == INT32_MAX)
        return false;
    return begin - (d[b].is_read ? q->shift : 0) - end > q->slack;
}

static bool takes_part(const struct question *q, int d)
{
    return weak_key(q->w, d) == q->key &&
           (!q->w->deeds[d].is_read || q->w->deeds[d].from >= WEAK_NIL);
}

/* May d be next, after those done, the last writes being in `writes`? */
static bool may_be_next(const struct question *q, const bool *is_done,
                        const int *writes, int count, int d)
{
    if (is_done[d] || !takes_part(q, d))
        return false;
    for (int i = 0; i < q->w->deed_count; i++) {
        if (takes_part(q, i) && !is_done[i] && i != d && is_before(q, i, d))
            return false;
    }
    if (!q->w->deeds[d].is_read)
        return true;
    for (int i = 0; i < q->k; i++) {
        int write = count - 1 - i < 0 ? WEAK_NIL : writes[count - 1 - i];

        if (write == q->w->deeds[d].from)
            return true;
        if (write == WEAK_NIL)
            break;
    }
    return false;
}

static bool has_order(const struct question *q)
{
    bool is_done[WEAK_DEEDS_MAX] = {false};
    int writes[WEAK_DEEDS_MAX];
    int chosen[WEAK_DEEDS_MAX];
    int write_count = 0;
    int depth = 0;
    int next = 0;
    int all = 0;

    for (int i = 0; i < q->w->deed_count; i++)
        all += takes_part(q, i);
    for (;;) {
        while (next < q->w->deed_count &&
               !may_be_next(q, is_done, writes, write_count, next))
            next++;
        if (depth == all)
            return true;
        if (next < q->w->deed_count) {
            chosen[depth++] = next;
            is_done[next] = true;
            if (!q->w->deeds[next].is_read)
                writes[write_count++] = next;
            /* A read that may come now may as well: it stands in nobody's
             * way, so another choice is as good only where it is a write. */
            next = 0;
            continue;
        }
        do {
            if (depth == 0)
                return false;
            next = chosen[--depth];
            is_done[next] = false;
            if (!q->w->deeds[next].is_read)
                write_count--;
        } while (q->w->deeds[next].is_read && depth > 0);
        if (q->w->deeds[next].is_read)
            return false;
        next++;
    }
}

static bool is_atomic(const struct weak *w, int k, int slack, int shift)
{
    for (int key = 0; key < WEAK_KEYS_MAX; key++) {
        struct question q = {w, key, k, slack, shift};

        if (!has_order(&q))
            return false;
    }
    return true;
}

/* ---- random histories ---------------------------------------------------- */

static double stat_of(const struct ord_verdict *verdict, const char *name)
{
    for (uint32_t i = 0; i < verdict->stat_count; i++) {
        if (strcmp(verdict->stats[i].name, name) == 0)
            return verdict->stats[i].value;
    }
    return -1;
}

static void explain(const struct ord_history *history, uint64_t seed, int store,
                    const char *what, const struct ord_verdict *verdict)
{
    struct ord_buf buf;

    ord_buf_init(&buf, 1 << 20);
    ORD_OPS (history, op) {
        ord_op_print(op, &buf);
        ord_buf_char(&buf, '\n');
    }
    cr_assert_fail("seed %llu, store %d, %s: %s: %s, delta %g, gamma %g\n%s",
                   (unsigned long long)seed, store, what,
                   ord_outcome_name(verdict->outcome), verdict->why,
                   stat_of(verdict, "delta_ms"), stat_of(verdict, "gamma_ms"),
                   ord_buf_str(&buf));
}

static void judge(const struct ord_checker *checker,
                  const struct ord_history *history, struct ord_option option,
                  struct ord_verdict *verdict)
{
    struct ord_arena arena;
    struct ord_check_in in = {.history = history,
                              .arena = &arena,
                              .options = &option,
                              .option_count = option.name != NULL,
                              .wants_proof = true};

    ord_arena_init(&arena, ARENA_MAX);
    ord_check_run(checker, &in, verdict);
    check_proof(checker, &in, verdict, option.value);
    ord_arena_fini(&arena);
    verdict->proof = NULL;
}

static void check_k(const struct weak *w, const struct ord_history *history,
                    uint64_t seed, uint64_t found[K_MAX + 1])
{
    for (int k = 1; k <= K_MAX; k++) {
        char text[2] = {(char)('0' + k), '\0'};
        struct ord_option option = {"k", text};
        struct ord_verdict verdict;
        bool is_good = !weak_is_thin(w) && is_atomic(w, k, 0, 0);

        judge(&ord_checker_k_atomicity, history, option, &verdict);
        found[k] += !is_good;
        if ((verdict.outcome == ORD_INVALID && is_good) ||
            (verdict.outcome == ORD_VALID && !is_good) ||
            (k <= 2 && verdict.outcome == ORD_UNKNOWN && !is_good) ||
            (k <= 2 && verdict.outcome == ORD_UNKNOWN && !w->is_open &&
             stat_of(&verdict, "reads") > 0))
            explain(history, seed, (int)w->store, text, &verdict);
    }
}

static void check_figures(const struct weak *w,
                          const struct ord_history *history, uint64_t seed)
{
    struct ord_verdict verdict;
    struct ord_option none = {NULL, NULL};
    double most = 0;
    int delta = 0;
    int gamma = 0;

    judge(&ord_checker_staleness, history, none, &verdict);
    if (verdict.outcome != ORD_VALID || weak_is_thin(w))
        return;
    for (int r = 0; r < w->deed_count; r++) {
        const struct weak_call *read = &w->calls[w->deeds[r].call];
        int from = w->deeds[r].from;
        double newer = 0;

        if (!w->deeds[r].is_read || from < WEAK_NIL)
            continue;
        for (int x = 0; x < w->deed_count; x++) {
            const struct weak_call *other = &w->calls[w->deeds[x].call];

            newer += !w->deeds[x].is_read && other->key == read->key &&
                     other->end < read->begin &&
                     (from == WEAK_NIL ||
                      other->begin > w->calls[w->deeds[from].call].end);
        }
        most = newer > most ? newer : most;
    }
    while (!is_atomic(w, 1, gamma, 0))
        gamma++;
    while (!is_atomic(w, 1, 0, delta))
        delta++;
    if (most != stat_of(&verdict, "versions_max") ||
        (double)gamma != stat_of(&verdict, "gamma_ms") ||
        (double)delta != stat_of(&verdict, "delta_ms")) {
        (void)fprintf(stderr, "want %g, delta %d, gamma %d\n", most, delta,
                      gamma);
        explain(history, seed, (int)w->store, "figures", &verdict);
    }
}

static void check_many(enum weak_store store, uint64_t found[K_MAX + 1])
{
    uint64_t count = setting("ORD_WEAK_COUNT", COUNT);
    uint64_t first = setting("ORD_WEAK_SEED", 1);

    for (uint64_t seed = first; seed < first + count; seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "weak", store);
        struct ord_history *history = NULL;
        struct weak weak;

        weak_random(&weak, store, &rng);
        history = weak_history(&weak);
        check_k(&weak, history, seed, found);
        check_figures(&weak, history, seed);
        ord_history_free(&history);
    }
}

Test(k_atomicity, one_copy)
{
    uint64_t found[K_MAX + 1] = {0};

    check_many(WEAK_ONE_COPY, found);
    cr_expect_eq(found[1], 0);
}

Test(k_atomicity, broken_stores)
{
    for (int store = WEAK_CONVERGING; store < WEAK_STORES; store++) {
        uint64_t found[K_MAX + 1] = {0};

        check_many((enum weak_store)store, found);
        for (int k = 1; store >= WEAK_LAGGING && k <= 2; k++)
            cr_expect_gt(found[k], setting("ORD_WEAK_COUNT", COUNT) / 300,
                         "store %d, k %d: %llu", store, k,
                         (unsigned long long)found[k]);
    }
}

#define W123                                                                   \
    "1 inv write 1 @0; 1 ok write 1 @10; 1 inv write 2 @20; 1 ok write 2 @30;" \
    "1 inv write 3 @40; 1 ok write 3 @50;"

Test(k_atomicity, tables)
{
    static const struct check_row rows[] = {
        {W123 "2 inv read @60; 2 ok read 2 @70", ORD_VALID, "last 2 writes"},
        {W123 "2 inv read @60; 2 ok read 1 @70", ORD_INVALID,
         "2 newer writes had happened before the read began, so that it is 2 "
         "versions behind"},
        {W123 "2 inv read @60; 2 ok read nil @70", ORD_INVALID, "3 versions"},
        {W123 "2 inv read; 2 ok read 2",
         ORD_INVALID,
         "1 newer write",
         {"k", "1"}},
        {W123 "2 inv read; 2 ok read 1", ORD_VALID, NULL, {"k", "3"}},
        {W123 "2 inv read; 2 ok read nil", ORD_INVALID, NULL, {"k", "3"}},
        {W123 "2 inv read; 2 ok read nil", ORD_VALID, NULL, {"k", "4"}},
        /* Nothing is certainly behind, and yet one order will not do. */
        {"1 inv write 1; 2 inv write 2; 1 ok write 1; 2 ok write 2;"
         "3 inv read; 3 ok read 1; 3 inv read; 3 ok read 2;"
         "3 inv read; 3 ok read 1",
         ORD_INVALID,
         "have no order",
         {"k", "1"}},
        {"1 inv write 1; 2 inv write 2; 1 ok write 1; 2 ok write 2;"
         "3 inv read; 3 ok read 1; 3 inv read; 3 ok read 2;"
         "3 inv read; 3 ok read 1",
         ORD_VALID,
         NULL,
         {"k", "2"}},
        /* Three values that take turns. */
        {"1 inv write 1; 2 inv write 2; 4 inv write 3; 1 ok write 1;"
         "2 ok write 2; 4 ok write 3; 3 inv read; 3 ok read 1; 3 inv read;"
         "3 ok read 2; 3 inv read; 3 ok read 3; 3 inv read; 3 ok read 1",
         ORD_INVALID,
         "one of the last two writes",
         {"k", "2"}},
        {W123 "2 inv read; 2 ok read 9", ORD_INVALID, "nobody had begun"},
        {W123 "1 inv write 3; 1 ok write 3; 2 inv read; 2 ok read 3",
         ORD_UNKNOWN, "more than once"},
        {W123, ORD_UNKNOWN, "no read"},
        {W123 "2 inv read; 2 ok read 3",
         ORD_UNKNOWN,
         "k: a number",
         {"k", "none"}},
        {"1 inv append 1; 1 ok append 1; 2 inv read; 2 ok read [1]",
         ORD_UNKNOWN, "is a list"},
    };

    CHECK_ROWS(ord_checker_k_atomicity, rows);
}

Test(staleness, tables)
{
    static const struct check_row rows[] = {
        {W123 "2 inv read @60; 2 ok read 1 @70", ORD_VALID,
         "of 1 reads 1 were stale; the furthest was 2 versions, the oldest 30 "
         "ms behind"},
        {W123 "2 inv read @60; 2 ok read 1 @70",
         ORD_INVALID,
         "2 versions behind: process 1's write of 2, newer than 1, had been "
         "acknowledged at 0.030 s, 30 ms before",
         {"max_versions", "1"}},
        {W123 "2 inv read @60; 2 ok read 1 @70",
         ORD_VALID,
         "none beyond the limit",
         {"max_versions", "2"}},
        {W123 "2 inv read @60; 2 ok read 1 @70",
         ORD_INVALID,
         NULL,
         {"max_ms", "29"}},
        {W123 "2 inv read @60; 2 ok read 1 @70",
         ORD_VALID,
         NULL,
         {"max_ms", "30"}},
        {W123 "2 inv read; 2 ok read 9", ORD_UNKNOWN, "no read"},
        {W123 "1 inv write 3; 1 ok write 3; 2 inv read; 2 ok read 3;"
              "2 inv read; 2 ok read 2",
         ORD_UNKNOWN,
         "more than once",
         {"max_versions", "5"}},
        {W123 "2 inv read; 2 ok read 3",
         ORD_UNKNOWN,
         "max_ms: a number",
         {"max_ms", "soon"}},
    };

    CHECK_ROWS(ord_checker_staleness, rows);
}

Test(staleness, figures)
{
    struct checked got;

    checked_init(&got, &ord_checker_staleness,
                 W123 "2 inv read @60; 2 ok read 1 @70;"
                      "2 inv read @80; 2 ok read 3 @90");
    cr_expect_eq(checked_stat(&got, "versions_p50"), 0);
    cr_expect_eq(checked_stat(&got, "versions_p99"), 2);
    cr_expect_eq(checked_stat(&got, "age_max_ms"), 30);
    cr_expect_eq(checked_stat(&got, "stale_share"), 0.5);
    /* The read must have begun at 30, when the second write ended. */
    cr_expect_eq(checked_stat(&got, "delta_ms"), 30);
    /* Or the first write and the second have been longer, to overlap. */
    cr_expect_eq(checked_stat(&got, "gamma_ms"), 10);
    checked_fini(&got);
}
