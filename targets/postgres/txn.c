#include "targets/postgres/txn.h"

#include <stdio.h>

#include "targets/postgres/command.h"

enum { PARTS = 3 }; /* f, key, value */

static bool is_write(const struct ord_client_value *part)
{
    return part->as.items[0].as.text[0] == 'w';
}

static bool writes(const struct ord_client_value *parts)
{
    uint32_t i = 0;

    while (i < parts->count && !is_write(&parts->as.items[i]))
        i++;
    return i < parts->count;
}

bool pg_is_read(const struct ord_client_op *op)
{
    return op->f == ORD_CLIENT_READ ||
           (op->f == ORD_CLIENT_TXN && !writes(&op->value));
}

static void put_part(struct ord_buf *sql, const struct ord_client_value *items)
{
    bool is_read = items[0].as.text[0] == 'r';

    ord_buf_text(sql, is_read ? "SELECT v FROM registers WHERE k = "
                              : "INSERT INTO registers VALUES (");
    pg_put_key(sql, &items[1]);
    if (is_read)
        return;
    ord_buf_text(sql, ", ");
    pg_put_literal(sql, &items[2]);
    ord_buf_text(sql, ") ON CONFLICT (k) DO UPDATE SET v = excluded.v");
}

/* Half a statement is none. */
static enum pg_end send(struct pg_conn *conn, struct ord_buf *sql, bool commits,
                        int64_t deadline_ns, PGresult **rows)
{
    if (!sql->failed)
        return pg_call(conn, ord_buf_str(sql), commits, deadline_ns, rows);
    (void)snprintf(conn->why, sizeof conn->why, "no memory");
    return PG_NOT_SENT;
}

/* One statement, and what it read. */
static enum pg_end do_part(struct pg_conn *conn,
                           const struct ord_client_value *part, bool is_first,
                           struct ord_buf *sql, int64_t deadline_ns,
                           struct ord_arena *arena,
                           struct ord_client_value *read)
{
    PGresult *rows = NULL;
    enum pg_end end;

    ord_buf_clear(sql);
    if (is_first)
        ord_buf_text(sql, "BEGIN; ");
    put_part(sql, part->as.items);
    end = send(conn, sql, false, deadline_ns, &rows);
    if (end == PG_DONE && !is_write(part))
        *read = pg_field(rows, 0, 0, arena);
    PQclear(rows);
    return end;
}

/* The parts, to be answered with what was read; NULL without memory. */
static struct ord_client_value *copy_of(const struct ord_client_value *parts,
                                        struct ord_arena *arena)
{
    struct ord_client_value *copy = ord_arena_zalloc(
        arena, (size_t)parts->count * (1 + PARTS), sizeof *copy);

    for (uint32_t i = 0; copy != NULL && i < parts->count; i++) {
        struct ord_client_value *items = copy + parts->count + PARTS * i;

        memcpy(items, parts->as.items[i].as.items, PARTS * sizeof *items);
        copy[i] = (struct ord_client_value){
            .kind = ORD_CLIENT_LIST, .count = PARTS, .as = {.items = items}};
    }
    return copy;
}

/* What failed before anything could commit never happens: LOST is none of it.
 */
static enum pg_end commit(struct pg_conn *conn, bool commits,
                          int64_t deadline_ns, enum ord_client_type *type)
{
    PGresult *result = NULL;
    enum pg_end end = pg_call(conn, "COMMIT", commits, deadline_ns, &result);
    bool is_rolled_back =
        result != NULL && strcmp(PQcmdStatus(result), "ROLLBACK") == 0;

    PQclear(result);
    if (end == PG_DONE)
        *type = is_rolled_back ? ORD_CLIENT_FAIL : ORD_CLIENT_OK;
    if (is_rolled_back)
        (void)snprintf(conn->why, sizeof conn->why, "rolled back");
    return end;
}

enum pg_end pg_txn(struct pg_conn *conn, const struct ord_client_op *op,
                   struct ord_buf *sql, int64_t deadline_ns,
                   struct ord_client_done *done)
{
    const struct ord_client_value *parts = &op->value;
    struct ord_client_value *copy = copy_of(parts, done->arena);
    enum pg_end end = copy == NULL ? PG_NOT_SENT : PG_DONE;
    int64_t sent_ns = 0;

    for (uint32_t i = 0; i < parts->count && end == PG_DONE; i++) {
        struct ord_client_value *items = copy + parts->count + PARTS * i;

        end = do_part(conn, &parts->as.items[i], i == 0, sql, deadline_ns,
                      done->arena, &items[2]);
        if (i == 0)
            sent_ns = conn->sent_ns;
    }
    if (end == PG_DONE)
        end = commit(conn, writes(parts), deadline_ns, &done->type);
    conn->sent_ns = sent_ns;
    if (end != PG_DONE) {
        pg_roll_back(conn, deadline_ns);
        return end;
    }
    done->has_value = done->type == ORD_CLIENT_OK;
    done->value = (struct ord_client_value){
        .kind = ORD_CLIENT_LIST, .count = parts->count, .as = {.items = copy}};
    return end;
}

enum pg_end pg_insert(struct pg_conn *conn, const struct ord_client_op *op,
                      struct ord_buf *sql, int64_t deadline_ns,
                      enum ord_client_type *type)
{
    PGresult *rows = NULL;
    enum pg_end end;
    int64_t sent_ns;
    bool is_free;

    *type = ORD_CLIENT_FAIL;
    ord_buf_clear(sql);
    ord_buf_text(sql, "BEGIN; SELECT id FROM inserts WHERE k = ");
    pg_put_key(sql, &op->key);
    end = send(conn, sql, false, deadline_ns, &rows);
    sent_ns = conn->sent_ns;
    is_free = end == PG_DONE && PQntuples(rows) == 0;
    PQclear(rows);
    if (!is_free) {
        if (end == PG_DONE)
            (void)snprintf(conn->why, sizeof conn->why, "something was there");
        pg_roll_back(conn, deadline_ns);
        return end;
    }
    ord_buf_clear(sql);
    ord_buf_text(sql, "INSERT INTO inserts VALUES (");
    pg_put_key(sql, &op->key);
    ord_buf_text(sql, ", ");
    pg_put_literal(sql, &op->value);
    ord_buf_text(sql, "); COMMIT");
    end = send(conn, sql, true, deadline_ns, &rows);
    PQclear(rows);
    conn->sent_ns = sent_ns;
    if (end == PG_DONE)
        *type = ORD_CLIENT_OK;
    else
        pg_roll_back(conn, deadline_ns);
    return end;
}
