#include "histories/value.h"

#include <stdlib.h>

#include "harness/base/err.h"
#include "harness/base/rng.h"
#include "histories/number.h"

enum { ITEMS_MIN = 2 };

/* Recursion here is over values that were built in memory: every reader stops
 * at ORD_VALUE_DEPTH_MAX before it makes a deeper one. */

int ord_value_compare(const struct ord_value *a, const struct ord_value *b)
{
    uint32_t common = a->count < b->count ? a->count : b->count;
    int order = 0;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    switch (a->kind) {
    case ORD_BOOL:
    case ORD_INT:
        return (a->as.number > b->as.number) - (a->as.number < b->as.number);
    case ORD_TEXT:
        if (common > 0)
            order = memcmp(a->as.text, b->as.text, common);
        break;
    case ORD_LIST:
        for (uint32_t i = 0; i < common && order == 0; i++)
            order = ord_value_compare(&a->as.items[i], &b->as.items[i]);
        break;
    default:
        return 0;
    }
    if (order != 0)
        return order < 0 ? -1 : 1;
    return (a->count > b->count) - (a->count < b->count);
}

bool ord_value_equal(const struct ord_value *a, const struct ord_value *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == ORD_INT || a->kind == ORD_BOOL)
        return a->as.number == b->as.number;
    if (a->kind != ORD_NIL && a->count != b->count)
        return false;
    return ord_value_compare(a, b) == 0;
}

static uint64_t hash_bytes(const char *at, size_t size)
{
    uint64_t hash = ord_mix(size + 1);
    size_t i = 0;

    for (; size - i >= 8; i += 8) {
        uint64_t word;

        memcpy(&word, at + i, sizeof word);
        hash = ord_mix(hash ^ word);
    }
    if (i < size) {
        uint64_t word = 0;

        memcpy(&word, at + i, size - i);
        hash = ord_mix(hash ^ word);
    }
    return hash;
}

uint64_t ord_value_hash(const struct ord_value *value)
{
    uint64_t hash = 0;

    switch (value->kind) {
    case ORD_BOOL:
    case ORD_INT:
        hash = (uint64_t)value->as.number;
        break;
    case ORD_TEXT:
        hash = hash_bytes(value->as.text, value->count);
        break;
    case ORD_LIST:
        hash = value->count;
        for (uint32_t i = 0; i < value->count; i++)
            hash = ord_hash(hash, i, ord_value_hash(&value->as.items[i]));
        break;
    default:
        break;
    }
    return ord_hash(0, value->kind, hash);
}

static bool copy_at(struct ord_arena *arena, const struct ord_value *from,
                    struct ord_value *to, int depth)
{
    struct ord_value *items;
    struct ord_value copy = *from;

    switch (from->kind) {
    case ORD_TEXT:
        copy.as.text =
            ord_arena_copy(arena, (struct ord_bytes){.at = from->as.text,
                                                     .size = from->count});
        if (copy.as.text == NULL)
            return false;
        break;
    case ORD_LIST:
        if (depth == ORD_VALUE_DEPTH_MAX)
            return false;
        items = ord_arena_zalloc(arena, from->count, sizeof *items);
        if (items == NULL)
            return false;
        for (uint32_t i = 0; i < from->count; i++) {
            if (!copy_at(arena, &from->as.items[i], &items[i], depth + 1))
                return false;
        }
        copy.as.items = items;
        break;
    default:
        break;
    }
    *to = copy;
    return true;
}

bool ord_value_copy(struct ord_arena *arena, const struct ord_value *from,
                    struct ord_value *to)
{
    ORD_ASSERT(arena != NULL);
    ORD_ASSERT(from->kind <= ORD_LIST);
    return copy_at(arena, from, to, 0);
}

bool ord_value_push(struct ord_arena *arena, struct ord_value *list,
                    const struct ord_value *item)
{
    struct ord_value *items;
    uint32_t count = list->count;

    ORD_ASSERT(list->kind == ORD_LIST);
    /* The room is the next power of two, so it need not be kept anywhere. */
    if (count >= ITEMS_MIN && (count & (count - 1)) != 0) {
        items = (struct ord_value *)(uintptr_t)list->as.items;
    } else {
        if (count > UINT32_MAX / 2)
            return false;
        items = ord_arena_alloc(
            arena, (size_t)(count < ITEMS_MIN ? ITEMS_MIN : 2 * count) *
                       sizeof *items);
        if (items == NULL)
            return false;
        if (count > 0)
            memcpy(items, list->as.items, count * sizeof *items);
    }
    items[count] = *item;
    list->as.items = items;
    list->count = count + 1;
    return true;
}

static int compare_items(const void *a, const void *b)
{
    return ord_value_compare(a, b);
}

void ord_value_sort(struct ord_value *list)
{
    ORD_ASSERT(list->kind == ORD_LIST);
    if (list->count > 1)
        qsort((struct ord_value *)(uintptr_t)list->as.items, list->count,
              sizeof *list->as.items, compare_items);
}

