/* state.c -- the state that the log makes: registers, sets, lists, counters;
 * and copies of all of it. */
#include "targets/refdb/storage_int.h"

#include "harness/base/file.h"
#include "targets/refdb/msg.h"
#include "targets/refdb/resp.h"

enum table {
    TABLE_REGISTER = 1,
    TABLE_SETS,
    TABLE_LIST,
    TABLE_COUNTER,
    TABLE_MEMBERS,
};

static const char FILE_NAME[] = "refdb.sqlite";

static sqlite3_stmt *keyed(struct rd_storage *storage, enum rd_sql which,
                           struct ord_bytes key)
{
    sqlite3_stmt *stmt = rd_sql(storage, which);

    rd_bind_bytes(stmt, 1, key);
    return stmt;
}

static int put_bytes(struct rd_storage *storage, enum rd_sql which,
                     struct ord_bytes key, struct ord_bytes value,
                     struct ord_err *err)
{
    sqlite3_stmt *stmt = keyed(storage, which, key);

    rd_bind_bytes(stmt, 2, value);
    return rd_sql_change(storage, which, "apply", err);
}

static int apply_cas(struct rd_storage *storage, const struct rd_cmd *cmd,
                     struct rd_result *result, struct ord_err *err)
{
    bool is_nil = cmd->kind == RD_CMD_CASNIL;
    sqlite3_stmt *stmt = keyed(storage, RD_SQL_REGISTER_GET, cmd->arg[0]);
    int step = sqlite3_step(stmt);
    bool is_equal;

    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return rd_sql_fail(storage->db, "cas", err);
    if (step == SQLITE_ROW)
        is_equal =
            !is_nil && ord_bytes_equal(rd_column_bytes(stmt, 0), cmd->arg[1]);
    else
        is_equal = is_nil;
    sqlite3_reset(stmt);
    *result = (struct rd_result){.kind = RD_RESULT_INT, .value = is_equal};
    if (!is_equal)
        return ORD_OK;
    return put_bytes(storage, RD_SQL_REGISTER_PUT, cmd->arg[0],
                     cmd->arg[is_nil ? 1 : 2], err);
}

/* The integer of the one row, or `none`. */
static int get_int(struct rd_storage *storage, enum rd_sql which,
                   struct ord_bytes key, int64_t none, int64_t *value,
                   struct ord_err *err)
{
    sqlite3_stmt *stmt = keyed(storage, which, key);
    int step = sqlite3_step(stmt);

    *value = none;
    if (step == SQLITE_ROW)
        *value = sqlite3_column_int64(stmt, 0);
    else if (step != SQLITE_DONE)
        return rd_sql_fail(storage->db, "read", err);
    sqlite3_reset(stmt);
    return ORD_OK;
}

static int apply_push(struct rd_storage *storage, const struct rd_cmd *cmd,
                      struct rd_result *result, struct ord_err *err)
{
    int64_t last;
    sqlite3_stmt *stmt;

    if (get_int(storage, RD_SQL_LIST_COUNT, cmd->arg[0], 0, &last, err) !=
        ORD_OK)
        return err->rc;
    stmt = keyed(storage, RD_SQL_LIST_PUT, cmd->arg[0]);
    (void)sqlite3_bind_int64(stmt, 2, last + 1);
    rd_bind_bytes(stmt, 3, cmd->arg[1]);
    *result = (struct rd_result){.kind = RD_RESULT_INT, .value = last + 1};
    return rd_sql_change(storage, RD_SQL_LIST_PUT, "apply", err);
}

static int apply_incr(struct rd_storage *storage, const struct rd_cmd *cmd,
                      struct rd_result *result, struct ord_err *err)
{
    int64_t sum;
    int64_t add;
    sqlite3_stmt *stmt;

