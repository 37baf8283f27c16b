/* set_full.c -- what became of each element of a set, read by read.
 *
 * Key by key; final reads count like others.  Reads are compared by the places
 * of their invocations.  For an element (the value of an add or append) that
 * somebody may have added, reads being ok reads of a collection (nil: empty):
 *   added      the place where its first add that may have happened began
 *   known      the place where its first add was acknowledged, or where a read
 *              with it ended, whichever came first; NEVER if neither
 *   last       the read of the object that was invoked last
 *   seen       the read with it that was invoked last, if there is one
 *   stable     it was seen, and no read invoked after `seen` ended after
 *              `added` (all of these miss it)
 *   lost       it is known, last was invoked after that and misses it
 *   never read everything else
 *   stale      it is stable, but a read invoked after it was known misses it
 * Latencies, in ms by the recorded times, 0 where there are none or they run
 * backwards: stable: from known to the invocation of the last read that misses
 * it, 0 unless stale; lost: from known to the invocation of `seen`, 0 if there
 * is none.  Quantile p of n sorted latencies is number min(n - 1, floor(n p)).
 *
 * Claim:       no element is lost; no read has an element more than once (an
 *              appended one: more often than there were attempts that may have
 *              happened); no read has an element that nobody may have added
 *              before it ended.  With linearizable=true: none is stale, either.
 * Not claimed: anything across elements: that reads see elements in one order
 *              (two reads, one with a and not b, the other with b and not a) is
 *              for `linearizable` with the model set; the fate of elements
 *              that somebody may have removed: they are not counted.
 * Unknown:     no element is stable, or an object with acknowledged adds has
 *              none; a read brought no collection; an object has other
 *              functions than add, append, remove, contains and read.
 * Cost:        O(calls + items read) time, 56 bytes an atom.
 * Stats:       in elements, over all keys: attempted (may have happened),
 *              acknowledged, stable, lost, never_read, stale, duplicated,
 *              unexpected; stable_latency_{p50,p95,p99,max}_ms and lost_...,
 *              where there are any.
 *
 * Jepsen's `set-full` has these categories.  Where we differ: its test for
 * duplicates, (< v 1), never finds any; it does not look at elements that
 * nobody added; it counts an element only stale if the latency is a whole
 * millisecond, where the order of the events already tells; it forgets an
 * element's past when it is added again; and it counts elements whose adds all
 * failed (fail_may_happen=true does, too).
 */
#include <stdio.h>
#include <stdlib.h>

#include "checkers/members.h"
#include "checkers/registry.h"

enum fate { FATE_NONE, FATE_STABLE, FATE_LOST, FATE_NEVER_READ };

struct track { /* of one element; calls or NEVER */
    uint32_t known;
    uint32_t known_by; /* the read that made it known; NEVER: its add */
    uint32_t seen;     /* the read, by place in reads */
    uint32_t stamp;    /* the last read with it so far, as call + 1 */
    uint32_t times;    /* in that read */
    uint8_t fate;
    bool is_duplicated;
    bool is_unexpected;
};

struct set_full {
    struct ord_teller teller;
    struct ord_members members;
    struct track *tracks; /* by atom */
    uint32_t *touched;    /* atoms with a track that must be cleared */
    uint32_t touched_count;
    uint32_t *reads; /* of the object, by begin */
    uint32_t read_count;
    uint32_t *ends_max; /* per read: the latest end of those after it */
    uint32_t *list;     /* elements that may still be stale */
    double
        *latencies; /* ms; of stale elements, and from the end of lost ones */
    size_t latency_room;
    uint64_t attempted;
    uint64_t acknowledged;
    uint64_t stable;
    uint64_t lost;
    uint64_t never_read;
    uint64_t stale;
    uint64_t duplicated;
    uint64_t unexpected;
    bool is_linearizable;
    uint32_t blank_key; /* acknowledged adds and nothing stable, or NEVER */
    uint32_t odd;       /* a call that fits no set, or NEVER */
    uint32_t odd_key;
};

static const struct track untracked = {.known = ORD_CALL_NEVER,
                                       .known_by = ORD_CALL_NEVER,
                                       .seen = ORD_CALL_NEVER};

static struct track *track_of(struct set_full *full, uint32_t atom)
{
    struct track *track = &full->tracks[atom];

    if (track->fate == FATE_NONE && track->stamp == 0) {
        full->touched[full->touched_count++] = atom;
        track->stamp = UINT32_MAX; /* of no read */
    }
    return track;
}

