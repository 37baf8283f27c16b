/* pair.c -- which completion belongs to which invocation.
 *
 * A process does one thing at a time, so its open invocation is the only one
 * that its next completion can answer.  One map entry per process: O(1) an
 * event.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "harness/base/rng.h"
#include "histories/build.h"

enum { SLOTS_MIN = 64 };

void ord_process_map_fini(struct ord_process_map *map)
{
    free(map->slots);
    *map = (struct ord_process_map){0};
}

static struct ord_process_slot *find(const struct ord_process_map *map,
                                     int64_t process)
{
    size_t mask = map->room - 1;
    size_t at = (size_t)ord_mix((uint64_t)process + 1) & mask;

    /* Ends: at least a quarter of the slots is free. */
    while (map->slots[at].event != 0 && map->slots[at].process != process)
        at = (at + 1) & mask;
    return &map->slots[at];
}

static bool grow(struct ord_process_map *map)
{
    struct ord_process_map bigger = {
        .room = map->room == 0 ? SLOTS_MIN : map->room * 2,
        .count = map->count,
    };

    bigger.slots = calloc(bigger.room, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; i < map->room; i++) {
        if (map->slots[i].event != 0)
            *find(&bigger, map->slots[i].process) = map->slots[i];
    }
    free(map->slots);
    *map = bigger;
    return true;
}

struct ord_process_slot *ord_process_slot(struct ord_process_map *map,
                                          int64_t process)
{
    struct ord_process_slot *slot;

    if (map->count >= map->room / 4 * 3 && !grow(map))
        return NULL;
    slot = find(map, process);
    if (slot->event == 0)
        map->count++;
    slot->process = process;
    return slot;
}

static int pair_invocation(const struct ord_op *last, const struct ord_op *op,
                           struct ord_err *err)
{
    if (last == NULL)
        return ORD_OK;
    if (last->type == ORD_OP_INVOKE)
        return ord_fail(err, ORD_EFORMAT,
                        "process %" PRId64 " invokes %s (operation %" PRId64
                        ") while its %s (operation %" PRId64 ") is still open",
                        op->process, op->name, op->index, last->name,
                        last->index);
    if (last->type == ORD_OP_INFO)
        return ord_fail(err, ORD_EFORMAT,
                        "process %" PRId64 " invokes %s (operation %" PRId64
                        ") after its %s ended in info (operation %" PRId64
                        "): a crashed process never comes back",
                        op->process, op->name, op->index, last->name,
                        last->index);
    return ORD_OK;
}

static int pair_completion(const struct ord_op *last, const struct ord_op *op,
                           struct ord_err *err)
{
    if (last == NULL || last->type != ORD_OP_INVOKE)
        return ord_fail(err, ORD_EFORMAT,
                        "%s of %s by process %" PRId64 " (operation %" PRId64
                        ") has no invocation",
                        ord_op_type_name(op->type), op->name, op->process,
                        op->index);
    if (last->f != op->f ||
        (op->f == ORD_F_OTHER && strcmp(last->name, op->name) != 0))
        return ord_fail(err, ORD_EFORMAT,
                        "process %" PRId64 " completes %s (operation %" PRId64
                        ") but had invoked %s (operation %" PRId64 ")",
                        op->process, op->name, op->index, last->name,
                        last->index);
    return ORD_OK;
}

int ord_pair_step(struct ord_process_map *map, struct ord_op *ops, int64_t i,
                  struct ord_err *err)
{
    struct ord_op *op = &ops[i];
    struct ord_op *last;
    struct ord_process_slot *slot;
    int rc;

    ORD_ASSERT(op->index == i);
    if (op->process == ORD_PROCESS_NEMESIS)
        return ORD_OK;
    slot = ord_process_slot(map, op->process);
    if (slot == NULL)
        return ord_fail(err, ORD_ENOMEM, "%zu processes", map->count);
    last = slot->event == 0 ? NULL : &ops[slot->event - 1];
    if (op->type == ORD_OP_INVOKE) {
        rc = pair_invocation(last, op, err);
    } else {
        rc = pair_completion(last, op, err);
        if (rc == ORD_OK) {
            op->pair = last->index;
            last->pair = i;
        }
    }
    slot->event = i + 1; /* the slot is in use, also after a failure */
    return rc;
}
