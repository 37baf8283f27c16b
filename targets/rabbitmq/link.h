/* link.h -- a channel to one RabbitMQ node, and what its answers mean. */
#ifndef ORD_RABBITMQ_LINK_H
#define ORD_RABBITMQ_LINK_H

#include <stdint.h>

#include <amqp.h>
#include <amqp_framing.h>

#include "harness/base/buf.h"
#include "targets/client/client.h"

enum { RABBIT_PORT = 5672, RABBIT_WHY_SIZE = 140 };

enum rabbit_end {
    RABBIT_DONE,     /* confirmed; or brought; or there is none */
    RABBIT_RETURNED, /* no queue would take it */
    RABBIT_NOT_SENT, /* no channel */
    RABBIT_LOST,     /* nack, closed, no answer: nobody knows */
    RABBIT_ENDS
};

struct rabbit_link {
    char ip[ORD_CLIENT_IP_SIZE];
    int port;
    amqp_connection_state_t state; /* NULL: not connected */
    char why[RABBIT_WHY_SIZE];     /* of what was not done */
};

/* ip may be IP:PORT. */
void rabbit_link_init(struct rabbit_link *link, const char *ip);
void rabbit_link_close(struct rabbit_link *link);
/* Connects and opens a channel that confirms, until deadline_ns. */
bool rabbit_link_up(struct rabbit_link *link, int64_t deadline_ns);
/* Makes the queue; is_quorum: with so many replicas, else a classic one. */
bool rabbit_link_declare(struct rabbit_link *link, const char *queue,
                         bool is_quorum, int replicas);
/* Is there such a queue, and does it answer? */
bool rabbit_link_has(struct rabbit_link *link, const char *queue);
/* Publishes one message and waits for its confirm. */
enum rabbit_end rabbit_link_publish(struct rabbit_link *link, const char *queue,
                                    struct ord_bytes body, int64_t deadline_ns);
/* Takes one and acknowledges it; *is_empty: there was none.  What is lost on
 * the way was not acknowledged, and comes again. */
enum rabbit_end rabbit_link_get(struct rabbit_link *link, const char *queue,
                                struct ord_buf *body, bool *is_empty);
/* As the protocol says it; only what changed nothing may be eased to fail. */
enum ord_client_type rabbit_conclusion(enum rabbit_end end, bool changes);

#endif
