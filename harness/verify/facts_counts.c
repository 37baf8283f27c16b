/* facts_counts.c -- counters, queues, ids, balances and epochs, counted again.
 */
#include <stdlib.h>

#include "harness/verify/facts.h"

#define PUTS (ord_bit(ORD_F_ENQUEUE) | ord_bit(ORD_F_PUSH))
#define TAKES                                                                  \
    (ord_bit(ORD_F_DEQUEUE) | ord_bit(ORD_F_POP) | ord_bit(ORD_F_DRAIN))

/* ---- unique-ids --------------------------------------------------------- */

void ord_recount_unique_ids(struct facts *f)
{
    const struct ord_calls *calls = f->calls;
    uint32_t *key_of = ord_facts_room(f, (size_t)calls->atom_count + 1,
                                      sizeof *key_of); /* + 1 */
    uint32_t *times =
        ord_facts_room(f, (size_t)calls->atom_count + 1, sizeof *times);
    uint64_t attempted = 0;
    uint64_t acknowledged = 0;
    uint64_t duplicated = 0;

    for (uint32_t key = 0; !f->is_over && key < calls->key_count; key++) {
        if (!ord_facts_turn(f, key))
            return;
        for (uint32_t i = 0; i < f->count; i++) {
            uint32_t call = f->at[i];
            uint32_t id = calls->out[call];

            if (calls->f[call] != ORD_F_GENERATE)
                continue;
            attempted++;
            if (calls->type[call] != ORD_OP_OK)
                continue;
            acknowledged++;
            if (key_of[id] != key + 1)
                times[id] = 0;
            key_of[id] = key + 1;
            if (++times[id] > 1)
                ord_blame(f, call);
            duplicated += times[id] == 2;
        }
    }
    ord_fact(f, "attempted", (double)attempted);
    ord_fact(f, "acknowledged", (double)acknowledged);
    ord_fact(f, "duplicated", (double)duplicated);
    ord_fact(f, "duplicates", (double)f->violations);
    if (acknowledged == 0)
        f->unknown = "no generate returned ok";
}

/* ---- counter ------------------------------------------------------------ */

struct sums { /* of adds: those that add, those that take away */
    int64_t up;
    int64_t down;
};

static bool add_sum(struct facts *f, struct sums *sums, uint32_t call)
{
    int64_t value = 0;
    int64_t *to;

    if (!ord_atom_int(f->calls, f->calls->in[call], &value)) {
        f->unknown = "an add carries no whole number";
        return false;
    }
    to = value < 0 ? &sums->down : &sums->up;
    if (__builtin_add_overflow(*to, value, to)) {
        f->unknown = "a sum is beyond 63 bits";
        return false;
    }
    return true;
}

/* acked[i]: the sums of the adds that ended before call at[i] began. */
static bool sum_acked(struct facts *f, struct sums *acked)
{
    struct sums sums = {0};
    uint32_t e = 0;

    for (uint32_t i = 0; i < f->count; i++) {
        for (; e < f->end_count &&
               f->calls->end[f->ends[e]] < f->calls->begin[f->at[i]];
             e++) {
            if (f->calls->f[f->ends[e]] == ORD_F_ADD &&
                !add_sum(f, &sums, f->ends[e]))
                return false;
        }
        acked[i] = sums;
    }
    return true;
}

static void judge_counter(struct facts *f, const struct sums *acked,
                          double *error_max, uint64_t *reads, double *slack_max)
{
    const struct ord_calls *calls = f->calls;
    struct sums begun = {0};
    uint32_t *place =
        ord_facts_room(f, (size_t)calls->count + 1, sizeof *place);
    uint32_t b = 0;

    for (uint32_t i = 0; !f->is_over && i < f->count; i++)
        place[f->at[i]] = i;
    for (uint32_t e = 0; !f->is_over && e < f->end_count; e++) {
        uint32_t read = f->ends[e];
        const struct sums *before = &acked[place[read]];
        int64_t value = 0;
        double low;
        double high;

        for (; b < f->count && calls->begin[f->at[b]] < calls->end[read]; b++) {
            if (calls->f[f->at[b]] == ORD_F_ADD &&
                calls->type[f->at[b]] != ORD_OP_FAIL &&
                !add_sum(f, &begun, f->at[b]))
                return;
        }
        if (calls->f[read] != ORD_F_READ)
            continue;
        if (!ord_atom_int(calls, calls->out[read], &value)) {
            f->unknown = "a read brought no whole number";
            continue;
        }
        ++*reads;
        low = (double)before->up + (double)begun.down;
        high = (double)begun.up + (double)before->down;
        *slack_max = high - low > *slack_max ? high - low : *slack_max;
        if ((double)value >= low && (double)value <= high)
            continue;
        ord_blame(f, read);
        low = (double)value < low ? low - (double)value : (double)value - high;
        *error_max = low > *error_max ? low : *error_max;
    }
}

