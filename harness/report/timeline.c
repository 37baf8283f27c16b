#include "harness/report/timeline.h"

#include "harness/report/json_out.h"
#include "harness/report/opview.h"

enum {
    FINDING_RADIUS = 24, /* events each side of what a finding names */
    KEY_OPS_MAX = 1500,  /* operations of the same key */
    FAULTS_ARENA_MAX = 8 << 20,
    SCRATCH_MAX = 64 << 10,
};

/* Which events to embed: one byte per event, set at invocations. */
struct choice {
    const struct ord_history *history;
    uint8_t *chosen;
    int64_t count; /* of events */
    uint32_t chosen_count;
};

static bool is_client_call(const struct ord_op *op)
{
    return op->type == ORD_OP_INVOKE && op->process != ORD_PROCESS_NEMESIS;
}

static void choose(struct choice *choice, int64_t index)
{
    const struct ord_op *op;

    if (index < 0 || index >= choice->count ||
        choice->chosen_count == ORD_TIMELINE_OPS_MAX)
        return;
    op = ord_history_op(choice->history, index);
    if (!is_client_call(op))
        op = ord_history_pair(choice->history, op);
    if (op == NULL || !is_client_call(op) || choice->chosen[op->index])
        return;
    choice->chosen[op->index] = 1;
    choice->chosen_count++;
}

static void choose_around(struct choice *choice, int64_t index, int64_t radius)
{
    for (int64_t d = 0; d <= radius; d++) {
        choose(choice, index - d);
        choose(choice, index + d);
    }
}

/* Operations of one key, from the evidence outwards. */
static void choose_key(struct choice *choice, const struct ord_value *key,
                       int64_t centre)
{
    uint32_t left = KEY_OPS_MAX;

    if (key->kind == ORD_NIL)
        return;
    for (int64_t d = 0; d < choice->count && left > 0; d++) {
        for (int side = -1; side <= 1; side += 2) {
            int64_t index = centre + side * d;
            const struct ord_op *op;

            if (index < 0 || index >= choice->count)
                continue;
            op = ord_history_op(choice->history, index);
            if (!is_client_call(op) || !ord_value_equal(&op->key, key))
                continue;
            choose(choice, index);
            left--;
        }
    }
}

static bool is_telling(const struct ord_check_result *check)
{
    return check->verdict.outcome != ORD_VALID && check->verdict.op_count > 0;
}

static void choose_evidence(struct choice *choice,
                            const struct ord_cell_result *cell)
{
    uint32_t named = 0;

    for (uint32_t i = 0; i < cell->check_count; i++) {
        const struct ord_verdict *verdict = &cell->checks[i].verdict;

        if (!is_telling(&cell->checks[i]))
            continue;
        for (uint32_t k = 0; k < verdict->op_count; k++)
            choose(choice, verdict->ops[k]);
        named += verdict->op_count;
    }
    for (uint32_t i = 0; i < cell->check_count; i++) {
        const struct ord_verdict *verdict = &cell->checks[i].verdict;

        if (!is_telling(&cell->checks[i]))
            continue;
        for (uint32_t k = 0; k < verdict->op_count; k++)
            choose_around(choice, verdict->ops[k],
                          ORD_TIMELINE_OPS_MAX / (3 * (int64_t)named));
        for (uint32_t k = 0; k < verdict->finding_count; k++)
            for (uint32_t n = 0; n < verdict->findings[k].op_count; n++)
                choose_around(choice, verdict->findings[k].ops[n],
                              FINDING_RADIUS);
        choose_key(choice, &verdict->key, verdict->ops[0]);
    }
}

/* Nothing was found: what happened about when the faults began. */
static void choose_faults(struct choice *choice,
                          const struct ord_fault_result *faults, uint32_t count)
{
    uint32_t at = 0;

    ORD_OPS (choice->history, op) {
        if (at == count)
            return;
        if (op->time_ns < faults[at].begin_ns)
            continue;
        choose_around(choice, op->index,
                      ORD_TIMELINE_OPS_MAX / (2 * (int64_t)count));
        at++;
    }
}

