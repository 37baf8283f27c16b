#include <errno.h>

#include "harness/base/file.h"
#include "targets/refdb/storage_int.h"

static const char FILE_NAME[] = "refdb.sqlite";
enum { SCHEMA_VERSION = 2, BUSY_MS = 2000 };

static const char SCHEMA[] =
    "CREATE TABLE hard(id INTEGER PRIMARY KEY, epoch INTEGER, vote INTEGER,"
    " led INTEGER);"
    "INSERT INTO hard VALUES(1, 0, 0, 0);"
    "CREATE TABLE pos(id INTEGER PRIMARY KEY, base INTEGER,"
    " base_epoch INTEGER, applied INTEGER, applied_epoch INTEGER);"
    "INSERT INTO pos VALUES(1, 0, 0, 0, 0);"
    "CREATE TABLE log(idx INTEGER PRIMARY KEY, epoch INTEGER, cmd BLOB);"
    "CREATE TABLE register(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID;"
    "CREATE TABLE sets(k BLOB, e BLOB, PRIMARY KEY(k, e)) WITHOUT ROWID;"
    "CREATE TABLE list(k BLOB, n INTEGER, e BLOB, PRIMARY KEY(k, n))"
    " WITHOUT ROWID;"
    "CREATE TABLE counter(k BLOB PRIMARY KEY, v INTEGER) WITHOUT ROWID;"
    "CREATE TABLE members(id INTEGER PRIMARY KEY, m BLOB);"
    "CREATE TABLE self(identity INTEGER);"
    "PRAGMA user_version=2;";