void ord_recount_counter(struct facts *f)
{
    uint64_t adds = 0;
    uint64_t reads = 0;
    double error_max = 0;
    double slack_max = 0;

    for (uint32_t key = 0; key < f->calls->key_count; key++) {
        struct sums *acked;

        if (!ord_facts_turn(f, key))
            return;
        if (ord_facts_is_odd(f, ord_bit(ORD_F_ADD) | ord_bit(ORD_F_READ))) {
            if (ord_facts_has(f, ord_bit(ORD_F_ADD)))
                f->unknown = "a counter has other functions than add and read";
            continue;
        }
        for (uint32_t i = 0; i < f->end_count; i++)
            adds += f->calls->f[f->ends[i]] == ORD_F_ADD;
        acked = ord_facts_room(f, (size_t)f->count + 1, sizeof *acked);
        if (acked == NULL)
            return;
        if (sum_acked(f, acked))
            judge_counter(f, acked, &error_max, &reads, &slack_max);
    }
    if (adds == 0 && reads == 0)
        f->unknown = "nothing was added and nothing read";
    if (f->unknown != NULL)
        return; /* only a part was counted */
    ord_fact(f, "adds", (double)adds);
    ord_fact(f, "reads", (double)reads);
    ord_fact(f, "out_of_bounds", (double)f->violations);
    ord_fact(f, "error_max", error_max);
    ord_fact(f, "slack_max", slack_max);
}

/* ---- queues ------------------------------------------------------------- */

static bool is_put(const struct facts *f, uint32_t call)
{
    return (PUTS >> f->calls->f[call] & 1) != 0;
}

static bool may_put(const struct facts *f, uint32_t call)
{
    return is_put(f, call) && (f->calls->type[call] != ORD_OP_FAIL ||
                               ord_facts_option(f, "fail_may_happen", "true"));
}

/* What an ok call took; none of a nil. */
static uint32_t taken_by(const struct facts *f, uint32_t call,
                         const uint32_t **items)
{
    const struct ord_calls *calls = f->calls;

    *items = &calls->out[call];
    if (calls->type[call] != ORD_OP_OK || (TAKES >> calls->f[call] & 1) == 0)
        return 0;
    if (calls->f[call] == ORD_F_DRAIN)
        return ord_atom_items(calls, calls->out[call], items);
    return calls->out[call] != ORD_ATOM_NIL &&
           calls->out[call] != ORD_ATOM_NONE;
}

/* False: the object is none to count. */
static bool turn_to_queue(struct facts *f, uint32_t key)
{
    if (!ord_facts_turn(f, key))
        return false;
    if (!ord_facts_is_odd(f, PUTS | TAKES))
        return true;
    if (ord_facts_has(f, PUTS | TAKES))
        f->unknown = "a queue has other functions, too";
    return false;
}

/* By value: puts that began, less takes that ended, at each take's end. */
void ord_recount_queue(struct facts *f)
{
    const struct ord_calls *calls = f->calls;
    uint32_t *there =
        ord_facts_room(f, (size_t)calls->atom_count + 1, sizeof *there);
    uint64_t puts = 0;
    uint64_t takes = 0;

    for (uint32_t key = 0; !f->is_over && key < calls->key_count; key++) {
        uint32_t b = 0;

        if (!turn_to_queue(f, key))
            continue;
        for (uint32_t e = 0; e < f->end_count; e++) {
            const uint32_t *items = NULL;
            uint32_t count = taken_by(f, f->ends[e], &items);

            for (; b < f->count &&
                   calls->begin[f->at[b]] < calls->end[f->ends[e]];
                 b++)
                there[calls->in[f->at[b]]] += may_put(f, f->at[b]);
            takes += count;
            for (uint32_t i = 0; i < count; i++) {
                if (there[items[i]] > 0)
                    there[items[i]]--;
                else
                    ord_blame(f, f->ends[e]);
            }
        }
        for (uint32_t i = 0; i < f->count; i++) {
            puts += may_put(f, f->at[i]);
            if (is_put(f, f->at[i]))
                there[calls->in[f->at[i]]] = 0;
        }
    }
    ord_fact(f, "puts", (double)puts);
    ord_fact(f, "takes", (double)takes);
    ord_fact(f, "unpaired", (double)f->violations);
    if (takes == 0)
        f->unknown = "nothing was taken";
}

