/* duplicated.c -- nothing that was done once happens twice.
 *
 * Claim:       queues and stacks: no element is taken out (dequeue, pop, or in
 *              what a drain returned) more often than its insertion may have
 *              happened by the time that it was taken.  Lists and sets: no read
 *              has an element more often than its add may have happened by the
 *              read's end.  Registers: no two successful cas found the same
 *              version (their expected value having been written only once); a
 *              successful cas did not find a version that another write, begun
 *              after it was acknowledged, had replaced before the cas began.
 * Not claimed: elements that nobody ever inserted (total-queue, lost); old
 *              values that a read returned (stale: a replica may lag); a cas
 *              may also have been lost where two found one version.
 * Unknown:     nothing that could show it: no element was taken, read, or
 *              compared.
 * Differs:     from Jepsen's set-full, whose test `(< v 1)` never reports a
 *              duplicate, and from its total-queue, which counts duplicates
 *              and passes.
 * Cost:        O(calls log calls + items) time.
 */
#include <stdlib.h>

#include "checkers/registry.h"
#include "checkers/teller.h"
#include "checkers/trace.h"

struct count {      /* of one element of the object at hand */
    uint32_t stamp; /* key + 1 */
    uint32_t added; /* insertions begun so far that may have happened */
    uint32_t taken;
    uint32_t first; /* the first insertion: a call */
    uint32_t read;  /* call + 1 of the read that counts now */
};

struct dup {
    struct ord_teller teller;
    struct ord_trace trace;
    struct count *counts; /* by atom */
    uint64_t looked_count;
};

static bool is_insert(uint8_t f)
{
    return f == ORD_F_ENQUEUE || f == ORD_F_PUSH || f == ORD_F_ADD ||
           f == ORD_F_APPEND;
}

static bool is_take(uint8_t f)
{
    return f == ORD_F_DEQUEUE || f == ORD_F_POP || f == ORD_F_DRAIN;
}

static void prove(struct dup *dup, const struct ord_named *named)
{
    struct ord_proof *proof = NULL;
    uint32_t *ops = NULL;
    const struct ord_check_in *in = dup->teller.in;

    if (!in->wants_proof || dup->teller.out->violation_count != 1)
        return;
    proof = ord_arena_zalloc(in->arena, 1, sizeof *proof);
    ops = ord_arena_zalloc(in->arena, ORD_NAMED_MAX, sizeof *ops);
    if (proof == NULL || ops == NULL)
        return;
    *proof = (struct ord_proof){
        .next = dup->teller.out->proof, .key = named->key, .ops = ops};
    for (uint32_t i = 0; i < named->count; i++) {
        if (named->ops[i] != NULL)
            ops[proof->count++] = (uint32_t)named->ops[i]->index;
    }
    dup->teller.out->proof = proof;
}

/* The first call before this one that took it, for the evidence. */
static const struct ord_op *taker_of(const struct dup *dup, uint32_t atom,
                                     uint32_t but)
{
    const struct ord_calls *calls = &dup->teller.calls;

    for (uint32_t i = dup->teller.from; i < dup->teller.to; i++) {
        uint32_t call = ord_teller_at(&dup->teller, i);

        if (call != but && is_take(calls->f[call]) &&
            calls->type[call] == ORD_OP_OK && calls->out[call] == atom)
            return ord_teller_inv(&dup->teller, call);
    }
    return NULL;
}

static void found(struct dup *dup, uint32_t call, uint32_t atom, uint32_t times,
                  const char *how)
{
    const struct count *count = &dup->counts[atom];
    struct ord_value value = ord_atom_value(&dup->teller.calls, atom);
    const struct ord_op *op = ord_teller_inv(&dup->teller, call);
    struct ord_named named = {
        .key = dup->teller.object.key,
        .ops = {ord_teller_inv(&dup->teller, count->first), op,
                taker_of(dup, atom, call)},
        .count = 3};

    if (ord_found_enough(dup->teller.out))
        return;
    ord_found(
        dup->teller.in, dup->teller.out, &named,
        "%s in %s was %s %u times, by process %lld's %s at %s, but "
        "inserted at most %u time%s by then (first by process %lld at %s)",
        ord_text_value(&value).at, ord_text_key(&named.key).at, how, times,
        (long long)op->process, op->name, ord_text_when(op).at, count->added,
        count->added == 1 ? "" : "s", (long long)named.ops[0]->process,
        ord_text_when(named.ops[0]).at);
    prove(dup, &named);
}

static struct count *count_of(struct dup *dup, uint32_t atom)
{
    struct count *count = &dup->counts[atom];

