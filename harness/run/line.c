#include "harness/run/line.h"

#include <stdlib.h>
#include <string.h>

/* "name":"text", ... */
static void put_setting(const char *name, const char *value, bool *is_next,
                        struct ord_buf *out)
{
    if (*is_next)
        ord_buf_char(out, ',');
    *is_next = true;
    ord_buf_json(out, ord_bytes_of(name));
    ord_buf_char(out, ':');
    ord_buf_json(out, ord_bytes_of(value));
}

/* All parameters of the workload, given or preset. */
static void put_params(const struct ord_cell *cell, struct ord_buf *out)
{
    const struct ord_workload_in in = {.params = cell->params,
                                       .param_count = cell->param_count};
    const struct ord_param_spec *spec = cell->workload->params;
    bool is_next = false;

    for (; spec != NULL && spec->name != NULL; spec++)
        put_setting(spec->name,
                    ord_workload_param(cell->workload, &in, spec->name),
                    &is_next, out);
}

void ord_line_init(const struct ord_cell *cell, uint32_t worker,
                   int64_t process, struct ord_buf *out)
{
    uint32_t home = worker % cell->node_count + 1;
    bool is_next = false;

    ord_buf_printf(out, "{\"ordeal\":1,\"node\":\"n%u\",\"ip\":\"10.77.0.%u\"",
                   home, home + 10);
    ord_buf_text(out, ",\"nodes\":[");
    for (uint32_t i = 1; i <= cell->node_count; i++)
        ord_buf_printf(out, "%s{\"name\":\"n%u\",\"ip\":\"10.77.0.%u\"}",
                       i > 1 ? "," : "", i, i + 10);
    ord_buf_printf(out,
                   "],\"worker\":%u,\"process\":%lld,\"seed\":%llu,"
                   "\"timeout_ms\":%lld,\"workload\":\"%s\",\"params\":{",
                   worker, (long long)process, (unsigned long long)cell->seed,
                   (long long)(cell->timeout_ns / 1000000),
                   cell->workload->name);
    put_params(cell, out);
    ord_buf_text(out, "},\"settings\":{");
    for (uint32_t i = 0; i < cell->setting_count; i++) {
        if (cell->settings[i].value[0] == '\0')
            continue;
        put_setting(cell->settings[i].name, cell->settings[i].value, &is_next,
                    out);
    }
    ord_buf_text(out, "}}\n");
}

static void put_int(struct ord_buf *out, const char *member, int64_t value)
{
    ord_buf_text(out, member);
    ord_buf_int(out, value);
}

void ord_line_op(const struct ord_op *op, int64_t id, uint16_t node,
                 struct ord_buf *out)
{
    put_int(out, "{\"id\":", id);
    ord_buf_text(out, ",\"f\":\"");
    ord_buf_text(out, op->name);
    ord_buf_char(out, '"');
    if (op->key.kind != ORD_NIL) {
        ord_buf_text(out, ",\"key\":");
        ord_value_to_json(&op->key, out);
    }
    if (op->value.kind != ORD_NIL) {
        ord_buf_text(out, ",\"value\":");
        ord_value_to_json(&op->value, out);
    }
    if (op->session != ORD_NONE) {
        put_int(out, ",\"session\":", op->session);
        put_int(out, ",\"device\":", op->device);
    }
    if (node != ORD_NODE_NONE) {
        put_int(out, ",\"node\":\"n", node);
        ord_buf_char(out, '"');
    }
    if (op->is_final)
        ord_buf_text(out, ",\"final\":true");
    ord_buf_text(out, "}\n");
}

static bool read_type(struct ord_json *in, struct ord_reply *out)
{
    struct ord_bytes raw;

    if (!ord_json_string(in, &raw))
        return false;
    if (ord_bytes_is(raw, "ok"))
        out->type = ORD_OP_OK;
    else if (ord_bytes_is(raw, "fail"))
        out->type = ORD_OP_FAIL;
    else if (ord_bytes_is(raw, "info"))
        out->type = ORD_OP_INFO;
    else
        return false;
    return true;
}

/* "n12" */
static bool read_node(struct ord_json *in, uint32_t node_count,
                      struct ord_reply *out)
{
    struct ord_bytes raw;
    uint32_t number = 0;

    if (!ord_json_string(in, &raw) || raw.size < 2 || raw.size > 4 ||
        raw.at[0] != 'n')
        return false;
    for (size_t i = 1; i < raw.size; i++) {
        if (raw.at[i] < '0' || raw.at[i] > '9')
            return false;
        number = number * 10 + (uint32_t)(raw.at[i] - '0');
    }
    out->node = (uint16_t)number;
    return number >= 1 && number <= node_count;
}

