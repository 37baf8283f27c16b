/* deeds.h -- reads and writes of registers, and which write each read saw;
 * only for the recounts of harness/verify.
 *
 * A deed is an answered read that is no final one, or a write that happened:
 * acknowledged, or seen.  A cas that happened is two, its read and right after
 * it its write.  A read saw the one write of its value that had begun when it
 * ended; with several (nil: with any besides the initial value) nobody knows.
 * What a cas put can be seen only when what it expected can.  Deeds are
 * numbered by their begin.  O(calls log calls).
 */
#ifndef ORD_VERIFY_DEEDS_H
#define ORD_VERIFY_DEEDS_H

#include "harness/verify/facts.h"
#include "harness/verify/look.h"

#define SAW_INITIAL UINT32_MAX
#define SAW_NOBODY (UINT32_MAX - 1)
#define SAW_SEVERAL (UINT32_MAX - 2)

struct deeds {
    struct facts *f;
    const struct ord_calls *calls;
    uint8_t *kind; /* by key: enum kind of look.h */
    uint32_t count;
    uint32_t *call;    /* of a deed */
    uint32_t *saw;     /* of a read: a deed, or SAW_...; of a write: nothing */
    uint8_t *is_read;  /* by deed */
    uint32_t *of_call; /* its first deed + 1; 0: it has none */
    uint32_t *by_key;  /* deeds by key, then begin */
    uint32_t *key_first;
    uint32_t read_count, nobody_count, several_count;
};

/* False: the recount is over. */
bool ord_deeds_init(struct deeds *d, struct facts *f);
/* Blames all reads of what nobody had begun to write. */
void ord_deeds_thin_air(struct deeds *d);
/* Whether a pass is impossible, for an answered read is of an object of none
 * of the kinds (bits), or of a value written more than once; into f->unknown.
 */
void ord_deeds_doubt(struct deeds *d, unsigned kinds, uint64_t judged);

static inline bool ord_saw_deed(uint32_t saw)
{
    return saw < SAW_SEVERAL;
}
static inline bool ord_saw_judged(uint32_t saw)
{
    return saw < SAW_SEVERAL || saw == SAW_INITIAL;
}
static inline uint32_t ord_deeds_key(const struct deeds *d, uint32_t deed)
{
    return d->calls->key == NULL ? 0 : d->calls->key[d->call[deed]];
}
static inline uint32_t ord_deeds_begin(const struct deeds *d, uint32_t deed)
{
    return d->calls->begin[d->call[deed]];
}
static inline uint32_t ord_deeds_end(const struct deeds *d, uint32_t deed)
{
    return d->calls->end[d->call[deed]];
}
static inline uint32_t ord_deeds_session(const struct deeds *d, uint32_t deed)
{
    return d->calls->session[d->call[deed]];
}
/* Both being of one session: a came before b. */
static inline bool ord_deeds_then(const struct deeds *d, uint32_t a, uint32_t b)
{
    return ord_deeds_end(d, a) < ord_deeds_begin(d, b) ||
           (d->call[a] == d->call[b] && a < b);
}
/* The read of a cas, or its write. */
static inline bool ord_deeds_is_cas(const struct deeds *d, uint32_t deed)
{
    return d->calls->f[d->call[deed]] == ORD_F_CAS;
}

#endif
