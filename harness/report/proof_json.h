/* proof_json.h -- the proof of a verdict as a file, for `ordeal verify`.
 *
 * One JSON object (schema/proof.json), written as it comes: an order of ten
 * million operations is never in memory as text.  The file appears whole or
 * not at all.  Each digest is over all bytes of the file before its digits.
 */
#ifndef ORD_REPORT_PROOF_JSON_H
#define ORD_REPORT_PROOF_JSON_H

#include "checkers/checker.h"
#include "harness/base/file.h"

enum { ORD_PROOF_VERSION = 1, ORD_PROOF_FLUSH_SIZE = 1 << 20 };

/* A proof that is being written.  Begin, add the checks one by one, end; after
 * any error discard.  Blocks on the disk. */
struct ord_proof_file {
    struct ord_new_file file; /* fd -1: all stays in out */
    struct ord_buf out;
    uint64_t digest;
    size_t digested; /* bytes of out that digest covers */
};

struct ord_proof_of { /* what was asked */
    const char *checker;
    const char *model; /* NULL: it takes none */
    const struct ord_option *options;
    uint32_t option_count;
};

/* path NULL: to memory, the whole text is in file->out at the end.
 * O(events of the history), for its digest. */
int ord_proof_begin(struct ord_proof_file *file, const char *path,
                    const struct ord_history *history, bool is_keyed,
                    struct ord_err *err);
int ord_proof_add(struct ord_proof_file *file, const struct ord_proof_of *of,
                  const struct ord_verdict *verdict, struct ord_err *err);
/* Publishes the file; the memory of out is the caller's to discard. */
int ord_proof_end(struct ord_proof_file *file, struct ord_err *err);
/* Frees all; removes what was not published.  Always call it. */
void ord_proof_discard(struct ord_proof_file *file);

#endif
