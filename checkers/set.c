/* set.c -- what was acknowledged is in the last read, and nothing else.
 *
 * Key by key.  The last read is the ok read that ended last, a final read or
 * not.  An element is the value of an add (or append).
 * Claim:       each element whose add was acknowledged before the last read
 *              began is in it (else: lost); each of its elements has an add
 *              that may have happened and began before the read ended (else:
 *              unexpected).
 * Not claimed: earlier reads (set-full); how often an element is in it
 *              (set-full, lost); replicas that were not read (lost,
 *              convergence); elements that somebody may have removed.
 * Unknown:     an object to which somebody may have added was never read, or
 *              the last read brought nil or no collection; an object has other
 *              functions than add, append, remove, contains and read; nothing
 *              was added at all.
 * Cost:        O(calls + items of the last reads) time, 24 bytes an atom.
 * Stats:       in elements, over all keys: attempted (may have happened),
 *              acknowledged (at any time), ok (read, and not unexpected), lost,
 *              unexpected, recovered (ok and never acknowledged).
 *
 * Jepsen's `set` is this rule but for two differences.  It takes an element
 * whose only adds failed for a recovered one: here that is unexpected, for a
 * failed add surely did not happen; fail_may_happen=true has it as Jepsen does,
 * and attempted counts it.  It takes an element acknowledged after the last
 * read began for lost; here it may be missing.
 */
#include "checkers/members.h"
#include "checkers/registry.h"

struct set {
    struct ord_teller teller;
    struct ord_members members;
    uint32_t read; /* the last ok read of the object */
    uint64_t attempted;
    uint64_t acknowledged;
    uint64_t ok;
    uint64_t lost;
    uint64_t unexpected;
    uint64_t recovered;
    uint32_t object_count; /* that were judged */
    uint32_t unread;       /* a key; ORD_CALL_NEVER: none */
    uint32_t unread_read;  /* its last read, or ORD_CALL_NEVER */
    uint32_t odd;          /* a call that fits no set */
    uint32_t odd_key;
};

static void find_last(struct set *set)
{
    const struct ord_calls *calls = &set->teller.calls;

    set->read = ORD_CALL_NEVER;
    for (uint32_t i = set->teller.from; i < set->teller.to; i++) {
        uint32_t call = ord_teller_at(&set->teller, i);

        if (calls->f[call] == ORD_F_READ && calls->type[call] == ORD_OP_OK &&
            (set->read == ORD_CALL_NEVER ||
             calls->end[call] > calls->end[set->read]))
            set->read = call;
    }
}

static void found_unexpected(struct set *set, uint32_t atom, const char *why,
                             uint32_t add)
{
    struct ord_teller *teller = &set->teller;
    struct ord_named named =
        ord_tell_named(teller, set->read, add, ORD_CALL_NEVER);

    set->unexpected++;
    if (ord_found_enough(teller->out))
        return;
    ord_found(
        teller->in, teller->out, &named, "the last read, %s, has %s, %s%s%s%s",
        ord_tell_call(teller, set->read).at, ord_tell_atom(teller, atom).at,
        why, add == ORD_CALL_NEVER ? "" : ": ",
        add == ORD_CALL_NEVER ? "" : ord_tell_call(teller, add).at,
        ord_tell_tuples(teller).at);
}

/* Counts what the last read has, each element once, and marks it. */
static void look_at(struct set *set, uint32_t count, const uint32_t *items)
{
    const struct ord_calls *calls = &set->teller.calls;

    for (uint32_t i = 0; i < count; i++) {
        struct ord_member *member = &set->members.at[items[i]];
        uint32_t add = ORD_CALL_NEVER;
        const char *why = NULL;

        if (member->is_marked)
            continue;
        member->is_marked = true;
        why = ord_member_phantom(&set->members, &set->teller, items[i],
                                 calls->end[set->read], &add);
        if (why != NULL) {
            found_unexpected(set, items[i], why, add);
            continue;
        }
        set->ok++;
        set->recovered += member->acked == ORD_CALL_NEVER;
    }
}

static bool is_lost(const struct set *set, uint32_t atom)
{
    const struct ord_member *member = &set->members.at[atom];

    return !member->is_marked && !member->is_removed &&
           member->acked != ORD_CALL_NEVER &&
           member->acked < set->teller.calls.begin[set->read];
}

static void found_lost(struct set *set, uint64_t lost, uint64_t acked)
{
    struct ord_teller *teller = &set->teller;
    bool is_first = true;

    for (uint32_t i = 0; i < set->members.count; i++) {
        uint32_t atom = set->members.list[i];
        uint32_t add = set->members.at[atom].add;
        struct ord_named named;

        if (!is_lost(set, atom) || ord_found_enough(teller->out))
            continue;
        named = ord_tell_named(teller, add, set->read, ORD_CALL_NEVER);
        if (is_first)
            ord_found(teller->in, teller->out, &named,
                      "%s, acknowledged at %s, was lost: the last read, %s, "
                      "does not have it; %llu of %llu acknowledged elements "
                      "%s lost%s",
                      ord_tell_call(teller, add).at,
                      ord_tell_end(teller, add).at,
                      ord_tell_call(teller, set->read).at,
                      (unsigned long long)lost, (unsigned long long)acked,
                      lost == 1 ? "was" : "were", ord_tell_tuples(teller).at);
        else
            ord_found(teller->in, teller->out, &named,
                      "%s, acknowledged at %s, was lost",
                      ord_tell_call(teller, add).at,
                      ord_tell_end(teller, add).at);
        is_first = false;
    }
}

