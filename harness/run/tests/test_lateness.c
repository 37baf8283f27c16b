#include <criterion/criterion.h>

#include "harness/base/clock.h"
#include "harness/run/lateness.h"

Test(lateness, quantiles_are_at_most_a_quarter_too_high)
{
    static struct ord_lateness late;

    cr_expect_eq(ord_lateness_quantile(&late, 0.5), 0);
    for (int64_t us = 1; us <= 100000; us++)
        ord_lateness_add(&late, 1000, 1000 + us * ORD_US);
    for (int percent = 1; percent <= 100; percent++) {
        int64_t right = percent * 1000 * ORD_US;
        int64_t got = ord_lateness_quantile(&late, percent / 100.0);

        cr_expect(got >= right, "%d: %lld", percent, (long long)got);
        cr_expect(got <= right + right / 4 + ORD_US, "%d: %lld", percent,
                  (long long)got);
    }
    cr_expect_eq(late.max_ns, 100000 * ORD_US);
    cr_expect_eq(late.count, 100000);
}

Test(lateness, early_is_in_time_and_ages_late_is_kept)
{
    static struct ord_lateness late;

    ord_lateness_add(&late, 1000, 0);
    cr_expect_eq(late.max_ns, 0);
    cr_expect_eq(ord_lateness_quantile(&late, 1), 0);
    ord_lateness_add(&late, 0, INT64_MAX);
    cr_expect_leq(ord_lateness_quantile(&late, 0.5), ORD_US);
    cr_expect_gt(ord_lateness_quantile(&late, 1), 1000 * ORD_S);
}
