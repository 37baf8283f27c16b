/* task.h -- one operation as the SQL that it takes. */
#ifndef ORD_MARIADB_TASK_H
#define ORD_MARIADB_TASK_H

#include "targets/mariadb/link.h"

struct my_task {
    const struct ord_client_init *init;
    const struct ord_client_op *op;
    struct ord_client_done *done;
    struct my_link *link;
    bool is_in_place; /* bank: balances are moved by one statement each */
};

/* Opens the bank's accounts, if it is this client's to do, and looks whether
 * they are there.  False: link->why says why not. */
bool my_task_has_accounts(struct my_link *link,
                          const struct ord_client_init *init);
/* Does the operation and concludes. */
void my_task_run(struct my_task *task);

#endif
