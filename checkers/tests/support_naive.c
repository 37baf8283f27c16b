/* support_naive.c -- the anomalies, straight from their definitions; see
 * support_store.h. */
#include <stdlib.h>

#include "support_store.h"

#define FOR_CALLS(store, c)                                                    \
    for (const struct store_call *c = (store)->calls;                          \
         c != (store)->calls + (store)->count; c++)

static bool is_write(const struct store_call *c)
{
    return c->f != ORD_F_READ && c->f != ORD_F_REMOVE && c->type != ORD_OP_FAIL;
}

static bool is_acked(const struct store_call *c)
{
    return is_write(c) && c->type == ORD_OP_OK;
}

static bool is_read(const struct store_call *c)
{
    return c->f == ORD_F_READ && c->type == ORD_OP_OK && !c->is_final;
}

static bool has(const struct store_call *read, int item)
{
    for (uint32_t i = 0; i < read->item_count; i++) {
        if (read->items[i] == item)
            return true;
    }
    return false;
}

static bool may_be_removed(const struct store *s, uint8_t key, int item)
{
    FOR_CALLS(s, c)
    {
        if (c->f == ORD_F_REMOVE && c->type != ORD_OP_FAIL && c->key == key &&
            c->value == item)
            return true;
    }
    return false;
}

static bool same_session(const struct store_call *a, const struct store_call *b)
{
    if (a->session < 0 && b->session < 0)
        return a->process == b->process;
    return a->session == b->session;
}

/* Writes that a register's read may have seen. */
struct seen {
    int64_t min_begin, max_end;
    uint32_t count;
};

static struct seen seen_by(const struct store *s, const struct store_call *read)
{
    struct seen seen = {INT64_MAX, -1, 0};

    if (read->value == 0)
        seen = (struct seen){-1, -1, 1};
    FOR_CALLS(s, c)
    {
        if (!is_write(c) || c->key != read->key || c->value != read->value ||
            c->begin > read->end)
            continue;
        seen.count++;
        seen.min_begin = c->begin < seen.min_begin ? c->begin : seen.min_begin;
        seen.max_end = c->end > seen.max_end ? c->end : seen.max_end;
    }
    return seen;
}

/* A write of the session, or of anybody, that the read ought to show. */
static bool misses(const struct store *s, bool is_own)
{
    FOR_CALLS(s, r)
    {
        struct seen seen = {0};

        if (!is_read(r))
            continue;
        if (s->kind == STORE_REGISTER)
            seen = seen_by(s, r);
        FOR_CALLS(s, w)
        {
            if (!is_acked(w) || w->key != r->key || w->end > r->begin ||
                (is_own && !same_session(w, r)))
                continue;
            if (s->kind == STORE_REGISTER
                    ? seen.count > 0 && seen.max_end < w->begin
                    : !has(r, w->value) && !may_be_removed(s, w->key, w->value))
                return true;
        }
    }
    return false;
}

bool store_is_stale(const struct store *s)
{
    return misses(s, false);
}

bool store_misses_own(const struct store *s)
{
    return misses(s, true);
}

static bool is_tried(const struct store *s, uint8_t key, int item)
{
    FOR_CALLS(s, c)
    {
        if (c->f != ORD_F_READ && c->key == key && c->value == item)
            return true;
    }
    return false;
}

static bool vanished(const struct store *s, const struct store_call *a,
                     const struct store_call *b)
{
    for (uint32_t i = 0; i < a->item_count; i++) {
        if (!has(b, a->items[i]) && is_tried(s, a->key, a->items[i]) &&
            !may_be_removed(s, a->key, a->items[i]))
            return true;
    }
    return false;
}

/* b after a, in one session, of one key. */
static bool follows(const struct store_call *a, const struct store_call *b)
{
    return is_read(a) && is_read(b) && a->key == b->key && a->end < b->begin &&
           same_session(a, b);
}

static bool flipped(const struct store *s, const struct store_call *b,
                    const struct store_call *c)
{
    if (b->value == c->value || seen_by(s, c).count != 1 ||
        seen_by(s, b).count == 0)
        return false;
    FOR_CALLS(s, a)
    {
        if (follows(a, b) && a->value == c->value && seen_by(s, a).count > 0)
            return true;
    }
    return false;
}

bool store_goes_back(const struct store *s)
{
    FOR_CALLS(s, a)
    {
        FOR_CALLS(s, b)
        {
            struct seen of_a;
            struct seen of_b;

            if (!follows(a, b))
                continue;
            if (s->kind != STORE_REGISTER) {
                if (vanished(s, a, b))
                    return true;
                continue;
            }
            of_a = seen_by(s, a);
            of_b = seen_by(s, b);
            if (of_a.count > 0 && of_b.count > 0 &&
                of_b.max_end < of_a.min_begin)
                return true;
            if (flipped(s, a, b))
                return true;
        }
    }
    return false;
}

