/* query.c -- one statement, and its rows as people or programs read them. */
#include <sqlite3.h>
#include <string.h>

#include "harness/base/file.h"
#include "histories/sql/sql.h"

enum {
    COLUMNS_MAX = 256,
    OUT_MAX = 1 << 30,
    OUT_FLUSH = 1 << 16,
    WIDTH_MAX = 60, /* of an aligned column; longer cells push the rest */
};

struct printer {
    sqlite3_stmt *rows;
    enum ord_sql_form form;
    int fd;
    int column_count;
    uint64_t row_count;
    uint32_t widths[COLUMNS_MAX];
    bool is_number[COLUMNS_MAX]; /* every cell so far: aligned to the right */
    struct ord_buf out;
    struct ord_buf held; /* ORD_SQL_TABLE: cells until the widths are known */
    uint64_t held_count;
};

static int flush(struct printer *p, size_t over, struct ord_err *err)
{
    if (p->out.failed)
        return ord_fail(err, ORD_ENOMEM, "row %llu is too large",
                        (unsigned long long)p->row_count);
    if (p->out.size <= over)
        return ORD_OK;
    if (ord_write_all(p->fd, ord_buf_bytes(&p->out), err) != ORD_OK)
        return err->rc;
    ord_buf_clear(&p->out);
    return ORD_OK;
}

/* ---- JSON and TSV ------------------------------------------------------- */

static void put_json_cell(struct printer *p, int column)
{
    const char *text;

    switch (sqlite3_column_type(p->rows, column)) {
    case SQLITE_NULL:
        ord_buf_text(&p->out, "null");
        return;
    case SQLITE_INTEGER:
        ord_buf_int(&p->out, sqlite3_column_int64(p->rows, column));
        return;
    case SQLITE_FLOAT:
        /* As SQLite prints it: "Inf" is no JSON, but then text. */
        text = (const char *)sqlite3_column_text(p->rows, column);
        if (strchr(text, 'I') != NULL || strchr(text, 'N') != NULL)
            break;
        ord_buf_text(&p->out, text);
        return;
    default:
        break;
    }
    text = (const char *)sqlite3_column_text(p->rows, column);
    ord_buf_json(&p->out, (struct ord_bytes){
                              text == NULL ? "" : text,
                              (size_t)sqlite3_column_bytes(p->rows, column)});
}

static void put_json_row(struct printer *p)
{
    ord_buf_text(&p->out, p->row_count == 0 ? "\n[" : ",\n[");
    for (int i = 0; i < p->column_count; i++) {
        if (i > 0)
            ord_buf_char(&p->out, ',');
        put_json_cell(p, i);
    }
    ord_buf_char(&p->out, ']');
}

static void put_json_head(struct printer *p)
{
    ord_buf_text(&p->out, "{\"ordeal\":1,\"columns\":[");
    for (int i = 0; i < p->column_count; i++) {
        const char *name = sqlite3_column_name(p->rows, i);

        if (i > 0)
            ord_buf_char(&p->out, ',');
        if (name == NULL)
            name = "";
        ord_buf_json(&p->out, (struct ord_bytes){name, strlen(name)});
    }
    ord_buf_text(&p->out, "],\"rows\":[");
}

/* A cell as text, on one line. NULL is nothing. */
static void put_cell(struct printer *p, int column, struct ord_buf *out)
{
    const char *text = (const char *)sqlite3_column_text(p->rows, column);
    int size = sqlite3_column_bytes(p->rows, column);

    if (text == NULL)
        return;
    for (int i = 0; i < size && i < ORD_SQL_CELL_MAX; i++) {
        unsigned char c = (unsigned char)text[i];

        ord_buf_char(out, c < ' ' || c == 0x7f ? ' ' : (char)c);
    }
    if (size > ORD_SQL_CELL_MAX)
        ord_buf_text(out, "..");
}

static void put_tsv_row(struct printer *p)
{
    for (int i = 0; i < p->column_count; i++) {
        if (i > 0)
            ord_buf_char(&p->out, '\t');
        put_cell(p, i, &p->out);
    }
    ord_buf_char(&p->out, '\n');
}

static void put_tsv_head(struct printer *p)
{
    for (int i = 0; i < p->column_count; i++) {
        const char *name = sqlite3_column_name(p->rows, i);

        ord_buf_printf(&p->out, "%s%s", i > 0 ? "\t" : "",
                       name == NULL ? "" : name);
    }
    ord_buf_char(&p->out, '\n');
}

