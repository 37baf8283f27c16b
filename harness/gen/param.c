#include "harness/gen/param.h"

#include <stdio.h>
#include <string.h>

enum { PPM = 1000000 };

#define MEAN_NS_MAX 1e15 /* an operation in twelve days: none */

const char *ord_workload_param(const struct ord_workload_ops *ops,
                               const struct ord_workload_in *in,
                               const char *name)
{
    for (uint32_t i = 0; i < in->param_count; i++) {
        if (strcmp(in->params[i].name, name) == 0)
            return in->params[i].value;
    }
    for (uint32_t i = 0; ops->params[i].name != NULL; i++) {
        if (strcmp(ops->params[i].name, name) == 0)
            return ops->params[i].preset;
    }
    ord_assert_failed("a parameter of the workload's specs", __FILE__,
                      __LINE__);
}

int ord_param_names(const struct ord_workload_ops *ops,
                    const struct ord_workload_in *in, struct ord_err *err)
{
    for (uint32_t i = 0; i < in->param_count; i++) {
        const char *name = in->params[i].name;
        char list[512] = "";
        size_t size = 0;
        bool is_known = false;

        for (uint32_t k = 0; ops->params[k].name != NULL; k++) {
            is_known = is_known || strcmp(ops->params[k].name, name) == 0;
            if (size < sizeof list)
                size += (size_t)snprintf(list + size, sizeof list - size, " %s",
                                         ops->params[k].name);
        }
        if (!is_known)
            return ord_fail(err, ORD_EUSAGE,
                            "%s: no such parameter; workload %s has:%s", name,
                            ops->name, list);
    }
    return ORD_OK;
}

int ord_param_count(const struct ord_workload_ops *ops,
                    const struct ord_workload_in *in, const char *name,
                    uint32_t low, uint32_t high, uint32_t *out,
                    struct ord_err *err)
{
    const char *text = ord_workload_param(ops, in, name);
    struct ord_json json = {.at = text, .end = text + strlen(text)};
    int64_t value;

    ORD_ASSERT(low <= high);
    if (!ord_json_int(&json, &value) || !ord_json_done(&json) || value < low ||
        value > high)
        return ord_fail(err, ORD_EUSAGE,
                        "%s: %s: expected a whole number from %u to %u", name,
                        text, low, high);
    *out = (uint32_t)value;
    return ORD_OK;
}

int ord_param_share(const struct ord_workload_ops *ops,
                    const struct ord_workload_in *in, const char *name,
                    uint32_t *ppm, struct ord_err *err)
{
    const char *text = ord_workload_param(ops, in, name);
    size_t size = strlen(text);
    bool is_percent = size > 0 && text[size - 1] == '%';
    struct ord_json json = {.at = text, .end = text + size - is_percent};
    double value;

    if (!ord_json_real(&json, &value) || !ord_json_done(&json) || value < 0 ||
        value > (is_percent ? 100 : 1))
        return ord_fail(err, ORD_EUSAGE,
                        "%s: %s: expected a share from 0 to 1, or 0%% to 100%%",
                        name, text);
    *ppm = (uint32_t)(value * (is_percent ? PPM / 100 : PPM) + 0.5);
    return ORD_OK;
}

/* 0: as fast as they can. */
static int64_t mean_of(const struct ord_workload_in *in)
{
    double mean_ns = in->rate_per_s > 0 ? 1e9 / in->rate_per_s : 0;

    return (int64_t)(mean_ns > MEAN_NS_MAX ? MEAN_NS_MAX : mean_ns);
}

struct ord_gen *ord_gen_paced(const struct ord_workload_in *in,
                              struct ord_gen *gen)
{
    int64_t mean_ns = mean_of(in);

    if (mean_ns > 0)
        gen = ord_gen_stagger(&in->shape, gen, mean_ns);
    return ord_gen_time_limit(&in->shape, gen, in->time_ns);
}

struct ord_gen *ord_gen_paced_in_step(const struct ord_workload_in *in,
                                      struct ord_gen *gen, uint32_t spread_ppm)
{
    int64_t mean_ns = mean_of(in);

    if (mean_ns > 0)
        gen = ord_gen_in_step(&in->shape, gen, mean_ns, spread_ppm);
    return ord_gen_time_limit(&in->shape, gen, in->time_ns);
}

struct final_reads {
    int64_t first;
    uint32_t worker_count;
    uint32_t node_count;
};

static void final_read(const void *ctx, const struct ord_gen_draw *draw,
                       struct ord_op *op)
{
    const struct final_reads *reads = ctx;
    uint64_t place = draw->number * reads->worker_count + draw->worker;

    op->f = ORD_F_READ;
    op->key =
        ord_value_int(reads->first + (int64_t)(place / reads->node_count));
    op->node = (uint16_t)(place % reads->node_count + 1);
    op->is_final = true;
}

struct ord_gen *ord_gen_final_reads(const struct ord_gen_shape *shape,
                                    int64_t first, uint32_t count)
{
    struct final_reads *reads =
        ord_arena_zalloc(shape->arena, 1, sizeof *reads);

    ORD_ASSERT(shape->node_count >= 1);
    if (reads == NULL)
        return NULL;
    *reads = (struct final_reads){.first = first,
                                  .worker_count = shape->worker_count,
                                  .node_count = shape->node_count};
    return ord_gen_limit(shape, ord_gen_ops(shape, final_read, reads),
                         (uint64_t)count * shape->node_count);
}
