#include "nemesis/params.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/json.h"
#include "nemesis/plan.h"

enum { PPM = 1000000, DELAY_US_MAX = 60 * 1000 * 1000 };

bool ord_fault_has(const struct ord_fault_param *params, uint32_t count,
                   const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(params[i].name, name) == 0)
            return true;
    }
    return false;
}

const char *ord_fault_param(const struct ord_nemesis_ops *ops,
                            const struct ord_fault_param *params,
                            uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(params[i].name, name) == 0)
            return params[i].value;
    }
    for (uint32_t i = 0; ops->params[i].name != NULL; i++) {
        if (strcmp(ops->params[i].name, name) == 0)
            return ops->params[i].preset;
    }
    ord_assert_failed("a parameter of the fault's specs", __FILE__, __LINE__);
}

int ord_parse_choice(const char *name, const char *text,
                     const char *const *choices, uint32_t *out,
                     struct ord_err *err)
{
    char list[512] = "";
    size_t size = 0;

    for (uint32_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return ORD_OK;
        }
        if (size < sizeof list)
            size += (size_t)snprintf(list + size, sizeof list - size, " %s",
                                     choices[i]);
    }
    return ord_fail(err, ORD_EUSAGE, "%s: %s: expected one of:%s", name, text,
                    list);
}

int ord_parse_us(const char *name, const char *text, uint32_t *us,
                 struct ord_err *err)
{
    int64_t ns;

    if (ord_duration_parse(ord_bytes_of(text), &ns, err) != ORD_OK)
        return ord_wrap(err, "%s", name);
    if (ns < 0 || ns / ORD_US > DELAY_US_MAX)
        return ord_fail(err, ORD_EUSAGE, "%s: %s: expected at most 60s", name,
                        text);
    *us = (uint32_t)(ns / ORD_US);
    return ORD_OK;
}

int ord_parse_ppm(const char *name, const char *text, uint32_t *ppm,
                  struct ord_err *err)
{
    size_t size = strlen(text);
    bool is_percent = size > 0 && text[size - 1] == '%';
    struct ord_json json = {.at = text, .end = text + size - is_percent};
    double value;

    if (!ord_json_real(&json, &value) || !ord_json_done(&json) || value < 0 ||
        value > (is_percent ? 100 : 1))
        return ord_fail(err, ORD_EUSAGE,
                        "%s: %s: expected a probability, 0%% to 100%%, or 0 "
                        "to 1",
                        name, text);
    *ppm = (uint32_t)(value * (is_percent ? PPM / 100 : PPM) + 0.5);
    return ORD_OK;
}

int ord_parse_rate(const char *name, const char *text, uint64_t *bit_s,
                   struct ord_err *err)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"Gbit", 1e9}, {"Mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}};
    size_t size = strlen(text);

    if (strcmp(text, "0") == 0) {
        *bit_s = 0;
        return ORD_OK;
    }
    if (size > 2 && strcmp(text + size - 2, "/s") == 0)
        size -= 2;
    for (uint32_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t unit_size = strlen(units[i].unit);
        struct ord_json json = {.at = text};
        double value;

        if (size <= unit_size ||
            memcmp(text + size - unit_size, units[i].unit, unit_size) != 0)
            continue;
        json.end = text + size - unit_size;
        if (!ord_json_real(&json, &value) || !ord_json_done(&json))
            break;
        value *= units[i].factor;
        if (value < 1000 || value > 1e12)
            break;
        *bit_s = (uint64_t)value;
        return ORD_OK;
    }
    return ord_fail(err, ORD_EUSAGE,
                    "%s: %s: expected 0 or a rate from 1kbit to 1000Gbit, as "
                    "10Mbit",
                    name, text);
}

int ord_parse_size(const char *name, const char *text, uint64_t *bytes,
                   struct ord_err *err)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1024}, {"GB", 1e9},
                 {"MB", 1e6},      {"kB", 1e3},      {"B", 1},      {"", 1}};
    size_t size = strlen(text);

    for (uint32_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t unit_size = strlen(units[i].unit);
        struct ord_json json = {.at = text};
        double value;

        if (size <= unit_size ||
            memcmp(text + size - unit_size, units[i].unit, unit_size) != 0)
            continue;
        json.end = text + size - unit_size;
        if (!ord_json_real(&json, &value) || !ord_json_done(&json))
            break;
        value *= units[i].factor;
        if (value < 0 || value > 1e12)
            break;
        *bytes = (uint64_t)value;
        return ORD_OK;
    }
    return ord_fail(err, ORD_EUSAGE,
                    "%s: %s: expected 0 or a size up to 1000GB, as 1500 or "
                    "64KiB",
                    name, text);
}

