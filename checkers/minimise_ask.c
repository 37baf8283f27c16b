/* minimise_ask.c -- see minimise_ask.h. */
#include "checkers/minimise_ask.h"

#include <stdlib.h>
#include <string.h>

#include "checkers/minimise_put.h"

#define NONE ORD_ATOM_NONE
#define NEVER ORD_CALL_NEVER

enum {
    WORK_SIZE_MAX = 1 << 30, /* bytes of one question */
    STARTS_MAX = 8, /* values, or members twice: they are tried in all orders */
};

struct window {     /* places */
    uint32_t first; /* 0: there is none, it is as it was at the start */
    uint32_t last;
};

/* ---- what a call does --------------------------------------------------- */

static bool is_take(const struct ord_lin *lin, uint32_t call)
{
    return lin->f[call] == ORD_F_DEQUEUE || lin->f[call] == ORD_F_POP;
}

uint32_t ord_ask_element(const struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;
    uint32_t in = lin->in[call];
    uint32_t out = lin->out[call];

    if (!is_take(lin, call))
        return in;
    if (in == ORD_ATOM_NIL || in == NONE)
        return out;
    return out == ORD_ATOM_NIL || out == NONE ? in : out;
}

static bool txn_is_look(const struct ord_lin *lin, uint32_t call)
{
    (void)lin;
    (void)call;
    return false; /* it is listed, then */
}

bool ord_ask_is_look(const struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;

    if (lin->type[call] == ORD_OP_FAIL)
        return true;
    switch (lin->f[call]) {
    case ORD_F_READ:
    case ORD_F_GET:
    case ORD_F_CONTAINS:
        return true;
    case ORD_F_DEQUEUE:
    case ORD_F_POP:
        return ord_ask_element(ask, call) == ORD_ATOM_NIL;
    case ORD_F_TXN:
        return txn_is_look(lin, call);
    default:
        return false;
    }
}

bool ord_ask_counts(const struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;

    if (lin->type[call] == ORD_OP_FAIL)
        return lin->is_strict && lin->f[call] == ORD_F_CAS;
    if (!ord_ask_is_look(ask, call))
        return true;
    return lin->type[call] == ORD_OP_OK && lin->out[call] != NONE &&
           (lin->is_final == NULL || lin->is_final[call] == 0);
}

/* ---- what unlisted calls are counted by --------------------------------- */

/* The kind of thing that a call puts; NONE: it is counted by none. */
static uint32_t key_of(const struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;
    uint32_t owner;

    if (ord_ask_is_look(ask, call))
        return NONE;
    switch (ask->rule) {
    case ORD_ASK_FREE:
        if (ask->is_set)
            return ord_ask_atom(lin, lin->in[call]) * 2 +
                   (lin->f[call] == ORD_F_ADD);
        return lin->in[call];
    case ORD_ASK_LOCK:
        owner = ask->has_owner ? lin->process[call] : 0;
        return owner * 2 + (lin->f[call] == ORD_F_ACQUIRE);
    case ORD_ASK_ELEMENTS:
        return ord_ask_element(ask, call) == NONE ? 0 : NONE;
    default:
        return NONE;
    }
}

static uint32_t key_count(const struct ord_ask *ask)
{
    const struct ord_lin *lin = ask->lin;
    uint32_t count = 0;

    if (ask->rule == ORD_ASK_FREE && ask->is_set)
        return 2 * (lin->atom_of == NULL ? lin->atom_count
                                         : lin->calls->atom_count);
    if (ask->rule == ORD_ASK_FREE)
        return lin->atom_count;
    if (ask->rule != ORD_ASK_LOCK)
        return 1;
    for (uint32_t i = 0; ask->has_owner && i < lin->count; i++)
        count = lin->process[i] > count ? lin->process[i] : count;
    return 2 * (count + 1);
}

/* The key that the call is counted by; NONE: it counts for nothing. */
static inline uint32_t counted_key(const struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;

    /* Most calls of the longest histories, without a step aside. */
    if (ask->rule == ORD_ASK_FREE && !ask->is_set)
        return lin->type[call] != ORD_OP_FAIL && lin->f[call] != ORD_F_READ
                   ? lin->in[call]
                   : NONE;
    return ord_ask_counts(ask, call) ? key_of(ask, call) : NONE;
}

