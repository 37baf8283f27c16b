/* step.c -- see step.h. */
#include "harness/verify/step.h"

enum { NIL = ORD_ATOM_NIL };
#define NONE ORD_ATOM_NONE
#define OTHER (UINT32_MAX - 1) /* a register's value that nobody asks for */
#define ANY (UINT32_MAX - 2)   /* a part's value at first, until one says so */
#define BIT(f) (UINT64_C(1) << (f))

/* ---- small tools -------------------------------------------------------- */

static bool start_with(struct state *state, uint32_t count)
{
    state->first = 0;
    state->count = 0;
    if (!ord_state_room(state, count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        state->at[i] = 0;
    state->count = count;
    return true;
}

/* One that may be anything in any part. */
static bool start_open(const struct world *world, struct state *state,
                       uint32_t count)
{
    if (!start_with(state, count))
        return false;
    for (uint32_t i = 0; i < count && world->is_open; i++)
        state->at[i] = ANY;
    return true;
}

static uint64_t pair_of(uint32_t part, uint32_t value)
{
    return (uint64_t)part << 32 | value;
}

static bool is_free(const struct world *world, uint32_t part, uint32_t value)
{
    const uint32_t *flag = ord_pairs_find(&world->frees, pair_of(part, value));

    return flag != NULL && *flag != 0;
}

uint32_t ord_place_of(const struct world *world, uint32_t atom)
{
    const uint32_t *number;

    if (world->parts.slot_count == 0)
        return atom + 1;
    number = ord_pairs_find(&world->parts, atom);
    return number == NULL ? 0 : *number;
}

/* The part has the value, or an unlisted call may just have put it. */
static bool want(const struct world *world, struct state *state, uint32_t place,
                 uint32_t part, uint32_t value)
{
    if (state->at[place] == value)
        return true;
    if (state->at[place] != ANY && !is_free(world, part, value))
        return false;
    state->at[place] = value;
    return true;
}

/* ---- registers ---------------------------------------------------------- */

static bool register_init(const struct world *world, struct state *state)
{
    return start_open(world, state, 1);
}

/* A failed cas: the value was another, or an unlisted call just put one; of
 * several it does not matter which, for they are free. */
static bool want_other(const struct world *world, struct state *state,
                       uint32_t value)
{
    if (state->at[0] != value)
        return true;
    if (!world->frees_more && (!world->frees_any || world->free_first == value))
        return false;
    state->at[0] = world->frees_more ? OTHER : world->free_first;
    return true;
}

static bool register_step(const struct world *world, struct state *state,
                          const struct act *act, uint32_t choice,
                          uint32_t *choices)
{
    (void)choice;
    *choices = 1;
    if (act->is_failed)
        return want_other(world, state, act->out);
    if (act->f == ORD_F_READ)
        return want(world, state, 0, 0, act->out);
    if (act->f == ORD_F_CAS && !want(world, state, 0, 0, act->out))
        return false;
    state->at[0] = act->in;
    return true;
}

/* ---- several registers: [[f k v] ...] ----------------------------------- */

static bool is_text(const struct ord_value *value, const char *text)
{
    return value->kind == ORD_TEXT &&
           ord_bytes_is((struct ord_bytes){value->as.text, value->count}, text);
}

/* The items of a call as far as they are known: the completion's, else the
 * invocation's. */
static uint32_t micros(const struct world *world, const struct act *act,
                       const uint32_t **items)
{
    bool is_known =
        act->is_answered && act->out != NONE && act->out != ORD_ATOM_NIL;

    return ord_atom_items(world->calls, is_known ? act->out : act->in, items);
}

struct micro {
    bool is_write;
    uint32_t part;
    uint32_t value;
};

/* [f name value], or [name value] of a map.  False: it is neither. */
static bool micro_at(const struct world *world, const struct act *act,
                     uint32_t item, struct micro *micro)
{
    const uint32_t *parts = NULL;
    uint32_t count = ord_atom_items(world->calls, item, &parts);
    struct ord_value f;

    if (count == 2) {
        *micro = (struct micro){act->f == ORD_F_WRITE, parts[0], parts[1]};
        return true;
    }
    if (count != 3)
        return false;
    f = ord_atom_value(world->calls, parts[0]);
    *micro = (struct micro){is_text(&f, "w") || is_text(&f, "write"), parts[1],
                            parts[2]};
    return micro->is_write || is_text(&f, "r") || is_text(&f, "read");
}

static bool multi_init(const struct world *world, struct state *state)
{
    return start_open(world, state, world->part_count + 1);
}

static bool multi_step(const struct world *world, struct state *state,
                       const struct act *act, uint32_t choice,
                       uint32_t *choices)
{
    const uint32_t *items = NULL;
    uint32_t count = micros(world, act, &items);

    (void)choice;
    *choices = 1;
    for (uint32_t i = 0; i < count; i++) {
        struct micro micro;
        uint32_t place;

        if (!micro_at(world, act, items[i], &micro))
            return false;
        place = ord_place_of(world, micro.part);
        if (micro.is_write)
            state->at[place] = micro.value;
        else if (act->is_answered &&
                 !want(world, state, place, micro.part, micro.value))
            return false;
    }
    return true;
}

/* ---- locks -------------------------------------------------------------- */

static uint32_t owner_of(const struct world *world, const struct act *act)
{
    return world->model->has_owner ? act->process + 1 : 1;
}

/* at[0]: 0, or who has it.  A free call is taken only where its state is. */
static bool lock_step(const struct world *world, struct state *state,
                      const struct act *act, uint32_t choice, uint32_t *choices)
{
    uint32_t me = owner_of(world, act);
    uint32_t holder = state->at[0];
    bool is_open = holder == 0 || is_free(world, holder, 0);

    (void)choice;
    *choices = 1;
    if (act->f == ORD_F_ACQUIRE) {
        state->at[0] = me;
        return is_open;
    }
    state->at[0] = 0;
    return holder == me || (is_open && is_free(world, me, 1));
}

/* ---- sets --------------------------------------------------------------- */

static bool set_init(const struct world *world, struct state *state)
{
    if (!multi_init(world, state))
        return false;
    state->at[0] = 0;
    return true;
}

/* at[0]: how many are in for certain. */
static bool put_member(struct state *state, uint32_t place, uint32_t is_in)
{
    state->at[0] += is_in;
    state->at[0] -= state->at[place] == 1;
    state->at[place] = is_in;
    return true;
}

static bool want_member(const struct world *world, struct state *state,
                        uint32_t atom, uint32_t is_in)
{
    uint32_t place = ord_place_of(world, atom);

    if (state->at[place] == is_in)
        return true;
    return (state->at[place] == ANY || is_free(world, atom, is_in)) &&
           put_member(state, place, is_in);
}

/* 1: yes, 0: no, NONE: it says something else. */
static uint32_t truth_of(const struct ord_calls *calls, uint32_t atom)
{
    const struct ord_value value = ord_atom_value(calls, atom);

    return value.kind == ORD_BOOL ? value.as.number != 0 : NONE;
}

/* What a call of contains brought, where it may be a number, too. */
static bool says_yes(const struct ord_calls *calls, uint32_t atom)
{
    const struct ord_value value = ord_atom_value(calls, atom);

    return (value.kind == ORD_BOOL || value.kind == ORD_INT) &&
           value.as.number != 0;
}

/* What may have been in and was not read was not in. */
static void leave_others(struct state *state)
{
    for (uint32_t place = 1; place < state->count; place++) {
        if (state->at[place] == ANY)
            state->at[place] = 0;
    }
}

static bool read_members(const struct world *world, struct state *state,
                         uint32_t list)
{
    const uint32_t *items = NULL;
    uint32_t count = ord_atom_items(world->calls, list, &items);
    uint32_t different = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = ord_place_of(world, items[i]);

        if (state->at[place] == 2)
            continue; /* it stands twice in the list */
        if (!want_member(world, state, items[i], 1))
            return false;
        different++;
        state->at[place] = 2; /* counted */
    }
    for (uint32_t i = 0; i < count; i++)
        state->at[ord_place_of(world, items[i])] = 1;
    leave_others(state);
    if (state->at[0] == different)
        return true;
    if (world->frees.slot_count == 0)
        return false;
    /* Others are in: an unlisted remove may take each of them out. */
    for (uint32_t i = 0; i < count; i++)
        state->at[ord_place_of(world, items[i])] = 2;
    for (uint32_t slot = 0; slot < world->parts.slot_count; slot++) {
        uint32_t place = world->parts.values[slot];

        if (world->parts.keys[slot] != 0 && state->at[place] == 1 &&
            !want_member(world, state, (uint32_t)(world->parts.keys[slot] - 1),
                         0))
            return false;
    }
    for (uint32_t i = 0; i < count; i++)
        state->at[ord_place_of(world, items[i])] = 1;
    return true;
}

static bool set_step(const struct world *world, struct state *state,
                     const struct act *act, uint32_t choice, uint32_t *choices)
{
    bool is_told = act->is_answered && act->out != act->in;
    uint32_t truth = is_told ? truth_of(world->calls, act->out) : NONE;
    bool is_add = act->f == ORD_F_ADD;

    (void)choice;
    *choices = 1;
    if (act->f == ORD_F_READ)
        return read_members(world, state, act->out);
    if (act->f == ORD_F_CONTAINS)
        return want_member(world, state, act->in,
                           says_yes(world->calls, act->out));
    /* true: it changed something. */
    if (truth != NONE &&
        !want_member(world, state, act->in, is_add ? !truth : truth))
        return false;
    return put_member(state, ord_place_of(world, act->in), is_add);
}

/* ---- queues and stacks -------------------------------------------------- */

static bool nothing_init(const struct world *world, struct state *state)
{
    (void)world;
    return start_with(state, 0);
}

static bool fifo_step(const struct world *world, struct state *state,
                      const struct act *act, uint32_t choice, uint32_t *choices)
{
    uint32_t taken = ord_act_taken(act);

    (void)choice;
    *choices = 1;
    if (act->f == ORD_F_ENQUEUE)
        return ord_state_push(state, act->in);
    if (world->frees_takes) { /* all that stands before it may be gone */
        while (state->first < state->count && taken != NONE &&
               state->at[state->first] != taken)
            state->first++;
    }
    if (state->first == state->count)
        return taken == NIL || taken == NONE;
    return taken == NONE ? ++state->first > 0
                         : state->at[state->first++] == taken;
}

static bool stack_step(const struct world *world, struct state *state,
                       const struct act *act, uint32_t choice,
                       uint32_t *choices)
{
    uint32_t taken = ord_act_taken(act);

    (void)choice;
    *choices = 1;
    if (act->f == ORD_F_PUSH)
        return ord_state_push(state, act->in);
    if (world->frees_takes) {
        while (state->count > 0 && taken != NONE &&
               state->at[state->count - 1] != taken)
            state->count--;
    }
    if (state->count == 0)
        return taken == NIL || taken == NONE;
    state->count--;
    return taken == NONE || state->at[state->count] == taken;
}

/* at[0]: how many are in; at[place]: how many of that element. */
static bool bag_step(const struct world *world, struct state *state,
                     const struct act *act, uint32_t choice, uint32_t *choices)
{
    uint32_t taken = ord_act_taken(act);
    uint32_t place = 0;

    *choices = 1;
    if (act->f == ORD_F_ENQUEUE) {
        state->at[ord_place_of(world, act->in)]++;
        state->at[0]++;
        return true;
    }
    if (taken == NIL) /* it is empty, by unlisted takes if need be */
        return state->at[0] == 0 ||
               (world->frees_takes && start_with(state, state->count));
    if (taken == NONE) { /* any of them */
        if (state->at[0] == 0)
            return true;
        *choices = state->count - 1;
        place = choice + 1;
    } else {
        place = ord_place_of(world, taken);
    }
    if (place == 0 || place >= state->count || state->at[place] == 0)
        return false;
    state->at[place]--;
    state->at[0]--;
    return true;
}

/* ---- all of them -------------------------------------------------------- */

static const struct model models[] = {
    {.name = "cas-register",
     .fs = BIT(ORD_F_READ) | BIT(ORD_F_WRITE) | BIT(ORD_F_CAS),
     .rule = RULE_FREE,
     .has_windows = true,
     .init = register_init,
     .step = register_step},
    {.name = "counter",
     .fs = BIT(ORD_F_ADD) | BIT(ORD_F_READ),
     .rule = RULE_LISTED,
     .has_windows = true,
     .init = ord_init_counter,
     .step = ord_step_counter},
    {.name = "fifo-queue",
     .fs = BIT(ORD_F_ENQUEUE) | BIT(ORD_F_DEQUEUE),
     .rule = RULE_ELEMENTS,
     .init = nothing_init,
     .step = fifo_step},
    {.name = "kv",
     .fs = BIT(ORD_F_PUT) | BIT(ORD_F_GET) | BIT(ORD_F_APPEND) |
           BIT(ORD_F_READ) | BIT(ORD_F_WRITE),
     .rule = RULE_LISTED,
     .has_pieces = true,
     .init = nothing_init,
     .step = ord_step_kv},
    {.name = "multi-register",
     .fs = BIT(ORD_F_TXN) | BIT(ORD_F_READ) | BIT(ORD_F_WRITE),
     .rule = RULE_LISTED,
     .has_parts = true,
     .has_names = true,
     .has_windows = true,
     .init = multi_init,
     .step = multi_step},
    {.name = "mutex",
     .fs = BIT(ORD_F_ACQUIRE) | BIT(ORD_F_RELEASE),
     .rule = RULE_LOCK,
     .init = register_init,
     .step = lock_step},
    {.name = "owner-mutex",
     .fs = BIT(ORD_F_ACQUIRE) | BIT(ORD_F_RELEASE),
     .rule = RULE_LOCK,
     .has_owner = true,
     .init = register_init,
     .step = lock_step},
    {.name = "register",
     .fs = BIT(ORD_F_READ) | BIT(ORD_F_WRITE),
     .rule = RULE_FREE,
     .has_windows = true,
     .init = register_init,
     .step = register_step},
    {.name = "set",
     .fs = BIT(ORD_F_ADD) | BIT(ORD_F_REMOVE) | BIT(ORD_F_CONTAINS) |
           BIT(ORD_F_READ),
     .rule = RULE_FREE,
     .has_parts = true,
     .has_members = true,
     .has_windows = true,
     .init = set_init,
     .step = set_step},
    {.name = "stack",
     .fs = BIT(ORD_F_PUSH) | BIT(ORD_F_POP),
     .rule = RULE_ELEMENTS,
     .init = nothing_init,
     .step = stack_step},
    {.name = "unordered-queue",
     .fs = BIT(ORD_F_ENQUEUE) | BIT(ORD_F_DEQUEUE),
     .rule = RULE_ELEMENTS,
     .has_parts = true,
     .has_leftovers = true,
     .init = multi_init,
     .step = bag_step},
};

const struct model *ord_model_of(struct ord_bytes name)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if (ord_bytes_is(name, models[i].name))
            return &models[i];
    }
    return NULL;
}

