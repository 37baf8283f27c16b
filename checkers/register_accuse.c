/* register_accuse.c -- which calls a violation of unique values rests on.
 *
 * The zones of whole chains are cut down to the clusters between the two ends
 * that are in conflict, those nearest to each other.
 */
#include <stdlib.h>

#include "checkers/register_zones.h"

struct core {
    struct zones *z;
    struct ord_lin_part *parts;
    uint32_t count;
    uint32_t count_max;
};

static int compare_parts(const void *a, const void *b)
{
    const struct ord_lin_part *x = a;
    const struct ord_lin_part *y = b;

    return (x->call > y->call) - (x->call < y->call);
}

static void tidy(struct core *core)
{
    uint32_t count = 0;

    if (core->count == 0)
        return;
    qsort(core->parts, core->count, sizeof *core->parts, compare_parts);
    for (uint32_t i = 1; i < core->count; i++) {
        if (core->parts[i].call != core->parts[count].call)
            core->parts[++count] = core->parts[i];
    }
    core->count = count + 1;
}

static void add(struct core *core, uint32_t i)
{
    const struct ord_lin *lin = core->z->lin;

    if (i == NONE)
        return;
    ORD_ASSERT(i < lin->count);
    if (core->count == core->count_max)
        tidy(core);
    ORD_ASSERT(core->count < core->count_max);
    core->parts[core->count++] = (struct ord_lin_part){
        .call = i,
        .keep = lin->end[i] == NEVER
                    ? ORD_KEEP_BEGIN
                    : ORD_KEEP_BEGIN | ORD_KEEP_END | ORD_KEEP_MUST};
}

/* The call of this value that ended first. */
static uint32_t ended_first(const struct zones *z, uint32_t v)
{
    if (z->f[v] == NEVER)
        return NONE;
    for (uint32_t i = 0; i < z->lin->count; i++) {
        if (z->lin->end[i] == z->f[v] && ord_zones_value(z->lin, i) == v)
            return i;
    }
    ORD_ASSERT(false);
    return NONE;
}

static uint32_t step_down(const struct zones *z, uint32_t v)
{
    if (z->next == NULL || z->next[v] == NONE)
        return NONE;
    return z->lin->in[z->next[v]];
}

/* The value this one was made from by cas; NONE: it was written. */
static uint32_t step_up(const struct zones *z, uint32_t v)
{
    uint32_t writer = z->writer[v];

    if (writer == NONE || z->lin->f[writer] != ORD_F_CAS)
        return NONE;
    return z->lin->out[writer];
}

/* Its writer, and what shows that it happened at all. */
static void add_seen(struct core *core, uint32_t v)
{
    const struct zones *z = core->z;

    for (uint32_t hops = 0; v != NONE && hops < z->lin->count; hops++) {
        add(core, z->writer[v]);
        if (z->f[v] != NEVER) {
            add(core, ended_first(z, v));
            return;
        }
        v = step_down(z, v);
    }
}

static void say(struct zones *z, const uint32_t *calls, uint32_t count)
{
    struct ord_lin *lin = z->lin;

    ORD_ASSERT(count <= ORD_LIN_WHY_MAX);
    lin->reason = (uint8_t)z->reason;
    lin->why_count = count;
    for (uint32_t i = 0; i < count; i++)
        lin->why_calls[i] = calls[i];
}

static void accuse_unwritten(struct core *core, uint32_t v)
{
    struct zones *z = core->z;
    uint32_t call = ended_first(z, v);

    if (call == NONE) {
        call = z->next[v];
        add_seen(core, z->lin->in[call]);
    } else {
        add(core, call);
    }
    say(z, &call, 1);
}

static void accuse_twice(struct core *core, uint32_t v, uint32_t second)
{
    struct zones *z = core->z;
    uint32_t calls[] = {z->next[v], second, z->writer[v]};

    add(core, calls[2]);
    add_seen(core, z->lin->in[calls[0]]);
    add_seen(core, z->lin->in[calls[1]]);
    say(z, calls, 3);
}