/* ---- aligned ------------------------------------------------------------ */

static uint32_t width_of(const char *text)
{
    uint32_t width = 0;

    for (; *text != '\0'; text++) /* bytes that begin a character */
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void put_aligned(struct printer *p, int column, const char *cell)
{
    uint32_t width = width_of(cell);
    uint32_t pad = width < p->widths[column] ? p->widths[column] - width : 0;

    if (column > 0)
        ord_buf_text(&p->out, "  ");
    if (p->is_number[column])
        ord_buf_printf(&p->out, "%*s", (int)pad, "");
    ord_buf_text(&p->out, cell);
    if (!p->is_number[column] && column + 1 < p->column_count)
        ord_buf_printf(&p->out, "%*s", (int)pad, "");
}

static void release_held(struct printer *p)
{
    const char *at = p->held.at;

    for (int i = 0; i < p->column_count; i++) {
        const char *name = sqlite3_column_name(p->rows, i);

        put_aligned(p, i, name == NULL ? "" : name);
    }
    ord_buf_char(&p->out, '\n');
    for (uint64_t row = 0; row < p->held_count; row++) {
        for (int i = 0; i < p->column_count; i++) {
            put_aligned(p, i, at);
            at += strlen(at) + 1;
        }
        ord_buf_char(&p->out, '\n');
    }
    ord_buf_clear(&p->held);
    p->held_count = 0;
}

static void hold_row(struct printer *p)
{
    for (int i = 0; i < p->column_count; i++) {
        size_t from = p->held.size;
        int type = sqlite3_column_type(p->rows, i);
        uint32_t width;

        put_cell(p, i, &p->held);
        ord_buf_char(&p->held, '\0');
        if (p->held.failed)
            return;
        if (type == SQLITE_TEXT || type == SQLITE_BLOB)
            p->is_number[i] = false;
        width = width_of(p->held.at + from);
        width = width > WIDTH_MAX ? WIDTH_MAX : width;
        if (width > p->widths[i])
            p->widths[i] = width;
    }
    p->held_count++;
}

static void put_late_row(struct printer *p)
{
    struct ord_buf cell;

    ord_buf_init(&cell, 2 * ORD_SQL_CELL_MAX);
    for (int i = 0; i < p->column_count; i++) {
        ord_buf_clear(&cell);
        put_cell(p, i, &cell);
        put_aligned(p, i, ord_buf_str(&cell));
    }
    ord_buf_char(&p->out, '\n');
    ord_buf_fini(&cell);
}

static void put_table_row(struct printer *p)
{
    if (p->row_count < ORD_SQL_ROWS_ALIGNED_MAX) {
        hold_row(p);
        return;
    }
    if (p->row_count == ORD_SQL_ROWS_ALIGNED_MAX)
        release_held(p);
    put_late_row(p);
}

/* ---- running ------------------------------------------------------------ */

/* Whoever asks a question does not mean to write a file (`vacuum into`,
 * `attach`), to change the catalogue or to load code. */
static int may_do(void *unused, int action, const char *one, const char *two,
                  const char *three, const char *four)
{
    static const char *const pragmas[] = {
        "table_info",    "table_xinfo",     "table_list", "database_list",
        "function_list", "compile_options", "index_list", "index_info"};

    (void)unused, (void)three, (void)four;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return two != NULL && sqlite3_stricmp(two, "load_extension") == 0
                   ? SQLITE_DENY
                   : SQLITE_OK;
    case SQLITE_PRAGMA:
        for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++) {
            if (sqlite3_stricmp(one, pragmas[i]) == 0)
                return SQLITE_OK;
        }
        return SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

/* A virtual table declares its columns, to SQLite a `create table`, when it is
 * first named: before may_do() is asked. */
static void meet_tables(sqlite3 *db)
{
    static const char *const queries[] = {
        "select 1 from ops",
        "select 1 from events",
        "select 1 from clocks",
        "select 1 from json_each('1')",
        "select 1 from json_tree('1')",
        "select 1 from pragma_table_info('ops')",
        "select 1 from pragma_table_list",
        "select 1 from pragma_function_list",
    };

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        sqlite3_stmt *rows = NULL;

        /* What is not there is not there. */
        (void)sqlite3_prepare_v2(db, queries[i], -1, &rows, NULL);
        (void)sqlite3_finalize(rows);
    }
}

