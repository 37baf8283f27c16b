/* Operations as commands, and what their replies conclude. */
#include <criterion/criterion.h>

#include "targets/redis/command.h"

static struct ord_client_init init;
static struct redis_lock lock;
static struct ord_arena arena;

static void setup(void)
{
    init = (struct ord_client_init){.process = 7};
    lock = (struct redis_lock){0};
    ord_arena_init(&arena, 1 << 20);
}

static void teardown(void)
{
    ord_arena_fini(&arena);
}

TestSuite(redis_command, .init = setup, .fini = teardown, .timeout = 10);

static struct ord_client_op op_of(enum ord_client_f f)
{
    return (struct ord_client_op){
        .f = f, .key = ord_client_int(3), .node = ORD_CLIENT_NO_NODE};
}

static enum ord_client_type concluded(const struct ord_client_op *op,
                                      redisReply *reply)
{
    struct ord_client_done done = {.arena = &arena};

    redis_command_conclude(&init, op, reply, &lock, &done);
    return done.type;
}

Test(redis_command, each_workload_has_its_commands)
{
    static const struct {
        enum ord_client_workload workload;
        enum ord_client_f f;
        const char *name;
    } rows[] = {
        {ORD_CLIENT_REGISTER, ORD_CLIENT_READ, "GET"},
        {ORD_CLIENT_REGISTER, ORD_CLIENT_WRITE, "SET"},
        {ORD_CLIENT_SET, ORD_CLIENT_ADD, "SADD"},
        {ORD_CLIENT_SET, ORD_CLIENT_READ, "SMEMBERS"},
        {ORD_CLIENT_LISTS, ORD_CLIENT_APPEND, "RPUSH"},
        {ORD_CLIENT_LISTS, ORD_CLIENT_READ, "LRANGE"},
        {ORD_CLIENT_COUNTER, ORD_CLIENT_ADD, "INCRBY"},
        {ORD_CLIENT_QUEUE, ORD_CLIENT_ENQUEUE, "RPUSH"},
        {ORD_CLIENT_QUEUE, ORD_CLIENT_DEQUEUE, "LPOP"},
        {ORD_CLIENT_UNIQUE_IDS, ORD_CLIENT_GENERATE, "INCR"},
        {ORD_CLIENT_LOCK, ORD_CLIENT_ACQUIRE, "SET"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ord_client_op op = op_of(rows[i].f);
        struct redis_command command;

        init.workload = rows[i].workload;
        cr_expect_null(redis_command_make(&init, &op, &lock, &command));
        cr_expect_str_eq(command.args.at[0], rows[i].name);
    }
}

Test(redis_command, a_lock_is_released_by_who_holds_it_alone)
{
    struct ord_client_op acquire = op_of(ORD_CLIENT_ACQUIRE);
    struct ord_client_op release = op_of(ORD_CLIENT_RELEASE);
    redisReply ok = {.type = REDIS_REPLY_STATUS};
    redisReply held = {.type = REDIS_REPLY_NIL};
    redisReply one = {.type = REDIS_REPLY_INTEGER, .integer = 1};
    redisReply none = {.type = REDIS_REPLY_INTEGER, .integer = 0};
    struct redis_command command;
    char first[REDIS_TOKEN_SIZE];

    cr_expect_not_null(redis_command_make(&init, &release, &lock, &command),
                       "it holds none: nothing is sent");
    cr_assert_null(redis_command_make(&init, &acquire, &lock, &command));
    memcpy(first, lock.token, sizeof first);
    cr_expect_eq(concluded(&acquire, &held), ORD_CLIENT_FAIL);
    cr_expect_not_null(redis_command_make(&init, &release, &lock, &command));
    cr_assert_null(redis_command_make(&init, &acquire, &lock, &command));
    cr_expect_str_neq(first, lock.token, "a name is used once");
    cr_expect_eq(concluded(&acquire, &ok), ORD_CLIENT_OK);
    cr_expect_null(redis_command_make(&init, &release, &lock, &command));
    cr_expect_eq(concluded(&release, &none), ORD_CLIENT_FAIL, "it ran out");
    cr_expect_not_null(redis_command_make(&init, &release, &lock, &command));
    cr_assert_null(redis_command_make(&init, &acquire, &lock, &command));
    cr_expect_eq(concluded(&acquire, &ok), ORD_CLIENT_OK);
    cr_expect_eq(concluded(&release, &one), ORD_CLIENT_OK);
}

Test(redis_command, refusals_of_scripts_and_empty_queues_are_fails)
{
    struct ord_client_op cas = op_of(ORD_CLIENT_CAS);
    struct ord_client_op dequeue = op_of(ORD_CLIENT_DEQUEUE);
    redisReply zero = {.type = REDIS_REPLY_INTEGER, .integer = 0};
    redisReply one = {.type = REDIS_REPLY_INTEGER, .integer = 1};
    redisReply nil = {.type = REDIS_REPLY_NIL};
    redisReply text = {
        .type = REDIS_REPLY_STRING, .str = (char[]){"5"}, .len = 1};

    cr_expect_eq(concluded(&cas, &zero), ORD_CLIENT_FAIL);
    cr_expect_eq(concluded(&cas, &one), ORD_CLIENT_OK);
    cr_expect_eq(concluded(&dequeue, &nil), ORD_CLIENT_FAIL);
    cr_expect_eq(concluded(&dequeue, &text), ORD_CLIENT_OK);
}
