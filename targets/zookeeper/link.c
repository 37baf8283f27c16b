#include "targets/zookeeper/link.h"

#include <stdio.h>

#include "harness/base/clock.h"

enum { POLL_MS = 3 };

static const uint8_t conclusion[] = {
    [ZK_END_DONE] = ORD_CLIENT_OK,
    [ZK_END_NO] = ORD_CLIENT_FAIL,       /* decided, and not done */
    [ZK_END_REFUSED] = ORD_CLIENT_FAIL,  /* before it was looked at */
    [ZK_END_NOT_SENT] = ORD_CLIENT_FAIL, /* not one byte was sent */
    [ZK_END_LOST] = ORD_CLIENT_INFO,
};
_Static_assert(sizeof conclusion == ZK_ENDS, "every end has its conclusion");

enum ord_client_type zk_conclusion(enum zk_end end, bool changes)
{
    return ord_client_eased(conclusion[end], changes);
}

void zk_link_init(struct zk_link *link, const char *ip)
{
    *link = (struct zk_link){.why = ""};
    (void)snprintf(link->host, sizeof link->host,
                   strchr(ip, ':') != NULL ? "%s" : "%s:%d", ip,
                   ZOOKEEPER_PORT);
}

void zk_link_close(struct zk_link *link)
{
    if (link->handle != NULL)
        (void)zookeeper_close(link->handle);
    link->handle = NULL;
}

static void on_event(zhandle_t *handle, int type, int state, const char *path,
                     void *context)
{
    (void)handle; /* its state is asked when it matters */
    (void)type;
    (void)state;
    (void)path;
    (void)context;
}

bool zk_link_up(struct zk_link *link, int session_ms, int64_t deadline_ns)
{
    if (link->handle != NULL && zoo_state(link->handle) != ZOO_CONNECTED_STATE)
        zk_link_close(link);
    if (link->handle == NULL) {
        zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
        link->handle =
            zookeeper_init(link->host, on_event, session_ms, NULL, NULL, 0);
    }
    while (link->handle != NULL &&
           zoo_state(link->handle) != ZOO_CONNECTED_STATE &&
           ord_now_ns() < deadline_ns)
        ord_client_pause(POLL_MS);
    if (link->handle != NULL && zoo_state(link->handle) == ZOO_CONNECTED_STATE)
        return true;
    link->why = "no session";
    zk_link_close(link);
    return false;
}

enum zk_end zk_link_judge(struct zk_link *link, int code)
{
    link->why = code == ZOK ? "" : zerror(code);
    switch (code) {
    case ZOK:
        return ZK_END_DONE;
    case ZNONODE:
    case ZNODEEXISTS:
    case ZBADVERSION:
    case ZNOTEMPTY:
        return ZK_END_NO;
    case ZSESSIONEXPIRED:
    case ZSESSIONMOVED:
    case ZNOTREADONLY:
    case ZTHROTTLEDOP:
    case ZINVALIDSTATE:
        zk_link_close(link);
        return ZK_END_REFUSED;
    default: /* ZCONNECTIONLOSS, ZOPERATIONTIMEOUT and what is yet to come */
        zk_link_close(link);
        return ZK_END_LOST;
    }
}