struct totals { /* of a value; then of all */
    uint64_t attempted;
    uint64_t acknowledged;
    uint64_t taken;
    uint64_t missing;
    uint64_t lost;
    uint64_t unexpected;
    uint64_t duplicated;
    uint64_t recovered;
    uint64_t unfinished;
    uint64_t drains;
    bool is_bad; /* a value's: missing, unexpected or too often */
};

static void count_queue(struct facts *f, struct totals *values,
                        struct totals *key)
{
    const struct ord_calls *calls = f->calls;

    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t call = f->at[i];
        const uint32_t *items = NULL;
        uint32_t count = taken_by(f, call, &items);

        if (is_put(f, call)) {
            values[calls->in[call]].attempted += may_put(f, call);
            values[calls->in[call]].acknowledged +=
                calls->type[call] == ORD_OP_OK;
        }
        for (uint32_t j = 0; j < count; j++)
            values[items[j]].taken++;
        if (calls->type[call] == ORD_OP_INFO && calls->f[call] == ORD_F_DRAIN)
            key->drains++;
        else if (calls->type[call] == ORD_OP_INFO && !is_put(f, call))
            key->unfinished++;
    }
}

/* Each value once: what was counted of it is cleared. */
static void sum_value(struct facts *f, struct totals *value, struct totals *key)
{
    uint64_t least =
        value->taken < value->attempted ? value->taken : value->attempted;
    bool is_too_often = value->attempted > 0 && value->taken > value->attempted;
    bool is_missing = value->acknowledged > value->taken;
    bool is_unexpected = value->attempted == 0 && value->taken > 0;

    key->attempted += value->attempted;
    key->acknowledged += value->acknowledged;
    key->taken += value->taken;
    if (is_missing)
        key->missing += value->acknowledged - value->taken;
    key->lost += is_missing; /* values, for now */
    if (is_unexpected)
        key->unexpected += value->taken;
    if (is_too_often)
        key->duplicated += value->taken - value->attempted;
    f->violations += is_unexpected;
    f->violations +=
        is_too_often && ord_facts_option(f, "duplicates", "violation");
    if (least > value->acknowledged)
        key->recovered += least - value->acknowledged;
    is_missing = is_missing || is_unexpected || is_too_often || value->is_bad;
    *value = (struct totals){.is_bad = is_missing};
}

/* All calls on a value that is not as it should be take part; clears that. */
static void blame_values(struct facts *f, struct totals *values)
{
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < f->count; i++) {
            uint32_t call = f->at[i];
            const uint32_t *items = NULL;
            uint32_t count = taken_by(f, call, &items);
            struct totals *put = &values[f->calls->in[call]];

            f->blamed[call] |= is_put(f, call) && put->is_bad;
            for (uint32_t j = 0; j < count; j++)
                f->blamed[call] |= values[items[j]].is_bad;
            for (uint32_t j = 0; pass == 1 && j < count; j++)
                values[items[j]].is_bad = false;
            if (pass == 1 && is_put(f, call))
                put->is_bad = false;
        }
    }
}

static void sum_queue(struct facts *f, struct totals *values,
                      struct totals *all)
{
    struct totals key = {0};
    bool takes_nothing = ord_facts_option(f, "unfinished", "nothing");
    uint64_t excuses;
    uint64_t lost_values;

