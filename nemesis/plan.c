#include "nemesis/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/overlap.h"

static int check_names(const struct ord_nemesis_entry *entry,
                       const struct ord_nemesis_ops *ops, struct ord_err *err)
{
    if (entry->param_count > ORD_FAULT_PARAMS_MAX)
        return ord_fail(err, ORD_EUSAGE, "%s: expected at most %d parameters",
                        ops->name, ORD_FAULT_PARAMS_MAX);
    for (uint32_t i = 0; i < entry->param_count; i++) {
        const char *name = entry->params[i].name;
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
                            "%s: %s: no such parameter; expected one of:%s",
                            ops->name, name, list);
    }
    return ORD_OK;
}

bool ord_is_that_node(const char *text)
{
    return strcmp(text, ORD_THAT_NODE) == 0 || strcmp(text, "that-node") == 0;
}

static bool needs_that(const struct ord_fault_param *params, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ord_is_that_node(params[i].value))
            return true;
    }
    return false;
}

/* An event has a node only if it is somebody's. */
static int check_that(const struct ord_nemesis_entry *entry,
                      struct ord_err *err)
{
    if (!needs_that(entry->params, entry->param_count) ||
        entry->trigger == ORD_ON_LOG || entry->trigger == ORD_ON_OP ||
        entry->trigger == ORD_ON_LEADER_CHANGE)
        return ORD_OK;
    return ord_fail(err, ORD_EUSAGE,
                    "%s: that node: expected only with an `on` that has a "
                    "node: log, op or leader-change",
                    entry->fault);
}

static int check_times(const struct ord_nemesis_entry *entry,
                       struct ord_err *err)
{
    if (entry->every_low_ns > entry->every_high_ns || entry->every_low_ns < 0 ||
        entry->for_low_ns > entry->for_high_ns || entry->for_low_ns < 0 ||
        entry->delay_ns < 0 || entry->at_count > 16)
        return ord_fail(err, ORD_EUSAGE,
                        "%s: every, for: expected durations, the lower first",
                        entry->fault);
    if (entry->every_high_ns > 0 && entry->for_high_ns == 0)
        return ord_fail(err, ORD_EUSAGE,
                        "%s: every: needs `for`, or the fault would never end",
                        entry->fault);
    if (entry->every_high_ns > 0 && entry->at_count > 0)
        return ord_fail(err, ORD_EUSAGE,
                        "%s: at, every: expected one of the two", entry->fault);
    if (entry->trigger != ORD_AT_TIME &&
        (entry->every_high_ns > 0 || entry->at_count > 0))
        return ord_fail(err, ORD_EUSAGE,
                        "%s: on: expected no at or every beside it",
                        entry->fault);
    if (entry->trigger == ORD_AT_TIME && entry->delay_ns > 0)
        return ord_fail(err, ORD_EUSAGE, "%s: after: expected only with `on`",
                        entry->fault);
    for (uint32_t i = 0; i < entry->at_count; i++) {
        if (entry->at_ns[i] < 0)
            return ord_fail(err, ORD_EUSAGE,
                            "%s: at: expected a time after the start",
                            entry->fault);
    }
    return ORD_OK;
}

struct ord_fault *ord_plan_add(struct ord_fault_plan *out,
                               const struct ord_nemesis_entry *entry,
                               const struct ord_occasion *when,
                               const struct ord_plan_in *in,
                               struct ord_err *err)
{
    struct ord_fault *fault;

    if (out->count >= ORD_PLAN_MAX) {
        (void)ord_fail(err, ORD_ELIMIT, "%s: more than %d faults in one run",
                       entry->fault, ORD_PLAN_MAX);
        return NULL;
    }
    if (out->faults == NULL)
        out->faults = ord_arena_zalloc(in->arena, ORD_PLAN_MAX, sizeof *fault);
    if (out->faults == NULL) {
        (void)ord_fail(err, ORD_ENOMEM, "%s: no memory for the plan",
                       entry->fault);
        return NULL;
    }
    fault = &out->faults[out->count++];
    *fault = (struct ord_fault){
        .home_count = in->home_count,
        .ops = ord_nemesis_find(entry->fault),
        .params = entry->params,
        .param_count = entry->param_count,
        .trigger = entry->trigger,
        .at_ns = entry->trigger == ORD_AT_TIME ? when->at_ns : 0,
        .delay_ns = entry->trigger == ORD_AT_TIME ? 0 : when->at_ns,
        .ops_count = entry->trigger == ORD_ON_OPS ? entry->ops_count : 0,
        .on = entry->on,
        .cooldown_ns = entry->cooldown_ns,
        .duration_ns = when->duration_ns,
        .seed = when->seed,
        .part_count = 1,
    };
    return fault;
}

