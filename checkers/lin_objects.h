/* lin_objects.h -- the driver's side of lin.h: one object after the other, and
 * what came of it in words; only for linearizable.c.
 */
#ifndef ORD_CHECKERS_LIN_OBJECTS_H
#define ORD_CHECKERS_LIN_OBJECTS_H

#include "checkers/lin.h"
#include "checkers/proof.h"

struct ord_objects {
    struct ord_calls calls;
    const uint32_t *ends; /* of calls; also of a failed cas, if is_strict */
    uint32_t *dense_of;   /* by atom, + 1; 0: not of the object at hand */
    uint32_t *atom_of;    /* and back */
    /* Columns of the object at hand. */
    uint32_t *begin;
    uint32_t *end;
    uint32_t *in;
    uint32_t *out;
    uint32_t *process;
    uint8_t *f;
    uint8_t *type;
    uint8_t *is_final;
    bool is_strict;
};

/* Reads the history, makes room for the largest object.  want: as in
 * ord_calls_build(), whose errors it returns; ORD_ENOMEM. */
int ord_objects_init(struct ord_objects *objects, const struct ord_check_in *in,
                     unsigned want, bool is_strict, struct ord_err *err);
uint32_t ord_objects_count(const struct ord_objects *objects);
/* The columns of an object, lent until the next one; O(its calls). */
void ord_objects_get(struct ord_objects *objects, uint32_t object,
                     struct ord_lin *lin);
void ord_objects_put_back(struct ord_objects *objects,
                          const struct ord_lin *lin);

/* A final look at replicas, which no model speaks of. */
static inline bool ord_lin_is_final(const struct ord_lin *lin, uint32_t call)
{
    uint8_t f = lin->f[call];

    return lin->is_final != NULL && lin->is_final[call] != 0 &&
           (f == ORD_F_READ || f == ORD_F_GET || f == ORD_F_CONTAINS);
}

/* The model that fits all that was done to an object; NULL: there is none, and
 * *odd is the call that shows it, or NONE. */
const struct ord_model *ord_lin_model(const struct ord_lin *lin, uint32_t *odd);

/* ---- words -------------------------------------------------------------- */

struct ord_lin_words {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    const struct ord_lin *lin;
    const struct ord_model *model; /* NULL: not known yet */
    struct ord_value key;
};

/* "process 3's write of 21 to k4 on n1" */
struct ord_text ord_lin_text(const struct ord_lin_words *words, uint32_t call);
struct ord_text ord_lin_place(const struct ord_lin_words *words,
                              uint32_t place); /* "2.104 s" */
/* Tells a violation: sentence and evidence. */
void ord_lin_accuse(const struct ord_lin_words *words);
/* Says why, and between which places, it stayed undecided. */
void ord_lin_doubt(const struct ord_lin_words *words, char *text, size_t room);
/* Says that no model fits. */
void ord_lin_misfit(const struct ord_lin_words *words,
                    const struct ord_model *model, uint32_t odd, char *text,
                    size_t room);

#endif
