#include "harness/report/tests/support_report.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "harness/base/clock.h"
#include "harness/base/rng.h"

static void check_init(struct ord_check_result *check, const char *name,
                       enum ord_expected expected, enum ord_outcome outcome,
                       const char *why)
{
    check->name = name;
    check->expected = expected;
    check->verdict.outcome = outcome;
    check->verdict.key = ord_value_nil();
    snprintf(check->verdict.why, sizeof check->verdict.why, "%s", why);
}

static void lost_init(struct ord_check_result *check)
{
    struct ord_verdict *verdict = &check->verdict;

    check_init(check, "lost", ORD_EXPECT_VIOLATION, ORD_INVALID,
               "k4: process 1's add of 17, acknowledged by n1 at 1.298 s, is "
               "in none of the final reads");
    verdict->key = ord_value_int(4);
    verdict->ops[0] = 0;
    verdict->ops[1] = 1;
    verdict->op_count = 2;
    verdict->violation_count = 37;
    verdict->findings[0] = (struct ord_finding){
        .why = "k4: the add of 18 is lost too", .ops = {2, 3}, .op_count = 2};
    verdict->finding_count = 1;
    verdict->stats[0] = (struct ord_stat){"lost_count", 37};
    verdict->stats[1] = (struct ord_stat){"lost_share", 0.0625};
    verdict->stat_count = 2;
}

void made_init(struct made *made)
{
    *made = (struct made){0};
    lost_init(&made->checks[0]);
    check_init(&made->checks[1], "convergence", ORD_EXPECT_PASS, ORD_VALID,
               "all replicas agree on 3 keys");
    check_init(&made->checks[2], "linearizable", ORD_EXPECT_ANY, ORD_UNKNOWN,
               "the budget ended at key 4");
    made->checks[2].model = "cas-register";
    made->faults[0] = (struct ord_fault_result){
        .id = 1,
        .fault = "partition",
        .what = "isolate n1",
        .begin_ns = 1000000000,
        .injected_ns = 1000100000,
        .end_ns = 1800000000,
        .nodes = 1,
        .held = true,
        .evidence = "118 frames dropped on 4 links",
    };
    made->settings[0] = (struct ord_option){"ack", "async"};
    made->settings[1] = (struct ord_option){"read-from", "leader"};
    made->cell = (struct ord_cell_result){
        .cell = "A2",
        .campaign = "quickstart",
        .about = "async, leader cut off, follower promoted",
        .target = "refdb",
        .workload = "set",
        .settings = made->settings,
        .setting_count = 2,
        .nodes = 3,
        .clients = 6,
        .seed = 1,
        .checks = made->checks,
        .check_count = 3,
        .faults = made->faults,
        .fault_count = 1,
        .faults_planned = 1,
        .problems = made->problems,
        .phases = {12, 5000, 3.5, 100, 210, 40, 5365.5},
        .ops = {5300, 5210, 60, 30},
        .dir = "A2-1",
        .history_file = "history.ordeal",
        .ledger_file = "ledger.jsonl",
        .report_file = "report.html",
    };
}

/* ---- a history ---------------------------------------------------------- */

enum { WORKERS = 6, HISTORY_MAX = 256 << 20 };

struct maker {
    struct ord_history_builder *builder;
    struct ord_rng rng;
    int64_t process[WORKERS]; /* rises after each info */
    int64_t pace_ns;          /* of one worker */
};

static void add(struct maker *maker, struct ord_op op)
{
    struct ord_err err = {0};

    cr_assert_eq(ord_history_add(maker->builder, &op, &err), ORD_OK, "%s",
                 err.text);
}

static void add_fault(struct maker *maker, int64_t at_ns, const char *word)
{
    const struct ord_value items[3] = {
        {.kind = ORD_TEXT, .count = (uint32_t)strlen(word), .as.text = word},
        ord_value_int(1),
        {.kind = ORD_TEXT, .count = 10, .as.text = "isolate n1"},
    };

    add(maker, (struct ord_op){.time_ns = at_ns,
                               .process = ORD_PROCESS_NEMESIS,
                               .session = ORD_NONE,
                               .epoch = ORD_NONE,
                               .position = ORD_NONE,
                               .name = "partition",
                               .type = ORD_OP_INFO,
                               .value = ord_value_list(items, 3)});
}

/* One add by `worker` at `at_ns`. Until 1.3 s the cut-off n1 says ok to the
 * first two workers; then they find n2. */
