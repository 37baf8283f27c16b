/* log.h -- the recorder's file: append-only, whole after any crash.
 *
 * Two files: FILE with blocks of columns, and FILE.tail with the latest events
 * as rows, which is removed at the end.  The tail is mapped; a row is in the
 * page cache, and so survives SIGKILL of the writer, as soon as the call
 * returns.  Each row and each column carries a checksum, so that a file cut or
 * torn anywhere reads back up to its last whole row or block.  Room is
 * allocated before it is mapped: a full disk is an error here (ORD_EFULL),
 * never a signal; what was accepted before stays readable, if need be from
 * both files, and the tail then stays, too.
 *
 * Order: an invocation is written before it is sent, a completion when it is
 * read.  Stamps of the worker narrow that window and never widen it: an
 * invocation is placed at sent_ns if invoked <= sent_ns <= completed, and a
 * completion at received_ns if sent <= received_ns <= completed.  So no
 * real-time edge is invented, and few are lost.  Events go into a block once
 * nothing can be placed before them any more.  An operation that stays open
 * for very long (8 * 8192 events) is then placed where it was invoked, which
 * widens its window.
 *
 * Not for several threads.  Cost: under 1 us an event on average, but the
 * append that makes a block takes milliseconds (some 8192 events).
 */
#ifndef ORD_HISTORIES_LOG_H
#define ORD_HISTORIES_LOG_H

#include "harness/base/err.h"
#include "histories/op.h"

struct ord_log;

/* Creates the file (must not exist); meta is a JSON object, copied into it,
 * with at least {"nodes": ["n1", ...], "start_ns": CLOCK_MONOTONIC of time 0}.
 * The log is owned by the caller. */
int ord_log_create(const char *path, const char *meta, struct ord_log **out,
                   struct ord_err *err);
/* op->time_ns is when the controller acted (since start).  For a completion
 * sent_ns and received_ns are the worker's stamps on the same scale, or
 * ORD_NONE.  Errors: ORD_EFULL, ORD_ELIMIT (a record over 16 MiB). */
int ord_log_append(struct ord_log *log, const struct ord_op *op,
                   int64_t sent_ns, int64_t received_ns, struct ord_err *err);
/* Cuts the file to its content and syncs it. NULLs *log, frees always. */
int ord_log_close(struct ord_log **log, struct ord_err *err);
uint64_t ord_log_event_count(const struct ord_log *log);

#endif