/* ---- the JSON ----------------------------------------------------------- */

static void out_bins(const struct ord_history *history, int64_t end_ns,
                     struct ord_buf *out)
{
    uint32_t bins[3][ORD_TIMELINE_BINS] = {0};
    static const char *const names[3] = {"ok", "fail", "info"};
    int64_t width = end_ns / ORD_TIMELINE_BINS + 1;

    ORD_OPS (history, op) {
        int64_t at = op->time_ns / width;

        if (op->process == ORD_PROCESS_NEMESIS || op->type == ORD_OP_INVOKE ||
            at < 0 || at >= ORD_TIMELINE_BINS)
            continue;
        bins[op->type - ORD_OP_OK][at]++;
    }
    ord_out_int(out, "bin_ns", width);
    ord_out_name(out, "bins");
    ord_buf_char(out, '{');
    for (int i = 0; i < 3; i++) {
        ord_out_name(out, names[i]);
        ord_buf_char(out, '[');
        for (int k = 0; k < ORD_TIMELINE_BINS; k++) {
            ord_out_next(out);
            ord_buf_int(out, bins[i][k]);
        }
        ord_buf_char(out, ']');
    }
    ord_buf_char(out, '}');
}

static void out_faults(const struct ord_fault_result *faults, uint32_t count,
                       struct ord_buf *out)
{
    ord_out_name(out, "faults");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (faults[i].begin_ns < 0)
            continue;
        ord_out_next(out);
        ord_buf_char(out, '{');
        ord_out_uint(out, "id", faults[i].id);
        ord_out_text(out, "fault", faults[i].fault);
        ord_out_text(out, "what", faults[i].what);
        ord_out_int(out, "begin", faults[i].begin_ns);
        ord_out_int(out, "end", faults[i].end_ns);
        ord_out_bool(out, "held", faults[i].held);
        ord_out_name(out, "nodes");
        ord_buf_char(out, '[');
        for (uint32_t k = 0; k < ORD_NODES_MAX; k++) {
            if ((faults[i].nodes >> k & 1) == 0)
                continue;
            ord_out_next(out);
            ord_buf_int(out, (int64_t)k + 1);
        }
        ord_buf_text(out, "]}");
    }
    ord_buf_char(out, ']');
}

/* [time, node, fault, text, is it off or fast?] */
static void out_clocks(const struct ord_history *history, struct ord_buf *out)
{
    struct ord_buf text;

    ord_buf_init(&text, SCRATCH_MAX);
    ord_out_name(out, "clocks");
    ord_buf_char(out, '[');
    ORD_OPS (history, op) {
        struct ord_clock_view clock;

        if (!ord_op_clock(op, &clock))
            continue;
        ord_buf_clear(&text);
        ord_clock_view_print(&clock, &text);
        ord_out_next(out);
        ord_buf_printf(out, "[%lld,%u,%u,", (long long)op->time_ns, op->node,
                       clock.fault_id);
        ord_buf_json(out, ord_buf_bytes(&text));
        ord_buf_printf(out, ",%d]",
                       clock.real_ns != 0 || clock.rate_ppm != 0 ||
                           clock.strobe_ns != 0);
    }
    ord_buf_char(out, ']');
    ord_buf_fini(&text);
}

/* [index, completion, process, node, type, begin, end, final, session, epoch,
 *  text, error] */
static void out_op(const struct ord_history *history, int64_t index,
                   struct ord_buf *scratch, struct ord_buf *out)
{
    struct ord_op_view view = ord_op_view_at(history, index);
    const struct ord_op *last =
        view.complete == NULL ? view.invoke : view.complete;

