/* client.c -- refdb-client: puts operations to the bundled database.
 *
 * What may be concluded from each way a call can end is in two tables; which
 * node is asked is route.c's business; the settings are in README.md.
 */
#include "targets/refdb/client/route.h"

#include "harness/base/clock.h"

enum {
    MEMORY_SIZE_MAX = 64 << 20,
    REDISCOVER_MAX = 1000000,
    REFUSED_PAUSE_MS = 20,
};

/* One row for each way a call can end. */
static const uint8_t conclusion[] = {
    [KV_DONE] = ORD_CLIENT_OK,
    [KV_REJECTED] = ORD_CLIENT_FAIL,  /* the node says that it did nothing */
    [KV_NOT_SENT] = ORD_CLIENT_FAIL,  /* not one byte reached the kernel */
    [KV_UNCERTAIN] = ORD_CLIENT_INFO, /* the node says that it cannot know */
    [KV_LOST] = ORD_CLIENT_INFO,      /* timeout, reset: who knows */
    [KV_GARBAGE] = ORD_CLIENT_INFO,
};
_Static_assert(sizeof conclusion == KV_ENDS, "every end has its conclusion");

/* Only a read may be eased to FAIL: it changed nothing either way. */
static enum ord_client_type conclude(enum kv_end end, bool is_read)
{
    if (is_read && conclusion[end] == ORD_CLIENT_INFO)
        return ORD_CLIENT_FAIL;
    return (enum ord_client_type)conclusion[end];
}

static const char *const end_words[] = {
    [KV_DONE] = "done",
    [KV_REJECTED] = "refused",
    [KV_NOT_SENT] = "could not be sent",
    [KV_UNCERTAIN] = "the node does not know",
    [KV_LOST] = "no answer",
    [KV_GARBAGE] = "the answer makes no sense",
};
_Static_assert(sizeof end_words / sizeof *end_words == KV_ENDS,
               "every end has its words");

/* ---- settings ----------------------------------------------------------- */

static int read_duration(const struct ord_client_init *init, const char *name,
                         const char *preset, int64_t *ns, struct ord_err *err)
{
    const char *text = ord_client_setting(init, name, preset);

    if (ord_duration_parse(ord_bytes_of(text), ns, err) != ORD_OK)
        return ord_wrap(err, "setting %s", name);
    return ORD_OK;
}

static int read_read_from(struct kv_client *client, struct ord_err *err)
{
    const char *text = ord_client_setting(client->init, "read-from", "leader");

    for (int i = 0; i < KV_FROM_COUNT; i++) {
        if (strcmp(text, kv_read_from_names[i]) == 0) {
            client->read_from = (enum kv_read_from)i;
            return ORD_OK;
        }
    }
    return ord_fail(err, ORD_EUSAGE,
                    "setting read-from: '%s' is none of leader, any, sticky, "
                    "own-from-leader, leader-for, lag-below, position, "
                    "position-central",
                    text);
}

static int read_settings(struct kv_client *client, struct ord_err *err)
{
    const struct ord_client_init *init = client->init;
    const char *route = ord_client_setting(init, "route", "leader");
    struct ord_client_value count = ord_client_scalar(
        ord_bytes_of(ord_client_setting(init, "rediscover", "20")));
    int64_t lag_ns = 0;
    int rc = read_read_from(client, err);

    if (rc != ORD_OK)
        return rc;
    client->is_home_only = strcmp(route, "home") == 0;
    if (!client->is_home_only && strcmp(route, "leader") != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "setting route: '%s' is neither leader nor home",
                        route);
    if (count.kind != ORD_CLIENT_INT || count.as.number < 1 ||
        count.as.number > REDISCOVER_MAX)
        return ord_fail(err, ORD_EUSAGE,
                        "setting rediscover: a number from 1 to %d expected",
                        REDISCOVER_MAX);
    client->rediscover = count.as.number;
    rc = read_duration(init, "leader-for", "1s", &client->leader_for_ns, err);
    if (rc == ORD_OK)
        rc = read_duration(init, "lag-below", "50ms", &lag_ns, err);
    client->lag_below_ms = lag_ns / ORD_MS;
    return rc;
}

