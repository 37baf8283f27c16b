/* version_graph.c -- see version_graph.h. */
#include "checkers/version_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRONT_MAX = 64, /* deeds of one session and object at a time */
    TRIES_MAX = 8,  /* kept edges of a component, for a short cycle */
};

#define NONE UINT32_MAX

struct edge {
    uint32_t from; /* nodes */
    uint32_t to;
    uint32_t first; /* the deeds that say so; NONE: from a gathering node */
    uint32_t second;
    uint32_t next; /* of the same `from`; NONE */
    bool is_kept;
};

/* Those that ended last, none of them before another began. */
struct front {
    uint32_t deeds[FRONT_MAX];
    uint32_t count;
};

struct work {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    enum ord_guarantee guarantee;
    bool trusts_readers;
    struct ord_trace trace;
    struct ord_arena arena; /* of one object */
    uint32_t *node_of;      /* by deed: a write's node */
    uint32_t *sorted;       /* deeds of the object, by session, then begin */
    uint32_t *writes;       /* by node */
    uint32_t *head;         /* by node: its first edge */
    uint32_t *component;    /* by node */
    struct edge *edges;
    uint32_t node_count;
    uint32_t edge_count;
    uint32_t edge_room;
    uint64_t kept_count; /* over all objects */
    uint64_t read_count;
    bool is_crowded;
};

static int no_memory(struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM, "no memory for the graph of versions");
}

/* ---- edges --------------------------------------------------------------- */

/* The version that a deed read or wrote; NONE: it takes no part. */
static uint32_t node_of(const struct work *work, uint32_t deed)
{
    const struct ord_trace *t = &work->trace;

    if (!ord_deed_is_read(t, deed))
        return work->node_of[deed];
    return ORD_FROM_IS_DEED(t->from[deed]) ? work->node_of[t->from[deed]]
                                           : NONE;
}

static int link(struct work *work, struct edge edge, struct ord_err *err)
{
    if (edge.from == edge.to)
        return ORD_OK;
    if (work->edge_count == work->edge_room) {
        uint32_t room = work->edge_room == 0 ? 256 : work->edge_room * 2;
        struct edge *more = ord_arena_zalloc(&work->arena, room, sizeof *more);

        if (more == NULL)
            return no_memory(err);
        if (work->edge_count > 0)
            memcpy(more, work->edges, work->edge_count * sizeof *more);
        work->edges = more;
        work->edge_room = room;
    }
    edge.next = work->head[edge.from];
    work->edges[work->edge_count] = edge;
    work->head[edge.from] = work->edge_count++;
    return ORD_OK;
}

static int add_edge(struct work *work, uint32_t first, uint32_t second,
                    bool is_kept, struct ord_err *err)
{
    struct edge edge = {.from = node_of(work, first),
                        .to = node_of(work, second),
                        .first = first,
                        .second = second,
                        .is_kept = is_kept};

    work->kept_count += is_kept;
    return link(work, edge, err);
}

/* Without an order among a session's writes every one of them, not only the
 * last, is before what it reads: a node stands for all that have ended so far,
 * and takes in those of the front. */
static int gather(struct work *work, struct front *front, uint32_t *gathered,
                  struct ord_err *err)
{
    uint32_t node = work->node_count;

    if (front->count == 0)
        return ORD_OK;
    work->node_count++;
    work->writes[node] = NONE;
    if (*gathered != NONE &&
        link(work, (struct edge){.from = *gathered, .to = node, .first = NONE},
             err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < front->count; i++) {
        if (link(work,
                 (struct edge){.from = node_of(work, front->deeds[i]),
                               .to = node,
                               .first = front->deeds[i]},
                 err) != ORD_OK)
            return err->rc;
    }
    front->count = 0;
    *gathered = node;
    return ORD_OK;
}

/* Takes in those that have ended before the place. */
static void advance(struct work *work, struct front *open, struct front *front,
                    uint32_t place)
{
    const struct ord_trace *t = &work->trace;
    uint32_t latest = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < open->count; i++) {
        uint32_t deed = open->deeds[i];

        if (ord_deed_end(t, deed) >= place) {
            open->deeds[count++] = deed;
        } else if (front->count < FRONT_MAX) {
            front->deeds[front->count++] = deed;
        } else {
            work->is_crowded = true;
        }
    }
    open->count = count;
    count = 0;
    for (uint32_t i = 0; i < front->count; i++) {
        if (ord_deed_begin(t, front->deeds[i]) > latest)
            latest = ord_deed_begin(t, front->deeds[i]);
    }
    for (uint32_t i = 0; i < front->count; i++) {
        if (ord_deed_end(t, front->deeds[i]) >= latest)
            front->deeds[count++] = front->deeds[i];
    }
    front->count = count;
}

