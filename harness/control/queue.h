/* queue.h -- frames that wait for their time, soonest first, ties in order of
 * arrival; and lines of frames that wait for a clog to end.  Internal to this
 * module.  Bounded in frames and bytes, all lines of a queue included.
 */
#ifndef ORD_CONTROL_QUEUE_H
#define ORD_CONTROL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/control/frame.h"

struct ord_queued {
    struct ord_queued *next; /* in a line */
    int64_t due_ns;
    int64_t arrived_ns;
    uint64_t order;
    uint32_t from;
    uint32_t to;
    uint32_t size;
    uint32_t ip_at;
    bool is_damaged; /* the receiver will not take it */
    uint8_t bytes[];
};

/* Without a time of their own, first in, first out. */
struct ord_queue_line {
    struct ord_queued *first; /* owned */
    struct ord_queued *last;
    uint32_t count;
    uint32_t size; /* bytes */
};

struct ord_queue {
    struct ord_queued **at; /* owned; a binary heap */
    uint32_t count;
    uint32_t room;
    uint64_t next_order;
    uint32_t lined; /* frames in its lines */
    uint64_t size;  /* bytes held, those in lines included */
    uint64_t size_max;
};

void ord_queue_init(struct ord_queue *queue, uint64_t size_max);
void ord_queue_fini(struct ord_queue *queue);
/* A copy of the frame that belongs to the queue's bounds, but is not in it yet;
 * NULL if there is no room.  Ends by put, by a line, or by release. */
struct ord_queued *ord_queue_copy(struct ord_queue *queue,
                                  const struct ord_frame *frame, uint32_t from,
                                  uint32_t to, int64_t arrived_ns);
void ord_queue_put(struct ord_queue *queue, struct ord_queued *queued,
                   int64_t due_ns);
/* When the first is due; INT64_MAX if there is none. */
int64_t ord_queue_due_ns(const struct ord_queue *queue);
/* Takes the first out; the caller puts it elsewhere or releases it. */
struct ord_queued *ord_queue_take(struct ord_queue *queue);
void ord_queue_release(struct ord_queue *queue, struct ord_queued *queued);

void ord_queue_line_add(struct ord_queue *queue, struct ord_queue_line *line,
                        struct ord_queued *queued);
/* All of the line goes into the queue, due at due_ns, in its order. */
void ord_queue_line_end(struct ord_queue *queue, struct ord_queue_line *line,
                        int64_t due_ns);

#endif
