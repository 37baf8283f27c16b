/* task.h -- one operation as the calls of ZooKeeper that it takes. */
#ifndef ORD_ZOOKEEPER_TASK_H
#define ORD_ZOOKEEPER_TASK_H

#include "targets/zookeeper/link.h"

struct zk_task {
    const struct ord_client_init *init;
    const struct ord_client_op *op;
    struct ord_client_done *done;
    struct zk_link *link;
    bool syncs;            /* sync before each read */
    int64_t *lock_session; /* that holds this client's lock; 0: none does */
};

/* Does the operation and concludes. */
void zk_task_run(struct zk_task *task);

#endif
