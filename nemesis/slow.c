/* slow.c -- links that deliver everything, later.
 *
 * Inject: a delay, and up to `jitter` more, on every frame of some links; the
 * order is kept.  Took hold: frames were delayed.  Models: distance, a
 * congested uplink, a replica that lags.
 */
#include <inttypes.h>
#include <stdio.h>

#include "nemesis/links.h"
#include "nemesis/registry.h"

static int read_link(const struct ord_fault_param *params, uint32_t count,
                     struct ord_link *out, struct ord_err *err)
{
    const struct ord_nemesis_ops *ops = &ord_nemesis_slow;

    *out = ord_link_plain();
    if (ord_parse_us("delay", ord_fault_param(ops, params, count, "delay"),
                     &out->delay_us, err) != ORD_OK ||
        ord_parse_us("jitter", ord_fault_param(ops, params, count, "jitter"),
                     &out->jitter_us, err) != ORD_OK)
        return err->rc;
    if (out->delay_us == 0 && out->jitter_us == 0)
        return ord_fail(err, ORD_EUSAGE,
                        "delay, jitter: expected one above zero");
    return ORD_OK;
}

static int slow_check(const struct ord_nemesis_entry *entry,
                      uint32_t node_count, struct ord_err *err)
{
    struct ord_link link;

    if (read_link(entry->params, entry->param_count, &link, err) != ORD_OK)
        return err->rc;
    return ord_links_check(&ord_nemesis_slow, entry, node_count, err);
}

static int slow_resolve(struct ord_fault *fault, uint32_t node_count,
                        uint32_t primary, struct ord_err *err)
{
    struct ord_link link;
    char how[80];

    if (read_link(fault->params, fault->param_count, &link, err) != ORD_OK)
        return err->rc;
    if (link.jitter_us == 0)
        (void)snprintf(how, sizeof how, "%.6gms slower", link.delay_us / 1e3);
    else
        (void)snprintf(how, sizeof how, "%.6gms to %.6gms slower",
                       link.delay_us / 1e3,
                       link.delay_us / 1e3 + link.jitter_us / 1e3);
    return ord_links_resolve(fault, node_count, primary, how, err);
}

static int slow_inject(struct ord_nemesis_env *env,
                       struct ord_fault_state *state, struct ord_err *err)
{
    struct ord_link link;

    if (read_link(state->fault->params, state->fault->param_count, &link,
                  err) != ORD_OK)
        return err->rc;
    return ord_links_inject(env, state, &link, err);
}

static int slow_took_hold(struct ord_nemesis_env *env,
                          struct ord_fault_state *state, bool *held,
                          struct ord_buf *evidence, struct ord_err *err)
{
    struct ord_link_counts since = ord_links_since(env, state);

    (void)err;
    *held = since.delayed > 0;
    if (*held)
        ord_buf_printf(evidence, "%" PRIu64 " frames delayed", since.delayed);
    else
        ord_buf_text(evidence, "no packet went over the slow links");
    return ORD_OK;
}

static const struct ord_fault_spec slow_params[] = {
    {"delay", "100ms", "added to every frame, up to 60s"},
    {"jitter", "0ms", "up to so much more, at random, up to 60s"},
    ORD_LINKS_PARAMS,
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_slow = {
    .name = "slow",
    .about = "delays packets: distance, congestion, a replica that lags",
    .params = slow_params,
    .check = slow_check,
    .needs_primary = ord_links_need_primary,
    .resolve = slow_resolve,
    .is_about_links = true,
    .inject = slow_inject,
    .heal = ord_links_heal,
    .took_hold = slow_took_hold,
};
