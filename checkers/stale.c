/* stale.c -- a read sees what was acknowledged before it began.
 *
 * Claim:       no read returned a value that had been overwritten before it
 *              began: not one of the writes that it may have seen was followed
 *              by a write that began after it and was acknowledged before the
 *              read.  Sets and lists: an element whose add was acknowledged
 *              before the read began is in it.
 * Not claimed: final reads (replicas may still catch up); values that nobody
 *              wrote; elements that somebody may have removed; new-then-old
 *              among concurrent writes (linearizable, monotonic-reads).
 * Unknown:     a read object is no register, set or list;
 *              no read could be judged, or some read of a value that was
 *              written more than once is stale under one reading of it only.
 * Cost:        O(calls log calls + items read) time, O(calls) bytes.
 */
#include "checkers/elements.h"
#include "checkers/proof.h"
#include "checkers/registry.h"
#include "checkers/versions.h"

struct stale {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    const struct ord_view *view;
    const struct ord_object *object;
    uint64_t read_count;
    uint64_t stale_count;
    uint64_t undecided_count;
    double worst_ms;
};

static void count_stale(struct stale *stale, const struct ord_call *read,
                        const struct ord_call *newer)
{
    double ms = ord_ms_between(newer->done, read->inv);

    stale->stale_count++;
    if (ms > stale->worst_ms)
        stale->worst_ms = ms;
}

static void found_old(struct stale *stale, const struct ord_call *read,
                      const struct ord_call *newer,
                      const struct ord_candidates *old)
{
    const struct ord_call *was = old->call;
    struct ord_named named = {
        .key = stale->object->key,
        .ops = {newer->inv, read->inv, was == NULL ? NULL : was->inv},
        .count = 3};
    struct ord_text before = {{0}};

    count_stale(stale, read, newer);
    if (ord_found_enough(stale->out))
        return;
    if (was != NULL && was->done != NULL)
        before = ord_text_when(was->done);
    if (was == NULL)
        ord_found(stale->in, stale->out, &named,
                  "%s, %.0f ms after %s was acknowledged (%s) - and nobody "
                  "had written nil after that",
                  ord_text_did(stale->view, read).at,
                  ord_ms_between(newer->done, read->inv),
                  ord_text_call(stale->view, newer).at,
                  ord_text_when(newer->done).at);
    else
        ord_found(stale->in, stale->out, &named,
                  "%s, %.0f ms after %s was acknowledged (%s) - and %s had "
                  "been overwritten: %s was acknowledged at %s, before the "
                  "newer write began at %s",
                  ord_text_did(stale->view, read).at,
                  ord_ms_between(newer->done, read->inv),
                  ord_text_call(stale->view, newer).at,
                  ord_text_when(newer->done).at,
                  ord_text_value(ord_call_value(read)).at,
                  ord_text_call(stale->view, was).at, before.at,
                  ord_text_when(newer->inv).at);
}