    if (count->stamp != dup->teller.key + 1)
        *count = (struct count){.stamp = dup->teller.key + 1};
    return count;
}

static void take(struct dup *dup, uint32_t call, uint32_t atom)
{
    struct count *count = count_of(dup, atom);

    dup->looked_count++;
    if (++count->taken > count->added && count->added > 0)
        found(dup, call, atom, count->taken, "taken out");
}

/* `taken` counts within one read. */
static void look(struct dup *dup, uint32_t call, uint32_t atom)
{
    struct count *count = count_of(dup, atom);

    if (count->read != call + 1) {
        count->read = call + 1;
        count->taken = 0;
    }
    if (++count->taken == count->added + 1 && count->added > 0)
        found(dup, call, atom, count->taken, "seen");
}

/* Insertions count from their begin, what came out at its end. */
static void check_bag(struct dup *dup, const uint32_t *ends, uint32_t count)
{
    const struct ord_calls *calls = &dup->teller.calls;
    uint32_t next = dup->teller.from;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t call = ends[i];
        const uint32_t *items = NULL;
        uint32_t item_count = 0;

        for (; next < dup->teller.to; next++) {
            uint32_t insert = ord_teller_at(&dup->teller, next);
            struct count *of = NULL;

            if (calls->begin[insert] >= calls->end[call])
                break;
            if (!is_insert(calls->f[insert]) ||
                calls->type[insert] == ORD_OP_FAIL)
                continue;
            of = count_of(dup, calls->in[insert]);
            if (of->added++ == 0)
                of->first = insert;
        }
        if (calls->out[call] == ORD_ATOM_NONE)
            continue;
        if (calls->f[call] == ORD_F_DEQUEUE || calls->f[call] == ORD_F_POP) {
            take(dup, call, calls->out[call]);
            continue;
        }
        item_count = ord_atom_items(calls, calls->out[call], &items);
        dup->looked_count += item_count > 0;
        for (uint32_t j = 0; j < item_count; j++) {
            if (calls->f[call] == ORD_F_READ)
                look(dup, call, items[j]);
            else
                take(dup, call, items[j]);
        }
    }
}

/* ---- registers ----------------------------------------------------------- */

static void found_cas(struct dup *dup, uint32_t one, uint32_t two,
                      uint32_t write)
{
    const struct ord_trace *t = &dup->trace;
    struct ord_named named = {.key = t->calls.keys[ord_deed_key(t, two)],
                              .ops = {ord_deed_op(t, one), ord_deed_op(t, two)},
                              .count = 2};

    if (ord_found_enough(dup->teller.out))
        return;
    if (ORD_FROM_IS_DEED(write))
        named.ops[named.count++] = ord_deed_op(t, write);
    ord_found(dup->teller.in, dup->teller.out, &named,
              "one version was found twice: %s, and %s, though it was %s",
              ord_deed_did(t, one).at, ord_deed_did(t, two).at,
              ORD_FROM_IS_DEED(write) ? "written only once"
                                      : "only the initial value");
    prove(dup, &named);
}

static void found_replaced(struct dup *dup, uint32_t cas, uint32_t newer,
                           uint32_t write)
{
    const struct ord_trace *t = &dup->trace;
    struct ord_named named = {
        .key = t->calls.keys[ord_deed_key(t, cas)],
        .ops = {ord_deed_op(t, newer), ord_deed_op(t, cas)},
        .count = 2};

    if (ord_found_enough(dup->teller.out))
        return;
    if (ORD_FROM_IS_DEED(write))
        named.ops[named.count++] = ord_deed_op(t, write);
    ord_found(dup->teller.in, dup->teller.out, &named,
              "a replaced version came back: %s, although %s had been "
              "acknowledged at %s and what it found was written only before",
              ord_deed_did(t, cas).at, ord_deed_text(t, newer).at,
              ord_text_when(ord_deed_done(t, newer)).at);
    prove(dup, &named);
}

/* newest[i]: of the first i + 1 acknowledged writes by end, the one that began
 * last. */
static void judge_cas(struct dup *dup, uint32_t cas, const uint32_t *acked,
                      const uint32_t *newest, uint32_t count)
{
    const struct ord_trace *t = &dup->trace;
    uint32_t from = t->from[cas];
    uint32_t low = 0;
    uint32_t high = count;
    bool is_initial = from == ORD_FROM_INITIAL;
    uint32_t end = is_initial ? 0 : ord_deed_end(t, from);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (is_initial || ord_deed_begin(t, newest[middle]) > end)
            high = middle;
        else
            low = middle + 1;
    }
    if (low < count && ord_deed_end(t, acked[low]) < ord_deed_begin(t, cas))
        found_replaced(dup, cas, acked[low], from);
}

