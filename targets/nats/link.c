#include "targets/nats/link.h"

#include <stdio.h>

static const uint8_t conclusion[] = {
    [NATS_END_DONE] = ORD_CLIENT_OK,
    [NATS_END_UNEQUAL] = ORD_CLIENT_FAIL,  /* the leader compared */
    [NATS_END_REFUSED] = ORD_CLIENT_FAIL,  /* it reached nobody */
    [NATS_END_NOT_SENT] = ORD_CLIENT_FAIL, /* not one byte was sent */
    [NATS_END_LOST] = ORD_CLIENT_INFO,
};
_Static_assert(sizeof conclusion == NATS_ENDS, "every end has its conclusion");

enum ord_client_type nats_conclusion(enum nats_end end, bool changes)
{
    return ord_client_eased(conclusion[end], changes);
}

void nats_link_init(struct nats_link *link, const char *ip)
{
    *link = (struct nats_link){0};
    (void)snprintf(link->url, sizeof link->url,
                   strchr(ip, ':') != NULL ? "nats://%s" : "nats://%s:%d", ip,
                   NATS_PORT);
}

void nats_link_close(struct nats_link *link)
{
    for (int i = 0; i < NATS_QUEUES_MAX; i++) {
        natsSubscription_Destroy(link->pulls[i]);
        link->pulls[i] = NULL;
    }
    kvStore_Destroy(link->kv);
    jsCtx_Destroy(link->js);
    natsConnection_Destroy(link->conn);
    link->kv = NULL;
    link->js = NULL;
    link->conn = NULL;
}

static natsStatus connect_to(struct nats_link *link, int64_t timeout_ms)
{
    natsOptions *options = NULL;
    const char *servers[] = {link->url};
    jsOptions js;
    natsStatus status = natsOptions_Create(&options);

    if (status == NATS_OK)
        status = natsOptions_SetServers(options, servers, 1);
    if (status == NATS_OK)
        status = natsOptions_SetIgnoreDiscoveredServers(options, true);
    if (status == NATS_OK)
        status = natsOptions_SetAllowReconnect(options, false);
    if (status == NATS_OK)
        status = natsOptions_SetTimeout(options, timeout_ms);
    if (status == NATS_OK)
        status = natsConnection_Connect(&link->conn, options);
    natsOptions_Destroy(options);
    if (status == NATS_OK)
        status = jsOptions_Init(&js);
    if (status != NATS_OK)
        return status;
    js.Wait = timeout_ms;
    return natsConnection_JetStream(&link->js, link->conn, &js);
}

bool nats_link_up(struct nats_link *link, int64_t timeout_ms)
{
    natsStatus status;

    if (link->conn != NULL && natsConnection_IsClosed(link->conn))
        nats_link_close(link);
    if (link->conn != NULL)
        return true;
    status = connect_to(link, timeout_ms);
    if (status == NATS_OK)
        return true;
    (void)snprintf(link->why, sizeof link->why, "connect: %s",
                   natsStatus_GetText(status));
    nats_link_close(link);
    return false;
}

enum nats_end nats_link_judge(struct nats_link *link, natsStatus status,
                              jsErrCode code)
{
    natsStatus ignored;
    const char *said = nats_GetLastError(&ignored);

    link->why[0] = '\0';
    if (status == NATS_OK)
        return NATS_END_DONE;
    (void)snprintf(link->why, sizeof link->why, "%s%s%.90s",
                   natsStatus_GetText(status), said != NULL ? ": " : "",
                   said != NULL ? said : "");
    if (code == JSStreamWrongLastSequenceErr)
        return NATS_END_UNEQUAL;
    if (status == NATS_NO_RESPONDERS)
        return NATS_END_REFUSED;
    nats_link_close(link); /* an answer may still come: not for us */
    return NATS_END_LOST;
}