static int check_register(struct stale *stale, struct ord_err *err)
{
    struct ord_versions versions;
    const struct ord_call *calls = ord_object_calls(stale->view, stale->object);

    if (ord_versions_init(&versions, stale->view, stale->object,
                          stale->in->arena, err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < stale->object->count; i++) {
        const struct ord_call *read = &calls[i];
        struct ord_candidates old;
        const struct ord_call *newer = NULL;

        if (!ord_call_is_read(read))
            continue;
        old = ord_versions_of(&versions, ord_call_value(read), read->end);
        if (old.count == 0)
            continue; /* nobody wrote it: linearizable and lost say so */
        stale->read_count++;
        newer = ord_versions_replaced(&versions, old.max_end, read->begin);
        if (newer != NULL)
            found_old(stale, read, newer, &old);
        else if (ord_versions_replaced(&versions, old.min_end, read->begin))
            stale->undecided_count++;
    }
    return ORD_OK;
}

static void found_missing(struct stale *stale, const struct ord_call *read,
                          const struct ord_call *add, uint32_t missing)
{
    struct ord_named named = {
        .key = stale->object->key, .ops = {add->inv, read->inv}, .count = 2};

    count_stale(stale, read, add);
    if (ord_found_enough(stale->out))
        return;
    ord_found(stale->in, stale->out, &named,
              "process %lld's read of %s at %s%s misses %s, %.0f ms after %s "
              "was acknowledged (%s); %u acknowledged element%s missing",
              (long long)read->inv->process,
              ord_text_key(&stale->object->key).at, ord_text_when(read->inv).at,
              ord_text_on(stale->view, read).at,
              ord_text_value(ord_call_value(add)).at,
              ord_ms_between(add->done, read->inv),
              ord_text_call(stale->view, add).at, ord_text_when(add->done).at,
              missing, missing == 1 ? " is" : "s are");
}

static int check_bag(struct stale *stale, struct ord_err *err)
{
    struct ord_elements elements;
    const struct ord_call *calls = ord_object_calls(stale->view, stale->object);

    if (ord_elements_init(&elements, stale->view, stale->object,
                          stale->in->arena, err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < stale->object->count; i++) {
        const struct ord_call *read = &calls[i];
        const struct ord_value *items = NULL;
        uint32_t want = 0;
        uint32_t seen = 0;
        uint32_t first = 0;

        if (!ord_call_is_read(read))
            continue;
        stale->read_count++;
        want = ord_elements_acked(&elements, read->begin);
        for (uint32_t j = 0, n = ord_items(read, &items); j < n; j++) {
            uint32_t id = ord_intern_find(&elements.ids, &items[j]);

            if (id == ORD_NO_ID || elements.stamps[id] == i + 1)
                continue;
            elements.stamps[id] = i + 1;
            if (elements.at[id].acked < read->begin &&
                !elements.at[id].is_removed)
                seen++;
        }
        if (seen == want)
            continue;
        while (elements.stamps[elements.by_acked[first]] == i + 1)
            first++;
        ORD_ASSERT(first < want);
        found_missing(stale, read, elements.at[elements.by_acked[first]].add,
                      want - seen);
    }
    return ORD_OK;
}

static int stale_conclude(const struct stale *stale)
{
    struct ord_verdict *out = stale->out;
    double share = stale->read_count == 0
                       ? 0
                       : (double)stale->stale_count / (double)stale->read_count;

    ord_stat(out, "reads", (double)stale->read_count);
    ord_stat(out, "stale_reads", (double)stale->stale_count);
    ord_stat(out, "stale_share", share);
    ord_stat(out, "staleness_max_ms", stale->worst_ms);
    if (out->violation_count > 0)
        return ORD_OK;
    if (ord_conclude_odd(out, stale->view))
        return ORD_OK;
    if (stale->read_count == 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "no read returned a value that "
                            "can be judged");
    if (stale->undecided_count > 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "%llu reads returned a value that was written more "
                            "than once: stale or not, depending on the write",
                            (unsigned long long)stale->undecided_count);
    return ord_conclude(out, ORD_VALID, "none of %llu reads was stale",
                        (unsigned long long)stale->read_count);
}

static int stale_check(const struct ord_check_in *in, struct ord_verdict *out,
                       struct ord_err *err)
{
    struct ord_view view;
    struct stale stale = {.in = in, .out = out, .view = &view};
    int rc = ord_view_init(&view, in, err);

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    for (uint32_t i = 0; rc == ORD_OK && i < view.object_count; i++) {
        stale.object = &view.objects[i];
        if (stale.object->kind == ORD_OBJECT_REGISTER)
            rc = check_register(&stale, err);
        else if (ord_object_is_bag(stale.object))
            rc = check_bag(&stale, err);
    }
    return rc == ORD_OK ? stale_conclude(&stale) : rc;
}

const struct ord_checker ord_checker_stale = {
    .name = "stale",
    .claim = "a read returns nothing that had been overwritten, and misses "
             "nothing that had been added, before it began",
    .check = stale_check,
};