static int add_all(struct work *work, const struct front *front, uint32_t deed,
                   bool is_kept, struct ord_err *err)
{
    for (uint32_t i = 0; i < front->count; i++) {
        if (add_edge(work, front->deeds[i], deed, is_kept, err) != ORD_OK)
            return err->rc;
    }
    return ORD_OK;
}

/* Of a deed with those of its session that had ended. */
static int add_edges(struct work *work, const struct front ended[2],
                     uint32_t deed, struct ord_err *err)
{
    bool is_cas = (work->trace.kind[deed] & ORD_DEED_CAS) != 0;
    bool is_mw = work->guarantee == ORD_MONOTONIC_WRITES;

    if (ord_deed_is_read(&work->trace, deed)) {
        if (!work->trusts_readers)
            return ORD_OK;
        if (add_all(work, &ended[0], deed, false, err) != ORD_OK)
            return err->rc;
        return add_all(work, &ended[1], deed, false, err);
    }
    if (is_cas && node_of(work, deed - 1) != NONE &&
        add_edge(work, deed - 1, deed, false, err) != ORD_OK)
        return err->rc;
    return add_all(work, &ended[is_mw ? 0 : 1], deed, true, err);
}

/* One session's deeds of the object, by begin. */
static int add_session(struct work *work, const uint32_t *deeds, uint32_t count,
                       struct ord_err *err)
{
    const struct ord_trace *t = &work->trace;
    struct front open[2] = {{.count = 0}, {.count = 0}}; /* writes, reads */
    struct front ended[2] = {{.count = 0}, {.count = 0}};
    bool is_mw = work->guarantee == ORD_MONOTONIC_WRITES;
    uint32_t gathered = NONE;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t deed = deeds[i];
        bool is_read = ord_deed_is_read(t, deed);
        struct front *mine = &open[is_read];

        if (node_of(work, deed) == NONE)
            continue;
        for (int j = 0; j < 2; j++)
            advance(work, &open[j], &ended[j], ord_deed_begin(t, deed));
        if (!is_mw && gather(work, &ended[0], &gathered, err) != ORD_OK)
            return err->rc;
        if (is_read && gathered != NONE &&
            link(work,
                 (struct edge){.from = gathered,
                               .to = node_of(work, deed),
                               .first = NONE,
                               .second = deed},
                 err) != ORD_OK)
            return err->rc;
        if (add_edges(work, ended, deed, err) != ORD_OK)
            return err->rc;
        work->read_count += is_read;
        if (mine->count == FRONT_MAX)
            work->is_crowded = true;
        else
            mine->deeds[mine->count++] = deed;
    }
    return ORD_OK;
}

/* ---- components (Tarjan 1972, without recursion) --------------------------
 */

struct tarjan {
    uint32_t *number; /* by node, from 1 */
    uint32_t *low;
    uint32_t *edge; /* the next edge to look at */
    uint32_t *path; /* nodes being looked at */
    uint32_t *stack;
    uint32_t depth;
    uint32_t height;
    uint32_t count;
    uint32_t components;
};

static void enter(struct work *work, struct tarjan *j, uint32_t node)
{
    j->number[node] = ++j->count;
    j->low[node] = j->count;
    j->edge[node] = work->head[node];
    j->path[j->depth++] = node;
    j->stack[j->height++] = node;
}

static void leave(struct work *work, struct tarjan *j, uint32_t node)
{
    uint32_t top = NONE;

    j->depth--;
    if (j->depth > 0) {
        uint32_t parent = j->path[j->depth - 1];

        if (j->low[node] < j->low[parent])
            j->low[parent] = j->low[node];
    }
    if (j->low[node] != j->number[node])
        return;
    j->components++;
    while (top != node) {
        top = j->stack[--j->height];
        work->component[top] = j->components;
    }
}