static int compare_pair(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int check_register(struct dup *dup, uint32_t key, uint32_t *user_of,
                          struct ord_err *err)
{
    const struct ord_trace *t = &dup->trace;
    uint32_t n = t->key_first[key + 1] - t->key_first[key];
    const uint32_t *deeds = t->by_key + t->key_first[key];
    struct ord_arena *arena = dup->teller.in->arena;
    uint64_t *order = ord_arena_alloc(arena, (n + 1) * sizeof *order);
    uint32_t *acked = ord_arena_alloc(arena, (n + 1) * sizeof *acked);
    uint32_t *newest = ord_arena_alloc(arena, (n + 1) * sizeof *newest);
    uint32_t count = 0;
    uint32_t initial_user = 0;

    if (order == NULL || acked == NULL || newest == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u operations", n);
    for (uint32_t i = 0; i < n; i++) {
        if (!ord_deed_is_read(t, deeds[i]) &&
            ord_deed_end(t, deeds[i]) != ORD_CALL_NEVER)
            order[count++] =
                (uint64_t)ord_deed_end(t, deeds[i]) << 32 | deeds[i];
    }
    qsort(order, count, sizeof *order, compare_pair);
    for (uint32_t i = 0; i < count; i++) {
        acked[i] = (uint32_t)order[i];
        newest[i] = i > 0 && ord_deed_begin(t, newest[i - 1]) >
                                 ord_deed_begin(t, acked[i])
                        ? newest[i - 1]
                        : acked[i];
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = t->from[deeds[i]];
        uint32_t *user = NULL;

        if (t->kind[deeds[i]] != (ORD_DEED_READ | ORD_DEED_CAS) ||
            from == ORD_FROM_NOBODY || from == ORD_FROM_SEVERAL)
            continue;
        dup->looked_count++;
        user = ORD_FROM_IS_DEED(from) ? &user_of[from] : &initial_user;
        if (*user != 0)
            found_cas(dup, *user - 1, deeds[i], from);
        else
            *user = deeds[i] + 1;
        judge_cas(dup, deeds[i], acked, newest, count);
    }
    return ORD_OK;
}

static int dup_check(const struct ord_check_in *in, struct ord_verdict *out,
                     struct ord_err *err)
{
    const uint64_t out_fs =
        UINT64_C(1) << ORD_F_DEQUEUE | UINT64_C(1) << ORD_F_POP |
        UINT64_C(1) << ORD_F_DRAIN | UINT64_C(1) << ORD_F_READ;
    struct dup dup = {.looked_count = 0};
    struct ord_ends ends;
    uint32_t *user_of = NULL;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_teller_init(&dup.teller, in, out, err) != ORD_OK ||
        ord_ends_init(&ends, &dup.teller, out_fs, err) != ORD_OK ||
        ord_trace_init(&dup.trace, in, err) != ORD_OK)
        return err->rc;
    dup.counts = ord_arena_zalloc(
        in->arena, (size_t)dup.teller.calls.atom_count + 1, sizeof *dup.counts);
    user_of = ord_arena_zalloc(in->arena, (size_t)dup.trace.count + 1,
                               sizeof *user_of);
    if (dup.counts == NULL || user_of == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the elements");
    for (uint32_t k = 0; k < dup.teller.calls.key_count; k++) {
        ord_teller_turn(&dup.teller, k);
        if (dup.trace.key_kind[k] != ORD_OBJECT_REGISTER)
            check_bag(&dup, ends.at + ends.first[k],
                      ends.first[k + 1] - ends.first[k]);
        else if (dup.trace.key_first[k] < dup.trace.key_first[k + 1] &&
                 check_register(&dup, k, user_of, err) != ORD_OK)
            return err->rc;
    }
    ord_stat(out, "looked_at", (double)dup.looked_count);
    ord_stat(out, "duplicates", (double)out->violation_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (dup.looked_count == 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "nothing was taken out of a queue or stack, read "
                            "of a list or set, or compared and set");
    return ord_conclude(out, ORD_VALID,
                        "nothing happened twice (%llu times looked at)",
                        (unsigned long long)dup.looked_count);
}

const struct ord_checker ord_checker_duplicated = {
    .name = "duplicated",
    .claim = "nothing that was done once happens twice",
    .check = dup_check,
};
