/* consistent_prefix.c -- nobody sees a write without those before it.
 *
 * A write w1 is before w2 for certain if both are of one log and w1 was known
 * (acknowledged, or a read that saw it had ended) before w2 was invoked; or if
 * one session did, or had read, w1 before it did w2; or by steps of these.
 * Option log: which objects have their writes in one log, so that real time
 * orders them: key (each object its own; the default), all, or none.
 * Claim:       registers (each value written once): no session saw w2, or wrote
 *              it, and then read nil, or a value certainly before w1, of w1's
 *              object, w1 being before w2; that includes what the session
 *              itself had seen.
 *              Sets and lists, object by object: no read has an element and
 *              misses one known before the first was added (log: none: of the
 *              same session), and no list has the two the other way round.
 *              Lists, but with log: none: of two reads of one list one is the
 *              beginning of the other; each is compared with the longest.
 * Not claimed: that a session that goes back in time reads no prefix: of
 *              registers a read shows one version only, so that its reads
 *              are taken together (where replicas lag and a session moves
 *              between them, monotonic-reads is broken, too); elements that
 *              somebody may have removed, or that were added more than once;
 *              final reads; sets and lists against other objects.
 * Unknown:     a read object is no register, set or list; a register's read
 *              returned a value that was written more than once; no read could
 *              be judged; the budget of steps or memory is used up.
 * Differs:     from Jepsen's causal-reverse, which looks only at acknowledged
 *              adds of a set: here a write that a read had shown counts, too,
 *              and lists, and registers across objects.
 * Cost:        as causal.c for registers; O(items log items) for the rest.
 * Source:      Terry: Replicated data consistency explained through baseball,
 *              CACM 56(12), 2013; Kleppmann: Designing Data-Intensive
 *              Applications, chapter 5, "Consistent Prefix Reads".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/causality.h"
#include "checkers/registry.h"

#define STEPS_DEFAULT UINT64_C(200000000)
#define NO_CALL UINT32_MAX

struct element {    /* of the object at hand, by atom */
    uint32_t stamp; /* key + 1 */
    uint32_t add;   /* the call; NO_CALL: nobody added it */
    uint32_t known; /* place */
    uint32_t read;  /* call + 1 of the read that last had it */
    bool is_unsure; /* added more than once, or removed, or in error */
};

struct known {      /* elements by when they were known */
    uint64_t order; /* session, where that matters, then place */
    uint32_t atom;
};

struct prefix {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    struct ord_trace trace;
    struct ord_causality order;
    struct element *elements;
    struct known *known; /* of the object */
    uint32_t known_count;
    uint32_t *latest; /* by session: the latest begin in the read, + 1 */
    uint32_t *stamps; /* by session: call + 1 of that read */
    uint32_t *have;   /* by session: how many of those known it has */
    uint64_t read_count;
    bool by_session; /* log: none */
};

/* ---- registers ----------------------------------------------------------- */

static void found_register(void *data, const struct ord_causal_bad *bad)
{
    static const char *const words[] = {
        "an answer without its question",
        "without what came before what its session had seen", ""};
    struct prefix *prefix = data;

    ord_causal_accuse(&prefix->order, prefix->in, prefix->out, bad, words);
}

/* ---- sets and lists ------------------------------------------------------ */

static struct element *element_of(struct prefix *prefix, uint32_t key,
                                  uint32_t atom)
{
    struct element *element = &prefix->elements[atom];

    if (element->stamp != key + 1)
        *element = (struct element){key + 1, NO_CALL, ORD_CALL_NEVER, 0, false};
    return element;
}

static bool is_judged(const struct ord_calls *calls, uint32_t call)
{
    return (calls->f[call] == ORD_F_READ || calls->f[call] == ORD_F_GET) &&
           calls->type[call] == ORD_OP_OK &&
           (calls->is_final == NULL || !calls->is_final[call]);
}

