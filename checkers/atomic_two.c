/* atomic_two.c -- 2-atomicity by limited backtracking: LBT of Golab, Hurwitz
 * and Li, "On the k-atomicity-verification problem", ICDCS 2013.
 *
 * The order is found from its end.  Whatever write comes last, the reads that
 * began after it had ended stand behind it, so they saw it or the one before,
 * which then is given, and so on, until no read decides.  Where an epoch (from
 * one free choice to the next) fails the next candidate is tried; where it
 * succeeds it need never be undone.  Candidates take turns with a limit that
 * doubles, so that a long failure does not delay a short success.
 */
#include <stdlib.h>

#include "checkers/atomic.h"

#define NONE UINT32_MAX
#define LIMIT_FIRST 16

struct list { /* doubly linked by place; `room` is the end of both ways */
    uint32_t *next;
    uint32_t *prev;
    uint32_t room;
};

struct lbt {
    const struct ord_clusters *c;
    struct list by_begin; /* clusters */
    struct list by_end;   /* clusters */
    struct list reads;    /* places in `reads`, by begin */
    uint8_t *is_gone;     /* by the place in `reads` */
    uint32_t *order;
    uint32_t *slot;
    uint32_t left;  /* clusters that have no place yet */
    uint32_t *undo; /* reads taken out in this epoch */
    uint32_t undo_count;
};

enum result { FAILED, DONE, LIMITED };

struct at_place {
    uint32_t place;
    uint32_t what;
};

static int compare(const void *a, const void *b)
{
    const struct at_place *x = a;
    const struct at_place *y = b;

    return (x->place > y->place) - (x->place < y->place);
}

static void unlink_item(struct list *list, uint32_t at)
{
    list->next[list->prev[at]] = list->next[at];
    list->prev[list->next[at]] = list->prev[at];
}

/* In the reverse order of the unlinking. */
static void relink(struct list *list, uint32_t at)
{
    list->next[list->prev[at]] = at;
    list->prev[list->next[at]] = at;
}

static bool list_init(struct list *list, struct ord_arena *arena,
                      const struct at_place *sorted, uint32_t count)
{
    uint32_t last = count;

    list->next = ord_arena_zalloc(arena, (size_t)count + 1, sizeof(uint32_t));
    list->prev = ord_arena_zalloc(arena, (size_t)count + 1, sizeof(uint32_t));
    list->room = count;
    if (list->next == NULL || list->prev == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        list->next[last] = sorted[i].what;
        list->prev[sorted[i].what] = last;
        last = sorted[i].what;
    }
    list->next[last] = count;
    list->prev[count] = last;
    return true;
}

static void take_read(struct lbt *lbt, uint32_t read, uint32_t behind)
{
    unlink_item(&lbt->reads, read);
    lbt->is_gone[read] = 1;
    lbt->slot[read] = behind;
    lbt->undo[lbt->undo_count++] = read;
}

static uint32_t last_begun(const struct lbt *lbt, uint32_t but)
{
    uint32_t last = lbt->by_begin.prev[lbt->by_begin.room];

    return last == but ? lbt->by_begin.prev[last] : last;
}

/* Puts it last of what is left; *next is the one that must come before it. */
static bool place(struct lbt *lbt, uint32_t cluster, uint32_t *next)
{
    const struct ord_clusters *c = lbt->c;
    const struct ord_cluster *at = &c->at[cluster];
    uint32_t other = last_begun(lbt, cluster);
    uint32_t read = lbt->reads.prev[lbt->reads.room];

    *next = NONE;
    if (other != lbt->by_begin.room && c->at[other].begin > at->end)
        return false;
    while (read != lbt->reads.room && ord_read_begin(c, read) > at->end) {
        uint32_t before = lbt->reads.prev[read];
        uint32_t from = c->of_read[read];

        if (from != cluster && *next != NONE && from != *next)
            return false;
        if (from != cluster)
            *next = from;
        take_read(lbt, read, cluster);
        read = before;
    }
    for (uint32_t i = at->first + at->count; i > at->first; i--) {
        if (!lbt->is_gone[i - 1])
            take_read(lbt, i - 1, cluster);
    }
    unlink_item(&lbt->by_begin, cluster);
    unlink_item(&lbt->by_end, cluster);
    lbt->order[--lbt->left] = cluster;
    return true;
}

