/* route.h -- which server an operation goes to.
 *
 *  home      the client's own node, whatever it is;
 *  sticky    the first primary that was found, for ever;
 *  discover  a primary, looked for again now and then, and after trouble.
 *
 * All are needed: clients that stay see nothing of a new primary, clients that
 * look again find both sides of a split, as do clients of each node.
 */
#ifndef ORD_POSTGRES_ROUTE_H
#define ORD_POSTGRES_ROUTE_H

#include "targets/postgres/call.h"

enum pg_route_kind { PG_ROUTE_HOME, PG_ROUTE_STICKY, PG_ROUTE_DISCOVER };

struct pg_route {
    const struct ord_client_init *init;
    struct pg_conn *conns; /* one per node; the client's */
    enum pg_route_kind kind;
    int64_t every_ops; /* DISCOVER: looks again after so many operations */
    int64_t ops_left;  /* until then; 0: now */
    int32_t primary;   /* as last found, or NO_NODE */
};

int pg_route_init(struct pg_route *route, const struct ord_client_init *init,
                  struct pg_conn *conns, struct ord_err *err);
/* The node to ask; NO_NODE: none says that it is a primary. */
int32_t pg_route_node(struct pg_route *route, int64_t deadline_ns);
/* The last operation was not done: look again before the next one. */
void pg_route_doubt(struct pg_route *route);

#endif
