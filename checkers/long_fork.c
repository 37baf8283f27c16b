/* long_fork.c -- two readers never disagree on which of two writes came first.
 *
 * For workloads in which each key is written at most once and several keys are
 * read at a time: transactions [[:r 3 nil] [:r 4 1]], as an ok read or txn that
 * only reads (parallel snapshot isolation allows the anomaly, snapshot
 * isolation does not).  Who wrote is told from transactions and from `write`
 * with a key.
 * Claim:       of any two reads of the same keys one saw all that the other
 *              saw: none saw key a written and b not, while another saw b and
 *              not a.
 * Not claimed: reads of different sets of keys against each other; reads of
 *              keys that may have been written more than once; transactions
 *              that write; the values.
 * Unknown:     no two reads of the same keys; a key that was read may have been
 *              written more than once (by transactions), and what could be
 *              judged was fine.
 * Cost:        O(items read log reads), where the usual checker compares all
 *              pairs; 16 bytes an item.
 * Source:      Sovran et al.: Transactional storage for geo-replicated systems,
 *              SOSP 2011 (long fork); Jepsen's long-fork workload.
 */
#include <stdlib.h>
#include <string.h>

#include "checkers/registry.h"
#include "checkers/teller.h"

enum { TOO_OFTEN = 2 };

struct view_of { /* one read: its keys, ascending, and how many were written */
    uint32_t call;
    uint32_t first; /* into items */
    uint32_t count;
    uint32_t seen;
    const uint64_t *items; /* key atom * 2 + it was written */
};

struct fork {
    struct ord_teller teller;
    uint8_t *written; /* by atom of a key: writes that may have happened */
    uint64_t *items;
    struct view_of *reads;
    uint32_t read_count;
    uint32_t item_count;
    uint32_t early_count;
    uint32_t late_count;
    uint32_t pair_count;
    uint32_t left_out;
};

/* 'r' or 'w' and the key and value of a micro-operation; 0: it is none. */
static char micro(const struct ord_calls *calls, uint32_t atom, uint32_t *key,
                  uint32_t *value)
{
    const uint32_t *items = NULL;
    struct ord_value name;

    if (ord_atom_items(calls, atom, &items) != 3)
        return 0;
    name = ord_atom_value(calls, items[0]);
    if (name.kind != ORD_TEXT || name.count == 0)
        return 0;
    *key = items[1];
    *value = items[2];
    if (name.count == 1 && (name.as.text[0] == 'r' || name.as.text[0] == 'w'))
        return name.as.text[0];
    if (name.count == 2 && name.as.text[0] == ':' &&
        (name.as.text[1] == 'r' || name.as.text[1] == 'w'))
        return name.as.text[1];
    return 0;
}

/* Writes of a call that may have happened, as invoked. */
static void note_writes(struct fork *fork, uint32_t call)
{
    const struct ord_calls *calls = &fork->teller.calls;
    const uint32_t *items = NULL;
    uint32_t count = ord_atom_items(calls, calls->in[call], &items);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = 0;
        uint32_t value = 0;

        if (micro(calls, items[i], &key, &value) == 'w' &&
            fork->written[key] < TOO_OFTEN)
            fork->written[key]++;
    }
}

/* How many keys an ok call read, if it does nothing but read; else 0. */
static uint32_t reads_of(const struct ord_calls *calls, uint32_t call)
{
    const uint32_t *items = NULL;
    uint32_t count = 0;

    if (calls->type[call] != ORD_OP_OK || calls->out[call] == ORD_ATOM_NONE)
        return 0;
    count = ord_atom_items(calls, calls->out[call], &items);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = 0;
        uint32_t value = 0;

        if (micro(calls, items[i], &key, &value) != 'r')
            return 0;
    }
    return count;
}

static int compare_item(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void add_read(struct fork *fork, uint32_t call, uint32_t count)
{
    const struct ord_calls *calls = &fork->teller.calls;
    struct view_of *read = &fork->reads[fork->read_count];
    uint64_t *at = fork->items + fork->item_count;
    const uint32_t *items = NULL;

    *read = (struct view_of){.call = call, .count = count, .items = at};
    (void)ord_atom_items(calls, calls->out[call], &items);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = 0;
        uint32_t value = 0;

        (void)micro(calls, items[i], &key, &value);
        if (fork->written[key] == TOO_OFTEN) {
            fork->left_out++;
            return;
        }
        at[i] = (uint64_t)key * 2 + (value != ORD_ATOM_NIL);
        read->seen += value != ORD_ATOM_NIL;
    }
    qsort(at, count, sizeof *at, compare_item);
    fork->item_count += count;
    fork->read_count++;
    fork->early_count += read->seen == 0;
    fork->late_count += read->seen == count;
}

static int compare_keys(const struct view_of *x, const struct view_of *y)
{
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    for (uint32_t i = 0; i < x->count; i++) {
        uint64_t a = x->items[i] / 2;
        uint64_t b = y->items[i] / 2;

        if (a != b)
            return a < b ? -1 : 1;
    }
    return 0;
}

/* By keys, then by how many were seen, then as they came. */
static int compare_read(const void *a, const void *b)
{
    const struct view_of *x = a;
    const struct view_of *y = b;
    int by_keys = compare_keys(x, y);

    if (by_keys != 0)
        return by_keys;
    if (x->seen != y->seen)
        return x->seen < y->seen ? -1 : 1;
    return (x->call > y->call) - (x->call < y->call);
}

