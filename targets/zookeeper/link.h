/* link.h -- a session with one ZooKeeper server, and what its calls mean.
 *
 * The library queues a request while it is not connected, and would send it
 * later; so nothing is asked of it unless it is connected, and a session that
 * is in doubt is closed.
 */
#ifndef ORD_ZOOKEEPER_LINK_H
#define ORD_ZOOKEEPER_LINK_H

#include <zookeeper/zookeeper.h>

#include "targets/client/client.h"

enum { ZOOKEEPER_PORT = 2181 };

enum zk_end {
    ZK_END_DONE,
    ZK_END_NO,       /* no such node, it exists, another version: not done */
    ZK_END_REFUSED,  /* the session is over, or the server takes no writes */
    ZK_END_NOT_SENT, /* no session */
    ZK_END_LOST,     /* sent, and nobody knows */
    ZK_ENDS
};

struct zk_link {
    char host[64]; /* "10.77.0.11:2181" */
    zhandle_t *handle;
    const char *why; /* of what was not done */
};

void zk_link_init(struct zk_link *link, const char *ip);
void zk_link_close(struct zk_link *link);
/* Opens a session if need be; waits for it until deadline_ns.  A session lasts
 * session_ms without the server; the server may make that longer. */
bool zk_link_up(struct zk_link *link, int session_ms, int64_t deadline_ns);
/* What one of the library's codes means.  Closes the link where an answer is
 * owed on it. */
enum zk_end zk_link_judge(struct zk_link *link, int code);
/* As the protocol says it; only what changed nothing may be eased to fail. */
enum ord_client_type zk_conclusion(enum zk_end end, bool changes);

#endif
