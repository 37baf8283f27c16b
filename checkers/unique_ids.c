/* unique_ids.c -- a generator never gives the same id twice.
 *
 * Key by key.  An id is what an ok generate brought, nil like any other.
 * Claim:       no two ok generates brought equal ids.
 * Not claimed: that ids grow; that ids differ between keys.
 * Unknown:     no generate returned ok.
 * Cost:        O(calls) time, 8 bytes an atom.
 * Stats:       attempted, acknowledged (generates); duplicated (ids that came
 *              more than once); duplicates (generates beyond the first of their
 *              id); id_min and id_max where all ids are whole numbers.
 *
 * Jepsen's `unique-ids` is this rule; its duplicated-count is `duplicated`.
 */
#include <stdio.h>

#include "checkers/registry.h"
#include "checkers/teller.h"

struct unique {
    struct ord_teller teller;
    uint32_t *first; /* by atom: the call that brought it first, + 1 */
    uint32_t *times; /* by atom */
    uint64_t attempted;
    uint64_t acknowledged;
    uint64_t duplicated;
    uint64_t duplicates;
    int64_t id_min;
    int64_t id_max;
    bool has_others; /* ids that are no whole numbers */
};

static void note_range(struct unique *unique, uint32_t atom)
{
    int64_t id = 0;

    if (!ord_atom_int(&unique->teller.calls, atom, &id)) {
        unique->has_others = true;
        return;
    }
    if (unique->acknowledged == 1 || id < unique->id_min)
        unique->id_min = id;
    if (unique->acknowledged == 1 || id > unique->id_max)
        unique->id_max = id;
}

static void found_duplicate(struct unique *unique, uint32_t call, uint32_t atom)
{
    struct ord_teller *teller = &unique->teller;
    uint32_t first = unique->first[atom] - 1;
    struct ord_named named =
        ord_tell_named(teller, first, call, ORD_CALL_NEVER);

    if (ord_found_enough(teller->out))
        return;
    ord_found(teller->in, teller->out, &named,
              "%s; %s had brought it, too, at %s",
              ord_tell_did(teller, call).at, ord_tell_call(teller, first).at,
              ord_tell_end(teller, first).at);
}

static void check_object(struct unique *unique)
{
    const struct ord_teller *teller = &unique->teller;
    const struct ord_calls *calls = &teller->calls;

    for (uint32_t i = teller->from; i < teller->to; i++) {
        uint32_t call = ord_teller_at(teller, i);
        uint32_t atom = calls->out[call];

        if (calls->f[call] != ORD_F_GENERATE)
            continue;
        unique->attempted++;
        if (calls->type[call] != ORD_OP_OK)
            continue;
        unique->acknowledged++;
        note_range(unique, atom);
        if (unique->times[atom]++ == 0) {
            unique->first[atom] = call + 1;
            continue;
        }
        unique->duplicates++;
        unique->duplicated += unique->times[atom] == 2;
        found_duplicate(unique, call, atom);
    }
    for (uint32_t i = teller->from; i < teller->to; i++) {
        uint32_t call = ord_teller_at(teller, i);

        if (calls->f[call] == ORD_F_GENERATE && calls->type[call] == ORD_OP_OK)
            unique->times[calls->out[call]] = 0;
    }
}

static int unique_check(const struct ord_check_in *in, struct ord_verdict *out,
                        struct ord_err *err)
{
    struct unique unique = {0};
    size_t atoms = 0;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_teller_init(&unique.teller, in, out, err) != ORD_OK)
        return err->rc;
    atoms = (size_t)unique.teller.calls.atom_count + 1;
    unique.first = ord_arena_zalloc(in->arena, atoms, sizeof *unique.first);
    unique.times = ord_arena_zalloc(in->arena, atoms, sizeof *unique.times);
    if (unique.first == NULL || unique.times == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %zu ids", atoms);
    for (uint32_t key = 0; key < unique.teller.calls.key_count; key++) {
        ord_teller_turn(&unique.teller, key);
        check_object(&unique);
    }
    ord_stat(out, "attempted", (double)unique.attempted);
    ord_stat(out, "acknowledged", (double)unique.acknowledged);
    ord_stat(out, "duplicated", (double)unique.duplicated);
    ord_stat(out, "duplicates", (double)unique.duplicates);
    if (unique.acknowledged > 0 && !unique.has_others) {
        ord_stat(out, "id_min", (double)unique.id_min);
        ord_stat(out, "id_max", (double)unique.id_max);
    }
    if (out->violation_count > 0)
        return ord_prove_facts(in, out, err);
    if (unique.acknowledged == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no generate returned ok");
    (void)ord_conclude(out, ORD_VALID, "%llu ids, all different",
                       (unsigned long long)unique.acknowledged);
    return ord_prove_facts(in, out, err);
}

const struct ord_checker ord_checker_unique_ids = {
    .name = "unique-ids",
    .claim = "no id was generated twice",
    .check = unique_check,
};
