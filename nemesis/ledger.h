/* ledger.h -- which faults were begun and which were healed, in a file.
 *
 * Append-only JSON lines, each written whole before what it announces is done:
 * {"event":"intent","time_ns":N,"fault":{...}}, then with "id" injected (or
 * failed, with "error"), held (true or false, with "evidence"), healed.  A
 * fault that was not begun has one line, not-begun, with fault and "error".  It
 * survives SIGKILL of the writer, not a power cut.  Times are since the start
 * of the run.
 */
#ifndef ORD_NEMESIS_LEDGER_H
#define ORD_NEMESIS_LEDGER_H

#include "nemesis/env.h"
#include "nemesis/nemesis.h"

struct ord_ledger;

/* Creates the file, or goes on at the end of one.  Owned by the caller. */
int ord_ledger_open(const char *path, struct ord_ledger **out,
                    struct ord_err *err);
void ord_ledger_close(struct ord_ledger **ledger);

int ord_ledger_intent(struct ord_ledger *ledger, int64_t time_ns,
                      const struct ord_fault *fault, struct ord_err *err);
int ord_ledger_injected(struct ord_ledger *ledger, int64_t time_ns, uint32_t id,
                        struct ord_err *err);
int ord_ledger_failed(struct ord_ledger *ledger, int64_t time_ns, uint32_t id,
                      const char *error, struct ord_err *err);
int ord_ledger_held(struct ord_ledger *ledger, int64_t time_ns, uint32_t id,
                    bool held, const char *evidence, struct ord_err *err);
int ord_ledger_healed(struct ord_ledger *ledger, int64_t time_ns, uint32_t id,
                      struct ord_err *err);

int ord_ledger_not_begun(struct ord_ledger *ledger, int64_t time_ns,
                         const struct ord_fault *fault, const char *why,
                         struct ord_err *err);

/* What the ledger says of one fault. */
struct ord_ledger_fault {
    struct ord_fault fault;
    int64_t intent_ns;
    int64_t injected_ns; /* -1: not known to have been */
    int64_t healed_ns;   /* -1: still owed */
    bool is_held;
    const char *evidence;  /* "" if it was not asked */
    const char *error;     /* of inject or heal; NULL: none */
    const char *not_begun; /* why it never began; NULL: it did */
};

struct ord_ledger_list {
    struct ord_ledger_fault *faults; /* in the order of their intents */
    uint32_t count;
    bool is_cut; /* the last line was not whole, and was left out */
};

enum { ORD_LEDGER_SIZE_MAX = 256 * 1024 * 1024 };

/* Reads a ledger into the arena.  ORD_EFORMAT names the line. */
int ord_ledger_read(const char *path, struct ord_arena *arena,
                    struct ord_ledger_list *out, struct ord_err *err);
/* Heals, from the ledger alone, what it still owes.  Never stops early: the
 * first error is returned. */
int ord_ledger_heal(const struct ord_ledger_list *list,
                    struct ord_nemesis_env *env, struct ord_arena *arena,
                    struct ord_err *err);

#endif
