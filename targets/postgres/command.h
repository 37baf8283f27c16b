/* command.h -- an operation as SQL, and its rows as an answer.  No I/O.
 *
 * One statement each; what takes several is in bank.h and txn.h.  schema.sql
 * has the tables.
 */
#ifndef ORD_POSTGRES_COMMAND_H
#define ORD_POSTGRES_COMMAND_H

#include <libpq-fe.h>

#include "harness/base/buf.h"
#include "targets/client/client.h"

/* What rows mean. */
enum pg_shape {
    PG_SHAPE_NOTHING, /* done is done */
    PG_SHAPE_SCALAR,  /* the first field; no row: NIL */
    PG_SHAPE_SUM,     /* the same, as a number; no row: 0 */
    PG_SHAPE_LIST,    /* the first field of every row */
    PG_SHAPE_PAIRS,   /* two numbers of every row */
    PG_SHAPE_CHANGED, /* no row was changed: fail */
    PG_SHAPE_TAKEN,   /* no row: fail, else its first field */
    PG_SHAPE_GRANTED, /* "t", or fail */
};

/* Writes the SQL; returns what keeps the operation from being sent, NULL:
 * nothing. */
const char *pg_command_make(const struct ord_client_init *init,
                            const struct ord_client_op *op, struct ord_buf *sql,
                            enum pg_shape *shape);
/* Fills in type and value of what was done; texts are copied to done->arena. */
void pg_command_conclude(const PGresult *result, enum pg_shape shape,
                         struct ord_client_done *done);

/* A field, a copy of it in the arena; NIL if it is NULL or there is none. */
struct ord_client_value pg_field(const PGresult *result, int row, int column,
                                 struct ord_arena *arena);

/* 'text', quotes doubled; NIL: NULL. */
void pg_put_literal(struct ord_buf *sql, const struct ord_client_value *value);
/* The same of a key; the one object of a history without keys is key ''. */
void pg_put_key(struct ord_buf *sql, const struct ord_client_value *key);

#endif
