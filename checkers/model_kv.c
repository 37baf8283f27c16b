/* model_kv.c -- one key of a map of texts: get, put, append.
 *
 * The texts that somebody got form a tree, a node a byte.  A state of the exact
 * search is the node that the text has come to; a text with which no text that
 * was got begins is DEAD, as good as any other: until the next put nobody can
 * get anything.  So unfinished appends that nobody saw multiply no states.
 * What is no text counts as the text that it is written as; nil as "".
 */
#include <string.h>

#include "checkers/exact.h"
#include "checkers/models.h"

enum { ROOT = 0 };

#define DEAD UINT32_MAX

struct node {
    uint32_t parent;
    uint32_t child; /* the first; ROOT: none */
    uint32_t next;  /* of the same parent; ROOT: none */
    uint32_t first; /* number in an order that puts parents first ... */
    uint32_t last;  /* ... and that of the last below it */
    uint8_t byte;
};

struct text {
    const char *at;
    uint32_t size;
};

struct kv {
    struct text *texts; /* by call: put, appended or got */
    uint32_t *node_of;  /* by call: of a text that was got */
    struct node *nodes;
    uint32_t node_count;
    uint32_t *gets; /* calls, by begin */
    uint32_t get_count;
    uint32_t put_place; /* from there on, no put happens any more */
};

static bool text_of(struct ord_arena *arena, const struct ord_value *value,
                    struct text *out)
{
    struct ord_buf buf;
    char *copy = NULL;

    *out = (struct text){"", 0};
    if (value->kind == ORD_NIL)
        return true;
    if (value->kind == ORD_TEXT) {
        *out = (struct text){value->as.text, value->count};
        return true;
    }
    ord_buf_init(&buf, 1 << 20);
    ord_value_to_edn(value, &buf);
    copy = ord_arena_alloc(arena, buf.size + 1);
    if (copy != NULL && buf.size > 0)
        memcpy(copy, buf.at, buf.size);
    *out = (struct text){copy, (uint32_t)buf.size};
    ord_buf_fini(&buf);
    return copy != NULL;
}

static bool is_get(const struct ord_lin *lin, uint32_t call)
{
    return lin->f[call] == ORD_F_GET || lin->f[call] == ORD_F_READ;
}

/* The child by that byte; ROOT: there is none. */
static uint32_t child_of(const struct kv *kv, uint32_t node, uint8_t byte)
{
    uint32_t child = kv->nodes[node].child;

    while (child != ROOT && kv->nodes[child].byte != byte)
        child = kv->nodes[child].next;
    return child;
}

static uint32_t walk(const struct kv *kv, uint32_t node,
                     const struct text *text)
{
    for (uint32_t i = 0; i < text->size && node != DEAD; i++) {
        node = child_of(kv, node, (uint8_t)text->at[i]);
        if (node == ROOT)
            node = DEAD;
    }
    return node;
}

static uint32_t plant(struct kv *kv, const struct text *text)
{
    uint32_t node = ROOT;

    for (uint32_t i = 0; i < text->size; i++) {
        uint8_t byte = (uint8_t)text->at[i];
        uint32_t child = child_of(kv, node, byte);

        if (child == ROOT) {
            child = kv->node_count++;
            kv->nodes[child] = (struct node){
                .parent = node, .next = kv->nodes[node].child, .byte = byte};
            kv->nodes[node].child = child;
        }
        node = child;
    }
    return node;
}

/* Numbers the nodes so that those below one are a range. */
static void number(struct kv *kv)
{
    uint32_t node = ROOT;
    uint32_t count = 0;

    kv->nodes[ROOT].first = count++;
    for (;;) {
        if (kv->nodes[node].child != ROOT) {
            node = kv->nodes[node].child;
            kv->nodes[node].first = count++;
            continue;
        }
        kv->nodes[node].last = count - 1;
        while (node != ROOT && kv->nodes[node].next == ROOT) {
            node = kv->nodes[node].parent;
            kv->nodes[node].last = count - 1;
        }
        if (node == ROOT)
            return;
        node = kv->nodes[node].next;
        kv->nodes[node].first = count++;
    }
}

static int plant_all(struct ord_exact *exact, struct kv *kv,
                     struct ord_err *err)
{
    const struct ord_lin *lin = exact->lin;
    uint64_t size = 1;

    for (uint32_t i = 0; i < kv->get_count; i++)
        size += kv->texts[kv->gets[i]].size;
    if (size < UINT32_MAX)
        kv->nodes = ord_arena_zalloc(lin->arena, size, sizeof *kv->nodes);
    if (kv->nodes == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for texts that long");
    kv->node_count = 1;
    for (uint32_t i = 0; i < kv->get_count; i++)
        kv->node_of[kv->gets[i]] = plant(kv, &kv->texts[kv->gets[i]]);
    number(kv);
    return ORD_OK;
}

static int kv_init(struct ord_exact *exact, struct ord_state *start,
                   struct ord_err *err)
{
    const struct ord_lin *lin = exact->lin;
    struct kv *kv = ord_arena_zalloc(lin->arena, 1, sizeof *kv);
    size_t room = (size_t)lin->count + 1;

