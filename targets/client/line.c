#include "targets/client/line.h"

#include "harness/base/json.h"

enum { TIMEOUT_MS_MAX = 3600000, LIST_MAX = 1 << 20 };

static const char *const f_names[] = {
    [ORD_CLIENT_READ] = "read",         [ORD_CLIENT_WRITE] = "write",
    [ORD_CLIENT_CAS] = "cas",           [ORD_CLIENT_ADD] = "add",
    [ORD_CLIENT_APPEND] = "append",     [ORD_CLIENT_ENQUEUE] = "enqueue",
    [ORD_CLIENT_DEQUEUE] = "dequeue",   [ORD_CLIENT_ACQUIRE] = "acquire",
    [ORD_CLIENT_RELEASE] = "release",   [ORD_CLIENT_TRANSFER] = "transfer",
    [ORD_CLIENT_GENERATE] = "generate", [ORD_CLIENT_TXN] = "txn",
    [ORD_CLIENT_INSERT] = "insert",
};
_Static_assert(sizeof f_names / sizeof *f_names == ORD_CLIENT_F_COUNT,
               "every function has its name");

static const char *const type_names[] = {
    [ORD_CLIENT_INFO] = "info",
    [ORD_CLIENT_OK] = "ok",
    [ORD_CLIENT_FAIL] = "fail",
};

static const char *const workload_names[] = {
    [ORD_CLIENT_REGISTER] = "register",
    [ORD_CLIENT_SET] = "set",
    [ORD_CLIENT_SESSIONS] = "sessions",
    [ORD_CLIENT_LISTS] = "list",
    [ORD_CLIENT_COUNTER] = "counter",
    [ORD_CLIENT_QUEUE] = "queue",
    [ORD_CLIENT_LOCK] = "lock",
    [ORD_CLIENT_BANK] = "bank",
    [ORD_CLIENT_UNIQUE_IDS] = "unique-ids",
    [ORD_CLIENT_LONG_FORK] = "long-fork",
    [ORD_CLIENT_WRITE_SKEW] = "write-skew",
};

/* ---- the init line ------------------------------------------------------ */

static bool read_text(struct ord_json *in, struct ord_arena *arena,
                      const char **out)
{
    struct ord_bytes raw;
    struct ord_bytes text;

    if (!ord_json_string(in, &raw))
        return false;
    text = ord_json_unescape(arena, raw);
    *out = text.at;
    return text.at != NULL;
}

static bool read_node(struct ord_json *in, struct ord_arena *arena,
                      struct ord_client_node *node)
{
    struct ord_bytes key;

    *node = (struct ord_client_node){0};
    if (!ord_json_enter(in, '{'))
        return false;
    while (ord_json_member(in, &key)) {
        bool good = false;

        if (ord_bytes_is(key, "name"))
            good = read_text(in, arena, &node->name);
        else if (ord_bytes_is(key, "ip"))
            good = read_text(in, arena, &node->ip);
        else
            good = ord_json_skip(in);
        if (!good)
            return false;
    }
    return ord_json_left(in, '}') && node->name != NULL && node->ip != NULL;
}

static bool read_nodes(struct ord_json *in, struct ord_arena *arena,
                       struct ord_client_init *out)
{
    if (!ord_json_enter(in, '['))
        return false;
    while (ord_json_element(in)) {
        if (out->node_count == ORD_CLIENT_NODES_MAX ||
            !read_node(in, arena, &out->nodes[out->node_count]))
            return false;
        out->node_count++;
    }
    return ord_json_left(in, ']');
}

static bool read_settings(struct ord_json *in, struct ord_arena *arena,
                          struct ord_client_setting *settings,
                          uint32_t count_max, uint32_t *count)
{
    struct ord_bytes key;

    if (!ord_json_enter(in, '{'))
        return false;
    while (ord_json_member(in, &key)) {
        struct ord_client_setting *to = &settings[*count];

        if (*count == count_max)
            return false;
        to->name = ord_json_unescape(arena, key).at;
        if (to->name == NULL || !read_text(in, arena, &to->value))
            return false;
        ++*count;
    }
    return ord_json_left(in, '}');
}

