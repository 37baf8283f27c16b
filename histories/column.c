#include "histories/column.h"

#include <stdlib.h>
#include <zlib.h>

enum {
    NUMBERS_MIN = 64,
    LEVEL = 1,
    NOISE_MIN = 16,  /* a mean below it has no low bits worth a plane */
    NOISE_TRIES = 2, /* a few large ones make the mean too large */
    NOISE_STEP = 3,
    DEFLATE_MIN = 48,
};

bool ord_numbers_grow(struct ord_numbers *numbers, uint32_t count)
{
    uint64_t room = numbers->room < NUMBERS_MIN ? NUMBERS_MIN : numbers->room;
    int64_t *at;

    while (room < count)
        room *= 2;
    if (room == numbers->room)
        return true;
    if (room > UINT32_MAX)
        return false;
    at = realloc(numbers->at, (size_t)room * sizeof *at);
    if (at == NULL)
        return false;
    numbers->at = at;
    numbers->room = (uint32_t)room;
    return true;
}

void ord_packer_fini(struct ord_packer *packer)
{
    if (packer->deflater != NULL)
        (void)deflateEnd(packer->deflater);
    if (packer->inflater != NULL)
        (void)inflateEnd(packer->inflater);
    free(packer->deflater);
    free(packer->inflater);
    free(packer->work);
    free(packer->other);
    *packer = (struct ord_packer){0};
}

static bool have_room(unsigned char **at, size_t *room, size_t size)
{
    unsigned char *bigger;

    if (size <= *room)
        return true;
    bigger = realloc(*at, size);
    if (bigger == NULL)
        return false;
    *at = bigger;
    *room = size;
    return true;
}

/* ---- packing ------------------------------------------------------------- */

static z_stream *deflater_of(struct ord_packer *packer)
{
    z_stream *stream = packer->deflater;

    if (stream != NULL)
        return deflateReset(stream) == Z_OK ? stream : NULL;
    stream = calloc(1, sizeof *stream);
    if (stream == NULL || deflateInit(stream, LEVEL) != Z_OK) {
        free(stream);
        return NULL;
    }
    packer->deflater = stream;
    return stream;
}

/* Deflates work[0, size) behind what out has; keeps it as it is where that
 * would not be shorter. */
static int add_deflated(struct ord_packer *packer, const unsigned char *bytes,
                        uint32_t size, int strategy, struct ord_buf *out,
                        struct ord_column *column, struct ord_err *err)
{
    z_stream *stream = deflater_of(packer);
    unsigned char *at;

    if (stream == NULL || deflateParams(stream, LEVEL, strategy) != Z_OK)
        return ord_fail(err, ORD_ENOMEM, "zlib");
    at = (unsigned char *)ord_buf_reserve(out, size);
    if (at == NULL)
        return ord_fail(err, ORD_ENOMEM, "a column of %u bytes", size);
    stream->next_in = (unsigned char *)(uintptr_t)bytes;
    stream->avail_in = size;
    stream->next_out = at;
    stream->avail_out = size;
    if (size >= DEFLATE_MIN && deflate(stream, Z_FINISH) == Z_STREAM_END) {
        column->mode |= ORD_COLUMN_DEFLATED;
        column->stored_size = size - stream->avail_out;
    } else {
        memcpy(at, bytes, size);
        column->mode &= (uint8_t)~ORD_COLUMN_DEFLATED;
        column->stored_size = size;
    }
    ord_buf_commit(out, column->stored_size);
    return ORD_OK;
}

/* What is known of a column's numbers in one look. */
struct shape {
    uint64_t plain_bytes; /* as varints, roughly */
    uint64_t delta_bytes;
    bool is_signed;  /* there is a negative one */
    bool is_falling; /* there is a negative difference */
    double plain_sum;
    double delta_sum;
};

static inline uint64_t varint_size(uint64_t folded)
{
    return (unsigned)(70 - __builtin_clzll(folded | 1)) / 7;
}

static struct shape look(const struct ord_numbers *in)
{
    struct shape shape = {0};
    int64_t last = 0;
    int64_t all = 0;

