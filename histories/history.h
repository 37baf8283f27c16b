/* history.h -- a whole history in memory, immutable once it is built.
 *
 * Events stand in real-time order: index is the place, and of two events the
 * one with the lower index came first.  In our own log the recorder's windows
 * decide that order (log.h); in other tools' files the order of the file is
 * the truth and time_ns is only a label.  Checkers may share a history between
 * threads without a lock.
 */
#ifndef ORD_HISTORIES_HISTORY_H
#define ORD_HISTORIES_HISTORY_H

#include "harness/base/err.h"
#include "histories/op.h"

struct ord_history;

enum ord_history_format {
    ORD_FORMAT_GUESS, /* by the first bytes */
    ORD_FORMAT_OWN,
    ORD_FORMAT_EDN,
    ORD_FORMAT_JSONL,
    ORD_FORMAT_TEXT,           /* see ord_history_parse_text() */
    ORD_FORMAT_PORCUPINE_ETCD, /* lines of jepsen.util, also history.txt */
    ORD_FORMAT_PORCUPINE_KV,   /* maps of get, put, append: it is EDN */
    ORD_FORMAT_LIMO,           /* `[1] call push(3)`, `[1] return` */
    ORD_FORMAT_COUNT
};

/* By its name: own edn jsonl text porcupine-etcd porcupine-kv limo. */
bool ord_history_format_of(const char *name, enum ord_history_format *format);

struct ord_history_options {
    enum ord_history_format format;
    bool is_keyed;   /* a value [k v] is key and value (Jepsen's tuples) */
    bool is_general; /* every operation by the general reader: for tests */
    size_t size_max; /* bytes of memory the history may take */
};

/* Reads a file, "-" for standard input, plain or gzip.  The history is owned
 * by the caller.  ORD_EFORMAT names line (and column where there is one) and
 * what was expected, or the operation that breaks the rules: two operations
 * open in one process, a completion without its invocation or of another f, a
 * write that is answered with another value.  Of our own files also FILE.tail
 * is read, where a recorder that was killed has left one. */
int ord_history_open(const char *path, const struct ord_history_options *how,
                     struct ord_history **out, struct ord_err *err);
void ord_history_free(struct ord_history **history);

int64_t ord_history_count(const struct ord_history *history);
const struct ord_op *ord_history_op(const struct ord_history *history,
                                    int64_t index);
/* The completion of an invocation or the other way round; NULL: none. */
const struct ord_op *ord_history_pair(const struct ord_history *history,
                                      const struct ord_op *op);
/* "n2", or "-" for ORD_NODE_NONE. */
const char *ord_history_node_name(const struct ord_history *history,
                                  uint16_t node);
uint16_t ord_history_node_count(const struct ord_history *history);
/* Of these, nodes 1 to this are members at the beginning and at the end, as
 * "start_with" in meta says; the others come and go.  Without that: all. */
uint16_t ord_history_member_count(const struct ord_history *history);
/* The JSON object that the recorder put in front; "{}" elsewhere. */
const char *ord_history_meta(const struct ord_history *history);
/* Bytes behind the last whole record, when a crash cut the log; else 0. */
uint64_t ord_history_torn_size(const struct ord_history *history);

/* What occurs in a history.  O(blocks): no operation is made for it. */
struct ord_history_facts {
    uint64_t fs;   /* bit f: a client does that */
    bool has_keys; /* of clients, some */
    bool has_final;
    bool has_sessions;
    bool has_nodes;
    bool has_nemesis;
    bool reads_ask;     /* a read's invocation carries a text or a list */
    int64_t call_count; /* clients' invocations */
};
int ord_history_facts(const struct ord_history *history,
                      struct ord_history_facts *out, struct ord_err *err);

/* Whole operations are made of the history's blocks as they are asked for.
 * Where that fails (the memory that was allowed is used up, or blocks with
 * good checksums contradict each other), ORD_OPS has none, and
 * ord_history_op() gives an event of the nemesis that says nothing.  Then this
 * says why: who draws conclusions asks in the end.  ord_check_run() does. */
int ord_history_trouble(const struct ord_history *history, struct ord_err *err);

/* All of them, one behind the other; `end` is `first` when there is trouble. */
const struct ord_op *ord_history_first(const struct ord_history *history);
const struct ord_op *ord_history_end(const struct ord_history *history);

#define ORD_OPS(history, op)                                                   \
    for (const struct ord_op *op = ord_history_first(history),                 \
                             *op##_end = ord_history_end(history);             \
         op != op##_end; op++)

/* ---- building one, for readers, tests and generators -------------------- */

struct ord_history_builder;

int ord_history_builder_new(size_t size_max, struct ord_history_builder **out,
                            struct ord_err *err);
/* Copies op, its key, value, name and error.  index and pair are ignored.
 * Pairs and validates: ORD_EFORMAT names the operation.  After an error the
 * builder is only to be freed. */
int ord_history_add(struct ord_history_builder *builder,
                    const struct ord_op *op, struct ord_err *err);
/* Turns the builder into a history; frees the builder either way.  sort: order
 * by time_ns first (invocations before completions of the same instant), else
 * the order of the adds is the truth. */
int ord_history_finish(struct ord_history_builder **builder, bool sort,
                       struct ord_history **out, struct ord_err *err);
void ord_history_builder_free(struct ord_history_builder **builder);

/* The text form of tests and of histories/corpus/: events separated by ';' or
 * newline, `PROCESS TYPE F [kKEY] [VALUE] [@MS] [nNODE] [eEPOCH] [uSESSION]
 * [final]`; TYPE is inv ok fail info; VALUE is EDN (5, nil, [1 2]);
 * `#` starts a comment:
 *     0 inv write k1 5 ; 1 inv read k1 ; 0 ok write k1 5 ; 1 ok read k1 nil n2
 */
int ord_history_parse_text(const char *text, struct ord_history **out,
                           struct ord_err *err);

/* ---- writing ------------------------------------------------------------ */
/* Our own format, whole or not at all: after ORD_EFULL or another error a file
 * that was there before is unharmed. */
int ord_history_write_own(const struct ord_history *history, const char *path,
                          struct ord_err *err);
int ord_history_write_jsonl(const struct ord_history *history, int fd,
                            struct ord_err *err);
int ord_history_write_edn(const struct ord_history *history, int fd,
                          struct ord_err *err);

#endif
