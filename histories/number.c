#include "histories/number.h"

#include <stdio.h>

enum {
    EXPONENT_MAX = 1000000000,
    ZEROS_MAX = 21,      /* that end a whole number in plain digits */
    SMALL_ZEROS_MAX = 6, /* between the point and the first other digit */
    INT_DIGITS_MAX = 19, /* of int64 */
    BESIDE_MAX = 48,     /* sign, zeros, point and exponent */
};

/* 0.D * 10^point, D the digits without zeros at either end. */
struct decimal {
    bool is_negative;
    const char *at; /* of the first of them; a point may stand in between */
    int64_t count;  /* 0: it is zero */
    int64_t point;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Behind the 'e'; false: no number, or too large. */
static bool take_exponent(const char *at, const char *end, int64_t *out)
{
    bool is_negative = at < end && *at == '-';

    *out = 0;
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        *out = *out * 10 + (*at - '0');
        if (*out > EXPONENT_MAX)
            return false;
    }
    if (is_negative)
        *out = -*out;
    return true;
}

static bool take_apart(struct ord_bytes written, struct decimal *out)
{
    const char *at = written.at;
    const char *end = at + written.size;
    int64_t before = -1; /* digits in front of the point */
    int64_t digits = 0;
    int64_t first = -1; /* place of the first and the last one */
    int64_t last = -1;  /* that is not 0 */
    int64_t exponent = 0;

    *out = (struct decimal){.is_negative = at < end && *at == '-'};
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end || !is_digit(*at))
        return false;
    for (; at < end && (is_digit(*at) || (*at == '.' && before < 0)); at++) {
        if (*at == '.') {
            before = digits;
            continue;
        }
        if (*at != '0') {
            if (first < 0) {
                first = digits;
                out->at = at;
            }
            last = digits;
        }
        digits++;
    }
    if (at < end &&
        ((*at != 'e' && *at != 'E') || !take_exponent(at + 1, end, &exponent)))
        return false;
    if (first < 0)
        return true;
    out->count = last - first + 1;
    out->point = (before < 0 ? digits : before) - first + exponent;
    return true;
}

/* The next digit. */
static char digit(const char **at)
{
    if (**at == '.')
        (*at)++;
    return *(*at)++;
}

static bool is_int(const struct decimal *d, int64_t *out)
{
    const char *at = d->at;

    *out = 0;
    if (d->count == 0)
        return true;
    if (d->point < d->count || d->point > INT_DIGITS_MAX)
        return false;
    for (int64_t i = 0; i < d->point; i++) {
        int one = i < d->count ? digit(&at) - '0' : 0;

        if (__builtin_mul_overflow(*out, INT64_C(10), out) ||
            __builtin_add_overflow(*out, d->is_negative ? -one : one, out))
            return false;
    }
    return true;
}

static char *put_zeros(char *to, int64_t count)
{
    for (; count > 0; count--)
        *to++ = '0';
    return to;
}

static char *put_digits(char *to, const char **at, int64_t count)
{
    for (; count > 0; count--)
        *to++ = digit(at);
    return to;
}

/* Returns the end; at most count + BESIDE_MAX bytes. */
static char *print(const struct decimal *d, char *to)
{
    const char *at = d->at;
    int64_t zeros = d->point - d->count; /* behind the digits */

    if (d->is_negative)
        *to++ = '-';
    if (zeros >= 0 && zeros <= ZEROS_MAX)
        return put_zeros(put_digits(to, &at, d->count), zeros);
    if (zeros < 0 && d->point > 0) {
        to = put_digits(to, &at, d->point);
        *to++ = '.';
        return put_digits(to, &at, -zeros);
    }
    if (zeros < 0 && d->point >= -SMALL_ZEROS_MAX) {
        *to++ = '0';
        *to++ = '.';
        return put_digits(put_zeros(to, -d->point), &at, d->count);
    }
    *to++ = digit(&at);
    if (d->count > 1) {
        *to++ = '.';
        to = put_digits(to, &at, d->count - 1);
    }
    return to + snprintf(to, BESIDE_MAX / 2, "e%lld", (long long)d->point - 1);
}

enum ord_number ord_number_value(struct ord_bytes written,
                                 struct ord_arena *arena, struct ord_value *out)
{
    struct decimal d;
    int64_t number;
    char *text;

    if (!take_apart(written, &d))
        return ORD_NUMBER_NONE;
    if (is_int(&d, &number)) {
        *out = ord_value_int(number);
        return ORD_NUMBER_DONE;
    }
    text = ord_arena_alloc(arena, (size_t)d.count + BESIDE_MAX);
    if (text == NULL)
        return ORD_NUMBER_FULL;
    *out = (struct ord_value){.kind = ORD_TEXT, .as = {.text = text}};
    out->count = (uint32_t)(print(&d, text) - text);
    text[out->count] = '\0';
    return ORD_NUMBER_DONE;
}
