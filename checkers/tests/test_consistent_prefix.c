/* test_consistent_prefix.c -- tables, and random histories against the
 * definition.  ORD_WEAK_COUNT and ORD_WEAK_SEED ask for more and others. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/registry.h"
#include "support_check.h"
#include "support_proof.h"
#include "support_weak.h"

#if defined(__SANITIZE_ADDRESS__)
enum { COUNT = 500 }; /* of each kind */
#else
enum { COUNT = 10000 };
#endif
enum { ARENA_MAX = 64 << 20 };

static const char *const logs[] = {"none", "key", "all"};

static uint64_t setting(const char *name, uint64_t preset)
{
    const char *text = getenv(name);

    return text == NULL ? preset : strtoull(text, NULL, 10);
}

static int32_t known(const struct weak *w, int write)
{
    int32_t place = w->calls[w->deeds[write].call].end;

    for (int r = 0; r < w->deed_count; r++) {
        if (w->deeds[r].is_read && w->deeds[r].from == write &&
            w->calls[w->deeds[r].call].end < place)
            place = w->calls[w->deeds[r].call].end;
    }
    return place;
}

static bool is_broken(const struct weak *w, int log)
{
    bool m[WEAK_DEEDS_MAX][WEAK_DEEDS_MAX];

    memcpy(m, w->co, sizeof m);
    for (int a = 0; log > 0 && a < w->deed_count; a++) {
        for (int b = 0; b < w->deed_count; b++) {
            if (!w->deeds[a].is_read && !w->deeds[b].is_read &&
                (log == 2 || weak_key(w, a) == weak_key(w, b)) &&
                known(w, a) < w->calls[w->deeds[b].call].begin)
                m[a][b] = true;
        }
    }
    weak_close(m, w->deed_count);
    for (int r = 0; r < w->deed_count; r++) {
        int from = w->deeds[r].from;

        if (!w->deeds[r].is_read || from < WEAK_NIL)
            continue;
        for (int x = 0; x < w->deed_count; x++) {
            if (!w->deeds[x].is_read && x != from &&
                weak_key(w, x) == weak_key(w, r) && m[x][r] &&
                (from == WEAK_NIL || m[from][x]))
                return true;
        }
    }
    return false;
}

static void check_one(const struct weak *w, uint64_t seed, uint64_t found[3])
{
    struct ord_history *history = weak_history(w);

    for (int i = 0; i < 3; i++) {
        struct ord_option option = {"log", logs[i]};
        struct ord_verdict verdict;
        struct ord_arena arena;
        struct ord_buf buf;
        struct ord_check_in in = {.history = history,
                                  .arena = &arena,
                                  .options = &option,
                                  .option_count = 1,
                                  .wants_proof = true};
        bool want = is_broken(w, i);

        ord_buf_init(&buf, 1 << 20);
        ord_arena_init(&arena, ARENA_MAX);
        ord_check_run(&ord_checker_consistent_prefix, &in, &verdict);
        found[i] += want;
        ORD_OPS (history, op) {
            ord_op_print(op, &buf);
            ord_buf_char(&buf, '\n');
        }
        cr_assert_eq(verdict.outcome == ORD_INVALID, want,
                     "seed %llu, store %d, log %s: %s: %s\n%s",
                     (unsigned long long)seed, (int)w->store, logs[i],
                     ord_outcome_name(verdict.outcome), verdict.why,
                     ord_buf_str(&buf));
        check_proof(&ord_checker_consistent_prefix, &in, &verdict,
                    ord_buf_str(&buf));
        ord_arena_fini(&arena);
        ord_buf_fini(&buf);
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
        if (!weak_is_thin(&weak))
            check_one(&weak, seed, found);
    }
}

Test(consistent_prefix, registers_at_random)
{
    for (int store = 0; store < WEAK_STORES; store++) {
        uint64_t found[3] = {0};

        check_many((enum weak_store)store, found);
        for (int i = 0; i < 3; i++) {
            if (store == WEAK_ONE_COPY || (i == 0 && store <= WEAK_MEMORY))
                cr_expect_eq(found[i], 0, "store %d, log %d", store, i);
            if (store >= WEAK_LAGGING)
                cr_expect_gt(found[i], setting("ORD_WEAK_COUNT", COUNT) / 200);
        }
    }
}

/* ---- lists --------------------------------------------------------------- */

enum { OPS = 8, ITEMS_MAX = 8 };

struct list_op {
    int process, begin, end, value, count;
    int items[ITEMS_MAX];
};

static int place_of(const struct list_op *read, int value)
{
    for (int i = 0; i < read->count; i++) {
        if (read->items[i] == value)
            return i;
    }
    return -1;
}

static bool is_beginning(const struct list_op *a, const struct list_op *b)
{
    for (int i = 0; i < a->count && i < b->count; i++) {
        if (a->items[i] != b->items[i])
            return false;
    }
    return true;
}

