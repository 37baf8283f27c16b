/* block.h -- a run of events as columns; internal. FORMAT.md has the bytes.
 *
 * What an event has and where that stands is one small number, its kind: most
 * histories know a dozen.  A column has an entry for each event whose kind
 * says so, in the order of the events.  A completion tells its invocation by
 * the distance in calls, and what is the same in both stands only once.
 */
#ifndef ORD_HISTORIES_BLOCK_H
#define ORD_HISTORIES_BLOCK_H

#include "histories/column.h"
#include "histories/op.h"

#define ORD_BLOCK_MAGIC UINT32_C(0x324b4c42)   /* "BLK2" */
#define ORD_TRAILER_MAGIC UINT32_C(0x32444e45) /* "END2" */

enum {
    ORD_BLOCK_EVENTS_MAX = 1 << 16,
    ORD_BLOCK_NUMBERS_MAX = 1 << 20, /* what ends a block early */
    ORD_BLOCK_BYTES_MAX = 1 << 22,
    ORD_BLOCK_HEAD_SIZE = 72,
    ORD_COLUMN_HEAD_SIZE = 24,
    ORD_TRAILER_SIZE = 32,
};

enum ord_column_id {
    ORD_COLUMN_KINDS, /* bytes: the kinds that occur */
    ORD_COLUMN_KIND,  /* of each event: its place in KINDS */
    ORD_COLUMN_BACK,  /* of a client's completion: calls since its own */
    ORD_COLUMN_NUMBER,
    ORD_COLUMN_VALUE,   /* bytes: values that are no numbers */
    ORD_COLUMN_PROCESS, /* of a client's invocation */
    ORD_COLUMN_TIME,    /* of each event */
    ORD_COLUMN_KEY,
    ORD_COLUMN_KEY_VALUE, /* bytes */
    ORD_COLUMN_NODE,
    ORD_COLUMN_SESSION,
    ORD_COLUMN_DEVICE,
    ORD_COLUMN_EPOCH,
    ORD_COLUMN_POSITION,
    ORD_COLUMN_ERROR, /* bytes */
    ORD_COLUMN_COUNT
};

/* A kind's bits: fields of two or three bits, and single ones. */
enum {
    ORD_KIND_TYPE = 0x3, /* enum ord_op_type */
    ORD_KIND_NEMESIS = 1 << 2,
    ORD_KIND_FINAL = 1 << 3,
    ORD_KIND_EPOCH = 1 << 4,
    ORD_KIND_POSITION = 1 << 5,
    ORD_KIND_ERROR = 1 << 6,
    ORD_KIND_VALUE_SHIFT = 7, /* enum ord_kind_value, 3 bits */
    ORD_KIND_KEY_SHIFT = 10,  /* enum ord_kind_field, 2 bits each */
    ORD_KIND_NODE_SHIFT = 12,
    ORD_KIND_SESSION_SHIFT = 14,
    ORD_KIND_DEVICE_SHIFT = 16,
    ORD_KIND_BITS = (1 << 18) - 1,
    ORD_KIND_HAS_SAME = 1 << 18, /* only in memory: some field is SAME */
};

enum ord_kind_value {
    ORD_KV_NIL,
    ORD_KV_SAME,   /* as the invocation has it */
    ORD_KV_NUMBER, /* one of NUMBER */
    ORD_KV_FALSE,
    ORD_KV_TRUE,
    ORD_KV_PAIR,    /* a list of two of NUMBER */
    ORD_KV_NUMBERS, /* their count, then they, in NUMBER */
    ORD_KV_VALUE,   /* in VALUE */
};

enum ord_kind_field {
    ORD_KF_NONE,
    ORD_KF_SAME,
    ORD_KF_COLUMN,
    ORD_KF_VALUE, /* of a key: in KEY_VALUE */
};

struct ord_kind {
    uint32_t bits;
    uint8_t f;
    const char *name; /* of f */
};

static inline enum ord_op_type ord_kind_type(const struct ord_kind *kind)
{
    return (enum ord_op_type)(kind->bits & ORD_KIND_TYPE);
}

static inline enum ord_kind_value ord_kind_value(uint32_t bits)
{
    return (enum ord_kind_value)(bits >> ORD_KIND_VALUE_SHIFT & 7);
}

static inline enum ord_kind_field ord_kind_field(uint32_t bits, int shift)
{
    return (enum ord_kind_field)(bits >> shift & 3);
}

/* A client's: the nemesis has no calls. */
static inline bool ord_kind_is_call(const struct ord_kind *kind)
{
    return (kind->bits & (ORD_KIND_NEMESIS | ORD_KIND_TYPE)) == ORD_OP_INVOKE;
}

static inline bool ord_kind_is_answer(const struct ord_kind *kind)
{
    return (kind->bits & ORD_KIND_NEMESIS) == 0 &&
           (kind->bits & ORD_KIND_TYPE) != ORD_OP_INVOKE;
}

/* ---- making -------------------------------------------------------------- */

struct ord_kind_slot {
    struct ord_kind kind;
    uint32_t code; /* + 1; 0: free */
};

