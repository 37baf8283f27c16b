/* test_counts.c -- counter, unique-ids and bank: tables, and all three against
 * naive versions of their definitions on random histories.
 */
#include <criterion/criterion.h>

#include "checkers/registry.h"
#include "support_check.h"
#include "support_types.h"

static const struct check_row counter_rows[] = {
    /* Jepsen's cases. */
    {"0 inv read; 0 ok read 0", ORD_VALID, "each of 1 reads"},
    {"0 inv add 1; 0 fail add 1; 0 inv read; 0 ok read 0", ORD_VALID, NULL},
    {"0 inv read; 0 ok read 1", ORD_INVALID,
     "process 0 read 1 at 0.000 s, more than 0"},
    {"0 inv read; 1 inv add 1; 2 inv read; 3 inv add 2; 4 inv read;"
     "5 inv add 4; 6 inv read; 7 inv add 8; 8 inv read; 0 ok read 6;"
     "1 ok add 1; 2 ok read 0; 3 ok add 2; 4 ok read 3; 5 ok add 4;"
     "6 ok read 100; 7 ok add 8; 8 ok read 15",
     ORD_INVALID, "process 6 read 100 at 0.006 s, more than 15"},
    {"0 inv read; 1 inv add 1; 0 ok read 0; 0 inv read; 1 ok add 1;"
     "1 inv add 2; 0 ok read 3; 0 inv read; 1 ok add 2; 0 ok read 5",
     ORD_INVALID, "read 5 at 0.007 s, more than 3"},
    {"0 inv add 2; 0 ok add 2; 0 inv read; 0 ok read 1", ORD_INVALID,
     "less than 2"},
    /* Unknown for ever: it may be in or not. */
    {"0 inv add 2; 0 info add 2; 1 inv read; 1 ok read 2; 1 inv read;"
     "1 ok read 0",
     ORD_VALID, NULL},
    /* Negative adds in flight lower the lower bound only. */
    {"0 inv add 2; 0 ok add 2; 0 inv add -1; 1 inv read; 1 ok read 1",
     ORD_VALID, NULL},
    {"0 inv add 2; 0 ok add 2; 0 inv add -1; 1 inv read; 1 ok read 2",
     ORD_VALID, NULL},
    {"0 inv add 2; 0 ok add 2; 0 inv add -1; 1 inv read; 1 ok read 0",
     ORD_INVALID, "less than 1"},
    {"0 inv add 2; 0 ok add 2; 0 inv add -1; 0 ok add -1; 1 inv read;"
     "1 ok read 2",
     ORD_INVALID, "more than 1"},
    {"0 inv add 2; 0 ok add 2; 1 inv read; 1 ok read 2; 0 inv add -1",
     ORD_VALID, NULL},
    /* Within the bounds, though no subset has that sum. */
    {"0 inv add 5; 1 inv read; 1 ok read 3", ORD_VALID, NULL},
    {"0 inv add k1 1; 0 ok add k1 1; 1 inv read k2; 1 ok read k2 1",
     ORD_INVALID, "from k2"},
    /* As with Jepsen: no read is out of bounds. */
    {"0 inv add 1; 0 ok add 1", ORD_VALID, "nothing to contradict"},
    {"0 inv add 1; 0 info add 1", ORD_UNKNOWN, "no add"},
    {"0 inv add 1; 0 ok add 1; 0 inv read; 0 ok read nil", ORD_UNKNOWN,
     "no whole number"},
    {"0 inv add \"a\"; 0 ok add \"a\"; 0 inv read; 0 ok read 7", ORD_UNKNOWN,
     "no whole number"},
    {"0 inv add k1 \"a\"; 0 ok add k1 \"a\"; 0 inv read k2;"
     "0 ok read k2 7",
     ORD_INVALID, "from k2"},
    {"0 inv add 9223372036854775807; 0 ok add 9223372036854775807;"
     "0 inv add 1; 0 ok add 1; 0 inv read; 0 ok read 0",
     ORD_UNKNOWN, "63 bits"},
    {"0 inv add 1; 0 ok add 1; 0 inv write 1; 0 ok write 1", ORD_UNKNOWN,
     "is no counter"},
    {"", ORD_UNKNOWN, NULL},
};

