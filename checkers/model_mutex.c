/* model_mutex.c -- a lock that anybody may release, and one that only its
 * holder may.
 *
 * Knossos' mutex is the first.  All its acquires are alike, and so are its
 * releases: the exact search then has at most (open calls)^2 configurations.
 * Before that it is counted: when more acquires have ended than releases have
 * begun, and one beyond, two held it.  That finds no valid order, but a reason
 * that a person can follow, in O(calls log calls).  State: a is 0 where it is
 * free, else 1, or the holder + 1.
 */
#include <stdlib.h>

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

/* ---- counting ------------------------------------------------------------ */

static bool is_left_out(const struct ord_lin *lin, uint32_t i)
{
    return lin->type[i] == ORD_OP_FAIL ||
           (lin->is_final != NULL && lin->is_final[i]);
}

static int compare_ends(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Calls by their ends, each as end << 32 | call. */
static uint64_t *by_end(const struct ord_lin *lin, uint32_t *count)
{
    uint64_t *ends =
        ord_arena_alloc(lin->arena, ((size_t)lin->count + 1) * sizeof *ends);

    *count = 0;
    for (uint32_t i = 0; ends != NULL && i < lin->count; i++) {
        if (!is_left_out(lin, i) && lin->end[i] != ORD_CALL_NEVER)
            ends[(*count)++] = (uint64_t)lin->end[i] << 32 | i;
    }
    if (ends != NULL)
        qsort(ends, *count, sizeof *ends, compare_ends);
    return ends;
}

/* What contradicts: those of f that ended by `last`'s end; and of the other
 * kind all that had begun by then, for there are no more. */
static int accuse(struct ord_lin *lin, uint32_t last, struct ord_err *err)
{
    uint8_t f = lin->f[last];
    struct ord_lin_part *core =
        ord_arena_alloc(lin->arena, ((size_t)lin->count + 1) * sizeof *core);

    if (core == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for a core");
    lin->outcome = ORD_INVALID;
    lin->reason = f == ORD_F_ACQUIRE ? ORD_LIN_HELD : ORD_LIN_FREE;
    lin->why_calls[0] = last;
    lin->why_count = 1;
    lin->core_count = 0;
    for (uint32_t i = 0; i < lin->count; i++) {
        bool is_mine = lin->f[i] == f;

        if (!is_left_out(lin, i) &&
            (is_mine ? lin->end[i] : lin->begin[i]) <= lin->end[last])
            core[lin->core_count++] = (struct ord_lin_part){
                .call = i, .keep = is_mine ? ORD_KEEP_END | ORD_KEEP_MUST : 0};
    }
    lin->core = core;
    return ORD_OK;
}

/* Invalid, with the reason, or declined. */
static int mutex_count(struct ord_lin *lin, struct ord_err *err)
{
    uint32_t acquired = 0, released = 0;   /* ended */
    uint32_t acquiring = 0, releasing = 0; /* begun */
    uint32_t next = 0;
    uint32_t count;
    const uint64_t *ends = by_end(lin, &count);

    if (ends == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory to count");
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = (uint32_t)ends[k];

        for (; next < lin->count && lin->begin[next] <= lin->end[i]; next++) {
            acquiring +=
                !is_left_out(lin, next) && lin->f[next] == ORD_F_ACQUIRE;
            releasing +=
                !is_left_out(lin, next) && lin->f[next] == ORD_F_RELEASE;
        }
        acquired += lin->f[i] == ORD_F_ACQUIRE;
        released += lin->f[i] == ORD_F_RELEASE;
        if (acquired > releasing + 1 || released > acquiring)
            return accuse(lin, i, err);
    }
    lin->is_declined = true;
    return ORD_OK;
}

static int mutex_decide(struct ord_lin *lin, struct ord_err *err)
{
    return ord_exact_decide(&mutex_exact, lin, err);
}

const struct ord_model ord_model_mutex = {
    .name = "mutex",
    .about = "acquire, release by anybody; free at first",
    .law = "it is acquired when it is free, and released when it is not",
    .fs = FS,
    .fast = mutex_count,
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
    .fast = mutex_count,
    .exact = owner_decide,
};
