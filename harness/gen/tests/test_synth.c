#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

#include "harness/gen/synth.h"

enum { OPS = 3000, ROWS_MAX = 12 * ORD_SYNTH_BAD_COUNT * 2 };

struct row {
    uint32_t workload;
    enum ord_synth_bad bad;
    uint32_t values;
};

static struct ord_synth_config config_of(const struct row *row)
{
    return (struct ord_synth_config){
        .workload = ord_synth_workloads()[row->workload],
        .bad = row->bad,
        .bad_at = 0.5,
        .ops = OPS,
        .clients = 4,
        .keys = 1,
        .values = row->values,
        .info_share = 0.02,
        .seed = 11,
    };
}

ParameterizedTestParameters(synth, each)
{
    static struct row rows[ROWS_MAX];
    size_t count = 0;

    for (uint32_t w = 0; ord_synth_workloads()[w] != NULL; w++) {
        for (int bad = 0; bad < ORD_SYNTH_BAD_COUNT; bad++) {
            for (uint32_t values = 0; values <= 5; values += 5)
                rows[count++] =
                    (struct row){w, (enum ord_synth_bad)bad, values};
        }
    }
    return cr_make_param_array(struct row, rows, count);
}

/* The same events twice, as many as asked for; a history that obeys the rules
 * of pairing; and the error is in it, or refused. */
ParameterizedTest(struct row *row, synth, each, .timeout = 20)
{
    struct ord_synth_config config = config_of(row);
    struct ord_history *a = NULL;
    struct ord_history *b = NULL;
    struct ord_err err = {0};
    int64_t calls = 0;

    if (ord_synth_history(&config, 0, &a, &err) != ORD_OK) {
        cr_assert_eq(err.rc, ORD_EUSAGE, "%s", err.text);
        cr_assert(row->bad != ORD_SYNTH_VALID);
        return;
    }
    cr_assert_eq(ord_synth_history(&config, 0, &b, &err), ORD_OK);
    cr_assert_eq(ord_history_count(a), ord_history_count(b));
    for (int64_t i = 0; i < ord_history_count(a); i++) {
        const struct ord_op *x = ord_history_op(a, i);
        const struct ord_op *y = ord_history_op(b, i);

        cr_assert_eq(x->process, y->process);
        cr_assert_eq(x->time_ns, y->time_ns);
        cr_assert(ord_value_equal(&x->value, &y->value));
        calls += x->type == ORD_OP_INVOKE;
    }
    cr_assert_eq(calls, OPS);
    ord_history_free(&a);
    ord_history_free(&b);
}

Test(synth, refuses_what_cannot_be, .timeout = 20)
{
    struct ord_synth_config config = {
        .workload = "register", .ops = 10, .clients = 1, .keys = 1};
    struct ord_history *history = NULL;
    struct ord_synth *synth = NULL;
    struct ord_err err = {0};

    config.bad = ORD_SYNTH_REORDER;
    cr_expect_eq(ord_synth_new(&config, &synth, &err), ORD_EUSAGE);
    config.bad = ORD_SYNTH_STALE_READ; /* ten operations are too few, late */
    config.bad_at = 1;
    cr_expect_eq(ord_synth_history(&config, 0, &history, &err), ORD_ELIMIT);
    config.bad = ORD_SYNTH_VALID;
    config.clients = 0;
    cr_expect_eq(ord_synth_new(&config, &synth, &err), ORD_EUSAGE);
    config.clients = 1;
    config.workload = "teapot";
    cr_expect_eq(ord_synth_new(&config, &synth, &err), ORD_EUSAGE);
}

/* Objects come and go, also with calls that take effect late, and locks that
 * outlive their object's share of calls. */
Test(synth, fresh_objects, .timeout = 20)
{
    struct ord_synth_config config = {
        .ops = OPS,
        .clients = 20,
        .keys = 3,
        .ops_per_key = 50,
        .info_share = 0.2,
    };

    for (uint32_t w = 0; ord_synth_workloads()[w] != NULL; w++) {
        struct ord_history *history = NULL;
        struct ord_err err = {0};
        int64_t counts[OPS] = {0};

        config.workload = ord_synth_workloads()[w];
        cr_assert_eq(ord_synth_history(&config, 0, &history, &err), ORD_OK,
                     "%s", err.text);
        ORD_OPS (history, op) {
            cr_assert_eq(op->key.kind, ORD_INT);
            counts[op->key.as.number] += op->type == ORD_OP_INVOKE;
        }
        for (int64_t key = 0; key < OPS / 50; key++)
            cr_expect_leq(counts[key], 50 + 20, "%s", config.workload);
        ord_history_free(&history);
    }
}
