/* value.h -- what an operation carries: nil, truth, a number, text or a list.
 *
 * Plain data, 16 bytes.  Text and lists are borrowed from whoever made them
 * (an arena, a history).  A map or a set of another tool's history is kept as
 * a sorted list, for they have no order; reals are kept as text.
 */
#ifndef ORD_HISTORIES_VALUE_H
#define ORD_HISTORIES_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/json.h"

enum ord_value_kind {
    ORD_NIL, /* also: nothing said */
    ORD_BOOL,
    ORD_INT,
    ORD_TEXT,
    ORD_LIST,
};

enum { ORD_VALUE_DEPTH_MAX = 16 };

struct ord_value {
    uint8_t kind;
    uint32_t count; /* bytes of TEXT, items of LIST */
    union {
        int64_t number; /* INT; BOOL as 0 or 1 */
        const char *text;
        const struct ord_value *items;
    } as;
};

static inline struct ord_value ord_value_nil(void)
{
    return (struct ord_value){.kind = ORD_NIL};
}

static inline struct ord_value ord_value_int(int64_t number)
{
    return (struct ord_value){.kind = ORD_INT, .as = {.number = number}};
}

/* Borrows items. */
static inline struct ord_value ord_value_list(const struct ord_value *items,
                                              uint32_t count)
{
    return (struct ord_value){
        .kind = ORD_LIST, .count = count, .as = {.items = items}};
}

bool ord_value_equal(const struct ord_value *a, const struct ord_value *b);
/* A total order (kind first), for sorting and searching. */
int ord_value_compare(const struct ord_value *a, const struct ord_value *b);
uint64_t ord_value_hash(const struct ord_value *value);
/* A deep copy into the arena; false when its limit is reached. */
bool ord_value_copy(struct ord_arena *arena, const struct ord_value *from,
                    struct ord_value *to);

/* Appends an item to a list whose items live in the same arena and that only
 * this function has made grow (start with an empty one).  Amortised O(1). */
bool ord_value_push(struct ord_arena *arena, struct ord_value *list,
                    const struct ord_value *item);
/* Sorts such a list by ord_value_compare(): what a set or a map becomes. */
void ord_value_sort(struct ord_value *list);

/* One JSON value; objects become lists of [key, value] pairs, sorted.  Numbers
 * that are no int64 become their text.  False on bad
 * input, beyond ORD_VALUE_DEPTH_MAX, or when the arena's limit is reached. */
bool ord_value_from_json(struct ord_json *in, struct ord_arena *arena,
                         struct ord_value *out);
void ord_value_to_json(const struct ord_value *value, struct ord_buf *out);
/* As a person reads it, and as EDN: nil, 3, "a", [1 2]. */
void ord_value_to_edn(const struct ord_value *value, struct ord_buf *out);

#endif
