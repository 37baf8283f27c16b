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

/* So that whoever is taken in, now or from a line, finds a place. */
static bool has_room(struct ord_queue *queue, uint32_t size)
{
    struct ord_queued **grown;
    uint32_t room;

    if (queue->size + size > queue->size_max)
        return false;
    if (queue->count + queue->lined < queue->room)
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

struct ord_queued *ord_queue_copy(struct ord_queue *queue,
                                  const struct ord_frame *frame, uint32_t from,
                                  uint32_t to, int64_t arrived_ns)
{
    struct ord_queued *queued;

    if (!has_room(queue, frame->size))
        return NULL;
    queued = malloc(sizeof *queued + frame->size);
    if (queued == NULL)
        return NULL;
    *queued = (struct ord_queued){
        .arrived_ns = arrived_ns,
        .from = from,
        .to = to,
        .size = frame->size,
        .ip_at = frame->ip_at,
    };
    memcpy(queued->bytes, frame->at, frame->size);
    queue->size += frame->size;
    return queued;
}

void ord_queue_put(struct ord_queue *queue, struct ord_queued *queued,
                   int64_t due_ns)
{
    uint32_t i = queue->count++;

    ORD_ASSERT(i < queue->room);
    queued->due_ns = due_ns;
    queued->order = queue->next_order++;
    while (i > 0 && is_before(queued, queue->at[(i - 1) / 2])) {
        queue->at[i] = queue->at[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    queue->at[i] = queued;
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
    return first;
}

void ord_queue_release(struct ord_queue *queue, struct ord_queued *queued)
{
    queue->size -= queued->size;
    free(queued);
}

void ord_queue_line_add(struct ord_queue *queue, struct ord_queue_line *line,
                        struct ord_queued *queued)
{
    queued->next = NULL;
    if (line->last == NULL)
        line->first = queued;
    else
        line->last->next = queued;
    line->last = queued;
    line->count++;
    line->size += queued->size;
    queue->lined++;
}

void ord_queue_line_end(struct ord_queue *queue, struct ord_queue_line *line,
                        int64_t due_ns)
{
    while (line->first != NULL) {
        struct ord_queued *queued = line->first;

        line->first = queued->next;
        queue->lined--;
        ord_queue_put(queue, queued, due_ns);
    }
    *line = (struct ord_queue_line){.first = NULL};
}
