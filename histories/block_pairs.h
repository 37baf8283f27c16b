/* block_pairs.h -- which event answers which, out of packed blocks; internal.
 *
 * An answer says how many calls before it its own began, and each block how
 * many calls there are before it.  So the pairs of one block can be found from
 * itself, the blocks where the calls that it answers began, and those behind
 * it until its own calls are answered: for a look at a few operations of a
 * long history.
 */
#ifndef ORD_HISTORIES_BLOCK_PAIRS_H
#define ORD_HISTORIES_BLOCK_PAIRS_H

#include "histories/build.h"

#define ORD_NO_EVENT UINT32_MAX

struct ord_pairing {
    const struct ord_history *history;
    struct ord_reader *reader; /* lent */
    size_t size_max;           /* bytes of memory for a block */
    uint32_t *pair;            /* of each event; lent */
    uint32_t loads;            /* of blocks, counted */
};

/* "operation 7: it completes nothing", ORD_EFORMAT: what a block says is
 * not so. */
int ord_contradicts(int64_t event, const char *what, struct ord_err *err);

/* Bytes that ord_pair_all() takes beside. */
size_t ord_pair_all_size(const struct ord_history *history);
/* Fills in all of pair: the other event, or NO_EVENT.  ORD_EFORMAT where
 * events contradict each other; ORD_ENOMEM. */
int ord_pair_all(struct ord_pairing *pairing, struct ord_err *err);
/* Fills in the events of block b.  That a process has two calls open, or that
 * a later answer is a call's second one, is not seen here. */
int ord_pair_block(struct ord_pairing *pairing, uint32_t b,
                   struct ord_err *err);

#endif
