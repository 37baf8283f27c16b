#include "targets/postgres/command.h"

#include <stdlib.h>

void pg_put_literal(struct ord_buf *sql, const struct ord_client_value *value)
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes text = ord_client_bytes(value, digits);

    if (value->kind == ORD_CLIENT_NIL) {
        ord_buf_text(sql, "NULL");
        return;
    }
    ord_buf_char(sql, '\'');
    for (size_t i = 0; i < text.size; i++) {
        /* Backslashes are letters: standard_conforming_strings is on. */
        if (text.at[i] == '\'')
            ord_buf_char(sql, '\'');
        ord_buf_char(sql, text.at[i]);
    }
    ord_buf_char(sql, '\'');
}

void pg_put_key(struct ord_buf *sql, const struct ord_client_value *key)
{
    if (key->kind == ORD_CLIENT_NIL)
        ord_buf_text(sql, "''");
    else
        pg_put_literal(sql, key);
}

/* A template: $k is the key, $v the value, $o and $n of a [old, new]. */
static void fill(struct ord_buf *sql, const char *text,
                 const struct ord_client_op *op)
{
    for (; *text != '\0'; text++) {
        if (*text != '$') {
            ord_buf_char(sql, *text);
            continue;
        }
        text++;
        if (*text == 'k')
            pg_put_key(sql, &op->key);
        else if (*text == 'o')
            pg_put_literal(sql, &op->value.as.items[0]);
        else if (*text == 'n')
            pg_put_literal(sql, &op->value.as.items[1]);
        else
            pg_put_literal(sql, &op->value);
    }
}

struct statement {
    enum ord_client_workload workload;
    enum ord_client_f f;
    enum pg_shape shape;
    const char *sql;
};

static const struct statement statements[] = {
    {ORD_CLIENT_REGISTER, ORD_CLIENT_READ, PG_SHAPE_SCALAR,
     "SELECT v FROM registers WHERE k = $k"},
    {ORD_CLIENT_REGISTER, ORD_CLIENT_WRITE, PG_SHAPE_NOTHING,
     "INSERT INTO registers VALUES ($k, $v) ON CONFLICT (k) DO UPDATE SET v = "
     "excluded.v"},
    {ORD_CLIENT_REGISTER, ORD_CLIENT_CAS, PG_SHAPE_CHANGED,
     "UPDATE registers SET v = $n WHERE k = $k AND v = $o"},
    {ORD_CLIENT_SET, ORD_CLIENT_READ, PG_SHAPE_LIST,
     "SELECT v FROM sets WHERE k = $k"},
    {ORD_CLIENT_SET, ORD_CLIENT_ADD, PG_SHAPE_NOTHING,
     "INSERT INTO sets VALUES ($k, $v)"},
    {ORD_CLIENT_LISTS, ORD_CLIENT_READ, PG_SHAPE_LIST,
     "SELECT unnest(v) FROM lists WHERE k = $k"},
    {ORD_CLIENT_LISTS, ORD_CLIENT_APPEND, PG_SHAPE_NOTHING,
     "INSERT INTO lists VALUES ($k, ARRAY[$v]) ON CONFLICT (k) DO UPDATE SET v "
     "= lists.v || excluded.v"},
    {ORD_CLIENT_COUNTER, ORD_CLIENT_READ, PG_SHAPE_SUM,
     "SELECT v FROM counters WHERE k = $k"},
    {ORD_CLIENT_COUNTER, ORD_CLIENT_ADD, PG_SHAPE_NOTHING,
     "INSERT INTO counters VALUES ($k, $v) ON CONFLICT (k) DO UPDATE SET v = "
     "counters.v + excluded.v"},
    {ORD_CLIENT_QUEUE, ORD_CLIENT_ENQUEUE, PG_SHAPE_NOTHING,
     "INSERT INTO queues (k, v) VALUES ($k, $v)"},
    {ORD_CLIENT_QUEUE, ORD_CLIENT_DEQUEUE, PG_SHAPE_TAKEN,
     "DELETE FROM queues WHERE id = (SELECT id FROM queues WHERE k = $k ORDER "
     "BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING v"},
    {ORD_CLIENT_LOCK, ORD_CLIENT_ACQUIRE, PG_SHAPE_GRANTED,
     "SELECT pg_try_advisory_lock(hashtext($k))"},
    {ORD_CLIENT_LOCK, ORD_CLIENT_RELEASE, PG_SHAPE_GRANTED,
     "SELECT pg_advisory_unlock(hashtext($k))"},
    {ORD_CLIENT_BANK, ORD_CLIENT_READ, PG_SHAPE_PAIRS,
     "SELECT id, balance FROM accounts ORDER BY id"},
    {ORD_CLIENT_UNIQUE_IDS, ORD_CLIENT_GENERATE, PG_SHAPE_TAKEN,
     "SELECT nextval('ids')"},
};

