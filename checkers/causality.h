/* causality.h -- what each read must have known, by clocks of sessions; for
 * checkers only.
 *
 * Deed a is causally before b iff there is a path from a to b of steps "earlier
 * in one session" and "the read saw that write" (trace.h); with a log also
 * "both are writes of it, and a was acknowledged, or a read that saw it had
 * ended, before b began".  No step goes back in time, so there is no cycle.
 *
 * A read is bad if it saw a write although it knew (causally) of a newer one,
 * causally after that write, or nil although it knew of any.
 *
 * Writes are counted in lanes: a session, or several where its writes overlap.
 * Cost: O(deeds x lanes) time in the worst case, 4 bytes a lane for each write
 * that is still to be read by another session.  ORD_ENOMEM.
 */
#ifndef ORD_CHECKERS_CAUSALITY_H
#define ORD_CHECKERS_CAUSALITY_H

#include "checkers/trace.h"

/* A write that the read knew of; `saw` is ORD_FROM_INITIAL or the older one. */
struct ord_causal_bad {
    uint32_t read;
    uint32_t saw;
    uint32_t knew;
};

/* Concurrent writes of one key that a read put in order: `first` was known to
 * the read, which saw `second`. */
struct ord_causal_pair {
    uint32_t first;
    uint32_t second;
    uint32_t read;
};

/* Which writes are ordered by time, too. */
enum ord_causal_log { ORD_LOG_NONE, ORD_LOG_KEY, ORD_LOG_ALL };

struct ord_causality {
    const struct ord_trace *trace;
    struct ord_arena *arena;
    uint64_t *steps_left; /* lent */
    bool wants_pairs;
    enum ord_causal_log log;
    /* Called for each bad read, in the order of their ends; `data` is its. */
    void (*found)(void *data, const struct ord_causal_bad *bad);
    void *data;

    /* ---- the answer ---- */
    bool is_cut; /* the steps were used up; what was found stays true */
    uint32_t lane_count;
    uint64_t judged_count; /* reads */
    struct ord_causal_pair *pairs;
    uint32_t pair_count;
};

/* Fills in the answer. */
int ord_causality_run(struct ord_causality *causality, struct ord_err *err);

/* A path from deed a to deed b, both ends included, with the marks (enum
 * ord_edge) of its steps, few of them; 0: none, or longer than `room`, or no
 * memory.  O(deeds). */
uint32_t ord_causal_path(const struct ord_causality *causality, uint32_t a,
                         uint32_t b, uint32_t *deeds, uint8_t *marks,
                         uint32_t room);
/* Tells such a read: a sentence with the way from the newer write to the read,
 * and for the evidence the way from the older one, too.  before, between and
 * after are what the sentence says around read and way. */
void ord_causal_accuse(const struct ord_causality *causality,
                       const struct ord_check_in *in, struct ord_verdict *out,
                       const struct ord_causal_bad *bad,
                       const char *const words[3]);
/* Such a path in words, but for its last deed, which the sentence has named. */
void ord_causal_describe(const struct ord_trace *trace, const uint32_t *deeds,
                         const uint8_t *marks, uint32_t count, char *text,
                         size_t text_size);

#endif