static void fill_keys(struct ord_ask *ask)
{
    const struct ord_lin *lin = ask->lin;

    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t key = counted_key(ask, i);

        if (key != NONE)
            ask->key_first[key + 2]++;
    }
    for (uint32_t key = 0; key < ask->key_count; key++)
        ask->key_first[key + 2] += ask->key_first[key + 1];
    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t key = counted_key(ask, i);

        if (key != NONE)
            ask->by_key[ask->key_first[key + 1]++] = i;
    }
}

static void choose_rule(struct ord_ask *ask)
{
    static const struct {
        const char *model;
        enum ord_ask_rule rule;
    } rules[] = {
        {"register", ORD_ASK_FREE},
        {"cas-register", ORD_ASK_FREE},
        {"set", ORD_ASK_FREE},
        {"mutex", ORD_ASK_LOCK},
        {"owner-mutex", ORD_ASK_LOCK},
        {"fifo-queue", ORD_ASK_ELEMENTS},
        {"unordered-queue", ORD_ASK_ELEMENTS},
        {"stack", ORD_ASK_ELEMENTS},
    };

    ask->rule = ORD_ASK_LISTED;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(rules[i].model, ask->model->name) == 0)
            ask->rule = rules[i].rule;
    }
    ask->is_set = strcmp(ask->model->name, "set") == 0;
    ask->has_owner = strcmp(ask->model->name, "owner-mutex") == 0;
    ask->has_maps = ask->is_set || ask->rule == ORD_ASK_LISTED;
    ask->has_windows = !ask->lin->is_strict &&
                       (ask->rule == ORD_ASK_FREE ||
                        strcmp(ask->model->name, "counter") == 0 ||
                        strcmp(ask->model->name, "multi-register") == 0);
}

int ord_ask_init(struct ord_ask *ask, const struct ord_model *model,
                 const struct ord_lin *lin, struct ord_arena *arena,
                 struct ord_err *err)
{
    size_t atoms = (size_t)lin->atom_count + 1;
    size_t keys;

    *ask = (struct ord_ask){.model = model, .lin = lin, .arena = arena};
    ord_arena_init(&ask->work, WORK_SIZE_MAX);
    ask->listed_to = NEVER;
    choose_rule(ask);
    ORD_ASSERT(!ask->has_owner || lin->process != NULL);
    ask->key_count = key_count(ask);
    keys = (size_t)ask->key_count + 1;
    ask->key_first = ord_arena_zalloc(arena, keys + 2, sizeof(uint32_t));
    ask->by_key =
        ord_arena_zalloc(arena, (size_t)lin->count + 1, sizeof(uint32_t));
    ask->wanted = ord_arena_zalloc(arena, keys, sizeof(uint32_t));
    ask->listed = ord_arena_zalloc(arena, keys, sizeof(uint32_t));
    ask->touched = ord_arena_zalloc(arena, keys, sizeof(uint32_t));
    ask->local = ord_arena_zalloc(arena, atoms, sizeof(uint32_t));
    ask->atoms = ord_arena_zalloc(arena, atoms, sizeof(uint32_t));
    if (ask->key_first == NULL || ask->by_key == NULL || ask->wanted == NULL ||
        ask->listed == NULL || ask->touched == NULL || ask->local == NULL ||
        ask->atoms == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory to minimise %u calls",
                        lin->count);
    fill_keys(ask);
    return ORD_OK;
}

void ord_ask_fini(struct ord_ask *ask)
{
    ord_arena_fini(&ask->work);
}

/* ---- rows --------------------------------------------------------------- */

static void add_row(struct ord_ask *ask, struct rows *rows, struct row row)
{
    if (rows->count == rows->room) {
        uint32_t room = rows->room * 2 + 64;
        struct row *at = ord_arena_alloc(&ask->work, (size_t)room * sizeof *at);

        if (at == NULL) {
            ask->is_broke = true;
            return;
        }
        if (rows->count > 0)
            memcpy(at, rows->at, rows->count * sizeof *at);
        rows->at = at;
        rows->room = room;
    }
    rows->at[rows->count++] = row;
}