static const char *const sql_text[] = {
    [RD_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [RD_SQL_COMMIT] = "COMMIT",
    [RD_SQL_ROLLBACK] = "ROLLBACK",
    [RD_SQL_HARD] = "UPDATE hard SET epoch=?1, vote=?2, led=?3",
    [RD_SQL_APPEND] = "INSERT INTO log VALUES(?1, ?2, ?3)",
    [RD_SQL_TRUNCATE] = "DELETE FROM log WHERE idx>=?1",
    [RD_SQL_TRIM] = "DELETE FROM log WHERE idx<=?1",
    [RD_SQL_BASE] = "UPDATE pos SET base=?1, base_epoch=?2",
    [RD_SQL_APPLIED] = "UPDATE pos SET applied=?1, applied_epoch=?2",
    [RD_SQL_REGISTER_GET] = "SELECT v FROM register WHERE k=?1",
    [RD_SQL_REGISTER_PUT] = "INSERT INTO register VALUES(?1, ?2)"
                            " ON CONFLICT(k) DO UPDATE SET v=excluded.v",
    [RD_SQL_SET_ADD] = "INSERT OR IGNORE INTO sets VALUES(?1, ?2)",
    [RD_SQL_SET_GET] = "SELECT e FROM sets WHERE k=?1 ORDER BY e",
    [RD_SQL_LIST_COUNT] = "SELECT n FROM list WHERE k=?1"
                          " ORDER BY n DESC LIMIT 1",
    [RD_SQL_LIST_PUT] = "INSERT INTO list VALUES(?1, ?2, ?3)",
    [RD_SQL_LIST_GET] = "SELECT e FROM list WHERE k=?1 ORDER BY n",
    [RD_SQL_COUNTER_GET] = "SELECT v FROM counter WHERE k=?1",
    [RD_SQL_COUNTER_PUT] = "INSERT INTO counter VALUES(?1, ?2)"
                           " ON CONFLICT(k) DO UPDATE SET v=excluded.v",
    [RD_SQL_MEMBERS_GET] = "SELECT m FROM members",
    [RD_SQL_MEMBERS_PUT] = "INSERT OR REPLACE INTO members VALUES(1, ?1)",
};
_Static_assert(sizeof sql_text / sizeof *sql_text == RD_SQL_COUNT, "all there");

int rd_sql_fail(sqlite3 *db, const char *what, struct ord_err *err)
{
    int code = db == NULL ? SQLITE_NOMEM : sqlite3_errcode(db);
    const char *why = db == NULL ? "no memory" : sqlite3_errmsg(db);
    int rc = ORD_EIO;

    if (code == SQLITE_FULL ||
        (db != NULL && sqlite3_system_errno(db) == ENOSPC))
        rc = ORD_EFULL;
    else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        rc = ORD_EFORMAT;
    else if (code == SQLITE_NOMEM)
        rc = ORD_ENOMEM;
    return ord_fail(err, rc, "storage: %s: %s", what, why);
}

sqlite3_stmt *rd_sql(struct rd_storage *storage, enum rd_sql which)
{
    sqlite3_reset(storage->sql[which]);
    return storage->sql[which];
}

int rd_sql_run(struct rd_storage *storage, enum rd_sql which, const char *what,
               struct ord_err *err)
{
    sqlite3_stmt *stmt = storage->sql[which];
    int rc = sqlite3_step(stmt);

    sqlite3_reset(stmt);
    if (rc != SQLITE_DONE)
        return rd_sql_fail(storage->db, what, err);
    return ORD_OK;
}

int rd_sql_begin(struct rd_storage *storage, struct ord_err *err)
{
    if (storage->is_open)
        return ORD_OK;
    if (rd_sql_run(storage, RD_SQL_BEGIN, "begin", err) != ORD_OK)
        return err->rc;
    storage->is_open = true;
    return ORD_OK;
}

int rd_sql_change(struct rd_storage *storage, enum rd_sql which,
                  const char *what, struct ord_err *err)
{
    if (rd_sql_begin(storage, err) != ORD_OK)
        return err->rc;
    return rd_sql_run(storage, which, what, err);
}

void rd_bind_bytes(sqlite3_stmt *stmt, int at, struct ord_bytes bytes)
{
    const char *start = bytes.size == 0 ? "" : bytes.at;

    (void)sqlite3_bind_blob64(stmt, at, start, bytes.size, SQLITE_STATIC);
}

struct ord_bytes rd_column_bytes(sqlite3_stmt *stmt, int at)
{
    const char *start = sqlite3_column_blob(stmt, at);

    return (struct ord_bytes){.at = start,
                              .size = (size_t)sqlite3_column_bytes(stmt, at)};
}

static int exec(sqlite3 *db, const char *sql, const char *what,
                struct ord_err *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return rd_sql_fail(db, what, err);
    return ORD_OK;
}

/* One number of one row. */
static int ask(sqlite3 *db, const char *sql, int count, int64_t *values,
               struct ord_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = ORD_OK;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return rd_sql_fail(db, "read", err);
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < count; i++)
            values[i] = sqlite3_column_int64(stmt, i);
    } else {
        rc = ord_fail(err, ORD_EFORMAT, "storage: a row is missing: %s", sql);
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int prepare(struct rd_storage *storage, struct ord_err *err)
{
    int64_t version = 0;

    (void)sqlite3_busy_timeout(storage->db, BUSY_MS);
    if (exec(storage->db, "PRAGMA journal_mode=WAL", "wal", err) != ORD_OK ||
        exec(storage->db, "PRAGMA synchronous=FULL", "sync", err) != ORD_OK ||
        ask(storage->db, "PRAGMA user_version", 1, &version, err) != ORD_OK)
        return err->rc;
    if (version == 0) {
        if (exec(storage->db, "BEGIN", "schema", err) != ORD_OK ||
            exec(storage->db, SCHEMA, "schema", err) != ORD_OK ||
            exec(storage->db, "COMMIT", "schema", err) != ORD_OK)
            return err->rc;
    } else if (version != SCHEMA_VERSION) {
        return ord_fail(err, ORD_EFORMAT,
                        "storage: version %lld, this is a refdb of version %d",
                        (long long)version, SCHEMA_VERSION);
    }
    for (int i = 0; i < RD_SQL_COUNT; i++)
        if (sqlite3_prepare_v3(storage->db, sql_text[i], -1,
                               SQLITE_PREPARE_PERSISTENT, &storage->sql[i],
                               NULL) != SQLITE_OK)
            return rd_sql_fail(storage->db, sql_text[i], err);
    return ORD_OK;
}

static int load_log(sqlite3 *db, struct rd_log *log, struct ord_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = ORD_OK;
    int step;

    if (sqlite3_prepare_v2(db, "SELECT idx, epoch, cmd FROM log ORDER BY idx",
                           -1, &stmt, NULL) != SQLITE_OK)
        return rd_sql_fail(db, "read the log", err);
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW && rc == ORD_OK) {
        uint64_t index = (uint64_t)sqlite3_column_int64(stmt, 0);
        uint64_t epoch = (uint64_t)sqlite3_column_int64(stmt, 1);

        if (index != log->last + 1)
            rc = ord_fail(err, ORD_EFORMAT, "storage: log has a gap after %llu",
                          (unsigned long long)log->last);
        else if (!rd_log_append(log, epoch, rd_column_bytes(stmt, 2)))
            rc = ord_fail(err, ORD_ENOMEM, "storage: the log is too long");
    }
    if (rc == ORD_OK && step != SQLITE_DONE)
        rc = rd_sql_fail(db, "read the log", err);
    sqlite3_finalize(stmt);
    return rc;
}

