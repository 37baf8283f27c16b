/* facts_times.c -- what succeeded, and how long nothing did, counted again. */
#include <stdlib.h>
#include <string.h>

#include "harness/verify/facts.h"

enum { FUNCTIONS_MAX = 8 }; /* that are told of */

struct function {
    const char *name;
    uint64_t ok, fail, info;
};

static struct function *function_of(struct function *all, uint32_t *count,
                                    const char *name)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    }
    if (*count == FUNCTIONS_MAX)
        return NULL;
    all[*count] = (struct function){.name = name};
    return &all[(*count)++];
}

static void fact_of(struct facts *f, const char *name, const char *what,
                    uint64_t value)
{
    const char *full = ord_arena_printf(f->v->scratch, "%s%s", name, what);

    if (full != NULL)
        ord_fact(f, full, (double)value);
}

void ord_recount_stats(struct facts *f)
{
    struct function all[FUNCTIONS_MAX];
    uint32_t count = 0;
    uint64_t ok = 0;

    ORD_OPS (f->v->history, op) {
        struct function *function;
        const struct ord_op *done;

        if (op->process < 0 || op->type != ORD_OP_INVOKE)
            continue;
        function = function_of(all, &count, op->name);
        done = ord_history_pair(f->v->history, op);
        if (function == NULL)
            continue;
        if (done == NULL || done->type == ORD_OP_INFO)
            function->info++;
        else if (done->type == ORD_OP_FAIL)
            function->fail++;
        else
            function->ok++;
    }
    for (uint32_t i = 0; i < count; i++) {
        ok += all[i].ok;
        fact_of(f, all[i].name, "_ok", all[i].ok);
        fact_of(f, all[i].name, "_fail", all[i].fail);
        fact_of(f, all[i].name, "_info", all[i].info);
        if (all[i].ok == 0)
            f->unknown = "some function never succeeded";
    }
    ord_fact(f, "ok", (double)ok);
    if (count == 0)
        f->unknown = "nothing was attempted";
}

/* ---- availability ------------------------------------------------------- */

struct group { /* reads, or writes */
    uint64_t attempts, ok;
    int64_t open;
    int64_t since; /* when this stall began; -1: there is none */
    int64_t last;  /* the last event */
    int64_t worst;
    bool has_any;
};

static struct group *group_of(struct group groups[2], const struct ord_op *op)
{
    if (op->f == ORD_F_OTHER)
        return NULL;
    return &groups[op->f != ORD_F_READ && op->f != ORD_F_GET];
}

static void stall_until(struct group *g, int64_t end)
{
    if (g->since >= 0 && end - g->since > g->worst)
        g->worst = end - g->since;
}

static void count_event(struct group *g, const struct ord_op *op)
{
    g->last = op->time_ns;
    g->has_any = true;
    if (op->type == ORD_OP_INVOKE) {
        g->attempts++;
        g->open++;
        g->since = g->since < 0 ? op->time_ns : g->since;
        return;
    }
    g->open--;
    if (op->type != ORD_OP_OK)
        return;
    g->ok++;
    stall_until(g, op->time_ns);
    g->since = g->open > 0 ? op->time_ns : -1;
}

static bool is_final(const struct facts *f, const struct ord_op *op)
{
    const struct ord_op *pair = ord_history_pair(f->v->history, op);

    return op->is_final || (pair != NULL && pair->is_final);
}

static double limit_of(const struct facts *f, const char *name)
{
    const struct claim *claim = f->v->claim;
    double limit = -1;

    for (uint32_t i = 0; i < claim->option_count; i++) {
        char number[64] = {0};
        struct ord_bytes value = claim->options[i].value;
        bool is_own = ord_bytes_is(claim->options[i].name, name);

        if ((!is_own && (limit >= 0 || !ord_bytes_is(claim->options[i].name,
                                                     "max_stall_ms"))) ||
            value.size >= sizeof number)
            continue;
        memcpy(number, value.at, value.size);
        limit = strtod(number, NULL);
        if (is_own)
            break;
    }
    return limit;
}

void ord_recount_availability(struct facts *f)
{
    static const char *const names[2][4] = {
        {"max_read_stall_ms", "read_attempts", "read_ok_share",
         "read_stall_max_ms"},
        {"max_write_stall_ms", "write_attempts", "write_ok_share",
         "write_stall_max_ms"}};
    struct group groups[2] = {{.since = -1}, {.since = -1}};
    int64_t window = 0;
    bool has_times = false;

    ORD_OPS (f->v->history, op) {
        struct group *g = group_of(groups, op);

        if (op->process < 0 || is_final(f, op))
            continue;
        if (op->type == ORD_OP_INVOKE)
            window = op->time_ns;
        if (g != NULL)
            count_event(g, op);
    }
    for (int i = 0; i < 2; i++) {
        struct group *g = &groups[i];
        double limit = limit_of(f, names[i][0]);
        double ms;

        stall_until(g, g->open == 0 && g->last < window ? g->last : window);
        ms = (double)g->worst / 1e6;
        has_times = has_times || (g->has_any && g->last >= 0);
        if (g->attempts == 0)
            continue;
        ord_fact(f, names[i][1], (double)g->attempts);
        ord_fact(f, names[i][2], (double)g->ok / (double)g->attempts);
        ord_fact(f, names[i][3], ms);
        f->violations += limit >= 0 && ms > limit;
    }
    f->blames_none = true; /* what did not happen has no operation */
    if (!has_times)
        f->unknown = "nothing was attempted, or it has no times";
}
