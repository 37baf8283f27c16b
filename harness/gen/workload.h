/* workload.h -- a workload names its generators, its final reads and its
 * checkers. */
#ifndef ORD_GEN_WORKLOAD_H
#define ORD_GEN_WORKLOAD_H

#include "harness/base/err.h"
#include "harness/gen/gen.h"

enum { ORD_WORKLOAD_CHECKERS_MAX = 16 };

struct ord_param { /* name and text of a setting, as the campaign gave it */
    const char *name;
    const char *value;
};

struct ord_param_spec { /* what a workload or a nemesis understands */
    const char *name;
    const char *preset; /* the default, as text */
    const char *about;  /* one line, with unit and range */
};

struct ord_workload_in {
    struct ord_gen_shape shape;
    int64_t time_ns;   /* how long the main phase lasts */
    double rate_per_s; /* of all workers together; 0: as fast as they can */
    const struct ord_param *params; /* only names of the workload's specs */
    uint32_t param_count;
    /* Operations that each worker has begun in the main phase, for the final
     * reads; NULL while planning (then none). */
    const uint64_t *done;
};

struct ord_workload {
    struct ord_gen *main;
    struct ord_gen *final; /* reads of every key from every replica; the run
                              may build it again for another round */
    const char *model;     /* for `linearizable`; NULL: none */
    const char *checkers[ORD_WORKLOAD_CHECKERS_MAX]; /* NULL at the end */
};

enum ord_kind_role {
    ORD_KIND_OTHER,
    ORD_KIND_READ,   /* stays in where a checker judges reads */
    ORD_KIND_CHANGE, /* of those, one stays in */
};

/* A kind of operation that swarm mode may leave out, and the parameter that
 * does it. */
struct ord_workload_kind {
    const char *name;  /* "cas" */
    const char *param; /* "cas" */
    const char *none;  /* "0" */
    enum ord_kind_role role;
};

struct ord_workload_ops {
    const char *name;
    const char *about;
    const struct ord_param_spec *params;   /* name == NULL at the end */
    const struct ord_workload_kind *kinds; /* likewise; NULL: there are none */
    int (*build)(const struct ord_workload_in *in, struct ord_workload *out,
                 struct ord_err *err);
};

const struct ord_workload_ops *const *ord_workloads(void); /* NULL at the end */
const struct ord_workload_ops *ord_workload_find(const char *name);
/* The parameter's text: as given, else the preset. */
const char *ord_workload_param(const struct ord_workload_ops *ops,
                               const struct ord_workload_in *in,
                               const char *name);

#endif