static int load(sqlite3 *db, struct rd_hard *hard, struct rd_log *log,
                uint64_t *applied, struct ord_err *err)
{
    int64_t value[3] = {0};

    if (ask(db, "SELECT epoch, vote, led FROM hard", 3, value, err) != ORD_OK)
        return err->rc;
    *hard = (struct rd_hard){.epoch = (uint64_t)value[0],
                             .vote = (uint32_t)value[1],
                             .is_led = (uint32_t)value[2]};
    if (ask(db, "SELECT base, base_epoch, applied FROM pos", 3, value, err) !=
        ORD_OK)
        return err->rc;
    log->base = log->last = (uint64_t)value[0];
    log->base_epoch = (uint64_t)value[1];
    *applied = (uint64_t)value[2];
    if (load_log(db, log, err) != ORD_OK)
        return err->rc;
    if (*applied < log->base || *applied > log->last)
        return ord_fail(err, ORD_EFORMAT,
                        "storage: applied %llu is not within the log",
                        (unsigned long long)*applied);
    return ORD_OK;
}

int rd_storage_open(const char *dir, struct rd_storage **storage,
                    struct rd_hard *hard, struct rd_log *log, uint64_t *applied,
                    struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    struct rd_storage *made;

    if (ord_mkdir_all(dir, err) != ORD_OK ||
        ord_path_join(path, dir, FILE_NAME, err) != ORD_OK)
        return err->rc;
    made = sqlite3_malloc(sizeof *made);
    if (made == NULL)
        return ord_fail(err, ORD_ENOMEM, "storage: no memory");
    *made = (struct rd_storage){0};
    rd_log_init(log, 0, 0);
    if (sqlite3_open_v2(path, &made->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                        NULL) != SQLITE_OK) {
        (void)rd_sql_fail(made->db, path, err);
        goto fail;
    }
    if (prepare(made, err) != ORD_OK ||
        load(made->db, hard, log, applied, err) != ORD_OK)
        goto fail;
    *storage = made;
    return ORD_OK;
fail:
    rd_log_fini(log);
    rd_storage_close(&made);
    return err->rc;
}

int rd_storage_fsync_off(struct rd_storage *storage, struct ord_err *err)
{
    return exec(storage->db, "PRAGMA synchronous=OFF", "sync", err);
}

void rd_storage_close(struct rd_storage **storage)
{
    struct rd_storage *old = *storage;
    struct ord_err err;

    if (old == NULL)
        return;
    if (old->is_open)
        (void)rd_storage_sync(old, &err);
    for (int i = 0; i < RD_SQL_COUNT; i++)
        sqlite3_finalize(old->sql[i]);
    (void)sqlite3_close(old->db);
    sqlite3_free(old);
    *storage = NULL;
}

int rd_storage_hard(struct rd_storage *storage, const struct rd_hard *hard,
                    struct ord_err *err)
{
    sqlite3_stmt *stmt = rd_sql(storage, RD_SQL_HARD);

    (void)sqlite3_bind_int64(stmt, 1, (int64_t)hard->epoch);
    (void)sqlite3_bind_int64(stmt, 2, hard->vote);
    (void)sqlite3_bind_int64(stmt, 3, hard->is_led);
    storage->is_dirty = true;
    return rd_sql_change(storage, RD_SQL_HARD, "hard state", err);
}