/* From the definition; value 0: a read. */
static bool list_is_broken(const struct list_op *ops, bool by_session)
{
    for (int r = 0; r < OPS; r++) {
        for (int x = 0; !by_session && ops[r].value == 0 && x < r; x++) {
            if (ops[x].value == 0 && !is_beginning(&ops[r], &ops[x]))
                return true;
        }
        for (int a = 0; ops[r].value == 0 && a < OPS; a++) {
            int at_a = place_of(&ops[r], ops[a].value);
            int there = ops[a].end;

            for (int x = 0; !by_session && x < OPS; x++) {
                if (ops[x].value == 0 && place_of(&ops[x], ops[a].value) >= 0 &&
                    ops[x].end > ops[a].begin && ops[x].end < there)
                    there = ops[x].end;
            }
            for (int b = 0; ops[a].value > 0 && b < OPS; b++) {
                int at_b = place_of(&ops[r], ops[b].value);

                if (ops[b].value > 0 && at_b >= 0 && there < ops[b].begin &&
                    (!by_session || ops[a].process == ops[b].process) &&
                    (at_a < 0 || at_a > at_b))
                    return true;
            }
        }
    }
    return false;
}

static void list_random(struct ord_rng *rng, struct list_op *ops, char *text,
                        size_t text_size)
{
    int list[OPS];
    int open[3] = {-1, -1, -1};
    int count = 0;
    int next = 0;
    int place = 0;
    int size = 0;

    for (int steps = 0; next < OPS || steps < 60; steps++) {
        int p = (int)ord_rng_below(rng, 3);
        struct list_op *op = open[p] < 0 ? NULL : &ops[open[p]];

        if (op == NULL && next < OPS) {
            open[p] = next;
            op = &ops[next++];
            *op = (struct list_op){.process = p, .begin = place++};
            op->value = ord_rng_below(rng, 2) == 0 ? 0 : next;
            size +=
                snprintf(text + size, text_size - (size_t)size,
                         op->value > 0 ? "%d inv append %d;" : "%d inv read;",
                         p, op->value);
        } else if (op != NULL) {
            open[p] = -1;
            op->end = place++;
            if (op->value > 0) {
                int at = ord_rng_below(rng, 4) == 0
                             ? (int)ord_rng_below(rng, (uint64_t)count + 1)
                             : count;

                memmove(list + at + 1, list + at,
                        (size_t)(count++ - at) * sizeof *list);
                list[at] = op->value;
                size += snprintf(text + size, text_size - (size_t)size,
                                 "%d ok append %d;", p, op->value);
                continue;
            }
            size += snprintf(text + size, text_size - (size_t)size,
                             "%d ok read [", p);
            for (int i = 0; i < count; i++) {
                if (ord_rng_below(rng, 6) == 0)
                    continue;
                op->items[op->count++] = list[i];
                size += snprintf(text + size, text_size - (size_t)size, "%d ",
                                 list[i]);
            }
            size += snprintf(text + size, text_size - (size_t)size, "];");
        }
    }
}

Test(consistent_prefix, lists_at_random)
{
    uint32_t broken = 0;

    for (uint64_t seed = 1; seed <= setting("ORD_WEAK_COUNT", 1500); seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "list", 0);
        struct list_op ops[OPS] = {{0}};
        char text[2000] = "";

        list_random(&rng, ops, text, sizeof text);
        for (int i = 0; i < 2; i++) {
            struct check_row row = {
                text, ORD_VALID, NULL, {"log", logs[1 - i]}};
            struct ord_history *history = NULL;
            struct ord_err err = {0};
            struct ord_verdict verdict;
            struct ord_arena arena;
            struct ord_check_in in = {
                .arena = &arena, .options = &row.option, .option_count = 1};
            bool has_append = strstr(text, "append") != NULL;
            bool want = list_is_broken(ops, i == 1);

            cr_assert_eq(ord_history_parse_text(text, &history, &err), ORD_OK);
            ord_arena_init(&arena, ARENA_MAX);
            in.history = history;
            ord_check_run(&ord_checker_consistent_prefix, &in, &verdict);
            cr_assert_eq(verdict.outcome == ORD_INVALID, has_append && want,
                         "seed %llu, log %s: %s\n%s", (unsigned long long)seed,
                         logs[1 - i], verdict.why, text);
            check_proof(&ord_checker_consistent_prefix, &in, &verdict, text);
            broken += want;
            ord_arena_fini(&arena);
            ord_history_free(&history);
        }
    }
    cr_expect_gt(broken, setting("ORD_WEAK_COUNT", 1500) / 10);
}

