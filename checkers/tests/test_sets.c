/* test_sets.c -- set and set-full: tables, and both against naive versions of
 * their definitions on random histories.
 */
#include <criterion/criterion.h>

#include "checkers/registry.h"
#include "support_check.h"
#include "support_types.h"

static const struct check_row set_rows[] = {
    {"0 inv add 1; 0 ok add 1; 1 inv read; 1 ok read [1]", ORD_VALID,
     "none of 1"},
    {"0 inv add 1; 0 ok add 1; 1 inv read; 1 ok read []", ORD_INVALID,
     "process 0's add of 1, acknowledged at 0.001 s, was lost: the last "
     "read, process 1's read at 0.002 s, does not have it; 1 of 1"},
    /* Only the last read counts, and that is the one that ended last. */
    {"0 inv add 1; 0 ok add 1; 1 inv read; 1 ok read []; 1 inv read;"
     "1 ok read [1]",
     ORD_VALID, NULL},
    {"0 inv add 1; 0 ok add 1; 2 inv read; 1 inv read; 1 ok read [1];"
     "2 ok read []",
     ORD_INVALID, "process 2's read at 0.002 s"},
    /* The answer never came: present (recovered) or absent. */
    {"0 inv add 1; 0 info add 1; 1 inv read; 1 ok read [1]", ORD_VALID, NULL},
    {"0 inv add 1; 0 info add 1; 1 inv read; 1 ok read []", ORD_VALID, NULL},
    /* Acknowledged when the read had begun: absent is fine. */
    {"0 inv add 1; 1 inv read; 0 ok add 1; 1 ok read []", ORD_VALID, NULL},
    {"0 inv add 1; 0 ok add 1; 1 inv read; 1 ok read [1 2]", ORD_INVALID,
     "has 2, though nobody had added it"},
    {"0 inv add 2; 0 fail add 2; 1 inv read; 1 ok read [2]", ORD_INVALID,
     "though its add had failed: process 0's add of 2"},
    {"0 inv add 2; 0 fail add 2; 1 inv read; 1 ok read [2]",
     ORD_VALID,
     NULL,
     {"fail_may_happen", "true"}},
    {"0 inv add 2; 0 fail add 2; 1 inv read; 1 ok read [2]",
     ORD_UNKNOWN,
     "expected true or false",
     {"fail_may_happen", "perhaps"}},
    {"1 inv read; 1 ok read [2]; 0 inv add 2; 0 ok add 2", ORD_INVALID,
     "though it was added only later: process 0's add of 2"},
    /* A failed add and one that was not. */
    {"0 inv add 2; 0 fail add 2; 0 inv add 2; 0 info add 2; 1 inv read;"
     "1 ok read [2]",
     ORD_VALID, NULL},
    {"0 inv add 1; 0 ok add 1; 2 inv remove 1; 2 info remove 1; 1 inv read;"
     "1 ok read []",
     ORD_VALID, NULL},
    {"0 inv add 1; 0 ok add 1; 2 inv remove 1; 2 fail remove 1; 1 inv read;"
     "1 ok read []",
     ORD_INVALID, "lost"},
    /* Any value is an element. */
    {"0 inv add \"a\"; 0 ok add \"a\"; 0 inv add [0 1]; 0 ok add [0 1];"
     "1 inv read; 1 ok read [[0 1] \"a\"]",
     ORD_VALID, NULL},
    /* Key by key. */
    {"0 inv add k1 1; 0 ok add k1 1; 0 inv add k2 2; 0 ok add k2 2;"
     "1 inv read k1; 1 ok read k1 [1]; 1 inv read k2; 1 ok read k2 [1]",
     ORD_INVALID, "k2"},
    {"0 inv add k1 1; 0 ok add k1 1; 0 inv add k2 2; 0 ok add k2 2;"
     "1 inv read k1; 1 ok read k1 [1]",
     ORD_UNKNOWN, "no read of k2"},
    {"0 inv add k1 1; 0 ok add k1 1; 0 inv add k2 2; 0 fail add k2 2;"
     "1 inv read k1; 1 ok read k1 [1]",
     ORD_VALID, NULL},
    {"0 inv add 1; 0 ok add 1", ORD_UNKNOWN, "no read"},
    {"0 inv add 1; 0 ok add 1; 1 inv read; 1 fail read", ORD_UNKNOWN,
     "no read"},
    {"0 inv add 1; 0 ok add 1; 1 inv read; 1 ok read nil", ORD_UNKNOWN,
     "no collection"},
    {"0 inv add 1; 0 ok add 1; 1 inv read; 1 ok read 7", ORD_UNKNOWN,
     "no collection"},
    {"1 inv read; 1 ok read []", ORD_UNKNOWN, "nothing was added"},
    {"0 inv add 1; 0 ok add 1; 0 inv write 1; 0 ok write 1; 1 inv read;"
     "1 ok read [1]",
     ORD_UNKNOWN, "is no set: process 0's write"},
    {"", ORD_UNKNOWN, NULL},
    /* What looks like a tuple is said to. */
    {"0 inv add [0 1]; 0 ok add [0 1]; 1 inv read [0 nil]; 1 ok read []",
     ORD_INVALID, "--keyed"},
};

