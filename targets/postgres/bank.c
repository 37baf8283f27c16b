#include "targets/postgres/bank.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_SIZE = 256 };

static bool balance_of(const PGresult *rows, int64_t account, int64_t *out)
{
    for (int i = 0; i < PQntuples(rows) && PQnfields(rows) == 2; i++) {
        if (strtoll(PQgetvalue(rows, i, 0), NULL, 10) != account)
            continue;
        *out = strtoll(PQgetvalue(rows, i, 1), NULL, 10);
        return true;
    }
    return false;
}

enum pg_end pg_bank_transfer(struct pg_conn *conn,
                             const struct ord_client_op *op,
                             int64_t deadline_ns, enum ord_client_type *type)
{
    int64_t from = op->value.as.items[0].as.number;
    int64_t to = op->value.as.items[1].as.number;
    int64_t amount = op->value.as.items[2].as.number;
    int64_t from_has, to_has, sent_ns;
    char sql[SQL_SIZE];
    PGresult *rows = NULL;
    enum pg_end end;
    bool is_enough;

    *type = ORD_CLIENT_FAIL;
    (void)snprintf(sql, sizeof sql,
                   "BEGIN; SELECT id, balance FROM accounts WHERE id IN "
                   "(%lld, %lld)",
                   (long long)from, (long long)to);
    end = pg_call(conn, sql, false, deadline_ns, &rows);
    sent_ns = conn->sent_ns;
    is_enough = end == PG_DONE && balance_of(rows, from, &from_has) &&
                balance_of(rows, to, &to_has) && from_has >= amount;
    PQclear(rows);
    if (!is_enough) {
        if (end == PG_DONE)
            (void)snprintf(conn->why, sizeof conn->why, "not enough");
        pg_roll_back(conn, deadline_ns);
        return end;
    }
    (void)snprintf(sql, sizeof sql,
                   "UPDATE accounts SET balance = %lld WHERE id = %lld; UPDATE "
                   "accounts SET balance = %lld WHERE id = %lld; COMMIT",
                   (long long)(from_has - amount), (long long)from,
                   (long long)(to_has + amount), (long long)to);
    end = pg_call(conn, sql, true, deadline_ns, &rows);
    PQclear(rows);
    conn->sent_ns = sent_ns;
    if (end == PG_DONE)
        *type = ORD_CLIENT_OK;
    else
        pg_roll_back(conn, deadline_ns);
    return end;
}

bool pg_bank_is_open(struct pg_conn *conn, const struct ord_client_init *init,
                     int64_t deadline_ns)
{
    int64_t accounts = ord_client_param(init, "accounts", 8);
    char sql[SQL_SIZE];
    PGresult *result = NULL;
    bool is_open;

    if (init->process == 0) {
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO accounts SELECT i, %lld FROM "
                       "generate_series(0, %lld) i ON CONFLICT DO NOTHING",
                       (long long)ord_client_param(init, "balance", 10),
                       (long long)accounts - 1);
        (void)pg_call(conn, sql, true, deadline_ns, &result);
        PQclear(result);
    }
    is_open = pg_call(conn, "SELECT count(*) FROM accounts", false, deadline_ns,
                      &result) == PG_DONE &&
              pg_number(result, 0, 0) >= accounts;
    PQclear(result);
    return is_open;
}
