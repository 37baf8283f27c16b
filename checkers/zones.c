/* zones.c -- linearizability of a register whose values are unique.
 *
 * A cluster is a write with the reads of its value.  A successful cas from a
 * to b must directly follow cluster a, so clusters chain into blocks, each
 * with a blind write (or the initial value) at its root.  In a block the order
 * of the clusters is given: nothing of a later cluster may end before
 * something of an earlier one begins.  Of a block let f be the first end and s
 * the last begin.  A must precede B iff f(A) < s(B).  That relation has a cycle
 * iff it has one of two blocks, so the blocks can be ordered iff no two
 * conflict; zones sorted by their left ends show that in one sweep, and that
 * order is the proof.
 *
 * Unfinished writes count only if somebody saw their value (linearizable.c
 * drops the others); their end is never.
 */
#include <stdio.h>
#include <stdlib.h>

#include "checkers/linear.h"

enum { NONE = -1 };

struct cluster { /* by value id; calls by their index, NONE: no such */
    int32_t writer;
    int32_t next; /* the cas that took this value away */
    int32_t read_ended_first;
    int32_t read_begun_last;
    uint32_t read_first; /* into zones.reads */
    uint32_t read_count;
    bool was_visited;
};

struct block {
    uint32_t root; /* value id */
    int64_t f;
    int64_t s;
    int32_t f_call; /* NONE: the initial value itself */
    int32_t s_call;
};

struct zones {
    struct ord_linear *linear;
    struct cluster *clusters;
    uint32_t *reads; /* by value, then by begin */
    struct block *blocks;
    uint32_t block_count;
};

static const struct ord_linear_call *at(const struct zones *z, int32_t i)
{
    ORD_ASSERT(i >= 0 && (uint32_t)i < z->linear->count);
    return &z->linear->calls[i];
}

static const struct ord_op *op_at(const struct zones *z, int32_t i)
{
    return i == NONE ? NULL : at(z, i)->call->inv;
}

static struct ord_text name_at(const struct zones *z, int32_t i)
{
    return ord_text_call(z->linear->view, at(z, i)->call);
}

static struct ord_text began_at(const struct zones *z, int32_t i)
{
    return ord_text_when(at(z, i)->call->inv);
}

static struct ord_text ended_at(const struct zones *z, int32_t i)
{
    ORD_ASSERT(at(z, i)->end != ORD_NEVER);
    return ord_text_when(at(z, i)->call->done);
}

static struct ord_named name_ops(const struct zones *z, const int32_t *calls,
                                 uint32_t count)
{
    struct ord_named named = {.key = z->linear->object->key};

    ORD_ASSERT(count <= ORD_NAMED_MAX);
    for (uint32_t i = 0; i < count; i++)
        named.ops[named.count++] = op_at(z, calls[i]);
    return named;
}

/* A value that was read or expected though nobody wrote it. */
static void found_unwritten(struct zones *z, int32_t i)
{
    struct ord_linear *linear = z->linear;
    struct ord_named named = name_ops(z, &i, 1);
    const struct ord_call *call = at(z, i)->call;
    const struct ord_text why = ord_text_unwritten(
        linear->view, linear->object,
        call->f == ORD_F_CAS ? ord_call_expected(call) : ord_call_value(call),
        &named);

    ord_found(linear->in, linear->out, &named, "%s: %s succeeded at %s, but %s",
              ord_text_key(&linear->object->key).at, name_at(z, i).at,
              ended_at(z, i).at, why.at);
}

/* Two successful cas from a value that was there only once. */
static void found_twice(struct zones *z, int32_t a, int32_t b, int32_t writer)
{
    struct ord_linear *linear = z->linear;
    int32_t calls[] = {a, b, writer};
    struct ord_named named = name_ops(z, calls, 3);

    ord_found(linear->in, linear->out, &named,
              "%s: %s (began %s) and %s (began %s) both succeeded, but that "
              "value was %s",
              ord_text_key(&linear->object->key).at, name_at(z, a).at,
              began_at(z, a).at, name_at(z, b).at, began_at(z, b).at,
              writer == NONE ? "there only at the start" : "written only once");
}