static void add_call(struct maker *maker, uint32_t worker, int64_t at_ns,
                     int64_t value)
{
    bool is_cut = at_ns > ORD_S && at_ns < 1800 * ORD_MS;
    uint16_t node =
        at_ns < ORD_S || (worker < 2 && at_ns < 1300 * ORD_MS) ? 1 : 2;
    bool is_stuck = is_cut && worker >= 2 && at_ns < 1250 * ORD_MS;
    int64_t took = (is_stuck ? 250 * ORD_MS : maker->pace_ns / 3) +
                   ord_rng_range(&maker->rng, 0, maker->pace_ns / 3);
    struct ord_op op = {.time_ns = at_ns,
                        .process = maker->process[worker],
                        .session = ORD_NONE,
                        .epoch = ORD_NONE,
                        .position = ORD_NONE,
                        .key = ord_value_int(4),
                        .value = ord_value_int(value),
                        .name = "add",
                        .f = ORD_F_ADD,
                        .node = node};

    add(maker, op);
    op.type = is_stuck ? ORD_OP_INFO : ORD_OP_OK;
    op.error = is_stuck ? "no answer in 250 ms" : NULL;
    op.epoch = node;
    op.time_ns += took;
    if (is_stuck)
        maker->process[worker] += WORKERS;
    add(maker, op);
}

static void add_final_read(struct maker *maker, uint16_t node)
{
    struct ord_value seen[200];
    struct ord_op op = {.time_ns = 2700 * ORD_MS + node * 20 * ORD_MS,
                        .process = maker->process[node],
                        .session = ORD_NONE,
                        .epoch = ORD_NONE,
                        .position = ORD_NONE,
                        .key = ord_value_int(4),
                        .name = "read",
                        .f = ORD_F_READ,
                        .node = node,
                        .is_final = true};

    for (int i = 0; i < 200; i++)
        seen[i] = ord_value_int(1000 + i);
    add(maker, op);
    op.type = ORD_OP_OK;
    op.time_ns += 4 * ORD_MS;
    op.value = ord_value_list(seen, 200);
    add(maker, op);
}

static void set_evidence(struct made *made, const struct ord_history *history)
{
    struct ord_verdict *verdict = &made->checks[0].verdict;

    verdict->op_count = 0;
    ORD_OPS (history, op) {
        bool is_lost = op->f == ORD_F_ADD && op->type == ORD_OP_INVOKE &&
                       op->value.as.number == MADE_LOST_ADD;
        bool is_final = op->is_final && op->type == ORD_OP_INVOKE;

        if (!is_lost && !is_final)
            continue;
        verdict->ops[verdict->op_count++] = op->index;
        verdict->ops[verdict->op_count++] = op->pair;
    }
    verdict->findings[0].ops[0] = ord_history_count(history) / 2;
    verdict->findings[0].op_count = 1;
}

void made_history(struct made *made, uint32_t calls,
                  struct ord_history **history)
{
    struct maker maker = {.rng = {.state = 1}};
    struct ord_err err = {0};
    int64_t gap = 2500 * ORD_MS / calls;
    int64_t free_ns[WORKERS] = {0};
    bool has_lost = false;

    cr_assert_eq(ord_history_builder_new(HISTORY_MAX, &maker.builder, &err),
                 ORD_OK, "%s", err.text);
    maker.pace_ns = gap * WORKERS;
    for (int i = 0; i < WORKERS; i++)
        maker.process[i] = i;
    add_fault(&maker, ORD_S, "begin");
    add_fault(&maker, 1800 * ORD_MS, "end");
    for (uint32_t i = 0; i < calls; i++) {
        uint32_t worker = i % WORKERS;
        int64_t at_ns = gap * i;
        bool is_lost = worker == 1 && at_ns > 1240 * ORD_MS && !has_lost;

        if (at_ns < free_ns[worker])
            continue;
        has_lost |= is_lost;
        add_call(&maker, worker, at_ns,
                 is_lost ? MADE_LOST_ADD : (int64_t)i + 1000);
        if (worker >= 2 && at_ns > ORD_S && at_ns < 1250 * ORD_MS)
            free_ns[worker] = at_ns + 250 * ORD_MS + maker.pace_ns;
    }
    for (uint16_t node = 1; node <= 3; node++)
        add_final_read(&maker, node);
    cr_assert_eq(ord_history_finish(&maker.builder, true, history, &err),
                 ORD_OK, "%s", err.text);
    set_evidence(made, *history);
}
