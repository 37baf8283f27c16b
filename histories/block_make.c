/* block_make.c -- events into columns, columns into a block. */
#include <stdlib.h>
#include <zlib.h>

#include "harness/base/rng.h"
#include "histories/block.h"

enum { KINDS_MIN = 32 };

void ord_maker_init(struct ord_maker *maker, size_t size_max)
{
    *maker = (struct ord_maker){.size_max = size_max};
    for (int c = 0; c < ORD_COLUMN_COUNT; c++)
        ord_buf_init(&maker->bytes[c], size_max);
    maker->low = INT64_MAX;
    maker->high = INT64_MIN;
}

void ord_maker_fini(struct ord_maker *maker)
{
    for (int c = 0; c < ORD_COLUMN_COUNT; c++) {
        free(maker->numbers[c].at);
        ord_buf_fini(&maker->bytes[c]);
    }
    free(maker->kinds);
    ord_packer_fini(&maker->packer);
}

size_t ord_maker_size(const struct ord_maker *maker)
{
    size_t size = maker->packer.work_room + maker->packer.other_room +
                  maker->kind_room * sizeof *maker->kinds;

    for (int c = 0; c < ORD_COLUMN_COUNT; c++)
        size += maker->numbers[c].room * sizeof(int64_t) + maker->bytes[c].room;
    return size;
}

/* ---- kinds --------------------------------------------------------------- */

/* Names are interned, or else each is a kind of its own. */
static bool is_same(const struct ord_kind *a, const struct ord_kind *b)
{
    return a->bits == b->bits && a->f == b->f && a->name == b->name;
}

static struct ord_kind_slot *find_kind(const struct ord_maker *maker,
                                       const struct ord_kind *kind)
{
    uint64_t hash = ord_mix((uint64_t)kind->bits << 8 | kind->f);
    uint32_t mask = maker->kind_room - 1;
    uint32_t at;

    hash = ord_mix(hash ^ (uint64_t)(uintptr_t)kind->name);
    at = (uint32_t)hash & mask;
    /* Ends: a quarter of the slots is free. */
    while (maker->kinds[at].code != 0 && !is_same(&maker->kinds[at].kind, kind))
        at = (at + 1) & mask;
    return &maker->kinds[at];
}

static bool grow_kinds(struct ord_maker *maker)
{
    struct ord_kind_slot *old = maker->kinds;
    uint32_t old_room = maker->kind_room;

    maker->kind_room = old_room == 0 ? KINDS_MIN : 2 * old_room;
    maker->kinds = calloc(maker->kind_room, sizeof *maker->kinds);
    if (maker->kinds == NULL) {
        maker->kinds = old;
        maker->kind_room = old_room;
        return false;
    }
    for (uint32_t i = 0; i < old_room; i++) {
        if (old[i].code != 0)
            *find_kind(maker, &old[i].kind) = old[i];
    }
    free(old);
    return true;
}

static void describe_kind(struct ord_maker *maker, const struct ord_kind *kind)
{
    struct ord_buf *out = &maker->bytes[ORD_COLUMN_KINDS];

    ord_add_varint(out, kind->bits);
    ord_add_text(out, ord_bytes_of(kind->name));
}

/* The code of a kind, new if need be; UINT32_MAX: no memory. */
static uint32_t code_of(struct ord_maker *maker, const struct ord_kind *kind)
{
    struct ord_kind_slot *slot;

    if (maker->kind_count > 0 && is_same(kind, &maker->last_kind))
        return maker->last_code;
    if (maker->kind_count >= maker->kind_room / 4 * 3 && !grow_kinds(maker))
        return UINT32_MAX;
    slot = find_kind(maker, kind);
    if (slot->code == 0) {
        slot->kind = *kind;
        slot->code = ++maker->kind_count;
        describe_kind(maker, kind);
    }
    maker->last_kind = *kind;
    maker->last_code = slot->code - 1;
    return maker->last_code;
}

/* ---- events -------------------------------------------------------------- */

static bool push(struct ord_maker *maker, enum ord_column_id column,
                 int64_t number)
{
    return ord_numbers_push(&maker->numbers[column], number);
}

static bool push_number(struct ord_maker *maker, int64_t number)
{
    maker->low = number < maker->low ? number : maker->low;
    maker->high = number > maker->high ? number : maker->high;
    return push(maker, ORD_COLUMN_NUMBER, number);
}

static bool add_value(struct ord_maker *maker, const struct ord_made *made)
{
    const struct ord_value *value = &made->op->value;
    bool is_good = true;

    switch (ord_kind_value(made->kind.bits)) {
    case ORD_KV_NUMBER:
        return push_number(maker, value->as.number);
    case ORD_KV_NUMBERS:
        is_good = push_number(maker, value->count);
        /* fall through */
    case ORD_KV_PAIR:
        for (uint32_t i = 0; i < value->count && is_good; i++)
            is_good = push_number(maker, value->as.items[i].as.number);
        return is_good;
    case ORD_KV_VALUE:
        ord_buf_add(&maker->bytes[ORD_COLUMN_VALUE], made->value);
        return true; /* a buffer remembers that it failed */
    default:
        return true;
    }
}