/* late must come after early, but ended before early began. */
static void found_reversed(struct zones *z, int32_t early, int32_t late,
                           uint32_t value)
{
    struct ord_linear *linear = z->linear;
    int32_t writer = z->clusters[value].writer;
    int32_t calls[] = {early, late, writer};
    struct ord_named named = name_ops(z, calls, 3);
    bool is_own = writer == early;

    ord_found(linear->in, linear->out, &named,
              "%s: %s ended at %s, before %s began at %s, though it %s",
              ord_text_key(&linear->object->key).at, name_at(z, late).at,
              ended_at(z, late).at, name_at(z, early).at, began_at(z, early).at,
              is_own ? "needs the value that this one wrote"
                     : "can only come after it: its value was made from the "
                       "other by compare-and-set");
    if (linear->out->violation_count > 1)
        return; /* the evidence is another object's */
    /* The links between the two, as far as there is room. */
    for (uint32_t i = 0; i < ORD_EVIDENCE_MAX && writer != NONE; i++) {
        if (value == at(z, early)->to || at(z, writer)->f != ORD_F_CAS)
            return;
        ord_evidence(linear->out, op_at(z, writer));
        value = at(z, writer)->from;
        writer = z->clusters[value].writer;
    }
}

/* The compare-and-sets that tie a block together, while there is room. */
static void show_links(struct zones *z, const struct block *block)
{
    const struct cluster *cluster = &z->clusters[block->root];

    if (at(z, block->s_call)->to == block->root &&
        (block->f_call == NONE || at(z, block->f_call)->to == block->root))
        return; /* both ends are in one cluster */
    for (uint32_t i = 0; i < ORD_EVIDENCE_MAX / 4 && cluster->next != NONE;
         i++) {
        ord_evidence(z->linear->out, op_at(z, cluster->next));
        cluster = &z->clusters[at(z, cluster->next)->to];
    }
}

static void found_conflict(struct zones *z, const struct block *a,
                           const struct block *b)
{
    struct ord_linear *linear = z->linear;
    bool is_a = b->f_call != NONE && (a->f_call == NONE || a->s > b->s);
    const struct block *x = is_a ? a : b; /* what came too late */
    const struct block *y = is_a ? b : a;
    int32_t calls[] = {x->f_call,
                       y->s_call,
                       y->f_call,
                       x->s_call,
                       z->clusters[at(z, x->s_call)->to].writer,
                       z->clusters[at(z, y->s_call)->to].writer};
    struct ord_named named = name_ops(z, calls, 6);
    const struct ord_text key = ord_text_key(&linear->object->key);
    const struct ord_text did =
        ord_text_did(linear->view, at(z, x->s_call)->call);
    const struct ord_text last = name_at(z, y->f_call);

    ORD_ASSERT(x->f < y->s && y->f < x->s);
    if (x->f_call == NONE)
        ord_found(linear->in, linear->out, &named,
                  "%s: %s, %s, but %s, another value, had ended at %s, before "
                  "that began at %s",
                  key.at, did.at,
                  at(z, x->s_call)->to == ORD_LINEAR_NIL
                      ? "the initial value"
                      : "made from the initial value by compare-and-set",
                  last.at, ended_at(z, y->f_call).at,
                  began_at(z, x->s_call).at);
    else
        ord_found(linear->in, linear->out, &named,
                  "%s: %s, but that had been replaced: %s ended at %s, before "
                  "%s began at %s, and %s ended at %s, before the first of "
                  "these began at %s",
                  key.at, did.at, name_at(z, x->f_call).at,
                  ended_at(z, x->f_call).at, name_at(z, y->s_call).at,
                  began_at(z, y->s_call).at,
                  y->f_call == y->s_call ? "the latter" : last.at,
                  ended_at(z, y->f_call).at, began_at(z, x->s_call).at);
    if (linear->out->violation_count == 1) {
        show_links(z, x);
        show_links(z, y);
    }
}

/* Fills clusters.  VALID as long as nothing is wrong. */
static enum ord_outcome gather(struct zones *z)
{
    const struct ord_linear *linear = z->linear;

