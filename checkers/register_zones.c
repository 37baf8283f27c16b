/* register_zones.c -- linearizability of a register whose values are unique.
 *
 * A cluster is a write with the reads of its value.  A successful cas from a
 * to b must directly follow cluster a, so clusters chain into blocks, each
 * with a blind write (or the initial value) at its root.  In a block the order
 * of the clusters is given: nothing of a later cluster may end before
 * something of an earlier one begins.  Of a block let f be the first end and s
 * the last begin.  A must precede B iff f(A) < s(B).  That relation has a cycle
 * iff it has one of two blocks, so the blocks can be ordered iff no two
 * conflict.
 *
 * No sorting: calls come by begin, so going back through them meets every
 * block at its s.  Of blocks with f < s (forward zones) only the last one met
 * can be in conflict with what comes; the order of the left ends, which is the
 * proof, follows from holding it back until all that is right of its f is out.
 *
 * An unfinished write matters only if somebody saw its value: a cluster where
 * nothing ended has f = never, which is in nobody's way, and is left out.  An
 * unfinished cas is linked into its chain only if somebody saw what came of
 * it, there or further down the chain.
 */
#include "checkers/register_zones.h"

#include <string.h>

static int64_t begin_at(const struct zones *z, uint32_t i)
{
    ORD_ASSERT(i < z->lin->count);
    return z->lin->begin[i];
}

/* ---- clusters ----------------------------------------------------------- */

static void join(struct zones *z, uint32_t v, uint32_t i)
{
    uint32_t end = z->lin->end[i];

    ORD_ASSERT(v < z->lin->atom_count);
    z->s[v] = i; /* they come by begin */
    if (end < z->f[v])
        z->f[v] = end;
}

static void violate(struct zones *z, enum ord_lin_reason reason, uint32_t a,
                    uint32_t b)
{
    if (z->reason != ORD_LIN_UNSAID)
        return;
    z->reason = reason;
    z->bad[0] = a;
    z->bad[1] = b;
}

/* A cas that surely happened took v away. */
static void link_cas(struct zones *z, uint32_t v, uint32_t i)
{
    if (z->next[v] == NONE) {
        z->next[v] = i;
        z->link_count++;
    } else {
        violate(z, ORD_LIN_TWICE, v, i);
    }
}

/* False: the values are not unique, or this is not for zones. */
static bool put_value(struct zones *z, uint32_t i)
{
    const struct ord_lin *lin = z->lin;
    uint32_t v = lin->in[i];

    if (v == ORD_ATOM_NIL || z->writer[v] != NONE)
        return false;
    z->writer[v] = i;
    join(z, v, i);
    if (lin->f[i] == ORD_F_CAS) {
        if (lin->out[i] == v)
            return false;
        if (lin->end[i] != NEVER)
            link_cas(z, lin->out[i], i);
        else
            z->open_cas_count++;
    }
    return true;
}

bool ord_zones_gather(struct zones *z)
{
    const struct ord_lin *lin = z->lin;

    z->link_count = z->open_cas_count = 0;
    memset(z->f, 0xff, lin->atom_count * sizeof *z->f);
    memset(z->s, 0xff, lin->atom_count * sizeof *z->s);
    memset(z->writer, 0xff, lin->atom_count * sizeof *z->writer);
    if (z->next != NULL)
        memset(z->next, 0xff, lin->atom_count * sizeof *z->next);
    for (uint32_t i = 0; i < lin->count; i++) {
        if (ord_zones_reads(lin, i))
            join(z, lin->out[i], i);
        else if (ord_zones_puts(lin, i) && !put_value(z, i))
            return false;
    }
    return true;
}

/* Unfinished cas that somebody saw the value of, and so on up the chain. */
void ord_zones_link_seen(struct zones *z)
{
    const struct ord_lin *lin = z->lin;

    if (z->open_cas_count == 0)
        return;
    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t j = i;

        for (uint32_t hops = 0; hops < lin->count; hops++) {
            uint32_t v = lin->in[j];

            if (lin->f[j] != ORD_F_CAS || lin->type[j] == ORD_OP_FAIL ||
                lin->end[j] != NEVER || z->next[lin->out[j]] == j ||
                (z->f[v] == NEVER && z->next[v] == NONE))
                break;
            link_cas(z, lin->out[j], j);
            j = z->writer[lin->out[j]];
            if (j == NONE)
                break;
        }
    }
}

/* ---- blocks ------------------------------------------------------------- */