    for (uint32_t i = 0; i < in->count; i++)
        all |= in->at[i];
    shape.is_signed = all < 0;
    for (uint32_t i = 0; i < in->count; i++) {
        uint64_t plain =
            shape.is_signed ? ord_zigzag(in->at[i]) : (uint64_t)in->at[i];
        uint64_t delta = ord_zigzag(ord_distance(last, in->at[i]));

        shape.is_falling |= ord_distance(last, in->at[i]) < 0;
        shape.plain_bytes += varint_size(plain);
        shape.delta_bytes += varint_size(delta);
        shape.plain_sum += (double)plain;
        shape.delta_sum += (double)delta;
        last = in->at[i];
    }
    return shape;
}

/* The bits below which a column of this mean is noise. */
static uint8_t noise_bits(double mean)
{
    uint8_t bits = 0;

    if (mean < NOISE_MIN)
        return 0;
    while (bits < ORD_COLUMN_LOW_MAX && mean >= 2) {
        mean /= 2;
        bits++;
    }
    return (uint8_t)(bits - 1);
}

static uint64_t folded(const struct ord_column *column, int64_t *last,
                       int64_t number)
{
    int64_t value = number;

    if ((column->mode & ORD_COLUMN_DELTA) != 0) {
        value = ord_distance(*last, number);
        *last = number;
    }
    return (column->mode & ORD_COLUMN_SIGNED) != 0 ? ord_zigzag(value)
                                                   : (uint64_t)value;
}

/* Bytes of a plane: the lowest bits of all numbers, one after another. */
static size_t plane_size(uint32_t count, uint8_t bits)
{
    return ((size_t)count * bits + 7) / 8;
}

/* Writes plane and varints; returns the bytes of the latter. */
static size_t write_numbers(const struct ord_numbers *in,
                            const struct ord_column *column,
                            unsigned char *plane, unsigned char *rest)
{
    unsigned char *at = rest;
    int64_t last = 0;
    uint64_t kept = 0;
    unsigned have = 0;

    for (uint32_t i = 0; i < in->count; i++) {
        uint64_t value = folded(column, &last, in->at[i]);

        if (column->low_bits > 0) {
            kept |= (value & ((UINT64_C(1) << column->low_bits) - 1)) << have;
            have += column->low_bits;
            while (have >= 8) {
                *plane++ = (unsigned char)kept;
                kept >>= 8;
                have -= 8;
            }
        }
        at = ord_put_varint(at, value >> column->low_bits);
    }
    if (have > 0)
        *plane = (unsigned char)kept;
    return (size_t)(at - rest);
}

static int no_memory(uint32_t count, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM, "a column of %u numbers", count);
}

/* One way of packing; column says which. */
static int try_pack(struct ord_packer *packer, const struct ord_numbers *in,
                    bool is_small, struct ord_buf *out,
                    struct ord_column *column, struct ord_err *err)
{
    size_t low_size = plane_size(in->count, column->low_bits);
    unsigned char *plane;
    size_t size;

    /* `kept` holds up to 7 + 48 bits, so a plane is written in one go. */
    if (!have_room(&packer->work, &packer->work_room,
                   (size_t)in->count * ORD_VARINT_MAX))
        return no_memory(in->count, err);
    plane = (unsigned char *)ord_buf_reserve(out, low_size + 1);
    if (plane == NULL)
        return no_memory(in->count, err);
    size = write_numbers(in, column, plane, packer->work);
    if (size > ORD_COLUMN_RAW_MAX || low_size > ORD_COLUMN_RAW_MAX)
        return ord_fail(err, ORD_ELIMIT, "a column of %zu bytes", size);
    ord_buf_commit(out, low_size);
    column->count = in->count;
    column->low_size = (uint32_t)low_size;
    column->raw_size = (uint32_t)size;
    column->stored_size = (uint32_t)size;
    if (is_small)
        return add_deflated(packer, packer->work, (uint32_t)size,
                            column->low_bits > 0 ? Z_HUFFMAN_ONLY
                                                 : Z_DEFAULT_STRATEGY,
                            out, column, err);
    ord_buf_add(out, (struct ord_bytes){(const char *)packer->work, size});
    return out->failed ? no_memory(in->count, err) : ORD_OK;
}

