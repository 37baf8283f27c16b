/* trace.c -- who saw what: see trace.h. */
#include "checkers/trace.h"

#define NO_CALL UINT32_MAX

/* The writes of one value of the key at hand, by begin. */
struct source {
    uint32_t stamp;       /* key + 1 */
    uint32_t call[2];     /* the first two; NO_CALL */
    uint32_t third_begin; /* NEVER: there is none */
};

struct builder {
    struct ord_trace *t;
    struct ord_arena *arena;
    struct source *sources; /* by atom */
    uint32_t *from;         /* by call: of a read or cas */
    uint32_t *bound;        /* by call: unfinished cas: when it was seen */
    uint8_t *is_certain;    /* by call */
    uint32_t *stack;        /* unfinished cas that were seen */
    uint32_t depth;
};

static int no_memory(const struct builder *b, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM, "%u calls need more than %zu bytes",
                    b->t->calls.count, b->arena->size_max);
}

static uint32_t key_of(const struct ord_calls *calls, uint32_t call)
{
    return calls->key == NULL ? 0 : calls->key[call];
}

static bool is_read_f(uint8_t f)
{
    return f == ORD_F_READ || f == ORD_F_GET;
}

static bool is_write_f(uint8_t f)
{
    return f == ORD_F_WRITE || f == ORD_F_PUT || f == ORD_F_CAS;
}

static bool is_final(const struct ord_calls *calls, uint32_t call)
{
    return calls->is_final != NULL && calls->is_final[call] != 0;
}

/* An ok read that was no look at the outcome. */
static bool is_read(const struct ord_calls *calls, uint32_t call)
{
    return is_read_f(calls->f[call]) && calls->type[call] == ORD_OP_OK &&
           !is_final(calls, call);
}

/* ---- kinds of objects ---------------------------------------------------- */

static enum ord_object_kind kind_of(uint8_t f)
{
    switch (f) {
    case ORD_F_WRITE:
    case ORD_F_PUT:
    case ORD_F_CAS:
        return ORD_OBJECT_REGISTER;
    case ORD_F_ADD:
    case ORD_F_REMOVE:
        return ORD_OBJECT_SET;
    case ORD_F_APPEND:
        return ORD_OBJECT_LIST;
    default:
        return ORD_OBJECT_MIXED;
    }
}

/* As view.c does it; what only was read is a register, or, if a list was, a
 * set. */
static int classify(struct builder *b, struct ord_err *err)
{
    struct ord_trace *t = b->t;
    const struct ord_calls *calls = &t->calls;
    const uint32_t *items = NULL;

    t->key_kind = ord_arena_zalloc(b->arena, (size_t)calls->key_count + 1, 1);
    if (t->key_kind == NULL)
        return no_memory(b, err);
    for (uint32_t i = 0; i < calls->count; i++) {
        uint8_t *kind = &t->key_kind[key_of(calls, i)];
        enum ord_object_kind now = kind_of(calls->f[i]);

        if (is_read_f(calls->f[i]) ||
            (now == ORD_OBJECT_MIXED && calls->type[i] == ORD_OP_FAIL))
            continue;
        if (*kind == ORD_OBJECT_EMPTY)
            *kind = (uint8_t)now;
        else if (*kind != now)
            *kind = ORD_OBJECT_MIXED;
    }
    for (uint32_t i = 0; i < calls->count; i++) {
        uint8_t *kind = &t->key_kind[key_of(calls, i)];
        bool is_list = false;

        if (!is_read_f(calls->f[i]) || calls->type[i] != ORD_OP_OK ||
            *kind == ORD_OBJECT_REGISTER || *kind == ORD_OBJECT_MIXED)
            continue;
        (void)ord_atom_items(calls, calls->out[i], &items);
        is_list = ord_atom_value(calls, calls->out[i]).kind == ORD_LIST;
        if (*kind == ORD_OBJECT_EMPTY)
            *kind = is_list ? ORD_OBJECT_SET : ORD_OBJECT_REGISTER;
        else if (!is_list && calls->out[i] != ORD_ATOM_NIL)
            *kind = ORD_OBJECT_MIXED;
    }
    return ORD_OK;
}

