/* flaky.c -- links that lose, repeat, reorder, damage or throttle frames.
 *
 * Took hold: the counters of these very things moved.  Corruption is found by
 * the receiver's checksum and so is a loss, except corrupt_silent, which makes
 * the checksum anew: what TCP then delivers is wrong.
 */
#include <inttypes.h>
#include <stdio.h>

#include "nemesis/links.h"
#include "nemesis/registry.h"

/* So that there is something to overtake. */
#define REORDER_DELAY "20ms"

static int read_link(const struct ord_fault_param *params, uint32_t count,
                     struct ord_link *out, struct ord_err *err)
{
    const struct ord_nemesis_ops *ops = &ord_nemesis_flaky;
    const struct {
        const char *name;
        uint32_t *to;
    } ppms[] = {
        {"loss", &out->loss_ppm},
        {"duplicate", &out->duplicate_ppm},
        {"reorder", &out->reorder_ppm},
        {"corrupt", &out->corrupt_ppm},
        {"corrupt_silent", &out->corrupt_silent_ppm},
    };
    bool is_some = false;

    *out = ord_link_plain();
    for (uint32_t i = 0; i < sizeof ppms / sizeof *ppms; i++) {
        if (ord_parse_ppm(ppms[i].name,
                          ord_fault_param(ops, params, count, ppms[i].name),
                          ppms[i].to, err) != ORD_OK)
            return err->rc;
        is_some = is_some || *ppms[i].to > 0;
    }
    if (ord_parse_rate("rate", ord_fault_param(ops, params, count, "rate"),
                       &out->rate_bit_s, err) != ORD_OK)
        return err->rc;
    if (out->reorder_ppm > 0 &&
        ord_parse_us("reorder_delay",
                     ord_fault_param(ops, params, count, "reorder_delay"),
                     &out->delay_us, err) != ORD_OK)
        return err->rc;
    if (out->reorder_ppm > 0 && out->delay_us == 0)
        return ord_fail(err, ORD_EUSAGE,
                        "reorder_delay: expected a time above zero");
    if (!is_some && out->rate_bit_s == 0)
        return ord_fail(err, ORD_EUSAGE,
                        "expected at least one of: loss duplicate reorder "
                        "corrupt corrupt_silent rate");
    return ORD_OK;
}

static int flaky_check(const struct ord_nemesis_entry *entry,
                       uint32_t node_count, struct ord_err *err)
{
    struct ord_link link;

    if (read_link(entry->params, entry->param_count, &link, err) != ORD_OK)
        return err->rc;
    return ord_links_check(&ord_nemesis_flaky, entry, node_count, err);
}

static int flaky_resolve(struct ord_fault *fault, uint32_t node_count,
                         uint32_t primary, struct ord_err *err)
{
    struct ord_link link;
    struct ord_buf how;
    int rc;

    if (read_link(fault->params, fault->param_count, &link, err) != ORD_OK)
        return err->rc;
    ord_buf_init(&how, 256);
    if (link.loss_ppm > 0)
        ord_buf_printf(&how, "lose %.4g%% ", link.loss_ppm / 1e4);
    if (link.duplicate_ppm > 0)
        ord_buf_printf(&how, "duplicate %.4g%% ", link.duplicate_ppm / 1e4);
    if (link.reorder_ppm > 0)
        ord_buf_printf(&how, "reorder %.4g%% ", link.reorder_ppm / 1e4);
    if (link.corrupt_ppm > 0)
        ord_buf_printf(&how, "corrupt %.4g%% ", link.corrupt_ppm / 1e4);
    if (link.corrupt_silent_ppm > 0)
        ord_buf_printf(&how, "corrupt unseen %.4g%% ",
                       link.corrupt_silent_ppm / 1e4);
    if (link.rate_bit_s > 0)
        ord_buf_printf(&how, "at most %.6g Mbit/s ",
                       (double)link.rate_bit_s / 1e6);
    ord_buf_text(&how, "of packets");
    rc = ord_links_resolve(fault, node_count, primary, ord_buf_str(&how), err);
    ord_buf_fini(&how);
    return rc;
}

static int flaky_inject(struct ord_nemesis_env *env,
                        struct ord_fault_state *state, struct ord_err *err)
{
    struct ord_link link;

    if (read_link(state->fault->params, state->fault->param_count, &link,
                  err) != ORD_OK)
        return err->rc;
    return ord_links_inject(env, state, &link, err);
}

static int flaky_took_hold(struct ord_nemesis_env *env,
                           struct ord_fault_state *state, bool *held,
                           struct ord_buf *evidence, struct ord_err *err)
{
    struct ord_link_counts since = ord_links_since(env, state);
    struct ord_link link;
    const char *gap = "";

    if (read_link(state->fault->params, state->fault->param_count, &link,
                  err) != ORD_OK)
        return err->rc;
    const struct {
        const char *what;
        uint64_t count;
        bool is_asked;
    } rows[] = {
        {"lost", since.lost, link.loss_ppm > 0},
        {"duplicated", since.duplicated, link.duplicate_ppm > 0},
        {"reordered", since.reordered, link.reorder_ppm > 0},
        {"corrupted", since.corrupted, link.corrupt_ppm > 0},
        {"corrupted unseen", since.corrupted_silent,
         link.corrupt_silent_ppm > 0},
        {"held back by the rate", since.over + since.delayed,
         link.rate_bit_s > 0},
    };

    *held = false;
    ord_buf_text(evidence, "frames: ");
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i].is_asked)
            continue;
        *held = *held || rows[i].count > 0;
        ord_buf_printf(evidence, "%s%" PRIu64 " %s", gap, rows[i].count,
                       rows[i].what);
        gap = ", ";
    }
    ord_buf_printf(evidence, ", of %" PRIu64 " delivered", since.passed);
    return ORD_OK;
}

static const struct ord_fault_spec flaky_params[] = {
    {"loss", "0", "probability that a frame is lost, 0% to 100%"},
    {"duplicate", "0", "that it comes twice"},
    {"reorder", "0", "that it overtakes the ones before it"},
    {"reorder_delay", REORDER_DELAY, "reorder: by how much the others wait"},
    {"corrupt", "0", "that one bit is flipped, for the checksum to find"},
    {"corrupt_silent", "0", "the same, and the checksum is made anew"},
    {"rate", "0", "at most so much per link, as 10Mbit; 0: no limit"},
    ORD_LINKS_PARAMS,
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_flaky = {
    .name = "flaky",
    .about = "loses, repeats, reorders, damages or throttles packets",
    .params = flaky_params,
    .check = flaky_check,
    .needs_primary = ord_links_need_primary,
    .resolve = flaky_resolve,
    .is_about_links = true,
    .inject = flaky_inject,
    .heal = ord_links_heal,
    .took_hold = flaky_took_hold,
};
