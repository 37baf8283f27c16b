/* register_zones.h -- the columns of the zones engine; only for
 * register_zones.c, which decides, and register_accuse.c, which says which
 * calls a violation rests on.
 */
#ifndef ORD_CHECKERS_REGISTER_ZONES_H
#define ORD_CHECKERS_REGISTER_ZONES_H

#include "checkers/models.h"

#define NONE UINT32_MAX
#define NEVER ORD_CALL_NEVER

struct zones {
    struct ord_lin *lin;
    /* By value: */
    uint32_t *f;      /* the first end; NEVER: nothing of it ended */
    uint32_t *s;      /* the call that begins last */
    uint32_t *writer; /* or NONE */
    uint32_t *next;   /* the cas that took it away; NULL where there is none */
    uint32_t *root;   /* of the chain; NULL as above */
    uint32_t *place;  /* count of reads, then where the next one goes */
    uint32_t *order;  /* NULL: not wanted */
    uint32_t order_count;
    uint32_t left; /* places not yet given */
    uint32_t link_count;
    uint32_t walked_count; /* links met from a root */
    uint32_t open_cas_count;
    enum ord_lin_reason reason; /* UNSAID: nothing is wrong */
    uint32_t bad[2]; /* UNWRITTEN, TWICE: value; REVERSED: call, value; CYCLE:
                        call; CONFLICT: two roots */
};

/* A read that has an answer. */
static inline bool ord_zones_reads(const struct ord_lin *lin, uint32_t i)
{
    return lin->f[i] == ORD_F_READ && lin->type[i] == ORD_OP_OK &&
           lin->end[i] != NEVER && lin->out[i] != ORD_ATOM_NONE &&
           (lin->is_final == NULL || lin->is_final[i] == 0);
}

/* A write or cas that happened, or may have. */
static inline bool ord_zones_puts(const struct ord_lin *lin, uint32_t i)
{
    return (lin->f[i] == ORD_F_WRITE || lin->f[i] == ORD_F_CAS) &&
           lin->type[i] != ORD_OP_FAIL;
}

/* The value it is of, or NONE. */
static inline uint32_t ord_zones_value(const struct ord_lin *lin, uint32_t i)
{
    if (ord_zones_reads(lin, i))
        return lin->out[i];
    return ord_zones_puts(lin, i) ? lin->in[i] : NONE;
}

/* Fills in f, s, writer and the links of what surely happened; false: the
 * values are not unique. */
bool ord_zones_gather(struct zones *z);

/* Links the unfinished cas that somebody saw. */
void ord_zones_link_seen(struct zones *z);

/* Makes the answer INVALID, with core and reason. */
int ord_zones_accuse(struct zones *z, struct ord_err *err);

#endif
