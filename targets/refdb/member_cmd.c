/* member_cmd.c -- MEMBER: who belongs to the cluster, and changes of that. */
#include <arpa/inet.h>

#include "targets/refdb/node.h"

static const char USAGE[] =
    "ERR expected MEMBER LIST [LOCAL] | ADD id ip | REMOVE id, id from 1 to "
    "64";

/* As of what this node has applied: [[id, ip, voter | joining], ...]. */
/* While a change is under way nobody can say. */
static bool is_settled(struct rd_node *node, struct rd_session *session)
{
    bool is_busy = node->core.members_index > node->core.applied;

    if (is_busy)
        rd_refuse(node, session, RD_BUSY);
    return !is_busy;
}

static void print_list(struct rd_node *node, struct rd_session *session)
{
    const struct rd_members *members = &node->core.settled;
    uint64_t all = members->voters | members->joining;
    struct ord_buf *out = &session->out;

    rd_open_reply(session);
    rd_resp_array(out, rd_count(all));
    for (uint32_t i = 1; i <= RD_NODE_MAX; i++) {
        char ip[RD_IP_SIZE] = "";

        if (!rd_has(all, i))
            continue;
        (void)inet_ntop(AF_INET, &members->ip[i], ip, sizeof ip);
        rd_resp_array(out, 3);
        rd_resp_int(out, i);
        rd_resp_bulk(out, ord_bytes_of(ip));
        rd_resp_bulk(out, ord_bytes_of(rd_has(members->voters, i) ? "voter"
                                                                  : "joining"));
    }
    rd_close_reply(node, session, node->core.hard.epoch, node->core.applied);
}

void rd_answer_members(struct rd_node *node, struct rd_session *session)
{
    if (is_settled(node, session))
        print_list(node, session);
}

static bool parse_ip(struct ord_bytes text, uint32_t *ip)
{
    char copy[RD_IP_SIZE];
    struct in_addr at;

    if (text.size >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    if (inet_pton(AF_INET, copy, &at) != 1 || at.s_addr == 0)
        return false;
    *ip = at.s_addr;
    return true;
}

static void change(struct rd_node *node, struct rd_session *session,
                   uint32_t id, bool is_add, uint32_t ip)
{
    const char *why = NULL;
    uint64_t index;
    enum rd_proposal got =
        rd_core_change(&node->core, id, is_add, ip, &index, &why, node->now);

    if (got == RD_PROPOSED) {
        rd_await_write(node, session, index);
    } else if (got == RD_DONE) {
        rd_open_reply(session);
        rd_resp_simple(&session->out, "OK");
        rd_close_reply(node, session, node->core.hard.epoch,
                       node->core.applied);
    } else if (got == RD_REFUSED) {
        rd_answer_error(session, "ERR %s", why);
    } else {
        rd_refuse(node, session, got);
    }
}

void rd_member_command(struct rd_node *node, struct rd_session *session,
                       const struct rd_request *request)
{
    bool is_add = request->count == 4 && rd_is_word(request->arg[1], "ADD");
    bool is_remove =
        request->count == 3 && rd_is_word(request->arg[1], "REMOVE");
    bool is_list = request->count >= 2 && rd_is_word(request->arg[1], "LIST");
    uint32_t ip = 0;
    int64_t id;

    if (is_list && request->count == 2) {
        session->read_kind = RD_READ_LIST_OF_MEMBERS;
        rd_await_read(node, session);
        return;
    }
    if (is_list && request->count == 3 &&
        rd_is_word(request->arg[2], "LOCAL")) {
        print_list(node, session);
        return;
    }
    if ((!is_add && !is_remove) || !rd_parse_int(request->arg[2], &id) ||
        id < 1 || id > RD_NODE_MAX) {
        rd_answer_error(session, "%s", USAGE);
        return;
    }
    if (is_add && !parse_ip(request->arg[3], &ip)) {
        rd_answer_error(session, "ERR MEMBER ADD: expected an IPv4 address");
        return;
    }
    change(node, session, (uint32_t)id, is_add, ip);
}
