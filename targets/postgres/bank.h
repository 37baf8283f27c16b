/* bank.h -- transfers, as an application would: balances are read, the client
 * computes, and writes what it computed, all in one transaction.
 *
 * How far two of them at once are kept apart is the isolation level's business:
 * at read committed one's update is lost under the other's.
 */
#ifndef ORD_POSTGRES_BANK_H
#define ORD_POSTGRES_BANK_H

#include "targets/postgres/call.h"

/* *type: of PG_DONE; with conn->why where it is not OK. */
enum pg_end pg_bank_transfer(struct pg_conn *conn,
                             const struct ord_client_op *op,
                             int64_t deadline_ns, enum ord_client_type *type);
/* Are all accounts there? Process 0 opens them, if there are none. */
bool pg_bank_is_open(struct pg_conn *conn, const struct ord_client_init *init,
                     int64_t deadline_ns);

#endif
