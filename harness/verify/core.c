/* core.c -- a few calls that no order explains, whatever all others did.
 *
 * The calls of a core have what it keeps of them; all others are left out, and
 * here it is shown that none of them could help (ci/notes/010-cores.md):
 *  - a call that only looks helps nobody;
 *  - a call that began after the last end that the core keeps comes too late,
 *    if all that must have happened has an end there;
 *  - a call that ended before all that must have happened began only says in
 *    which state the object was then: it may have been in any (a window);
 *  - else by the model's rule: what it puts is free to all who want it, or the
 *    core has no business with its element, or the core is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/verify/lin.h"

struct core {
    struct verify *v;
    struct world world;
    struct part *parts; /* by call */
    uint32_t count;
    uint32_t room;
    uint32_t object;
    uint32_t last_end;    /* that is kept */
    uint32_t first_begin; /* of those that must have happened */
    bool is_cut;          /* what began after last_end comes too late */
    bool is_windowed;     /* what ended before first_begin comes too early */
    uint32_t touched;     /* to size the tables */
    bool is_full;
};

uint32_t ord_call_end(const struct verify *v, uint32_t call)
{
    const struct ord_op *inv = ord_history_op(v->history, v->calls.begin[call]);
    const struct ord_op *done = ord_history_pair(v->history, inv);

    if (v->calls.type[call] != ORD_OP_FAIL || done == NULL)
        return v->calls.end[call];
    return (uint32_t)done->index;
}

/* ---- reading ------------------------------------------------------------ */

static bool read_keep(struct ord_json *in, uint8_t *keep)
{
    bool more = ord_json_enter(in, '[');

    while (more && ord_json_element(in)) {
        struct ord_bytes mark = {0};

        if (!ord_json_string(in, &mark))
            return false;
        if (ord_bytes_is(mark, "begin"))
            *keep |= KEEP_BEGIN;
        else if (ord_bytes_is(mark, "end"))
            *keep |= KEEP_END | KEEP_MUST;
        else if (ord_bytes_is(mark, "must"))
            *keep |= KEEP_MUST;
        else
            return false;
    }
    return more && ord_json_left(in, ']');
}

static bool read_part(struct ord_json *in, int64_t *op, uint8_t *keep)
{
    struct ord_bytes name;

    return ord_json_enter(in, '{') && ord_json_member(in, &name) &&
           ord_bytes_is(name, "op") && ord_json_int(in, op) &&
           ord_json_member(in, &name) && ord_bytes_is(name, "keep") &&
           read_keep(in, keep) && !ord_json_member(in, &name) &&
           ord_json_left(in, '}');
}

static bool check_part(struct core *core, uint32_t call, int64_t op,
                       uint8_t keep)
{
    struct verify *v = core->v;
    uint32_t n = core->count + 1;
    uint32_t end = call == UINT32_MAX ? 0 : ord_call_end(v, call);

    if (call == UINT32_MAX)
        return ord_verify_refuse(v,
                                 "element %u: %lld is no client's "
                                 "invocation",
                                 n, (long long)op);
    if (core->count == 0)
        core->object = ord_verify_object_of(v, call);
    if (ord_verify_object_of(v, call) != core->object)
        return ord_verify_refuse(v,
                                 "element %u: operation %lld is of another "
                                 "key",
                                 n, (long long)op);
    if (core->count > 0 && core->parts[core->count - 1].call >= call)
        return ord_verify_refuse(v, "element %u: the operations do not ascend",
                                 n);
    if (!ord_act_counts(&core->world, &v->calls, call))
        return ord_verify_refuse(v,
                                 "element %u: operation %lld failed, or "
                                 "says nothing",
                                 n, (long long)op);
    if ((keep & KEEP_MUST) != 0 && v->calls.type[call] == ORD_OP_INFO)
        return ord_verify_refuse(v,
                                 "element %u: nobody knows whether operation "
                                 "%lld happened",
                                 n, (long long)op);
    if ((keep & KEEP_END) != 0 && end == ORD_CALL_NEVER)
        return ord_verify_refuse(v, "element %u: operation %lld has no end", n,
                                 (long long)op);
    return true;
}