int ord_fault_resolve(struct ord_fault *fault, struct ord_arena *arena,
                      uint32_t node_count, uint32_t primary,
                      struct ord_err *err)
{
    if (fault->ops->is_about_links && fault->links == NULL)
        fault->links = ord_arena_alloc(arena, sizeof *fault->links);
    if (fault->ops->is_about_links && fault->links == NULL)
        return ord_fail(err, ORD_ENOMEM, "%s: no memory for links",
                        fault->ops->name);
    if (fault->links != NULL)
        *fault->links = (struct ord_link_set){0};
    fault->nodes = 0;
    if (primary != ORD_PRIMARY_LATER && fault->needs_that &&
        fault->that_node == 0)
        return ord_fail(err, ORD_EUSAGE, "%s: nobody knows which node it was",
                        fault->ops->name);
    if (fault->ops->resolve(fault, node_count, primary, err) != ORD_OK)
        return err->rc;
    if (primary == ORD_PRIMARY_LATER &&
        (fault->needs_primary || fault->needs_that)) {
        fault->nodes = 0;
        fault->links = NULL;
    } else if (primary == 0 && fault->needs_primary) {
        size_t size = strlen(fault->what);

        (void)snprintf(fault->what + size, sizeof fault->what - size,
                       " (nobody says it leads)");
    }
    return ORD_OK;
}

/* The faults of one time at which an entry strikes. */
static int add_occasion(const struct ord_nemesis_entry *entry, uint32_t index,
                        const struct ord_occasion *when,
                        const struct ord_plan_in *in,
                        struct ord_fault_plan *out, struct ord_err *err)
{
    const struct ord_nemesis_ops *ops = ord_nemesis_find(entry->fault);
    uint32_t first = out->count;

    if (ops->plan != NULL && ops->plan(entry, when, in, out, err) != ORD_OK)
        return err->rc;
    if (ops->plan == NULL && ord_plan_add(out, entry, when, in, err) == NULL)
        return err->rc;
    for (uint32_t i = first; i < out->count; i++) {
        struct ord_fault *fault = &out->faults[i];

        fault->entry = index;
        fault->needs_primary =
            ops->needs_primary != NULL && ops->needs_primary(fault);
        fault->needs_that = needs_that(fault->params, fault->param_count);
        if (ord_fault_resolve(fault, in->arena, in->node_count,
                              ORD_PRIMARY_LATER, err) != ORD_OK)
            return ord_wrap(err, "%s", ops->name);
    }
    return ORD_OK;
}

static int plan_entry(const struct ord_nemesis_entry *entry, uint32_t index,
                      const struct ord_plan_in *in, struct ord_fault_plan *out,
                      struct ord_err *err)
{
    struct ord_rng rng = ord_rng_stream(in->seed, "nemesis", index);
    bool is_every = entry->trigger == ORD_AT_TIME && entry->every_high_ns > 0;
    struct ord_occasion when = {0};

    for (uint32_t i = 0; i <= ORD_PLAN_MAX; i++) { /* the last add fails */
        when.seed = ord_rng_next(&rng);
        if (is_every)
            when.at_ns +=
                ord_rng_range(&rng, entry->every_low_ns, entry->every_high_ns);
        else if (entry->trigger != ORD_AT_TIME)
            when.at_ns = entry->delay_ns;
        else if (entry->at_count > 0)
            when.at_ns = entry->at_ns[i];
        when.duration_ns =
            ord_rng_range(&rng, entry->for_low_ns, entry->for_high_ns);
        if (is_every && when.at_ns >= in->time_ns)
            break;
        if (entry->trigger == ORD_AT_TIME && when.at_ns >= in->time_ns)
            return ord_fail(err, ORD_EUSAGE,
                            "%s: at: %" PRId64 "ms: expected less than the "
                            "%" PRId64 "ms of the run",
                            entry->fault, when.at_ns / ORD_MS,
                            in->time_ns / ORD_MS);
        if (add_occasion(entry, index, &when, in, out, err) != ORD_OK)
            return err->rc;
        /* The next interval begins when this one is over. */
        if (is_every)
            when.at_ns += when.duration_ns;
        else if (i + 1 >= entry->at_count)
            break;
    }
    return ORD_OK;
}