static bool is_register(const struct builder *b, uint32_t call)
{
    return b->t->key_kind[key_of(&b->t->calls, call)] == ORD_OBJECT_REGISTER;
}

/* ---- reads-from ---------------------------------------------------------- */

static void note_write(struct builder *b, uint32_t call)
{
    const struct ord_calls *calls = &b->t->calls;
    uint32_t stamp = key_of(calls, call) + 1;
    struct source *source = &b->sources[calls->in[call]];

    if (source->stamp != stamp)
        *source = (struct source){stamp, {call, NO_CALL}, ORD_CALL_NEVER};
    else if (source->call[1] == NO_CALL)
        source->call[1] = call;
    else if (source->third_begin == ORD_CALL_NEVER)
        source->third_begin = calls->begin[call];
}

/* What a read (or cas) of that key saw that ended before the bound: a call or
 * ORD_FROM_*.  A cas does not feed itself. */
static uint32_t look_up(const struct builder *b, uint32_t call, uint32_t bound)
{
    const struct ord_calls *calls = &b->t->calls;
    uint32_t atom = calls->out[call];
    const struct source *source = &b->sources[atom];
    uint32_t found = atom == ORD_ATOM_NIL ? ORD_FROM_INITIAL : ORD_FROM_NOBODY;

    if (source->stamp != key_of(calls, call) + 1)
        return found;
    for (int i = 0; i < 2; i++) {
        uint32_t write = source->call[i];

        if (write == NO_CALL || write == call || calls->begin[write] >= bound)
            continue;
        if (found != ORD_FROM_NOBODY)
            return ORD_FROM_SEVERAL;
        found = write;
    }
    return source->third_begin < bound ? ORD_FROM_SEVERAL : found;
}

static void read_by(struct builder *b, uint32_t reader, uint32_t bound)
{
    const struct ord_calls *calls = &b->t->calls;
    uint32_t from = look_up(b, reader, bound);

    b->from[reader] = from;
    if (!ORD_FROM_IS_DEED(from) || b->is_certain[from])
        return;
    b->is_certain[from] = 1;
    if (calls->f[from] != ORD_F_CAS)
        return;
    b->bound[from] = bound;
    b->stack[b->depth++] = from;
}