/* ---- reading the reads --------------------------------------------------- */

static void found_unexpected(struct set_full *full, uint32_t read,
                             uint32_t atom, const char *why, uint32_t add)
{
    struct ord_teller *teller = &full->teller;
    struct ord_named named = ord_tell_named(teller, read, add, ORD_CALL_NEVER);

    full->unexpected++;
    if (ord_found_enough(teller->out))
        return;
    ord_found(teller->in, teller->out, &named, "%s has %s, %s%s%s%s",
              ord_tell_call(teller, read).at, ord_tell_atom(teller, atom).at,
              why, add == ORD_CALL_NEVER ? "" : ": ",
              add == ORD_CALL_NEVER ? "" : ord_tell_call(teller, add).at,
              ord_tell_tuples(teller).at);
}

static void found_duplicate(struct set_full *full, uint32_t read, uint32_t atom)
{
    struct ord_teller *teller = &full->teller;
    const struct ord_member *member = &full->members.at[atom];
    struct ord_named named =
        ord_tell_named(teller, member->add, read, ORD_CALL_NEVER);

    full->duplicated++;
    if (ord_found_enough(teller->out))
        return;
    ord_found(teller->in, teller->out, &named, "%s has %s more than once (%s)",
              ord_tell_call(teller, read).at, ord_tell_atom(teller, atom).at,
              ord_tell_call(teller, member->add).at);
}

static void look_at_item(struct set_full *full, uint32_t place, uint32_t atom)
{
    const struct ord_calls *calls = &full->teller.calls;
    uint32_t read = full->reads[place];
    const struct ord_member *member = &full->members.at[atom];
    struct track *track = track_of(full, atom);
    uint32_t add = ORD_CALL_NEVER;
    const char *why = ord_member_phantom(&full->members, &full->teller, atom,
                                         calls->end[read], &add);

    if (why != NULL) {
        if (!track->is_unexpected)
            found_unexpected(full, read, atom, why, add);
        track->is_unexpected = true;
        return;
    }
    if (track->stamp != read + 1) {
        track->stamp = read + 1;
        track->times = 0;
    }
    track->times++;
    if (track->times > (member->is_listed ? member->attempts : 1) &&
        !track->is_duplicated) {
        track->is_duplicated = true;
        found_duplicate(full, read, atom);
    }
    track->seen = place;
    if (calls->end[read] < track->known) {
        track->known = calls->end[read];
        track->known_by = read;
    }
}

/* The reads of the object in order; the first that brought no collection, or
 * NEVER. */
static uint32_t gather_reads(struct set_full *full)
{
    const struct ord_calls *calls = &full->teller.calls;
    uint32_t odd = ORD_CALL_NEVER;
    uint32_t latest = 0;

    full->read_count = 0;
    for (uint32_t i = full->teller.from; i < full->teller.to; i++) {
        uint32_t call = ord_teller_at(&full->teller, i);
        const uint32_t *items = NULL;
        uint32_t count = 0;

        if (calls->f[call] != ORD_F_READ || calls->type[call] != ORD_OP_OK)
            continue;
        if (ord_members_read(&full->teller, call, &count, &items))
            full->reads[full->read_count++] = call;
        else if (odd == ORD_CALL_NEVER)
            odd = call;
    }
    for (uint32_t i = full->read_count; i > 0; i--) {
        full->ends_max[i - 1] = latest;
        if (calls->end[full->reads[i - 1]] > latest)
            latest = calls->end[full->reads[i - 1]];
    }
    return odd;
}

static void look_at_reads(struct set_full *full)
{
    for (uint32_t place = 0; place < full->read_count; place++) {
        const uint32_t *items = NULL;
        uint32_t count = 0;

        (void)ord_members_read(&full->teller, full->reads[place], &count,
                               &items);
        for (uint32_t i = 0; i < count; i++)
            look_at_item(full, place, items[i]);
    }
}

/* ---- judging the elements ------------------------------------------------ */

static double ms_between(const struct ord_op *from, const struct ord_op *to)
{
    double ms = ord_ms_between(from, to);

    return ms > 0 ? ms : 0;
}

/* The event at which it became known. */
static const struct ord_op *known_op(const struct set_full *full, uint32_t atom)
{
    const struct track *track = &full->tracks[atom];

    return ord_history_op(full->teller.in->history, track->known);
}

