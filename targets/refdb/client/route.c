#include "targets/refdb/client/route.h"

#include "harness/base/clock.h"

enum {
    ATTEMPTS_MAX = 256,
    PAUSE_MS = 20,   /* between two rounds in which nobody led */
    SLICES = 3,      /* a node that does not answer costs a third of the time */
    WAIT_SLICES = 4, /* a replica may wait a quarter of it to catch up */
    LAG_WINDOWS = 3,
    LAGGARDS_MAX = 2, /* replicas asked before the leader is */
};

const char *const kv_read_from_names[KV_FROM_COUNT] = {
    [KV_FROM_LEADER] = "leader",
    [KV_FROM_ANY] = "any",
    [KV_FROM_STICKY] = "sticky",
    [KV_FROM_OWN_FROM_LEADER] = "own-from-leader",
    [KV_FROM_LEADER_FOR] = "leader-for",
    [KV_FROM_LAG_BELOW] = "lag-below",
    [KV_FROM_POSITION] = "position",
    [KV_FROM_POSITION_CENTRAL] = "position-central",
};

/* ---- one node ----------------------------------------------------------- */

static int64_t timeout_ns(const struct kv_client *client)
{
    return client->init->timeout_ms * ORD_MS;
}

/* The node that spoke, by its own word where that makes sense. */
static int32_t speaker(const struct kv_client *client, int32_t asked,
                       const struct kv_reply *reply)
{
    if (reply->node_id >= 1 && reply->node_id <= client->init->node_count)
        return (int32_t)reply->node_id - 1;
    return asked;
}

/* Sends cmd; reads may not wait for an answer longer than their slice, so
 * that time is left to ask somebody else. */
static void send_to(struct kv_client *client, struct kv_call *call,
                    int32_t node, const struct kv_cmd *cmd, int64_t slice_ns)
{
    int64_t until_ns = ord_now_ns() + slice_ns;
    int64_t deadline_ns = call->deadline_ns;

    ORD_ASSERT(node >= 0 && node < client->init->node_count);
    if (call->is_read && until_ns < deadline_ns)
        deadline_ns = until_ns;
    call->end = kv_conn_call(&client->conns[node], cmd, until_ns, deadline_ns,
                             call->arena, &call->reply);
    call->node = speaker(client, node, &call->reply);
    call->is_from_leader = false;
}

static void prefix(struct kv_cmd *cmd, const struct kv_cmd *rest,
                   const char *word)
{
    *cmd = (struct kv_cmd){0};
    kv_cmd_add(cmd, ord_bytes_of(word));
    for (uint32_t i = 0; i < rest->count; i++)
        kv_cmd_add(cmd, rest->args[i]);
}

void kv_ask_node(struct kv_client *client, struct kv_call *call, int32_t node,
                 bool is_local)
{
    struct kv_cmd cmd = call->cmd;

    ORD_ASSERT(call->is_read || !is_local);
    if (is_local)
        prefix(&cmd, &call->cmd, "LOCAL");
    send_to(client, call, node, &cmd, timeout_ns(client));
    call->is_from_leader = !is_local;
}

/* ---- the leader --------------------------------------------------------- */

/* Another node may be asked: nothing has happened, or it was but a read. */
static bool may_go_on(const struct kv_call *call)
{
    switch (call->end) {
    case KV_DONE:
        return false;
    case KV_REJECTED:
        return call->reply.refusal != KV_REFUSED_COMMAND;
    case KV_NOT_SENT:
        return true;
    default:
        return call->is_read;
    }
}

/* Whom to ask after `node` had to decline: the leader it named, home, then
 * the others in turn.  NO_NODE: everybody has been asked. */
static int32_t next_node(const struct kv_client *client,
                         const struct kv_call *call, uint64_t asked)
{
    int32_t count = client->init->node_count;
    int64_t hint = call->end == KV_REJECTED ? call->reply.hint : 0;

    if (hint >= 1 && hint <= count && (asked >> (hint - 1) & 1) == 0)
        return (int32_t)hint - 1;
    for (int32_t i = 0; i < count; i++) {
        int32_t node = (client->init->home + i) % count;

        if ((asked >> node & 1) == 0)
            return node;
    }
    return ORD_CLIENT_NO_NODE;
}