static void add_part(struct ord_ask *ask, struct rows *rows,
                     const struct ord_lin_part *part)
{
    const struct ord_lin *lin = ask->lin;
    struct row row = {
        .call = part->call,
        .in = lin->in[part->call],
        .begin =
            (part->keep & ORD_KEEP_BEGIN) != 0 ? lin->begin[part->call] : 0,
        .end = NEVER,
        .f = lin->f[part->call],
        .type = ORD_OP_INFO,
        .is_told = lin->type[part->call] != ORD_OP_INFO ||
                   lin->f[part->call] == ORD_F_CAS,
    };

    if ((part->keep & ORD_KEEP_END) != 0)
        row.end = lin->end[part->call];
    else if ((part->keep & ORD_KEEP_MUST) != 0)
        row.end = lin->event_count;
    if ((part->keep & (ORD_KEEP_END | ORD_KEEP_MUST)) != 0)
        row.type = lin->type[part->call];
    add_row(ask, rows, row);
}

/* ---- what is wanted of unlisted calls ----------------------------------- */

static void want(struct ord_ask *ask, uint32_t key, uint32_t count)
{
    if (key >= ask->key_count || count == 0)
        return;
    if (ask->wanted[key] == 0 && ask->listed[key] == 0)
        ask->touched[ask->touched_count++] = key;
    ask->wanted[key] += count;
}

static void list(struct ord_ask *ask, uint32_t key)
{
    if (key == NONE)
        return;
    if (ask->wanted[key] == 0 && ask->listed[key] == 0)
        ask->touched[ask->touched_count++] = key;
    ask->listed[key]++;
}

static void want_members(struct ord_ask *ask, uint32_t call)
{
    const struct ord_lin *lin = ask->lin;
    const uint32_t *items = NULL;
    uint32_t count;

    if (lin->f[call] != ORD_F_READ) {
        uint32_t element = ord_ask_atom(lin, lin->in[call]);

        want(ask, element * 2, 1);
        want(ask, element * 2 + 1, 1);
        return;
    }
    count =
        ord_atom_items(lin->calls, ord_ask_atom(lin, lin->out[call]), &items);
    for (uint32_t i = 0; i < count; i++)
        want(ask, items[i] * 2 + 1, 1);
}

static void want_of(struct ord_ask *ask, const struct ord_lin_part *part,
                    uint32_t count)
{
    const struct ord_lin *lin = ask->lin;
    uint8_t f = lin->f[part->call];

    switch (ask->rule) {
    case ORD_ASK_FREE:
        if (ask->is_set)
            want_members(ask, part->call);
        else if (f == ORD_F_READ || f == ORD_F_CAS)
            want(ask, lin->out[part->call], 1);
        return;
    case ORD_ASK_LOCK:
        for (uint32_t key = 0; key < ask->key_count; key++) {
            if (ask->wanted[key] == 0)
                want(ask, key, count);
        }
        return;
    case ORD_ASK_ELEMENTS:
        if (f == ORD_F_ENQUEUE || f == ORD_F_PUSH)
            want(ask, 0, 1);
        return;
    default:
        return;
    }
}

/* Elements that somebody asked for are missed by the other reads. */
static void want_absence(struct ord_ask *ask, uint32_t count)
{
    uint32_t touched = ask->touched_count;

    for (uint32_t i = 0; i < touched; i++) {
        uint32_t key = ask->touched[i];

        if ((key & 1) != 0 && ask->wanted[key - 1] < count)
            want(ask, key - 1, count - ask->wanted[key - 1]);
    }
}

/* How many calls of that key began no later than `last`. */
static uint32_t supply(const struct ord_ask *ask, uint32_t key, uint32_t last)
{
    uint32_t low = ask->key_first[key];
    uint32_t high = ask->key_first[key + 1];

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ask->lin->begin[ask->by_key[middle]] <= last)
            low = middle + 1;
        else
            high = middle;
    }
    return low - ask->key_first[key];
}

/* Some call of that key that is not listed may have happened in the window. */
static bool is_free(struct ord_ask *ask, uint32_t key, struct window w)
{
    const struct ord_lin *lin = ask->lin;
    uint32_t begun = supply(ask, key, w.last);
    uint32_t before = w.first == 0 ? 0 : supply(ask, key, w.first - 1);
    uint32_t i = ask->key_first[key] + before;

    /* Those that began before it have to be looked at one by one. */
    begun -= before;
    ord_ask_spend(ask, before);
    while (i-- > ask->key_first[key] && begun <= ask->listed[key])
        begun += lin->end[ask->by_key[i]] >= w.first;
    return begun > ask->listed[key];
}