static struct ord_text tell_known(const struct set_full *full, uint32_t atom)
{
    const struct ord_teller *teller = &full->teller;
    const struct track *track = &full->tracks[atom];
    uint32_t add = full->members.at[atom].add;
    struct ord_text text = {{0}};

    if (track->known_by == ORD_CALL_NEVER)
        (void)snprintf(text.at, sizeof text.at, "%.180s, acknowledged at %.30s",
                       ord_tell_call(teller, add).at,
                       ord_tell_end(teller, add).at);
    else
        (void)snprintf(text.at, sizeof text.at, "%.140s, seen by %.130s",
                       ord_tell_call(teller, add).at,
                       ord_tell_call(teller, track->known_by).at);
    return text;
}

static void found_lost(struct set_full *full, uint32_t atom, uint64_t lost)
{
    struct ord_teller *teller = &full->teller;
    const struct track *track = &full->tracks[atom];
    uint32_t last = full->reads[full->read_count - 1];
    uint32_t seen = track->seen == ORD_CALL_NEVER ? ORD_CALL_NEVER
                                                  : full->reads[track->seen];
    struct ord_named named =
        ord_tell_named(teller, full->members.at[atom].add, seen, last);
    bool is_first = teller->out->violation_count == 0;

    if (ord_found_enough(teller->out))
        return;
    if (track->known_by != ORD_CALL_NEVER)
        named.ops[named.count++] = ord_teller_inv(teller, track->known_by);
    if (!is_first) {
        ord_found(teller->in, teller->out, &named, "%s, was lost",
                  tell_known(full, atom).at);
        return;
    }
    ord_found(teller->in, teller->out, &named,
              "%s, was lost: %s%s the last read, %s, misses it; %llu element%s "
              "lost%s",
              tell_known(full, atom).at,
              seen == ORD_CALL_NEVER ? "no read has it, and"
                                     : ord_tell_call(teller, seen).at,
              seen == ORD_CALL_NEVER ? "" : " is the last with it, and",
              ord_tell_call(teller, last).at, (unsigned long long)lost,
              lost == 1 ? " was" : "s were", ord_tell_tuples(teller).at);
}

static enum fate fate_of(const struct set_full *full, uint32_t atom)
{
    const struct ord_calls *calls = &full->teller.calls;
    const struct track *track = &full->tracks[atom];
    uint32_t last = full->read_count - 1;

    if (full->read_count == 0)
        return FATE_NEVER_READ;
    if (track->seen != ORD_CALL_NEVER &&
        full->ends_max[track->seen] <= full->members.at[atom].begun)
        return FATE_STABLE;
    if (track->known < calls->begin[full->reads[last]] && track->seen != last)
        return FATE_LOST;
    return FATE_NEVER_READ;
}

/* Counts; the number that is stable. */
static uint64_t judge(struct set_full *full)
{
    uint64_t acked = 0;
    uint64_t stable = 0;
    uint64_t lost = 0;

    for (uint32_t i = 0; i < full->members.count; i++) {
        uint32_t atom = full->members.list[i];
        const struct ord_member *member = &full->members.at[atom];
        struct track *track = NULL;

        if (member->attempts == 0 || member->is_removed)
            continue;
        track = track_of(full, atom);
        if (member->acked < track->known) {
            track->known = member->acked;
            track->known_by = ORD_CALL_NEVER;
        }
        track->fate = (uint8_t)fate_of(full, atom);
        full->attempted++;
        acked += member->acked != ORD_CALL_NEVER;
        stable += track->fate == FATE_STABLE;
        lost += track->fate == FATE_LOST;
        full->never_read += track->fate == FATE_NEVER_READ;
    }
    for (uint32_t i = 0; lost > 0 && i < full->members.count; i++) {
        uint32_t atom = full->members.list[i];
        const struct track *track = &full->tracks[atom];

        if (track->fate != FATE_LOST)
            continue;
        full->latencies[full->latency_room - ++full->lost] =
            track->seen == ORD_CALL_NEVER
                ? 0
                : ms_between(
                      known_op(full, atom),
                      ord_teller_inv(&full->teller, full->reads[track->seen]));
        found_lost(full, atom, lost);
    }
    full->acknowledged += acked;
    full->stable += stable;
    if (acked > 0 && stable == 0 && full->blank_key == ORD_CALL_NEVER)
        full->blank_key = full->teller.key;
    return stable;
}

/* ---- stale elements ------------------------------------------------------ */

