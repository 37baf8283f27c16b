/* link.h -- a connection to one NATS server, and what its calls mean.
 *
 * The library would move to another server of the cluster and send again by
 * itself; neither happens here: a link has one server, and is closed once it
 * is in doubt.
 */
#ifndef ORD_NATS_LINK_H
#define ORD_NATS_LINK_H

#include <nats/nats.h>

#include "targets/client/client.h"

enum { NATS_PORT = 4222, NATS_WHY_SIZE = 140, NATS_QUEUES_MAX = 16 };

enum nats_end {
    NATS_END_DONE,     /* the server's answer is there */
    NATS_END_UNEQUAL,  /* the key had changed: surely not written */
    NATS_END_REFUSED,  /* nobody took it: no stream leader to be heard of */
    NATS_END_NOT_SENT, /* no connection */
    NATS_END_LOST,     /* no answer, or an error that proves nothing */
    NATS_ENDS
};

struct nats_link {
    char url[96];
    natsConnection *conn; /* NULL: none */
    jsCtx *js;
    kvStore *kv;                              /* NULL: not asked for yet */
    natsSubscription *pulls[NATS_QUEUES_MAX]; /* of queues; NULL: not yet */
    char why[NATS_WHY_SIZE];                  /* of what was not done */
};

void nats_link_init(struct nats_link *link, const char *ip);
void nats_link_close(struct nats_link *link);
/* Connects if need be, within timeout_ms. */
bool nats_link_up(struct nats_link *link, int64_t timeout_ms);
/* What status and JetStream's code mean.  Closes the link where an answer is
 * owed on it. */
enum nats_end nats_link_judge(struct nats_link *link, natsStatus status,
                              jsErrCode code);
/* NATS_END_..., as the protocol says it; only what changed nothing may be
 * eased to fail. */
enum ord_client_type nats_conclusion(enum nats_end end, bool changes);

#endif