static void note_add(struct prefix *prefix, uint32_t key, uint32_t call)
{
    const struct ord_calls *calls = &prefix->trace.calls;
    struct element *element = NULL;

    if ((calls->f[call] != ORD_F_ADD && calls->f[call] != ORD_F_APPEND &&
         calls->f[call] != ORD_F_REMOVE) ||
        calls->type[call] == ORD_OP_FAIL)
        return;
    element = element_of(prefix, key, calls->in[call]);
    if (element->add != NO_CALL || calls->f[call] == ORD_F_REMOVE)
        element->is_unsure = true;
    if (calls->f[call] == ORD_F_REMOVE)
        return;
    element->add = call;
    element->known = calls->end[call];
}

static void note_read(struct prefix *prefix, uint32_t key, uint32_t call)
{
    const struct ord_calls *calls = &prefix->trace.calls;
    const uint32_t *items = NULL;
    uint32_t count = 0;

    if (!is_judged(calls, call))
        return;
    count = ord_atom_items(calls, calls->out[call], &items);
    for (uint32_t i = 0; i < count; i++) {
        struct element *element = element_of(prefix, key, items[i]);

        if (element->add != NO_CALL &&
            calls->begin[element->add] < calls->end[call] &&
            calls->end[call] < element->known)
            element->known = calls->end[call];
    }
}

static int compare_known(const void *a, const void *b)
{
    uint64_t x = ((const struct known *)a)->order;
    uint64_t y = ((const struct known *)b)->order;

    return (x > y) - (x < y);
}

static uint64_t order_of(const struct prefix *prefix, uint32_t session,
                         uint32_t place)
{
    return (prefix->by_session ? (uint64_t)session << 32 : 0) | place;
}

/* Among the elements of the session (or of all) those known before a place are
 * known[*first] .. known[result - 1]. */
static uint32_t known_before(const struct prefix *prefix, uint32_t session,
                             uint32_t place, uint32_t *first)
{
    uint32_t end = 0;

    for (int i = 0; i < 2; i++) {
        uint64_t order = order_of(prefix, session, i == 0 ? 0 : place);
        uint32_t low = 0;
        uint32_t high = prefix->known_count;

        while (low < high) {
            uint32_t middle = low + (high - low) / 2;

            if (prefix->known[middle].order < order)
                low = middle + 1;
            else
                high = middle;
        }
        if (i == 0)
            *first = low;
        end = low;
    }
    return end;
}

static void list_known(struct prefix *prefix, uint32_t key)
{
    const struct ord_trace *t = &prefix->trace;
    const struct ord_calls *calls = &t->calls;

    prefix->known_count = 0;
    for (uint32_t i = calls->key_first[key]; i < calls->key_first[key + 1]; i++)
        note_add(prefix, key, calls->by_key[i]);
    for (uint32_t i = calls->key_first[key]; i < calls->key_first[key + 1]; i++)
        note_read(prefix, key, calls->by_key[i]);
    for (uint32_t i = calls->key_first[key]; i < calls->key_first[key + 1];
         i++) {
        uint32_t call = calls->by_key[i];
        const struct element *element = &prefix->elements[calls->in[call]];
        uint32_t place = 0;

        if ((calls->f[call] != ORD_F_ADD && calls->f[call] != ORD_F_APPEND) ||
            element->stamp != key + 1 || element->add != call ||
            element->is_unsure)
            continue;
        /* Of a session only what it did itself is certain: its own end. */
        place = prefix->by_session ? calls->end[call] : element->known;
        if (place == ORD_CALL_NEVER)
            continue;
        prefix->known[prefix->known_count++] = (struct known){
            order_of(prefix, t->session[call], place), calls->in[call]};
    }
    qsort(prefix->known, prefix->known_count, sizeof *prefix->known,
          compare_known);
}

static uint32_t group_of(const struct prefix *prefix, uint32_t add)
{
    return prefix->by_session ? prefix->trace.session[add] : 0;
}

