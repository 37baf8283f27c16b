/* session.c -- see session.h. */
#include "checkers/session.h"

#include <stdlib.h>
#include <string.h>

static int compare_begin(const void *a, const void *b)
{
    const struct ord_call *x = *(const struct ord_call *const *)a;
    const struct ord_call *y = *(const struct ord_call *const *)b;
    int by_session = ord_call_compare_session(x, y);

    if (by_session != 0)
        return by_session;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

int ord_sessions_init(struct ord_sessions *sessions,
                      const struct ord_view *view,
                      const struct ord_object *object, struct ord_arena *arena,
                      struct ord_err *err)
{
    const struct ord_call *calls = ord_object_calls(view, object);
    size_t room = (size_t)object->count + 1;

    *sessions = (struct ord_sessions){0};
    sessions->by_begin =
        ord_arena_zalloc(arena, room, sizeof *sessions->by_begin);
    sessions->by_end = ord_arena_zalloc(arena, room, sizeof *sessions->by_end);
    if (sessions->by_begin == NULL || sessions->by_end == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for sessions");
    for (uint32_t i = 0; i < object->count; i++) {
        if (calls[i].type == ORD_OP_OK && !calls[i].is_final)
            sessions->by_begin[sessions->count++] = &calls[i];
    }
    if (sessions->count > 0)
        qsort(sessions->by_begin, sessions->count, sizeof *sessions->by_begin,
              compare_begin);
    memcpy(sessions->by_end, sessions->by_begin,
           sessions->count * sizeof *sessions->by_end);
    return ORD_OK;
}

bool ord_sessions_next(struct ord_sessions *sessions,
                       struct ord_session_run *run)
{
    uint32_t first = sessions->at;
    uint32_t end = first;

    if (first == sessions->count)
        return false;
    while (end < sessions->count &&
           ord_call_compare_session(sessions->by_begin[first],
                                    sessions->by_begin[end]) == 0)
        end++;
    qsort(sessions->by_end + first, end - first, sizeof *sessions->by_end,
          ord_call_compare_end);
    *run = (struct ord_session_run){sessions->by_begin + first,
                                    sessions->by_end + first, end - first};
    sessions->at = end;
    return true;
}