static bool add_part(struct core *core, uint32_t call, uint8_t keep)
{
    struct verify *v = core->v;
    struct part *part;

    if (core->count == core->room) {
        uint32_t room = core->room * 2 + 64;
        struct part *parts =
            room < core->room
                ? NULL
                : ord_arena_alloc(v->scratch, (size_t)room * sizeof *parts);

        if (parts == NULL)
            return ord_verify_give_up(v, ORD_ENOMEM, "no memory for the core");
        if (core->count > 0)
            memcpy(parts, core->parts, core->count * sizeof *parts);
        core->parts = parts;
        core->room = room;
    }
    part = &core->parts[core->count++];
    *part = (struct part){.call = call, .keep = keep};
    part->act = ord_act_of(&v->calls, call);
    part->begin = (keep & KEEP_BEGIN) != 0 ? v->calls.begin[call] : 0;
    part->is_look = ord_act_is_look(&core->world, &part->act);
    part->end = ORD_CALL_NEVER;
    if ((keep & KEEP_END) != 0)
        part->end = ord_call_end(v, call);
    else if ((keep & KEEP_MUST) != 0)
        part->end = v->calls.event_count;
    if ((keep & KEEP_END) != 0 && part->end > core->last_end)
        core->last_end = part->end;
    if ((keep & (KEEP_END | KEEP_MUST)) == KEEP_MUST)
        core->is_cut = false;
    if ((keep & KEEP_MUST) != 0 && part->begin < core->first_begin)
        core->first_begin = part->begin; /* 0: any time */
    return true;
}

static bool read_core(struct core *core, struct ord_json *in)
{
    bool more = ord_json_enter(in, '[');
    uint32_t hint = 0;

    core->is_cut = true;
    core->first_begin = ORD_CALL_NEVER;
    while (more && ord_json_element(in)) {
        int64_t op = -1;
        uint8_t keep = 0;
        uint32_t call;

        if (!read_part(in, &op, &keep))
            return false;
        call = ord_verify_call_at(core->v, op, &hint);
        if (!check_part(core, call, op, keep) || !add_part(core, call, keep))
            return false;
    }
    return more && ord_json_left(in, ']');
}

/* ---- what is listed ----------------------------------------------------- */

static void count_touch(void *context, uint32_t part, uint32_t value)
{
    struct core *core = context;

    (void)part;
    (void)value;
    core->touched++;
}

static void add_place(void *context, uint32_t part, uint32_t value)
{
    struct core *core = context;
    uint32_t *place = ord_pairs_add(&core->world.parts, part);

    (void)value;
    if (place == NULL)
        core->is_full = true;
    else if (*place == 0)
        *place = ++core->world.part_count;
}

static void add_wanted(void *context, uint32_t part, uint32_t value)
{
    struct core *core = context;

    if (ord_pairs_add(&core->world.frees, (uint64_t)part << 32 | value) == NULL)
        core->is_full = true;
}

static void touch(struct core *core, const struct act *act, ord_touch *each)
{
    ord_act_wants(&core->world, act, each, core);
    ord_act_puts(&core->world, act, each, core);
}

bool ord_world_of_object(struct verify *v, struct world *world, uint32_t object)
{
    const struct ord_calls *calls = &v->calls;
    struct core core = {.v = v, .world = *world};

    ORD_ASSERT(calls->by_key != NULL);
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1 &&
            !ord_pairs_init(&core.world.parts, v->scratch, core.touched + 1))
            return ord_verify_give_up(v, ORD_ENOMEM, "no memory to replay it");
        for (uint32_t i = calls->key_first[object];
             i < calls->key_first[object + 1]; i++) {
            struct act act = ord_act_of(calls, calls->by_key[i]);

            if (ord_act_counts(&core.world, calls, calls->by_key[i]))
                touch(&core, &act, pass == 0 ? count_touch : add_place);
        }
    }
    ORD_ASSERT(!core.is_full);
    *world = core.world;
    return true;
}

static bool build_world(struct core *core)
{
    struct world *world = &core->world;
    struct ord_arena *arena = core->v->scratch;
    const struct ord_calls *calls = &core->v->calls;
    uint32_t frees;

    for (uint32_t i = 0; i < core->count; i++)
        touch(core, &core->parts[i].act, count_touch);
    frees = world->model->has_members ? 2 * core->touched : core->touched;
    if (world->model->rule == RULE_LOCK)
        frees = 2 * calls->count;
    if (!ord_pairs_init(&world->parts, arena, core->touched + 1) ||
        !ord_pairs_init(&world->frees, arena, frees + 1))
        return ord_verify_give_up(core->v, ORD_ENOMEM, "no memory");
    for (uint32_t i = 0; i < core->count; i++)
        touch(core, &core->parts[i].act, add_place);
    for (uint32_t i = 0; i < core->count && world->model->rule == RULE_FREE;
         i++)
        ord_act_wants(world, &core->parts[i].act, add_wanted, core);
    for (uint32_t slot = 0;
         world->model->has_members && slot < world->parts.slot_count; slot++) {
        if (world->parts.keys[slot] == 0)
            continue;
        add_wanted(core, (uint32_t)(world->parts.keys[slot] - 1), 0);
        add_wanted(core, (uint32_t)(world->parts.keys[slot] - 1), 1);
    }
    ORD_ASSERT(!core->is_full);
    return true;
}

