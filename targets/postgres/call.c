#include "targets/postgres/call.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/buf.h"
#include "harness/base/clock.h"

enum { CONNINFO_SIZE = 256, SQLSTATE_SIZE = 6, MEET_SIZE = 512 };

/* Who subscribes and publishes nothing is a standby that can be written to. */
static const char meet_sql[] =
    "SELECT pg_is_in_recovery() OR (EXISTS (SELECT FROM pg_subscription) AND "
    "NOT EXISTS (SELECT FROM pg_publication)), CASE WHEN pg_is_in_recovery() "
    "THEN -1 ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), "
    "8))::bit(32)::int END";

/* Classes (the first letters of SQLSTATE) of errors after which the server has
 * undone the transaction.  40003 is about a commit that nobody knows of. */
static const char *const undone[] = {
    "0A",             /* not supported */
    "22",             /* bad data */
    "23",             /* a constraint */
    "25",             /* read only, or a transaction that had failed before */
    "40001",          /* not serializable */
    "40002", "40P01", /* deadlock */
    "42",             /* no such table, not allowed */
    "53",             /* full, too many connections */
    "54",    "55",    /* limits, a lock that was not got */
    "P0",
};

void pg_conn_init(struct pg_conn *conn, const char *ip, const char *isolation)
{
    *conn = (struct pg_conn){.isolation = isolation, .timeline = -1};
    conn->port = ord_client_address(ip, PG_PORT, conn->ip);
}

void pg_conn_close(struct pg_conn *conn)
{
    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->is_standby = false;
    conn->timeline = -1;
}

/* libpq's messages are lines, and end with one. */
static void say(struct pg_conn *conn, const char *text)
{
    (void)snprintf(conn->why, sizeof conn->why, "%s", text);
    for (char *at = conn->why; (at = strchr(at, '\n')) != NULL;)
        *at = at[1] == '\0' ? '\0' : ' ';
}

static void on_notice(void *context, const PGresult *result)
{
    struct pg_conn *conn = context;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    /* "canceling [the] wait for synchronous replication ...": the transaction
     * is committed here, and maybe nowhere else.  A standby that is promoted
     * would not have it. */
    if (text != NULL && strstr(text, "synchronous replication") != NULL) {
        conn->is_doubtful = true;
        say(conn, text);
    }
}

static bool wait_for(const struct pg_conn *conn, short events,
                     int64_t deadline_ns)
{
    struct pollfd ready = {.fd = PQsocket(conn->pg), .events = events};
    int64_t left_ns = deadline_ns - ord_now_ns();
    struct timespec left = {.tv_sec = left_ns / ORD_S,
                            .tv_nsec = left_ns % ORD_S};

    /* Interrupted counts as ready: the caller looks again. */
    return ready.fd >= 0 && left_ns > 0 && ppoll(&ready, 1, &left, NULL) != 0;
}

/* ---- connecting --------------------------------------------------------- */

static bool give_up(struct pg_conn *conn, const char *text)
{
    if (text != NULL)
        say(conn, text);
    pg_conn_close(conn);
    return false;
}

static bool connect_to(struct pg_conn *conn, int64_t deadline_ns)
{
    char info[CONNINFO_SIZE];
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    (void)snprintf(info, sizeof info,
                   "hostaddr=%s port=%d user=postgres dbname=postgres "
                   "sslmode=disable gssencmode=disable passfile=/dev/null/none "
                   "tcp_user_timeout=3000 application_name=ordeal",
                   conn->ip, conn->port);
    conn->pg = PQconnectStart(info);
    if (conn->pg == NULL)
        return give_up(conn, "no memory");
    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED ||
            PQstatus(conn->pg) == CONNECTION_BAD)
            return give_up(conn, PQerrorMessage(conn->pg));
        if (!wait_for(conn, next == PGRES_POLLING_READING ? POLLIN : POLLOUT,
                      deadline_ns))
            return give_up(conn, "no connection in time");
        next = PQconnectPoll(conn->pg);
    }
    (void)PQsetnonblocking(conn->pg, 1);
    (void)PQsetNoticeReceiver(conn->pg, on_notice, conn);
    return true;
}