/* Something of it, or made from it, surely happened. */
static bool is_real(const struct zones *z, uint32_t v)
{
    return z->f[v] != NEVER || (z->next != NULL && z->next[v] != NONE);
}

/* Each value that is there has a writer that began before it was seen. */
static void check_clusters(struct zones *z)
{
    for (uint32_t v = 1; v < z->lin->atom_count; v++) {
        uint32_t writer = z->writer[v];

        if (!is_real(z, v))
            continue;
        if (writer == NONE)
            violate(z, ORD_LIN_UNWRITTEN, v, NONE);
        else if (z->f[v] < begin_at(z, writer))
            violate(z, ORD_LIN_REVERSED, writer, v);
    }
}

/* Walks a chain from its root; what is known of the block then stands with
 * the cluster whose call begins last. */
static void walk(struct zones *z, uint32_t root)
{
    const struct ord_lin *lin = z->lin;
    uint32_t f = z->f[root];
    uint32_t last = z->s[root]; /* the call that begins last; nil: or NONE */
    uint32_t v = root;

    while (z->next[v] != NONE) {
        uint32_t cas = z->next[v];

        z->walked_count++;
        v = lin->in[cas];
        if (last == NONE || cas > last)
            last = cas;
        if (z->f[v] < begin_at(z, last))
            violate(z, ORD_LIN_REVERSED, last, v);
        if (z->f[v] < f)
            f = z->f[v];
        if (z->s[v] > last)
            last = z->s[v];
    }
    for (v = root;; v = lin->in[z->next[v]]) {
        if (z->s[v] != last)
            z->s[v] = NONE; /* sweep() meets the block only once */
        z->root[v] = root;
        z->f[v] = f;
        if (z->next[v] == NONE)
            break;
    }
}

static bool is_linked(const struct zones *z, uint32_t i)
{
    const struct ord_lin *lin = z->lin;

    return lin->f[i] == ORD_F_CAS && lin->type[i] != ORD_OP_FAIL &&
           z->next[lin->out[i]] == i;
}

static void walk_all(struct zones *z)
{
    const struct ord_lin *lin = z->lin;

    memset(z->root, 0xff, lin->atom_count * sizeof *z->root);
    walk(z, ORD_ATOM_NIL);
    for (uint32_t v = 1; v < lin->atom_count && z->reason == 0; v++) {
        if (z->writer[v] != NONE && lin->f[z->writer[v]] == ORD_F_WRITE &&
            is_real(z, v))
            walk(z, v);
    }
    if (z->reason != ORD_LIN_UNSAID || z->walked_count == z->link_count)
        return;
    /* What was not walked hangs on a circle. */
    for (uint32_t i = 0; i < lin->count; i++) {
        if (!is_linked(z, i) || z->root[lin->in[i]] != NONE)
            continue;
        for (uint32_t hops = 0; hops < z->link_count; hops++)
            i = z->writer[lin->out[i]];
        violate(z, ORD_LIN_CYCLE, i, NONE);
        return;
    }
    ORD_ASSERT(false);
}

/* ---- zones -------------------------------------------------------------- */

static uint32_t root_of(const struct zones *z, uint32_t v)
{
    return z->root == NULL ? v : z->root[v];
}

/* Gives the calls of a block their places, the last place first. */
static void place(struct zones *z, uint32_t v)
{
    uint32_t size = 0;
    uint32_t at = 0;

    if (z->place == NULL)
        return;
    v = root_of(z, v);
    for (uint32_t u = v;; u = z->lin->in[z->next[u]]) {
        size += z->place[u] + (z->writer[u] != NONE);
        if (z->next == NULL || z->next[u] == NONE)
            break;
    }
    ORD_ASSERT(size <= z->left);
    z->left -= size;
    at = z->left;
    for (uint32_t u = v;; u = z->lin->in[z->next[u]]) {
        uint32_t reads = z->place[u];

        if (z->writer[u] != NONE)
            z->order[at++] = z->writer[u];
        z->place[u] = at;
        at += reads;
        if (z->next == NULL || z->next[u] == NONE)
            break;
    }
}

