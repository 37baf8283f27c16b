#include "targets/rabbitmq/link.h"

#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <sys/time.h>

#include "harness/base/clock.h"

enum { CHANNEL = 1, FRAME_MAX = 131072 };

static const uint8_t conclusion[] = {
    [RABBIT_DONE] = ORD_CLIENT_OK,
    [RABBIT_RETURNED] = ORD_CLIENT_FAIL, /* in no queue */
    [RABBIT_NOT_SENT] = ORD_CLIENT_FAIL, /* not one byte was sent */
    [RABBIT_LOST] = ORD_CLIENT_INFO,     /* a nack proves nothing either */
};
_Static_assert(sizeof conclusion == RABBIT_ENDS,
               "every end has its conclusion");

enum ord_client_type rabbit_conclusion(enum rabbit_end end, bool changes)
{
    return ord_client_eased(conclusion[end], changes);
}

void rabbit_link_init(struct rabbit_link *link, const char *ip)
{
    *link = (struct rabbit_link){0};
    link->port = ord_client_address(ip, RABBIT_PORT, link->ip);
}

void rabbit_link_close(struct rabbit_link *link)
{
    /* Without a word: a node that is gone would keep us waiting for its. */
    if (link->state != NULL)
        (void)amqp_destroy_connection(link->state);
    link->state = NULL;
}

static struct timeval until(int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - ord_now_ns();

    if (left_ns < ORD_MS)
        left_ns = ORD_MS;
    return (struct timeval){.tv_sec = left_ns / ORD_S,
                            .tv_usec = left_ns % ORD_S / 1000};
}

/* False, with the reason: whatever is not a good reply. */
static bool is_good(struct rabbit_link *link, amqp_rpc_reply_t reply,
                    const char *what)
{
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return true;
    (void)snprintf(link->why, sizeof link->why, "%s: %.100s", what,
                   reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                       ? amqp_error_string2(reply.library_error)
                       : "the node closed it");
    rabbit_link_close(link);
    return false;
}

bool rabbit_link_up(struct rabbit_link *link, int64_t deadline_ns)
{
    struct timeval left = until(deadline_ns);
    amqp_socket_t *socket;

    if (link->state != NULL)
        return true;
    link->state = amqp_new_connection();
    socket = link->state != NULL ? amqp_tcp_socket_new(link->state) : NULL;
    if (socket == NULL || amqp_socket_open_noblock(socket, link->ip, link->port,
                                                   &left) != AMQP_STATUS_OK) {
        (void)snprintf(link->why, sizeof link->why, "no connection");
        rabbit_link_close(link);
        return false;
    }
    left = until(deadline_ns);
    (void)amqp_set_handshake_timeout(link->state, &left);
    (void)amqp_set_rpc_timeout(link->state, &left);
    if (!is_good(link,
                 amqp_login(link->state, "/", 0, FRAME_MAX, 0,
                            AMQP_SASL_METHOD_PLAIN, "guest", "guest"),
                 "login"))
        return false;
    (void)amqp_channel_open(link->state, CHANNEL);
    if (!is_good(link, amqp_get_rpc_reply(link->state), "channel"))
        return false;
    (void)amqp_confirm_select(link->state, CHANNEL);
    return is_good(link, amqp_get_rpc_reply(link->state), "confirms");
}

bool rabbit_link_declare(struct rabbit_link *link, const char *queue,
                         bool is_quorum, int replicas)
{
    amqp_table_entry_t entries[] = {
        {.key = amqp_cstring_bytes("x-queue-type"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8,
                   .value = {.bytes = amqp_cstring_bytes("quorum")}}},
        {.key = amqp_cstring_bytes("x-quorum-initial-group-size"),
         .value = {.kind = AMQP_FIELD_KIND_I32, .value = {.i32 = replicas}}},
    };
    amqp_table_t arguments = {.num_entries = is_quorum ? 2 : 0,
                              .entries = entries};

    (void)amqp_queue_declare(link->state, CHANNEL, amqp_cstring_bytes(queue), 0,
                             1, 0, 0, arguments);
    return is_good(link, amqp_get_rpc_reply(link->state), "declare");
}

