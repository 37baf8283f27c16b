/* block_read.c -- a block's bytes back into columns.
 *
 * Checksums tell what was written from what was not.  They do not tell sense
 * from nonsense, so every count and distance is looked at all the same.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>

#include "histories/block.h"

static bool read_head(struct ord_bytes bytes, struct ord_block *block,
                      uint32_t *columns)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    size_t head;

    if (bytes.size < ORD_BLOCK_HEAD_SIZE || ord_get32(at) != ORD_BLOCK_MAGIC)
        return false;
    *columns = ord_get32(at + 40);
    head = ORD_BLOCK_HEAD_SIZE + (size_t)*columns * ORD_COLUMN_HEAD_SIZE;
    if (*columns > ORD_COLUMN_COUNT || head > bytes.size ||
        crc32_z(0, at + 8, head - 8) != ord_get32(at + 4))
        return false;
    *block = (struct ord_block){
        .at = at,
        .size = ord_get64(at + 8),
        .first_event = ord_get64(at + 16),
        .first_call = ord_get64(at + 24),
        .event_count = ord_get32(at + 32),
        .call_count = ord_get32(at + 36),
        .bits = ord_get32(at + 44),
        .low = (int64_t)ord_get64(at + 48),
        .high = (int64_t)ord_get64(at + 56),
        .number_count = ord_get32(at + 64),
    };
    return block->size >= head && block->size <= bytes.size &&
           block->event_count > 0 &&
           block->event_count <= ORD_BLOCK_EVENTS_MAX &&
           block->call_count <= block->event_count;
}

void ord_block_columns(const unsigned char *at,
                       struct ord_column columns[ORD_COLUMN_COUNT])
{
    uint32_t count = ord_get32(at + 40);
    const unsigned char *head = at + ORD_BLOCK_HEAD_SIZE;
    const unsigned char *data = head + (size_t)count * ORD_COLUMN_HEAD_SIZE;

    for (uint32_t i = 0; i < count; i++, head += ORD_COLUMN_HEAD_SIZE) {
        struct ord_column *column = &columns[head[0]];

        *column = (struct ord_column){
            .mode = head[1],
            .low_bits = head[2],
            .count = ord_get32(head + 4),
            .raw_size = ord_get32(head + 8),
            .stored_size = ord_get32(head + 12),
            .low_size = ord_get32(head + 16),
            .at = data,
        };
        data += (size_t)column->low_size + column->stored_size;
    }
}

/* Heads of columns: known, each once, and their bytes fill the block. */
static bool check_columns(const struct ord_block *block, uint32_t columns)
{
    const unsigned char *head = block->at + ORD_BLOCK_HEAD_SIZE;
    uint64_t at =
        ORD_BLOCK_HEAD_SIZE + (uint64_t)columns * ORD_COLUMN_HEAD_SIZE;
    int last = -1;

    for (uint32_t i = 0; i < columns; i++, head += ORD_COLUMN_HEAD_SIZE) {
        uint64_t size = (uint64_t)ord_get32(head + 12) + ord_get32(head + 16);

        if (head[0] >= ORD_COLUMN_COUNT || head[0] <= last ||
            (head[1] & ~ORD_COLUMN_MODES) != 0 || head[3] != 0 ||
            ord_get32(head + 8) > ORD_COLUMN_RAW_MAX || size > block->size - at)
            return false;
        if (crc32_z(0, block->at + at, (size_t)size) != ord_get32(head + 20))
            return false;
        last = head[0];
        at += size;
    }
    return at == block->size;
}

bool ord_block_open(struct ord_bytes bytes, struct ord_block *block)
{
    uint32_t columns;

    if (!read_head(bytes, block, &columns) || !check_columns(block, columns))
        return false;
    ord_block_columns(block->at, block->columns);
    return true;
}

bool ord_block_fits(const struct ord_block *block, size_t size_max)
{
    uint64_t size = 0;

    for (int c = 0; c < ORD_COLUMN_COUNT; c++) {
        const struct ord_column *column = &block->columns[c];

        if (column->at != NULL)
            size +=
                column->raw_size + (uint64_t)column->count * sizeof(int64_t);
    }
    return size <= size_max;
}

