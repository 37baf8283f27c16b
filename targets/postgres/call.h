/* call.h -- SQL sent to one PostgreSQL server, with a deadline, and what its
 * end means.
 *
 * A text of one or several statements is sent once, and never again behind the
 * caller's back; a connection on which an answer is owed is closed, so that it
 * cannot be taken for the answer to the next one.  What is said where there is
 * doubt depends on whether the text could commit: a transaction whose COMMIT
 * was never sent does not happen.
 */
#ifndef ORD_POSTGRES_CALL_H
#define ORD_POSTGRES_CALL_H

#include <libpq-fe.h>

#include "targets/client/client.h"

enum { PG_PORT = 5432, PG_WHY_SIZE = 140 };

enum pg_end {
    PG_DONE,      /* it was done and answered */
    PG_REFUSED,   /* an ERROR that undid the transaction */
    PG_NOT_SENT,  /* no connection: not one byte of it left */
    PG_ABANDONED, /* lost before anything was asked to commit */
    PG_UNSURE,    /* committed here; the wait for standbys was broken off */
    PG_LOST,      /* sent, and no answer, or one that says nothing */
    PG_ENDS
};

struct pg_conn {
    PGconn *pg; /* NULL: not connected */
    char ip[ORD_CLIENT_IP_SIZE];
    int port;
    const char *isolation; /* of every transaction; NULL: preset.  A standby
                              has no serializable: repeatable read */
    const char *commit;    /* its own synchronous_commit; NULL: the server's */
    bool is_standby;       /* or subscriber, as it said when last asked */
    bool is_doubtful;      /* a warning told that standbys may not have it */
    int64_t timeline;      /* of a primary; else -1 */
    int64_t sent_ns;       /* of the last call: just before its bytes left */
    int64_t received_ns;
    char why[PG_WHY_SIZE]; /* of the last call that was not done */
};

/* Connects at the first call.  ip may be IP:PORT. */
void pg_conn_init(struct pg_conn *conn, const char *ip, const char *isolation);
void pg_conn_close(struct pg_conn *conn);

/* Connects where there is no connection, and asks a server that is not known to
 * be a primary what it is.  False, with conn->why: neither could be done. */
bool pg_conn_meet(struct pg_conn *conn, int64_t deadline_ns);

/* Sends and waits until deadline_ns.  commits: the text may make something
 * happen.  *result, to be cleared by the caller, is NULL unless PG_DONE: the
 * last rows that came, else the last statement's. */
enum pg_end pg_call(struct pg_conn *conn, const char *sql, bool commits,
                    int64_t deadline_ns, PGresult **result);

/* Ends a transaction in which something failed; conn->why is kept. */
void pg_roll_back(struct pg_conn *conn, int64_t deadline_ns);

/* One field of the first row as a number; preset if there is none. */
int64_t pg_number(const PGresult *result, int column, int64_t preset);

#endif