/* The cached leader, but home first every so often: clients that never look
 * again would all stay with an old leader and see nothing of a new one. */
static int32_t first_node(struct kv_client *client)
{
    if (client->leader == ORD_CLIENT_NO_NODE ||
        ++client->leader_calls > client->rediscover) {
        client->leader = ORD_CLIENT_NO_NODE;
        client->leader_calls = 0;
        return client->init->home;
    }
    return client->leader;
}

void kv_ask_leader(struct kv_client *client, struct kv_call *call, bool follows)
{
    /* No new round in the last quarter: an answer must still be possible. */
    int64_t give_up_ns = call->begin_ns + timeout_ns(client) / 4 * 3;
    int32_t node = follows ? first_node(client) : client->init->home;
    uint64_t asked = 0;

    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        send_to(client, call, node, &call->cmd,
                follows ? timeout_ns(client) / SLICES : timeout_ns(client));
        call->is_from_leader = true;
        if (!follows)
            return;
        if (call->end == KV_DONE) {
            client->leader = node;
            return;
        }
        client->leader = ORD_CLIENT_NO_NODE;
        if (!may_go_on(call) || ord_now_ns() >= call->deadline_ns)
            return;
        asked |= UINT64_C(1) << node;
        node = next_node(client, call, asked);
        if (node == ORD_CLIENT_NO_NODE) {
            if (ord_now_ns() >= give_up_ns)
                return;
            ord_client_pause(PAUSE_MS);
            asked = 0;
            node = client->init->home;
        }
    }
}

/* ---- replicas ----------------------------------------------------------- */

static uint64_t hash_of(int64_t session, uint64_t what)
{
    return ord_hash(0, (uint64_t)session, what);
}

static struct kv_entry *user_of(struct kv_client *client,
                                const struct kv_call *call)
{
    return kv_memory_at(&client->memory, hash_of(call->session, 0));
}

/* Whose token counts: the device's, or that of all the user's devices. */
static struct kv_entry *reader_of(struct kv_client *client,
                                  const struct kv_call *call)
{
    if (client->read_from == KV_FROM_POSITION_CENTRAL)
        return user_of(client, call);
    return kv_memory_at(&client->memory,
                        hash_of(call->session, (uint64_t)call->device + 1));
}

static int32_t random_node(struct kv_client *client)
{
    return (int32_t)ord_rng_below(&client->rng,
                                  (uint64_t)client->init->node_count);
}

/* A random replica; the next one where it does not answer. */
static void ask_any(struct kv_client *client, struct kv_call *call)
{
    int32_t count = client->init->node_count;
    int32_t start = random_node(client);
    struct kv_cmd cmd;

    prefix(&cmd, &call->cmd, "LOCAL");
    for (int32_t i = 0; i < count; i++) {
        send_to(client, call, (start + i) % count, &cmd,
                timeout_ns(client) / SLICES);
        if (!may_go_on(call) || ord_now_ns() >= call->deadline_ns)
            return;
    }
}

/* The user's replica; where it fails the user moves on, and stays there. */
static void ask_sticky(struct kv_client *client, struct kv_call *call)
{
    uint64_t count = (uint64_t)client->init->node_count;
    struct kv_entry *user = user_of(client, call);
    struct kv_cmd cmd;

    if (user == NULL) {
        kv_ask_leader(client, call, true);
        return;
    }
    prefix(&cmd, &call->cmd, "LOCAL");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t node = (hash_of(call->session, 0) + user->moved) % count;

        send_to(client, call, (int32_t)node, &cmd, timeout_ns(client) / SLICES);
        if (!may_go_on(call))
            return;
        user->moved++;
        if (ord_now_ns() >= call->deadline_ns)
            return;
    }
}

static bool wrote_within(struct kv_client *client, const struct kv_call *call,
                         int64_t window_ns)
{
    const struct kv_entry *user = user_of(client, call);

    return user == NULL || (user->wrote_ns >= 0 &&
                            call->begin_ns - user->wrote_ns <= window_ns);
}

