#include "targets/mariadb/task.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/buf.h"

/* ---- before the first operation ---------------------------------------------
 */

static bool open_accounts(struct my_link *link,
                          const struct ord_client_init *init)
{
    int64_t count = ord_client_param(init, "accounts", 8);
    int64_t balance = ord_client_param(init, "balance", 10);
    struct ord_buf sql;
    bool is_done;

    ord_buf_init(&sql, 1 << 20);
    ord_buf_text(&sql, "insert ignore into ordeal.accounts values ");
    for (int64_t i = 0; i < count; i++)
        ord_buf_printf(&sql, "%s(%lld, %lld)", i > 0 ? ", " : "", (long long)i,
                       (long long)balance);
    is_done =
        !sql.failed && my_link_do(link, ord_buf_str(&sql), NULL) == MY_END_DONE;
    ord_buf_fini(&sql);
    return is_done;
}

bool my_task_has_accounts(struct my_link *link,
                          const struct ord_client_init *init)
{
    int64_t want = ord_client_param(init, "accounts", 8);
    MYSQL_RES *rows = NULL;
    int64_t have = 0;

    if (init->process == 0 && !open_accounts(link, init))
        return false;
    if (my_link_do(link, "select id from ordeal.accounts", &rows) !=
            MY_END_DONE ||
        rows == NULL)
        return false;
    have = (int64_t)mysql_num_rows(rows);
    mysql_free_result(rows);
    (void)snprintf(link->why, sizeof link->why, "%lld of %lld are there",
                   (long long)have, (long long)want);
    return have >= want;
}

/* ---- what all of them do
 * ------------------------------------------------------ */

static long long key_of(const struct my_task *task)
{
    return task->op->key.kind == ORD_CLIENT_INT
               ? (long long)task->op->key.as.number
               : 0;
}

static long long number_of(const struct ord_client_value *value)
{
    return value->kind == ORD_CLIENT_INT ? (long long)value->as.number : 0;
}

static void refuse(struct my_task *task, const char *why)
{
    ord_client_conclude(task->done, ORD_CLIENT_FAIL, "%s", why);
}

/* False: it is over, and concluded. */
static bool is_done(struct my_task *task, enum my_end end, bool changes)
{
    ord_client_conclude(task->done, my_conclusion(end, changes), "%s",
                        task->link->why);
    if (end == MY_END_REFUSED || end == MY_END_NOT_SENT)
        ord_client_pause(20);
    return end == MY_END_DONE;
}