const struct model *ord_model_with(uint64_t fs)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if ((fs & ~models[i].fs) == 0)
            return &models[i];
    }
    return NULL;
}

uint32_t ord_act_taken(const struct act *act)
{
    if (act->f != ORD_F_DEQUEUE && act->f != ORD_F_POP)
        return NONE;
    /* Some recorders name the element when they ask for it. */
    if (act->in == NIL || act->in == NONE)
        return act->is_answered ? act->out : NONE;
    return !act->is_answered || act->out == NIL || act->out == NONE ? act->in
                                                                    : act->out;
}

struct act ord_act_of(const struct ord_calls *calls, uint32_t call)
{
    uint8_t type = calls->type[call];

    return (struct act){
        .in = calls->in[call],
        .out = calls->out[call],
        .process = calls->process[call],
        .f = calls->f[call],
        .is_answered = type == ORD_OP_OK,
        .is_failed = type == ORD_OP_FAIL,
    };
}

bool ord_act_is_look(const struct world *world, const struct act *act)
{
    (void)world;
    if (act->is_failed || act->f == ORD_F_READ || act->f == ORD_F_GET ||
        act->f == ORD_F_CONTAINS)
        return true;
    if (act->f == ORD_F_DEQUEUE || act->f == ORD_F_POP) /* it was empty */
        return act->is_answered && ord_act_taken(act) == NIL;
    return false;
}

