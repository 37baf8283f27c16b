/* teller.h -- what checkers of calls in columns share: the calls of an object,
 * their order by end, options, and sentences; for checkers only.
 *
 * proof.h tells of calls of a view; a teller dresses calls of histories/calls.h
 * up as such, one at a time, for the few that a sentence names.  A call with
 * the number ORD_CALL_NEVER is no call and is skipped.
 */
#ifndef ORD_CHECKERS_TELLER_H
#define ORD_CHECKERS_TELLER_H

#include "checkers/proof.h"
#include "histories/calls.h"

struct ord_teller {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    struct ord_calls calls;
    struct ord_view view;
    struct ord_object object;
    uint32_t key;  /* the object that is looked at */
    uint32_t from; /* its calls are ord_teller_at(.., from) .. to - 1 */
    uint32_t to;
};

/* Builds the calls, grouped by key.  ORD_ENOMEM, ORD_ELIMIT, ORD_EFORMAT. */
int ord_teller_init(struct ord_teller *teller, const struct ord_check_in *in,
                    struct ord_verdict *out, struct ord_err *err);
/* Turns to the object number `key`. */
void ord_teller_turn(struct ord_teller *teller, uint32_t key);

/* The call at a place of the object, in order of begin. */
static inline uint32_t ord_teller_at(const struct ord_teller *teller,
                                     uint32_t place)
{
    ORD_ASSERT(place < teller->calls.count);
    return teller->calls.by_key == NULL ? place : teller->calls.by_key[place];
}

/* Ok calls by object, then in order of end: those of object k are at[first[k]]
 * .. at[first[k + 1] - 1]. */
struct ord_ends {
    const uint32_t *at;
    const uint32_t *first;
};

/* Of the calls of the functions in fs (bit f).  O(events) time; 4 bytes an
 * event and an ok call.  ORD_ENOMEM. */
int ord_ends_init(struct ord_ends *ends, const struct ord_teller *teller,
                  uint64_t fs, struct ord_err *err);

/* The first call of the object that may have happened and is of no function in
 * fs; ORD_CALL_NEVER: there is none. */
uint32_t ord_teller_odd(const struct ord_teller *teller, uint64_t fs);

const struct ord_op *ord_teller_inv(const struct ord_teller *teller,
                                    uint32_t call);
/* NULL where there is no completion. */
const struct ord_op *ord_teller_done(const struct ord_teller *teller,
                                     uint32_t call);
/* "process 3's add of 21 to k4 on n1"; of a read: "process 3's read of k4 at
 * 2.104 s on n1", without what it brought. */
struct ord_text ord_tell_call(const struct ord_teller *teller, uint32_t call);
/* "process 3 read 17 from k4 at 2.104 s on n3". */
struct ord_text ord_tell_did(const struct ord_teller *teller, uint32_t call);
/* When it began, or ended. */
struct ord_text ord_tell_begin(const struct ord_teller *teller, uint32_t call);
struct ord_text ord_tell_end(const struct ord_teller *teller, uint32_t call);
struct ord_text ord_tell_atom(const struct ord_teller *teller, uint32_t atom);
/* " (its reads ask for [key nil] ... --keyed)" where the object has no key and
 * its first read asks so, as Jepsen's independent tuples do; else, and after
 * the first violation, nothing. */
struct ord_text ord_tell_tuples(const struct ord_teller *teller);
/* The calls that a violation of this object rests on. */
struct ord_named ord_tell_named(const struct ord_teller *teller, uint32_t a,
                                uint32_t b, uint32_t c);

/* Sets *is_on by the option, "true" or "false"; else ORD_EUSAGE.  Without the
 * option *is_on stays as it is. */
int ord_option_truth(const struct ord_check_in *in, const char *name,
                     bool *is_on, struct ord_err *err);
/* *has tells whether there is such an option.  ORD_EUSAGE: no whole number. */
int ord_option_int(const struct ord_check_in *in, const char *name, bool *has,
                   int64_t *value, struct ord_err *err);

/* The proof of a checker whose verdict rests on counting: evidence and stats,
 * which verify counts again.  Nothing unless wanted; ORD_ENOMEM. */
int ord_prove_facts(const struct ord_check_in *in, struct ord_verdict *out,
                    struct ord_err *err);

#endif