    for (uint32_t v = 0; v < linear->values.count; v++)
        z->clusters[v] = (struct cluster){NONE, NONE, NONE, NONE, 0, 0, false};
    for (uint32_t i = 0; i < linear->count; i++) {
        const struct ord_linear_call *call = &linear->calls[i];
        struct cluster *to = &z->clusters[call->to];
        struct cluster *from = &z->clusters[call->from];

        if (call->f == ORD_F_READ) {
            to->read_count++;
            if (to->read_ended_first == NONE ||
                call->end < at(z, to->read_ended_first)->end)
                to->read_ended_first = (int32_t)i;
            to->read_begun_last = (int32_t)i; /* they come by begin */
            continue;
        }
        ORD_ASSERT(to->writer == NONE);
        to->writer = (int32_t)i;
        if (call->f != ORD_F_CAS)
            continue;
        if (from->next != NONE) {
            /* An unfinished cas is here only because it must have happened. */
            int32_t other = from->next;
            int32_t writer = NONE;

            for (uint32_t j = 0; j < linear->count; j++) {
                if (linear->calls[j].f != ORD_F_READ &&
                    linear->calls[j].to == call->from)
                    writer = (int32_t)j;
            }
            found_twice(z, other, (int32_t)i, writer);
            return ORD_INVALID;
        }
        from->next = (int32_t)i;
    }
    return ORD_VALID;
}

static enum ord_outcome check_written(struct zones *z)
{
    const struct ord_linear *linear = z->linear;

    for (uint32_t i = 0; i < linear->count; i++) {
        const struct ord_linear_call *call = &linear->calls[i];
        uint32_t needs = call->f == ORD_F_CAS ? call->from : call->to;
        bool is_blind = call->f == ORD_F_WRITE;

        if (is_blind || needs == ORD_LINEAR_NIL ||
            z->clusters[needs].writer != NONE)
            continue;
        if (call->end == ORD_NEVER)
            continue; /* it was seen all the same: walk_all() finds it */
        found_unwritten(z, (int32_t)i);
        return ORD_INVALID;
    }
    return ORD_VALID;
}

static void block_add(struct zones *z, struct block *block, int32_t i)
{
    const struct ord_linear_call *call = at(z, i);

    if (call->end < block->f) {
        block->f = call->end;
        block->f_call = i;
    }
    if (call->begin > block->s) {
        block->s = call->begin;
        block->s_call = i;
    }
}

/* Walks a chain from its root; the order of its clusters must be possible. */
static enum ord_outcome walk(struct zones *z, uint32_t root)
{
    struct block block = {root, ORD_NEVER, ORD_BEFORE, NONE, NONE};
    uint32_t v = root;

    if (root == ORD_LINEAR_NIL)
        block.f = ORD_BEFORE;
    for (uint32_t i = 0; i <= z->linear->count; i++) {
        struct cluster *cluster = &z->clusters[v];
        int32_t writer = cluster->writer;
        int32_t read = cluster->read_ended_first;

        ORD_ASSERT(!cluster->was_visited);
        cluster->was_visited = true;
        if (writer != NONE) {
            if (at(z, writer)->end < block.s) {
                found_reversed(z, block.s_call, writer, v);
                return ORD_INVALID;
            }
            block_add(z, &block, writer);
        }
        if (read != NONE) {
            if (at(z, read)->end < block.s) {
                found_reversed(z, block.s_call, read, v);
                return ORD_INVALID;
            }
            block_add(z, &block, read);
            block_add(z, &block, cluster->read_begun_last);
        }
        if (cluster->next == NONE)
            break;
        v = at(z, cluster->next)->to;
    }
    z->blocks[z->block_count++] = block;
    return ORD_VALID;
}

static enum ord_outcome walk_all(struct zones *z)
{
    const struct ord_linear *linear = z->linear;