static int build(struct fork *fork, struct ord_err *err)
{
    const struct ord_calls *calls = &fork->teller.calls;
    struct ord_arena *arena = fork->teller.in->arena;
    size_t room = 1;
    size_t reads = 1;

    fork->written = ord_arena_zalloc(arena, (size_t)calls->atom_count + 1, 1);
    if (fork->written == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the keys");
    for (uint32_t i = 0; i < calls->count; i++) {
        if (calls->type[i] != ORD_OP_FAIL)
            note_writes(fork, i);
        room += reads_of(calls, i);
        reads += reads_of(calls, i) > 0;
    }
    if (room > UINT32_MAX)
        return ord_fail(err, ORD_ELIMIT, "%zu items were read", room);
    fork->items = ord_arena_zalloc(arena, room, sizeof *fork->items);
    fork->reads = ord_arena_zalloc(arena, reads, sizeof *fork->reads);
    if (fork->items == NULL || fork->reads == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %zu items", room);
    for (uint32_t i = 0; i < calls->count; i++) {
        uint32_t count = reads_of(calls, i);

        if (count > 0)
            add_read(fork, i, count);
    }
    qsort(fork->reads, fork->read_count, sizeof *fork->reads, compare_read);
    return ORD_OK;
}

/* The key that x saw and y did not; UINT32_MAX: there is none. */
static uint32_t only_in(const struct view_of *x, const struct view_of *y)
{
    for (uint32_t i = 0; i < x->count; i++) {
        if (x->items[i] % 2 == 1 && y->items[i] % 2 == 0)
            return (uint32_t)(x->items[i] / 2);
    }
    return UINT32_MAX;
}

/* A write of that key, also one that is no transaction. */
static bool is_plain_write(const struct ord_calls *calls, uint32_t call,
                           uint32_t wanted)
{
    struct ord_value key = ord_atom_value(calls, wanted);

    return calls->f[call] == ORD_F_WRITE && calls->key != NULL &&
           ord_value_equal(&calls->keys[calls->key[call]], &key);
}

static uint32_t write_of(const struct fork *fork, uint32_t wanted)
{
    const struct ord_calls *calls = &fork->teller.calls;

    for (uint32_t i = 0; i < calls->count; i++) {
        const uint32_t *items = NULL;
        uint32_t count = ord_atom_items(calls, calls->in[i], &items);

        if (calls->type[i] == ORD_OP_FAIL)
            continue;
        if (is_plain_write(calls, i, wanted))
            return i;
        for (uint32_t j = 0; j < count; j++) {
            uint32_t key = 0;
            uint32_t value = 0;

            if (micro(calls, items[j], &key, &value) == 'w' && key == wanted)
                return i;
        }
    }
    return ORD_CALL_NEVER;
}

static const struct ord_op *op_of(const struct fork *fork, uint32_t call)
{
    return call == ORD_CALL_NEVER ? NULL : ord_teller_inv(&fork->teller, call);
}

static void found(struct fork *fork, const struct view_of *x,
                  const struct view_of *y, uint32_t a, uint32_t b)
{
    struct ord_named named = {
        .ops = {op_of(fork, x->call), op_of(fork, y->call)}, .count = 2};
    struct ord_value key_a = ord_atom_value(&fork->teller.calls, a);
    struct ord_value key_b = ord_atom_value(&fork->teller.calls, b);

    if (ord_found_enough(fork->teller.out))
        return;
    named.ops[named.count++] = op_of(fork, write_of(fork, a));
    named.ops[named.count++] = op_of(fork, write_of(fork, b));
    ord_found(
        fork->teller.in, fork->teller.out, &named,
        "a long fork: process %lld, at %s, saw the write of key %s and not "
        "that of %s; process %lld, at %s, saw that of %s and not that of "
        "%s",
        (long long)named.ops[0]->process, ord_text_when(named.ops[0]).at,
        ord_text_value(&key_a).at, ord_text_value(&key_b).at,
        (long long)named.ops[1]->process, ord_text_when(named.ops[1]).at,
        ord_text_value(&key_b).at, ord_text_value(&key_a).at);
}

static void compare_all(struct fork *fork)
{
    for (uint32_t i = 1; i < fork->read_count; i++) {
        const struct view_of *x = &fork->reads[i - 1];
        const struct view_of *y = &fork->reads[i];
        uint32_t a = 0;

        if (compare_keys(x, y) != 0)
            continue;
        fork->pair_count++;
        a = only_in(x, y);
        /* y saw at least as many, so if x has one of its own, so has y. */
        if (a != UINT32_MAX)
            found(fork, x, y, a, only_in(y, x));
    }
}

static int fork_check(const struct ord_check_in *in, struct ord_verdict *out,
                      struct ord_err *err)
{
    struct fork fork = {.read_count = 0};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_teller_init(&fork.teller, in, out, err) != ORD_OK ||
        build(&fork, err) != ORD_OK)
        return err->rc;
    compare_all(&fork);
    ord_stat(out, "reads", (double)fork.read_count);
    ord_stat(out, "early_reads", (double)fork.early_count);
    ord_stat(out, "late_reads", (double)fork.late_count);
    ord_stat(out, "forks", (double)out->violation_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (fork.left_out > 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "%u reads had a key that may have been written "
                            "more than once",
                            fork.left_out);
    if (fork.pair_count == 0)
        return ord_conclude(
            out, ORD_UNKNOWN,
            "no two reads [[:r key value] ..] of the same keys");
    return ord_conclude(
        out, ORD_VALID,
        "of %u reads any two of the same keys agree on an order",
        fork.read_count);
}

const struct ord_checker ord_checker_long_fork = {
    .name = "long-fork",
    .claim = "two readers never disagree on which of two writes came first",
    .check = fork_check,
};