Test(set, verdicts)
{
    CHECK_ROWS(ord_checker_set, set_rows);
}

static const struct check_row set_full_rows[] = {
    /* Jepsen's own cases: a an add, r a read, primes and signs their
     * ends. */
    {"0 inv add 0; 0 ok add 0", ORD_UNKNOWN, "no read tells"},
    {"0 inv add 0; 1 inv read; 1 ok read []", ORD_UNKNOWN, "no read tells"},
    {"1 inv read; 0 inv add 0; 1 ok read [0]; 0 ok add 0", ORD_VALID, NULL},
    {"1 inv read; 0 inv add 0; 0 ok add 0; 1 ok read [0]", ORD_VALID, NULL},
    {"0 inv add 0; 1 inv read; 1 ok read [0]; 0 ok add 0", ORD_VALID, NULL},
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read [0]", ORD_VALID, NULL},
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read []", ORD_INVALID,
     "process 0's add of 0, acknowledged at 0.001 s, was lost: no read has "
     "it, and the last read, process 1's read at 0.002 s, misses it; 1 "
     "element was"},
    {"1 inv read; 0 inv add 0; 0 ok add 0; 1 ok read []", ORD_UNKNOWN, NULL},
    {"0 inv add 0; 1 inv read; 1 ok read []; 0 ok add 0", ORD_UNKNOWN, NULL},
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read [0]; 2 inv read;"
     "2 ok read []",
     ORD_INVALID, "is the last with it"},
    {"0 inv add 0; 1 inv read; 2 inv read; 1 ok read [0]; 2 ok read []",
     ORD_UNKNOWN, NULL},
    {"0 inv add 0; 1 inv read; 1 ok read [0]; 2 inv read; 2 ok read []",
     ORD_INVALID, "seen by process 1's read"},
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read []; 2 inv read;"
     "2 ok read [0]",
     ORD_VALID, "1 of them stale, for up to 1 ms"},
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read []; 2 inv read;"
     "2 ok read [0]",
     ORD_INVALID,
     "was missed by process 1's read at 0.002 s, 1 ms after",
     {"linearizable", "true"}},
    /* Order decides, not the millisecond that Jepsen asks for. */
    {"0 inv add 0 @1; 0 ok add 0 @1.1; 1 inv read @1.2;"
     "1 ok read [] @1.3; 2 inv read @1.4; 2 ok read [0] @1.5",
     ORD_INVALID,
     "was missed by",
     {"linearizable", "true"}},
    {"1 inv read; 0 inv add 0; 0 ok add 0; 1 ok read []; 2 inv read;"
     "2 ok read [0]",
     ORD_VALID,
     NULL,
     {"linearizable", "true"}},
    /* A read that ended before the add began tells nothing of it, though
     * it began after one that has it. */
    {"1 inv read; 2 inv read; 2 ok read []; 0 inv add 0; 1 ok read [0]",
     ORD_VALID, "1 of 1 elements were stable (0 of them"},
    {"1 inv read; 2 inv read; 0 inv add 0; 1 ok read [0]; 2 ok read []",
     ORD_UNKNOWN, NULL},
    /* Where Jepsen sees nothing. */
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read [0 0]", ORD_INVALID,
     "has 0 more than once"},
    {"0 inv append 0; 0 ok append 0; 0 inv append 0; 0 ok append 0;"
     "1 inv read; 1 ok read [0 0]",
     ORD_VALID, NULL},
    {"0 inv append 0; 0 ok append 0; 1 inv read; 1 ok read [0 0]", ORD_INVALID,
     "more than once"},
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read [0 5]", ORD_INVALID,
     "has 5, though nobody had added it"},
    {"0 inv add 0; 0 ok add 0; 0 inv add 5; 0 fail add 5; 1 inv read;"
     "1 ok read [0 5]",
     ORD_INVALID, "though its add had failed"},
    {"0 inv add 0; 0 ok add 0; 0 inv add 5; 0 fail add 5; 1 inv read;"
     "1 ok read [0 5]",
     ORD_VALID,
     NULL,
     {"fail_may_happen", "true"}},
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read [0 5]; 0 inv add 5;"
     "0 ok add 5",
     ORD_INVALID, "added only later"},
    /* Lost, though it was added once more since. */
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read []; 0 inv add 0;"
     "0 ok add 0",
     ORD_INVALID, "was lost"},
    {"0 inv add 0; 0 ok add 0; 2 inv remove 0; 2 ok remove 0;"
     "0 inv add 1; 0 ok add 1; 1 inv read; 1 ok read [1]",
     ORD_VALID, "1 of 1"},
    /* nil is an empty set. */
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read nil", ORD_INVALID,
     "was lost"},
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 ok read 7", ORD_UNKNOWN,
     "does not fit"},
    {"0 inv add 0; 0 ok add 0; 1 inv read; 1 info read", ORD_UNKNOWN, NULL},
    {"0 inv add k1 0; 0 ok add k1 0; 0 inv add k2 0; 0 ok add k2 0;"
     "1 inv read k1; 1 ok read k1 [0]",
     ORD_UNKNOWN, "any element of k2"},
    {"0 inv add k1 0; 0 ok add k1 0; 0 inv add k2 0; 0 info add k2 0;"
     "1 inv read k1; 1 ok read k1 [0]",
     ORD_VALID, "1 of 2"},
    {"0 inv add [0 0]; 0 ok add [0 0]; 0 inv read [0 nil];"
     "0 ok read [0 1 2]",
     ORD_INVALID, "--keyed"},
    {"", ORD_UNKNOWN, "nothing was added"},
};