/* Collects events until they become a block; starts with init. */
struct ord_maker {
    size_t size_max; /* bytes of memory */
    uint64_t first_event;
    uint64_t first_call;
    uint32_t event_count;
    uint32_t call_count;
    uint32_t bits; /* of all kinds, or'ed */
    int64_t low;   /* of all in NUMBER */
    int64_t high;
    struct ord_numbers numbers[ORD_COLUMN_COUNT];
    struct ord_buf bytes[ORD_COLUMN_COUNT];
    struct ord_kind_slot *kinds; /* owned */
    uint32_t kind_room;
    uint32_t kind_count;
    struct ord_kind last_kind;
    uint32_t last_code;
    struct ord_packer packer;
};

void ord_maker_init(struct ord_maker *maker, size_t size_max);
void ord_maker_fini(struct ord_maker *maker);
/* Bytes of memory that it takes. */
size_t ord_maker_size(const struct ord_maker *maker);
/* Adds an event.  kind->bits say which fields of op to keep; what is in BYTES
 * columns is taken as it stands in value and key (tagged bytes).  back: of an
 * answer.  False: no memory; then the maker is of no use any more. */
struct ord_made {
    struct ord_kind kind;
    const struct ord_op *op;
    uint64_t back;
    struct ord_bytes value; /* of ORD_KV_VALUE */
    struct ord_bytes key;   /* of ORD_KF_VALUE */
};
bool ord_maker_add(struct ord_maker *maker, const struct ord_made *made);
static inline bool ord_maker_is_full(const struct ord_maker *maker)
{
    return maker->event_count >= ORD_BLOCK_EVENTS_MAX ||
           maker->numbers[ORD_COLUMN_NUMBER].count >= ORD_BLOCK_NUMBERS_MAX ||
           maker->bytes[ORD_COLUMN_VALUE].size >= ORD_BLOCK_BYTES_MAX ||
           maker->bytes[ORD_COLUMN_ERROR].size >= ORD_BLOCK_BYTES_MAX ||
           maker->bytes[ORD_COLUMN_KEY_VALUE].size >= ORD_BLOCK_BYTES_MAX;
}
/* Appends the events as one block to out and begins the next one. */
int ord_maker_finish(struct ord_maker *maker, bool is_small,
                     struct ord_buf *out, struct ord_err *err);

/* Packs a block again, into fewer bytes, and appends it to out.  A repacker
 * starts zeroed. */
struct ord_block;
struct ord_repacker {
    struct ord_packer packer;
    struct ord_numbers numbers;
    struct ord_buf bytes;
};
int ord_block_repack(struct ord_repacker *repacker,
                     const struct ord_block *block, struct ord_buf *out,
                     struct ord_err *err);
void ord_repacker_fini(struct ord_repacker *repacker);

/* ---- reading ------------------------------------------------------------- */

struct ord_block {
    uint64_t first_event;
    uint64_t first_call;
    uint64_t size; /* bytes */
    const unsigned char *at;
    uint32_t event_count;
    uint32_t call_count;
    uint32_t bits;
    uint32_t number_count;
    int64_t low;
    int64_t high;
    struct ord_column columns[ORD_COLUMN_COUNT];
};

/* What bytes begin with: a whole block with good checksums.  False: it is
 * none (block is undefined then). */
bool ord_block_open(struct ord_bytes bytes, struct ord_block *block);
/* Whether all its columns together fit into so much memory. */
bool ord_block_fits(const struct ord_block *block, size_t size_max);
/* Finds the columns again; nothing is checked that open has checked. */
void ord_block_columns(const unsigned char *at,
                       struct ord_column columns[ORD_COLUMN_COUNT]);

/* A block's columns as they are needed; starts zeroed.  After a load, `at`
 * walks over the columns that were asked for. */
struct ord_reader {
    struct ord_packer packer;
    struct ord_kind *kinds; /* owned */
    uint32_t kind_room;
    uint32_t kind_count;
    const struct ord_block *block;
    struct ord_numbers numbers[ORD_COLUMN_COUNT];
    uint32_t at[ORD_COLUMN_COUNT];
    struct ord_buf bytes[ORD_COLUMN_COUNT];
    struct ord_cursor in[ORD_COLUMN_COUNT];
};

/* want: bit c = column c; KINDS and KIND always.  names: where names of f
 * that nobody knows are copied to.  size_max: bytes of memory.  ORD_EFORMAT
 * where columns contradict each other, ORD_ENOMEM. */
int ord_reader_load(struct ord_reader *reader, const struct ord_block *block,
                    uint32_t want, size_t size_max, struct ord_arena *names,
                    struct ord_err *err);
/* Only the kinds that occur. */
int ord_reader_kinds(struct ord_reader *reader, const struct ord_block *block,
                     struct ord_arena *names, struct ord_err *err);
void ord_reader_fini(struct ord_reader *reader);
/* True: every column that was asked for has been used up. */
bool ord_reader_is_done(const struct ord_reader *reader, uint32_t want);

static inline const struct ord_kind *
ord_reader_kind(const struct ord_reader *reader, uint32_t event)
{
    /* load() has looked at each of them. */
    return &reader->kinds[reader->numbers[ORD_COLUMN_KIND].at[event]];
}

/* The next of a column; false: there is none. */
static inline bool ord_reader_next(struct ord_reader *reader,
                                   enum ord_column_id column, int64_t *number)
{
    if (reader->at[column] >= reader->numbers[column].count)
        return false;
    *number = reader->numbers[column].at[reader->at[column]++];
    return true;
}

#endif
