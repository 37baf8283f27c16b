#include "targets/redis/route.h"

#include <stdlib.h>

#include "harness/base/clock.h"

int redis_route_init(struct redis_route *route,
                     const struct ord_client_init *init, struct ord_err *err)
{
    const char *name = ord_client_setting(init, "route", "home");
    const char *every = ord_client_setting(init, "look-every", "20");

    *route = (struct redis_route){
        .init = init,
        .is_following = strcmp(name, "leader") == 0,
        .every_ops = strtoll(every, NULL, 10),
        .leader = init->home,
        .next_to_ask = init->home,
    };
    for (int32_t i = 0; i < init->node_count; i++)
        redis_conn_init(&route->sentinels[i], init->nodes[i].ip, SENTINEL_PORT);
    if (route->every_ops < 1)
        return ord_fail(err, ORD_EUSAGE,
                        "setting look-every: '%s' is not 1 or more", every);
    if (!route->is_following && strcmp(name, "home") != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "setting route: '%s' is neither home nor leader", name);
    return ORD_OK;
}

void redis_route_close(struct redis_route *route)
{
    for (int32_t i = 0; i < route->init->node_count; i++)
        redis_conn_close(&route->sentinels[i]);
}

int32_t redis_route_find(const struct ord_client_init *init, const char *ip)
{
    for (int32_t i = 0; i < init->node_count; i++) {
        if (strcmp(init->nodes[i].ip, ip) == 0)
            return i;
    }
    return ORD_CLIENT_NO_NODE;
}

/* Whom this Sentinel takes for the leader; NO_NODE: no answer. */
static int32_t ask(struct redis_route *route, int32_t whom, int64_t deadline_ns)
{
    struct redis_args args = {0};
    redisReply *reply = NULL;
    int32_t leader = ORD_CLIENT_NO_NODE;

    redis_word(&args, "SENTINEL");
    redis_word(&args, "get-master-addr-by-name");
    redis_word(&args, "ordeal");
    if (redis_call(&route->sentinels[whom], &args, deadline_ns, &reply) !=
        REDIS_DONE)
        return leader;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2)
        leader = redis_route_find(route->init, reply->element[0]->str);
    freeReplyObject(reply);
    return leader;
}

int32_t redis_route_node(struct redis_route *route, int64_t deadline_ns)
{
    int32_t count = route->init->node_count;

    if (!route->is_following)
        return route->init->home;
    for (int32_t i = 0; route->ops_left <= 0 && i < count; i++) {
        int64_t now_ns = ord_now_ns();
        int64_t until_ns = now_ns + (deadline_ns - now_ns) / 4;
        int32_t leader = ask(route, route->next_to_ask, until_ns);

        if (leader != ORD_CLIENT_NO_NODE) {
            route->leader = leader;
            route->ops_left = route->every_ops;
        }
        /* Another one next time: they need not agree. */
        route->next_to_ask = (route->next_to_ask + 1) % count;
    }
    route->ops_left--;
    return route->leader;
}

void redis_route_doubt(struct redis_route *route)
{
    route->ops_left = 0;
}