static void components_from(struct work *work, struct tarjan *j, uint32_t node)
{
    enter(work, j, node);
    while (j->depth > 0) {
        uint32_t at = j->path[j->depth - 1];
        uint32_t edge = j->edge[at];
        uint32_t to = 0;

        if (edge == NONE) {
            leave(work, j, at);
            continue;
        }
        j->edge[at] = work->edges[edge].next;
        to = work->edges[edge].to;
        if (j->number[to] == 0)
            enter(work, j, to);
        else if (work->component[to] == 0 && j->number[to] < j->low[at])
            j->low[at] = j->number[to];
    }
}

static int find_components(struct work *work, struct ord_err *err)
{
    struct tarjan j = {0};
    size_t n = (size_t)work->node_count + 1;

    j.number = ord_arena_zalloc(&work->arena, n, sizeof *j.number);
    j.low = ord_arena_zalloc(&work->arena, n, sizeof *j.low);
    j.edge = ord_arena_zalloc(&work->arena, n, sizeof *j.edge);
    j.path = ord_arena_zalloc(&work->arena, n, sizeof *j.path);
    j.stack = ord_arena_zalloc(&work->arena, n, sizeof *j.stack);
    work->component = ord_arena_zalloc(&work->arena, n, sizeof *j.stack);
    if (j.number == NULL || j.low == NULL || j.edge == NULL || j.path == NULL ||
        j.stack == NULL || work->component == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < work->node_count; i++) {
        if (j.number[i] == 0)
            components_from(work, &j, i);
    }
    return ORD_OK;
}

/* ---- cycles -------------------------------------------------------------- */

/* The fewest edges from the kept one's end back to its begin, into `cycle`,
 * which has room for as many as there are nodes, that one first.  How many; 0:
 * there is no memory. */
static uint32_t cycle_of(struct work *work, uint32_t kept, uint32_t *cycle)
{
    const struct edge *edges = work->edges;
    size_t n = (size_t)work->node_count + 1;
    uint32_t *by = ord_arena_alloc(&work->arena, n * sizeof *by);
    uint32_t *queue = ord_arena_alloc(&work->arena, n * sizeof *queue);
    uint32_t goal = edges[kept].from;
    uint32_t count = 0;
    uint32_t length = 1;

    if (by == NULL || queue == NULL)
        return 0;
    memset(by, 0xff, n * sizeof *by);
    queue[count++] = edges[kept].to;
    by[edges[kept].to] = kept;
    for (uint32_t i = 0; i < count && by[goal] == NONE; i++) {
        for (uint32_t e = work->head[queue[i]]; e != NONE; e = edges[e].next) {
            if (by[edges[e].to] != NONE)
                continue;
            by[edges[e].to] = e;
            queue[count++] = edges[e].to;
        }
    }
    ORD_ASSERT(by[goal] != NONE); /* they are in one component */
    for (uint32_t at = goal; at != edges[kept].to; at = edges[by[at]].from)
        length++;
    cycle[0] = kept;
    count = length;
    for (uint32_t at = goal; at != edges[kept].to; at = edges[by[at]].from)
        cycle[--count] = by[at];
    return length;
}

/* A session did the first and then the second; or one cas did both. */
struct step {
    uint32_t first;
    uint32_t second;
    bool is_kept;
};

/* Edges to and from a gathering node are one step. */
static uint32_t steps_of(const struct work *work, const uint32_t *cycle,
                         uint32_t length, struct step *steps)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < length; i++) {
        const struct edge *edge = &work->edges[cycle[i]];

        if (edge->first != NONE)
            steps[count++] =
                (struct step){edge->first, edge->second, edge->is_kept};
        else
            steps[count - 1].second = edge->second;
    }
    return count;
}

static void tell_step(const struct work *work, const struct step *step,
                      char *text, size_t text_size)
{
    const struct ord_trace *t = &work->trace;
    size_t size = strlen(text);

    if (size >= text_size)
        return;
    if (t->call[step->first] == t->call[step->second])
        (void)snprintf(text + size, text_size - size, "%s%s",
                       size == 0 ? "" : "; ", ord_deed_did(t, step->second).at);
    else
        (void)snprintf(text + size, text_size - size, "%s%s, and then %s",
                       size == 0 ? "" : "; ", ord_deed_did(t, step->first).at,
                       ord_deed_did(t, step->second).at);
}

static int prove(struct work *work, const struct step *steps, uint32_t length,
                 struct ord_err *err)
{
    const struct ord_trace *t = &work->trace;
    uint32_t *deeds =
        ord_arena_alloc(&work->arena, (size_t)length * 2 * sizeof *deeds);
    uint8_t *marks = ord_arena_alloc(&work->arena, (size_t)length * 2);
    uint32_t count = 0;

