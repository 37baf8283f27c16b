/* digest.h -- one number that tells a history from any other.
 *
 * For proofs, which are about one history.  Every event counts, in order, with
 * all that a verdict can rest on; the file's format does not: a history that
 * was exported and read again has the same digest if nothing was lost.  Not
 * made against people who want two histories to look alike.
 */
#ifndef ORD_HISTORIES_DIGEST_H
#define ORD_HISTORIES_DIGEST_H

#include "histories/history.h"

/* O(events + their values), no memory. */
uint64_t ord_history_digest(const struct ord_history *history);

/* FNV-1a over bytes, to be continued: of files, whose changes it shows. */
#define ORD_DIGEST_START UINT64_C(0xcbf29ce484222325)
uint64_t ord_digest_bytes(uint64_t digest, struct ord_bytes bytes);

#endif
