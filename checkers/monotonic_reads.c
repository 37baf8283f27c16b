/* monotonic_reads.c -- a session's reads of one object never go back.
 *
 * Claim:       no session read b, and then (invoked after that read ended) a
 *              value that certainly is older than b, or nil; none read a, then
 *              another value, then a again, a being written once.  Sets and
 *              lists: an element seen is not missing later.  A session may span
 *              several devices and processes.
 * Not claimed: final reads; values that nobody wrote; two concurrent writes
 *              seen in different orders by different sessions (linearizable);
 *              elements that somebody may have removed; the order of a list.
 * Unknown:     a read object is no register, set or list;
 *              no session read an object twice, or a value written more than
 *              once leaves the answer open.
 * Cost:        O(calls log calls + items read) time, O(calls) bytes.
 */
#include "checkers/elements.h"
#include "checkers/proof.h"
#include "checkers/registry.h"
#include "checkers/session.h"
#include "checkers/versions.h"

struct mono {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    const struct ord_view *view;
    const struct ord_object *object;
    struct ord_versions *versions;
    struct ord_elements *elements;
    struct ord_intern seen; /* values read, of a register */
    struct mark *marks;     /* by id of seen or of elements */
    uint32_t stamp;         /* of this session */
    uint64_t pair_count;
    uint64_t undecided_count;
};

struct mark {
    uint32_t stamp;
    uint32_t read;                /* stamp of the last read that had it */
    const struct ord_call *first; /* the read that ended first with it */
};

/* What is known of the reads that ended so far. */
struct past {
    const struct ord_call *newest; /* whose value began last for certain */
    int64_t newest_begin;
    /* The read begun last, and the one begun last among those of another
     * value than that one's. */
    const struct ord_call *last;
    const struct ord_call *other;
    int64_t maybe_begin; /* the latest begin that a value read may have */
};

static bool same_value(const struct ord_call *a, const struct ord_call *b)
{
    return ord_value_equal(ord_call_value(a), ord_call_value(b));
}

static void past_add(const struct mono *mono, struct past *past,
                     const struct ord_call *read)
{
    const struct ord_value *value = ord_call_value(read);
    struct ord_candidates from =
        ord_versions_of(mono->versions, value, read->end);
    struct mark *mark = &mono->marks[ord_intern_find(&mono->seen, value)];

    if (from.count == 0)
        return; /* a value that nobody wrote has no place in time */
    if (from.min_begin > past->newest_begin) {
        past->newest = read;
        past->newest_begin = from.min_begin;
    }
    if (from.max_begin > past->maybe_begin)
        past->maybe_begin = from.max_begin;
    if (mark->stamp != mono->stamp) {
        mark->stamp = mono->stamp;
        mark->first = read; /* they come by end */
    }
    if (past->last == NULL || read->begin > past->last->begin) {
        if (past->last != NULL && !same_value(past->last, read))
            past->other = past->last;
        past->last = read;
    } else if (!same_value(past->last, read) &&
               (past->other == NULL || read->begin > past->other->begin)) {
        past->other = read;
    }
}

static void found_older(const struct mono *mono, const struct ord_call *newer,
                        const struct ord_call *read, const struct ord_call *old)
{
    const struct ord_call *wrote =
        ord_versions_of(mono->versions, ord_call_value(newer), newer->end).call;
    struct ord_named named = {.key = mono->object->key,
                              .ops = {newer->inv, read->inv,
                                      wrote == NULL ? NULL : wrote->inv,
                                      old == NULL ? NULL : old->inv},
                              .count = 4};

    if (ord_found_enough(mono->out))
        return;
    if (old == NULL || wrote == NULL)
        ord_found(mono->in, mono->out, &named,
                  "%s went back in time: %s, and then %s, as if nothing had "
                  "ever been written",
                  ord_text_who(read).at, ord_text_did(mono->view, newer).at,
                  ord_text_did(mono->view, read).at);
    else
        ord_found(
            mono->in, mono->out, &named,
            "%s went back in time: %s, and then %s, which is older: %s "
            "was acknowledged at %s, before %s began at %s",
            ord_text_who(read).at, ord_text_did(mono->view, newer).at,
            ord_text_did(mono->view, read).at,
            ord_text_call(mono->view, old).at, ord_text_when(old->done).at,
            ord_text_call(mono->view, wrote).at, ord_text_when(wrote->inv).at);
}