/* Calls of one key, by begin. */
static void resolve(struct builder *b, const uint32_t *at, uint32_t count)
{
    const struct ord_calls *calls = &b->t->calls;

    for (uint32_t i = 0; i < count; i++) {
        if (is_write_f(calls->f[at[i]]) && calls->type[at[i]] != ORD_OP_FAIL) {
            note_write(b, at[i]);
            b->is_certain[at[i]] = calls->type[at[i]] == ORD_OP_OK;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (calls->type[at[i]] == ORD_OP_OK &&
            (is_read(calls, at[i]) || calls->f[at[i]] == ORD_F_CAS)) {
            b->is_certain[at[i]] = 1;
            read_by(b, at[i], calls->end[at[i]]);
        }
    }
    while (b->depth > 0) {
        uint32_t cas = b->stack[--b->depth];

        read_by(b, cas, b->bound[cas]);
    }
}

static int resolve_all(struct builder *b, struct ord_err *err)
{
    const struct ord_calls *calls = &b->t->calls;
    size_t n = (size_t)calls->count + 1;

    b->sources = ord_arena_zalloc(b->arena, (size_t)calls->atom_count + 1,
                                  sizeof *b->sources);
    b->from = ord_arena_zalloc(b->arena, n, sizeof *b->from);
    b->bound = ord_arena_zalloc(b->arena, n, sizeof *b->bound);
    b->stack = ord_arena_zalloc(b->arena, n, sizeof *b->stack);
    b->is_certain = ord_arena_zalloc(b->arena, n, 1);
    if (b->sources == NULL || b->from == NULL || b->bound == NULL ||
        b->stack == NULL || b->is_certain == NULL)
        return no_memory(b, err);
    for (uint32_t k = 0; k < calls->key_count; k++) {
        if (b->t->key_kind[k] == ORD_OBJECT_REGISTER)
            resolve(b, calls->by_key + calls->key_first[k],
                    calls->key_first[k + 1] - calls->key_first[k]);
    }
    return ORD_OK;
}

/* ---- deeds --------------------------------------------------------------- */

static void add_deed(struct builder *b, uint32_t call, uint8_t kind)
{
    b->t->call[b->t->count] = call;
    b->t->kind[b->t->count++] = kind;
}

/* `bound` becomes the deed that wrote, by call. */
static void list_deeds(struct builder *b)
{
    struct ord_trace *t = b->t;
    const struct ord_calls *calls = &t->calls;

    for (uint32_t i = 0; i < calls->count; i++) {
        if (!b->is_certain[i] || !is_register(b, i))
            continue;
        if (is_read_f(calls->f[i])) {
            add_deed(b, i, ORD_DEED_READ);
        } else if (calls->f[i] == ORD_F_CAS) {
            add_deed(b, i, ORD_DEED_READ | ORD_DEED_CAS);
            add_deed(b, i, ORD_DEED_WRITE | ORD_DEED_CAS);
        } else {
            add_deed(b, i, ORD_DEED_WRITE);
        }
        b->bound[i] = t->count - 1;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t from = b->from[t->call[i]];

        if (!ord_deed_is_read(t, i))
            continue;
        t->read_count++;
        if (from == ORD_FROM_SEVERAL && t->several_count++ == 0)
            t->several = i;
        t->from[i] = ORD_FROM_IS_DEED(from) ? b->bound[from] : from;
        if (ORD_FROM_IS_DEED(from))
            t->from[t->from[i]]++;
    }
}

/* When the value of a write could first be seen: from its begin on, or, put by
 * a cas, from when it could be seen what that expected; NEVER, where each of a
 * ring of them expected what another put.  `origin` is 0 where not yet known;
 * no write begins at 0 without being its own origin. */
static void find_origin(struct builder *b, uint32_t write, uint32_t *origin)
{
    const struct ord_trace *t = b->t;
    uint32_t at = write;
    uint32_t seen = 0; /* the origin of what stands below in the stack */

    b->depth = 0;
    while (origin[at] == 0) {
        uint32_t from = 0;

        origin[at] = ORD_CALL_NEVER; /* until it turns out to be no ring */
        b->stack[b->depth++] = at;
        if ((t->kind[at] & ORD_DEED_CAS) == 0)
            break;
        from = t->from[at - 1];
        if (!ORD_FROM_IS_DEED(from))
            break;
        at = from;
        seen = origin[at];
    }
    if (b->depth > 0 && at == b->stack[b->depth - 1])
        seen = 0;
    while (b->depth > 0) {
        uint32_t begin = 0;

        at = b->stack[--b->depth];
        begin = ord_deed_begin(t, at);
        seen = begin > seen ? begin : seen;
        origin[at] = seen;
    }
}

/* A read that ended before what it saw could be seen saw nobody's. */
static int find_impossible(struct builder *b, struct ord_err *err)
{
    struct ord_trace *t = b->t;
    uint32_t *origin =
        ord_arena_zalloc(b->arena, (size_t)t->count + 1, sizeof *origin);

    if (origin == NULL)
        return no_memory(b, err);
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->kind[i] == (ORD_DEED_WRITE | ORD_DEED_CAS))
            find_origin(b, i, origin);
    }
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t from = t->from[i];

        if (!ord_deed_is_read(t, i) || !ORD_FROM_IS_DEED(from) ||
            (t->kind[from] & ORD_DEED_CAS) == 0 ||
            origin[from] < ord_deed_end(t, i))
            continue;
        t->from[from]--;
        t->from[i] = ORD_FROM_NOBODY;
    }
    return ORD_OK;
}

