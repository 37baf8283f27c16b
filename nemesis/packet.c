/* packet.c -- any combination of what a network can do to packets.
 *
 * Inject: a change on every chosen link, in force on its next frame: delay and
 * jitter, loss (also in bursts), duplicates, reordering, corruption that the
 * checksum finds and such that it does not, a rate, a clog, resets of TCP
 * connections, a limit of bytes.  Heal: the change is taken away; what a clog
 * held goes at once, in order; connections that were reset stay so.
 * Took hold: the counters of these very things moved on these links, with what
 * the switch measured; a link that carried nothing was not bitten.
 * Models: everything between two cards, from a long cable to a middlebox that
 * forgets its connections.
 * Each decision is a hash of the run's seed, the link and that link's count of
 * frames.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/rng.h"
#include "harness/control/cluster.h"
#include "nemesis/links.h"
#include "nemesis/registry.h"
#include "nemesis/swizzle.h"
#include "nemesis/who.h"

enum { BURST_MAX = 1000 };

/* What a fault may ask for, in the order of its words. */
enum effect {
    DELAY,
    LOSS,
    DUPLICATE,
    REORDER,
    CORRUPT,
    UNDETECTED,
    RATE,
    CLOG,
    RESET,
    BYTES,
    EFFECTS,
};

enum swizzle { SWIZZLE_NO, SWIZZLE_YES, SWIZZLE_MIXED };

struct packet { /* the parameters */
    struct ord_link link;
    uint32_t reorder_us; /* the delay that there is something to overtake */
    uint32_t swizzle;
    bool has_who;
};

/* At injection; for ord_links_since the first member is all. */
struct measured {
    struct ord_link_counts sum;
    int64_t at_ns;
    uint64_t bytes[]; /* passed by each link, from * (nodes + 1) + to */
};

/* ---- reading ------------------------------------------------------------- */

static int parse_burst(const char *text, uint32_t *out, struct ord_err *err)
{
    uint64_t burst;

    if (ord_parse_size("burst", text, &burst, err) != ORD_OK ||
        burst > BURST_MAX)
        return ord_fail(err, ORD_EUSAGE,
                        "burst: %s: expected 0, or a mean number of frames in "
                        "a row, up to %d",
                        text, BURST_MAX);
    *out = (uint32_t)burst;
    return ORD_OK;
}

static int parse_reset(const char *text, struct ord_link *out,
                       struct ord_err *err)
{
    out->reset = strcmp(text, "all") == 0;
    if (out->reset ||
        ord_parse_ppm("reset", text, &out->reset_ppm, err) == ORD_OK)
        return ORD_OK;
    return ord_fail(err, ORD_EUSAGE,
                    "reset: %s: expected all, or a probability, 0%% to 100%%, "
                    "or 0 to 1",
                    text);
}

static int read_ppms(const struct ord_fault_param *params, uint32_t count,
                     struct ord_link *out, struct ord_err *err)
{
    const struct {
        const char *name;
        uint32_t *to;
    } ppms[] = {
        {"loss", &out->loss_ppm},
        {"duplicate", &out->duplicate_ppm},
        {"reorder", &out->reorder_ppm},
        {"corrupt", &out->corrupt_ppm},
        {"corrupt-undetected", &out->corrupt_silent_ppm},
    };

    for (uint32_t i = 0; i < sizeof ppms / sizeof *ppms; i++) {
        if (ord_parse_ppm(ppms[i].name,
                          ord_fault_param(&ord_nemesis_packet, params, count,
                                          ppms[i].name),
                          ppms[i].to, err) != ORD_OK)
            return err->rc;
    }
    return ORD_OK;
}

static int read_packet(const struct ord_fault_param *params, uint32_t count,
                       struct packet *out, struct ord_err *err)
{
    static const char *const yes_no[] = {"no", "yes", "false", "true", NULL};
    static const char *const swizzles[] = {"no", "yes", "mixed", NULL};
    const struct ord_nemesis_ops *ops = &ord_nemesis_packet;
    struct ord_link *link = &out->link;
    uint32_t clog;

