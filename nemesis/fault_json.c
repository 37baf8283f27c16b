#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nemesis/params.h"

static const char *const triggers[] = {
    [ORD_AT_TIME] = "time", [ORD_ON_LEADER_CHANGE] = "leader-change",
    [ORD_ON_OPS] = "ops",   [ORD_ON_LOG] = "log",
    [ORD_ON_OP] = "op",
};
enum { TRIGGER_COUNT = sizeof triggers / sizeof *triggers };

static void add_links(const struct ord_link_set *links, struct ord_buf *out)
{
    const char *gap = "";

    ord_buf_text(out, ",\"links\":[");
    for (uint32_t from = 0; from < ORD_PORTS_MAX; from++) {
        for (uint32_t to = 0; to < ORD_PORTS_MAX; to++) {
            if (!links->is_set[from][to])
                continue;
            ord_buf_printf(out, "%s[%u,%u]", gap, from, to);
            gap = ",";
        }
    }
    ord_buf_char(out, ']');
}

/* What only faults on events have. */
static void add_event(const struct ord_fault *fault, struct ord_buf *out)
{
    if (fault->on != NULL) {
        ord_buf_text(out, ",\"on\":");
        ord_buf_json(out, ord_bytes_of(fault->on));
        ord_buf_printf(out, ",\"cooldown_ns\":%" PRId64, fault->cooldown_ns);
    }
    if (fault->needs_that)
        ord_buf_text(out, ",\"needs_that\":true");
    if (fault->that_node != 0)
        ord_buf_printf(out, ",\"that_node\":%u", fault->that_node);
}

void ord_fault_to_json(const struct ord_fault *fault, struct ord_buf *out)
{
    const char *gap = "";

    ord_buf_printf(out, "{\"id\":%u,\"entry\":%u,\"fault\":\"%s\",\"params\":{",
                   fault->id, fault->entry, fault->ops->name);
    for (uint32_t i = 0; i < fault->param_count; i++) {
        ord_buf_text(out, i == 0 ? "" : ",");
        ord_buf_json(out, ord_bytes_of(fault->params[i].name));
        ord_buf_char(out, ':');
        ord_buf_json(out, ord_bytes_of(fault->params[i].value));
    }
    ord_buf_printf(out,
                   "},\"trigger\":\"%s\",\"at_ns\":%" PRId64
                   ",\"delay_ns\":%" PRId64 ",\"ops_count\":%" PRIu64
                   ",\"duration_ns\":%" PRId64 ",\"seed\":\"%" PRIu64 "\"",
                   triggers[fault->trigger], fault->at_ns, fault->delay_ns,
                   fault->ops_count, fault->duration_ns, fault->seed);
    ord_buf_printf(out, ",\"part\":%u,\"parts\":%u,\"needs_primary\":%s",
                   fault->part, fault->part_count,
                   fault->needs_primary ? "true" : "false");
    add_event(fault, out);
    if (fault->home_count != 0)
        ord_buf_printf(out, ",\"home\":%u", fault->home_count);
    ord_buf_text(out, ",\"nodes\":[");
    for (uint32_t node = 1; node <= ORD_NODES_MAX; node++) {
        if (!ord_has_node(fault->nodes, node))
            continue;
        ord_buf_printf(out, "%s\"n%u\"", gap, node);
        gap = ",";
    }
    ord_buf_char(out, ']');
    if (fault->links != NULL)
        add_links(fault->links, out);
    ord_buf_text(out, ",\"what\":");
    ord_buf_json(out, ord_bytes_of(fault->what));
    if (fault->not_begun != NULL) {
        ord_buf_text(out, ",\"not_begun\":");
        ord_buf_json(out, ord_bytes_of(fault->not_begun));
    }
    ord_buf_char(out, '}');
}

/* ---- and back ------------------------------------------------------------ */

static bool read_text(struct ord_json *in, struct ord_arena *arena,
                      struct ord_bytes *out)
{
    struct ord_bytes raw;