/* With a plane of so many bits, in place of what stands from `first` on, if
 * that is shorter. */
static int try_noise(struct ord_packer *packer, const struct ord_numbers *in,
                     uint8_t bits, size_t first, struct ord_buf *out,
                     struct ord_column *column, struct ord_err *err)
{
    struct ord_column other = {.mode = column->mode, .low_bits = bits};
    size_t size = out->size;

    other.mode &= (uint8_t)~ORD_COLUMN_DEFLATED;
    if (try_pack(packer, in, true, out, &other, err) != ORD_OK)
        return err->rc;
    if (out->size - size < size - first) {
        memmove(out->at + first, out->at + size, out->size - size);
        out->size = first + (out->size - size);
        *column = other;
    } else {
        out->size = size;
    }
    return ORD_OK;
}

int ord_pack_numbers(struct ord_packer *packer, const struct ord_numbers *in,
                     bool is_small, struct ord_buf *out,
                     struct ord_column *column, struct ord_err *err)
{
    struct shape shape = look(in);
    bool is_delta = shape.delta_bytes < shape.plain_bytes;
    double sum = is_delta ? shape.delta_sum : shape.plain_sum;
    size_t first = out->size;
    uint8_t bits;

    *column = (struct ord_column){0};
    if (is_delta)
        column->mode = ORD_COLUMN_DELTA;
    if (is_delta ? shape.is_falling : shape.is_signed)
        column->mode |= ORD_COLUMN_SIGNED;
    if (try_pack(packer, in, is_small, out, column, err) != ORD_OK)
        return err->rc;
    bits = is_small ? noise_bits(sum / (in->count + 1.0)) : 0;
    for (int i = 0; i < NOISE_TRIES && bits > 0; i++) {
        if (try_noise(packer, in, bits, first, out, column, err) != ORD_OK)
            return err->rc;
        bits = bits > NOISE_STEP ? (uint8_t)(bits - NOISE_STEP) : 0;
    }
    return ORD_OK;
}

int ord_pack_bytes(struct ord_packer *packer, struct ord_bytes in,
                   bool is_small, struct ord_buf *out,
                   struct ord_column *column, struct ord_err *err)
{
    *column = (struct ord_column){0};
    if (in.size > ORD_COLUMN_RAW_MAX)
        return ord_fail(err, ORD_ELIMIT, "a column of %zu bytes", in.size);
    column->raw_size = (uint32_t)in.size;
    column->stored_size = (uint32_t)in.size;
    if (is_small)
        return add_deflated(packer, (const unsigned char *)in.at,
                            (uint32_t)in.size, Z_DEFAULT_STRATEGY, out, column,
                            err);
    ord_buf_add(out, in);
    return out->failed
               ? ord_fail(err, ORD_ENOMEM, "a column of %zu bytes", in.size)
               : ORD_OK;
}

/* ---- unpacking ----------------------------------------------------------- */

static z_stream *inflater_of(struct ord_packer *packer)
{
    z_stream *stream = packer->inflater;

    if (stream != NULL)
        return inflateReset(stream) == Z_OK ? stream : NULL;
    stream = calloc(1, sizeof *stream);
    if (stream == NULL || inflateInit(stream) != Z_OK) {
        free(stream);
        return NULL;
    }
    packer->inflater = stream;
    return stream;
}

static int damaged(struct ord_err *err)
{
    return ord_fail(err, ORD_EFORMAT, "a column makes no sense");
}

int ord_unpack_bytes(struct ord_packer *packer, const struct ord_column *column,
                     struct ord_bytes *out, struct ord_err *err)
{
    const unsigned char *stored = column->at + column->low_size;
    z_stream *stream;

