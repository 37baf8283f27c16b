#include "histories/pair.h"

#include <inttypes.h>
#include <stdlib.h>

#include "harness/base/rng.h"

enum { SLOTS_MIN = 32, OPEN_MIN = 8, SAID_MAX = 64 };

/* ---- processes ----------------------------------------------------------- */

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

static bool is_idle(const struct ord_process_slot *slot)
{
    return slot->type == ORD_OP_OK || slot->type == ORD_OP_FAIL;
}

static bool grow(struct ord_process_map *map)
{
    struct ord_process_map bigger = {.room = SLOTS_MIN};
    size_t kept = 0;

    for (size_t i = 0; i < map->room; i++)
        kept += map->slots[i].event != 0 && !is_idle(&map->slots[i]);
    while (bigger.room / 2 <= kept)
        bigger.room *= 2;
    bigger.slots = calloc(bigger.room, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; i < map->room; i++) {
        if (map->slots[i].event == 0 || is_idle(&map->slots[i]))
            continue;
        *find(&bigger, map->slots[i].process) = map->slots[i];
        bigger.count++;
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

/* ---- open calls ---------------------------------------------------------- */

void ord_open_calls_fini(struct ord_open_calls *calls)
{
    for (uint32_t i = 0; i < calls->count; i++)
        free(calls->at[i].held);
    free(calls->at);
    *calls = (struct ord_open_calls){0};
}

bool ord_open_call_take(struct ord_open_calls *calls, uint32_t *at)
{
    if (calls->free != 0) {
        *at = calls->free - 1;
        calls->free = calls->at[*at].next_free;
        return true;
    }
    if (calls->count == calls->room) {
        uint32_t room = calls->room == 0 ? OPEN_MIN : 2 * calls->room;
        struct ord_open_call *bigger = NULL;

        if (room > calls->room)
            bigger = realloc(calls->at, room * sizeof *bigger);
        if (bigger == NULL)
            return false;
        calls->at = bigger;
        calls->room = room;
    }
    *at = calls->count++;
    calls->at[*at] = (struct ord_open_call){0};
    return true;
}

void ord_open_call_give(struct ord_open_calls *calls, uint32_t at)
{
    ORD_ASSERT(at < calls->count);
    calls->at[at].next_free = calls->free;
    calls->free = at + 1;
}

bool ord_open_call_hold(struct ord_open_call *call, struct ord_bytes value,
                        struct ord_bytes key)
{
    size_t size = value.size + key.size;

    if (size > call->held_room) {
        char *held = realloc(call->held, size);

        if (held == NULL)
            return false;
        call->held = held;
        call->held_room = size;
    }
    if (value.size > 0)
        memcpy(call->held, value.at, value.size);
    if (key.size > 0)
        memcpy(call->held + value.size, key.at, key.size);
    call->value_size = value.size;
    call->key_size = key.size;
    return true;
}

/* ---- the rules ----------------------------------------------------------- */

static int check_invocation(const struct ord_process_slot *last,
                            const struct ord_op *op, struct ord_err *err)
{
    if (last->event == 0)
        return ORD_OK;
    if (last->type == ORD_OP_INVOKE)
        return ord_fail(err, ORD_EFORMAT,
                        "process %" PRId64 " invokes %s (operation %" PRId64
                        ") while its %s (operation %" PRId64 ") is still open",
                        op->process, op->name, op->index, last->name,
                        last->event - 1);
    if (last->type == ORD_OP_INFO)
        return ord_fail(err, ORD_EFORMAT,
                        "process %" PRId64 " invokes %s (operation %" PRId64
                        ") after its %s ended in info (operation %" PRId64
                        "): a crashed process never comes back",
                        op->process, op->name, op->index, last->name,
                        last->event - 1);
    return ORD_OK;
}

static int check_completion(const struct ord_process_slot *last,
                            const struct ord_op *op, struct ord_err *err)
{
    if (last->event == 0 || last->type != ORD_OP_INVOKE)
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
                        last->event - 1);
    return ORD_OK;
}

int ord_pair_check(struct ord_process_map *map, const struct ord_op *op,
                   struct ord_process_slot **slot, struct ord_err *err)
{
    ORD_ASSERT(op->process != ORD_PROCESS_NEMESIS);
    *slot = ord_process_slot(map, op->process);
    if (*slot == NULL)
        return ord_fail(err, ORD_ENOMEM, "%zu processes", map->count);
    return op->type == ORD_OP_INVOKE ? check_invocation(*slot, op, err)
                                     : check_completion(*slot, op, err);
}

static int refuse_reply(const struct ord_op *op, const struct ord_value *said,
                        const char *what, struct ord_err *err)
{
    struct ord_buf text;

    ord_buf_init(&text, SAID_MAX);
    ord_value_to_edn(said, &text);
    (void)ord_fail(err, ORD_EFORMAT,
                   "process %" PRId64 " answers its %s with the %s %s "
                   "(operation %" PRId64 "), which is not the one invoked",
                   op->process, op->name, what,
                   text.failed ? "of another" : ord_buf_str(&text), op->index);
    ord_buf_fini(&text);
    return ORD_EFORMAT;
}

/* An answer may leave the key out, and some name it only there. */
static bool is_other_key(const struct ord_open_call *call,
                         const struct ord_value *key, struct ord_bytes bytes)
{
    const struct ord_value *asked = &call->key;

    if (key->kind == ORD_NIL || asked->kind == ORD_NIL)
        return false;
    if (key->kind != asked->kind)
        return true;
    if (key->kind == ORD_INT)
        return key->as.number != asked->as.number;
    return !ord_bytes_equal(
        bytes,
        (struct ord_bytes){call->held + call->value_size, call->key_size});
}

int ord_pair_check_reply(const struct ord_open_call *call,
                         const struct ord_op *op, struct ord_bytes value,
                         struct ord_bytes key, struct ord_err *err)
{
    const struct ord_value *asked = &call->value;
    bool is_other = false;

    if (is_other_key(call, &op->key, key))
        return refuse_reply(op, &op->key, "key", err);
    /* Only what is surely the same thing said twice: a value of another kind
     * may be a status, and other functions may answer what they like. */
    if (op->f != ORD_F_WRITE || op->type != ORD_OP_OK ||
        op->value.kind != asked->kind)
        return ORD_OK;
    if (asked->kind == ORD_INT)
        is_other = op->value.as.number != asked->as.number;
    else if (asked->kind == ORD_TEXT)
        is_other = !ord_bytes_equal(
            value, (struct ord_bytes){call->held, call->value_size});
    return is_other ? refuse_reply(op, &op->value, "value", err) : ORD_OK;
}
