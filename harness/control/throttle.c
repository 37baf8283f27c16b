/* throttle.c -- see throttle.h. */
#include "harness/control/throttle.h"

#include <signal.h>

#include "harness/base/clock.h"
#include "harness/control/herd.h"

static const int64_t look_every_ns = 50 * ORD_MS;

static bool is_on(const struct ord_throttle *throttle)
{
    return throttle->share_ppm < ORD_SHARE_ALL && !throttle->is_frozen;
}

static int64_t run_ns(const struct ord_throttle *throttle)
{
    return throttle->period_ns / 1000 * throttle->share_ppm / 1000;
}

void ord_throttle_init(struct ord_throttle *throttle)
{
    *throttle =
        (struct ord_throttle){.share_ppm = ORD_SHARE_ALL, .next_ns = INT64_MAX};
}

void ord_throttle_account(struct ord_throttle *throttle, int64_t now_ns)
{
    if (is_on(throttle)) {
        throttle->on_ns += now_ns - throttle->since_ns;
        if (throttle->is_stopped)
            throttle->stopped_ns += now_ns - throttle->since_ns;
    }
    throttle->since_ns = now_ns;
}

static void run(struct ord_throttle *throttle, int64_t now_ns)
{
    int64_t late_ns = now_ns - throttle->grid_ns;

    if (late_ns >= throttle->period_ns)
        throttle->grid_ns += late_ns - late_ns % throttle->period_ns;
    throttle->is_stopped = false;
    throttle->next_ns = throttle->grid_ns + run_ns(throttle);
}

void ord_throttle_set(struct ord_throttle *throttle, uint32_t share_ppm,
                      int64_t period_ns, int64_t now_ns)
{
    if (throttle->share_ppm == share_ppm && throttle->period_ns == period_ns)
        return;
    if (throttle->is_stopped && !throttle->is_frozen)
        (void)kill(-1, SIGCONT);
    *throttle = (struct ord_throttle){
        .share_ppm = share_ppm,
        .period_ns = period_ns,
        .is_frozen = throttle->is_frozen,
        .grid_ns = now_ns,
        .next_ns = INT64_MAX,
        .since_ns = now_ns,
        .cpu_begin_ns = ord_herd_cpu_ns(),
    };
    if (is_on(throttle))
        run(throttle, now_ns);
}

void ord_throttle_frozen(struct ord_throttle *throttle, bool is_frozen,
                         int64_t now_ns)
{
    ord_throttle_account(throttle, now_ns);
    throttle->is_frozen = is_frozen;
    throttle->is_stopped = false;
    throttle->grid_ns = now_ns;
    throttle->next_ns = INT64_MAX;
    if (is_on(throttle))
        run(throttle, now_ns);
}

/* Have all stopped, really?  Only now and then: it reads all of /proc. */
static void look(struct ord_throttle *throttle, int64_t now_ns)
{
    uint32_t ignored;

    if (now_ns - throttle->look_ns < look_every_ns)
        return;
    throttle->look_ns = now_ns;
    throttle->looks++;
    throttle->looks_stopped += ord_herd_look(&ignored);
}

void ord_throttle_step(struct ord_throttle *throttle, int64_t now_ns)
{
    if (!is_on(throttle) || now_ns < throttle->next_ns)
        return;
    if (throttle->is_stopped)
        look(throttle, now_ns);
    ord_throttle_account(throttle, ord_now_ns());
    if (throttle->is_stopped) {
        throttle->grid_ns += throttle->period_ns;
        (void)kill(-1, SIGCONT);
        run(throttle, ord_now_ns());
        return;
    }
    (void)kill(-1, SIGSTOP);
    throttle->is_stopped = true;
    throttle->stops++;
    throttle->next_ns = throttle->grid_ns + throttle->period_ns;
}