    out->at = (const char *)stored;
    out->size = column->raw_size;
    if ((column->mode & ORD_COLUMN_DEFLATED) == 0)
        return column->raw_size == column->stored_size ? ORD_OK : damaged(err);
    stream = inflater_of(packer);
    if (stream == NULL || !have_room(&packer->work, &packer->work_room,
                                     (size_t)column->raw_size + 1))
        return ord_fail(err, ORD_ENOMEM, "a column of %u bytes",
                        column->raw_size);
    stream->next_in = (unsigned char *)(uintptr_t)stored;
    stream->avail_in = column->stored_size;
    stream->next_out = packer->work;
    stream->avail_out = column->raw_size + 1; /* the end is seen even then */
    if (inflate(stream, Z_FINISH) != Z_STREAM_END || stream->avail_out != 1 ||
        stream->avail_in != 0)
        return damaged(err);
    out->at = (const char *)packer->work;
    return ORD_OK;
}

/* Bits [bit, bit + bits) of the plane. */
static uint64_t low_part(const struct ord_column *column, uint32_t index)
{
    uint64_t bit = (uint64_t)index * column->low_bits;
    size_t from = (size_t)(bit / 8);
    uint64_t word = 0;

    if (from + 8 <= column->low_size) {
        word = ord_get64(column->at + from);
    } else {
        for (size_t i = from; i < column->low_size; i++)
            word |= (uint64_t)column->at[i] << 8 * (i - from);
    }
    return word >> bit % 8 & ((UINT64_C(1) << column->low_bits) - 1);
}

/* Varints as they stand, the plane aside; false: more or fewer than count. */
static bool read_varints(struct ord_bytes raw, uint32_t count, uint64_t *out)
{
    const unsigned char *at = (const unsigned char *)raw.at;
    struct ord_cursor in = {.at = at, .end = at + raw.size};
    uint32_t i = 0;

    while (i < count) {
        /* Most are one byte: eight at a time, while they are. */
        while (i + 8 <= count && in.end - in.at >= 8 &&
               (ord_get64(in.at) & UINT64_C(0x8080808080808080)) == 0) {
            for (int j = 0; j < 8; j++)
                out[i + (uint32_t)j] = in.at[j];
            i += 8;
            in.at += 8;
        }
        if (i == count)
            break;
        if (in.at != in.end && *in.at < 0x80)
            out[i++] = *in.at++;
        else if (in.end - in.at >= 2 && in.at[1] < 0x80 && (in.at += 2))
            out[i++] = (in.at[-2] & 0x7fU) | (uint64_t)in.at[-1] << 7;
        else
            out[i++] = ord_get_varint(&in);
        if (in.is_bad)
            return false;
    }
    return in.at == in.end;
}

int ord_unpack_numbers(struct ord_packer *packer,
                       const struct ord_column *column, struct ord_numbers *out,
                       struct ord_err *err)
{
    struct ord_bytes raw;
    uint64_t *words;
    int64_t last = 0;

    if (ord_unpack_bytes(packer, column, &raw, err) != ORD_OK)
        return err->rc;
    /* A number takes a byte at least: a lie about the count ends here. */
    if (column->count > raw.size || column->low_bits > ORD_COLUMN_LOW_MAX ||
        column->low_size != plane_size(column->count, column->low_bits))
        return damaged(err);
    if (!ord_numbers_grow(out, column->count))
        return no_memory(column->count, err);
    out->count = column->count;
    words = (uint64_t *)out->at;
    if (!read_varints(raw, column->count, words))
        return damaged(err);
    if (column->low_bits > 0) {
        for (uint32_t i = 0; i < column->count; i++)
            words[i] = words[i] << column->low_bits | low_part(column, i);
    }
    if ((column->mode & ORD_COLUMN_SIGNED) != 0) {
        for (uint32_t i = 0; i < column->count; i++)
            out->at[i] = ord_unzigzag(words[i]);
    }
    if ((column->mode & ORD_COLUMN_DELTA) != 0) {
        for (uint32_t i = 0; i < column->count; i++) {
            last = ord_moved(last, out->at[i]);
            out->at[i] = last;
        }
    }
    return ORD_OK;
}