/* ---- JSON ---------------------------------------------------------------- */

static bool text_value(struct ord_bytes text, struct ord_value *out)
{
    if (text.at == NULL || text.size > UINT32_MAX)
        return false;
    *out = (struct ord_value){.kind = ORD_TEXT,
                              .count = (uint32_t)text.size,
                              .as = {.text = text.at}};
    return true;
}

static bool number_from_json(struct ord_json *in, struct ord_arena *arena,
                             struct ord_value *out)
{
    const char *first = in->at;
    struct ord_bytes raw;

    *out = ord_value_int(0);
    if (ord_json_int(in, &out->as.number))
        return true;
    in->at = first; /* with a point, or too big */
    if (!ord_json_skip(in))
        return false;
    raw = (struct ord_bytes){.at = first, .size = (size_t)(in->at - first)};
    switch (ord_number_value(raw, arena, out)) {
    case ORD_NUMBER_DONE:
        return true;
    case ORD_NUMBER_FULL:
        return false;
    default:
        raw.at = ord_arena_copy(arena, raw);
        return text_value(raw, out);
    }
}

static bool from_json_at(struct ord_json *in, struct ord_arena *arena,
                         struct ord_value *out, int depth);

static bool object_from_json(struct ord_json *in, struct ord_arena *arena,
                             struct ord_value *out, int depth)
{
    struct ord_bytes raw;

    while (ord_json_member(in, &raw)) {
        struct ord_value pair = ord_value_list(NULL, 0);
        struct ord_value item;

        if (!text_value(ord_json_unescape(arena, raw), &item) ||
            !ord_value_push(arena, &pair, &item) ||
            !from_json_at(in, arena, &item, depth + 2) ||
            !ord_value_push(arena, &pair, &item) ||
            !ord_value_push(arena, out, &pair))
            return false;
    }
    if (!ord_json_left(in, '}'))
        return false;
    ord_value_sort(out); /* members have no order: equal objects compare so */
    return true;
}

static bool from_json_at(struct ord_json *in, struct ord_arena *arena,
                         struct ord_value *out, int depth)
{
    enum ord_json_kind kind = ord_json_peek(in);
    struct ord_bytes raw;
    struct ord_value item;
    bool truth;

    *out = ord_value_nil();
    switch (kind) {
    case ORD_JSON_NULL:
        return ord_json_null(in);
    case ORD_JSON_BOOL:
        if (!ord_json_bool(in, &truth))
            return false;
        *out = (struct ord_value){.kind = ORD_BOOL, .as = {.number = truth}};
        return true;
    case ORD_JSON_NUMBER:
        return number_from_json(in, arena, out);
    case ORD_JSON_STRING:
        return ord_json_string(in, &raw) &&
               text_value(ord_json_unescape(arena, raw), out);
    case ORD_JSON_ARRAY:
    case ORD_JSON_OBJECT:
        break;
    default:
        return false;
    }
    /* A member's pair is a list of its own: objects count twice. */
    if (depth + (kind == ORD_JSON_OBJECT) >= ORD_VALUE_DEPTH_MAX)
        return false;
    *out = ord_value_list(NULL, 0);
    in->at++;
    if (kind == ORD_JSON_OBJECT)
        return object_from_json(in, arena, out, depth);
    while (ord_json_element(in)) {
        if (!from_json_at(in, arena, &item, depth + 1) ||
            !ord_value_push(arena, out, &item))
            return false;
    }
    return ord_json_left(in, ']');
}

bool ord_value_from_json(struct ord_json *in, struct ord_arena *arena,
                         struct ord_value *out)
{
    ORD_ASSERT(in->at <= in->end);
    return from_json_at(in, arena, out, 0);
}

static void bool_out(const struct ord_value *value, struct ord_buf *out)
{
    ord_buf_text(out, value->as.number != 0 ? "true" : "false");
}

/* JSON and EDN differ in two words only; a JSON string is an EDN string, for
 * \uXXXX and the short escapes are shared. */
static void value_out(const struct ord_value *value, char comma,
                      const char *nil, struct ord_buf *out)
{
    switch (value->kind) {
    case ORD_BOOL:
        bool_out(value, out);
        break;
    case ORD_INT:
        ord_buf_int(out, value->as.number);
        break;
    case ORD_TEXT:
        ord_buf_json(out, (struct ord_bytes){value->as.text, value->count});
        break;
    case ORD_LIST:
        ord_buf_char(out, '[');
        for (uint32_t i = 0; i < value->count; i++) {
            if (i > 0)
                ord_buf_char(out, comma);
            value_out(&value->as.items[i], comma, nil, out);
        }
        ord_buf_char(out, ']');
        break;
    default:
        ord_buf_text(out, nil);
        break;
    }
}

void ord_value_to_json(const struct ord_value *value, struct ord_buf *out)
{
    value_out(value, ',', "null", out);
}

void ord_value_to_edn(const struct ord_value *value, struct ord_buf *out)
{
    value_out(value, ' ', "nil", out);
}