static void refdb_close(void *state)
{
    struct kv_client *client = state;

    for (int32_t i = 0; i < client->init->node_count; i++)
        kv_conn_fini(&client->conns[i]);
    ord_arena_fini(&client->arena);
}

static int refdb_open(const struct ord_client_init *init, void **state,
                      struct ord_err *err)
{
    struct kv_client *client = *state;
    int rc;

    client->init = init;
    client->leader = ORD_CLIENT_NO_NODE;
    client->rng =
        ord_rng_stream(init->seed, "refdb-client", (uint64_t)init->process);
    rc = read_settings(client, err);
    if (rc != ORD_OK)
        return rc;
    for (int32_t i = 0; i < init->node_count; i++) {
        if (!kv_conn_init(&client->conns[i], init->nodes[i].ip, true))
            return ord_fail(err, ORD_EFORMAT,
                            "init line: '%.64s' is not an IPv4 address",
                            init->nodes[i].ip);
    }
    ord_arena_init(&client->arena, MEMORY_SIZE_MAX);
    kv_memory_init(&client->memory, &client->arena);
    return ORD_OK;
}

/* ---- operations to commands --------------------------------------------- */

struct texts { /* digits of the numbers in one command */
    char key[ORD_CLIENT_DIGITS_SIZE];
    char first[ORD_CLIENT_DIGITS_SIZE];
    char second[ORD_CLIENT_DIGITS_SIZE];
};

static const char *read_word(enum ord_client_workload workload)
{
    if (workload == ORD_CLIENT_SET)
        return "SMEMBERS";
    return workload == ORD_CLIENT_LISTS ? "LRANGE" : "GET";
}

static void make_cmd(const struct ord_client_op *op,
                     enum ord_client_workload workload, struct texts *texts,
                     struct kv_cmd *cmd)
{
    static const char *const words[] = {
        [ORD_CLIENT_WRITE] = "SET",
        [ORD_CLIENT_ADD] = "SADD",
        [ORD_CLIENT_APPEND] = "RPUSH",
    };
    const struct ord_client_value *items = op->value.as.items;
    struct ord_bytes key = op->key.kind == ORD_CLIENT_NIL
                               ? ord_bytes_of("0") /* the one object */
                               : ord_client_bytes(&op->key, texts->key);

    switch (op->f) {
    case ORD_CLIENT_READ:
        kv_cmd_add(cmd, ord_bytes_of(read_word(workload)));
        kv_cmd_add(cmd, key);
        return;
    case ORD_CLIENT_CAS:
        if (items[0].kind == ORD_CLIENT_NIL) {
            kv_cmd_add(cmd, ord_bytes_of("CASNIL"));
            kv_cmd_add(cmd, key);
        } else {
            kv_cmd_add(cmd, ord_bytes_of("CAS"));
            kv_cmd_add(cmd, key);
            kv_cmd_add(cmd, ord_client_bytes(&items[0], texts->first));
        }
        kv_cmd_add(cmd, ord_client_bytes(&items[1], texts->second));
        return;
    default:
        kv_cmd_add(cmd, ord_bytes_of(words[op->f]));
        kv_cmd_add(cmd, key);
        kv_cmd_add(cmd, ord_client_bytes(&op->value, texts->first));
    }
}

/* ---- replies to answers ------------------------------------------------- */

static bool take_list(const struct kv_item *item, struct ord_client_done *done)
{
    struct ord_client_value *values =
        ord_arena_zalloc(done->arena, item->count, sizeof *values);

    if (item->kind != KV_ARRAY || values == NULL)
        return false;
    for (uint32_t i = 0; i < item->count; i++) {
        if (item->items[i].kind != KV_BULK)
            return false;
        values[i] = ord_client_scalar(item->items[i].text);
    }
    done->has_value = true;
    done->value = (struct ord_client_value){
        .kind = ORD_CLIENT_LIST, .count = item->count, .as = {.items = values}};
    return true;
}

static bool take_scalar(const struct kv_item *item,
                        struct ord_client_done *done)
{
    if (item->kind != KV_NIL && item->kind != KV_BULK)
        return false;
    done->has_value = true;
    if (item->kind == KV_BULK)
        done->value = ord_client_scalar(item->text);
    return true;
}

