/* route.h -- which node an operation goes to: one's own, or who leads now.
 *
 * Both kinds of clients are needed: one that stays with its node sees nothing
 * of a new leader, one that looks again finds both sides of a split.
 */
#ifndef ORD_REDIS_ROUTE_H
#define ORD_REDIS_ROUTE_H

#include "targets/redis/call.h"

struct redis_route {
    const struct ord_client_init *init;
    bool is_following;   /* asks Sentinel who leads */
    int64_t every_ops;   /* looks again after so many operations */
    int64_t ops_left;    /* until then; 0: now */
    int32_t leader;      /* as last heard */
    int32_t next_to_ask; /* whose Sentinel */
    struct redis_conn sentinels[ORD_CLIENT_NODES_MAX];
};

int redis_route_init(struct redis_route *route,
                     const struct ord_client_init *init, struct ord_err *err);
void redis_route_close(struct redis_route *route);
/* The node for an operation.  Asks Sentinels one after the other, within
 * deadline_ns; who cannot be asked leaves the route as it was. */
int32_t redis_route_node(struct redis_route *route, int64_t deadline_ns);
/* Something went wrong there: look again next time. */
void redis_route_doubt(struct redis_route *route);

/* The node with this address, or NO_NODE. */
int32_t redis_route_find(const struct ord_client_init *init, const char *ip);

#endif
