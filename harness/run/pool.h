/* pool.h -- the clients of a run, and the recorder in front of them.
 *
 * One client program per worker.  An invocation is on record before it is
 * sent; a client that hangs, ends or talks nonsense costs its one operation
 * (info) and is replaced under a new process number.  Nothing here blocks: the
 * conductor's epoll drives it.  Cost: 2 system calls and about 2 us an
 * operation.
 */
#ifndef ORD_RUN_POOL_H
#define ORD_RUN_POOL_H

#include "harness/run/campaign.h"
#include "harness/run/facts.h"
#include "histories/log.h"

struct ord_pool;

struct ord_pool_config {
    const struct ord_cell *cell;
    const char *const *argv; /* of the client program; borrowed */
    const char *clients_dir; /* borrowed, exists; w0.log ... get the stderr;
                                NULL: it is thrown away */
    struct ord_log *log;     /* borrowed */
    struct ord_facts *facts; /* borrowed */
    int64_t start_ns;        /* CLOCK_MONOTONIC of the history's time 0 */
    int epoll_fd;            /* borrowed; events carry the worker's number */
    /* Told of every invocation, once it is sent; may be NULL. */
    void (*on_sent)(void *ctx, const struct ord_op *invocation);
    /* Told of every completion, before the generator is; may be NULL. */
    void (*on_done)(void *ctx, const struct ord_op *completion);
    void *ctx;
};

/* Starts all clients.  ORD_ENOTFOUND names a program that is not there. */
int ord_pool_open(const struct ord_pool_config *config, struct ord_pool **out,
                  struct ord_err *err);
/* Kills the clients; open operations stay open.  Nulls. */
void ord_pool_close(struct ord_pool **pool);

/* From now on workers draw from gen (borrowed); nothing new begins at or after
 * until_ns (CLOCK_MONOTONIC).  NULL: nothing new at all. */
void ord_pool_phase(struct ord_pool *pool, struct ord_gen *gen,
                    int64_t begin_ns, int64_t until_ns);
/* Gives operations to free workers, ends what is overdue; returns when to call
 * again at the latest.  ORD error codes (negative) through ord_pool_error. */
int64_t ord_pool_pump(struct ord_pool *pool, int64_t now_ns);
/* The worker's descriptor is readable. */
void ord_pool_event(struct ord_pool *pool, uint32_t worker);

bool ord_pool_is_ready(const struct ord_pool *pool); /* all said so */
bool ord_pool_is_idle(const struct ord_pool *pool);  /* nothing in flight */
/* Idle, and every worker's generator has said that it is done (or the phase's
 * time is over). */
bool ord_pool_is_done(const struct ord_pool *pool, int64_t now_ns);
/* What made going on impossible (a full disk, a client that cannot start);
 * ORD_OK if nothing did. */
int ord_pool_error(const struct ord_pool *pool, struct ord_err *err);
/* Operations begun by each worker since the start. */
const uint64_t *ord_pool_begun(const struct ord_pool *pool);

#endif
