/* fast_edn.c -- an operation of Jepsen's in its usual shape. */
#include "histories/fast.h"

enum { BLANK = 1, ENDS_WORD = 2 };

/* Of each byte, as edn.c has it. */
static const uint8_t class_of[256] = {
    [' '] = BLANK | ENDS_WORD,  ['\t'] = BLANK | ENDS_WORD,
    ['\n'] = BLANK | ENDS_WORD, ['\r'] = BLANK | ENDS_WORD,
    [','] = BLANK | ENDS_WORD,  ['\f'] = BLANK | ENDS_WORD,
    ['\v'] = BLANK | ENDS_WORD, ['('] = ENDS_WORD,
    [')'] = ENDS_WORD,          ['['] = ENDS_WORD,
    [']'] = ENDS_WORD,          ['{'] = ENDS_WORD,
    ['}'] = ENDS_WORD,          ['"'] = ENDS_WORD,
    [';'] = ENDS_WORD,
};

static inline unsigned class_at(const char *at)
{
    return class_of[(unsigned char)*at];
}

static inline const char *skip_blank(struct ord_fast *fast, const char *at)
{
    while ((class_at(at) & BLANK) != 0) {
        if (*at++ == '\n') {
            fast->lines++;
            fast->newest = at;
        }
    }
    return at;
}

static inline const char *word_end(const char *at)
{
    while ((class_at(at) & ENDS_WORD) == 0)
        at++;
    return at;
}

static inline struct ord_value text_of(const char *at, const char *end)
{
    return (struct ord_value){
        .kind = ORD_TEXT, .count = (uint32_t)(end - at), .as = {.text = at}};
}

/* A number: [-]digits[N]. */
static enum ord_fast_result take_int(const struct ord_fast *fast,
                                     const char **at, struct ord_value *out)
{
    const char *from = *at;
    bool is_negative = *from == '-';

    *out = ord_value_int(0);
    from = ord_fast_digits(fast, from + is_negative, &out->as.number);
    if (from == NULL)
        return ORD_FAST_UNUSUAL;
    from += *from == 'N';
    if ((class_at(from) & ENDS_WORD) == 0)
        return ORD_FAST_UNUSUAL;
    if (is_negative)
        out->as.number = -out->as.number;
    *at = from;
    return ORD_FAST_DONE;
}

/* nil, true, false, :keyword; and symbols, which nobody uses but which cost
 * nothing.  Not what begins with '#', '^' or a backslash. */
static enum ord_fast_result take_word(const char **at, struct ord_value *out)
{
    const char *from = *at;
    const char *end = word_end(from);
    size_t size = (size_t)(end - from);

    *at = end;
    *out = ord_value_nil();
    if (*from == ':') {
        if (size < 2 || from[1] == ':' || from[1] == '#')
            return ORD_FAST_UNUSUAL;
        *out = text_of(from + 1, end);
    } else if (size == 3 && memcmp(from, "nil", 3) == 0) {
        return ORD_FAST_DONE;
    } else if (size == 4 && memcmp(from, "true", 4) == 0) {
        *out = (struct ord_value){.kind = ORD_BOOL, .as = {.number = 1}};
    } else if (size == 5 && memcmp(from, "false", 5) == 0) {
        *out = (struct ord_value){.kind = ORD_BOOL};
    } else if (*from >= 'a' && *from <= 'z') {
        *out = text_of(from, end);
    } else {
        return ORD_FAST_UNUSUAL;
    }
    return ORD_FAST_DONE;
}

static enum ord_fast_result take_scalar(struct ord_fast *fast, const char **at,
                                        struct ord_value *out)
{
    const char *end;
    bool is_plain;

    if ((**at >= '0' && **at <= '9') || **at == '-')
        return take_int(fast, at, out);
    if (**at != '"')
        return take_word(at, out);
    end = ord_fast_string(fast, *at + 1, &is_plain);
    if (end == NULL)
        return is_plain ? ORD_FAST_MORE : ORD_FAST_UNUSUAL;
    *out = text_of(*at + 1, end);
    *at = end + 1;
    return ORD_FAST_DONE;
}

/* Opens a bracket at *at if there is one. */
static bool open_at(struct ord_fast *fast, const char **at,
                    struct ord_fast_frame *frame)
{
    const char *from = *at;
    bool is_set = *from == '#' && from[1] == '{';

    /* '#' is not the last byte before the limit, for that is '}'. */
    if (is_set)
        from++;
    if (*from != '[' && *from != '(' && *from != '{')
        return false;
    *frame = (struct ord_fast_frame){
        .first = fast->item_count,
        .close = (char)(*from == '['   ? ']'
                        : *from == '(' ? ')'
                                       : '}'),
        .is_map = *from == '{' && !is_set,
        .is_set = is_set,
    };
    *at = from + 1;
    return true;
}