static bool add_fields(struct ord_maker *maker, const struct ord_made *made)
{
    const struct ord_op *op = made->op;
    uint32_t bits = made->kind.bits;
    bool is_good = true;

    switch (ord_kind_field(bits, ORD_KIND_KEY_SHIFT)) {
    case ORD_KF_COLUMN:
        is_good = push(maker, ORD_COLUMN_KEY, op->key.as.number);
        break;
    case ORD_KF_VALUE:
        ord_buf_add(&maker->bytes[ORD_COLUMN_KEY_VALUE], made->key);
        break;
    default:
        break;
    }
    if (ord_kind_field(bits, ORD_KIND_NODE_SHIFT) == ORD_KF_COLUMN)
        is_good = push(maker, ORD_COLUMN_NODE, op->node) && is_good;
    if (ord_kind_field(bits, ORD_KIND_SESSION_SHIFT) == ORD_KF_COLUMN)
        is_good = push(maker, ORD_COLUMN_SESSION, op->session) && is_good;
    if (ord_kind_field(bits, ORD_KIND_DEVICE_SHIFT) == ORD_KF_COLUMN)
        is_good = push(maker, ORD_COLUMN_DEVICE, op->device) && is_good;
    if ((bits & ORD_KIND_EPOCH) != 0)
        is_good = push(maker, ORD_COLUMN_EPOCH, op->epoch) && is_good;
    if ((bits & ORD_KIND_POSITION) != 0)
        is_good = push(maker, ORD_COLUMN_POSITION, op->position) && is_good;
    if ((bits & ORD_KIND_ERROR) != 0)
        ord_add_text(&maker->bytes[ORD_COLUMN_ERROR], ord_bytes_of(op->error));
    return is_good;
}

bool ord_maker_add(struct ord_maker *maker, const struct ord_made *made)
{
    uint32_t code = code_of(maker, &made->kind);
    bool is_good = code != UINT32_MAX && push(maker, ORD_COLUMN_KIND, code) &&
                   push(maker, ORD_COLUMN_TIME, made->op->time_ns);

    if (ord_kind_is_call(&made->kind)) {
        is_good = is_good && push(maker, ORD_COLUMN_PROCESS, made->op->process);
        maker->call_count++;
    } else if (ord_kind_is_answer(&made->kind)) {
        is_good = is_good && push(maker, ORD_COLUMN_BACK, (int64_t)made->back);
    }
    maker->event_count++;
    maker->bits |= made->kind.bits;
    return is_good && add_value(maker, made) && add_fields(maker, made);
}

/* ---- the block ----------------------------------------------------------- */

static bool is_bytes(int column)
{
    return column == ORD_COLUMN_KINDS || column == ORD_COLUMN_VALUE ||
           column == ORD_COLUMN_KEY_VALUE || column == ORD_COLUMN_ERROR;
}

static void write_column_head(unsigned char *at, int id,
                              const struct ord_column *column,
                              const char *stored)
{
    at[0] = (unsigned char)id;
    at[1] = column->mode;
    at[2] = column->low_bits;
    at[3] = 0;
    ord_put32(at + 4, column->count);
    ord_put32(at + 8, column->raw_size);
    ord_put32(at + 12, column->stored_size);
    ord_put32(at + 16, column->low_size);
    ord_put32(at + 20, (uint32_t)crc32_z(0, (const unsigned char *)stored,
                                         (size_t)column->low_size +
                                             column->stored_size));
}

/* The head, all but its checksum: the columns' heads come first. */
static void write_head(unsigned char *at, const struct ord_block *block,
                       uint32_t columns)
{
    memset(at, 0, ORD_BLOCK_HEAD_SIZE);
    ord_put32(at, ORD_BLOCK_MAGIC);
    ord_put64(at + 8, block->size);
    ord_put64(at + 16, block->first_event);
    ord_put64(at + 24, block->first_call);
    ord_put32(at + 32, block->event_count);
    ord_put32(at + 36, block->call_count);
    ord_put32(at + 40, columns);
    ord_put32(at + 44, block->bits);
    ord_put64(at + 48, (uint64_t)block->low);
    ord_put64(at + 56, (uint64_t)block->high);
    ord_put32(at + 64, block->number_count);
    ord_put32(at + 4,
              (uint32_t)crc32_z(0, at + 8,
                                ORD_BLOCK_HEAD_SIZE - 8 +
                                    (size_t)columns * ORD_COLUMN_HEAD_SIZE));
}

static void begin_next(struct ord_maker *maker)
{
    maker->first_event += maker->event_count;
    maker->first_call += maker->call_count;
    maker->event_count = 0;
    maker->call_count = 0;
    maker->bits = 0;
    maker->low = INT64_MAX;
    maker->high = INT64_MIN;
    for (int c = 0; c < ORD_COLUMN_COUNT; c++) {
        maker->numbers[c].count = 0;
        ord_buf_clear(&maker->bytes[c]);
    }
    for (uint32_t i = 0; maker->kind_count > 0 && i < maker->kind_room; i++)
        maker->kinds[i].code = 0;
    maker->kind_count = 0;
}

