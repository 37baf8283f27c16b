/* adya_g2.c -- of two transactions that exclude each other, one commits.
 *
 * For each key, transactions read by predicate that nothing of the key is there
 * and then insert a row of their own (function `insert`).  In a serializable
 * database the second sees the row of the first.
 * Claim:       no key has more than one insert that returned ok.
 * Not claimed: anything of inserts that did not finish; reads.
 * Unknown:     an insert has no key (is --keyed missing?), or none returned ok.
 * Cost:        O(calls) time; each insert is looked up in the history.
 * Stats:       keys (with an insert), inserts (acknowledged), illegal (keys).
 * Source:      Adya, Weak consistency, 1999, section 4 (G2: anti-dependency
 *              cycles).  The rule is that of Jepsen's tests/adya.clj.
 */
#include <string.h>

#include "checkers/registry.h"
#include "checkers/teller.h"

struct g2 {
    struct ord_teller teller;
    uint64_t key_count;
    uint64_t insert_count;
    uint64_t illegal_count;
    uint32_t keyless; /* an insert, or NEVER */
};

static bool is_insert(const struct ord_teller *teller, uint32_t call)
{
    return teller->calls.f[call] == ORD_F_OTHER &&
           strcmp(ord_teller_inv(teller, call)->name, "insert") == 0;
}

static void found_two(struct g2 *g2, uint32_t first, uint32_t second)
{
    struct ord_teller *teller = &g2->teller;
    struct ord_named named =
        ord_tell_named(teller, first, second, ORD_CALL_NEVER);

    g2->illegal_count++;
    if (ord_found_enough(teller->out))
        return;
    ord_found(teller->in, teller->out, &named,
              "%s and %s both returned ok, at %s and at %s: one of them must "
              "have seen the other",
              ord_tell_call(teller, first).at, ord_tell_call(teller, second).at,
              ord_tell_end(teller, first).at, ord_tell_end(teller, second).at);
}

static void check_object(struct g2 *g2)
{
    const struct ord_teller *teller = &g2->teller;
    uint32_t first = ORD_CALL_NEVER;
    bool has_two = false;
    bool has_any = false;

    for (uint32_t i = teller->from; i < teller->to; i++) {
        uint32_t call = ord_teller_at(teller, i);

        if (!is_insert(teller, call))
            continue;
        has_any = true;
        if (teller->object.key.kind == ORD_NIL) {
            g2->keyless = call;
            return;
        }
        if (teller->calls.type[call] != ORD_OP_OK)
            continue;
        g2->insert_count++;
        if (first != ORD_CALL_NEVER && !has_two)
            found_two(g2, first, call);
        has_two = first != ORD_CALL_NEVER;
        if (!has_two)
            first = call;
    }
    g2->key_count += has_any;
}

static int g2_check(const struct ord_check_in *in, struct ord_verdict *out,
                    struct ord_err *err)
{
    struct g2 g2 = {.keyless = ORD_CALL_NEVER};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_teller_init(&g2.teller, in, out, err) != ORD_OK)
        return err->rc;
    for (uint32_t key = 0; key < g2.teller.calls.key_count; key++) {
        ord_teller_turn(&g2.teller, key);
        check_object(&g2);
    }
    ord_stat(out, "keys", (double)g2.key_count);
    ord_stat(out, "inserts", (double)g2.insert_count);
    ord_stat(out, "illegal", (double)g2.illegal_count);
    if (out->violation_count > 0)
        return ord_prove_facts(in, out, err);
    if (g2.keyless != ORD_CALL_NEVER)
        return ord_conclude(out, ORD_UNKNOWN,
                            "%s has no key: is --keyed missing?",
                            ord_tell_call(&g2.teller, g2.keyless).at);
    if (g2.insert_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no insert returned ok");
    (void)ord_conclude(
        out, ORD_VALID, "%llu inserts, at most one of each of %llu keys",
        (unsigned long long)g2.insert_count, (unsigned long long)g2.key_count);
    return ord_prove_facts(in, out, err);
}

const struct ord_checker ord_checker_adya_g2 = {
    .name = "adya-g2",
    .claim = "of two inserts that exclude each other one returns ok",
    .check = g2_check,
};
