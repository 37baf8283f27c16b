#include "harness/base/clock.h"

#include <stdlib.h>
#include <time.h>

enum { TEXT_MAX = 31 };

static const int64_t DURATION_MAX_NS = 30 * 24 * 3600 * ORD_S;

int64_t ord_now_ns(void)
{
    struct timespec now;

    ORD_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * ORD_S + now.tv_nsec;
}

static int64_t unit_ns(const char *unit)
{
    static const struct {
        char name[4];
        int64_t ns;
    } units[] = {
        {"ns", 1},           {"us", ORD_US},    {"ms", ORD_MS},
        {"s", ORD_S},        {"m", 60 * ORD_S}, {"min", 60 * ORD_S},
        {"h", 3600 * ORD_S},
    };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(units[i].name, unit) == 0)
            return units[i].ns;
    }
    return 0;
}

int ord_duration_parse(struct ord_bytes text, int64_t *ns, struct ord_err *err)
{
    char copy[TEXT_MAX + 1] = {0};
    char *unit = copy;
    double number;
    double value;

    if (text.size == 0 || text.size > TEXT_MAX)
        goto bad;
    memcpy(copy, text.at, text.size);
    if (copy[0] < '0' || copy[0] > '9')
        goto bad;
    number = strtod(copy, &unit);
    value = number * (double)unit_ns(unit);
    if (unit_ns(unit) == 0 || value > (double)DURATION_MAX_NS)
        goto bad;
    *ns = (int64_t)(value + 0.5);
    return ORD_OK;
bad:
    return ord_fail(err, ORD_EUSAGE,
                    "'%.*s' is no duration (expected a number with a unit, "
                    "such as 250us, 20ms, 1.5s or 2m)",
                    (int)(text.size < 64 ? text.size : 64), text.at);
}
