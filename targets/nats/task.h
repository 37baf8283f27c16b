/* task.h -- one operation as the calls of JetStream that it takes. */
#ifndef ORD_NATS_TASK_H
#define ORD_NATS_TASK_H

#include "targets/nats/link.h"

struct nats_task {
    const struct ord_client_init *init;
    const struct ord_client_op *op;
    struct ord_client_done *done;
    struct nats_link *link;
    int64_t deadline_ns;
};

/* Makes the bucket or the stream that the workload lives in, if it is not
 * there; false: not yet, link->why says why. */
bool nats_task_prepare(struct nats_link *link,
                       const struct ord_client_init *init);
/* Does the operation and concludes. */
void nats_task_run(struct nats_task *task);

#endif