int rd_storage_load_members(struct rd_storage *storage,
                            struct rd_members *members, bool *is_there,
                            struct ord_err *err)
{
    sqlite3_stmt *stmt = rd_sql(storage, RD_SQL_MEMBERS_GET);
    int step = sqlite3_step(stmt);
    bool is_good = true;

    *is_there = step == SQLITE_ROW;
    if (*is_there)
        is_good = rd_members_decode(rd_column_bytes(stmt, 0), members);
    else if (step != SQLITE_DONE)
        return rd_sql_fail(storage->db, "members", err);
    sqlite3_reset(stmt);
    if (!is_good)
        return ord_fail(err, ORD_EFORMAT, "storage: bad list of members");
    return ORD_OK;
}

int rd_storage_identity(struct rd_storage *storage, uint64_t fresh,
                        uint64_t *identity, struct ord_err *err)
{
    int64_t value[2] = {0};
    char *sql;
    int rc;

    if (ask(storage->db, "SELECT count(*), max(identity) FROM self", 2, value,
            err) != ORD_OK)
        return err->rc;
    *identity = value[0] > 0 ? (uint64_t)value[1] : fresh;
    if (value[0] > 0)
        return ORD_OK;
    sql = sqlite3_mprintf("INSERT INTO self VALUES(%lld)", (long long)fresh);
    if (sql == NULL)
        return ord_fail(err, ORD_ENOMEM, "storage: no memory");
    rc = exec(storage->db, sql, "identity", err);
    sqlite3_free(sql);
    return rc;
}

int rd_storage_members(struct rd_storage *storage, struct ord_bytes members,
                       struct ord_err *err)
{
    rd_bind_bytes(rd_sql(storage, RD_SQL_MEMBERS_PUT), 1, members);
    storage->is_dirty = true;
    return rd_sql_change(storage, RD_SQL_MEMBERS_PUT, "members", err);
}

int rd_storage_append(struct rd_storage *storage, const struct rd_entry *entry,
                      struct ord_err *err)
{
    sqlite3_stmt *stmt = rd_sql(storage, RD_SQL_APPEND);

    (void)sqlite3_bind_int64(stmt, 1, (int64_t)entry->index);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)entry->epoch);
    rd_bind_bytes(stmt, 3, entry->data);
    storage->is_dirty = true;
    return rd_sql_change(storage, RD_SQL_APPEND, "append", err);
}

int rd_storage_truncate(struct rd_storage *storage, uint64_t from,
                        struct ord_err *err)
{
    sqlite3_stmt *stmt = rd_sql(storage, RD_SQL_TRUNCATE);

    (void)sqlite3_bind_int64(stmt, 1, (int64_t)from);
    storage->is_dirty = true;
    return rd_sql_change(storage, RD_SQL_TRUNCATE, "truncate", err);
}

int rd_storage_trim(struct rd_storage *storage, uint64_t base,
                    uint64_t base_epoch, struct ord_err *err)
{
    sqlite3_stmt *stmt = rd_sql(storage, RD_SQL_TRIM);

    (void)sqlite3_bind_int64(stmt, 1, (int64_t)base);
    if (rd_sql_change(storage, RD_SQL_TRIM, "trim", err) != ORD_OK)
        return err->rc;
    stmt = rd_sql(storage, RD_SQL_BASE);
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)base);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)base_epoch);
    return rd_sql_change(storage, RD_SQL_BASE, "trim", err);
}

int rd_storage_sync(struct rd_storage *storage, struct ord_err *err)
{
    if (!storage->is_open)
        return ORD_OK;
    if (rd_sql_run(storage, RD_SQL_COMMIT, "commit", err) != ORD_OK)
        return err->rc;
    storage->is_open = storage->is_dirty = false;
    return ORD_OK;
}

bool rd_storage_is_dirty(const struct rd_storage *storage)
{
    return storage->is_dirty;
}

bool rd_storage_is_loose(const struct rd_storage *storage)
{
    return storage->is_open && !storage->is_dirty;
}