static int pack_column(struct ord_maker *maker, int c, bool is_small,
                       struct ord_buf *out, struct ord_column *column,
                       struct ord_err *err)
{
    if (is_bytes(c))
        return ord_pack_bytes(&maker->packer, ord_buf_bytes(&maker->bytes[c]),
                              is_small, out, column, err);
    return ord_pack_numbers(&maker->packer, &maker->numbers[c], is_small, out,
                            column, err);
}

/* Room for the heads, which are known when all columns stand behind them. */
static int begin_block(struct ord_buf *out, uint32_t columns,
                       struct ord_err *err)
{
    size_t head = ORD_BLOCK_HEAD_SIZE + (size_t)columns * ORD_COLUMN_HEAD_SIZE;

    if (ord_buf_reserve(out, head) == NULL)
        return ord_fail(err, ORD_ENOMEM, "a block");
    ord_buf_commit(out, head);
    return ORD_OK;
}

int ord_maker_finish(struct ord_maker *maker, bool is_small,
                     struct ord_buf *out, struct ord_err *err)
{
    size_t first = out->size;
    struct ord_block block = {
        .first_event = maker->first_event,
        .first_call = maker->first_call,
        .event_count = maker->event_count,
        .call_count = maker->call_count,
        .bits = maker->bits & ORD_KIND_BITS,
        .number_count = maker->numbers[ORD_COLUMN_NUMBER].count,
        .low = maker->low,
        .high = maker->high,
    };
    uint32_t columns = 0;
    size_t at = first + ORD_BLOCK_HEAD_SIZE;

    ORD_ASSERT(maker->event_count > 0);
    for (int c = 0; c < ORD_COLUMN_COUNT; c++) {
        if (maker->bytes[c].failed)
            return ord_fail(err, ORD_ENOMEM, "a block of %u events",
                            maker->event_count);
        columns += maker->numbers[c].count > 0 || maker->bytes[c].size > 0;
    }
    if (begin_block(out, columns, err) != ORD_OK)
        return err->rc;
    for (int c = 0; c < ORD_COLUMN_COUNT; c++) {
        struct ord_column column;
        size_t from = out->size;

        if (maker->numbers[c].count == 0 && maker->bytes[c].size == 0)
            continue;
        if (pack_column(maker, c, is_small, out, &column, err) != ORD_OK)
            return err->rc;
        write_column_head((unsigned char *)out->at + at, c, &column,
                          out->at + from);
        at += ORD_COLUMN_HEAD_SIZE;
    }
    block.size = out->size - first;
    write_head((unsigned char *)out->at + first, &block, columns);
    begin_next(maker);
    return ORD_OK;
}

/* ---- once more ----------------------------------------------------------- */

void ord_repacker_fini(struct ord_repacker *repacker)
{
    ord_packer_fini(&repacker->packer);
    free(repacker->numbers.at);
    ord_buf_fini(&repacker->bytes);
}

static int repack_column(struct ord_repacker *repacker, int c,
                         const struct ord_column *from, struct ord_buf *out,
                         struct ord_column *column, struct ord_err *err)
{
    struct ord_bytes bytes;

    if (!is_bytes(c)) {
        if (ord_unpack_numbers(&repacker->packer, from, &repacker->numbers,
                               err) != ORD_OK)
            return err->rc;
        return ord_pack_numbers(&repacker->packer, &repacker->numbers, true,
                                out, column, err);
    }
    if (ord_unpack_bytes(&repacker->packer, from, &bytes, err) != ORD_OK)
        return err->rc;
    if (repacker->bytes.size_max == 0)
        ord_buf_init(&repacker->bytes, ORD_COLUMN_RAW_MAX);
    ord_buf_clear(&repacker->bytes);
    ord_buf_add(&repacker->bytes, bytes);
    if (repacker->bytes.failed)
        return ord_fail(err, ORD_ENOMEM, "a column of %zu bytes", bytes.size);
    return ord_pack_bytes(&repacker->packer, ord_buf_bytes(&repacker->bytes),
                          true, out, column, err);
}

int ord_block_repack(struct ord_repacker *repacker,
                     const struct ord_block *block, struct ord_buf *out,
                     struct ord_err *err)
{
    struct ord_block made = *block;
    size_t first = out->size;
    size_t at = first + ORD_BLOCK_HEAD_SIZE;
    uint32_t columns = 0;

    for (int c = 0; c < ORD_COLUMN_COUNT; c++)
        columns += block->columns[c].at != NULL;
    if (begin_block(out, columns, err) != ORD_OK)
        return err->rc;
    for (int c = 0; c < ORD_COLUMN_COUNT; c++) {
        struct ord_column column;
        size_t from = out->size;

        if (block->columns[c].at == NULL)
            continue;
        if (repack_column(repacker, c, &block->columns[c], out, &column, err) !=
            ORD_OK)
            return err->rc;
        write_column_head((unsigned char *)out->at + at, c, &column,
                          out->at + from);
        at += ORD_COLUMN_HEAD_SIZE;
    }
    made.size = out->size - first;
    write_head((unsigned char *)out->at + first, &made, columns);
    return ORD_OK;
}