static void found_flip(const struct mono *mono, const struct ord_call *first,
                       const struct ord_call *other,
                       const struct ord_call *again,
                       const struct ord_call *wrote)
{
    struct ord_named named = {.key = mono->object->key,
                              .ops = {first->inv, other->inv, again->inv,
                                      wrote == NULL ? NULL : wrote->inv},
                              .count = 4};

    if (ord_found_enough(mono->out))
        return;
    ord_found(mono->in, mono->out, &named,
              "%s went back in time: %s, then %s, and then %s again, which was "
              "%s",
              ord_text_who(again).at, ord_text_did(mono->view, first).at,
              ord_text_did(mono->view, other).at,
              ord_text_did(mono->view, again).at,
              wrote == NULL ? "only the initial value" : "written only once");
}

static void judge(struct mono *mono, const struct past *past,
                  const struct ord_call *read)
{
    const struct ord_value *value = ord_call_value(read);
    struct ord_candidates from =
        ord_versions_of(mono->versions, value, read->end);
    const struct mark *mark = &mono->marks[ord_intern_find(&mono->seen, value)];
    const struct ord_call *other = past->last;

    if (past->last == NULL || from.count == 0)
        return;
    mono->pair_count++;
    if (past->newest != NULL && from.max_end < past->newest_begin) {
        found_older(mono, past->newest, read, from.call);
        return;
    }
    if (same_value(other, read))
        other = past->other;
    if (other == NULL)
        return; /* nothing but this value so far */
    if (from.count == 1 && mark->stamp == mono->stamp &&
        other->begin > mark->first->end) {
        found_flip(mono, mark->first, other, read, from.call);
        return;
    }
    if (from.min_end < past->maybe_begin)
        mono->undecided_count++;
}

static void check_register(struct mono *mono, const struct ord_session_run *run)
{
    struct past past = {.newest_begin = ORD_BEFORE, .maybe_begin = ORD_BEFORE};
    uint32_t done = 0;

    for (uint32_t i = 0; i < run->count; i++) {
        const struct ord_call *read = run->by_begin[i];

        for (; done < run->count && run->by_end[done]->end < read->begin;
             done++) {
            if (ord_call_is_read(run->by_end[done]))
                past_add(mono, &past, run->by_end[done]);
        }
        if (ord_call_is_read(read))
            judge(mono, &past, read);
    }
}

static void found_vanished(const struct mono *mono,
                           const struct ord_session_run *run, uint32_t done,
                           const struct ord_call *read)
{
    if (ord_found_enough(mono->out))
        return;
    for (uint32_t i = 0; i < done; i++) {
        const struct ord_call *earlier = run->by_end[i];
        const struct ord_value *items = NULL;
        uint32_t count = 0;

        if (!ord_call_is_read(earlier))
            continue;
        count = ord_items(earlier, &items);
        for (uint32_t j = 0; j < count; j++) {
            uint32_t id = ord_intern_find(&mono->elements->ids, &items[j]);
            struct ord_named named = {.key = mono->object->key,
                                      .ops = {earlier->inv, read->inv},
                                      .count = 2};

            if (id == ORD_NO_ID || mono->elements->at[id].is_removed ||
                mono->elements->stamps[id] == mono->marks[0].read)
                continue;
            ord_found(mono->in, mono->out, &named,
                      "%s went back in time: it saw %s in %s at %s%s, and at "
                      "%s%s it was gone, though nobody had removed it",
                      ord_text_who(read).at, ord_text_value(&items[j]).at,
                      ord_text_key(&mono->object->key).at,
                      ord_text_when(earlier->inv).at,
                      ord_text_on(mono->view, earlier).at,
                      ord_text_when(read->inv).at,
                      ord_text_on(mono->view, read).at);
            return;
        }
    }
    ORD_ASSERT(false); /* the counts said that one is missing */
}

/* Adds the read's elements to those that must be seen from now on. */
static uint32_t must_see(const struct mono *mono, const struct ord_call *read)
{
    const struct ord_value *items = NULL;
    uint32_t count = ord_items(read, &items);
    uint32_t fresh = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = ord_intern_find(&mono->elements->ids, &items[i]);

        if (id == ORD_NO_ID || mono->elements->at[id].is_removed ||
            mono->marks[id + 1].stamp == mono->stamp)
            continue;
        mono->marks[id + 1].stamp = mono->stamp;
        fresh++;
    }
    return fresh;
}

