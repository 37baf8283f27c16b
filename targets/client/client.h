/* client.h -- what a client program in C needs: PROTOCOL.md, done for it.
 *
 * A client program fills in a struct ord_client_ops and returns
 * ord_client_main() from its main().  The library reads the init line and one
 * operation after the other from standard input, calls invoke(), stamps, and
 * writes each answer with one write(2) to standard output, which belongs to
 * it alone: print to standard error only.  One thread, one operation at a
 * time; an operation without lists or escapes costs no allocation.
 *
 * Texts are borrowed, not zero-terminated unless said.
 */
#ifndef ORD_CLIENT_CLIENT_H
#define ORD_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/bytes.h"
#include "harness/base/err.h"

enum {
    ORD_CLIENT_NODES_MAX = 64,
    ORD_CLIENT_SETTINGS_MAX = 256,
    ORD_CLIENT_PARAMS_MAX = 16,
    ORD_CLIENT_LINE_MAX = 1 << 20,   /* bytes of a line from the harness */
    ORD_CLIENT_ANSWER_MAX = 4 << 20, /* bytes of an answer; more: not ok */
    ORD_CLIENT_ERROR_SIZE = 160,
    ORD_CLIENT_NO_NODE = -1,
};

enum ord_client_kind {
    ORD_CLIENT_NIL,
    ORD_CLIENT_INT,
    ORD_CLIENT_TEXT,
    ORD_CLIENT_LIST, /* of the three above; of lists of them in a TXN, and in
                        answers */
};

struct ord_client_value {
    uint8_t kind;
    uint32_t count; /* bytes of TEXT, items of LIST */
    union {
        int64_t number;
        const char *text;
        const struct ord_client_value *items;
    } as;
};

enum ord_client_f {
    ORD_CLIENT_READ,
    ORD_CLIENT_WRITE,
    ORD_CLIENT_CAS, /* value: a list [old, new], old may be NIL */
    ORD_CLIENT_ADD,
    ORD_CLIENT_APPEND,
    ORD_CLIENT_ENQUEUE,
    ORD_CLIENT_DEQUEUE,
    ORD_CLIENT_ACQUIRE,
    ORD_CLIENT_RELEASE,
    ORD_CLIENT_TRANSFER, /* value: a list of three numbers [from, to, amount] */
    ORD_CLIENT_GENERATE,
    ORD_CLIENT_TXN, /* value: a list of lists [f, key, value]: TEXT "r" and NIL,
                       or TEXT "w" and an INT or a TEXT */
    ORD_CLIENT_INSERT, /* into a table, unless something of the key is there */
    ORD_CLIENT_F_COUNT
};

enum ord_client_workload {
    ORD_CLIENT_REGISTER,
    ORD_CLIENT_SET,
    ORD_CLIENT_SESSIONS,
    ORD_CLIENT_LISTS,
    ORD_CLIENT_COUNTER,
    ORD_CLIENT_QUEUE,
    ORD_CLIENT_LOCK,
    ORD_CLIENT_BANK,
    ORD_CLIENT_UNIQUE_IDS,
    ORD_CLIENT_LONG_FORK, /* from here on: transactions of several reads */
    ORD_CLIENT_WRITE_SKEW,
    ORD_CLIENT_OTHER, /* a name that this library does not know */
};

/* INFO is 0: an answer that nobody filled in claims nothing. */
enum ord_client_type {
    ORD_CLIENT_INFO, /* nobody knows */
    ORD_CLIENT_OK,   /* it happened */
    ORD_CLIENT_FAIL, /* it surely did not */
};

struct ord_client_node {
    const char *name; /* zero-terminated */
    const char *ip;   /* zero-terminated */
};

struct ord_client_setting { /* zero-terminated both */
    const char *name;
    const char *value;
};

/* The first line.  Lives as long as the program. */
struct ord_client_init {
    struct ord_client_node nodes[ORD_CLIENT_NODES_MAX];
    int32_t node_count;
    int32_t home; /* the node that this client is told to talk to */
    int64_t worker;
    int64_t process;
    uint64_t seed;
    int64_t timeout_ms; /* for one operation; 1 .. 3,600,000 */
    enum ord_client_workload workload;
    const char *workload_name;
    struct ord_client_setting settings[ORD_CLIENT_SETTINGS_MAX];
    uint32_t setting_count;
    struct ord_client_setting params[ORD_CLIENT_PARAMS_MAX]; /* workload's */
    uint32_t param_count;
};

struct ord_client_op {
    int64_t id;
    enum ord_client_f f;
    struct ord_client_value key;   /* NIL: there is one object only */
    struct ord_client_value value; /* NIL for reads */
    int64_t session;               /* -1: none */
    int64_t device;                /* 0 unless said */
    int32_t node; /* ask this replica for its own state, or NO_NODE */
    bool is_final;
};