static int refuse(sqlite3 *db, int code, struct ord_err *err)
{
    if (code == SQLITE_AUTH || sqlite3_errcode(db) == SQLITE_AUTH)
        return ord_fail(err, ORD_EUSAGE,
                        "SQL: %s: a query only reads; `ordeal export --to "
                        "sqlite` makes a database to work on",
                        sqlite3_errmsg(db));
    return ord_fail(err, code == SQLITE_NOMEM ? ORD_ENOMEM : ORD_EUSAGE,
                    "SQL: %s", sqlite3_errmsg(db));
}

static void begin(struct printer *p)
{
    for (int i = 0; i < p->column_count; i++) {
        const char *name = sqlite3_column_name(p->rows, i);

        p->widths[i] = name == NULL ? 0 : width_of(name);
        p->is_number[i] = true;
    }
    if (p->form == ORD_SQL_JSON)
        put_json_head(p);
    if (p->form == ORD_SQL_TSV)
        put_tsv_head(p);
}

static void end(struct printer *p)
{
    if (p->form == ORD_SQL_JSON)
        ord_buf_text(&p->out, "\n]}\n");
    if (p->form == ORD_SQL_TABLE && p->row_count <= ORD_SQL_ROWS_ALIGNED_MAX)
        release_held(p);
}

static int put_rows(struct printer *p, sqlite3 *db, struct ord_err *err)
{
    int step = sqlite3_step(p->rows);

    begin(p);
    for (; step == SQLITE_ROW; step = sqlite3_step(p->rows)) {
        if (p->form == ORD_SQL_JSON)
            put_json_row(p);
        else if (p->form == ORD_SQL_TSV)
            put_tsv_row(p);
        else
            put_table_row(p);
        p->row_count++;
        if (p->held.failed)
            return ord_fail(err, ORD_ENOMEM, "the rows are too large");
        if (flush(p, OUT_FLUSH, err) != ORD_OK)
            return err->rc;
    }
    if (step != SQLITE_DONE)
        return refuse(db, step, err);
    if (p->column_count > 0)
        end(p);
    return flush(p, 0, err);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n;")] == '\0';
}

static int print(struct sqlite3 *db, const char *sql, enum ord_sql_form form,
                 int fd, struct ord_err *err)
{
    struct printer p = {.form = form, .fd = fd};
    const char *rest = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &p.rows, &rest);

    if (rc != SQLITE_OK)
        return refuse(db, rc, err);
    if (p.rows == NULL || !is_blank(rest)) {
        sqlite3_finalize(p.rows);
        return ord_fail(err, ORD_EUSAGE, "SQL: expected one statement");
    }
    p.column_count = sqlite3_column_count(p.rows);
    if (p.column_count > COLUMNS_MAX) {
        sqlite3_finalize(p.rows);
        return ord_fail(err, ORD_EUSAGE, "SQL: more than %d columns",
                        COLUMNS_MAX);
    }
    ord_buf_init(&p.out, OUT_MAX);
    ord_buf_init(&p.held, OUT_MAX);
    rc = put_rows(&p, db, err);
    ord_buf_fini(&p.held);
    ord_buf_fini(&p.out);
    sqlite3_finalize(p.rows);
    return rc;
}

int ord_sql_print(struct sqlite3 *db, const char *sql, enum ord_sql_form form,
                  int fd, struct ord_err *err)
{
    int rc;

    meet_tables(db);
    (void)sqlite3_set_authorizer(db, may_do, NULL);
    rc = print(db, sql, form, fd, err);
    (void)sqlite3_set_authorizer(db, NULL, NULL);
    return rc;
}

int ord_sql_query(const struct ord_history *history, const char *sql,
                  enum ord_sql_form form, int64_t memory_max, int fd,
                  struct ord_err *err)
{
    sqlite3 *db = NULL;
    int rc;

    if (sqlite3_open(":memory:", &db) != SQLITE_OK) {
        sqlite3_close(db);
        return ord_fail(err, ORD_ENOMEM, "SQLite");
    }
    if (memory_max > 0)
        (void)sqlite3_hard_heap_limit64(memory_max);
    rc = ord_sql_attach(db, history, err);
    if (rc == ORD_OK)
        rc = ord_sql_print(db, sql, form, fd, err);
    sqlite3_close(db);
    return rc;
}
