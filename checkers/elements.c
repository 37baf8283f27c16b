/* elements.c -- see elements.h. */
#include "checkers/elements.h"

#include <stdlib.h>

static void note(struct ord_element *element, const struct ord_call *call)
{
    bool is_first = element->add == NULL;

    if (call->f == ORD_F_REMOVE) {
        if (call->type != ORD_OP_FAIL)
            element->is_removed = true;
        return;
    }
    if (is_first)
        element->add = call;
    if (call->type == ORD_OP_FAIL)
        return;
    if (element->add->type == ORD_OP_FAIL)
        element->add = call;
    element->attempt_count++;
    if (call->begin < element->begun)
        element->begun = call->begin;
    if (call->end < element->acked) {
        element->acked = call->end;
        element->add = call;
    }
}

/* Insertion by counting: acked places are distinct, so sort pairs. */
struct pair {
    int64_t acked;
    uint32_t id;
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a;
    const struct pair *y = b;

    return (x->acked > y->acked) - (x->acked < y->acked);
}

static bool sort_acked(struct ord_elements *elements, struct ord_arena *arena)
{
    uint32_t count = 0;
    struct pair *pairs =
        ord_arena_zalloc(arena, (size_t)elements->ids.count + 1, sizeof *pairs);

    if (pairs == NULL)
        return false;
    for (uint32_t id = 0; id < elements->ids.count; id++) {
        const struct ord_element *element = &elements->at[id];

        if (element->acked != ORD_NEVER && !element->is_removed)
            pairs[count++] = (struct pair){element->acked, id};
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (uint32_t i = 0; i < count; i++)
        elements->by_acked[i] = pairs[i].id;
    elements->acked_count = count;
    return true;
}

int ord_elements_init(struct ord_elements *elements,
                      const struct ord_view *view,
                      const struct ord_object *object, struct ord_arena *arena,
                      struct ord_err *err)
{
    const struct ord_call *calls = ord_object_calls(view, object);
    size_t room = (size_t)object->count + 1;

    ORD_ASSERT(ord_object_is_bag(object));
    *elements = (struct ord_elements){
        .at = ord_arena_zalloc(arena, room, sizeof *elements->at),
        .by_acked = ord_arena_zalloc(arena, room, sizeof *elements->by_acked),
        .stamps = ord_arena_zalloc(arena, room, sizeof *elements->stamps),
    };
    if (elements->at == NULL || elements->by_acked == NULL ||
        elements->stamps == NULL ||
        !ord_intern_init(&elements->ids, arena, object->count))
        return ord_fail(err, ORD_ENOMEM, "no memory for %u elements",
                        object->count);
    for (size_t i = 0; i < room; i++) {
        elements->at[i].acked = ORD_NEVER;
        elements->at[i].begun = ORD_NEVER;
    }
    for (uint32_t i = 0; i < object->count; i++) {
        if (calls[i].f != ORD_F_READ) {
            uint32_t id =
                ord_intern_add(&elements->ids, ord_call_value(&calls[i]));

            note(&elements->at[id], &calls[i]);
        }
    }
    if (!sort_acked(elements, arena))
        return ord_fail(err, ORD_ENOMEM, "no memory to sort elements");
    return ORD_OK;
}

uint32_t ord_elements_acked(const struct ord_elements *elements, int64_t before)
{
    uint32_t low = 0;
    uint32_t high = elements->acked_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (elements->at[elements->by_acked[middle]].acked < before)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
