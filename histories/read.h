/* read.h -- one reader per format: a source in, a history out; internal.
 *
 * Errors name the place as the format has it; the caller adds the path.
 */
#ifndef ORD_HISTORIES_READ_H
#define ORD_HISTORIES_READ_H

#include "histories/history.h"
#include "histories/source.h"

/* Maps a file of our own, and reads its tail.  *is_own: whether it is one;
 * nothing else has happened where not. */
int ord_own_open(const char *path, const struct ord_history_options *how,
                 bool *is_own, struct ord_history **out, struct ord_err *err);
/* From a stream: without a tail. */
int ord_read_own(struct ord_source *source,
                 const struct ord_history_options *how,
                 struct ord_history **out, struct ord_err *err);
int ord_read_edn(struct ord_source *source,
                 const struct ord_history_options *how,
                 struct ord_history **out, struct ord_err *err);
int ord_read_jsonl(struct ord_source *source,
                   const struct ord_history_options *how,
                   struct ord_history **out, struct ord_err *err);
int ord_read_text(struct ord_source *source,
                  const struct ord_history_options *how,
                  struct ord_history **out, struct ord_err *err);
int ord_read_jepsen_log(struct ord_source *source,
                        const struct ord_history_options *how,
                        struct ord_history **out, struct ord_err *err);
int ord_read_limo(struct ord_source *source,
                  const struct ord_history_options *how,
                  struct ord_history **out, struct ord_err *err);

/* Bytes of memory for the history, for what one operation carries while it is
 * read, and for the window on the input: `how`'s limit together. */
struct ord_read_limits {
    size_t history;
    size_t scratch;
    size_t window;
};

struct ord_read_limits ord_read_limits(const struct ord_history_options *how);

/* The format of what the source begins with; nothing is consumed.
 * ORD_EFORMAT says what would have been understood. */
int ord_format_guess(struct ord_source *source, enum ord_history_format *format,
                     struct ord_err *err);
int ord_read_any(struct ord_source *source,
                 const struct ord_history_options *how,
                 struct ord_history **out, struct ord_err *err);

#endif