/* ---- the outcome -------------------------------------------------------- */

struct finals {
    const struct store_call *last[STORE_NODES + 1]; /* NULL: no answer */
    bool is_behind[STORE_NODES + 1];
    bool is_complete; /* whoever was ever asked answered the last round */
    int64_t begin;
    uint32_t count;
};

static struct finals finals_of(const struct store *s, uint8_t key)
{
    struct finals f = {.is_complete = true, .begin = INT64_MAX};
    uint32_t round = 0;

    FOR_CALLS(s, c)
    {
        if (!c->is_final || c->key != key)
            continue;
        f.last[c->node] = c;
        round = c->round;
    }
    for (uint32_t n = 1; n <= STORE_NODES; n++) {
        if (f.last[n] == NULL)
            continue;
        f.is_behind[n] = f.last[n]->round < round;
        if (f.last[n]->type != ORD_OP_OK)
            f.last[n] = NULL;
        if (f.last[n] == NULL || f.is_behind[n])
            f.is_complete = false;
        if (f.last[n] == NULL)
            continue;
        f.count++;
        f.begin = f.last[n]->begin < f.begin ? f.last[n]->begin : f.begin;
    }
    return f;
}

/* Never tried before the read, or told to have failed; or too often there. */
static bool has_strange(const struct store *s, const struct store_call *read)
{
    for (uint32_t i = 0; i < read->item_count; i++) {
        uint32_t tried = 0;
        uint32_t there = 0;

        FOR_CALLS(s, c)
        {
            if (is_write(c) && c->key == read->key &&
                c->value == read->items[i] && c->begin < read->end)
                tried++;
        }
        for (uint32_t j = 0; j < read->item_count; j++)
            there += read->items[j] == read->items[i];
        if (there > tried)
            return true;
    }
    return false;
}

static bool is_in_some(const struct finals *f, int item)
{
    for (uint32_t n = 1; n <= STORE_NODES; n++) {
        if (f->last[n] != NULL && has(f->last[n], item))
            return true;
    }
    return false;
}

static bool bag_has_lost(const struct store *s, const struct finals *f,
                         uint8_t key)
{
    for (uint32_t n = 1; n <= STORE_NODES; n++) {
        if (f->last[n] != NULL && has_strange(s, f->last[n]))
            return true;
    }
    FOR_CALLS(s, c)
    {
        if (is_acked(c) && c->key == key && c->end < f->begin &&
            f->is_complete && !is_in_some(f, c->value) &&
            !may_be_removed(s, key, c->value))
            return true;
    }
    return false;
}

static bool register_has_lost(const struct store *s, const struct finals *f,
                              uint8_t key)
{
    int64_t newest = -1;

    for (uint32_t n = 1; n <= STORE_NODES; n++) {
        struct seen seen;

        if (f->last[n] == NULL)
            continue;
        seen = seen_by(s, f->last[n]);
        if (seen.count == 0)
            return true;
        newest = seen.max_end > newest ? seen.max_end : newest;
    }
    FOR_CALLS(s, c)
    {
        if (is_acked(c) && c->key == key && c->begin > newest &&
            c->end < f->begin && f->is_complete)
            return true;
    }
    return false;
}

bool store_has_lost(const struct store *s)
{
    for (uint8_t key = 0; key < STORE_KEYS; key++) {
        struct finals f = finals_of(s, key);

        if (f.count > 0 &&
            (s->kind == STORE_REGISTER ? register_has_lost(s, &f, key)
                                       : bag_has_lost(s, &f, key)))
            return true;
    }
    return false;
}

static bool differ(const struct store *s, const struct store_call *a,
                   const struct store_call *b)
{
    if (s->kind == STORE_REGISTER)
        return a->value != b->value;
    if (a->item_count != b->item_count)
        return true;
    for (uint32_t i = 0; i < a->item_count; i++) {
        if (s->kind == STORE_LIST ? a->items[i] != b->items[i]
                                  : !has(b, a->items[i]))
            return true;
    }
    return false;
}

bool store_diverged(const struct store *s)
{
    for (uint8_t key = 0; key < STORE_KEYS; key++) {
        struct finals f = finals_of(s, key);

        for (uint32_t n = 1; n <= STORE_NODES; n++) {
            for (uint32_t m = 1; m < n; m++) {
                if (f.last[n] != NULL && f.last[m] != NULL && !f.is_behind[n] &&
                    !f.is_behind[m] && differ(s, f.last[n], f.last[m]))
                    return true;
            }
        }
    }
    return false;
}

bool store_is_split(const struct store *s)
{
    FOR_CALLS(s, a)
    {
        FOR_CALLS(s, b)
        {
            if (a->f != ORD_F_READ && b->f != ORD_F_READ &&
                a->type == ORD_OP_OK && b->type == ORD_OP_OK &&
                a->epoch == b->epoch && a->node != b->node)
                return true;
        }
    }
    return false;
}
