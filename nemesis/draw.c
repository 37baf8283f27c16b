#include "nemesis/draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/plan.h"

enum { TEXT_SIZE = 64, WIDE = 8 };

/* ---- a number with its unit ---------------------------------------------- */

struct amount {
    char sign[3];  /* "", "+", "-" or "+-" */
    int64_t value; /* ns, or thousandths of a number; without the sign */
    char unit[24]; /* of a number: "%", "kbit" */
    bool is_duration;
    bool is_whole; /* a number without a point */
};

static bool read_number(const char *text, struct amount *out)
{
    int64_t whole = 0;
    int64_t part = 0;
    int64_t scale = 1000;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(whole, INT64_C(10), &whole) ||
            __builtin_add_overflow(whole, (int64_t)(*at - '0'), &whole))
            return false;
    }
    if (at == text || __builtin_mul_overflow(whole, INT64_C(1000), &whole))
        return false;
    out->is_whole = *at != '.';
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9' && scale > 1; at++) {
            scale /= 10;
            part += (*at - '0') * scale;
        }
    }
    out->value = whole + part;
    return snprintf(out->unit, sizeof out->unit, "%s", at) <
               (int)sizeof out->unit &&
           strpbrk(at, "0123456789.") == NULL;
}

static bool read_amount(const char *text, struct amount *out)
{
    size_t sign = strspn(text, "+-");
    struct ord_err ignored;

    *out = (struct amount){0};
    if (sign >= sizeof out->sign)
        return false;
    memcpy(out->sign, text, sign);
    text += sign;
    out->is_duration =
        ord_duration_parse(ord_bytes_of(text), &out->value, &ignored) == ORD_OK;
    return out->is_duration || read_number(text, out);
}

static bool is_either(const struct amount *amount)
{
    return strcmp(amount->sign, "+-") == 0;
}

static int64_t signed_value(const struct amount *amount)
{
    return strcmp(amount->sign, "-") == 0 ? -amount->value : amount->value;
}

/* "5ms..2s": both ends, the lower first; false: it is a text like any other. */
static bool read_range(const char *text, struct amount *low,
                       struct amount *high)
{
    const char *dots = strstr(text, "..");
    char copy[TEXT_SIZE] = "";

    if (dots == NULL || (size_t)(dots - text) >= sizeof copy)
        return false;
    memcpy(copy, text, (size_t)(dots - text));
    return read_amount(copy, low) && read_amount(dots + 2, high) &&
           low->is_duration == high->is_duration &&
           strcmp(low->unit, high->unit) == 0 &&
           is_either(low) == is_either(high) &&
           signed_value(low) <= signed_value(high);
}

static void print_amount(const struct amount *like, int64_t value,
                         char out[TEXT_SIZE])
{
    const char *sign = is_either(like)                ? "+-"
                       : value < 0                    ? "-"
                       : strcmp(like->sign, "+") == 0 ? "+"
                                                      : "";
    int64_t size = value < 0 ? -value : value;

    if (like->is_duration)
        (void)snprintf(out, TEXT_SIZE, "%s%" PRId64 "us", sign, size / 1000);
    else if (like->is_whole)
        (void)snprintf(out, TEXT_SIZE, "%s%" PRId64 "%s", sign, size / 1000,
                       like->unit);
    else
        (void)snprintf(out, TEXT_SIZE, "%s%" PRId64 ".%03" PRId64 "%s", sign,
                       size / 1000, size % 1000, like->unit);
}

/* ---- drawing --------------------------------------------------------------
 */

static int64_t draw_between(struct ord_rng *rng, int64_t low, int64_t high)
{
    int first;
    int last;
    int at;

    if (low <= 0 || high / WIDE < low)
        return ord_rng_range(rng, low, high);
    first = 63 - __builtin_clzll((uint64_t)low);
    last = 63 - __builtin_clzll((uint64_t)high);
    at = (int)ord_rng_range(rng, first, last);
    if (at > first)
        low = (int64_t)(UINT64_C(1) << at);
    if (at < last)
        high = (int64_t)((UINT64_C(1) << at) * 2 - 1);
    return ord_rng_range(rng, low, high);
}

/* A step that can be written: microseconds, thousandths, whole numbers. */
static int64_t step_of(const struct amount *amount)
{
    return amount->is_duration || amount->is_whole ? 1000 : 1;
}

static const char *draw_text(struct ord_rng *rng, const char *text,
                             struct ord_arena *arena)
{
    struct amount low;
    struct amount high;
    char drawn[TEXT_SIZE];
    int64_t step;

    if (!read_range(text, &low, &high))
        return text;
    low.is_whole = low.is_whole && high.is_whole;
    step = step_of(&low);
    print_amount(&low,
                 step * draw_between(rng, signed_value(&low) / step,
                                     signed_value(&high) / step),
                 drawn);
    return ord_arena_strdup(arena, drawn);
}

static void narrow(struct ord_rng *rng, int64_t *low, int64_t *high)
{
    int64_t one = draw_between(rng, *low, *high);
    int64_t other = draw_between(rng, *low, *high);

    *low = one < other ? one : other;
    *high = one < other ? other : one;
}

static int draw_entry(const struct ord_nemesis_entry *entry, struct ord_rng rng,
                      bool is_swarm, struct ord_arena *arena,
                      struct ord_nemesis_entry *out, struct ord_err *err)
{
    struct ord_fault_param *params =
        ord_arena_zalloc(arena, entry->param_count + 1, sizeof *params);

