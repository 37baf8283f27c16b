/* finals.c -- see finals.h. */
#include "checkers/finals.h"

#include <string.h>

bool ord_history_knows_nodes(const struct ord_history *history)
{
    return strstr(ord_history_meta(history), "\"nodes\"") != NULL;
}

/* The last final read of each node, whatever came of it. */
static void find_last(struct ord_finals *finals, const struct ord_view *view,
                      const struct ord_object *object)
{
    const struct ord_call *calls = ord_object_calls(view, object);

    for (uint32_t i = 0; i < object->count; i++) {
        const struct ord_call *call = &calls[i];
        uint16_t node = ord_final_node(call);

        if (!ord_call_is_final_read(call))
            continue;
        if (++finals->ask_count[node] > finals->round_count)
            finals->round_count = finals->ask_count[node];
        finals->last[node] = call; /* they come by begin */
    }
}

void ord_finals_init(struct ord_finals *finals, const struct ord_view *view,
                     const struct ord_object *object)
{
    uint16_t known = ord_history_knows_nodes(view->history)
                         ? ord_history_member_count(view->history)
                         : 0;
    bool is_asked = false;

    *finals = (struct ord_finals){.begin = ORD_NEVER};
    find_last(finals, view, object);
    for (uint16_t node = 0; node <= ORD_NODES_MAX; node++) {
        const struct ord_call *last = finals->last[node];

        is_asked = is_asked || last != NULL;
        if (last != NULL && last->type != ORD_OP_OK)
            finals->last[node] = NULL;
        if (finals->last[node] != NULL) {
            finals->read_count++;
            if (last->begin < finals->begin)
                finals->begin = last->begin;
        }
    }
    for (uint16_t node = 1; is_asked && node <= ORD_NODES_MAX; node++) {
        if (finals->last[node] == NULL && finals->silent == ORD_NODE_NONE &&
            (finals->ask_count[node] > 0 || node <= known))
            finals->silent = node;
    }
    ORD_ASSERT(finals->read_count <= ORD_NODES_MAX + 1);
}
