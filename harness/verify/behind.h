/* behind.h -- how far behind the reads of one register are; only for the
 * recounts of harness/verify.
 *
 * A cluster is a write, or the initial value, with the reads that saw it.
 * Places count from 1; the initial value was written at 0.  cuts: a write ends
 * no later than the first read that saw it.  O(n log n).
 */
#ifndef ORD_VERIFY_BEHIND_H
#define ORD_VERIFY_BEHIND_H

#include "harness/verify/deeds.h"

struct cluster {
    uint32_t write; /* a deed, or SAW_INITIAL */
    uint32_t begin, end;
    uint32_t first_end, last_begin; /* of all that are in it */
    uint32_t first, count;          /* into own_reads */
};

struct behind {
    struct deeds *d;
    uint32_t key;
    struct cluster *at; /* by begin; 0: the initial value */
    uint32_t count;
    uint32_t *reads;     /* deeds, by begin */
    uint32_t *of_read;   /* by their place there: their cluster */
    uint32_t *own_reads; /* by cluster: places there */
    uint32_t read_count;
    uint32_t *by_end;   /* clusters */
    uint32_t *versions; /* by the place of a read: writes that came after its
                           own and before it, for certain */
    uint32_t most;      /* of these */
    uint32_t *id;       /* by deed: a write's cluster */
};

/* Room for any key; then one key after the other. False: it is over. */
bool ord_behind_init(struct behind *b, struct deeds *d);
void ord_behind_turn(struct behind *b, uint32_t key, bool cuts);
/* Two clusters have no order: 1-atomic iff there are none.  Marks the clusters
 * that it finds (by cluster). */
bool ord_behind_clash(struct behind *b, uint8_t *marks);
/* Whether each read can have returned one of the last two writes.  False: it is
 * over, for the steps were used up. */
bool ord_behind_two(struct behind *b, bool *exists);

static inline uint32_t ord_behind_begin(const struct behind *b, uint32_t read)
{
    return ord_deeds_begin(b->d, b->reads[read]) + 1;
}

#endif
