#include "harness/run/plan.h"

#include <stdio.h>

#include "harness/base/clock.h"
#include "harness/run/swarm.h"

static const size_t ARENA_SIZE_MAX = (size_t)1 << 30;

/* ---- the operations of a worker: asked as if each were done at once --------
 */

typedef void put_op(const struct ord_op *op, int64_t time_ns, uint32_t number,
                    struct ord_buf *out);

static void walk_worker(const struct ord_cell *cell, struct ord_gen *gen,
                        uint32_t worker, uint32_t ops_max, put_op *put,
                        struct ord_buf *out)
{
    struct ord_gen_ask ask = {.worker = worker};
    uint32_t done = 0;

    while (done < ops_max && ask.time_ns < cell->time_ns) {
        struct ord_op op = {
            .session = ORD_NONE, .epoch = ORD_NONE, .position = ORD_NONE};
        int64_t until_ns = 0;
        enum ord_gen_answer answer = ord_gen_ask(gen, &ask, &op, &until_ns);

        if (answer == ORD_GEN_DONE)
            return;
        if (answer == ORD_GEN_WAIT) {
            ask.time_ns =
                until_ns > ask.time_ns ? until_ns : ask.time_ns + ORD_MS;
            continue;
        }
        put(&op, ask.time_ns, done++, out);
        op.type = ORD_OP_OK;
        ord_gen_update(gen, &ask, &op);
    }
}

static void put_op_text(const struct ord_op *op, int64_t time_ns,
                        uint32_t number, struct ord_buf *out)
{
    ord_buf_printf(out, "    %4u  %8.3f s  %s", number, (double)time_ns / 1e9,
                   op->name);
    if (op->key.kind != ORD_NIL) {
        ord_buf_text(out, " k");
        ord_value_to_edn(&op->key, out);
    }
    if (op->value.kind != ORD_NIL) {
        ord_buf_char(out, ' ');
        ord_value_to_edn(&op->value, out);
    }
    if (op->session != ORD_NONE)
        ord_buf_printf(out, "  user %lld device %u", (long long)op->session,
                       op->device);
    ord_buf_char(out, '\n');
}

static void put_op_json(const struct ord_op *op, int64_t time_ns,
                        uint32_t number, struct ord_buf *out)
{
    ord_buf_printf(out, "%s{\"at_ns\":%lld,\"f\":\"%s\"", number > 0 ? "," : "",
                   (long long)time_ns, op->name);
    if (op->key.kind != ORD_NIL) {
        ord_buf_text(out, ",\"key\":");
        ord_value_to_json(&op->key, out);
    }
    if (op->value.kind != ORD_NIL) {
        ord_buf_text(out, ",\"value\":");
        ord_value_to_json(&op->value, out);
    }
    if (op->session != ORD_NONE)
        ord_buf_printf(out, ",\"session\":%lld,\"device\":%u",
                       (long long)op->session, op->device);
    ord_buf_char(out, '}');
}

/* ---- text
 * --------------------------------------------------------------------- */

static void put_head_text(const struct ord_cell *cell, struct ord_buf *out)
{
    ord_buf_printf(out, "cell %s  seed %llu  %s\n", cell->id,
                   (unsigned long long)cell->seed, cell->about);
    ord_buf_printf(out,
                   "  target %s, %u nodes, %u clients, workload %s, %.1f s",
                   cell->target->name, cell->node_count, cell->client_count,
                   cell->workload->name, (double)cell->time_ns / 1e9);
    if (cell->rate_per_s > 0)
        ord_buf_printf(out, ", %g op/s", cell->rate_per_s);
    ord_buf_char(out, '\n');
    if (cell->start_count < cell->node_count)
        ord_buf_printf(out, "  n1 to n%u are members at the beginning\n",
                       cell->start_count);
    if (cell->away_max > 0)
        ord_buf_printf(out, "  at most %u nodes down, frozen or out at once\n",
                       cell->away_max);
    for (uint32_t i = 0; i < cell->setting_count; i++)
        ord_buf_printf(out, "  %s = %s\n", cell->settings[i].name,
                       cell->settings[i].value);
    for (uint32_t i = 0; i < cell->check_count; i++)
        ord_buf_printf(
            out, "  check %s%s%s: expect %s\n", cell->checks[i].checker->name,
            cell->checks[i].model != NULL ? " " : "",
            cell->checks[i].model != NULL ? cell->checks[i].model : "",
            ord_expected_name(cell->checks[i].expected));
    if (cell->liveness != ORD_EXPECT_PASS)
        ord_buf_printf(out, "  liveness: expect %s\n",
                       ord_expected_name(cell->liveness));
}

int ord_plan_cell_text(const struct ord_cell *cell, uint32_t ops_per_worker,
                       struct ord_buf *out, struct ord_err *err)
{
    struct ord_arena arena;
    struct ord_workload workload;
    struct ord_fault_plan faults = {0};
    int rc;

