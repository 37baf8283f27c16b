/* tables.c -- the virtual tables `ops` and `events`.
 *
 * A cursor is a place in the history.  Constraints on idx narrow the range
 * that it runs over; all others are SQLite's to look at.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "histories/sql/sql.h"

enum { CELL_MAX = 1 << 28 };

enum column {
    IDX,
    END_IDX,
    TIME,
    END,
    LATENCY,
    PROCESS,
    SESSION,
    DEVICE,
    NODE,
    EPOCH,
    POSITION,
    TYPE,
    F,
    KEY,
    VALUE,
    ASKED,
    ANSWER,
    ERROR,
    FINAL,
    COLUMNS
};

/* One list for both tables: `events` has no columns of completions, its pair
 * stands where `ops` has end_idx. */
static const struct {
    const char *declaration;
    enum column columns[COLUMNS];
} tables[] = {
    {"create table ops(idx integer, end_idx integer, time_ns integer, end_ns "
     "integer, latency_ns integer, process integer, session integer, device "
     "integer, node text, epoch integer, position integer, type text, f text, "
     "key, value, asked, answer, error text, final integer)",
     {IDX, END_IDX, TIME, END, LATENCY, PROCESS, SESSION, DEVICE, NODE, EPOCH,
      POSITION, TYPE, F, KEY, VALUE, ASKED, ANSWER, ERROR, FINAL}},
    {"create table events(idx integer, pair integer, time_ns integer, process "
     "integer, session integer, device integer, node text, epoch integer, "
     "position integer, type text, f text, key, value, error text, final "
     "integer)",
     {IDX, END_IDX, TIME, PROCESS, SESSION, DEVICE, NODE, EPOCH, POSITION, TYPE,
      F, KEY, ASKED, ERROR, FINAL}},
};

enum { OPS, EVENTS };

struct source { /* what a module is registered with */
    const struct ord_history *history;
    int table;
};

struct table {
    sqlite3_vtab base; /* first, as SQLite wants it */
    const struct ord_history *history;
    int table;
};

struct cursor {
    sqlite3_vtab_cursor base; /* first */
    int64_t at;
    int64_t end;
};

static int table_connect(sqlite3 *db, void *aux, int argc,
                         const char *const *argv, sqlite3_vtab **out,
                         char **error)
{
    const struct source *source = aux;
    struct table *table = calloc(1, sizeof *table);
    int rc;

    (void)argc, (void)argv, (void)error;
    if (table == NULL)
        return SQLITE_NOMEM;
    rc = sqlite3_declare_vtab(db, tables[source->table].declaration);
    if (rc != SQLITE_OK) {
        free(table);
        return rc;
    }
    table->history = source->history;
    table->table = source->table;
    *out = &table->base;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *base)
{
    free(base);
    return SQLITE_OK;
}

/* idxNum: a bit per bound that is passed to filter, in this order. */
enum { HAS_EQ = 1, HAS_LOW = 2, HAS_HIGH = 4 };

static int bound_of(unsigned char op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return HAS_EQ;
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
        return HAS_LOW;
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
        return HAS_HIGH;
    default:
        return 0;
    }
}

static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct table *table = (const struct table *)base;
    double rows = (double)ord_history_count(table->history) + 1;
    int argument = 1;
    int bounds = 0;

    for (int bit = HAS_EQ; bit <= HAS_HIGH; bit *= 2) {
        for (int i = 0; i < info->nConstraint; i++) {
            if (!info->aConstraint[i].usable ||
                info->aConstraint[i].iColumn != IDX ||
                bound_of(info->aConstraint[i].op) != bit)
                continue;
            info->aConstraintUsage[i].argvIndex = argument++;
            bounds |= bit;
            break; /* others of its kind are SQLite's to look at */
        }
    }
    info->idxNum = bounds;
    info->estimatedCost = (bounds & HAS_EQ) != 0 ? 1
                          : bounds != 0          ? rows / 4
                                                 : rows;
    info->estimatedRows = (sqlite3_int64)info->estimatedCost;
    if (info->nOrderBy == 1 && info->aOrderBy[0].iColumn == IDX &&
        !info->aOrderBy[0].desc)
        info->orderByConsumed = 1;
    return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    struct cursor *cursor = calloc(1, sizeof *cursor);

    (void)base;
    if (cursor == NULL)
        return SQLITE_NOMEM;
    *out = &cursor->base;
    return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *base)
{
    free(base);
    return SQLITE_OK;
}

