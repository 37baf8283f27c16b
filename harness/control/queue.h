/* queue.h -- frames that wait for their time, soonest first, ties in order of
 * arrival.  Internal to this module.  Bounded in frames and bytes.
 */
#ifndef ORD_CONTROL_QUEUE_H
#define ORD_CONTROL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/control/frame.h"

struct ord_queued {
    int64_t due_ns;
    uint64_t order;
    uint32_t from;
    uint32_t to;
    uint32_t size;
    uint32_t ip_at;
    uint8_t bytes[];
};

struct ord_queue {
    struct ord_queued **at; /* owned; a binary heap */
    uint32_t count;
    uint32_t room;
    uint64_t next_order;
    uint64_t size; /* bytes held */
    uint64_t size_max;
};

void ord_queue_init(struct ord_queue *queue, uint64_t size_max);
void ord_queue_fini(struct ord_queue *queue);
/* Copies the frame; false if there is no room. */
bool ord_queue_put(struct ord_queue *queue, const struct ord_frame *frame,
                   uint32_t from, uint32_t to, int64_t due_ns);
/* When the first is due; INT64_MAX if there is none. */
int64_t ord_queue_due_ns(const struct ord_queue *queue);
/* Takes the first out; the caller frees it with ord_queue_release. */
struct ord_queued *ord_queue_take(struct ord_queue *queue);
void ord_queue_release(struct ord_queued *queued);

#endif