    *out = (struct packet){.link = ord_link_plain(),
                           .has_who = ord_fault_has(params, count, "who")};
    if (ord_parse_us("delay", ord_fault_param(ops, params, count, "delay"),
                     &link->delay_us, err) != ORD_OK ||
        ord_parse_us("jitter", ord_fault_param(ops, params, count, "jitter"),
                     &link->jitter_us, err) != ORD_OK ||
        ord_parse_us("reorder-by",
                     ord_fault_param(ops, params, count, "reorder-by"),
                     &out->reorder_us, err) != ORD_OK ||
        read_ppms(params, count, link, err) != ORD_OK ||
        parse_burst(ord_fault_param(ops, params, count, "burst"),
                    &link->loss_burst, err) != ORD_OK ||
        ord_parse_rate("rate", ord_fault_param(ops, params, count, "rate"),
                       &link->rate_bit_s, err) != ORD_OK ||
        ord_parse_choice("clog", ord_fault_param(ops, params, count, "clog"),
                         yes_no, &clog, err) != ORD_OK ||
        parse_reset(ord_fault_param(ops, params, count, "reset"), link, err) !=
            ORD_OK ||
        ord_parse_size("bytes", ord_fault_param(ops, params, count, "bytes"),
                       &link->bytes_max, err) != ORD_OK ||
        ord_parse_choice("swizzle",
                         ord_fault_param(ops, params, count, "swizzle"),
                         swizzles, &out->swizzle, err) != ORD_OK)
        return err->rc;
    link->clog = clog % 2 != 0;
    return ORD_OK;
}

static bool is_asked(const struct ord_link *link, enum effect effect)
{
    switch (effect) {
    case DELAY:
        return (link->delay_us | link->jitter_us) != 0;
    case LOSS:
        return link->loss_ppm > 0;
    case DUPLICATE:
        return link->duplicate_ppm > 0;
    case REORDER:
        return link->reorder_ppm > 0;
    case CORRUPT:
        return link->corrupt_ppm > 0;
    case UNDETECTED:
        return link->corrupt_silent_ppm > 0;
    case RATE:
        return link->rate_bit_s > 0;
    case CLOG:
        return link->clog;
    case RESET:
        return link->reset || link->reset_ppm > 0;
    case BYTES:
        return link->bytes_max > 0;
    case EFFECTS:
        break;
    }
    return false;
}

static void forget(struct ord_link *link, enum effect effect)
{
    if (effect == DELAY)
        link->delay_us = link->jitter_us = 0;
    if (effect == LOSS)
        link->loss_ppm = link->loss_burst = 0;
    if (effect == DUPLICATE)
        link->duplicate_ppm = 0;
    if (effect == REORDER)
        link->reorder_ppm = 0;
    if (effect == CORRUPT)
        link->corrupt_ppm = 0;
    if (effect == UNDETECTED)
        link->corrupt_silent_ppm = 0;
    if (effect == RATE)
        link->rate_bit_s = 0;
    if (effect == CLOG)
        link->clog = false;
    if (effect == RESET)
        link->reset = false;
    if (effect == RESET)
        link->reset_ppm = 0;
    if (effect == BYTES)
        link->bytes_max = 0;
}

/* One of those asked for, by the seed and the part. */
static void keep_one(struct ord_link *link, const struct ord_fault *fault)
{
    enum effect asked[EFFECTS];
    uint32_t count = 0;
    uint64_t kept;

    for (uint32_t i = 0; i < EFFECTS; i++) {
        if (is_asked(link, (enum effect)i))
            asked[count++] = (enum effect)i;
    }
    if (count == 0)
        return;
    kept = ord_hash(fault->seed, fault->part, EFFECTS) % count;
    for (uint32_t i = 0; i < count; i++) {
        if (i != kept)
            forget(link, asked[i]);
    }
}

/* What this fault, perhaps a part of one, does to its links. */
static int link_of(const struct ord_fault *fault, struct packet *out,
                   struct ord_err *err)
{
    if (read_packet(fault->params, fault->param_count, out, err) != ORD_OK)
        return err->rc;
    if (out->swizzle == SWIZZLE_MIXED)
        keep_one(&out->link, fault);
    if (out->link.reorder_ppm > 0 && out->link.delay_us == 0)
        out->link.delay_us = out->reorder_us;
    return ORD_OK;
}

/* ---- planning ------------------------------------------------------------ */

static int check_together(const struct packet *packet,
                          const struct ord_nemesis_entry *entry,
                          struct ord_err *err)
{
    const char *links = ord_fault_param(&ord_nemesis_packet, entry->params,
                                        entry->param_count, "links");
    bool is_some = false;