    if (get_int(storage, RD_SQL_COUNTER_GET, cmd->arg[0], 0, &sum, err) !=
        ORD_OK)
        return err->rc;
    if (!rd_parse_int(cmd->arg[1], &add) ||
        __builtin_add_overflow(sum, add, &sum)) {
        result->kind = RD_RESULT_BAD;
        return ORD_OK;
    }
    stmt = keyed(storage, RD_SQL_COUNTER_PUT, cmd->arg[0]);
    (void)sqlite3_bind_int64(stmt, 2, sum);
    *result = (struct rd_result){.kind = RD_RESULT_INT, .value = sum};
    return rd_sql_change(storage, RD_SQL_COUNTER_PUT, "apply", err);
}

static int apply_cmd(struct rd_storage *storage, const struct rd_cmd *cmd,
                     struct rd_result *result, struct ord_err *err)
{
    int rc = ORD_OK;

    *result = (struct rd_result){.kind = RD_RESULT_OK};
    switch (cmd->kind) {
    case RD_CMD_SET:
        return put_bytes(storage, RD_SQL_REGISTER_PUT, cmd->arg[0], cmd->arg[1],
                         err);
    case RD_CMD_CAS:
    case RD_CMD_CASNIL:
        return apply_cas(storage, cmd, result, err);
    case RD_CMD_SADD:
        rc = put_bytes(storage, RD_SQL_SET_ADD, cmd->arg[0], cmd->arg[1], err);
        *result = (struct rd_result){.kind = RD_RESULT_INT,
                                     .value = sqlite3_changes(storage->db)};
        return rc;
    case RD_CMD_RPUSH:
        return apply_push(storage, cmd, result, err);
    case RD_CMD_INCRBY:
        return apply_incr(storage, cmd, result, err);
    case RD_CMD_KINDS:
        break;
    }
    result->kind = RD_RESULT_BAD;
    return ORD_OK;
}

int rd_storage_apply(struct rd_storage *storage, const struct rd_entry *entry,
                     struct rd_result *result, struct ord_err *err)
{
    struct rd_cmd cmd;
    sqlite3_stmt *stmt;

    *result = (struct rd_result){.kind = RD_RESULT_OK};
    if (rd_sql_begin(storage, err) != ORD_OK)
        return err->rc;
    if (rd_is_members(entry->data)) {
        rd_bind_bytes(rd_sql(storage, RD_SQL_MEMBERS_PUT), 1, entry->data);
        if (rd_sql_change(storage, RD_SQL_MEMBERS_PUT, "apply", err) != ORD_OK)
            return err->rc;
    } else if (entry->data.size > 0) {
        if (!rd_cmd_decode(entry->data, &cmd))
            result->kind = RD_RESULT_BAD;
        else if (apply_cmd(storage, &cmd, result, err) != ORD_OK)
            return err->rc;
    }
    stmt = rd_sql(storage, RD_SQL_APPLIED);
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)entry->index);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)entry->epoch);
    return rd_sql_change(storage, RD_SQL_APPLIED, "apply", err);
}

static int read_get(struct rd_storage *storage, struct ord_bytes key,
                    struct ord_buf *out, struct ord_err *err)
{
    sqlite3_stmt *stmt = keyed(storage, RD_SQL_REGISTER_GET, key);
    int step = sqlite3_step(stmt);
    int64_t value;

    if (step == SQLITE_ROW) {
        rd_resp_bulk(out, rd_column_bytes(stmt, 0));
        sqlite3_reset(stmt);
        return ORD_OK;
    }
    if (step != SQLITE_DONE)
        return rd_sql_fail(storage->db, "read", err);
    if (get_int(storage, RD_SQL_COUNTER_GET, key, INT64_MIN, &value, err) !=
        ORD_OK)
        return err->rc;
    if (value == INT64_MIN)
        rd_resp_nil(out);
    else
        rd_resp_bulk_int(out, value);
    return ORD_OK;
}