/* Back through the calls: each block at the call that begins last. */
static void sweep(struct zones *z)
{
    const struct ord_lin *lin = z->lin;
    uint32_t held = NONE; /* the forward zone not yet placed */
    int64_t held_f = 0;
    int64_t held_s = 0;

    for (uint32_t i = lin->count; i-- > 0;) {
        uint32_t v = ord_zones_value(lin, i);
        int64_t s = lin->begin[i];
        int64_t f = 0;

        if (v == NONE || z->s[v] != i || z->f[v] == NEVER)
            continue;
        f = root_of(z, v) == ORD_ATOM_NIL ? -1 : (int64_t)z->f[v];
        if (held != NONE && held_f < s && f < held_s) {
            violate(z, ORD_LIN_CONFLICT, root_of(z, v), root_of(z, held));
            return;
        }
        if (held != NONE && s <= held_f) {
            place(z, held);
            held = NONE;
        }
        if (f >= s) {
            place(z, v);
            continue;
        }
        ORD_ASSERT(held == NONE);
        held = v;
        held_f = f;
        held_s = s;
    }
    if (held != NONE)
        place(z, held);
}

/* How many reads each value has, and how many calls there are to place. */
static void count_reads(struct zones *z)
{
    const struct ord_lin *lin = z->lin;

    if (z->place == NULL)
        return;
    memset(z->place, 0, lin->atom_count * sizeof *z->place);
    for (uint32_t i = 0; i < lin->count; i++) {
        if (ord_zones_reads(lin, i)) {
            z->place[lin->out[i]]++;
            z->left++;
        } else if (ord_zones_puts(lin, i) && is_real(z, lin->in[i])) {
            z->left++;
        }
    }
    z->order_count = z->left;
}

static void place_reads(struct zones *z)
{
    const struct ord_lin *lin = z->lin;

    for (uint32_t i = 0; i < lin->count; i++) {
        if (ord_zones_reads(lin, i))
            z->order[z->place[lin->out[i]]++] = i;
    }
}

/* ---- the engine --------------------------------------------------------- */

static bool has_cas(const struct ord_lin *lin)
{
    for (uint32_t i = 0; i < lin->count; i++) {
        if (lin->f[i] == ORD_F_CAS &&
            (lin->type[i] != ORD_OP_FAIL || lin->is_strict))
            return true;
    }
    return false;
}

static bool says_failed(const struct ord_lin *lin)
{
    for (uint32_t i = 0; lin->is_strict && i < lin->count; i++) {
        if (lin->f[i] == ORD_F_CAS && lin->type[i] == ORD_OP_FAIL)
            return true;
    }
    return false;
}

static bool get_memory(struct zones *z, bool has_chains)
{
    struct ord_arena *arena = z->lin->arena;
    size_t size = ((size_t)z->lin->atom_count + 1) * sizeof(uint32_t);
    size_t calls = ((size_t)z->lin->count + 1) * sizeof(uint32_t);

    z->f = ord_arena_alloc(arena, size);
    z->s = ord_arena_alloc(arena, size);
    z->writer = ord_arena_alloc(arena, size);
    if (z->f == NULL || z->s == NULL || z->writer == NULL)
        return false;
    if (has_chains) {
        z->next = ord_arena_alloc(arena, size);
        z->root = ord_arena_alloc(arena, size);
        if (z->next == NULL || z->root == NULL)
            return false;
    }
    if (z->lin->wants_order) {
        z->place = ord_arena_alloc(arena, size);
        z->order = ord_arena_alloc(arena, calls);
        if (z->place == NULL || z->order == NULL)
            return false;
    }
    return true;
}

int ord_register_zones(struct ord_lin *lin, struct ord_err *err)
{
    struct zones z = {.lin = lin};

    ORD_ASSERT(lin->outcome == ORD_UNKNOWN);
    if (says_failed(lin)) {
        lin->is_declined = true;
        return ORD_OK;
    }
    if (!get_memory(&z, has_cas(lin)))
        return ord_fail(err, ORD_ENOMEM, "no memory for %u zones", lin->count);
    if (!ord_zones_gather(&z)) {
        lin->is_declined = true;
        return ORD_OK;
    }
    ord_zones_link_seen(&z);
    check_clusters(&z);
    if (z.next != NULL && z.reason == ORD_LIN_UNSAID) {
        walk_all(&z);
    }
    if (z.reason == ORD_LIN_UNSAID) {
        count_reads(&z);
        sweep(&z);
    }
    if (z.reason != ORD_LIN_UNSAID)
        return ord_zones_accuse(&z, err);
    lin->outcome = ORD_VALID;
    if (z.order != NULL) {
        ORD_ASSERT(z.left == 0);
        place_reads(&z);
        lin->order = z.order;
        lin->order_count = z.order_count;
    }
    return ORD_OK;
}