static enum ord_fast_result take_list(struct ord_fast *fast, const char **at,
                                      struct ord_value *out)
{
    struct ord_fast_frame frames[ORD_FAST_DEPTH_MAX];
    const char *from = *at;
    int depth = 0;

    for (;;) {
        enum ord_fast_result got;

        if (open_at(fast, &from, &frames[depth])) {
            if (++depth == ORD_FAST_DEPTH_MAX)
                return ORD_FAST_UNUSUAL;
        } else if (*from == frames[depth - 1].close) {
            from++;
            if (!ord_fast_fold(fast, &frames[--depth], out))
                return ORD_FAST_UNUSUAL;
            if (from >= fast->limit)
                return ORD_FAST_MORE;
            if (depth == 0)
                break;
            if (!ord_fast_push(fast, out))
                return ORD_FAST_UNUSUAL;
        } else {
            got = take_scalar(fast, &from, out);
            if (got != ORD_FAST_DONE)
                return got;
            if (!ord_fast_push(fast, out))
                return ORD_FAST_UNUSUAL;
        }
        from = skip_blank(fast, from);
    }
    *at = from;
    return ORD_FAST_DONE;
}

static inline enum ord_fast_result
take_value(struct ord_fast *fast, const char **at, struct ord_value *out)
{
    char c = **at;

    if (c == '[' || c == '{' || c == '(' || c == '#')
        return (*at)[0] == '#' && (*at)[1] != '{' ? ORD_FAST_UNUSUAL
                                                  : take_list(fast, at, out);
    return take_scalar(fast, at, out);
}

/* The name of field number i, and the blanks around it; *at then stands at its
 * value, or where *is_end at the '}'. */
static enum ord_fast_result take_name(struct ord_fast *fast, unsigned i,
                                      const char **at,
                                      enum ord_fast_field *field, bool *is_end)
{
    const char *from = *at;
    const char *name;
    const char *end;
    uint64_t lines = fast->lines;

    *at = skip_blank(fast, *at);
    *is_end = **at == '}';
    if (**at != ':')
        return *is_end ? ORD_FAST_DONE : ORD_FAST_UNUSUAL;
    name = *at + 1;
    end = word_end(name);
    *field = ord_fast_field_of(name, (size_t)(end - name));
    *at = skip_blank(fast, end);
    /* Without a blank behind it, the same bytes may begin another name. */
    if (fast->lines == lines && *at > end)
        ord_fast_learn(fast, i, from, *at, *field);
    return ORD_FAST_DONE;
}

static enum ord_fast_result take_op(struct ord_fast *fast)
{
    const char *at = fast->at + 1;
    unsigned seen = 0;

    if (at >= fast->limit)
        return ORD_FAST_MORE;
    for (unsigned i = 0;; i++) {
        struct ord_value value;
        enum ord_fast_result got = ORD_FAST_DONE;
        enum ord_fast_field field;
        bool is_end = false;

        if (ord_fast_guessed(fast, i, &at, &field))
            at = skip_blank(fast, at);
        else
            got = take_name(fast, i, &at, &field, &is_end);
        if (is_end)
            break;
        if (got == ORD_FAST_DONE && (seen & 1U << field) != 0)
            return ORD_FAST_UNUSUAL; /* twice */
        if (got == ORD_FAST_DONE)
            got = take_value(fast, &at, &value);
        if (got != ORD_FAST_DONE)
            return got;
        if (!ord_fast_set(fast, field, &value))
            return ORD_FAST_UNUSUAL;
        seen |= (1U << field) & ~(1U << ORD_FIELD_OTHER);
    }
    fast->at = at + 1;
    return fast->has == ORD_FAST_HAS_ALL ? ORD_FAST_DONE : ORD_FAST_UNUSUAL;
}

enum ord_fast_result ord_fast_edn(struct ord_fast *fast,
                                  struct ord_source *source)
{
    enum ord_fast_result got;

    do {
        got = ord_fast_begin(fast, source) ? take_op(fast) : ORD_FAST_MORE;
    } while (got == ORD_FAST_MORE && ord_fast_more(source));
    if (got != ORD_FAST_DONE)
        return got;
    source->at = fast->at;
    source->line += fast->lines;
    if (fast->lines > 0)
        source->line_offset =
            ord_source_offset(source) - (uint64_t)(fast->at - fast->newest);
    return ORD_FAST_DONE;
}
