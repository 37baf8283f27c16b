/* ordeal.h -- libordeal: judges recorded histories of replicated databases.
 *
 * A history is a row of events: a client's invocation of an operation, and
 * later its completion: ok (it happened), fail (it surely did not) or info
 * (nobody knows; then the process number is not used again).  The order of the
 * events is real time.  A checker says whether the history keeps a guarantee,
 * and names the operations that prove that it does not.
 *
 *     char error[ORDEAL_ERROR_SIZE];
 *     struct ordeal_history *h = ordeal_open("history.edn", NULL, error);
 *     struct ordeal_result *r =
 *         ordeal_check(h, "linearizable", "register", NULL, error);
 *     puts(ordeal_result_why(r));
 *     ordeal_result_free(r);
 *     ordeal_history_free(h);
 *
 * Ownership: what a function named _open, _read, _new or _check returns is the
 * caller's, to be freed by the _free beside it (NULL is fine).  All other
 * pointers that come back are lent until then.  Texts are UTF-8.
 * Errors: NULL or a negative number; the reason is written to `error`, an
 * array of ORDEAL_ERROR_SIZE bytes (or NULL).  A violation is no error.
 * Threads: one at a time for each history and its results; different
 * histories are independent.  Nothing here prints, exits or keeps state.
 * Bugs abort.
 */
#ifndef ORDEAL_H
#define ORDEAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header; the library's own is ordeal_version().  Within one major
 * version functions are only added and structs never change. */
#define ORDEAL_VERSION_MAJOR 1
#define ORDEAL_VERSION_MINOR 0

enum { ORDEAL_ERROR_SIZE = 1024 };

const char *ordeal_version(void); /* "1.0", its major and minor */

/* ---- histories ----------------------------------------------------------- */

struct ordeal_history;

struct ordeal_read_options {
    const char *format;  /* edn jsonl porcupine-etcd porcupine-kv limo own text;
                            NULL: told from the first bytes */
    int is_keyed;        /* a value [k v] is key and value (Jepsen's tuples) */
    uint64_t memory_max; /* bytes; 0: 8 GiB */
};

/* Reads a file, plain or gzip; "-" is standard input.  options may be NULL. */
struct ordeal_history *ordeal_open(const char *path,
                                   const struct ordeal_read_options *options,
                                   char *error);
/* The same from memory, not compressed; the bytes are only borrowed. */
struct ordeal_history *ordeal_read(const void *bytes, size_t size,
                                   const struct ordeal_read_options *options,
                                   char *error);
/* An empty one, to be filled with ordeal_add() and closed with ordeal_end().
 * memory_max in bytes; 0: 8 GiB. */
struct ordeal_history *ordeal_history_new(uint64_t memory_max, char *error);
void ordeal_history_free(struct ordeal_history *history);

enum ordeal_type { ORDEAL_INVOKE, ORDEAL_OK, ORDEAL_FAIL, ORDEAL_INFO };

struct ordeal_event {
    int64_t process;   /* 0 or more; one operation at a time */
    int type;          /* enum ordeal_type */
    const char *f;     /* read write cas add append enqueue dequeue ... */
    const char *key;   /* JSON; NULL: the history has one object */
    const char *value; /* JSON: 5, null, [1, 2], "x"; NULL is null */
    int64_t time_ns;   /* a label; -1: none */
    const char *node;  /* NULL: not told */
    int64_t session;   /* -1: the process is the session */
    int is_final;      /* a read after healing, to look at the outcome */
};

/* Appends an event; everything is copied.  0, or negative if it is no event or
 * breaks the rules (two operations open in one process, a completion without
 * its invocation). */
int ordeal_add(struct ordeal_history *history, const struct ordeal_event *event,
               char *error);
/* No more events; from here on the history can be checked.  0 or negative. */
int ordeal_end(struct ordeal_history *history, char *error);

int64_t ordeal_event_count(const struct ordeal_history *history);
/* One event as a line of text: `12 0.482193 3 ok write k7 41 n2`. Returns the
 * size that it needs; writes at most size bytes, zero-terminated. */
size_t ordeal_event_text(const struct ordeal_history *history, int64_t index,
                         char *text, size_t size);

/* ---- checking ------------------------------------------------------------ */

enum ordeal_verdict { /* also the exit codes of `ordeal check` */
                      ORDEAL_PASS = 0,
                      ORDEAL_VIOLATION = 1,
                      ORDEAL_UNKNOWN = 3, /* the budget did not suffice, or
                                             nothing to judge */
};

struct ordeal_check_options {
    uint64_t steps_max;         /* of a search; 0: 200 million */
    uint64_t memory_max;        /* bytes of the check; 0: 8 GiB */
    const char *const *options; /* name, value, name, value ..., NULL; or NULL:
                                   what a checker takes, `ordeal list checkers`
                                   tells */
};

struct ordeal_result;

/* checker: a name of ordeal_checker(); model: of ordeal_model(), NULL where the
 * checker takes none or shall choose.  options may be NULL. */
struct ordeal_result *ordeal_check(const struct ordeal_history *history,
                                   const char *checker, const char *model,
                                   const struct ordeal_check_options *options,
                                   char *error);
void ordeal_result_free(struct ordeal_result *result);

int ordeal_result_verdict(const struct ordeal_result *result);
/* One sentence that can be checked by hand. */
const char *ordeal_result_why(const struct ordeal_result *result);
/* Indexes of the events that prove it, ascending; how many. */
size_t ordeal_result_ops(const struct ordeal_result *result,
                         const int64_t **indexes);
/* How many violations were found in all. */
uint64_t ordeal_result_violations(const struct ordeal_result *result);
/* The key of the first violation as JSON; NULL: it has none. */
const char *ordeal_result_key(const struct ordeal_result *result);
/* A sentence about the i-th further violation; NULL beyond the last told. */
const char *ordeal_result_finding(const struct ordeal_result *result, size_t i);
/* Name (unit last) and value of the i-th figure; NULL beyond the last. */
const char *ordeal_result_stat(const struct ordeal_result *result, size_t i,
                               double *value);

/* The i-th checker or model by name, and what a pass claims (NULL allowed);
 * NULL beyond the last. */
const char *ordeal_checker(size_t i, const char **claim);
const char *ordeal_model(size_t i);

#ifdef __cplusplus
}
#endif

#endif