static void check_object(struct set *set)
{
    const uint32_t *items = NULL;
    uint32_t item_count = 0;
    uint64_t attempted = 0;
    uint64_t acked = 0;
    uint64_t lost = 0;

    find_last(set);
    for (uint32_t i = 0; i < set->members.count; i++) {
        const struct ord_member *member =
            &set->members.at[set->members.list[i]];

        attempted += member->attempts > 0;
        acked += member->acked != ORD_CALL_NEVER;
    }
    set->attempted += attempted;
    set->acknowledged += acked;
    if (set->read == ORD_CALL_NEVER ||
        !ord_members_read(&set->teller, set->read, &item_count, &items) ||
        set->teller.calls.out[set->read] == ORD_ATOM_NIL) {
        if (attempted > 0 && set->unread == ORD_CALL_NEVER) {
            set->unread = set->teller.key;
            set->unread_read = set->read;
        }
        return;
    }
    set->object_count++;
    look_at(set, item_count, items);
    for (uint32_t i = 0; i < set->members.count; i++)
        lost += is_lost(set, set->members.list[i]);
    set->lost += lost;
    if (lost > 0)
        found_lost(set, lost, acked);
    for (uint32_t i = 0; i < item_count; i++)
        set->members.at[items[i]].is_marked = false;
}

static int set_conclude(struct set *set, struct ord_err *err)
{
    struct ord_verdict *out = set->teller.out;

    ord_stat(out, "attempted", (double)set->attempted);
    ord_stat(out, "acknowledged", (double)set->acknowledged);
    ord_stat(out, "ok", (double)set->ok);
    ord_stat(out, "lost", (double)set->lost);
    ord_stat(out, "unexpected", (double)set->unexpected);
    ord_stat(out, "recovered", (double)set->recovered);
    if (out->violation_count > 0)
        return ord_prove_facts(set->teller.in, out, err);
    if (set->odd != ORD_CALL_NEVER)
        return ord_conclude_odd_member(&set->teller, set->odd_key, set->odd);
    if (set->unread != ORD_CALL_NEVER) {
        ord_teller_turn(&set->teller, set->unread);
        if (set->unread_read == ORD_CALL_NEVER)
            return ord_conclude(out, ORD_UNKNOWN, "no read of %s returned ok",
                                ord_text_key(&set->teller.object.key).at);
        return ord_conclude(out, ORD_UNKNOWN,
                            "the last read, %s, brought no collection",
                            ord_tell_call(&set->teller, set->unread_read).at);
    }
    if (set->attempted == 0)
        return ord_conclude(out, ORD_UNKNOWN, "nothing was added");
    (void)ord_conclude(out, ORD_VALID,
                       "none of %llu acknowledged elements is missing in the "
                       "last read, and none of %llu is there unexpectedly",
                       (unsigned long long)set->acknowledged,
                       (unsigned long long)set->ok);
    return ord_prove_facts(set->teller.in, out, err);
}

static int set_check(const struct ord_check_in *in, struct ord_verdict *out,
                     struct ord_err *err)
{
    struct set set = {.unread = ORD_CALL_NEVER, .odd = ORD_CALL_NEVER};
    bool fail_may_happen = false;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_option_truth(in, "fail_may_happen", &fail_may_happen, err) !=
            ORD_OK ||
        ord_teller_init(&set.teller, in, out, err) != ORD_OK ||
        ord_members_init(&set.members, &set.teller, err) != ORD_OK)
        return err->rc;
    set.members.fail_may_happen = fail_may_happen;
    for (uint32_t key = 0; key < set.teller.calls.key_count; key++) {
        uint32_t odd = ORD_CALL_NEVER;

        ord_teller_turn(&set.teller, key);
        ord_members_load(&set.members, &set.teller);
        odd = ord_teller_odd(&set.teller, ORD_MEMBER_FS);
        if (odd == ORD_CALL_NEVER) {
            check_object(&set);
        } else if (set.members.count > 0 && set.odd == ORD_CALL_NEVER) {
            set.odd = odd;
            set.odd_key = key;
        }
    }
    return set_conclude(&set, err);
}

const struct ord_checker ord_checker_set = {
    .name = "set",
    .claim = "elements acknowledged before the last read began are in it, and "
             "nothing that nobody added",
    .options = "fail_may_happen: true takes a failed add for one that may have "
               "happened, as Jepsen does",
    .check = set_check,
};
