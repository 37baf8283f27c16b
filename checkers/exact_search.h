/* exact_search.h -- the state of the exact search; only for exact.c, which
 * prepares it and says what came of it, and exact_search.c, which runs it.
 *
 * A configuration is a row of words: root, a, b, used (a map from kinds to how
 * many unfinished calls were taken), the open calls that were placed as bits
 * by slot, and last its trace, which is no part of what it is.
 */
#ifndef ORD_CHECKERS_EXACT_SEARCH_H
#define ORD_CHECKERS_EXACT_SEARCH_H

#include "checkers/exact.h"

enum {
    EXACT_ROOT,
    EXACT_A,
    EXACT_B,
    EXACT_USED,
    EXACT_PLACED, /* the first of `words` */
};

#define EXACT_NONE UINT32_MAX

struct exact_event {
    uint32_t at;
    uint32_t call;
    bool is_end;
};

struct exact_kind {       /* calls of one effect */
    uint32_t first;       /* into crashed */
    uint32_t crash_count; /* unfinished ones */
    uint32_t begun;       /* of them, so far */
    uint32_t stamp;       /* seen in this expansion */
};

struct exact_layer {
    struct ord_arena memory; /* owned, replaced to grow */
    uint32_t *at;            /* rows of `stride` words */
    uint32_t *table;         /* row + 1 by hash */
    uint32_t count;
    uint32_t room;
    uint32_t table_size;
};

struct exact_trace {
    uint32_t parent;
    uint32_t call;
    uint32_t note;
};

struct exact_search {
    struct ord_exact exact;
    struct exact_event *events;
    uint32_t event_count;
    uint32_t *kind_of; /* by call */
    struct exact_kind *kinds;
    uint32_t kind_count;
    uint32_t *crashed; /* unfinished calls by kind, then begin */
    uint32_t *live;    /* kinds with unfinished calls that have begun */
    uint32_t live_count;
    uint8_t *is_look;
    uint32_t *slot_of; /* by call */
    uint32_t *free_slots;
    uint32_t free_count;
    uint32_t *open; /* calls, by end */
    uint32_t open_count;
    uint32_t words;
    uint32_t stride;
    uint32_t stamp;
    struct exact_layer layers[2];
    struct exact_layer work;
    uint32_t current;
    uint32_t *row;  /* being made */
    uint32_t *from; /* being expanded */
    struct ord_arena trace_memory;
    struct exact_trace *traces;
    uint32_t trace_count;
    uint32_t trace_room;
    uint32_t trace_kept;
    bool is_traced;
    bool is_dead;
    const char *stuck; /* what is used up; NULL: nothing */
};

bool exact_layer_init(struct exact_search *s, struct exact_layer *layer,
                      size_t bytes_max);
/* Starts with that state and runs; the event at which it died or got stuck,
 * or event_count. */
uint32_t exact_run(struct exact_search *s, const struct ord_state *start);

#endif