    if (walk(z, ORD_LINEAR_NIL) != ORD_VALID)
        return ORD_INVALID;
    for (uint32_t i = 0; i < linear->count; i++) {
        const struct ord_linear_call *call = &linear->calls[i];

        if (call->f == ORD_F_WRITE && walk(z, call->to) != ORD_VALID)
            return ORD_INVALID;
    }
    for (uint32_t i = 0; i < linear->count; i++) {
        const struct ord_linear_call *call = &linear->calls[i];
        struct ord_named named = {
            .key = linear->object->key, .ops = {call->call->inv}, .count = 1};

        if (call->f != ORD_F_CAS || z->clusters[call->to].was_visited)
            continue;
        ord_found(linear->in, linear->out, &named,
                  "%s: %s needs a value that nobody can have written before "
                  "it, only compare-and-sets that need it themselves",
                  ord_text_key(&linear->object->key).at,
                  name_at(z, (int32_t)i).at);
        for (uint32_t j = 0, v = call->from; j < ORD_EVIDENCE_MAX / 2; j++) {
            if (z->clusters[v].writer == NONE)
                break;
            if (linear->out->violation_count == 1)
                ord_evidence(linear->out, op_at(z, z->clusters[v].writer));
            v = at(z, z->clusters[v].writer)->from;
        }
        return ORD_INVALID;
    }
    return ORD_VALID;
}

static int compare_blocks(const void *a, const void *b)
{
    const struct block *x = a;
    const struct block *y = b;
    int64_t x_left = x->f < x->s ? x->f : x->s;
    int64_t y_left = y->f < y->s ? y->f : y->s;

    return (x_left > y_left) - (x_left < y_left);
}

static enum ord_outcome sweep(struct zones *z)
{
    const struct block *last = NULL; /* the last zone that is held forward */

    qsort(z->blocks, z->block_count, sizeof *z->blocks, compare_blocks);
    for (uint32_t i = 0; i < z->block_count; i++) {
        const struct block *block = &z->blocks[i];

        if (last != NULL && block->f < last->s) {
            found_conflict(z, last, block);
            return ORD_INVALID;
        }
        if (block->f < block->s)
            last = block;
    }
    return ORD_VALID;
}

/* Block after block, in each: write, its reads, cas, its reads, ... */
static void write_order(struct zones *z)
{
    struct ord_linear *linear = z->linear;
    uint32_t sum = 0;

    for (uint32_t v = 0; v < linear->values.count; v++) {
        z->clusters[v].read_first = sum;
        sum += z->clusters[v].read_count;
        z->clusters[v].read_count = 0;
    }
    for (uint32_t i = 0; i < linear->count; i++) {
        struct cluster *cluster = &z->clusters[linear->calls[i].to];

        if (linear->calls[i].f == ORD_F_READ)
            z->reads[cluster->read_first + cluster->read_count++] = i;
    }
    linear->order_count = 0;
    for (uint32_t b = 0; b < z->block_count; b++) {
        const struct cluster *cluster = &z->clusters[z->blocks[b].root];

        for (uint32_t i = 0; i <= linear->count; i++) {
            if (cluster->writer != NONE)
                linear->order[linear->order_count++] =
                    (uint32_t)cluster->writer;
            for (uint32_t j = 0; j < cluster->read_count; j++)
                linear->order[linear->order_count++] =
                    z->reads[cluster->read_first + j];
            if (cluster->next == NONE)
                break;
            cluster = &z->clusters[at(z, cluster->next)->to];
        }
    }
    ORD_ASSERT(linear->order_count == linear->count);
    linear->has_order = true;
}

int ord_zones(struct ord_linear *linear, enum ord_outcome *outcome,
              struct ord_err *err)
{
    struct ord_arena *arena = linear->in->arena;
    size_t room = (size_t)linear->count + 1;
    struct zones z = {
        .linear = linear,
        .clusters =
            ord_arena_zalloc(arena, linear->values.count, sizeof *z.clusters),
        .reads = ord_arena_zalloc(arena, room, sizeof *z.reads),
        .blocks = ord_arena_zalloc(arena, room, sizeof *z.blocks),
    };

    ORD_ASSERT(linear->is_unique);
    if (z.clusters == NULL || z.reads == NULL || z.blocks == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u zones",
                        linear->count);
    *outcome = gather(&z);
    if (*outcome == ORD_VALID)
        *outcome = check_written(&z);
    if (*outcome == ORD_VALID)
        *outcome = walk_all(&z);
    if (*outcome == ORD_VALID)
        *outcome = sweep(&z);
    if (*outcome == ORD_VALID)
        write_order(&z);
    return ORD_OK;
}
