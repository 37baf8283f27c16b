/* minimise.h -- the fewest constraints that still contradict each other.
 *
 * From calls that no order explains to a core that a person can follow and
 * `ordeal verify` can re-check: which calls it needs, and of each whether it
 * matters when it began, when it ended, and that it happened at all.
 *
 * Only relaxations that allow more orders are made, so what is not
 * linearizable relaxed is not linearizable on record:
 *   END    it may have ended later, too
 *   MUST   it may not have happened at all
 *   BEGIN  it may have begun earlier, too
 *   a call without a mark is left out; if it changes the state, then by the
 *   rule of its model:
 *     register, cas-register, mutex, owner-mutex, set: what it does may be done
 * at any time and any number of times fifo-queue, unordered-queue, stack: its
 * element has no call in the core at all; one that took nobody knows what may
 * be done as above kv: what is in no text that the core got; the rest stays,
 * without a mark all other models: it stays in the core, without a mark a call
 * that began after the last END of the core, where all that must have happened
 * has an END: it is left out whatever it does a window: where all that must
 * have happened has a BEGIN, calls that ended before the first of these are
 * left out, and the object may be in any state at first (register,
 * cas-register, set, multi-register, counter, unless strict)
 * (ci/notes/010-cores.md has the argument.)
 *
 * Method: QuickXplain (Junker, AAAI 2004), first call by call, then mark by
 * mark; the model's own engines are the oracle.
 */
#ifndef ORD_CHECKERS_MINIMISE_H
#define ORD_CHECKERS_MINIMISE_H

#include "checkers/lin.h"

/* lin is a question that ord_lin_decide() answered INVALID, with a core or
 * without one (then it looks for the shortest bad prefix first).  Sets core and
 * core_count, ordered by call, in lin->arena; scratch memory is given back.
 * *is_minimal: no single further relaxation keeps it violating; false when the
 * steps (a share of lin->steps_left, which it takes off, and no more than take
 * a few seconds for a proof, a few tenths for words alone), the memory or an
 * engine's patience ran out before that was sure: then it is what is known to
 * be a core so far, at worst the engine's, or all calls.
 * Deterministic.  Cost: O(core x log calls) questions to the engine, each
 * mostly of few calls.  Returns ORD_OK, or ORD_ENOMEM. */
int ord_minimise(const struct ord_model *model, struct ord_lin *lin,
                 bool is_for_proof, bool *is_minimal, struct ord_err *err);

#endif
