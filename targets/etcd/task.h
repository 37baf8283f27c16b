/* task.h -- one operation as the calls that it takes, one after the other. */
#ifndef ORD_ETCD_TASK_H
#define ORD_ETCD_TASK_H

#include "targets/etcd/call.h"

/* The lock that this client holds, under a name that it never uses again. */
struct etcd_lock {
    int64_t count; /* locks asked for so far */
    int64_t ttl_s; /* of a lease; nobody keeps it alive */
    bool is_held;
    int64_t process;
};

struct etcd_task {
    const struct ord_client_init *init;
    const struct ord_client_op *op;
    struct ord_client_done *done;
    struct etcd_conn *conn;
    struct etcd_lock *lock;
    int64_t deadline_ns;
    bool is_serializable; /* reads: the member's own state */
    bool is_watched;      /* a list is all that its key was ever set to */
};

/* Does the operation and concludes. */
void etcd_task_run(struct etcd_task *task);

#endif