    *out = *entry;
    out->choices = NULL;
    out->choice_count = 0;
    out->params = params;
    if (params == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for parameters");
    for (uint32_t i = 0; i < entry->param_count; i++)
        params[i] = entry->params[i];
    for (uint32_t i = 0; i < entry->choice_count; i++) {
        const struct ord_choice *choice = &entry->choices[i];

        params[choice->param].value =
            choice->values[ord_rng_below(&rng, choice->count)];
    }
    for (uint32_t i = 0; i < entry->param_count; i++) {
        params[i].value = draw_text(&rng, params[i].value, arena);
        if (params[i].value == NULL)
            return ord_fail(err, ORD_ENOMEM, "no memory for parameters");
    }
    if (is_swarm) {
        narrow(&rng, &out->every_low_ns, &out->every_high_ns);
        narrow(&rng, &out->for_low_ns, &out->for_high_ns);
    }
    return ORD_OK;
}

void ord_swarm_pick(uint64_t seed, const char *what, uint32_t count,
                    bool *is_left_out)
{
    struct ord_rng rng = ord_rng_stream(seed, what, 0);
    uint32_t left = 0;
    uint32_t kept;

    if (count == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        is_left_out[i] = ord_rng_below(&rng, 2) == 1;
        left += !is_left_out[i];
    }
    kept = (uint32_t)ord_rng_below(&rng, count);
    if (left == 0)
        is_left_out[kept] = false;
}

bool ord_entries_vary(const struct ord_nemesis_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (entries[i].choice_count > 0)
            return true;
        for (uint32_t k = 0; k < entries[i].param_count; k++) {
            struct amount low;
            struct amount high;

            if (read_range(entries[i].params[k].value, &low, &high))
                return true;
        }
    }
    return false;
}

int ord_entries_draw(const struct ord_nemesis_entry *entries, uint32_t count,
                     uint64_t seed, bool is_swarm, struct ord_arena *arena,
                     struct ord_nemesis_entry *out, struct ord_err *err)
{
    bool *is_left_out = ord_arena_zalloc(arena, count + 1, sizeof *is_left_out);

    if (is_left_out == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u faults", count);
    if (is_swarm)
        ord_swarm_pick(seed, "swarm-faults", count, is_left_out);
    for (uint32_t i = 0; i < count; i++) {
        if (draw_entry(&entries[i], ord_rng_stream(seed, "draw", i), is_swarm,
                       arena, &out[i], err) != ORD_OK)
            return err->rc;
        out[i].is_left_out = is_left_out[i];
    }
    return ORD_OK;
}

/* ---- checking what could be drawn -----------------------------------------
 */

/* One end of a range, else the text itself. */
static const char *end_of(const char *text, bool is_high,
                          struct ord_arena *arena)
{
    struct amount low;
    struct amount high;
    const char *dots = strstr(text, "..");

    if (!read_range(text, &low, &high))
        return text;
    return is_high ? dots + 2
                   : ord_arena_copy(arena, (struct ord_bytes){
                                               text, (size_t)(dots - text)});
}

/* The entry with the first of everything. */
static int first_of(const struct ord_nemesis_entry *entry,
                    struct ord_arena *arena, struct ord_nemesis_entry *out,
                    struct ord_fault_param **params, struct ord_err *err)
{
    *params = ord_arena_zalloc(arena, entry->param_count + 1, sizeof **params);
    if (*params == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for parameters");
    for (uint32_t i = 0; i < entry->param_count; i++)
        (*params)[i] = (struct ord_fault_param){
            entry->params[i].name,
            end_of(entry->params[i].value, false, arena)};
    *out = *entry;
    out->params = *params;
    return ORD_OK;
}

int ord_entry_try(const struct ord_nemesis_entry *entry,
                  struct ord_arena *arena, ord_entry_trial *trial, void *ctx,
                  struct ord_err *err)
{
    struct ord_nemesis_entry tried;
    struct ord_fault_param *params = NULL;

    if (first_of(entry, arena, &tried, &params, err) != ORD_OK ||
        trial(ctx, &tried, err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < entry->param_count; i++) {
        const char *first = params[i].value;

        params[i].value = end_of(entry->params[i].value, true, arena);
        if (params[i].value != first && trial(ctx, &tried, err) != ORD_OK)
            return err->rc;
        params[i].value = first;
    }
    for (uint32_t i = 0; i < entry->choice_count; i++) {
        const struct ord_choice *choice = &entry->choices[i];
        const char *first = params[choice->param].value;

        for (uint32_t k = 0; k < 2 * choice->count; k++) {
            params[choice->param].value =
                end_of(choice->values[k / 2], k % 2 == 1, arena);
            if (trial(ctx, &tried, err) != ORD_OK)
                return err->rc;
        }
        params[choice->param].value = first;
    }
    return ORD_OK;
}

static int check(void *ctx, const struct ord_nemesis_entry *entry,
                 struct ord_err *err)
{
    return ord_plan_check(entry, ctx, err);
}

int ord_entry_check(const struct ord_nemesis_entry *entry,
                    const struct ord_plan_in *in, struct ord_err *err)
{
    struct ord_plan_in copy = *in;

    return ord_entry_try(entry, in->arena, check, &copy, err);
}

static int probe(void *ctx, const struct ord_nemesis_entry *entry,
                 struct ord_err *err)
{
    (void)ctx;
    return ord_nemesis_probe(entry, err);
}

int ord_entry_probe(const struct ord_nemesis_entry *entry,
                    struct ord_arena *arena, struct ord_err *err)
{
    return ord_entry_try(entry, arena, probe, NULL, err);
}