int rd_storage_read(struct rd_storage *storage, enum rd_read_kind kind,
                    struct ord_bytes key, struct ord_buf *out,
                    struct ord_err *err)
{
    enum rd_sql which =
        kind == RD_READ_SMEMBERS ? RD_SQL_SET_GET : RD_SQL_LIST_GET;
    sqlite3_stmt *stmt;
    struct ord_buf body;
    int64_t count = 0;
    int step;

    if (kind == RD_READ_GET)
        return read_get(storage, key, out, err);
    ord_buf_init(&body, out->size_max);
    stmt = keyed(storage, which, key);
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW && !body.failed) {
        rd_resp_bulk(&body, rd_column_bytes(stmt, 0));
        count++;
    }
    sqlite3_reset(stmt);
    if (step != SQLITE_DONE && !body.failed) {
        ord_buf_fini(&body);
        return rd_sql_fail(storage->db, "read", err);
    }
    rd_resp_array(out, count);
    ord_buf_add(out, ord_buf_bytes(&body));
    out->failed = out->failed || body.failed;
    ord_buf_fini(&body);
    return ORD_OK;
}

struct rd_snapshot {
    sqlite3 *db;
    sqlite3_stmt *rows;
};

static const char ROWS[] =
    "SELECT 1, k, v, 0 FROM register UNION ALL SELECT 2, k, e, 0 FROM sets"
    " UNION ALL SELECT 3, k, e, n FROM list"
    " UNION ALL SELECT 4, k, x'', v FROM counter"
    " UNION ALL SELECT 5, m, x'', 0 FROM members";

