/* nemesis.h -- faults: inject, heal, took_hold; and the schedule of them.
 *
 * A campaign's nemesis entries are planned before the run: the plan is a pure
 * function of the entries, the seed, the time and the number of nodes, and is
 * what `ordeal plan` prints.  Only what cannot be known beforehand (who leads,
 * when an event comes) is resolved when the fault is due.  The operator process
 * writes a fault to the ledger before it injects it; heal is idempotent and
 * works from the ledger's record alone; took_hold is asked just before healing
 * and measures whether the fault bit.
 */
#ifndef ORD_NEMESIS_NEMESIS_H
#define ORD_NEMESIS_NEMESIS_H

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/rng.h"
#include "histories/op.h"

enum { ORD_FAULT_PARAMS_MAX = 16, ORD_PLAN_MAX = 4096 };

struct ord_cluster; /* harness/control/cluster.h */
struct ord_fault_plan;
struct ord_plan_in;

/* One name=value of an entry; both are text, as in the campaign. */
struct ord_fault_param {
    const char *name;
    const char *value;
};

struct ord_fault_spec { /* what a fault understands */
    const char *name;
    const char *preset;
    const char *about; /* one line, with unit and range */
};

enum ord_trigger {
    ORD_AT_TIME,          /* at_ns after the main phase began */
    ORD_ON_LEADER_CHANGE, /* each time another node is the primary */
    ORD_ON_OPS,           /* once ops_count operations have completed */
};

/* One line of the campaign's nemesis list, parsed by harness/run. */
struct ord_nemesis_entry {
    const char *fault;                    /* "partition" */
    const struct ord_fault_param *params; /* shape: ..., delay: ... */
    uint32_t param_count;
    enum ord_trigger trigger;
    int64_t at_ns[16]; /* fixed times; at_count may be 0 */
    uint32_t at_count;
    int64_t every_low_ns, every_high_ns; /* random intervals; 0: not used */
    int64_t for_low_ns, for_high_ns;     /* duration; 0: until the final heal */
    uint64_t ops_count;
    int64_t delay_ns; /* after the event, for events */
    uint32_t line;    /* of the campaign file, for errors */
};

/* Directed links: is_set[from][to]. */
struct ord_link_set {
    bool is_set[ORD_PORTS_MAX][ORD_PORTS_MAX];
};

/* A planned fault.  Plain data: it is what the ledger holds, as JSON. */
struct ord_fault {
    uint32_t id;    /* from 1, unique in the run */
    uint32_t entry; /* index of its campaign entry */
    const struct ord_nemesis_ops *ops;
    const struct ord_fault_param *params;
    uint32_t param_count;
    enum ord_trigger trigger;
    int64_t at_ns;       /* ORD_AT_TIME */
    int64_t delay_ns;    /* events: wait so long after it */
    uint64_t ops_count;  /* ORD_ON_OPS */
    int64_t duration_ns; /* 0: until the final heal */
    uint64_t seed;       /* of this fault's own random stream */
    /* Known from plan() on, or from resolve() if needs_primary. */
    bool needs_primary;
    uint64_t nodes;             /* bit i-1 is node i: whom it is about */
    struct ord_link_set *links; /* links it acts on; NULL: not about links */
    char what[160];             /* "isolate n1", for people */
};

struct ord_fault_plan { /* ordered by time, events last */
    struct ord_fault *faults;
    uint32_t count;
};

struct ord_plan_in {
    struct ord_arena *arena; /* owns all of the plan */
    uint64_t seed;
    uint32_t node_count;
    int64_t time_ns; /* of the main phase: no fault begins after it */
};

/* What a fault in force needs to remember between inject and heal; in the
 * operator's memory.  Heal has to work from `fault` alone. */
struct ord_fault_state {
    const struct ord_fault *fault;
    struct ord_arena *arena;
    int64_t injected_ns;
    void *before; /* measurements taken by inject, for took_hold */
};

struct ord_nemesis_ops {
    const char *name;
    const char *about; /* what it does and what it models, one line */
    const struct ord_fault_spec *params; /* name == NULL at the end */
    /* Checks the entry's parameters and appends its faults (one per time; or
     * several, for rolling and swizzle) through ord_plan_add(). Pure. */
    int (*plan)(const struct ord_nemesis_entry *entry,
                const struct ord_plan_in *in, struct ord_fault_plan *out,
                struct ord_err *err);
    /* Fills in nodes, links and what, given the primary (1..64, 0: nobody says
     * that it is one: then choose by the fault's seed).  NULL: never needed. */
    int (*resolve)(struct ord_fault *fault, uint32_t node_count,
                   uint32_t primary, struct ord_err *err);
    int (*inject)(struct ord_cluster *cluster, struct ord_fault_state *state,
                  struct ord_err *err);
    /* Idempotent; never stops early. */
    int (*heal)(struct ord_cluster *cluster, struct ord_fault_state *state,
                struct ord_err *err);
    /* Asked just before heal: sets *held and writes one sentence with the
     * measurement that shows it. */
    int (*took_hold)(struct ord_cluster *cluster, struct ord_fault_state *state,
                     bool *held, struct ord_buf *evidence, struct ord_err *err);
};

/* All nemeses, NULL at the end; and by name (NULL: there is none). */
const struct ord_nemesis_ops *const *ord_nemeses(void);
const struct ord_nemesis_ops *ord_nemesis_find(const char *name);

/* The whole schedule of a cell.  Errors say entry, parameter and what was
 * expected (ORD_EUSAGE); the caller puts file and line in front. */
int ord_fault_plan(const struct ord_nemesis_entry *entries, uint32_t count,
                   const struct ord_plan_in *in, struct ord_fault_plan *out,
                   struct ord_err *err);
/* One fault as a line for people: `1.200s +800ms partition isolate n2`. */
void ord_fault_print(const struct ord_fault *fault, struct ord_buf *out);
/* One fault as a JSON object without line break, for ledger and plan --json. */
void ord_fault_to_json(const struct ord_fault *fault, struct ord_buf *out);

#endif