/* ---- what is not -------------------------------------------------------- */

static void set_free(void *context, uint32_t part, uint32_t value)
{
    struct core *core = context;
    struct pairs *frees = &core->world.frees;
    uint32_t *flag;

    if (!core->world.frees_any)
        core->world.free_first = value;
    else if (core->world.free_first != value)
        core->world.frees_more = true;
    core->world.frees_any = true;
    if (core->world.model->has_members)
        value = value != 0;
    flag = ord_pairs_find(frees, (uint64_t)part << 32 | value);
    if (flag != NULL)
        *flag = 1;
}

static bool free_lock(struct core *core, const struct act *act)
{
    uint32_t owner = core->world.model->has_owner ? act->process + 1 : 1;
    uint32_t *flag = ord_pairs_add(
        &core->world.frees, (uint64_t)owner << 32 | (act->f == ORD_F_ACQUIRE));

    ORD_ASSERT(flag != NULL); /* there is room for two of each call */
    *flag = 1;
    return true;
}

/* No call on an element of the core is left out. */
static bool free_element(struct core *core, uint32_t call,
                         const struct act *act)
{
    uint32_t taken = ord_act_taken(act);
    bool is_take = act->f == ORD_F_DEQUEUE || act->f == ORD_F_POP;
    uint32_t element = is_take ? taken : act->in;

    if (is_take && taken == ORD_ATOM_NONE) {
        core->world.frees_takes = true;
        return true;
    }
    if (ord_pairs_find(&core->world.parts, element) == NULL)
        return true;
    return ord_verify_refuse(core->v,
                             "operation %u is on an element of the core, but "
                             "not in it",
                             core->v->calls.begin[call]);
}

/* What a key with append holds is only looked at in the core's own answers. */
static bool is_seen(const struct core *core, uint32_t piece)
{
    const struct ord_calls *calls = &core->v->calls;
    const struct ord_value part = ord_atom_value(calls, piece);

    for (uint32_t i = 0; i < core->count; i++) {
        struct ord_value whole;

        if (!core->parts[i].is_look)
            continue;
        whole = ord_atom_value(calls, core->parts[i].act.out);
        if (part.kind != ORD_TEXT || whole.kind != ORD_TEXT ||
            part.count == 0 ||
            memmem(whole.as.text, whole.count, part.as.text, part.count) !=
                NULL)
            return true;
    }
    return false;
}

static bool leave_out(struct core *core, uint32_t call)
{
    const struct ord_calls *calls = &core->v->calls;
    struct act act = ord_act_of(calls, call);

    if (core->is_cut && calls->begin[call] > core->last_end)
        return true;
    if (core->is_windowed && calls->end[call] < core->first_begin)
        return true;
    if (calls->type[call] == ORD_OP_FAIL || ord_act_is_final(calls, call))
        return true;
    if (!ord_model_knows(core->world.model, act.f))
        return ord_verify_refuse(core->v,
                                 "operation %u is none that the model %s knows",
                                 calls->begin[call], core->world.model->name);
    if (ord_act_is_look(&core->world, &act))
        return true;
    switch (core->world.model->rule) {
    case RULE_FREE:
        ord_act_puts(&core->world, &act, set_free, core);
        return true;
    case RULE_LOCK:
        return free_lock(core, &act);
    case RULE_ELEMENTS:
        return free_element(core, call, &act);
    default:
        if (core->world.model->has_pieces && !is_seen(core, act.in))
            return true;
        return ord_verify_refuse(core->v,
                                 "operation %u changes the state, but is not "
                                 "in the core",
                                 calls->begin[call]);
    }
}

static bool leave_out_all(struct core *core)
{
    const struct ord_calls *calls = &core->v->calls;
    uint32_t from = 0;
    uint32_t to = calls->count;
    uint32_t part = 0;

    if (calls->by_key != NULL) {
        from = calls->key_first[core->object];
        to = calls->key_first[core->object + 1];
    }
    for (uint32_t i = from; i < to; i++) {
        uint32_t call = calls->by_key == NULL ? i : calls->by_key[i];

        while (part < core->count && core->parts[part].call < call)
            part++;
        if (part < core->count && core->parts[part].call == call)
            continue;
        if (!leave_out(core, call))
            return false;
    }
    return true;
}