    for (uint32_t i = 0; i < EFFECTS; i++)
        is_some = is_some || is_asked(&packet->link, (enum effect)i);
    if (!is_some)
        return ord_fail(err, ORD_EUSAGE,
                        "expected at least one of: delay jitter loss duplicate "
                        "reorder corrupt corrupt-undetected rate clog reset "
                        "bytes");
    if (packet->link.loss_burst > 0 && packet->link.loss_ppm == 0)
        return ord_fail(err, ORD_EUSAGE, "burst: expected only with loss");
    if (packet->link.reorder_ppm > 0 && packet->link.delay_us == 0 &&
        packet->reorder_us == 0)
        return ord_fail(err, ORD_EUSAGE,
                        "reorder-by: expected a time above zero");
    if (packet->swizzle != SWIZZLE_NO && entry->for_low_ns == 0)
        return ord_fail(err, ORD_EUSAGE, "swizzle: needs `for`");
    if (packet->swizzle != SWIZZLE_NO && packet->has_who)
        return ord_fail(err, ORD_EUSAGE,
                        "swizzle, who: expected one of the two");
    if ((packet->swizzle != SWIZZLE_NO || packet->has_who) &&
        strcmp(links, "node") == 0)
        return ord_fail(err, ORD_EUSAGE,
                        "links: node: not with swizzle or who, which choose "
                        "the nodes: expected all");
    return ORD_OK;
}

static int packet_check(const struct ord_nemesis_entry *entry,
                        uint32_t node_count, struct ord_err *err)
{
    struct packet packet;

    if (read_packet(entry->params, entry->param_count, &packet, err) !=
            ORD_OK ||
        check_together(&packet, entry, err) != ORD_OK)
        return err->rc;
    if (packet.swizzle != SWIZZLE_NO && node_count < 2)
        return ord_fail(err, ORD_EUSAGE,
                        "swizzle: expected a cluster of 2 nodes or more");
    if (packet.has_who && ord_who_check(entry, node_count, err) != ORD_OK)
        return err->rc;
    return ord_links_check(&ord_nemesis_packet, entry, node_count, err);
}

static int packet_plan(const struct ord_nemesis_entry *entry,
                       const struct ord_occasion *when,
                       const struct ord_plan_in *in, struct ord_fault_plan *out,
                       struct ord_err *err)
{
    struct packet packet;

    if (read_packet(entry->params, entry->param_count, &packet, err) != ORD_OK)
        return err->rc;
    if (packet.swizzle != SWIZZLE_NO)
        return ord_swizzle_plan(entry, when, in, out, err);
    if (packet.has_who)
        return ord_who_plan(entry, when, in, out, err);
    return ord_plan_add(out, entry, when, in, err) == NULL ? err->rc : ORD_OK;
}

static bool packet_needs_primary(const struct ord_fault *fault)
{
    return ord_links_need_primary(fault) || ord_who_needs_primary(fault);
}

static void add_ppm(struct ord_buf *out, const char *what, uint32_t ppm)
{
    if (ppm > 0)
        ord_buf_printf(out, "%s %.4g%%, ", what, ppm / 1e4);
}

static void say_effects(const struct packet *packet, struct ord_buf *out)
{
    const struct ord_link *link = &packet->link;

    if (link->jitter_us > 0)
        ord_buf_printf(out, "delay %.6gms to %.6gms, ", link->delay_us / 1e3,
                       link->delay_us / 1e3 + link->jitter_us / 1e3);
    else if (link->delay_us > 0)
        ord_buf_printf(out, "delay %.6gms, ", link->delay_us / 1e3);
    add_ppm(out, "lose", link->loss_ppm);
    if (link->loss_burst > 1)
        ord_buf_printf(out, "%u in a row, ", link->loss_burst);
    add_ppm(out, "duplicate", link->duplicate_ppm);
    add_ppm(out, "reorder", link->reorder_ppm);
    add_ppm(out, "corrupt", link->corrupt_ppm);
    add_ppm(out, "corrupt undetected", link->corrupt_silent_ppm);
    if (link->rate_bit_s > 0)
        ord_buf_printf(out, "at most %.6g Mbit/s, ",
                       (double)link->rate_bit_s / 1e6);
    if (link->clog)
        ord_buf_text(out, "clog, ");
    if (link->reset)
        ord_buf_text(out, "reset all connections, ");
    add_ppm(out, "reset", link->reset_ppm);
    if (link->bytes_max > 0)
        ord_buf_printf(out, "nothing after %" PRIu64 " bytes, ",
                       link->bytes_max);
}

