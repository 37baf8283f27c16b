/* agree.h -- do the replicas' final reads agree yet?
 *
 * Only to know when to stop asking: the verdict is the checkers'.  A set's
 * elements may come in any order, a list's may not.
 */
#ifndef ORD_RUN_AGREE_H
#define ORD_RUN_AGREE_H

#include "histories/op.h"

enum { ORD_AGREE_KEYS_MAX = 1 << 16 };

struct ord_agree; /* one round */

struct ord_agree *ord_agree_new(bool is_ordered); /* NULL: no memory */
void ord_agree_free(struct ord_agree **agree);
void ord_agree_clear(struct ord_agree *agree);
/* A completion of the final phase.  Of what is no read (a queue that is being
 * emptied) one round is enough. */
void ord_agree_add(struct ord_agree *agree, const struct ord_op *op);
/* Something came, every read of the round was ok, and per key all said the
 * same. */
bool ord_agree_is_reached(const struct ord_agree *agree);
/* Reads of the round, and those of them that were not ok. */
uint32_t ord_agree_read_count(const struct ord_agree *agree);
uint32_t ord_agree_failed_count(const struct ord_agree *agree);

#endif
