/* families.c -- what the operations of each model mean. */
#include <stddef.h>

#include "ci/stress/small.h"

static uint32_t one_way(uint64_t state, const struct small_call *call)
{
    (void)state;
    (void)call;
    return 1;
}

static uint8_t draw_value(struct small *small, struct ord_rng *rng)
{
    if (small->is_unique && small->value_next < SMALL_VALUE_MAX)
        return ++small->value_next;
    return (uint8_t)(1 + small_below(rng, small->value_count));
}

/* One that is likely to be known. */
static uint8_t draw_known(const struct small *small, struct ord_rng *rng)
{
    uint32_t known = small->is_unique ? small->value_next : small->value_count;

    return (uint8_t)small_below(rng, known + 1);
}

static uint64_t invent_value(const struct small *small,
                             const struct small_call *call, struct ord_rng *rng)
{
    (void)call;
    if (small_below(rng, 16) == 0)
        return SMALL_VALUE_MAX; /* hardly ever written */
    return draw_known(small, rng);
}

/* ---- register, cas-register ---------------------------------------------- */

static void register_draw(struct small *small, struct small_call *call,
                          struct ord_rng *rng)
{
    call->f = small_below(rng, 2) == 0 ? ORD_F_READ : ORD_F_WRITE;
    if (call->f == ORD_F_WRITE)
        call->in = draw_value(small, rng);
}

static void cas_draw(struct small *small, struct small_call *call,
                     struct ord_rng *rng)
{
    register_draw(small, call, rng);
    if (small_below(rng, 3) != 0)
        return;
    call->f = ORD_F_CAS;
    call->from = draw_known(small, rng);
    call->in = draw_value(small, rng);
}

static bool register_apply(uint64_t *state, const struct small_call *call,
                           uint32_t way, uint64_t *answer)
{
    (void)way;
    if (call->f == ORD_F_READ)
        *answer = *state;
    else if (call->f == ORD_F_CAS && *state != call->from)
        return false;
    else
        *state = call->in;
    return true;
}

/* ---- multi-register: 4 bits a register; answers likewise, by micro-op -----
 */

static void multi_draw(struct small *small, struct small_call *call,
                       struct ord_rng *rng)
{
    uint32_t first = small_below(rng, SMALL_REGISTERS);

    call->f = ORD_F_TXN;
    call->micro_count = (uint8_t)(1 + small_below(rng, SMALL_MICRO_MAX));
    for (uint32_t i = 0; i < call->micro_count; i++) {
        struct small_micro *micro = &call->micro[i];

        micro->at = (uint8_t)((first + i) % SMALL_REGISTERS);
        micro->is_read = small_below(rng, 2) == 0;
        micro->value = micro->is_read ? 0 : draw_value(small, rng);
    }
}

static bool multi_apply(uint64_t *state, const struct small_call *call,
                        uint32_t way, uint64_t *answer)
{
    (void)way;
    for (uint32_t i = 0; i < call->micro_count; i++) {
        const struct small_micro *micro = &call->micro[i];
        uint32_t shift = 4u * micro->at;

        if (micro->is_read) {
            *answer |= (*state >> shift & 15) << (4 * i);
        } else {
            *state &= ~(UINT64_C(15) << shift);
            *state |= (uint64_t)micro->value << shift;
        }
    }
    return true;
}

static uint64_t multi_invent(const struct small *small,
                             const struct small_call *call, struct ord_rng *rng)
{
    uint64_t answer = call->answer;
    uint32_t at = small_below(rng, call->micro_count);

    if (!call->micro[at].is_read)
        return answer;
    answer &= ~(UINT64_C(15) << (4 * at));
    return answer | invent_value(small, call, rng) << (4 * at);
}

/* ---- mutex: 0, or the holder's process + 1 --------------------------------
 */

static void mutex_draw(struct small *small, struct small_call *call,
                       struct ord_rng *rng)
{
    /* Mostly in turns, as clients do it. */
    bool has = false;

    for (uint32_t i = 0; i < small->count; i++) {
        const struct small_call *past = &small->calls[i];

        if (past->process == call->process && past->key == call->key &&
            past->type == ORD_OP_OK)
            has = past->f == ORD_F_ACQUIRE;
    }
    if (small_below(rng, 8) == 0)
        has = !has;
    call->f = has ? ORD_F_RELEASE : ORD_F_ACQUIRE;
}

static bool mutex_apply(uint64_t *state, const struct small_call *call,
                        uint32_t way, uint64_t *answer)
{
    (void)way;
    (void)answer;
    if ((*state != 0) != (call->f == ORD_F_RELEASE))
        return false;
    *state = call->f == ORD_F_ACQUIRE;
    return true;
}