static uint32_t known_place(const struct prefix *prefix,
                            const struct element *element)
{
    return prefix->by_session ? prefix->trace.calls.end[element->add]
                              : element->known;
}

static const struct ord_op *op_of(const struct prefix *prefix, uint32_t call)
{
    return ord_history_op(prefix->in->history, prefix->trace.calls.begin[call]);
}

static void keep_core(struct prefix *prefix, const struct ord_named *named)
{
    struct ord_proof *proof = NULL;
    uint32_t *ops = NULL;

    if (!prefix->in->wants_proof || prefix->out->violation_count != 1)
        return;
    proof = ord_arena_zalloc(prefix->in->arena, 1, sizeof *proof);
    ops = ord_arena_zalloc(prefix->in->arena, ORD_NAMED_MAX, sizeof *ops);
    if (proof == NULL || ops == NULL)
        return;
    *proof = (struct ord_proof){.next = prefix->out->proof,
                                .key = named->key,
                                .ops = ops,
                                .count = named->count};
    for (uint32_t i = 0; i < named->count; i++)
        ops[i] = (uint32_t)named->ops[i]->index;
    prefix->out->proof = proof;
}

static void found_bag(struct prefix *prefix, uint32_t key, uint32_t read,
                      uint32_t seen, uint32_t missing, const char *how)
{
    const struct ord_calls *calls = &prefix->trace.calls;
    struct ord_value has = ord_atom_value(calls, calls->in[seen]);
    struct ord_value misses = ord_atom_value(calls, calls->in[missing]);
    struct ord_named named = {.key = calls->keys[key],
                              .ops = {op_of(prefix, missing),
                                      op_of(prefix, seen), op_of(prefix, read)},
                              .count = 3};

    if (ord_found_enough(prefix->out))
        return;
    /* Who showed that the earlier one was there, if it was a read. */
    for (uint32_t i = calls->key_first[key];
         i < calls->key_first[key + 1] && named.count == 3; i++) {
        uint32_t call = calls->by_key[i];

        if (is_judged(calls, call) &&
            calls->end[call] == prefix->elements[calls->in[missing]].known)
            named.ops[named.count++] = op_of(prefix, call);
    }
    ord_found(prefix->in, prefix->out, &named,
              "an answer without its question: process %lld's read of %s at %s "
              "has %s %s %s, which was there before process %lld began, at %s, "
              "to add the former",
              (long long)named.ops[2]->process, ord_text_key(&named.key).at,
              ord_text_when(named.ops[2]).at, ord_text_value(&has).at, how,
              ord_text_value(&misses).at, (long long)named.ops[1]->process,
              ord_text_when(named.ops[1]).at);
    keep_core(prefix, &named);
}

/* What takes part: an element that one add brought. */
static const struct element *sure(const struct prefix *prefix, uint32_t key,
                                  uint32_t atom)
{
    const struct element *element = &prefix->elements[atom];

    return element->stamp == key + 1 && element->add != NO_CALL &&
                   !element->is_unsure
               ? element
               : NULL;
}

static bool finds_missing(struct prefix *prefix, uint32_t key, uint32_t read,
                          uint32_t group, uint32_t seen)
{
    uint32_t first = 0;
    uint32_t end =
        known_before(prefix, group, prefix->trace.calls.begin[seen], &first);

    for (uint32_t i = first; i < end; i++) {
        const struct element *element =
            &prefix->elements[prefix->known[i].atom];

        if (element->read == read + 1)
            continue;
        found_bag(prefix, key, read, seen, element->add, "without");
        return true;
    }
    return false;
}