const char *pg_command_make(const struct ord_client_init *init,
                            const struct ord_client_op *op, struct ord_buf *sql,
                            enum pg_shape *shape)
{
    enum ord_client_workload workload = init->workload;

    if (workload == ORD_CLIENT_SESSIONS || workload == ORD_CLIENT_LONG_FORK)
        workload = ORD_CLIENT_REGISTER;
    if (op->f == ORD_CLIENT_CAS &&
        op->value.as.items[0].kind == ORD_CLIENT_NIL) {
        *shape = PG_SHAPE_CHANGED;
        fill(sql,
             "INSERT INTO registers VALUES ($k, $n) ON CONFLICT DO NOTHING",
             op);
        return NULL;
    }
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        const struct statement *it = &statements[i];

        if (it->workload != workload || it->f != op->f)
            continue;
        *shape = it->shape;
        fill(sql, it->sql, op);
        return sql->failed ? "no memory" : NULL;
    }
    return "not an operation of this workload";
}

/* ---- answers ------------------------------------------------------------ */

struct ord_client_value pg_field(const PGresult *result, int row, int column,
                                 struct ord_arena *arena)
{
    struct ord_bytes text;

    if (row >= PQntuples(result) || column >= PQnfields(result) ||
        PQgetisnull(result, row, column))
        return (struct ord_client_value){.kind = ORD_CLIENT_NIL};
    text = (struct ord_bytes){PQgetvalue(result, row, column),
                              (size_t)PQgetlength(result, row, column)};
    text.at = ord_arena_copy(arena, text);
    if (text.at == NULL)
        return (struct ord_client_value){.kind = ORD_CLIENT_NIL};
    return ord_client_scalar(text);
}

/* A list of the rows: fields, or lists of two. */
static void put_list(const PGresult *result, bool is_pairs,
                     struct ord_client_done *done)
{
    size_t count = (size_t)PQntuples(result);
    struct ord_client_value *items = ord_arena_zalloc(
        done->arena, count * (is_pairs ? 3 : 1) + 1, sizeof *items);

    if (items == NULL) { /* only reads come here */
        ord_client_conclude(done, ORD_CLIENT_FAIL, "no memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct ord_client_value *pair = &items[count + 2 * i];

        if (!is_pairs) {
            items[i] = pg_field(result, (int)i, 0, done->arena);
            continue;
        }
        pair[0] = pg_field(result, (int)i, 0, done->arena);
        pair[1] = pg_field(result, (int)i, 1, done->arena);
        items[i] = (struct ord_client_value){
            .kind = ORD_CLIENT_LIST, .count = 2, .as = {.items = pair}};
    }
    done->has_value = true;
    done->value = (struct ord_client_value){.kind = ORD_CLIENT_LIST,
                                            .count = (uint32_t)count,
                                            .as = {.items = items}};
}

void pg_command_conclude(const PGresult *result, enum pg_shape shape,
                         struct ord_client_done *done)
{
    bool has_row = PQntuples(result) > 0;

    done->type = ORD_CLIENT_OK;
    switch (shape) {
    case PG_SHAPE_NOTHING:
        break;
    case PG_SHAPE_SUM:
    case PG_SHAPE_SCALAR:
        done->has_value = true;
        done->value = pg_field(result, 0, 0, done->arena);
        if (!has_row && shape == PG_SHAPE_SUM)
            done->value = ord_client_int(0);
        break;
    case PG_SHAPE_LIST:
    case PG_SHAPE_PAIRS:
        put_list(result, shape == PG_SHAPE_PAIRS, done);
        break;
    case PG_SHAPE_CHANGED:
        if (strcmp(PQcmdTuples((PGresult *)(uintptr_t)result), "0") == 0)
            ord_client_conclude(done, ORD_CLIENT_FAIL, "compared unequal");
        break;
    case PG_SHAPE_TAKEN:
        done->has_value = has_row;
        if (has_row)
            done->value = pg_field(result, 0, 0, done->arena);
        else
            ord_client_conclude(done, ORD_CLIENT_FAIL, "empty");
        break;
    case PG_SHAPE_GRANTED:
        if (!has_row || PQgetvalue(result, 0, 0)[0] != 't')
            ord_client_conclude(done, ORD_CLIENT_FAIL, "not this client's");
        break;
    }
}