bool ord_act_is_final(const struct ord_calls *calls, uint32_t call)
{
    uint8_t f = calls->f[call];

    return calls->is_final != NULL && calls->is_final[call] != 0 &&
           (f == ORD_F_READ || f == ORD_F_GET || f == ORD_F_CONTAINS);
}

bool ord_act_counts(const struct world *world, const struct ord_calls *calls,
                    uint32_t call)
{
    struct act act = ord_act_of(calls, call);

    if (!ord_model_knows(world->model, act.f))
        return false;
    if (act.is_failed)
        return world->is_strict && act.f == ORD_F_CAS;
    if (!ord_act_is_look(world, &act))
        return true;
    return act.is_answered && act.out != NONE &&
           (calls->is_final == NULL || calls->is_final[call] == 0);
}

static void txn_touches(const struct world *world, const struct act *act,
                        bool writes, ord_touch *each, void *context)
{
    const uint32_t *items = NULL;
    uint32_t count = micros(world, act, &items);

    for (uint32_t i = 0; i < count; i++) {
        struct micro micro;

        if (micro_at(world, act, items[i], &micro) && micro.is_write == writes)
            each(context, micro.part, micro.value);
    }
}

static void set_touches(const struct world *world, const struct act *act,
                        ord_touch *each, void *context)
{
    const uint32_t *items = NULL;
    uint32_t count = 0;

    if (act->f != ORD_F_READ) {
        each(context, act->in, act->f != ORD_F_REMOVE);
        return;
    }
    count = ord_atom_items(world->calls, act->out, &items);
    for (uint32_t i = 0; i < count; i++)
        each(context, items[i], 1);
}

