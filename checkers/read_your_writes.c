/* read_your_writes.c -- a session's own acknowledged write is in its reads.
 *
 * Claim:       no session wrote, was told so, and then read something that was
 *              certainly overwritten by that write (or nil).  Sets and lists:
 *              its own acknowledged elements are in its later reads.  A session
 *              may span several devices and processes.
 * Not claimed: final reads; writes that were not acknowledged; values that
 *              nobody wrote; writes of others (stale, monotonic-reads).
 * Unknown:     a read object is no register, set or list;
 *              no session read anything after a write of its own, or a value
 *              written more than once leaves the answer open.
 * Cost:        O(calls log calls + items read) time, O(calls) bytes.
 */
#include <stdio.h>

#include "checkers/elements.h"
#include "checkers/proof.h"
#include "checkers/registry.h"
#include "checkers/session.h"
#include "checkers/versions.h"

struct own { /* an element that the session itself added */
    const struct ord_call *add;
    uint32_t id;
};

struct ryw {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    const struct ord_view *view;
    const struct ord_object *object;
    struct ord_versions *versions;
    struct ord_elements *elements;
    struct own *own;
    uint32_t stamp;
    uint64_t read_count;
    uint64_t undecided_count;
    uint64_t across_count; /* violations between two devices */
};

static struct ord_text devices(struct ryw *ryw, const struct ord_call *write,
                               const struct ord_call *read)
{
    struct ord_text text = {{0}};
    unsigned from = write->inv->device;
    unsigned to = read->inv->device;

    if (from != to) {
        ryw->across_count++;
        (void)snprintf(text.at, sizeof text.at,
                       " (it wrote on device %u and read on device %u)", from,
                       to);
    }
    return text;
}

static void found(struct ryw *ryw, const struct ord_call *write,
                  const struct ord_call *read, const struct ord_call *old)
{
    struct ord_named named = {
        .key = ryw->object->key,
        .ops = {write->inv, read->inv, old == NULL ? NULL : old->inv},
        .count = 3};
    struct ord_text across = devices(ryw, write, read);
    bool is_bag = ryw->elements != NULL;
    struct ord_text why = {{0}};

    if (ord_found_enough(ryw->out))
        return;
    if (is_bag)
        (void)snprintf(why.at, sizeof why.at, "without its own element");
    else if (old == NULL)
        (void)snprintf(why.at, sizeof why.at, "as if it had not been written");
    else
        (void)snprintf(why.at, sizeof why.at,
                       "which that write had replaced (written by process "
                       "%lld at %.30s)",
                       (long long)old->inv->process,
                       ord_text_when(old->done).at);
    ord_found(ryw->in, ryw->out, &named,
              "%s did not read its own write: %s was acknowledged at %s, and "
              "%.0f ms later %s, %s%s",
              ord_text_who(read).at, ord_text_call(ryw->view, write).at,
              ord_text_when(write->done).at,
              ord_ms_between(write->done, read->inv),
              ord_text_did(ryw->view, read).at, why.at, across.at);
}

static void check_register(struct ryw *ryw, const struct ord_session_run *run)
{
    const struct ord_call *own = NULL; /* the latest begun of the own writes */
    uint32_t done = 0;

    for (uint32_t i = 0; i < run->count; i++) {
        const struct ord_call *read = run->by_begin[i];
        struct ord_candidates old;

        for (; done < run->count && run->by_end[done]->end < read->begin;
             done++) {
            const struct ord_call *call = run->by_end[done];

            if (ord_call_is_write(call) &&
                (own == NULL || call->begin > own->begin))
                own = call;
        }
        if (!ord_call_is_read(read) || own == NULL)
            continue;
        old = ord_versions_of(ryw->versions, ord_call_value(read), read->end);
        if (old.count == 0)
            continue;
        ryw->read_count++;
        if (old.max_end < own->begin)
            found(ryw, own, read, old.call);
        else if (old.min_end < own->begin)
            ryw->undecided_count++;
    }
}

/* The session's own elements that nobody may have removed, by the first
 * acknowledgement, each once: else reads x adds. */
