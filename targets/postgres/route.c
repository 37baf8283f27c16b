#include "targets/postgres/route.h"

#include <stdlib.h>

#include "harness/base/clock.h"

int pg_route_init(struct pg_route *route, const struct ord_client_init *init,
                  struct pg_conn *conns, struct ord_err *err)
{
    static const char *const names[] = {
        [PG_ROUTE_HOME] = "home",
        [PG_ROUTE_STICKY] = "sticky",
        [PG_ROUTE_DISCOVER] = "discover",
    };
    const char *name = ord_client_setting(init, "route", "discover");
    const char *every = ord_client_setting(init, "look-every", "20");
    size_t kind = 0;

    while (kind < sizeof names / sizeof *names &&
           strcmp(names[kind], name) != 0)
        kind++;
    *route = (struct pg_route){
        .init = init,
        .conns = conns,
        .kind = (enum pg_route_kind)kind,
        .every_ops = strtoll(every, NULL, 10),
        .primary = ORD_CLIENT_NO_NODE,
    };
    if (kind == sizeof names / sizeof *names)
        return ord_fail(err, ORD_EUSAGE,
                        "setting route: '%s' is neither home, sticky nor "
                        "discover",
                        name);
    if (route->every_ops < 1)
        return ord_fail(err, ORD_EUSAGE,
                        "setting look-every: '%s' is not 1 or more", every);
    return ORD_OK;
}

/* Begins behind the primary found last, so that a second one is found, too. */
static void look(struct pg_route *route, int64_t deadline_ns)
{
    int32_t count = route->init->node_count;
    int32_t first = route->primary == ORD_CLIENT_NO_NODE ? route->init->home
                                                         : route->primary + 1;

    for (int32_t i = 0; i < count; i++) {
        int32_t node = (first + i) % count;
        int64_t now_ns = ord_now_ns();
        int64_t until_ns = now_ns + (deadline_ns - now_ns) / 3;

        if (!pg_conn_meet(&route->conns[node], until_ns) ||
            route->conns[node].is_standby)
            continue;
        route->primary = node;
        route->ops_left = route->every_ops;
        return;
    }
    /* Whoever it was, it is none any more, or cannot be reached. */
    route->primary = ORD_CLIENT_NO_NODE;
}

int32_t pg_route_node(struct pg_route *route, int64_t deadline_ns)
{
    if (route->kind == PG_ROUTE_HOME)
        return route->init->home;
    if (route->primary == ORD_CLIENT_NO_NODE ||
        (route->kind == PG_ROUTE_DISCOVER && route->ops_left <= 0))
        look(route, deadline_ns);
    route->ops_left--;
    return route->primary;
}

void pg_route_doubt(struct pg_route *route)
{
    route->ops_left = 0;
}
