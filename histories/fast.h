/* fast.h -- one operation in its usual shape, read at a glance; internal.
 *
 * Most operations of most files look alike: known keys, whole numbers,
 * keywords, strings without escapes, small vectors.  The fast readers know
 * just that.  Whatever else they meet is UNUSUAL: they have then changed
 * nothing that counts, and the general reader, which has the last word and
 * names what is wrong, starts over at the same place.  What they do read, they
 * read exactly as the general reader would (tests/test_fast.c compares them).
 *
 * Bounds: limit[-1] is the last '}' that the window holds.  It ends every
 * number, word and run of blanks, so only who moves over a '}', or looks for
 * the end of a string, has to look at the limit.
 */
#ifndef ORD_HISTORIES_FAST_H
#define ORD_HISTORIES_FAST_H

#include "harness/base/arena.h"
#include "histories/build.h"
#include "histories/source.h"

enum {
    ORD_FAST_GUESSES = 16,       /* fields of an operation that are guessed */
    ORD_FAST_GUESS_MAX = 16,     /* bytes of one */
    ORD_FAST_NAMES = 16,         /* a power of two */
    ORD_FAST_NAME_MAX = 31,      /* bytes of a name that is remembered */
    ORD_FAST_DEPTH_MAX = 6,      /* of brackets within a value */
    ORD_FAST_DIGITS_MAX = 18,    /* what int64 holds for certain */
    ORD_FAST_SHORT_MAX = 16,     /* bytes of a string to look at one by one */
    ORD_FAST_SIZE_MAX = 1 << 22, /* bytes of an operation to wait for */
};

enum ord_fast_result {
    ORD_FAST_DONE,
    ORD_FAST_UNUSUAL, /* for the general reader */
    ORD_FAST_MORE,    /* the window ends within the operation */
};

enum {
    ORD_FAST_HAS_PROCESS = 1 << 0,
    ORD_FAST_HAS_TYPE = 1 << 1,
    ORD_FAST_HAS_F = 1 << 2,
    ORD_FAST_HAS_ALL = (1 << 3) - 1,
};

enum ord_fast_field {
    ORD_FIELD_OTHER,
    ORD_FIELD_F,
    ORD_FIELD_KEY,
    ORD_FIELD_TYPE,
    ORD_FIELD_TIME,
    ORD_FIELD_NODE,
    ORD_FIELD_VALUE,
    ORD_FIELD_ERROR,
    ORD_FIELD_EPOCH,
    ORD_FIELD_FINAL,
    ORD_FIELD_DEVICE,
    ORD_FIELD_PROCESS,
    ORD_FIELD_SESSION,
    ORD_FIELD_POSITION,
};

/* A name that was seen before, and what came of it. */
struct ord_fast_name {
    char text[ORD_FAST_NAME_MAX + 1]; /* zero-terminated */
    uint8_t size;                     /* 0: free */
    uint8_t f;
    uint16_t node;
};

/* The bytes between two values, as the last operation had them there:
 * `, :process ` is field PROCESS. */
struct ord_fast_guess {
    uint64_t bytes[2];
    uint64_t masks[2];
    uint8_t size; /* 0: none */
    uint8_t field;
};

struct ord_fast {
    const char *at;          /* on DONE: behind the operation */
    const char *limit;       /* see above */
    uint64_t lines;          /* on DONE: newlines within the operation */
    const char *newest;      /* on DONE: behind the last of them */
    struct ord_arena *arena; /* lent: lists and errors of one operation */
    struct ord_history_builder *builder; /* lent: it knows the nodes */
    struct ord_op op;
    unsigned has;
    /* Items of the lists that are open. */
    struct ord_value *items; /* owned */
    uint32_t item_count;
    uint32_t item_room;
    struct ord_fast_guess guesses[ORD_FAST_GUESSES]; /* by place */
    struct ord_fast_name fs[ORD_FAST_NAMES];
    struct ord_fast_name nodes[ORD_FAST_NAMES];
    /* What `limit` was computed for. */
    const char *window_end;
    uint64_t window_offset;
};

/* An open bracket: its items begin at `first` of the items. */
struct ord_fast_frame {
    uint32_t first;
    char close;
    bool is_map; /* keys and values take turns */
    bool is_set;
};

void ord_fast_init(struct ord_fast *fast, struct ord_arena *arena,
                   struct ord_history_builder *builder);
void ord_fast_fini(struct ord_fast *fast);

/* Reads the operation at source->at, which is '{', into fast->op; its texts
 * stand in the window until the source moves.  On DONE the source stands
 * behind it; else it has not moved (the window may have). */
enum ord_fast_result ord_fast_edn(struct ord_fast *fast,
                                  struct ord_source *source);
/* The same for a JSON object, without newlines in it; is_line: alone on its
 * line, whose end is read, too. */