/* The element added last of each group tells what must be there. */
static void note_latest(struct prefix *prefix, uint32_t key, uint32_t read,
                        const uint32_t *items, uint32_t count)
{
    const struct ord_calls *calls = &prefix->trace.calls;

    for (uint32_t i = 0; i < count; i++) {
        const struct element *element = sure(prefix, key, items[i]);
        uint32_t group = 0;

        prefix->elements[items[i]].read = read + 1;
        if (element == NULL)
            continue;
        group = group_of(prefix, element->add);
        if (prefix->stamps[group] != read + 1) {
            prefix->stamps[group] = read + 1;
            prefix->latest[group] = element->add;
        } else if (calls->begin[element->add] >
                   calls->begin[prefix->latest[group]]) {
            prefix->latest[group] = element->add;
        }
        prefix->have[group] = 0;
    }
}

/* How many of those known before the group's latest the read has: where that
 * is all, there is nothing to look for. */
static bool check_counts(struct prefix *prefix, uint32_t key, uint32_t read,
                         const uint32_t *items, uint32_t count)
{
    const struct ord_calls *calls = &prefix->trace.calls;

    for (uint32_t i = 0; i < count; i++) {
        struct element *element = &prefix->elements[items[i]];
        uint32_t group = 0;

        if (sure(prefix, key, items[i]) == NULL || element->read != read + 1)
            continue;
        group = group_of(prefix, element->add);
        element->read = read; /* each once; set again below */
        prefix->have[group] +=
            known_place(prefix, element) < calls->begin[prefix->latest[group]];
    }
    for (uint32_t i = 0; i < count; i++)
        prefix->elements[items[i]].read = read + 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct element *element = sure(prefix, key, items[i]);
        uint32_t group = 0;
        uint32_t first = 0;
        uint32_t end = 0;

        if (element == NULL)
            continue;
        group = group_of(prefix, element->add);
        if (prefix->stamps[group] != read + 1)
            continue; /* done */
        prefix->stamps[group] = 0;
        end = known_before(prefix, group, calls->begin[prefix->latest[group]],
                           &first);
        if (prefix->have[group] < end - first)
            return finds_missing(prefix, key, read, group,
                                 prefix->latest[group]);
    }
    return false;
}

/* From the end: the earliest known of a group so far stands behind all. */
static bool check_list(struct prefix *prefix, uint32_t key, uint32_t read,
                       const uint32_t *items, uint32_t count)
{
    const struct ord_calls *calls = &prefix->trace.calls;

    for (uint32_t i = count; i > 0; i--) {
        const struct element *element = sure(prefix, key, items[i - 1]);
        uint32_t group = 0;
        uint32_t place = 0;

        if (element == NULL)
            continue;
        group = group_of(prefix, element->add);
        place = known_place(prefix, element);
        if (prefix->stamps[group] == read + 1 &&
            known_place(prefix,
                        sure(prefix, key, calls->in[prefix->latest[group]])) <
                calls->begin[element->add]) {
            found_bag(prefix, key, read, element->add, prefix->latest[group],
                      "before");
            return true;
        }
        if (prefix->stamps[group] != read + 1 ||
            place <
                known_place(prefix, sure(prefix, key,
                                         calls->in[prefix->latest[group]]))) {
            prefix->stamps[group] = read + 1;
            prefix->latest[group] = element->add;
        }
    }
    return false;
}

/* ---- the order of a list ------------------------------------------------- */

/* The next item from *at on that takes part; NONE: there is none. */
static uint32_t next_sure(const struct prefix *prefix, uint32_t key,
                          const uint32_t *items, uint32_t count, uint32_t *at)
{
    while (*at < count) {
        uint32_t atom = items[(*at)++];

        if (sure(prefix, key, atom) != NULL)
            return atom;
    }
    return ORD_ATOM_NONE;
}