    if (!ord_json_string(in, &raw))
        return false;
    *out = ord_json_unescape(arena, raw);
    return out->at != NULL;
}

static bool read_u64(struct ord_bytes digits, uint64_t *out)
{
    *out = 0;
    if (digits.size == 0 || digits.size > 20)
        return false;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9' ||
            __builtin_mul_overflow(*out, UINT64_C(10), out) ||
            __builtin_add_overflow(*out, (uint64_t)(digits.at[i] - '0'), out))
            return false;
    }
    return true;
}

static bool read_count(struct ord_json *in, int64_t low, int64_t high,
                       int64_t *out)
{
    return ord_json_int(in, out) && *out >= low && *out <= high;
}

static bool read_u32(struct ord_json *in, uint32_t *out)
{
    int64_t value;

    if (!read_count(in, 0, UINT32_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool read_params(struct ord_json *in, struct ord_arena *arena,
                        struct ord_fault *out)
{
    struct ord_fault_param *params =
        ord_arena_zalloc(arena, ORD_FAULT_PARAMS_MAX, sizeof *params);
    struct ord_bytes key;
    bool more = ord_json_enter(in, '{');

    if (params == NULL)
        return false;
    out->params = params;
    while (more && ord_json_member(in, &key)) {
        struct ord_bytes name = ord_json_unescape(arena, key);
        struct ord_bytes value;

        if (out->param_count >= ORD_FAULT_PARAMS_MAX || name.at == NULL ||
            !read_text(in, arena, &value))
            return false;
        params[out->param_count++] =
            (struct ord_fault_param){.name = name.at, .value = value.at};
    }
    return ord_json_left(in, '}');
}

static bool read_nodes(struct ord_json *in, struct ord_fault *out)
{
    bool more = ord_json_enter(in, '[');

    while (more && ord_json_element(in)) {
        struct ord_bytes name;
        uint64_t node;

        if (!ord_json_string(in, &name) || name.size < 2 || name.at[0] != 'n' ||
            !read_u64((struct ord_bytes){name.at + 1, name.size - 1}, &node) ||
            node < 1 || node > ORD_NODES_MAX)
            return false;
        out->nodes |= ord_one_node((uint32_t)node);
    }
    return ord_json_left(in, ']');
}

static bool read_port(struct ord_json *in, int64_t *port)
{
    return ord_json_element(in) && read_count(in, 0, ORD_NODES_MAX, port);
}

static bool read_links(struct ord_json *in, struct ord_arena *arena,
                       struct ord_fault *out)
{
    bool more = ord_json_enter(in, '[');

    out->links = ord_arena_zalloc(arena, 1, sizeof *out->links);
    if (out->links == NULL)
        return false;
    while (more && ord_json_element(in)) {
        int64_t from, to;

        if (!ord_json_enter(in, '[') || !read_port(in, &from) ||
            !read_port(in, &to) || ord_json_element(in) ||
            !ord_json_left(in, ']'))
            return false;
        out->links->is_set[from][to] = true;
    }
    return ord_json_left(in, ']');
}

static bool read_trigger(struct ord_json *in, struct ord_fault *out)
{
    struct ord_bytes text;

    if (!ord_json_string(in, &text))
        return false;
    for (uint32_t i = 0; i < TRIGGER_COUNT; i++) {
        if (ord_bytes_is(text, triggers[i])) {
            out->trigger = (enum ord_trigger)i;
            return true;
        }
    }
    return false;
}

static bool read_ops(struct ord_json *in, struct ord_arena *arena,
                     struct ord_fault *out)
{
    struct ord_bytes name;

    if (!read_text(in, arena, &name))
        return false;
    out->ops = ord_nemesis_find(name.at);
    return out->ops != NULL;
}

static bool read_texts(struct ord_json *in, struct ord_arena *arena,
                       struct ord_bytes key, struct ord_fault *out)
{
    struct ord_bytes text;

    if (!read_text(in, arena, &text))
        return false;
    if (ord_bytes_is(key, "seed"))
        return read_u64(text, &out->seed);
    if (ord_bytes_is(key, "not_begun")) {
        out->not_begun = text.at;
        return true;
    }
    (void)snprintf(out->what, sizeof out->what, "%s", text.at);
    return true;
}

static bool read_event(struct ord_json *in, struct ord_arena *arena,
                       struct ord_bytes key, struct ord_fault *out)
{
    struct ord_bytes text;
    int64_t node;

    if (ord_bytes_is(key, "needs_that"))
        return ord_json_bool(in, &out->needs_that);
    if (ord_bytes_is(key, "cooldown_ns"))
        return read_count(in, 0, INT64_MAX, &out->cooldown_ns);
    if (ord_bytes_is(key, "on")) {
        if (!read_text(in, arena, &text))
            return false;
        out->on = text.at;
        return true;
    }
    if (!ord_bytes_is(key, "that_node"))
        return ord_json_skip(in);
    if (!read_count(in, 1, ORD_NODES_MAX, &node))
        return false;
    out->that_node = (uint32_t)node;
    return true;
}

static bool read_member(struct ord_json *in, struct ord_arena *arena,
                        struct ord_bytes key, struct ord_fault *out)
{
    int64_t ops_count;

    if (ord_bytes_is(key, "id"))
        return read_u32(in, &out->id);
    if (ord_bytes_is(key, "entry"))
        return read_u32(in, &out->entry);
    if (ord_bytes_is(key, "home"))
        return read_u32(in, &out->home_count);
    if (ord_bytes_is(key, "part"))
        return read_u32(in, &out->part);
    if (ord_bytes_is(key, "parts"))
        return read_u32(in, &out->part_count);
    if (ord_bytes_is(key, "fault"))
        return read_ops(in, arena, out);
    if (ord_bytes_is(key, "params"))
        return read_params(in, arena, out);
    if (ord_bytes_is(key, "trigger"))
        return read_trigger(in, out);
    if (ord_bytes_is(key, "at_ns"))
        return read_count(in, 0, INT64_MAX, &out->at_ns);
    if (ord_bytes_is(key, "delay_ns"))
        return read_count(in, 0, INT64_MAX, &out->delay_ns);
    if (ord_bytes_is(key, "duration_ns"))
        return read_count(in, 0, INT64_MAX, &out->duration_ns);
    if (ord_bytes_is(key, "needs_primary"))
        return ord_json_bool(in, &out->needs_primary);
    if (ord_bytes_is(key, "nodes"))
        return read_nodes(in, out);
    if (ord_bytes_is(key, "links"))
        return read_links(in, arena, out);
    if (ord_bytes_is(key, "seed") || ord_bytes_is(key, "what") ||
        ord_bytes_is(key, "not_begun"))
        return read_texts(in, arena, key, out);
    if (!ord_bytes_is(key, "ops_count"))
        return read_event(in, arena, key, out);
    if (!read_count(in, 0, INT64_MAX, &ops_count))
        return false;
    out->ops_count = (uint64_t)ops_count;
    return true;
}

int ord_fault_from_json(struct ord_bytes json, struct ord_arena *arena,
                        struct ord_fault *out, struct ord_err *err)
{
    struct ord_json in = {.at = json.at, .end = json.at + json.size};
    struct ord_bytes key;
    bool more = ord_json_enter(&in, '{');

    *out = (struct ord_fault){.part_count = 1};
    while (more && ord_json_member(&in, &key)) {
        if (!read_member(&in, arena, key, out))
            return ord_fail(err, ORD_EFORMAT, "fault: bad value of \"%.*s\"",
                            (int)key.size, key.at);
    }
    if (!ord_json_left(&in, '}') || out->id == 0 || out->ops == NULL)
        return ord_fail(err, ORD_EFORMAT,
                        "fault: expected an object with id and fault");
    return ORD_OK;
}