/* Of all that must come before v, what began after v's first end. */
static void accuse_reversed(struct core *core, uint32_t v)
{
    struct zones *z = core->z;
    const struct ord_lin *lin = z->lin;
    uint32_t calls[] = {z->writer[v], ended_first(z, v)};
    uint32_t end = z->f[v];

    add(core, calls[1]);
    for (uint32_t hops = 0; hops <= lin->count; hops++) {
        uint32_t writer = z->writer[v];

        if (writer != NONE)
            add(core, writer);
        if (writer != NONE && lin->begin[writer] > end) {
            calls[0] = writer;
            break;
        }
        v = step_up(z, v);
        if (v == NONE)
            break;
        if (z->s[v] != NONE && lin->begin[z->s[v]] > end) {
            calls[0] = z->s[v];
            add(core, calls[0]);
            add(core, z->writer[v]); /* there is no other */
            break;
        }
    }
    say(z, calls, 2);
}

static void accuse_cycle(struct core *core, uint32_t call)
{
    struct zones *z = core->z;
    uint32_t calls[ORD_LIN_WHY_MAX];
    uint32_t count = 0;
    uint32_t i = call;

    for (uint32_t hops = 0; hops < z->lin->count; hops++) {
        add_seen(core, z->lin->in[i]);
        if (count < ORD_LIN_WHY_MAX)
            calls[count++] = i;
        i = z->writer[z->lin->out[i]];
        if (i == call)
            break;
    }
    say(z, calls, count);
}

/* ---- two blocks, each of which must come before the other --------------- */

struct ends { /* of one block, in conflict with another one */
    uint32_t f_value;
    uint32_t f_call; /* NONE: the initial value itself */
    uint32_t s_call;
    int64_t f;
    int64_t s;
};

static struct ends block_ends(const struct zones *z, uint32_t root)
{
    struct ends ends = {.f_value = root, .s_call = NONE, .f = NEVER, .s = -1};

    for (uint32_t v = root; v != NONE; v = step_down(z, v)) {
        if (z->f[v] < ends.f) {
            ends.f = z->f[v];
            ends.f_value = v;
        }
        if (z->s[v] != NONE && z->lin->begin[z->s[v]] > ends.s) {
            ends.s = z->lin->begin[z->s[v]];
            ends.s_call = z->s[v];
        }
    }
    ends.f_call = NONE;
    if (root == ORD_ATOM_NIL) {
        ends.f = -1;
        ends.f_value = root;
    }
    return ends;
}

/* The two clusters of a chain, nearest to each other, of which one ended
 * before s and one began after f; adds what lies between them. */
static struct ends narrow(struct core *core, uint32_t root, int64_t f,
                          int64_t s)
{
    const struct zones *z = core->z;
    struct ends ends = {.f_value = NONE, .f_call = NONE, .s_call = NONE};
    uint32_t ended = NONE; /* the last cluster so far that ended before s */
    uint32_t began = NONE;
    uint32_t ended_at = 0;
    uint32_t began_at = 0;
    uint32_t best = NONE;
    uint32_t from = NONE;
    uint32_t to = NONE;
    uint32_t at = 0;

    for (uint32_t v = root; v != NONE; v = step_down(z, v), at++) {
        if (v == ORD_ATOM_NIL || (int64_t)z->f[v] < s) {
            ended = v;
            ended_at = at;
        }
        if (z->s[v] != NONE && (int64_t)z->lin->begin[z->s[v]] > f) {
            began = v;
            began_at = at;
        }
        if (ended == NONE || began == NONE)
            continue;
        if (best == NONE ||
            (ended_at > began_at ? ended_at - began_at : began_at - ended_at) <
                best) {
            best =
                ended_at > began_at ? ended_at - began_at : began_at - ended_at;
            from = ended_at > began_at ? began : ended;
            to = ended_at > began_at ? ended : began;
            ends.f_value = ended;
            ends.s_call = z->s[began];
        }
    }
    ORD_ASSERT(best != NONE);
    for (uint32_t v = from;; v = step_down(z, v)) {
        add(core, z->writer[v]);
        if (v == to)
            break;
    }
    add_seen(core, to);
    if (ends.f_value != ORD_ATOM_NIL)
        ends.f_call = ended_first(z, ends.f_value);
    ends.f = ends.f_value == ORD_ATOM_NIL ? -1 : (int64_t)z->f[ends.f_value];
    ends.s = z->lin->begin[ends.s_call];
    add(core, ends.f_call);
    add(core, ends.s_call);
    return ends;
}

