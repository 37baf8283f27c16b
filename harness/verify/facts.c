/* facts.c -- verdicts that rest on counting are counted again. */
#include "harness/verify/facts.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *checker;
    ord_recount *recount;
    const char *options; /* that it knows how to count by, each with a comma */
    bool has_objects;    /* in its proofs, which it reads */
} recounts[] = {
    {"adya-g2", ord_recount_adya_g2, "", false},
    {"availability", ord_recount_availability,
     "max_stall_ms,max_read_stall_ms,max_write_stall_ms,", false},
    {"bank", ord_recount_bank, "total,negative_balances,", false},
    {"causal", ord_recount_causal, "level,", true},
    {"consistent-prefix", ord_recount_prefix, "log,", false},
    {"convergence", ord_recount_convergence, "", false},
    {"counter", ord_recount_counter, "", false},
    {"duplicated", ord_recount_duplicated, "", false},
    {"k-atomicity", ord_recount_k_atomicity, "k,", true},
    {"long-fork", ord_recount_long_fork, "", false},
    {"lost", ord_recount_lost, "", false},
    {"monotonic-reads", ord_recount_monotonic_reads, "", false},
    {"monotonic-writes", ord_recount_monotonic_writes, "readers,", true},
    {"queue", ord_recount_queue, "fail_may_happen,", false},
    {"read-your-writes", ord_recount_read_your_writes, "", false},
    {"sequential", ord_recount_sequential, "", true},
    {"set", ord_recount_set, "fail_may_happen,", false},
    {"set-full", ord_recount_set_full, "fail_may_happen,linearizable,", false},
    {"split-brain", ord_recount_split_brain, "", false},
    {"stale", ord_recount_stale, "", false},
    {"staleness", ord_recount_staleness, "max_versions,max_ms,", false},
    {"stats", ord_recount_stats, "", false},
    {"total-queue", ord_recount_total_queue,
     "fail_may_happen,unfinished,duplicates,", false},
    {"unique-ids", ord_recount_unique_ids, "", false},
    {"writes-follow-reads", ord_recount_writes_follow_reads, "", true},
};

/* ---- tools -------------------------------------------------------------- */

void ord_fact(struct facts *f, const char *name, double value)
{
    ORD_ASSERT(f->fact_count < FACTS_MAX);
    f->facts[f->fact_count++] = (struct fact){name, value};
}

void ord_blame(struct facts *f, uint32_t call)
{
    f->violations++;
    if (call != NEVER)
        f->blamed[call] = 1;
}

void *ord_facts_room(struct facts *f, size_t count, size_t size)
{
    void *room = ord_arena_zalloc(f->v->scratch, count, size);

    if (room == NULL) {
        f->is_over = true;
        (void)ord_verify_give_up(f->v, ORD_ENOMEM, "no memory to count again");
    }
    return room;
}

static int compare_ends(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return (*x > *y) - (*x < *y);
}

bool ord_facts_names(const struct facts *f, int64_t index)
{
    const struct claim *claim = f->v->claim;

    for (uint32_t i = 0; i < claim->op_count; i++) {
        if (claim->ops[i] == index)
            return true;
    }
    return claim->op_count >= CLAIM_OPS_FULL;
}

bool ord_facts_turn(struct facts *f, uint32_t key)
{
    const struct ord_calls *calls = f->calls;
    uint64_t *sorted;
    uint32_t *ends;
    uint32_t count = 0;

    ORD_ASSERT(calls->by_key != NULL);
    f->key = key;
    f->at = calls->by_key + calls->key_first[key];
    f->count = calls->key_first[key + 1] - calls->key_first[key];
    sorted = ord_facts_room(f, (size_t)f->count + 1, sizeof *sorted);
    ends = ord_facts_room(f, (size_t)f->count + 1, sizeof *ends);
    if (f->is_over)
        return false;
    for (uint32_t i = 0; i < f->count; i++) {
        if (calls->type[f->at[i]] == ORD_OP_OK)
            sorted[count++] = (uint64_t)calls->end[f->at[i]] << 32 | f->at[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_ends);
    for (uint32_t i = 0; i < count; i++)
        ends[i] = (uint32_t)sorted[i];
    f->ends = ends;
    f->end_count = count;
    return true;
}

bool ord_facts_is_odd(const struct facts *f, uint64_t fs)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->calls->type[f->at[i]] != ORD_OP_FAIL &&
            (fs >> f->calls->f[f->at[i]] & 1) == 0)
            return true;
    }
    return false;
}

bool ord_facts_has(const struct facts *f, uint64_t fs)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if ((fs >> f->calls->f[f->at[i]] & 1) != 0)
            return true;
    }
    return false;
}

/* ---- comparing ---------------------------------------------------------- */

static double size_of(double a)
{
    return a < 0 ? -a : a;
}

