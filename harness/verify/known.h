/* known.h -- what must have come before what, by clocks; only for the recounts
 * of harness/verify.
 *
 * A graph of nodes: the deeds, and gathering nodes that stand for "all of those
 * that have ended so far".  An arc says that one comes before another.  Each
 * node has a clock over lanes; a lane is a row of a session's writes, each of
 * which ended before the next began.  The clocks are filled in by going over
 * all nodes until nothing changes, so they are right for graphs with cycles,
 * too: a write is on one iff it knows itself.
 *
 * O(passes x (nodes + arcs) x lanes) time, 4 bytes a node and lane.
 */
#ifndef ORD_VERIFY_KNOWN_H
#define ORD_VERIFY_KNOWN_H

#include "harness/verify/deeds.h"

#define ANY_SESSION UINT32_MAX
#define NO_NODE UINT32_MAX

enum log { LOG_NONE, LOG_KEY, LOG_ALL };

struct arc {
    uint32_t from;
    uint32_t next; /* into the same node; NO_NODE */
};

struct row { /* the writes of one key in one lane, ascending */
    uint32_t lane;
    uint32_t first; /* into `writes` */
    uint32_t count;
};

struct known {
    struct deeds *d;
    uint32_t node_count;
    uint32_t node_max;
    uint64_t *nodes; /* when, and which: the order of the passes */
    uint32_t *head;  /* by node: the last arc into it */
    uint32_t *base;  /* ... of those that are given */
    struct arc *arcs;
    uint32_t arc_count, arc_room, base_count;
    uint32_t lane_count;
    uint32_t *lane; /* by deed */
    uint32_t *pos;  /* from 1; 0: a read */
    struct row *rows;
    uint32_t *row_first; /* by key */
    uint32_t *writes;
    uint32_t *clock;   /* node x lane */
    uint32_t *changed; /* by node: in which pass it last did */
    uint32_t pass;
    /* ---- what else follows, while the clocks are filled in */
    bool derives;       /* who knew w1 and saw w2 says that w1 is before w2 */
    bool is_sequential; /* and who saw w1 is before w2 where w1 is */
    uint32_t session;   /* whose reads say so; or ANY_SESSION */
    uint32_t *readers;  /* sequential: by write: a node for those who saw it */
    uint32_t *initial;  /* ... by key: for those who saw nil */
    uint32_t *told;     /* ... by write and row: the last one told of, + 1 */
    uint32_t *told_first;
};

/* The nodes and arcs of sessions and of who saw what; with a log, of writes
 * that were known before others began; sequential: room for what follows.
 * False: the recount is over. */
bool ord_known_init(struct known *k, struct deeds *d, enum log log,
                    bool is_sequential);
bool ord_known_arc(struct known *k, uint32_t from, uint32_t to);
/* Back to the given arcs alone, and no clocks. */
void ord_known_restart(struct known *k);
/* Fills in the clocks, with what follows as told; again: only with what is new.
 * Takes a step off v->steps_left for each node that it looks at. */
bool ord_known_close(struct known *k);
/* Some write is before itself. */
bool ord_known_is_cyclic(const struct known *k);
/* The last write of a row that the node knows; NO_NODE: none. */
uint32_t ord_known_last(const struct known *k, const struct row *row,
                        uint32_t node);
/* The read returned nil or a write although it knew of one, after it. */
bool ord_known_is_bad(const struct known *k, uint32_t read);
/* Blames all such reads; how many were judged. */
uint64_t ord_known_judge(struct known *k);

static inline uint32_t *ord_known_clock(const struct known *k, uint32_t node)
{
    return k->clock + (size_t)node * k->lane_count;
}
/* The node comes after that write. */
static inline bool ord_knows(const struct known *k, uint32_t node,
                             uint32_t write)
{
    return ord_known_clock(k, node)[k->lane[write]] >= k->pos[write];
}

#endif