static int make_deeds(struct builder *b, struct ord_err *err)
{
    struct ord_trace *t = b->t;
    size_t room = 1;
    bool has_cas = false;

    for (uint32_t i = 0; i < t->calls.count; i++) {
        if (!b->is_certain[i])
            continue;
        room += t->calls.f[i] == ORD_F_CAS ? 2 : 1;
        has_cas = has_cas || t->calls.f[i] == ORD_F_CAS;
    }
    if (room > UINT32_MAX / 2)
        return ord_fail(err, ORD_ELIMIT, "%zu reads and writes", room);
    t->call = ord_arena_zalloc(b->arena, room, sizeof *t->call);
    t->from = ord_arena_zalloc(b->arena, room, sizeof *t->from);
    t->kind = ord_arena_zalloc(b->arena, room, 1);
    if (t->call == NULL || t->from == NULL || t->kind == NULL)
        return no_memory(b, err);
    list_deeds(b);
    return has_cas ? find_impossible(b, err) : ORD_OK;
}

/* ---- groups -------------------------------------------------------------- */

/* A counting sort of the deeds by a number below `groups`. */
static int group(struct builder *b, bool is_by_key, uint32_t groups,
                 uint32_t **first_out, uint32_t **sorted_out,
                 struct ord_err *err)
{
    struct ord_trace *t = b->t;
    uint32_t *first =
        ord_arena_zalloc(b->arena, (size_t)groups + 2, sizeof *first);
    uint32_t *sorted =
        ord_arena_zalloc(b->arena, (size_t)t->count + 1, sizeof *sorted);

    if (first == NULL || sorted == NULL)
        return no_memory(b, err);
    for (uint32_t i = 0; i < t->count; i++)
        first[(is_by_key ? ord_deed_key(t, i) : ord_deed_session(t, i)) + 2]++;
    for (uint32_t g = 0; g < groups; g++)
        first[g + 2] += first[g + 1];
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t g = is_by_key ? ord_deed_key(t, i) : ord_deed_session(t, i);

        sorted[first[g + 1]++] = i;
    }
    *first_out = first;
    *sorted_out = sorted;
    return ORD_OK;
}

/* Where the calls do not tell sessions: by two tables, for a session 3 and a
 * process 3 are different. */
static int name_sessions(struct builder *b, struct ord_err *err)
{
    struct ord_trace *t = b->t;
    struct ord_intern ids[2];
    uint32_t *name[2] = {NULL, NULL};
    size_t n = t->calls.count;

    if (t->calls.session != NULL) {
        t->session_count = t->calls.session_count;
        t->session = (uint32_t *)(uintptr_t)t->calls.session;
        return ORD_OK;
    }
    t->session = ord_arena_zalloc(b->arena, n + 1, sizeof *t->session);
    for (int i = 0; i < 2; i++) {
        name[i] = ord_arena_zalloc(b->arena, n + 1, sizeof **name);
        if (name[i] == NULL ||
            !ord_intern_init(&ids[i], b->arena, t->calls.count))
            return no_memory(b, err);
    }
    if (t->session == NULL)
        return no_memory(b, err);
    for (uint32_t i = 0; i < t->calls.count; i++) {
        const struct ord_op *op = ord_history_op(t->history, t->calls.begin[i]);
        int which = op->session != ORD_NONE;
        struct ord_value value =
            ord_value_int(which ? op->session : op->process);
        uint32_t id = ord_intern_add(&ids[which], &value);

        if (name[which][id] == 0)
            name[which][id] = ++t->session_count;
        t->session[i] = name[which][id] - 1;
    }
    return ORD_OK;
}

int ord_trace_init(struct ord_trace *t, const struct ord_check_in *in,
                   struct ord_err *err)
{
    struct builder b = {.t = t, .arena = in->arena};

    *t = (struct ord_trace){.history = in->history};
    if (ord_calls_build(in->history, ORD_CALLS_KEYS | ORD_CALLS_SESSIONS,
                        in->arena, &t->calls, err) != ORD_OK)
        return err->rc;
    if (classify(&b, err) != ORD_OK || name_sessions(&b, err) != ORD_OK ||
        resolve_all(&b, err) != ORD_OK || make_deeds(&b, err) != ORD_OK)
        return err->rc;
    if (group(&b, false, t->session_count, &t->session_first, &t->by_session,
              err) != ORD_OK)
        return err->rc;
    return group(&b, true, t->calls.key_count, &t->key_first, &t->by_key, err);
}
