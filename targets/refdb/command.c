/* command.c -- what a client may ask, and how it is answered.
 *
 * A refusal that says "nothing happened" is given only before an entry has
 * been appended; after that it is the result or -UNCERTAIN.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "harness/base/clock.h"
#include "targets/refdb/node.h"

static const int64_t WAIT_MS_MAX = 60000;

bool rd_is_word(struct ord_bytes arg, const char *word)
{
    return arg.size == strlen(word) && strncasecmp(arg.at, word, arg.size) == 0;
}

void rd_answer_error(struct rd_session *session, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    rd_resp_error(&session->out, text);
}

void rd_answer_elsewhere(struct rd_node *node, struct rd_session *session)
{
    uint32_t leader = node->core.leader;

    if (leader == 0 || leader == node->config.core.id)
        rd_answer_error(session, "NOLEADER no leader is known here");
    else
        rd_answer_error(session, "NOTLEADER %u leads", leader);
}

void rd_open_reply(struct rd_session *session)
{
    if (session->is_meta)
        rd_resp_array(&session->out, 4);
}

void rd_close_reply(struct rd_node *node, struct rd_session *session,
                    uint64_t epoch, uint64_t position)
{
    if (!session->is_meta)
        return;
    rd_resp_int(&session->out, node->config.core.id);
    rd_resp_int(&session->out, (int64_t)epoch);
    rd_resp_int(&session->out, (int64_t)position);
}

static void answer_simple(struct rd_node *node, struct rd_session *session,
                          const char *text)
{
    rd_open_reply(session);
    rd_resp_simple(&session->out, text);
    rd_close_reply(node, session, node->core.hard.epoch, node->core.applied);
}

void rd_answer_read(struct rd_node *node, struct rd_session *session)
{
    if (node->err.rc != ORD_OK)
        return;
    if (session->read_kind == RD_READ_LIST_OF_MEMBERS) {
        rd_answer_members(node, session);
        return;
    }
    rd_open_reply(session);
    if (rd_storage_read(node->storage, session->read_kind,
                        ord_buf_bytes(&session->key), &session->out,
                        &node->err) != ORD_OK)
        return;
    rd_close_reply(node, session, node->core.hard.epoch, node->core.applied);
}

void rd_answer_write(struct rd_node *node, struct rd_session *session,
                     const struct rd_entry *entry,
                     const struct rd_result *result)
{
    if (result->kind == RD_RESULT_BAD) {
        rd_answer_error(session, "ERR value is not an integer or overflows");
        return;
    }
    rd_open_reply(session);
    if (result->kind == RD_RESULT_OK)
        rd_resp_simple(&session->out, "OK");
    else
        rd_resp_int(&session->out, result->value);
    rd_close_reply(node, session, entry->epoch, entry->index);
}

void rd_refuse(struct rd_node *node, struct rd_session *session,
               enum rd_proposal why)
{
    if (why == RD_FENCED)
        rd_answer_error(session, "FENCED cut off from the majority");
    else if (why == RD_TOO_MUCH)
        rd_answer_error(session, "ERR too much at once");
    else if (why == RD_BUSY)
        rd_answer_error(session, "BUSY another change of members, or of the "
                                 "leader, is not settled yet");
    else
        rd_answer_elsewhere(node, session);
}

void rd_await_write(struct rd_node *node, struct rd_session *session,
                    uint64_t index)
{
    struct rd_pending pending = {.index = index,
                                 .token = rd_token(node, session)};

    session->state = RD_SESSION_WRITE;
    session->wanted = index;
    session->deadline_ns = node->now + node->config.request_timeout_ns;
    ord_buf_add(&node->pending, (struct ord_bytes){.at = (char *)&pending,
                                                   .size = sizeof pending});
    /* Without room for that the answer will be: uncertain, in time. */
    node->pending.failed = false;
}

static void do_write(struct rd_node *node, struct rd_session *session,
                     const struct rd_cmd *cmd)
{
    enum rd_proposal got;
    uint64_t index;
    int64_t number;

    if (cmd->kind == RD_CMD_INCRBY && !rd_parse_int(cmd->arg[1], &number)) {
        rd_answer_error(session, "ERR value is not an integer");
        return;
    }
    ord_buf_clear(&node->scratch);
    rd_cmd_encode(&node->scratch, cmd);
    if (node->scratch.failed) {
        rd_answer_error(session, "ERR command too long");
        return;
    }
    got = rd_core_propose(&node->core, ord_buf_bytes(&node->scratch), &index,
                          node->now);
    if (got != RD_PROPOSED) {
        rd_refuse(node, session, got);
        return;
    }
    rd_await_write(node, session, index);
}

enum route { ROUTE_LEADER, ROUTE_LOCAL, ROUTE_MINPOS, ROUTE_MAXLAG };

struct read_opts {
    enum route route;
    int64_t position;
    int64_t ms;
};

