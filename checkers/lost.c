/* lost.c -- what was acknowledged is still there at the end.
 *
 * Claim:       sets and lists: each element whose add was acknowledged before
 *              the last final reads is in at least one of them; no element is
 *              there that nobody added, whose add had failed, or more often
 *              than it was added.  Registers: the final value of at least one
 *              replica may be the last acknowledged write, or newer; and
 *              somebody wrote it.
 * Not claimed: that replicas agree (convergence); writes that others properly
 *              overwrote before the end; elements that somebody may have
 *              removed; writes acknowledged after the final reads began.
 * Unknown:     a read object is no register, set or list;
 *              no final read returned ok; what is missing may be on a node
 *              whose last final read was not answered; a final value that was
 *              written more than once leaves the answer open.
 * Cost:        O(calls log calls + items read) time, O(calls) bytes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "checkers/elements.h"
#include "checkers/finals.h"
#include "checkers/proof.h"
#include "checkers/registry.h"
#include "checkers/versions.h"

struct lost {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    const struct ord_view *view;
    const struct ord_object *object;
    struct ord_finals finals;
    const struct ord_call **calls; /* lost for certain, over all objects */
    uint32_t count;
    uint64_t acked_count;
    uint64_t phantom_count;
    uint64_t duplicate_count;
    uint64_t read_count;      /* final reads that were looked at */
    uint64_t undecided_count; /* registers */
    uint64_t maybe_count;     /* missing, but a node never answered */
    uint16_t silent;
    bool is_complete;                /* no node of this object may have more */
    const struct ord_object *unread; /* written, and never read at the end */
};

/* Somebody was told that a write of it happened. */
static bool has_acked(const struct lost *lost)
{
    const struct ord_call *calls = ord_object_calls(lost->view, lost->object);

    for (uint32_t i = 0; i < lost->object->count; i++) {
        if (calls[i].f != ORD_F_READ && calls[i].type == ORD_OP_OK)
            return true;
    }
    return false;
}

static void found_phantom(struct lost *lost, const struct ord_call *read,
                          const struct ord_value *value,
                          const struct ord_call *failed)
{
    struct ord_named named = {
        .key = lost->object->key,
        .ops = {read->inv, failed == NULL ? NULL : failed->inv},
        .count = 2};
    struct ord_text why = {{0}};

    lost->phantom_count++;
    if (ord_found_enough(lost->out))
        return;
    if (failed == NULL)
        (void)snprintf(why.at, sizeof why.at, "nobody had written it");
    else if (failed->type != ORD_OP_FAIL)
        (void)snprintf(why.at, sizeof why.at, "it was written only later");
    else
        (void)snprintf(why.at, sizeof why.at,
                       "process %lld had been told that this %.20s failed "
                       "(%.30s)",
                       (long long)failed->inv->process, failed->inv->name,
                       ord_text_when(failed->done).at);
    ord_found(lost->in, lost->out, &named,
              "the final read of %s%s at %s has %s, though %s",
              ord_text_key(&lost->object->key).at,
              ord_text_on(lost->view, read).at, ord_text_when(read->inv).at,
              ord_text_value(value).at, why.at);
}

static void found_duplicate(struct lost *lost, const struct ord_call *read,
                            const struct ord_call *add, uint32_t times)
{
    struct ord_named named = {
        .key = lost->object->key, .ops = {add->inv, read->inv}, .count = 2};

    lost->duplicate_count++;
    if (ord_found_enough(lost->out))
        return;
    ord_found(lost->in, lost->out, &named,
              "the final read of %s%s at %s has %s %u times, more often than "
              "it was added (%s began at %s)",
              ord_text_key(&lost->object->key).at,
              ord_text_on(lost->view, read).at, ord_text_when(read->inv).at,
              ord_text_value(ord_call_value(add)).at, times,
              ord_text_call(lost->view, add).at, ord_text_when(add->inv).at);
}

/* Counts an element's places in one final read; says so when too many. */
static void look_at(struct lost *lost, const struct ord_elements *elements,
                    uint32_t *times, const struct ord_call *read)
{
    const struct ord_value *items = NULL;
    uint32_t count = ord_items(read, &items);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = ord_intern_find(&elements->ids, &items[i]);
        const struct ord_element *element = NULL;

        if (id == ORD_NO_ID || elements->at[id].add == NULL) {
            found_phantom(lost, read, &items[i], NULL);
            continue;
        }
        element = &elements->at[id];
        if (element->begun >= read->end)
            found_phantom(lost, read, &items[i], element->add);
        else if (++times[id] == element->attempt_count + 1)
            found_duplicate(lost, read, element->add, times[id]);
        elements->stamps[id] = 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = ord_intern_find(&elements->ids, &items[i]);

        if (id != ORD_NO_ID)
            times[id] = 0;
    }
}