static bool is_close(double a, double b)
{
    double larger = size_of(a) > size_of(b) ? size_of(a) : size_of(b);

    return a == b || size_of(a - b) <= 1e-9 * larger;
}

static bool compare_fact(struct facts *f, const struct fact *fact)
{
    const struct claim *claim = f->v->claim;

    for (uint32_t i = 0; i < claim->stat_count; i++) {
        if (!ord_bytes_is(claim->stats[i].name, fact->name))
            continue;
        if (is_close(claim->stats[i].value, fact->value))
            return true;
        return ord_verify_refuse(f->v, "%s is %.15g, and not %.15g", fact->name,
                                 fact->value, claim->stats[i].value);
    }
    return ord_verify_refuse(f->v, "%s is %.15g, which is not told", fact->name,
                             fact->value);
}

/* One at least of the operations that the verdict names takes part, and its key
 * is the one named. */
static bool names_one(struct facts *f)
{
    const struct claim *claim = f->v->claim;
    bool is_blamed = false;
    uint32_t hint = 0;

    for (uint32_t i = 0; i < claim->op_count; i++) {
        uint32_t call = ord_verify_call_at(f->v, claim->ops[i], &hint);

        if (call == UINT32_MAX || f->blamed[call] == 0)
            continue;
        is_blamed = true;
        if (f->names_no_key
                ? ord_bytes_is(claim->key, "null")
                : ord_verify_is_key(f->v, ord_verify_object_of(f->v, call),
                                    claim->key))
            return true;
    }
    if (is_blamed)
        return ord_verify_refuse(f->v, "what breaks the claim is of another "
                                       "key than it says");
    return ord_verify_refuse(f->v,
                             "none of the operations that it names breaks "
                             "the claim");
}

/* Figures that are told, and that nobody counts here. */
static uint32_t count_others(const struct facts *f)
{
    const struct claim *claim = f->v->claim;
    uint32_t count = 0;

    for (uint32_t i = 0; i < claim->stat_count; i++) {
        uint32_t j = 0;

        while (j < f->fact_count &&
               !ord_bytes_is(claim->stats[i].name, f->facts[j].name))
            j++;
        count += j == f->fact_count;
    }
    return count;
}

static bool compare(struct facts *f)
{
    const struct claim *claim = f->v->claim;

    if (claim->verdict == CLAIM_PASS && f->violations > 0)
        return ord_verify_refuse(f->v,
                                 "it passed, but %llu violations are "
                                 "counted",
                                 (unsigned long long)f->violations);
    if (claim->verdict == CLAIM_PASS && f->unknown != NULL)
        return ord_verify_refuse(f->v, "it passed, though %s", f->unknown);
    if (claim->verdict == CLAIM_VIOLATION &&
        f->violations != (uint64_t)claim->violations)
        return ord_verify_refuse(f->v, "%llu violations are counted, not %lld",
                                 (unsigned long long)f->violations,
                                 (long long)claim->violations);
    for (uint32_t i = 0; i < f->fact_count; i++) {
        if (!compare_fact(f, &f->facts[i]))
            return false;
    }
    f->v->out->figure_count += count_others(f);
    if (claim->verdict == CLAIM_VIOLATION && !f->blames_none)
        return names_one(f);
    return ord_bytes_is(claim->key, "null") ||
           ord_verify_refuse(f->v, "a key, though no object is to blame");
}

static bool knows_options(const struct claim *claim, const char *options)
{
    for (uint32_t i = 0; i < claim->option_count; i++) {
        struct ord_bytes name = claim->options[i].name;
        const char *at = options;

        while (*at != '\0' &&
               !(strncmp(at, name.at, name.size) == 0 && at[name.size] == ','))
            at = strchr(at, ',') + 1;
        if (*at == '\0')
            return false;
    }
    return true;
}

bool ord_verify_facts(struct verify *v)
{
    const struct claim *claim = v->claim;
    struct facts *f = NULL;
    size_t i = 0;

    if (claim->verdict == CLAIM_UNKNOWN)
        return true;
    while (i < sizeof recounts / sizeof *recounts &&
           !ord_bytes_is(claim->checker, recounts[i].checker))
        i++;
    if (i == sizeof recounts / sizeof *recounts ||
        !knows_options(claim, recounts[i].options))
        return ord_verify_refuse(v, "nobody here knows how to count that "
                                    "again, with such options");
    if (claim->has_objects && !recounts[i].has_objects)
        return ord_verify_refuse(v, "its proofs have no objects");
    ord_arena_reset(v->scratch);
    f = ord_arena_zalloc(v->scratch, 1, sizeof *f);
    if (f == NULL)
        return ord_verify_give_up(v, ORD_ENOMEM, "no memory to count again");
    f->v = v;
    f->calls = &v->calls;
    f->blamed = ord_facts_room(f, (size_t)v->calls.count + 1, 1);
    if (!f->is_over)
        recounts[i].recount(f);
    return !f->is_over && compare(f);
}