static void add_copies(struct ord_ask *ask, struct rows *rows, struct window w)
{
    for (uint32_t i = 0; i < ask->touched_count && !ask->is_broke; i++) {
        uint32_t key = ask->touched[i];
        uint32_t count = ask->wanted[key];
        uint32_t call;
        struct row row;

        if (count == 0 || !is_free(ask, key, w))
            continue;
        call = ask->by_key[ask->key_first[key]];
        row = (struct row){.call = call,
                           .in = ask->lin->in[call],
                           .end = NEVER,
                           .f = ask->lin->f[call],
                           .type = ORD_OP_INFO};
        if (row.f == ORD_F_CAS)
            row.f = ORD_F_WRITE;
        /* Without a remove, what is in stays in. */
        if (ask->is_set && (key & 1) != 0 && ask->listed[key - 1] == 0 &&
            supply(ask, key - 1, w.last) == 0)
            count = 1;
        for (uint32_t n = 0; n < count && !ask->is_broke; n++)
            add_row(ask, rows, row);
    }
}

/* A failed cas is content with any other value that somebody may have put. */
static void add_others(struct ord_ask *ask, struct rows *rows,
                       const struct ord_lin_part *parts, uint32_t count,
                       uint32_t last)
{
    const struct ord_lin *lin = ask->lin;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t expected = lin->out[parts[i].call];

        if (lin->type[parts[i].call] != ORD_OP_FAIL)
            continue;
        for (uint32_t call = 0; call < lin->count && lin->begin[call] <= last;
             call++) {
            uint32_t key = counted_key(ask, call);

            if (key == NONE || key == expected ||
                supply(ask, key, last) <= ask->listed[key])
                continue;
            add_row(ask, rows,
                    (struct row){.call = call,
                                 .in = lin->in[call],
                                 .end = NEVER,
                                 .f = ORD_F_WRITE,
                                 .type = ORD_OP_INFO});
            break;
        }
    }
}

uint32_t ord_ask_last(const struct ord_ask *ask,
                      const struct ord_lin_part *parts, uint32_t count)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < count; i++) {
        bool has_end = (parts[i].keep & ORD_KEEP_END) != 0;

        if (has_end && ask->lin->end[parts[i].call] > last)
            last = ask->lin->end[parts[i].call];
        if (!has_end && (parts[i].keep & ORD_KEEP_MUST) != 0)
            return UINT32_MAX;
    }
    return last;
}

uint32_t ord_ask_first(const struct ord_ask *ask,
                       const struct ord_lin_part *parts, uint32_t count)
{
    uint32_t first = NEVER;

    if (!ask->has_windows)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t keep = parts[i].keep;

        if ((keep & ORD_KEEP_MUST) == 0)
            continue;
        if ((keep & ORD_KEEP_BEGIN) == 0)
            return 0;
        if (ask->lin->begin[parts[i].call] < first)
            first = ask->lin->begin[parts[i].call];
    }
    return first == NEVER ? 0 : first;
}

/* Before the window is all that ended before it opens, and that happened. */
static bool is_in(const struct ord_ask *ask, const struct ord_lin_part *part,
                  struct window w)
{
    return ask->lin->begin[part->call] <= w.last &&
           ((part->keep & ORD_KEEP_MUST) != 0 ||
            ask->lin->end[part->call] >= w.first);
}

/* ---- the state when the window opens ------------------------------------ */

static void add_start(struct ord_ask *ask, struct rows *rows, uint32_t call,
                      uint32_t in, uint8_t f)
{
    add_row(ask, rows,
            (struct row){.call = call, .in = in, .f = f, .type = ORD_OP_OK});
}

/* The element that a key is about, once for its two keys. */
static bool is_member(const struct ord_ask *ask, uint32_t key)
{
    return (key & 1) != 0 ||
           (ask->wanted[key + 1] == 0 && ask->listed[key + 1] == 0);
}

/* All at place 0, in any order: each value that matters may be there then.
 * False: too many would have to be tried. */
