/* param.h -- reading a workload's parameters; for harness/gen only. */
#ifndef ORD_GEN_PARAM_H
#define ORD_GEN_PARAM_H

#include "harness/gen/gen_build.h"
#include "harness/gen/workload.h"

/* A whole number in low..high, or ORD_EUSAGE saying so. */
int ord_param_count(const struct ord_workload_ops *ops,
                    const struct ord_workload_in *in, const char *name,
                    uint32_t low, uint32_t high, uint32_t *out,
                    struct ord_err *err);
/* A share: 0..1, or a percentage ("25%"); in ppm. */
int ord_param_share(const struct ord_workload_ops *ops,
                    const struct ord_workload_in *in, const char *name,
                    uint32_t *ppm, struct ord_err *err);
/* Every given name is one of the specs; ORD_EUSAGE lists them else. */
int ord_param_names(const struct ord_workload_ops *ops,
                    const struct ord_workload_in *in, struct ord_err *err);

/* True with a probability of ppm. */
static inline bool ord_param_hit(struct ord_rng *rng, uint32_t ppm)
{
    return ord_rng_below(rng, 1000000) < ppm;
}

/* A value that no other operation of the run writes: rises with the worker's
 * operations, from 1. */
static inline int64_t ord_unique_value(uint32_t worker_count, uint32_t worker,
                                       uint64_t number)
{
    return (int64_t)(number * worker_count + worker + 1);
}

/* The generator of a main phase: at the rate and for the time of `in`. */
struct ord_gen *ord_gen_paced(const struct ord_workload_in *in,
                              struct ord_gen *gen);
/* The same with the workers in step, and spread_ppm as there. */
struct ord_gen *ord_gen_paced_in_step(const struct ord_workload_in *in,
                                      struct ord_gen *gen, uint32_t spread_ppm);
/* Final reads of the keys first .. first+count-1, each from every node, dealt
 * out to the workers in turn. */
struct ord_gen *ord_gen_final_reads(const struct ord_gen_shape *shape,
                                    int64_t first, uint32_t count);

#endif