    count_queue(f, values, &key);
    for (uint32_t i = 0; i < f->count; i++) {
        const uint32_t *items = NULL;
        uint32_t count = taken_by(f, f->at[i], &items);

        if (is_put(f, f->at[i]))
            sum_value(f, &values[f->calls->in[f->at[i]]], &key);
        for (uint32_t j = 0; j < count; j++)
            sum_value(f, &values[items[j]], &key);
    }
    blame_values(f, values);
    excuses = takes_nothing ? 0 : key.unfinished;
    lost_values = key.lost;
    key.lost = 0;
    if ((takes_nothing || key.drains == 0) && key.missing > excuses) {
        key.lost = key.missing - excuses;
        f->violations += lost_values;
    } else if (key.missing > 0) {
        f->unknown = "unfinished takes may have what is missing";
    }
    all->attempted += key.attempted;
    all->acknowledged += key.acknowledged;
    all->taken += key.taken;
    all->missing += key.missing;
    all->lost += key.lost;
    all->unexpected += key.unexpected;
    all->duplicated += key.duplicated;
    all->recovered += key.recovered;
    all->unfinished += key.unfinished;
    all->drains += key.drains;
}

void ord_recount_total_queue(struct facts *f)
{
    struct totals *values =
        ord_facts_room(f, (size_t)f->calls->atom_count + 1, sizeof *values);
    struct totals all = {0};

    for (uint32_t key = 0; !f->is_over && key < f->calls->key_count; key++) {
        if (turn_to_queue(f, key))
            sum_queue(f, values, &all);
    }
    ord_fact(f, "attempted", (double)all.attempted);
    ord_fact(f, "acknowledged", (double)all.acknowledged);
    ord_fact(f, "taken", (double)all.taken);
    ord_fact(f, "missing", (double)all.missing);
    ord_fact(f, "lost", (double)all.lost);
    ord_fact(f, "unexpected", (double)all.unexpected);
    ord_fact(f, "duplicated", (double)all.duplicated);
    ord_fact(f, "recovered", (double)all.recovered);
    ord_fact(f, "unfinished", (double)all.unfinished);
    ord_fact(f, "unfinished_drains", (double)all.drains);
    if (all.acknowledged == 0 && all.taken == 0)
        f->unknown = "nothing was acknowledged and nothing taken";
}

/* ---- split-brain -------------------------------------------------------- */

struct writer { /* of an acknowledged write that tells both */
    int64_t epoch;
    uint32_t call;
    uint16_t node;
};

static int compare_writers(const void *a, const void *b)
{
    const struct writer *x = a;
    const struct writer *y = b;

    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

void ord_recount_split_brain(struct facts *f)
{
    const struct ord_calls *calls = f->calls;
    const uint64_t writes =
        ord_bit(ORD_F_WRITE) | ord_bit(ORD_F_CAS) | ord_bit(ORD_F_ADD) |
        ord_bit(ORD_F_REMOVE) | ord_bit(ORD_F_APPEND) | ord_bit(ORD_F_PUT) |
        ord_bit(ORD_F_ENQUEUE) | ord_bit(ORD_F_PUSH) | ord_bit(ORD_F_TXN);
    struct writer *all =
        ord_facts_room(f, (size_t)calls->count + 1, sizeof *all);
    uint32_t count = 0;
    uint64_t epochs = 0;
    bool is_split = false;

    for (uint32_t i = 0; !f->is_over && i < calls->count; i++) {
        const struct ord_op *done = NULL;

        if (calls->type[i] != ORD_OP_OK || (writes >> calls->f[i] & 1) == 0)
            continue;
        done = ord_history_op(f->v->history, calls->end[i]);
        if (done->node != ORD_NODE_NONE && done->epoch >= 0)
            all[count++] = (struct writer){done->epoch, i, done->node};
    }
    if (count > 0)
        qsort(all, count, sizeof *all, compare_writers);
    for (uint32_t i = 0; i < count; i++) {
        bool is_new = i == 0 || all[i].epoch != all[i - 1].epoch;

        epochs += is_new;
        is_split = is_split && !is_new;
        if (!is_new && all[i].node != all[i - 1].node && !is_split) {
            is_split = true;
            f->violations++;
        }
    }
    /* All writes of an epoch with two nodes take part. */
    for (uint32_t i = 0, first = 0; i < count; i++) {
        if (i + 1 < count && all[i + 1].epoch == all[i].epoch)
            continue;
        for (uint32_t j = first; all[first].node != all[i].node && j <= i; j++)
            f->blamed[all[j].call] = 1;
        first = i + 1;
    }
    ord_fact(f, "writes_with_epoch", (double)count);
    ord_fact(f, "epochs", (double)epochs);
    ord_fact(f, "split_epochs", (double)f->violations);
    if (count == 0)
        f->unknown = "no acknowledged write tells its node and epoch";
}
