/* support_history.h -- what the tests of histories/ share. */
#ifndef ORD_HISTORIES_TESTS_SUPPORT_HISTORY_H
#define ORD_HISTORIES_TESTS_SUPPORT_HISTORY_H

#include "harness/base/buf.h"
#include "harness/base/rng.h"
#include "histories/history.h"
#include "histories/log.h"

enum { PATH_SIZE = 128, PROCESSES = 4 };

/* Reads bytes as a file would be read; NULL: err says why. */
struct ord_history *read_bytes(struct ord_bytes bytes,
                               enum ord_history_format format,
                               struct ord_err *err);
/* The whole history, written out; the caller's buffer. */
void jsonl_of(const struct ord_history *history, struct ord_buf *out);
void edn_of(const struct ord_history *history, struct ord_buf *out);
/* A path in the temporary folder that nothing has yet. */
void fresh_path(char path[PATH_SIZE]);
/* Where everything in a file stands. */
void slurp(const char *path, struct ord_buf *out);

/* One random event after the other, each legal where it stands: processes do
 * one thing at a time, crash now and then, and never come back. */
struct story {
    struct ord_rng rng;
    struct ord_arena arena; /* of the values told last */
    int64_t now_ns;
    int64_t next_process;
    int64_t process[PROCESSES];
    struct ord_op open[PROCESSES]; /* type INVOKE: still running */
    bool is_open[PROCESSES];
    bool has_keys;
    bool is_rich; /* values of every kind, all optional fields */
};

void story_begin(struct story *story, uint64_t seed, bool is_rich);
void story_end(struct story *story);
/* What it lends lives until the next call. */
struct ord_op story_next(struct story *story);

#endif
