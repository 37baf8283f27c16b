/* causality_path.c -- why one deed is causally before another: from the later
 * one back, session by session, each deed looked at once. */
#include <stdio.h>
#include <string.h>

#include "checkers/causality.h"

enum { PATH_MAX_OPS = 24 };

struct step { /* a deed on the way back, and what led to it */
    uint32_t deed;
    uint32_t parent; /* of the steps; that deed is later */
    uint8_t mark;    /* why it comes before the parent's */
};

struct walk {
    const struct ord_trace *t;
    enum ord_causal_log log;
    struct step *steps; /* each deed at most once */
    uint32_t count;
    uint8_t *is_seen;
    uint32_t *known;    /* by deed: when a write was known; only with a log */
    uint32_t *added_to; /* by key: writes known before that place are steps */
};

static bool add(struct walk *w, uint32_t deed, uint32_t parent, uint8_t mark)
{
    if (w->is_seen[deed])
        return false;
    w->is_seen[deed] = 1;
    w->steps[w->count++] = (struct step){deed, parent, mark};
    return true;
}

/* What the session did before; once a deed is known all before it are, but for
 * those that overlap it, of which there are few. */
static void add_session(struct walk *w, uint32_t at, uint32_t a)
{
    enum { KNOWN_MAX = 64 };
    const struct ord_trace *t = w->t;
    uint32_t deed = w->steps[at].deed;
    uint32_t session = ord_deed_session(t, deed);
    uint32_t low = t->session_first[session];
    uint32_t high = t->session_first[session + 1];
    uint32_t known = 0;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (t->by_session[middle] < deed)
            low = middle + 1;
        else
            high = middle;
    }
    if (ord_deed_session(t, a) == session && a != deed &&
        ord_deed_precedes(t, a, deed))
        (void)add(w, a, at, ORD_EDGE_SESSION);
    for (uint32_t i = low; i > t->session_first[session] && known < KNOWN_MAX;
         i--) {
        uint32_t before = t->by_session[i - 1];

        if (!ord_deed_precedes(t, before, deed))
            continue;
        if (!add(w, before, at, ORD_EDGE_SESSION))
            known++;
    }
}

static void add_log(struct walk *w, uint32_t at)
{
    const struct ord_trace *t = w->t;
    uint32_t deed = w->steps[at].deed;
    bool is_one = w->log == ORD_LOG_ALL;
    uint32_t key = is_one ? 0 : ord_deed_key(t, deed);
    uint32_t first = is_one ? 0 : t->key_first[key];
    uint32_t end = is_one ? t->count : t->key_first[key + 1];

    if (ord_deed_begin(t, deed) <= w->added_to[key])
        return;
    w->added_to[key] = ord_deed_begin(t, deed);
    for (uint32_t i = first; i < end; i++) {
        uint32_t write = is_one ? i : t->by_key[i];

        if (!ord_deed_is_read(t, write) &&
            w->known[write] < ord_deed_begin(t, deed))
            (void)add(w, write, at, ORD_EDGE_REAL_TIME);
    }
}

static bool make_known(struct walk *w, struct ord_arena *arena)
{
    const struct ord_trace *t = w->t;

    w->known = ord_arena_zalloc(arena, (size_t)t->count + 1, sizeof *w->known);
    w->added_to = ord_arena_zalloc(arena, (size_t)t->calls.key_count + 1,
                                   sizeof *w->added_to);
    if (w->known == NULL || w->added_to == NULL)
        return false;
    for (uint32_t i = 0; i < t->count; i++)
        w->known[i] = ord_deed_end(t, i);
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t end = ord_deed_end(t, i);

        if (ord_deed_is_read(t, i) && ORD_FROM_IS_DEED(t->from[i]) &&
            w->known[t->from[i]] > end)
            w->known[t->from[i]] = end;
    }
    return true;
}

/* The way from the step to the start, which is the path; steps of one kind in
 * a row are one, for a session and real time hold across them. */
static uint32_t unwind(const struct walk *w, uint32_t at, uint32_t *deeds,
                       uint8_t *marks, uint32_t room)
{
    uint32_t count = 0;

    for (;;) {
        const struct step *step = &w->steps[at];

        if (count > 0 && marks[count - 1] == step->mark && at != 0 &&
            step->mark == ORD_EDGE_SESSION) {
            at = step->parent;
            continue;
        }
        if (count == room)
            return 0;
        deeds[count] = step->deed;
        marks[count++] = step->mark;
        if (at == 0)
            return count;
        at = step->parent;
    }
}

