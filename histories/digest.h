/* digest.h -- one number that tells a history from any other.
 *
 * For proofs, which are about one history.  Every call of a client counts, in
 * order, with its key and values; times, nodes and the file's format do not: a
 * history that was exported and read again has the same digest.  Not made
 * against people who want two histories to look alike.
 */
#ifndef ORD_HISTORIES_DIGEST_H
#define ORD_HISTORIES_DIGEST_H

#include "histories/calls.h"

/* O(calls + values); for a while the memory of ord_calls_build(), whose errors
 * it has, too. */
int ord_history_digest(const struct ord_history *history, uint64_t *digest,
                       struct ord_err *err);
/* The same of calls that are there; they were asked for with
 * ORD_CALLS_KEYS. */
uint64_t ord_calls_digest(const struct ord_calls *calls);

/* FNV-1a over bytes, to be continued: of files, whose changes it shows. */
#define ORD_DIGEST_START UINT64_C(0xcbf29ce484222325)
uint64_t ord_digest_bytes(uint64_t digest, struct ord_bytes bytes);

#endif
