/* support_weak_rules.c -- the guarantees from their definitions; see
 * support_weak.h. */
#include <string.h>

#include "support_weak.h"

typedef bool matrix[WEAK_DEEDS_MAX][WEAK_DEEDS_MAX];

int weak_key(const struct weak *w, int deed)
{
    return w->calls[w->deeds[deed].call].key;
}

/* Two different writes of one object. */
static bool rivals(const struct weak *w, int a, int b)
{
    return a != b && !w->deeds[a].is_read && !w->deeds[b].is_read &&
           weak_key(w, a) == weak_key(w, b);
}

static bool has_cycle(const struct weak *w, matrix m)
{
    for (int i = 0; i < w->deed_count; i++) {
        if (m[i][i])
            return true;
    }
    return false;
}

/* When what a write put could first be seen. */
static int32_t origin(const struct weak *w, int write)
{
    int32_t latest = 0;

    for (int hops = 0; write >= 0 && hops <= w->deed_count; hops++) {
        const struct weak_call *call = &w->calls[w->deeds[write].call];

        latest = call->begin > latest ? call->begin : latest;
        if (call->f != ORD_F_CAS)
            break;
        write = w->deeds[write - 1].from;
    }
    return latest;
}

bool weak_is_thin(const struct weak *w)
{
    for (int r = 0; r < w->deed_count; r++) {
        if (w->deeds[r].is_read && w->deeds[r].from == WEAK_NOBODY)
            return true;
        if (w->deeds[r].is_read && w->deeds[r].from >= 0 &&
            origin(w, w->deeds[r].from) >= w->calls[w->deeds[r].call].end)
            return true;
    }
    return false;
}

/* A nil-read with a write of its object before it. */
static bool initial_is_late(const struct weak *w, matrix m, int session)
{
    for (int r = 0; r < w->deed_count; r++) {
        if (!w->deeds[r].is_read || w->deeds[r].from != WEAK_NIL ||
            (session >= 0 && w->calls[w->deeds[r].call].session != session))
            continue;
        for (int x = 0; x < w->deed_count; x++) {
            if (!w->deeds[x].is_read && weak_key(w, x) == weak_key(w, r) &&
                m[x][r])
                return true;
        }
    }
    return false;
}

bool weak_breaks_cc(const struct weak *w)
{
    matrix co;

    memcpy(co, w->co, sizeof co);
    if (weak_is_thin(w) || has_cycle(w, co) || initial_is_late(w, co, -1))
        return true;
    for (int r = 0; r < w->deed_count; r++) {
        int from = w->deeds[r].from;

        if (!w->deeds[r].is_read || from < 0)
            continue;
        for (int x = 0; x < w->deed_count; x++) {
            if (rivals(w, from, x) && w->co[from][x] && w->co[x][r])
                return true;
        }
    }
    return false;
}

bool weak_breaks_ccv(const struct weak *w)
{
    matrix m;

    if (weak_breaks_cc(w))
        return true;
    memcpy(m, w->co, sizeof m);
    for (int r = 0; r < w->deed_count; r++) {
        int from = w->deeds[r].from;

        for (int x = 0; x < w->deed_count; x++) {
            if (w->deeds[r].is_read && from >= 0 && rivals(w, from, x) &&
                w->co[x][r])
                m[x][from] = true;
        }
    }
    weak_close(m, w->deed_count);
    return has_cycle(w, m);
}

/* To a fixed point for the reads of one session. */
static bool session_breaks(const struct weak *w, int session)
{
    matrix m;
    bool grows = true;

    memcpy(m, w->co, sizeof m);
    while (grows) {
        grows = false;
        for (int r = 0; r < w->deed_count; r++) {
            int from = w->deeds[r].from;

            if (!w->deeds[r].is_read || from < 0 ||
                w->calls[w->deeds[r].call].session != session)
                continue;
            for (int x = 0; x < w->deed_count; x++) {
                if (rivals(w, from, x) && m[x][r] && !m[x][from]) {
                    m[x][from] = true;
                    grows = true;
                }
            }
        }
        weak_close(m, w->deed_count);
    }
    return has_cycle(w, m) || initial_is_late(w, m, session);
}

bool weak_breaks_cm(const struct weak *w)
{
    if (weak_breaks_cc(w))
        return true;
    for (int i = 0; i < w->count; i++) {
        if (session_breaks(w, w->calls[i].session))
            return true;
    }
    return false;
}

/* Every order that keeps the sessions; a set of deeds done tells all but the
 * last write of each key, which is in `now`. */
struct search {
    const struct weak *w;
    int now[WEAK_KEYS_MAX];
    bool is_done[WEAK_DEEDS_MAX];
};

static bool may_be_next(const struct search *s, int d)
{
    const struct weak *w = s->w;

    if (s->is_done[d])
        return false;
    for (int i = 0; i < w->deed_count; i++) {
        if (w->so[i][d] && !s->is_done[i])
            return false;
    }
    return !w->deeds[d].is_read || w->deeds[d].from == s->now[weak_key(w, d)];
}

bool weak_is_sequential(const struct weak *w)
{
    struct search s = {.w = w, .now = {WEAK_NIL, WEAK_NIL, WEAK_NIL}};
    int chosen[WEAK_DEEDS_MAX];
    int before[WEAK_DEEDS_MAX]; /* what `now` was */
    int depth = 0;
    int next = 0;

    for (;;) {
        while (next < w->deed_count && !may_be_next(&s, next))
            next++;
        if (depth == w->deed_count)
            return true;
        if (next < w->deed_count) {
            int key = weak_key(w, next);

            chosen[depth] = next;
            before[depth++] = s.now[key];
            s.is_done[next] = true;
            if (!w->deeds[next].is_read)
                s.now[key] = next;
            next = 0;
            continue;
        }
        if (depth == 0)
            return false;
        next = chosen[--depth];
        s.is_done[next] = false;
        s.now[weak_key(w, next)] = before[depth];
        next++;
    }
}