void rd_await_read(struct rd_node *node, struct rd_session *session)
{
    enum rd_proposal got;

    session->state = RD_SESSION_READ;
    session->deadline_ns = node->now + node->config.request_timeout_ns;
    got = rd_core_read(&node->core, rd_token(node, session), node->now);
    if (got == RD_PROPOSED)
        return; /* answered already, or to be */
    session->state = RD_SESSION_IDLE;
    rd_refuse(node, session, got);
}

static void do_read(struct rd_node *node, struct rd_session *session,
                    const struct read_opts *opts)
{
    int64_t lag;

    switch (opts->route) {
    case ROUTE_LOCAL:
        rd_answer_read(node, session);
        return;
    case ROUTE_MAXLAG:
        lag = rd_core_lag_ns(&node->core, node->now);
        if (lag <= opts->ms * ORD_MS)
            rd_answer_read(node, session);
        else
            rd_answer_error(session, "LAGGING lag-ms=%" PRId64 " allowed=%lld",
                            lag / ORD_MS, (long long)opts->ms);
        return;
    case ROUTE_MINPOS:
        if (node->core.applied >= (uint64_t)opts->position) {
            rd_answer_read(node, session);
            return;
        }
        session->state = RD_SESSION_BEHIND;
        session->wanted = (uint64_t)opts->position;
        session->deadline_ns = node->now + opts->ms * ORD_MS;
        return;
    case ROUTE_LEADER:
        break;
    }
    rd_await_read(node, session);
}

/* Takes LOCAL, MINPOS p ms, MAXLAG ms, READFROM leader off the front; 0: none,
 * -1: malformed, else arguments taken. */
static int take_opts(const struct rd_request *request, struct read_opts *opts)
{
    if (rd_is_word(request->arg[0], "LOCAL")) {
        opts->route = ROUTE_LOCAL;
        return 1;
    }
    if (rd_is_word(request->arg[0], "READFROM")) {
        if (request->count < 2 || !rd_is_word(request->arg[1], "leader"))
            return -1;
        return 2;
    }
    if (rd_is_word(request->arg[0], "MINPOS")) {
        opts->route = ROUTE_MINPOS;
        if (request->count < 3 ||
            !rd_parse_int(request->arg[1], &opts->position) ||
            !rd_parse_int(request->arg[2], &opts->ms) || opts->position < 0 ||
            opts->ms < 0 || opts->ms > WAIT_MS_MAX)
            return -1;
        return 3;
    }
    if (rd_is_word(request->arg[0], "MAXLAG")) {
        opts->route = ROUTE_MAXLAG;
        if (request->count < 2 || !rd_parse_int(request->arg[1], &opts->ms) ||
            opts->ms < 0 || opts->ms > WAIT_MS_MAX)
            return -1;
        return 2;
    }
    return 0;
}

/* True if it was a read, well-formed or not. */
static bool try_read(struct rd_node *node, struct rd_session *session,
                     const struct rd_request *request)
{
    static const struct {
        char name[10];
        uint32_t most; /* arguments */
    } reads[] = {
        [RD_READ_GET] = {"GET", 2},
        [RD_READ_SMEMBERS] = {"SMEMBERS", 2},
        [RD_READ_LRANGE] = {"LRANGE", 4},
    };
    struct read_opts opts = {.route = ROUTE_LEADER};
    int taken = take_opts(request, &opts);
    uint32_t at = taken > 0 ? (uint32_t)taken : 0;
    uint32_t left = request->count - at;

    for (int i = 0; i < 3 && taken >= 0 && left > 0; i++) {
        if (!rd_is_word(request->arg[at], reads[i].name))
            continue;
        if (left != 2 && left != reads[i].most)
            break;
        ord_buf_clear(&session->key);
        ord_buf_add(&session->key, request->arg[at + 1]);
        session->read_kind = (enum rd_read_kind)i;
        do_read(node, session, &opts);
        return true;
    }
    if (taken == 0)
        return false;
    rd_answer_error(session, "ERR expected [LOCAL | MINPOS p ms | MAXLAG ms | "
                             "READFROM leader] GET|SMEMBERS|LRANGE k");
    return true;
}

static bool try_write(struct rd_node *node, struct rd_session *session,
                      const struct rd_request *request)
{
    for (int kind = RD_CMD_SET; kind < RD_CMD_KINDS; kind++) {
        const struct rd_cmd_spec *spec = rd_cmd_spec((enum rd_cmd_kind)kind);
        struct rd_cmd cmd = {.kind = (enum rd_cmd_kind)kind,
                             .count = spec->count};

        if (!rd_is_word(request->arg[0], spec->name))
            continue;
        if (request->count != spec->count + 1) {
            rd_answer_error(session, "ERR %s takes %u arguments", spec->name,
                            spec->count);
            return true;
        }
        for (uint32_t i = 0; i < spec->count; i++)
            cmd.arg[i] = request->arg[i + 1];
        do_write(node, session, &cmd);
        return true;
    }
    return false;
}