/* Any 64 bits, written without a sign or with one. */
static bool read_seed(struct ord_json *in, uint64_t *seed)
{
    int64_t number;

    if (ord_json_peek(in) != ORD_JSON_NUMBER)
        return false;
    if (*in->at == '-') {
        if (!ord_json_int(in, &number))
            return false;
        *seed = (uint64_t)number;
        return true;
    }
    *seed = 0;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9') {
        uint64_t digit = (uint64_t)(*in->at++ - '0');

        if (__builtin_mul_overflow(*seed, 10u, seed) ||
            __builtin_add_overflow(*seed, digit, seed))
            return false;
    }
    return true;
}

struct init_line { /* what the whole line must be seen for */
    int64_t version;
    const char *node;
    const char *ip;
};

static bool read_init_member(struct ord_json *in, struct ord_arena *arena,
                             struct ord_bytes key, struct init_line *line,
                             struct ord_client_init *out)
{
    if (ord_bytes_is(key, "ordeal"))
        return ord_json_int(in, &line->version);
    if (ord_bytes_is(key, "node"))
        return read_text(in, arena, &line->node);
    if (ord_bytes_is(key, "ip"))
        return read_text(in, arena, &line->ip);
    if (ord_bytes_is(key, "nodes"))
        return read_nodes(in, arena, out);
    if (ord_bytes_is(key, "worker"))
        return ord_json_int(in, &out->worker);
    if (ord_bytes_is(key, "process"))
        return ord_json_int(in, &out->process);
    if (ord_bytes_is(key, "seed"))
        return read_seed(in, &out->seed);
    if (ord_bytes_is(key, "timeout_ms"))
        return ord_json_int(in, &out->timeout_ms);
    if (ord_bytes_is(key, "workload"))
        return read_text(in, arena, &out->workload_name);
    if (ord_bytes_is(key, "settings"))
        return read_settings(in, arena, out->settings, ORD_CLIENT_SETTINGS_MAX,
                             &out->setting_count);
    if (ord_bytes_is(key, "params"))
        return read_settings(in, arena, out->params, ORD_CLIENT_PARAMS_MAX,
                             &out->param_count);
    return ord_json_skip(in);
}

static int32_t node_find(const struct ord_client_init *init,
                         struct ord_bytes name)
{
    for (int32_t i = 0; i < init->node_count; i++) {
        if (ord_bytes_is(name, init->nodes[i].name))
            return i;
    }
    return ORD_CLIENT_NO_NODE;
}

static enum ord_client_workload workload_of(const char *name)
{
    for (size_t i = 0; i < sizeof workload_names / sizeof *workload_names;
         i++) {
        if (strcmp(workload_names[i], name) == 0)
            return (enum ord_client_workload)i;
    }
    return ORD_CLIENT_OTHER;
}

/* A harness that names no list of nodes has one node. */
static int init_settle(const struct init_line *line,
                       struct ord_client_init *out, struct ord_err *err)
{
    if (line->version != 1)
        return ord_fail(err, ORD_EFORMAT,
                        "init line: \"ordeal\" must be 1, not %lld",
                        (long long)line->version);
    if (line->node == NULL)
        return ord_fail(err, ORD_EFORMAT, "init line: no \"node\"");
    if (out->node_count == 0 && line->ip != NULL)
        out->nodes[out->node_count++] =
            (struct ord_client_node){.name = line->node, .ip = line->ip};
    out->home = node_find(out, ord_bytes_of(line->node));
    if (out->home == ORD_CLIENT_NO_NODE)
        return ord_fail(err, ORD_EFORMAT,
                        "init line: node \"%.64s\" is not among \"nodes\"",
                        line->node);
    if (out->timeout_ms < 1 || out->timeout_ms > TIMEOUT_MS_MAX)
        return ord_fail(err, ORD_EFORMAT,
                        "init line: \"timeout_ms\" must be 1 to %d",
                        TIMEOUT_MS_MAX);
    if (out->workload_name == NULL)
        out->workload_name = workload_names[ORD_CLIENT_REGISTER];
    out->workload = workload_of(out->workload_name);
    return ORD_OK;
}

