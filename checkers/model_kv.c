/* model_kv.c -- one key of a map of texts: get, put, append.
 *
 * State of the exact search: place -> three bytes of the text, a: its length.
 * What is no text counts as the text that it is written as; nil as "".
 */
#include <string.h>

#include "checkers/exact.h"
#include "checkers/models.h"

enum { PER_WORD = 3 };

struct text {
    const char *at;
    uint32_t size;
};

struct kv {
    struct text *texts; /* by call: put, appended or got */
    uint32_t size_max;  /* no text can become longer */
    uint32_t *gets;     /* calls, by begin */
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

static int kv_init(struct ord_exact *exact, struct ord_state *start,
                   struct ord_err *err)
{
    const struct ord_lin *lin = exact->lin;
    struct kv *kv = ord_arena_zalloc(lin->arena, 1, sizeof *kv);
    size_t room = (size_t)lin->count + 1;
    uint64_t sum = 0;

    *start = (struct ord_state){0};
    if (kv != NULL) {
        kv->texts = ord_arena_zalloc(lin->arena, room, sizeof *kv->texts);
        kv->gets = ord_arena_zalloc(lin->arena, room, sizeof *kv->gets);
    }
    if (kv == NULL || kv->texts == NULL || kv->gets == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u texts", lin->count);
    exact->own = kv;
    for (uint32_t i = 0; i < lin->count; i++) {
        bool is_get = lin->f[i] == ORD_F_GET || lin->f[i] == ORD_F_READ;
        struct ord_value v =
            ord_lin_value(lin, is_get ? lin->out[i] : lin->in[i]);

        if (!text_of(lin->arena, &v, &kv->texts[i]))
            return ord_fail(err, ORD_ENOMEM, "no memory for %u texts",
                            lin->count);
        if (ord_exact_skips(lin, i, is_get))
            continue;
        if (is_get)
            kv->gets[kv->get_count++] = i;
        else
            sum += kv->texts[i].size;
        if (lin->f[i] == ORD_F_PUT || lin->f[i] == ORD_F_WRITE)
            kv->put_place =
                kv->put_place > lin->end[i] ? kv->put_place : lin->end[i];
    }
    if (sum > UINT32_MAX / 2)
        return ord_fail(err, ORD_ENOMEM, "no memory for texts that long");
    kv->size_max = (uint32_t)sum;
    return ORD_OK;
}

static uint32_t kv_key_max(const struct ord_exact *exact)
{
    const struct kv *kv = exact->own;

    return kv->size_max / PER_WORD + 1;
}

static bool kv_looks(const struct ord_exact *exact, uint32_t call)
{
    return exact->lin->f[call] == ORD_F_GET ||
           exact->lin->f[call] == ORD_F_READ;
}

/* The text with `more` behind its first `size` bytes. */
static uint32_t write_text(struct ord_map *map, uint32_t root, uint32_t size,
                           const struct text *more)
{
    uint32_t at = size / PER_WORD;
    uint32_t word = size % PER_WORD == 0 ? 0 : ord_map_get(map, root, at);
    uint32_t in_word = size % PER_WORD;

    for (uint32_t i = 0; i < more->size && root != ORD_MAP_FULL; i++) {
        word |= (uint32_t)(uint8_t)more->at[i] << in_word * 8 | 1U << 24;
        if (++in_word < PER_WORD && i + 1 < more->size)
            continue;
        root = ord_map_set(map, root, at++, word);
        word = 0;
        in_word = 0;
    }
    return root;
}

static bool kv_begin(struct ord_exact *exact, uint32_t call)
{
    const struct kv *kv = exact->own;

    if (!kv_looks(exact, call) || kv->texts[call].size > kv->size_max)
        return true;
    exact->root[call] = write_text(&exact->map, 0, 0, &kv->texts[call]);
    return exact->root[call] != ORD_MAP_FULL;
}

/* The text is how that one starts. */
static bool starts(struct ord_exact *exact, const struct ord_state *state,
                   const struct text *want)
{
    if (state->a > want->size)
        return false;
    for (uint32_t i = 0; i < state->a; i += PER_WORD) {
        uint32_t word = ord_map_get(&exact->map, state->root, i / PER_WORD);

        for (uint32_t k = 0; k < PER_WORD && i + k < state->a; k++) {
            if ((uint8_t)(word >> k * 8) != (uint8_t)want->at[i + k])
                return false;
        }
    }
    return true;
}

/* Where no put comes any more, the next get to begin has to see a text that
 * starts with this one. */
static bool may_grow(struct ord_exact *exact, const struct ord_state *state)
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
    if (low == kv->get_count || starts(exact, state, &kv->texts[kv->gets[low]]))
        return true;
    end = exact->lin->end[kv->gets[low]];
    exact->peeked = end > exact->peeked ? end : exact->peeked;
    return false;
}

static bool kv_step(struct ord_exact *exact, const struct ord_state *from,
                    uint32_t call, uint32_t nth, struct ord_state *to)
{
    const struct kv *kv = exact->own;
    const struct text *text = &kv->texts[call];
    bool is_append = exact->lin->f[call] == ORD_F_APPEND;

    *to = *from;
    if (nth > 0)
        return false;
    if (kv_looks(exact, call))
        return from->a == text->size && from->root == exact->root[call];
    to->root = write_text(&exact->map, is_append ? from->root : 0,
                          is_append ? from->a : 0, text);
    to->a = text->size + (is_append ? from->a : 0);
    return to->root == ORD_MAP_FULL || may_grow(exact, to);
}

static const struct ord_exact_model kv_exact = {
    .init = kv_init,
    .key_max = kv_key_max,
    .begin = kv_begin,
    .step = kv_step,
    .looks = kv_looks,
};

static int kv_decide(struct ord_lin *lin, struct ord_err *err)
{
    return ord_exact_decide(&kv_exact, lin, err);
}

const struct ord_model ord_model_kv = {
    .name = "kv",
    .about = "get, put and append texts; \"\" at first",
    .fs = UINT64_C(1) << ORD_F_GET | UINT64_C(1) << ORD_F_PUT |
          UINT64_C(1) << ORD_F_APPEND | UINT64_C(1) << ORD_F_READ |
          UINT64_C(1) << ORD_F_WRITE,
    .exact = kv_decide,
};