    ord_buf_clear(scratch);
    ord_op_view_print(&view, "\xe2\x86\x92", scratch);
    ord_out_next(out);
    ord_buf_printf(
        out, "[%lld,%lld,%lld,%u,%u,%lld,%lld,%d,%lld,%lld,",
        (long long)view.invoke->index,
        (long long)(view.complete == NULL ? ORD_NO_PAIR : last->index),
        (long long)view.invoke->process, view.node, view.type,
        (long long)view.begin_ns, (long long)view.end_ns, view.invoke->is_final,
        (long long)view.invoke->session, (long long)last->epoch);
    ord_buf_json(out, ord_buf_bytes(scratch));
    ord_buf_char(out, ',');
    ord_buf_json(out, ord_bytes_of(last->error == NULL ? "" : last->error));
    ord_buf_char(out, ']');
}

static void out_ops(const struct choice *choice, struct ord_buf *out)
{
    struct ord_buf scratch;

    ord_buf_init(&scratch, SCRATCH_MAX);
    ord_out_name(out, "ops");
    ord_buf_char(out, '[');
    for (int64_t i = 0; i < choice->count; i++)
        if (choice->chosen[i])
            out_op(choice->history, i, &scratch, out);
    ord_buf_char(out, ']');
    ord_buf_fini(&scratch);
}

static void out_evidence(const struct ord_cell_result *cell,
                         struct ord_buf *out)
{
    ord_out_name(out, "evidence");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < cell->check_count; i++) {
        const struct ord_verdict *verdict = &cell->checks[i].verdict;

        if (!is_telling(&cell->checks[i]))
            continue;
        ord_out_next(out);
        ord_buf_char(out, '{');
        ord_out_text(out, "check", cell->checks[i].name);
        ord_out_name(out, "ops");
        ord_buf_char(out, '[');
        for (uint32_t k = 0; k < verdict->op_count; k++) {
            ord_out_next(out);
            ord_buf_int(out, verdict->ops[k]);
        }
        ord_buf_text(out, "]}");
    }
    ord_buf_char(out, ']');
}

static void out_nodes(const struct ord_history *history, struct ord_buf *out)
{
    ord_out_name(out, "nodes");
    ord_buf_char(out, '[');
    for (uint32_t i = 1; i <= ord_history_node_count(history); i++) {
        ord_out_next(out);
        ord_buf_json(out,
                     ord_bytes_of(ord_history_node_name(history, (uint16_t)i)));
    }
    ord_buf_char(out, ']');
}

int ord_timeline_json(const struct ord_cell_result *cell,
                      const struct ord_history *history, struct ord_buf *out,
                      struct ord_err *err)
{
    const struct ord_fault_result *faults = cell->faults;
    uint32_t fault_count = cell->fault_count;
    struct choice choice = {.history = history,
                            .count = ord_history_count(history)};
    uint64_t calls = ord_op_counts_of(history).invoked;
    struct ord_arena arena;
    int64_t end_ns = 0;
    int rc = ORD_OK;

    ord_arena_init(&arena, FAULTS_ARENA_MAX + 2 * (size_t)choice.count);
    if (fault_count == 0)
        rc = ord_history_faults(history, &arena, &faults, &fault_count, err);
    choice.chosen = ord_arena_zalloc(&arena, (size_t)choice.count + 1, 1);
    if (rc == ORD_OK && choice.chosen == NULL)
        rc = ord_fail(err, ORD_ENOMEM, "no memory for %lld events",
                      (long long)choice.count);
    if (rc != ORD_OK)
        goto out;
    choose_evidence(&choice, cell);
    if (choice.chosen_count == 0 && fault_count > 0)
        choose_faults(&choice, faults, fault_count);
    if (choice.chosen_count == 0 || calls <= ORD_TIMELINE_OPS_MAX)
        choose_around(&choice, 0, choice.count);
    ORD_OPS (history, op)
        end_ns = op->time_ns > end_ns ? op->time_ns : end_ns;
    ord_buf_char(out, '{');
    out_nodes(history, out);
    ord_out_int(out, "end_ns", end_ns);
    ord_out_uint(out, "total", calls);
    out_bins(history, end_ns, out);
    out_faults(faults, fault_count, out);
    out_clocks(history, out);
    out_evidence(cell, out);
    out_ops(&choice, out);
    ord_buf_char(out, '}');
out:
    ord_arena_fini(&arena);
    return rc;
}
