/* test_queue.c -- soonest first, lines in their order, and never too much. */
#include <criterion/criterion.h>
#include <string.h>

#include "harness/base/rng.h"
#include "harness/control/queue.h"

enum { FRAMES = 5000, SIZE = 100 };

static struct ord_queued *copy(struct ord_queue *queue, uint32_t number)
{
    uint8_t bytes[SIZE] = {0};
    struct ord_frame frame = {.at = bytes, .size = SIZE};

    memcpy(bytes, &number, sizeof number);
    return ord_queue_copy(queue, &frame, 1, 2, 0);
}

static uint32_t number_of(const struct ord_queued *queued)
{
    uint32_t number;

    memcpy(&number, queued->bytes, sizeof number);
    return number;
}

/* A part waits in the heap, a part in a line that ends in between. */
Test(queue, gives_them_back_by_time_then_by_arrival, .timeout = 10)
{
    struct ord_rng rng = ord_rng_stream(1, "queue", 0);
    struct ord_queue_line line = {.first = NULL};
    struct ord_queue queue;
    int64_t last_ns = -1;
    uint32_t last = 0;
    uint32_t in_line = 0;
    uint32_t lined = 0;

    ord_queue_init(&queue, FRAMES * SIZE);
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct ord_queued *queued = copy(&queue, i);

        cr_assert_not_null(queued);
        if (i % 3 == 0)
            ord_queue_line_add(&queue, &line, queued);
        else
            ord_queue_put(&queue, queued, ord_rng_range(&rng, 0, 50));
    }
    cr_expect_null(copy(&queue, 0), "it is full, the line counts, too");
    lined = line.count;
    ord_queue_line_end(&queue, &line, 25);
    cr_expect_eq(line.count, 0);
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct ord_queued *queued = ord_queue_take(&queue);

        cr_assert(queued->due_ns >= last_ns);
        if (number_of(queued) % 3 == 0) {
            cr_assert(in_line == 0 || number_of(queued) > last);
            cr_assert_eq(queued->due_ns, 25);
            last = number_of(queued);
            in_line++;
        }
        last_ns = queued->due_ns;
        ord_queue_release(&queue, queued);
    }
    cr_expect_eq(in_line, lined);
    cr_expect_eq(queue.size, 0);
    cr_expect_eq(ord_queue_due_ns(&queue), INT64_MAX);
    ord_queue_fini(&queue);
}
