/* Operations as SQL, and rows as answers. */
#include <criterion/criterion.h>

#include "targets/postgres/command.h"

static struct ord_buf sql;
static struct ord_arena arena;

static void set_up(void)
{
    ord_buf_init(&sql, 1 << 20);
    ord_arena_init(&arena, 1 << 20);
}

static void tear_down(void)
{
    ord_buf_fini(&sql);
    ord_arena_fini(&arena);
}

TestSuite(pg_command, .init = set_up, .fini = tear_down, .timeout = 10);

static const char *make(enum ord_client_workload workload, enum ord_client_f f,
                        struct ord_client_value value, enum pg_shape *shape)
{
    struct ord_client_init init = {.workload = workload};
    struct ord_client_op op = {
        .f = f, .key = ord_client_int(7), .value = value};

    ord_buf_clear(&sql);
    return pg_command_make(&init, &op, &sql, shape);
}

Test(pg_command, operations_are_statements)
{
    static const struct ord_client_value nil = {.kind = ORD_CLIENT_NIL};
    const struct {
        enum ord_client_workload workload;
        enum ord_client_f f;
        struct ord_client_value value;
        enum pg_shape shape;
        const char *want;
    } rows[] = {
        {ORD_CLIENT_REGISTER, ORD_CLIENT_READ, nil, PG_SHAPE_SCALAR,
         "SELECT v FROM registers WHERE k = '7'"},
        {ORD_CLIENT_LONG_FORK, ORD_CLIENT_READ, nil, PG_SHAPE_SCALAR,
         "SELECT v FROM registers WHERE k = '7'"},
        {ORD_CLIENT_SESSIONS, ORD_CLIENT_WRITE,
         ord_client_text(ord_bytes_of("it's \\")), PG_SHAPE_NOTHING,
         "INSERT INTO registers VALUES ('7', 'it''s \\') ON CONFLICT (k) DO "
         "UPDATE SET v = excluded.v"},
        {ORD_CLIENT_SET, ORD_CLIENT_ADD, ord_client_int(-5), PG_SHAPE_NOTHING,
         "INSERT INTO sets VALUES ('7', '-5')"},
        {ORD_CLIENT_LISTS, ORD_CLIENT_APPEND, ord_client_int(5),
         PG_SHAPE_NOTHING,
         "INSERT INTO lists VALUES ('7', ARRAY['5']) ON CONFLICT (k) DO UPDATE "
         "SET v = lists.v || excluded.v"},
        {ORD_CLIENT_COUNTER, ORD_CLIENT_ADD, ord_client_int(5),
         PG_SHAPE_NOTHING,
         "INSERT INTO counters VALUES ('7', '5') ON CONFLICT (k) DO UPDATE SET "
         "v = counters.v + excluded.v"},
        {ORD_CLIENT_UNIQUE_IDS, ORD_CLIENT_GENERATE, nil, PG_SHAPE_TAKEN,
         "SELECT nextval('ids')"},
        {ORD_CLIENT_LOCK, ORD_CLIENT_ACQUIRE, nil, PG_SHAPE_GRANTED,
         "SELECT pg_try_advisory_lock(hashtext('7'))"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum pg_shape shape;

        cr_assert_null(
            make(rows[i].workload, rows[i].f, rows[i].value, &shape));
        cr_expect_eq(shape, rows[i].shape);
        cr_expect_str_eq(ord_buf_str(&sql), rows[i].want);
    }
}

Test(pg_command, compare_and_set_is_an_update_or_an_insert)
{
    struct ord_client_value items[] = {ord_client_int(1), ord_client_int(2)};
    struct ord_client_value pair = {
        .kind = ORD_CLIENT_LIST, .count = 2, .as = {.items = items}};
    enum pg_shape shape;

    cr_assert_null(make(ORD_CLIENT_REGISTER, ORD_CLIENT_CAS, pair, &shape));
    cr_expect_str_eq(ord_buf_str(&sql),
                     "UPDATE registers SET v = '2' WHERE k = "
                     "'7' AND v = '1'");
    cr_expect_eq(shape, PG_SHAPE_CHANGED);
    items[0].kind = ORD_CLIENT_NIL;
    cr_assert_null(make(ORD_CLIENT_REGISTER, ORD_CLIENT_CAS, pair, &shape));
    cr_expect_str_eq(ord_buf_str(&sql),
                     "INSERT INTO registers VALUES ('7', '2')"
                     " ON CONFLICT DO NOTHING");
    cr_expect_eq(shape, PG_SHAPE_CHANGED);
}

Test(pg_command, what_is_no_operation_of_the_workload_is_not_sent)
{
    enum pg_shape shape;

    cr_expect_not_null(
        make(ORD_CLIENT_SET, ORD_CLIENT_DEQUEUE, ord_client_int(1), &shape));
}

/* ---- answers ------------------------------------------------------------- */

/* Rows of as many columns; NULL fields are SQL's. */
static PGresult *rows_of(int columns, int count, const char *const *fields)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc names[2] = {{.name = (char *)(uintptr_t) "a"},
                             {.name = (char *)(uintptr_t) "b"}};

    cr_assert_eq(PQsetResultAttrs(result, columns, names), 1);
    for (int i = 0; i < columns * count; i++)
        cr_assert_eq(
            PQsetvalue(result, i / columns, i % columns,
                       (char *)(uintptr_t)fields[i],
                       fields[i] == NULL ? -1 : (int)strlen(fields[i])),
            1);
    return result;
}

