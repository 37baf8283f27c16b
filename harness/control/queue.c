/* queue.c -- see queue.h. */
#include "harness/control/queue.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"

enum { QUEUE_FRAMES_MAX = 1 << 20 };

void ord_queue_init(struct ord_queue *queue, uint64_t size_max)
{
    *queue = (struct ord_queue){.size_max = size_max};
}

void ord_queue_fini(struct ord_queue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++)
        free(queue->at[i]);
    free(queue->at);
    *queue = (struct ord_queue){.at = NULL};
}

static bool is_before(const struct ord_queued *a, const struct ord_queued *b)
{
    if (a->due_ns != b->due_ns)
        return a->due_ns < b->due_ns;
    return a->order < b->order;
}

static bool has_room(struct ord_queue *queue, uint32_t size)
{
    struct ord_queued **grown;
    uint32_t room;

    if (queue->size + size > queue->size_max)
        return false;
    if (queue->count < queue->room)
        return true;
    if (queue->room >= QUEUE_FRAMES_MAX)
        return false;
    room = queue->room == 0 ? 256 : queue->room * 2;
    grown = realloc(queue->at, room * sizeof *grown);
    if (grown == NULL)
        return false;
    queue->at = grown;
    queue->room = room;
    return true;
}

bool ord_queue_put(struct ord_queue *queue, const struct ord_frame *frame,
                   uint32_t from, uint32_t to, int64_t due_ns)
{
    struct ord_queued *queued;
    uint32_t i = queue->count;

    if (!has_room(queue, frame->size))
        return false;
    queued = malloc(sizeof *queued + frame->size);
    if (queued == NULL)
        return false;
    *queued = (struct ord_queued){
        .due_ns = due_ns,
        .order = queue->next_order++,
        .from = from,
        .to = to,
        .size = frame->size,
        .ip_at = frame->ip_at,
    };
    memcpy(queued->bytes, frame->at, frame->size);
    queue->size += frame->size;
    queue->count++;
    while (i > 0 && is_before(queued, queue->at[(i - 1) / 2])) {
        queue->at[i] = queue->at[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    queue->at[i] = queued;
    return true;
}

int64_t ord_queue_due_ns(const struct ord_queue *queue)
{
    return queue->count > 0 ? queue->at[0]->due_ns : INT64_MAX;
}

struct ord_queued *ord_queue_take(struct ord_queue *queue)
{
    struct ord_queued *first;
    struct ord_queued *last;
    uint32_t i = 0;

    ORD_ASSERT(queue->count > 0);
    first = queue->at[0];
    last = queue->at[--queue->count];
    for (;;) {
        uint32_t child = 2 * i + 1;

        if (child >= queue->count)
            break;
        if (child + 1 < queue->count &&
            is_before(queue->at[child + 1], queue->at[child]))
            child++;
        if (!is_before(queue->at[child], last))
            break;
        queue->at[i] = queue->at[child];
        i = child;
    }
    if (queue->count > 0)
        queue->at[i] = last;
    queue->size -= first->size;
    return first;
}

void ord_queue_release(struct ord_queued *queued)
{
    free(queued);
}
