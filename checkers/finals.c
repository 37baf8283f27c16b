/* finals.c -- see finals.h. */
#include "checkers/finals.h"

void ord_finals_init(struct ord_finals *finals, const struct ord_view *view,
                     const struct ord_object *object)
{
    const struct ord_call *calls = ord_object_calls(view, object);

    *finals = (struct ord_finals){.begin = ORD_NEVER};
    for (uint32_t i = 0; i < object->count; i++) {
        const struct ord_call *call = &calls[i];
        uint16_t node = ord_final_node(call);

        if (!ord_call_is_final_read(call))
            continue;
        finals->was_asked[node] = true;
        if (call->type == ORD_OP_OK &&
            (finals->last[node] == NULL || finals->last[node]->end < call->end))
            finals->last[node] = call;
    }
    for (uint16_t node = 0; node <= ORD_NODES_MAX; node++) {
        if (finals->last[node] != NULL) {
            finals->read_count++;
            if (finals->last[node]->begin < finals->begin)
                finals->begin = finals->last[node]->begin;
        } else if (finals->was_asked[node] && node != ORD_NODE_NONE &&
                   finals->silent == ORD_NODE_NONE) {
            finals->silent = node;
        }
    }
    ORD_ASSERT(finals->read_count <= ORD_NODES_MAX + 1);
}