/* The write that brought what a call is about; NONE: the initial value. */
static uint32_t writer_for(const struct zones *z, uint32_t call)
{
    return z->writer[ord_zones_value(z->lin, call)];
}

/* A person takes the value that was written first for the stale one; where
 * that cannot be told, what came last came too late. */
static bool is_stale(const struct zones *z, const struct ends *x,
                     const struct ends *y)
{
    const struct ord_lin *lin = z->lin;
    uint32_t wx = writer_for(z, x->s_call);
    uint32_t wy = writer_for(z, y->s_call);

    if (x->f_call == NONE || y->f_call == NONE)
        return x->f_call == NONE;
    if (wx != NONE && wy != NONE && lin->end[wx] < lin->begin[wy])
        return true;
    if (wx != NONE && wy != NONE && lin->end[wy] < lin->begin[wx])
        return false;
    return x->s > y->s;
}

static void say_stale(struct zones *z, const struct ends *x,
                      const struct ends *y)
{
    const struct ord_lin *lin = z->lin;
    uint32_t y1 = y->s_call;
    uint32_t y2 = y->f_call;
    uint32_t writer = writer_for(z, y1);

    /* The write itself says more than a read of it. */
    if (writer != NONE && (int64_t)lin->begin[writer] > x->f)
        y1 = writer;
    writer = writer_for(z, y2);
    if (writer != NONE && lin->end[writer] < x->s)
        y2 = writer;
    say(z, (uint32_t[]){x->f_call, y1, y2, x->s_call}, 4);
}

static void accuse_conflict(struct core *core, uint32_t a_root, uint32_t b_root)
{
    struct zones *z = core->z;
    struct ends b = block_ends(z, b_root);
    struct ends a = narrow(core, a_root, b.f, b.s);

    b = narrow(core, b_root, a.f, a.s);
    ORD_ASSERT(a.f < b.s && b.f < a.s);
    if (is_stale(z, &a, &b))
        say_stale(z, &a, &b);
    else
        say_stale(z, &b, &a);
}

/* ---- the answer --------------------------------------------------------- */

int ord_zones_accuse(struct zones *z, struct ord_err *err)
{
    struct ord_lin *lin = z->lin;
    struct core core = {.z = z, .count_max = 2 * lin->count + 8};
    uint32_t bad[2] = {z->bad[0], z->bad[1]};

    ORD_ASSERT(z->reason != ORD_LIN_UNSAID);
    core.parts = ord_arena_alloc(lin->arena,
                                 (size_t)core.count_max * sizeof *core.parts);
    if (core.parts == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for a core");
    if (z->next != NULL) {
        /* The walk put what it knew of blocks in the place of clusters. */
        (void)ord_zones_gather(z);
        ord_zones_link_seen(z);
    }
    if (z->reason == ORD_LIN_UNWRITTEN)
        accuse_unwritten(&core, bad[0]);
    else if (z->reason == ORD_LIN_TWICE)
        accuse_twice(&core, bad[0], bad[1]);
    else if (z->reason == ORD_LIN_REVERSED)
        accuse_reversed(&core, bad[1]);
    else if (z->reason == ORD_LIN_CYCLE)
        accuse_cycle(&core, bad[0]);
    else
        accuse_conflict(&core, bad[0], bad[1]);
    tidy(&core);
    lin->outcome = ORD_INVALID;
    lin->core = core.parts;
    lin->core_count = core.count;
    return ORD_OK;
}