static bool owner_apply(uint64_t *state, const struct small_call *call,
                        uint32_t way, uint64_t *answer)
{
    uint64_t self = (uint64_t)call->process + 1;

    (void)way;
    (void)answer;
    if (*state != (call->f == ORD_F_RELEASE ? self : 0))
        return false;
    *state = call->f == ORD_F_RELEASE ? 0 : self;
    return true;
}

static uint64_t invent_nothing(const struct small *small,
                               const struct small_call *call,
                               struct ord_rng *rng)
{
    (void)small;
    (void)rng;
    return call->answer;
}

/* ---- set: a bit an element ------------------------------------------------
 */

static void set_draw(struct small *small, struct small_call *call,
                     struct ord_rng *rng)
{
    static const uint8_t fs[] = {ORD_F_ADD,      ORD_F_ADD,  ORD_F_CONTAINS,
                                 ORD_F_CONTAINS, ORD_F_READ, ORD_F_REMOVE};

    call->f = fs[small_below(rng, sizeof fs)];
    if (call->f == ORD_F_ADD)
        call->in = draw_value(small, rng);
    else if (call->f != ORD_F_READ)
        call->in = draw_known(small, rng);
    if (call->in == 0 && call->f != ORD_F_READ)
        call->in = 1;
}

static bool set_apply(uint64_t *state, const struct small_call *call,
                      uint32_t way, uint64_t *answer)
{
    uint64_t bit = UINT64_C(1) << call->in;

    (void)way;
    switch (call->f) {
    case ORD_F_ADD:
        *state |= bit;
        break;
    case ORD_F_REMOVE:
        *state &= ~bit;
        break;
    case ORD_F_CONTAINS:
        *answer = (*state & bit) != 0;
        break;
    default:
        *answer = *state;
    }
    return true;
}

static uint64_t set_invent(const struct small *small,
                           const struct small_call *call, struct ord_rng *rng)
{
    if (call->f == ORD_F_CONTAINS)
        return !call->answer;
    if (call->f == ORD_F_READ)
        return call->answer ^ UINT64_C(1) << (1 + draw_known(small, rng)) % 16;
    return call->answer;
}

/* ---- queues and stacks: 4 bits an element, the first to come lowest; their
 * count from bit 56 on; strings likewise ------------------------------------
 */

static uint64_t length_of(uint64_t state)
{
    return state >> 56;
}

static uint64_t with_last(uint64_t state, uint8_t value)
{
    uint64_t length = length_of(state);

    return (state | (uint64_t)value << (4 * length)) + (UINT64_C(1) << 56);
}

static uint64_t without(uint64_t state, uint64_t at, uint64_t *value)
{
    uint64_t length = length_of(state) - 1;
    uint64_t items = state & ~(UINT64_C(255) << 56);
    uint64_t low = items & ((UINT64_C(1) << (4 * at)) - 1);

    *value = items >> (4 * at) & 15;
    return low | (items >> (4 * at + 4)) << (4 * at) | length << 56;
}

static void queue_draw(struct small *small, struct small_call *call,
                       struct ord_rng *rng)
{
    call->f = small_below(rng, 2) == 0 ? ORD_F_ENQUEUE : ORD_F_DEQUEUE;
    if (call->f == ORD_F_ENQUEUE)
        call->in = draw_value(small, rng);
}

static void stack_draw(struct small *small, struct small_call *call,
                       struct ord_rng *rng)
{
    queue_draw(small, call, rng);
    call->f = call->f == ORD_F_ENQUEUE ? ORD_F_PUSH : ORD_F_POP;
}

static bool fifo_apply(uint64_t *state, const struct small_call *call,
                       uint32_t way, uint64_t *answer)
{
    (void)way;
    if (call->f == ORD_F_ENQUEUE)
        *state = with_last(*state, call->in);
    else if (*state != 0)
        *state = without(*state, 0, answer);
    return true; /* a dequeue that finds nothing answers nil */
}

static bool stack_apply(uint64_t *state, const struct small_call *call,
                        uint32_t way, uint64_t *answer)
{
    (void)way;
    if (call->f == ORD_F_PUSH)
        *state = with_last(*state, call->in);
    else if (*state != 0)
        *state = without(*state, length_of(*state) - 1, answer);
    return true;
}

/* How many of each value there are: 4 bits each. */
static uint32_t unordered_ways(uint64_t state, const struct small_call *call)
{
    uint32_t kinds = 0;

    if (call->f == ORD_F_ENQUEUE || state == 0)
        return 1;
    for (uint32_t value = 0; value <= SMALL_VALUE_MAX; value++)
        kinds += (state >> (4 * value) & 15) != 0;
    return kinds;
}

