/* proof.h -- the words and the operations of a verdict; for checkers only.
 *
 * Texts are short copies by value, cut with ".." where they would be long, so
 * they can be used straight in an argument list.  No errors.
 */
#ifndef ORD_CHECKERS_PROOF_H
#define ORD_CHECKERS_PROOF_H

#include "checkers/checker.h"
#include "checkers/view.h"

enum { ORD_NAMED_MAX = 8, ORD_TEXT_SIZE = 320 };

/* The operations that one violation rests on; NULLs are skipped. */
struct ord_named {
    struct ord_value key;
    const struct ord_op *ops[ORD_NAMED_MAX];
    uint32_t count;
};

/* One more violation: the first becomes the verdict (INVALID, sentence, key,
 * evidence), the next ORD_FINDINGS_MAX become findings, all are counted. */
void ord_found(const struct ord_check_in *in, struct ord_verdict *out,
               const struct ord_named *named, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

struct ord_text {
    char at[ORD_TEXT_SIZE];
};

/* True once as many were told as a verdict holds; then the violation is counted
 * and need not be put in words: a broken target has hundreds of thousands. */
bool ord_found_enough(struct ord_verdict *out);

struct ord_text ord_text_value(const struct ord_value *value);
/* "k4", "abc"; "the object" where a history has only one. */
struct ord_text ord_text_key(const struct ord_value *key);
/* "2.104 s"; "operation 12" in a history without times. */
struct ord_text ord_text_when(const struct ord_op *op);
/* " on n3", or nothing where the node is not known. */
struct ord_text ord_text_on(const struct ord_view *view,
                            const struct ord_call *call);
/* "process 3's write of 21 to k4 on n1": no time in it. */
struct ord_text ord_text_call(const struct ord_view *view,
                              const struct ord_call *call);
/* "process 3 read 17 from k4 at 2.104 s on n3", the time being that of the
 * invocation of a read, of the acknowledgement of anything else. */
struct ord_text ord_text_did(const struct ord_view *view,
                             const struct ord_call *call);
/* "session 7", or "process 3" for an operation without one. */
struct ord_text ord_text_who(const struct ord_call *call);
/* "nobody had written that value", or which failed call did, for the evidence,
 * too. */
struct ord_text ord_text_unwritten(const struct ord_view *view,
                                   const struct ord_object *object,
                                   const struct ord_value *value,
                                   struct ord_named *named);
/* Appends why an object is no register, or, MIXED, nothing known at all:
 * "process 3 invoked enqueue at 0.120 s" or "it is a set (...)". */
void ord_text_odd(const struct ord_view *view, const struct ord_object *object,
                  char *text, size_t text_size);
/* Ends a verdict UNKNOWN if there is an object with ok reads that is MIXED, of
 * which the checker could say nothing; false: there is none. */
bool ord_conclude_odd(struct ord_verdict *out, const struct ord_view *view);
/* The faults in force between two places of the history: ", while partition
 * (isolate n1) was in force", or nothing. */
struct ord_text ord_text_faults(const struct ord_history *history, int64_t from,
                                int64_t to);
/* Milliseconds from one event to the other; 0 without times. */
double ord_ms_between(const struct ord_op *from, const struct ord_op *to);

#endif