Test(set_full, verdicts)
{
    CHECK_ROWS(ord_checker_set_full, set_full_rows);
}

Test(set_full, latencies)
{
    struct checked got;

    /* Known at 10 and at 20 ms; the reads of 30 and 45 ms miss them. */
    checked_init(&got, &ord_checker_set_full,
                 "0 inv add 1 @0; 0 ok add 1 @10; 0 inv add 2 @11;"
                 "0 ok add 2 @20; 1 inv read @30; 1 ok read [1] @31;"
                 "1 inv read @45; 1 ok read [2] @46; 1 inv read @50;"
                 "1 ok read [1 2] @51; 0 inv add 3 @52; 0 ok add 3 @60;"
                 "1 inv read @70; 1 ok read [1 2 3] @71; 1 inv read @80;"
                 "1 ok read [1 2] @90");
    cr_expect_eq(got.verdict.outcome, ORD_INVALID);
    cr_expect_eq(checked_stat(&got, "stable"), 2);
    cr_expect_eq(checked_stat(&got, "stale"), 2);
    cr_expect_eq(checked_stat(&got, "lost"), 1);
    cr_expect_eq(checked_stat(&got, "stable_latency_p50_ms"), 35);
    cr_expect_eq(checked_stat(&got, "stable_latency_max_ms"), 35);
    cr_expect_eq(checked_stat(&got, "lost_latency_max_ms"), 10);
    checked_fini(&got);
}

/* ---- the definitions, read by read --------------------------------------- */

static int times_in(const struct types_call *read, int value)
{
    int times = 0;

    for (int i = 0; i < read->count; i++)
        times += read->items[i] == value;
    return times;
}

struct element {
    int attempts;
    int begun;
    int acked;
    bool is_removed;
};

static struct element element_of(const struct types *types, int key, int value)
{
    struct element e = {.begun = TYPES_NEVER, .acked = TYPES_NEVER};

    for (int i = 0; i < types->count; i++) {
        const struct types_call *c = &types->calls[i];

        if (c->key != key || c->in != value || c->type == ORD_OP_FAIL)
            continue;
        if (c->f == ORD_F_REMOVE)
            e.is_removed = true;
        if (c->f != ORD_F_ADD)
            continue;
        e.attempts++;
        e.begun = c->begin < e.begun ? c->begin : e.begun;
        e.acked = c->end < e.acked ? c->end : e.acked;
    }
    return e;
}

static bool is_read(const struct types_call *c, int key)
{
    return c->f == ORD_F_READ && c->type == ORD_OP_OK && c->key == key;
}

struct counts {
    int lost, unexpected, recovered, stable, never, stale, duplicated;
    bool is_unread;
    bool has_adds;
};

static void naive_set(const struct types *types, int key, struct counts *n)
{
    const struct types_call *last = NULL;

    for (int i = 0; i < types->count; i++) {
        if (is_read(&types->calls[i], key) &&
            (last == NULL || types->calls[i].end > last->end))
            last = &types->calls[i];
    }
    for (int v = 0; v < TYPES_VALUES; v++) {
        struct element e = element_of(types, key, v);

        n->has_adds = n->has_adds || e.attempts > 0;
        n->is_unread = n->is_unread || (last == NULL && e.attempts > 0);
        if (last == NULL)
            continue;
        if (times_in(last, v) == 0)
            n->lost += e.acked < last->begin && !e.is_removed;
        else if (e.attempts == 0 || e.begun > last->end)
            n->unexpected++;
        else
            n->recovered += e.acked == TYPES_NEVER;
    }
}