/* One name, "n1" to "n64"; 0 if it is none of this cluster's. */
static uint32_t node_of(struct ord_bytes name, uint32_t node_count)
{
    uint32_t node = 0;

    if (name.size < 2 || name.size > 3 || name.at[0] != 'n' ||
        name.at[1] == '0')
        return 0;
    for (size_t i = 1; i < name.size; i++) {
        if (name.at[i] < '0' || name.at[i] > '9')
            return 0;
        node = node * 10 + (uint32_t)(name.at[i] - '0');
    }
    return node <= node_count ? node : 0;
}

int ord_parse_nodes(const char *name, const char *text, uint32_t node_count,
                    struct ord_pick_nodes *out, struct ord_err *err)
{
    const char *at = text;

    *out = (struct ord_pick_nodes){.pick = ORD_PICK_NAMED};
    if (strcmp(text, "random") == 0)
        out->pick = ORD_PICK_RANDOM;
    if (strcmp(text, "leader") == 0)
        out->pick = ORD_PICK_LEADER;
    if (ord_is_that_node(text))
        out->pick = ORD_PICK_THAT;
    if (out->pick != ORD_PICK_NAMED)
        return ORD_OK;
    while (*at != '\0') {
        size_t size = strcspn(at, ", ");
        uint32_t node =
            node_of((struct ord_bytes){.at = at, .size = size}, node_count);

        if (size > 0 && node == 0)
            break;
        if (size > 0)
            out->nodes |= ord_one_node(node);
        at += size + (at[size] != '\0');
    }
    if (*at != '\0' || out->nodes == 0)
        return ord_fail(err, ORD_EUSAGE,
                        "%s: %s: expected random, leader, that node, or names "
                        "out of n1 to n%u separated by commas",
                        name, text, node_count);
    return ORD_OK;
}

void ord_fault_order(const struct ord_fault *fault, uint32_t node_count,
                     uint32_t order[ORD_NODES_MAX])
{
    struct ord_rng rng = ord_rng_stream(fault->seed, "order", 0);

    for (uint32_t i = 0; i < node_count; i++)
        order[i] = i + 1;
    ord_rng_shuffle(&rng, order, node_count);
}

uint64_t ord_pick_one(const struct ord_fault *fault,
                      const struct ord_pick_nodes *pick, uint32_t node_count,
                      uint32_t primary)
{
    uint32_t order[ORD_NODES_MAX];

    if (pick->pick == ORD_PICK_NAMED)
        return pick->nodes;
    if (pick->pick == ORD_PICK_THAT)
        return fault->that_node == 0 ? 0 : ord_one_node(fault->that_node);
    if (pick->pick == ORD_PICK_LEADER && primary == ORD_PRIMARY_LATER)
        return 0;
    if (pick->pick == ORD_PICK_LEADER && primary != 0)
        return ord_one_node(primary);
    ord_fault_order(fault, node_count, order);
    return ord_one_node(order[0]);
}

void ord_print_nodes(uint64_t nodes, struct ord_buf *out)
{
    const char *gap = "";

    for (uint32_t node = 1; node <= ORD_NODES_MAX; node++) {
        if (!ord_has_node(nodes, node))
            continue;
        ord_buf_printf(out, "%sn%u", gap, node);
        gap = " ";
    }
}

void ord_fault_say(struct ord_fault *fault, const char *before, uint64_t nodes,
                   const char *after)
{
    struct ord_buf text;

    ord_buf_init(&text, 1024);
    ord_buf_text(&text, before);
    ord_print_nodes(nodes, &text);
    if (nodes == 0)
        ord_buf_text(&text, fault->needs_that ? ORD_THAT_NODE
                                              : "the leader"); /* planning */
    ord_buf_text(&text, after);
    if (snprintf(fault->what, sizeof fault->what, "%s", ord_buf_str(&text)) >=
        (int)sizeof fault->what)
        memcpy(fault->what + sizeof fault->what - 4, "...", 4);
    ord_buf_fini(&text);
}