int ord_client_init_parse(struct ord_bytes text, struct ord_arena *arena,
                          struct ord_client_init *out, struct ord_err *err)
{
    struct ord_json in = {.at = text.at, .end = text.at + text.size};
    struct init_line line = {0};
    struct ord_bytes key;

    ORD_ASSERT(arena != NULL);
    *out = (struct ord_client_init){.timeout_ms = 1000};
    if (!ord_json_enter(&in, '{'))
        return ord_fail(err, ORD_EFORMAT, "init line: not a JSON object");
    while (ord_json_member(&in, &key)) {
        if (!read_init_member(&in, arena, key, &line, out))
            return ord_fail(err, ORD_EFORMAT,
                            "init line: bad value of \"%.*s\"",
                            (int)(key.size < 64 ? key.size : 64), key.at);
    }
    if (!ord_json_left(&in, '}') || !ord_json_done(&in))
        return ord_fail(err, ORD_EFORMAT, "init line: not a JSON object");
    return init_settle(&line, out, err);
}

/* ---- operations --------------------------------------------------------- */

static bool read_scalar(struct ord_json *in, struct ord_arena *arena,
                        struct ord_client_value *out)
{
    struct ord_bytes raw;
    int64_t number;

    switch (ord_json_peek(in)) {
    case ORD_JSON_NULL:
        *out = (struct ord_client_value){.kind = ORD_CLIENT_NIL};
        return ord_json_null(in);
    case ORD_JSON_NUMBER:
        if (!ord_json_int(in, &number))
            return false;
        *out = ord_client_int(number);
        return true;
    case ORD_JSON_STRING:
        if (!ord_json_string(in, &raw))
            return false;
        if (raw.size > 0 && memchr(raw.at, '\\', raw.size) != NULL) {
            raw = ord_json_unescape(arena, raw);
            if (raw.at == NULL)
                return false;
        }
        *out = ord_client_text(raw);
        return true;
    default:
        return false;
    }
}

typedef bool read_item(struct ord_json *in, struct ord_arena *arena,
                       struct ord_client_value *out);

/* The items go into those of which there is room, then into the arena, four
 * times as many. */
static bool read_list(struct ord_json *in, struct ord_arena *arena,
                      read_item *read_one, struct ord_client_value *items,
                      uint32_t room, struct ord_client_value *out)
{
    uint32_t count = 0;

    if (!ord_json_enter(in, '['))
        return false;
    while (ord_json_element(in)) {
        if (count == room) {
            struct ord_client_value *more;

            if (room > LIST_MAX)
                return false;
            room = room == 0 ? 4 : room * 4;
            more = ord_arena_zalloc(arena, room, sizeof *more);
            if (more == NULL)
                return false;
            if (count > 0)
                memcpy(more, items, count * sizeof *more);
            items = more;
        }
        if (!read_one(in, arena, &items[count]))
            return false;
        count++;
    }
    *out = (struct ord_client_value){
        .kind = ORD_CLIENT_LIST, .count = count, .as = {.items = items}};
    return ord_json_left(in, ']');
}

/* An item of a list: a scalar, or a list of them, and no deeper. */
static bool read_flat(struct ord_json *in, struct ord_arena *arena,
                      struct ord_client_value *out)
{
    if (ord_json_peek(in) == ORD_JSON_ARRAY)
        return read_list(in, arena, read_scalar, NULL, 0, out);
    return read_scalar(in, arena, out);
}

static bool read_value(struct ord_json *in, struct ord_arena *arena,
                       struct ord_client_value pair[2],
                       struct ord_client_value *out)
{
    if (ord_json_peek(in) == ORD_JSON_ARRAY)
        return read_list(in, arena, read_flat, pair, 2, out);
    return read_scalar(in, arena, out);
}

struct op_line { /* as it stands in the line, looked up at its end */
    struct ord_bytes f;
    struct ord_bytes node;
    bool has_id;
};