Test(counter, verdicts)
{
    CHECK_ROWS(ord_checker_counter, counter_rows);
}

static const struct check_row unique_ids_rows[] = {
    {"0 inv generate; 0 ok generate 1; 0 inv generate; 0 ok generate 2",
     ORD_VALID, "2 ids"},
    {"0 inv generate; 0 ok generate 1; 1 inv generate; 1 ok generate 1",
     ORD_INVALID,
     "process 1 generated 1 at 0.003 s; process 0's generate of 1 had "
     "brought it, too, at 0.001 s"},
    /* Also where the two are concurrent. */
    {"0 inv generate; 1 inv generate; 1 ok generate [7 1];"
     "0 ok generate [7 1]",
     ORD_INVALID, NULL},
    {"0 inv generate; 0 fail generate 1; 1 inv generate; 1 ok generate 1",
     ORD_VALID, NULL},
    {"0 inv generate; 0 info generate 1; 1 inv generate; 1 ok generate 1",
     ORD_VALID, NULL},
    {"0 inv generate k1; 0 ok generate k1 1; 1 inv generate k2;"
     "1 ok generate k2 1",
     ORD_VALID, NULL},
    {"0 inv generate; 0 ok generate \"a\"; 1 inv generate;"
     "1 ok generate 1",
     ORD_VALID, NULL},
    {"0 inv generate; 0 info generate", ORD_UNKNOWN, "no generate"},
    {"0 inv read; 0 ok read 1", ORD_UNKNOWN, NULL},
    {"", ORD_UNKNOWN, NULL},
};

Test(unique_ids, verdicts)
{
    CHECK_ROWS(ord_checker_unique_ids, unique_ids_rows);
}

static const struct check_row bank_rows[] = {
    {"0 inv read; 0 ok read {0 10, 1 0}; 0 inv read; 0 ok read {0 7, 1 3}",
     ORD_VALID, "each of 2 reads"},
    {"0 inv read; 0 ok read {0 10, 1 0}; 0 inv read; 0 ok read {0 9, 1 0}",
     ORD_INVALID,
     "the balances that process 0's read at 0.002 s brought ([[0 9] [1 "
     "0]]) add up to 9, not to 10, as those of the first read did, "
     "process 0's read at 0.000 s"},
    /* The first is the one that ended first. */
    {"0 inv read; 1 inv read; 1 ok read {0 9}; 0 ok read {0 8}", ORD_INVALID,
     "process 0's read at 0.000 s brought ([[0 8]])"},
    {"0 inv read; 0 ok read {0 10, 1 0}",
     ORD_INVALID,
     "not to 12",
     {"total", "12"}},
    {"0 inv read; 0 ok read {0 10, 1 2}", ORD_VALID, NULL, {"total", "12"}},
    {"0 inv read; 0 ok read {0 10, 1 2}",
     ORD_UNKNOWN,
     "whole number",
     {"total", "twelve"}},
    {"0 inv read; 0 ok read {0 10, 1 0}; 0 inv read;"
     "0 ok read {0 11, 1 -1}",
     ORD_INVALID, "account 1 with a balance of -1"},
    {"0 inv read; 0 ok read {0 10, 1 0}; 0 inv read;"
     "0 ok read {0 11, 1 -1}",
     ORD_VALID,
     NULL,
     {"negative_balances", "true"}},
    {"0 inv read; 0 ok read {0 10, 1 0}; 0 inv read;"
     "0 ok read {0 10, 1 nil}",
     ORD_INVALID, "account 1 with a balance of nil"},
    {"0 inv read; 0 ok read {0 10, 1 0}; 0 inv read;"
     "0 ok read {0 10, 2 0}",
     ORD_INVALID, "account 2, which the first read"},
    /* An account that is missing held nothing, or the sum tells. */
    {"0 inv read; 0 ok read {0 10, 1 0}; 0 inv read; 0 ok read {0 10}",
     ORD_VALID, NULL},
    {"0 inv read; 0 ok read {0 8, 1 2}; 0 inv read; 0 ok read {0 8}",
     ORD_INVALID, "add up to 8"},
    /* No account at all. */
    {"0 inv read; 0 ok read {0 10, 1 0}; 0 inv read; 0 ok read nil",
     ORD_INVALID, "add up to 0"},
    {"0 inv read; 0 ok read nil; 0 inv read; 0 ok read {0 10, 1 0}",
     ORD_INVALID, "add up to 0"},
    {"0 inv read; 0 ok read nil", ORD_UNKNOWN, "no balances"},
    {"0 inv read; 0 ok read [5 5]; 0 inv read; 0 ok read [4 6]", ORD_VALID,
     NULL},
    {"0 inv read; 0 ok read [5 5]; 0 inv read; 0 ok read [4 5]", ORD_INVALID,
     "add up to 9"},
    {"0 inv read; 0 ok read [5 5]; 0 inv read; 0 ok read [4 5 1]", ORD_INVALID,
     "account number 2, which"},
    {"0 inv read; 0 ok read {0 10}; 0 inv read; 0 ok read 7", ORD_UNKNOWN,
     "no balances"},
    {"0 inv read; 0 ok read {0 10}; 0 inv read; 0 ok read {0 \"x\"}",
     ORD_UNKNOWN, "no balances"},
    {"0 inv read; 0 ok read {0 10}; 0 inv read; 0 info read", ORD_VALID, NULL},
    {"0 inv read k1; 0 ok read k1 {0 10}; 0 inv read k2;"
     "0 ok read k2 {0 5}; 0 inv read k2; 0 ok read k2 {0 6}",
     ORD_INVALID, "read of k2"},
    {"0 inv transfer {:from 0, :to 1, :amount 5}; 0 ok transfer", ORD_UNKNOWN,
     "no read"},
    {"", ORD_UNKNOWN, NULL},
};