static const struct table *table_of(const struct cursor *cursor)
{
    return (const struct table *)cursor->base.pVtab;
}

/* An operation is where its invocation is; the nemesis has none. */
static bool is_row(const struct cursor *cursor)
{
    const struct table *table = table_of(cursor);
    const struct ord_op *op;

    if (table->table == EVENTS)
        return true;
    op = ord_history_op(table->history, cursor->at);
    return op->type == ORD_OP_INVOKE && op->process != ORD_PROCESS_NEMESIS;
}

static void skip_to_row(struct cursor *cursor)
{
    while (cursor->at < cursor->end && !is_row(cursor))
        cursor->at++;
}

/* A bound of another type than a number narrows nothing here: SQLite looks at
 * each row all the same. */
static bool is_number(sqlite3_value *value)
{
    return sqlite3_value_type(value) == SQLITE_INTEGER;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int bounds,
                         const char *text, int argc, sqlite3_value **argv)
{
    struct cursor *cursor = (struct cursor *)base;
    int at = 0;

    (void)text;
    cursor->at = 0;
    cursor->end = ord_history_count(table_of(cursor)->history);
    for (int bit = HAS_EQ; bit <= HAS_HIGH; bit *= 2) {
        int64_t number;

        if ((bounds & bit) == 0)
            continue;
        ORD_ASSERT(at < argc);
        number = sqlite3_value_int64(argv[at]);
        if (is_number(argv[at]) && bit != HAS_HIGH && number > cursor->at)
            cursor->at = number;
        if (is_number(argv[at]) && bit != HAS_LOW && number < cursor->end)
            cursor->end = number < 0 ? 0 : number + 1;
        at++;
    }
    skip_to_row(cursor);
    return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;

    cursor->at++;
    skip_to_row(cursor);
    return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *base)
{
    const struct cursor *cursor = (const struct cursor *)base;

    return cursor->at >= cursor->end;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((const struct cursor *)base)->at;
    return SQLITE_OK;
}

/* ---- cells -------------------------------------------------------------- */

static void put_known(sqlite3_context *to, int64_t number)
{
    if (number == ORD_NONE)
        sqlite3_result_null(to);
    else
        sqlite3_result_int64(to, number);
}

static void put_text(sqlite3_context *to, const char *text)
{
    if (text == NULL)
        sqlite3_result_null(to);
    else
        sqlite3_result_text(to, text, -1, SQLITE_TRANSIENT);
}

static void put_value(sqlite3_context *to, const struct ord_value *value)
{
    struct ord_buf json;

    switch ((enum ord_value_kind)value->kind) {
    case ORD_NIL:
        sqlite3_result_null(to);
        return;
    case ORD_BOOL:
    case ORD_INT:
        sqlite3_result_int64(to, value->as.number);
        return;
    case ORD_TEXT:
        sqlite3_result_text(to, value->as.text, (int)value->count,
                            SQLITE_TRANSIENT);
        return;
    case ORD_LIST:
        break;
    }
    ord_buf_init(&json, CELL_MAX);
    ord_value_to_json(value, &json);
    if (json.failed)
        sqlite3_result_error_toobig(to);
    else
        sqlite3_result_text(to, json.at, (int)json.size, SQLITE_TRANSIENT);
    ord_buf_fini(&json);
}

/* Columns that are the same in both tables: those of one event. */
static void put_event(sqlite3_context *to, const struct ord_history *history,
                      const struct ord_op *op, enum column column)
{
    switch (column) {
    case PROCESS:
        sqlite3_result_int64(to, op->process);
        return;
    case SESSION:
        put_known(to, op->session);
        return;
    case DEVICE:
        sqlite3_result_int(to, op->device);
        return;
    case NODE:
        put_text(to, op->node == ORD_NODE_NONE
                         ? NULL
                         : ord_history_node_name(history, op->node));
        return;
    case EPOCH:
        put_known(to, op->epoch);
        return;
    case POSITION:
        put_known(to, op->position);
        return;
    case F:
        put_text(to, op->name);
        return;
    case KEY:
        put_value(to, &op->key);
        return;
    case ERROR:
        put_text(to, op->error);
        return;
    case FINAL:
        sqlite3_result_int(to, op->is_final);
        return;
    default:
        sqlite3_result_null(to);
        return;
    }
}