static void found_stale(struct set_full *full, uint32_t atom, uint32_t read)
{
    struct ord_teller *teller = &full->teller;
    const struct track *track = &full->tracks[atom];
    uint32_t seen = full->reads[track->seen];
    double ms = ms_between(known_op(full, atom), ord_teller_inv(teller, read));
    struct ord_named named =
        ord_tell_named(teller, full->members.at[atom].add, read, seen);

    full->latencies[full->stale++] = ms;
    if (!full->is_linearizable || ord_found_enough(teller->out))
        return;
    if (track->known_by != ORD_CALL_NEVER)
        named.ops[named.count++] = ord_teller_inv(teller, track->known_by);
    ord_found(teller->in, teller->out, &named,
              "%s, was missed by %s, %.0f ms after it was known; %s has it",
              tell_known(full, atom).at, ord_tell_call(teller, read).at, ms,
              ord_tell_call(teller, seen).at);
}

/* From the last read to the first, with a list of the elements that all reads
 * so far have: what a read lacks of it is stale, what was not yet known when
 * it began is not.  Each look at an element that stays in the list is one of
 * the items of that read. */
static void find_stale(struct set_full *full)
{
    const struct ord_calls *calls = &full->teller.calls;
    uint32_t count = 0;

    for (uint32_t i = 0; i < full->members.count; i++) {
        uint32_t atom = full->members.list[i];

        if (full->tracks[atom].fate == FATE_STABLE)
            full->list[count++] = atom;
    }
    for (uint32_t place = full->read_count; place > 0 && count > 0; place--) {
        uint32_t read = full->reads[place - 1];
        const uint32_t *items = NULL;
        uint32_t item_count = 0;
        uint32_t kept = 0;

        (void)ord_members_read(&full->teller, read, &item_count, &items);
        for (uint32_t i = 0; i < item_count; i++)
            full->tracks[items[i]].stamp = read + 1;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t atom = full->list[i];

            if (full->tracks[atom].known > calls->begin[read])
                continue;
            if (full->tracks[atom].stamp == read + 1)
                full->list[kept++] = atom;
            else
                found_stale(full, atom, read);
        }
        count = kept;
    }
}

/* ---- the verdict --------------------------------------------------------- */

static void check_object(struct set_full *full)
{
    uint32_t odd = gather_reads(full);

    if (odd != ORD_CALL_NEVER && full->members.count > 0 &&
        full->odd == ORD_CALL_NEVER) {
        full->odd = odd;
        full->odd_key = full->teller.key;
    }
    look_at_reads(full);
    if (judge(full) > 0) {
        for (uint32_t i = 0; i < full->touched_count; i++)
            full->tracks[full->touched[i]].stamp = UINT32_MAX;
        find_stale(full);
    }
    for (uint32_t i = 0; i < full->touched_count; i++)
        full->tracks[full->touched[i]] = untracked;
    full->touched_count = 0;
}

