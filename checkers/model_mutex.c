/* model_mutex.c -- a lock that anybody may release, and one that only its
 * holder may.
 *
 * Knossos' mutex is the first.  All its acquires are alike, and so are its
 * releases: the exact search then has at most (open calls)^2 configurations,
 * so there is no need of another engine.  State: a is 0 where it is free, else
 * 1, or the holder + 1.
 */
#include "checkers/exact.h"
#include "checkers/models.h"

#define FS (UINT64_C(1) << ORD_F_ACQUIRE | UINT64_C(1) << ORD_F_RELEASE)

static uint32_t mutex_key_max(const struct ord_exact *exact)
{
    (void)exact;
    return 1;
}

static bool mutex_step(struct ord_exact *exact, const struct ord_state *from,
                       uint32_t call, uint32_t nth, struct ord_state *to)
{
    uint32_t holder = exact->arg[call]; /* 1 for all, or process + 1 */
    bool is_acquire = exact->lin->f[call] == ORD_F_ACQUIRE;

    *to = *from;
    if (nth > 0 || from->a != (is_acquire ? 0 : holder))
        return false;
    to->a = is_acquire ? holder : 0;
    return true;
}

static int mutex_init(struct ord_exact *exact, struct ord_state *start,
                      struct ord_err *err)
{
    (void)err;
    *start = (struct ord_state){0};
    for (uint32_t i = 0; i < exact->lin->count; i++)
        exact->arg[i] = 1;
    return ORD_OK;
}

/* What can happen now need not wait: all calls of its kind are alike. */
static bool mutex_helps(struct ord_exact *exact, const struct ord_state *state,
                        uint32_t call, uint32_t other)
{
    bool is_acquire = exact->lin->f[call] == ORD_F_ACQUIRE;

    return is_acquire == (state->a != 0) &&
           exact->lin->f[call] != exact->lin->f[other];
}

static const struct ord_exact_model mutex_exact = {
    .init = mutex_init,
    .key_max = mutex_key_max,
    .step = mutex_step,
    .helps = mutex_helps,
};

static int mutex_decide(struct ord_lin *lin, struct ord_err *err)
{
    return ord_exact_decide(&mutex_exact, lin, err);
}

const struct ord_model ord_model_mutex = {
    .name = "mutex",
    .about = "acquire, release by anybody; free at first",
    .law = "it is acquired when it is free, and released when it is not",
    .fs = FS,
    .exact = mutex_decide,
};

static int owner_init(struct ord_exact *exact, struct ord_state *start,
                      struct ord_err *err)
{
    *start = (struct ord_state){0};
    if (exact->lin->process == NULL)
        return ord_fail(err, ORD_EFORMAT,
                        "owner-mutex needs to know who did "
                        "what");
    for (uint32_t i = 0; i < exact->lin->count; i++)
        exact->arg[i] = exact->lin->process[i] + 1;
    return ORD_OK;
}

static const struct ord_exact_model owner_exact = {
    .init = owner_init,
    .key_max = mutex_key_max,
    .step = mutex_step,
};

static int owner_decide(struct ord_lin *lin, struct ord_err *err)
{
    return ord_exact_decide(&owner_exact, lin, err);
}

const struct ord_model ord_model_owner_mutex = {
    .name = "owner-mutex",
    .about = "acquire, release by the process that holds it; free at first",
    .law = "it is acquired when it is free, and released by who holds it",
    .fs = FS,
    .exact = owner_decide,
};
