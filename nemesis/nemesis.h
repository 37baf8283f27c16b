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

enum { ORD_FAULT_PARAMS_MAX = 24, ORD_PLAN_MAX = 4096 };

struct ord_fault;
struct ord_fault_plan;
struct ord_nemesis_env; /* nemesis/env.h: cluster, how to start a node */
struct ord_occasion;
struct ord_plan_in;

#define ORD_NEVER INT64_MAX /* as a time */
#define ORD_PRIMARY_LATER UINT32_MAX
#define ORD_THAT_NODE "that node" /* whose event struck; or "that-node" */

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
    ORD_ON_LEADER_CHANGE, /* each time another node is the primary, unless a
                             fault of the same entry is still in force */
    ORD_ON_OPS,           /* once ops_count operations have completed */
    ORD_ON_LOG,           /* a node writes a line that matches `on` */
    ORD_ON_OP,            /* an operation `on` is invoked, or completes */
};

/* A parameter that is one of several texts: each seed draws its own. */
struct ord_choice {
    uint32_t param; /* index into the entry's parameters */
    const char *const *values;
    uint32_t count; /* 1 or more */
};

/* One line of the campaign's nemesis list, parsed by harness/run.  A fault
 * triggered by time with neither at nor every begins with the main phase. */
struct ord_nemesis_entry {
    const char *fault;                    /* "partition" */
    const struct ord_fault_param *params; /* shape: ..., delay: ... */
    uint32_t param_count;
    enum ord_trigger trigger;
    int64_t at_ns[16]; /* fixed times; at_count may be 0 */
    uint32_t at_count;
    int64_t every_low_ns, every_high_ns; /* random intervals, counted from the
                                            end of the one before; 0: none */
    int64_t for_low_ns, for_high_ns;     /* duration; 0: until the final heal */
    uint64_t ops_count;
    const char *on;      /* ORD_ON_LOG: a POSIX extended regular expression;
                            ORD_ON_OP: the operation's name, as "cas" */
    uint32_t op_types;   /* ORD_ON_OP: bit 1 << enum ord_op_type */
    int64_t cooldown_ns; /* ORD_ON_LOG, ORD_ON_OP: from one event that counts
                            to the next; 0: the first one only */
    int64_t delay_ns;    /* after the event, for events */
    const struct ord_choice *choices; /* before draw.h has looked at them */
    uint32_t choice_count;
    bool is_left_out; /* by swarm mode: nothing of it is planned */
    uint32_t line;    /* of the campaign file, for errors */
};

/* What a fault in force does to its nodes. */
enum ord_grip {
    ORD_GRIP_RUNS,   /* they go on, hampered or not */
    ORD_GRIP_DOWN,   /* nothing of them runs */
    ORD_GRIP_FROZEN, /* they stand still */
    ORD_GRIP_OUT,    /* they are no members of the cluster */
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
    const struct ord_fault_param *params; /* as given: not the presets */
    uint32_t param_count;
    enum ord_trigger trigger;
    int64_t at_ns;       /* ORD_AT_TIME */
    int64_t delay_ns;    /* events: wait so long after it */
    uint64_t ops_count;  /* ORD_ON_OPS */
    const char *on;      /* ORD_ON_LOG, ORD_ON_OP; NULL: none */
    int64_t cooldown_ns; /* of these */
    uint32_t that_node;  /* whose event it was; 0: not known (yet) */
    int64_t duration_ns; /* 0: until the final heal */
    uint64_t seed;       /* shared by the parts of one occasion */
    uint32_t part;       /* rolling and swizzle are many faults: which one, */
    uint32_t part_count; /* of how many; else 0 of 1 */
    /* Known from plan() on, or from resolve() if needs_primary. */
    bool needs_primary;
    bool needs_that;            /* some parameter is ORD_THAT_NODE */
    uint64_t nodes;             /* bit i-1 is node i: whom it is about */
    struct ord_link_set *links; /* links it acts on; NULL: not about links */
    char what[160];             /* "isolate n1", for people */
    uint32_t
        home_count; /* members at the beginning are 1..home_count; 0: all */
    const char *not_begun; /* the plan foresees that it must not begin, and says
                              why (overlap.h); NULL: it does not */
};

struct ord_fault_plan { /* ordered by time, events last */
    struct ord_fault *faults;
    uint32_t count;
};

struct ord_plan_in {
    struct ord_arena *arena; /* owns all of the plan */
    uint64_t seed;
    uint32_t node_count;
    int64_t time_ns;   /* of the main phase: no fault begins after it */
    uint32_t away_max; /* nodes down, frozen or out at once; 0: any number */
    uint32_t
        home_count; /* members at the beginning are 1..home_count; 0: all */
};

/* One time at which an entry strikes; plan() makes its fault(s) of it. */
struct ord_occasion {
    int64_t at_ns; /* after the main phase began, or after the event */
    int64_t duration_ns;
    uint64_t seed;
};

/* What a fault in force needs to remember between inject and heal; in the
 * operator's memory.  Heal has to work from `fault` alone. */
