#include "histories/tagged.h"

#include <limits.h>

enum tag { TAG_NIL, TAG_FALSE, TAG_TRUE, TAG_INT, TAG_TEXT, TAG_LIST };

/* ---- reading ------------------------------------------------------------- */

uint64_t ord_get_varint(struct ord_cursor *in)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned char byte;

        if (in->at == in->end)
            break;
        byte = *in->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    in->is_bad = true;
    return 0;
}

struct ord_bytes ord_get_text(struct ord_cursor *in, struct ord_arena *arena)
{
    struct ord_bytes text = {.at = "", .size = (size_t)ord_get_varint(in)};
    char *copy;

    in->is_bad |= text.size > (size_t)(in->end - in->at);
    if (!in->is_bad) {
        copy = ord_arena_copy(
            arena, (struct ord_bytes){(const char *)in->at, text.size});
        in->at += text.size;
        in->is_bad = in->is_full = copy == NULL;
        text.at = copy;
    }
    return in->is_bad ? (struct ord_bytes){.at = "", .size = 0} : text;
}

static struct ord_value get_value(struct ord_cursor *in,
                                  struct ord_arena *arena, int depth);

static struct ord_value get_list(struct ord_cursor *in, struct ord_arena *arena,
                                 int depth)
{
    uint64_t count = ord_get_varint(in);
    struct ord_value *items;

    /* An item takes a byte at least: a lie about the count ends here. */
    if (depth == ORD_VALUE_DEPTH_MAX || count > (size_t)(in->end - in->at)) {
        in->is_bad = true;
        return ord_value_nil();
    }
    items = ord_arena_zalloc(arena, (size_t)count, sizeof *items);
    in->is_bad = in->is_full = items == NULL;
    for (uint64_t i = 0; i < count && !in->is_bad; i++)
        items[i] = get_value(in, arena, depth + 1);
    return ord_value_list(items, (uint32_t)count);
}

static struct ord_value get_value(struct ord_cursor *in,
                                  struct ord_arena *arena, int depth)
{
    unsigned char tag = in->at == in->end ? UCHAR_MAX : *in->at++;
    struct ord_bytes text;

    switch (tag) {
    case TAG_NIL:
        return ord_value_nil();
    case TAG_FALSE:
    case TAG_TRUE:
        return (struct ord_value){.kind = ORD_BOOL,
                                  .as = {.number = tag == TAG_TRUE}};
    case TAG_INT:
        return ord_value_int(ord_get_signed(in));
    case TAG_TEXT:
        text = ord_get_text(in, arena);
        return (struct ord_value){.kind = ORD_TEXT,
                                  .count = (uint32_t)text.size,
                                  .as = {.text = text.at}};
    case TAG_LIST:
        return get_list(in, arena, depth);
    default:
        in->is_bad = true;
        return ord_value_nil();
    }
}

struct ord_value ord_get_value(struct ord_cursor *in, struct ord_arena *arena)
{
    return get_value(in, arena, 0);
}

/* ---- writing ------------------------------------------------------------- */

void ord_add_varint(struct ord_buf *out, uint64_t value)
{
    unsigned char *at = (unsigned char *)ord_buf_reserve(out, ORD_VARINT_MAX);

    if (at != NULL)
        ord_buf_commit(out, (size_t)(ord_put_varint(at, value) - at));
}

void ord_add_text(struct ord_buf *out, struct ord_bytes text)
{
    ord_add_varint(out, text.size);
    ord_buf_add(out, text);
}

static bool add_value(struct ord_buf *out, const struct ord_value *value,
                      int depth)
{
    bool is_flat = true;

    switch (value->kind) {
    case ORD_BOOL:
        ord_buf_char(out, value->as.number != 0 ? TAG_TRUE : TAG_FALSE);
        break;
    case ORD_INT:
        ord_buf_char(out, TAG_INT);
        ord_add_varint(out, ord_zigzag(value->as.number));
        break;
    case ORD_TEXT:
        ord_buf_char(out, TAG_TEXT);
        ord_add_text(out, (struct ord_bytes){value->as.text, value->count});
        break;
    case ORD_LIST:
        if (depth == ORD_VALUE_DEPTH_MAX)
            return false;
        ord_buf_char(out, TAG_LIST);
        ord_add_varint(out, value->count);
        for (uint32_t i = 0; i < value->count && is_flat && !out->failed; i++)
            is_flat = add_value(out, &value->as.items[i], depth + 1);
        break;
    default:
        ord_buf_char(out, TAG_NIL);
        break;
    }
    return is_flat;
}

bool ord_add_value(struct ord_buf *out, const struct ord_value *value)
{
    return add_value(out, value, 0);
}