static uint32_t own_elements(struct ryw *ryw, const struct ord_session_run *run)
{
    uint32_t count = 0;

    ryw->stamp++;
    for (uint32_t i = 0; i < run->count; i++) {
        const struct ord_call *call = run->by_end[i];
        uint32_t id = 0;

        if (call->f != ORD_F_ADD && call->f != ORD_F_APPEND)
            continue;
        id = ord_intern_find(&ryw->elements->ids, ord_call_value(call));
        ORD_ASSERT(id != ORD_NO_ID);
        if (ryw->elements->at[id].is_removed ||
            ryw->elements->stamps[id] == ryw->stamp)
            continue;
        ryw->elements->stamps[id] = ryw->stamp;
        ryw->own[count++] = (struct own){call, id};
    }
    return count;
}

/* The first of the session's own elements that the read misses. */
static const struct ord_call *missing_own(const struct ryw *ryw,
                                          uint32_t own_count,
                                          const struct ord_call *read)
{
    const struct ord_value *items = NULL;
    uint32_t count = ord_items(read, &items);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = ord_intern_find(&ryw->elements->ids, &items[i]);

        if (id != ORD_NO_ID)
            ryw->elements->stamps[id] = ryw->stamp;
    }
    for (uint32_t i = 0; i < own_count; i++) {
        const struct own *own = &ryw->own[i];

        if (own->add->end >= read->begin)
            break;
        if (ryw->elements->stamps[own->id] != ryw->stamp)
            return own->add;
    }
    return NULL;
}

static void check_bag(struct ryw *ryw, const struct ord_session_run *run)
{
    uint32_t own_count = own_elements(ryw, run);

    for (uint32_t i = 0; i < run->count; i++) {
        const struct ord_call *read = run->by_begin[i];
        const struct ord_call *lost = NULL;

        if (!ord_call_is_read(read) || own_count == 0 ||
            ryw->own[0].add->end >= read->begin)
            continue;
        ryw->read_count++;
        ryw->stamp++;
        lost = missing_own(ryw, own_count, read);
        if (lost != NULL)
            found(ryw, lost, read, NULL);
    }
}

static int check_object(struct ryw *ryw, struct ord_err *err)
{
    struct ord_arena *arena = ryw->in->arena;
    struct ord_versions versions;
    struct ord_elements elements;
    struct ord_sessions sessions;
    struct ord_session_run run;
    bool is_bag = ord_object_is_bag(ryw->object);
    int rc = ORD_OK;

    ryw->versions = &versions;
    ryw->elements = is_bag ? &elements : NULL;
    ryw->stamp = 0;
    ryw->own = ord_arena_zalloc(arena, (size_t)ryw->object->count + 1,
                                sizeof *ryw->own);
    if (ryw->own == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for elements");
    if (is_bag)
        rc = ord_elements_init(&elements, ryw->view, ryw->object, arena, err);
    else
        rc = ord_versions_init(&versions, ryw->view, ryw->object, arena, err);
    if (rc == ORD_OK)
        rc = ord_sessions_init(&sessions, ryw->view, ryw->object, arena, err);
    while (rc == ORD_OK && ord_sessions_next(&sessions, &run)) {
        if (is_bag)
            check_bag(ryw, &run);
        else
            check_register(ryw, &run);
    }
    return rc;
}

static int ryw_check(const struct ord_check_in *in, struct ord_verdict *out,
                     struct ord_err *err)
{
    struct ord_view view;
    struct ryw ryw = {.in = in, .out = out, .view = &view};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_view_init(&view, in, err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < view.object_count; i++) {
        ryw.object = &view.objects[i];
        if ((ryw.object->kind == ORD_OBJECT_REGISTER ||
             ord_object_is_bag(ryw.object)) &&
            check_object(&ryw, err) != ORD_OK)
            return err->rc;
    }
    ord_stat(out, "reads_after_own_write", (double)ryw.read_count);
    ord_stat(out, "violations", (double)out->violation_count);
    ord_stat(out, "violations_across_devices", (double)ryw.across_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (ord_conclude_odd(out, &view))
        return ORD_OK;
    if (ryw.read_count == 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "no session read after a write of its own that "
                            "must still be there");
    if (ryw.undecided_count > 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "%llu reads returned a value that was written more "
                            "than once, before and after the session's write",
                            (unsigned long long)ryw.undecided_count);
    return ord_conclude(out, ORD_VALID,
                        "all %llu reads after an own write saw it or later",
                        (unsigned long long)ryw.read_count);
}

const struct ord_checker ord_checker_read_your_writes = {
    .name = "read-your-writes",
    .claim = "a session's reads contain its own acknowledged writes, on all "
             "of its devices",
    .check = ryw_check,
};