    if (deeds == NULL || marks == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < length; i++) {
        ord_evidence(work->out, ord_deed_op(t, steps[i].first));
        ord_evidence(work->out, ord_deed_op(t, steps[i].second));
        if (ord_deed_is_read(t, steps[i].second))
            ord_evidence(work->out, ord_deed_op(t, t->from[steps[i].second]));
        deeds[count] = steps[i].first;
        marks[count++] = ORD_EDGE_SESSION;
        deeds[count] = steps[i].second;
        marks[count++] = ORD_EDGE_VERSION; /* the same version: see the next */
    }
    ord_trace_prove(t, work->in, work->out, ORD_PROOF_CYCLE, deeds, marks,
                    count);
    return ORD_OK;
}

static int found(struct work *work, const uint32_t *cycle, uint32_t length,
                 struct ord_err *err)
{
    const struct ord_trace *t = &work->trace;
    struct step *steps =
        ord_arena_alloc(&work->arena, (size_t)length * sizeof *steps);
    struct ord_named named = {
        .key = t->calls.keys[ord_deed_key(t, work->edges[cycle[0]].first)]};
    char kept_text[400] = "";
    char rest[500] = "";
    bool is_sure = true;

    if (steps == NULL)
        return no_memory(err);
    length = steps_of(work, cycle, length, steps);
    tell_step(work, &steps[0], kept_text, sizeof kept_text);
    for (uint32_t i = 0; i < length; i++) {
        if (i > 0)
            tell_step(work, &steps[i], rest, sizeof rest);
        is_sure = is_sure && (steps[i].is_kept || t->call[steps[i].first] ==
                                                      t->call[steps[i].second]);
        for (int j = 0; j < 2 && named.count < ORD_NAMED_MAX; j++)
            named.ops[named.count++] =
                ord_deed_op(t, j == 0 ? steps[i].first : steps[i].second);
    }
    ord_found(work->in, work->out, &named,
              "%s did not keep its place: %s; but the other way round: %s%s",
              work->guarantee == ORD_MONOTONIC_WRITES ? "a write after a write"
                                                      : "a write after a read",
              kept_text, rest,
              is_sure ? "" : " (unless these reads went back)");
    if (work->out->violation_count > 1)
        return ORD_OK;
    return prove(work, steps, length, err);
}

/* The shortest that a few kept edges of the component lie on, the first of them
 * at `first`; into `best`.  0: there is no memory. */
static uint32_t shortest(struct work *work, uint32_t first, uint32_t *best,
                         uint32_t *now)
{
    uint32_t component = work->component[work->edges[first].from];
    uint32_t tries = 0;
    uint32_t length = 0;

    for (uint32_t j = first; j < work->edge_count && tries < TRIES_MAX; j++) {
        const struct edge *edge = &work->edges[j];
        uint32_t count;

        if (!edge->is_kept || work->component[edge->from] != component ||
            work->component[edge->to] != component)
            continue;
        tries++;
        count = cycle_of(work, j, now);
        if (count == 0)
            return 0;
        if (length == 0 || count < length) {
            length = count;
            memcpy(best, now, count * sizeof *best);
        }
    }
    return length;
}

/* One violation for each component that has a kept edge. */
static int find_cycles(struct work *work, struct ord_err *err)
{
    size_t n = (size_t)work->node_count + 2;
    uint8_t *is_told = ord_arena_zalloc(&work->arena, n, 1);
    uint32_t *best = ord_arena_alloc(&work->arena, n * sizeof *best);
    uint32_t *now = ord_arena_alloc(&work->arena, n * sizeof *now);

    if (is_told == NULL || best == NULL || now == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < work->edge_count; i++) {
        const struct edge *edge = &work->edges[i];
        uint32_t component = work->component[edge->from];
        uint32_t length;

        if (!edge->is_kept || component != work->component[edge->to] ||
            is_told[component])
            continue;
        is_told[component] = 1; /* counted, however many edges it has */
        if (ord_found_enough(work->out))
            continue;
        length = shortest(work, i, best, now);
        if (length == 0)
            return no_memory(err);
        if (found(work, best, length, err) != ORD_OK)
            return err->rc;
    }
    return ORD_OK;
}