int rd_snapshot_open(const char *dir, struct rd_snapshot **snapshot,
                     uint64_t *index, uint64_t *epoch, struct ord_err *err)
{
    static const char position[] = "SELECT applied, applied_epoch FROM pos";
    char path[ORD_PATH_MAX];
    struct rd_snapshot *made;
    sqlite3_stmt *stmt = NULL;

    if (ord_path_join(path, dir, FILE_NAME, err) != ORD_OK)
        return err->rc;
    made = sqlite3_malloc(sizeof *made);
    if (made == NULL)
        return ord_fail(err, ORD_ENOMEM, "snapshot: no memory");
    *made = (struct rd_snapshot){0};
    if (sqlite3_open_v2(path, &made->db, SQLITE_OPEN_READONLY, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(made->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(made->db, position, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW ||
        sqlite3_prepare_v2(made->db, ROWS, -1, &made->rows, NULL) !=
            SQLITE_OK) {
        (void)rd_sql_fail(made->db, "snapshot", err);
        sqlite3_finalize(stmt);
        rd_snapshot_close(&made);
        return err->rc;
    }
    *index = (uint64_t)sqlite3_column_int64(stmt, 0);
    *epoch = (uint64_t)sqlite3_column_int64(stmt, 1);
    sqlite3_finalize(stmt);
    *snapshot = made;
    return ORD_OK;
}

int rd_snapshot_next(struct rd_snapshot *snapshot, size_t piece_size,
                     struct ord_buf *out, bool *is_last, struct ord_err *err)
{
    *is_last = false;
    while (out->size < piece_size) {
        int step = sqlite3_step(snapshot->rows);

        if (step == SQLITE_DONE) {
            *is_last = true;
            return ORD_OK;
        }
        if (step != SQLITE_ROW)
            return rd_sql_fail(snapshot->db, "snapshot", err);
        ord_buf_char(out, (char)sqlite3_column_int(snapshot->rows, 0));
        rd_put_u64(out, (uint64_t)sqlite3_column_int64(snapshot->rows, 3));
        for (int i = 1; i <= 2; i++) {
            struct ord_bytes bytes = rd_column_bytes(snapshot->rows, i);

            rd_put_u32(out, (uint32_t)bytes.size);
            ord_buf_add(out, bytes);
        }
    }
    return ORD_OK;
}

void rd_snapshot_close(struct rd_snapshot **snapshot)
{
    if (*snapshot == NULL)
        return;
    sqlite3_finalize((*snapshot)->rows);
    (void)sqlite3_close((*snapshot)->db);
    sqlite3_free(*snapshot);
    *snapshot = NULL;
}

struct row {
    uint8_t table;
    int64_t number;
    struct ord_bytes part[2];
};

/* 1: a row was taken; 0: the end; -1: bad bytes. */
static int take_row(struct ord_bytes *rows, struct row *row)
{
    size_t at = 9;

    if (rows->size == 0)
        return 0;
    if (rows->size < at)
        return -1;
    row->table = (uint8_t)rows->at[0];
    row->number = (int64_t)rd_get_u64(rows->at + 1);
    if (row->table < TABLE_REGISTER || row->table > TABLE_MEMBERS)
        return -1;
    for (int i = 0; i < 2; i++) {
        uint32_t size;

        if (rows->size - at < 4)
            return -1;
        size = rd_get_u32(rows->at + at);
        at += 4;
        if (rows->size - at < size)
            return -1;
        row->part[i] = (struct ord_bytes){.at = rows->at + at, .size = size};
        at += size;
    }
    rows->at += at;
    rows->size -= at;
    return 1;
}

static int put_row(struct rd_storage *storage, const struct row *row,
                   struct ord_err *err)
{
    static const enum rd_sql which[] = {
        [TABLE_REGISTER] = RD_SQL_REGISTER_PUT,
        [TABLE_SETS] = RD_SQL_SET_ADD,
        [TABLE_LIST] = RD_SQL_LIST_PUT,
        [TABLE_COUNTER] = RD_SQL_COUNTER_PUT,
        [TABLE_MEMBERS] = RD_SQL_MEMBERS_PUT,
    };
    sqlite3_stmt *stmt = keyed(storage, which[row->table], row->part[0]);

    if (row->table == TABLE_REGISTER || row->table == TABLE_SETS) {
        rd_bind_bytes(stmt, 2, row->part[1]);
    } else if (row->table != TABLE_MEMBERS) {
        (void)sqlite3_bind_int64(stmt, 2, row->number);
        if (row->table == TABLE_LIST)
            rd_bind_bytes(stmt, 3, row->part[1]);
    }
    return rd_sql_change(storage, which[row->table], "install", err);
}

int rd_storage_install(struct rd_storage *storage, struct ord_bytes rows,
                       uint64_t index, uint64_t epoch, struct ord_err *err)
{
    static const char clear[] = "DELETE FROM register; DELETE FROM sets;"
                                "DELETE FROM list; DELETE FROM counter;"
                                "DELETE FROM log; DELETE FROM members;";
    struct ord_bytes rest = rows;
    struct row row;
    int got;

    while ((got = take_row(&rest, &row)) > 0)
        continue;
    if (got < 0)
        return ord_fail(err, ORD_EFORMAT, "snapshot: bad rows");
    if (rd_sql_begin(storage, err) != ORD_OK)
        return err->rc;
    storage->is_dirty = true;
    if (sqlite3_exec(storage->db, clear, NULL, NULL, NULL) != SQLITE_OK)
        return rd_sql_fail(storage->db, "install", err);
    while (take_row(&rows, &row) > 0)
        if (put_row(storage, &row, err) != ORD_OK)
            return err->rc;
    (void)sqlite3_bind_int64(rd_sql(storage, RD_SQL_BASE), 1, (int64_t)index);
    (void)sqlite3_bind_int64(storage->sql[RD_SQL_BASE], 2, (int64_t)epoch);
    (void)sqlite3_bind_int64(rd_sql(storage, RD_SQL_APPLIED), 1,
                             (int64_t)index);
    (void)sqlite3_bind_int64(storage->sql[RD_SQL_APPLIED], 2, (int64_t)epoch);
    if (rd_sql_change(storage, RD_SQL_BASE, "install", err) != ORD_OK)
        return err->rc;
    return rd_sql_change(storage, RD_SQL_APPLIED, "install", err);
}
