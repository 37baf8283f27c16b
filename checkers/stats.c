/* stats.c -- counts, rates and latencies; no judgement.
 *
 * Measured:    per function ok, fail, info, and the latency of ok operations
 *              (p50, p99, max, in ms); ok per node; ok operations per second.
 * Claim:       every function that was attempted succeeded at least once.
 * Unknown:     one never did (such a run tested nothing of it), or nothing
 *              was attempted.  Never a violation.
 * Cost:        O(events log events) time, O(events) bytes.
 */
#include <stdlib.h>

#include "checkers/proof.h"
#include "checkers/registry.h"

enum { FUNCTIONS_MAX = 8, NODES_SHOWN_MAX = 8 };

struct function {
    const char *name;
    uint64_t ok;
    uint64_t fail;
    uint64_t info;
    int64_t *latencies; /* of ok, in ns */
    uint32_t room;
};

struct tally {
    struct function functions[FUNCTIONS_MAX];
    uint32_t count;
    uint64_t by_node[ORD_NODES_MAX + 1];
    uint64_t ok;
    int64_t first_ns;
    int64_t last_ns;
};

static bool same_text(const char *a, const char *b)
{
    return ord_bytes_equal(ord_bytes_of(a), ord_bytes_of(b));
}

/* NULL when there are more than FUNCTIONS_MAX. */
static struct function *function_of(struct tally *tally, const char *name)
{
    for (uint32_t i = 0; i < tally->count; i++) {
        if (same_text(tally->functions[i].name, name))
            return &tally->functions[i];
    }
    if (tally->count == FUNCTIONS_MAX)
        return NULL;
    tally->functions[tally->count].name = name;
    return &tally->functions[tally->count++];
}

static void count_call(struct tally *tally, struct function *function,
                       const struct ord_op *inv, const struct ord_op *done)
{
    if (done == NULL || done->type == ORD_OP_INFO) {
        function->info++;
        return;
    }
    if (done->type == ORD_OP_FAIL) {
        function->fail++;
        return;
    }
    ORD_ASSERT(done->type == ORD_OP_OK);
    ORD_ASSERT(function->ok < function->room);
    function->latencies[function->ok++] = done->time_ns - inv->time_ns;
    tally->ok++;
    if (done->node <= ORD_NODES_MAX)
        tally->by_node[done->node]++;
}

static int compare_ns(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void stat(const struct ord_check_in *in, struct ord_verdict *out,
                 const char *first, const char *second, double value)
{
    const char *name = ord_arena_printf(in->arena, "%s%s", first, second);

    if (name != NULL)
        ord_stat(out, name, value);
}

static void tell(const struct ord_check_in *in, struct ord_verdict *out,
                 struct function *function)
{
    uint64_t n = function->ok;
    const int64_t *ns = function->latencies;

    stat(in, out, function->name, "_ok", (double)function->ok);
    stat(in, out, function->name, "_fail", (double)function->fail);
    stat(in, out, function->name, "_info", (double)function->info);
    if (n == 0)
        return;
    qsort(function->latencies, n, sizeof *ns, compare_ns);
    stat(in, out, function->name, "_p50_ms", (double)ns[(n - 1) / 2] / 1e6);
    stat(in, out, function->name, "_p99_ms",
         (double)ns[(n - 1) * 99 / 100] / 1e6);
    stat(in, out, function->name, "_max_ms", (double)ns[n - 1] / 1e6);
}

static int gather(const struct ord_check_in *in, struct tally *tally,
                  struct ord_err *err)
{
    ORD_OPS (in->history, op) {
        struct function *function = NULL;

        if (op->process < 0)
            continue;
        tally->last_ns = op->time_ns;
        if (op->type != ORD_OP_INVOKE)
            continue;
        if (tally->first_ns < 0)
            tally->first_ns = op->time_ns;
        function = function_of(tally, op->name);
        if (function != NULL)
            function->room++;
    }
    for (uint32_t i = 0; i < tally->count; i++) {
        struct function *function = &tally->functions[i];

        function->latencies = ord_arena_zalloc(in->arena, function->room,
                                               sizeof *function->latencies);
        if (function->latencies == NULL)
            return ord_fail(err, ORD_ENOMEM, "no memory for latencies");
    }
    ORD_OPS (in->history, op) {
        struct function *function = NULL;

        if (op->process < 0 || op->type != ORD_OP_INVOKE)
            continue;
        function = function_of(tally, op->name);
        if (function != NULL)
            count_call(tally, function, op, ord_history_pair(in->history, op));
    }
    return ORD_OK;
}

static int stats_check(const struct ord_check_in *in, struct ord_verdict *out,
                       struct ord_err *err)
{
    struct tally tally = {.first_ns = -1};
    const char *never = NULL;
    double seconds = 0;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (gather(in, &tally, err) != ORD_OK)
        return err->rc;
    if (tally.count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "nothing was attempted");
    seconds = (double)(tally.last_ns - tally.first_ns) / 1e9;
    ord_stat(out, "ok", (double)tally.ok);
    if (seconds > 0)
        ord_stat(out, "ok_per_s", (double)tally.ok / seconds);
    for (uint32_t i = 0; i < tally.count; i++) {
        tell(in, out, &tally.functions[i]);
        if (tally.functions[i].ok == 0 && never == NULL)
            never = tally.functions[i].name;
    }
    for (uint16_t node = 1; node <= NODES_SHOWN_MAX; node++) {
        if (tally.by_node[node] > 0)
            stat(in, out, ord_history_node_name(in->history, node), "_ok",
                 (double)tally.by_node[node]);
    }
    if (never != NULL)
        return ord_conclude(out, ORD_UNKNOWN, "not one %s succeeded", never);
    return ord_conclude(out, ORD_VALID, "%llu operations succeeded, %.0f/s",
                        (unsigned long long)tally.ok,
                        seconds > 0 ? (double)tally.ok / seconds : 0.0);
}

const struct ord_checker ord_checker_stats = {
    .name = "stats",
    .claim = "every kind of operation succeeded at least once",
    .check = stats_check,
};
