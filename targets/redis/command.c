#include "targets/redis/command.h"

#include <stdio.h>

/* KEYS[1] from ARGV[2] to ARGV[3]; from nothing if ARGV[1] is 0. */
static const char cas_script[] =
    "local v = redis.call('GET', KEYS[1]) "
    "if ARGV[1] == '0' then if v then return 0 end "
    "elseif v ~= ARGV[2] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[3]) return 1";
/* Gives up KEYS[1] if it is held under ARGV[1]. */
static const char release_script[] =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then "
    "return redis.call('DEL', KEYS[1]) end return 0";

static void put_cas(struct redis_command *c, const struct ord_client_op *op)
{
    const struct ord_client_value *pair = op->value.as.items;

    redis_word(&c->args, "EVAL");
    redis_word(&c->args, cas_script);
    redis_word(&c->args, "1");
    redis_word(&c->args, c->key);
    redis_word(&c->args, pair[0].kind == ORD_CLIENT_NIL ? "0" : "1");
    redis_arg(&c->args, ord_client_bytes(&pair[0], c->digits[0]));
    redis_arg(&c->args, ord_client_bytes(&pair[1], c->digits[1]));
}

/* NAME key [value] */
static void put_plain(struct redis_command *c, const char *name,
                      const struct ord_client_op *op)
{
    redis_word(&c->args, name);
    redis_word(&c->args, c->key);
    if (op->value.kind != ORD_CLIENT_NIL)
        redis_arg(&c->args, ord_client_bytes(&op->value, c->digits[0]));
}

static void put_range(struct redis_command *c)
{
    redis_word(&c->args, "LRANGE");
    redis_word(&c->args, c->key);
    redis_word(&c->args, "0");
    redis_word(&c->args, "-1");
}

/* SET key token NX PX ms */
static void put_acquire(struct redis_command *c,
                        const struct ord_client_init *init,
                        struct redis_lock *lock)
{
    lock->is_held = false;
    (void)snprintf(lock->token, sizeof lock->token, "p%lld-%lld",
                   (long long)init->process, (long long)++lock->count);
    redis_word(&c->args, "SET");
    redis_word(&c->args, c->key);
    redis_word(&c->args, lock->token);
    redis_word(&c->args, "NX");
    redis_word(&c->args, "PX");
    redis_word(&c->args, ord_client_setting(init, "lock-ttl-ms", "10000"));
}

static void put_release(struct redis_command *c, const struct redis_lock *lock)
{
    redis_word(&c->args, "EVAL");
    redis_word(&c->args, release_script);
    redis_word(&c->args, "1");
    redis_word(&c->args, c->key);
    redis_word(&c->args, lock->token);
}

static void put_read(struct redis_command *c, enum ord_client_workload workload,
                     const struct ord_client_op *op)
{
    if (workload == ORD_CLIENT_SET)
        put_plain(c, "SMEMBERS", op);
    else if (workload == ORD_CLIENT_LISTS)
        put_range(c);
    else
        put_plain(c, "GET", op);
}

const char *redis_command_make(const struct ord_client_init *init,
                               const struct ord_client_op *op,
                               struct redis_lock *lock,
                               struct redis_command *out)
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes key = ord_client_bytes(&op->key, digits);

    out->args.count = 0;
    (void)snprintf(out->key, sizeof out->key, "k%.*s",
                   (int)(key.size < 20 ? key.size : 20),
                   key.size > 0 ? key.at : "");
    switch (op->f) {
    case ORD_CLIENT_READ:
        put_read(out, init->workload, op);
        return NULL;
    case ORD_CLIENT_WRITE:
        put_plain(out, "SET", op);
        return NULL;
    case ORD_CLIENT_CAS:
        put_cas(out, op);
        return NULL;
    case ORD_CLIENT_ADD:
        put_plain(out, init->workload == ORD_CLIENT_COUNTER ? "INCRBY" : "SADD",
                  op);
        return NULL;
    case ORD_CLIENT_APPEND:
    case ORD_CLIENT_ENQUEUE:
        put_plain(out, "RPUSH", op);
        return NULL;
    case ORD_CLIENT_DEQUEUE:
        put_plain(out, "LPOP", op);
        return NULL;
    case ORD_CLIENT_GENERATE:
        put_plain(out, "INCR", op);
        return NULL;
    case ORD_CLIENT_ACQUIRE:
        put_acquire(out, init, lock);
        return NULL;
    case ORD_CLIENT_RELEASE:
        put_release(out, lock);
        return lock->is_held ? NULL : "this client holds no lock";
    default:
        return "not an operation of Redis";
    }
}

/* ---- replies ------------------------------------------------------------- */

static struct ord_client_value text_of(const redisReply *reply)
{
    return ord_client_scalar((struct ord_bytes){reply->str, reply->len});
}

/* Texts are lent by the reply, which lives until the answer is written. */
static void conclude_list(const redisReply *reply, struct ord_client_done *done)
{
    struct ord_client_value *items =
        ord_arena_zalloc(done->arena, reply->elements + 1, sizeof *items);

    if (items == NULL) {
        ord_client_conclude(done, ORD_CLIENT_FAIL, "no memory");
        return;
    }
    for (size_t i = 0; i < reply->elements; i++)
        items[i] = text_of(reply->element[i]);
    done->has_value = true;
    done->value = (struct ord_client_value){.kind = ORD_CLIENT_LIST,
                                            .count = (uint32_t)reply->elements,
                                            .as = {.items = items}};
}

static void conclude_read(enum ord_client_workload workload,
                          const redisReply *reply, struct ord_client_done *done)
{
    done->has_value = true;
    if (reply->type == REDIS_REPLY_ARRAY)
        conclude_list(reply, done);
    else if (reply->type == REDIS_REPLY_STRING)
        done->value = text_of(reply);
    else if (workload == ORD_CLIENT_COUNTER)
        done->value = ord_client_int(0); /* nothing was added yet */
}

void redis_command_conclude(const struct ord_client_init *init,
                            const struct ord_client_op *op,
                            const redisReply *reply, struct redis_lock *lock,
                            struct ord_client_done *done)
{
    done->type = ORD_CLIENT_OK;
    switch (op->f) {
    case ORD_CLIENT_READ:
        conclude_read(init->workload, reply, done);
        break;
    case ORD_CLIENT_CAS:
        if (reply->integer != 1)
            ord_client_conclude(done, ORD_CLIENT_FAIL, "compared unequal");
        break;
    case ORD_CLIENT_DEQUEUE:
        if (reply->type == REDIS_REPLY_NIL)
            ord_client_conclude(done, ORD_CLIENT_FAIL, "empty");
        done->has_value = reply->type == REDIS_REPLY_STRING;
        if (done->has_value)
            done->value = text_of(reply);
        break;
    case ORD_CLIENT_GENERATE:
        done->has_value = true;
        done->value = ord_client_int(reply->integer);
        break;
    case ORD_CLIENT_ACQUIRE:
        lock->is_held = reply->type != REDIS_REPLY_NIL;
        if (!lock->is_held)
            ord_client_conclude(done, ORD_CLIENT_FAIL, "held by another");
        break;
    case ORD_CLIENT_RELEASE:
        lock->is_held = false;
        if (reply->integer != 1)
            ord_client_conclude(done, ORD_CLIENT_FAIL, "not held");
        break;
    default:
        break;
    }
}
