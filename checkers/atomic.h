/* atomic.h -- how far behind the reads of one register are; for checkers only.
 *
 * A cluster is a write (or the initial value, which ended before all) with the
 * reads that saw it.  Places count from 1, so that the initial value can be
 * at 0.  An end is cut to that of the first read that saw the write: it
 * had happened by then.  Reads whose write is not known are left out.
 */
#ifndef ORD_CHECKERS_ATOMIC_H
#define ORD_CHECKERS_ATOMIC_H

#include "checkers/trace.h"

#define ORD_CLUSTER_NONE UINT32_MAX

struct ord_cluster {
    uint32_t write; /* a deed; ORD_FROM_INITIAL */
    uint32_t begin;
    uint32_t end;   /* cut; what nobody saw and never ended is not here */
    uint32_t first; /* into reads: by begin */
    uint32_t count;
    uint32_t first_end;   /* the least end, and the deed that has it */
    uint32_t last_begin;  /* the greatest begin, and the deed that has it */
    uint32_t first_ended; /* ORD_FROM_INITIAL: the initial value */
    uint32_t last_begun;
};

struct ord_clusters {
    const struct ord_trace *trace;
    uint32_t key;
    struct ord_cluster *at; /* by begin; 0 is the initial value */
    uint32_t count;
    uint32_t *reads;   /* by cluster, then begin */
    uint32_t *of_read; /* by the place in `reads`: its cluster */
    uint32_t read_count;
    uint32_t *by_end; /* clusters */
    uint32_t *behind; /* by the place in `reads`: how many writes certainly
                         came after its own and before it */
};

/* Of one key; cuts: ends are cut as above, else only acknowledgements count.
 * `scratch` has room for one number per deed.  O(n log n).  ORD_ENOMEM. */
int ord_clusters_init(struct ord_clusters *clusters,
                      const struct ord_trace *trace, uint32_t key, bool cuts,
                      uint32_t *scratch, struct ord_arena *arena,
                      struct ord_err *err);

static inline uint32_t ord_read_begin(const struct ord_clusters *c, uint32_t i)
{
    return ord_deed_begin(c->trace, c->reads[i]) + 1;
}

static inline uint32_t ord_read_end(const struct ord_clusters *c, uint32_t i)
{
    uint32_t end = ord_deed_end(c->trace, c->reads[i]);

    return end == ORD_CALL_NEVER ? end : end + 1;
}

/* Two clusters that have no order (Gibbons and Korach, 1997): 1-atomic iff
 * there are none. */
bool ord_clusters_clash(const struct ord_clusters *clusters,
                        struct ord_arena *arena, uint32_t *a, uint32_t *b,
                        struct ord_err *err);

/* Whether each read can be given one of the last two writes before it.  VALID:
 * order becomes the clusters in order, slot the cluster behind which each read
 * stands (by the place in `reads`); both have room for all.  atomic_two.c. */
enum ord_outcome ord_clusters_two(const struct ord_clusters *clusters,
                                  struct ord_arena *arena, uint64_t *steps_left,
                                  uint32_t *order, uint32_t *slot,
                                  struct ord_err *err);

#endif