/* How many of those that must be seen the read has; stamps its elements. */
static uint32_t sees(const struct mono *mono, const struct ord_call *read)
{
    const struct ord_value *items = NULL;
    uint32_t count = ord_items(read, &items);
    uint32_t seen = 0;
    uint32_t stamp = ++mono->marks[0].read;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = ord_intern_find(&mono->elements->ids, &items[i]);

        if (id == ORD_NO_ID || mono->elements->stamps[id] == stamp)
            continue;
        mono->elements->stamps[id] = stamp;
        if (mono->marks[id + 1].stamp == mono->stamp)
            seen++;
    }
    return seen;
}

static void check_bag(struct mono *mono, const struct ord_session_run *run)
{
    uint32_t done = 0;
    uint32_t must = 0;
    uint32_t read_count = 0;

    for (uint32_t i = 0; i < run->count; i++) {
        const struct ord_call *read = run->by_begin[i];

        if (!ord_call_is_read(read))
            continue;
        for (; done < run->count && run->by_end[done]->end < read->begin;
             done++) {
            if (!ord_call_is_read(run->by_end[done]))
                continue;
            must += must_see(mono, run->by_end[done]);
            read_count++;
        }
        if (read_count == 0)
            continue;
        mono->pair_count++;
        if (sees(mono, read) < must)
            found_vanished(mono, run, done, read);
    }
}

static int prepare(struct mono *mono, struct ord_err *err)
{
    const struct ord_call *calls = ord_object_calls(mono->view, mono->object);
    struct ord_arena *arena = mono->in->arena;
    uint32_t room = mono->object->count;

    mono->stamp = 0;
    if (mono->elements != NULL) {
        if (ord_elements_init(mono->elements, mono->view, mono->object, arena,
                              err) != ORD_OK)
            return err->rc;
    } else {
        if (ord_versions_init(mono->versions, mono->view, mono->object, arena,
                              err) != ORD_OK)
            return err->rc;
        if (!ord_intern_init(&mono->seen, arena, room))
            return ord_fail(err, ORD_ENOMEM, "no memory for values");
        for (uint32_t i = 0; i < room; i++) {
            if (ord_call_is_read(&calls[i]))
                (void)ord_intern_add(&mono->seen, ord_call_value(&calls[i]));
        }
    }
    mono->marks =
        ord_arena_zalloc(arena, (size_t)room + 1, sizeof *mono->marks);
    if (mono->marks == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for marks");
    return ORD_OK;
}

static int check_object(struct mono *mono, struct ord_err *err)
{
    struct ord_versions versions;
    struct ord_elements elements;
    struct ord_sessions sessions;
    struct ord_session_run run;
    bool is_bag = ord_object_is_bag(mono->object);

    mono->versions = &versions;
    mono->elements = is_bag ? &elements : NULL;
    if (prepare(mono, err) != ORD_OK)
        return err->rc;
    if (ord_sessions_init(&sessions, mono->view, mono->object, mono->in->arena,
                          err) != ORD_OK)
        return err->rc;
    while (ord_sessions_next(&sessions, &run)) {
        mono->stamp++;
        if (is_bag)
            check_bag(mono, &run);
        else
            check_register(mono, &run);
    }
    return ORD_OK;
}

static int mono_check(const struct ord_check_in *in, struct ord_verdict *out,
                      struct ord_err *err)
{
    struct ord_view view;
    struct mono mono = {.in = in, .out = out, .view = &view};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_view_init(&view, in, err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < view.object_count; i++) {
        mono.object = &view.objects[i];
        if ((mono.object->kind == ORD_OBJECT_REGISTER ||
             ord_object_is_bag(mono.object)) &&
            check_object(&mono, err) != ORD_OK)
            return err->rc;
    }
    ord_stat(out, "later_reads", (double)mono.pair_count);
    ord_stat(out, "violations", (double)out->violation_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (ord_conclude_odd(out, &view))
        return ORD_OK;
    if (mono.pair_count == 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "no session read one object twice");
    if (mono.undecided_count > 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "%llu reads returned a value that was written more "
                            "than once and may be older than what was read",
                            (unsigned long long)mono.undecided_count);
    return ord_conclude(out, ORD_VALID,
                        "none of %llu later reads of a session went back",
                        (unsigned long long)mono.pair_count);
}

const struct ord_checker ord_checker_monotonic_reads = {
    .name = "monotonic-reads",
    .claim = "a session's reads never go back to something older, on all of "
             "its devices",
    .check = mono_check,
};