/* The completion tells more of who answered than the invocation. */
static const struct ord_op *
teller(const struct ord_op *op, const struct ord_op *done, enum column column)
{
    if (done == NULL)
        return op;
    switch (column) {
    case NODE:
        return done->node != ORD_NODE_NONE ? done : op;
    case EPOCH:
    case POSITION:
    case ERROR:
        return done;
    default:
        return op;
    }
}

static void put_latency(sqlite3_context *to, const struct ord_op *op,
                        const struct ord_op *done)
{
    if (done == NULL || op->time_ns == ORD_NONE || done->time_ns == ORD_NONE)
        sqlite3_result_null(to);
    else
        sqlite3_result_int64(to, done->time_ns - op->time_ns);
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *to,
                         int number)
{
    const struct cursor *cursor = (const struct cursor *)base;
    const struct table *table = table_of(cursor);
    const struct ord_op *op = ord_history_op(table->history, cursor->at);
    const struct ord_op *done =
        table->table == OPS ? ord_history_pair(table->history, op) : NULL;
    enum column column = tables[table->table].columns[number];
    bool is_answer =
        done != NULL && done->type == ORD_OP_OK && done->value.kind != ORD_NIL;

    switch (column) {
    case IDX:
        sqlite3_result_int64(to, op->index);
        break;
    case END_IDX:
        put_known(to, op->pair);
        break;
    case TIME:
        put_known(to, op->time_ns);
        break;
    case END:
        put_known(to, done == NULL ? ORD_NONE : done->time_ns);
        break;
    case LATENCY:
        put_latency(to, op, done);
        break;
    case TYPE:
        put_text(to, ord_op_type_name(table->table == EVENTS ? op->type
                                      : done == NULL         ? ORD_OP_INFO
                                                             : done->type));
        break;
    case VALUE:
        put_value(to, is_answer ? &done->value : &op->value);
        break;
    case ASKED:
        put_value(to, &op->value);
        break;
    case ANSWER:
        if (done != NULL)
            put_value(to, &done->value);
        break;
    default:
        put_event(to, table->history, teller(op, done, column), column);
        break;
    }
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .iVersion = 1,
    .xConnect = table_connect, /* without xCreate: it is just there */
    .xBestIndex = table_best_index,
    .xDisconnect = table_disconnect,
    .xOpen = cursor_open,
    .xClose = cursor_close,
    .xFilter = cursor_filter,
    .xNext = cursor_next,
    .xEof = cursor_eof,
    .xColumn = cursor_column,
    .xRowid = cursor_rowid,
};

/* What the nemesis says of clocks (histories/FORMAT.md, "The nemesis"). */
static const char clocks_view[] =
    "create temp view clocks as select idx, time_ns, node, "
    "json_extract(value, '$[1]') as fault, "
    "json_extract(value, '$[2]') as real_ns, "
    "json_extract(value, '$[3]') as mono_ns, "
    "json_extract(value, '$[4]') as rate_ppm, "
    "json_extract(value, '$[5]') as strobe_ns, "
    "json_extract(value, '$[6]') as strobe_period_ns "
    "from events where process = -1 and f = 'clock' and "
    "value like '[\"offset\",%'";

int ord_sql_attach(struct sqlite3 *db, const struct ord_history *history,
                   struct ord_err *err)
{
    static const char *const names[] = {[OPS] = "ops", [EVENTS] = "events"};

    for (int i = OPS; i <= EVENTS; i++) {
        struct source *source = malloc(sizeof *source);

        if (source == NULL)
            return ord_fail(err, ORD_ENOMEM, "table %s", names[i]);
        *source = (struct source){.history = history, .table = i};
        /* SQLite frees source, also where this fails. */
        if (sqlite3_create_module_v2(db, names[i], &module, source, free) !=
            SQLITE_OK)
            return ord_fail(err, ORD_ENOMEM, "table %s: %s", names[i],
                            sqlite3_errmsg(db));
    }
    if (sqlite3_exec(db, clocks_view, NULL, NULL, NULL) != SQLITE_OK)
        return ord_fail(err, ORD_ENOMEM, "table clocks: %s",
                        sqlite3_errmsg(db));
    return ORD_OK;
}