static struct ord_client_done conclude(enum pg_shape shape, int columns,
                                       int count, const char *const *fields)
{
    struct ord_client_done done = {.arena = &arena};
    PGresult *result = rows_of(columns, count, fields);

    pg_command_conclude(result, shape, &done);
    PQclear(result); /* nothing of it is borrowed */
    return done;
}

Test(pg_command, no_row_means_what_the_operation_says)
{
    struct ord_client_done done = conclude(PG_SHAPE_SCALAR, 1, 0, NULL);

    cr_expect_eq(done.type, ORD_CLIENT_OK);
    cr_expect(done.has_value && done.value.kind == ORD_CLIENT_NIL);
    done = conclude(PG_SHAPE_SUM, 1, 0, NULL);
    cr_expect(done.has_value && done.value.kind == ORD_CLIENT_INT &&
              done.value.as.number == 0);
    done = conclude(PG_SHAPE_LIST, 1, 0, NULL);
    cr_expect(done.has_value && done.value.kind == ORD_CLIENT_LIST &&
              done.value.count == 0);
    done = conclude(PG_SHAPE_TAKEN, 1, 0, NULL);
    cr_expect_eq(done.type, ORD_CLIENT_FAIL);
}

Test(pg_command, rows_are_values)
{
    static const char *const fields[] = {"5", "x", NULL, "-7"};
    struct ord_client_done done = conclude(PG_SHAPE_LIST, 1, 4, fields);
    const struct ord_client_value *items = done.value.as.items;

    cr_assert_eq(done.value.count, 4);
    cr_expect(items[0].kind == ORD_CLIENT_INT && items[0].as.number == 5);
    cr_expect(items[1].kind == ORD_CLIENT_TEXT && items[1].as.text[0] == 'x');
    cr_expect_eq(items[2].kind, ORD_CLIENT_NIL);
    cr_expect(items[3].kind == ORD_CLIENT_INT && items[3].as.number == -7);
    done = conclude(PG_SHAPE_TAKEN, 1, 1, fields);
    cr_expect(done.type == ORD_CLIENT_OK && done.value.as.number == 5);
}

Test(pg_command, pairs_and_grants)
{
    static const char *const pairs[] = {"0", "10", "1", "20"};
    static const char *const no[] = {"f"};
    static const char *const yes[] = {"t"};
    struct ord_client_done done = conclude(PG_SHAPE_PAIRS, 2, 2, pairs);

    cr_assert_eq(done.value.count, 2);
    cr_expect_eq(done.value.as.items[1].as.items[0].as.number, 1);
    cr_expect_eq(done.value.as.items[1].as.items[1].as.number, 20);
    cr_expect_eq(conclude(PG_SHAPE_GRANTED, 1, 1, no).type, ORD_CLIENT_FAIL);
    cr_expect_eq(conclude(PG_SHAPE_GRANTED, 1, 1, yes).type, ORD_CLIENT_OK);
}