Test(bank, verdicts)
{
    CHECK_ROWS(ord_checker_bank, bank_rows);
}

static const struct check_row adya_g2_rows[] = {
    {"0 inv insert k1 [1 nil]; 1 inv insert k1 [nil 2]; 0 ok insert k1 [1 nil];"
     "1 ok insert k1 [nil 2]",
     ORD_INVALID, "both returned ok, at 0.002 s and at 0.003 s"},
    {"0 inv insert k1 [1 nil]; 1 inv insert k1 [nil 2]; 0 ok insert k1 [1 nil];"
     "1 fail insert k1 [nil 2]",
     ORD_VALID, "1 inserts"},
    {"0 inv insert k1 [1 nil]; 1 inv insert k2 [nil 2]; 0 ok insert k1 [1 nil];"
     "1 ok insert k2 [nil 2]",
     ORD_VALID, "2 inserts"},
    {"0 inv insert k1 [1 nil]; 0 info insert k1 [1 nil]", ORD_UNKNOWN,
     "no insert"},
    {"0 inv insert [1 [1 nil]]; 0 ok insert [1 [1 nil]]", ORD_UNKNOWN,
     "--keyed"},
    {"0 inv read k1; 0 ok read k1 1", ORD_UNKNOWN, NULL},
    {"", ORD_UNKNOWN, NULL},
};

Test(adya_g2, verdicts)
{
    CHECK_ROWS(ord_checker_adya_g2, adya_g2_rows);
}

/* ---- the definitions ------------------------------------------------------
 */

static bool is_ok(const struct types_call *c, uint8_t f)
{
    return c->f == f && c->type == ORD_OP_OK;
}

static void compare(struct types *types, uint64_t seed, const char *name,
                    int want)
{
    if ((int)types_stat(types, name) != want)
        types_explain(types, name, seed);
}

static bool is_out_of_bounds(const struct types *types,
                             const struct types_call *read)
{
    int lower = 0;
    int upper = 0;

    for (int i = 0; i < types->count; i++) {
        const struct types_call *c = &types->calls[i];
        bool is_certain = c->type == ORD_OP_OK && c->end < read->begin;

        if (c->f != ORD_F_ADD || c->key != read->key ||
            c->type == ORD_OP_FAIL || c->begin > read->end)
            continue;
        lower += is_certain || c->in < 0 ? c->in : 0;
        upper += is_certain || c->in > 0 ? c->in : 0;
    }
    return read->out < lower || read->out > upper;
}

