/* command.h -- an operation as a Redis command, and its reply as an answer. */
#ifndef ORD_REDIS_COMMAND_H
#define ORD_REDIS_COMMAND_H

#include "targets/redis/call.h"

enum { REDIS_TOKEN_SIZE = 48 };

/* Texts that a command is made of, for as long as it is being sent. */
struct redis_command {
    struct redis_args args;
    char key[ORD_CLIENT_DIGITS_SIZE + 8];
    char digits[2][ORD_CLIENT_DIGITS_SIZE];
};

/* The lock that this client holds, under a name that it never uses again. */
struct redis_lock {
    int64_t count; /* locks asked for so far */
    bool is_held;
    char token[REDIS_TOKEN_SIZE];
};

/* What keeps the operation from being sent; NULL: nothing. */
const char *redis_command_make(const struct ord_client_init *init,
                               const struct ord_client_op *op,
                               struct redis_lock *lock,
                               struct redis_command *out);
/* Fills in what a command that was done concludes. */
void redis_command_conclude(const struct ord_client_init *init,
                            const struct ord_client_op *op,
                            const redisReply *reply, struct redis_lock *lock,
                            struct ord_client_done *done);

#endif