/* False where the reply is not what this command is answered with. */
static bool take_reply(const struct ord_client_op *op,
                       enum ord_client_workload workload,
                       const struct kv_item *item, struct ord_client_done *done)
{
    done->type = ORD_CLIENT_OK;
    switch (op->f) {
    case ORD_CLIENT_READ:
        return workload == ORD_CLIENT_SET || workload == ORD_CLIENT_LISTS
                   ? take_list(item, done)
                   : take_scalar(item, done);
    case ORD_CLIENT_WRITE:
        return item->kind == KV_STATUS && ord_bytes_is(item->text, "OK");
    case ORD_CLIENT_CAS:
        if (item->kind == KV_INT && item->number == 0)
            ord_client_conclude(done, ORD_CLIENT_FAIL, "compared unequal");
        return item->kind == KV_INT && (item->number == 0 || item->number == 1);
    default:
        return item->kind == KV_INT;
    }
}

static void finish(struct kv_client *client, const struct ord_client_op *op,
                   struct kv_call *call, struct ord_client_done *done)
{
    const struct kv_item *item = &call->reply.item;

    done->sent_ns = call->reply.sent_ns;
    done->received_ns = call->reply.received_ns;
    done->node = call->node;
    done->epoch = call->reply.epoch;
    done->position = call->reply.position;
    if (call->end == KV_DONE &&
        take_reply(op, client->init->workload, item, done))
        return;
    if (call->end == KV_DONE) { /* it answers something else than we asked */
        call->end = KV_GARBAGE;
        done->has_value = false;
        for (int32_t i = 0; i < client->init->node_count; i++)
            kv_conn_drop(&client->conns[i]);
    }
    ord_client_conclude(
        done, conclude(call->end, call->is_read), "%s%s%.*s",
        end_words[call->end], item->kind == KV_ERROR ? ": " : "",
        item->kind == KV_ERROR
            ? (int)(item->text.size < 100 ? item->text.size : 100)
            : 0,
        item->kind == KV_ERROR ? item->text.at : "");
}

/* ---- one operation ------------------------------------------------------ */

/* Who the user is: the session that the operation names; where it names none,
 * this process. */
static void set_user(const struct kv_client *client,
                     const struct ord_client_op *op, struct kv_call *call)
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes key = ord_client_bytes(&op->key, digits);
    uint64_t hash = 0;

    for (size_t i = 0; i < key.size; i++)
        hash = ord_mix(hash ^ (unsigned char)key.at[i]) + i;
    call->session = op->session >= 0 ? op->session : -1 - client->init->process;
    call->device = op->device;
    call->owned = ord_hash(1, (uint64_t)call->session, hash);
    call->is_own = op->session >= 0 && op->key.kind == ORD_CLIENT_INT &&
                   op->key.as.number == op->session;
}

static void refdb_invoke(void *state, const struct ord_client_op *op,
                         struct ord_client_done *done)
{
    struct kv_client *client = state;
    int64_t now_ns = ord_now_ns();
    struct kv_call call = {
        .is_read = op->f == ORD_CLIENT_READ,
        .begin_ns = now_ns,
        .deadline_ns = now_ns + client->init->timeout_ms * ORD_MS,
        .arena = done->arena,
        .node = ORD_CLIENT_NO_NODE,
    };
    struct texts texts;

    make_cmd(op, client->init->workload, &texts, &call.cmd);
    set_user(client, op, &call);
    if (op->node != ORD_CLIENT_NO_NODE)
        kv_ask_node(client, &call, op->node, call.is_read);
    else if (call.is_read)
        kv_ask_read(client, &call);
    else
        kv_ask_leader(client, &call, !client->is_home_only);
    finish(client, op, &call, done);
    if (op->node == ORD_CLIENT_NO_NODE)
        kv_remember(client, &call);
}

/* ---- probes ------------------------------------------------------------- */

static enum kv_end probe(const char *ip, const char *word, int64_t deadline_ns,
                         struct kv_conn *conn, struct ord_arena *arena,
                         struct kv_reply *reply)
{
    struct kv_cmd cmd = {0};

    kv_cmd_add(&cmd, ord_bytes_of(word));
    if (!kv_conn_init(conn, ip, false))
        return KV_NOT_SENT;
    return kv_conn_call(conn, &cmd, deadline_ns, deadline_ns, arena, reply);
}