/* ---- and then ----------------------------------------------------------- */

static int compare_kind(const void *a, const void *b)
{
    const struct act *x = &((const struct part *)a)->act;
    const struct act *y = &((const struct part *)b)->act;

    if (x->f != y->f)
        return x->f < y->f ? -1 : 1;
    if (x->in != y->in)
        return x->in < y->in ? -1 : 1;
    if (x->out != y->out)
        return x->out < y->out ? -1 : 1;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    return (x->is_answered > y->is_answered) -
           (x->is_answered < y->is_answered);
}

static void number_kinds(struct core *core)
{
    for (uint32_t i = 0; i < core->count; i++) {
        if (!core->world.model->has_owner)
            core->parts[i].act.process = 0;
    }
    qsort(core->parts, core->count, sizeof *core->parts, compare_kind);
    for (uint32_t i = 1; i < core->count; i++)
        core->parts[i].kind =
            core->parts[i - 1].kind +
            (compare_kind(&core->parts[i - 1], &core->parts[i]) != 0);
}

static bool note_gots(struct core *core)
{
    uint32_t *gots = ord_arena_zalloc(core->v->scratch, (size_t)core->count + 1,
                                      sizeof *gots);

    if (gots == NULL)
        return ord_verify_give_up(core->v, ORD_ENOMEM, "no memory for texts");
    for (uint32_t i = 0; i < core->count; i++) {
        const struct act *act = &core->parts[i].act;

        if (act->f == ORD_F_GET || act->f == ORD_F_READ)
            gots[core->world.got_count++] = act->out;
    }
    core->world.gots = gots;
    return true;
}

enum tried { TRIED_NONE, TRIED_FOUND, TRIED_REFUSED };

/* Whether the calls at hand have an order. */
static enum tried try_core(struct core *core, const struct part *parts)
{
    core->touched = 0;
    core->world.part_count = 0;
    core->world.frees_any = core->world.frees_more = false;
    core->world.frees_takes = false;
    core->world.is_open = core->is_windowed;
    if (core->count > 0)
        memcpy(core->parts, parts, core->count * sizeof *parts);
    if (!build_world(core) || !leave_out_all(core))
        return TRIED_REFUSED;
    number_kinds(core);
    if (core->world.model->has_pieces && !note_gots(core))
        return TRIED_REFUSED;
    switch (
        ord_verify_search(core->v, &core->world, core->parts, core->count)) {
    case SEARCH_NONE:
        return TRIED_NONE;
    case SEARCH_FOUND:
        return TRIED_FOUND;
    default:
        (void)ord_verify_give_up(
            core->v, core->v->steps_left == 0 ? ORD_ELIMIT : ORD_ENOMEM,
            core->v->steps_left == 0 ? "the core took too many steps to try"
                                     : "no memory to try the core");
        return TRIED_REFUSED;
    }
}

/* A window first, where there is one: fewer calls bear on that. */
static enum tried try_both(struct core *core)
{
    size_t size = core->count * sizeof *core->parts;
    struct part *parts = ord_arena_alloc(core->v->scratch, size);
    enum tried tried = TRIED_FOUND;

    if (parts == NULL) {
        (void)ord_verify_give_up(core->v, ORD_ENOMEM, "no memory");
        return TRIED_REFUSED;
    }
    memcpy(parts, core->parts, size);
    core->is_windowed = core->world.model->has_windows &&
                        !core->world.is_strict && core->first_begin > 0 &&
                        core->first_begin != ORD_CALL_NEVER;
    if (core->is_windowed)
        tried = try_core(core, parts);
    if (tried != TRIED_FOUND)
        return tried;
    core->is_windowed = false;
    return try_core(core, parts);
}

bool ord_verify_core(struct verify *v, const struct world *world,
                     struct ord_bytes key, struct ord_json *in)
{
    struct core core = {.v = v, .world = *world};

    ord_arena_reset(v->scratch);
    if (!read_core(&core, in))
        return false;
    if (core.count == 0)
        return ord_verify_refuse(v, "a core of nothing");
    if (!ord_verify_is_key(v, core.object, key))
        return ord_verify_refuse(v,
                                 "its operations are of another key than "
                                 "%.*s",
                                 (int)(key.size > 80 ? 80 : key.size), key.at);
    switch (try_both(&core)) {
    case TRIED_NONE:
        v->out->core_count += core.count;
        return true;
    case TRIED_FOUND:
        return ord_verify_refuse(v,
                                 "the core of %u operations has an order: "
                                 "it proves nothing",
                                 core.count);
    default:
        return false;
    }
}