/* ---- one call ----------------------------------------------------------- */

struct reply {
    PGresult *kept;
    bool is_error;
    bool is_undone; /* the error says that nothing happened */
    bool is_rolled_back;
};

static bool is_undone(const PGresult *result)
{
    const char *severity =
        PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    /* FATAL ends the session, maybe in the middle of a commit. */
    if (severity == NULL || strcmp(severity, "ERROR") != 0 || state == NULL)
        return false;
    for (size_t i = 0; i < sizeof undone / sizeof *undone; i++) {
        if (strncmp(state, undone[i], strlen(undone[i])) == 0)
            return true;
    }
    return false;
}

static void note(struct pg_conn *conn, struct reply *reply, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    bool has_rows = status == PGRES_TUPLES_OK;

    if (!has_rows && status != PGRES_COMMAND_OK) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        char both[PG_WHY_SIZE];

        (void)snprintf(both, sizeof both, "%s%s%s", state != NULL ? state : "",
                       state != NULL ? " " : "",
                       text != NULL ? text : PQresultErrorMessage(result));
        if (!reply->is_error) {
            say(conn, both);
            reply->is_undone = is_undone(result);
        }
        reply->is_undone = reply->is_undone && is_undone(result);
        reply->is_error = true;
        PQclear(result);
        return;
    }
    reply->is_rolled_back =
        !has_rows && strcmp(PQcmdStatus(result), "ROLLBACK") == 0;
    if (has_rows || reply->kept == NULL ||
        PQresultStatus(reply->kept) != PGRES_TUPLES_OK) {
        PQclear(reply->kept);
        reply->kept = result;
    } else {
        PQclear(result);
    }
}

/* Everything up to the server's "ready for the next"; false: it did not come.
 */
static bool gather(struct pg_conn *conn, struct reply *reply,
                   int64_t deadline_ns)
{
    bool is_flushed = false;

    for (;;) {
        PGresult *result;

        if (!is_flushed) {
            int left = PQflush(conn->pg);

            if (left < 0)
                say(conn, PQerrorMessage(conn->pg));
            if (left < 0)
                return false;
            is_flushed = left == 0;
        }
        while (PQisBusy(conn->pg) == 0) {
            result = PQgetResult(conn->pg);
            if (result == NULL)
                return true;
            note(conn, reply, result);
        }
        if (!wait_for(conn, (short)(is_flushed ? POLLIN : POLLIN | POLLOUT),
                      deadline_ns)) {
            if (!reply->is_error)
                say(conn, "no answer in time");
            return false;
        }
        if (PQconsumeInput(conn->pg) == 0) {
            if (!reply->is_error)
                say(conn, PQerrorMessage(conn->pg));
            return false;
        }
    }
}

static enum pg_end judge(struct pg_conn *conn, const struct reply *reply,
                         bool is_whole, bool commits)
{
    if (!is_whole || PQstatus(conn->pg) != CONNECTION_OK ||
        (reply->is_error && !reply->is_undone)) {
        pg_conn_close(conn);
        return commits ? PG_LOST : PG_ABANDONED;
    }
    if (reply->is_error)
        return PG_REFUSED;
    if (conn->is_doubtful)
        return PG_UNSURE;
    if (commits && reply->is_rolled_back) {
        /* COMMIT in a transaction that had failed. */
        say(conn, "rolled back");
        return PG_REFUSED;
    }
    return PG_DONE;
}