uint32_t ord_causal_path(const struct ord_causality *c, uint32_t a, uint32_t b,
                         uint32_t *deeds, uint8_t *marks, uint32_t room)
{
    const struct ord_trace *t = c->trace;
    struct walk w = {.t = t, .log = c->log};

    ORD_ASSERT(a < t->count && b < t->count);
    w.steps =
        ord_arena_alloc(c->arena, ((size_t)t->count + 1) * sizeof *w.steps);
    w.is_seen = ord_arena_zalloc(c->arena, (size_t)t->count + 1, 1);
    if (w.steps == NULL || w.is_seen == NULL ||
        (c->log != ORD_LOG_NONE && !make_known(&w, c->arena)))
        return 0;
    (void)add(&w, b, 0, ORD_EDGE_SESSION);
    for (uint32_t at = 0; at < w.count; at++) {
        uint32_t deed = w.steps[at].deed;

        if (deed == a)
            return unwind(&w, at, deeds, marks, room);
        if (ord_deed_is_read(t, deed)) {
            if (ORD_FROM_IS_DEED(t->from[deed]))
                (void)add(&w, t->from[deed], at, ORD_EDGE_READS_FROM);
        } else if (c->log != ORD_LOG_NONE) {
            add_log(&w, at);
        }
        add_session(&w, at, a);
    }
    return 0;
}

void ord_causal_describe(const struct ord_trace *t, const uint32_t *deeds,
                         const uint8_t *marks, uint32_t count, char *text,
                         size_t text_size)
{
    static const char *const words[] = {
        [ORD_EDGE_REAL_TIME] = "; known before",
        [ORD_EDGE_SESSION] = "; after which",
        [ORD_EDGE_READS_FROM] = "; seen when",
        [ORD_EDGE_VERSION] = "; which an order must put before",
    };
    size_t size = 0;

    ORD_ASSERT(count > 0);
    (void)snprintf(text, text_size, "%s", ord_deed_text(t, deeds[0]).at);
    for (uint32_t i = 1; i + 1 < count && size < text_size; i++) {
        size = strlen(text);
        (void)snprintf(text + size, text_size - size, "%s %s",
                       words[marks[i - 1]], ord_deed_did(t, deeds[i]).at);
    }
}

void ord_causal_accuse(const struct ord_causality *c,
                       const struct ord_check_in *in, struct ord_verdict *out,
                       const struct ord_causal_bad *bad,
                       const char *const words[3])
{
    const struct ord_trace *t = c->trace;
    bool is_initial = bad->saw == ORD_FROM_INITIAL;
    bool is_first = out->violation_count == 0;
    struct ord_named named = {
        .key = t->calls.keys[ord_deed_key(t, bad->read)],
        .ops = {ord_deed_op(t, bad->knew), ord_deed_op(t, bad->read),
                is_initial ? NULL : ord_deed_op(t, bad->saw)},
        .count = 3};
    uint32_t deeds[2 * PATH_MAX_OPS];
    uint8_t marks[2 * PATH_MAX_OPS];
    uint32_t count = 0;
    char path[640] = "";

    if (ord_found_enough(out))
        return;
    if (is_first)
        count = ord_causal_path(c, bad->knew, bad->read, deeds, marks,
                                PATH_MAX_OPS);
    if (count > 0)
        ord_causal_describe(t, deeds, marks, count, path, sizeof path);
    else
        (void)snprintf(path, sizeof path, "%s", ord_deed_text(t, bad->knew).at);
    ord_found(in, out, &named, "%s: %s, %s: %s%s", words[0],
              ord_deed_did(t, bad->read).at, words[1], path, words[2]);
    if (!is_first)
        return;
    if (!is_initial)
        count += ord_causal_path(c, bad->saw, bad->knew, deeds + count,
                                 marks + count, PATH_MAX_OPS);
    for (uint32_t i = 0; i < count; i++)
        ord_evidence(out, ord_deed_op(t, deeds[i]));
    ord_trace_prove(t, in, out, ORD_PROOF_FACTS, deeds, NULL, count);
}