Test(consistent_prefix, table_of_lists)
{
    static const struct check_row rows[] = {
        /* One order of appends that nothing else orders. */
        {"1 inv append 1; 2 inv append 2; 1 ok append 1; 2 ok append 2;"
         "3 inv read; 3 ok read [1 2]; 4 inv read; 4 ok read [2 1]",
         ORD_INVALID, "no one order: process 4's read"},
        {"1 inv append 1; 2 inv append 2; 1 ok append 1; 2 ok append 2;"
         "3 inv read; 3 ok read [1 2]; 4 inv read; 4 ok read [2 1]",
         ORD_VALID,
         NULL,
         {"log", "none"}},
        {"1 inv append 1; 2 inv append 2; 3 inv append 3; 4 inv read;"
         "4 ok read [1 2 3]; 5 inv read; 5 ok read [1 3]; 1 ok append 1;"
         "2 ok append 2; 3 ok append 3",
         ORD_INVALID, NULL},
        {"1 inv append 1; 2 inv append 2; 4 inv read; 4 ok read [1 2];"
         "5 inv read; 5 ok read [1]; 5 inv read; 5 ok read []",
         ORD_VALID, NULL},
    };

    CHECK_ROWS(ord_checker_consistent_prefix, rows);
}

Test(consistent_prefix, tables)
{
    static const struct check_row rows[] = {
        /* Two partitions with different lag: the answer, then no question. */
        {"1 inv write kq 1; 1 ok write kq 1; 2 inv read kq; 2 ok read kq 1;"
         "2 inv write ka 2; 2 ok write ka 2; 3 inv read ka; 3 ok read ka 2;"
         "3 inv read kq; 3 ok read kq nil",
         ORD_INVALID, "an answer without its question: process 3 read nil"},
        {"1 inv write kq 1; 1 ok write kq 1; 2 inv read kq; 2 ok read kq 1;"
         "2 inv write ka 2; 2 ok write ka 2; 3 inv read kq; 3 ok read kq nil;"
         "3 inv read ka; 3 ok read ka 2",
         ORD_VALID, NULL},
        /* Nobody connected them, but for the clock. */
        {"1 inv write kq 1; 1 ok write kq 1; 2 inv write ka 2;"
         "2 ok write ka 2; 3 inv read ka; 3 ok read ka 2;"
         "3 inv read kq; 3 ok read kq nil",
         ORD_VALID, NULL},
        {"1 inv write kq 1; 1 ok write kq 1; 2 inv write ka 2;"
         "2 ok write ka 2; 3 inv read ka; 3 ok read ka 2;"
         "3 inv read kq; 3 ok read kq nil",
         ORD_INVALID,
         NULL,
         {"log", "all"}},
        /* Jepsen's causal-reverse. */
        {"1 inv add 1; 1 ok add 1; 2 inv add 2; 2 ok add 2;"
         "3 inv read; 3 ok read [2]",
         ORD_INVALID, "has 2 without 1, which was there before process 2"},
        {"1 inv add 1; 1 ok add 1; 2 inv add 2; 2 ok add 2;"
         "3 inv read; 3 ok read [1]",
         ORD_VALID, NULL},
        {"1 inv add 1; 1 ok add 1; 2 inv add 2; 2 ok add 2;"
         "3 inv read; 3 ok read [2]",
         ORD_VALID,
         NULL,
         {"log", "none"}},
        {"1 inv add 1; 1 ok add 1; 1 inv add 2; 1 ok add 2;"
         "3 inv read; 3 ok read [2]",
         ORD_INVALID,
         NULL,
         {"log", "none"}},
        /* Unacknowledged, but seen in time; causal-reverse is silent here. */
        {"1 inv add 1; 3 inv read; 3 ok read [1]; 2 inv add 2; 2 ok add 2;"
         "3 inv read; 3 ok read [2]",
         ORD_INVALID, NULL},
        {"1 inv add 1; 2 inv add 2; 2 ok add 2; 3 inv read; 3 ok read [2];"
         "1 ok add 1",
         ORD_VALID, NULL},
        {"1 inv append 1; 1 ok append 1; 2 inv append 2; 2 ok append 2;"
         "3 inv read; 3 ok read [2 1]",
         ORD_INVALID, "has 2 before 1"},
        {"1 inv add 1; 1 ok add 1; 2 inv add 2; 2 ok add 2;"
         "3 inv read; 3 ok read [2 1]",
         ORD_VALID, NULL},
        {"1 inv add 1; 1 ok add 1; 4 inv remove 1; 4 info remove 1;"
         "2 inv add 2; 2 ok add 2; 3 inv read; 3 ok read [2]",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 1 inv write 1; 1 ok write 1;"
         "2 inv read; 2 ok read 1",
         ORD_UNKNOWN, "more than once"},
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv read; 1 ok read 1",
         ORD_UNKNOWN, "no register, set or list"},
        {"", ORD_UNKNOWN, NULL},
        {"1 inv add 1; 1 ok add 1; 3 inv read; 3 ok read [1]",
         ORD_UNKNOWN,
         "log: key, all or none",
         {"log", "x"}},
    };

    CHECK_ROWS(ord_checker_consistent_prefix, rows);
}