static bool add_starts(struct ord_ask *ask, struct rows *rows, uint32_t call)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < ask->touched_count; i++) {
        uint32_t key = ask->touched[i];
        uint32_t by;
        uint32_t in;

        if (!ask->is_set && ask->wanted[key] == 0)
            continue;
        if (ask->is_set && !is_member(ask, key))
            continue;
        count += ask->is_set ? 2 : 1;
        if (count > STARTS_MAX)
            return false;
        if (!ask->is_set) {
            add_start(ask, rows, call, key, ORD_F_WRITE);
            continue;
        }
        by = ask->key_first[key & ~UINT32_C(1)];
        if (by != ask->key_first[(key | 1) + 1])
            in = ask->lin->in[ask->by_key[by]];
        else if (ask->lin->atom_of == NULL)
            in = key / 2; /* nobody ever put it */
        else
            return false;
        add_start(ask, rows, call, in, ORD_F_ADD);
        add_start(ask, rows, call, in, ORD_F_REMOVE);
    }
    return true;
}

/* False: this cannot be asked. */
static bool add_unlisted(struct ord_ask *ask, struct rows *rows,
                         const struct ord_lin_part *parts, uint32_t count,
                         struct window w)
{
    bool is_asked = true;

    if (ask->rule == ORD_ASK_LISTED)
        return true;
    ask->touched_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = key_of(ask, parts[i].call);

        if (is_in(ask, &parts[i], w) && ask->lin->end[parts[i].call] >= w.first)
            list(ask, key);
        want_of(ask, &parts[i], count);
    }
    if (ask->is_set)
        want_absence(ask, count);
    if (w.first > 0)
        is_asked = add_starts(ask, rows, parts[0].call);
    if (is_asked)
        add_copies(ask, rows, w);
    if (is_asked && ask->rule == ORD_ASK_FREE && ask->lin->is_strict)
        add_others(ask, rows, parts, count, w.last);
    for (uint32_t i = 0; i < ask->touched_count; i++)
        ask->wanted[ask->touched[i]] = ask->listed[ask->touched[i]] = 0;
    return is_asked;
}

/* ---- the question ------------------------------------------------------- */

static bool has_no_order(struct ord_ask *ask, const struct ord_lin_part *parts,
                         uint32_t count, struct window w)
{
    struct rows rows = {0};

    if (ask->steps_left == 0)
        ask->is_broke = true;
    ord_arena_reset(&ask->work);
    for (uint32_t i = 0; i < count && !ask->is_broke; i++) {
        if (is_in(ask, &parts[i], w))
            add_part(ask, &rows, &parts[i]);
    }
    if (ask->is_broke || rows.count == 0)
        return false;
    if (!add_unlisted(ask, &rows, parts, count, w)) {
        ask->is_unsure = true;
        return false;
    }
    return !ask->is_broke &&
           ord_ask_put(ask, &rows, w.first > 0 && ask->rule == ORD_ASK_LISTED);
}

bool ord_ask_is_violating(struct ord_ask *ask, const struct ord_lin_part *parts,
                          uint32_t count)
{
    struct window w = {ord_ask_first(ask, parts, count),
                       ord_ask_last(ask, parts, count)};

    if (ask->is_broke || count == 0 || w.last > ask->listed_to)
        return false;
    if (w.first > 0 && has_no_order(ask, parts, count, w))
        return true;
    w.first = 0;
    return !ask->is_windowed && has_no_order(ask, parts, count, w);
}

/* A text that is in nothing that those parts got. */
static bool is_unseen(const struct ord_ask *ask,
                      const struct ord_lin_part *parts, uint32_t count,
                      uint32_t call)
{
    const struct ord_lin *lin = ask->lin;
    const struct ord_value part = ord_lin_value(lin, lin->in[call]);

    if (part.kind != ORD_TEXT || part.count == 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t look = parts[i].call;
        struct ord_value whole;

        if (!ord_ask_is_look(ask, look))
            continue;
        whole = ord_lin_value(lin, lin->out[look]);
        if (whole.kind != ORD_TEXT || memmem(whole.as.text, whole.count,
                                             part.as.text, part.count) != NULL)
            return false;
    }
    return true;
}

uint32_t ord_ask_drop_unseen(const struct ord_ask *ask,
                             struct ord_lin_part *parts, uint32_t count)
{
    uint32_t to = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct ord_lin_part part = parts[i];

        if (part.keep != 0 || ord_ask_is_look(ask, part.call) ||
            !is_unseen(ask, parts, count, part.call))
            parts[to++] = part;
    }
    return to;
}