enum ord_fast_result ord_fast_json(struct ord_fast *fast,
                                   struct ord_source *source, bool is_line);

/* ---- for the two of them --------------------------------------------------
 */

/* Sets limit and begins an operation; false: not even a '}' in sight. */
bool ord_fast_begin(struct ord_fast *fast, struct ord_source *source);
/* After MORE: is there more to look at? */
bool ord_fast_more(struct ord_source *source);

bool ord_fast_push(struct ord_fast *fast, const struct ord_value *item);
/* Makes a list of the items of a frame; a map's in pairs, sorted. */
bool ord_fast_fold(struct ord_fast *fast, const struct ord_fast_frame *frame,
                   struct ord_value *out);
/* For the next operation: field number i stands behind these bytes. */
void ord_fast_learn(struct ord_fast *fast, unsigned i, const char *from,
                    const char *to, enum ord_fast_field field);
enum ord_fast_field ord_fast_field_of(const char *at, size_t size);
/* As EDN has it: what is not of the right kind but harmless is passed over.
 * False: UNUSUAL. */
bool ord_fast_set(struct ord_fast *fast, enum ord_fast_field field,
                  const struct ord_value *value);
/* ---- bytes, eight at a time ------------------------------------------------
 */

#define ORD_FAST_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t ord_fast_load(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word
                                                     : __builtin_bswap64(word);
}

/* Is field number i as it was in the last operation?  Then *at moves to its
 * value. */
static inline bool ord_fast_guessed(const struct ord_fast *fast, unsigned i,
                                    const char **at, enum ord_fast_field *field)
{
    const struct ord_fast_guess *guess;

    if (i >= ORD_FAST_GUESSES || fast->limit - *at < ORD_FAST_GUESS_MAX)
        return false;
    guess = &fast->guesses[i];
    if (guess->size == 0 ||
        (((ord_fast_load(*at) ^ guess->bytes[0]) & guess->masks[0]) |
         ((ord_fast_load(*at + 8) ^ guess->bytes[1]) & guess->masks[1])) != 0)
        return false;
    *at += guess->size;
    *field = (enum ord_fast_field)guess->field;
    return true;
}

/* The top bit of each byte below n <= 128; exact for the lowest one found. */
static inline uint64_t ord_fast_below(uint64_t word, unsigned n)
{
    return (word - ORD_FAST_EACH(n)) & ~word & ORD_FAST_EACH(0x80);
}

/* The quote that ends the string at `at` (behind its first quote).  NULL: not
 * within the limit, or, *is_plain false, there is more in it than plain bytes
 * (a control byte is an error in JSON, and a newline counts in EDN). */
static inline const char *ord_fast_string(const struct ord_fast *fast,
                                          const char *at, bool *is_plain)
{
    while (fast->limit - at >= 8) {
        uint64_t word = ord_fast_load(at);
        uint64_t found = ord_fast_below(word, ' ') |
                         ord_fast_below(word ^ ORD_FAST_EACH('"'), 1) |
                         ord_fast_below(word ^ ORD_FAST_EACH('\\'), 1);

        if (found != 0) {
            at += __builtin_ctzll(found) / 8;
            break;
        }
        at += 8;
    }
    while (at < fast->limit && *at != '"' && *at != '\\' &&
           (unsigned char)*at >= ' ')
        at++;
    *is_plain = at == fast->limit || *at == '"';
    return at < fast->limit && *is_plain ? at : NULL;
}

/* Eight digits at once, the first one the most significant. */
static inline bool ord_fast_eight(const char *at, uint64_t *out)
{
    uint64_t word = ord_fast_load(at);

    if ((word & ORD_FAST_EACH(0xf0)) != ORD_FAST_EACH('0') ||
        ((word + ORD_FAST_EACH(6)) & ORD_FAST_EACH(0xf0)) != ORD_FAST_EACH('0'))
        return false;
    word -= ORD_FAST_EACH('0');
    word = word * 10 + (word >> 8); /* pairs, in every other byte */
    word =
        ((word & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
         ((word >> 16) & UINT64_C(0x000000ff000000ff)) *
             UINT64_C(0x0000271000000001)) >>
        32;
    *out = word;
    return true;
}

/* The digits at `at`, at most ORD_FAST_DIGITS_MAX; NULL: none, or more. */
static inline const char *ord_fast_digits(const struct ord_fast *fast,
                                          const char *at, int64_t *out)
{
    const char *first = at;
    uint64_t value = 0;
    unsigned digit;

    if (fast->limit - at >= 8 && ord_fast_eight(at, &value))
        at += 8;
    while ((digit = (unsigned)(unsigned char)*at - '0') <= 9) {
        value = value * 10 + digit;
        at++;
        if (at - first > ORD_FAST_DIGITS_MAX)
            return NULL;
    }
    *out = (int64_t)value;
    return at == first ? NULL : at;
}

#endif