static bool read_op_member(struct ord_json *in, struct ord_arena *arena,
                           struct ord_bytes key, struct op_line *line,
                           struct ord_client_value pair[2],
                           struct ord_client_op *out)
{
    if (ord_bytes_is(key, "id"))
        return line->has_id = ord_json_int(in, &out->id);
    if (ord_bytes_is(key, "f"))
        return ord_json_string(in, &line->f);
    if (ord_bytes_is(key, "key"))
        return read_scalar(in, arena, &out->key);
    if (ord_bytes_is(key, "value"))
        return read_value(in, arena, pair, &out->value);
    if (ord_bytes_is(key, "session"))
        return ord_json_int(in, &out->session);
    if (ord_bytes_is(key, "device"))
        return ord_json_int(in, &out->device);
    if (ord_bytes_is(key, "node"))
        return ord_json_string(in, &line->node);
    if (ord_bytes_is(key, "final"))
        return ord_json_bool(in, &out->is_final);
    return ord_json_skip(in);
}

static const bool wants_scalar[ORD_CLIENT_F_COUNT] = {
    [ORD_CLIENT_WRITE] = true,  [ORD_CLIENT_ADD] = true,
    [ORD_CLIENT_APPEND] = true, [ORD_CLIENT_ENQUEUE] = true,
    [ORD_CLIENT_INSERT] = true,
};

static bool is_scalar(const struct ord_client_value *value)
{
    return value->kind == ORD_CLIENT_INT || value->kind == ORD_CLIENT_TEXT;
}

/* [old, new] */
static bool is_cas(const struct ord_client_value *value)
{
    return value->kind == ORD_CLIENT_LIST && value->count == 2 &&
           value->as.items[0].kind != ORD_CLIENT_LIST &&
           is_scalar(&value->as.items[1]);
}

/* ["r", key, null] or ["w", key, value] */
static bool is_part(const struct ord_client_value *value)
{
    const struct ord_client_value *items = value->as.items;

    if (value->kind != ORD_CLIENT_LIST || value->count != 3 ||
        items[0].kind != ORD_CLIENT_TEXT || items[0].count != 1 ||
        !is_scalar(&items[1]))
        return false;
    return (items[0].as.text[0] == 'r' && items[2].kind == ORD_CLIENT_NIL) ||
           (items[0].as.text[0] == 'w' && is_scalar(&items[2]));
}

static bool is_txn(const struct ord_client_value *value)
{
    uint32_t good = 0;

    if (value->kind != ORD_CLIENT_LIST || value->count == 0)
        return false;
    while (good < value->count && is_part(&value->as.items[good]))
        good++;
    return good == value->count;
}

static bool is_transfer(const struct ord_client_value *value)
{
    return value->kind == ORD_CLIENT_LIST && value->count == 3 &&
           value->as.items[0].kind == ORD_CLIENT_INT &&
           value->as.items[1].kind == ORD_CLIENT_INT &&
           value->as.items[2].kind == ORD_CLIENT_INT;
}

static int op_settle(const struct op_line *line,
                     const struct ord_client_init *init,
                     struct ord_client_op *out, struct ord_err *err)
{
    uint32_t f = 0;

    while (f < ORD_CLIENT_F_COUNT && !ord_bytes_is(line->f, f_names[f]))
        f++;
    if (f == ORD_CLIENT_F_COUNT)
        return ord_fail(err, ORD_ENOTFOUND, "unknown function");
    out->f = (enum ord_client_f)f;
    if (line->node.at != NULL) {
        out->node = node_find(init, line->node);
        if (out->node == ORD_CLIENT_NO_NODE)
            return ord_fail(err, ORD_ENOTFOUND, "unknown node");
    }
    if (out->f == ORD_CLIENT_CAS && !is_cas(&out->value))
        return ord_fail(err, ORD_ENOTFOUND, "cas wants [old, new]");
    if (out->f == ORD_CLIENT_TRANSFER && !is_transfer(&out->value))
        return ord_fail(err, ORD_ENOTFOUND,
                        "transfer wants [from, to, amount]");
    if (out->f == ORD_CLIENT_TXN && !is_txn(&out->value))
        return ord_fail(err, ORD_ENOTFOUND,
                        "txn wants [[\"r\", key, null] or [\"w\", key, value], "
                        "...]");
    if (wants_scalar[f] && !is_scalar(&out->value))
        return ord_fail(err, ORD_ENOTFOUND, "%s wants a scalar", f_names[f]);
    return ORD_OK;
}