static int compare_ms(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of count latencies those not given are 0. */
static double quantile(const double *ms, uint64_t given, uint64_t count,
                       uint64_t percent)
{
    uint64_t at = count * percent / 100;

    if (at >= count)
        at = count - 1;
    return at < count - given ? 0 : ms[at - (count - given)];
}

static void tell_latencies(struct set_full *full)
{
    struct ord_verdict *out = full->teller.out;
    const double *stale = full->latencies;
    double *lost = full->latencies + full->latency_room - full->lost;

    qsort(full->latencies, full->stale, sizeof *stale, compare_ms);
    qsort(lost, full->lost, sizeof *lost, compare_ms);
    if (full->stable > 0) {
        ord_stat(out, "stable_latency_p50_ms",
                 quantile(stale, full->stale, full->stable, 50));
        ord_stat(out, "stable_latency_p95_ms",
                 quantile(stale, full->stale, full->stable, 95));
        ord_stat(out, "stable_latency_p99_ms",
                 quantile(stale, full->stale, full->stable, 99));
        ord_stat(out, "stable_latency_max_ms",
                 quantile(stale, full->stale, full->stable, 100));
    }
    if (full->lost > 0) {
        ord_stat(out, "lost_latency_p50_ms",
                 quantile(lost, full->lost, full->lost, 50));
        ord_stat(out, "lost_latency_max_ms",
                 quantile(lost, full->lost, full->lost, 100));
    }
}

static int full_conclude(struct set_full *full, struct ord_err *err)
{
    struct ord_verdict *out = full->teller.out;

    ord_stat(out, "attempted", (double)full->attempted);
    ord_stat(out, "acknowledged", (double)full->acknowledged);
    ord_stat(out, "stable", (double)full->stable);
    ord_stat(out, "lost", (double)full->lost);
    ord_stat(out, "never_read", (double)full->never_read);
    ord_stat(out, "stale", (double)full->stale);
    ord_stat(out, "duplicated", (double)full->duplicated);
    ord_stat(out, "unexpected", (double)full->unexpected);
    tell_latencies(full);
    if (out->violation_count > 0)
        return ord_prove_facts(full->teller.in, out, err);
    if (full->odd != ORD_CALL_NEVER)
        return ord_conclude_odd_member(&full->teller, full->odd_key, full->odd);
    if (full->attempted == 0)
        return ord_conclude(out, ORD_UNKNOWN, "nothing was added");
    if (full->stable == 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "no read tells what became of any of %llu elements",
                            (unsigned long long)full->attempted);
    if (full->blank_key != ORD_CALL_NEVER) {
        ord_teller_turn(&full->teller, full->blank_key);
        return ord_conclude(out, ORD_UNKNOWN,
                            "no read tells what became of any element of %s",
                            ord_text_key(&full->teller.object.key).at);
    }
    (void)ord_conclude(
        out, ORD_VALID,
        "%llu of %llu elements were stable (%llu of them stale, "
        "for up to %.0f ms), none was lost",
        (unsigned long long)full->stable, (unsigned long long)full->attempted,
        (unsigned long long)full->stale,
        full->stale == 0 ? 0.0 : full->latencies[full->stale - 1]);
    return ord_prove_facts(full->teller.in, out, err);
}

static int full_init(struct set_full *full, const struct ord_check_in *in,
                     struct ord_verdict *out, struct ord_err *err)
{
    size_t atoms = 0;
    size_t calls = 0;

    if (ord_teller_init(&full->teller, in, out, err) != ORD_OK ||
        ord_members_init(&full->members, &full->teller, err) != ORD_OK)
        return err->rc;
    atoms = (size_t)full->teller.calls.atom_count + 1;
    calls = (size_t)full->teller.calls.count + 1;
    full->tracks = ord_arena_alloc(in->arena, atoms * sizeof *full->tracks);
    full->touched = ord_arena_alloc(in->arena, atoms * sizeof *full->touched);
    full->list = ord_arena_alloc(in->arena, atoms * sizeof *full->list);
    full->reads = ord_arena_alloc(in->arena, calls * sizeof *full->reads);
    full->ends_max = ord_arena_alloc(in->arena, calls * sizeof *full->ends_max);
    full->latencies = ord_arena_alloc(in->arena, calls * sizeof(double));
    full->latency_room = calls;
    if (full->tracks == NULL || full->touched == NULL || full->list == NULL ||
        full->reads == NULL || full->ends_max == NULL ||
        full->latencies == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %zu elements", atoms);
    for (size_t i = 0; i < atoms; i++)
        full->tracks[i] = untracked;
    return ORD_OK;
}

static int full_check(const struct ord_check_in *in, struct ord_verdict *out,
                      struct ord_err *err)
{
    struct set_full full = {.blank_key = ORD_CALL_NEVER, .odd = ORD_CALL_NEVER};
    bool fail_may_happen = false;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_option_truth(in, "linearizable", &full.is_linearizable, err) !=
            ORD_OK ||
        ord_option_truth(in, "fail_may_happen", &fail_may_happen, err) !=
            ORD_OK ||
        full_init(&full, in, out, err) != ORD_OK)
        return err->rc;
    full.members.fail_may_happen = fail_may_happen;
    for (uint32_t key = 0; key < full.teller.calls.key_count; key++) {
        uint32_t odd = ORD_CALL_NEVER;

        ord_teller_turn(&full.teller, key);
        ord_members_load(&full.members, &full.teller);
        odd = ord_teller_odd(&full.teller, ORD_MEMBER_FS);
        if (odd == ORD_CALL_NEVER) {
            check_object(&full);
        } else if (full.members.count > 0 && full.odd == ORD_CALL_NEVER) {
            full.odd = odd;
            full.odd_key = key;
        }
    }
    return full_conclude(&full, err);
}

const struct ord_checker ord_checker_set_full = {
    .name = "set-full",
    .claim = "no element is lost between reads, none is there twice, and none "
             "that nobody added",
    .options = "linearizable: true makes a stale element a violation\n"
               "fail_may_happen: true takes a failed add for one that may have "
               "happened",
    .check = full_check,
};