static bool change(struct my_task *task, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool change(struct my_task *task, const char *format, ...)
{
    char sql[MY_SQL_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    return is_done(task, my_link_do(task->link, sql, NULL), true);
}

static MYSQL_RES *rows_of(struct my_task *task, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* NULL: it is over, and concluded. */
static MYSQL_RES *rows_of(struct my_task *task, const char *format, ...)
{
    char sql[MY_SQL_SIZE];
    MYSQL_RES *rows = NULL;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    if (!is_done(task, my_link_do(task->link, sql, &rows), false))
        return NULL;
    if (rows == NULL)
        refuse(task, "no rows came");
    return rows;
}

static struct ord_client_value cell_of(const char *text)
{
    return text == NULL ? (struct ord_client_value){.kind = ORD_CLIENT_NIL}
                        : ord_client_int(strtoll(text, NULL, 10));
}

/* ---- registers and counters
 * ------------------------------------------------------ */

static void read_one(struct my_task *task, const char *table)
{
    MYSQL_RES *rows = rows_of(task, "select v from ordeal.%s where k = %lld",
                              table, key_of(task));
    MYSQL_ROW row;

    if (rows == NULL)
        return;
    row = mysql_fetch_row(rows);
    task->done->has_value = true;
    task->done->value = cell_of(row != NULL ? row[0] : NULL);
    mysql_free_result(rows);
}

static void do_write(struct my_task *task)
{
    long long v = number_of(&task->op->value);

    (void)change(task,
                 "insert into ordeal.reg values (%lld, %lld) on duplicate key "
                 "update v = %lld",
                 key_of(task), v, v);
}

static void do_cas(struct my_task *task)
{
    const struct ord_client_value *pair = task->op->value.as.items;
    long long v = number_of(&pair[1]);

    if (pair[0].kind == ORD_CLIENT_NIL) { /* 1062: somebody was faster */
        (void)change(task, "insert into ordeal.reg values (%lld, %lld)",
                     key_of(task), v);
        return;
    }
    if (change(task,
               "update ordeal.reg set v = %lld where k = %lld and v = %lld", v,
               key_of(task), number_of(&pair[0])) &&
        mysql_affected_rows(task->link->mysql) != 1)
        refuse(task, "compared unequal");
}

static void do_increment(struct my_task *task)
{
    long long v = number_of(&task->op->value);

    (void)change(task,
                 "insert into ordeal.counters values (%lld, %lld) on duplicate "
                 "key update v = v + %lld",
                 key_of(task), v, v);
}

static void do_generate(struct my_task *task)
{
    if (!change(task, "insert into ordeal.ids (x) values (0)"))
        return;
    task->done->has_value = true;
    task->done->value =
        ord_client_int((int64_t)mysql_insert_id(task->link->mysql));
}

/* ---- sets
 * ---------------------------------------------------------------------- */

static void do_add(struct my_task *task)
{
    (void)change(task, "insert into ordeal.elements values (%lld, %lld)",
                 key_of(task), number_of(&task->op->value));
}

/* Lets go of the rows, which are items now (NULL: there was no memory). */
static void answer_rows(struct my_task *task, MYSQL_RES *rows,
                        struct ord_client_value *items, uint32_t count)
{
    mysql_free_result(rows);
    if (items == NULL) {
        refuse(task, "no memory");
        return;
    }
    task->done->has_value = true;
    task->done->value = (struct ord_client_value){
        .kind = ORD_CLIENT_LIST, .count = count, .as = {.items = items}};
}

static void do_read_set(struct my_task *task)
{
    MYSQL_RES *rows = rows_of(
        task, "select e from ordeal.elements where k = %lld", key_of(task));
    struct ord_client_value *items;
    uint32_t count = 0;
    MYSQL_ROW row;

    if (rows == NULL)
        return;
    items = ord_arena_zalloc(task->done->arena,
                             (size_t)mysql_num_rows(rows) + 1, sizeof *items);
    while (items != NULL && (row = mysql_fetch_row(rows)) != NULL)
        items[count++] = cell_of(row[0]);
    answer_rows(task, rows, items, count);
}

/* ---- the bank
 * -------------------------------------------------------------------- */

static void do_read_bank(struct my_task *task)
{
    MYSQL_RES *rows =
        rows_of(task, "select id, balance from ordeal.accounts order by id");
    struct ord_client_value *items;
    uint32_t count = 0;
    MYSQL_ROW row;

    if (rows == NULL)
        return;
    /* Each account a list, and its two numbers behind all of them. */
    items =
        ord_arena_zalloc(task->done->arena,
                         3 * ((size_t)mysql_num_rows(rows) + 1), sizeof *items);
    while (items != NULL && (row = mysql_fetch_row(rows)) != NULL) {
        struct ord_client_value *pair =
            items + mysql_num_rows(rows) + 2 * (size_t)count;

        pair[0] = cell_of(row[0]);
        pair[1] = cell_of(row[1]);
        items[count++] = (struct ord_client_value){
            .kind = ORD_CLIENT_LIST, .count = 2, .as = {.items = pair}};
    }
    answer_rows(task, rows, items, count);
}

/* Undoes what was begun; an open transaction that nobody commits is undone by
 * the server, too, so whatever becomes of this it did not happen. */
static void roll_back(struct my_task *task, const char *why)
{
    if (my_link_do(task->link, "rollback", NULL) != MY_END_DONE)
        my_link_close(task->link);
    refuse(task, why);
}

static bool balance_of(struct my_task *task, long long account, long long *out)
{
    MYSQL_RES *rows = rows_of(
        task, "select balance from ordeal.accounts where id = %lld", account);
    MYSQL_ROW row;

    if (rows == NULL)
        return false;
    row = mysql_fetch_row(rows);
    *out = row != NULL && row[0] != NULL ? strtoll(row[0], NULL, 10) : -1;
    mysql_free_result(rows);
    return true;
}

/* Reads both, then writes both; or changes both in place. */
static bool move_money(struct my_task *task, const long long move[3],
                       const long long balance[2])
{
    for (int i = 0; i < 2; i++) {
        long long by = i == 0 ? -move[2] : move[2];

        if (task->is_in_place
                ? !change(task,
                          "update ordeal.accounts set balance = balance + "
                          "(%lld) where id = %lld",
                          by, move[i])
                : !change(task,
                          "update ordeal.accounts set balance = %lld where id "
                          "= %lld",
                          balance[i] + by, move[i]))
            return false;
    }
    return true;
}

static void do_transfer(struct my_task *task)
{
    const struct ord_client_value *items = task->op->value.as.items;
    const long long move[3] = {number_of(&items[0]), number_of(&items[1]),
                               number_of(&items[2])};
    long long balance[2] = {0, 0};

    if (!is_done(task, my_link_do(task->link, "start transaction", NULL),
                 false))
        return;
    if (!balance_of(task, move[0], &balance[0]) ||
        !balance_of(task, move[1], &balance[1])) {
        roll_back(task, task->done->error);
        return;
    }
    if (balance[0] < move[2]) {
        roll_back(task, "not enough");
        return;
    }
    if (!move_money(task, move, balance)) {
        roll_back(task, "a statement failed before the commit");
        return;
    }
    (void)change(task, "commit");
}

void my_task_run(struct my_task *task)
{
    static void (*const tasks[ORD_CLIENT_F_COUNT])(struct my_task *) = {
        [ORD_CLIENT_WRITE] = do_write,
        [ORD_CLIENT_CAS] = do_cas,
        [ORD_CLIENT_GENERATE] = do_generate,
        [ORD_CLIENT_TRANSFER] = do_transfer,
    };
    enum ord_client_workload workload = task->init->workload;
    enum ord_client_f f = task->op->f;

    if (f == ORD_CLIENT_READ && workload == ORD_CLIENT_SET)
        do_read_set(task);
    else if (f == ORD_CLIENT_READ && workload == ORD_CLIENT_BANK)
        do_read_bank(task);
    else if (f == ORD_CLIENT_READ)
        read_one(task, workload == ORD_CLIENT_COUNTER ? "counters" : "reg");
    else if (f == ORD_CLIENT_ADD && workload == ORD_CLIENT_COUNTER)
        do_increment(task);
    else if (f == ORD_CLIENT_ADD)
        do_add(task);
    else if (tasks[f] != NULL)
        tasks[f](task);
    else
        refuse(task, "not an operation of MariaDB");
}