static void naive_element(const struct types *types, int key, int v,
                          struct counts *n)
{
    struct element e = element_of(types, key, v);
    int known = e.acked;
    int seen = -1;   /* where the last read with it began */
    int absent = -1; /* ... without it, which ended after the add began */
    bool is_duplicated = false;
    bool is_unexpected = false;

    for (int i = 0; i < types->count; i++) {
        const struct types_call *c = &types->calls[i];
        int times = times_in(c, v);

        if (!is_read(c, key))
            continue;
        if (times > 0 && (e.attempts == 0 || e.begun > c->end)) {
            is_unexpected = true;
            continue;
        }
        is_duplicated = is_duplicated || times > 1;
        if (times > 0) {
            seen = c->begin > seen ? c->begin : seen;
            known = c->end < known ? c->end : known;
        } else if (c->end > e.begun) {
            absent = c->begin > absent ? c->begin : absent;
        }
    }
    n->duplicated += is_duplicated;
    n->unexpected += is_unexpected;
    if (e.attempts == 0 || e.is_removed)
        return;
    n->has_adds = true;
    if (seen >= 0 && absent < seen) {
        n->stable++;
        n->stale += absent > known;
    } else if (absent > seen && absent > known) {
        n->lost++;
    } else {
        n->never++;
    }
}

static void compare(struct types *types, uint64_t seed, const char *name,
                    int want)
{
    if ((int)types_stat(types, name) != want)
        types_explain(types, name, seed);
}

Test(set, agrees_with_its_definition, .timeout = 120)
{
    struct types types;
    uint64_t found[3] = {0};

    for (uint64_t seed = types_seed(); seed < types_seed() + types_count();
         seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "set", 0);
        struct counts n = {0};
        enum ord_outcome want = ORD_VALID;

        types_random(&types, TYPES_SET, &rng);
        for (int key = 0; key < TYPES_KEYS; key++)
            naive_set(&types, key, &n);
        if (n.is_unread || !n.has_adds)
            want = ORD_UNKNOWN;
        if (n.lost + n.unexpected > 0)
            want = ORD_INVALID;
        types_check(&types, &ord_checker_set, NULL);
        if (types.verdict.outcome != want)
            types_explain(&types, ord_outcome_name(want), seed);
        compare(&types, seed, "lost", n.lost);
        compare(&types, seed, "unexpected", n.unexpected);
        compare(&types, seed, "recovered", n.recovered);
        found[want]++;
        types_fini(&types);
    }
    for (int i = 0; i < 3; i++)
        cr_expect_gt(found[i], types_count() / 20, "%d: %llu", i,
                     (unsigned long long)found[i]);
}

static enum ord_outcome full_outcome(const struct types *types,
                                     struct counts *n, bool is_linearizable)
{
    bool is_blank = false;

    for (int key = 0; key < TYPES_KEYS; key++) {
        int stable = n->stable;
        bool has_acked = false;

        for (int v = 0; v < TYPES_VALUES; v++) {
            struct element e = element_of(types, key, v);

            naive_element(types, key, v, n);
            has_acked = has_acked || (e.acked < TYPES_NEVER && !e.is_removed);
        }
        is_blank = is_blank || (has_acked && n->stable == stable);
    }
    if (n->lost + n->duplicated + n->unexpected > 0 ||
        (is_linearizable && n->stale > 0))
        return ORD_INVALID;
    return is_blank || n->stable == 0 ? ORD_UNKNOWN : ORD_VALID;
}

Test(set_full, agrees_with_its_definition, .timeout = 120)
{
    static const struct ord_option option = {"linearizable", "true"};
    struct types types;
    uint64_t found[3] = {0};

    for (uint64_t seed = types_seed(); seed < types_seed() + types_count();
         seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "set-full", 0);
        struct counts n = {0};
        bool is_linearizable = seed % 2 == 0;
        enum ord_outcome want;

        types_random(&types, TYPES_SET, &rng);
        want = full_outcome(&types, &n, is_linearizable);
        types_check(&types, &ord_checker_set_full,
                    is_linearizable ? &option : NULL);
        if (types.verdict.outcome != want)
            types_explain(&types, ord_outcome_name(want), seed);
        compare(&types, seed, "lost", n.lost);
        compare(&types, seed, "stable", n.stable);
        compare(&types, seed, "stale", n.stale);
        compare(&types, seed, "never_read", n.never);
        compare(&types, seed, "duplicated", n.duplicated);
        compare(&types, seed, "unexpected", n.unexpected);
        found[want]++;
        types_fini(&types);
    }
    for (int i = 0; i < 3; i++)
        cr_expect_gt(found[i], types_count() / 20, "%d: %llu", i,
                     (unsigned long long)found[i]);
}