/* ---- columns into memory ------------------------------------------------- */

void ord_reader_fini(struct ord_reader *reader)
{
    ord_packer_fini(&reader->packer);
    free(reader->kinds);
    for (int c = 0; c < ORD_COLUMN_COUNT; c++) {
        free(reader->numbers[c].at);
        ord_buf_fini(&reader->bytes[c]);
    }
    *reader = (struct ord_reader){0};
}

static int damaged(const struct ord_block *block, const char *what,
                   struct ord_err *err)
{
    return ord_fail(
        err, ORD_EFORMAT,
        "the block of operations %" PRIu64 " to %" PRIu64 " makes no sense: %s",
        block->first_event, block->first_event + block->event_count - 1, what);
}

/* The second bound of a kind: no completion is the nemesis's, no invocation
 * has what another has. */
static bool is_kind(uint32_t bits)
{
    bool has_same = ord_kind_value(bits) == ORD_KV_SAME;

    for (int shift = ORD_KIND_KEY_SHIFT; shift <= ORD_KIND_DEVICE_SHIFT;
         shift += 2) {
        enum ord_kind_field field = ord_kind_field(bits, shift);

        has_same |= field == ORD_KF_SAME;
        if (field == ORD_KF_VALUE && shift != ORD_KIND_KEY_SHIFT)
            return false;
    }
    if ((bits & ORD_KIND_NEMESIS) != 0)
        return !has_same && (bits & ORD_KIND_TYPE) == ORD_OP_INFO;
    return !has_same || (bits & ORD_KIND_TYPE) != ORD_OP_INVOKE;
}

static bool have_kinds(struct ord_reader *reader, uint32_t count)
{
    uint32_t room = reader->kind_room < 16 ? 16 : reader->kind_room;
    struct ord_kind *kinds;

    while (room < count)
        room *= 2;
    if (room == reader->kind_room)
        return true;
    kinds = realloc(reader->kinds, room * sizeof *kinds);
    if (kinds == NULL)
        return false;
    reader->kinds = kinds;
    reader->kind_room = room;
    return true;
}

static bool has_same(uint32_t bits)
{
    if (ord_kind_value(bits) == ORD_KV_SAME)
        return true;
    for (int shift = ORD_KIND_KEY_SHIFT; shift <= ORD_KIND_DEVICE_SHIFT;
         shift += 2) {
        if (ord_kind_field(bits, shift) == ORD_KF_SAME)
            return true;
    }
    return false;
}

static int read_kind(struct ord_reader *reader, struct ord_cursor *in,
                     struct ord_arena *names, struct ord_err *err)
{
    uint64_t bits = ord_get_varint(in);
    uint64_t size = ord_get_varint(in);
    struct ord_bytes name = {.at = (const char *)in->at, .size = (size_t)size};
    struct ord_kind *kind;

    if (in->is_bad || size > (size_t)(in->end - in->at) ||
        (bits & ~(uint64_t)ORD_KIND_BITS) != 0 || !is_kind((uint32_t)bits))
        return damaged(reader->block, "a kind", err);
    in->at += size;
    if (reader->kind_count == reader->block->event_count)
        return damaged(reader->block, "more kinds than events", err);
    if (!have_kinds(reader, reader->kind_count + 1))
        return ord_fail(err, ORD_ENOMEM, "the kinds of a block");
    kind = &reader->kinds[reader->kind_count++];
    kind->bits = (uint32_t)bits;
    if (has_same(kind->bits))
        kind->bits |= ORD_KIND_HAS_SAME;
    kind->f = (uint8_t)ord_f_of(name);
    kind->name = kind->f != ORD_F_OTHER ? ord_f_name((enum ord_f)kind->f)
                                        : ord_arena_copy(names, name);
    if (kind->name == NULL)
        return ord_fail(err, ORD_ENOMEM, "the names of a block");
    return ORD_OK;
}

static int read_kinds(struct ord_reader *reader, struct ord_arena *names,
                      struct ord_err *err)
{
    const struct ord_block *block = reader->block;
    struct ord_bytes bytes;
    struct ord_cursor in;