void ord_act_wants(const struct world *world, const struct act *act,
                   ord_touch *each, void *context)
{
    uint32_t taken = ord_act_taken(act);

    if (world->model->has_names) {
        if (act->is_answered)
            txn_touches(world, act, false, each, context);
        return;
    }
    switch (act->f) {
    case ORD_F_CAS:
        each(context, 0, act->out);
        return;
    case ORD_F_READ:
        if (world->model->has_members)
            set_touches(world, act, each, context);
        else
            each(context, 0, act->out);
        return;
    case ORD_F_CONTAINS:
    case ORD_F_ADD:
    case ORD_F_REMOVE:
        if (world->model->has_members)
            set_touches(world, act, each, context);
        return;
    default:
        if (taken != NIL && taken != NONE)
            each(context, taken, 0);
        return;
    }
}

void ord_act_puts(const struct world *world, const struct act *act,
                  ord_touch *each, void *context)
{
    if (world->model->has_names) {
        txn_touches(world, act, true, each, context);
        return;
    }
    switch (act->f) {
    case ORD_F_ADD:
    case ORD_F_REMOVE:
        if (world->model->has_members)
            set_touches(world, act, each, context);
        return;
    case ORD_F_ENQUEUE:
    case ORD_F_PUSH:
        each(context, act->in, 0);
        return;
    case ORD_F_WRITE:
    case ORD_F_PUT:
    case ORD_F_CAS:
        each(context, 0, act->in);
        return;
    default:
        return;
    }
}