    ord_arena_init(&arena, ARENA_SIZE_MAX);
    rc = ord_cell_workload(cell, &arena, NULL, &workload, err);
    if (rc == ORD_OK)
        rc = ord_cell_faults(cell, &arena, &faults, err);
    if (rc == ORD_OK) {
        put_head_text(cell, out);
        ord_swarm_print(cell, out);
        ord_buf_printf(out, "  faults: %u\n", faults.count);
        for (uint32_t i = 0; i < faults.count; i++) {
            ord_buf_text(out, "    ");
            ord_fault_print(&faults.faults[i], out);
            ord_buf_char(out, '\n');
        }
        for (uint32_t i = 0; i < cell->client_count && ops_per_worker > 0;
             i++) {
            ord_buf_printf(out, "  worker %u\n", i);
            walk_worker(cell, workload.main, i, ops_per_worker, put_op_text,
                        out);
        }
    }
    ord_arena_fini(&arena);
    return rc;
}

/* ---- JSON
 * ----------------------------------------------------------------------- */

static void put_text_member(struct ord_buf *out, const char *name,
                            const char *text)
{
    ord_buf_printf(out, ",\"%s\":", name);
    ord_buf_json(out, ord_bytes_of(text));
}

static void put_head_json(const struct ord_cell *cell, struct ord_buf *out)
{
    ord_buf_text(out, "{\"ordeal\":1,\"kind\":\"plan\"");
    put_text_member(out, "campaign", cell->campaign);
    put_text_member(out, "cell", cell->id);
    put_text_member(out, "about", cell->about);
    put_text_member(out, "target", cell->target->name);
    put_text_member(out, "workload", cell->workload->name);
    ord_buf_printf(out,
                   ",\"seed\":%llu,\"nodes\":%u,\"clients\":%u,\"time_ns\":"
                   "%lld,\"timeout_ns\":%lld,\"settle_ns\":%lld,\"rate\":%g",
                   (unsigned long long)cell->seed, cell->node_count,
                   cell->client_count, (long long)cell->time_ns,
                   (long long)cell->timeout_ns, (long long)cell->settle_ns,
                   cell->rate_per_s);
    if (cell->liveness != ORD_EXPECT_PASS)
        put_text_member(out, "liveness", ord_expected_name(cell->liveness));
    if (cell->start_count < cell->node_count)
        ord_buf_printf(out, ",\"start_with\":%u", cell->start_count);
    if (cell->away_max > 0)
        ord_buf_printf(out, ",\"away_max\":%u", cell->away_max);
    ord_buf_text(out, ",\"settings\":{");
    for (uint32_t i = 0; i < cell->setting_count; i++) {
        if (i > 0)
            ord_buf_char(out, ',');
        ord_buf_json(out, ord_bytes_of(cell->settings[i].name));
        ord_buf_char(out, ':');
        ord_buf_json(out, ord_bytes_of(cell->settings[i].value));
    }
    ord_buf_text(out, "},\"checks\":[");
    for (uint32_t i = 0; i < cell->check_count; i++) {
        ord_buf_printf(out, "%s{\"name\":\"%s\",\"expected\":\"%s\"",
                       i > 0 ? "," : "", cell->checks[i].checker->name,
                       ord_expected_name(cell->checks[i].expected));
        if (cell->checks[i].model != NULL)
            put_text_member(out, "model", cell->checks[i].model);
        ord_buf_char(out, '}');
    }
    ord_buf_char(out, ']');
}

int ord_plan_cell_json(const struct ord_cell *cell, uint32_t ops_per_worker,
                       struct ord_buf *out, struct ord_err *err)
{
    struct ord_arena arena;
    struct ord_workload workload;
    struct ord_fault_plan faults = {0};
    int rc;

    ord_arena_init(&arena, ARENA_SIZE_MAX);
    rc = ord_cell_workload(cell, &arena, NULL, &workload, err);
    if (rc == ORD_OK)
        rc = ord_cell_faults(cell, &arena, &faults, err);
    if (rc == ORD_OK) {
        put_head_json(cell, out);
        ord_swarm_json(cell, out);
        ord_buf_text(out, ",\"faults\":[");
        for (uint32_t i = 0; i < faults.count; i++) {
            if (i > 0)
                ord_buf_char(out, ',');
            ord_fault_to_json(&faults.faults[i], out);
        }
        ord_buf_text(out, "],\"workers\":[");
        for (uint32_t i = 0; i < cell->client_count && ops_per_worker > 0;
             i++) {
            ord_buf_text(out, i > 0 ? ",[" : "[");
            walk_worker(cell, workload.main, i, ops_per_worker, put_op_json,
                        out);
            ord_buf_char(out, ']');
        }
        ord_buf_text(out, "]}");
    }
    ord_arena_fini(&arena);
    return rc;
}