    reader->kind_count = 0;
    if (block->columns[ORD_COLUMN_KINDS].at == NULL)
        return damaged(block, "no kinds", err);
    if (ord_unpack_bytes(&reader->packer, &block->columns[ORD_COLUMN_KINDS],
                         &bytes, err) != ORD_OK)
        return err->rc;
    in = (struct ord_cursor){.at = (const unsigned char *)bytes.at};
    in.end = in.at + bytes.size;
    while (in.at != in.end) {
        if (read_kind(reader, &in, names, err) != ORD_OK)
            return err->rc;
    }
    return ORD_OK;
}

static int load_kinds(struct ord_reader *reader, struct ord_arena *names,
                      struct ord_err *err)
{
    const struct ord_block *block = reader->block;
    const struct ord_numbers *codes = &reader->numbers[ORD_COLUMN_KIND];

    if (codes->count != block->event_count)
        return damaged(block, "no kinds", err);
    if (read_kinds(reader, names, err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < codes->count; i++) {
        if ((uint64_t)codes->at[i] >= reader->kind_count)
            return damaged(block, "a kind", err);
    }
    return ORD_OK;
}

static bool is_bytes(int column)
{
    return column == ORD_COLUMN_VALUE || column == ORD_COLUMN_KEY_VALUE ||
           column == ORD_COLUMN_ERROR;
}

static int load_column(struct ord_reader *reader, int c, size_t size_max,
                       struct ord_err *err)
{
    const struct ord_column *column = &reader->block->columns[c];
    struct ord_bytes bytes;

    reader->at[c] = 0;
    reader->numbers[c].count = 0;
    reader->in[c] = (struct ord_cursor){0};
    if (column->at == NULL)
        return ORD_OK;
    if (column->raw_size + (uint64_t)column->count * sizeof(int64_t) > size_max)
        return ord_fail(err, ORD_ENOMEM, "a column needs more than %zu bytes",
                        size_max);
    if (!is_bytes(c))
        return ord_unpack_numbers(&reader->packer, column, &reader->numbers[c],
                                  err);
    if (ord_unpack_bytes(&reader->packer, column, &bytes, err) != ORD_OK)
        return err->rc;
    if (reader->bytes[c].size_max == 0)
        ord_buf_init(&reader->bytes[c], ORD_COLUMN_RAW_MAX);
    ord_buf_clear(&reader->bytes[c]);
    ord_buf_add(&reader->bytes[c], bytes);
    if (reader->bytes[c].failed)
        return ord_fail(err, ORD_ENOMEM, "a column of %zu bytes", bytes.size);
    reader->in[c].at = (const unsigned char *)reader->bytes[c].at;
    reader->in[c].end = reader->in[c].at + bytes.size;
    return ORD_OK;
}

int ord_reader_load(struct ord_reader *reader, const struct ord_block *block,
                    uint32_t want, size_t size_max, struct ord_arena *names,
                    struct ord_err *err)
{
    int rc = ORD_OK;

    reader->block = block;
    want |= 1U << ORD_COLUMN_KIND;
    for (int c = ORD_COLUMN_KIND; c < ORD_COLUMN_COUNT && rc == ORD_OK; c++) {
        if ((want >> c & 1) != 0)
            rc = load_column(reader, c, size_max, err);
    }
    if (rc == ORD_OK)
        rc = load_kinds(reader, names, err);
    if (rc == ORD_OK &&
        reader->numbers[ORD_COLUMN_TIME].count != block->event_count &&
        (want >> ORD_COLUMN_TIME & 1) != 0)
        rc = damaged(block, "times are missing", err);
    return rc;
}

bool ord_reader_is_done(const struct ord_reader *reader, uint32_t want)
{
    for (int c = ORD_COLUMN_BACK; c < ORD_COLUMN_COUNT; c++) {
        if ((want >> c & 1) != 0 && c != ORD_COLUMN_TIME &&
            (reader->at[c] != reader->numbers[c].count ||
             reader->in[c].at != reader->in[c].end))
            return false;
    }
    return true;
}

/* ---- what occurs --------------------------------------------------------- */

int ord_reader_kinds(struct ord_reader *reader, const struct ord_block *block,
                     struct ord_arena *names, struct ord_err *err)
{
    reader->block = block;
    return read_kinds(reader, names, err);
}