static bool refdb_ready(const char *ip, int64_t deadline_ns)
{
    struct ord_arena arena;
    struct kv_conn conn;
    struct kv_reply reply;
    bool is_ready;

    ord_arena_init(&arena, 1 << 20);
    is_ready =
        probe(ip, "READY", deadline_ns, &conn, &arena, &reply) == KV_DONE &&
        reply.item.kind == KV_STATUS && ord_bytes_is(reply.item.text, "READY");
    kv_conn_fini(&conn);
    ord_arena_fini(&arena);
    return is_ready;
}

static bool refdb_primary(const char *ip, int64_t deadline_ns, int64_t *epoch)
{
    struct ord_arena arena;
    struct kv_conn conn;
    struct kv_reply reply;
    const struct kv_item *items;
    bool is_primary = false;

    ord_arena_init(&arena, 1 << 20);
    if (probe(ip, "ROLE", deadline_ns, &conn, &arena, &reply) == KV_DONE &&
        reply.item.kind == KV_ARRAY && reply.item.count >= 3) {
        items = reply.item.items;
        is_primary = (items[0].kind == KV_BULK || items[0].kind == KV_STATUS) &&
                     ord_bytes_is(items[0].text, "leader") &&
                     items[2].kind == KV_INT;
        if (is_primary)
            *epoch = items[2].number;
    }
    kv_conn_fini(&conn);
    ord_arena_fini(&arena);
    return is_primary;
}

static void print_member(const struct kv_item *row, struct ord_buf *out)
{
    if (row->kind != KV_ARRAY || row->count != 3 ||
        row->items[1].kind != KV_BULK || row->items[2].kind != KV_BULK) {
        out->failed = true;
        return;
    }
    ord_buf_add(out, row->items[1].text);
    ord_buf_text(out, ord_bytes_is(row->items[2].text, "joining") ? " joining\n"
                                                                  : "\n");
}

/* One command to one node. */
static bool ask(const char *ip, const struct kv_cmd *cmd, int64_t deadline_ns,
                struct ord_buf *out)
{
    struct ord_arena arena;
    struct kv_conn conn;
    struct kv_reply reply;
    bool is_done;

    ord_arena_init(&arena, 1 << 20);
    is_done = kv_conn_init(&conn, ip, false) &&
              kv_conn_call(&conn, cmd, deadline_ns, deadline_ns, &arena,
                           &reply) == KV_DONE;
    if (is_done && reply.item.kind == KV_ARRAY)
        for (uint32_t i = 0; i < reply.item.count; i++)
            print_member(&reply.item.items[i], out);
    kv_conn_fini(&conn);
    ord_arena_fini(&arena);
    return is_done && !out->failed;
}

static bool refdb_members(const char *via, int64_t deadline_ns,
                          struct ord_buf *out)
{
    struct kv_cmd cmd = {0};

    kv_cmd_add(&cmd, ord_bytes_of("MEMBER"));
    kv_cmd_add(&cmd, ord_bytes_of("LIST"));
    return ask(via, &cmd, deadline_ns, out);
}

static bool refdb_change(const char *via, bool is_join, int64_t index,
                         const char *ip, int64_t deadline_ns)
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_client_value number = {.kind = ORD_CLIENT_INT,
                                      .as = {.number = index}};
    struct kv_cmd cmd = {0};
    struct ord_buf none;
    bool is_done;

    kv_cmd_add(&cmd, ord_bytes_of("MEMBER"));
    kv_cmd_add(&cmd, ord_bytes_of(is_join ? "ADD" : "REMOVE"));
    kv_cmd_add(&cmd, ord_client_bytes(&number, digits));
    if (is_join)
        kv_cmd_add(&cmd, ord_bytes_of(ip));
    ord_buf_init(&none, 16);
    is_done = ask(via, &cmd, deadline_ns, &none);
    ord_buf_fini(&none);
    return is_done;
}

int main(int argc, char **argv)
{
    struct kv_client client = {0};
    const struct ord_client_ops ops = {
        .name = "refdb-client",
        .context = &client,
        .open = refdb_open,
        .invoke = refdb_invoke,
        .close = refdb_close,
        .ready = refdb_ready,
        .primary = refdb_primary,
        .members = refdb_members,
        .change = refdb_change,
    };

    return ord_client_main(argc, argv, &ops);
}