/* Starts zeroed apart from node, epoch and position (none).  Stamps of 0 are
 * filled in by the library: sent before invoke(), received after it. */
struct ord_client_done {
    enum ord_client_type type;
    bool has_value; /* else the invocation's value stands */
    struct ord_client_value value;
    int64_t sent_ns; /* CLOCK_MONOTONIC, just before the bytes left */
    int64_t received_ns;
    int32_t node;     /* who answered, or NO_NODE */
    int64_t epoch;    /* -1: not said */
    int64_t position; /* -1: not said */
    char error[ORD_CLIENT_ERROR_SIZE];
    struct ord_arena *arena; /* for lists and texts in value; emptied after */
};

struct ord_client_ops {
    const char *name; /* of the program, for its messages */
    void *context;    /* what *state starts as; may be NULL */
    /* init is borrowed for ever; *state is handed to the others.  On failure
     * the program prints the error and exits 64 (ORD_EUSAGE) or 1. */
    int (*open)(const struct ord_client_init *init, void **state,
                struct ord_err *err);
    /* Fills in done, within timeout_ms and a little. */
    void (*invoke)(void *state, const struct ord_client_op *op,
                   struct ord_client_done *done);
    void (*close)(void *state); /* may be NULL */
    /* The probes; NULL: the program has none and exits 64.  ip is what the
     * command line said. */
    bool (*ready)(const char *ip, int64_t deadline_ns);
    bool (*settled)(const char *ip, int64_t deadline_ns);
    bool (*primary)(const char *ip, int64_t deadline_ns, int64_t *epoch);
    /* Members of the cluster, asked at the node `via`: one line each, its ip
     * and " joining" if it does not count yet.  False: not known. */
    bool (*members)(const char *via, int64_t deadline_ns, struct ord_buf *out);
    /* Adds or removes node `index`; true once that is in force. */
    bool (*change)(const char *via, bool is_join, int64_t index, const char *ip,
                   int64_t deadline_ns);
};

/* The whole program.  Returns the exit code: 0 at the end of input, 64 for an
 * init line, a setting or an operation that is not PROTOCOL.md's. */
int ord_client_main(int argc, char **argv, const struct ord_client_ops *ops);

/* ---- helpers ----------------------------------------------------------- */

/* The setting's text, or preset when it was not given. */
const char *ord_client_setting(const struct ord_client_init *init,
                               const char *name, const char *preset);

/* A parameter of the workload as a number, or preset where it was not given or
 * is none. */
int64_t ord_client_param(const struct ord_client_init *init, const char *name,
                         int64_t preset);
/* Is this the worker's first process?  What is made once per run (tables,
 * accounts) is made then, so that it is not made again after it was lost. */
bool ord_client_is_first(const struct ord_client_init *init);

/* "ok", "fail", "info" with a reason, as printf. */
void ord_client_conclude(struct ord_client_done *done,
                         enum ord_client_type type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What an end concludes, eased: of a call that changed nothing either way INFO
 * may be told as FAIL.  type is a row of a client's own table. */
enum ord_client_type ord_client_eased(uint8_t type, bool changes);

/* Blocks for that long, at most a minute.  A client whose database refuses at
 * once pauses before it says so, or it would fill the history with refusals. */
void ord_client_pause(int64_t ms);

struct ord_client_value ord_client_int(int64_t number);
/* Borrows text. */
struct ord_client_value ord_client_text(struct ord_bytes text);
/* An INT where the text is a number as ord_buf_int() writes it, else TEXT. */
struct ord_client_value ord_client_scalar(struct ord_bytes text);

/* As ord_client_scalar(), of a copy that lives until the answer is written; an
 * empty TEXT without memory. */
struct ord_client_value ord_client_copied(const struct ord_client_done *done,
                                          struct ord_bytes text);
/* Both NIL, or the same bytes. */
bool ord_client_equal(const struct ord_client_value *a,
                      const struct ord_client_value *b);
/* "IP", or "IP:PORT" as tests have it; returns the port, preset if none is
 * said. */
enum { ORD_CLIENT_IP_SIZE = 64 };
int ord_client_address(const char *text, int preset,
                       char ip[ORD_CLIENT_IP_SIZE]);

enum { ORD_CLIENT_DIGITS_SIZE = 24 };
/* The bytes of a NIL (none), INT or TEXT; digits is used for an INT. */
struct ord_bytes ord_client_bytes(const struct ord_client_value *value,
                                  char digits[ORD_CLIENT_DIGITS_SIZE]);

#endif