int ord_client_op_parse(struct ord_bytes text,
                        const struct ord_client_init *init,
                        struct ord_arena *arena,
                        struct ord_client_value pair[2],
                        struct ord_client_op *out, struct ord_err *err)
{
    struct ord_json in = {.at = text.at, .end = text.at + text.size};
    struct op_line line = {0};
    struct ord_bytes key;

    ORD_ASSERT(init->node_count > 0);
    *out = (struct ord_client_op){.session = -1, .node = ORD_CLIENT_NO_NODE};
    if (!ord_json_enter(&in, '{'))
        return ord_fail(err, ORD_EFORMAT, "operation: not a JSON object");
    while (ord_json_member(&in, &key)) {
        if (!read_op_member(&in, arena, key, &line, pair, out))
            return ord_fail(err, ORD_EFORMAT,
                            "operation: bad value of \"%.*s\"",
                            (int)(key.size < 64 ? key.size : 64), key.at);
    }
    if (!ord_json_left(&in, '}') || !ord_json_done(&in))
        return ord_fail(err, ORD_EFORMAT, "operation: not a JSON object");
    if (!line.has_id)
        return ord_fail(err, ORD_EFORMAT, "operation: no \"id\"");
    return op_settle(&line, init, out, err);
}

/* ---- answers ------------------------------------------------------------ */

static void write_scalar(const struct ord_client_value *value,
                         struct ord_buf *out)
{
    if (value->kind == ORD_CLIENT_INT)
        ord_buf_int(out, value->as.number);
    else if (value->kind == ORD_CLIENT_TEXT)
        ord_buf_json(out, (struct ord_bytes){value->as.text, value->count});
    else
        ord_buf_text(out, "null");
}

/* A list of whatever write_one writes; else the scalar that it is. */
static void write_items(const struct ord_client_value *value,
                        void (*write_one)(const struct ord_client_value *,
                                          struct ord_buf *),
                        struct ord_buf *out)
{
    if (value->kind != ORD_CLIENT_LIST) {
        write_scalar(value, out);
        return;
    }
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < value->count; i++) {
        if (i > 0)
            ord_buf_char(out, ',');
        write_one(&value->as.items[i], out);
    }
    ord_buf_char(out, ']');
}

static void write_flat(const struct ord_client_value *value,
                       struct ord_buf *out)
{
    write_items(value, write_scalar, out);
}

/* Lists of lists (a bank's [account, balance] pairs, the parts of a txn), and
 * no deeper. */
static void write_value(const struct ord_client_value *value,
                        struct ord_buf *out)
{
    write_items(value, write_flat, out);
}

static void write_number(const char *name, int64_t number, struct ord_buf *out)
{
    ord_buf_text(out, name);
    ord_buf_int(out, number);
}

void ord_client_answer_write(const struct ord_client_init *init, int64_t id,
                             const struct ord_client_done *done,
                             struct ord_buf *out)
{
    ORD_ASSERT(done->type <= ORD_CLIENT_FAIL);
    write_number("{\"id\":", id, out);
    ord_buf_text(out, ",\"type\":\"");
    ord_buf_text(out, type_names[done->type]);
    ord_buf_char(out, '"');
    if (done->has_value) {
        ord_buf_text(out, ",\"value\":");
        write_value(&done->value, out);
    }
    if (done->sent_ns > 0)
        write_number(",\"sent_ns\":", done->sent_ns, out);
    if (done->received_ns > 0)
        write_number(",\"received_ns\":", done->received_ns, out);
    if (done->node >= 0 && done->node < init->node_count) {
        ord_buf_text(out, ",\"node\":");
        ord_buf_json(out, ord_bytes_of(init->nodes[done->node].name));
    }
    if (done->epoch >= 0)
        write_number(",\"epoch\":", done->epoch, out);
    if (done->position >= 0)
        write_number(",\"position\":", done->position, out);
    if (done->error[0] != '\0') {
        ord_buf_text(out, ",\"error\":");
        ord_buf_json(out, ord_bytes_of(done->error));
    }
    ord_buf_text(out, "}\n");
}