static void take_back(struct lbt *lbt, uint32_t left)
{
    while (lbt->undo_count > 0) {
        uint32_t read = lbt->undo[--lbt->undo_count];

        relink(&lbt->reads, read);
        lbt->is_gone[read] = 0;
    }
    for (; lbt->left < left; lbt->left++) {
        relink(&lbt->by_end, lbt->order[lbt->left]);
        relink(&lbt->by_begin, lbt->order[lbt->left]);
    }
}

static enum result epoch(struct lbt *lbt, uint32_t first, uint64_t limit)
{
    uint32_t left = lbt->left;
    uint32_t cluster = first;

    lbt->undo_count = 0;
    while (cluster != NONE) {
        uint32_t next = NONE;

        if (lbt->undo_count + (left - lbt->left) > limit) {
            take_back(lbt, left);
            return LIMITED;
        }
        if (!place(lbt, cluster, &next)) {
            take_back(lbt, left);
            return FAILED;
        }
        cluster = next;
    }
    return DONE;
}

/* All writes that may come last, with a limit; FAILED: none of them can. */
static enum result any_epoch(struct lbt *lbt, uint64_t limit,
                             uint64_t *steps_left)
{
    enum result all = FAILED;
    uint32_t cluster = lbt->by_end.prev[lbt->by_end.room];

    while (cluster != lbt->by_end.room) {
        uint32_t before = lbt->by_end.prev[cluster];
        uint32_t other = last_begun(lbt, cluster);
        enum result result = FAILED;

        if (other != lbt->by_begin.room &&
            lbt->c->at[other].begin > lbt->c->at[cluster].end)
            break; /* so it is for all that ended before */
        result = epoch(lbt, cluster, limit);
        if (result == DONE)
            return DONE;
        if (result == LIMITED)
            all = LIMITED;
        *steps_left -= *steps_left < limit ? *steps_left : limit;
        cluster = before;
    }
    return all;
}

static bool prepare(struct lbt *lbt, struct ord_arena *arena)
{
    const struct ord_clusters *c = lbt->c;
    size_t room = (size_t)c->count + c->read_count + 1;
    struct at_place *sorted = ord_arena_zalloc(arena, room, sizeof *sorted);

    lbt->is_gone = ord_arena_zalloc(arena, room, 1);
    lbt->undo = ord_arena_zalloc(arena, room, sizeof *lbt->undo);
    if (sorted == NULL || lbt->is_gone == NULL || lbt->undo == NULL)
        return false;
    for (uint32_t i = 0; i < c->count; i++)
        sorted[i] = (struct at_place){0, i};
    if (!list_init(&lbt->by_begin, arena, sorted, c->count))
        return false;
    for (uint32_t i = 0; i < c->count; i++)
        sorted[i] = (struct at_place){0, c->by_end[i]};
    if (!list_init(&lbt->by_end, arena, sorted, c->count))
        return false;
    for (uint32_t i = 0; i < c->read_count; i++)
        sorted[i] = (struct at_place){ord_read_begin(c, i), i};
    qsort(sorted, c->read_count, sizeof *sorted, compare);
    return list_init(&lbt->reads, arena, sorted, c->read_count);
}

enum ord_outcome ord_clusters_two(const struct ord_clusters *c,
                                  struct ord_arena *arena, uint64_t *steps_left,
                                  uint32_t *order, uint32_t *slot,
                                  struct ord_err *err)
{
    struct lbt lbt = {.c = c, .order = order, .slot = slot, .left = c->count};

    if (!prepare(&lbt, arena)) {
        (void)ord_fail(err, ORD_ENOMEM, "no memory for %u writes", c->count);
        return ORD_UNKNOWN;
    }
    while (lbt.left > 0) {
        uint64_t limit = LIMIT_FIRST;
        enum result result = LIMITED;

        while (result == LIMITED) {
            if (*steps_left == 0)
                return ORD_UNKNOWN;
            result = any_epoch(&lbt, limit, steps_left);
            limit *= 2;
        }
        if (result == FAILED)
            return ORD_INVALID;
    }
    return ORD_VALID;
}