bool rabbit_link_has(struct rabbit_link *link, const char *queue)
{
    (void)amqp_queue_declare(link->state, CHANNEL, amqp_cstring_bytes(queue), 1,
                             1, 0, 0, amqp_empty_table);
    return is_good(link, amqp_get_rpc_reply(link->state), "declare");
}

static enum rabbit_end lost(struct rabbit_link *link, const char *why)
{
    (void)snprintf(link->why, sizeof link->why, "%s", why);
    rabbit_link_close(link); /* an answer may still come: not for us */
    return RABBIT_LOST;
}

/* What was returned comes back whole before its confirm. */
static bool skip_returned(struct rabbit_link *link)
{
    amqp_message_t message;

    if (!is_good(link, amqp_read_message(link->state, CHANNEL, &message, 0),
                 "a returned message"))
        return false;
    amqp_destroy_message(&message);
    return true;
}

static enum rabbit_end confirmed(struct rabbit_link *link, int64_t deadline_ns)
{
    bool is_returned = false;

    for (;;) {
        struct timeval left = until(deadline_ns);
        amqp_frame_t frame;
        int status = amqp_simple_wait_frame_noblock(link->state, &frame, &left);

        if (status != AMQP_STATUS_OK)
            return lost(link, amqp_error_string2(status));
        if (frame.frame_type != AMQP_FRAME_METHOD)
            continue;
        switch (frame.payload.method.id) {
        case AMQP_BASIC_ACK_METHOD:
            return is_returned ? RABBIT_RETURNED : RABBIT_DONE;
        case AMQP_BASIC_NACK_METHOD:
            return lost(link, "nack");
        case AMQP_BASIC_RETURN_METHOD:
            is_returned = true;
            if (!skip_returned(link))
                return RABBIT_LOST;
            (void)snprintf(link->why, sizeof link->why, "returned");
            break;
        case AMQP_CHANNEL_CLOSE_METHOD:
        case AMQP_CONNECTION_CLOSE_METHOD:
            return lost(link, "the node closed it");
        default:
            break;
        }
    }
}

enum rabbit_end rabbit_link_publish(struct rabbit_link *link, const char *queue,
                                    struct ord_bytes body, int64_t deadline_ns)
{
    const amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
    int status;

    link->why[0] = '\0';
    if (link->state == NULL)
        return RABBIT_NOT_SENT;
    status = amqp_basic_publish(
        link->state, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(queue), 1, 0,
        &properties,
        (amqp_bytes_t){.len = body.size, .bytes = (void *)(uintptr_t)body.at});
    if (status != AMQP_STATUS_OK)
        return lost(link, amqp_error_string2(status));
    return confirmed(link, deadline_ns);
}

enum rabbit_end rabbit_link_get(struct rabbit_link *link, const char *queue,
                                struct ord_buf *body, bool *is_empty)
{
    amqp_rpc_reply_t reply;
    amqp_message_t message;
    uint64_t tag;

    link->why[0] = '\0';
    *is_empty = false;
    if (link->state == NULL)
        return RABBIT_NOT_SENT;
    reply = amqp_basic_get(link->state, CHANNEL, amqp_cstring_bytes(queue), 0);
    if (!is_good(link, reply, "get"))
        return RABBIT_LOST;
    if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD) {
        *is_empty = true;
        return RABBIT_DONE;
    }
    tag = ((amqp_basic_get_ok_t *)reply.reply.decoded)->delivery_tag;
    if (!is_good(link, amqp_read_message(link->state, CHANNEL, &message, 0),
                 "a message"))
        return RABBIT_LOST;
    ord_buf_clear(body);
    ord_buf_add(body, (struct ord_bytes){message.body.bytes, message.body.len});
    amqp_destroy_message(&message);
    amqp_maybe_release_buffers(link->state);
    /* Nobody confirms this.  If it is lost the message comes a second time. */
    if (amqp_basic_ack(link->state, CHANNEL, tag, 0) != AMQP_STATUS_OK)
        rabbit_link_close(link);
    return RABBIT_DONE;
}