struct ord_fault_state {
    const struct ord_fault *fault;
    struct ord_arena *arena;
    int64_t injected_ns;
    int64_t step_ns; /* when step() is due next; ORD_NEVER: not at all */
    void *before;    /* measurements taken by inject, for took_hold */
};

struct ord_nemesis_ops {
    const char *name;
    const char *about; /* what it does and what it models, one line */
    const struct ord_fault_spec *params; /* name == NULL at the end */
    /* Checks values and combinations of the entry's parameters (names are
     * checked) against the number of nodes.  Pure. */
    int (*check)(const struct ord_nemesis_entry *entry, uint32_t node_count,
                 struct ord_err *err);
    /* Appends the fault(s) of one occasion through ord_plan_add(); NULL: one
     * fault that lasts as long as the occasion.  Pure. */
    int (*plan)(const struct ord_nemesis_entry *entry,
                const struct ord_occasion *when, const struct ord_plan_in *in,
                struct ord_fault_plan *out, struct ord_err *err);
    /* Does this fault have to know who the primary is? */
    bool (*needs_primary)(const struct ord_fault *fault);
    /* Fills in nodes, links (if not NULL) and what, given the primary (1..64,
     * 0: nobody says that it is one: then chosen by the fault's seed;
     * ORD_PRIMARY_LATER: this is planning, and if the fault needs it only
     * `what` is wanted).  Pure: the same fault and primary give the same. */
    int (*resolve)(struct ord_fault *fault, uint32_t node_count,
                   uint32_t primary, struct ord_err *err);
    bool is_about_links; /* resolve() wants fault->links */
    int (*inject)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                  struct ord_err *err);
    /* NULL, or what goes on while the fault is in force: called once
     * state->step_ns is reached, which it sets anew; also when that is the
     * moment of its end.  An error is told when the fault ends. */
    int (*step)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                int64_t now_ns, struct ord_err *err);
    /* Idempotent; never stops early. */
    int (*heal)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                struct ord_err *err);
    /* Asked just before heal: sets *held and writes one sentence with the
     * measurement that shows it. */
    int (*took_hold)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     bool *held, struct ord_buf *evidence, struct ord_err *err);

    /* Another fault has undone it: it ends at once.  May be left out. */
    bool (*is_over)(const struct ord_nemesis_env *env,
                    const struct ord_fault_state *state);
    /* ---- beside other faults (overlap.h); all may be left out ---- */
    enum ord_grip (*grip)(const struct ord_fault *fault); /* NULL: RUNS */
    bool wants_running; /* does nothing to a node that is down or frozen */
    /* Of faults with the same word only one may be in force at a node. */
    const char *excludes;
    /* A program that ends by itself while this is in force at its node, or just
     * after, does so because of it; it is started again afterwards. */
    bool may_crash;
    bool (*may_crash_of)(const struct ord_fault *fault); /* or, by fault */
    /* Needs a target that knows how its members change (env->members). */
    bool changes_members;

    /* ---- what it takes, besides a sandbox; may be left out ---- */
    const char *needs;       /* "/dev/fuse", one line */
    const char *asks_target; /* a command that target.yaml has to have, besides
                                `primary` */
    /* Can it work on this machine, for this user? Asked before a run, outside
     * of its sandbox; milliseconds.  entry NULL: with presets.  The error says
     * what is missing and how to get it. */
    int (*probe)(const struct ord_nemesis_entry *entry, struct ord_err *err);
};

/* All nemeses, NULL at the end; and by name (NULL: there is none). */
const struct ord_nemesis_ops *const *ord_nemeses(void);
const struct ord_nemesis_ops *ord_nemesis_find(const char *name);

/* The whole schedule of a cell.  Errors say entry, parameter and what was
 * expected (ORD_EUSAGE); the caller puts file and line (entry->line) in front:
 * *bad_entry (may be NULL) is the index of the entry at fault. */
int ord_fault_plan(const struct ord_nemesis_entry *entries, uint32_t count,
                   const struct ord_plan_in *in, struct ord_fault_plan *out,
                   uint32_t *bad_entry, struct ord_err *err);
/* For plan(): a new fault at `when` with part 0 of 1, zeroed else.  NULL with
 * err written beyond ORD_PLAN_MAX or without memory. */
struct ord_fault *ord_plan_add(struct ord_fault_plan *out,
                               const struct ord_nemesis_entry *entry,
                               const struct ord_occasion *when,
                               const struct ord_plan_in *in,
                               struct ord_err *err);
/* The probe of the entry's fault: ORD_OK if it has none. */
int ord_nemesis_probe(const struct ord_nemesis_entry *entry,
                      struct ord_err *err);
/* One fault as a line for people: `1.200s +800ms partition isolate n2`. */
void ord_fault_print(const struct ord_fault *fault, struct ord_buf *out);
/* One fault as a JSON object without line break, for ledger and plan --json. */
void ord_fault_to_json(const struct ord_fault *fault, struct ord_buf *out);
/* And back, into the arena.  ORD_EFORMAT, ORD_ENOMEM. */
int ord_fault_from_json(struct ord_bytes json, struct ord_arena *arena,
                        struct ord_fault *out, struct ord_err *err);

#endif