Test(counter, agrees_with_its_definition, .timeout = 120)
{
    struct types types;
    uint64_t found[3] = {0};

    for (uint64_t seed = types_seed(); seed < types_seed() + types_count();
         seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "counter", 0);
        enum ord_outcome want = ORD_UNKNOWN;
        int wrong = 0;

        types_random(&types, TYPES_COUNTER, &rng);
        for (int i = 0; i < types.count; i++) {
            if (types.calls[i].type == ORD_OP_OK)
                want = ORD_VALID;
            if (is_ok(&types.calls[i], ORD_F_READ))
                wrong += is_out_of_bounds(&types, &types.calls[i]);
        }
        types_check(&types, &ord_checker_counter, NULL);
        if (types.verdict.outcome != (wrong > 0 ? ORD_INVALID : want))
            types_explain(&types, "another verdict", seed);
        compare(&types, seed, "out_of_bounds", wrong);
        found[types.verdict.outcome]++;
        types_fini(&types);
    }
    cr_expect_gt(found[ORD_VALID], types_count() / 20);
    cr_expect_gt(found[ORD_INVALID], types_count() / 20);
}

Test(unique_ids, agrees_with_its_definition, .timeout = 120)
{
    struct types types;
    uint64_t found[3] = {0};

    for (uint64_t seed = types_seed(); seed < types_seed() + types_count();
         seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "unique-ids", 0);
        enum ord_outcome want = ORD_UNKNOWN;
        int duplicates = 0;

        types_random(&types, TYPES_IDS, &rng);
        for (int i = 0; i < types.count; i++) {
            const struct types_call *c = &types.calls[i];
            bool is_second = false;

            if (!is_ok(c, ORD_F_GENERATE))
                continue;
            want = ORD_VALID;
            for (int j = 0; j < i; j++)
                is_second =
                    is_second || (is_ok(&types.calls[j], ORD_F_GENERATE) &&
                                  types.calls[j].key == c->key &&
                                  types.calls[j].out == c->out);
            duplicates += is_second;
        }
        types_check(&types, &ord_checker_unique_ids, NULL);
        if (types.verdict.outcome != (duplicates > 0 ? ORD_INVALID : want))
            types_explain(&types, "another verdict", seed);
        compare(&types, seed, "duplicates", duplicates);
        found[types.verdict.outcome]++;
        types_fini(&types);
    }
    cr_expect_gt(found[ORD_VALID], types_count() / 20);
    cr_expect_gt(found[ORD_INVALID], types_count() / 20);
}

static int naive_bank(const struct types *types, int key, bool *has_read)
{
    const struct types_call *first = NULL;
    int total = 0;
    int wrong = 0;

    for (int i = 0; i < types->count; i++) {
        const struct types_call *c = &types->calls[i];

        if (is_ok(c, ORD_F_READ) && c->key == key &&
            (first == NULL || c->end < first->end))
            first = c;
    }
    *has_read = *has_read || first != NULL;
    for (int i = 0; first != NULL && i < first->count; i++)
        total += first->items[i];
    for (int i = 0; i < types->count; i++) {
        const struct types_call *c = &types->calls[i];
        bool is_negative = false;
        int sum = 0;

        if (!is_ok(c, ORD_F_READ) || c->key != key)
            continue;
        for (int j = 0; j < c->count; j++) {
            sum += c->items[j];
            is_negative = is_negative || c->items[j] < 0;
        }
        wrong += sum != total || is_negative || c->count > first->count;
    }
    return wrong;
}

Test(bank, agrees_with_its_definition, .timeout = 120)
{
    struct types types;
    uint64_t found[3] = {0};

    for (uint64_t seed = types_seed(); seed < types_seed() + types_count();
         seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "bank", 0);
        bool has_read = false;
        int wrong = 0;

        types_random(&types, TYPES_BANK, &rng);
        for (int key = 0; key < TYPES_KEYS; key++)
            wrong += naive_bank(&types, key, &has_read);
        types_check(&types, &ord_checker_bank, NULL);
        if (types.verdict.outcome != (wrong > 0  ? ORD_INVALID
                                      : has_read ? ORD_VALID
                                                 : ORD_UNKNOWN))
            types_explain(&types, "another verdict", seed);
        if ((int)types.verdict.violation_count != wrong)
            types_explain(&types, "another number of reads", seed);
        found[types.verdict.outcome]++;
        types_fini(&types);
    }
    cr_expect_gt(found[ORD_VALID], types_count() / 20);
    cr_expect_gt(found[ORD_INVALID], types_count() / 20);
}
