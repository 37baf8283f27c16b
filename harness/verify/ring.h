/* ring.h -- the evidence of a proof about deeds: cycles and orders; only for
 * the recounts of harness/verify. */
#ifndef ORD_VERIFY_RING_H
#define ORD_VERIFY_RING_H

#include "harness/verify/known.h"

/* The proof's one object is a cycle, each step of which follows from the clocks
 * (which have been filled in): its calls are blamed.  False: it is over. */
bool ord_ring_check(struct known *k);
/* Cycles of versions of monotonic-writes and writes-follow-reads: at least one
 * if it is a violation, else none (cycle.c). */
bool ord_verify_cycles(struct verify *v, const struct deeds *d);

struct serial { /* an order of deeds, as it is read */
    struct deeds *d;
    uint32_t *deeds;
    uint32_t count;
    uint8_t *is_placed; /* by deed */
    uint32_t key;       /* of the object of the proof */
};

/* The next object of the proof, an order: a call stands once, a cas twice, its
 * read first.  False: it is over, or (s->count == 0) there is none left. */
bool ord_serial_read(struct serial *s, struct ord_json *in);
/* One order of all deeds, in which sessions keep theirs and each read returns
 * the last write.  False: it is over. */
bool ord_serial_check(struct deeds *d);
/* Whether any such order exists, by trying: at most 2048 deeds, and a step off
 * v->steps_left for each of them in each state.  False: it is over. */
bool ord_serial_search(struct deeds *d, bool *exists);

#endif