    *start = (struct ord_state){.a = ROOT};
    if (kv != NULL) {
        kv->texts = ord_arena_zalloc(lin->arena, room, sizeof *kv->texts);
        kv->node_of = ord_arena_zalloc(lin->arena, room, sizeof *kv->node_of);
        kv->gets = ord_arena_zalloc(lin->arena, room, sizeof *kv->gets);
    }
    if (kv == NULL || kv->texts == NULL || kv->node_of == NULL ||
        kv->gets == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u texts", lin->count);
    exact->own = kv;
    for (uint32_t i = 0; i < lin->count; i++) {
        struct ord_value v =
            ord_lin_value(lin, is_get(lin, i) ? lin->out[i] : lin->in[i]);

        if (!text_of(lin->arena, &v, &kv->texts[i]))
            return ord_fail(err, ORD_ENOMEM, "no memory for %u texts",
                            lin->count);
        if (ord_exact_skips(lin, i, is_get(lin, i)))
            continue;
        if (is_get(lin, i))
            kv->gets[kv->get_count++] = i;
        if (lin->f[i] == ORD_F_PUT || lin->f[i] == ORD_F_WRITE)
            kv->put_place =
                kv->put_place > lin->end[i] ? kv->put_place : lin->end[i];
    }
    return plant_all(exact, kv, err);
}

static uint32_t kv_key_max(const struct ord_exact *exact)
{
    (void)exact;
    return 1; /* the map is not used */
}

static bool kv_looks(const struct ord_exact *exact, uint32_t call)
{
    return is_get(exact->lin, call);
}

/* The text got is how that of the node goes on. */
static bool leads_to(const struct kv *kv, uint32_t node, uint32_t got)
{
    return node != DEAD && kv->nodes[got].first >= kv->nodes[node].first &&
           kv->nodes[got].first <= kv->nodes[node].last;
}

/* Where no put comes any more, the next get to begin has to see a text that
 * starts with this one. */
static bool may_grow(struct ord_exact *exact, uint32_t node)
{
    const struct kv *kv = exact->own;
    uint32_t low = 0;
    uint32_t high = kv->get_count;
    uint32_t end = 0;

    if (exact->now <= kv->put_place)
        return true;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (exact->lin->begin[kv->gets[mid]] > exact->now)
            high = mid;
        else
            low = mid + 1;
    }
    if (low == kv->get_count || leads_to(kv, node, kv->node_of[kv->gets[low]]))
        return true;
    end = exact->lin->end[kv->gets[low]];
    exact->peeked = end > exact->peeked ? end : exact->peeked;
    return false;
}

static uint32_t after(const struct ord_exact *exact, uint32_t node,
                      uint32_t call)
{
    const struct kv *kv = exact->own;
    bool is_append = exact->lin->f[call] == ORD_F_APPEND;

    return walk(kv, is_append ? node : ROOT, &kv->texts[call]);
}

static bool kv_step(struct ord_exact *exact, const struct ord_state *from,
                    uint32_t call, uint32_t nth, struct ord_state *to)
{
    const struct kv *kv = exact->own;

    *to = *from;
    if (nth > 0)
        return false;
    if (kv_looks(exact, call))
        return from->a == kv->node_of[call];
    to->a = after(exact, from->a, call);
    return may_grow(exact, to->a);
}

/* What leaves a text that nobody can get is of use only where a put follows,
 * which covers it; and who may not have happened need not be covered. */
static bool kv_helps(struct ord_exact *exact, const struct ord_state *state,
                     uint32_t call, uint32_t other)
{
    const struct kv *kv = exact->own;

    (void)call;
    if (kv_looks(exact, other) || after(exact, state->a, other) != DEAD)
        return true;
    return exact->lin->end[other] != ORD_CALL_NEVER &&
           exact->now <= kv->put_place;
}

static const struct ord_exact_model kv_exact = {
    .init = kv_init,
    .key_max = kv_key_max,
    .step = kv_step,
    .looks = kv_looks,
    .helps = kv_helps,
};

static int kv_decide(struct ord_lin *lin, struct ord_err *err)
{
    return ord_exact_decide(&kv_exact, lin, err);
}

const struct ord_model ord_model_kv = {
    .name = "kv",
    .about = "get, put and append texts; \"\" at first",
    .law = "a get returns what was put and appended before it",
    .fs = UINT64_C(1) << ORD_F_GET | UINT64_C(1) << ORD_F_PUT |
          UINT64_C(1) << ORD_F_APPEND | UINT64_C(1) << ORD_F_READ |
          UINT64_C(1) << ORD_F_WRITE,
    .exact = kv_decide,
};