static uint32_t find_longest(const struct prefix *prefix, uint32_t key)
{
    const struct ord_calls *calls = &prefix->trace.calls;
    uint32_t longest = NO_CALL;
    uint32_t most = 0;

    for (uint32_t i = calls->key_first[key]; i < calls->key_first[key + 1];
         i++) {
        uint32_t read = calls->by_key[i];
        const uint32_t *items = NULL;
        uint32_t have = 0;
        uint32_t at = 0;
        uint32_t count;

        if (!is_judged(calls, read))
            continue;
        count = ord_atom_items(calls, calls->out[read], &items);
        while (next_sure(prefix, key, items, count, &at) != ORD_ATOM_NONE)
            have++;
        if (have > most) {
            most = have;
            longest = read;
        }
    }
    return longest;
}

static void found_orders(struct prefix *prefix, uint32_t key, uint32_t read,
                         uint32_t longest, const uint32_t atoms[2])
{
    const struct ord_calls *calls = &prefix->trace.calls;
    struct ord_value here = ord_atom_value(calls, atoms[0]);
    struct ord_value there = ord_atom_value(calls, atoms[1]);
    struct ord_named named = {
        .key = calls->keys[key],
        .ops = {op_of(prefix, prefix->elements[atoms[0]].add),
                op_of(prefix, prefix->elements[atoms[1]].add),
                op_of(prefix, read), op_of(prefix, longest)},
        .count = 4};

    if (ord_found_enough(prefix->out))
        return;
    ord_found(prefix->in, prefix->out, &named,
              "no one order: process %lld's read of %s at %s has %s where "
              "process %lld's read at %s has %s, and the same before it: "
              "neither is the beginning of the other",
              (long long)named.ops[2]->process, ord_text_key(&named.key).at,
              ord_text_when(named.ops[2]).at, ord_text_value(&here).at,
              (long long)named.ops[3]->process, ord_text_when(named.ops[3]).at,
              ord_text_value(&there).at);
    keep_core(prefix, &named);
}

static void check_order(struct prefix *prefix, uint32_t key, uint32_t read,
                        uint32_t longest)
{
    const struct ord_calls *calls = &prefix->trace.calls;
    const uint32_t *items[2] = {NULL, NULL};
    uint32_t counts[2];
    uint32_t at[2] = {0, 0};
    uint32_t atoms[2];

    counts[0] = ord_atom_items(calls, calls->out[read], &items[0]);
    counts[1] = ord_atom_items(calls, calls->out[longest], &items[1]);
    do {
        for (int i = 0; i < 2; i++)
            atoms[i] = next_sure(prefix, key, items[i], counts[i], &at[i]);
        if (atoms[0] == ORD_ATOM_NONE)
            return;
    } while (atoms[0] == atoms[1]);
    ORD_ASSERT(atoms[1] != ORD_ATOM_NONE); /* it is the longest */
    found_orders(prefix, key, read, longest, atoms);
}

static void check_bag(struct prefix *prefix, uint32_t key)
{
    const struct ord_calls *calls = &prefix->trace.calls;
    bool is_list = prefix->trace.key_kind[key] == ORD_OBJECT_LIST;
    uint32_t longest;

    list_known(prefix, key);
    longest =
        is_list && !prefix->by_session ? find_longest(prefix, key) : NO_CALL;
    for (uint32_t i = calls->key_first[key]; i < calls->key_first[key + 1];
         i++) {
        uint32_t read = calls->by_key[i];
        const uint32_t *items = NULL;
        uint32_t count = 0;

        if (!is_judged(calls, read))
            continue;
        prefix->read_count++;
        count = ord_atom_items(calls, calls->out[read], &items);
        note_latest(prefix, key, read, items, count);
        if (check_counts(prefix, key, read, items, count) ||
            (is_list && check_list(prefix, key, read, items, count)))
            continue;
        if (longest != NO_CALL)
            check_order(prefix, key, read, longest);
    }
}

/* ---- all ----------------------------------------------------------------- */