/* A read with an option of numbers in front, b < 0: of one number. */
static void ask_option(struct kv_client *client, struct kv_call *call,
                       const char *word, int64_t a, int64_t b)
{
    struct ord_client_value first = ord_client_int(a);
    struct ord_client_value second = ord_client_int(b);
    char first_digits[ORD_CLIENT_DIGITS_SIZE];
    char second_digits[ORD_CLIENT_DIGITS_SIZE];
    struct kv_cmd cmd = {0};

    kv_cmd_add(&cmd, ord_bytes_of(word));
    kv_cmd_add(&cmd, ord_client_bytes(&first, first_digits));
    if (b >= 0)
        kv_cmd_add(&cmd, ord_client_bytes(&second, second_digits));
    for (uint32_t i = 0; i < call->cmd.count; i++)
        kv_cmd_add(&cmd, call->cmd.args[i]);
    send_to(client, call, random_node(client), &cmd,
            timeout_ns(client) / SLICES);
}

/* Being less behind than T shows users their own writes only once these are
 * older than T; and a replica judges by what the leader said, which the wire
 * may have delayed.  So the leader answers for three T after an own write,
 * which allows for a delay of two T. */
static void ask_lag_below(struct kv_client *client, struct kv_call *call)
{
    if (!wrote_within(client, call,
                      LAG_WINDOWS * client->lag_below_ms * ORD_MS)) {
        ask_option(client, call, "MAXLAG", client->lag_below_ms, -1);
        if (!may_go_on(call))
            return;
    }
    kv_ask_leader(client, call, true);
}

/* A replica that has come as far as the reader has.  One of an older epoch
 * may have come as far in a history that was given up: it does not count. */
static void ask_position(struct kv_client *client, struct kv_call *call)
{
    const struct kv_entry *reader = reader_of(client, call);
    struct kv_token seen = {0};

    if (reader != NULL)
        seen = reader->token;
    for (int i = 0; reader != NULL && i < LAGGARDS_MAX; i++) {
        ask_option(client, call, "MINPOS",
                   seen.position > 0 ? seen.position : 0,
                   client->init->timeout_ms / WAIT_SLICES);
        if (call->end == KV_DONE && call->reply.epoch >= seen.epoch)
            return;
        if (call->end != KV_DONE && !may_go_on(call))
            return;
    }
    kv_ask_leader(client, call, true);
}

void kv_ask_read(struct kv_client *client, struct kv_call *call)
{
    bool is_at_leader = false;

    ORD_ASSERT(call->is_read);
    switch (client->read_from) {
    case KV_FROM_LEADER:
        kv_ask_leader(client, call, !client->is_home_only);
        return;
    case KV_FROM_STICKY:
        ask_sticky(client, call);
        return;
    case KV_FROM_LAG_BELOW:
        ask_lag_below(client, call);
        return;
    case KV_FROM_POSITION:
    case KV_FROM_POSITION_CENTRAL:
        ask_position(client, call);
        return;
    case KV_FROM_OWN_FROM_LEADER:
        is_at_leader = call->is_own ||
                       kv_memory_has(&client->memory, call->owned) ||
                       user_of(client, call) == NULL;
        break;
    case KV_FROM_LEADER_FOR:
        is_at_leader = wrote_within(client, call, client->leader_for_ns);
        break;
    default:
        break;
    }
    if (is_at_leader)
        kv_ask_leader(client, call, true);
    else
        ask_any(client, call);
}

/* A write whose outcome nobody knows counts as one: it may be there. */
void kv_remember(struct kv_client *client, const struct kv_call *call)
{
    struct kv_token said = {.epoch = call->reply.epoch,
                            .position = call->reply.position};
    bool may_have_written =
        !call->is_read && call->end != KV_REJECTED && call->end != KV_NOT_SENT;

    if (client->read_from == KV_FROM_LEADER || client->read_from == KV_FROM_ANY)
        return;
    if (may_have_written) {
        struct kv_entry *user = user_of(client, call);

        if (user != NULL)
            user->wrote_ns = ord_now_ns();
        if (client->read_from == KV_FROM_OWN_FROM_LEADER)
            (void)kv_memory_at(&client->memory, call->owned);
    }
    if (call->end == KV_DONE) {
        struct kv_entry *reader = reader_of(client, call);

        if (reader != NULL)
            kv_token_take(&reader->token, &said, call->is_from_leader);
    }
}