/* ---- objects ------------------------------------------------------------- */

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int prepare(struct work *work, uint32_t key, struct ord_err *err)
{
    const struct ord_trace *t = &work->trace;
    size_t n = t->key_first[key + 1] - t->key_first[key];
    const uint32_t *deeds = t->by_key + t->key_first[key];
    uint64_t *order = ord_arena_alloc(&work->arena, n * sizeof *order);

    work->edges = NULL;
    work->edge_count = work->edge_room = work->node_count = 0;
    work->sorted = ord_arena_alloc(&work->arena, n * sizeof *work->sorted);
    work->writes = ord_arena_alloc(&work->arena, 2 * n * sizeof *work->writes);
    work->head = ord_arena_alloc(&work->arena, 2 * n * sizeof *work->head);
    if (order == NULL || work->sorted == NULL || work->writes == NULL ||
        work->head == NULL)
        return no_memory(err);
    memset(work->head, 0xff, 2 * n * sizeof *work->head);
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint64_t)ord_deed_session(t, deeds[i]) << 32 | deeds[i];
        if (ord_deed_is_read(t, deeds[i]))
            continue;
        work->node_of[deeds[i]] = work->node_count;
        work->writes[work->node_count++] = deeds[i];
    }
    qsort(order, n, sizeof *order, compare_u64);
    for (size_t i = 0; i < n; i++)
        work->sorted[i] = (uint32_t)order[i];
    return ORD_OK;
}

static int check_object(struct work *work, uint32_t key, struct ord_err *err)
{
    const struct ord_trace *t = &work->trace;
    uint32_t n = t->key_first[key + 1] - t->key_first[key];
    uint32_t first = 0;

    if (n == 0)
        return ORD_OK;
    if (prepare(work, key, err) != ORD_OK)
        return err->rc;
    while (first < n) {
        uint32_t session = ord_deed_session(t, work->sorted[first]);
        uint32_t end = first;

        while (end < n && ord_deed_session(t, work->sorted[end]) == session)
            end++;
        if (add_session(work, work->sorted + first, end - first, err) != ORD_OK)
            return err->rc;
        first = end;
    }
    if (find_components(work, err) != ORD_OK)
        return err->rc;
    return find_cycles(work, err);
}

static int conclude(struct work *work)
{
    struct ord_verdict *out = work->out;
    bool is_mw = work->guarantee == ORD_MONOTONIC_WRITES;

    ord_stat(out, is_mw ? "writes_after_writes" : "writes_after_reads",
             (double)work->kept_count);
    ord_stat(out, "violations", (double)out->violation_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (ord_trace_is_odd(&work->trace, 0, out) ||
        ord_trace_is_open(&work->trace, out))
        return ORD_OK;
    if (work->is_crowded)
        return ord_conclude(out, ORD_UNKNOWN,
                            "a session did more than %d things to one object "
                            "at a time",
                            FRONT_MAX);
    if (work->kept_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no session %s one object",
                            is_mw ? "wrote twice to" : "read and then wrote");
    if (work->read_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no read could be judged");
    return ord_conclude(out, ORD_VALID,
                        "all %llu writes of a session after its %s can have "
                        "kept their places",
                        (unsigned long long)work->kept_count,
                        is_mw ? "writes" : "reads");
}

int ord_version_graph_check(const struct ord_check_in *in,
                            enum ord_guarantee guarantee,
                            struct ord_verdict *out, struct ord_err *err)
{
    const char *readers = ord_check_option(in, "readers");
    struct work work = {
        .in = in,
        .out = out,
        .guarantee = guarantee,
        .trusts_readers = guarantee == ORD_WRITES_FOLLOW_READS ||
                          readers == NULL || strcmp(readers, "monotonic") == 0};
    int rc = ORD_OK;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (!work.trusts_readers && strcmp(readers, "any") != 0)
        return ord_fail(err, ORD_EUSAGE, "readers: monotonic or any");
    if (ord_trace_init(&work.trace, in, err) != ORD_OK)
        return err->rc;
    work.node_of = ord_arena_zalloc(in->arena, (size_t)work.trace.count + 1,
                                    sizeof *work.node_of);
    if (work.node_of == NULL)
        return no_memory(err);
    ord_arena_init(&work.arena, in->arena->size_max);
    for (uint32_t k = 0; rc == ORD_OK && k < work.trace.calls.key_count; k++) {
        rc = check_object(&work, k, err);
        ord_arena_reset(&work.arena);
    }
    ord_arena_fini(&work.arena);
    return rc == ORD_OK ? conclude(&work) : rc;
}