static int prepare(struct prefix *prefix, struct ord_err *err)
{
    struct ord_arena *arena = prefix->in->arena;
    const struct ord_trace *t = &prefix->trace;
    size_t sessions = (size_t)t->session_count + 1;

    prefix->elements = ord_arena_zalloc(arena, (size_t)t->calls.atom_count + 1,
                                        sizeof *prefix->elements);
    prefix->known = ord_arena_zalloc(arena, (size_t)t->calls.count + 1,
                                     sizeof *prefix->known);
    prefix->latest = ord_arena_zalloc(arena, sessions, sizeof(uint32_t));
    prefix->stamps = ord_arena_zalloc(arena, sessions, sizeof(uint32_t));
    prefix->have = ord_arena_zalloc(arena, sessions, sizeof(uint32_t));
    if (prefix->elements == NULL || prefix->known == NULL ||
        prefix->latest == NULL || prefix->stamps == NULL ||
        prefix->have == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the elements");
    return ORD_OK;
}

static int conclude(struct prefix *prefix)
{
    struct ord_verdict *out = prefix->out;
    unsigned bags = 1U << ORD_OBJECT_SET | 1U << ORD_OBJECT_LIST;

    prefix->read_count += prefix->order.judged_count;
    ord_stat(out, "reads", (double)prefix->read_count);
    ord_stat(out, "violations", (double)out->violation_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (prefix->order.is_cut)
        return ord_conclude(out, ORD_UNKNOWN,
                            "the budget of steps is used up: %u operations of "
                            "%u sessions",
                            prefix->trace.count, prefix->trace.session_count);
    if (ord_trace_is_odd(&prefix->trace, bags, out) ||
        ord_trace_is_open(&prefix->trace, out))
        return ORD_OK;
    if (prefix->read_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no read could be judged");
    return ord_conclude(out, ORD_VALID,
                        "none of %llu reads misses what came before what was "
                        "seen",
                        (unsigned long long)prefix->read_count);
}

static int read_log(const struct ord_check_in *in, enum ord_causal_log *log,
                    struct ord_err *err)
{
    const char *text = ord_check_option(in, "log");

    *log = ORD_LOG_KEY;
    if (text == NULL || strcmp(text, "key") == 0)
        return ORD_OK;
    if (strcmp(text, "all") == 0)
        *log = ORD_LOG_ALL;
    else if (strcmp(text, "none") == 0)
        *log = ORD_LOG_NONE;
    else
        return ord_fail(err, ORD_EUSAGE, "log: key, all or none");
    return ORD_OK;
}

static int prefix_check(const struct ord_check_in *in, struct ord_verdict *out,
                        struct ord_err *err)
{
    uint64_t steps_left = in->steps_max == 0 ? STEPS_DEFAULT : in->steps_max;
    struct prefix prefix = {.in = in, .out = out};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_trace_init(&prefix.trace, in, err) != ORD_OK)
        return err->rc;
    prefix.order = (struct ord_causality){.trace = &prefix.trace,
                                          .arena = in->arena,
                                          .steps_left = &steps_left,
                                          .found = found_register,
                                          .data = &prefix};
    if (read_log(in, &prefix.order.log, err) != ORD_OK)
        return err->rc;
    prefix.by_session = prefix.order.log == ORD_LOG_NONE;
    if (prepare(&prefix, err) != ORD_OK ||
        ord_causality_run(&prefix.order, err) != ORD_OK)
        return err->rc;
    for (uint32_t k = 0; k < prefix.trace.calls.key_count; k++) {
        if (prefix.trace.key_kind[k] == ORD_OBJECT_SET ||
            prefix.trace.key_kind[k] == ORD_OBJECT_LIST)
            check_bag(&prefix, k);
    }
    return conclude(&prefix);
}

const struct ord_checker ord_checker_consistent_prefix = {
    .name = "consistent-prefix",
    .claim = "nobody sees a write without those before it",
    .options = "log: key (real time orders the writes of one object), all (of "
               "all objects), or none",
    .check = prefix_check,
};