static void do_role(struct rd_node *node, struct rd_session *session)
{
    struct rd_core *core = &node->core;
    struct ord_buf *out = &session->out;
    int64_t lag = rd_core_lag_ns(core, node->now) / ORD_MS;

    rd_open_reply(session);
    rd_resp_array(out, 7);
    rd_resp_bulk(out, ord_bytes_of(rd_role_name(core)));
    rd_resp_int(out, core->config.id);
    rd_resp_int(out, (int64_t)core->hard.epoch);
    rd_resp_int(out, core->leader);
    rd_resp_int(out, (int64_t)core->log.last);
    rd_resp_int(out, (int64_t)core->applied);
    rd_resp_int(out, lag);
    rd_close_reply(node, session, core->hard.epoch, core->applied);
}

static void do_info(struct rd_node *node, struct rd_session *session)
{
    struct rd_core *core = &node->core;
    struct ord_buf *text = &node->scratch;

    ord_buf_clear(text);
    rd_config_print(&node->config, text);
    ord_buf_text(text, "members:");
    rd_members_print(text, &core->settled);
    ord_buf_char(text, '\n');
    ord_buf_printf(text, "role:%s\nleader:%u\nepoch:%" PRIu64 "\n",
                   rd_role_name(core), core->leader, core->hard.epoch);
    ord_buf_printf(text,
                   "entries:%" PRIu64 "\ncommit:%" PRIu64 "\napplied:%" PRIu64
                   "\nlog-base:%" PRIu64 "\n",
                   core->log.last, core->commit, core->applied, core->log.base);
    ord_buf_printf(
        text,
        "failovers:%" PRIu64 "\nsnapshots:%" PRIu64 "\ndiscarded:%" PRIu64 "\n",
        core->failover_count, core->snapshot_count, core->discard_count);
    ord_buf_printf(text, "fenced:%d\nsync-follower:%u\nlag-ms:%" PRId64 "\n",
                   rd_core_is_fenced(core, node->now), core->sync_id,
                   rd_core_lag_ns(core, node->now) / ORD_MS);
    rd_open_reply(session);
    rd_resp_bulk(&session->out, ord_buf_bytes(text));
    rd_close_reply(node, session, core->hard.epoch, core->applied);
}

static void do_promote(struct rd_node *node, struct rd_session *session)
{
    if (rd_core_promote(&node->core, node->now))
        answer_simple(node, session, "OK");
    else
        rd_answer_error(session,
                        node->config.core.failover == RD_ELECTION
                            ? "ERR failover=election: the nodes vote for a "
                              "leader"
                            : "ERR this node is no member");
}

/* META and CHECK: ON or OFF, for every later request. */
static void do_switch(struct rd_node *node, struct rd_session *session,
                      const struct rd_request *request, bool *is_on)
{
    bool wants_on = request->count == 2 && rd_is_word(request->arg[1], "ON");

    if (!wants_on &&
        (request->count != 2 || !rd_is_word(request->arg[1], "OFF"))) {
        rd_answer_error(session, "ERR expected ON or OFF");
        return;
    }
    *is_on = false;
    answer_simple(node, session, "OK");
    *is_on = wants_on;
}

void rd_command(struct rd_node *node, struct rd_session *session,
                const struct rd_request *request)
{
    struct ord_bytes name = request->arg[0];

    ORD_ASSERT(request->count > 0);
    ORD_ASSERT(session->state == RD_SESSION_IDLE);
    if (try_read(node, session, request) || try_write(node, session, request))
        return;
    if (rd_is_word(name, "PING")) {
        answer_simple(node, session, "PONG");
    } else if (rd_is_word(name, "READY")) {
        if (rd_core_is_ready(&node->core, node->now))
            answer_simple(node, session, "READY");
        else
            rd_answer_error(session, "LOADING no leader is heard");
    } else if (rd_is_word(name, "META")) {
        do_switch(node, session, request, &session->is_meta);
    } else if (rd_is_word(name, "CHECK")) {
        do_switch(node, session, request, &session->is_checked);
    } else if (rd_is_word(name, "ROLE")) {
        do_role(node, session);
    } else if (rd_is_word(name, "INFO")) {
        do_info(node, session);
    } else if (rd_is_word(name, "PROMOTE")) {
        do_promote(node, session);
    } else if (rd_is_word(name, "MEMBER")) {
        rd_member_command(node, session, request);
    } else if (rd_is_word(name, "QUIT")) {
        answer_simple(node, session, "OK");
        session->is_closing = true;
    } else {
        rd_answer_error(session, "ERR unknown command '%.*s'",
                        (int)(name.size > 40 ? 40 : name.size), name.at);
    }
}