/* Of the links, only those of the nodes that swizzle or `who` choose. */
static int narrow(struct ord_fault *fault, const struct packet *packet,
                  uint32_t node_count, uint32_t primary, struct ord_err *err)
{
    char how[sizeof fault->what];
    uint64_t nodes;

    memcpy(how, fault->what, sizeof how);
    if (packet->swizzle != SWIZZLE_NO)
        nodes = ord_swizzle_node(fault, node_count);
    else if (ord_who_resolve(fault, node_count, primary, err) == ORD_OK)
        nodes = fault->nodes;
    else
        return err->rc;
    ord_links_narrow(fault, nodes);
    (void)snprintf(how + strlen(how), sizeof how - strlen(how), ", those of ");
    ord_fault_say(fault, how, nodes, "");
    return ORD_OK;
}

static int packet_resolve(struct ord_fault *fault, uint32_t node_count,
                          uint32_t primary, struct ord_err *err)
{
    struct packet packet;
    struct ord_buf how;
    int rc;

    if (link_of(fault, &packet, err) != ORD_OK)
        return err->rc;
    ord_buf_init(&how, 1024);
    say_effects(&packet, &how);
    if (how.size > 2)
        how.size -= 2; /* the last comma */
    rc = ord_links_resolve(fault, node_count, primary, ord_buf_str(&how), err);
    ord_buf_fini(&how);
    if (rc == ORD_OK && (packet.swizzle != SWIZZLE_NO || packet.has_who))
        rc = narrow(fault, &packet, node_count, primary, err);
    return rc;
}

/* ---- in force ------------------------------------------------------------ */

static uint64_t bytes_of(struct ord_nemesis_env *env, uint32_t from,
                         uint32_t to)
{
    return ord_wire_counts(ord_cluster_wire(env->cluster), from, to).bytes;
}

/* Beside the sum, what each link has carried: a rate is one link's. */
static int measure(struct ord_nemesis_env *env, struct ord_fault_state *state,
                   struct ord_err *err)
{
    uint32_t ports = env->node_count + 1;
    struct measured *measured = ord_arena_alloc(
        state->arena, sizeof *measured + ports * ports * sizeof(uint64_t));

    if (measured == NULL)
        return ord_fail(err, ORD_ENOMEM, "packet: no memory");
    measured->sum = *(const struct ord_link_counts *)state->before;
    measured->at_ns = ord_now_ns();
    for (uint32_t i = 0; i < ports * ports; i++)
        measured->bytes[i] = bytes_of(env, i / ports, i % ports);
    state->before = measured;
    return ORD_OK;
}

static void say_rate(struct ord_nemesis_env *env,
                     const struct ord_fault_state *state, struct ord_buf *out)
{
    const struct measured *measured = state->before;
    uint32_t ports = env->node_count + 1;
    uint64_t most = 0;
    int64_t lasted_ns;

    if (measured == NULL)
        return;
    lasted_ns = ord_now_ns() - measured->at_ns;
    for (uint32_t i = 0; i < ports * ports; i++) {
        uint64_t bytes;

        if (!state->fault->links->is_set[i / ports][i % ports])
            continue;
        bytes = bytes_of(env, i / ports, i % ports) - measured->bytes[i];
        most = bytes > most ? bytes : most;
    }
    if (lasted_ns > 0)
        ord_buf_printf(out, "; the busiest link had %.3g Mbit/s",
                       (double)most * 8e3 / (double)lasted_ns);
}

static int packet_inject(struct ord_nemesis_env *env,
                         struct ord_fault_state *state, struct ord_err *err)
{
    struct packet packet;

    if (link_of(state->fault, &packet, err) != ORD_OK)
        return err->rc;
    if (ord_links_inject(env, state, &packet.link, err) != ORD_OK)
        return err->rc;
    return packet.link.rate_bit_s > 0 ? measure(env, state, err) : ORD_OK;
}

/* How many frames met it; and what the switch measured. */
static uint64_t met(const struct ord_link_counts *since, enum effect effect,
                    struct ord_buf *out)
{
    uint64_t copies = since->duplicated < since->passed ? since->duplicated : 0;
    uint64_t tried = since->passed + since->lost - copies;

