/* column.h -- one column of numbers or bytes, packed; internal.
 *
 * Numbers may stand as the difference to the one before (what grows), folded
 * so that small negative ones are small (what has a sign), and with their low
 * bits in a plane of their own (what is noise below some bit: times).  What is
 * left of each is a varint; those bytes, or the column's bytes, are deflated
 * where that makes them fewer.  FORMAT.md, "Columns".
 */
#ifndef ORD_HISTORIES_COLUMN_H
#define ORD_HISTORIES_COLUMN_H

#include "harness/base/err.h"
#include "histories/tagged.h"

enum {
    ORD_COLUMN_DELTA = 1,
    ORD_COLUMN_SIGNED = 2,
    ORD_COLUMN_DEFLATED = 4,
    ORD_COLUMN_MODES = 7,
    ORD_COLUMN_LOW_MAX = 48, /* bits in the plane */
    ORD_COLUMN_RAW_MAX = 1 << 30,
};

/* Where a packed column is, and how it was packed. */
struct ord_column {
    uint8_t mode;
    uint8_t low_bits;
    uint32_t count;          /* numbers; 0 for bytes */
    uint32_t raw_size;       /* bytes behind the plane, before deflating */
    uint32_t stored_size;    /* and after */
    uint32_t low_size;       /* bytes of the plane */
    const unsigned char *at; /* the plane, then the rest; NULL: no column */
};

struct ord_numbers {
    int64_t *at; /* owned */
    uint32_t count;
    uint32_t room;
};

/* False: no memory. */
bool ord_numbers_grow(struct ord_numbers *numbers, uint32_t count);
static inline bool ord_numbers_push(struct ord_numbers *numbers, int64_t number)
{
    if (numbers->count == numbers->room &&
        !ord_numbers_grow(numbers, numbers->count + 1))
        return false;
    numbers->at[numbers->count++] = number;
    return true;
}

/* What packing and unpacking need besides; starts zeroed. */
struct ord_packer {
    void *deflater; /* owned */
    void *inflater; /* owned */
    unsigned char *work;
    unsigned char *other;
    size_t work_room;
    size_t other_room;
};
void ord_packer_fini(struct ord_packer *packer);

/* Appends the packed bytes to out and describes them (`at` is not set).
 * is_small: spends time on fewer bytes.  ORD_ENOMEM, ORD_ELIMIT. */
int ord_pack_numbers(struct ord_packer *packer, const struct ord_numbers *in,
                     bool is_small, struct ord_buf *out,
                     struct ord_column *column, struct ord_err *err);
int ord_pack_bytes(struct ord_packer *packer, struct ord_bytes in,
                   bool is_small, struct ord_buf *out,
                   struct ord_column *column, struct ord_err *err);
/* ORD_EFORMAT: not what was packed.  ORD_ENOMEM.  The bytes are lent until the
 * next call. */
int ord_unpack_numbers(struct ord_packer *packer,
                       const struct ord_column *column, struct ord_numbers *out,
                       struct ord_err *err);
int ord_unpack_bytes(struct ord_packer *packer, const struct ord_column *column,
                     struct ord_bytes *out, struct ord_err *err);

#endif
