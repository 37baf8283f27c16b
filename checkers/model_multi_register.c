/* model_multi_register.c -- several registers that one call reads and writes
 * in one step.
 *
 * A value is a map of names to values, or a list of [f name value] with f one
 * of r, read, w, write; a read in a call that ended ok saw what it says, nil
 * being the initial value.  (Knossos takes nil for "anything".)  Reads of an
 * unfinished call say nothing, its writes may have happened.
 *
 * State of the exact search: name -> value, both atoms of the history.  If it
 * may be any at first: name -> value + 1, or nothing until somebody says.
 */
#include <string.h>

#include "checkers/exact.h"
#include "checkers/models.h"

struct micro {
    uint32_t name;
    uint32_t value; /* ORD_ATOM_NIL: the initial one */
    bool is_write;
};

struct multi {
    struct micro *micros;
    uint32_t *first; /* by call; one more at the end */
    uint32_t count;
};

static uint32_t history_atom(const struct ord_lin *lin, uint32_t atom)
{
    if (atom == ORD_ATOM_NONE || lin->atom_of == NULL)
        return atom;
    return lin->atom_of[atom];
}

static bool is_text(const struct ord_value *value, const char *text)
{
    return value->kind == ORD_TEXT && value->count == strlen(text) &&
           memcmp(value->as.text, text, value->count) == 0;
}

/* One item of a call's list.  False: it is no operation. */
static bool read_micro(const struct ord_calls *calls, uint32_t atom,
                       bool is_write, struct micro *out)
{
    const uint32_t *items = NULL;
    uint32_t count = ord_atom_items(calls, atom, &items);
    struct ord_value f;

    if (count == 2) { /* of a map */
        *out = (struct micro){items[0], items[1], is_write};
        return true;
    }
    if (count != 3)
        return false;
    f = ord_atom_value(calls, items[0]);
    *out = (struct micro){items[1], items[2], false};
    if (is_text(&f, "w") || is_text(&f, "write"))
        out->is_write = true;
    else if (!is_text(&f, "r") && !is_text(&f, "read"))
        return false;
    return true;
}

/* The list of a call that says most: what came back, else what was asked. */
static uint32_t list_of(const struct ord_lin *lin, uint32_t call)
{
    uint32_t out = lin->out[call];

    if (out == ORD_ATOM_NONE || out == ORD_ATOM_NIL)
        out = lin->in[call];
    return history_atom(lin, out);
}

static int read_calls(struct ord_exact *exact, struct multi *multi,
                      struct ord_err *err)
{
    const struct ord_lin *lin = exact->lin;

    for (uint32_t i = 0; i < lin->count; i++) {
        const uint32_t *items = NULL;
        uint32_t count = 0;

        multi->first[i] = multi->count;
        if (lin->type[i] == ORD_OP_FAIL)
            continue;
        count = ord_atom_items(lin->calls, list_of(lin, i), &items);
        for (uint32_t k = 0; k < count; k++) {
            struct micro micro;

            if (!read_micro(lin->calls, items[k], lin->f[i] == ORD_F_WRITE,
                            &micro))
                return ord_fail(err, ORD_EFORMAT,
                                "the operation at %u is no list of [f name "
                                "value] and no map",
                                lin->begin[i]);
            if (lin->out[i] == ORD_ATOM_NONE && !micro.is_write)
                continue; /* nobody knows what it saw */
            if (micro.value == ORD_ATOM_NONE)
                micro.value = ORD_ATOM_NIL;
            if (multi->micros != NULL)
                multi->micros[multi->count] = micro;
            multi->count++;
        }
    }
    multi->first[lin->count] = multi->count;
    return ORD_OK;
}

static int multi_init(struct ord_exact *exact, struct ord_state *start,
                      struct ord_err *err)
{
    const struct ord_lin *lin = exact->lin;
    struct multi *multi = ord_arena_zalloc(lin->arena, 1, sizeof *multi);

    *start = (struct ord_state){0};
    if (multi != NULL)
        multi->first = ord_arena_zalloc(lin->arena, (size_t)lin->count + 1,
                                        sizeof *multi->first);
    if (multi == NULL || multi->first == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u calls", lin->count);
    exact->own = multi;
    if (read_calls(exact, multi, err) != ORD_OK)
        return err->rc;
    multi->micros = ord_arena_zalloc(lin->arena, (size_t)multi->count + 1,
                                     sizeof *multi->micros);
    if (multi->micros == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u operations",
                        multi->count);
    multi->count = 0;
    return read_calls(exact, multi, err);
}

static uint32_t multi_key_max(const struct ord_exact *exact)
{
    const struct ord_calls *calls = exact->lin->calls;

    return calls == NULL ? 1 : calls->atom_count + 1;
}

static bool multi_looks(const struct ord_exact *exact, uint32_t call)
{
    const struct multi *multi = exact->own;

    for (uint32_t i = multi->first[call]; i < multi->first[call + 1]; i++) {
        if (multi->micros[i].is_write || exact->lin->is_open)
            return false;
    }
    return true;
}

static bool multi_step(struct ord_exact *exact, const struct ord_state *from,
                       uint32_t call, uint32_t nth, struct ord_state *to)
{
    const struct multi *multi = exact->own;

    *to = *from;
    if (nth > 0)
        return false;
    for (uint32_t i = multi->first[call];
         i < multi->first[call + 1] && to->root != ORD_MAP_FULL; i++) {
        const struct micro *micro = &multi->micros[i];
        uint32_t value = micro->value + exact->lin->is_open;
        uint32_t is = ord_map_get(&exact->map, to->root, micro->name);

        if (micro->is_write || (exact->lin->is_open && is == 0))
            to->root = ord_map_set(&exact->map, to->root, micro->name, value);
        else if (is != value)
            return false;
    }
    return true;
}

static const struct ord_exact_model multi_exact = {
    .init = multi_init,
    .key_max = multi_key_max,
    .step = multi_step,
    .looks = multi_looks,
};

static int multi_decide(struct ord_lin *lin, struct ord_err *err)
{
    return ord_exact_decide(&multi_exact, lin, err);
}

const struct ord_model ord_model_multi_register = {
    .name = "multi-register",
    .about = "txn, read, write of several registers at once; nil at first",
    .law = "all that one operation does happens at once",
    .fs = UINT64_C(1) << ORD_F_TXN | UINT64_C(1) << ORD_F_READ |
          UINT64_C(1) << ORD_F_WRITE,
    .exact = multi_decide,
};
