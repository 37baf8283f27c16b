#include "harness/catalogue/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/base/file.h"
#include "harness/catalogue/catalogue_int.h"

enum { RUN_MEMORY_MAX = 1 << 30 };

struct ord_catalogue {
    sqlite3 *db;
    char folder[ORD_PATH_MAX];
};

void ord_catalogue_close(struct ord_catalogue **catalogue)
{
    if (*catalogue == NULL)
        return;
    sqlite3_close((*catalogue)->db);
    free(*catalogue);
    *catalogue = NULL;
}

int ord_catalogue_open(const char *folder, bool is_kept,
                       struct ord_catalogue **out, struct ord_err *err)
{
    struct ord_catalogue *c = calloc(1, sizeof *c);
    char path[ORD_PATH_MAX] = ":memory:";
    int rc = ORD_OK;

    if (c == NULL)
        return ord_fail(err, ORD_ENOMEM, "catalogue");
    if (snprintf(c->folder, sizeof c->folder, "%s", folder) >=
        (int)sizeof c->folder)
        rc = ord_fail(err, ORD_EUSAGE, "the path is too long");
    if (rc == ORD_OK && is_kept)
        rc = ord_path_join(path, folder, ORD_CATALOGUE_FILE, err);
    if (rc == ORD_OK && sqlite3_open(path, &c->db) != SQLITE_OK)
        rc = ord_catalogue_fail(c->db, err);
    if (rc == ORD_OK) {
        (void)sqlite3_busy_timeout(c->db, ORD_CATALOGUE_WAIT_MS);
        rc = ord_catalogue_prepare(c->db, err);
    }
    if (rc != ORD_OK) {
        ord_wrap(err, "%s", path);
        ord_catalogue_close(&c);
        return rc;
    }
    *out = c;
    return ORD_OK;
}

static int result_path(const struct ord_catalogue *c, const char *name,
                       char folder[ORD_PATH_MAX], char path[ORD_PATH_MAX],
                       struct ord_err *err)
{
    int rc = ord_path_join(folder, c->folder, name, err);

    return rc == ORD_OK ? ord_path_join(path, folder, ORD_RESULT_FILE, err)
                        : rc;
}

static bool is_run(const struct ord_catalogue *c, const char *name,
                   int64_t *written_ns)
{
    char folder[ORD_PATH_MAX];
    char path[ORD_PATH_MAX];
    struct ord_err ignored;
    struct stat info;

    if (result_path(c, name, folder, path, &ignored) != ORD_OK ||
        stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    *written_ns =
        info.st_mtim.tv_sec * INT64_C(1000000000) + info.st_mtim.tv_nsec;
    return true;
}

int ord_catalogue_add(struct ord_catalogue *c, const char *name,
                      struct ord_err *err)
{
    struct ord_campaign_result campaign;
    char folder[ORD_PATH_MAX];
    char path[ORD_PATH_MAX];
    struct ord_arena arena;
    int64_t written_ns = 0;
    int rc = result_path(c, name, folder, path, err);

    if (rc != ORD_OK)
        return rc;
    if (!is_run(c, name, &written_ns))
        return ord_fail(err, ORD_ENOTFOUND, "%s holds no %s", folder,
                        ORD_RESULT_FILE);
    ord_arena_init(&arena, RUN_MEMORY_MAX);
    rc = ord_run_read(folder, &arena, &campaign, err);
    if (rc == ORD_OK)
        rc = ord_catalogue_do(c->db, "begin immediate", err);
    if (rc == ORD_OK) {
        rc = ord_catalogue_put(c->db, name, &campaign, written_ns, err);
        if (rc == ORD_OK)
            rc = ord_catalogue_do(c->db, "commit", err);
        if (rc != ORD_OK)
            (void)sqlite3_exec(c->db, "rollback", NULL, NULL, NULL);
    }
    ord_arena_fini(&arena);
    return rc == ORD_OK ? ORD_OK : ord_wrap(err, "%s", folder);
}

static bool is_known(struct ord_catalogue *c, const char *name,
                     int64_t written_ns)
{
    sqlite3_stmt *row = NULL;
    bool found = false;

    if (sqlite3_prepare_v2(
            c->db, "select 1 from runs where run = ? and written_ns = ?", -1,
            &row, NULL) == SQLITE_OK) {
        sqlite3_bind_text(row, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(row, 2, written_ns);
        found = sqlite3_step(row) == SQLITE_ROW;
    }
    sqlite3_finalize(row);
    return found;
}

int ord_catalogue_sync(struct ord_catalogue *c,
                       void (*skipped)(const struct ord_err *why),
                       struct ord_err *err)
{
    struct dirent **names = NULL;
    int count = scandir(c->folder, &names, NULL, alphasort);
    int rc = ORD_OK;

    if (count < 0)
        return ord_fail_errno(err, "read %s", c->folder);
    if (count > ORD_CATALOGUE_RUNS_MAX)
        rc = ord_fail(err, ORD_ELIMIT, "%s: more than %d runs", c->folder,
                      ORD_CATALOGUE_RUNS_MAX);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        struct ord_err why = {0};
        int64_t written_ns = 0;

        if (rc == ORD_OK && name[0] != '.' && is_run(c, name, &written_ns) &&
            !is_known(c, name, written_ns) &&
            ord_catalogue_add(c, name, &why) != ORD_OK) {
            if (why.rc == ORD_EFULL || why.rc == ORD_EIO)
                rc = ord_fail(err, why.rc, "%s", why.text);
            else if (skipped != NULL)
                skipped(&why);
        }
        free(names[i]);
    }
    free(names);
    return rc;
}

int ord_catalogue_query(struct ord_catalogue *c, const char *sql,
                        enum ord_sql_form form, int fd, struct ord_err *err)
{
    return ord_sql_print(c->db, sql, form, fd, err);
}