static enum pg_end send_sql(struct pg_conn *conn, const char *sql, bool commits,
                            int64_t deadline_ns, PGresult **result)
{
    struct reply reply = {0};
    bool is_whole;
    enum pg_end end;

    conn->is_doubtful = false;
    conn->why[0] = '\0';
    conn->sent_ns = ord_now_ns();
    is_whole = PQsendQuery(conn->pg, sql) == 1;
    if (!is_whole)
        say(conn, PQerrorMessage(conn->pg));
    is_whole = is_whole && gather(conn, &reply, deadline_ns);
    conn->received_ns = ord_now_ns();
    end = judge(conn, &reply, is_whole, commits);
    if (end == PG_DONE && reply.kept != NULL) {
        *result = reply.kept;
        return end;
    }
    PQclear(reply.kept);
    /* Nothing at all, not even the end of a statement, is no answer. */
    if (end == PG_DONE) {
        pg_conn_close(conn);
        say(conn, "an answer without results");
        return commits ? PG_LOST : PG_ABANDONED;
    }
    return end;
}

/* A server that went away while nothing was asked. */
static void drop_dead(struct pg_conn *conn)
{
    if (conn->pg != NULL &&
        (PQconsumeInput(conn->pg) == 0 || PQstatus(conn->pg) != CONNECTION_OK))
        pg_conn_close(conn);
}

/* A standby refuses everything in serializable transactions. */
static const char *level_of_standby(const char *isolation)
{
    return strcmp(isolation, "serializable") == 0 ? "repeatable read"
                                                  : isolation;
}

bool pg_conn_meet(struct pg_conn *conn, int64_t deadline_ns)
{
    PGresult *result = NULL;
    char sql[MEET_SIZE];
    bool knows_level;

    drop_dead(conn);
    if (conn->pg != NULL && !conn->is_standby)
        return true;
    knows_level = conn->pg != NULL;
    if (conn->pg == NULL && !connect_to(conn, deadline_ns))
        return false;
    if (send_sql(conn, meet_sql, false, deadline_ns, &result) != PG_DONE)
        return give_up(conn, NULL);
    conn->is_standby = PQntuples(result) == 1 && PQnfields(result) == 2 &&
                       PQgetvalue(result, 0, 0)[0] == 't';
    conn->timeline = pg_number(result, 1, -1);
    PQclear(result);
    result = NULL;
    if ((conn->is_standby && knows_level) || conn->isolation == NULL)
        return true;
    (void)snprintf(
        sql, sizeof sql, "SET default_transaction_isolation = '%s'%s%s%s",
        conn->is_standby ? level_of_standby(conn->isolation) : conn->isolation,
        conn->commit != NULL ? "; SET synchronous_commit = '" : "",
        conn->commit != NULL ? conn->commit : "",
        conn->commit != NULL ? "'" : "");
    if (send_sql(conn, sql, false, deadline_ns, &result) != PG_DONE)
        return give_up(conn, NULL);
    PQclear(result);
    return true;
}

enum pg_end pg_call(struct pg_conn *conn, const char *sql, bool commits,
                    int64_t deadline_ns, PGresult **result)
{
    *result = NULL;
    conn->sent_ns = 0;
    conn->received_ns = 0;
    if (PQtransactionStatus(conn->pg) == PQTRANS_IDLE)
        drop_dead(conn);
    if (conn->pg == NULL && !pg_conn_meet(conn, deadline_ns))
        return PG_NOT_SENT;
    return send_sql(conn, sql, commits, deadline_ns, result);
}

void pg_roll_back(struct pg_conn *conn, int64_t deadline_ns)
{
    char why[PG_WHY_SIZE];
    PGresult *result = NULL;

    memcpy(why, conn->why, sizeof why);
    if (conn->pg != NULL && PQtransactionStatus(conn->pg) != PQTRANS_IDLE &&
        pg_call(conn, "ROLLBACK", false, deadline_ns, &result) != PG_DONE)
        pg_conn_close(conn);
    PQclear(result);
    memcpy(conn->why, why, sizeof why);
}

int64_t pg_number(const PGresult *result, int column, int64_t preset)
{
    if (result == NULL || PQntuples(result) < 1 ||
        PQnfields(result) <= column || PQgetisnull(result, 0, column))
        return preset;
    return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}
