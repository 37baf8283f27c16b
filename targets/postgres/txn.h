/* txn.h -- transactions of several statements: reads and writes of several
 * keys, and inserts that exclude each other.
 *
 * A statement goes out when the one before has been answered, as from an
 * application; what others commit in between is the isolation level's business.
 * What was read counts once COMMIT has been answered.
 */
#ifndef ORD_POSTGRES_TXN_H
#define ORD_POSTGRES_TXN_H

#include "targets/postgres/call.h"

/* Changes nothing: a read, or a txn of nothing but reads. */
bool pg_is_read(const struct ord_client_op *op);

/* ORD_CLIENT_TXN on the registers.  Of PG_DONE done->type and value are set;
 * sql is used up. */
enum pg_end pg_txn(struct pg_conn *conn, const struct ord_client_op *op,
                   struct ord_buf *sql, int64_t deadline_ns,
                   struct ord_client_done *done);
/* ORD_CLIENT_INSERT.  *type: of PG_DONE, with conn->why where it is not OK. */
enum pg_end pg_insert(struct pg_conn *conn, const struct ord_client_op *op,
                      struct ord_buf *sql, int64_t deadline_ns,
                      enum ord_client_type *type);

#endif