static bool unordered_apply(uint64_t *state, const struct small_call *call,
                            uint32_t way, uint64_t *answer)
{
    if (call->f == ORD_F_ENQUEUE) {
        *state += UINT64_C(1) << (4 * call->in);
        return true;
    }
    for (uint32_t value = 0; value <= SMALL_VALUE_MAX && *state != 0; value++) {
        if ((*state >> (4 * value) & 15) == 0 || way-- > 0)
            continue;
        *state -= UINT64_C(1) << (4 * value);
        *answer = value;
        return true;
    }
    return true;
}

/* ---- counter --------------------------------------------------------------
 */

static void counter_draw(struct small *small, struct small_call *call,
                         struct ord_rng *rng)
{
    call->f = small_below(rng, 2) == 0 ? ORD_F_READ : ORD_F_ADD;
    if (call->f == ORD_F_ADD)
        call->in = (uint8_t)(small->is_unique
                                 ? 1
                                 : 1 + small_below(rng, small->value_count));
}

static bool counter_apply(uint64_t *state, const struct small_call *call,
                          uint32_t way, uint64_t *answer)
{
    (void)way;
    if (call->f == ORD_F_READ)
        *answer = *state;
    else
        *state += call->in;
    return true;
}

static uint64_t counter_invent(const struct small *small,
                               const struct small_call *call,
                               struct ord_rng *rng)
{
    uint64_t up = 1 + small_below(rng, 2);

    (void)small;
    if (call->f != ORD_F_READ)
        return call->answer;
    if (small_below(rng, 2) == 0 && call->answer >= up)
        return call->answer - up;
    return call->answer + up;
}

/* ---- kv -------------------------------------------------------------------
 */

static void kv_draw(struct small *small, struct small_call *call,
                    struct ord_rng *rng)
{
    static const uint8_t fs[] = {ORD_F_GET, ORD_F_GET, ORD_F_PUT, ORD_F_APPEND};

    call->f = fs[small_below(rng, sizeof fs)];
    if (call->f != ORD_F_GET)
        call->in = draw_value(small, rng);
}

static bool kv_apply(uint64_t *state, const struct small_call *call,
                     uint32_t way, uint64_t *answer)
{
    (void)way;
    if (call->f == ORD_F_GET)
        *answer = *state;
    else
        *state = with_last(call->f == ORD_F_PUT ? 0 : *state, call->in);
    return true;
}

static uint64_t kv_invent(const struct small *small,
                          const struct small_call *call, struct ord_rng *rng)
{
    uint64_t dropped = 0;
    uint64_t length = length_of(call->answer);

    if (call->f != ORD_F_GET)
        return call->answer;
    if (length > 0 && small_below(rng, 2) == 0)
        return without(call->answer, small_below(rng, (uint32_t)length),
                       &dropped);
    if (length >= SMALL_CALLS_MAX)
        return call->answer;
    return with_last(call->answer, (uint8_t)(1 + draw_known(small, rng)) & 15);
}

static uint64_t invent_read(const struct small *small,
                            const struct small_call *call, struct ord_rng *rng)
{
    bool tells = call->f == ORD_F_READ || call->f == ORD_F_DEQUEUE ||
                 call->f == ORD_F_POP;

    return tells ? invent_value(small, call, rng) : call->answer;
}

const struct small_family small_families[] = {
    {"register", "register", 0, register_draw, one_way, register_apply,
     invent_read, SMALL_IS_VALUE},
    {"cas-register", "cas-register", 0, cas_draw, one_way, register_apply,
     invent_read, SMALL_IS_VALUE},
    {"multi-register", "multi-register", 0, multi_draw, one_way, multi_apply,
     multi_invent, SMALL_IS_TXN},
    {"mutex", "mutex", 0, mutex_draw, one_way, mutex_apply, invent_nothing,
     SMALL_IS_VALUE},
    {"owner-mutex", "owner-mutex", 0, mutex_draw, one_way, owner_apply,
     invent_nothing, SMALL_IS_VALUE},
    {"set", "set", 0, set_draw, one_way, set_apply, set_invent, SMALL_IS_SET},
    {"fifo-queue", "fifo-queue", 0, queue_draw, one_way, fifo_apply,
     invent_read, SMALL_IS_VALUE},
    {"unordered-queue", "unordered-queue", 0, queue_draw, unordered_ways,
     unordered_apply, invent_read, SMALL_IS_VALUE},
    {"stack", "stack", 0, stack_draw, one_way, stack_apply, invent_read,
     SMALL_IS_VALUE},
    {"counter", "counter", 0, counter_draw, one_way, counter_apply,
     counter_invent, SMALL_IS_NUMBER},
    {"kv", "kv", 0, kv_draw, one_way, kv_apply, kv_invent, SMALL_IS_STRING},
    {.name = NULL},
};