    switch (effect) {
    case DELAY:
        ord_buf_printf(out, "%" PRIu64 " delayed", since->delayed);
        if (since->waited > 0)
            ord_buf_printf(out, " by %.1f ms in the mean",
                           (double)since->waited_ns / (double)since->waited /
                               1e6);
        return since->delayed;
    case LOSS:
        ord_buf_printf(out, "%" PRIu64 " lost", since->lost);
        if (tried > 0)
            ord_buf_printf(out, " (%.1f%%)",
                           100 * (double)since->lost / (double)tried);
        return since->lost;
    case DUPLICATE:
        ord_buf_printf(out, "%" PRIu64 " duplicated", since->duplicated);
        return since->duplicated;
    case REORDER:
        ord_buf_printf(out, "%" PRIu64 " reordered", since->reordered);
        return since->reordered;
    case CORRUPT:
        ord_buf_printf(out, "%" PRIu64 " corrupted", since->corrupted);
        return since->corrupted;
    case UNDETECTED:
        ord_buf_printf(out, "%" PRIu64 " corrupted undetected",
                       since->corrupted_silent);
        return since->corrupted_silent;
    case RATE:
        ord_buf_printf(out,
                       "%" PRIu64 " held back and %" PRIu64 " lost by the "
                       "rate",
                       since->delayed, since->over);
        return since->delayed + since->over;
    case CLOG:
        ord_buf_printf(
            out, "%" PRIu64 " held by the clog and %" PRIu64 " beyond its room",
            since->held, since->over);
        return since->held;
    case RESET:
        ord_buf_printf(out, "%" PRIu64 " connection%s reset", since->reset,
                       since->reset == 1 ? "" : "s");
        return since->reset;
    case BYTES:
        ord_buf_printf(out, "%" PRIu64 " stopped by the byte limit",
                       since->spent);
        return since->spent;
    case EFFECTS:
        break;
    }
    return 0;
}

static int packet_took_hold(struct ord_nemesis_env *env,
                            struct ord_fault_state *state, bool *held,
                            struct ord_buf *evidence, struct ord_err *err)
{
    struct ord_link_counts since = ord_links_since(env, state);
    struct packet packet;
    const char *gap = "";

    if (link_of(state->fault, &packet, err) != ORD_OK)
        return err->rc;
    *held = false;
    for (uint32_t i = 0; i < EFFECTS; i++) {
        if (!is_asked(&packet.link, (enum effect)i))
            continue;
        ord_buf_text(evidence, gap);
        if (met(&since, (enum effect)i, evidence) > 0)
            *held = true;
        gap = ", ";
    }
    ord_buf_printf(evidence, "; %" PRIu64 " frames, %" PRIu64 " bytes passed",
                   since.passed, since.bytes);
    if (packet.link.rate_bit_s > 0)
        say_rate(env, state, evidence);
    return ORD_OK;
}

static const struct ord_fault_spec packet_params[] = {
    {"delay", "0ms", "added to every frame, up to 60s"},
    {"jitter", "0ms", "up to so much more, at random, up to 60s"},
    {"loss", "0", "probability that a frame is lost, 0% to 100%"},
    {"burst", "0", "loss: mean number of losses in a row, up to 1000"},
    {"duplicate", "0", "probability that a frame comes twice"},
    {"reorder", "0", "that it overtakes the ones before it"},
    {"reorder-by", "20ms", "reorder without delay: by how much others wait"},
    {"corrupt", "0", "that one bit is flipped, for the checksum to find"},
    {"corrupt-undetected", "0", "the same, and the checksum is made anew"},
    {"rate", "0", "at most so much per link, 1kbit to 1000Gbit; 0: no limit"},
    {"clog", "no",
     "yes: all is held, up to 8 MiB per link (the newest beyond it are lost), "
     "and delivered at once, in order, when the fault ends"},
    {"reset", "0",
     "all: each TCP connection that is open when the fault begins, once; or "
     "the probability that a segment resets its connection, 0% to 100%"},
    {"bytes", "0",
     "after so many bytes, as 64KiB, nothing more passes until the fault "
     "ends; each link and direction by itself; 0: no limit"},
    {"swizzle", "no",
     "yes: node by node (2 to all), and ends in another order | mixed: so, "
     "and each node gets one of the effects asked for"},
    ORD_WHO_PARAM,
    ORD_LINKS_PARAMS,
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_packet = {
    .name = "packet",
    .about = "delays, loses, repeats, reorders, damages, throttles, holds, "
             "resets or ends what links carry, in any combination",
    .params = packet_params,
    .check = packet_check,
    .plan = packet_plan,
    .needs_primary = packet_needs_primary,
    .resolve = packet_resolve,
    .is_about_links = true,
    .inject = packet_inject,
    .heal = ord_links_heal,
    .took_hold = packet_took_hold,
};