/* A node that may have more than it last said; ORD_NODE_NONE: there is none. */
static uint16_t doubtful(struct lost *lost)
{
    uint16_t node = 1;

    if (lost->finals.silent != ORD_NODE_NONE || lost->is_complete)
        return lost->finals.silent;
    while (node <= ORD_NODES_MAX &&
           (lost->finals.last[node] == NULL ||
            !ord_finals_is_behind(&lost->finals, node)))
        node++;
    lost->is_complete = node > ORD_NODES_MAX;
    lost->finals.silent = lost->is_complete ? ORD_NODE_NONE : node;
    return lost->finals.silent;
}

static void keep(struct lost *lost, const struct ord_call *call)
{
    if (doubtful(lost) != ORD_NODE_NONE) {
        lost->maybe_count++;
        lost->silent = lost->finals.silent;
        return;
    }
    ORD_ASSERT(lost->count < lost->view->call_count);
    lost->calls[lost->count++] = call;
}

static int check_bag(struct lost *lost, struct ord_err *err)
{
    struct ord_elements elements;
    uint32_t *times = ord_arena_zalloc(
        lost->in->arena, (size_t)lost->object->count + 1, sizeof *times);

    if (times == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for elements");
    if (ord_elements_init(&elements, lost->view, lost->object, lost->in->arena,
                          err) != ORD_OK)
        return err->rc;
    for (uint32_t node = 0; node <= ORD_NODES_MAX; node++) {
        if (lost->finals.last[node] != NULL)
            look_at(lost, &elements, times, lost->finals.last[node]);
    }
    for (uint32_t i = 0; i < elements.acked_count; i++) {
        uint32_t id = elements.by_acked[i];

        lost->acked_count++;
        if (elements.stamps[id] == 0 &&
            elements.at[id].acked < lost->finals.begin)
            keep(lost, elements.at[id].add);
    }
    return ORD_OK;
}

/* A failed or later write of the value, to explain a phantom. */
static const struct ord_call *write_of(const struct lost *lost,
                                       const struct ord_value *value)
{
    const struct ord_call *calls = ord_object_calls(lost->view, lost->object);

    for (uint32_t i = 0; i < lost->object->count; i++) {
        if ((calls[i].f == ORD_F_WRITE || calls[i].f == ORD_F_CAS) &&
            ord_value_equal(ord_call_value(&calls[i]), value))
            return &calls[i];
    }
    return NULL;
}

static int check_register(struct lost *lost, struct ord_err *err)
{
    struct ord_versions versions;
    int64_t end = ORD_BEFORE;     /* the newest that a final value may be */
    int64_t min_end = ORD_BEFORE; /* ... if its oldest write was read */
    bool is_phantom = false;

    if (ord_versions_init(&versions, lost->view, lost->object, lost->in->arena,
                          err) != ORD_OK)
        return err->rc;
    for (uint32_t node = 0; node <= ORD_NODES_MAX; node++) {
        const struct ord_call *read = lost->finals.last[node];
        struct ord_candidates from;

        if (read == NULL)
            continue;
        from = ord_versions_of(&versions, ord_call_value(read), read->end);
        if (from.count == 0) {
            is_phantom = true;
            found_phantom(lost, read, ord_call_value(read),
                          write_of(lost, ord_call_value(read)));
            continue;
        }
        end = from.max_end > end ? from.max_end : end;
        min_end = from.min_end > min_end ? from.min_end : min_end;
    }
    lost->acked_count += versions.acked_count;
    if (is_phantom)
        return ORD_OK;
    if (ord_versions_replaced(&versions, end, lost->finals.begin) == NULL) {
        if (ord_versions_replaced(&versions, min_end, lost->finals.begin))
            lost->undecided_count++;
        return ORD_OK;
    }
    for (uint32_t i = 0; i < versions.acked_count; i++) {
        if (versions.acked[i]->begin > end &&
            versions.acked[i]->end < lost->finals.begin)
            keep(lost, versions.acked[i]);
    }
    return ORD_OK;
}

/* Where the first final read that counts has what, for the evidence. */
static const struct ord_call *a_final(const struct lost *lost,
                                      const struct ord_call *call)
{
    struct ord_finals finals;

    ord_finals_init(&finals, lost->view, &lost->view->objects[call->object]);
    for (uint32_t node = 0; node <= ORD_NODES_MAX; node++) {
        if (finals.last[node] != NULL)
            return finals.last[node];
    }
    return NULL;
}

static struct ord_text span(const struct lost *lost)
{
    struct ord_text text = {{0}};
    const struct ord_call *first = lost->calls[0];
    const struct ord_call *last = lost->calls[lost->count - 1];
    bool is_one_node = true;

    for (uint32_t i = 1; i < lost->count; i++)
        is_one_node = is_one_node && lost->calls[i]->node == first->node;
    if (lost->count > 1)
        (void)snprintf(
            text.at, sizeof text.at,
            "; all %u lost writes were acknowledged%.40s between "
            "%.30s and %.30s",
            lost->count, is_one_node ? ord_text_on(lost->view, first).at : "",
            ord_text_when(first->done).at, ord_text_when(last->done).at);
    return text;
}

static void found_lost(struct lost *lost)
{
    const struct ord_call *first = lost->calls[0];
    const struct ord_call *last = lost->calls[0];
    const struct ord_call *final = NULL;
    struct ord_text value = {{0}};

    qsort(lost->calls, lost->count, sizeof *lost->calls, ord_call_compare_end);
    first = lost->calls[0];
    last = lost->calls[lost->count - 1];
    final = a_final(lost, first);
    ORD_ASSERT(final != NULL);
    if (lost->view->objects[first->object].kind == ORD_OBJECT_REGISTER)
        (void)snprintf(value.at, sizeof value.at,
                       ": no replica has it or anything newer (%.40s at the "
                       "end%.40s)",
                       ord_text_value(ord_call_value(final)).at,
                       ord_text_on(lost->view, final).at);
    else
        (void)snprintf(value.at, sizeof value.at, ": no final read has it");
    for (uint32_t i = 0; i < lost->count; i++) {
        struct ord_named named = {
            .key = lost->view->objects[lost->calls[i]->object].key,
            .ops = {lost->calls[i]->inv, a_final(lost, lost->calls[i])->inv},
            .count = 2};

        if (i > ORD_FINDINGS_MAX) {
            lost->out->violation_count += lost->count - i;
            break;
        }
        ord_found(
            lost->in, lost->out, &named,
            "%s, acknowledged at %s, was lost%s%s%s",
            ord_text_call(lost->view, lost->calls[i]).at,
            ord_text_when(lost->calls[i]->done).at, i == 0 ? value.at : "",
            i == 0 ? span(lost).at : "",
            i == 0
                ? ord_text_faults(lost->in->history, first->begin, last->end).at
                : "");
    }
}

static int lost_conclude(struct lost *lost)
{
    struct ord_verdict *out = lost->out;

    ord_stat(out, "acknowledged", (double)lost->acked_count);
    ord_stat(out, "lost", (double)lost->count);
    ord_stat(out, "phantoms", (double)lost->phantom_count);
    ord_stat(out, "duplicates", (double)lost->duplicate_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (lost->maybe_count > 0)
        return ord_conclude(
            out, ORD_UNKNOWN,
            "%llu acknowledged writes are in no final read, but the last "
            "round of final reads got no answer from %s",
            (unsigned long long)lost->maybe_count,
            ord_history_node_name(lost->in->history, lost->silent));
    if (lost->read_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no final read returned ok");
    if (lost->unread != NULL)
        return ord_conclude(out, ORD_UNKNOWN, "no final read of %s returned ok",
                            ord_text_key(&lost->unread->key).at);
    if (lost->undecided_count > 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "the final values of %llu objects were written "
                            "more than once: lost or not, depending on the "
                            "write",
                            (unsigned long long)lost->undecided_count);
    if (ord_conclude_odd(out, lost->view))
        return ORD_OK;
    if (lost->acked_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no write was acknowledged");
    return ord_conclude(out, ORD_VALID,
                        "none of %llu acknowledged writes is missing in the "
                        "final reads",
                        (unsigned long long)lost->acked_count);
}

static int lost_check(const struct ord_check_in *in, struct ord_verdict *out,
                      struct ord_err *err)
{
    struct ord_view view;
    struct lost lost = {.in = in, .out = out, .view = &view};
    int rc = ord_view_init(&view, in, err);

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (rc != ORD_OK)
        return rc;
    lost.calls = ord_arena_zalloc(in->arena, (size_t)view.call_count + 1,
                                  sizeof *lost.calls);
    if (lost.calls == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for calls");
    for (uint32_t i = 0; rc == ORD_OK && i < view.object_count; i++) {
        lost.object = &view.objects[i];
        ord_finals_init(&lost.finals, &view, lost.object);
        lost.is_complete = false;
        lost.read_count += lost.finals.read_count;
        if (lost.finals.read_count == 0) {
            if (lost.unread == NULL && has_acked(&lost))
                lost.unread = lost.object;
            continue;
        }
        if (lost.object->kind == ORD_OBJECT_REGISTER)
            rc = check_register(&lost, err);
        else if (ord_object_is_bag(lost.object))
            rc = check_bag(&lost, err);
    }
    if (rc != ORD_OK)
        return rc;
    if (lost.count > 0)
        found_lost(&lost);
    return lost_conclude(&lost);
}

const struct ord_checker ord_checker_lost = {
    .name = "lost",
    .claim = "acknowledged writes are there at the end, and nothing that "
             "nobody wrote, or that was told to have failed",
    .check = lost_check,
};