static bool read_error(struct ord_json *in, struct ord_arena *arena,
                       struct ord_reply *out)
{
    struct ord_bytes raw;

    if (ord_json_peek(in) == ORD_JSON_NULL)
        return ord_json_null(in);
    if (!ord_json_string(in, &raw))
        return false;
    out->error = ord_json_unescape(arena, raw).at;
    return out->error != NULL;
}

static bool read_member(struct ord_json *in, struct ord_bytes key,
                        uint32_t node_count, struct ord_arena *arena,
                        struct ord_reply *out)
{
    if (ord_bytes_is(key, "id"))
        return ord_json_int(in, &out->id);
    if (ord_bytes_is(key, "type"))
        return read_type(in, out);
    if (ord_bytes_is(key, "value")) {
        out->has_value = true;
        return ord_value_from_json(in, arena, &out->value);
    }
    if (ord_bytes_is(key, "sent_ns"))
        return ord_json_int(in, &out->sent_ns);
    if (ord_bytes_is(key, "received_ns"))
        return ord_json_int(in, &out->received_ns);
    if (ord_bytes_is(key, "node"))
        return read_node(in, node_count, out);
    if (ord_bytes_is(key, "epoch"))
        return ord_json_int(in, &out->epoch);
    if (ord_bytes_is(key, "position"))
        return ord_json_int(in, &out->position);
    if (ord_bytes_is(key, "error"))
        return read_error(in, arena, out);
    return ord_json_skip(in); /* room for what clients may want to say */
}

void ord_line_begin(struct ord_bytes line, char *out, size_t size)
{
    size_t length = line.size < size ? line.size : size - 1;

    for (size_t i = 0; i < length; i++)
        out[i] = line.at[i] >= ' ' && line.at[i] <= '~' ? line.at[i] : '?';
    out[length] = '\0';
}

/* ORD_EFORMAT with the beginning of the line, in printable characters: it may
 * end up on a terminal. */
static int refuse(struct ord_bytes line, const char *what,
                  struct ord_bytes member, struct ord_err *err)
{
    char name[24] = "";
    char begin[80];

    ord_line_begin(line, begin, sizeof begin);
    for (size_t i = 0; i < member.size && i < sizeof name - 1; i++)
        name[i] =
            member.at[i] >= ' ' && member.at[i] <= '~' ? member.at[i] : '?';
    return ord_fail(
        err, ORD_EFORMAT, "the client's answer %s%s%s%s%s: %s", what,
        name[0] != '\0' ? " '" : "", name, name[0] != '\0' ? "'" : "",
        strcmp(name, "type") == 0 ? " (no ok, fail or info)" : "", begin);
}

int ord_line_reply(struct ord_bytes line, uint32_t node_count,
                   struct ord_arena *arena, struct ord_reply *out,
                   struct ord_err *err)
{
    struct ord_json in = {.at = line.at, .end = line.at + line.size};
    struct ord_bytes key = {0};

    *out = (struct ord_reply){
        .id = ORD_NONE,
        .type = ORD_OP_INVOKE,
        .sent_ns = ORD_NONE,
        .received_ns = ORD_NONE,
        .epoch = ORD_NONE,
        .position = ORD_NONE,
    };
    if (!ord_json_enter(&in, '{'))
        return refuse(line, "is no JSON object", (struct ord_bytes){0}, err);
    while (ord_json_member(&in, &key)) {
        if (!read_member(&in, key, node_count, arena, out))
            return refuse(line, "has a bad", key, err);
    }
    if (!ord_json_left(&in, '}') || !ord_json_done(&in))
        return refuse(line, "is broken JSON", (struct ord_bytes){0}, err);
    if (out->id == ORD_NONE || out->type == ORD_OP_INVOKE)
        return refuse(line, "lacks id or type", (struct ord_bytes){0}, err);
    return ORD_OK;
}

bool ord_line_is_ready(struct ord_bytes line)
{
    struct ord_json in = {.at = line.at, .end = line.at + line.size};
    struct ord_bytes key = {0};
    bool is_ready = false;

    if (!ord_json_enter(&in, '{'))
        return false;
    while (ord_json_member(&in, &key)) {
        if (!(ord_bytes_is(key, "ready") ? ord_json_bool(&in, &is_ready)
                                         : ord_json_skip(&in)))
            return false;
    }
    return ord_json_left(&in, '}') && ord_json_done(&in) && is_ready;
}
