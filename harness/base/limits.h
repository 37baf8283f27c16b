/* limits.h -- the bounds that every module shares. */
#ifndef ORD_BASE_LIMITS_H
#define ORD_BASE_LIMITS_H

enum {
    ORD_NODES_MAX = 64,
    ORD_PORTS_MAX = ORD_NODES_MAX + 1, /* port 0: the clients */
    ORD_WORKERS_MAX = 1024,
};

#endif
