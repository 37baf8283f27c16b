/* lin_objects.c -- one object after the other, as columns of its own. */
#include "checkers/lin_objects.h"

#include <string.h>

/* A failed cas says something only until its answer came. */
static int keep_failures(struct ord_objects *objects,
                         const struct ord_check_in *in, struct ord_err *err)
{
    const struct ord_calls *calls = &objects->calls;
    uint32_t *ends =
        ord_arena_alloc(in->arena, ((size_t)calls->count + 1) * sizeof *ends);

    if (ends == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u calls",
                        calls->count);
    for (uint32_t i = 0; i < calls->count; i++) {
        ends[i] = calls->end[i];
        if (calls->f[i] == ORD_F_CAS && calls->type[i] == ORD_OP_FAIL) {
            const struct ord_op *op =
                ord_history_op(in->history, calls->begin[i]);

            ORD_ASSERT(op->pair != ORD_NO_PAIR);
            ends[i] = (uint32_t)op->pair;
        }
    }
    objects->ends = ends;
    return ORD_OK;
}

static bool get_columns(struct ord_objects *objects, struct ord_arena *arena)
{
    const struct ord_calls *calls = &objects->calls;
    size_t most = 0;
    size_t atoms = (size_t)calls->atom_count + 1;

    for (uint32_t k = 0; k < calls->key_count; k++) {
        uint32_t count = calls->key_first[k + 1] - calls->key_first[k];

        if (count > most)
            most = count;
    }
    objects->begin = ord_arena_alloc(arena, most * sizeof(uint32_t) + 1);
    objects->end = ord_arena_alloc(arena, most * sizeof(uint32_t) + 1);
    objects->in = ord_arena_alloc(arena, most * sizeof(uint32_t) + 1);
    objects->out = ord_arena_alloc(arena, most * sizeof(uint32_t) + 1);
    objects->process = ord_arena_alloc(arena, most * sizeof(uint32_t) + 1);
    objects->f = ord_arena_alloc(arena, most + 1);
    objects->type = ord_arena_alloc(arena, most + 1);
    objects->is_final = ord_arena_alloc(arena, most + 1);
    objects->dense_of = ord_arena_zalloc(arena, atoms, sizeof(uint32_t));
    if (2 * most + 1 < atoms)
        atoms = 2 * most + 1; /* of one object */
    objects->atom_of = ord_arena_alloc(arena, atoms * sizeof(uint32_t));
    return objects->begin != NULL && objects->end != NULL &&
           objects->in != NULL && objects->out != NULL &&
           objects->process != NULL && objects->f != NULL &&
           objects->type != NULL && objects->is_final != NULL &&
           objects->dense_of != NULL && objects->atom_of != NULL;
}

int ord_objects_init(struct ord_objects *objects, const struct ord_check_in *in,
                     unsigned want, bool is_strict, struct ord_err *err)
{
    *objects = (struct ord_objects){.is_strict = is_strict};
    if (ord_calls_build(in->history, want, in->arena, &objects->calls, err) !=
        ORD_OK)
        return err->rc;
    objects->ends = objects->calls.end;
    if (is_strict && keep_failures(objects, in, err) != ORD_OK)
        return err->rc;
    if (objects->calls.by_key != NULL && !get_columns(objects, in->arena))
        return ord_fail(err, ORD_ENOMEM, "no memory for %u objects",
                        objects->calls.key_count);
    return ORD_OK;
}

uint32_t ord_objects_count(const struct ord_objects *objects)
{
    return objects->calls.key_count;
}

static uint32_t dense(struct ord_objects *objects, uint32_t atom,
                      uint32_t *count)
{
    if (atom == ORD_ATOM_NONE)
        return atom;
    if (objects->dense_of[atom] == 0) {
        objects->atom_of[*count] = atom;
        objects->dense_of[atom] = ++*count;
    }
    return objects->dense_of[atom] - 1;
}

static void gather(struct ord_objects *objects, const uint32_t *ids,
                   struct ord_lin *lin)
{
    const struct ord_calls *calls = &objects->calls;
    uint32_t atoms = 0;

    (void)dense(objects, ORD_ATOM_NIL, &atoms);
    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t id = ids[i];

        objects->begin[i] = calls->begin[id];
        objects->end[i] = objects->ends[id];
        objects->in[i] = dense(objects, calls->in[id], &atoms);
        objects->out[i] = dense(objects, calls->out[id], &atoms);
        if (calls->process != NULL)
            objects->process[i] = calls->process[id];
        objects->f[i] = calls->f[id];
        objects->type[i] = calls->type[id];
        if (calls->is_final != NULL)
            objects->is_final[i] = calls->is_final[id];
    }
    lin->begin = objects->begin;
    lin->end = objects->end;
    lin->in = objects->in;
    lin->out = objects->out;
    lin->process = calls->process == NULL ? NULL : objects->process;
    lin->f = objects->f;
    lin->type = objects->type;
    lin->is_final = calls->is_final == NULL ? NULL : objects->is_final;
    lin->atom_count = atoms;
    lin->atom_of = objects->atom_of;
}

void ord_objects_get(struct ord_objects *objects, uint32_t object,
                     struct ord_lin *lin)
{
    const struct ord_calls *calls = &objects->calls;

    ORD_ASSERT(object < calls->key_count);
    *lin = (struct ord_lin){.calls = calls,
                            .event_count = calls->event_count,
                            .is_strict = objects->is_strict,
                            .count = calls->count};
    if (calls->by_key != NULL) {
        lin->count = calls->key_first[object + 1] - calls->key_first[object];
        gather(objects, calls->by_key + calls->key_first[object], lin);
        return;
    }
    lin->begin = calls->begin;
    lin->end = objects->ends;
    lin->in = calls->in;
    lin->out = calls->out;
    lin->process = calls->process;
    lin->f = calls->f;
    lin->type = calls->type;
    lin->is_final = calls->is_final;
    lin->atom_count = calls->atom_count;
}

void ord_objects_put_back(struct ord_objects *objects,
                          const struct ord_lin *lin)
{
    if (lin->atom_of == NULL)
        return;
    for (uint32_t i = 0; i < lin->atom_count; i++)
        objects->dense_of[lin->atom_of[i]] = 0;
}