static int by_time(const void *a, const void *b)
{
    const struct ord_fault *x = a, *y = b;

    if ((x->trigger == ORD_AT_TIME) != (y->trigger == ORD_AT_TIME))
        return x->trigger == ORD_AT_TIME ? -1 : 1;
    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

int ord_plan_check(const struct ord_nemesis_entry *entry,
                   const struct ord_plan_in *in, struct ord_err *err)
{
    const struct ord_nemesis_ops *ops = ord_nemesis_find(entry->fault);
    char list[256] = "";
    size_t size = 0;

    if (ops != NULL) {
        if (check_names(entry, ops, err) != ORD_OK ||
            check_times(entry, err) != ORD_OK ||
            check_that(entry, err) != ORD_OK)
            return err->rc;
        if (ops->check(entry, in->node_count, err) != ORD_OK)
            return ord_wrap(err, "%s", ops->name);
        return ORD_OK;
    }
    for (uint32_t i = 0; ord_nemeses()[i] != NULL && size < sizeof list; i++)
        size += (size_t)snprintf(list + size, sizeof list - size, " %s",
                                 ord_nemeses()[i]->name);
    return ord_fail(err, ORD_EUSAGE, "%s: no such fault; expected one of:%s",
                    entry->fault, list);
}

int ord_fault_plan(const struct ord_nemesis_entry *entries, uint32_t count,
                   const struct ord_plan_in *in, struct ord_fault_plan *out,
                   uint32_t *bad_entry, struct ord_err *err)
{
    ORD_ASSERT(in->node_count >= 1);
    ORD_ASSERT(in->node_count <= ORD_NODES_MAX);
    *out = (struct ord_fault_plan){0};
    for (uint32_t i = 0; i < count; i++) {
        if (ord_plan_check(&entries[i], in, err) == ORD_OK &&
            (entries[i].is_left_out ||
             plan_entry(&entries[i], i, in, out, err) == ORD_OK))
            continue;
        if (bad_entry != NULL)
            *bad_entry = i;
        return err->rc;
    }
    /* Numbers in the order of the entries make the sort stable. */
    for (uint32_t i = 0; i < out->count; i++)
        out->faults[i].id = i + 1;
    if (out->count > 0)
        qsort(out->faults, out->count, sizeof *out->faults, by_time);
    for (uint32_t i = 0; i < out->count; i++)
        out->faults[i].id = i + 1;
    return ord_plan_overlaps(out, in, err);
}

int ord_nemesis_probe(const struct ord_nemesis_entry *entry,
                      struct ord_err *err)
{
    const struct ord_nemesis_ops *ops = ord_nemesis_find(entry->fault);

    ORD_ASSERT(ops != NULL);
    if (ops->probe == NULL || ops->probe(entry, err) == ORD_OK)
        return ORD_OK;
    return ord_wrap(err, "%s cannot work here", ops->name);
}

void ord_fault_print(const struct ord_fault *fault, struct ord_buf *out)
{
    int64_t ms = fault->at_ns / ORD_MS;

    if (fault->trigger == ORD_AT_TIME)
        ord_buf_printf(out, "%" PRId64 ".%03" PRId64 "s", ms / 1000, ms % 1000);
    else if (fault->trigger == ORD_ON_OPS)
        ord_buf_printf(out, "after %" PRIu64 " operations", fault->ops_count);
    else if (fault->trigger == ORD_ON_LEADER_CHANGE)
        ord_buf_text(out, "on leader change");
    else
        ord_buf_printf(out, "%s %s %s",
                       fault->cooldown_ns > 0 ? "at each" : "on",
                       fault->trigger == ORD_ON_LOG ? "log" : "op", fault->on);
    if (fault->delay_ns > 0)
        ord_buf_printf(out, " and %" PRId64 "ms", fault->delay_ns / ORD_MS);
    if (fault->duration_ns > 0)
        ord_buf_printf(out, " +%" PRId64 "ms", fault->duration_ns / ORD_MS);
    else
        ord_buf_text(out, " until the end");
    ord_buf_printf(out, " %s %s", fault->ops->name, fault->what);
    if (fault->not_begun != NULL)
        ord_buf_printf(out, " (not begun: %s)", fault->not_begun);
}
