/* fast_json.c -- an operation as a JSON object in its usual shape, alone on its
 * line. */
#include "histories/fast.h"

/* No newline: it ends the line, and with it all that is usual. */
static inline const char *skip_blank(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

static enum ord_fast_result take_int(const struct ord_fast *fast,
                                     const char **at, struct ord_value *out)
{
    bool is_negative = **at == '-';
    const char *first = *at + is_negative;
    const char *end;

    *out = ord_value_int(0);
    end = ord_fast_digits(fast, first, &out->as.number);
    if (end == NULL || (*first == '0' && end - first > 1) || *end == '.' ||
        *end == 'e' || *end == 'E')
        return ORD_FAST_UNUSUAL;
    if (is_negative)
        out->as.number = -out->as.number;
    *at = end;
    return ORD_FAST_DONE;
}

static enum ord_fast_result take_string(struct ord_fast *fast, const char **at,
                                        struct ord_value *out)
{
    const char *first = *at + 1;
    const char *end;
    bool is_plain;

    if (**at != '"')
        return ORD_FAST_UNUSUAL;
    end = ord_fast_string(fast, first, &is_plain);
    if (end == NULL)
        return is_plain ? ORD_FAST_MORE : ORD_FAST_UNUSUAL;
    *out = (struct ord_value){.kind = ORD_TEXT,
                              .count = (uint32_t)(end - first),
                              .as = {.text = first}};
    *at = end + 1;
    return ORD_FAST_DONE;
}

static enum ord_fast_result take_scalar(struct ord_fast *fast, const char **at,
                                        struct ord_value *out)
{
    const char *from = *at;
    size_t left = (size_t)(fast->limit - from);

    if (*from == '"')
        return take_string(fast, at, out);
    if ((*from >= '0' && *from <= '9') || *from == '-')
        return take_int(fast, at, out);
    *out = ord_value_nil();
    if (left > 4 && memcmp(from, "null", 4) == 0) {
        *at = from + 4;
    } else if (left > 4 && memcmp(from, "true", 4) == 0) {
        *out = (struct ord_value){.kind = ORD_BOOL, .as = {.number = 1}};
        *at = from + 4;
    } else if (left > 5 && memcmp(from, "false", 5) == 0) {
        *out = (struct ord_value){.kind = ORD_BOOL};
        *at = from + 5;
    } else {
        return ORD_FAST_UNUSUAL;
    }
    return ORD_FAST_DONE;
}

/* Behind '{' or ',' of an object: `"name":`. */
static enum ord_fast_result take_name(struct ord_fast *fast, const char **at,
                                      struct ord_value *name)
{
    enum ord_fast_result got;

    *at = skip_blank(*at);
    got = take_string(fast, at, name);
    if (got != ORD_FAST_DONE)
        return got;
    *at = skip_blank(*at);
    if (**at != ':')
        return ORD_FAST_UNUSUAL;
    *at = skip_blank(*at + 1);
    return ORD_FAST_DONE;
}

/* Where a value is expected within brackets: a scalar into *out, or brackets
 * that open, and with an object's its first name. */
static enum ord_fast_result take_item(struct ord_fast *fast, const char **at,
                                      struct ord_fast_frame *frames, int *depth,
                                      struct ord_value *out)
{
    enum ord_fast_result got;

    while (**at == '[' || **at == '{') {
        bool is_map = **at == '{';

        if (*depth == ORD_FAST_DEPTH_MAX)
            return ORD_FAST_UNUSUAL;
        frames[(*depth)++] = (struct ord_fast_frame){
            .first = fast->item_count,
            .close = is_map ? '}' : ']',
            .is_map = is_map,
        };
        *at = skip_blank(*at + 1);
        if (**at == frames[*depth - 1].close)
            return ORD_FAST_UNUSUAL; /* empty: see take_list() */
        if (!is_map)
            continue;
        got = take_name(fast, at, out);
        if (got != ORD_FAST_DONE)
            return got;
        if (!ord_fast_push(fast, out))
            return ORD_FAST_UNUSUAL;
    }
    return take_scalar(fast, at, out);
}

/* Stands at '[' or '{'.  Empty ones within others are left to the general
 * reader. */
static enum ord_fast_result take_list(struct ord_fast *fast, const char **at,
                                      struct ord_value *out)
{
    struct ord_fast_frame frames[ORD_FAST_DEPTH_MAX];
    const char *from = *at;
    int depth = 0;

    if (*from == '[' && *skip_blank(from + 1) == ']') {
        *at = skip_blank(from + 1) + 1;
        *out = ord_value_list(NULL, 0);
        return ORD_FAST_DONE;
    }
    for (;;) {
        enum ord_fast_result got = take_item(fast, &from, frames, &depth, out);

        if (got != ORD_FAST_DONE)
            return got;
        for (;;) { /* leave what ends here, or come to the next item */
            if (!ord_fast_push(fast, out))
                return ORD_FAST_UNUSUAL;
            from = skip_blank(from);
            if (*from == ',')
                break;
            if (*from != frames[depth - 1].close ||
                !ord_fast_fold(fast, &frames[--depth], out))
                return ORD_FAST_UNUSUAL;
            if (++from >= fast->limit)
                return ORD_FAST_MORE;
            if (depth == 0) {
                *at = from;
                return ORD_FAST_DONE;
            }
        }
        from = skip_blank(from + 1);
        if (!frames[depth - 1].is_map)
            continue;
        got = take_name(fast, &from, out);
        if (got != ORD_FAST_DONE)
            return got;
        if (!ord_fast_push(fast, out))
            return ORD_FAST_UNUSUAL;
    }
}

/* Stricter than EDN: a number of ours has to be one. */
static bool set(struct ord_fast *fast, enum ord_fast_field field,
                struct ord_value *value)
{
    switch (field) {
    case ORD_FIELD_TIME:
    case ORD_FIELD_EPOCH:
    case ORD_FIELD_SESSION:
    case ORD_FIELD_POSITION:
        if (value->kind != ORD_INT && value->kind != ORD_NIL)
            return false;
        break;
    case ORD_FIELD_DEVICE:
        if (value->kind != ORD_INT || value->as.number < 0 ||
            value->as.number > UINT8_MAX)
            return false;
        break;
    case ORD_FIELD_FINAL:
        if (value->kind != ORD_BOOL)
            return false;
        break;
    case ORD_FIELD_F:
    case ORD_FIELD_TYPE:
        if (value->kind == ORD_TEXT && value->count > 1 &&
            value->as.text[0] == ':') {
            value->as.text++;
            value->count--;
        }
        break;
    default:
        break;
    }
    return ord_fast_set(fast, field, value);
}

/* Member number i from its '{' or ',' to its value. */
static enum ord_fast_result take_member(struct ord_fast *fast, unsigned i,
                                        const char **at,
                                        enum ord_fast_field *field)
{
    const char *from = *at;
    enum ord_fast_result got;
    struct ord_value name;

    if (++*at >= fast->limit)
        return ORD_FAST_MORE;
    got = take_name(fast, at, &name);
    if (got != ORD_FAST_DONE)
        return got;
    if (name.count > 1 && name.as.text[0] == ':') {
        name.as.text++;
        name.count--;
    }
    *field = ord_fast_field_of(name.as.text, name.count);
    ord_fast_learn(fast, i, from, *at, *field);
    return ORD_FAST_DONE;
}

static enum ord_fast_result take_op(struct ord_fast *fast)
{
    const char *at = fast->at;
    unsigned i = 0;

    do {
        enum ord_fast_result got = ORD_FAST_DONE;
        enum ord_fast_field field;
        struct ord_value value;

        if (ord_fast_guessed(fast, i, &at, &field))
            at = skip_blank(at);
        else
            got = take_member(fast, i, &at, &field);
        if (got == ORD_FAST_DONE)
            got = *at == '[' || *at == '{' ? take_list(fast, &at, &value)
                                           : take_scalar(fast, &at, &value);
        if (got != ORD_FAST_DONE)
            return got;
        if (!set(fast, field, &value))
            return ORD_FAST_UNUSUAL;
        at = skip_blank(at);
        i++;
    } while (*at == ',');
    if (*at != '}' || fast->has != ORD_FAST_HAS_ALL)
        return ORD_FAST_UNUSUAL;
    fast->at = at + 1;
    return ORD_FAST_DONE;
}

enum ord_fast_result ord_fast_json(struct ord_fast *fast,
                                   struct ord_source *source, bool is_line)
{
    enum ord_fast_result got;
    const char *at;

    do {
        got = ord_fast_begin(fast, source) ? take_op(fast) : ORD_FAST_MORE;
    } while (got == ORD_FAST_MORE && ord_fast_more(source));
    if (got != ORD_FAST_DONE)
        return got;
    at = fast->at;
    if (is_line) {
        while (at < source->end && (*at == ' ' || *at == '\t' || *at == '\r'))
            at++;
        if (at == source->end || *at++ != '\n')
            return ORD_FAST_UNUSUAL;
    }
    source->at = at;
    if (is_line) {
        source->line++;
        source->line_offset = ord_source_offset(source);
    }
    return ORD_FAST_DONE;
}
