/* queues.c -- see queues.h. */
#include "checkers/queues.h"

bool ord_object_is_queue(const struct ord_teller *teller)
{
    for (uint32_t i = teller->from; i < teller->to; i++) {
        uint32_t call = ord_teller_at(teller, i);

        if (((ORD_PUT_FS | ORD_TAKE_FS) >> teller->calls.f[call] & 1) != 0)
            return true;
    }
    return false;
}

int ord_conclude_odd_queue(struct ord_teller *teller, uint32_t key,
                           uint32_t odd)
{
    ord_teller_turn(teller, key);
    return ord_conclude(
        teller->out, ORD_UNKNOWN, "%s is no queue: %s at %s does not fit",
        ord_text_key(&teller->object.key).at, ord_tell_call(teller, odd).at,
        ord_tell_begin(teller, odd).at);
}
