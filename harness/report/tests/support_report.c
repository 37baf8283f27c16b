#include "harness/report/tests/support_report.h"

#include <stdio.h>

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
